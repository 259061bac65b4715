# SPDX-License-Identifier: Apache-2.0
"""Finds the owners of subordinate uids (subuid(5)). In a user namespace, a person has many uids. jitd still treats all these uids
as one person.

Law: jitd uses the owner only to count clients of the same person. A subordinate uid does not get the owner's rights. If the
directory of accounts does not know the owner now, the uids of the range still count as one account.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from jitd.core.party import UNSEEN, Party
from jitd.deciding import accounts

FILE = Path("/etc/subuid")


class _Range(NamedTuple):
    """A line of subuid(5): the uids from ``first`` to ``last``, and ``owner``, which is a name or a decimal uid.

    ``wider`` is the index of the nearest range that begins before this range, or with it, and ends after it, or -1.
    """

    first: int
    last: int
    owner: str
    wider: int


class Subordinates:
    """The owners of subordinate uids, as they were at the last call of ``read``."""

    def __init__(self, file: Path = FILE, uid_of: Callable[[str], int | None] = accounts.uid_of) -> None:
        self._file = file
        self._uid_of = uid_of
        self._ranges: list[_Range] = []
        self._known: dict[str, int] = {}  # the uids of owners, also if the directory of accounts has stopped answering since

    def read(self) -> None:
        """Read the file again, and look up the owners. The file counts before any owner is known. May block."""
        self.read_file()
        for owner in {one.owner for one in self._ranges if not _is_uid(one.owner)}:
            uid = self._uid_of(owner)
            if uid is not None:
                self._known[owner] = uid

    def read_file(self) -> None:
        """Read the file again, without its owners. No file, no subordinate uids. One that cannot be read changes nothing."""
        try:
            lines = self._file.read_bytes().decode("utf-8", "replace").split("\n")
        except FileNotFoundError:
            lines = []
        except OSError:
            return
        found = []
        for line in lines:
            owner, _, numbers = line.partition(":")
            first, _, count = numbers.partition(":")
            if owner and _is_uid(first) and _is_uid(count) and int(count):
                found.append((int(first), int(first) + int(count) - 1, owner))
        self._known.update({owner: int(owner) for _, _, owner in found if _is_uid(owner)})
        self._ranges = _nested(found)

    def owner_of(self, uid: int) -> int:
        """Return the uid of the account to which ``uid`` belongs. If ``uid`` has an owner in subuid(5), return the owner's uid.
        If ranges are nested, the narrowest one counts. Otherwise return ``uid`` itself.

        If the owner's uid has never been known, return the first uid of the range for the whole range. The same holds for the
        ranges of root (of containers): root's threads and root's freedom from limits are not for others. The result is 0 only
        for uid 0.
        """
        found = self._range_of(uid)
        return uid if found is None else self._known.get(found.owner) or max(found.first, 1)

    def party_of(self, uid: int | None) -> Party:
        """Return the party for which a process of ``uid`` counts, or of an account that is not known (None)."""
        return UNSEEN if uid is None else Party.of_account(self.owner_of(uid))

    def is_subordinate(self, uid: int) -> bool:
        """True if ``uid`` is in a range of another account than itself. Also true if the owner of the range is not known."""
        found = self._range_of(uid)
        return found is not None and self._known.get(found.owner) != uid

    def _range_of(self, uid: int) -> _Range | None:
        ranges = self._ranges
        at = bisect_right(ranges, uid, key=lambda one: one.first) - 1 if uid else -1
        while at >= 0 and ranges[at].last < uid:
            at = ranges[at].wider
        return ranges[at] if at >= 0 else None


def _is_uid(text: str) -> bool:
    return text.isdecimal() and len(text) <= 10  # 32 bits


def _nested(found: list[tuple[int, int, str]]) -> list[_Range]:
    """Return the ranges ``found`` in the order of their first uids. Of ranges that begin together, the widest comes first."""
    made: list[_Range] = []
    wider: list[int] = []  # the indices of ranges that a later one may be inside of, each ending before the one to its left
    for first, last, owner in sorted(found, key=lambda one: (one[0], -one[1])):
        while wider and made[wider[-1]].last <= last:
            wider.pop()
        made.append(_Range(first, last, owner, wider[-1] if wider else -1))
        wider.append(len(made) - 1)
    return made
