# SPDX-License-Identifier: Apache-2.0
"""A monitor's connection to the daemon (its line). The daemon may end, and another daemon may start later.

Law: nothing here blocks, and a line never gives up. A peer that is not root is not taken for the daemon.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

from jitd.monitor.orders import FROM_DAEMON, MAX_WORD, read_word, write_word

AGAIN_AFTER = 0.15
"""Seconds between two attempts to connect to the daemon."""


class Line:
    """At most one connection to the daemon. A lost connection is made again as long as the monitor has something to tell."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self.gone_since: float = time.monotonic()
        """When the connection was lost (seconds, CLOCK_MONOTONIC), or this line was made. Not valid while connected."""
        self._tried_at = float("-inf")

    @property
    def is_up(self) -> bool:
        """True while a daemon is connected."""
        return self._socket is not None

    def fileno(self) -> int:
        """The connection's descriptor. Only while ``is_up``."""
        assert self._socket is not None
        return self._socket.fileno()

    def connect(self) -> bool:
        """Try to connect, unless the last try was less than AGAIN_AFTER ago. True if a daemon is now connected, and was not."""
        now = time.monotonic()
        if self._socket is not None or now - self._tried_at < AGAIN_AFTER:
            return False
        self._tried_at = now
        found = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            found.connect(self._path)
            credentials = found.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            if struct.unpack("iII", credentials)[1] != 0:
                raise PermissionError
        except OSError:
            found.close()
            return False
        self._socket = found
        return True

    def say(self, word: str, **values: object) -> None:
        """Send ``word`` if a daemon is connected. Nothing is lost if the caller says it again after each ``connect``."""
        if self._socket is not None:
            try:
                self._socket.send(write_word(word, **values), socket.MSG_NOSIGNAL)
            except OSError:
                self.hang_up()

    def hear(self) -> tuple[str, dict[str, Any]] | None:
        """Return the daemon's next word and its values, or None if there is none now. Hangs up if the word cannot be read."""
        if self._socket is None:
            return None
        try:
            packet = self._socket.recv(MAX_WORD)
            if not packet:
                raise ConnectionError
            return read_word(packet, FROM_DAEMON)
        except BlockingIOError:
            return None
        except (OSError, ValueError):
            self.hang_up()
            return None

    def hang_up(self) -> None:
        """Close the connection: the daemon is gone, or has sent something that cannot be read."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self.gone_since = time.monotonic()
