# SPDX-License-Identifier: Apache-2.0
"""Shows lines to a person. If the lines do not fit on the terminal, less(1) shows them screen by screen.

Law: if lines cannot be shown, an exception is raised. Lines are never lost without a message. less(1) reads a line only when
there is room for the line on the screen. If less(1) ends and has not read the last line, jitd assumes that the person has not
seen all lines. Settings for pagers in the person's environment are ignored. From less(1), the person cannot start other
programs.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterable

from jitd.cli.answer import printable, say
from jitd.cli.colour import Painted, coloured, is_wanted, without_styles
from jitd.cli.terminal_size import terminal_size

PLACES = ("/usr/bin/less", "/bin/less")
"""The possible paths of less(1)."""
OPTIONS = ("-X", "-e", "-~", "-Psline %lb of N (space shows more, q ends reading)")
"""With these options, less(1) leaves the text on the terminal, and ends after the last line. No tildes are shown below the last
line, and the prompt is set (less(1)).
"""
KEPT = ("TERM", "LANG", "LC_ALL", "LC_CTYPE", "COLUMNS", "LINES")
"""The variables that less(1) gets from the person's environment. They describe the type, the size and the character encoding of
the terminal.
"""
SURROUNDINGS = {"PATH": "/usr/bin:/bin", "LESSSECURE": "1", "LESSHISTFILE": "-"}
SLOT = 4096
"""The size of the smallest possible pipe, in bytes (fcntl(2), F_SETPIPE_SZ). Such a pipe has room for only one piece of text.
There is room for the next piece only after less(1) has read the whole previous piece.
"""


def put(lines: list[Painted], *, below: int = 1) -> bool:
    """Print ``lines``, and keep at least ``below`` lines of the terminal free below them. If there is not enough room on the
    terminal, show ``lines`` with less(1).

    Return True if the person has possibly not seen all of the lines. If standard output is not a terminal, return False. Raises
    OSError if the lines cannot be printed.
    """
    height = terminal_size().lines
    if not sys.stdout.isatty() or len(lines) + below <= height:
        put_all(lines)
        return False
    pager = next((place for place in PLACES if os.access(place, os.X_OK)), None)
    if pager is None or os.environ.get("TERM", "dumb") == "dumb" or not _has_keyboard():
        put_all(lines)
        say(f"that is {len(lines)} lines: scroll up to read all of them")
        return True
    sys.stdout.flush()
    is_read = _is_read(pager, without_styles(lines))
    if not is_read:
        say("not all of it was read")
    return not is_read


def put_all(lines: Iterable[Painted]) -> None:
    """Print all ``lines`` without less(1). The output may go to a terminal or to a program. Raises OSError if the lines cannot be
    printed.
    """
    has_colours = is_wanted()
    for line, style in lines:
        print(coloured(printable(line), style if has_colours else None))
    sys.stdout.flush()  # raises an error if the lines cannot be printed


def _has_keyboard() -> bool:
    """True if standard input is a terminal and this process is in the foreground, so that a person can type."""
    try:
        return sys.stdin is not None and sys.stdin.isatty() and os.tcgetpgrp(0) == os.getpgrp()
    except OSError:  # a terminal, but not the one of our session
        return False


def _is_read(pager: str, lines: list[str]) -> bool:
    """Show ``lines`` with ``pager``. Return True if the pager has read all lines."""
    surroundings = {name: value for name, value in os.environ.items() if name in KEPT} | SURROUNDINGS
    source, sink = os.pipe()
    fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, SLOT)
    options = [option.replace("N", str(len(lines))) for option in OPTIONS]
    with subprocess.Popen([pager, *options], stdin=source, env=surroundings) as process:
        os.close(source)
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # while less(1) shows the lines, only less(1) reacts to Ctrl-C
        try:
            is_taken = _is_taken(sink, "".join(f"{printable(line)}\n" for line in lines).encode(errors="backslashreplace"))
        finally:
            os.close(sink)
            process.wait()
            signal.signal(signal.SIGINT, before)
    return is_taken and process.returncode == 0


def _is_taken(sink: int, text: bytes) -> bool:
    """Write ``text`` to the pipe ``sink`` line by line. Write each line only after the reader of the pipe has read the previous
    line. Return True if the reader has read the last line.
    """
    poll = select.poll()
    poll.register(sink, select.POLLOUT)
    for line in text.splitlines(keepends=True):
        for at in range(0, len(line), SLOT):
            poll.poll()
            try:
                os.write(sink, line[at : at + SLOT])
            except BrokenPipeError:
                return False
    (_, event), *_ = poll.poll()
    return not event & select.POLLERR
