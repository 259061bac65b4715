# SPDX-License-Identifier: Apache-2.0
"""A desk: a daemon made of two files, and a ``jitd`` that speaks to it on a terminal of tmux or on a pseudo-terminal.

Law: what waits stands in a file, which a test may change while a question is open; what was sent stands in another.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jitd import cli
from jitd.cli import call, question
from jitpam.client import RefusedByDaemon
from jitpam.wire.messages import Message
from jitpam.wire.shown import cells
from tests.pseudo_terminals import execute_on, open_terminal
from tests.waiting import PATIENCE, sleeps, status_of, wait_for

Row = dict[str, Any]
TREE = Path(__file__).parents[2]
LOOKS_EVERY = 0.05
RESTS = 0.5
"""Seconds of rest after which nothing comes of a key any more: a key that must stand alone is held for less (QUIET_FOR)."""


KEYS = "q quit"
"""The end of the line that names the keys, below what a person reviews."""
WORD = "type yes (empty: back to the keys): "
WHY = "is told; empty: back to the keys)? "


class Desk:
    """The daemon. ``rows`` are the open requests, oldest first, as the person at the desk sees them, and those for which a review
    is owed.
    """

    def __init__(self, directory: Path) -> None:
        self._rows = directory / "rows.json"
        self._sent = directory / "sent.json"
        self._said = directory / "said.json"
        self.busy = directory / "busy"
        """While this file is there, nobody is told what waits."""

    @property
    def rows(self) -> list[Row]:
        return json.loads(self._rows.read_text())  # type: ignore[no-any-return]

    @rows.setter
    def rows(self, rows: list[Row]) -> None:
        new = self._rows.with_suffix(".new")
        new.write_text(json.dumps(rows))
        new.replace(self._rows)

    @property
    def sent(self) -> list[tuple[str, str, str, str]]:
        """Verdict, id, fingerprint and comment of each review that came, in their order."""
        return [tuple(one) for one in json.loads(self._sent.read_text())] if self._sent.exists() else []

    def refuses(self, code: str, text: str) -> None:
        """Refuse each review from now on."""
        self._said.write_text(json.dumps([code, text]))

    # --- what the verbs know of a connection

    def connect(self, program: str = "jitd", *, with_ticket: bool = False) -> Desk:
        return self

    def asks_beside(self, followed: object) -> None:
        pass

    def close(self) -> None:
        pass

    def ask(self, message: Message) -> Iterator[Row]:
        if message.type in ("list", "page"):
            wait_for(lambda: not self.busy.exists(), what="the desk")
            if message.what == "reviews":  # type: ignore[attr-defined]
                return iter([row["owed_review"] for row in self.rows if row.get("owed_review")])
            return iter([row for row in self.rows if not row.get("owed_review")])
        found = [row for row in self.rows if row["id"] == message.id]  # type: ignore[attr-defined]
        if not found:
            raise RefusedByDaemon("unknown", f"there is no request {message.id}, as far as you may see")  # type: ignore[attr-defined]
        return iter(found)

    def do(self, message: Message) -> str:
        review: Any = message
        if self._said.exists():
            raise RefusedByDaemon(*json.loads(self._said.read_text()))
        row = next((row for row in self.rows if row["id"] == review.id), None)
        if row is None:
            raise RefusedByDaemon("late", f"request {review.id} was withdrawn: its client went away")
        new = self._sent.with_suffix(".new")
        new.write_text(json.dumps([*self.sent, [review.verdict, review.id, review.fingerprint.hex(), review.comment]]))
        new.replace(self._sent)
        self.rows = [one for one in self.rows if one is not row and one["id"] != review.id]
        return f"request {review.id} is {({'approve': 'approved', 'deny': 'denied'}).get(review.verdict, review.verdict)}"


def command(directory: Path) -> list[str]:
    """The command line of ``jitd`` at the desk, without its words."""
    return [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(TREE)!r}); from tests.client.desk import main; main()",
            str(directory)]  # fmt: skip


def main() -> None:
    """``jitd`` at the desk whose directory is the first word."""
    question.QUIET_FOR = float(os.environ.get("QUIET_FOR", question.QUIET_FOR))
    desk = Desk(Path(sys.argv[1]))
    call.connect = desk.connect  # type: ignore[assignment]
    sys.argv = ["jitd", *sys.argv[2:]]
    sys.exit(cli.main())


def n_typed(keyboard: int) -> int:
    """The bytes that were typed and that nobody has read; of a line, once it has ended."""
    found: int = struct.unpack("i", fcntl.ioctl(keyboard, termios.FIONREAD, bytes(4)))[0]
    return found


class Typist:
    """A ``jitd`` at the desk, on a pseudo-terminal that it has for itself, and a person at it."""

    def __init__(
        self,
        directory: Path,
        *words: str,
        size: tuple[int, int] = (60, 120),
        term: str = "xterm",
        ahead: bytes = b"",
        line: list[str] | None = None,
    ) -> None:
        """``ahead`` is typed before it begins. ``line`` is what begins in the place of ``jitd``."""
        self.terminal, program = open_terminal(size)
        self.before = self.modes()
        """The terminal's modes before ``jitd`` is executed, which may change them at once."""
        os.write(self.terminal, ahead)
        self.pid = execute_on(program, line or [*command(directory), *words], {**os.environ, "TERM": term, "LANG": "C.UTF-8"})
        self.seen = b""
        self.at = 0
        self._n_read_on = 0

    def until(self, text: str) -> str:
        """Wait until ``text`` is shown, after what was waited for before. Returns what was shown up to it."""
        end = time.monotonic() + PATIENCE
        while text.encode() not in self.seen[self.at :]:
            assert time.monotonic() < end, f"{text!r} is not in {self.seen[self.at :].decode()}"
            if select.select([self.terminal], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.terminal, 65536)
                except OSError:
                    assert text.encode() in self.seen[self.at :], self.seen.decode()
        start, self.at = self.at, self.seen.index(text.encode(), self.at) + len(text.encode())
        return self.seen[start : self.at].decode()

    def read_until(self, text: str) -> str:
        """As ``until``, but read on screen by screen while a page goes on."""
        end = time.monotonic() + PATIENCE
        while text.encode() not in self.seen[self.at :]:
            assert time.monotonic() < end, f"{text!r} is not in {self.seen[self.at :].decode()}"
            if self.seen.count(b"space reads on") > self._n_read_on and self.is_quiet():
                self._n_read_on += 1
                self.type(b" ")
            if select.select([self.terminal], [], [], 0.1)[0]:
                self.seen += os.read(self.terminal, 65536)
        return self.until(text)

    def press(self, key: bytes) -> None:
        """Press ``key`` when the keys are on the screen, and after a silence."""
        assert self.is_quiet()
        self.type(key)

    def is_quiet(self) -> bool:
        """True if nothing comes for longer than a key is waited for, once it has read all that was typed and waits. By then it
        has waited in vain, too: what comes before that is thrown away, and a busy host may wake it late.
        """
        keyboard = os.open(f"/proc/{self.pid}/fd/0", os.O_RDONLY | os.O_NOCTTY)
        try:
            wait_for(lambda: not n_typed(keyboard) and sleeps(self.pid), what="whoever reads the keys")
        finally:
            os.close(keyboard)
        before = self._n_waits()
        if select.select([self.terminal], [], [], 0.5)[0]:
            return False
        wait_for(lambda: self._n_waits() >= before + 2, what="its looks at the keys")
        return True

    def _n_waits(self) -> int:
        """How often it has begun to wait."""
        return int(status_of(self.pid)["voluntary_ctxt_switches"])

    def type(self, keys: bytes) -> None:
        os.write(self.terminal, keys)

    def leaves(self) -> int:
        """Press q by itself until it has ended: a key that follows other input at once counts for nothing."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                self.type(b"q")
            pressed = time.monotonic()
            while select.select([self.terminal], [], [], max(0.0, pressed + 1.0 - time.monotonic()))[0]:
                try:
                    self.seen += os.read(self.terminal, 65536)
                except OSError:
                    return self.status()
        raise AssertionError(f"it does not leave: {self.seen.decode()}")

    def modes(self) -> list[Any]:
        return termios.tcgetattr(self.terminal)

    def status(self) -> int:
        while True:
            try:
                piece = os.read(self.terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            self.seen += piece
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)
        os.waitpid(self.pid, os.WUNTRACED)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def end(self) -> None:
        """Kill it, if it has not ended."""
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


class Pane:
    """A terminal of tmux with a shell in it, where ``jitd`` is the one of the desk."""

    def __init__(
        self, directory: Path, columns: int, lines: int = 24, line: list[str] | None = None, shell: list[str] | None = None
    ) -> None:
        self.columns = columns
        self._socket = str(directory / "tmux")
        script = directory / "jitd"
        script.write_text(f'#!/bin/sh\nexec {shlex.join(line or command(directory))} "$@"\n')
        script.chmod(0o755)
        shell = shell or [
            "env",
            f"PATH={directory}:{os.environ['PATH']}",
            "PS1=$ ",
            "LANG=C.UTF-8",
            "bash",
            "--norc",
            "--noprofile",
            "-i",
        ]
        self._do("-u", "new-session", "-d", "-x", str(columns), "-y", str(lines), *shell)
        self._shell = int(self._do("display-message", "-p", "#{pane_pid}"))
        self.shows("$")

    def _do(self, *words: str) -> str:
        line = ["tmux", "-S", self._socket, "-f", "/dev/null", *words]
        return subprocess.run(line, capture_output=True, text=True, check=True).stdout

    @property
    def screen(self) -> list[str]:
        return self._do("-u", "capture-pane", "-p").rstrip("\n").split("\n")

    def type(self, *keys: str) -> None:
        self._do("send-keys", *keys)

    @property
    def program(self) -> int:
        """The process that the shell runs, or the shell while it runs none."""
        children = Path(f"/proc/{self._shell}/task/{self._shell}/children").read_text().split()
        return int(children[0]) if children else self._shell

    def is_at_rest(self) -> bool:
        """Whether each thread of the program waits for something."""
        try:
            threads = list(Path(f"/proc/{self.program}/task").iterdir())
            return all((thread / "stat").read_text().rpartition(")")[2].split()[0] == "S" for thread in threads)
        except OSError:  # it has ended, or one of its threads has
            return False

    def press_until(self, key: str, true: Callable[[], bool], what: str, rests: float = RESTS) -> None:
        """Press ``key`` by itself until ``true``: a key that follows other input at once counts for nothing. It is pressed again
        only when the program has rested for so many seconds and nothing has come of the key: one that a busy host handles late
        would count twice.
        """
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            self.type(key)
            rested, enough = 0.0, time.monotonic() + rests + PATIENCE / 6  # for whoever never rests
            while rested < rests and time.monotonic() < enough:
                rested = rested + LOOKS_EVERY if self.is_at_rest() else 0.0
                if true():
                    return
                time.sleep(LOOKS_EVERY)
        raise AssertionError(f"{what!r} is not on the screen:\n" + "\n".join(self.screen))

    def press(self, key: str, question: str) -> None:
        """Press ``key`` by itself until ``question`` is asked."""
        self.press_until(key, lambda: " ".join(self.screen).rstrip().endswith(question), question)

    def paste(self, text: str) -> None:
        """Paste as a terminal does: with its marks, if the program has asked for them."""
        self._do("set-buffer", "--", text)
        self._do("paste-buffer", "-p")

    def shows(self, text: str) -> None:
        """Wait until ``text`` is on the screen."""
        try:
            wait_for(lambda: text in "\n".join(self.screen), what=f"{text!r}")
        except AssertionError:
            raise AssertionError(f"{text!r} is not on the screen:\n" + "\n".join(self.screen)) from None

    def asks(self, question: str) -> None:
        """Wait until the last line ends with ``question``."""
        try:
            wait_for(lambda: " ".join(self.screen).rstrip().endswith(question), what=f"{question!r}")
        except AssertionError:
            raise AssertionError(f"{question!r} is not asked:\n" + "\n".join(self.screen)) from None

    def close(self) -> None:
        assert all(cells(line) <= self.columns for line in self.screen)
        self._do("kill-server")
