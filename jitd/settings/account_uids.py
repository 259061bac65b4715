# SPDX-License-Identifier: Apache-2.0
"""Determines the possible uids of the accounts that jitd creates. A uid is possible if it is in the setting ``uids`` and is not
assigned by other software on a host.
Law: a uid that systemd assigns by itself is never used. Source: systemd's UIDS-GIDS ("Special systemd UID ranges").
"""

from __future__ import annotations

import re
from collections.abc import Iterable

Range = tuple[int, int]  # a range of uids: the first and the last uid
SYSTEMD: tuple[Range, ...] = ((60001, 60577), (61184, 65519), (65534, 65535), (524288, 1879048191), (2147483647, 4294967295))
"""systemd's ranges: users of systemd-homed and of services (DynamicUser=), nobody, containers, and others."""
LEAST = 1000  # the smallest uid that jitd may use. Smaller uids are reserved for the distribution.
_SPELLED = re.compile(r"([1-9][0-9]{0,9})-([1-9][0-9]{0,9})")


def read_uids(spelled: str) -> Range:
    """Return the first and the last uid of ``spelled``, such as ``61000-61183``. Raises ValueError. The text of the error is a
    predicate, such as ``must be ...``, to which the caller adds the subject.
    """
    found = _SPELLED.fullmatch(spelled)
    uids = (int(found[1]), int(found[2])) if found else (0, 0)
    if not LEAST <= uids[0] <= uids[1] < 2**31:
        raise ValueError(f'must be the first and the last uid, from {LEAST} on, such as "61000-61183"')
    free = without(uids, SYSTEMD)
    if sum(last - first + 1 for first, last in free) < 2:
        raise ValueError("needs at least two uids that systemd never assigns, such as uids from 61000-61183 or 65536-99999")
    return uids


def without(uids: Range, taken: Iterable[Range]) -> list[Range]:
    """Return the ranges of ``uids`` that remain when the ranges ``taken`` are removed, in ascending order."""
    left = [uids]
    for first, last in taken:
        parts = (part for low, high in left for part in ((low, min(high, first - 1)), (max(low, last + 1), high)))
        left = sorted({(low, high) for low, high in parts if low <= high})
    return left


def overlap(one: Range, other: Range) -> bool:
    """True if at least one uid is in both ranges."""
    return one[0] <= other[1] and other[0] <= one[1]
