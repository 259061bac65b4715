# SPDX-License-Identifier: Apache-2.0
"""A finding: where it is, what happens because of it, and how it is mended. Law: pure; its name stays the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

BAD, UNKNOWN, WEAK = "bad", "unknown", "weak"
SEVERITIES = (BAD, UNKNOWN, WEAK)
"""It fails open, or locks somebody out; nobody can tell; it holds, and ought to be better. The worst comes first."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file; ``number`` 0 is the file as a whole."""

    file: str
    number: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.number}" if self.number else self.file


@dataclass(frozen=True, slots=True)
class Finding:
    """``name`` is a stable one, ``jumps-over-gate`` say; ``services`` are those that it was found for, if it is about any."""

    severity: str
    name: str
    place: Place
    sentence: str
    mend: str
    services: tuple[str, ...] = ()


def bad(name: str, place: Place, sentence: str, mend: str, *services: str) -> Finding:
    """It fails open, or locks somebody out."""
    return Finding(BAD, name, place, sentence, mend, services)


def unknown(name: str, place: Place, sentence: str, mend: str, *services: str) -> Finding:
    """Whether it fails open cannot be told: nobody may call it closed."""
    return Finding(UNKNOWN, name, place, sentence, mend, services)


def weak(name: str, place: Place, sentence: str, mend: str, *services: str) -> Finding:
    """It holds, and ought to be better."""
    return Finding(WEAK, name, place, sentence, mend, services)


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """One finding a matter, in order: what several services share is told once, with all their names and the worst severity."""
    kept: dict[tuple[str, Place], Finding] = {}
    for finding in findings:
        key = (finding.name, finding.place)
        before = kept.get(key)
        if before is None:
            kept[key] = finding
            continue
        worst = min(before, finding, key=lambda one: SEVERITIES.index(one.severity))
        services = tuple(dict.fromkeys(before.services + finding.services))
        kept[key] = Finding(worst.severity, worst.name, worst.place, worst.sentence, worst.mend, services)
    return list(kept.values())
