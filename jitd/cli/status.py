# SPDX-License-Identifier: Apache-2.0
"""The verb ``status``: one screen of what the daemon knows of itself. ``jitd doctor`` looks at the host."""

from __future__ import annotations

import click

from jitd.cli import far
from jitd.cli.answer import answer, answer_json, words
from jitd.cli.call import LOOK, NotDone, called
from jitpam.client import Unreachable
from jitpam.wire.messages import Status
from jitpam.wire.shown import shown


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def status(*, as_json: bool) -> None:
    """Show what the daemon does, and what is not well with it. For operators and auditors.

    The exit status is 0 if all is well, and 1 otherwise.
    """
    try:
        with called() as daemon:
            rows = list(daemon.ask(Status()))
    except Unreachable as fault:
        raise NotDone(f"{fault}; {LOOK}" if far.there() is None else str(fault)) from None
    if as_json:
        answer_json(rows)
    else:
        width = max((len(words(row, "about")) for row in rows), default=0)
        for row in rows:
            mark = " " if row.get("is_well") else "!"
            line = f"{mark} {shown(words(row, 'about')):<{width}}  {shown(words(row, 'says'))}"
            answer(line, column=width + 4)
    if unwell := sorted({shown(words(row, "about")) for row in rows if not row.get("is_well")}):
        raise NotDone(f"not well: {', '.join(unwell)}")
