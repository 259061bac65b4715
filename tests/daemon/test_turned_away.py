# SPDX-License-Identifier: Apache-2.0
"""A start with broken settings: it tells the clients that wait, and it loads nothing for this that takes long."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from jitpam.wire import coding, messages
from jitpam.wire.framing import FrameReader
from tests.waiting import PATIENCE

START = """
import json, os, sys
from pathlib import Path
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=sys.argv[3])
from jitd.daemon import serve
status = serve(Path(sys.argv[2]))
print(json.dumps([status, sorted(name for name in sys.modules if name.startswith(("jitd.server", "jitd.lifecycle", "gssapi")))]))
"""


@pytest.mark.parametrize(("name", "is_place_told"), [("jitd.socket", True), ("door", False)])
@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the daemon")
def test_who_waits_for_a_daemon_with_broken_settings_is_told_before_the_server_is_loaded(
    name: str, is_place_told: bool, tmp_path: Path
) -> None:
    """THREATS O-21: a client waits 4.5 seconds. On a busy host, the modules of the server alone have taken more. Strangers, who
    are at the door, are not told what is in which file.
    """
    config = tmp_path / "jitd.toml"
    config.write_text("nonsense = 1\n")
    with closing(socket.socket(socket.AF_UNIX)) as listening, closing(socket.socket(socket.AF_UNIX)) as client:
        listening.bind(str(tmp_path / "jitd.sock"))
        listening.listen()
        client.connect(str(tmp_path / "jitd.sock"))
        words = [sys.executable, "-c", START, str(listening.fileno()), str(config), name]
        done = subprocess.run(words, pass_fds=[listening.fileno()], capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0 and f'{config}:1: unknown key "nonsense"' in done.stderr, done.stderr
        status, loaded = json.loads(done.stdout)
        assert (status, loaded) == (os.EX_CONFIG, [])
        client.settimeout(PATIENCE)
        frames = FrameReader()
        frames.feed(client.recv(65536))
        body = frames.next_frame()
        assert body is not None
        said = coding.decode(body, messages.FROM_DAEMON)
        assert isinstance(said, messages.Refused)
        place = f" at {config}:1" if is_place_told else ""
        assert said.text == f"jitd cannot start: its settings are broken{place}; root mends them, then: systemctl restart jitd"
        assert client.recv(1) == b"", "and nothing more comes"
