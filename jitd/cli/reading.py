# SPDX-License-Identifier: Apache-2.0
"""Shows a person lines that may be more than the terminal has: by less(1) then, screen by screen.

Law: what cannot be shown raises; nothing is lost. Lines count as read only if less(1) took the last one: it takes a line when it
has room to show it. What the person's environment says of pagers is not heard, and less(1) starts no other program.
"""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable

from jitd.cli.answer import answer, printable, say

PLACES = ("/usr/bin/less", "/bin/less")
"""Where less(1) is looked for."""
OPTIONS = ("-X", "-e", "-~", "-Psline %lb of N (space shows more, q ends reading)")
"""Leave the text on the terminal, end after the last line, no tildes below it, and the prompt (less(1))."""
KEPT = ("TERM", "LANG", "LC_ALL", "LC_CTYPE", "COLUMNS", "LINES")
"""Variables that less(1) is given: what the terminal is, and how its bytes are letters."""
SURROUNDINGS = {"PATH": "/usr/bin:/bin", "LESSSECURE": "1", "LESSHISTFILE": "-"}
SLOT = 4096
"""The size of the smallest pipe: one piece of text fits into it, until all of that piece was taken (fcntl(2), F_SETPIPE_SZ)."""


def screen() -> int | None:
    """Return the width in cells of the terminal on standard output; None if standard output is not a terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def put(lines: list[str], *, below: int = 1) -> bool:
    """Print ``lines``. If they do not fit on the terminal together with ``below`` lines after them, show them by less(1).

    Returns True if something is left that the person has not read, as far as is known; False if there is no terminal to read on.
    Raises OSError if the lines cannot be printed.
    """
    height = shutil.get_terminal_size().lines
    if not sys.stdout.isatty() or len(lines) + below <= height:
        put_all(lines)
        return False
    pager = next((place for place in PLACES if os.access(place, os.X_OK)), None)
    if pager is None or os.environ.get("TERM", "dumb") == "dumb" or not _has_keyboard():
        put_all(lines)
        say(f"that is {len(lines)} lines: scroll up to read all of them")
        return True
    sys.stdout.flush()
    is_read = _is_read(pager, lines)
    if not is_read:
        say("not all of it was read")
    return not is_read


def put_all(lines: Iterable[str]) -> None:
    """Print ``lines`` at once, also to a program. Raises OSError if they cannot be printed."""
    for line in lines:
        answer(line)
    sys.stdout.flush()  # this raises if they cannot be printed


def _has_keyboard() -> bool:
    """True if a person types at our standard input, and we are what they see."""
    try:
        return sys.stdin is not None and sys.stdin.isatty() and os.tcgetpgrp(0) == os.getpgrp()
    except OSError:  # a terminal, but not the one that our session has
        return False


def _is_read(pager: str, lines: list[str]) -> bool:
    """Show ``lines`` by ``pager``. True if it took all of them."""
    surroundings = {name: value for name, value in os.environ.items() if name in KEPT} | SURROUNDINGS
    source, sink = os.pipe()
    fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, SLOT)
    options = [option.replace("N", str(len(lines))) for option in OPTIONS]
    with subprocess.Popen([pager, *options], stdin=source, env=surroundings) as process:
        os.close(source)
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for less(1) while it shows something
        try:
            is_taken = _is_taken(sink, "".join(f"{printable(line)}\n" for line in lines).encode(errors="backslashreplace"))
        finally:
            os.close(sink)
            process.wait()
            signal.signal(signal.SIGINT, before)
    return is_taken and process.returncode == 0


def _is_taken(sink: int, text: bytes) -> bool:
    """Write ``text`` to the pipe ``sink``, a line at a time, each when the one before was taken. True if the last one was."""
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
