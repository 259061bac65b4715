# SPDX-License-Identifier: Apache-2.0
"""Signals as something that can be polled for, with who sent each: signalfd(2).

Law: what was ignored when we started stays ignored. A signal that is caught does nothing by itself, and none is lost. Standard
library only, and of that what starts fast.
"""

from __future__ import annotations

import _ctypes  # all of `ctypes` is 3 ms of start, and one call is all that is wanted of it
import posix  # `os` is a millisecond of start more
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Iterable
else:
    import _signal  # `signal` is this and 3 ms of start

_RECORD = 128
"""Bytes of a struct signalfd_siginfo."""
_SIZE_OF_SET = 128
"""Bytes of the C library's sigset_t."""
_CLOEXEC_NONBLOCK = posix.O_CLOEXEC | posix.O_NONBLOCK


class Signals:
    """The signals that were caught, to be polled for by ``descriptor`` and ``taken`` from it."""

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
        """From now on these arrive here and do nothing else."""
        self._numbers |= {number for number in numbers if _signal.getsignal(number) != _signal.SIG_IGN}
        _signal.pthread_sigmask(_signal.SIG_BLOCK, self._numbers)
        self._signalfd(self.descriptor)

    def release(self) -> None:
        """They do again what they did before."""
        numbers, self._numbers = self._numbers, set()
        self._signalfd(self.descriptor)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, numbers)

    def taken(self) -> list[tuple[int, int]]:
        """The signals that have arrived: the number, and the process that sent it; 0 if it was the kernel or is not known."""
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
        """True if a caught signal had arrived. It has not any more."""
        return _signal.sigtimedwait([number], 0) is not None
