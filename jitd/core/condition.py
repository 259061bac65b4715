# SPDX-License-Identifier: Apache-2.0
"""What parts of the daemon say of their own condition: lines of ``jitd status``, and metric families of ``jitd metrics``.

Law: a part says what it has in memory. It looks nothing up and waits for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Sample = tuple[str, tuple[str, ...], int]  # the suffix of the sample's name, the values of its labels, and its value
MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what it is ``about``, and what it ``says``. If not ``is_well``, somebody has to do something."""

    about: str
    says: str
    is_well: bool = True


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family of OpenMetrics. The values of a family whose unit is ``seconds`` are in microseconds."""

    name: str
    kind: str
    help: str
    samples: tuple[Sample, ...]
    labels: tuple[str, ...] = ()
    unit: str = ""


def gauge(name: str, help: str, value: int, *, unit: str = "") -> Family:
    """Return a gauge without labels."""
    return Family(name, "gauge", help, (("", (), value),), unit=unit)


def gauges(name: str, help: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], int]]) -> Family:
    """Return a gauge with one sample for each of ``values``."""
    return Family(name, "gauge", help, tuple(("", of, value) for of, value in values), labels)
