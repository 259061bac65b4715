# SPDX-License-Identifier: Apache-2.0
"""A row of a truth table: what was looked at, and the finding that has to come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from jitd_inspection.doctor.finding import Result


class Row(NamedTuple):
    """``words`` stand in the finding ``check`` of ``level``, in its sentence, its mend or its command."""

    check: str
    level: str
    words: str
    made: Callable[[], Result | Iterable[Result]]

    def findings(self) -> list[Result]:
        """What comes of it."""
        made = self.made()
        return [made] if isinstance(made, Result) else list(made)


def text(finding: Result) -> str:
    """All that a person reads of it."""
    return f"{finding.sentence} | {finding.mend} | {finding.command}"
