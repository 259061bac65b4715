# SPDX-License-Identifier: Apache-2.0
"""The verb ``board``: what waits, what is permitted and what runs, live on the whole terminal, and all that can be done with it.

Law: it decides nothing. It sends what ``approve``, ``deny``, ``review``, ``revoke``, ``stop``, ``lock`` and ``unlock`` send.
textual is imported when the verb is called, and hears nothing from the person's environment. No password is asked for: the board
asks jitd from several threads at once, and the terminal is its own.
"""

from __future__ import annotations

import os
import shutil
import sys

import click

from jitd.cli.call import NotDone, called
from jitpam.client import NotAuthenticated
from jitpam.local_proof import CAUSES, never_ask

IGNORED = ("TEXTUAL", "COLUMNS", "LINES")
"""What variables begin with by which textual would load modules, press keys, write files, or take another size."""

NEEDS_TICKET = (
    "The board needs a ticket. While no KDC can be reached, jitd requests and jitd approve take your local password instead"
)


@click.command()
def board() -> int:
    """Show what waits and what runs, live on the whole terminal; decide, watch and end it with single keys."""
    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        raise click.UsageError("the board needs a terminal for its input and its output: jitd requests lists what waits")
    if os.environ.get("TERM", "dumb") == "dumb":
        raise click.UsageError("the board draws on the whole terminal, and TERM says that this one cannot: set TERM")
    for name in [name for name in os.environ if name.startswith(IGNORED)]:
        del os.environ[name]
    os.environ["TEXTUAL_SMOOTH_SCROLL"] = "0"  # the size comes from the kernel, and from nothing that the terminal sends
    from jitd.cli.board.picture import LEAST_COLUMNS, LEAST_LINES, is_too_small

    size = shutil.get_terminal_size()
    if is_too_small(size.columns, size.lines):
        raise NotDone(
            f"this terminal has {size.columns} columns and {size.lines} lines, and the board needs {LEAST_COLUMNS} and"
            f" {LEAST_LINES}: make it larger, or use jitd requests",
            "usage",
        )
    never_ask()
    try:
        with called():  # who has no ticket, or no jitd, is told so before the screen is taken
            pass
    except NotAuthenticated as lack:
        if lack.cause not in CAUSES:
            raise
        raise NotAuthenticated(lack.cause, f"{lack}. {NEEDS_TICKET}") from lack
    from jitd.cli.board.application import Board

    application = Board()
    application.run(mouse=False)
    if application.fault is not None:
        raise application.fault
    return application.return_code or 0
