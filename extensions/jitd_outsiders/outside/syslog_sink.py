# SPDX-License-Identifier: Apache-2.0
"""The kind of sink ``syslog``. ``syslog`` speaks with its receivers.
Law: without TLS, jitd sends records only to networks that the table lists.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from jitd_outsiders.outside.deliveries import LONGEST_HEADER, Syslog
from jitd_outsiders.outside.fields import LONGEST_SOCKET, OF_SOCKET, SOCKET
from jitd_outsiders.outside.keys import Keys
from jitd_outsiders.outside.sink import Sink, SinkKind
from jitpam.wire.declared import HOST

if TYPE_CHECKING:
    from jitd.core.toml_table import Table

TRANSPORTS = ("tls", "tcp", "unix")
FACILITIES = ("user", "daemon", "auth", "authpriv", "audit", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
              "local7")  # fmt: skip
SYSLOG = "/dev/log"
_SERVER = re.compile(rf"({HOST}|\[[0-9A-Fa-f:]{{2,45}}\]):([1-9][0-9]{{0,4}})")


class SyslogKind(SinkKind):
    """See ``SinkKind``."""

    name = "syslog"
    question = "deliver_syslog"
    destination = Syslog
    keys = ("transport", "server", "socket", "facility", "longest", "addresses", "ca", "client_certificate")
    confirms = False

    def read(self, table: Table, owner: int | None, keys_at: Path) -> tuple[Syslog, tuple[Path | None, ...]]:
        from jitd_outsiders.asking.settings import Reach, addresses_in, reach_in

        transport = table.text("transport", "unix", TRANSPORTS)
        facility = table.text("facility", "authpriv", FACILITIES)
        longest = table.number("longest", 8096, 2048, 65536)
        if transport == "unix":
            for key in ("server", "addresses", "ca", "client_certificate"):
                if key in table.values:
                    table.fault(f'"{key}" is not for transport = "unix"', key)
            socket = table.text("socket", SYSLOG)
            if not re.fullmatch(SOCKET, socket) or len(socket) > LONGEST_SOCKET:
                table.fault(f'"socket" must be {OF_SOCKET}, such as "/dev/log"', "socket")
            return Syslog(transport, path=socket, facility=facility, longest=longest), ()
        table.needs("server")
        if "socket" in table.values:
            table.fault('"socket" is for transport = "unix"', "socket")
        found = _SERVER.fullmatch(table.text("server", ""))
        if "server" in table.values and (found is None or int(found[2]) > 65535):
            table.fault('"server" must be a host and its port, such as "logs.example.org:6514"', "server")
            found = None
        host, port = ("", 0) if found is None else (found[1].strip("[]"), int(found[2]))
        addresses = addresses_in(table)
        if transport == "tcp":
            for key in ("ca", "client_certificate"):
                if key in table.values:
                    table.fault(f'"{key}" is for transport = "tls"', key)
            if not addresses:
                table.fault('transport = "tcp" is not encrypted: list the networks that it may go to in "addresses"', "transport")
            return Syslog(transport, host, port, facility=facility, longest=longest, addresses=addresses), ()
        reach = reach_in(table, "https", owner, keys_at, url="")
        assert isinstance(reach, Reach)
        certificate = reach.certificate.name if reach.certificate else ""
        return Syslog(transport, host, port, "", facility, longest, addresses, reach.ca, certificate), (reach.certificate,)

    def room(self, to: Syslog) -> int:
        return min(to.longest - LONGEST_HEADER, super().room(to))

    def opened(self, to: Syslog, keys: Keys) -> Sink:
        from jitd_outsiders.outside.syslog import SyslogSink

        return SyslogSink(to, keys)
