# SPDX-License-Identifier: Apache-2.0
"""Makes texts about the approvals, and about the answers of gatekeepers, that a request still needs. The texts are lines of the
request's page, or a few words for a list.

Law: approvers are named by the words in the rule, such as ``user:bob``, and groups by their names. If the number of missing
approvals is not known, it is never shown as zero.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitd.cli.instants import in_words, local
from jitd.cli.labels import Labelled, counted
from jitd.core.wording import all_of
from jitpam.wire.rows import UNKNOWN, Approval, Passed, Request, Way


def what_it_needs(row: Request) -> Iterator[Labelled]:
    """Yield the lines about the approvals that the rule demands, and about the approvals that are still missing."""
    yield "", ""
    yield "WHAT IT NEEDS", ""
    yield "rule", row.rule or "none decided yet"
    yield "needs", asks(row) + present(row)
    yield from others_asked(row)
    yield "still needs", still_needed(row)
    yield "fingerprint", row.fingerprint or UNKNOWN


def others_asked(row: Request) -> Iterator[Labelled]:
    """Yield the lines about gatekeepers. If a lease makes approvals unnecessary, also yield a line about this lease."""
    answers = {one.name: one for one in row.passed}
    for name in row.gatekeepers:
        yield "gatekeeper", f"{name} {_answered(answers.get(name))}"
    if row.lease:
        yield "lease", f"grant {row.lease} answers for the approvals"


def asks(row: Request) -> str:
    """Return a text about the approvals that the rule demands. An approval may have alternatives. In the text, they are joined
    by ``or``. If the rule demands several approvals, the part about an approval with alternatives begins with ``either``.
    """
    found = tuple(map(_approval, row.approvals))
    return all_of(found, [bool(one.instead) for one in row.approvals]) if found else "no approval"


def present(row: Request) -> str:
    """Return words that say that too few people could approve ``row`` now, or "" otherwise, and if that is not known."""
    people = row.asked_people
    if people is None or row.owed is None or len(people) >= row.owed:
        return ""
    return f" ({'only ' + counted(len(people), 'person') if people else 'nobody'} at present)"


def _approval(row: Way) -> str:
    text = f"{row.need} of {' or '.join(_named(word) for word in row.from_)}"
    if row.also:
        text += f" who are also in {row.also}"
    if row.demand:
        text += f" ({row.demand})"
    for other in row.instead if isinstance(row, Approval) else ():
        text += f" or, after {in_words(other.after)}, {_approval(other)}" if other.after > 0 else f" or {_approval(other)}"
    return text


def _named(word: str) -> str:
    """Return the name of a group alone, and everything else as the rule has it, such as ``user:bob``."""
    name = word.removeprefix("group:")
    return word if ":" in name else name


def still_needed(row: Request) -> str:
    """Return a text about the missing approvals. The daemon has counted them."""
    return row.owes or (UNKNOWN if row.owed is None else counted(row.owed, "approval") if row.owed else "nothing more")


def in_short(row: Request) -> str:
    """Return a short text for the column of a list. The text tells whose approvals are still missing. Examples are ``1 ops`` and
    ``2 of dba, ops``. Return ``-`` if no approval is missing.
    """
    if row.owes or not row.owed:
        return row.owes or UNKNOWN
    if not row.approvals:
        return str(row.owed)
    if row.owed == sum(one.need for one in row.approvals):
        return " and ".join(f"{one.need} {_whom(one)}" for one in row.approvals)
    return f"{row.owed} of {', '.join(dict.fromkeys(map(_whom, row.approvals)))}"


def _whom(row: Way) -> str:
    return "|".join(word.removeprefix("group:").removeprefix("user:") for word in row.from_)


def _answered(passed: Passed | None) -> str:
    """``passed`` is the gatekeeper's answer, or None if it has not let the request pass yet."""
    if passed is None:
        return "has not answered"
    until = f", until {local(passed.until)}" if passed.until else ""
    mark = f" ({passed.mark})" if passed.mark else ""
    return f"passed {local(passed.at)}{until}{mark}; it is asked again before anything runs"
