# SPDX-License-Identifier: Apache-2.0
"""Grades commands by the lists of ``consequence`` and ``precious``, until the engine of grades replaces these lists.

Law: pure. A grade warns people, and never permits or denies a request.
"""

from __future__ import annotations

from collections.abc import Iterable

from jitd.core.afterwards import IDENTITY
from jitd.core.command import Command
from jitd.core.conditions import CommandPattern
from jitd.core.consequence import Consequence, gives_root_shell, of_command, of_pattern
from jitd.core.grade import Finding, Grade, Look
from jitd.core.precious import precious

MOST = 12
"""Maximum number of findings about one command."""
_READS, _CHANGES = frozenset({"read"}), frozenset({"delete", "end", "host", "network", "clock", IDENTITY})


def findings_of(command: Command, look: Look, *, requester: str) -> tuple[Finding, ...]:
    """Return the findings about ``command``, the worst first."""
    found = [_found(one) for one in of_command(command)]
    if gives_root_shell(command) and not any(one.grade is Grade.GIVES for one in found):
        found.append(Finding(Grade.GIVES, "it is not certain what would run" if command.doubt else "a login can run any command"))
    found += [Finding(Grade.READS, "names a sensitive file", path, matters) for path, matters in precious(command)]
    return _worst_first(found)


def findings_of_pattern(pattern: CommandPattern, *, as_root: bool = True) -> tuple[Finding, ...]:
    """Return the findings about the commands that ``pattern`` matches, the worst first."""
    return _worst_first(_found(one) for one in of_pattern(pattern))


def _found(one: Consequence) -> Finding:
    grade = Grade.READS if one.kind in _READS else Grade.CHANGES if one.kind in _CHANGES else Grade.GIVES
    return Finding(grade, str(one))


def _worst_first(found: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(dict.fromkeys(found), key=lambda one: -one.grade))[:MOST]
