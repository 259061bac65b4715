# SPDX-License-Identifier: Apache-2.0
"""What is in a credential cache of type FILE, version 4 (MIT krb5, doc/formats/ccache_file_format.rst).

Law: a cache is read whole or not at all, and what is no ticket (a setting of the client's library) is left out.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

FORWARDABLE, FORWARDED, PROXIABLE, MAY_POSTDATE, POSTDATED, INVALID, RENEWABLE = (
    1 << bit for bit in (30, 29, 28, 26, 25, 24, 23)
)
"""Flags of a ticket (RFC 4120, section 5.3)."""


@dataclass(frozen=True)
class Ticket:
    """A ticket; instants in seconds since the epoch."""

    client: str
    server: str
    starts_at: int
    ends_at: int
    renews_until: int
    flags: int


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from(f">{form}", self.content, self.at)
        self.at += struct.calcsize(f">{form}")
        return value

    def data(self) -> bytes:
        length = self.number("I")
        self.at += length
        return self.content[self.at - length : self.at]

    def principal(self) -> str:
        self.number("I")
        count = self.number("I")
        realm = self.data().decode()
        return "/".join(self.data().decode() for _ in range(count)) + f"@{realm}"

    def list(self) -> None:
        for _ in range(self.number("I")):
            self.number("H")
            self.data()


def tickets(cache: Path) -> list[Ticket]:
    """The tickets of a cache; none where there is no cache."""
    if not cache.exists():
        return []
    reader = _Reader(cache.read_bytes())
    assert reader.number("H") == 0x0504, "version 4"
    header = reader.number("H")
    reader.at += header
    reader.principal()
    found = []
    while reader.at < len(reader.content):
        client, server = reader.principal(), reader.principal()
        reader.number("H")
        reader.data()
        _, starts_at, ends_at, renews_until = (reader.number("I") for _ in range(4))
        reader.number("B")
        flags = reader.number("I")
        reader.list()
        reader.list()
        reader.data()
        reader.data()
        if not server.endswith("@X-CACHECONF:"):
            found.append(Ticket(client, server, starts_at, ends_at, renews_until, flags))
    return found
