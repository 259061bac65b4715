# SPDX-License-Identifier: Apache-2.0
"""Decides who may read the contents of a request: its reason, its arguments and the recordings of its runs.

Law: ``visible_to`` of a rule limits the contents that operators, auditors and readers of notices can see. The requester and the
possible reviewers always see the contents. ``visible_to`` never gives a right to anybody. People see requests as rows of a list
or as records of the chain. Each field of a row or record is hidden, unless this module lists the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jitd.core.asked_terms import NAMES
from jitd.core.request import Request
from jitd.core.subject import Identity, matches_any

HIDDEN = "(not shown)"  # the text that is shown in place of a hidden text

_ASKED = """id state requester account uid groups group_ids ticket_ends_at authentication host service path digest run_as
run_as_group cwd locale streams chdir gives stays brought point rule facts claims extends
waits gone fingerprint proved writable terms submitted_at expires_at mine own may_review barred lacks narrowed"""
_DECIDED = """owed owes awaits_me asked_people asks opened approvals asking_at lease lock by verdict at counts name notices
breaks_glass break_glass instead_of reviewers begun_at due_at overdue_at given_by given_as may_give"""
_DONE = """left is_lease issued_at begins_at ends_at request pid starting_at started_at ended_at ending number recorded cpu_ms
memory n_processes observed watchers who thing to until giving_at given_at kept_at taking_at not_renewed_since"""
_RECORDED = """event boot boot_id actor role version document policy peer decision why demands holder login recording run
was_started"""
SHOWN = frozenset((*" ".join((_ASKED, _DECIDED, _DONE, _RECORDED)).split(), *NAMES))
"""The fields that everybody who may see the request can read. The terms that were asked for are numbers and times."""
WITHIN = frozenset(["detail", "grant", "holdings", "outcome", "owed_review", "passed", "reviews", "runs", "unrenewed", "untaken"])
"""Fields with inner rows, or lists of rows or ids. Of those, too, only what is in SHOWN and WITHIN is shown."""


def words_of(request: Request) -> tuple[str, ...] | None:
    """Return the words for who may read the contents beside the requester and possible reviewers, or None for everybody. What was
    denied at once has those of ``request.visible_to``.
    """
    return request.visible_to if request.obligations is None else request.obligations.visible_to


def names_reader(request: Request, viewer: Identity) -> bool:
    """True if the rule lets ``viewer`` read the contents. Requester and reviewers read them anyway (``core.rights``)."""
    words = words_of(request)
    return words is None or matches_any(viewer, words)


def shown_elsewhere(request: Request, shows: str) -> str:
    """Return how much of ``request`` a notice may show: ``shows`` (``id``, ``rule`` or ``command``), or if the rule limits its
    readers, ``id``, because nobody knows who will read it.
    """
    return shows if words_of(request) is None else "id"


def without_contents(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of ``row`` in which the contents are hidden. ``row`` is a row or a record about a request. The names of all
    fields are kept. The list ``argv`` is replaced by one word.
    """
    return {name: _shown(name, value) for name, value in row.items()}


def _shown(name: str, value: Any) -> Any:
    if name in SHOWN:
        return value
    if name in WITHIN:
        return [_part(one) for one in value] if isinstance(value, list) else _part(value)
    if name == "gatekeepers" and isinstance(value, list):  # show only the gatekeeper's name and the word for its answer
        return [one[:2] if isinstance(one, list) else one for one in value]
    if name == "argv":
        return [HIDDEN]
    return _withheld(value)


def _withheld(value: Any) -> Any:
    """Return what is shown for ``value``: of a text, or a list of texts or pairs, only whether it is empty."""
    if isinstance(value, str):
        return HIDDEN if value else ""
    if isinstance(value, list):
        return [HIDDEN] if _texts(value) else [[HIDDEN, HIDDEN]] if value and all(map(_texts, value)) else []
    return None


def _texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _part(value: Any) -> Any:
    if isinstance(value, dict):
        return without_contents(value)
    return value if isinstance(value, str) else None
