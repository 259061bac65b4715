# SPDX-License-Identifier: Apache-2.0
"""What policy answers: a permit with its obligations, or a deny with its reason. An approval that is owed is an obligation.

Law: there are no obligations without a permit, and ``narrow`` only tightens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from math import prod
from typing import Any

from jitd.core.authentication import Demand


class Why(StrEnum):
    """Why a deny was given. All of them end the request. People and the record are told which one it was."""

    RULE = "rule"
    NO_RULE = "no rule"
    ERROR = "error"
    REASON = "reason"
    TERMS = "terms"
    MISSING = "missing"
    UNFIT = "unfit"
    LOCKED = "locked"
    APPROVALS = "approvals"
    GATEKEEPER = "gatekeeper"
    AUTHENTICATION = "authentication"
    REVIEW = "review"


MOST_COMBINATIONS = 64
"""How many combinations of ways the approvals of a rule may have: one way of each approval is one combination."""


@dataclass(frozen=True, slots=True)
class Approval:
    """An obligation: ``need`` different persons out of ``of_whom`` (words such as ``group:ops``) approve, who have authenticated
    as ``demand`` says. ``need`` is at least 1.

    ``instead`` are other ways to fulfil the same obligation (``any_of`` of a rule): one way is enough. ``after``, in seconds, is
    how long after submission a way opens; nobody is entitled by it before. ``also`` is a list of a provider, such as
    ``oncall:dba``, that narrows ``of_whom``: only people count whose account or principal is in ``among``. If ``among`` is None,
    the list is not known, and nobody counts. Without ``also``, ``among`` means nothing. ``without_kdc`` is that of the
    obligations, and is set only in ``ways.Open``.
    """

    need: int
    of_whom: tuple[str, ...]
    demand: Demand = Demand()
    instead: tuple[Approval, ...] = ()
    after: int = 0
    also: str = ""
    among: tuple[str, ...] | None = None
    without_kdc: str = "deny"

    @property
    def ways(self) -> tuple[Approval, ...]:
        """Return all ways to fulfil this obligation, each without the others."""
        return (replace(self, instead=()), *self.instead) if self.instead else (self,)

    def with_lists(self, among: Callable[[str], tuple[str, ...] | None]) -> Approval:
        """Return this approval with the lists that ``among`` returns for each ``also``."""
        instead = tuple(way.with_lists(among) for way in self.instead)
        return replace(self, instead=instead, among=among(self.also) if self.also else None)


def n_combinations(approvals: Iterable[Approval]) -> int:
    """Return how many ways there are to choose one way of each of ``approvals``."""
    return prod(len(approval.ways) for approval in approvals)


RECORDED = ("none", "terminal", "output", "all")
"""What a rule can have recorded of a run. Each word records more than the word before: nothing, what the run writes to a terminal
(the default), all that it writes, and also what it reads."""


@dataclass(frozen=True, slots=True)
class Record:
    """How a run is recorded. ``what`` is one of RECORDED. ``sync`` is ``interval`` (on disk within a moment) or ``always`` (on
    disk before the output is passed on). ``failure`` is ``end`` or ``continue``: what a run does if recording it fails.
    """

    what: str = "terminal"
    sync: str = "interval"
    failure: str = "end"

    def and_also(self, other: Record) -> Record:
        """Return the terms that satisfy both: the stricter of each."""
        return Record(
            max(self.what, other.what, key=RECORDED.index),
            "always" if "always" in (self.sync, other.sync) else "interval",
            "end" if "end" in (self.failure, other.failure) else "continue",
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """How the command runs. ``timeout_for`` is in seconds. ``cwd`` is ``caller`` or a directory. ``env`` are the names of the
    variables that may be kept. ``stdin`` is ``any``, ``tty`` or ``none``. ``watch`` are words for the people who may watch and
    replay the run; None means all who may see the request. ``session`` is ``keep`` or ``end``: what happens to a login session
    when the time of its grant is over. ``options`` is True if options of the asking program are allowed that change what runs.
    ``bound`` is True if the content of every file that arguments name must be bound. ``leftovers`` is ``keep`` or ``end``: what
    happens to processes that the command leaves behind. ``writable`` is True if files that others can change are allowed.
    ``observed`` is True if the command may run only while somebody watches it who may review the request.
    """

    timeout_for: int | None = None
    cwd: str = "caller"
    env: tuple[str, ...] = ()
    writable: bool = False
    leftovers: str = "end"
    stdin: str = "any"
    record: Record = Record()
    watch: tuple[str, ...] | None = None
    session: str = "keep"
    options: bool = False
    bound: bool = False
    observed: bool = False


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """The obligation of a permit by which somebody breaks glass: nobody approves before, and somebody reviews afterwards.

    ``instead_of`` is the rule whose approvals are skipped. ``skipped`` are these approvals: those who could give one of them do
    the review. It is due ``review_for`` seconds after the permit. ``open`` is how many reviews a person may owe by this rule.
    """

    instead_of: str
    skipped: tuple[Approval, ...]
    review_for: int
    open: int

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of it."""
        skipped = [[approval.need, *approval.of_whom] for approval in self.skipped]
        return {"instead_of": self.instead_of, "skipped": skipped, "review_for": self.review_for, "open": self.open}


@dataclass(frozen=True, slots=True)
class Obligations:
    """What a permit asks for: approvals within ``expires_for`` seconds. The grant then has at most ``uses`` uses within
    ``lasts_for`` seconds.

    ``standing`` says which groups of an approver count when a use is taken: those of that moment (``use``), or those of the
    moment of the review (``review``). ``gatekeepers`` are the names of those who are asked before anything is permitted.
    ``notify`` are the names of the channels by which people are told of the request.
    ``visible_to`` are words for those who are shown the contents of the request, beside its requester and those who may review
    it; None means all who may see the request (core/visibility.py).
    ``break_glass`` is what is owed afterwards; None for a permit that skips no approval.
    ``without_kdc`` is ``local`` if people may prove by local PAM who they are, who ask and who approve, else ``deny``.
    """

    approvals: tuple[Approval, ...]
    expires_for: int
    lasts_for: int
    uses: int
    terms: Terms
    standing: str = "use"
    gatekeepers: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    visible_to: tuple[str, ...] | None = None
    break_glass: BreakGlass | None = None
    without_kdc: str = "deny"


@dataclass(frozen=True, slots=True)
class Permit:
    """Rule ``rule`` permits, with these obligations. ``lease`` is the id of the grant that stands for the approvals, if there is
    one. ``seen`` are the facts that were used, each with its value as people read it.
    """

    rule: str
    obligations: Obligations
    lease: str | None = None
    seen: tuple[tuple[str, str], ...] = ()

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of it. ``demands`` is there only if one of the approvals demands something, and ``ways``
        only if one of them can be given in another way, or is narrowed by a list.
        """
        owed = self.obligations.approvals
        demands = {"demands": [str(approval.demand) for approval in owed]} if any(not a.demand.is_none for a in owed) else {}
        asked = [[approval.need, *approval.of_whom] for approval in owed]
        has_ways = any(approval.instead or approval.also for approval in owed)
        ways = {"ways": [[_kept(way) for way in approval.ways] for approval in owed]} if has_ways else {}
        told = {"decision": "permit", "rule": self.rule, "approvals": asked, **ways, **demands, "lease": self.lease}
        glass = self.obligations.break_glass
        return told | ({} if glass is None else {"break_glass": glass.detail()}) | facts_of(self)

    def denied(self, why: Why, because: str) -> Deny:
        """Return the denial of what this permits. It is shown to no more people."""
        return Deny(why, because, self.rule, visible_to=self.obligations.visible_to)


@dataclass(frozen=True, slots=True)
class Deny:
    """Policy denies. ``because`` is a sentence for the requester. ``rule`` is empty if no rule decided. ``seen``: see Permit.
    ``visible_to``: see Obligations; those of the permits that were found for what is asked, the one that denies by its terms too.
    """

    why: Why
    because: str
    rule: str = ""
    seen: tuple[tuple[str, str], ...] = ()
    visible_to: tuple[str, ...] | None = None

    def detail(self) -> dict[str, Any]:
        """Return what the chain keeps of it."""
        told = {"decision": "deny", "why": str(self.why), "rule": self.rule, "because": self.because}
        return told | facts_of(self)


Decision = Permit | Deny


def _kept(way: Approval) -> dict[str, Any]:
    """Return what the chain keeps of one way to approve."""
    kept: dict[str, Any] = {"need": way.need, "from": list(way.of_whom), "after": way.after}
    demand = {} if way.demand.is_none else {"demand": str(way.demand)}
    listed = {"also": way.also, "among": None if way.among is None else list(way.among)} if way.also else {}
    return kept | demand | listed


def facts_of(decision: Decision) -> dict[str, dict[str, str]]:
    """Return what the chain keeps of the facts that were used for ``decision``; nothing if there were none."""
    return {"facts": dict(decision.seen)} if decision.seen else {}


def narrow(old: Obligations, new: Obligations) -> Obligations:
    """Return the stricter of both in every respect. A change of policy may do only this to a request that waits."""
    return Obligations(
        approvals=_both(old.approvals, new.approvals),
        expires_for=min(old.expires_for, new.expires_for),
        lasts_for=min(old.lasts_for, new.lasts_for),
        uses=min(old.uses, new.uses),
        terms=narrow_terms(old.terms, new.terms),
        standing="review" if old.standing == new.standing == "review" else "use",
        gatekeepers=tuple(dict.fromkeys((*old.gatekeepers, *new.gatekeepers))),
        notify=tuple(dict.fromkeys((*old.notify, *new.notify))),
        visible_to=in_both(old.visible_to, new.visible_to),
        break_glass=_stricter_glass(old.break_glass, new.break_glass),
        without_kdc="local" if old.without_kdc == new.without_kdc == "local" else "deny",
    )


def _stricter_glass(old: BreakGlass | None, new: BreakGlass | None) -> BreakGlass | None:
    """Return the stricter of both. The approvals that were skipped stay those that were skipped first."""
    if old is None or new is None:
        return old or new
    return replace(old, review_for=min(old.review_for, new.review_for), open=min(old.open, new.open))


def narrow_terms(old: Terms, new: Terms) -> Terms:
    """Return the stricter of both terms in every respect."""
    return replace(
        new,
        timeout_for=min((t for t in (old.timeout_for, new.timeout_for) if t is not None), default=None),
        env=tuple(name for name in old.env if name in new.env),
        writable=old.writable and new.writable,
        leftovers="keep" if old.leftovers == new.leftovers == "keep" else "end",
        stdin=max(old.stdin, new.stdin, key=("any", "tty", "none").index),
        record=old.record.and_also(new.record),
        watch=in_both(old.watch, new.watch),
        options=old.options and new.options,
        bound=old.bound or new.bound,
        observed=old.observed or new.observed,
        session="keep" if old.session == new.session == "keep" else "end",
    )


def in_both(old: tuple[str, ...] | None, new: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the words that are in ``old`` and in ``new``. None narrows nothing."""
    if old is None or new is None:
        return new if old is None else old
    return tuple(word for word in old if word in new)


def _both(old: tuple[Approval, ...], new: tuple[Approval, ...]) -> tuple[Approval, ...]:
    """Return what satisfies ``old`` and ``new``: of the same people under the same demand the larger number, of different ones
    both numbers. Approvals with the same ways are one, those with different ways are both owed. The lists of people are those of
    ``new``, where it has them.
    """
    numbers: dict[Approval, list[int]] = {}
    lists = {way.also: way.among for approvals in (old, new) for approval in approvals for way in approval.ways if way.also}
    for place, approvals in enumerate((old, new)):
        for approval in approvals:
            bare = approval.with_lists(lambda also: None)
            key, number = (bare, 1) if bare.instead else (replace(bare, need=1), bare.need)
            numbers.setdefault(key, [0, 0])[place] += number
    both: list[Approval] = []
    for bare, counts in numbers.items():
        listed = bare.with_lists(lists.__getitem__)
        both += [listed] * max(counts) if bare.instead else [replace(listed, need=max(counts))]
    return tuple(both)


def still_owed(approvals: tuple[Approval, ...], eligible: tuple[tuple[str, frozenset[int]], ...]) -> int:
    """Return how many more persons are needed, if each person is counted where they help most.

    ``eligible`` has one entry for each person who approved: the person, and the indexes in ``approvals`` for which they may
    count. One person counts once in all. The assignment is a maximum bipartite matching, so the order of reviews is irrelevant.
    """
    places = [index for index, approval in enumerate(approvals) for _ in range(approval.need)]
    holder: dict[int, int] = {}

    def seat(who: int, tried: set[int]) -> bool:
        for place, index in enumerate(places):
            if index in eligible[who][1] and place not in tried:
                tried.add(place)
                if place not in holder or seat(holder[place], tried):
                    holder[place] = who
                    return True
        return False

    assert len({person for person, _ in eligible}) == len(eligible), "one person counts once"
    for who in range(len(eligible)):
        seat(who, set())
    return len(places) - len(holder)
