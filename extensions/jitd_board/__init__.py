# SPDX-License-Identifier: Apache-2.0
"""The verb ``board`` shows a live screen that fills the terminal. The board shows lists of waiting requests, owed reviews,
grants, runs and locks. A person can act on each row of these lists.

Law: the board decides nothing. The board sends the same messages as ``approve``, ``deny``, ``review``, ``revoke``, ``stop``,
``lock`` and ``unlock``. The library textual, which Debian hosts have from a package of its own, is imported only when the verb
``board`` is called. Before the import, the board removes the environment variables that would control textual. The board never
asks for a password. There are two reasons: several threads of the board may send questions to jitd at the same time, and the
board uses the whole terminal.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from jitd.cli import far
from jitd.cli.answer import say
from jitd.cli.call import NOT_DONE, NotDone, called
from jitd.cli.terminal_size import terminal_size
from jitpam import __version__, saying
from jitpam.client import Connection, NotAuthenticated
from jitpam.local_proof import CAUSES, never_ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jitd.cli.hosts import AllOfMany, Far
    from jitd_board.link import Link
    from jitd_board.state import Heard, Trouble

OF_VERSION = "0.3.0.dev0"  # the version of this board. jitd can be upgraded without its board, which uses what jitd has.
IGNORED = ("TEXTUAL", "COLUMNS", "LINES")
"""Prefixes of the variables that the board removes from the environment. With such variables, a person could make the library
textual load modules, press keys, write files, or use a wrong screen size.
"""

NEEDS_TICKET = (
    "The board needs a ticket. While no KDC can be reached, jitd requests and jitd approve take your local password instead"
)


@click.command()
def board() -> int:
    """Show waiting requests and runs, live on the whole terminal. Single keys approve, deny, watch and end them."""
    if __version__ != OF_VERSION:
        raise NotDone(
            f"this board is of version {OF_VERSION}, and jitd of {__version__}: install the jitsudo-board of the same version, "
            "or use jitd requests"
        )
    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        raise click.UsageError("the board needs a terminal for its input and its output: jitd requests lists what waits")
    if os.environ.get("TERM", "dumb") == "dumb":
        raise click.UsageError("the board cannot draw on this terminal, because TERM is dumb or missing: set TERM")
    for name in [name for name in os.environ if name.startswith(IGNORED)]:
        del os.environ[name]
    os.environ["TEXTUAL_SMOOTH_SCROLL"] = "0"  # the size comes from the kernel, and never from the terminal's input
    from jitd_board.picture import LEAST_COLUMNS, LEAST_LINES, is_too_small

    size = terminal_size()
    if is_too_small(size.columns, size.lines):
        raise NotDone(
            f"this terminal has {size.columns} columns and {size.lines} lines, and the board needs {LEAST_COLUMNS} and"
            f" {LEAST_LINES}: make it larger, or use jitd requests",
            "usage",
        )
    never_ask()
    hosts = far.many()
    try:
        # if there is no ticket, or jitd cannot be reached, the person is told before the board takes the screen
        if hosts is None:
            with called():
                pass
    except NotAuthenticated as lack:
        if lack.cause not in CAUSES:
            raise
        raise NotAuthenticated(lack.cause, f"{lack}. {NEEDS_TICKET}") from lack
    from jitd_board.application import Board
    from jitd_board.terminal import Terminal

    application = Board(_links, hosts or [one for one in [far.there()] if one is not None])
    try:
        application.run(mouse=False)
    finally:
        saying.elsewhere = None
        if isinstance(application._driver, Terminal):
            application._driver.end_reading()
    if application.fault is not None:
        raise application.fault
    troubles = application.state.troubles
    for host, because in troubles.items():
        say(f"{host}: {because}")
    return application.return_code or (NOT_DONE if troubles else 0)


@contextmanager
def _called(there: Far | None, desk: AllOfMany | None = None) -> Iterator[Connection]:
    with far.at(there), called() if desk is None or there is None else desk.conversation(there) as daemon:
        yield daemon


def _links(tell: Callable[[Heard | Trouble], None]) -> Sequence[Link]:
    from jitd_board.link import MANY_AGAIN_AFTER, Link

    if (hosts := far.many()) is None:
        there = far.there()
        return [Link(tell, partial(_called, there), "" if there is None else there.host)]
    desk = far.known().everywhere(hosts)
    return [Link(tell, partial(_called, one, desk), one.host, MANY_AGAIN_AFTER) for one in hosts]
