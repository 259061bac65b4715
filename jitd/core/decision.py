# SPDX-License-Identifier: Apache-2.0
"""What policy answers: a permit with its obligations, or a deny with its reason. An approval owed is an obligation.

Law: you cannot hold obligations without a permit, and ``narrow`` only tightens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class Why(StrEnum):
    """Why a deny was given. Each ends a request alike; they are told apart for people and in the record."""

    RULE = "rule"
    NO_RULE = "no rule"
    ERROR = "error"
    REASON = "reason"
    TERMS = "terms"
    MISSING = "missing"
    UNFIT = "unfit"
    LOCKED = "locked"
    APPROVALS = "approvals"


@dataclass(frozen=True, slots=True)
class Approval:
    """``need`` distinct persons out of ``of_whom`` (words such as ``group:ops``). ``need`` is at least 1."""

    need: int
    of_whom: tuple[str, ...]


RECORDED = ("none", "terminal", "output", "all")
"""What a rule can have recorded of a run, each more than the one before: nothing, what it writes to a terminal (where the rule
says nothing), what it writes anywhere, and also what it reads."""


@dataclass(frozen=True, slots=True)
class Record:
    """``what`` is one of RECORDED. ``sync``: durable within a moment (``interval``) or before it is passed on (``always``).
    ``failure``: whether a run that cannot be recorded any more is to ``end`` or to ``continue``.
    """

    what: str = "terminal"
    sync: str = "interval"
    failure: str = "end"

    def and_also(self, other: Record) -> Record:
        """What satisfies both."""
        return Record(
            max(self.what, other.what, key=RECORDED.index),
            "always" if "always" in (self.sync, other.sync) else "interval",
            "end" if "end" in (self.failure, other.failure) else "continue",
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """How the command runs. ``cwd`` is ``caller`` or a directory; ``env`` the names that may come along; ``stdin`` any, tty or
    none. ``watch`` are words for those who may watch and replay it, None for all who may see the request. ``session`` is what
    becomes of a login session when its grant's time is over, ``keep`` or ``end``. ``options``: also with those options of the
    program that asks which change what runs. ``bound``: only where the content of all that its arguments name is bound.
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


@dataclass(frozen=True, slots=True)
class Obligations:
    """What a permit asks for: approvals, within ``expires_for`` seconds; then a grant of at most ``lasts_for`` and ``uses``.

    ``standing`` says by which groups an approver counts whenever a use is taken: by those of that moment (``use``), or by those
    that they had when they reviewed (``review``).
    """

    approvals: tuple[Approval, ...]
    expires_for: int
    lasts_for: int
    uses: int
    terms: Terms
    standing: str = "use"


@dataclass(frozen=True, slots=True)
class Permit:
    """Rule ``rule`` permits, on these obligations. ``lease`` is the grant that discharges its approvals, if one does."""

    rule: str
    obligations: Obligations
    lease: str | None = None


@dataclass(frozen=True, slots=True)
class Deny:
    """No. ``because`` is a sentence for the requester; ``rule`` is empty where no rule decided."""

    why: Why
    because: str
    rule: str = ""


Decision = Permit | Deny


def narrow(old: Obligations, new: Obligations) -> Obligations:
    """The tighter of both in every respect: what a change of policy may do to a request that waits."""
    return Obligations(
        approvals=_both(old.approvals, new.approvals),
        expires_for=min(old.expires_for, new.expires_for),
        lasts_for=min(old.lasts_for, new.lasts_for),
        uses=min(old.uses, new.uses),
        terms=narrow_terms(old.terms, new.terms),
        standing="review" if old.standing == new.standing == "review" else "use",
    )


def narrow_terms(old: Terms, new: Terms) -> Terms:
    """The tighter of both in every respect."""
    return replace(
        new,
        timeout_for=min((t for t in (old.timeout_for, new.timeout_for) if t is not None), default=None),
        env=tuple(name for name in old.env if name in new.env),
        writable=old.writable and new.writable,
        leftovers="keep" if old.leftovers == new.leftovers == "keep" else "end",
        stdin=max(old.stdin, new.stdin, key=("any", "tty", "none").index),
        record=old.record.and_also(new.record),
        watch=_of_both(old.watch, new.watch),
        options=old.options and new.options,
        bound=old.bound or new.bound,
        session="keep" if old.session == new.session == "keep" else "end",
    )


def _of_both(old: tuple[str, ...] | None, new: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if old is None or new is None:
        return new if old is None else old
    return tuple(word for word in old if word in new)


def _both(old: tuple[Approval, ...], new: tuple[Approval, ...]) -> tuple[Approval, ...]:
    """What satisfies ``old`` and ``new``: of the same people the larger number, of different people both."""
    needs: dict[tuple[str, ...], list[int]] = {}
    for place, approvals in enumerate((old, new)):
        for approval in approvals:
            needs.setdefault(approval.of_whom, [0, 0])[place] += approval.need
    return tuple(Approval(max(counts), of_whom) for of_whom, counts in needs.items())


def still_owed(approvals: tuple[Approval, ...], eligible: tuple[tuple[str, frozenset[int]], ...]) -> int:
    """How many more persons are needed, when each person is put where they help most.

    ``eligible`` has one entry a person who approved: the person, and the indexes in ``approvals`` they may count for. One person
    counts once over all; the best assignment (a maximum bipartite matching) makes the order of reviews irrelevant.
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
