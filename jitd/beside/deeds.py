# SPDX-License-Identifier: Apache-2.0
"""What is said of the things that are given to people, by whatever gives them and takes them back: jitd-givers, jitd-kdc, the
programs of administrators, servers of leases. Refused and Failed are those of ``refusals``.

Law: after Given, Taken or Seen the order was carried out, after Refused nothing was changed, and after Failed nobody knows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from jitpam.wire.declared import CARRIED, LONGEST_SENTENCE, list_of, member_of, text

HOLDING = re.compile(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}(?:\.[1-9][0-9]{0,8})?", re.ASCII)
"""A holding's id: that of its grant, and from the second one on with a dot and a number behind."""
MOST_ORDERS = 5_000  # holdings in one message
MOST_LET_IN = 1_000  # processes in one order
HOLDINGS = list_of(text("the id of a holding", HOLDING.pattern), most=MOST_ORDERS)
_PERHAPS = text("a sentence or nothing", r"[ -~]*", most=LONGEST_SENTENCE)


@dataclass(frozen=True, slots=True)
class Given:
    """The account has the thing. ``tell`` is a sentence that tells the person how to use the thing. ``tell`` may be empty.

    ``secret`` is the descriptor of a sealed memfd (memfd_create(2)), or None. The memfd has at most 64 KiB. Only the
    person's process may read the memfd. The receiver of this answer has to close the descriptor.
    """

    tell: Annotated[str, _PERHAPS] = ""
    secret: Annotated[int | None, CARRIED] = None


@dataclass(frozen=True, slots=True)
class Taken:
    """The right has ended. ``left`` is a sentence about things that the person still has, or that were not removed or not
    searched. ``left`` is empty if nothing had to be found, or nothing is left.

    Taken is also the answer if there was nothing to take back.
    """

    left: Annotated[str, _PERHAPS] = ""


class State(StrEnum):
    """The state in which a thing is found."""

    STANDS = "stands"
    GONE = "gone"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Seen:
    """The state of a thing: why it is not as it was given, or "" if it is."""

    state: Annotated[State, member_of(State, "a state")]
    why: Annotated[str, _PERHAPS] = ""


@dataclass(frozen=True, slots=True)
class Strays:
    """The holdings whose things a search has found although they should not exist any more."""

    holdings: Annotated[tuple[str, ...], HOLDINGS] = ()
