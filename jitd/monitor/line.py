# SPDX-License-Identifier: Apache-2.0
"""A monitor's line to the daemon, which may be gone and another one later.

Law: never blocks, and never gives up; a peer that is not root is not the daemon.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

from jitd.monitor.orders import FROM_DAEMON, MAX_WORD, read_word, write_word

AGAIN_AFTER = 0.15
"""Seconds between two tries to find the daemon."""


class Line:
    """At most one connection, which is made anew for as long as there is something to tell."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self.gone_since: float = time.monotonic()
        """When the daemon was last heard of (monotonic seconds); while it is there, of no meaning."""
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
        """Try, unless it was tried just now. True if a daemon is there, and was not before."""
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
        """Say it if a daemon is there. Who says it again after each ``connect`` loses nothing."""
        if self._socket is not None:
            try:
                self._socket.send(write_word(word, **values), socket.MSG_NOSIGNAL)
            except OSError:
                self.hang_up()

    def hear(self) -> tuple[str, dict[str, Any]] | None:
        """The next word, if there is one."""
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
        """The daemon is gone, or makes no sense."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self.gone_since = time.monotonic()
