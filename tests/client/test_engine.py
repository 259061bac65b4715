# SPDX-License-Identifier: Apache-2.0
"""What speaks to an engine says nothing to what does not prove to be it, and is imported by nothing else."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from jitd_fleet import engine as module
from jitd_fleet import nkey
from jitd_fleet.engine import MOST_MESSAGE, PENDING, Engine, NoEngine
from tests.client.test_tcp import PATIENCE
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


class Server:
    """A server of NATS. Each connection plays the next of ``plays``, and those after the last one play the last one."""

    def __init__(self, at: Path, *plays: Play) -> None:
        self.ca = at / "hub.pem"
        line = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", "-subj", "/CN=hub"]
        line += ["-addext", "keyUsage=critical,digitalSignature,keyCertSign"]  # which Python 3.13 demands
        line += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(at / "hub.key"), "-out", str(self.ca)]
        subprocess.run(line, check=True, capture_output=True)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.ca, at / "hub.key")
        self.plays = list(plays)
        self.n_connections = 0
        self.lines: list[bytes] = []
        self.faults: list[BaseException] = []

    async def __aenter__(self) -> Server:
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        play = self.plays[min(self.n_connections, len(self.plays) - 1)]
        self.n_connections += 1
        try:
            await play(self, reader, writer)
        except (OSError, EOFError) as fault:
            self.faults.append(fault)
        writer.transport.abort()

    def engine(self, closed: Callable[[], None] = lambda: None) -> Engine:
        return Engine((f"tls://127.0.0.1:{self.port}",), nkey.Key(nkey.make()), str(self.ca), closed)


Play = Callable[[Server, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def greets(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(INFO % b',"tls_required":true,"auth_required":true,"nonce":"abc"')
    await writer.start_tls(server.tls)


async def heard_until(reader: asyncio.StreamReader, last: bytes) -> None:
    """Raises EOFError if the connection ends before."""
    while await line_of(reader) != last:
        pass


async def line_of(reader: asyncio.StreamReader) -> bytes:
    """Raises EOFError: a server that goes on reading at the end of a connection never lets anybody else have a turn."""
    if not (line := await reader.readline()):
        raise EOFError
    return line


async def honest(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await greets(server, reader, writer)
    while line := await reader.readline():
        server.lines.append(line)
        if line == b"PING\r\n":
            writer.write(b"PONG\r\n")


async def ends(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Is honest until something is subscribed to, and is gone then."""
    await greets(server, reader, writer)
    line, is_last = b"", False
    while not is_last or line != b"PING\r\n":
        line = await line_of(reader)
        is_last = is_last or line.startswith(b"SUB")
        if line == b"PING\r\n":
            writer.write(b"PONG\r\n")
    await writer.drain()


def saying(said: bytes) -> Play:
    async def play(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await reader.read(1000)

    return play


def saying_by_tls(said: bytes) -> Play:
    """Answers CONNECT and PING with ``said``, and nothing else ever."""

    async def play(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greets(server, reader, writer)
        await heard_until(reader, b"PING\r\n")
        writer.write(said)
        while await reader.read(1000):
            pass

    return play


INFO_OF_TLS = INFO % b',"tls_required":true,"auth_required":true,"nonce":"abc"'
ODD: dict[str, Play] = {
    "says nothing": saying(b""),
    "says a list": saying(b"INFO []\r\n"),
    "says no JSON": saying(b"INFO {\r\n"),
    "a nonce of another type": saying(INFO % b',"tls_required":true,"auth_required":true,"nonce":3'),
    "a line without an end": saying(b"INFO " + b"x" * 300_000),
    "no TLS follows": saying(INFO_OF_TLS + b"PONG\r\n" * 20),
    "nothing follows": saying(INFO_OF_TLS),
    "nothing by TLS": saying_by_tls(b""),
    "an odd answer": saying_by_tls(b"+OK\r\n"),
    "no answer to what is subscribed to": saying_by_tls(b"PONG\r\n"),
    "an odd fault": saying_by_tls(b"PONG\r\n-ERR \r\n"),
    "another INFO": saying_by_tls(b"PONG\r\nINFO []\r\n"),
    "a subject that is none": saying_by_tls(b"PONG\r\nMSG \xff 1 1\r\nx\r\n"),
    "a closed door": saying_by_tls(b"PONG\r\n-ERR 'Authorization Violation'\r\n"),
    "words": saying_by_tls(b"-ERR '\x1b[2J yes'\r\n"),
}


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("odd", ODD)
def test_whatever_a_server_answers_an_agent_comes_back_and_leaves_nothing(
    odd: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-35."""
    monkeypatch.setattr(module, "STEP_WITHIN", 0.3)
    monkeypatch.setattr(module, "AGAIN_AFTER", 0.05)
    heard: list[bytes | None] = []
    told: list[str] = []

    async def play() -> None:
        async with Server(tmp_path, ends, *[ODD[odd]] * 4, honest) as server:
            before = descriptors()
            engine = server.engine()
            engine.tell = told.append
            await engine.subscribe("jit.x", lambda subject, reply, message: heard.append(message))
            await engine.connect(attempts=-1, name="")
            async with asyncio.timeout(PATIENCE):
                while not any(line.startswith(b"SUB jit.x") for line in server.lines):
                    await asyncio.sleep(0.02)
            await engine.close()
            async with asyncio.timeout(PATIENCE):  # the server closes its end when it has heard that
                while descriptors() > before:
                    await asyncio.sleep(0.02)

    asyncio.run(play())
    assert len(told) <= 3, told
    assert "\x1b" not in "".join([*told, *capfd.readouterr()])


def test_an_engine_that_is_closed_while_it_comes_back_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN_AFTER", 0.05)

    async def keeps_waiting(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greets(server, reader, writer)
        while line := await reader.readline():
            server.lines.append(line)
            if line == b"PING\r\n" and len(server.lines) == 2:  # after CONNECT
                writer.write(b"PONG\r\n")

    async def play() -> None:
        async with Server(tmp_path, ends, keeps_waiting) as server, asyncio.timeout(PATIENCE):
            before = descriptors()
            engine = server.engine()
            await engine.subscribe("jit.x", lambda subject, reply, message: None)
            await engine.connect(attempts=-1, name="")
            while not any(line.startswith(b"SUB jit.x") for line in server.lines):
                await asyncio.sleep(0.02)
            await engine.close()
            while descriptors() > before:
                await asyncio.sleep(0.02)

    asyncio.run(play())


ENDLESS = {
    "a line": (b"MSG ", b"x" * 32_768),
    "blanks": (b"+OK", b" " * 32_768),
    "a message": (b"MSG jit.x 1 999999999\r\n", b"x" * 32_768),
    "headers": (b"HMSG jit.x 1 999999990 999999999\r\n", b"x" * 32_768),
    "INFO": (b"INFO {", b'"a":1,' * 5_000),
    "questions": (b"", b"PING\r\n" * 5_000),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_what_has_no_end_ends_the_connection_and_fills_no_memory(what: str, tmp_path: Path) -> None:
    """THREATS F-35."""
    first, more = ENDLESS[what]
    n_said = 0

    async def pour(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal n_said
        await greets(server, reader, writer)
        await heard_until(reader, b"PING\r\n")
        writer.write(b"PONG\r\n" + first)
        while n_said < 64 * MOST_MESSAGE:
            writer.write(more)
            await writer.drain()
            await asyncio.sleep(
                0
            )  # drain() gives nobody a turn while nothing waits, so nobody could tell that the client has gone
            n_said += len(more)

    async def play() -> None:
        closed = asyncio.Event()
        async with Server(tmp_path, pour, saying(b"")) as server:
            engine = server.engine(closed.set)
            await engine.connect(attempts=1, name="")
            async with asyncio.timeout(PATIENCE):
                while server.n_connections < 2:
                    await asyncio.sleep(0.02)
            await engine.close()

    asyncio.run(play())
    assert n_said < 32 * MOST_MESSAGE, "what sockets keep, and not much more"


def test_a_server_that_takes_nothing_stops_nobody_and_fills_no_memory(tmp_path: Path) -> None:
    """THREATS F-35."""

    async def deaf(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greets(server, reader, writer)
        await heard_until(reader, b"PING\r\n")
        writer.write(b"PONG\r\n")
        await asyncio.sleep(PATIENCE)

    async def play() -> None:
        async with Server(tmp_path, deaf) as server:
            engine = server.engine()
            await engine.connect(attempts=1, name="")
            n = 0
            async with asyncio.timeout(PATIENCE):
                with pytest.raises(NoEngine):
                    while True:
                        await engine.publish("jit.x", bytes(32_768))
                        n += 1
                        await asyncio.sleep(0)
            assert n * 32_768 < 4 * PENDING
            await engine.close()

    asyncio.run(play())
