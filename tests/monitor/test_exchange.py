# SPDX-License-Identifier: Apache-2.0
"""The monitor's exchange with the client: what comes first."""

from __future__ import annotations

import socket

from jitd.monitor.client import Client
from jitd.monitor.exchange import Exchange
from jitd.monitor.rehearsal import JOB
from jitd.monitor.tape import Tape


class Written:
    """A terminal on which the command has written ``packets``."""

    is_waiting_to_write = False

    def __init__(self, *packets: bytes) -> None:
        self._packets = list(packets)

    def push(self) -> None:
        pass

    def read(self) -> memoryview:
        return memoryview(self._packets.pop(0) if self._packets else b"")


def test_the_client_hears_that_the_command_runs_before_what_it_writes() -> None:
    """A client whose terminal takes no output reads no further: a signal that it keeps until then would never be passed on."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        client = Client(ours)
        exchange = Exchange(client, Written(b"Oone", b"Otwo"), Tape(JOB, "/nowhere"))  # type: ignore[arg-type]
        exchange.is_open = True
        news = [b"R"]

        def before_output() -> None:
            if news:
                client.say(news.pop(), b"\0\0\0\1")

        exchange.relay(before_output, is_over=False)
        assert [theirs.recv(100) for _ in range(3)] == [b"R\0\0\0\1", b"Oone", b"Otwo"]
