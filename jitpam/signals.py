# SPDX-License-Identifier: Apache-2.0
"""Receives signals through a descriptor that poll(2) can wait for, with the process that sent each: signalfd(2).

Law: a signal that was ignored when we started stays ignored. A caught signal has no effect of its own, and none is lost. Standard
library only, and only modules that are imported fast.
"""

from __future__ import annotations

import _ctypes  # importing `ctypes` would make each start 3 ms longer, for one call
import posix  # importing `os` would make each start 1 ms longer
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Iterable
else:
    import _signal  # importing `signal` would make each start 3 ms longer

_RECORD = 128
"""Size in bytes of struct signalfd_siginfo."""
_SIZE_OF_SET = 128
"""Size in bytes of the C library's sigset_t."""
_CLOEXEC_NONBLOCK = posix.O_CLOEXEC | posix.O_NONBLOCK


class Signals:
    """Caught signals. Poll ``descriptor`` to wait for them; ``taken`` returns those that have arrived."""

    def __init__(self) -> None:
        self._numbers: set[int] = set()
        self.mask_found = _signal.pthread_sigmask(_signal.SIG_BLOCK, ())
        """The signals that were blocked when we started."""
        self.descriptor = self._signalfd(-1)

    def _signalfd(self, descriptor: int) -> int:
        mask = sum(1 << (number - 1) for number in self._numbers)
        address = _ctypes.dlsym(_ctypes.dlopen(None, 0), "signalfd")  # type: ignore[arg-type]
        found = _ctypes.call_function(address, (descriptor, mask.to_bytes(_SIZE_OF_SET, "little"), _CLOEXEC_NONBLOCK))
        if found < 0:
            raise OSError("signalfd failed")
        return int(found)

    def catch(self, numbers: Iterable[int]) -> None:
        """Catch the signals ``numbers`` from now on, but for those that are ignored. Raises OSError."""
        self._numbers |= {number for number in numbers if _signal.getsignal(number) != _signal.SIG_IGN}
        _signal.pthread_sigmask(_signal.SIG_BLOCK, self._numbers)
        self._signalfd(self.descriptor)

    def release(self) -> None:
        """Stop catching signals: each has its earlier effect again. Raises OSError."""
        numbers, self._numbers = self._numbers, set()
        self._signalfd(self.descriptor)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, numbers)

    def taken(self) -> list[tuple[int, int]]:
        """Return the signals that have arrived: for each its number and the process id of its sender; 0 if that is the kernel
        or not known.
        """
        try:
            data = posix.read(self.descriptor, _RECORD * 16)
        except BlockingIOError:
            return []
        found = []
        for at in range(0, len(data), _RECORD):
            number, _, code, sender = struct.unpack_from("IiiI", data, at)
            found.append((number, sender if code <= 0 else 0))
        return found

    @staticmethod
    def is_pending(number: int) -> bool:
        """Take one caught signal ``number``, if it has arrived. True if it had."""
        return _signal.sigtimedwait([number], 0) is not None
