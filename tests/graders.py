# SPDX-License-Identifier: Apache-2.0
"""What grades commands in tests: what the host would have, and what a test says itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jitd import extensions
from jitd.core.command import Command
from jitd.core.conditions import CommandPattern
from jitd.core.grade import NOTHING, Beside, Finding, Look
from jitd.deciding.findings import Findings

FINDINGS = Findings(extensions.grader())


@dataclass(frozen=True)
class Said:
    """A grader that says of each command what ``found`` says, and of a pattern nothing."""

    found: Callable[[Command, Look, str], tuple[Finding, ...]]

    def findings_of(self, command: Command, look: Look, *, requester: str, beside: Beside = NOTHING) -> tuple[Finding, ...]:
        return self.found(command, look, requester)

    def findings_of_pattern(self, pattern: CommandPattern, *, as_root: bool = True) -> tuple[Finding, ...]:
        return ()
