# SPDX-License-Identifier: Apache-2.0
"""A request asks: from submission to a decision, which is its end.

Law: whatever decides a request's state stands in LAW and MAY_CAUSE. One deny ends it. Nobody reviews their own. A review counts
only for the fingerprint it was given, only while its author may still give it, and one person counts once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from jitd.core.claims import Claims, Point
from jitd.core.command import Command
from jitd.core.decision import Decision, Deny, Obligations, narrow
from jitd.core.deed import deed_of
from jitd.core.effects import ListsChanged, Moment, RequestWaits, SetDeadline, TellRequester
from jitd.core.grant import Grant, Issued, Used
from jitd.core.law import DAEMON, Actor, IllegalEvent, Role, check
from jitd.core.policy import may_review, tally
from jitd.core.subject import Subject


class RequestState(StrEnum):
    """Where a request stands."""

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
    """One person, one command, one question. Fields before ``state`` never change. ``lock`` is the one that ended it; ``anew``:
    no earlier grant answers it.
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

    @property
    def may_act_at_once(self) -> bool:
        """True if the client that waits for it takes its use: not one that asks beforehand for what another program will do."""
        return self.command.gives or deed_of(self.service).is_executed or self.point is not None

    @property
    def terms(self) -> tuple[int | None, ...]:
        """What was asked for beside the command, as the fingerprint has it."""
        return self.lasts_for, self.uses, self.timeout_for

    @property
    def is_open(self) -> bool:
        """True while somebody, or something, has still to decide."""
        return bool(LAW[self.state])


@dataclass(frozen=True, slots=True)
class Submitted:
    """A person asked. Creates the request."""

    life: ClassVar[str] = "request"
    id: str
    by: Actor
    request: Request

    def detail(self) -> dict[str, Any]:
        """What the chain keeps of it, beside the document's digest."""
        command, claims = self.request.command, self.request.claims
        return {
            "argv": [_spelled(a) for a in command.argv],
            "path": _spelled(command.path),
            "digest": command.digest.hex(),
            "run_as": f"{command.run_as.user}:{command.run_as.group}",
            "cwd": _spelled(command.cwd),
            "reason": claims.reason,
            "service": self.request.service,
            **({"gives": list(command.things), "stays": command.stays} if command.gives else {}),
            **({"options": [_spelled(option) for option in command.options]} if command.options else {}),
            **({"doubt": command.doubt} if command.doubt else {}),
            **({} if self.request.point is None else {"point": _point(self.request.point)}),
            "ticket_ends_at": str(self.request.requester.ticket_ends_at),
            "groups": sorted(self.request.requester.groups),
        }


@dataclass(frozen=True, slots=True)
class Screened:
    """Policy answered. ``attended`` tells whether a live client waits to hand over its streams."""

    life: ClassVar[str] = "request"
    id: str
    by: Actor
    decision: Decision
    attended: bool

    def detail(self) -> dict[str, Any]:
        """What the chain keeps of it."""
        if isinstance(self.decision, Deny):
            return {
                "decision": "deny",
                "why": str(self.decision.why),
                "rule": self.decision.rule,
                "because": self.decision.because,
            }
        approvals = [[a.need, *a.of_whom] for a in self.decision.obligations.approvals]
        return {"decision": "permit", "rule": self.decision.rule, "approvals": approvals, "lease": self.decision.lease}


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A person said yes or no to exactly ``fingerprint``.

    ``decision`` is policy's answer now; ``standing`` are those who approved before, as they are now (left out: who is gone).
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
        """What the chain keeps of it."""
        return {
            "verdict": str(self.verdict),
            "fingerprint": self.fingerprint.hex(),
            "comment": self.comment,
            "groups": sorted(self.reviewer.groups),
            "ticket_ends_at": str(self.reviewer.ticket_ends_at),
        }


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Its requester took it back, or went away while it waited."""

    life: ClassVar[str] = "request"
    id: str
    by: Actor
    because: str

    def detail(self) -> dict[str, Any]:
        """What the chain keeps of it."""
        return {"because": self.because}


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """Nobody decided in time."""

    life: ClassVar[str] = "request"
    id: str
    by: Actor

    def detail(self) -> dict[str, Any]:
        """What the chain keeps of it."""
        return {}


@dataclass(frozen=True, slots=True)
class Locked:
    """Its requester was locked, by ``lock``, while it waited: that is a denial."""

    life: ClassVar[str] = "request"
    id: str
    by: Actor
    lock: str
    because: str

    def detail(self) -> dict[str, Any]:
        """What the chain keeps of it."""
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
"""state × event → the states it may lead to. Total: ended states are there, and empty."""

MAY_CAUSE: dict[type, frozenset[Role]] = {
    Submitted: frozenset({Role.REQUESTER}),
    Screened: frozenset({Role.POLICY}),
    Reviewed: frozenset({Role.APPROVER}),
    Withdrawn: frozenset({Role.REQUESTER, Role.DAEMON}),
    DeadlinePassed: frozenset({Role.CLOCK}),
    Locked: frozenset({Role.OPERATOR}),
}
"""event → who may cause it. The daemon withdraws for a client that is gone."""


def _point(point: Point) -> dict[str, str | None]:
    return {"stage": point.stage, "remote_host": point.remote_host, "authenticated": point.authenticated}


def _spelled(value: bytes) -> str:
    r"""``value`` as text that reads back: what is not UTF-8 as ``\xNN``, a backslash doubled."""
    return value.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


class NotYours(Exception):
    """The reviewer may not review this: it is their own, or no approval that is owed takes them. Nothing was changed."""


class Stale(Exception):
    """The review is of another fingerprint than the request's. Nothing was changed."""


def submit(event: Submitted) -> tuple[Request, tuple[Any, ...]]:
    """Begin the life of ``event.request``."""
    if event.by.role not in MAY_CAUSE[Submitted]:
        raise IllegalEvent(f"a request cannot be submitted by the {event.by.role}")
    return event.request, ()


def transition(request: Request, event: Event, now: Moment) -> tuple[Request, tuple[Any, ...]]:
    """``request`` after ``event``, and what follows: effects, and events for other lives, in order.

    Raises IllegalEvent, NotYours or Stale, and changes nothing then.
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
    request = replace(request, reviews=(*request.reviews, review))
    who = event.reviewer.principal
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
    """The quorum is there: a grant (unless a lease stands for it), and if a live client waits, its first use."""
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
    """The grant that the ``approved`` request gets: what it asked for, within what its rule allows."""
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
