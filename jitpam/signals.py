# SPDX-License-Identifier: Apache-2.0
"""Receives signals through a descriptor of signalfd(2), which poll(2) can watch. Each signal comes with the process id of its
sender.

Law: if a signal was ignored when this process started, the signal stays ignored. The only effect of a caught signal is that it
can be read from the descriptor. No signal is lost. This module imports only modules of the standard library that can be imported
fast.
"""

from __future__ import annotations

import _ctypes  # importing `ctypes` would make each start 3 ms longer, for one call
import posix  # importing `os` would make each start 1 ms longer
from _struct import unpack_from  # importing `struct` would make each start 0.1 ms longer

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Iterable
else:
    import _signal  # importing `signal` would make each start 3 ms longer

_RECORD = 128  # size in bytes of struct signalfd_siginfo
_SIZE_OF_SET = 128  # size in bytes of the C library's sigset_t
_CLOEXEC_NONBLOCK = posix.O_CLOEXEC | posix.O_NONBLOCK


class Signals:
    """Caught signals. Poll ``descriptor`` to wait for signals. ``taken`` returns the signals that have arrived."""

    def __init__(self) -> None:
        self._numbers: set[int] = set()
        self.mask_found = _signal.pthread_sigmask(_signal.SIG_BLOCK, ())  # blocked when this process started
        self.descriptor = self._signalfd(-1)

    def _signalfd(self, descriptor: int) -> int:
        mask = sum(1 << (number - 1) for number in self._numbers)
        address = _ctypes.dlsym(_ctypes.dlopen(None, 0), "signalfd")  # type: ignore[arg-type]
        found = _ctypes.call_function(address, (descriptor, mask.to_bytes(_SIZE_OF_SET, "little"), _CLOEXEC_NONBLOCK))
        if found < 0:
            raise OSError("signalfd failed")
        return int(found)

    def catch(self, numbers: Iterable[int]) -> None:
        """Catch the signals in ``numbers`` from now on. Signals that are ignored are not caught. Raises OSError."""
        self._numbers |= {number for number in numbers if _signal.getsignal(number) != _signal.SIG_IGN}
        _signal.pthread_sigmask(_signal.SIG_BLOCK, self._numbers)
        self._signalfd(self.descriptor)

    def release(self) -> None:
        """Stop catching signals, so that each signal has its earlier effect again. Raises OSError."""
        numbers, self._numbers = self._numbers, set()
        self._signalfd(self.descriptor)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, numbers)

    def taken(self) -> list[tuple[int, int]]:
        """Return the signals that have arrived. Each entry is the number of the signal and the process id of its sender. The
        process id is 0 if the sender is the kernel or is not known.
        """
        try:
            data = posix.read(self.descriptor, _RECORD * 16)
        except BlockingIOError:
            return []
        found = []
        for at in range(0, len(data), _RECORD):
            number, _, code, sender = unpack_from("IiiI", data, at)
            found.append((number, sender if code <= 0 else 0))
        return found

    @staticmethod
    def is_pending(number: int) -> bool:
        """Remove one caught signal ``number`` from the queue. Return True if such a signal had arrived."""
        return _signal.sigtimedwait([number], 0) is not None
