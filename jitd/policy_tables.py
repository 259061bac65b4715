# SPDX-License-Identifier: Apache-2.0
"""What tries rules before they are in force, for ``jitd check`` and ``jitd reload``: tables of what the rules should decide.

Law: it is only in the process of the verb. The daemon tries nothing: a wrong table must not lock a host out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from jitd import extensions

if TYPE_CHECKING:
    from jitd.core.policy import Policy
    from jitd.settings.config import Config


@dataclass(frozen=True, slots=True)
class Tried:
    """How many cases were tried, and a sentence for each that does not hold, or for each fault of a table."""

    n_cases: int
    failures: tuple[str, ...]


class Tables(Protocol):
    """Reads tables, and decides nothing itself."""

    def try_on(self, policy: Policy, config: Config, place: Path) -> Tried:
        """Try ``policy`` with the tables in the directory ``place``, which is there."""


def place_beside(rules: Path) -> Path:
    """Return the directory of the tables of the rules in the directory ``rules``: ``policy.test`` beside ``policy.d``."""
    return rules.with_name("policy.test")


def tables() -> Tables | None:
    """Return what tries tables. Return None if the extension policy is not used."""
    found: Tables | None = extensions.of_first("tables")
    return found
