# SPDX-License-Identifier: Apache-2.0
"""Tells whether a record of a life is a move that its life cycle allows, and whether a grant is used and stored as it was issued.

Law: pure, for Python 3.9 and later. Part of verify.py. Who lies about a life has to lie in a legal move: what the daemon could
not have written is told, however well it is sealed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jitd.audit.receipted import ISSUED
from jitd.audit.times import recorded_time
from jitd.core.moves import MOVES, NOTHING, RETURNED, ROLES, USED

ENDED = {life: tuple(end for end, after in rows.items() if end and not after) for life, rows in MOVES.items()}
"""Maps each life to the states in which it does not change any more."""
LEGAL = frozenset(
    (before, event, state, role)
    for moves in MOVES.values()
    for before, row in moves.items()
    for event, states in row.items()
    for state in states
    for role in ROLES[event]
)
"""Each move: the state before, the event, the state after, and the role of who has caused it."""
KNOWN = frozenset(move[1:] for move in LEGAL if move[0] != NOTHING)
"""Each move of something that was there before, without the state before."""


def fault_of(before: str | None, content: Mapping[str, Any]) -> str:
    """Return what is wrong with the record ``content`` of something that was ``before``, as the end of a sentence about the
    record, or "". ``before`` is NOTHING if this is its first record, and None if the record before is not known.
    """
    event, state, role = (str(content.get(name)) for name in ("event", "state", "role"))
    if (event, state, role) in KNOWN if before is None else (before, event, state, role) in LEGAL:
        return ""
    if event not in ROLES:
        return f"has the event {event!a}, which is not known here: only a later jitd can have written it, whose verifier knows it"
    if role not in ROLES[event]:
        return f"has the event {event}, which no {role!a} can cause"
    was = "something that was there" if before is None else f"something {before!a}" if before else "something new"
    return f"has the event {event}, which cannot happen to {was} and leave it {state!a}"


def take_use(taken: dict[str, tuple[int, int]], id: str, content: Mapping[str, Any]) -> str:
    """Return what is wrong with the uses of grant ``id`` after the record ``content`` of it, as the end of a sentence, or "".
    ``taken`` maps each grant of which the issue is known to how many of its uses are taken, and to how many it has.
    """
    if content.get("event") == ISSUED:
        uses = _detail(content).get("uses")
        if "." in id:
            return "issues a grant by an id that no request has"
        if type(uses) is not int or uses < 1:
            return f"grants {uses!a} uses"
        taken[id] = 0, uses
    elif (step := step_of(content)) and id in taken:
        n, uses = taken[id]
        taken[id] = n + step, uses
        if n + step > uses:
            return f"takes use {n + 1} of a grant with {uses}"
        if n + step < 0:
            return "gives back a use that was not taken"
    return ""


def step_of(content: Mapping[str, Any]) -> int:
    """Return 1 if the record ``content`` of a grant takes a use, -1 if it gives one back, or 0."""
    if content.get("event") == USED:
        return 1
    return -1 if content.get("event") == RETURNED and _detail(content).get("was_started") is False else 0


def wider(issued: Mapping[str, Any], stored: Mapping[str, Any]) -> str:
    """Return how the ``stored`` grant differs from the record of its issue, as the end of a sentence about the record, or "". A
    later use may have left it shorter runs. A record of 0.1.0 does not tell of their length.
    """
    told, terms, holder = _detail(issued), stored.get("terms"), stored.get("holder")
    uses, left, limit = told.get("uses"), stored.get("left"), told.get("timeout_for")
    begins = "issues a grant that, as it is stored,"
    if (principal := holder.get("principal") if isinstance(holder, dict) else None) != told.get("holder"):
        return f"{begins} is of {principal!a}"
    if stored.get("uses") != uses or type(uses) is not int or type(left) is not int or not 0 <= left <= uses:
        return f"{begins} has {left!a} of {stored.get('uses')!a} uses left, of {uses!a} that were granted"
    for name in ("begins_at", "ends_at"):
        if not _is_same_time(stored.get(name), told.get(name)):
            return f"{begins} has {stored.get(name)!a} as its {name}, where {told.get(name)!a} was granted"
    timeout = terms.get("timeout_for") if isinstance(terms, dict) else None
    if limit is not None and (type(timeout) is not int or type(limit) is not int or timeout > limit):
        return f"{begins} permits runs of {timeout!a} s, where {limit!a} s were granted"
    return ""


def _is_same_time(stored: Any, told: Any) -> bool:
    if not isinstance(stored, str) or told is None:
        return stored is told
    try:
        return (one := stored.replace("Z", "+00:00")) == told or recorded_time(one) == recorded_time(told)
    except ValueError:
        return False


def _detail(content: Mapping[str, Any]) -> Mapping[str, Any]:
    found = content.get("detail")
    return found if isinstance(found, dict) else {}
