# SPDX-License-Identifier: Apache-2.0
"""Pseudo-terminals, and programs on them. Law: no program is begun by a fork of the tests' process. Its memory is large: a fork
copies what describes each page of it, and both sides copy pages after that.
"""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import termios

IGNORED = [signal.SIGPIPE, signal.SIGXFSZ]
"""Python ignores these, and a program that a person starts does not."""


def open_terminal(size: tuple[int, int]) -> tuple[int, int]:
    """A new pseudo-terminal of lines and columns: its side of the person, and its side of the program."""
    person, program = os.openpty()
    fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("4H", *size, 0, 0))
    return person, program


def execute_on(program: int, line: list[str], environ: dict[str, str]) -> int:
    """Execute ``line``, which begins with a path, in a session of its own with this terminal, and close this descriptor of it."""
    ends = [(os.POSIX_SPAWN_OPEN, 0, os.ttyname(program), os.O_RDWR, 0)]  # the first that a session opens is its terminal
    ends += [(os.POSIX_SPAWN_DUP2, 0, number) for number in (1, 2)]  # type: ignore[list-item]
    try:
        return os.posix_spawn(line[0], line, environ, file_actions=ends, setsid=True, setsigdef=IGNORED)
    finally:
        os.close(program)
