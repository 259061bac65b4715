# SPDX-License-Identifier: Apache-2.0
"""Makes words for a waiting requester. They tell who has approved and which approvals are still needed. They also tell which
environment variables were not kept, and how much of a lease remains.

Law: pure. All text that other people wrote goes through ``shown``.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from jitd.core import approvers
from jitd.core.command import Command, Pairs
from jitd.core.decision import Approval
from jitd.core.effects import Moment
from jitd.core.grant import Grant
from jitd.core.lock import Lock, counted
from jitd.core.request import Request, open_ways
from jitd.core.subject import Identity
from jitd.core.wording import count, listed
from jitd.deciding.seats import Seats
from jitd.verbs.rows import instant
from jitpam.wire import rows
from jitpam.wire.shown import shown

MOST_PEOPLE = 4  # people that are named. With more, the words of the rule are shown instead, which are shorter
MOST_NAMES = 8  # a message about variables that `-E` did not keep names at most this number of variables
SET_ANYWAY = frozenset((b"HOME", b"USER", b"LOGNAME", b"SHELL", b"MAIL", b"PATH", b"PWD", b"OLDPWD", b"SHLVL", b"_"))
"""Variables that are not reported as missing. The command gets its own values for them, or its shell sets them."""
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def counting(request: Request, locks: tuple[Lock, ...], void: Container[str] = ()) -> tuple[Identity, ...]:
    """Return whose approval counts: those without a lock of ``locks`` and with a principal not in ``void``."""
    return tuple(one for one in counted(locks, request) if one.principal not in void)


def answered(standing: Iterable[Identity]) -> list[str]:
    """Return the principals of ``standing``, those whose approvals count."""
    return list(dict.fromkeys(shown(one.principal) for one in standing))


def people_asked(request: Request, seats: Mapping[Approval, Seats], standing: Iterable[Identity]) -> list[str] | None:
    """Return a sorted list of those who could review ``request`` in one of the ways of approval that are open now: the accounts
    of people, and the principals of those who come by the door. Those whose approvals count (``standing``) are left out. Who has
    muted their notices is left out, unless nobody else is left. Return None if the list may be incomplete or is too long to be
    shown. ``seats`` maps each way of approval, open or closed, to the people who could approve.
    """
    found = [one for way, one in seats.items() if way.after <= request.opened]
    people = not_yet((account for one in found for account in one.people), standing)
    muted = {account for one in found for account in one.muted if account not in one.visitors}  # visitors get none, and look
    people = people - muted or people
    names = sorted(map(shown, people))
    return names if all(one.is_whole for one in found) and len(names) <= MOST_PEOPLE else None


def not_yet(people: Iterable[str], standing: Iterable[Identity]) -> set[str]:
    """Return the accounts in ``people`` without those of ``standing``, who have approved."""
    return set(people).difference(account for one in standing for account in (one.account, one.person, one.principal))


def owes(request: Request, standing: tuple[Identity, ...]) -> str:
    """Return a few words that name the approvals that ``request`` still needs, such as ``1 security``. If ``request`` needs no
    more approvals, return an empty string. ``standing`` are those whose approvals count.
    """
    if request.obligations is None or not request.is_open:
        return ""
    return shown(approvers.owes(open_ways(request), standing, request.requester))


def not_kept(preserved: Pairs, command: Command) -> str:
    """Return a sentence that names the variables of ``preserved`` (``-E``) that ``command`` lacks, or ""."""
    kept = {name for name, _ in (*command.variables, *command.locale)} | SET_ANYWAY
    names = sorted({shown(name) for name, _ in preserved if name not in kept})
    if not names:
        return ""
    more = len(names) - MOST_NAMES
    told = f"{', '.join(names[:MOST_NAMES])} and {more} more" if more > 0 else listed(tuple(names), "and")
    return f"-E did not keep {count(len(names), 'variable')} that the rule does not allow: {told}"


def lease_used(lease: Grant, now: Moment) -> str:
    """Return words about the uses and the time that are left of ``lease``, such as ``lease K7QM-2XVD: 3 uses, 42 min left``."""
    return f"lease {lease.id}: {count(lease.left, 'use')}, {about(lease.ends_boot - now.boot)} left"


def about(seconds: float) -> str:
    """Return ``seconds`` in the largest unit that fits. Hours and days are followed by the next smaller unit: ``42 min``, ``2 h 5
    min``. All smaller units are dropped.
    """
    left = max(0, int(seconds))
    for place, (size, unit) in enumerate(_UNITS):
        if left >= size:
            n, rest = divmod(left, size)
            smaller, its_unit = _UNITS[place + 1] if place < 2 else (1, "")
            return f"{n} {unit} {rest // smaller} {its_unit}" if place < 2 and rest >= smaller else f"{n} {unit}"
    return "0 s"


def lease_row(lease: Grant | None) -> rows.Lease | None:
    """Return the row that an approver reads about the ``lease`` that a request extends. Return None if there is no lease."""
    if lease is None:
        return None
    return rows.Lease(id=lease.id, state=str(lease.state), uses=lease.uses, left=lease.left, ends_at=instant(lease.ends_at))
