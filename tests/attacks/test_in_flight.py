# SPDX-License-Identifier: Apache-2.0
"""Clients that do not receive what the daemon sends them (THREATS S-22): the kernel counts these descriptors for root."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from functools import partial

import pytest

from jitpam.wire import messages
from tests.attacks.raw import Raw, connected, submission, uid_of
from tests.system.conftest import House
from tests.waiting import wait_for

FREE = """
[[permit]]
name = "free"
who = ["user:dave"]
run_as = ["*"]
commands = [["/usr/bin/true"]]
"""
MOST = 3
"""Connections that a person may have here."""


def is_there(raw: Raw) -> bool:
    """A descriptor has come. The look leaves it where it is."""
    try:
        return bool(raw.socket.recvmsg(1 << 16, 0, socket.MSG_PEEK | socket.MSG_DONTWAIT)[2] & socket.MSG_CTRUNC)
    except BlockingIOError:
        return False


def hung_up(raw: Raw) -> bool:
    look = select.poll()
    look.register(raw.socket, select.POLLRDHUP)
    return bool(look.poll(0))


def left_unread(house: House) -> Raw:
    """A connection that the daemon has ended, and in which the control socket of a run waits unread."""
    raw = connected(house, "dave")
    raw.say(submission("/usr/bin/true"))
    wait_for(partial(is_there, raw), what="the start")
    raw.socket.shutdown(socket.SHUT_WR)
    wait_for(partial(hung_up, raw), what="the daemon's end of it")
    return raw


def receive(raw: Raw) -> None:
    assert any(isinstance(raw.hear(), messages.Start) for _ in range(3))
    assert raw.is_closed()


@pytest.mark.parametrize("done_with", [receive, Raw.close], ids=["received", "closed"])
def test_a_connection_counts_until_its_client_has_received_what_came_with_it(
    own_house: Callable[..., House], done_with: Callable[[Raw], None]
) -> None:
    """THREATS S-22: so a person makes root have no more in flight than there are connections for this person."""
    house = own_house(FREE, f"[limits]\nconnections_per_uid = {MOST}\n").start()
    unread = [left_unread(house) for _ in range(MOST)]
    with Raw(house, uid_of("dave")) as one_more:
        assert one_more.is_refused()
    done_with(unread.pop())
    wait_for(partial(may_connect, house), what="room for another connection")
    for raw in unread:
        raw.close()


def may_connect(house: House) -> bool:
    with Raw(house, uid_of("dave")) as raw:
        try:
            raw.greet()
        except AssertionError:  # it is refused
            return False
        return True
