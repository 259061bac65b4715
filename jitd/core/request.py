# SPDX-License-Identifier: Apache-2.0
"""A request: one person asks for a command or for things. A request begins with its submission and ends with the decision.

Law: only the tables LAW and MAY_CAUSE decide which state a request can have. One deny ends the request. Nobody reviews their own
request. A review counts only for the reviewed fingerprint, and only while its author may still review. Each person counts once.
Only the clock opens a way to approve, and never before its time. A deadline never changes after it was set. A grant never permits
more than the request asked for, and never more than the rule allows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from jitd.core.approvers import lack, may_review, tally
from jitd.core.asked_terms import AskedTerms
from jitd.core.authentication import KdcAnswer
from jitd.core.claims import COMMAND, Claims, Point
from jitd.core.command import Command
from jitd.core.decision import Approval, Decision, Deny, Obligations, Permit, facts_of, narrow
from jitd.core.deed import deed_of
from jitd.core.edit import Edit, Edits, NewFile, Removal
from jitd.core.effects import ListsChanged, Moment, Notify, RequestWaits, Screen, SetDeadline, TellRequester, WayOpened
from jitd.core.gatekeeping import Heard, Passed, judged, passed, said
from jitd.core.grade import damage, rows, worst
from jitd.core.grant import Grant, Issued, Used
from jitd.core.law import DAEMON, ByDoor, IllegalEvent, LifeEvent, Role, check
from jitd.core.owed_review import Begun, OwedReview
from jitd.core.public_key import told_of
from jitd.core.receipt import LEVELS, Receipt, detail_of, proved_by
from jitd.core.script import Script
from jitd.core.spelling import spelled
from jitd.core.subject import Identity, Subject
from jitd.core.values import FACTS, MANY, TEXT, TYPED, Inline, Value, value
from jitd.core.ways import Open, next_after, opened
from jitd.core.what import Doubted, Login, Program, Things
from jitd.core.wording import with_words

WAY, LISTS = "way", "lists"
"""Two kinds of a request's deadlines: the next way to approve opens, and lists of approvers are fetched again."""
LISTS_EVERY = 30  # seconds between two fetches of the lists that limit the approvers of a waiting request


class RequestState(StrEnum):
    """The state of a request."""

    SCREENING = "screening"
    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Verdict(StrEnum):
    """The two possible answers of a person who reviews a request."""

    APPROVE = "approve"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Review:
    """The verdict that one person gave."""

    by: Identity
    verdict: Verdict
    comment: Annotated[str, TYPED]
    at: datetime
    way: ByDoor | None = None  # the way through the door, as the carrier told it. None for a review on this host.
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A request of one person. Fields before ``state`` never change. ``lock`` is the id of the lock that ended the request.
    ``anew``: no earlier grant may be used for the request. ``caller``: facts about the calling process; the rules used these
    facts. ``at_once``: the request does not wait for approvals. ``asking_at``: when jitd began to query gatekeepers; None if no
    query is open. ``passed``: the stored answers of gatekeepers that did not deny. ``seen``: the facts of the last decision. A
    way to approve is open if its ``after`` is at most ``opened``. ``visible_to``: see core/visibility.py. ``starts_at``: the
    requested start of the grant; None if the grant starts at the approval. ``extends``: an earlier live lease of the requester,
    which this request extends. ``breaks_glass``: the requester typed ``--break-glass``. ``scripts``: the texts that approvers
    read; the store keeps the texts themselves apart.
    """

    id: str
    requester: Subject
    host: str
    boot_id: str
    service: str
    command: Command
    claims: Claims
    terms: Annotated[AskedTerms, Inline({"starts_at": "visible_to"})]
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
    because: Annotated[str, TEXT] = ""
    lock: str | None = None
    point: Point | None = None
    anew: bool = False
    caller: Annotated[tuple[tuple[str, str], ...], MANY] = ()
    at_once: bool = False
    asking_at: datetime | None = None
    passed: tuple[Passed, ...] = ()
    seen: Annotated[tuple[tuple[str, str], ...], FACTS] = ()
    opened: int = 0
    visible_to: tuple[str, ...] | None = None
    extends: str | None = None
    breaks_glass: bool = False
    scripts: Annotated[tuple[Script, ...], MANY] = ()

    @property
    def may_act_at_once(self) -> bool:
        """True if the waiting client itself uses the grant. False if another program uses the grant later."""
        return bool(self.command.things) or deed_of(self.service).is_executed or self.point is not None

    @property
    def has_sudos_environment(self) -> bool:
        """True if sudo's approval plugin asks. Then sudoers has decided about the variables of the command."""
        return self.point is not None and self.point.stage == COMMAND

    @property
    def is_open(self) -> bool:
        """True until the request is decided, withdrawn or expired."""
        return bool(LAW[self.state])


@dataclass(frozen=True, slots=True)
class RequestEvent(LifeEvent):
    """An event of a request."""

    life = "request"


@dataclass(frozen=True, slots=True)
class Submitted(RequestEvent):
    """A person submitted a request. This event creates the request."""

    request: Request

    def detail(self) -> dict[str, Any]:
        request = self.request
        command, claims = request.command, request.claims
        words = [spelled(word) for word in command.told_argv]
        return {
            "argv": [words[0], Value("argv", words[1:])] if words[1:] else words,
            "path": spelled(command.path),
            "digest": value("digest", command.digest.hex()),
            "run_as": f"{command.run_as.user}:{command.run_as.group}",
            "run_as_uid": command.run_as.uid,
            "account": request.requester.user,
            "cwd": value("cwd", spelled(command.cwd)),
            "reason": value("reason", claims.reason),
            "service": request.service,
            **_kind(command),
            **({"brought": Value("brought", told_of(command.brought))} if command.brought else {}),
            **_graded(command),
            **({"options": Value("options", [spelled(option) for option in command.options])} if command.options else {}),
            **_beside(command, request.terms),
            **({"break_glass": True} if request.breaks_glass else {}),
            **({} if request.waits else {"waits": False}),
            **({} if request.point is None else {"point": _point(request.point)}),
            **({} if request.terms.starts_at is None else {"starts_at": request.terms.starts_at.isoformat()}),
            **({} if request.extends is None else {"extends": request.extends}),
            **request.requester.ticket(),
            **request.requester.membership(),
            **request.requester.users(),
        }


def _kind(command: Command) -> dict[str, Any]:
    match command.what:
        case Things(names):
            lets = {"lets": Value("lets", list(command.lets))} if command.lets else {}
            return {"gives": list(names), "stays": command.stays, **lets}
        case Edit() as edit:
            return {**_edit(edit), **_kept(edit)}
        case Edits(files=files):  # their requester can read them all
            texts = Value("texts", [[edit.before.hex(), edit.after.hex()] for edit in files])
            return {"texts": texts, **_undoes(files[0]), **_kept(*files)}
        case NewFile() as new:
            return _new(new)
        case Removal() as gone:
            return _gone(gone)
        case Doubted(because):
            return {"doubt": Value("doubt", because)}
        case Program() | Login():
            return {}


def _beside(command: Command, terms: AskedTerms) -> dict[str, Any]:
    """Return what approvers see of ``command`` beside its words, so that a receipt binds it. The requester may read the record,
    so a file is named only if they can see it, and its digest, and an interpreter, only if they can read it.
    """
    seen = [one for one in command.told.operands if one.is_seen]
    operands = [[one.at, spelled(one.path), one.digest.hex() if one.is_told else ""] for one in seen]
    found = {
        "variables": [[spelled(name), spelled(value)] for name, value in command.variables],
        "locale": [[spelled(name), spelled(value)] for name, value in command.locale],
        "streams": list(command.streams),
        "operands": operands,
        "interpreters": [[spelled(one.path), one.digest.hex()] for one in command.interpreters if one.is_told],
        "terms": {name: number for name, number in terms.numbers.items() if number is not None},
    }
    named = {"chdir": True} if command.chdir else {}
    return named | {name: Value(name, said) for name, said in found.items() if said}


def _edit(edit: Edit) -> dict[str, Any]:
    """Return the digests of the texts of ``edit``. A requester who cannot read the file reads the record, too."""
    before = {"text_before": Value("text_before", edit.before.hex())} if edit.is_told else {}
    after = {"text_after": Value("text_after", edit.after.hex())} if edit.tells_new else {}
    return {**before, **after, **_undoes(edit)}


def _undoes(file: Edit | NewFile) -> dict[str, str]:
    return {"undoes": file.undoes} if file.undoes else {}


def _new(new: NewFile) -> dict[str, Any]:
    after = {"text_after": Value("text_after", new.after.hex())} if new.is_told else {}
    return {"makes": _with_owner(new), **after, **_undoes(new)}


def _gone(gone: Removal) -> dict[str, Any]:
    """As of ``_edit``, the digest of the text is told to a requester who can read the file."""
    before = {"text_before": Value("text_before", gone.before.hex())} if gone.is_told else {}
    return {"removes": _with_owner(gone), **before, "undoes": gone.undoes, **_held(gone)}


def _kept(*files: Edit) -> dict[str, Any]:
    """Return what ``files`` keep. That a text was changed meanwhile is told to who can read it, as the text itself."""
    changed = [one.is_changed and one.is_told for one in files]
    return {
        "keeps": [_with_owner(one) for one in files],
        **_held(*files),
        **({"changed": Value("changed", changed)} if any(changed) else {}),
    }


def _held(*files: Edit | Removal) -> dict[str, Any]:
    """Return who has ``files`` themselves mounted, and so keeps what they had, and who has something mounted over them."""
    told = {"mounted": [one.mounted for one in files], "covered": [one.covered for one in files]}
    return {name: Value(name, each) for name, each in told.items() if any(each)}


def _with_owner(file: Edit | NewFile | Removal) -> dict[str, Any]:
    return {"owner": file.owner, "mode": f"{file.mode:04o}"} if file.owner else {}  # a denial comes before jitd has looked


@dataclass(frozen=True, slots=True)
class Screened(RequestEvent):
    """The policy, and the gatekeepers of its permit (``heard``), have answered. ``attended``: a client waits with its streams."""

    decision: Decision
    attended: bool
    standing: tuple[Identity, ...] = ()
    heard: tuple[Heard, ...] = ()

    def detail(self) -> dict[str, Any]:
        answers = {"gatekeepers": [said(one) for one in self.heard]} if self.heard else {}
        return self.decision.detail() | answers


@dataclass(frozen=True, slots=True)
class Reviewed(RequestEvent):
    """A person approved or denied the request with exactly this ``fingerprint``.

    ``decision`` is the current answer of the policy. ``standing`` contains the earlier approvers with their current data.
    Approvers whose account is missing, or whom the KDC refuses, are not included. ``kdc`` is the KDC's answer about ``reviewer``.
    ``receipt`` is what ``reviewer`` has signed. What it proves stands in the reviewer's ``authentication``, too.
    """

    reviewer: Identity
    verdict: Verdict
    fingerprint: bytes
    comment: str
    decision: Decision
    standing: tuple[Identity, ...]
    attended: bool
    kdc: KdcAnswer
    receipt: Receipt | None = None

    def detail(self) -> dict[str, Any]:
        return {
            "verdict": str(self.verdict),
            "fingerprint": self.fingerprint.hex(),
            "comment": value("comment", self.comment),
            **self._denied(),
            **self.reviewer.membership(),
            "kdc": str(self.kdc),
            **self.reviewer.ticket(),
            **self.reviewer.users(),
            **facts_of(self.decision),
            **detail_of(self.receipt),
        }

    def _denied(self) -> dict[str, Any]:
        """Return why an approval ended the request, such as a file that was changed meanwhile."""
        if self.verdict is Verdict.APPROVE and isinstance(self.decision, Deny):
            return {"because": value("because", self.decision.because)}
        return {}


@dataclass(frozen=True, slots=True)
class WaysOpened(RequestEvent):
    """The clock has opened each way with at most this ``after``, in seconds since the submission."""

    after: int

    def detail(self) -> dict[str, Any]:
        return {"after": self.after}


@dataclass(frozen=True, slots=True)
class Relisted(RequestEvent):
    """Lists that limit the approvers were fetched, and one has changed. ``lists`` has each with its members, or None."""

    lists: tuple[tuple[str, tuple[str, ...] | None], ...]

    def detail(self) -> dict[str, Any]:
        return {"lists": {also: None if among is None else list(among) for also, among in self.lists}}


@dataclass(frozen=True, slots=True)
class Withdrawn(RequestEvent):
    """The requester withdrew the waiting request, or the waiting client disconnected."""

    because: str

    def detail(self) -> dict[str, Any]:
        return {"because": value("because", self.because)}


@dataclass(frozen=True, slots=True)
class DeadlinePassed(RequestEvent):
    """Nobody decided on the request in time."""


@dataclass(frozen=True, slots=True)
class Locked(RequestEvent):
    """``lock`` locked the requester while the request waited. Therefore the request is denied."""

    lock: str
    because: str

    def detail(self) -> dict[str, Any]:
        return {"lock": self.lock, "because": value("because", self.because)}


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


WITHDRAWN = "withdrawn by its requester"
NOT_AT_ONCE = "an approval is required, and the request was made with -n"
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
            after, follows = _changed(request, event, now)
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


def _to_be_told(request: Request) -> tuple[Notify, ...]:
    return (Notify(request.id),) if request.obligations is not None and request.obligations.notify else ()


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


def _approvers(request: Request) -> tuple[Identity, ...]:
    """Return the people who approved ``request``, with the data that they had when they approved."""
    return tuple(review.by for review in request.reviews if review.verdict is Verdict.APPROVE)


def _reviewed(request: Request, event: Reviewed, now: Moment) -> Step:
    before, asked = request.obligations, open_ways(request)
    assert before is not None, "a pending request has its obligations"
    if event.fingerprint != request.fingerprint:
        raise Stale(f"the reviewed fingerprint is not that of request {request.id}")
    who, reviewer = event.reviewer.principal, event.reviewer.looked_at(now.at).signing(proved_by(event.receipt))
    # What the policy denies by now is approved by nobody, so no receipt is missed.
    signing = reviewer.signing(LEVELS[-1]) if isinstance(event.decision, Deny) else reviewer
    lacks = lack(asked, signing, request.requester) if event.verdict is Verdict.APPROVE else ""
    if lacks or not may_review(asked, reviewer, request.requester):
        raise NotYours(f"{who} may not {event.verdict} request {request.id}" + (f": its rule {lacks}" if lacks else ""))
    origin = event.by.origin
    way = origin if isinstance(origin, ByDoor) else None
    review = Review(reviewer, event.verdict, event.comment, now.at, way, event.receipt)
    request = replace(request, reviews=(*request.reviews, review))
    if event.verdict is Verdict.DENY:
        return _ended(request, RequestState.DENIED, with_words(f"denied by {who}", event.comment))
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
    """Approve. Without a lease, issue a grant. If a client waits and no later start was asked for, take a use."""
    assert request.obligations is not None
    approved = replace(request, state=RequestState.APPROVED, because=because)
    follows: list[Any] = [TellRequester(request.id), *_to_be_told(request), ListsChanged()]
    grant = request.lease
    if grant is None:
        grant = request.id
        follows += (issued(approved, now), *_owed_review(approved, now))
    if attended and request.terms.starts_at is None:
        actor = request.requester.actor(Role.REQUESTER)
        process = request.point.process if request.point else None
        follows.append(Used(grant, actor, request.id, request.obligations.terms, process))
    return approved, tuple(follows)


# --- the submission and its deadline -----------------------------------------------------------------------------------


def to_be_asked(made: Request, permit: Permit, now: Moment) -> Request:
    """Return ``made`` with the rule, the obligations and the deadline of ``permit`` while gatekeepers are asked. All but the
    deadline, which is theirs and the approvers', may still change.
    """
    expires_at, expires_boot = decide_by(made, permit.obligations, now)
    return replace(
        made,
        rule=permit.rule,
        obligations=permit.obligations,
        asking_at=now.at,
        expires_at=expires_at,
        expires_boot=expires_boot,
    )


def decide_by(request: Request, obligations: Obligations, now: Moment) -> tuple[datetime | None, float]:
    """Return the deadline of ``request`` (wall clock, boot clock), or the one by ``obligations`` if it has none yet."""
    if request.expires_boot is not None:
        return request.expires_at, request.expires_boot
    within = _decided_within(request, obligations)
    return now.at + timedelta(seconds=within), now.boot + within


def _decided_within(asked: Request, obligations: Obligations) -> float:
    """Return the number of seconds within which ``asked`` must be decided. Usually the rule sets this limit. If the requested
    time of the grant ends before this limit, the decision must come before that end.
    """
    if asked.terms.starts_at is None:
        return obligations.expires_for
    until_its_end = (asked.terms.starts_at - asked.submitted_at).total_seconds() + lasts(asked, obligations)
    return min(obligations.expires_for, until_its_end)


def lasts(asked: Request, obligations: Obligations) -> int:
    """Return the duration in seconds of the grant for ``asked`` under ``obligations``."""
    return min(asked.terms.lasts_for or obligations.lasts_for, obligations.lasts_for)


def how_often(asked: Request, obligations: Obligations) -> int:
    """Return the number of uses of the grant for ``asked`` under ``obligations``."""
    if asked.command.things:
        return 1  # nobody can count how often a ticket is used
    if (wanted := asked.terms.uses) is None:
        wanted = 1 if asked.terms.lasts_for is None else obligations.uses
    return min(wanted, obligations.uses)


def timeout_of(asked: Request, obligations: Obligations) -> int | None:
    """Return the seconds that a run under the grant for ``asked`` may take, or None if there is no limit."""
    return min((one for one in (obligations.terms.timeout_for, asked.terms.timeout_for) if one is not None), default=None)


def lease_for(decision: Decision, obligations: Obligations) -> str | None:
    """Return the decision's lease, unless ``obligations`` have approvals that were not known when it was found."""
    if isinstance(decision, Deny) or decision.lease is None:
        return None
    found_for = decision.obligations
    if obligations.approvals == found_for.approvals:
        return decision.lease
    return decision.lease if narrow(found_for, obligations).approvals == narrow(found_for, found_for).approvals else None


def _graded(command: Command) -> dict[str, Any]:
    if command.findings is None:
        return {}
    lost = damage(command.findings)
    return {
        "grade": worst(command.findings).word,
        **({"damage": lost.word} if lost else {}),
        "findings": value("findings", rows(command.findings)),
    }


def _point(point: Point) -> dict[str, str | None]:
    return {"stage": point.stage, "remote_host": point.remote_host, "authenticated": point.authenticated}


# --- the ways to approve and the lists of approvers, which change while the request waits --------------------------------


def open_ways(request: Request) -> Open:
    """Return the approvals that ``request`` needs. Each approval contains the ways that are open now."""
    without_kdc = "deny" if request.obligations is None else request.obligations.without_kdc
    return opened(_approvals(request), request.opened, without_kdc)


def lists_in(approvals: Iterable[Approval]) -> tuple[tuple[str, tuple[str, ...] | None], ...]:
    """Return the lists that limit ``approvals``. The result contains each list once, with its members."""
    return tuple(sorted({way.also: way.among for approval in approvals for way in approval.ways if way.also}.items()))


def due_after(request: Request, now: Moment) -> int | None:
    """Return the largest ``after`` of the closed ways that are due at ``now``, or None if there is none."""
    found, until = None, request.opened
    while (after := next_after(_approvals(request), until)) is not None and request.submitted_boot + after <= now.boot:
        found = until = after
    return found


def deadlines_of(request: Request, boot: float) -> tuple[SetDeadline, ...]:
    """Return the effects that set the next deadlines of ``request``: the opening of its next way, and the next fetch of its
    lists. The next fetch is LISTS_EVERY seconds after ``boot``.
    """
    after = next_after(_approvals(request), request.opened)
    way = () if after is None else (SetDeadline(WAY, request.id, request.submitted_boot + after),)
    return (*way, SetDeadline(LISTS, request.id, boot + LISTS_EVERY)) if lists_in(_approvals(request)) else way


def _changed(request: Request, event: WaysOpened | Relisted, now: Moment) -> Step:
    """If the earlier approvals are enough for the ways open now, decide again, as after the last approval."""
    told: tuple[Any, ...] = (TellRequester(request.id), ListsChanged())
    if isinstance(event, Relisted):
        request = _relisted(request, event)
    else:
        request = _opened(request, event, now)
        told = (*deadlines_of(request, now.boot), WayOpened(request.id), *told)
    approved_by = _approvers(request)
    is_enough = bool(approved_by) and tally(open_ways(request), approved_by, request.requester) == 0
    if request.asking_at is not None or not is_enough:
        return request, told
    return replace(request, asking_at=now.at), (*told, Screen(request.id))


def _opened(request: Request, event: WaysOpened, now: Moment) -> Request:
    if event.after <= request.opened or now.boot_id != request.boot_id or now.boot < request.submitted_boot + event.after:
        raise IllegalEvent(f"request {request.id}: this way to approve it is open already, or its time has not come")
    return replace(request, opened=event.after)


def _relisted(request: Request, event: Relisted) -> Request:
    lists = dict(event.lists)
    if request.obligations is None or lists.keys() != dict(lists_in(_approvals(request))).keys():
        raise IllegalEvent(f"request {request.id}: the lists of people in its approvals are not the lists that were looked up")
    asked = tuple(approval.with_lists(lists.__getitem__) for approval in _approvals(request))
    return replace(request, obligations=replace(request.obligations, approvals=asked))


def _approvals(request: Request) -> tuple[Approval, ...]:
    return () if request.obligations is None else request.obligations.approvals


# --- what an approved request gets --------------------------------------------------------------------------------------


def issued(approved: Request, now: Moment) -> Issued:
    """Return what issues the grant of the ``approved`` request, for the requested uses and time, as far as the rule goes. A later
    start is by the boot clock from the submission: after a late approval, only the rest of the time is left.
    """
    obligations = approved.obligations
    assert obligations is not None, "an approved request has its obligations"
    begins_at, begins_boot = approved.terms.starts_at, None
    if begins_at is not None:
        begins_boot = approved.submitted_boot + (begins_at - approved.submitted_at).total_seconds()
    lasts_for = lasts(approved, obligations)
    things, uses = approved.command.things, how_often(approved, obligations)
    command = approved.command if approved.command.findings is None else replace(approved.command, findings=None)
    grant = Grant(
        id=approved.id,
        holder=approved.requester,
        host=approved.host,
        boot_id=approved.boot_id,
        service=approved.service,
        command=command,  # without findings, which are about the moment of the request
        login_session=approved.claims.login_session,
        rule=approved.rule,
        because=approved.because,
        terms=replace(obligations.terms, timeout_for=timeout_of(approved, obligations)),
        issued_at=now.at,
        ends_at=(now.at if begins_at is None else begins_at) + timedelta(seconds=lasts_for),
        ends_boot=(now.boot if begins_boot is None else begins_boot) + lasts_for,
        is_lease=bool(things) or approved.terms.lasts_for is not None or approved.terms.uses is not None,
        uses=uses,
        left=uses,
        begins_at=begins_at,
        begins_boot=begins_boot,
    )
    return Issued(approved.id, DAEMON, grant)


def ends_of(grant: Grant, asked: Request, now: float) -> tuple[float, str]:
    """A run for the request ``asked`` begins at ``now`` under ``grant``. Return the time at which jitd will end this run, and a
    sentence with the reason. ``now`` and the returned time are seconds on the boot clock.
    """
    assert asked.obligations is not None, "an approved request has its obligations"
    ends_at_boot, because = grant.ends_boot, "its grant has ended"
    for timeout, sentence in (
        (asked.obligations.terms.timeout_for, "its rule's timeout is over"),
        (asked.terms.timeout_for, "its timeout is over"),
        (grant.terms.timeout_for, "the timeout of its grant is over"),
    ):
        if timeout is not None and now + timeout < ends_at_boot:
            ends_at_boot, because = now + timeout, sentence
    return ends_at_boot, because


def _owed_review(approved: Request, now: Moment) -> tuple[Begun, ...]:
    """If ``approved`` has skipped approvals by break-glass, return the event that begins the review that is owed for it."""
    if approved.obligations is None or (glass := approved.obligations.break_glass) is None:
        return ()
    who = approved.requester
    made = OwedReview(
        id=approved.id,
        requester=who,
        rule=approved.rule,
        glass=glass,
        fingerprint=approved.fingerprint,
        begun_at=now.at,
        boot_id=now.boot_id,
        since_boot=now.boot,
        left_for=float(glass.review_for),
        signed=approved.obligations.signed,
    )
    return (Begun(approved.id, who.actor(Role.REQUESTER), made),)
