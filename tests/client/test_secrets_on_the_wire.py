# SPDX-License-Identifier: Apache-2.0
"""Secrets from the daemon's real channel to the real client: each thing has its own, whatever the kernel joins or splits."""

import asyncio
import os
import socket
import threading

import pytest

from jitd.server.channel import Channel
from jitd.server.room import Room
from jitpam.access import everything
from jitpam.client import Connection
from jitpam.wire import coding
from jitpam.wire.messages import Given
from tests.client.test_given_secrets import sealed
from tests.waiting import PATIENCE

THINGS = [f"program:door{n}" for n in range(8)]


def message(number, more, secret):
    return Given(
        id="K7QM-2XVD", thing=THINGS[number], name="n" * 900, to="a", until="2030-01-01T00:00:00Z", left_ms=1000, stays=False,
        news=[], more=more, secret=secret,
    )  # fmt: skip


def heard(ours):
    """What a client gets on its end of a socket, whatever it is."""
    connection = Connection("", None)
    connection._socket.close()
    connection._socket = ours
    connection.conversation.state = "waiting"
    first = next(found for found in connection.followed(-1, None) if isinstance(found, Given))
    got = everything(first, connection)
    found = [(one.given.thing, None if one.secret is None else os.read(one.secret, 100)) for one in got]
    for one in got:
        if one.secret is not None:
            os.close(one.secret)
    return found


@pytest.mark.parametrize("with_secret", [(), (0,), (7,), (1, 2), (0, 3, 7), tuple(range(8))], ids=str)
@pytest.mark.parametrize("room", [None, 1], ids=["at once", "in small pieces"])
def test_each_thing_comes_with_its_own_secret(with_secret, room):
    """THREATS T-24."""
    theirs, ours = socket.socketpair()
    if room:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
    ours.setblocking(False)
    made = [sealed(b"secret %d" % number) for number in with_secret]

    async def serve():
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        channel = Channel(theirs, loop, Room().place(0), lambda body: None, ended.set_result)
        left = dict(zip(with_secret, made, strict=True))
        for number in range(8):
            body = coding.encode(message(number, 7 - number, "here" if number in left else ""))
            channel.send(body, left.get(number))
        await asyncio.wait_for(ended, PATIENCE)

    server = threading.Thread(target=lambda: asyncio.run(serve()))
    server.start()
    try:
        found = heard(ours)
    finally:
        ours.close()
        server.join(PATIENCE)
    assert found == [(thing, b"secret %d" % n if n in with_secret else None) for n, thing in enumerate(THINGS)]
