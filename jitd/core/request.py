# SPDX-License-Identifier: Apache-2.0
"""A request asks. It lives from its submission until it is decided.

Law: LAW and MAY_CAUSE hold all that decides a request's state. One deny ends it. Nobody reviews their own request. A review
counts only for the fingerprint that was reviewed, and only while its author may still review. One person counts once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from jitd.core.claims import Claims, Point
from jitd.core.command import Command
from jitd.core.decision import Decision, Deny, Obligations, facts_of, narrow
from jitd.core.deed import deed_of
from jitd.core.effects import ListsChanged, Moment, RequestWaits, SetDeadline, TellRequester
from jitd.core.grant import Grant, Issued, Used
from jitd.core.law import DAEMON, Actor, IllegalEvent, Role, check
from jitd.core.policy import may_review, tally
from jitd.core.question import spelled
from jitd.core.subject import Subject


class RequestState(StrEnum):
    """The state of a request."""

    SCREENING = "screening"
    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Verdict(StrEnum):
    """What a person says to a request."""

    APPROVE = "approve"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Review:
    """One person's verdict, as it was given."""

    by: Subject
    verdict: Verdict
    comment: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Request:
    """One person asks for one command. Fields before ``state`` never change. ``lock`` is the id of the lock that ended the
    request. ``anew``: no earlier grant may answer it. ``seen`` are the facts of the last decision (Permit).
    """

    id: str
    requester: Subject
    host: str
    boot_id: str
    service: str
    command: Command
    claims: Claims
    lasts_for: int | None
    uses: int | None
    timeout_for: int | None
    waits: bool
    submitted_at: datetime
    submitted_boot: float
    fingerprint: bytes
    state: RequestState = RequestState.SCREENING
    version: int = 1
    rule: str = ""
    obligations: Obligations | None = None
    expires_at: datetime | None = None
    expires_boot: float | None = None
    reviews: tuple[Review, ...] = ()
    lease: str | None = None
    because: str = ""
    lock: str | None = None
    point: Point | None = None
    anew: bool = False
    seen: tuple[tuple[str, str], ...] = ()

    @property
    def may_act_at_once(self) -> bool:
        """True if the client that waits for the request takes its use itself, and no other program will take it later."""
        return self.command.gives or deed_of(self.service).is_executed or self.point is not None

    @property
    def terms(self) -> tuple[int | None, ...]:
        """What the fingerprint has beside the command: seconds and uses of a lease, and seconds of running time."""
        return self.lasts_for, self.uses, self.timeout_for

    @property
    def is_open(self) -> bool:
        """True until the request is decided, withdrawn or expired."""
        return bool(LAW[self.state])


@dataclass(frozen=True, slots=True)
class Submitted:
    """A person asked. This event creates the request."""

    life: ClassVar[str] = "request"
    id: str
    by: Actor
    request: Request

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event, beside the document's digest."""
        command, claims = self.request.command, self.request.claims
        return {
            "argv": [spelled(a) for a in command.argv],
            "path": spelled(command.path),
            "digest": command.digest.hex(),
            "run_as": f"{command.run_as.user}:{command.run_as.group}",
            "cwd": spelled(command.cwd),
            "reason": claims.reason,
            "service": self.request.service,
            **({"gives": list(command.things), "stays": command.stays} if command.gives else {}),
            **({"options": [spelled(option) for option in command.options]} if command.options else {}),
            **({"doubt": command.doubt} if command.doubt else {}),
            **({} if self.request.point is None else {"point": _point(self.request.point)}),
            "ticket_ends_at": str(self.request.requester.ticket_ends_at),
            "groups": sorted(self.request.requester.groups),
        }


@dataclass(frozen=True, slots=True)
class Screened:
    """Policy answered. ``attended`` is True if a live client waits to hand over its streams."""

    life: ClassVar[str] = "request"
    id: str
    by: Actor
    decision: Decision
    attended: bool

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        decision = self.decision
        if isinstance(decision, Deny):
            told = {"decision": "deny", "why": str(decision.why), "rule": decision.rule, "because": decision.because}
            return {**told, **facts_of(decision)}
        approvals = [[a.need, *a.of_whom] for a in decision.obligations.approvals]
        permits = {"decision": "permit", "rule": decision.rule, "approvals": approvals, "lease": decision.lease}
        return {**permits, **facts_of(decision)}


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A person said yes or no to exactly ``fingerprint``.

    ``decision`` is policy's answer now. ``standing`` are the earlier approvers as they are now; one whose account is gone is
    left out.
    """

    life: ClassVar[str] = "request"
    id: str
    by: Actor
    reviewer: Subject
    verdict: Verdict
    fingerprint: bytes
    comment: str
    decision: Decision
    standing: tuple[Subject, ...]
    attended: bool

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        return {
            "verdict": str(self.verdict),
            "fingerprint": self.fingerprint.hex(),
            "comment": self.comment,
            "groups": sorted(self.reviewer.groups),
            "ticket_ends_at": str(self.reviewer.ticket_ends_at),
            **facts_of(self.decision),
        }


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The requester withdrew the request, or the client disconnected while it waited."""

    life: ClassVar[str] = "request"
    id: str
    by: Actor
    because: str

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        return {"because": self.because}


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """Nobody decided on the request in time."""

    life: ClassVar[str] = "request"
    id: str
    by: Actor

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        return {}


@dataclass(frozen=True, slots=True)
class Locked:
    """The requester was locked, by ``lock``, while the request waited: it is denied."""

    life: ClassVar[str] = "request"
    id: str
    by: Actor
    lock: str
    because: str

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        return {"lock": self.lock, "because": self.because}


Event = Screened | Reviewed | Withdrawn | DeadlinePassed | Locked

LAW: dict[RequestState, dict[type, frozenset[RequestState]]] = {
    RequestState.SCREENING: {
        Screened: frozenset({RequestState.PENDING, RequestState.APPROVED, RequestState.DENIED}),
        Locked: frozenset({RequestState.DENIED}),
        Withdrawn: frozenset({RequestState.WITHDRAWN}),
        DeadlinePassed: frozenset({RequestState.EXPIRED}),
    },
    RequestState.PENDING: {
        Reviewed: frozenset({RequestState.PENDING, RequestState.APPROVED, RequestState.DENIED}),
        Locked: frozenset({RequestState.DENIED}),
        Withdrawn: frozenset({RequestState.WITHDRAWN}),
        DeadlinePassed: frozenset({RequestState.EXPIRED}),
    },
    RequestState.APPROVED: {},
    RequestState.DENIED: {},
    RequestState.WITHDRAWN: {},
    RequestState.EXPIRED: {},
}
"""Maps each state and event to the states that may follow. Ended states are there too, with no events."""

MAY_CAUSE: dict[type, frozenset[Role]] = {
    Submitted: frozenset({Role.REQUESTER}),
    Screened: frozenset({Role.POLICY}),
    Reviewed: frozenset({Role.APPROVER}),
    Withdrawn: frozenset({Role.REQUESTER, Role.DAEMON}),
    DeadlinePassed: frozenset({Role.CLOCK}),
    Locked: frozenset({Role.OPERATOR}),
}
"""Maps each event to the roles that may cause it. The daemon withdraws the request of a client that has disconnected."""


def _point(point: Point) -> dict[str, str | None]:
    return {"stage": point.stage, "remote_host": point.remote_host, "authenticated": point.authenticated}


class NotYours(Exception):
    """The reviewer may not review this request: it is their own, or their approval is not owed. Nothing was changed."""


class Stale(Exception):
    """The fingerprint of the review is not that of the request. Nothing was changed."""


def submit(event: Submitted) -> tuple[Request, tuple[Any, ...]]:
    """Return the new request, and what follows."""
    if event.by.role not in MAY_CAUSE[Submitted]:
        raise IllegalEvent(f"a request cannot be submitted by the {event.by.role}")
    return event.request, ()


def transition(request: Request, event: Event, now: Moment) -> tuple[Request, tuple[Any, ...]]:
    """Return ``request`` after ``event``, and what follows: effects, and events for other lives, in order.

    Raises IllegalEvent, NotYours or Stale, and then changes nothing.
    """
    check(LAW, MAY_CAUSE, request.state, event)
    match event:
        case Screened():
            after, follows = _screened(request, event, now)
        case Reviewed():
            after, follows = _reviewed(request, event, now)
        case Withdrawn():
            after, follows = _ended(request, RequestState.WITHDRAWN, event.because)
        case DeadlinePassed():
            after, follows = _ended(request, RequestState.EXPIRED, "nobody decided in time")
        case Locked():
            after, follows = _ended(replace(request, lock=event.lock), RequestState.DENIED, event.because)
    if isinstance(event, Screened | Reviewed):
        after = replace(after, seen=event.decision.seen or after.seen)
    if after.state not in LAW[request.state][type(event)]:
        raise IllegalEvent(f"{request.id} cannot go from {request.state} to {after.state}")
    return replace(after, version=request.version + 1), follows


Step = tuple[Request, tuple[Any, ...]]


def _ended(request: Request, state: RequestState, because: str) -> Step:
    return replace(request, state=state, because=because), (TellRequester(request.id), ListsChanged())


def _screened(request: Request, event: Screened, now: Moment) -> Step:
    decision = event.decision
    if isinstance(decision, Deny):
        return _ended(replace(request, rule=decision.rule), RequestState.DENIED, decision.because)
    obligations = decision.obligations
    request = replace(
        request,
        rule=decision.rule,
        obligations=obligations,
        lease=decision.lease,
        expires_at=now.at + timedelta(seconds=obligations.expires_for),
        expires_boot=now.boot + obligations.expires_for,
    )
    if decision.lease is not None:
        return _approved(request, event.attended, f"grant {decision.lease} is live", now)
    if tally(obligations.approvals, (), request.requester) == 0:
        return _approved(request, event.attended, f"rule {decision.rule} permits", now)
    assert request.expires_boot is not None
    waiting = replace(request, state=RequestState.PENDING)
    deadline = SetDeadline("request", request.id, request.expires_boot)
    return waiting, (deadline, TellRequester(request.id), RequestWaits(request.id), ListsChanged())


def _reviewed(request: Request, event: Reviewed, now: Moment) -> Step:
    assert request.obligations is not None, "a pending request has its obligations"
    if event.fingerprint != request.fingerprint:
        raise Stale(f"request {request.id} is not what was reviewed")
    if not may_review(request.obligations.approvals, event.reviewer, request.requester):
        raise NotYours(f"{event.reviewer.principal} may not review request {request.id}")
    review = Review(event.reviewer, event.verdict, event.comment, now.at)
    before = request.obligations
    request, who = replace(request, reviews=(*request.reviews, review)), event.reviewer.principal
    if event.verdict is Verdict.DENY:
        said = f': "{event.comment}"' if event.comment else ""
        return _ended(request, RequestState.DENIED, f"denied by {who}{said}")
    if isinstance(event.decision, Deny):
        return _ended(replace(request, rule=event.decision.rule), RequestState.DENIED, event.decision.because)
    obligations = narrow(before, event.decision.obligations)
    request = replace(request, obligations=obligations)
    if tally(obligations.approvals, (*event.standing, event.reviewer), request.requester) > 0:
        return request, (TellRequester(request.id), ListsChanged())
    return _approved(request, event.attended, f"approved by {who}", now)


def _approved(request: Request, attended: bool, because: str, now: Moment) -> Step:
    """Approve the request: issue a grant unless a lease answers, and take its first use if a live client waits."""
    assert request.obligations is not None
    approved = replace(request, state=RequestState.APPROVED, because=because)
    follows: list[Any] = [TellRequester(request.id), ListsChanged()]
    grant = request.lease
    if grant is None:
        grant = request.id
        follows.append(issued(approved, now))
    if attended:
        actor = Actor(Role.REQUESTER, request.requester.principal, request.requester.uid)
        process = request.point.process if request.point else None
        follows.append(Used(grant, actor, request.id, request.obligations.terms, process))
    return approved, tuple(follows)


def issued(approved: Request, now: Moment) -> Issued:
    """Return the event that issues the grant of the ``approved`` request: what it asked for, within what its rule allows."""
    obligations = approved.obligations
    assert obligations is not None, "an approved request has its obligations"
    lasts_for = min(approved.lasts_for or obligations.lasts_for, obligations.lasts_for)
    asked = approved.uses if approved.uses is not None else obligations.uses if approved.lasts_for is not None else 1
    gives = approved.command.gives
    uses = 1 if gives else min(asked, obligations.uses)  # nobody can count how often a ticket is used
    grant = Grant(
        id=approved.id,
        holder=approved.requester,
        host=approved.host,
        boot_id=approved.boot_id,
        service=approved.service,
        command=approved.command,
        login_session=approved.claims.login_session,
        rule=approved.rule,
        because=approved.because,
        terms=obligations.terms,
        issued_at=now.at,
        ends_at=now.at + timedelta(seconds=lasts_for),
        ends_boot=now.boot + lasts_for,
        is_lease=gives or approved.lasts_for is not None or approved.uses is not None,
        uses=uses,
        left=uses,
    )
    return Issued(approved.id, DAEMON, grant)
