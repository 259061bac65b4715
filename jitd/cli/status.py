# SPDX-License-Identifier: Apache-2.0
"""The verb ``status``: one screen of what the daemon knows of itself. ``jitd doctor`` looks at the host."""

from __future__ import annotations

import click

from jitd.cli import far
from jitd.cli.answer import answer, answer_json, printable
from jitd.cli.call import LOOK, NotDone, called
from jitd.cli.columns import table
from jitd.cli.everywhere import everywhere
from jitd.cli.terminal_size import width
from jitpam.client import Unreachable
from jitpam.wire.messages import Status
from jitpam.wire.rows import UNKNOWN, StatusLine
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
            came = list(daemon.ask(Status()))
    except Unreachable as fault:
        raise NotDone(f"{fault}; {LOOK}" if far.there() is None else str(fault)) from None
    rows = list(map(StatusLine.read, came))
    if as_json:
        answer_json(came)
    else:
        widest = max((len(row.about) for row in rows), default=0)
        for row in rows:
            mark = " " if row.is_well else "!"
            answer(f"{mark} {shown(row.about):<{widest}}  {shown(row.says or UNKNOWN)}", column=widest + 4)
    if unwell := sorted({shown(row.about) for row in rows if not row.is_well}):
        raise NotDone(f"not well: {', '.join(unwell)}")


def _of_many(*, as_json: bool) -> None:
    with everywhere() as hosts:
        (came,) = hosts.answers(Status())
        rows = list(map(StatusLine.read, came))
        names = dict.fromkeys(row.host for row in rows)
        if as_json:
            answer_json(came)
        elif rows:
            lines = [_line([row for row in rows if row.host == name], name) for name in names]
            for line in table(["HOST", "VERSION", "NOT WELL"], lines, width()):
                print(line)
        if n_unwell := len({row.host for row in rows if not row.is_well}):
            raise NotDone(f"not well: {n_unwell} of {len(names)} hosts that have answered")


def _line(rows: list[StatusLine], host: str) -> list[str]:
    version = next((row.says.partition(" ")[0] for row in rows if row.about == "jitd"), UNKNOWN)
    unwell = "; ".join(f"{row.about}: {row.says}" for row in rows if not row.is_well)
    return [printable(each) for each in (host, version, unwell or "-")]
