# SPDX-License-Identifier: Apache-2.0
"""A request: one person asks for a command or for things. A request begins with its submission and ends with the decision.

Law: only the tables LAW and MAY_CAUSE decide which state a request can have. One deny ends the request. Nobody reviews their own
request. A review counts only for the reviewed fingerprint, and only while its author may still review. Each person counts once.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from jitd.core import break_glass
from jitd.core.approvers import lack, may_review, tally
from jitd.core.changed import replace
from jitd.core.claims import Claims, Point
from jitd.core.command import Command
from jitd.core.decision import Decision, Deny, Obligations, Permit, facts_of, narrow
from jitd.core.deed import deed_of
from jitd.core.effects import ListsChanged, Moment, RequestEnded, RequestWaits, Screen, SetDeadline, TellRequester
from jitd.core.frozen import dataclass
from jitd.core.gatekeeping import Heard, Passed, judged, passed, said
from jitd.core.grant import Used
from jitd.core.issuing import issued
from jitd.core.law import Actor, IllegalEvent, Role, check
from jitd.core.opening import Relisted, WaysOpened, changed, deadlines_of, open_ways
from jitd.core.review import Review as Review
from jitd.core.review import Verdict as Verdict
from jitd.core.subject import Subject
from jitd.core.submission import decide_by, detail_of, lease_for, terms_of


class RequestState(StrEnum):
    """The state of a request."""

    SCREENING = "screening"
    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Request:
    """A request of one person. Fields before ``state`` never change. ``lock`` is the id of the lock that ended the request.
    ``anew``: no earlier grant may be used for the request. ``caller``: facts about the calling process; the rules used these
    facts. ``at_once``: the request does not wait for approvals. ``asking_at``: when jitd began to query gatekeepers; None if no
    query is open. ``passed``: the stored answers of gatekeepers that did not deny. ``seen``: the facts of the last decision. A
    way to approve is open if its ``after`` is at most ``opened``. ``visible_to``: see core/visibility.py. ``starts_at``: the
    requested start of the grant; None if the grant starts at the approval. ``extends``: an earlier live lease of the requester,
    which this request extends. ``breaks_glass``: the requester typed ``--break-glass``.
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
    caller: tuple[tuple[str, str], ...] = ()
    at_once: bool = False
    asking_at: datetime | None = None
    passed: tuple[Passed, ...] = ()
    seen: tuple[tuple[str, str], ...] = ()
    opened: int = 0
    visible_to: tuple[str, ...] | None = None
    starts_at: datetime | None = None
    extends: str | None = None
    breaks_glass: bool = False

    @property
    def may_act_at_once(self) -> bool:
        """True if the waiting client itself uses the grant. False if another program uses the grant later."""
        return self.command.gives or deed_of(self.service).is_executed or self.point is not None

    @property
    def terms(self) -> tuple[int | None, ...]:
        """The parts of the fingerprint that are not about the command. These are the time of a lease in seconds, the number of
        its uses, and the running time in seconds. If the grant begins later, the result also contains its start, in seconds
        since 1970.
        """
        return terms_of(self.lasts_for, self.uses, self.timeout_for, self.starts_at)

    @property
    def is_open(self) -> bool:
        """True until the request is decided, withdrawn or expired."""
        return bool(LAW[self.state])


@dataclass(frozen=True, slots=True)
class Submitted:
    """A person submitted a request. This event creates the request."""

    life: ClassVar[str] = "request"
    id: str
    by: Actor
    request: Request

    def detail(self) -> dict[str, Any]:
        """Return the details that the chain stores about this event. The chain also stores a digest of the request."""
        return detail_of(self.request)


@dataclass(frozen=True, slots=True)
class Screened:
    """The policy has answered. If the answer is a permit, jitd has also queried its gatekeepers: ``heard`` contains their
    answers. ``attended`` is True if a connected client waits to pass its standard streams. ``standing``: see Reviewed.
    """

    life: ClassVar[str] = "request"
    id: str
    by: Actor
    decision: Decision
    attended: bool
    standing: tuple[Subject, ...] = ()
    heard: tuple[Heard, ...] = ()

    def detail(self) -> dict[str, Any]:
        """Return the details that the chain stores about this event."""
        answers = {"gatekeepers": [said(one) for one in self.heard]} if self.heard else {}
        return self.decision.detail() | answers


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A person approved or denied the request with exactly this ``fingerprint``.

    ``decision`` is the current answer of the policy. ``standing`` contains the earlier approvers with their current data.
    Approvers whose account is missing, or whom the KDC refuses, are not included.
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
        """Return the details that the chain stores about this event."""
        return {
            "verdict": str(self.verdict),
            "fingerprint": self.fingerprint.hex(),
            "comment": self.comment,
            "groups": sorted(self.reviewer.groups),
            **self.reviewer.ticket(),
            **facts_of(self.decision),
        }


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The requester withdrew the waiting request, or the waiting client disconnected."""

    life: ClassVar[str] = "request"
    id: str
    by: Actor
    because: str

    def detail(self) -> dict[str, Any]:
        """Return the details that the chain stores about this event."""
        return {"because": self.because}


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """Nobody decided on the request in time."""

    life: ClassVar[str] = "request"
    id: str
    by: Actor

    def detail(self) -> dict[str, Any]:
        """Return the details that the chain stores about this event."""
        return {}


@dataclass(frozen=True, slots=True)
class Locked:
    """``lock`` locked the requester while the request waited. Therefore the request is denied."""

    life: ClassVar[str] = "request"
    id: str
    by: Actor
    lock: str
    because: str

    def detail(self) -> dict[str, Any]:
        """Return the details that the chain stores about this event."""
        return {"lock": self.lock, "because": self.because}


Event = Screened | Reviewed | WaysOpened | Relisted | Withdrawn | DeadlinePassed | Locked

LAW: dict[RequestState, dict[type, frozenset[RequestState]]] = {
    RequestState.SCREENING: {
        Screened: frozenset({RequestState.PENDING, RequestState.APPROVED, RequestState.DENIED, RequestState.WITHDRAWN}),
        WaysOpened: frozenset({RequestState.SCREENING}),
        Locked: frozenset({RequestState.DENIED}),
        Withdrawn: frozenset({RequestState.WITHDRAWN}),
        DeadlinePassed: frozenset({RequestState.EXPIRED}),
    },
    RequestState.PENDING: {
        Screened: frozenset({RequestState.PENDING, RequestState.APPROVED, RequestState.DENIED}),
        Reviewed: frozenset({RequestState.PENDING, RequestState.APPROVED, RequestState.DENIED}),
        WaysOpened: frozenset({RequestState.PENDING}),
        Relisted: frozenset({RequestState.PENDING}),
        Locked: frozenset({RequestState.DENIED}),
        Withdrawn: frozenset({RequestState.WITHDRAWN}),
        DeadlinePassed: frozenset({RequestState.EXPIRED}),
    },
    RequestState.APPROVED: {},
    RequestState.DENIED: {},
    RequestState.WITHDRAWN: {},
    RequestState.EXPIRED: {},
}
"""Maps each state and event to the states that may follow. Final states are also in the table, but without events."""

MAY_CAUSE: dict[type, frozenset[Role]] = {
    Submitted: frozenset({Role.REQUESTER}),
    Screened: frozenset({Role.POLICY}),
    Reviewed: frozenset({Role.APPROVER}),
    WaysOpened: frozenset({Role.CLOCK}),
    Relisted: frozenset({Role.POLICY}),
    Withdrawn: frozenset({Role.REQUESTER, Role.DAEMON}),
    DeadlinePassed: frozenset({Role.CLOCK}),
    Locked: frozenset({Role.OPERATOR}),
}
"""Maps each event to the roles that may cause it. If a client has disconnected, the daemon withdraws the request."""


NOT_AT_ONCE = "an approval would be owed, and the request does not wait for one"
"""The reason why a request with ``at_once`` is withdrawn."""


class NotYours(Exception):
    """The reviewer is not allowed to give this verdict about the request. No object was changed."""


class Stale(Exception):
    """The fingerprint in the review differs from the fingerprint of the request. No object was changed."""


def submit(event: Submitted) -> tuple[Request, tuple[Any, ...]]:
    """Return the new request and the resulting effects."""
    if event.by.role not in MAY_CAUSE[Submitted]:
        raise IllegalEvent(f"a request cannot be submitted by the {event.by.role}")
    made = event.request
    if made.asking_at is None or made.expires_boot is None:
        return made, ()
    deadlines = SetDeadline("request", made.id, made.expires_boot), *deadlines_of(made, made.submitted_boot)
    return made, (*deadlines, Screen(made.id), ListsChanged())


def transition(request: Request, event: Event, now: Moment) -> tuple[Request, tuple[Any, ...]]:
    """Apply ``event``. Return the new ``request``. Also return the resulting effects and events for other life cycles, in their
    order.

    If IllegalEvent, NotYours or Stale is raised, no object has changed.
    """
    check(LAW, MAY_CAUSE, request.state, event)
    match event:
        case Screened():
            after, follows = _screened(request, event, now)
        case Reviewed():
            after, follows = _reviewed(request, event, now)
        case WaysOpened() | Relisted():
            after, follows = changed(request, event, _approvers(request), now)
        case Withdrawn():
            after, follows = _ended(request, RequestState.WITHDRAWN, event.because)
        case DeadlinePassed():
            after, follows = _ended(request, RequestState.EXPIRED, "nobody decided in time")
        case Locked():
            after, follows = _ended(replace(request, lock=event.lock), RequestState.DENIED, event.because)
    seen = event.decision.seen if isinstance(event, Screened | Reviewed) else ()
    if after.state not in LAW[request.state][type(event)]:
        raise IllegalEvent(f"{request.id} cannot go from {request.state} to {after.state}")
    return replace(after, seen=seen or after.seen, version=request.version + 1), follows


Step = tuple[Request, tuple[Any, ...]]


def _ended(request: Request, state: RequestState, because: str) -> Step:
    ended = replace(request, state=state, because=because, asking_at=None)
    return ended, (TellRequester(request.id), *_to_be_told(request), ListsChanged())


def _to_be_told(request: Request) -> tuple[RequestEnded, ...]:
    return (RequestEnded(request.id),) if request.obligations is not None and request.obligations.notify else ()


def _screened(request: Request, event: Screened, now: Moment) -> Step:
    is_first = request.state is RequestState.SCREENING
    if not is_first and request.asking_at is None:
        raise IllegalEvent(f"request {request.id} waits for approvals, and has no open query of gatekeepers")
    given, before = event.decision, request.obligations
    if isinstance(given, Permit) and before is not None:
        given = replace(given, obligations=narrow(before, given.obligations))
    decision = judged(given, event.heard, request.claims.reason)
    if isinstance(decision, Deny):
        return _ended(replace(request, rule=decision.rule), RequestState.DENIED, decision.because)
    expires_at, expires_boot = decide_by(request, decision.obligations, now)
    request = replace(
        request,
        expires_at=expires_at,
        expires_boot=expires_boot,
        rule=decision.rule if is_first else request.rule,
        obligations=decision.obligations,
        lease=lease_for(event.decision, decision.obligations) if is_first else None,
        asking_at=None,
        passed=passed(event.heard, now.at),
    )
    if request.lease is not None:
        return _approved(request, event.attended, f"grant {request.lease} is live", now)
    if tally(open_ways(request), event.standing, request.requester) == 0:
        because = (
            f"approved by {approvers[-1].principal}" if (approvers := _approvers(request)) else f"rule {request.rule} permits"
        )
        return _approved(request, event.attended, because, now)
    if request.at_once:
        return _ended(request, RequestState.WITHDRAWN, NOT_AT_ONCE)
    deadline, waiting = SetDeadline("request", request.id, expires_boot), replace(request, state=RequestState.PENDING)
    told = TellRequester(request.id), RequestWaits(request.id), ListsChanged()
    return waiting, (deadline, *deadlines_of(waiting, now.boot), *told)


def _approvers(request: Request) -> tuple[Subject, ...]:
    """Return the people who approved ``request``, with the data that they had when they approved."""
    return tuple(review.by for review in request.reviews if review.verdict is Verdict.APPROVE)


def _reviewed(request: Request, event: Reviewed, now: Moment) -> Step:
    before, asked = request.obligations, open_ways(request)
    assert before is not None, "a pending request has its obligations"
    if event.fingerprint != request.fingerprint:
        raise Stale(f"the reviewed fingerprint is not that of request {request.id}")
    who, reviewer = event.reviewer.principal, event.reviewer.looked_at(now.at)
    lacks = lack(asked, reviewer, request.requester) if event.verdict is Verdict.APPROVE else ""
    if lacks or not may_review(asked, reviewer, request.requester):
        raise NotYours(f"{who} may not {event.verdict} request {request.id}" + (f": its rule {lacks}" if lacks else ""))
    review = Review(reviewer, event.verdict, event.comment, now.at)
    request = replace(request, reviews=(*request.reviews, review))
    if event.verdict is Verdict.DENY:
        said = f': "{event.comment}"' if event.comment else ""
        return _ended(request, RequestState.DENIED, f"denied by {who}{said}")
    if isinstance(event.decision, Deny):
        return _ended(replace(request, rule=event.decision.rule), RequestState.DENIED, event.decision.because)
    obligations = narrow(before, event.decision.obligations)
    request = replace(request, obligations=obligations)
    if tally(open_ways(request), (*event.standing, reviewer), request.requester) > 0:
        return replace(request, asking_at=None), (*deadlines_of(request, now.boot), TellRequester(request.id), ListsChanged())
    if obligations.gatekeepers:
        asking = replace(request, asking_at=request.asking_at or now.at)
        return asking, (TellRequester(request.id), ListsChanged(), Screen(request.id))
    return _approved(request, event.attended, f"approved by {who}", now)


def _approved(request: Request, attended: bool, because: str, now: Moment) -> Step:
    """Approve the request. If no lease covers the request, issue a grant. If a client waits and no later start was requested,
    take a use of the grant or lease.
    """
    assert request.obligations is not None
    approved = replace(request, state=RequestState.APPROVED, because=because)
    follows: list[Any] = [TellRequester(request.id), *_to_be_told(request), ListsChanged()]
    grant = request.lease
    if grant is None:
        grant = request.id
        follows += (issued(approved, now), *break_glass.begun(approved, now))
    if attended and request.starts_at is None:
        actor = Actor(Role.REQUESTER, request.requester.principal, request.requester.uid)
        process = request.point.process if request.point else None
        follows.append(Used(grant, actor, request.id, request.obligations.terms, process))
    return approved, tuple(follows)
