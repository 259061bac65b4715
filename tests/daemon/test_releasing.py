# SPDX-License-Identifier: Apache-2.0
"""Who closes what others have sent (THREATS S-21): the parts, without a daemon.

Law: what is sent here takes an hour to close. So a test that goes on has closed the last descriptor of none.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from jitd import releasing, systemd
from jitd.executor.passwords import have_checked
from jitd.releasing import RELEASER, Releaser, receive
from tests.attacks.test_lingering import nested, pass_on
from tests.lingering import lingering, nobody_waits
from tests.waiting import PATIENCE, wait_for

LATE = 0.3
"""Seconds for which a busy host holds the daemon up: a child has ended by then, if it can."""


@pytest.fixture
def releaser() -> Iterator[Releaser]:
    made = Releaser()
    yield made
    wait_for(lambda: made._reap() or not made._children, what="the end of the children")


def with_something(*sent: socket.socket) -> socket.socket:
    """A connection that has these in its queue. Its other end is closed."""
    made, other = socket.socketpair()
    with other:
        pass_on(other, b"x", *sent)
    return made


@pytest.mark.parametrize("made", [lingering, nested], ids=["lingers", "in others"])
@nobody_waits()
def test_a_child_closes_what_takes_long_and_ends(releaser: Releaser, made: Callable[[], socket.socket]) -> None:
    """THREATS S-21: a process that ends does not wait, however deep it is."""
    releaser.end(with_something(made(), made()))
    releaser.close(made().detach())
    releaser._start()
    assert len(releaser._children) == 1, "one for all that has come"


@nobody_waits()
def test_a_child_does_not_end_before_the_daemon_has_closed_its_own(releaser: Releaser, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS S-21: the daemon would close the last ones then."""
    close, seen = os.close, list[object]()

    def late(descriptor: int) -> None:
        (child,) = releaser._children
        os.kill(child, signal.SIGTERM)  # as a service manager does that stops the daemon
        time.sleep(LATE)
        seen.append(os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT))
        close(descriptor)

    releaser.end(with_something(lingering()))
    monkeypatch.setattr(os, "close", late)
    releaser._start()
    monkeypatch.undo()
    assert seen[0] is None


@nobody_waits()
def test_what_no_child_takes_stays_open_until_one_does(releaser: Releaser, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS S-21."""
    monkeypatch.setattr(releasing, "PAUSE", 0.01)
    monkeypatch.setattr(releasing, "AGAIN_AFTER", 0.01)
    failed = list[OSError]()
    before = len(os.listdir("/proc/self/fd"))

    async def play() -> None:
        keeping = asyncio.create_task(releaser.keep(failed.append))
        monkeypatch.setattr(releasing, "PROGRAM", "/nowhere")
        await asyncio.sleep(0)
        with_it = with_something(lingering())
        threading.Thread(target=releaser.end, args=(with_it,)).start()
        async with asyncio.timeout(PATIENCE):
            while len(failed) < 3:
                await asyncio.sleep(0.001)
            assert len(releaser._waiting) == 1 and not releaser._children
            monkeypatch.setattr(releasing, "PROGRAM", "/bin/cat")
            while releaser._waiting or releaser._children:
                await asyncio.sleep(0.001)
        keeping.cancel()
        await asyncio.wait([keeping])

    asyncio.run(play())
    assert len(os.listdir("/proc/self/fd")) == before + 1, "the other end of the lingering one"


@nobody_waits()
def test_if_all_children_are_slow_what_comes_waits_until_it_is_much(releaser: Releaser, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS S-21: children may be slow for ever, so that as many could be had for each few descriptors."""
    monkeypatch.setattr(releasing, "many", lambda: 4)
    slow = [subprocess.Popen(["sleep", "3600"]) for _ in range(releasing.MOST_CHILDREN)]
    try:
        releaser._children.update(one.pid for one in slow)
        for n in range(4):
            releaser._start()
            assert (len(releaser._waiting), len(releaser._children)) == (n, len(slow)) and not releaser.is_full
            releaser.end(with_something(lingering()))
        releaser._start()
        assert (len(releaser._waiting), len(releaser._children)) == (0, len(slow) + 1)
    finally:
        for one in slow:
            one.kill()


@nobody_waits()
def test_nothing_comes_behind_the_last_look(releaser: Releaser, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS S-21: between the look and the close, a client could send something."""
    ours, client = socket.socketpair()
    unread = releasing._unread

    def then_it_sends(connection: socket.socket) -> bytes:
        found = unread(connection)
        with pytest.raises(BrokenPipeError):
            client.send(b"x")
        return found

    monkeypatch.setattr(releasing, "_unread", then_it_sends)
    client.send(b"y")
    with client:
        releaser.end(ours)
    assert ours.fileno() == -1 and not releaser._waiting, "it is closed, and no child is needed"


@nobody_waits()
def test_bytes_are_taken_up_to_what_came_with_descriptors(releaser: Releaser) -> None:
    """THREATS S-21. And the bytes of others who send none arrive whole."""
    ours, client = socket.socketpair()
    releasing.be_looked_at(ours)
    ours.setblocking(False)
    client.send(b"one")
    client.send(b"two", socket.MSG_OOB)
    assert receive(ours, 100) + receive(ours, 100) == b"onetwo"
    with pytest.raises(BlockingIOError):
        receive(ours, 100)
    client.send(b"three")
    assert receive(ours, 2) == b"th"
    pass_on(client, b"four", lingering())
    with pytest.raises(releasing.Carried):
        receive(ours, 100)
    client.close()
    releaser.end(ours)
    releaser._start()


@nobody_waits()
def test_a_launcher_that_takes_nothing_leaves_what_came_instead_of_a_password() -> None:
    """THREATS S-21."""
    source = with_something(lingering())
    n_before = len(RELEASER._waiting)
    with pytest.raises(TimeoutError):
        asyncio.run(have_checked(lambda: None, "ann", source))
    assert source.fileno() == -1 and len(RELEASER._waiting) == n_before + 1


@nobody_waits()
def test_clients_that_are_turned_away_are_closed_by_the_end_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS S-21. No daemon can start, and the process that says so ends."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0jitd-turned-away-{os.getpid()}")
        listener.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(listener.getsockname())
            pass_on(client, b"x", lingering())
            monkeypatch.setattr(systemd.daemon, "listen_fds_with_names", lambda: {os.dup(listener.fileno()): "jitd.socket"})
            systemd.turn_away("no", "no")
            gc.collect()
            assert b'"no"' in client.recv(1000)
