# SPDX-License-Identifier: Apache-2.0
"""The command's terminal: a new one that controls its session, and never the user's own. The monitor has the master.

Law: nothing is kept beyond fixed bounds in either direction; the order of bytes is kept; the master is never waited
for.
"""

from __future__ import annotations

import fcntl
import os
import struct
import termios
from contextlib import suppress

CHUNK = 32 * 1024
"""Bytes of one output packet at most."""
MOST_TYPED = 64 * 1024
"""Bytes kept that were typed and that the command does not read. Beyond that the client has to wait."""


class Terminal:
    """A pty. Until ``close`` both ends stay open here, so that it is whole whatever the command does with its own."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        os.set_blocking(self.master, False)
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)  # before the command's process is made: it is inherited then
        self._typed = bytearray()
        self._packet = memoryview(bytearray(b"O" + bytes(CHUNK)))

    def prepare(self, uid: int, rows: int, columns: int, settings: bytes | None) -> None:
        """Give it the client's settings and size, and to the target."""
        if settings is not None:
            self.set_modes(settings)
        self.resize(rows, columns)
        os.fchown(self.slave, uid, -1)
        os.fchmod(self.slave, 0o620)

    def set_modes(self, settings: bytes) -> None:
        """Have the modes of the client's terminal: the kernel's struct termios."""
        fcntl.ioctl(self.slave, termios.TCSETS, settings)

    def resize(self, rows: int, columns: int) -> bool:
        """Set the window's size; True if it was another. The kernel tells the foreground group then."""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        if fcntl.ioctl(self.master, termios.TIOCGWINSZ, bytes(8)) == size:
            return False
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)
        return True

    @property
    def foreground_group(self) -> int:
        """The process group that reads from it now; 0 if none does."""
        try:
            return os.tcgetpgrp(self.slave)
        except OSError:
            return 0

    @staticmethod
    def renounce(slave: int) -> None:
        """In the command's process: it has no controlling terminal after all."""
        fcntl.ioctl(slave, termios.TIOCNOTTY)

    def give_to(self, group: int) -> None:
        """Put a process group of this session in the foreground."""
        with suppress(OSError):  # the group may have gone meanwhile
            os.tcsetpgrp(self.slave, group)

    def read(self) -> memoryview:
        """What the command has written and nobody has read yet, CHUNK bytes of it at most, as the packet ``O`` that tells it;
        empty if there is nothing now. It is overwritten by the next call.

        The kernel hands over all that was written before this call: after the command's end, empty means drained.
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
        """Take what was typed, and write what the command's side takes now."""
        self._typed += data
        self.push()

    def push(self) -> None:
        """Write what was typed and is still here."""
        while self._typed:
            try:
                n = os.write(self.master, self._typed[:4096])
            except OSError:
                return
            del self._typed[:n]

    @property
    def is_waiting_to_write(self) -> bool:
        """True if typed bytes wait for the command to read."""
        return bool(self._typed)

    @property
    def is_full(self) -> bool:
        """True if no more typed bytes are taken now."""
        return len(self._typed) >= MOST_TYPED

    def close(self) -> None:
        """Give both ends up: what still uses it is hung up."""
        os.close(self.master)
        os.close(self.slave)
