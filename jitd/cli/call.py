# SPDX-License-Identifier: Apache-2.0
"""Makes one call to the daemon. Also defines the exit status of a verb. Law: if Ctrl-C ends a verb, its exit status is 130. If a
broken pipe ends a verb, its exit status is 141. In all other cases, the exit status is 0, 2, or a value in the table EXITS of the
wire protocol.

A verb that does not succeed raises an exception. Only ``jitd.cli.main`` converts an exception into a sentence and an exit status.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from jitd import packages
from jitd.cli import far
from jitd.cli.answer import say, speaks
from jitd.cli.not_done import NotDone as NotDone
from jitpam.client import Connection, NoProcess, NotAuthenticated, RefusedByDaemon, Unreachable
from jitpam.local_proof import connect
from jitpam.news import News
from jitpam.wire.codes import EXITS
from jitpam.wire.faults import LocalProtocolError

NOT_DONE = 1


@contextmanager
def called(*, with_ticket: bool = False) -> Iterator[Connection]:
    """Open a connection to the daemon for one verb, and close it afterwards. If the caller has uid 0, the connection is made as
    local root. If ``with_ticket`` is True, or if the verb is sent to another host, the connection is always made with a Kerberos
    ticket.

    Raises the same errors as ``connect``.
    """
    connection = _connection(with_ticket=with_ticket)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def called_as_reviewer() -> Iterator[Connection]:
    """Open a connection with a Kerberos ticket for a review, and close it afterwards. root may not review requests with its
    local account. Therefore the function raises NotDone if the caller has uid 0 and no ticket.
    """
    try:
        connection = _connection(with_ticket=True)
    except NotAuthenticated:
        if os.geteuid() == 0 and far.there() is None:
            raise NotDone("root may not review; do it from your own account, with a Kerberos ticket", "forbidden") from None
        raise
    try:
        yield connection
    finally:
        connection.close()


def _connection(*, with_ticket: bool) -> Connection:
    """Connect to the jitd of the host to which verbs are sent."""
    speaks("")
    if (there := far.there()) is None:
        if far.many() is not None:  # what is meant for one of many hosts never goes to this one
            raise NotDone("which of the hosts is meant is not known: nothing was sent", "failed")
        if packages.is_desk():
            raise NotDone(NAMELESS, "usage")
        return connect("jitd", with_ticket=with_ticket)
    from jitpam import carrier  # verbs of this host need none

    connection = carrier.connect(there.host, there.carrier, News("jitd"), realm=there.realm)
    speaks(there.host)
    return connection


@contextmanager
def done_by(daemon: Connection) -> Iterator[Connection]:
    """Yield ``daemon``, which is to do something. If Ctrl-C comes once this was sent, say that it may be done nevertheless."""
    try:
        yield daemon
    except KeyboardInterrupt:
        if daemon.is_sent:
            say("it was sent before Ctrl-C, and may count: look before you try again")
        raise


NAMELESS = "this is a desk, without a jitd of its own: type jitd --host db17.example.org --via 'ssh -T jitd-door@db17'"
LOOK = "to look at the host: jitd doctor"
ENDINGS = (NotDone, NotAuthenticated, Unreachable, RefusedByDaemon, LocalProtocolError, NoProcess)

OF_ONE_HOST = ("refused", "service", "realm", "policy", "other")  # of one host, or made up by what leads there


def status_of(ending: Exception) -> int:
    """Return the exit status that belongs to ``ending``. The class of ``ending`` must be in ENDINGS."""
    match ending:
        case NotDone() | RefusedByDaemon():
            return EXITS[ending.code][1]
        case NotAuthenticated():
            return EXITS["unauthenticated"][1]
        case LocalProtocolError():  # the typed text cannot be sent, because some of its bytes are not text
            return EXITS["usage"][1]
        case _:
            return EXITS["failed"][1]
