# SPDX-License-Identifier: Apache-2.0
"""A review: what one person said to a request. It is a part of ``request``.

Law: pure. A review is never changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from jitd.core.subject import Subject


class Verdict(StrEnum):
    """What a person says to a request."""

    APPROVE = "approve"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Review:
    """One person's verdict, as it was given."""

    by: Subject
    verdict: Verdict
    comment: str
    at: datetime
