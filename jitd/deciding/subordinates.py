# SPDX-License-Identifier: Apache-2.0
"""Finds the owners of subordinate uids (subuid(5)). In a user namespace, a person has many uids. jitd still treats all these uids
as one person.

Law: jitd uses the owner only to count clients of the same person. A subordinate uid does not get the owner's rights.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path

from jitd.deciding import accounts

FILE = Path("/etc/subuid")


class Subordinates:
    """The owners of subordinate uids, as they were at the last call of ``read``."""

    def __init__(self, file: Path = FILE, uid_of: Callable[[str], int | None] = accounts.uid_of) -> None:
        self._file = file
        self._uid_of = uid_of
        self._ranges: list[tuple[int, int, int]] = []  # first, last, owner

    def read(self) -> None:
        """Read the file again. If the file cannot be read, jitd assumes that there are no subordinate uids. May block."""
        try:
            lines = self._file.read_text("utf-8", "replace").splitlines()
        except OSError:
            lines = []
        found = []
        for line in lines:
            owner, _, numbers = line.partition(":")
            first, _, count = numbers.partition(":")
            if not (first.isdecimal() and count.isdecimal() and owner):
                continue
            uid = int(owner) if owner.isdecimal() else self._uid_of(owner)
            if uid is not None and int(count):
                found.append((int(first), int(first) + int(count) - 1, uid))
        self._ranges = sorted(found)

    def owner_of(self, uid: int) -> int:
        """Return the uid of the account to which ``uid`` belongs. If ``uid`` has an owner in subuid(5), return the owner's uid.
        Otherwise return ``uid`` itself.
        """
        at = bisect_right(self._ranges, uid, key=lambda one: one[0])
        if at and uid <= self._ranges[at - 1][1]:
            return self._ranges[at - 1][2]
        return uid
