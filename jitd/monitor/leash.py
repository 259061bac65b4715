# SPDX-License-Identifier: Apache-2.0
"""What the command's process tells its monitor before exec, over the socket between them (the leash, see ``child``).

tests/monitor/golden-leash has the bytes. Each message comes after a letter: S for Arrived, and x for NotStarted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from jitd.monitor.streams import TERMIOS_BYTES
from jitpam.wire.declared import Codec, Scalar, integer, optional, text

_HEXADECIMAL = text("hexadecimal", "[0-9a-f]*", least=2 * TERMIOS_BYTES, most=2 * TERMIOS_BYTES)
_TERMIOS = Scalar(lambda value: bytes.fromhex(_HEXADECIMAL.read(value)), bytes.hex)
_SIZE = integer(0, 65_535)


@dataclass(frozen=True, slots=True)
class Arrived:
    """The client's streams have arrived. ``terminal`` is True if one of them is the command's terminal. The other fields describe
    the client's own terminal (PROTOCOL.md section 5). ``termios`` is the kernel's struct termios, or None.
    """

    rows: Annotated[int, _SIZE]
    columns: Annotated[int, _SIZE]
    foreground: bool
    termios: Annotated[bytes | None, optional(_TERMIOS)]
    terminal: bool


@dataclass(frozen=True, slots=True)
class NotStarted:
    """The command is not executed. ``number`` is the exit status for its client."""

    number: Annotated[int, integer(0, 255)]
    because: Annotated[str, text("a sentence", most=1000)]


LEASH = Codec[Arrived | NotStarted]("", {"arrived": Arrived, "not started": NotStarted})
