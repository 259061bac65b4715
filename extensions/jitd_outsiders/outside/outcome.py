# SPDX-License-Identifier: Apache-2.0
"""What became of the events of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from jitd_outsiders.outside.deliveries import LONGEST_WHY, Delivered
from jitpam.wire.declared import sentence


class Fate(Enum):
    """What became of an event. TAKEN: the server has it. NEVER: the server names the event as the fault. REFUSED: the server
    refuses the content of the request, which is the event's fault only if the server takes other events. LATER: the request must
    be sent again.
    """

    TAKEN = 1
    NEVER = 2
    REFUSED = 3
    LATER = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """The fate of an event, and the reason if the server does not have the event."""

    fate: Fate
    why: str = ""


TAKEN = Outcome(Fate.TAKEN)


def delivered(found: Sequence[Outcome], n_events: int, why: str, retry_after: int = 0) -> Delivered:
    """Return the answer about ``n_events``: ``found`` of the first ones, and ``why`` the others have no outcome."""
    takes_events = any(outcome.fate is Fate.TAKEN for outcome in found)
    refused = list[tuple[int, str]]()
    for number, outcome in enumerate(found):
        if outcome.fate is Fate.LATER or (outcome.fate is Fate.REFUSED and not takes_events):
            return Delivered(number, tuple(refused), sentence(outcome.why, LONGEST_WHY), retry_after)
        if outcome.fate is not Fate.TAKEN:
            refused.append((number, sentence(outcome.why, LONGEST_WHY)))
    if len(found) < n_events or not n_events:
        return Delivered(len(found), tuple(refused), sentence(why, LONGEST_WHY) if why else "", retry_after)
    return Delivered(n_events, tuple(refused))
