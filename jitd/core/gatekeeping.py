# SPDX-License-Identifier: Apache-2.0
"""The questions to gatekeepers, and the effect of their answers. A gatekeeper's answer can make a permit stricter, or deny the
request. A gatekeeper can never permit a request.

Law: if a gatekeeper gives no answer, or an invalid answer, the request is denied. A gatekeeper's requirements can only make the
rule's obligations stricter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from jitd.core.asked_terms import AskedTerms
from jitd.core.claims import Claims, Point
from jitd.core.command import Command
from jitd.core.decision import Approval, Decision, Deny, Obligations, Terms, Why, narrow
from jitd.core.subject import Subject
from jitd.core.values import TEXT, value
from jitd.core.wording import with_words

MOST_GATEKEEPERS = 8  # gatekeepers that a rule may name


def read_gatekeeper(text: str) -> str:
    """Return ``text`` if it is a valid name of a gatekeeper. Otherwise raises ValueError."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", text):
        raise ValueError(f'"{text}" is not a name of a gatekeeper: use at most 64 of a-z, 0-9, "-" and "_"')
    return text


# --- what is asked ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asking:
    """One question to gatekeepers: may ``requester`` run ``command``?

    ``rule`` is the rule that permits the request. ``policy`` is the SHA-256 of the policy's files. ``owed`` contains the
    approvals that the rule demands. ``approved`` contains the principals of the people who have approved. ``facts`` contains the
    facts that the rule used. Each fact has its name, and its value as text. ``terms`` are those that the requester asks for.
    ``ends_boot`` is the time limit for an answer, in seconds on CLOCK_BOOTTIME. Later answers are ignored. ``breaks_glass`` is
    True if approvals are skipped in an emergency.
    """

    id: str
    fingerprint: bytes
    requester: Subject
    host: str
    service: str
    command: Command
    claims: Claims
    point: Point | None
    terms: AskedTerms
    rule: str
    policy: str
    owed: tuple[Approval, ...]
    approved: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    ends_boot: float
    breaks_glass: bool = False


# --- what is answered ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Requirement:
    """The additional demands of a gatekeeper. If a field is None or an empty tuple, the gatekeeper demands nothing for this
    field. ``lasts_for`` is in seconds. ``record`` is one of decision.RECORDED. ``reason`` is True if the requester must give a
    reason.
    """

    approvals: tuple[Approval, ...] = ()
    lasts_for: int | None = None
    uses: int | None = None
    record: str | None = None
    reason: bool = False


@dataclass(frozen=True, slots=True)
class Passes:
    """No objection ``until`` (aware UTC) or for ever. ``mark`` is the gatekeeper's id of it, which is recorded."""

    until: datetime | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Requires:
    """The gatekeeper has no objection if the requirement ``what`` is added."""

    what: Requirement
    until: datetime | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Refuses:
    """The gatekeeper denies. ``because`` is the reason that the gatekeeper sent, with at most 500 characters."""

    because: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Silent:
    """The gatekeeper gave no valid answer. ``why`` completes the sentence ``gatekeeper NAME did not answer: …``."""

    why: str


Answer = Passes | Requires | Refuses | Silent


@dataclass(frozen=True, slots=True)
class Heard:
    """The answer of the gatekeeper ``name``."""

    name: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Passed:
    """The data that jitd stores when a gatekeeper has let the request pass. ``name`` is the gatekeeper's name. ``at`` is the time
    of the answer (aware UTC), and ``until`` is the time at which the answer becomes invalid. ``mark`` is the gatekeeper's own id
    for its decision. jitd stores the gatekeeper's requirements in the obligations of the request.
    """

    name: str
    at: datetime
    until: datetime | None
    mark: Annotated[str, TEXT]


def passed(heard: Iterable[Heard], at: datetime) -> tuple[Passed, ...]:
    """Return a ``Passed`` for each answer in ``heard`` that lets the request pass. ``at`` is the time of the answers."""
    return tuple(
        Passed(one.name, at, one.answer.until, one.answer.mark) for one in heard if isinstance(one.answer, Passes | Requires)
    )


# --- what it means ---------------------------------------------------------------------------------------------------


def judged(decision: Decision, heard: tuple[Heard, ...], reason: str | None) -> Decision:
    """Return ``decision`` after the answers ``heard`` of its gatekeepers; a deny if one is missing. ``reason`` is the
    requester's.
    """
    if isinstance(decision, Deny):
        return decision
    names = {one.name for one in heard if isinstance(one.answer, Passes | Requires)}
    missing = next((name for name in decision.obligations.gatekeepers if name not in names), None)
    if missing is not None:
        heard = (*heard, Heard(missing, Silent("it was not asked")))  # if a gatekeeper has refused, its answer is used first
    return folded(decision, heard, reason)


def folded(decision: Decision, heard: tuple[Heard, ...], reason: str | None) -> Decision:
    """Apply the gatekeepers' answers ``heard`` to ``decision``, as ``judged`` does. Unlike ``judged``, this function does not
    deny the request if answers are missing. But then the caller must not use the result as a decision.
    """
    if isinstance(decision, Deny) or not heard:
        return decision
    rule = decision.rule
    for one in heard:
        if isinstance(one.answer, Refuses):
            return Deny(Why.GATEKEEPER, with_words(f"{one.name} says", one.answer.because), rule)
    for one in heard:
        if isinstance(one.answer, Silent):
            return Deny(Why.ERROR, f"gatekeeper {one.name} did not answer: {one.answer.why}", rule)
    obligations = decision.obligations
    for one in heard:
        if isinstance(one.answer, Requires):
            if one.answer.what.reason and not (reason or "").strip():
                return Deny(Why.GATEKEEPER, f"{one.name} says: a reason is required", rule)
            obligations = narrow(obligations, _as_obligations(obligations, one.answer.what))
    return replace(decision, obligations=obligations)


def _as_obligations(old: Obligations, what: Requirement) -> Obligations:
    """Return a copy for ``narrow``, which chooses the stricter values."""
    record = old.terms.record if what.record is None else replace(old.terms.record, what=what.record)
    terms: Terms = replace(old.terms, record=record)
    return replace(
        old,
        approvals=what.approvals,
        lasts_for=old.lasts_for if what.lasts_for is None else what.lasts_for,
        uses=old.uses if what.uses is None else what.uses,
        terms=terms,
    )


def said(one: Heard) -> list[Any]:
    """Return what the chain stores of ``one``: the gatekeeper's name, a word for the answer, and its text."""
    match one.answer:
        case Passes():
            return [one.name, "pass", value("mark", one.answer.mark)]
        case Requires():
            return [one.name, "require", value("mark", one.answer.mark)]
        case Refuses():
            return [one.name, "deny", value("says", one.answer.because), value("mark", one.answer.mark)]
        case Silent():
            return [one.name, "silent", value("because", one.answer.why)]
