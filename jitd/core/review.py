# SPDX-License-Identifier: Apache-2.0
"""A review: the verdict of one person about a request. This module is a part of ``request``.

Law: pure. A review is never changed.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from jitd.core.frozen import dataclass
from jitd.core.subject import Subject


class Verdict(StrEnum):
    """The two possible answers of a person who reviews a request."""

    APPROVE = "approve"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Review:
    """The verdict that one person gave."""

    by: Subject
    verdict: Verdict
    comment: str
    at: datetime
