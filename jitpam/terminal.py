# SPDX-License-Identifier: Apache-2.0
"""The user's terminal: its modes, its size, and whose turn it is.

Law: it is left as it was found, and its modes are touched only while it is our turn. It is read and written through an
opening of our own. Standard library only, and of that what starts fast.
"""

from __future__ import annotations

import fcntl
import os
import struct
import termios

from jitpam.guardian import MODES, Guardian

_MINIMUM, _TIME = 17 + termios.VMIN, 17 + termios.VTIME
"""Where those two stand in the kernel's struct termios: after four words and a byte."""


class Terminal:
    """The user's terminal: its modes, its size, and whose turn it is."""

    def __init__(self, streams: list[int]) -> None:
        """``streams`` are those of descriptors 0 to 2 that are terminals; there is at least one."""
        self.descriptor, self._may_block = _own_opening(streams)
        self._found: bytes | None = None
        """Its modes before we made it raw; None while it is not."""
        self._raw = b""
        self._guardian: Guardian | None = None

    @property
    def is_raw(self) -> bool:
        return self._found is not None

    @property
    def is_ours(self) -> bool:
        """True if we are in the foreground, or if it controls nobody we know of, so that nobody would stop us."""
        try:
            return os.tcgetpgrp(self.descriptor) == os.getpgrp()
        except OSError:
            return True

    def modes_of_user(self) -> bytes | None:
        """The kernel's struct termios, as it is without us."""
        return self._found or self._modes()

    def _modes(self) -> bytes | None:
        try:
            return fcntl.ioctl(self.descriptor, termios.TCGETS, bytes(MODES))
        except OSError:
            return None

    def size(self) -> tuple[int, int]:
        """Rows and columns; both 0 where it does not say."""
        try:
            rows, columns, _, _ = struct.unpack("4H", fcntl.ioctl(self.descriptor, termios.TIOCGWINSZ, bytes(8)))
        except OSError:
            return 0, 0
        return rows, columns

    def make_raw(self, *, shared: bool) -> None:
        """Every key goes to the command. Nothing is done to its output, unless the terminal is ``shared`` with others of a
        pipeline."""
        modes = self._modes()
        if modes is None:
            return
        self._found = modes  # before the change: a fault half way is then put right too
        if self._guardian is None:
            self._guardian = Guardian(self.descriptor)
        raw = _raw(modes, shared=shared)
        self._guardian.tell(modes, raw)
        self._set(raw)
        self._raw = self._modes() or raw

    def look_again(self) -> None:
        """After a pause that nobody announced: where another program has changed the settings meanwhile, leave them so."""
        if self._found is not None and (not self.is_ours or self._modes() != self._raw):
            self._found = None

    def write(self, data: memoryview) -> int:
        """Write what it takes now. Raises OSError; BlockingIOError if that is nothing."""
        if not self._may_block:
            return os.write(self.descriptor, data)
        os.set_blocking(self.descriptor, False)  # for all who share it, and so no longer than this takes
        try:
            return os.write(self.descriptor, data)
        finally:
            os.set_blocking(self.descriptor, True)

    def restore(self) -> None:
        """As it was found. Not when it is another's turn: they have set it to their liking."""
        found, self._found = self._found, None
        if found is not None and self.is_ours:
            self._set(found)

    def leave(self) -> None:
        """As it was found, for good."""
        self.restore()
        guardian, self._guardian = self._guardian, None
        if guardian is not None:
            guardian.dismiss()

    def _set(self, modes: bytes) -> None:
        try:  # noqa: SIM105  # importing `contextlib` would make each start 1 ms longer
            fcntl.ioctl(self.descriptor, termios.TCSETS, modes)
        except OSError:
            pass


def _raw(modes: bytes, *, shared: bool) -> bytes:
    on_input, on_output, control, local = struct.unpack_from("4I", modes)
    on_input &= ~(
        termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP | termios.INLCR | termios.IGNCR
        | termios.ICRNL | termios.IXON
    )  # fmt: skip
    if not shared:
        on_output &= ~termios.OPOST
    control = control & ~(termios.CSIZE | termios.PARENB) | termios.CS8
    local &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    rest = bytearray(modes[16:])
    rest[_MINIMUM - 16], rest[_TIME - 16] = 1, 0
    return struct.pack("4I", on_input, on_output, control, local) + rest


def _own_opening(streams: list[int]) -> tuple[int, bool]:
    """The terminal, opened once more: not to block must be our affair alone, the user's shell shares the inherited one.
    True if it may block after all, because it is somebody else's and may not be opened."""
    ours = streams[1 if streams[0] == 0 and len(streams) > 1 else 0]
    for path in (f"/proc/self/fd/{ours}", "/dev/tty"):  # after `su` the first belongs to somebody else
        try:
            return os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC), False
        except OSError:
            continue
    return os.dup(ours), True
