# SPDX-License-Identifier: Apache-2.0
"""The answer of the policy: a permit with its obligations, or a deny with its reason. An obligation is a condition of the
permit, such as the approvals that are needed.

Law: only a permit has obligations, and ``narrow`` can only make the obligations stricter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from math import prod
from typing import Any

from jitd.core.authentication import Demand
from jitd.core.receipt import stricter
from jitd.core.values import Value, value


class Why(StrEnum):
    """The reason for a deny. Every deny ends the request. jitd tells people this reason, and stores this reason in the record."""

    RULE = "rule"
    NO_RULE = "no rule"
    NO_POLICY = "no policy"
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
    ACCOUNT = "account"


MOST_COMBINATIONS = 64  # combinations of one way for each approval of a rule


@dataclass(frozen=True, slots=True)
class Approval:
    """The obligation that a number of different persons must approve. ``need`` is this number, which is at least 1. Each approver
    must match one word in ``of_whom`` (such as ``group:ops``), and must have authenticated as ``demand`` requires.

    ``instead`` contains other ways to fulfil the same obligation (see ``any_of`` in a rule). One way is enough. This Approval
    itself is one of the ways. ``after`` is the number of seconds from the submission of the request until this way opens. Before
    that time, nobody can approve in this way. ``also`` is the name of a provider's list, such as ``oncall:dba``. If ``also`` is
    not empty, ``among`` contains the members of this list. Then an approval counts only if the approver's account or principal
    is in ``among``. If the members are not known, ``among`` is None, and no approval counts. Only ``ways.opened`` sets
    ``without_kdc``: it copies the value from the obligations.
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
        """Return all ways to fulfil this obligation. In each of the returned ways, ``instead`` is empty."""
        return (replace(self, instead=()), *self.instead) if self.instead else (self,)

    def raised(self, signed: str) -> Approval:
        """Return this approval, whose ways all demand a receipt that proves at least ``signed``."""
        return replace(self, demand=self.demand.raised(signed), instead=tuple(way.raised(signed) for way in self.instead))

    def with_lists(self, among: Callable[[str], tuple[str, ...] | None]) -> Approval:
        """Return a copy of this approval in which ``among`` contains the members of the list ``also``. The alternatives in
        ``instead`` are changed in the same way. The parameter ``among`` is a function that returns the members of a list.
        """
        instead = tuple(way.with_lists(among) for way in self.instead)
        return replace(self, instead=instead, among=among(self.also) if self.also else None)


def n_combinations(approvals: Iterable[Approval]) -> int:
    """Return the number of combinations of ``approvals`` (see MOST_COMBINATIONS)."""
    return prod(len(approval.ways) for approval in approvals)


RECORDED = ("none", "terminal", "output", "all")
"""The possible values for what jitd records of a run. With each further value, jitd records more data. ``none``: nothing.
``terminal``: all data that the run writes to a terminal (the default). ``output``: all data that the run writes. ``all``: all
data that the run writes or reads.
"""


@dataclass(frozen=True, slots=True)
class Record:
    """How a run is recorded. ``what`` is one of RECORDED. ``sync`` is ``interval`` (jitd writes data to disk after a moment) or
    ``always`` (jitd writes data to disk before it passes on the output). If the recording fails, ``failure`` decides whether the
    run ends (``end``) or continues (``continue``).
    """

    what: str = "terminal"
    sync: str = "interval"
    failure: str = "end"

    def and_also(self, other: Record) -> Record:
        """Return a Record that is at least as strict as ``self`` and ``other``. Each field has the stricter value."""
        return Record(
            max(self.what, other.what, key=RECORDED.index),
            "always" if "always" in (self.sync, other.sync) else "interval",
            "end" if "end" in (self.failure, other.failure) else "continue",
        )


NAMESPACES = ("never", "auto", "always")
"""Whether a command has a pid namespace, the stricter one later. ``auto``: where a user manager could keep a process."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a permit, which set how the command runs.

    ``timeout_for`` is the maximum running time in seconds. If it is None, there is no maximum. ``cwd`` is the working directory,
    or ``caller`` for the caller's directory. ``env`` contains the names of the caller's environment variables that the command
    may keep. ``stdin`` is the allowed kind of standard input: ``any``, ``tty`` or ``none``. ``watch`` names the people who may
    watch and replay the run. If ``watch`` is None, everybody who may see the request may watch and replay the run. When the time
    of a grant for a login is over, ``session`` decides whether the login session continues (``keep``) or jitd ends it (``end``).
    ``options`` is True if the program that asks jitd (such as sudo) may get options that change what is executed. If ``bound``
    is True, jitd must bind the run to the content of every file that an argument names. If processes remain after the command
    has exited, ``leftovers`` decides whether they continue (``keep``) or are ended (``end``). ``writable`` is True if jitd
    accepts a command although other accounts can change its file. ``observed`` is True if the command may run only while a
    person watches the run. This person must be allowed to review the request. ``namespace`` is one of NAMESPACES.
    ``checks`` are the programs that must take the new text of a file, each with its arguments. ``new`` is the mode of a file that
    is made where nothing is, or None if no file may be made.
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
    namespace: str = "auto"
    checks: tuple[tuple[str, ...], ...] = ()
    new: int | None = None


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """The obligation of a permit by break-glass: nobody has to approve before the run, and somebody must review the run
    afterwards.

    ``instead_of`` is the rule whose approvals are skipped. ``skipped`` contains these approvals. A person who could have given
    one of the skipped approvals may do the review, and so may an operator. The review is due ``review_for`` seconds after the
    permit. ``open`` is the maximum number of reviews under this rule that one person may owe at the same time.
    """

    instead_of: str
    skipped: tuple[Approval, ...]
    review_for: int
    open: int

    def detail(self) -> dict[str, Any]:
        """Return the fields of this obligation that are stored in the chain."""
        skipped = [[approval.need, *approval.of_whom] for approval in self.skipped]
        return {"instead_of": self.instead_of, "skipped": skipped, "review_for": self.review_for, "open": self.open}


@dataclass(frozen=True, slots=True)
class Obligations:
    """The conditions of a permit. The approvals must be given within ``expires_for`` seconds. After the approval, the grant
    allows at most ``uses`` uses within ``lasts_for`` seconds.

    At each later use of the grant, such as a use of a lease, jitd checks whether the approvals still count. If ``standing`` is
    ``use``, jitd checks the groups that an approver has at the time of the use. If ``standing`` is ``review``, jitd checks the
    groups that the approver had at the time of the review. ``gatekeepers`` contains the names of the systems that jitd must
    query before it permits the request. ``notify`` contains the names of the channels through which jitd notifies people about
    the request.

    ``visible_to`` names the people who may read the contents of the request. The requester and the reviewers may always read the
    contents. If ``visible_to`` is None, everybody who may see the request may read the contents (core/visibility.py).

    ``break_glass`` describes the review that is owed afterwards. ``break_glass`` is None if the permit does not skip approvals.
    ``without_kdc`` is ``local`` if the requester and the approvers may authenticate by local PAM. Otherwise ``without_kdc`` is
    ``deny``. ``signed`` is what the host demands of each receipt, whatever its rules say (``[approvals]`` in jitd.toml): of the
    approvals, which are read with it, of those that a gatekeeper adds, and of the review after broken glass.
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
    signed: str = ""


@dataclass(frozen=True, slots=True)
class Permit:
    """The rule ``rule`` permits the request under the conditions in ``obligations``. If an earlier grant replaces the approvals,
    ``lease`` is the id of this grant. ``seen`` contains the facts that the decision used, with their values in the form that is
    shown to people.
    """

    rule: str
    obligations: Obligations
    lease: str | None = None
    seen: tuple[tuple[str, str], ...] = ()

    def detail(self) -> dict[str, Any]:
        """Return what the chain stores of the permit: ``demands`` only if an approval has one, and ``ways`` only if an approval
        has another way or is limited by a list.
        """
        owed = self.obligations.approvals
        demands = {"demands": [str(approval.demand) for approval in owed]} if any(str(one.demand) for one in owed) else {}
        asked = [[approval.need, *approval.of_whom] for approval in owed]
        has_ways = any(approval.instead or approval.also for approval in owed)
        ways = {"ways": [[_kept(way) for way in approval.ways] for approval in owed]} if has_ways else {}
        told = {"decision": "permit", "rule": self.rule, "approvals": asked, **ways, **demands, "lease": self.lease}
        glass = self.obligations.break_glass
        return told | ({} if glass is None else {"break_glass": glass.detail()}) | facts_of(self)

    def denied(self, why: Why, because: str) -> Deny:
        """Return a deny with the same ``visible_to``, so the same people may read the contents of the request."""
        return Deny(why, because, self.rule, visible_to=self.obligations.visible_to)


@dataclass(frozen=True, slots=True)
class Deny:
    """The policy denies the request. ``because`` is a sentence for the requester. ``rule`` is empty if no rule made the
    decision. ``seen`` has the same meaning as in Permit, and ``visible_to`` has the same meaning as in Obligations. If the terms
    of a permit cause the deny, ``visible_to`` comes from this permit. If the request is for several things, the values of
    ``visible_to`` in the decisions about each thing are combined.
    """

    why: Why
    because: str
    rule: str = ""
    seen: tuple[tuple[str, str], ...] = ()
    visible_to: tuple[str, ...] | None = None

    def detail(self) -> dict[str, Any]:
        """Return the fields of the deny that are stored in the chain."""
        told = {"decision": "deny", "why": str(self.why), "rule": self.rule, "because": value("because", self.because)}
        return told | facts_of(self)


Decision = Permit | Deny


def _kept(way: Approval) -> dict[str, Any]:
    """Return the fields of ``way`` that are stored in the chain."""
    kept: dict[str, Any] = {"need": way.need, "from": list(way.of_whom), "after": way.after}
    demand = {"demand": str(way.demand)} if str(way.demand) else {}
    listed = {"also": way.also, "among": None if way.among is None else list(way.among)} if way.also else {}
    return kept | demand | listed


def facts_of(decision: Decision) -> dict[str, Value]:
    """Return the facts that ``decision`` used, as the chain stores them."""
    return {"facts": Value("facts", dict(decision.seen))} if decision.seen else {}


def narrow(old: Obligations, new: Obligations) -> Obligations:
    """Combine two sets of obligations. Each field of the result has the stricter value of ``old`` and ``new``. If the policy
    changes while a request waits, jitd changes the request's obligations only through this function.
    """
    signed = stricter(old.signed, new.signed)
    return Obligations(
        approvals=_both(raised(old.approvals, signed), raised(new.approvals, signed)),
        expires_for=min(old.expires_for, new.expires_for),
        lasts_for=min(old.lasts_for, new.lasts_for),
        uses=min(old.uses, new.uses),
        terms=narrow_terms(old.terms, new.terms),
        standing=narrow_standing(old, new),
        gatekeepers=tuple(dict.fromkeys((*old.gatekeepers, *new.gatekeepers))),
        notify=tuple(dict.fromkeys((*old.notify, *new.notify))),
        visible_to=in_both(old.visible_to, new.visible_to),
        break_glass=_raised_glass(_stricter_glass(old.break_glass, new.break_glass), signed),
        without_kdc=narrow_without_kdc(old, new),
        signed=signed,
    )


def raised(approvals: tuple[Approval, ...], signed: str) -> tuple[Approval, ...]:
    """Return ``approvals``, each with a receipt that proves at least ``signed``."""
    return tuple(approval.raised(signed) for approval in approvals) if signed else approvals


def narrow_standing(old: Obligations, new: Obligations) -> str:
    """Return the stricter ``standing`` of ``old`` and ``new``."""
    return "review" if old.standing == new.standing == "review" else "use"


def narrow_without_kdc(old: Obligations, new: Obligations) -> str:
    """Return the stricter ``without_kdc`` of ``old`` and ``new``."""
    return "local" if old.without_kdc == new.without_kdc == "local" else "deny"


def _stricter_glass(old: BreakGlass | None, new: BreakGlass | None) -> BreakGlass | None:
    """Return the stricter limits of both, with the skipped approvals of ``old``. If one is None, return the other."""
    if old is None or new is None:
        return old or new
    return replace(old, review_for=min(old.review_for, new.review_for), open=min(old.open, new.open))


def _raised_glass(glass: BreakGlass | None, signed: str) -> BreakGlass | None:
    return None if glass is None else replace(glass, skipped=raised(glass.skipped, signed))


def narrow_terms(old: Terms, new: Terms) -> Terms:
    """Return the stricter value of each field of ``old`` and ``new``, but of ``cwd`` that of ``new``."""
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
        checks=tuple(sorted({*old.checks, *new.checks})),
        new=new.new if old.new == new.new else None,
        namespace=narrow_namespace(old, new),
        session="keep" if old.session == new.session == "keep" else "end",
    )


def narrow_namespace(old: Terms, new: Terms) -> str:
    """Return the stricter ``namespace`` of ``old`` and ``new``."""
    return max(old.namespace, new.namespace, key=NAMESPACES.index)


def in_both(old: tuple[str, ...] | None, new: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the words in both. None stands for all words, so of None and another one, the other one."""
    if old is None or new is None:
        return new if old is None else old
    return tuple(word for word in old if word in new)


def _both(old: tuple[Approval, ...], new: tuple[Approval, ...]) -> tuple[Approval, ...]:
    """Return approvals that satisfy both ``old`` and ``new``.

    If ``old`` and ``new`` contain an approval without alternative ways for the same people and with the same demand, the result
    contains it once, with the larger value of ``need``. If they contain exactly the same approval with alternative ways, the
    result contains it once. The result also contains all other approvals in ``old`` and in ``new``. If ``old`` and ``new`` name
    the same provider's list of people, the result has the members from ``new``.
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
    """Return the number of persons who must still approve. Each person who has approved is assigned to at most one approval. The
    function finds the assignment with which the smallest number of persons is still missing.

    ``eligible`` has one entry for each person who has approved. An entry contains the person, and the indexes of those
    ``approvals`` for which this person may be counted. The function uses a maximum bipartite matching. Therefore the order of
    the reviews does not matter.
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
