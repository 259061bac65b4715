# SPDX-License-Identifier: Apache-2.0
"""The carrier that TCP is: a connection to ``jitd-door tcp`` of a host (jitd-door(8)).

Law: the address says only where to knock. What answers there proves to be the host, or is not believed, so an address may be
looked up in the DNS, which the name of a host never is.
"""

from __future__ import annotations

import _socket
import errno
import re
import socket
import time
from typing import NamedTuple

from jitpam.carrier import Stream
from jitpam.client import NoDescriptor, Unreachable

PORT = 61088  # as in jitd-door-tcp.socket. IANA assigns none above 49151, and Linux gives clients none above 60999
ADDRESS = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?)\]|(?P<name>(?:\{host\}|[A-Za-z0-9._-])+))(?::(?P<port>\d{1,5}))?"
)
"""An address, or ``{host}`` in it, and perhaps a port."""


class Tcp(NamedTuple):
    """The connection to ``address``, a name or an address, at ``port``."""

    address: str
    port: int

    @property
    def name(self) -> str:
        return f"tcp to [{self.address}]:{self.port}" if ":" in self.address else f"tcp to {self.address}:{self.port}"

    def dial(self, host: str, within: float) -> Stream:
        """Connect to the first address that answers. To look the name up may take longer than ``within`` (resolv.conf(5))."""
        until = time.monotonic() + within
        try:
            found = socket.getaddrinfo(self.address, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as fault:
            why = fault.strerror if isinstance(fault, OSError) else "it is not a name"
            raise Unreachable(f"{self.address}, the address of {host}, is not found: {why}") from None
        why = "there is no time left"
        for n_left, (family, kind, _, _, address) in zip(range(len(found), 0, -1), found, strict=True):
            if (left := until - time.monotonic()) <= 0:  # a name may have thousands of addresses
                break
            try:
                connection = socket.socket(family, kind | socket.SOCK_CLOEXEC)
            except OSError as fault:
                if fault.errno not in (errno.EMFILE, errno.ENFILE):  # such as IPv6 on a desk that has none
                    why = fault.strerror
                    continue
                raise NoDescriptor(f"no connection can be made: {fault.strerror} (see ulimit -n)") from None
            try:
                connection.settimeout(left / n_left)
                connection.connect(address)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                connection.setblocking(False)
                return Connected(connection)
            except OSError as fault:
                why = fault.strerror or "nothing answers"
                connection.close()
        raise Unreachable(f"{self.name} cannot be reached: {why}")


class Connected:
    """A stream over ``socket``, which the conversation closes."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket: _socket.socket = connection

    def has_ended(self) -> bool:
        return False  # there is nothing behind the socket that could say how it has ended

    def how_it_ended(self) -> str:
        raise AssertionError("it does not end by itself")

    def end(self) -> None:
        self.socket.close()


def address_of(text: str) -> tuple[str, int] | None:
    """Return the address and the port that ``text`` means, such as ``db17``, ``{host}:61088`` or ``[2001:db8::1]``, or None."""
    found = ADDRESS.fullmatch(text)
    if found is None:
        return None
    port = int(found["port"] or PORT)
    return (found["six"] or found["name"], port) if 0 < port < 65536 else None
