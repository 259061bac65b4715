# SPDX-License-Identifier: Apache-2.0
"""One call to the daemon, and how a verb ends. Law: every exit status comes out of the wire's one table (EXITS), or is 0 or 2.

What ends a verb otherwise than done is an exception; ``jitd.cli.main`` alone turns it into a sentence and a status.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from jitpam.client import Connection, NotAuthenticated, RefusedByDaemon, Unreachable, connect
from jitpam.wire.codes import EXITS
from jitpam.wire.faults import LocalProtocolError

NOT_DONE = 1


class NotDone(Exception):
    """It was not done, and the text says why. ``code`` is one of the wire's."""

    def __init__(self, sentence: str, code: str = "not_done") -> None:
        super().__init__(sentence)
        self.code = code


@contextmanager
def called(*, with_ticket: bool = False) -> Iterator[Connection]:
    """A connection for as long as one verb needs it. uid 0 comes as root, unless ``with_ticket``."""
    connection = connect(with_ticket=with_ticket)
    try:
        yield connection
    finally:
        connection.close()


ENDINGS = (NotDone, NotAuthenticated, Unreachable, RefusedByDaemon, LocalProtocolError)


def status_of(ending: Exception) -> int:
    """The exit status for one of ENDINGS."""
    match ending:
        case NotDone() | RefusedByDaemon():
            return EXITS[ending.code][1]
        case NotAuthenticated():
            return EXITS["unauthenticated"][1]
        case LocalProtocolError():  # what was typed cannot be said: bytes that are not text
            return EXITS["usage"][1]
        case _:
            return EXITS["failed"][1]
