# SPDX-License-Identifier: Apache-2.0
"""A client at the door of a house, and a carrier between the two that may do anything with the frames.

Law: the binding and the order are those of PROTOCOL.md section 13 by its words, and not by jitpam's code.
"""

from __future__ import annotations

import grp
import itertools
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jitpam.wire import messages
from jitpam.wire.coding import encode
from jitpam.wire.framing import frame
from tests.attacks.raw import Raw, ticket_of
from tests.system.conftest import OF_THE_LAB, House

GROUP = "jitd-door"
SOURCE = "10.1.2.3"
SOURCES = (f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in itertools.count(1 << 20))
"""Sources that were not used before: of one source, few conversations may begin within a second."""
OPEN = "[door]\nlisten = true\n{door}[limits]\npending_per_person = 1000\n"
PATCHED = """#!/usr/bin/python3 -IS
import sys

sys.path += ["/usr/lib/jitd", "/usr/lib/jitd/site-packages"]
from dataclasses import replace

from jitd.core.authentication import Demand
from jitd.cli import main

{patch}
raise SystemExit(main())
"""
COUNTS = """
lack = Demand.lack
Demand.lack = lambda self, given, moment=None: lack(self, given and replace(given, by_door=False), moment)
"""
"""A jitd to which an approval by the door is one like any other: nothing but the conversation stops a lie of the carrier."""
HELD = """
from jitd.server.visit import Visit

stamp = Visit.stamp


def held(self):
    stamp(self)
    self._stamped_at -= 6


Visit.stamp = held
"""
"""As if each message after a stamp had been under way for 6 s."""
MOVED = """
from pathlib import Path

from jitd.server.visit import Visit

made = Visit.__init__


def by_a_clock_that_moves(self, now, *rooms):
    later = Path(__file__).with_name("later")
    made(self, lambda: replace(now(), boot=now().boot + float(later.read_text())), *rooms)


Visit.__init__ = by_a_clock_that_moves
"""
"""A jitd whose clock of the stamps is ahead by the seconds in the file ``later`` beside it. No other clock of it moves, so
nothing else has ended meanwhile: neither the request, nor the conversation, nor the ticket.
"""
SHORT = """
from jitd.server import visit

visit.IDLE_FOR = 0.5
"""
CUT = """
from jitd.server import channel

channel.FRAME_WITHIN = 1.0
"""
"""A jitd that waits a second, and not ten, for the rest of a frame."""
OFTEN = """
from jitd.server import connection

connection.SIGN_EVERY = 0.5
"""


def door_house(at: Path, *patches: str, policy: str = OF_THE_LAB, limits: str = "", door: str = "") -> House:
    """A house with a door, started; ``at`` is a directory for its patched jitd. ``door`` are more keys of ``[door]``."""
    try:
        grp.getgrnam(GROUP)
    except KeyError:
        subprocess.run(["groupadd", "--system", GROUP], check=True)
    starts_by = "jitd"
    if patches:
        script = at / "jitd"
        script.write_text(PATCHED.format(patch="".join(patches)))
        script.chmod(0o755)
        starts_by = str(script)
    return House(policy, OPEN.format(door=door) + limits, starts_by=starts_by).start()


def door_of(house: House) -> Any:
    return SimpleNamespace(socket=house.socket.with_name("door.sock"))


Lie = Callable[[int, bytes], list[bytes]]


def honest(number: int, data: bytes) -> list[bytes]:
    return [data]


class AtDoor(Raw):
    """One conversation at the door, from ``source``, or from a new one; if it is empty, no frame of the carrier is sent. ``lie``
    gets the number of each frame, from 1 for that of the carrier, and returns what is delivered in its place. What was sent is
    in ``sent``.
    """

    def __init__(self, house: House, lie: Lie = honest, *, source: str | None = None, carrier: str = "ssh", uid: int = 0) -> None:
        super().__init__(door_of(house), uid)
        self._lie = lie
        self.sent: list[bytes] = []
        if source != "":
            self.say(messages.Carried(carrier=carrier, source=source or next(SOURCES)))

    def send(self, data: bytes) -> None:
        self.sent.append(data)
        for one in self._lie(len(self.sent), data):
            super().send(one)

    def greet(self, authentication: str = "krb5") -> bytes:
        super().greet(authentication)
        return door_channel(*self.hellos)

    def rows(self, message: messages.Message) -> list[dict[str, Any]]:
        """The rows without the number of the newest record, which is no part of a list."""
        return [row for row in super().rows(message) if row.keys() != {"number"}]

    def stamp(self) -> None:
        (done,) = self.ask(messages.Stamp())
        assert done == messages.Done(text=""), done


def door_channel(*hellos: bytes) -> bytes:
    return sha256(b"jitd door 1\n" + b"".join(len(hello).to_bytes(4, "big") + hello for hello in hellos)).digest()


def at_door(house: House, who: str, lie: Lie = honest, **more: Any) -> AtDoor:
    """``who``, known at the door."""
    made = AtDoor(house, lie, **more)
    made.sign_in(ticket_of(who))
    return made


def carried(carrier: str = "ssh", source: str | None = None) -> bytes:
    return frame(encode(messages.Carried(carrier=carrier, source=next(SOURCES) if source is None else source)))
