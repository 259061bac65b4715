# SPDX-License-Identifier: Apache-2.0
"""What the command's process and its monitor tell each other before exec, over the socket between them (the leash, see
``child``). The holder, which forks the command's process, tells the monitor its part on the same socket.

All of them are forked from one process, so they have the same version. tests/monitor/golden-leash has the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from jitd.monitor.orders import MAX_WORD, Go, Ready
from jitd.monitor.streams import Turn
from jitpam.wire.declared import INLINE, Codec, integer, list_of, optional, text

_PID = integer(1, 2**31 - 1)
_NUMBER = integer(0, 255)


@dataclass(frozen=True, slots=True)
class Contained:
    """The command will be in a pid namespace. ``init`` is the first process of the namespace, as the host sees it."""

    init: Annotated[int, _PID]


@dataclass(frozen=True, slots=True)
class Forked:
    """The command's process exists. Its pid on the host is ``pid``, and it leads a process group."""

    pid: Annotated[int, _PID]


@dataclass(frozen=True, slots=True)
class WhoSends:
    """Who has sent the client's next packet? In a pid namespace, the kernel names no sender outside (unix(7))."""


@dataclass(frozen=True, slots=True)
class Sender:
    """The answer to WhoSends: a pid on the host, or 0 if it is not known."""

    pid: Annotated[int, integer(0, 2**31 - 1)]


@dataclass(frozen=True, slots=True)
class Arrived:
    """The client's streams have arrived. ``terminal`` is True if one of them is the command's terminal."""

    turn: Annotated[Turn, INLINE]
    terminal: bool


@dataclass(frozen=True, slots=True)
class Writes:
    """An edit begins to write. It executes nothing, so only this says that its run has begun."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checks of an edit say to the process that writes, and it to the monitor. ``told`` is why the text is not to be
    written, for the requester, or empty if it is to be written. ``said`` is the same with all that the check has said.
    """

    told: Annotated[str, text("a sentence")]
    said: Annotated[str, text("a sentence")]


@dataclass(frozen=True, slots=True)
class Stands:
    """Of the files that are edited together, those with the numbers ``written`` have their new text. The one with the number
    ``unsure`` gets its new text at this moment, or its old one again. A single file has the number 0. One that is removed has no
    text then.
    """

    written: Annotated[tuple[int, ...], list_of(_NUMBER)]
    unsure: Annotated[int | None, optional(_NUMBER)]


@dataclass(frozen=True, slots=True)
class NotStarted:
    """The command is not executed. ``number`` is the exit status for its client."""

    number: Annotated[int, integer(0, 255)]
    because: Annotated[str, text("a sentence", most=1000)]


FromCommand = Contained | Forked | WhoSends | Arrived | Ready | Writes | Checked | Stands | NotStarted
FROM_COMMAND = Codec[FromCommand](
    "say",
    {
        "contained": Contained, "forked": Forked, "who_sends": WhoSends, "arrived": Arrived, "ready": Ready,
        "writes": Writes, "checked": Checked, "stands": Stands, "not_started": NotStarted,
    },
    MAX_WORD,
)  # fmt: skip
TO_COMMAND = Codec[Sender | Go]("say", {"sender": Sender, "go": Go}, MAX_WORD)
