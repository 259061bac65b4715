# SPDX-License-Identifier: Apache-2.0
"""What jitd says of the corpus, for all files that compare it."""

from __future__ import annotations

import pytest

from jitd.core.grade import Finding
from jitd_commands.grading import findings_of
from tests.commands.graded import REQUESTER, Line, Looker, command_of, corpus


@pytest.fixture(scope="session")
def graded() -> dict[Line, tuple[Finding, ...]]:
    """Line of the corpus → what jitd finds in it."""
    return {line: findings_of(command_of(line), Looker(line), requester=REQUESTER) for line in corpus()[1]}
