# SPDX-License-Identifier: Apache-2.0
"""Connections whose close takes as long as their owner likes (socket(7), SO_LINGER), for attacks on who closes them."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from jitd.releasing import RELEASER
from tests.waiting import PATIENCE

LASTS = 3600
"""Seconds that the last close of a lingering connection takes: longer than any test."""
FOUND_AFTER = PATIENCE
"""Seconds. No promise of the product: only where a test gives up."""
_peers: list[socket.socket] = []


def lingering() -> socket.socket:
    """A connection with bytes that nobody reads. Whoever closes its last descriptor waits for LASTS, or for ``release``."""
    made = socket.socket()
    with socket.socket() as server:
        for end, buffer in ((server, socket.SO_RCVBUF), (made, socket.SO_SNDBUF)):
            end.setsockopt(socket.SOL_SOCKET, buffer, 1)  # the smallest that there is, so that it is soon full
        server.bind(("127.0.0.1", 0))
        server.listen()
        made.connect(server.getsockname())
        _peers.append(server.accept()[0])
    made.setblocking(False)
    try:
        while True:
            made.send(bytes(4096))
    except BlockingIOError:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, LASTS))
        return made


@contextmanager
def nobody_waits() -> Iterator[None]:
    """For what is closed in this process: let go who still waits after FOUND_AFTER seconds, and fail then."""
    late = list[None]()

    def let_go() -> None:
        late.append(None)
        release()

    watching = threading.Timer(FOUND_AFTER, let_go)
    watching.start()
    try:
        yield
    finally:
        watching.cancel()
        release()
    assert not late, "somebody has waited until a descriptor was closed"


def have_closed() -> None:
    """Have what this process was sent closed, as the daemon does all the time, and wait until that is done."""
    RELEASER._start()
    while RELEASER._children:
        time.sleep(0.002)
        RELEASER._reap()


def release() -> None:
    """Let everybody go who still waits."""
    while _peers:
        _peers.pop().close()
