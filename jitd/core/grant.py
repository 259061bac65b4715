# SPDX-License-Identifier: Apache-2.0
"""A grant permits a limited number of uses of one command, until a fixed time on the boot clock.

Law: only the tables LAW and MAY_CAUSE decide which state a grant can have. Each use can be taken only once. While a run or a
holding under a grant is live, the grant is ACTIVE and can be revoked. When a grant ends, its runs and holdings end too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from jitd.core.command import Command, run_id, work_of
from jitd.core.decision import Terms, narrow_terms
from jitd.core.deed import deed_of
from jitd.core.edit import Edit, Edits, NewFile, Removal
from jitd.core.effects import Admit, ListsChanged, Moment, SetDeadline
from jitd.core.holding import Account, Giving, Taking
from jitd.core.law import Actor, IllegalEvent, LifeEvent, Role, check
from jitd.core.run import Process, Returned, Starting, StopOrdered
from jitd.core.subject import Subject, User, users
from jitd.core.values import BECAUSE, TEXT, value
from jitd.core.what import Doubted, Login, Program, Things


class GrantState(StrEnum):
    """The state of a grant."""

    ACTIVE = "active"
    SPENT = "spent"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Grant:
    """The permission that a request got. The grant and its request have the same id. ``living`` contains the ids of the grant's
    runs and holdings that have not ended. ``ends_boot`` is in seconds on CLOCK_BOOTTIME. If the requester asked for a later
    start (``jitsudo --at``), ``begins_at`` and ``begins_boot`` are the times of this start. Otherwise they are None.

    ``is_lease`` is True if the requester asked for a time or for a number of uses. ``is_lease`` is False if the requester asked
    for one run only.
    """

    id: str
    holder: Subject
    host: str
    boot_id: str
    service: str
    command: Command
    login_session: int
    rule: str
    because: Annotated[str, TEXT]
    terms: Terms
    issued_at: datetime
    ends_at: datetime
    ends_boot: float
    is_lease: bool
    uses: int
    left: int
    begun: int = 0
    living: tuple[str, ...] = ()
    ended_because: Annotated[str, BECAUSE] = ""
    state: GrantState = GrantState.ACTIVE
    version: int = 1
    begins_at: datetime | None = None
    begins_boot: float | None = None

    @property
    def holdings(self) -> tuple[str, ...]:
        """Those of ``living`` that are holdings: all, or none."""
        match self.command.what:
            case Things():
                return self.living
            case Program() | Edit() | Edits() | NewFile() | Removal() | Login() | Doubted():
                return ()

    @property
    def runs(self) -> tuple[str, ...]:
        """Those of ``living`` that are runs: all, or none."""
        return () if self.holdings else self.living

    @property
    def is_live(self) -> bool:
        """True while the grant permits uses, or while a run or holding under the grant is live."""
        return bool(LAW[self.state])

    def has_begun(self, now: Moment) -> bool:
        """True if the grant may be used. One for later begins when both clocks have reached its start: the boot clock counts from
        the submission, so a wall clock set forward does not begin it, and one set back delays it.
        """
        if self.begins_boot is None or self.begins_at is None:
            return True
        return now.boot >= self.begins_boot and self.begins_at <= now.at < self.ends_at


@dataclass(frozen=True, slots=True)
class GrantEvent(LifeEvent):
    """An event of a grant."""

    life = "grant"


@dataclass(frozen=True, slots=True)
class Issued(GrantEvent):
    """A request was approved. This event creates the grant."""

    grant: Grant

    def detail(self) -> dict[str, Any]:
        """Return all terms of the grant, which are compared with what its approvers have signed."""
        begins = {} if self.grant.begins_at is None else {"begins_at": self.grant.begins_at.isoformat()}
        limit = {} if self.grant.terms.timeout_for is None else {"timeout_for": self.grant.terms.timeout_for}
        told = {"holder": self.grant.holder.principal, "uses": self.grant.uses, "ends_at": self.grant.ends_at.isoformat()}
        return told | limit | begins


@dataclass(frozen=True, slots=True)
class Used(GrantEvent):
    """One use was taken, for ``request``. ``terms`` are the rule's terms at the time of the use. If these terms are stricter than
    the terms of the grant, the stricter terms apply from this use on. ``login`` is the process that wants to begin a login
    session. ``used_by`` are people of whom the request does not say yet that they may be the ones who act.
    """

    request: str
    terms: Terms
    login: Process | None = None
    used_by: tuple[User, ...] = ()

    def detail(self) -> dict[str, Any]:
        return {"request": self.request, **users(self.used_by)}


@dataclass(frozen=True, slots=True)
class Expired(GrantEvent):
    """The time of the grant is over, or the host was rebooted."""


@dataclass(frozen=True, slots=True)
class Revoked(GrantEvent):
    """Somebody ended the grant before its time was over."""

    because: str

    def detail(self) -> dict[str, Any]:
        return {"because": value("because", self.because)}


Event = Used | Returned | Expired | Revoked

LAW: dict[GrantState, dict[type, frozenset[GrantState]]] = {
    GrantState.ACTIVE: {
        Used: frozenset({GrantState.ACTIVE, GrantState.SPENT}),
        Returned: frozenset({GrantState.ACTIVE, GrantState.SPENT}),
        Expired: frozenset({GrantState.ACTIVE, GrantState.EXPIRED}),
        Revoked: frozenset({GrantState.REVOKED}),
    },
    GrantState.SPENT: {},
    GrantState.EXPIRED: {},
    GrantState.REVOKED: {},
}
"""Maps each state and event to the states that may follow. Final states are also in the table, but without events."""

MAY_CAUSE: dict[type, frozenset[Role]] = {
    Issued: frozenset({Role.DAEMON}),
    Used: frozenset({Role.REQUESTER}),
    Returned: frozenset({Role.MONITOR, Role.DAEMON}),
    Expired: frozenset({Role.CLOCK}),
    Revoked: frozenset({Role.REQUESTER, Role.APPROVER, Role.OPERATOR, Role.DAEMON}),
}


class NoUseLeft(IllegalEvent):
    """No use can be taken: all are, or the grant's time is over, or has not begun. Nothing was changed."""


def covers(grant: Grant, subject: Subject, host: str, service: str, command: Command, rule: str, now: Moment) -> bool:
    """True if the live ``grant`` may cover the ``command`` that ``subject`` requests now.

    The grant must have been issued under ``rule``. The grant and the new request must have the same person, account, host, boot,
    service and work. The work is the command or the things (``work_of``). Later requests must be able to use the grant
    (``is_for_other_requests``). A subject without a ticket may also use a grant that the same account got with a ticket. This
    function does not check the approvals of the grant. ``lease.discharges`` checks the approvals.
    """
    return is_for_other_requests(grant) and _is_the_same(grant, subject, host, service, command, rule, now)


def is_for_other_requests(grant: Grant) -> bool:
    """True if later requests can use ``grant``: a lease, and GATE and LOGIN, where each attempt is a request, so even one use is
    left for a later one. An edit was approved for one text, and serves no other.
    """
    match grant.command.what:
        case Edit() | Edits() | NewFile() | Removal():
            return False
        case Program() | Things() | Login() | Doubted():
            return grant.is_lease or deed_of(grant.service).asks_again


def waits_for_its_own(grant: Grant, subject: Subject, host: str, service: str, command: Command, rule: str, now: Moment) -> bool:
    """True if ``grant`` has an unused use for this ``command``, but only an earlier request of ``subject`` can take this use."""
    return not is_for_other_requests(grant) and _is_the_same(grant, subject, host, service, command, rule, now)


def _is_the_same(grant: Grant, subject: Subject, host: str, service: str, command: Command, rule: str, now: Moment) -> bool:
    return (
        grant.state is GrantState.ACTIVE
        and grant.left > 0
        and grant.boot_id == now.boot_id
        and now.boot < grant.ends_boot
        and grant.has_begun(now)
        and grant.rule == rule
        and grant.holder.uid == subject.uid
        and (grant.holder.principal == subject.principal or subject.is_local)
        and grant.host == host
        and grant.service == service
        and not grant.command.lacks_words
        and work_of(grant.command) == work_of(command)
    )


def issue(event: Issued) -> tuple[Grant, tuple[Any, ...]]:
    """Return the new grant and the resulting effects."""
    return event.grant, (SetDeadline("grant", event.id, event.grant.ends_boot),)


def transition(grant: Grant, event: Event, now: Moment) -> tuple[Grant, tuple[Any, ...]]:
    """Return ``grant`` after ``event``, and what follows. If IllegalEvent or NoUseLeft is raised, nothing has changed."""
    check(LAW, MAY_CAUSE, grant.state, event)
    follows: tuple[Any, ...]
    match event:
        case Used():
            if not grant.has_begun(now):
                raise NoUseLeft(f"the time of grant {grant.id} has not begun")
            if grant.left < 1 or now.boot_id != grant.boot_id or now.boot >= grant.ends_boot:
                raise NoUseLeft(f"grant {grant.id} has no use left")
            if (terms := narrow_terms(grant.terms, event.terms)) != grant.terms:
                grant = replace(grant, terms=terms)
            after, follows = _used(grant, event, now)
        case Returned():
            living = tuple(run for run in grant.living if run != event.run)
            # After the end of its time, a grant stays active only for its login sessions, and gets no uses back.
            is_over = now.boot >= grant.ends_boot or now.boot_id != grant.boot_id
            left = grant.left if event.was_started else min(grant.left + 1, grant.uses)
            left = 0 if is_over else left
            spent = left == 0 and not living
            after = replace(grant, left=left, living=living, state=GrantState.SPENT if spent else grant.state)
            follows = ()
        case Expired():
            after, follows = _expired(grant, event)
        case Revoked():
            after, follows = _ended(grant, GrantState.REVOKED, event.by, event.because)
    if after.state not in LAW[grant.state][type(event)]:
        raise IllegalEvent(f"grant {grant.id} cannot go from {grant.state} to {after.state}")
    return replace(after, version=grant.version + 1), follows


def _used(grant: Grant, event: Used, now: Moment) -> tuple[Grant, tuple[Any, ...]]:
    match grant.command.what:
        case Things(names):
            return _giving(grant, names, event, now)
        case Program() | Edit() | Edits() | NewFile() | Removal() | Login() | Doubted():
            return _beginning(grant, event, now)


def _beginning(grant: Grant, event: Used, now: Moment) -> tuple[Grant, tuple[Any, ...]]:
    left, begun = grant.left - 1, grant.begun + 1
    if not deed_of(grant.service, is_login=event.login is not None).has_run:
        is_spent = left == 0 and not grant.living
        after = replace(grant, left=left, begun=begun, state=GrantState.SPENT if is_spent else grant.state)
        return after, (Admit(event.request), ListsChanged())
    run = run_id(grant.id, begun)
    after = replace(grant, left=left, begun=begun, living=(*grant.living, run))
    return after, (Starting(run, event.by, grant.id, event.request, now.at, event.login, event.used_by),)


def _giving(grant: Grant, things: tuple[str, ...], event: Used, now: Moment) -> tuple[Grant, tuple[Any, ...]]:
    to, ends_at, stays = grant.holder.principal, grant.ends_at, grant.command.stays
    ids = tuple(run_id(grant.id, grant.begun + number) for number, _ in enumerate(things, 1))
    after = replace(grant, left=grant.left - 1, begun=grant.begun + len(ids), living=(*grant.living, *ids))
    together, account = ids if len(ids) > 1 else (), Account(grant.holder.user, grant.holder.uid)
    return after, tuple(
        Giving(id, event.by, grant.id, event.request, thing, to, ends_at, stays, now.at, together, event.used_by, account=account)
        for id, thing in zip(ids, things, strict=True)
    )


def _expired(grant: Grant, event: Expired) -> tuple[Grant, tuple[Any, ...]]:
    """Expire the grant. If its login session may go on, it stays active, and revocable, until that ends."""
    if deed_of(grant.service, is_login=bool(grant.living)).may_go_on and grant.terms.session == "keep":
        return replace(grant, left=0), ()
    return _ended(grant, GrantState.EXPIRED, event.by, "its grant has ended")


def _ended(grant: Grant, state: GrantState, by: Actor, because: str) -> tuple[Grant, tuple[Any, ...]]:
    taken = (Taking(held, by, because) for held in grant.holdings)
    stopped = (StopOrdered(run, by, because) for run in grant.runs)
    return replace(grant, state=state, ended_because=because), (*taken, *stopped, ListsChanged())
