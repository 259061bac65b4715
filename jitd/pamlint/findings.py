# SPDX-License-Identifier: Apache-2.0
"""Findings: where the fault is, what happens because of it, and how to mend it. Law: pure. Names of findings never change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

BAD, UNKNOWN, WEAK = "bad", "unknown", "weak"
SEVERITIES = (BAD, UNKNOWN, WEAK)
"""``bad``: the gate fails open, or locks somebody out. ``unknown``: nobody can tell. ``weak``: the gate holds, but should be
better. The worst comes first.
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file. ``number`` 0 means the file as a whole."""

    file: str
    number: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.number}" if self.number else self.file


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. ``name`` never changes, such as ``jumps-over-gate``. ``services``: for which services it was found, if any."""

    severity: str
    name: str
    place: Place
    sentence: str
    mend: str
    services: tuple[str, ...] = ()


def bad(name: str, place: Place, sentence: str, mend: str, *services: str) -> Finding:
    """Return a finding about a gate that fails open, or locks somebody out."""
    return Finding(BAD, name, place, sentence, mend, services)


def unknown(name: str, place: Place, sentence: str, mend: str, *services: str) -> Finding:
    """Return a finding about a gate that may fail open: nobody can tell, so it must not count as closed."""
    return Finding(UNKNOWN, name, place, sentence, mend, services)


def weak(name: str, place: Place, sentence: str, mend: str, *services: str) -> Finding:
    """Return a finding about a gate that holds, but should be better."""
    return Finding(WEAK, name, place, sentence, mend, services)


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """Merge findings of the same name and place into one, in their order, with all services and the worst severity."""
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
