# SPDX-License-Identifier: Apache-2.0
"""A child of a helper: it works on one question, or on one after another, in a process that can be killed.

Law: a child has one connection, to the process that has forked it, and no other descriptor beyond standard error. It ends at the
latest when that process ends. It leads a process group of its own, which is killed as a whole. Sources: prctl(2), setsid(2).
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from jitd.beside import packets

PR_SET_PDEATHSIG = 1  # the option of prctl(2) that sets the signal which a process gets when its parent ends


class Child:
    """A child that calls ``work`` with its end of ``line``, and then ends. Our end does not block. Raises OSError."""

    def __init__(self, work: Callable[[socket.socket], None]) -> None:
        self.line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        parent = os.getpid()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            for end in (self.line, theirs):
                packets.make_room(end)
            self.pid = os.fork()
            if self.pid == 0:
                _be(work, theirs, parent)
        except OSError:
            self.line.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()
        self.line.setblocking(False)

    @property
    def is_killed(self) -> bool:
        """True if ``kill`` was called. The child may not have ended yet."""
        return self.line.fileno() < 0

    def kill(self) -> None:
        """Close the connection, and kill the child with its process group. The caller has to wait for it."""
        self.line.close()
        for kill in (os.killpg, os.kill):  # the child may not yet lead a process group
            with suppress(ProcessLookupError, PermissionError):
                kill(self.pid, signal.SIGKILL)


def _be(work: Callable[[socket.socket], None], line: socket.socket, parent: int) -> NoReturn:
    status = 1
    try:
        signal.set_wakeup_fd(-1)  # otherwise the event loop of the parent would receive the signals of this process
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.setsid()
        os.dup2(line.detach(), 3, inheritable=False)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))  # the child must not keep the connections of the daemon open
        with socket.socket(fileno=3) as own:
            work(own)
        status = 0
    except BaseException:  # a defect, or an answer that nobody waits for any more: only the log can be told
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)
