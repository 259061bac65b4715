# SPDX-License-Identifier: Apache-2.0
"""The guardian is a small process that runs beside a client whose terminal is in raw mode. If the client is killed, the guardian
restores the terminal's modes.

Law: the guardian changes the terminal only if the terminal still has the modes that the client set. Therefore the guardian never
overwrites modes that a shell or another program has set later. The guardian has only three open descriptors: the terminal, one
end of a pipe, and the terminal's file that is locked (``jitpam.terminal``). When the client ends, the guardian ends too.
"""

from __future__ import annotations

import fcntl
import os
import struct
import termios

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from typing import NoReturn
else:
    import _signal  # importing `signal` would make each start 3 ms longer

MODES = 36  # size in bytes of the kernel's struct termios
FLOCK = "hhqqi0q"  # the kernel's struct flock (fcntl(2)): type, whence, start, length, pid
GUARDED = 1 << 32  # the guardian locks the byte at this offset plus the number of the client's process group
_TOLD = struct.Struct(f"q{MODES}s{MODES}s")
"""What the client tells the guardian: its process group, the modes that it found, and the modes that it sets. The process group
is 0 if the client has restored the modes.
"""
_COMPARED = slice(0, 16)  # the part of struct termios that the guardian compares: the four words of flags


class Guardian:
    """``process`` is the pid of the guardian process, which ``__init__`` forks."""

    def __init__(self, terminal: int, lockable: int | None) -> None:
        """``lockable`` is a descriptor of the terminal's file, or None if the file cannot be locked. Raises OSError."""
        reading, self._writing = os.pipe2(os.O_CLOEXEC)
        try:
            self.process = os.fork()
            if self.process == 0:
                _guard(terminal, reading, lockable)
        except OSError:
            os.close(self._writing)
            raise
        finally:
            os.close(reading)

    def tell(self, found: bytes, raw: bytes) -> None:
        """Tell the guardian that the client is about to change the terminal's modes from ``found`` to ``raw``."""
        self._tell(os.getpgrp(), found, raw)

    def rest(self) -> None:
        """Tell the guardian that there is nothing to restore."""
        self._tell(0, b"", b"")

    def _tell(self, job: int, found: bytes, raw: bytes) -> None:
        try:  # noqa: SIM105  # importing `contextlib` would make each start 1 ms longer
            os.write(self._writing, _TOLD.pack(job, found, raw))
        except OSError:
            pass

    def dismiss(self) -> None:
        """End the guardian, because the client itself has restored the terminal."""
        os.close(self._writing)
        try:
            os.kill(self.process, _signal.SIGKILL)  # faster than waiting until the guardian sees the end of the pipe
            os.waitpid(self.process, 0)
        except OSError:
            pass


def _guard(terminal: int, reading: int, lockable: int | None) -> NoReturn:
    """In the forked process, with its own session: no job control affects it, and signals that end the client are blocked."""
    try:
        os.setsid()
        kept = [terminal, reading, *([] if lockable is None else [lockable])]
        for place, descriptor in enumerate([fcntl.fcntl(descriptor, fcntl.F_DUPFD, 10) for descriptor in kept]):
            os.dup2(descriptor, place)
        os.closerange(len(kept), 1 << 20)
        os.chdir("/")
        job, found, raw = 0, b"", b""
        while packet := os.read(1, _TOLD.size):
            job, found, raw = _TOLD.unpack(packet)
            if lockable is not None:
                kind, start, length = (fcntl.F_WRLCK, job + GUARDED, 1) if job else (fcntl.F_UNLCK, 0, 0)
                try:  # noqa: SIM105
                    fcntl.fcntl(2, fcntl.F_SETLK, struct.pack(FLOCK, kind, 0, start, length, 0))
                except OSError:  # without the lock, it can still restore the modes
                    pass
        if job and fcntl.ioctl(0, termios.TCGETS, bytes(MODES))[_COMPARED] == raw[_COMPARED]:
            fcntl.ioctl(0, termios.TCSETS, found)
    finally:
        os._exit(0)
