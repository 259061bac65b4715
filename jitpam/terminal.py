# SPDX-License-Identifier: Apache-2.0
"""The user's terminal: its modes, its size, and whether our job is in its foreground.

Law: the terminal gets back the modes that it had. Its modes are changed only while our job is in the foreground. It is read and
written through an open file description of our own. Standard library only, and only modules that are imported fast.
"""

from __future__ import annotations

import fcntl
import os
import struct
import termios

from jitpam.guardian import MODES, Guardian

_MINIMUM, _TIME = 17 + termios.VMIN, 17 + termios.VTIME
"""The offsets in bytes of VMIN and VTIME in the kernel's struct termios: its control characters follow four words and a byte."""


class Terminal:
    """The user's terminal: its modes, its size, and whether our job is in its foreground."""

    def __init__(self, streams: list[int]) -> None:
        """Open the terminal again. ``streams`` are those of descriptors 0 to 2 that are terminals; there is at least one."""
        self.descriptor, self._may_block = _own_opening(streams)
        self._found: bytes | None = None
        """The terminal's modes before we made it raw; None while it is not raw."""
        self._raw = b""
        self._guardian: Guardian | None = None

    @property
    def is_raw(self) -> bool:
        return self._found is not None

    @property
    def is_ours(self) -> bool:
        """True if our job is in the foreground; also if this is not our controlling terminal, so that the kernel would not stop
        us.
        """
        try:
            return os.tcgetpgrp(self.descriptor) == os.getpgrp()
        except OSError:
            return True

    def modes_of_user(self) -> bytes | None:
        """Return the kernel's struct termios with the modes that the user had set; None if it cannot be read."""
        return self._found or self._modes()

    def _modes(self) -> bytes | None:
        try:
            return fcntl.ioctl(self.descriptor, termios.TCGETS, bytes(MODES))
        except OSError:
            return None

    def size(self) -> tuple[int, int]:
        """Return the rows and columns; both are 0 if the terminal does not know them."""
        try:
            rows, columns, _, _ = struct.unpack("4H", fcntl.ioctl(self.descriptor, termios.TIOCGWINSZ, bytes(8)))
        except OSError:
            return 0, 0
        return rows, columns

    def make_raw(self, *, shared: bool) -> None:
        """Make the terminal raw: every key goes to the command. The command's output is not processed either, unless the
        terminal is ``shared`` with other processes of a pipeline.
        """
        modes = self._modes()
        if modes is None:
            return
        self._found = modes  # kept before the change, so that it can be undone even if it fails half way
        if self._guardian is None:
            self._guardian = Guardian(self.descriptor)
        raw = _raw(modes, shared=shared)
        self._guardian.tell(modes, raw)
        self._set(raw)
        self._raw = self._modes() or raw

    def look_again(self) -> None:
        """Check the modes after we were continued. If another program has changed them meanwhile, they are not restored any
        more.
        """
        if self._found is not None and (not self.is_ours or self._modes() != self._raw):
            self._found = None

    def write(self, data: memoryview) -> int:
        """Write as much of ``data`` as the terminal takes now. Returns the number of bytes. Raises OSError; BlockingIOError for
        0 bytes.
        """
        if not self._may_block:
            return os.write(self.descriptor, data)
        os.set_blocking(self.descriptor, False)  # this affects all processes that share it, so only for this write
        try:
            return os.write(self.descriptor, data)
        finally:
            os.set_blocking(self.descriptor, True)

    def restore(self) -> None:
        """Restore the modes that the user had set, if our job is in the foreground. Otherwise another job has set its own
        modes.
        """
        found, self._found = self._found, None
        if found is not None and self.is_ours:
            self._set(found)

    def leave(self) -> None:
        """Restore the modes, and end the guardian. The terminal is not used after that."""
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
    """Open the terminal again, without blocking. O_NONBLOCK on the inherited descriptor would affect the user's shell, which
    shares it. Returns the descriptor, and True if it is the inherited one after all: somebody else owns the terminal, and it
    cannot be opened.
    """
    ours = streams[1 if streams[0] == 0 and len(streams) > 1 else 0]
    for path in (f"/proc/self/fd/{ours}", "/dev/tty"):  # after `su` another user owns the first
        try:
            return os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC), False
        except OSError:
            continue
    return os.dup(ours), True
