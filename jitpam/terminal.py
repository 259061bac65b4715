# SPDX-License-Identifier: Apache-2.0
"""The user's terminal: its modes, its size, and whether our job is in its foreground.

Law: at the end, the terminal has the modes that it had before. The terminal's modes are changed only while this process's job is
in the foreground, and only by one ``jitsudo`` of the job at a time. The terminal is read and written through this process's own
open file description. This module imports only modules of the standard library that can be imported fast.

The ``jitsudo`` that has the terminal in raw mode holds a lock on the terminal's file (fcntl(2), F_SETLK). Without the lock, a
second one would take the raw modes for the user's, and would restore them at its end. The lock is one byte long, and its offset
is the number of the process group. Therefore a job that was stopped while it held the lock keeps no other job from the terminal.
The guardian holds a second byte, so that the terminal is not free before the guardian of a killed client has restored the modes.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
import termios

from jitpam.guardian import FLOCK, GUARDED, MODES, Guardian

_MINIMUM, _TIME = 17 + termios.VMIN, 17 + termios.VTIME  # in struct termios, where control characters follow after 17 bytes
QUIET_FOR = 0.1  # seconds without input, after which all that was typed has arrived: a terminal holds only the begin of a paste
MOST_PIECES = 50  # times that input is discarded. Then it goes on even if input still arrives
_DEV_TTY = os.makedev(5, 0)
_HELD = (errno.EAGAIN, errno.EACCES)


def discard_typed(terminal: int) -> None:
    """Discard what was typed and nobody has read, with the rest of a paste. Raises termios.error."""
    for _ in range(MOST_PIECES):
        termios.tcflush(terminal, termios.TCIFLUSH)
        if not select.select([terminal], [], [], QUIET_FOR)[0]:
            break
    termios.tcflush(terminal, termios.TCIFLUSH)


class Terminal:
    """The user's terminal: its modes, its size, and whether our job is in its foreground."""

    def __init__(self, streams: list[int]) -> None:
        """Open the terminal again. ``streams`` are the descriptors from 0 to 2 that are terminals. There must be at least one."""
        self.descriptor, self._may_block = _own_opening(streams)
        self._lockable = _lockable([self.descriptor, *streams])
        self._found: bytes | None = None  # the modes before this process made it raw. None while it is not raw
        self._raw = b""
        self._guardian: Guardian | None = None

    @property
    def is_raw(self) -> bool:
        return self._found is not None

    @property
    def is_ours(self) -> bool:
        """True if our job is in the foreground, or the terminal does not control us: the kernel would not stop us."""
        try:
            return os.tcgetpgrp(self.descriptor) == os.getpgrp()
        except OSError:
            return True

    @property
    def is_controlling(self) -> bool:
        """True if this is the controlling terminal of our session. After setsid(1) or ``su -c``, it is not. Then nobody knows
        whether another session uses the terminal.
        """
        try:
            os.tcgetpgrp(self.descriptor)
        except OSError:
            return False
        return True

    def modes_of_user(self) -> bytes | None:
        """Return the modes that the user had set, as the kernel's struct termios. Return None if the modes cannot be read, or if
        they are not the user's, because another ``jitsudo`` has the terminal in raw mode.
        """
        if self._found is not None:
            return self._found
        modes = None if self._is_held_by_another() else self._modes()
        return None if self._is_held_by_another() else modes

    def _modes(self) -> bytes | None:
        try:
            return fcntl.ioctl(self.descriptor, termios.TCGETS, bytes(MODES))
        except OSError:
            return None

    def size(self) -> tuple[int, int]:
        """Return the numbers of rows and columns. Both numbers are 0 if the terminal does not know its size."""
        try:
            rows, columns, _, _ = struct.unpack("4H", fcntl.ioctl(self.descriptor, termios.TIOCGWINSZ, bytes(8)))
        except OSError:
            return 0, 0
        return rows, columns

    def make_raw(self, *, shared: bool) -> bool:
        """Make the terminal raw, so that every key goes to the command. If the terminal is ``shared`` with other processes of the
        job, output processing stays on. Otherwise it is switched off. Return False, and change nothing, if another ``jitsudo`` of
        the job has the terminal.
        """
        if not self._lock():
            return False
        modes = self._modes()
        if modes is None:
            return True
        self._found = modes  # kept before the change, so that the change can be undone even if it fails half way
        if self._guardian is None:
            try:  # noqa: SIM105
                self._guardian = Guardian(self.descriptor, self._lockable)
            except OSError:  # no process or no descriptor is left: the command runs without a guardian
                pass
        raw = _raw(modes, shared=shared)
        if self._guardian is not None:
            self._guardian.tell(modes, raw)
        self._set(raw)
        self._raw = self._modes() or raw
        return True

    def discard_typed(self) -> None:
        """Discard what was typed, unless it is for another job, or for a ``jitsudo`` of this job that has the terminal."""
        if not self.is_ours or self._is_held_by_another():
            return
        try:  # noqa: SIM105
            discard_typed(self.descriptor)
        except termios.error:
            pass

    def look_again(self) -> None:
        """Check the modes after we were continued: what another program has changed is not restored later."""
        if self._found is not None and (not self.is_ours or self._modes() != self._raw):
            self._found = None
            self._unlock()

    def write(self, data: memoryview) -> int:
        """Write as much of ``data`` as the terminal accepts now. Return the number of bytes that were written. Raises OSError,
        and BlockingIOError if the terminal accepts no bytes.
        """
        if not self._may_block:
            return os.write(self.descriptor, data)
        os.set_blocking(self.descriptor, False)  # only for this write, because it affects all processes that share the terminal
        try:
            return os.write(self.descriptor, data)
        finally:
            os.set_blocking(self.descriptor, True)

    def restore(self) -> None:
        """If our job is in the foreground, restore the modes that the user had set. If another job is in the foreground, it has
        set its own modes, so nothing is restored.
        """
        found, self._found = self._found, None
        if found is not None and self.is_ours:
            self._set(found)
        self._unlock()

    def leave(self) -> None:
        """Restore the modes, end the guardian, and do not use the terminal any more."""
        self.restore()
        guardian, self._guardian = self._guardian, None
        if guardian is not None:
            guardian.dismiss()

    def _lock(self) -> bool:
        """Lock the terminal for our job's only raw mode. Return False if another process holds the lock."""
        if self._lockable is None:
            return True
        job = os.getpgrp()
        try:
            fcntl.fcntl(self._lockable, fcntl.F_SETLK, struct.pack(FLOCK, fcntl.F_WRLCK, 0, job, 1, 0))
        except OSError as fault:
            return fault.errno not in _HELD
        if self._is_held_by_another(job + GUARDED, 1):
            self._unlock()
            return False
        return True

    def _unlock(self) -> None:
        if self._guardian is not None:
            self._guardian.rest()
        if self._lockable is not None:
            try:  # noqa: SIM105
                fcntl.fcntl(self._lockable, fcntl.F_SETLK, struct.pack(FLOCK, fcntl.F_UNLCK, 0, 0, 0, 0))
            except OSError:
                pass

    def _is_held_by_another(self, start: int = 0, length: int = 0) -> bool:
        """True if another process has locked a byte of this range, and is not our guardian. Length 0 means: up to the end."""
        if self._lockable is None:
            return False
        try:
            found = fcntl.fcntl(self._lockable, fcntl.F_GETLK, struct.pack(FLOCK, fcntl.F_WRLCK, 0, start, length, 0))
        except OSError:
            return False
        kind, _, _, _, holder = struct.unpack(FLOCK, found)
        return bool(kind != fcntl.F_UNLCK and (self._guardian is None or holder != self._guardian.process))

    def _set(self, modes: bytes) -> None:
        try:  # noqa: SIM105  # importing `contextlib` would make each start 1 ms longer
            fcntl.ioctl(self.descriptor, termios.TCSETS, modes)
        except OSError:
            pass


def _raw(modes: bytes, *, shared: bool) -> bytes:
    on_input, on_output, control, local = struct.unpack_from("4I", modes)
    on_input &= ~(
        termios.IGNBRK
        | termios.BRKINT
        | termios.PARMRK
        | termios.ISTRIP
        | termios.INLCR
        | termios.IGNCR
        | termios.ICRNL
        | termios.IXON
    )
    if not shared:
        on_output &= ~termios.OPOST
    control = control & ~(termios.CSIZE | termios.PARENB) | termios.CS8
    local &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    rest = bytearray(modes[16:])
    rest[_MINIMUM - 16], rest[_TIME - 16] = 1, 0
    return struct.pack("4I", on_input, on_output, control, local) + rest


def _own_opening(streams: list[int]) -> tuple[int, bool]:
    """Open the terminal again, without blocking: the inherited descriptor is the user's shell's, too, and stays as it is. Return
    the new one, and True if it is a copy of the inherited one, because another account owns the terminal.
    """
    ours = streams[1 if streams[0] == 0 and len(streams) > 1 else 0]
    for path in (f"/proc/self/fd/{ours}", "/dev/tty"):  # after `su`, the first path belongs to another user
        try:
            return os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC), False
        except OSError:
            continue
    return os.dup(ours), True


def _lockable(descriptors: list[int]) -> int | None:
    """Return one of ``descriptors`` that can be locked, or None. ``/dev/tty`` is left out, because this one file stands for the
    terminals of all people, and everybody may lock all of it.
    """
    for descriptor in descriptors:
        is_writable = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
        if is_writable and os.fstat(descriptor).st_rdev != _DEV_TTY:
            return descriptor
    return None
