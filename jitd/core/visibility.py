# SPDX-License-Identifier: Apache-2.0
"""Who is shown the contents of a request: its reason, its arguments and the recordings of its runs.

Law: pure. ``visible_to`` of a rule narrows what operators, auditors and notices are shown. It never narrows what the requester is
shown, nor those who may review the request, and it gives nobody a right. A member of a row or of a record is withheld unless it
is listed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jitd.core.subject import Subject, matches_any

if TYPE_CHECKING:
    from jitd.core.request import Request

HIDDEN = "(not shown)"
"""Stands for a text that is withheld."""

_ASKED = """id state requester account uid groups ticket_ends_at authentication host service path digest run_as run_as_group
cwd locale streams chdir gives stays point rule facts claims lasts_for uses timeout_for starts_at extends waits fingerprint
proved writable terms submitted_at expires_at mine may_review lacks narrowed"""
_DECIDED = """owed owes awaits_me asked_people asks opened approvals asking_at lease lock by verdict at counts name notices
breaks_glass break_glass instead_of reviewers begun_at due_at overdue_at given_by given_as may_give"""
_DONE = """left is_lease issued_at begins_at ends_at request pid starting_at started_at ended_at ending number recorded cpu_ms
memory n_processes observed watchers who thing to until giving_at given_at kept_at"""
_RECORDED = """event boot boot_id actor role version document policy peer decision why demands holder login recording run
was_started"""
SHOWN = frozenset(" ".join((_ASKED, _DECIDED, _DONE, _RECORDED)).split())
"""The members that everybody may see who may see the request."""
WITHIN = frozenset(["detail", "grant", "holdings", "outcome", "owed_review", "passed", "reviews", "runs"])
"""The members that are rows themselves, or lists of rows or ids: each member of such a row is shown or withheld by the same
lists.
"""


def words_of(request: Request) -> tuple[str, ...] | None:
    """Return the words for those who are shown the contents of ``request``, beside its requester and those who may review it;
    None if its rule narrows nothing. A request that was denied at once has no obligations; it keeps the words of the rule that
    denied it.
    """
    return request.visible_to if request.obligations is None else request.obligations.visible_to


def shows_contents(request: Request, viewer: Subject, *, may_review: bool) -> bool:
    """True if ``viewer``, who may see ``request``, is shown its contents. ``may_review``: whether its rule takes a review from
    ``viewer``.
    """
    words = words_of(request)
    return words is None or may_review or viewer.is_requester(request.requester) or matches_any(viewer, words)


def shown_elsewhere(request: Request, shows: str) -> str:
    """Return how much of ``request`` a notice shows that leaves the host: ``shows`` (``id``, ``rule`` or ``command``), but no
    more than ``id`` if the rule narrows who is shown its contents. Nobody knows who reads a notice.
    """
    return shows if words_of(request) is None else "id"


def without_contents(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``row``, a row or a record about a request, without its contents. All names stay; ``argv`` is one word."""
    return {name: _shown(name, value) for name, value in row.items()}


def _shown(name: str, value: Any) -> Any:
    if name in SHOWN:
        return value
    if name in WITHIN:
        return [_part(one) for one in value] if isinstance(value, list) else _part(value)
    if name == "gatekeepers" and isinstance(value, list):  # of an answer in the record: who answered, and with which word
        return [one[:2] if isinstance(one, list) else one for one in value]
    if name == "argv":
        return [HIDDEN]
    return _withheld(value)


def _withheld(value: Any) -> Any:
    """Return what stands for ``value``. Of a text, or of texts or pairs in a list, it shows that there are some."""
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
