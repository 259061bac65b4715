# SPDX-License-Identifier: Apache-2.0
"""A request asks. It lives from its submission until it is decided.

Law: LAW and MAY_CAUSE hold all that decides a request's state. One deny ends it. Nobody reviews their own request. A review
counts only for the fingerprint that was reviewed, and only while its author may still review. One person counts once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from jitd.core import break_glass
from jitd.core.approvers import lack, may_review, tally
from jitd.core.claims import Claims, Point
from jitd.core.command import Command
from jitd.core.decision import Decision, Deny, Obligations, Permit, facts_of, narrow
from jitd.core.deed import deed_of
from jitd.core.effects import ListsChanged, Moment, RequestEnded, RequestWaits, Screen, SetDeadline, TellRequester
from jitd.core.gatekeeping import Heard, Passed, judged, passed, said
from jitd.core.grant import Used
from jitd.core.issuing import issued
from jitd.core.law import Actor, IllegalEvent, Role, check
from jitd.core.opening import Relisted, WaysOpened, changed, deadlines_of, open_ways
from jitd.core.review import Review as Review
from jitd.core.review import Verdict as Verdict
from jitd.core.subject import Subject
from jitd.core.submission import detail_of, lease_for, terms_of, until


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
    """One person asks for one command. Fields before ``state`` never change. ``lock`` is the id of the lock that ended the
    request. ``anew``: no earlier grant may answer it. ``caller`` are facts about the process that asked, if a rule looked at
    them, each with its value. ``at_once``: it does not wait for approvals. ``asking_at`` is since when its gatekeepers are
    asked, None if they are not; ``passed`` is what is kept of their answers. ``seen`` are the facts of the last decision. Of the
    ways to approve those are open whose ``after`` is at most ``opened``. ``visible_to``: see core/visibility.py. ``starts_at`` is
    when the grant is to begin; None: when it is approved. ``extends`` is the live lease for the same that the requester had.
    ``breaks_glass``: it was made by ``--break-glass``.
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
        """True if the client that waits for the request takes its use itself, and no other program will take it later."""
        return self.command.gives or deed_of(self.service).is_executed or self.point is not None

    @property
    def terms(self) -> tuple[int | None, ...]:
        """What the fingerprint has beside the command: seconds and uses of a lease, seconds of running time, and the
        second since 1970 at which a grant begins that begins later.
        """
        return terms_of(self.lasts_for, self.uses, self.timeout_for, self.starts_at)

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
        return detail_of(self.request)


@dataclass(frozen=True, slots=True)
class Screened:
    """Policy answered, and all gatekeepers of its permit (``heard``). ``attended`` is True if a live client waits to hand over
    its streams. ``standing``: see Reviewed.
    """

    life: ClassVar[str] = "request"
    id: str
    by: Actor
    decision: Decision
    attended: bool
    standing: tuple[Subject, ...] = ()
    heard: tuple[Heard, ...] = ()

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of the event."""
        answers = {"gatekeepers": [said(one) for one in self.heard]} if self.heard else {}
        return self.decision.detail() | answers


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
            **self.reviewer.ticket(),
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
"""Maps each state and event to the states that may follow. Ended states are there too, with no events."""

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
"""Maps each event to the roles that may cause it. The daemon withdraws the request of a client that has disconnected."""


NOT_AT_ONCE = "an approval would be owed, and the request does not wait for one"
"""Why a request with ``at_once`` is withdrawn."""


class NotYours(Exception):
    """The reviewer may not review this request: it is their own, or their approval is not owed. Nothing was changed."""


class Stale(Exception):
    """The fingerprint of the review is not that of the request. Nothing was changed."""


def submit(event: Submitted) -> tuple[Request, tuple[Any, ...]]:
    """Return the new request, and what follows."""
    if event.by.role not in MAY_CAUSE[Submitted]:
        raise IllegalEvent(f"a request cannot be submitted by the {event.by.role}")
    made = event.request
    if made.asking_at is None or made.expires_boot is None:
        return made, ()
    deadlines = SetDeadline("request", made.id, made.expires_boot), *deadlines_of(made, made.submitted_boot)
    return made, (*deadlines, Screen(made.id), ListsChanged())


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
        case WaysOpened() | Relisted():
            after, follows = changed(request, event, _approvers(request), now)
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
    ended = replace(request, state=state, because=because, asking_at=None)
    return ended, (TellRequester(request.id), *_to_be_told(request), ListsChanged())


def _to_be_told(request: Request) -> tuple[RequestEnded, ...]:
    return (RequestEnded(request.id),) if request.obligations is not None and request.obligations.notify else ()


def _screened(request: Request, event: Screened, now: Moment) -> Step:
    is_first = request.state is RequestState.SCREENING
    if not is_first and request.asking_at is None:
        raise IllegalEvent(f"nobody was asked about {request.id}, which waits for approvals")
    given, before = event.decision, request.obligations
    if isinstance(given, Permit) and before is not None:
        given = replace(given, obligations=narrow(before, given.obligations))
    decision = judged(given, event.heard, request.claims.reason)
    if isinstance(decision, Deny):
        return _ended(replace(request, rule=decision.rule), RequestState.DENIED, decision.because)
    obligations = decision.obligations
    request = replace(
        until(request, obligations, now),
        rule=decision.rule if is_first else request.rule,
        obligations=obligations,
        lease=lease_for(event.decision, obligations) if is_first else None,
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
    assert request.expires_boot is not None
    deadline, waiting = SetDeadline("request", request.id, request.expires_boot), replace(request, state=RequestState.PENDING)
    return waiting, (
        deadline,
        *deadlines_of(waiting, now.boot),
        TellRequester(request.id),
        RequestWaits(request.id),
        ListsChanged(),
    )


def _approvers(request: Request) -> tuple[Subject, ...]:
    """Return the people who approved ``request``, as they were then."""
    return tuple(review.by for review in request.reviews if review.verdict is Verdict.APPROVE)


def _reviewed(request: Request, event: Reviewed, now: Moment) -> Step:
    before, asked = request.obligations, open_ways(request)
    assert before is not None, "a pending request has its obligations"
    if event.fingerprint != request.fingerprint:
        raise Stale(f"request {request.id} is not what was reviewed")
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
    """Approve the request: issue a grant unless a lease answers, and take its first use if a live client waits."""
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
