# SPDX-License-Identifier: Apache-2.0
"""What a connection needs of the daemon, which builds it. Law: no code, only what there is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from jitd.acceptor import Acceptor, Proof
from jitd.asking import Asking
from jitd.core.effects import Moment
from jitd.core.request import Request
from jitd.core.subject import Subject
from jitd.locking import Locking
from jitd.overseeing import Overseeing
from jitd.recordings import Recordings
from jitd.subordinates import Subordinates
from jitd.waiters import Waiters


class House(Protocol):
    """See above; ``daemon.Daemon`` is one."""

    acceptor: Acceptor
    asking: Asking
    overseeing: Overseeing
    locking: Locking
    recordings: Recordings
    waiters: Waiters
    subordinates: Subordinates
    host: str

    def now(self) -> Moment:
        """The moment."""

    async def subject(self, proof: Proof | None) -> Subject | None:
        """Who the proof (None: local root) is here."""

    async def local(self, uid: int) -> Subject | None:
        """Who the account ``uid`` is, known by nothing else."""

    async def uid_of(self, user: str) -> int | None:
        """The number of the account ``user``; None if there is none."""

    async def again(self, who: Subject) -> Subject | None:
        """``who`` as they are here now; None if the account is gone or has expired."""

    def turn_of(self, uid: int) -> asyncio.Lock:
        """Whoever makes a row for the account ``uid`` holds it."""

    def request(self, id: str) -> Request | None:
        """The request of that id."""

    def ends_at(self, asked: Request) -> datetime | None:
        """When the grant ends that answers ``asked``."""

    def broke_protocol(self, who: Subject | None, fault: str) -> None:
        """Count it, or, if ``who`` is known, record it."""

    def warn(self, uid: int, event: str, /, **values: object) -> None:
        """Log what a stranger of account ``uid`` did, as long as they do not do it all the time."""


@dataclass(slots=True)
class Peer:
    """What the kernel says of the other end."""

    uid: int
    pid: int
