# SPDX-License-Identifier: Apache-2.0
"""One call to the daemon, and the exit status of a verb. Law: every exit status is 0 or 2, or stands in the wire's table EXITS.

A verb that does not succeed raises an exception. Only ``jitd.cli.main`` turns the exception into a sentence and an exit status.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from jitpam.client import Connection, NotAuthenticated, RefusedByDaemon, Unreachable
from jitpam.local_proof import connect
from jitpam.wire.codes import EXITS
from jitpam.wire.faults import LocalProtocolError

NOT_DONE = 1


class NotDone(Exception):
    """The verb did not do what was asked; the text says why. ``code`` is one of CODES in jitpam.wire.messages."""

    def __init__(self, sentence: str, code: str = "not_done") -> None:
        super().__init__(sentence)
        self.code = code


@contextmanager
def called(*, with_ticket: bool = False) -> Iterator[Connection]:
    """Open a connection to the daemon for one verb, and close it afterwards. uid 0 is local root, unless ``with_ticket``.

    Raises as ``connect``.
    """
    connection = connect("jitd", with_ticket=with_ticket)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def called_as_reviewer() -> Iterator[Connection]:
    """A connection with a ticket, for a review. Raises NotDone for uid 0: no ticket makes a reviewer of it."""
    try:
        connection = connect("jitd", with_ticket=True)
    except NotAuthenticated:
        if os.geteuid() == 0:
            raise NotDone("root reviews nothing; do it from your own account, with a Kerberos ticket", "forbidden") from None
        raise
    try:
        yield connection
    finally:
        connection.close()


ENDINGS = (NotDone, NotAuthenticated, Unreachable, RefusedByDaemon, LocalProtocolError)


def status_of(ending: Exception) -> int:
    """Return the exit status for ``ending``, an exception of one of the kinds in ENDINGS."""
    match ending:
        case NotDone() | RefusedByDaemon():
            return EXITS[ending.code][1]
        case NotAuthenticated():
            return EXITS["unauthenticated"][1]
        case LocalProtocolError():  # what was typed cannot be sent: it has bytes that are not text
            return EXITS["usage"][1]
        case _:
            return EXITS["failed"][1]
