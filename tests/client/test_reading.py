# SPDX-License-Identifier: Apache-2.0
"""What is longer than the screen, on a terminal with the host's own less(1): what was read, and what the environment may say."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Iterator, Mapping
from fcntl import ioctl
from pathlib import Path

import pytest

from jitd.cli import reading
from tests.waiting import PATIENCE, sleeps, wait_for

ROWS, COLUMNS = 24, 80
LINES = [f"line {number} of the text" for number in range(1, 61)]
PROMPT = r"space shows more, q ends reading"


class Reader:
    """A person at a terminal, to whom a process shows lines. It prints UNREAD and whether something was left."""

    def __init__(self, lines: list[str], environment: Mapping[str, str]) -> None:
        self.seen = ""
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", ROWS, COLUMNS, 0, 0))
            os.environ |= {"TERM": "xterm", "LANG": "C.UTF-8", **environment}
            for name in ("COLUMNS", "LINES"):
                os.environ.pop(name, None)
            import sys

            sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
            sys.stderr = os.fdopen(2, "w", closefd=False)
            print("UNREAD", reading.put([(line, None) for line in lines], below=3), flush=True)
            os._exit(0)

    def wait_for(self, pattern: str) -> str:
        until = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.seen)):
            assert select.select([self._master], [], [], max(0.0, until - time.monotonic()))[0], self.seen
            try:
                self.seen += os.read(self._master, 4096).decode(errors="replace")
            except OSError:
                pytest.fail(f"it ended: {self.seen}")
        self.seen = self.seen[found.end() :]
        return found[0]

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    @property
    def pager(self) -> int:
        """The process that shows the lines."""
        return int(Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()[0])

    def left_anything(self) -> bool:
        return self.wait_for(r"UNREAD (True|False)") == "UNREAD True"

    def leave(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._master)


@pytest.fixture
def shown() -> Iterator[object]:
    readers: list[Reader] = []

    def show(lines: list[str] = LINES, **environment: str) -> Reader:
        readers.append(Reader(lines, environment))
        return readers[-1]

    yield show
    for reader in readers:
        reader.leave()


def test_what_fits_with_the_question_is_printed_and_read(shown) -> None:  # type: ignore[no-untyped-def]
    assert not shown(LINES[: ROWS - 3]).left_anything()


def test_what_is_left_before_its_last_line_is_unread(shown) -> None:  # type: ignore[no-untyped-def]
    """THREATS R-04: at whatever screen the person leaves."""
    for n_screens in (0, 1):
        reader = shown()
        reader.wait_for(PROMPT)
        for _ in range(n_screens):
            reader.type(" ")
            reader.wait_for(PROMPT)
        reader.type("q")
        assert reader.wait_for("not all of it was read") and reader.left_anything()


@pytest.mark.parametrize("keys", [" " * 3, "G", " \r\r" + " " * 3])
def test_what_was_read_to_its_last_line_is_read(keys: str, shown) -> None:  # type: ignore[no-untyped-def]
    reader = shown()
    reader.wait_for(PROMPT)
    reader.type(keys)
    reader.wait_for("line 60 of the text")
    reader.type("q")
    assert not reader.left_anything()


def test_one_line_more_than_fits_is_unread_until_it_was_shown(shown) -> None:  # type: ignore[no-untyped-def]
    lines = LINES[:ROWS]
    reader = shown(lines)
    reader.wait_for(PROMPT)
    reader.type("q")
    assert reader.left_anything()


def test_a_pager_that_is_killed_has_shown_nothing(shown) -> None:  # type: ignore[no-untyped-def]
    reader = shown()
    reader.wait_for(PROMPT)
    os.kill(reader.pager, signal.SIGKILL)
    assert reader.left_anything()


def test_ctrl_c_while_reading_ends_nothing_but_what_less_does(shown) -> None:  # type: ignore[no-untyped-def]
    reader = shown()
    reader.wait_for(PROMPT)
    wait_for(lambda: sleeps(reader.pager), what="a pager that reads")
    reader.type("\x03")
    reader.wait_for(PROMPT)
    os.kill(reader.pager, signal.SIGTERM)  # no key: a terminal forgets what is typed right after a Ctrl-C
    assert reader.left_anything()


def test_what_the_environment_says_of_pagers_is_not_heard(shown, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """An evil pager is not started, and no program by less(1) either."""
    evil = tmp_path / "less"
    mark = tmp_path / "was-here"
    evil.write_text(f"#!/bin/sh\ntouch {mark}\n")
    evil.chmod(0o755)
    around = {"PAGER": str(evil), "LESS": "-E", "LESSOPEN": f"|{evil} %s", "LESSCLOSE": str(evil), "PATH": str(tmp_path)}
    reader = shown(**around, LESSKEYIN=str(evil), EDITOR=str(evil), SHELL=str(evil), HOME=str(tmp_path))
    reader.wait_for(PROMPT)
    surroundings = Path(f"/proc/{reader.pager}/environ").read_bytes().split(b"\0")
    assert os.readlink(f"/proc/{reader.pager}/exe") == os.path.realpath("/usr/bin/less")
    assert {entry.partition(b"=")[0] for entry in surroundings if entry} <= {
        b"TERM", b"LANG", b"LC_ALL", b"LC_CTYPE", b"PATH", b"LESSSECURE", b"LESSHISTFILE",
    }  # fmt: skip
    for key in ("!", "|", "v"):  # a command, a pipe, an editor
        reader.type(key)
        reader.wait_for("Command not available")
        reader.type("\r")
        reader.wait_for(PROMPT)
    reader.type("q")
    reader.left_anything()
    assert not mark.exists()


def test_without_a_terminal_all_is_printed_and_nobody_waits(capsys: pytest.CaptureFixture[str]) -> None:
    assert not reading.put([(line, None) for line in LINES])
    assert capsys.readouterr().out.splitlines() == LINES


def test_a_host_without_less_prints_all_and_says_how_much(shown, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(reading, "PLACES", ("/nonexistent/less",))
    reader = shown()
    assert reader.wait_for("that is 60 lines: scroll up") and reader.left_anything()


def test_a_dumb_terminal_has_no_pager(shown) -> None:  # type: ignore[no-untyped-def]
    reader = shown(TERM="dumb")
    assert reader.wait_for("line 60 of the text") and reader.left_anything()


def test_lines_as_long_as_the_screen_and_of_wide_letters_reach_the_reader_whole(shown) -> None:  # type: ignore[no-untyped-def]
    reader = shown(["漢" * (COLUMNS // 2)] * 3 + ["x" * 9000] + LINES)
    reader.wait_for(PROMPT)
    reader.type("G")
    reader.wait_for("line 60 of the text")
    reader.type("q")
    assert not reader.left_anything()
