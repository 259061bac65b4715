# SPDX-License-Identifier: Apache-2.0
"""The command's terminal: a new pty that is the controlling terminal of the command's session. This pty is never the user's own
terminal. The monitor has the master end of the pty.

Law: whether the terminal echoes decides what is recorded of the input. If input is recorded, the terminal echoes when the command
begins. After that, only the command changes this. Only a limited number of bytes is kept for each direction. The order of the
bytes does not change. No function in this module waits for the master end.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
import termios
from contextlib import suppress

CHUNK = 32 * 1024  # maximum number of bytes of output in one packet
MOST_TYPED = 64 * 1024  # typed bytes that are kept for the command. A client that sends more must wait
_LOCAL = slice(12, 16)  # the place of the local modes in the kernel's `struct termios`: the fourth of four words of flags
_LOCAL_MODES = 3  # the index of the local modes in the list that `termios.tcgetattr` returns (termios(3))


class Terminal:
    """A pty whose ends the monitor keeps open until ``close``, so it works whatever the command closes."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        os.set_blocking(self.master, False)
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)  # before the fork, so that the command's process inherits it
        self._typed = bytearray()
        self._packet = memoryview(bytearray(b"O" + bytes(CHUNK)))

    def prepare(self, uid: int, rows: int, columns: int, settings: bytes | None, *, has_to_echo: bool) -> None:
        """Apply the settings and the size of the client's terminal, and make the target ``uid`` the owner of the pty. If
        ``has_to_echo`` is True, the pty echoes, even if the client's terminal does not. Raises OSError.
        """
        if settings is not None:
            self.set_modes(settings, echoes=True if has_to_echo else None)
        self.resize(rows, columns)
        os.fchown(self.slave, uid, -1)
        os.fchmod(self.slave, 0o620)

    def set_modes(self, settings: bytes, *, echoes: bool | None) -> None:
        """Apply the modes of the client's terminal (the kernel's ``struct termios``), but echo as ``echoes`` says. If ``echoes``
        is None, echo as the client's terminal. Raises OSError.
        """
        if echoes is not None:
            local = int.from_bytes(settings[_LOCAL], sys.byteorder) & ~termios.ECHO | (termios.ECHO if echoes else 0)
            settings = settings[: _LOCAL.start] + local.to_bytes(4, sys.byteorder) + settings[_LOCAL.stop :]
        fcntl.ioctl(self.slave, termios.TCSETS, settings)

    @property
    def echoes(self) -> bool:
        """True if the terminal shows the characters that are typed. For example, a terminal does not show a typed password."""
        try:
            return bool(termios.tcgetattr(self.master)[_LOCAL_MODES] & termios.ECHO)
        except (OSError, termios.error):
            return False

    def resize(self, rows: int, columns: int) -> bool:
        """Set the window's size. Return True if it has changed; the kernel then sends SIGWINCH to the foreground."""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        if fcntl.ioctl(self.master, termios.TIOCGWINSZ, bytes(8)) == size:
            return False
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)
        return True

    @property
    def foreground_group(self) -> int:
        """The number of the process group in the foreground of the terminal. The number is 0 if there is no foreground group."""
        try:
            return os.tcgetpgrp(self.slave)
        except OSError:
            return 0

    @staticmethod
    def renounce(slave: int) -> None:
        """Release the controlling terminal. Call this in the command's process. Raises OSError."""
        fcntl.ioctl(slave, termios.TIOCNOTTY)

    def give_to(self, group: int) -> None:
        """Put a process group of this session into the foreground."""
        with suppress(OSError):  # the group may have ended meanwhile
            os.tcsetpgrp(self.slave, group)

    def read(self) -> memoryview:
        """Read at most CHUNK bytes of the command's output. Return these bytes as a packet ``O`` for the client (PROTOCOL.md).
        The packet is empty if there is no output now.

        The next call of this method overwrites the packet. The kernel delivers all output that was written before this call.
        Therefore, after the end of the command, an empty packet means that everything was read.
        """
        end = 1
        while end <= CHUNK:  # the kernel returns 4 KiB at a time
            try:
                size = os.readv(self.master, [self._packet[end:]])
            except OSError:  # EAGAIN: no output now
                break
            if not size:
                break
            end += size
        return self._packet[:end] if end > 1 else self._packet[:0]

    def type(self, data: bytes) -> None:
        """Add ``data`` to what was typed before, and write as much as the terminal takes now."""
        self._typed += data
        self.push()

    def push(self) -> None:
        """Write as many of the stored typed bytes as the terminal accepts now."""
        while self._typed:
            try:
                n = os.write(self.master, self._typed[:4096])
            except OSError:
                return
            del self._typed[:n]

    @property
    def is_waiting_to_write(self) -> bool:
        """True if there are typed bytes that the terminal has not accepted yet."""
        return bool(self._typed)

    @property
    def is_full(self) -> bool:
        """True if no more typed bytes are accepted now."""
        return len(self._typed) >= MOST_TYPED

    def close(self) -> None:
        """Close both ends. The processes that still use the terminal get a hang-up."""
        os.close(self.master)
        os.close(self.slave)
