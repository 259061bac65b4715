# SPDX-License-Identifier: Apache-2.0
"""The terms that a requester asks for, beside the command or the things: the options of jitsudo whose values travel with the
request, through every decision about it, to its grant and its run.

Law: a term is a number or a time, and never a text of the requester. It can only make less of what the rule gives: ``beyond``
names the term that asks for more. The fingerprint contains each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from jitd.core.duration import LONGEST, spell_duration
from jitd.core.wording import count

if TYPE_CHECKING:
    from jitd.core.decision import Obligations

FURTHEST = 7 * 86400  # seconds at most from the submission to the requested start
LEAST_FINGERPRINTED = 3  # terms that each fingerprint contains


def _number(most: int, told: str, *, words: str = "", is_time: bool = False) -> Mapping[str, object]:
    """Describe a term from 1 to ``most``, which gatekeepers know by the name ``told``. ``words`` say it to approvers, with a
    place for the number, and are empty for a term that is told in another way. If ``is_time``, the number is in seconds.
    """
    return {"most": most, "told": told, "words": words, "is_time": is_time}


@dataclass(frozen=True, slots=True)
class AskedTerms:
    """The terms that a requester asks for. None: the requester asks for nothing, and the rule decides.

    ``lasts_for`` is the time of the grant in seconds (``--for``), and ``uses`` the number of its uses (``--uses``): each of them
    makes the grant of a command a lease. ``timeout_for`` is the running time of the command in seconds (``-T``). ``starts_at``
    (aware, in whole seconds) is the time when the grant begins (``--at``), which otherwise begins with its approval.
    """

    lasts_for: int | None = field(metadata=_number(LONGEST, "lasts"))
    uses: int | None = field(metadata=_number(2**31, "uses"))
    timeout_for: int | None = field(metadata=_number(LONGEST, "timeout", words="ends after {}", is_time=True))
    starts_at: datetime | None = None

    @property
    def fingerprinted(self) -> tuple[int | None, ...]:
        """Return all terms, in their order, as the fingerprint contains them (PROTOCOL.md section 7, tag ``t``): a time in
        seconds since 1970, and without the last ones, beyond the first three, that were not asked for.
        """
        asked: list[int | datetime | None] = [getattr(self, name) for name in NAMES]
        while len(asked) > LEAST_FINGERPRINTED and asked[-1] is None:
            asked.pop()
        return tuple(int(one.timestamp()) if isinstance(one, datetime) else one for one in asked)

    @property
    def numbers(self) -> dict[str, int | None]:
        """Return the terms that are numbers, each by its name in messages, documents and rows."""
        return {name: getattr(self, name) for name in NUMBERS}

    @property
    def is_in_range(self) -> bool:
        """False if a number is one that no rule could give."""
        return all(n is None or 1 <= n <= NUMBERS[name]["most"] for name, n in self.numbers.items())

    @property
    def told(self) -> dict[str, int | None]:
        """Return the numbers by their names in a question to a gatekeeper (docs/gatekeepers.md)."""
        return {NUMBERS[name]["told"]: n for name, n in self.numbers.items()}

    def fault_in_start(self, now: datetime) -> str:
        """Return a sentence if the grant of a request that is made at ``now`` (aware) may not begin at ``starts_at``."""
        if self.starts_at is None or timedelta(0) < self.starts_at - now <= timedelta(seconds=FURTHEST):
            return ""
        if self.starts_at <= now:
            return "the time that was asked for with --at is over already"
        return "the time given with --at must begin within 7 days"

    def beyond(self, rule: str, obligations: Obligations) -> str:
        """Return a sentence about the first term that asks for more than ``obligations`` of ``rule`` give, or an empty text."""
        if self.lasts_for is not None and not 1 <= self.lasts_for <= obligations.lasts_for:
            return f"rule {rule} grants at most {spell_duration(obligations.lasts_for)}"
        if self.uses is not None and not 1 <= self.uses <= obligations.uses:
            return f"rule {rule} grants at most {count(obligations.uses, 'use')}"
        limit = obligations.terms.timeout_for
        if self.timeout_for is not None and limit is not None and self.timeout_for > limit:
            return f"rule {rule} lets a command run for at most {spell_duration(limit)}"
        return ""


NAMES = tuple(one.name for one in fields(AskedTerms))  # in messages, documents and rows, in the order of the fingerprint
NUMBERS = {one.name: one.metadata for one in fields(AskedTerms) if "most" in one.metadata}
"""Maps the name of each term that is a number to its description by ``_number``."""
USUAL = AskedTerms(None, None, None)  # nothing is asked for
