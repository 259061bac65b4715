# SPDX-License-Identifier: Apache-2.0
"""The command's terminal: a new pty that controls the command's session, never the user's own. The monitor has its master end.

Law: in each direction only a fixed number of bytes is kept, and bytes stay in their order. Nothing waits for the master end.
"""

from __future__ import annotations

import fcntl
import os
import struct
import termios
from contextlib import suppress

CHUNK = 32 * 1024
"""Bytes of output in one packet, at most."""
MOST_TYPED = 64 * 1024
"""Typed bytes that are kept until the command reads them, at most. If there are more, the client has to wait."""


class Terminal:
    """A pty. The monitor keeps both ends of the pty open until ``close``. So the pty works even if the command closes its
    descriptors.
    """

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        os.set_blocking(self.master, False)
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)  # before the fork of the command's process, which inherits it
        self._typed = bytearray()
        self._packet = memoryview(bytearray(b"O" + bytes(CHUNK)))

    def prepare(self, uid: int, rows: int, columns: int, settings: bytes | None) -> None:
        """Set the client's settings and size, and make ``uid``, the target, the terminal's owner. Raises OSError."""
        if settings is not None:
            self.set_modes(settings)
        self.resize(rows, columns)
        os.fchown(self.slave, uid, -1)
        os.fchmod(self.slave, 0o620)

    def set_modes(self, settings: bytes) -> None:
        """Set the modes of the client's terminal: the kernel's ``struct termios``. Raises OSError."""
        fcntl.ioctl(self.slave, termios.TCSETS, settings)

    def resize(self, rows: int, columns: int) -> bool:
        """Set the window's size. True if it has changed; the kernel then sends SIGWINCH to the foreground group."""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        if fcntl.ioctl(self.master, termios.TIOCGWINSZ, bytes(8)) == size:
            return False
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)
        return True

    @property
    def foreground_group(self) -> int:
        """The process group in the foreground of the terminal; 0 if there is none."""
        try:
            return os.tcgetpgrp(self.slave)
        except OSError:
            return 0

    @staticmethod
    def renounce(slave: int) -> None:
        """Give up the controlling terminal. To be called in the command's process. Raises OSError."""
        fcntl.ioctl(slave, termios.TIOCNOTTY)

    def give_to(self, group: int) -> None:
        """Put a process group of this session in the foreground."""
        with suppress(OSError):  # the group may have ended meanwhile
            os.tcsetpgrp(self.slave, group)

    def read(self) -> memoryview:
        """Read what the command has written, CHUNK bytes at most. Return it as a packet ``O``; empty if there is nothing now.

        The next call overwrites the packet. The kernel hands over all that was written before this call. So after the command's
        end, empty means that everything was read.
        """
        end = 1
        while end <= CHUNK:  # the kernel gives 4 KiB at a time
            try:
                size = os.readv(self.master, [self._packet[end:]])
            except OSError:  # EAGAIN: nothing now
                break
            if not size:
                break
            end += size
        return self._packet[:end] if end > 1 else self._packet[:0]

    def type(self, data: bytes) -> None:
        """Keep typed bytes, and write as many as the terminal takes now."""
        self._typed += data
        self.push()

    def push(self) -> None:
        """Write the typed bytes that are kept, as many as the terminal takes now."""
        while self._typed:
            try:
                n = os.write(self.master, self._typed[:4096])
            except OSError:
                return
            del self._typed[:n]

    @property
    def is_waiting_to_write(self) -> bool:
        """True if typed bytes are kept, which the terminal has not taken yet."""
        return bool(self._typed)

    @property
    def is_full(self) -> bool:
        """True if no more typed bytes are taken now."""
        return len(self._typed) >= MOST_TYPED

    def close(self) -> None:
        """Close both ends, which hangs up the processes that still use the terminal."""
        os.close(self.master)
        os.close(self.slave)
