# SPDX-License-Identifier: Apache-2.0
"""Between a recorded command and a stream that is not a terminal: a process a stream, which passes on what the monitor has kept.

The command has a pipe in place of the client's descriptor. A pump reads from one side, tells the monitor, and writes to the
other side when the monitor says so; it waits for whichever is slow, as the command would, and nobody else waits for it.

Law: nothing is passed on that the monitor has not kept; without a monitor nothing is passed on at all; what could not be passed
on is told. A pump is outside of the command's session, and has its two ends, the monitor's socket, and the command's own rights:
what is written to the client's descriptors is written with the rights of the run's target user, and no more.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import socket
import struct
import termios
from contextlib import suppress
from typing import NoReturn

from jitd.monitor.housing import fork_sibling
from jitd.monitor.orders import FAILED as FAULT
from jitd.monitor.orders import Job
from jitd.monitor.signalling import Pid
from jitd.monitor.slate import PR_SET_DUMPABLE, become, close_all_but, control_process, end_with_parent
from jitd.monitor.streams import AT_ONCE, NAMES
from jitd.recording.form import Kind

CHUNK = 64 * 1024
"""Bytes of one piece at most: a packet to the monitor, and a frame of the recording."""
KEPT, DRAIN = b"k", b"d"
"""The monitor's two orders. KEPT: what you sent is kept, pass it on. DRAIN: answer when all there is by now is passed on."""
HERE, TOLD, DRAINED, FAILED, OVER = b"h", b"b", b"d", b"f", b"e"
"""What a pump says: its process's number; bytes of the stream; the answer to DRAIN; an error's number; and, as its last word,
that either side is at its end. One that ends without it was killed."""
GONE = frozenset((errno.EPIPE, errno.ECONNRESET, errno.ESHUTDOWN, errno.ENOTCONN))
"""Errors of a write that only mean that nobody reads any more."""
SLOTS = {0: Kind.STDIN, 1: Kind.STDOUT, 2: Kind.STDERR}
"""Which stream is recorded as what."""
RECORDED = {"none": (), "terminal": (), "output": (1, 2), "all": (0, 1, 2)}
"""Streams that are recorded where they are not a terminal, by what the rule wants recorded."""


class Pumps:
    """The monitor's ends of the sockets to the pumps of one run; and, until the command's process is made, theirs."""

    def __init__(self, record: str) -> None:
        self._ours: dict[int, socket.socket] = {}
        self._theirs: dict[int, socket.socket] = {}
        self._undrained: set[int] = set()
        self._processes: dict[int, Pid] = {}  # children that have not been waited for
        self.fault = ""
        """Why something was not passed on, a sentence; empty as long as all was."""
        for slot in RECORDED[record]:
            self._ours[slot], self._theirs[slot] = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)

    @property
    def slots(self) -> frozenset[int]:
        """The streams that are recorded, where they are not a terminal."""
        return frozenset(self._theirs)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What the command's process has to keep until ``start``."""
        return tuple(each.fileno() for each in self._theirs.values())

    def start(self, sources: dict[int, int], monitor: int, job: Job) -> dict[int, int]:
        """In the command's process: make a pump for each of ``sources`` (slot → the client's descriptor); slot → the command's.

        Raises OSError.
        """
        ends: dict[int, int] = {}
        for slot, source in sources.items():
            twin = next((other for other in ends if slot and other and _is_same(source, sources[other])), None)
            if twin is not None:  # 2>&1: what was written in one order arrives in that order
                ends[slot] = ends[twin]
                continue
            reading, writing = os.pipe2(os.O_CLOEXEC)
            os.fchown(reading, job.uid, job.gid)  # /dev/stdout is opened anew by who writes to it by that name
            ours, theirs = (writing, reading) if slot == 0 else (reading, writing)
            if fork_sibling() == 0:
                way = (source, ours) if slot == 0 else (ours, source)
                pump(self._theirs[slot], *way, is_input=slot == 0, monitor=monitor, job=job)
            os.close(ours)
            self._theirs.pop(slot).close()
            ends[slot] = theirs
        for each in self._theirs.values():
            each.send(OVER)  # there is none for this stream
        return ends

    def leave_theirs(self) -> None:
        """In the monitor, once the command's process is made: a pump that ends is the end of its socket."""
        for each in self._theirs.values():
            each.close()
        self._theirs.clear()

    def wait_with(self, poll: select.poll) -> None:
        """Register what there is to wait for."""
        for each in self._ours.values():
            poll.register(each, select.POLLIN)

    def hear(self) -> list[tuple[int, memoryview]]:
        """What the pumps have told since: slot and bytes, each to be answered by ``pass_on`` once it is kept."""
        told = []
        for slot, each in list(self._ours.items()):
            try:
                packet = each.recv(1 + CHUNK, socket.MSG_DONTWAIT)
            except (BlockingIOError, ConnectionResetError):
                # A reset: it ended before it read all that we said. What it said itself is still there, for the next look.
                continue
            except OSError:
                packet = b""
            word = packet[:1]
            if word == TOLD:
                told.append((slot, memoryview(packet)[1:]))
            elif word == HERE:
                with suppress(ChildProcessError):  # else it has been waited for already, and its number may be another's
                    os.waitid(os.P_PID, process := int(packet[1:]), os.WEXITED | os.WNOHANG | os.WNOWAIT)
                    self._processes[slot] = process
            elif word == DRAINED:
                self._undrained.discard(slot)
            elif word == FAILED:  # it stays: the command is to see no end of its stream before it is ended itself
                self.fault = self.fault or _why(slot, packet[1:])
                self._undrained.discard(slot)
            else:
                if word != OVER:
                    self.fault = self.fault or _why(slot, b"")
                self._undrained.discard(slot)
                self._ours.pop(slot).close()
        return told

    def begin(self) -> None:
        """The command begins: what it is to read may be read."""
        self._say(0, KEPT)

    def pass_on(self, slot: int) -> None:
        """What the pump of ``slot`` has told is kept."""
        self._say(slot, KEPT)

    def drain(self) -> None:
        """The command is over. What it has written is passed on; what it has not read, no more."""
        self._leave(0)
        self._undrained = set(self._ours)
        for slot in list(self._ours):
            self._say(slot, DRAIN)

    @property
    def is_drained(self) -> bool:
        """True if all that was written before ``drain`` is where it belongs, or never will be."""
        return not self._undrained

    def close(self) -> None:
        """Nothing is passed on any more."""
        for slot in SLOTS:
            self._leave(slot)

    def forget(self, process: Pid) -> None:
        """It has been waited for, and its number may be another's from now on."""
        self._processes = {slot: each for slot, each in self._processes.items() if each != process}

    def _leave(self, slot: int) -> None:
        """End the pump of ``slot``, whatever it waits for."""
        self._undrained.discard(slot)
        if slot in self._ours:
            self._ours.pop(slot).close()
        if process := self._processes.pop(slot, 0):
            os.kill(process, signal.SIGKILL)

    def _say(self, slot: int, word: bytes) -> None:
        each = self._ours.get(slot)
        if each is not None:
            with suppress(OSError):  # it is gone: ``hear`` finds its last word, or that there is none
                each.send(word, AT_ONCE)


def arrived(over: tuple[str, int, str], because: str, fault: str) -> tuple[str, int, str]:
    """How a run ended whose command ended like ``over``: where a pump had a ``fault``, or all was cut off afterwards, so that
    ``because`` is another by now, it is not a success.
    """
    ending, number, known = over
    if because == known and not fault:
        return over
    if (ending, number) == ("exited", 0):
        return "lost", FAULT, f"{because}; its status had been 0, and not all was passed on"
    return ending, number, because


def _why(slot: int, number: bytes) -> str:
    """Why a pump ended, by what came after FAILED, or nothing at all did."""
    if not number:
        return f"what passes on its {NAMES[slot]} was killed"
    return f"its {NAMES[slot]} could not be {'written' if slot else 'read'}: {os.strerror(int(number))}"


def _is_same(one: int, other: int) -> bool:
    """True if both lead to the same place, as far as the kernel tells."""
    first, second = os.fstat(one), os.fstat(other)
    return (first.st_dev, first.st_ino, first.st_rdev) == (second.st_dev, second.st_ino, second.st_rdev)


# --- in the pump's process -------------------------------------------------------------------------------------------


def pump(said: socket.socket, source: int, target: int, *, is_input: bool, monitor: int, job: Job) -> NoReturn:
    """Pass on from ``source`` to ``target`` until one of the three is gone. Never returns."""
    try:
        os.setsid()  # no key of the terminal is meant for it
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_IGN)
        close_all_but(said.fileno(), source, target)
        said.send(HERE + b"%d" % os.getpid())
        become(job.uid, job.gid, job.groups)
        control_process(PR_SET_DUMPABLE, 0)  # others of that user may end it, and no more
        end_with_parent(monitor)
        try:
            _pass_on(said, source, target, is_input=is_input)
        except OSError as fault:
            said.send(FAILED + b"%d" % (fault.errno or errno.EIO))
            said.recv(8)  # until the command is over, it sees no end of its stream
        said.send(OVER)
    except OSError:  # the monitor is gone, or will see that we are
        pass
    finally:
        os._exit(0)


def _pass_on(monitor: socket.socket, source: int, target: int, *, is_input: bool) -> None:
    waits = select.poll()
    waits.register(source, select.POLLIN)
    waits.register(monitor, select.POLLIN)
    if is_input:
        waits.register(target, 0)  # the command may end, or close it, without reading more
        if monitor.recv(8) != KEPT:  # of a command that does not begin nothing is read
            return
    rest: int | None = None  # bytes to pass on before DRAINED: for what its leftovers write afterwards nobody waits
    while True:
        if rest is not None and rest <= 0:
            monitor.send(DRAINED)
            rest = None
        ready = dict(waits.poll(None if rest is None else 0))
        if not ready:  # somebody else has read it
            rest = 0
        if monitor.fileno() in ready:
            if monitor.recv(8) != DRAIN:
                return
            rest = _n_waiting(source)
            continue
        if target in ready:
            return
        if source in ready:
            data = _read(source)
            if data is None:
                continue
            if not data:
                return
            monitor.sendmsg([TOLD, data])
            word = monitor.recv(8)
            is_to_drain = word == DRAIN  # it came between: the answer to what was told follows
            if is_to_drain:
                word = monitor.recv(8)
            if word != KEPT:
                return
            if not _write(target, data):
                return
            if is_to_drain:
                rest = _n_waiting(source)
            elif rest is not None:
                rest -= len(data)


def _n_waiting(source: int) -> int:
    """Bytes that can be read now (ioctl_pipe: FIONREAD)."""
    found: int = struct.unpack("i", fcntl.ioctl(source, termios.FIONREAD, bytes(4)))[0]
    return found


def _read(source: int) -> bytes | None:
    """What there is, empty at the end; None if another reader was faster."""
    try:
        return os.read(source, CHUNK)
    except BlockingIOError:  # the client's descriptor may be one that does not wait
        return None


def _write(target: int, data: bytes) -> bool:
    """All of it; False if nobody reads any more."""
    rest = memoryview(data)
    poll = select.poll()
    poll.register(target, select.POLLOUT)
    while rest:
        try:
            rest = rest[os.write(target, rest) :]
        except BlockingIOError:
            poll.poll()
        except OSError as fault:
            if fault.errno in GONE:
                return False
            raise
    return True
