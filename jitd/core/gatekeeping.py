# SPDX-License-Identifier: Apache-2.0
"""Gatekeepers, as the core knows them: their answers narrow a permit or deny. None of them can permit.

Law: pure. A gatekeeper that did not answer, or answered nonsense, denies. Requirements only tighten what the rule asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jitd.core.decision import Approval


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a gatekeeper asks for beyond the rule. None or an empty tuple asks for nothing. ``lasts_for`` is in seconds, ``record``
    one of decision.RECORDED; ``reason`` is True if a reason must be given.
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
