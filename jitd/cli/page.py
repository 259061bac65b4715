# SPDX-License-Identifier: Apache-2.0
"""Makes the page with all data of one request, which ``jitd show`` prints. The module ``brief`` makes the shorter page that a
person reads before deciding.

Law: nothing is shortened. Facts that jitd has checked have one heading, and claims of the client have another heading. On a
terminal, labels are in the left column, and texts are in the right column. A long text continues on the next line, in the right
column. Therefore text from a request never begins in the column of the labels.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitd.cli import comparison
from jitd.cli.answer import Row
from jitd.cli.brief import OPEN, heading
from jitd.cli.colour import Painted
from jitd.cli.findings import findings
from jitd.cli.glass import broken
from jitd.cli.hosts_word import not_signed
from jitd.cli.instants import told
from jitd.cli.labels import Labelled, laid_out
from jitd.cli.needs import what_it_needs
from jitd.cli.noticed import notices
from jitd.cli.past import history
from jitd.cli.what import terms, what_happens
from jitd.cli.who import claimed, facts
from jitpam.wire.rows import Request


def page(row: Request | Row, screen: int | None) -> list[Painted]:
    """Return the page about ``row``, folded at ``screen`` cells, if that is not None."""
    row = Request.read(row)
    parts = (
        _about(row),
        what_happens(row),
        terms(row),
        facts(row),
        claimed(row),
        what_it_needs(row),
        not_signed(row),
        history(row),
    )
    return laid_out((line for part in parts for line in part), screen)


def _about(row: Request) -> Iterator[Labelled]:
    yield f"request {row.id}: {row.state}", ""
    yield heading(row), ""
    yield from findings(row)
    yield from comparison.new(row)
    if row.narrowed:
        yield "not shown", "its rule shows the reason, the arguments, what follows from them and what was written to others"
    if row.because:
        yield "because", row.because
    if row.lock:
        yield "ended by", f"lock {row.lock}"
    if row.asking_at:
        yield "asking", f"{' and '.join(row.gatekeepers)}, since {told(row.asking_at)}"
    yield "submitted", told(row.submitted_at)
    if row.expires_at and row.state in OPEN:
        yield "decide by", told(row.expires_at)
    yield from notices(row)
    yield from broken(row)
