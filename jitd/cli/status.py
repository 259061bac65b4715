# SPDX-License-Identifier: Apache-2.0
"""The verb ``status``: one screen of what the daemon knows of itself. ``jitd doctor`` looks at the host."""

from __future__ import annotations

import click

from jitd.cli import far
from jitd.cli.answer import Row, answer, answer_json, printable, words
from jitd.cli.call import LOOK, NotDone, called
from jitd.cli.columns import table
from jitd.cli.everywhere import everywhere
from jitd.cli.terminal_size import width
from jitpam.client import Unreachable
from jitpam.wire.messages import Status
from jitpam.wire.shown import shown


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def status(*, as_json: bool) -> None:
    """Show what the daemon does, and what is not well with it. For operators and auditors.

    The exit status is 0 if all is well, and 1 otherwise.
    """
    if far.many() is not None:
        return _of_many(as_json=as_json)
    try:
        with called() as daemon:
            rows = list(daemon.ask(Status()))
    except Unreachable as fault:
        raise NotDone(f"{fault}; {LOOK}" if far.there() is None else str(fault)) from None
    if as_json:
        answer_json(rows)
    else:
        widest = max((len(words(row, "about")) for row in rows), default=0)
        for row in rows:
            mark = " " if row.get("is_well") else "!"
            line = f"{mark} {shown(words(row, 'about')):<{widest}}  {shown(words(row, 'says'))}"
            answer(line, column=widest + 4)
    if unwell := sorted({shown(words(row, "about")) for row in rows if not row.get("is_well")}):
        raise NotDone(f"not well: {', '.join(unwell)}")


def _of_many(*, as_json: bool) -> None:
    """Print a line for each host: its version, and what is not well there."""
    with everywhere() as hosts:
        (rows,) = hosts.answers(Status())
        if as_json:
            answer_json(rows)
        elif rows:
            names = dict.fromkeys(words(row, "host") for row in rows)
            lines = [_line([row for row in rows if row["host"] == name], name) for name in names]
            for line in table(["HOST", "VERSION", "NOT WELL"], lines, width()):
                print(line)
        if n_unwell := len({words(row, "host") for row in rows if not row.get("is_well")}):
            raise NotDone(f"not well: {n_unwell} of {len({words(row, 'host') for row in rows})} hosts that have answered")


def _line(rows: list[Row], host: str) -> list[str]:
    version = next((words(row, "says").partition(" ")[0] for row in rows if row.get("about") == "jitd"), "-")
    unwell = "; ".join(f"{words(row, 'about')}: {words(row, 'says')}" for row in rows if not row.get("is_well"))
    return [printable(each) for each in (host, version, unwell or "-")]
