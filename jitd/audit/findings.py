# SPDX-License-Identifier: Apache-2.0
"""What a verification can find.

Law: pure. Each finding names one thing that is wrong, in one of the words of ``Wrong``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Wrong(StrEnum):
    """What is wrong with a record, or with something that belongs to it."""

    EDITED = "edited"  # the bytes of a record are not those that were sealed
    REMOVED = "removed"
    ADDED = "added"  # a record was sealed, or stands in a place, where there was none
    EXCHANGED = "exchanged"  # records stand in each other's places
    WRITTEN_AGAIN = "written again"  # every seal is right, but not what was signed, or what somebody has a copy of
    CUT_TAIL = "cut tail"  # the newest records are missing, and what they tell of is there
    ROLLED_BACK = "rolled back"  # the newest records are missing, and so is all that they tell of: this is an older state
    FORKED = "forked"  # the host's key has signed two records for one number
    FOREIGN_KEY = "foreign key"  # what was signed was signed by somebody else's key
    FORGED = "forged"  # what is said to be signed was not
    VALUE_DIFFERS = "value does not fit"  # a value is not the one to which the record commits
    VALUE_MISSING = "value missing"  # no record says that it was forgotten, or it was forgotten too early
    POLICY_DIFFERS = "policy differs"  # a policy that a record names is not the one that was in force
    POLICY_MISSING = "policy missing"  # a policy that a record names is not there
    STANDING_DIFFERS = "standing privileges differ"  # the list that a record names is missing, or not the recorded one
    RECORDING_DIFFERS = "recording differs"  # a recording is not the one of which the record has the digest
    STORE_DIFFERS = "store differs"  # a stored object is not as its last record left it
    CLAIMED = "unsigned claim"  # a copy says something else than the record. No signature covers it: either may be the lie
    NOT_A_RECORD = "not a record"  # the seal is right, and no jitd has written what it covers


@dataclass(frozen=True, slots=True)
class Flaw:
    """``number`` is the number of the record at which something is wrong, or 0 if it does not belong to one record. ``sentence``
    says what is wrong, and has no full stop.
    """

    wrong: Wrong
    number: int
    sentence: str

    @property
    def is_of_cut(self) -> bool:
        """True if this follows where the newest records were removed."""
        return self.wrong is Wrong.CUT_TAIL or (self.wrong is Wrong.STORE_DIFFERS and self.number == 0)

    def __str__(self) -> str:
        return f"{self.wrong}: {self.sentence}"


Report = Callable[[Flaw], None]  # takes each finding when it is found
