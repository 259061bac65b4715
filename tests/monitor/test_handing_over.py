# SPDX-License-Identifier: Apache-2.0
"""How the launcher parts with the sockets on which clients send to the processes that it has forked.

Law: what a client has sent there takes an hour to close. So a launcher that goes on has closed the last descriptor of none.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from jitd.monitor import launcher, orders
from jitd.monitor.proof_orders import Prove
from tests.lingering import lingering, nobody_waits
from tests.waiting import wait_for

LATE = 0.5
"""Seconds for which a busy host holds the launcher up before it closes a descriptor: a process has ended by then, if it can."""
BIRTH = orders.Birth("K7QM-2XVD", "/nowhere", "/nowhere")


def fail_to_fork() -> int:
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def children() -> set[int]:
    """Those of this thread, also what has ended and is not waited for."""
    return {int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


def handed(order: Any) -> tuple[socket.socket, socket.socket, socket.socket]:
    """The daemon's and the launcher's ends of their line, in which ``order`` is, and the client's end of the socket that comes
    with it. The client has sent something already.
    """
    daemon, line = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    kind = socket.SOCK_STREAM if isinstance(order, Prove) else socket.SOCK_SEQPACKET
    client, control = socket.socketpair(socket.AF_UNIX, kind)
    control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    if kind == socket.SOCK_SEQPACKET:
        client.send(b"")  # which is not the end
    sent = lingering()
    socket.send_fds(client, [b"x"], [sent.fileno()])
    sent.close()
    with control, open(os.devnull, "r+b") as null:
        passed = [control, null] if isinstance(order, Prove) else [null, control]
        socket.send_fds(daemon, [orders.TO_LAUNCHER.write(order)], [one.fileno() for one in passed])
    return daemon, line, client


@pytest.mark.parametrize("order", ["spare", "forked", "password"])
@nobody_waits()
def test_a_process_that_the_launcher_has_forked_does_not_end_before_the_launcher_has_closed_what_it_got(
    monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    """THREATS S-21."""
    daemon, line, client = handed(Prove("ann") if order == "password" else BIRTH)
    nursery, of_launcher, of_others, close = launcher.Nursery(), os.getpid(), children(), os.close
    if order == "spare":
        nursery.prepare()

    def late(descriptor: int) -> None:
        if os.getpid() == of_launcher:
            time.sleep(LATE)
            for pid in children() - of_others:
                assert os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None, "it waits"
        close(descriptor)

    client.close()
    with daemon, line:
        monkeypatch.setattr(os, "close", late)
        assert launcher._hear(line, nursery)
        monkeypatch.undo()
    assert (begun := children() - of_others)
    wait_for(lambda: any(os.waitpid(pid, os.WNOHANG)[0] for pid in begun), what="its end")


@nobody_waits()
def test_a_launcher_that_can_fork_nothing_leaves_what_a_client_has_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS S-21."""
    daemon, line, client = handed(BIRTH)
    monkeypatch.setattr(os, "fork", fail_to_fork)
    with daemon, line, client:
        assert launcher._hear(line, launcher.Nursery())
        assert orders.FROM_LAUNCHER.read(daemon.recv(1000)).run == BIRTH.run
        assert b"could be created" in client.recv(1000)
        assert client.recv(1000) == b"", "it is told, and its connection has ended"


@nobody_waits()
def test_a_launcher_that_can_fork_nothing_for_a_daemon_that_has_ended_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    daemon, line, client = handed(BIRTH)
    daemon.close()
    monkeypatch.setattr(os, "fork", fail_to_fork)
    with line, client:
        assert launcher._hear(line, launcher.Nursery())
        assert b"could be created" in client.recv(1000)
        assert not launcher._hear(line, launcher.Nursery()), "now it sees that the daemon has ended"
