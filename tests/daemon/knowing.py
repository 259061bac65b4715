# SPDX-License-Identifier: Apache-2.0
"""What is known of the facts, for tests that are about something else."""

from __future__ import annotations

from jitd.deciding.knowledge import Beforehand, Knowledge


def nothing() -> Knowledge:
    """No fact is known, and none can be gathered."""
    return Knowledge(lambda names, about: {}, Beforehand().told)
