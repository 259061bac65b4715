# SPDX-License-Identifier: Apache-2.0
"""The messages between the daemon and jitd-givers. Each question names a thing. The answers are the classes of ``kind``.

The field ``do`` names the question, and the field ``said`` names the answer. tests/givers/golden has the bytes of each message. A
secret is not part of a message: its descriptor is sent in the same packet as the answer ``given``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from jitd.beside.deeds import HOLDINGS
from jitd_things.givers.kind import GIVER, Failed, Given, Order, Refused, Seen, Strays, Taken
from jitd_things.givers.kinds import OF_NAME
from jitpam.wire.declared import INLINE, Codec, one_of

_KIND = one_of(OF_NAME, "a kind of thing")


@dataclass(frozen=True, slots=True)
class Give:
    """Give the thing that ``order`` names. The thing is of the kind ``kind``."""

    kind: Annotated[str, _KIND]
    order: Annotated[Order, INLINE]


@dataclass(frozen=True, slots=True)
class Mend:
    """Repair the thing for its holder, so that the thing is again as it was given. Keep the secret that the holder has."""

    kind: Annotated[str, _KIND]
    order: Annotated[Order, INLINE]


@dataclass(frozen=True, slots=True)
class Take:
    """Take the thing back."""

    kind: Annotated[str, _KIND]
    order: Annotated[Order, INLINE]


@dataclass(frozen=True, slots=True)
class Look:
    """Report the present state of the thing."""

    kind: Annotated[str, _KIND]
    order: Annotated[Order, INLINE]


@dataclass(frozen=True, slots=True)
class Search:
    """Search for things of the giver ``name`` of ``kind``. Return their holdings, without those in ``holdings``."""

    kind: Annotated[str, _KIND]
    name: Annotated[str, GIVER]
    holdings: Annotated[tuple[str, ...], HOLDINGS] = ()


Question = Give | Mend | Take | Look | Search
Answer = Given | Taken | Seen | Strays | Refused | Failed

QUESTIONS = Codec[Question]("do", {"give": Give, "mend": Mend, "take": Take, "look": Look, "search": Search})
ANSWERS = Codec[Answer](
    "said", {"given": Given, "taken": Taken, "seen": Seen, "strays": Strays, "refused": Refused, "failed": Failed}
)
