# SPDX-License-Identifier: Apache-2.0
"""Makes texts about the approvals, and about the answers of gatekeepers, that a request still needs. The texts are lines of the
request's page, or a few words for a list.

Law: approvers are named by the words in the rule, such as ``user:bob``, and groups by their names. If the number of missing
approvals is not known, it is never shown as zero.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitd.cli.answer import Row, words
from jitd.cli.instants import in_words, local
from jitd.cli.labels import Line, counted, members
from jitd.core.wording import all_of


def what_it_needs(row: Row) -> Iterator[Line]:
    """Yield the lines about the approvals that the rule demands, and about the approvals that are still missing."""
    yield "", ""
    yield "WHAT IT NEEDS", ""
    yield "rule", words(row, "rule", "none decided yet")
    yield "needs", asks(row) + present(row)
    yield from others_asked(row)
    yield "still needs", still_needed(row)
    yield "fingerprint", words(row, "fingerprint")


def others_asked(row: Row) -> Iterator[Line]:
    """Yield the lines about gatekeepers. If a lease makes approvals unnecessary, also yield a line about this lease."""
    answers = {words(one, "name"): one for one in members(row, "passed") if isinstance(one, dict)}
    for name in members(row, "gatekeepers"):
        yield "gatekeeper", f"{name} {_answered(answers.get(str(name)))}"
    if row.get("lease"):
        yield "lease", f"grant {row['lease']} answers for the approvals"


def asks(row: Row) -> str:
    """Return a text about the approvals that the rule demands. An approval may have alternatives. In the text, they are joined
    by ``or``. If the rule demands several approvals, the part about an approval with alternatives begins with ``either``.
    """
    asked = [one for one in members(row, "approvals") if isinstance(one, dict)]
    found = tuple(map(_approval, asked))
    return all_of(found, [bool(one.get("instead")) for one in asked]) if found else "no approval"


def present(row: Row) -> str:
    """If too few people could approve the request of ``row`` now, return words that say so. Otherwise, and if they are not known,
    return an empty text.
    """
    people, owed = row.get("asked_people"), row.get("owed")
    if not isinstance(people, list) or not isinstance(owed, int) or len(people) >= owed:
        return ""
    return f" ({'only ' + counted(len(people), 'person') if people else 'nobody'} at present)"


def _approval(row: Row) -> str:
    text = f"{words(row, 'need')} of {' or '.join(_named(word) for word in members(row, 'from'))}"
    if row.get("also"):
        text += f" who are also in {words(row, 'also')}"
    if row.get("demand"):
        text += f" ({words(row, 'demand')})"
    for other in members(row, "instead"):
        if isinstance(other, dict):
            after = other.get("after")
            opens = f"after {in_words(after)}, " if isinstance(after, int) and after > 0 else ""
            text += f" or, {opens}{_approval(other)}" if opens else f" or {_approval(other)}"
    return text


def _named(word: object) -> str:
    """Return the name of a group alone, and everything else as the rule has it, such as ``user:bob``."""
    text = str(word)
    name = text.removeprefix("group:")
    return text if ":" in name else name


def still_needed(row: Row) -> str:
    """Return a text about the missing approvals. The daemon has counted them."""
    if row.get("owes"):
        return words(row, "owes")
    owed = row.get("owed")
    return counted(owed, "approval") if isinstance(owed, int) else words(row, "owed")


def in_short(row: Row) -> str:
    """Return a short text for the column of a list. The text tells whose approvals are still missing. Examples are ``1 ops`` and
    ``2 of dba, ops``. Return ``-`` if no approval is missing.
    """
    if row.get("owes"):
        return words(row, "owes")
    owed = row.get("owed")
    asked = [one for one in members(row, "approvals") if isinstance(one, dict)]
    if not isinstance(owed, int) or not owed or not asked:
        return "-" if owed == 0 else words(row, "owed")
    if owed == sum(one["need"] for one in asked if isinstance(one.get("need"), int)):
        return " and ".join(f"{words(one, 'need')} {_whom(one)}" for one in asked)
    return f"{owed} of {', '.join(dict.fromkeys(_whom(one) for one in asked))}"


def _whom(row: Row) -> str:
    return "|".join(str(word).removeprefix("group:").removeprefix("user:") for word in members(row, "from"))


def _answered(passed: Row | None) -> str:
    """``passed`` is the gatekeeper's answer, or None if it has not let the request pass yet."""
    if passed is None:
        return "has not answered"
    until = f", until {local(passed['until'])}" if passed.get("until") else ""
    mark = f" ({words(passed, 'mark')})" if passed.get("mark") else ""
    return f"passed {local(passed.get('at'))}{until}{mark}; it is asked again before anything runs"
