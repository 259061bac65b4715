# SPDX-License-Identifier: Apache-2.0
"""Says what a person may do, to a request and on this host: ``may`` looks an act up in one table.

Law: each act has one row in TABLE. An act without a row is not permitted: ``may`` raises KeyError. A row permits only what each
of its steps permits. The steps are tried in their order, and the first one that stops the person is the answer. In each row a
step asks for a Part. A review and a use are checked again in the transaction that stores them, by their lives (``core.request``,
``core.owed_review``) and by ``under`` in ``core.lock`` and ``core.used_accounts``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from jitd.core import approvers, owed_review
from jitd.core.authentication import Demand
from jitd.core.law import Role
from jitd.core.lock import Lock, Whom, answer_to
from jitd.core.owed_review import OwedReview
from jitd.core.receipt import IN_WORDS, LEVELS, is_enough
from jitd.core.request import Request, open_ways
from jitd.core.subject import Identity, is_one_person, matches_any
from jitd.core.used_accounts import Uses, why_own
from jitd.core.visibility import names_reader


class Known(Protocol):
    """What this host knows. Nothing of it is read before a step needs it. ``operators`` and ``auditors`` are words that name
    people, as in jitd.toml. ``operators_by_door`` is what both have to prove at the door, and None if they are nobody there.
    ``signed`` is what a receipt has to prove at least on this host (``core.receipt.LEVELS``).
    """

    @property
    def operators(self) -> tuple[str, ...]: ...

    @property
    def auditors(self) -> tuple[str, ...]: ...

    @property
    def operators_by_door(self) -> Demand | None: ...

    @property
    def signed(self) -> str: ...

    @property
    def uses(self) -> Uses: ...

    def locks(self) -> Iterable[Lock]: ...

    def owed_review(self, id: str) -> OwedReview | None: ...


@dataclass(frozen=True, slots=True)
class Case:
    """``who`` wants to act on the request ``found``, or, if it is None, on this host."""

    who: Identity
    known: Known
    found: Request | None = None

    @property
    def request(self) -> Request:
        """The request. Raises TypeError if there is none: an act on a request is not asked about without one."""
        if self.found is None:
            raise TypeError("this act is on a request")
        return self.found

    @property
    def owed(self) -> OwedReview | None:
        """The review that is or was owed for the request, or for the lease that it used."""
        return self.known.owed_review(self.request.lease or self.request.id)


class Act(StrEnum):
    """What a person may want to do to a request, or on this host. The value ends "only operators and root may …"."""

    SEE = "see it"
    READ = "read its reason, its arguments and its recordings"
    READ_TEXTS = "read the texts of its files"
    READ_BEYOND = "be told of its files what its requester cannot read"
    BE_ASKED = "review it"
    READ_NOTICES = "read who was told of it"
    COUNT = "have approved it"
    DENY = "deny it"
    APPROVE = "approve it"
    OBSERVE = "watch it"
    REPLAY = "see its recordings"
    BE_ASKED_LATER = "review what was done"
    GIVE = "give the review that is owed for it"
    OWN = "act as its requester"
    RESUME = "resume it"
    END = "end what it permits"
    REVIEW = "review anything"
    LIST_RULES = "list rules"
    OPERATE = "operate jitd"
    LOCK = "lock"
    UNLOCK = "unlock"
    RELOAD = "reload the policy"
    OVERSEE = "oversee jitd"
    SEE_LOCKS = "see locks"
    SUPPOSE = "explain what others may do"
    READ_RECORD = "read the chain"
    EXPORT = "export the record"
    MAKE_REPORT = "make a report"
    READ_REPORT = "read a report"
    MAKE_PACK = "make a pack"
    READ_METRICS = "read the metrics"
    READ_STATUS = "read the status of jitd"
    SEE_KEY = "see the key that signs the record"
    MAKE_KEY = "have a new key made that signs the record"
    ACKNOWLEDGE_KEY = "acknowledge a key that jitd has made to sign the record"


class Part(StrEnum):
    """What a person is to a request, or on this host."""

    REQUESTER = "requester"
    REVIEWER = "reviewer"  # somebody of whom the rule would take a review now (`approvers.may_review`)
    SKIPPED = "skipped"  # somebody whose approval was skipped because glass was broken
    STOPPER = "stopper"
    """A reviewer, or who was skipped. After local PAM only if runs must be watched, because a watcher must be able to stop."""
    LATE_APPROVER = "late approver"  # skipped, and with enough authentication to review now what was done
    LATE_OPERATOR = "late operator"  # an operator while a review is overdue
    READER = "reader"  # somebody whom `visible_to` of the rule names, or everybody if the rule sets no limit
    VIEWER = "viewer"  # somebody whom `run.watch` of the rule names, or everybody if the rule sets no limit
    FREE = "free"  # somebody on whom no lock is
    OPERATOR = "operator"
    AUDITOR = "auditor"
    SUPERUSER = "superuser"  # somebody with uid 0, with a ticket or without one
    ANYBODY = "anybody"


class Bar(StrEnum):
    """What stops a person, whatever they are to the request."""

    ROOT = "root"
    OWN = "own"  # one person may act as the requester and as this person (`used_accounts.why_own`)
    OWN_ACCOUNT = "own account"  # as OWN, but does not bar the account of a run of the requester's: a deny permits nothing
    LOCKED = "locked"
    NAMED_IN_LOCK = "named in lock"  # a lock on everybody is left out, because somebody has to lift it
    UNPROVED = "unproved"  # the authentication of a reviewer is less than the rule demands for an approval
    UNSIGNED = "unsigned"  # as UNPROVED, or the receipt of the reviewer proves less: only what is sent with an approval is signed
    UNSIGNED_HERE = "unsigned here"  # the receipt of the person proves less than the host demands, whatever its rules say
    GIVEN = "given"  # the owed review was given


Step = Act | Bar | tuple[Part, ...]
"""A step of a row: another act that must be allowed, a bar that must not be there, or parts of which one is needed."""

TABLE: Mapping[Act, tuple[Step, ...]] = {
    # what a person may do to a request
    Act.SEE: ((Part.REQUESTER, Part.REVIEWER, Part.SKIPPED, Part.OPERATOR, Part.AUDITOR),),
    Act.READ: (Act.SEE, (Part.READER, Part.REQUESTER, Part.REVIEWER, Part.SKIPPED, Part.LATE_OPERATOR)),
    Act.READ_TEXTS: (Act.READ, (Part.REQUESTER, Part.FREE, Part.OPERATOR, Part.AUDITOR)),
    Act.READ_BEYOND: (Act.SEE, Bar.OWN),
    Act.REPLAY: (Act.READ, (Part.VIEWER, Part.OPERATOR, Part.AUDITOR)),
    Act.BE_ASKED: ((Part.REVIEWER,),),
    Act.READ_NOTICES: ((Part.REVIEWER, Part.OPERATOR),),
    Act.DENY: (Bar.OWN_ACCOUNT, Bar.LOCKED, (Part.REVIEWER,)),
    Act.APPROVE: (Bar.OWN, Bar.LOCKED, (Part.REVIEWER,), Bar.UNPROVED, Bar.UNSIGNED),
    Act.COUNT: ((Part.REVIEWER,), Bar.OWN, Bar.UNSIGNED),
    Act.OBSERVE: (Bar.ROOT, Bar.OWN, Bar.LOCKED, (Part.REVIEWER,), Bar.UNPROVED, Act.REPLAY),
    Act.BE_ASKED_LATER: ((Part.LATE_APPROVER, Part.LATE_OPERATOR),),
    Act.GIVE: (Bar.OWN, Bar.LOCKED, Bar.GIVEN, (Part.LATE_APPROVER, Part.LATE_OPERATOR), Bar.UNSIGNED_HERE),
    Act.OWN: ((Part.REQUESTER,),),
    Act.RESUME: (Act.OWN, Bar.LOCKED),
    Act.END: ((Part.REQUESTER, Part.STOPPER, Part.OPERATOR),),
    # what a person may do on this host
    Act.REVIEW: (Bar.ROOT, (Part.ANYBODY,)),
    Act.LIST_RULES: (Bar.LOCKED, (Part.ANYBODY,)),
    Act.OPERATE: ((Part.OPERATOR,),),
    Act.LOCK: ((Part.OPERATOR,), Bar.NAMED_IN_LOCK),
    Act.UNLOCK: ((Part.OPERATOR,), Bar.NAMED_IN_LOCK, Bar.UNSIGNED_HERE),
    Act.RELOAD: ((Part.OPERATOR,),),
    Act.OVERSEE: ((Part.OPERATOR, Part.AUDITOR),),
    Act.SEE_LOCKS: ((Part.OPERATOR, Part.AUDITOR),),
    Act.SUPPOSE: ((Part.OPERATOR, Part.AUDITOR),),
    Act.READ_RECORD: ((Part.OPERATOR, Part.AUDITOR),),
    Act.EXPORT: ((Part.OPERATOR, Part.AUDITOR),),
    Act.MAKE_REPORT: ((Part.OPERATOR, Part.AUDITOR),),
    Act.READ_REPORT: ((Part.OPERATOR, Part.AUDITOR),),
    Act.MAKE_PACK: ((Part.OPERATOR, Part.AUDITOR),),
    Act.READ_METRICS: ((Part.OPERATOR, Part.AUDITOR),),
    Act.READ_STATUS: ((Part.OPERATOR, Part.AUDITOR),),
    Act.SEE_KEY: ((Part.OPERATOR, Part.AUDITOR),),
    Act.MAKE_KEY: (Act.SEE_KEY, (Part.SUPERUSER,)),
    Act.ACKNOWLEDGE_KEY: (Act.SEE_KEY, (Part.SUPERUSER,)),
}


@dataclass(frozen=True, slots=True)
class Refused:
    """``step`` in the row of ``act`` stops a person. ``because`` is the sentence of a bar, or empty."""

    act: Act
    step: Bar | tuple[Part, ...]
    because: str = ""


def may(act: Act, case: Case) -> Refused | None:
    """Return None if the person may do ``act``. Otherwise return what stops them."""
    for step in TABLE[act]:
        refused = None
        if isinstance(step, Act):
            refused = may(step, case)
        elif isinstance(step, Bar):
            because = _BARS[step](case)
            refused = Refused(act, step, because) if because else None
        elif not any(_PARTS[part](case) for part in step):
            refused = Refused(act, step)
        if refused is not None:
            return refused
    return None


def role_in(act: Act, case: Case) -> Role:
    """Return the role in which the person, who may do ``act``, does it: that of the first part in the row that they have."""
    parts = (part for step in TABLE[act] if isinstance(step, tuple) for part in step)
    return next(_ROLES[part] for part in parts if _PARTS[part](case))


_ROLES: Mapping[Part, Role] = {
    Part.REQUESTER: Role.REQUESTER,
    Part.REVIEWER: Role.APPROVER,
    Part.STOPPER: Role.APPROVER,
    Part.LATE_APPROVER: Role.APPROVER,
    Part.LATE_OPERATOR: Role.OPERATOR,
    Part.OPERATOR: Role.OPERATOR,
}


# --- what a person is ----------------------------------------------------------------------------------------------------


def _reviews(case: Case) -> bool:
    return bool(approvers.may_review(open_ways(case.request), case.who, case.request.requester))


def _was_skipped(case: Case) -> bool:
    glass = None if case.request.obligations is None else case.request.obligations.break_glass
    return glass is not None and owed_review.was_skipped(glass, case.who, case.request.requester)


def _stops(case: Case) -> bool:
    obligations = case.request.obligations
    is_watched = obligations is not None and obligations.terms.observed
    return (not case.who.is_by_pam or is_watched) and (_reviews(case) or _was_skipped(case))


def _may_view(case: Case) -> bool:
    words = case.request.obligations.terms.watch if case.request.obligations is not None else None
    return words is None or matches_any(case.who, words)


def _gives_as(role: Role, case: Case) -> bool:
    owed = case.owed
    return owed is not None and owed.is_open and role in owed_review.roles_of(owed, case.who)


def _operates(case: Case) -> bool:
    who = case.who
    return who.is_root or (matches_any(who, case.known.operators) and _oversees(case))


def _audits(case: Case) -> bool:
    return matches_any(case.who, case.known.auditors) and _oversees(case)


def _oversees(case: Case) -> bool:
    """True if somebody whom the settings name may have the rights of an operator or auditor as they have come."""
    return not case.who.is_by_pam and not case.who.is_made and not why_not_by_door(case)


def why_not_by_door(case: Case) -> str:
    """If the person came by the door, and nobody who comes as they did has rights of an operator or auditor, return the reason as
    the end of a sentence. Otherwise return an empty text.
    """
    if not case.who.is_by_door:
        return ""
    demand = case.known.operators_by_door
    if demand is None:
        return "gives nobody these rights by the door: do it on the host"
    return demand.lack(case.who.authentication)


_PARTS: Mapping[Part, Callable[[Case], bool]] = {
    Part.REQUESTER: lambda case: case.who.is_requester(case.request.requester),
    Part.REVIEWER: _reviews,
    Part.SKIPPED: _was_skipped,
    Part.STOPPER: _stops,
    Part.LATE_APPROVER: lambda case: _gives_as(Role.APPROVER, case),
    Part.LATE_OPERATOR: lambda case: _operates(case) and _gives_as(Role.OPERATOR, case),
    Part.READER: lambda case: names_reader(case.request, case.who),
    Part.VIEWER: _may_view,
    Part.FREE: lambda case: not _locked(case.known.locks(), case.who),
    Part.OPERATOR: _operates,
    Part.AUDITOR: _audits,
    Part.SUPERUSER: lambda case: case.who.is_superuser,
    Part.ANYBODY: lambda case: True,
}


# --- what stops them -----------------------------------------------------------------------------------------------------


def _own(case: Case) -> str:
    return why_own(case.who, case.request.requester, case.request.id, case.known.uses)


def _locked(locks: Iterable[Lock], who: Identity) -> str:
    denied = answer_to(locks, who)
    return "" if denied is None else denied.because


def _unsigned(case: Case) -> str:
    given = case.who.authentication
    if is_enough("" if given is None else given.signed, case.known.signed):
        return ""
    return f"this host takes only what is {IN_WORDS.get(case.known.signed, 'signed')}, one of yours that counts here"


def _given(case: Case) -> str:
    owed = case.owed
    if owed is None or owed.is_open:
        return ""
    return "reviewed already" if owed.given_by is None else f"reviewed already by {owed.given_by.principal}"


_BARS: Mapping[Bar, Callable[[Case], str]] = {
    Bar.ROOT: lambda case: "root may not review" if case.who.is_root else "",
    Bar.OWN: _own,
    Bar.OWN_ACCOUNT: lambda case: _own(case) if is_one_person(case.who, case.request.requester) else "",
    Bar.LOCKED: lambda case: _locked(case.known.locks(), case.who),
    Bar.NAMED_IN_LOCK: lambda case: _locked((one for one in case.known.locks() if one.whom is not Whom.ALL), case.who),
    Bar.UNPROVED: lambda case: approvers.lack(open_ways(case.request), case.who.signing(LEVELS[-1]), case.request.requester),
    Bar.UNSIGNED: lambda case: approvers.lack(open_ways(case.request), case.who, case.request.requester),
    Bar.UNSIGNED_HERE: _unsigned,
    Bar.GIVEN: _given,
}
"""Maps each bar to what returns a sentence, or its end, about why it is there, or "" if it is not."""
