# SPDX-License-Identifier: Apache-2.0
"""What the kernel gets of this extension."""

from __future__ import annotations

from jitd.core.grader import Grader
from jitd_commands import grading


def grader() -> Grader:
    return grading
