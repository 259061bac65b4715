# SPDX-License-Identifier: Apache-2.0
"""A person at the prompt of a shell, on a terminal of their own, and what can be seen of the processes they start.

Law: it types and looks; what it waits for is a state that lasts, never a time.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import re
import signal
import struct
import termios
from collections.abc import Callable
from pathlib import Path

import pexpect

from tests.news import without_news
from tests.on_terminal import OnTerminal
from tests.system.conftest import House
from tests.waiting import PATIENCE, status_of, wait_for

AT_ONCE = """
[[permit]]
name = "anything"
who = ["principal:alice@EXAMPLE.TEST"]
run_as = ["*"]
commands = [["**"]]
run = { writable = "allow", cwd = "caller" }
"""
"""Whatever alice asks for is permitted."""
SHELLS = {
    "bash": ["/bin/bash", "--norc", "--noprofile", "-i"],
    "dash": ["/bin/dash", "-i"],
    "zsh": ["/usr/bin/zsh", "-f", "-i"],
    "fish": ["/usr/bin/fish", "--no-config", "-i"],
    "ksh": ["/usr/bin/ksh93", "-i"],
}
_numbers = itertools.count(1)


def number() -> str:
    """One that occurs in no other command line: seconds to sleep, say."""
    return f"7{next(_numbers):04}"


def command_lines() -> dict[int, list[bytes]]:
    """Every process with a command line."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")[:-1]
        except OSError:
            continue
        if words:
            found[int(entry.name)] = words
    return found


def state(pid: int) -> str:
    """R, S, T, Z, or empty if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def clients(mark: str) -> list[int]:
    """Those jitsudo in whose command line ``mark`` stands; not their guardians, which lead a session, or are about to."""
    found = [
        pid
        for pid, words in command_lines().items()
        if _is_jitsudo(words) and any(mark.encode() in w for w in words) and not _leads(pid)
    ]
    return [pid for pid in found if _parent(pid) not in found]


def guardians(mark: str) -> list[int]:
    return [
        pid
        for pid, words in command_lines().items()
        if _is_jitsudo(words) and any(mark.encode() in w for w in words) and _leads(pid)
    ]


def _is_jitsudo(words: list[bytes]) -> bool:
    return b"python" in words[0] and any(b"jitsudo" in word for word in words[1:5])


def _parent(pid: int) -> int:
    try:
        return int(status_of(pid)["PPid"])
    except OSError:
        return 0


def _leads(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except OSError:
        return False


class Prompt:
    """An interactive shell of alice's."""

    def __init__(self, house: House, shell: str = "bash", size: tuple[int, int] = (24, 80)) -> None:
        self.shell = shell
        line = [str(word) for word in house.line("alice", *SHELLS[shell])]
        self.child = OnTerminal(
            "/usr/bin/env",
            ["TERM=dumb", *line],
            timeout=PATIENCE,
            dimensions=size,
            encoding="utf-8",
            codec_errors="replace",
            echo=True,
        )
        self.child.delaybeforesend = None
        self.said = ""
        if shell == "zsh":
            self.line("unsetopt zle prompt_sp; setopt monitor")
        self.settle()

    def line(self, text: str) -> None:
        self.child.send(text + "\n")

    def key(self, keys: str) -> None:
        self.child.send(keys)

    def until(self, pattern: str) -> re.Match[str]:
        """Wait until the terminal shows it, after what was waited for before."""
        self.child.expect(pattern)
        match = self.child.match
        assert isinstance(match, re.Match)
        return match

    def settle(self) -> None:
        """Wait for the shell to be there. Some forget what was typed before they were: then it is typed again."""
        for _ in range(30):
            mark = number()
            self.line(f'echo at""prompt{mark}')
            if self.child.expect([f"atprompt{mark}", pexpect.TIMEOUT], timeout=2) == 0:
                return
        raise AssertionError(f"the shell does not answer: {self.child.before!r}")

    def told(self, command: str) -> str:
        """What a command prints, without news."""
        self.settle()
        mark = number()
        self.line(f'echo fr""om{mark}; {command}; echo to""{mark}')
        return without_news(self.until(f"from{mark}\r*\n(?s:(.*?))to{mark}")[1].replace("\r", "")).strip()

    def start(self, words: str, mark: str, *, ready: str | None = None) -> int:
        """Type a line with a jitsudo in it; its process, once it runs a command."""
        self.line(words)
        if ready is not None:
            self.until(ready)
        return int(wait_for(lambda: clients(mark), what="a client")[0])

    def settings(self) -> str:
        """The terminal's modes as a command at the prompt has them. A shell may say between two commands that a job has ended."""
        told = self.told("stty -g")
        found = re.search(r"^[0-9a-f]+(?::[0-9a-f]+)+$", told, re.MULTILINE)
        assert found is not None, told
        return found[0]

    @property
    def is_raw(self) -> bool:
        return not termios.tcgetattr(self.child.child_fd)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)

    def is_given(self, client: int) -> Callable[[], bool]:
        """True once a client has the terminal, and has made it raw; a shell's own line editor may do that too."""
        return lambda: os.tcgetpgrp(self.child.child_fd) == os.getpgid(client) and self.is_raw

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.child.child_fd, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def hang_up(self) -> None:
        """The terminal goes away."""
        self.child.close(force=False)

    def close(self) -> None:
        """The person is gone, and all that was theirs."""
        if not self.child.closed:
            session = self.child.pid
            for pid in command_lines():
                try:
                    if os.getsid(pid) == session:
                        os.kill(pid, signal.SIGKILL)
                except OSError:
                    continue
            self.child.close(force=True)
