# SPDX-License-Identifier: Apache-2.0
"""What knows programs: it grades a command (``core.grade``), and the commands that a rule's pattern matches.

Law: a grader is an adviser, and may be absent. Then nothing is told of a command, and never that it is harmless.
"""

from __future__ import annotations

from typing import Protocol

from jitd.core.command import Command
from jitd.core.conditions import CommandPattern
from jitd.core.grade import NOTHING, Beside, Finding, Grade, Look

AMOUNTS_TO_ROOT = frozenset({Grade.GIVES, Grade.LEADS, Grade.READS})  # who reads root's secrets has its power, too


class Grader(Protocol):
    """The knowledge of programs. Both answers have the worst finding first."""

    def findings_of(self, command: Command, look: Look, *, requester: str, beside: Beside = NOTHING) -> tuple[Finding, ...]:
        """Return the reasons for the grade of ``command``. ``look`` is asked about the files that matter. ``requester`` is the
        account of the person who asks, and ``beside`` is known beside looks.
        """

    def findings_of_pattern(self, pattern: CommandPattern, *, as_root: bool = True) -> tuple[Finding, ...]:
        """Return the reasons for the worst grades of the commands that ``pattern`` matches. Nothing is looked at."""


def loss_by(grader: Grader | None, pattern: CommandPattern, *, as_root: bool) -> str:
    """Return what a command that ``pattern`` matches destroys or stops. Return an empty text if nothing is known of it."""
    found = grader.findings_of_pattern(pattern, as_root=as_root) if grader is not None else ()
    return next((one.what for one in found if one.damage), "")


def way_to_root(grader: Grader | None, pattern: CommandPattern) -> str:
    """Return how a command that ``pattern`` matches, and that root runs, gives the person more than its words say. If it gives
    nothing that amounts to root, or if the command is not known, return an empty text.
    """
    found = grader.findings_of_pattern(pattern) if grader is not None else ()
    return next((one.what for one in found if one.grade in AMOUNTS_TO_ROOT), "")
