# SPDX-License-Identifier: Apache-2.0
"""Gatekeepers, as the core knows them: their answers narrow a permit or deny. None of them can permit.

Law: pure. A gatekeeper that did not answer, or answered nonsense, denies. Requirements only tighten what the rule asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from jitd.core.claims import Claims, Point
from jitd.core.command import Command
from jitd.core.decision import Approval, Decision, Deny, Obligations, Terms, Why, narrow
from jitd.core.subject import Subject

MOST_GATEKEEPERS = 8
"""The most gatekeepers that a rule may name."""


def read_gatekeeper(text: str) -> str:
    """Return the name of a gatekeeper. Raises ValueError."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", text):
        raise ValueError(f'"{text}" is not a name of a gatekeeper: it has a-z, 0-9, "-" and "_", at most 64 of them')
    return text


# --- what is asked ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asking:
    """One question to gatekeepers: may ``requester`` do this? ``rule`` is the permit's, and ``policy`` the SHA-256 of the
    policy's files. ``owed`` are the approvals that the rule asks for, and ``approved`` the principals of those who have approved.
    ``facts`` are names and spelled values of what the rule has looked at. ``lasts_for``, ``uses`` and ``timeout_for`` are what
    was asked for (seconds, a number, seconds), or None. ``ends_boot`` is when no answer helps any more, in seconds on
    CLOCK_BOOTTIME. ``breaks_glass``: approvals are skipped in an emergency.
    """

    id: str
    fingerprint: bytes
    requester: Subject
    host: str
    service: str
    command: Command
    claims: Claims
    point: Point | None
    lasts_for: int | None
    uses: int | None
    timeout_for: int | None
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
    """What a gatekeeper asks for beyond the rule. None or an empty tuple asks for nothing. ``lasts_for`` is in seconds,
    ``record`` one of decision.RECORDED; ``reason`` is True if a reason must be given.
    """

    approvals: tuple[Approval, ...] = ()
    lasts_for: int | None = None
    uses: int | None = None
    record: str | None = None
    reason: bool = False


@dataclass(frozen=True, slots=True)
class Passes:
    """The gatekeeper has no objection. ``until`` (aware UTC) is how long it says so; None if it does not say. ``mark`` is its own
    name for the decision, for the record.
    """

    until: datetime | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Requires:
    """The gatekeeper passes if ``what`` is added."""

    what: Requirement
    until: datetime | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Refuses:
    """The gatekeeper denies. ``because`` are its words, at most 500 characters, as it sent them."""

    because: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Silent:
    """The gatekeeper gave no answer that counts. ``why`` is the rest of the sentence ``gatekeeper NAME did not answer: …``."""

    why: str


Answer = Passes | Requires | Refuses | Silent


@dataclass(frozen=True, slots=True)
class Heard:
    """What the gatekeeper ``name`` answered."""

    name: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Passed:
    """What is kept of a pass: who passed, at what time (aware UTC), until when, and the gatekeeper's own name for it. What it
    required stands in the obligations of the request.
    """

    name: str
    at: datetime
    until: datetime | None
    mark: str


def passed(heard: Iterable[Heard], at: datetime) -> tuple[Passed, ...]:
    """Return what is kept of the passes in ``heard`` at ``at``."""
    return tuple(
        Passed(one.name, at, one.answer.until, one.answer.mark) for one in heard if isinstance(one.answer, Passes | Requires)
    )


# --- what it means ---------------------------------------------------------------------------------------------------


def judged(decision: Decision, heard: tuple[Heard, ...], reason: str | None) -> Decision:
    """Return what is left of ``decision`` after its gatekeepers have answered. ``reason`` is the requester's. A gatekeeper of the
    permit that is not in ``heard`` denies.
    """
    if isinstance(decision, Deny):
        return decision
    names = {one.name for one in heard if isinstance(one.answer, Passes | Requires)}
    missing = next((name for name in decision.obligations.gatekeepers if name not in names), None)
    if missing is not None:
        heard = (*heard, Heard(missing, Silent("it was not asked")))  # if it has refused, that comes first
    return folded(decision, heard, reason)


def folded(decision: Decision, heard: tuple[Heard, ...], reason: str | None) -> Decision:
    """Like ``judged``, with only those answers that have come so far. It is not a decision before all of them have come."""
    if isinstance(decision, Deny):
        return decision
    rule = decision.rule
    for one in heard:
        if isinstance(one.answer, Refuses):
            return Deny(Why.GATEKEEPER, f"{one.name} says: {one.answer.because}", rule)
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
    """Return ``old`` with what is required in its place, so that ``narrow`` keeps the stricter of both."""
    record = old.terms.record if what.record is None else replace(old.terms.record, what=what.record)
    terms: Terms = replace(old.terms, record=record)
    return replace(
        old,
        approvals=what.approvals,
        lasts_for=old.lasts_for if what.lasts_for is None else what.lasts_for,
        uses=old.uses if what.uses is None else what.uses,
        terms=terms,
    )


def said(one: Heard) -> list[str]:
    """Return what the chain keeps of an answer: the name, a word, and what the gatekeeper said about it."""
    match one.answer:
        case Passes():
            return [one.name, "pass", one.answer.mark]
        case Requires():
            return [one.name, "require", one.answer.mark]
        case Refuses():
            return [one.name, "deny", one.answer.because, one.answer.mark]
        case Silent():
            return [one.name, "silent", one.answer.why]
