# SPDX-License-Identifier: Apache-2.0
"""A finding says where a fault is, what effect the fault has, and how to correct the fault. Law: the names of findings never
change.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

BAD, UNKNOWN, WEAK = "bad", "unknown", "weak"
SEVERITIES = (BAD, UNKNOWN, WEAK)
"""The severities. The worst severity is the first. ``bad`` means that the gate fails open, or locks somebody out. ``unknown``
means that the gate may fail open. ``weak`` means that the gate is effective, but should be better.
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file. If ``number`` is 0, the place is the whole file."""

    file: str
    number: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.number}" if self.number else self.file


@dataclass(frozen=True, slots=True)
class Linted:
    """One finding. ``name`` is a fixed name, such as ``jumps-over-gate``. ``services`` are the services that have this fault."""

    severity: str
    name: str
    place: Place
    sentence: str
    mend: str
    services: tuple[str, ...] = ()


def bad(name: str, place: Place, sentence: str, mend: str, *services: str) -> Linted:
    """Return a finding about a gate that fails open, or locks somebody out."""
    return Linted(BAD, name, place, sentence, mend, services)


def unknown(name: str, place: Place, sentence: str, mend: str, *services: str) -> Linted:
    """Return a finding about a gate that may fail open. A gate with this finding must not be treated as effective."""
    return Linted(UNKNOWN, name, place, sentence, mend, services)


def weak(name: str, place: Place, sentence: str, mend: str, *services: str) -> Linted:
    """Return a finding about a gate that is effective, but should be better."""
    return Linted(WEAK, name, place, sentence, mend, services)


def merged(findings: Iterable[Linted]) -> list[Linted]:
    """Merge all findings of the same name and place into one finding. The new finding has all services and the worst severity."""
    kept: dict[tuple[str, Place], Linted] = {}
    for finding in findings:
        key = (finding.name, finding.place)
        before = kept.get(key)
        if before is None:
            kept[key] = finding
            continue
        worst = min(before, finding, key=lambda one: SEVERITIES.index(one.severity))
        services = tuple(dict.fromkeys(before.services + finding.services))
        kept[key] = Linted(worst.severity, worst.name, worst.place, worst.sentence, worst.mend, services)
    return list(kept.values())
