# SPDX-License-Identifier: Apache-2.0
"""What a connection needs of the daemon, which builds it. Law: no code, only what there is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeVar

from jitd.core.effects import Moment
from jitd.core.request import Request
from jitd.core.subject import Subject
from jitd.deciding.subordinates import Subordinates
from jitd.lifecycle.waiters import Waiters
from jitd.server.acceptor import Acceptor, Proof
from jitd.server.telling import Turns
from jitd.verbs.asking import Asking
from jitd.verbs.locking import Locking
from jitd.verbs.overseeing import Overseeing
from jitd.verbs.recordings import Recordings

T = TypeVar("T")


class House(Protocol):
    """See above; ``daemon.Daemon`` is one."""

    acceptor: Acceptor
    asking: Asking
    overseeing: Overseeing
    locking: Locking
    recordings: Recordings
    waiters: Waiters
    turns: Turns
    subordinates: Subordinates
    host: str
    trusted_places: tuple[bytes, ...]

    def now(self) -> Moment:
        """The moment."""

    async def subject(self, uid: int, proof: Proof | None) -> Subject | None:
        """Who the proof (None: local root), which came from the account ``uid``, is here."""

    async def local(self, uid: int) -> Subject | None:
        """Who the account ``uid`` is, known by nothing else."""

    async def uid_of(self, uid: int, user: str) -> int | None:
        """The number of the account ``user``, for which ``uid`` asks; None if there is none."""

    async def again(self, who: Subject) -> Subject | None:
        """``who`` as they are here now; None if the account is gone or has expired."""

    async def read_large(self, uid: int, read: Callable[[], T]) -> T:
        """What ``read`` makes of a large frame of the account ``uid``. Raises what it raises, or TimeoutError."""

    def request(self, id: str) -> Request | None:
        """The request of that id."""

    def ends_at(self, asked: Request) -> datetime | None:
        """When the grant ends that answers ``asked``."""

    def broke_protocol(self, who: Subject | None, fault: str) -> None:
        """Count it, or, if ``who`` is known, record it."""

    def warn(self, uid: int, event: str, /, **values: object) -> None:
        """Log what a stranger of account ``uid`` did, as long as they do not do it all the time."""
