# SPDX-License-Identifier: Apache-2.0
"""The carrier that an engine is, a server of NATS between desks and hosts that only dial out (PROTOCOL.md section 14).

Law: it is trusted with nothing, as any carrier. What speaks to it, with asyncio, TLS and nats-py, is imported when it is dialled.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple

from jitd_fleet import subjects
from jitpam.carrier import Stream
from jitpam.client import Unreachable

if TYPE_CHECKING:
    from jitd_fleet.desk import Desk


class Nats(NamedTuple):
    """The engine at ``servers``. ``ca`` is the file that says who signs its certificate, or is empty: then the system says so."""

    servers: tuple[str, ...]
    ca: str = ""

    @property
    def name(self) -> str:
        return "nats at " + ", ".join(server.partition("://")[2] for server in self.servers)

    def dial(self, host: str, within: float) -> Stream:
        if not subjects.HOST.fullmatch(host):
            raise Unreachable(f"{host} {subjects.NO_NAME}")
        return self._desk().dial(host, within)

    def roll(self, hosts: Collection[str]) -> Mapping[str, bytes]:
        return self._desk().roll(hosts)

    def _desk(self) -> Desk:
        """Return what speaks to the engine. Raises Unreachable."""
        try:
            from jitd_fleet.desk import desk
        except ImportError:
            raise Unreachable(f"{self.name} takes the Python package nats-py, which is not here") from None
        return desk(self.name, self.servers, self.ca)
