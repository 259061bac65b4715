# SPDX-License-Identifier: Apache-2.0
"""``jitd-door stdio``: what it copies, when it ends, and what it says if there is no door."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd_fleet import program
from jitpam.wire import coding, messages
from jitpam.wire.framing import FrameReader
from jitpam.wire.messages import MOST_SOURCE, Carried
from tests.waiting import PATIENCE

TREE = Path(__file__).parents[2]
PLACES = [str(TREE), str(TREE / "extensions")]
MANY = os.urandom(3 << 20)
"""More than all pipes and sockets on the way hold."""
MODULES = {
    "__future__", "_json", "_socket", "_struct", "binascii", "jitd_fleet", "jitd_fleet.own_door", "jitd_fleet.program", "jitpam",
    "jitpam.wire", "jitpam.wire.coding", "jitpam.wire.faults", "jitpam.wire.framing", "jitpam.wire.message",
    "jitpam.wire.messages", "jitpam.wire.notation", "select", "struct",
}  # fmt: skip
"""All that it loads: each approver waits for it at each connection."""


class End:
    """A door, and the program at it, with pipes as its standard input and output."""

    def __init__(self, at: Path) -> None:
        path = str(at / "door.sock")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        code = f"import sys; sys.path[:0] = {PLACES!r}; from jitd_fleet import program; program.SOCKET = {path!r}; program.main()"
        line = [sys.executable, "-IS", "-c", code, "stdio"]
        self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        listener.settimeout(PATIENCE)
        self.door, _ = listener.accept()
        self.door.settimeout(PATIENCE)
        listener.close()

    def carried(self) -> tuple[messages.Message, bytes]:
        """The first frame, and what comes with it."""
        frames = FrameReader()
        while (body := frames.next_frame()) is None:
            assert (byte := self.door.recv(1)), "the door's client has hung up"
            frames.feed(byte)
        return coding.decode(body, messages.FROM_CLIENT), body

    def close(self) -> None:
        self.door.close()
        self.process.kill()
        self.process.wait(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


@pytest.fixture
def end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("SSH_CONNECTION", "2001:db8::7 50022 2001:db8::1 22")
    made = End(tmp_path)
    yield made
    made.close()


def read(descriptor: int, n_bytes: int) -> bytes:
    found = bytearray()
    while len(found) < n_bytes and (piece := os.read(descriptor, 65536)):
        found += piece
    return bytes(found)


def test_the_first_frame_says_who_carries_and_from_where(end: End) -> None:
    assert end.carried()[0] == Carried(carrier="ssh", source="2001:db8::7")


def test_bytes_are_copied_both_ways_at_once_and_none_is_changed_or_lost(end: End) -> None:
    """Each side sends more than there is room for, before it reads anything: neither holds the other up for ever."""
    assert end.process.stdin is not None and end.process.stdout is not None
    end.carried()
    theirs = bytearray()

    def up() -> None:
        assert end.process.stdin is not None
        rest = memoryview(MANY)
        while rest:
            rest = rest[os.write(end.process.stdin.fileno(), rest) :]

    def take() -> None:
        while len(theirs) < len(MANY) and (some := end.door.recv(65536)):
            theirs.extend(some)

    def down() -> None:
        end.door.sendall(MANY[::-1])

    threads = [threading.Thread(target=one, daemon=True) for one in (up, take, down)]
    for one in threads:
        one.start()
    assert read(end.process.stdout.fileno(), len(MANY)) == MANY[::-1]
    for one in threads:
        one.join(PATIENCE)
    assert bytes(theirs) == MANY


def test_it_takes_no_more_than_the_other_side_reads(end: End) -> None:
    end.carried()
    end.door.setblocking(False)
    n_sent = 0
    poll = select.poll()
    poll.register(end.door, select.POLLOUT)
    while poll.poll(500):  # nobody reads the standard output
        n_sent += end.door.send(MANY[:65536])
    assert n_sent < 2 << 20


def test_the_last_words_of_the_door_are_passed_on_before_it_ends(end: End) -> None:
    assert end.process.stdout is not None
    end.carried()
    end.door.sendall(b"refused" * 20_000)
    end.door.close()
    assert read(end.process.stdout.fileno(), 1 << 20) == b"refused" * 20_000
    assert end.process.wait(PATIENCE) == 0


def test_the_last_words_of_the_client_are_passed_on_before_it_ends(end: End) -> None:
    assert end.process.stdin is not None and end.process.stdout is not None
    end.carried()
    end.process.send_signal(signal.SIGSTOP)  # it finds all of it at once
    os.write(end.process.stdin.fileno(), b"bye")
    end.process.stdin.close()
    end.process.stdout.close()
    end.process.send_signal(signal.SIGCONT)
    assert end.door.recv(100) == b"bye"
    assert end.door.recv(100) == b""
    assert end.process.wait(PATIENCE) == 0


def test_it_ends_if_nobody_reads_it_any_more(end: End) -> None:
    assert end.process.stdout is not None
    end.carried()
    end.process.stdout.close()
    assert end.door.recv(100) == b""
    assert end.process.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        (b"192.0.2.7 50022 192.0.2.1 22", "192.0.2.7"),
        (b"fe80::1%eth0 50022 fe80::2%eth0 22", "fe80::1%eth0"),
        (b"", "local"),
        (b" 1 2 3", "local"),
        (b"a\nb 1 2 3", "local"),
        (b"\xff\xfe 1 2 3", "local"),
        (b"x" * 500, "x" * MOST_SOURCE),
    ],
)
def test_the_source_is_a_word_that_jitd_takes(variable: bytes, told: str) -> None:
    assert program.source(variable) == told


@pytest.mark.parametrize("words", [[], ["udp"], ["stdio", "id"], ["tcp", "id"], ["-c", "id"]])
def test_any_other_command_line_is_refused(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As sshd would call it, if the account were a login shell's."""
    monkeypatch.setattr(sys, "argv", ["jitd-door", *words])
    monkeypatch.setattr(program, "_door", lambda path: pytest.fail("it went to the door"))
    assert program.main() == 2
    assert "usage: jitd-door stdio | tcp" in capfd.readouterr().err


def test_a_door_that_is_missing_or_closed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["jitd-door", "stdio"])
    monkeypatch.setattr(program, "SOCKET", str(tmp_path / "none.sock"))
    assert program.main() == 1
    assert "this host has no door (jitd-door(8) says how to open one)" in capfd.readouterr().err
    deaf = socket.socket(socket.AF_UNIX)
    deaf.bind(str(tmp_path / "deaf.sock"))
    deaf.close()
    monkeypatch.setattr(program, "SOCKET", str(tmp_path / "deaf.sock"))
    assert program.main() == 1
    assert "nobody listens at" in capfd.readouterr().err


def test_it_loads_these_modules_and_no_others() -> None:
    begin = f"import sys; sys.path[:0] = {PLACES!r}; there = {{*sys.modules}}"
    code = f"{begin}; import jitd_fleet.program; print(*{{*sys.modules}} - there)"
    loaded = subprocess.run([sys.executable, "-IS", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {*loaded} - {"posix"} <= MODULES
