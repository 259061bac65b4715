# SPDX-License-Identifier: Apache-2.0
"""People of the lab at terminals of their own, and what stands on these. Runs in the lab, with the checkout's .venv.

A terminal is a real one (pty(7)). A person is logged in on it by login(1), and so is told of requests on it, as on any host; root
has a shell without a login. pyte draws what the programs print, as xterm does.
Law: what stands on a terminal was printed there by a program, or typed.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pyte

PATIENCE = 60.0
SILENCE = 1.0
"""Seconds before a key: the page takes a key only by itself, after a silence."""
MOST_LINES = 400
"""How many lines of what was printed are kept. A program is told of ``rows`` lines only."""
PEOPLE = Path("/etc/lab/people")
"""The people of the lab, who have passwords. Another person gets a ticket by themselves."""
LOGIND, UTMP = Path("/run/systemd/sessions"), Path("/run/utmp")
T = TypeVar("T")
ENDED = 'echo $? >"$ENDED"'
"""What a shell does before each prompt: it says how the last command ended."""
PROFILE = f"""\
PS1='{{prompt}}'
ENDED=~/.ended$(tty | tr / -)
PROMPT_COMMAND='{ENDED}'
chmod g+w "$(tty)"
"""
"""login(1) of Debian lets nobody write to the terminal (TTYPERM in login.defs(5)). Debian 13 has no mesg(1)."""
USER_PROCESS = 7
"""The type of an entry of utmp(5)."""


class NotAsTold(Exception):
    pass


class Terminal:
    """A shell of ``person``. What is typed is kept beside what is printed: ``typed`` maps numbers of lines to it.

    On another machine of the lab, whose first name is ``machine``, ``inside`` are the words by which root runs a command there.
    """

    def __init__(self, person: str, columns: int = 80, rows: int = 24, *, machine: str = "", inside: Sequence[str] = ()) -> None:
        self.person = person
        self._inside = [*inside]
        sign = "# " if person == "root" else "$ "
        self.prompt = f"{person}@{machine}{sign}" if machine else f"{person}{sign}"
        self.typed: dict[int, str] = {}
        self._screen = pyte.Screen(columns, MOST_LINES)
        self._stream = pyte.ByteStream(self._screen)
        self._news = threading.Condition()
        self._asked = 0
        self._end, self._inner = os.openpty()  # the inner end stays open: login(1) closes and opens it (vhangup(2))
        self._name = os.ttyname(self._inner)  # which cannot be asked after a hang-up
        fcntl.ioctl(self._inner, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
        home = Path("/root" if person == "root" else f"/home/{person}")
        self._ended = home / f".ended{self._name.replace('/', '-')}"
        self._pid = self._begin()
        threading.Thread(target=self._read, daemon=True).start()
        self.wait_for_prompt()
        if person != "root" and not inside:
            self._note_login()

    def _begin(self) -> int:
        environ = {"TERM": "xterm", "LANG": "C.UTF-8", "PATH": os.environ["PATH"], "HOME": "/root", "PS1": self.prompt}
        environ |= {"PROMPT_COMMAND": ENDED, "ENDED": str(self._ended)}
        line = ["bash", "--norc", "-i"]
        if self.person != "root":
            if f"\n{self.person} " in PEOPLE.read_text():
                subprocess.run([*self._inside, "as", self.person, "true"], check=True)  # which gets a ticket
            _let_log_in(self.person, r"\u@\h$ " if self._inside else f"{self.person}$ ")
            line = ["login", "-f", self.person]
        if self._inside:
            line = [*self._inside, "setsid", "--ctty", *line]
        ends = [(os.POSIX_SPAWN_OPEN, 0, self._name, os.O_RDWR, 0), (os.POSIX_SPAWN_DUP2, 0, 1), (os.POSIX_SPAWN_DUP2, 0, 2)]
        return os.posix_spawnp(line[0], line, environ, file_actions=ends, setsid=True)

    def _note_login(self) -> None:
        """Where no logind knows of the login: an entry of utmp(5), which login(1) of Debian 13 makes no more."""
        if not LOGIND.exists():
            line = self._name.removeprefix("/dev/").encode()
            entry = struct.pack("<h2xi32s4s32s256s52x", USER_PROCESS, self._pid, line, b"", self.person.encode(), b"")
            with UTMP.open("ab") as records:
                records.write(entry)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._end, 4096)
            except OSError:  # login(1) hangs the terminal up and opens it again; ``leave`` closes it
                if self._pid == 0:
                    return
                time.sleep(0.01)
                continue
            with self._news:
                self._stream.feed(data)
                self._news.notify_all()

    @property
    def lines(self) -> list[str]:
        """All that was printed, down to the line of the cursor."""
        with self._news:
            return [line.rstrip() for line in self._screen.display[: self._screen.cursor.y + 1]]

    @property
    def at(self) -> int:
        """The number of the line of the cursor."""
        return self._screen.cursor.y

    def row(self, number: int) -> list[pyte.screens.Char]:
        """The letters of a line, and how each is drawn."""
        row = self._screen.buffer[number]
        return [row[column] for column in range(self._screen.columns)]

    def is_at_prompt(self) -> bool:
        """True where the shell waits for a command."""
        return self.lines[-1] == self.prompt.rstrip()

    def type(self, text: str, end: str = "\n") -> None:
        """Type a line. What is waited for later, stands below it."""
        with self._news:
            self._asked = self._screen.cursor.y
        self.typed[self._asked] = text
        os.write(self._end, f"{text}{end}".encode())
        self.wait_until(lambda: self._screen.cursor.y > self._asked, f"an end of {text!r}")

    def press(self, key: str) -> None:
        """Press a key that the program does not show."""
        time.sleep(SILENCE)
        os.write(self._end, key.encode())

    def wait_for(self, pattern: str) -> re.Match[str]:
        """What matches in a line, from the last typed one on. Raises NotAsTold."""
        return self._found(pattern)[1]

    def wait_for_line(self, pattern: str) -> int:
        """The number of the line that matches, from the last typed one on. Raises NotAsTold."""
        return self._found(pattern)[0]

    def wait_for_prompt(self) -> None:
        self.wait_until(self.is_at_prompt, "a prompt")

    def status(self) -> int:
        """How the last command ended, once it has."""
        self.wait_for_prompt()
        return int(self._ended.read_text())

    def wait_until(self, is_so: Callable[[], bool], what: str) -> None:
        """Raises NotAsTold."""
        self._wait(lambda: is_so() or None, what)

    def _found(self, pattern: str) -> tuple[int, re.Match[str]]:
        def find() -> tuple[int, re.Match[str]] | None:
            for number, line in enumerate(self.lines):
                if number >= self._asked and (match := re.search(pattern, line)):
                    return number, match
            return None

        return self._wait(find, repr(pattern))

    def _wait(self, look: Callable[[], T | None], what: str) -> T:
        with self._news:
            found = self._news.wait_for(look, PATIENCE)
            if not found:
                raise NotAsTold(f"{self.person}'s terminal never showed {what}:\n" + "\n".join(self.lines[self._asked :]))
            return found

    def leave(self) -> None:
        """End the shell and what runs in it."""
        pid, self._pid = self._pid, 0
        os.killpg(pid, signal.SIGHUP)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(self._inner)
        os.close(self._end)
        self._ended.unlink(missing_ok=True)
        for name in _FILES:  # of a home that the lab has made, which had none: later logins have their own prompt
            Path("/home", self.person, name).unlink(missing_ok=True)


_FILES = {".hushlogin": "", ".bash_profile": PROFILE}


def _let_log_in(person: str, prompt: str) -> None:
    """A profile of theirs, with the prompt as bash(1) writes it."""
    home, known = Path("/home", person), pwd.getpwnam(person)
    for name, text in _FILES.items():
        (home / name).write_text(text.format(prompt=prompt))
        os.chown(home / name, known.pw_uid, known.pw_gid)
