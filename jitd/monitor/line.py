# SPDX-License-Identifier: Apache-2.0
"""A monitor's connection to the daemon (its line). While the monitor runs, the daemon may end, and another daemon may be started.

Law: no function in this module blocks. The number of attempts to connect is not limited. The line accepts a peer as the daemon
only if the peer runs as root.
"""

from __future__ import annotations

import socket
import struct
import time

from jitd.monitor.orders import FROM_DAEMON, FROM_MONITOR, MAX_WORD, FromDaemon, FromMonitor

AGAIN_AFTER = 0.15  # seconds between two attempts to connect to the daemon


class Uplink:
    """The connection to the daemon. The monitor calls ``connect`` repeatedly, so a lost connection is opened again."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self.gone_since: float = time.monotonic()  # when the connection was lost, or this was made. Unused while connected
        self._tried_at = float("-inf")

    @property
    def is_up(self) -> bool:
        """True while a daemon is connected."""
        return self._socket is not None

    def fileno(self) -> int:
        """Return the descriptor of the connection. Call this only while ``is_up`` is True."""
        assert self._socket is not None
        return self._socket.fileno()

    def connect(self) -> bool:
        """Try to connect, at most every AGAIN_AFTER seconds. Return True if this call has opened a connection."""
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

    def say(self, word: FromMonitor) -> None:
        """Send ``word`` to a connected daemon. Else it is lost, so the present state is sent after each ``connect``."""
        if self._socket is not None:
            try:
                self._socket.send(FROM_MONITOR.write(word), socket.MSG_NOSIGNAL)
            except OSError:
                self.hang_up()

    def hear(self) -> FromDaemon | None:
        """Return the daemon's next word. Return None if none has arrived. If it cannot be read, close the connection."""
        if self._socket is None:
            return None
        try:
            packet = self._socket.recv(MAX_WORD)
            if not packet:
                raise ConnectionError
            return FROM_DAEMON.read(packet)
        except BlockingIOError:
            return None
        except (OSError, ValueError):
            self.hang_up()
            return None

    def hang_up(self) -> None:
        """Close the connection, because the daemon has disconnected or has sent data that cannot be parsed."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self.gone_since = time.monotonic()
