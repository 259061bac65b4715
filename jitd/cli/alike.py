# SPDX-License-Identifier: Apache-2.0
"""Finds requests that differ only in their arguments and their reasons, and shows them as a table.

Law: pure. Two requests are alike if all members of their rows are equal, except the members in SHOWN and in APART. If a member of
SHOWN differs, it is in the table, and nothing of it is shortened. The arguments of alike requests have the same number and the
same options: one that has an option more would be overlooked. A request that gives everything is in no table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from jitd.cli.answer import command_line
from jitd.cli.assent import why_the_word
from jitd.cli.authenticated import age_in_short
from jitd.cli.brief import brief
from jitd.cli.colour import Painted
from jitd.cli.findings import findings
from jitd.cli.instants import left, local
from jitd.cli.labels import Labelled, laid_out
from jitd.cli.who import reason
from jitd.core.grade import Grade
from jitpam.wire.rows import Request

SHOWN = frozenset({"argv", "reason", "findings", "host"})  # may differ within one table, which shows what differs
APART = frozenset(
    {"id", "fingerprint", "submitted_at", "expires_at", "ticket_ends_at", "claims", "notices", "last_approved", "alike"}
)
"""Members of a row that are not compared: they are different for each request, tell what happened beside it, or are claims about
the terminal, which nobody has checked.
"""
OF_THE_TICKET = frozenset({"at", "age"})  # not compared: the age of the ticket differs with each request
_OF_EACH: tuple[Callable[[Request], str], ...] = (
    lambda row: age_in_short(row.authentication),
    lambda row: f"ticket ends {local(row.ticket_ends_at)}",
    lambda row: f"{left(row.expires_at)} left",
)
"""What of APART and OF_THE_TICKET the page of the first one shows, and each receipt binds: if it differs, the table has it."""
LEAST = 2  # requests in a table


def alike(rows: Sequence[Request]) -> list[Request]:
    """Return the first of ``rows`` with those that are like it, in their order. Return an empty list if there are none."""
    found = [
        row for row in rows if _may_be_beside_others(row) and _same(row) == _same(rows[0]) and _shape(row) == _shape(rows[0])
    ]
    return found if len(found) >= LEAST and found[0] is rows[0] else []


def table(rows: Sequence[Request], width: int) -> list[Painted]:
    """Return the lines about ``rows``, which are alike: what differs, and then the page of the first of them. ``width`` is the
    number of cells in a line of the terminal.
    """
    return [*laid_out(_differences(rows), width), *brief(rows[0], width)]


def _differences(rows: Sequence[Request]) -> Iterator[Labelled]:
    yield f"{len(rows)} requests of {rows[0].account} differ only in this", ""
    is_same_reason = all(row.reason == rows[0].reason for row in rows)
    is_same_host = all(row.host == rows[0].host for row in rows)
    are_same_findings = all(row.findings == rows[0].findings for row in rows)
    apart = [words for words in _OF_EACH if len(set(map(words, rows))) > 1] if rows[0].keys else []
    for row in rows:
        parts = [command_line(row.argv)]
        if not is_same_reason:
            parts.append(reason(row))
        if not are_same_findings:
            parts += [f"{label} {text}" for label, text in findings(row)]
        parts += [words(row) for words in apart]
        host = "" if is_same_host else f"@{row.host}"
        yield f"{row.id}{host}", " · ".join(parts)
    yield "all else is the same: this is the first of them", ""


def _may_be_beside_others(row: Request) -> bool:
    is_apart = row.lacks or row.barred or row.narrowed or row.gives or row.grade == Grade.GIVES.word
    return not (why_the_word(row) or is_apart) and bool(row.argv)


def _shape(row: Request) -> list[str]:
    """Return the arguments of ``row``, with an empty text for each that is not an option."""
    return [word if word.startswith("-") else "" for word in row.argv]


def _same(row: Request) -> object:
    how = row.authentication
    ticket = how and {name: value for name, value in how.came.items() if name not in OF_THE_TICKET}
    return ticket, {name: value for name, value in row.came.items() if name not in SHOWN | APART | {"authentication"}}
