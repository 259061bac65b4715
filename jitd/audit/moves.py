# SPDX-License-Identifier: Apache-2.0
"""Tells whether a record of a life is a move that its life cycle allows, whether what it follows from was recorded with it, and
whether a grant is used and stored as it was issued.

Law: pure, for Python 3.9 and later. Part of verify.py. Who lies about a life has to lie in a legal move: what the daemon could
not have written is told, however well it is sealed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from jitd.audit.receipted import ISSUED
from jitd.audit.times import recorded_time
from jitd.core.moves import APPROVED, GIVING, IDS, MOVES, NOT_BEGUN, NOTHING, RETURNED, ROLES, STARTING, USED

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
EARLY = 0.001  # seconds: a record has the boot clock in microseconds


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


_IDS = {kind: re.compile(form) for kind, form in IDS.items()}


def is_id(life: str, id: Any) -> bool:
    """True if ``id`` is one that jitd gives to an object of this ``life``."""
    return isinstance(id, str) and _IDS[life].fullmatch(id) is not None


# --- what is recorded together -------------------------------------------------------------------------------------------


class Link(NamedTuple):
    """What the record of one event says to another event of the same commit, if ``is_cause``, or needs of it: both have the same
    ``key``. ``fault`` says that it is missing, as the end of a sentence.
    """

    is_cause: bool
    key: tuple[str, ...]
    fault: str = ""


LINKED = {ISSUED, USED, RETURNED, STARTING, GIVING, *NOT_BEGUN}
"""The events that may have a link. So may each that leaves something APPROVED."""


def link_of(content: Mapping[str, Any]) -> Link | None:
    """Return the link of the record ``content``, or None if it stands for itself."""
    event = content.get("event")
    if event not in LINKED and content.get("state") != APPROVED:
        return None
    id, detail = str(content.get("id")), _detail(content)
    if event == ISSUED:
        return Link(False, (ISSUED, id), "issues a grant, and its request was not approved with it")
    if event == USED:
        return Link(True, (USED, id, str(detail.get("request"))))
    if event in (STARTING, GIVING):
        grant, owner = str(detail.get("grant")), id.partition(".")[0]
        key = USED, grant if grant == owner else "", str(detail.get("request"))
        return Link(False, key, "begins under a grant of which no use was taken for it")
    if event == RETURNED and detail.get("was_started") is False:
        key = RETURNED, id, str(detail.get("run"))
        return Link(False, key, "gives back the use of what has not ended unbegun with it")
    if event in NOT_BEGUN and detail.get("ending") == NOT_BEGUN[str(event)]:
        return Link(True, (RETURNED, id.partition(".")[0], id))
    if str(event).startswith("request.") and content.get("state") == APPROVED:
        return Link(True, (ISSUED, id))
    return None


class Together:
    """Knows what the records of the present commit have caused. All records of a commit have the same time, which no other has,
    as long as the clock goes forward. ``is_begun`` says that the first record may be in the middle of a commit.
    """

    def __init__(self, at: Any = None, caused: Iterable[tuple[str, ...]] = (), *, is_begun: bool = False) -> None:
        self._at = at
        self._is_begun = is_begun
        self._is_unknown = is_begun
        self._caused = set(caused)
        self._aside: set[tuple[str, ...]] = set()

    def take(self, at: Any, link: Link) -> str:
        """Return what is missing for a record of the time ``at``, or ""."""
        self._begin(at)
        if link.is_cause:
            self._caused.add(link.key)
        elif link.key in self._caused:
            if link.key[0] != USED:
                self._caused.remove(link.key)
        elif link.key in self._aside:
            self._aside.remove(link.key)
        elif not self._is_unknown:
            return link.fault
        return ""

    def caused(self) -> tuple[str, list[tuple[str, ...]]]:
        """Return the time of the present commit, and what it has caused so far."""
        return str(self._at), list(self._caused)

    def hides(self, at: Any) -> None:
        """A record of the time ``at`` cannot be read whole: what it has caused is not known."""
        self._begin(at)
        self._is_unknown = True

    def set_aside(self, run: str) -> None:
        """The open ``run`` was damaged: when it ends, its grant alone is told."""
        self._aside.add((RETURNED, run.partition(".")[0], run))

    def _begin(self, at: Any) -> None:
        if at != self._at:
            self._is_unknown = self._is_begun and self._at is None
            self._at, self._caused = at, set()


# --- the uses of a grant -------------------------------------------------------------------------------------------------


class Illegal(Exception):
    """The text is the end of a sentence about the record."""


class Step(NamedTuple):
    """A use of a grant that is taken (``by`` is 1) or given back (-1), when, and by whom. ``boot`` is None if it is not known.
    ``is_own`` says that the grant was issued for the same request.
    """

    by: int
    boot_id: str
    boot: float | None
    at: str
    actor: str
    is_own: bool


@dataclass
class Held:
    """A grant as its issue and its uses say. ``left`` is what is stored as left, or None if that is not known. It ends at
    ``ends`` on the boot clock; if it was asked for later, both its bounds are times of the calendar.
    """

    holder: str
    uses: int
    left: int | None
    boot_id: str
    begins_at: str
    ends_at: str
    ends: float | None
    taken: int = 0

    def take(self, step: Step) -> None:
        """Take or give back a use. Raises Illegal."""
        taken = self.taken + step.by
        if taken > self.uses:
            raise Illegal(f"takes use {taken} of a grant with {self.uses}")
        if taken < 0:
            raise Illegal("gives back a use that was not taken")
        if step.by > 0:
            if step.boot_id != self.boot_id:
                raise Illegal("takes a use of a grant that was issued before this boot")
            if self.ends is not None and step.boot is not None and step.boot >= self.ends + EARLY:
                raise Illegal(f"takes a use {step.boot - self.ends:.3f} s after the grant has ended")
            if self.begins_at and not _is_within(self.begins_at, step.at, self.ends_at):
                raise Illegal(f"takes a use that is not between {self.begins_at} and {self.ends_at}")
            # A later use may be of a request that was made without a ticket, which any principal of the account resumes.
            if step.is_own and step.actor != self.holder and _is_proved(step.actor) and _is_proved(self.holder):
                raise Illegal(f"takes a use of a grant of {self.holder!a} by {step.actor!a}")
        self.taken = taken

    def end(self) -> None:
        """Raises Illegal if more is stored as left than is left after the last record."""
        if self.left is not None and self.left > self.uses - self.taken:
            raise Illegal(
                f"leaves {self.uses - self.taken} of {self.uses} uses, and as the grant is stored, it has {self.left} left"
            )


def held_of(content: Mapping[str, Any]) -> Held:
    """Return the grant that the record ``content`` issues. What is stored of it is not known. Raises Illegal."""
    detail, boot = _detail(content), _boot(content)
    uses, begins_at, ends_at = detail.get("uses"), detail.get("begins_at"), detail.get("ends_at")
    if type(uses) is not int or uses < 1:
        raise Illegal(f"grants {uses!a} uses")
    try:
        lasts_for = (_told_time(ends_at) - _told_time(begins_at or content.get("at"))).total_seconds()
    except (ValueError, TypeError, OverflowError):
        raise Illegal(f"issues a grant that ends at {ends_at!a}") from None
    ends = None if begins_at is not None or boot is None else boot + lasts_for
    return Held(str(detail.get("holder")), uses, None, str(content.get("boot_id")), str(begins_at or ""), str(ends_at), ends)


def step_of(content: Mapping[str, Any]) -> Step | None:
    """Return the step that the record ``content`` of a grant is, or None."""
    event = content.get("event")
    by = 1 if event == USED else -1 if event == RETURNED and _detail(content).get("was_started") is False else 0
    boot_id, at, actor = (str(content.get(name)) for name in ("boot_id", "at", "actor"))
    is_own = by > 0 and _detail(content).get("request") == content.get("id")
    return Step(by, boot_id, _boot(content), at, actor, is_own) if by else None


def _told_time(text: Any) -> datetime:
    """Is faster than ``recorded_time``, and takes more than the one spelling. Raises ValueError or TypeError."""
    return datetime.fromisoformat(text)


def _boot(content: Mapping[str, Any]) -> float | None:
    try:
        return float(str(content.get("boot")))
    except ValueError:
        return None


def _is_within(begins_at: str, at: str, ends_at: str) -> bool:
    try:
        return _told_time(begins_at) <= _told_time(at) < _told_time(ends_at)
    except (ValueError, TypeError):
        return False


def _is_proved(principal: str) -> bool:
    """True if ``principal`` has a realm. Without a ticket, the same account may use what it got with one."""
    return "@" in principal and not principal.startswith(("local:", "pam:"))


def wider(issued: Mapping[str, Any], held: Held, stored: Mapping[str, Any]) -> str:
    """Return how the ``stored`` grant differs from ``issued``, the record of its issue, of which ``held`` was made, as the end of
    a sentence about the record, or "". A later use may have left it shorter runs. A record of 0.1.0 does not tell their length.
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
    ends, ends_boot = held.ends, stored.get("ends_boot")
    if ends is not None and not (isinstance(ends_boot, (int, float)) and ends_boot < ends + EARLY):
        return f"{begins} ends at {ends_boot!a} on the boot clock, where {ends:.6f} was granted"
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
