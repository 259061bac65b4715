# SPDX-License-Identifier: Apache-2.0
"""Descriptors that were sent and that nobody has received (unix(7), ETOOMANYREFS). The kernel counts them for the user who has
sent them, here root, on the whole host.
"""

from __future__ import annotations

import ctypes
import socket
from collections.abc import Iterator
from contextlib import contextmanager

FEW = 64
"""Descriptors that a process may have here, so that few in flight are too many for it."""
AT_ONCE = 250
MAY_SEND = "may-send"
"""The file that says that a deed of the tests' own may have as many in flight as it likes, other than its parent."""
_VERSION = 0x20080522
_EXEMPT = 1 << 21 | 1 << 24
"""CAP_SYS_ADMIN and CAP_SYS_RESOURCE. The kernel does not count for who has one of them, and none of jitd's sandboxes has."""


@contextmanager
def in_flight(number: int = FEW + 1) -> Iterator[None]:
    """So many descriptors of root's are in flight meanwhile."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        for begin in range(0, number, AT_ONCE):
            socket.send_fds(ours, [b"."], [ours.fileno()] * min(AT_ONCE, number - begin), socket.MSG_DONTWAIT)
        yield


def be_counted() -> None:
    """Give up what exempts this thread, as a sandbox does."""
    libc = ctypes.CDLL(None, use_errno=True)
    head, sets = (ctypes.c_uint32 * 2)(_VERSION, 0), (ctypes.c_uint32 * 6)()
    for call in (libc.capget, libc.capset):
        if call(head, sets) != 0:
            raise OSError(ctypes.get_errno(), "the capabilities cannot be given up")
        sets[0] &= ~_EXEMPT
