# SPDX-License-Identifier: Apache-2.0
"""The interface of a kind of thing: the Protocol that every kind implements, and the orders for a kind. Its answers
are those of ``beside/deeds``. The fields of both declare how they are read and written (``jitpam.wire.declared``).

Law: a kind may get the same order twice. A kind may also be killed at any moment and get the order again. When a kind gets
an order again, it finishes the work that it began the first time. If the answer is Given, Taken or Seen, the order was certainly
carried out. If the answer is Refused, certainly nothing was changed. If the answer is Failed, it is not known whether the order
was carried out. A kind takes back only a thing that it has given for the order's holding.

Taking back is done by construction, and not by search (ADR 0100). A holder can hide things, hold locks and stop processes. So
what has to be found, or waited for, is not promised:

1. The right ends first, by a step that needs no lock, file, process or server that the holder can touch.
2. If a step fails, every later step is tried all the same. The answer is Failed as long as the right may not have ended.
3. Tidying comes last. What of it was not done is told in the answer: a limit that was reached, a mount that was not entered, an
   error (``not removed: PATH: why``, ``not searched: PATH: why``). The answer is ``Taken()`` without a word only if nothing had
   to be found.
4. Root opens no file by a name that a user chose. It walks by descriptors of directories, follows no link, and stops at mounts
   and subvolumes.
5. Locks are root's own files in root's own directories (``durable.locked``). Anybody who can open a file or a directory can lock
   it.
6. Names that somebody else chose are quoted in answers, so that no name reads as a sentence of jitd's.
7. An order comes in. An answer goes out, with the descriptor of one sealed secret at most. A kind knows nothing of the daemon.

tests/givers/test_law_of_kinds.py holds kinds to it: it lets the kernel refuse each step of taking once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol, runtime_checkable

from jitd.beside.deeds import HOLDING as HOLDING
from jitd.beside.deeds import MOST_LET_IN
from jitd.beside.deeds import Given as Given
from jitd.beside.deeds import Seen as Seen
from jitd.beside.deeds import State as State
from jitd.beside.deeds import Strays as Strays
from jitd.beside.deeds import Taken as Taken
from jitd.beside.refusals import Failed as Failed
from jitd.beside.refusals import Refused as Refused
from jitd.core.conditions import is_name
from jitd.core.thing import read_giver
from jitd.core.wording import name_in_sentence
from jitpam.wire.declared import integer, list_of, text
from jitpam.wire.shown import shown

MOST_BROUGHT = 16 * 1024  # characters of a text that a person brings, such as a public key
_LATEST = 253402300799  # the last second of the year 9999, in seconds since 1970
_HOLDING = text("the id of a holding", HOLDING.pattern)
GIVER = text("the name of a giver").where(read_giver, "the name of a giver")
_PROCESS = text("a pid and a start time", r"[1-9][0-9]{0,9}:[0-9]{1,19}")


def named(name: bytes | str) -> str:
    """Return ``name``, which somebody else has chosen, for an answer, so that it reads as no part of the sentence (law 6)."""
    return name_in_sentence(shown(name))


def checked_holding(id: str) -> str:
    """Return ``id`` if it is the id of a holding, and may be in the name of a file. Otherwise raises ValueError."""
    if not HOLDING.fullmatch(id):
        raise ValueError("this is not the id of a holding")
    return id


@dataclass(frozen=True, slots=True)
class Order:
    """An order to give a thing, to take it back, or to look at it.

    ``holding`` is the id of the holding. A kind uses this id in the names of the things that it makes. ``name`` is the name of
    the giver in jitd.toml. The thing is for the account ``account``, which has the uid ``uid``. ``until`` is the time when the
    holding ends, in seconds since 1970. ``brought`` is the text that the person brought for the thing, such as a public key. The
    text ``brought`` is in ASCII, must not be trusted, and is empty for most kinds. ``approved`` is the digest of the approved
    settings (``settings/giver_words``). A thing is given only with the approved settings. Kinds do not need to check
    ``approved``, because the process of the deed has already checked it. ``let_in`` has each sudo of the account that jitd let in
    at a gate, as ``PID:START``. Only an order to take lines of sudoers back has it.
    """

    holding: Annotated[str, _HOLDING]
    name: Annotated[str, GIVER]
    account: Annotated[str, text("the name of an account").where(is_name, "the name of an account")]
    uid: Annotated[int, integer(0, 2**32 - 2)]
    until: Annotated[int, integer(0, _LATEST)]
    brought: Annotated[str, text("a line of ASCII", r"[ -~]*", most=MOST_BROUGHT)] = ""
    approved: Annotated[str, text("a digest in hexadecimal, or nothing", r"(?:[0-9a-f]{64})?")] = ""
    let_in: Annotated[tuple[str, ...], list_of(_PROCESS, most=MOST_LET_IN)] = ()


class Kind(Protocol):
    """Gives things of one kind. One table ``[givers.NAME]`` of jitd.toml has the settings.

    Each call is one deed in its own process. The process of a deed runs as root and has no network. The call may block. After
    process.SECONDS, the process and all processes that it has started are killed. An exception is a defect, and is treated as
    Failed.
    """

    def give(self, order: Order) -> Given | Refused | Failed:
        """Give the thing. If the thing already exists as ordered, answer Given. If an object that does not belong to this holding
        is in the thing's place, answer Refused.
        """

    def take(self, order: Order) -> Taken | Refused | Failed:
        """Take the thing back: first the right, then what else this kind promises to end, then tidy up (law 1 to 3). If nothing
        exists for this holding, answer Taken.
        """

    def look(self, order: Order) -> Seen | Failed:
        """Report whether the thing is still as it was given. Change nothing."""

    def strays(self, orders: Sequence[Order]) -> Strays | Failed:
        """Return the holdings but those of ``orders`` for which a thing with jitd's mark, such as a comment or a note, exists.
        Change nothing. A kind that cannot tell its own things returns none.
        """


@runtime_checkable
class Mending(Protocol):
    """A kind with a secret, such as a password, which stays valid in a repair: the person's command has read it, and nobody would
    receive another one. Other kinds are repaired by giving again.
    """

    def mend(self, order: Order) -> Given | Refused | Failed:
        """Repair the thing for its holder, so that the thing is again as it was given. The secret that the holder has stays
        valid. If such a repair is not possible, change nothing and answer Refused.
        """
