# SPDX-License-Identifier: Apache-2.0
"""The process at the other end of a connection. The process is identified by a descriptor, because its pid may later belong to
another process (THREATS S-01).

Law: if jitd cannot get a descriptor of a process, Gone is raised, and jitd trusts no facts about this process.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from pathlib import Path

from jitd.core.run import Process
from jitd.deciding import origins

_SO_PEERPIDFD = 77
_TICKS = os.sysconf("SC_CLK_TCK")


class Gone(ProcessLookupError):
    """The process that connected has ended. Another process may now use the connection or have the pid of the ended process."""


class Held:
    """The process with the pid ``pid``. ``descriptor`` refers to this process (pidfd_open(2)). This object closes the
    descriptor.
    """

    __slots__ = ("_descriptor", "pid")

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid = pid
        self._descriptor = descriptor

    def __del__(self) -> None:
        os.close(self._descriptor)

    def refuse_gone(self) -> None:
        """Raise Gone if the process has ended."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        if poll.poll(0):
            raise Gone("the process that asked has ended")

    def has_our_users(self) -> bool:
        """True if the process has the same user and group id maps as jitd (user_namespaces(7)). Raises Gone and OSError."""
        maps = ("uid_map", "gid_map")
        is_same = all(Path(f"/proc/{self.pid}/{each}").read_bytes() == Path(f"/proc/self/{each}").read_bytes() for each in maps)
        self.refuse_gone()
        return is_same

    def real_uid(self) -> int:
        """Return the real uid of the process (proc(5)): of a set-user-ID program, the account that started it. Raises Gone and
        OSError.
        """
        status = Path(f"/proc/{self.pid}/status").read_bytes()
        real = int(status.partition(b"\nUid:")[2].split(maxsplit=1)[0])
        self.refuse_gone()
        return real

    def process(self) -> Process:
        """Return the pid and the start time of the process. Raises Gone and OSError."""
        found = Process(self.pid, origins.started_at(self.pid))
        self.refuse_gone()  # if the process still exists, this was its own start time
        return found


class Peer:
    """Facts from the kernel about the other end of ``sock``, which was accepted a moment ago."""

    __slots__ = ("_accepted_at", "_socket", "pid", "uid")

    def __init__(self, sock: socket.socket, uid: int, pid: int) -> None:
        self.uid = uid
        self.pid = pid
        self._socket = sock
        self._accepted_at = time.clock_gettime(time.CLOCK_BOOTTIME)

    def started_by(self) -> int | None:
        """Return the uid of the account that has started the process that connected. Only a process that acts as root is looked
        at, because a set-user-ID program is what somebody else's process becomes root by. If such a process cannot be looked at,
        return
        None.
        """
        if self.uid != 0:
            return self.uid
        try:
            return self.hold().real_uid()
        except OSError:  # it has ended, or is in a pid namespace that jitd does not see
            return None

    def hold(self) -> Held:
        """Return the process that connected, together with a descriptor for it. Raises Gone."""
        try:
            (descriptor,) = struct.unpack("i", self._socket.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD, 4))
            held = Held(self.pid, descriptor)
        except OSError as fault:
            if fault.errno != errno.ENOPROTOOPT:
                raise Gone("the process that connected has ended") from None
            held = self.hold_by_number()
        held.refuse_gone()
        return held

    def hold_by_number(self) -> Held:
        """Return the process that connected, as ``hold`` does. This method is used on Linux before 6.5. Raises Gone.

        Three facts together prove that the opened process is the process that connected. First, the pid has the same start time
        before and after the process is opened. Second, this start time is before the connection. Third, the connection is still
        open.
        """
        try:
            before = origins.started_at(self.pid)
            held = Held(self.pid, os.pidfd_open(self.pid))
            after = held.process().started
        except OSError:
            raise Gone("the process that connected has ended") from None
        if before != after or before / _TICKS > self._accepted_at or self._has_hung_up():
            raise Gone("the process that connected has ended")
        return held

    def _has_hung_up(self) -> bool:
        try:
            return not self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
