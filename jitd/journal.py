# SPDX-License-Identifier: Apache-2.0
"""Lines for the host's journal, or for its syslog if it has no journal.

Law: nothing here waits. A line that nobody takes at once raises an exception, and its sender decides what is lost. A value can
contain any text, and begins no other field.
Sources: systemd.io/JOURNAL_NATIVE_PROTOCOL; RFC 3164 as syslog(3) writes it; unix(7).
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from types import MappingProxyType

NATIVE, SYSLOG = "/run/systemd/journal/socket", "/dev/log"
IDENTIFIER = "jitd"
DAEMON, AUTHPRIV = 3, 10  # facilities (RFC 5424, table 1): what a service says of itself, and what says who did what
INFORMATIONAL = 6
MOST_BYTES = 4096  # maximum length of a value. A receiver of syslog, too, takes a line that is so long.


def cut(text: str, n_more: int = 0) -> str:
    """Return ``text``. If it has more than MOST_BYTES bytes, return its beginning, and the number of bytes that are left out.
    ``n_more`` is the number of bytes that are left out of ``text`` already.
    """
    whole = text.encode()
    if len(whole) <= MOST_BYTES:
        return text
    begins = whole[: MOST_BYTES - 16].decode("utf-8", "ignore")
    return f"{begins}...(+{len(whole) - len(begins.encode()) + n_more})"  # as screens cut (jitd.cli.columns)


def native(fields: Mapping[str, str | tuple[str, ...]]) -> bytes:
    """Return a message of the journal's protocol. Each value has its length before it, so a line break in it ends no field. A
    field with several values is there several times.
    """
    parts = []
    for name, said in fields.items():
        for text in (said,) if isinstance(said, str) else said:
            whole = cut(text).encode()
            parts.append(b"%b\n%b%b\n" % (name.encode(), len(whole).to_bytes(8, "little"), whole) if whole else b"")
    return b"".join(parts)


class Journal:
    """The journal of this host, or its syslog. ``native`` and ``syslog`` are the paths of their sockets."""

    def __init__(self, native: str = NATIVE, syslog: str = SYSLOG) -> None:
        self._native, self._syslog = native, syslog
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)

    def send(
        self,
        message: str,
        *,
        priority: int = INFORMATIONAL,
        facility: int = DAEMON,
        fields: Mapping[str, str | tuple[str, ...]] = MappingProxyType({}),
    ) -> None:
        """Send one line: ``message`` for people, and ``fields`` for searches. Empty values are left out. Syslog gets the message
        alone. Raises OSError; it is BlockingIOError if the receiver takes nothing at the moment.
        """
        level = {"PRIORITY": str(priority), "SYSLOG_FACILITY": str(facility), "SYSLOG_IDENTIFIER": IDENTIFIER}
        try:
            self._line.sendto(native({"MESSAGE": message, **level, **fields}), self._native)
        except (FileNotFoundError, ConnectionRefusedError):
            stamp = time.strftime("%b %e %H:%M:%S")
            self._line.sendto(
                f"<{facility * 8 + priority}>{stamp} {IDENTIFIER}[{os.getpid()}]: {cut(message)}".encode(), self._syslog
            )

    def close(self) -> None:
        self._line.close()
