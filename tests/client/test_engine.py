# SPDX-License-Identifier: Apache-2.0
"""What speaks to an engine says nothing to what does not prove to be it, and is imported by nothing else."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys

import pytest

from jitd_fleet import nkey
from jitd_fleet.engine import Engine, NoEngine
from tests.law.tree import TREE

INFO = b'INFO {"server_id":"x","version":"2.9.10","max_payload":1048576,"headers":true%s}\r\n'


@pytest.mark.parametrize(
    "more",
    [
        b"",
        b',"nonce":"abc"',
        b',"tls_required":false,"nonce":"abc"',
        b',"auth_required":true,"nonce":"abc"',
        b',"tls_required":true',
    ],
)
def test_a_server_without_tls_or_keys_is_told_nothing(more: bytes) -> None:
    """THREATS F-33."""
    heard = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        writer.write(INFO % more)
        heard += await reader.read(1000)
        writer.close()

    async def play() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        engine = Engine((f"tls://127.0.0.1:{port}",), nkey.Key(nkey.make()), "", lambda: None)
        with pytest.raises(NoEngine, match="does not demand TLS and keys: nothing was said to it"):
            await engine.connect(attempts=1, name="")
        await engine.close()
        server.close()

    asyncio.run(play())
    assert heard == b""


def test_an_engine_at_which_nobody_listens_is_told_in_the_words_of_the_kernel() -> None:
    async def play(port: int) -> None:
        engine = Engine((f"tls://127.0.0.1:{port}",), nkey.Key(nkey.make()), "", lambda: None)
        with pytest.raises(NoEngine, match=f"^the engine at 127.0.0.1:{port} cannot be reached: Connection refused$"):
            await engine.connect(attempts=1, name="")

    with socket.socket() as taken:  # and not listening
        taken.bind(("127.0.0.1", 0))
        asyncio.run(play(taken.getsockname()[1]))


def test_who_reads_the_files_of_hosts_imports_nothing_that_speaks_to_an_engine() -> None:
    line = (
        "import jitd_fleet.hosts, jitd_fleet.assembly, sys; print(*{'asyncio', 'ssl', 'nats', 'cryptography'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True, cwd=TREE)
    assert done.stdout == "\n"
