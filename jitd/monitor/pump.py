# SPDX-License-Identifier: Apache-2.0
"""A process for each recorded stream that is not a terminal (its pump). It passes on what the monitor has recorded.

The command has a pipe in place of the client's descriptor. A pump reads from one of the two, tells the monitor what it has read,
and writes it to the other when the monitor says so. A pump waits for a slow side as the command would; nobody waits for a pump.

Law: nothing is passed on that the monitor has not recorded, and without a monitor nothing is passed on at all. What could not be
passed on is reported. A pump is not in the command's session. It has its two ends, the monitor's socket, and the rights of the
run's target user. So nothing is written to the client's descriptors with more rights than those.
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
"""Bytes of one piece, at most. A piece is one packet to the monitor, and one frame of the recording."""
KEPT, DRAIN = b"k", b"d"
"""The monitor's two orders. KEPT: pass on what you sent, it is recorded. DRAIN: pass on all that is written now, then answer."""
HERE, TOLD, DRAINED, FAILED, OVER = b"h", b"b", b"d", b"f", b"e"
"""What a pump says. HERE: its process's number. TOLD: bytes of the stream. DRAINED: the answer to DRAIN. FAILED: an error's
number. OVER, its last word: the stream has ended on one side. A pump that ends without OVER was killed."""
GONE = frozenset((errno.EPIPE, errno.ECONNRESET, errno.ESHUTDOWN, errno.ENOTCONN))
"""Errors of a write that only mean that nobody reads any more."""
SLOTS = {0: Kind.STDIN, 1: Kind.STDOUT, 2: Kind.STDERR}
"""Slot of a stream → its kind in the recording."""
RECORDED = {"none": (), "terminal": (), "output": (1, 2), "all": (0, 1, 2)}
"""What the rule wants recorded → the slots of the streams that are recorded if they are not a terminal."""


class Pumps:
    """The monitor's ends of the sockets to the pumps of one run and, until the command's process is made, the pumps' ends."""

    def __init__(self, record: str) -> None:
        self._ours: dict[int, socket.socket] = {}
        self._theirs: dict[int, socket.socket] = {}
        self._undrained: set[int] = set()
        self._processes: dict[int, Pid] = {}  # children that have not been waited for
        self.fault = ""
        """Why something was not passed on, as a sentence; empty as long as everything was."""
        for slot in RECORDED[record]:
            self._ours[slot], self._theirs[slot] = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)

    @property
    def slots(self) -> frozenset[int]:
        """The slots of the streams that are recorded if they are not a terminal."""
        return frozenset(self._theirs)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The descriptors that the command's process has to keep until ``start``."""
        return tuple(each.fileno() for each in self._theirs.values())

    def start(self, sources: dict[int, int], monitor: int, job: Job) -> dict[int, int]:
        """Make a pump for each of ``sources`` (slot → the client's descriptor). Return slot → the command's descriptor.

        To be called in the command's process. Raises OSError.
        """
        ends: dict[int, int] = {}
        for slot, source in sources.items():
            twin = next((other for other in ends if slot and other and _is_same(source, sources[other])), None)
            if twin is not None:  # 2>&1: a pump for both keeps the order in which they were written
                ends[slot] = ends[twin]
                continue
            reading, writing = os.pipe2(os.O_CLOEXEC)
            os.fchown(reading, job.uid, job.gid)  # a command that opens /dev/stdout opens this pipe, as the target user
            ours, theirs = (writing, reading) if slot == 0 else (reading, writing)
            if fork_sibling() == 0:
                way = (source, ours) if slot == 0 else (ours, source)
                pump(self._theirs[slot], *way, is_input=slot == 0, monitor=monitor, job=job)
            os.close(ours)
            self._theirs.pop(slot).close()
            ends[slot] = theirs
        for each in self._theirs.values():
            each.send(OVER)  # this stream has no pump
        return ends

    def leave_theirs(self) -> None:
        """Close the pumps' ends in the monitor, once the command's process is made. Then a socket ends when its pump ends."""
        for each in self._theirs.values():
            each.close()
        self._theirs.clear()

    def wait_with(self, poll: select.poll) -> None:
        """Register the sockets to wait for."""
        for each in self._ours.values():
            poll.register(each, select.POLLIN)

    def hear(self) -> list[tuple[int, memoryview]]:
        """Return slots and bytes that the pumps have read since the last call. Answer each by ``pass_on`` once it is recorded."""
        told = []
        for slot, each in list(self._ours.items()):
            try:
                packet = each.recv(1 + CHUNK, socket.MSG_DONTWAIT)
            except (BlockingIOError, ConnectionResetError):
                # A reset: the pump ended before it read all that we sent. What it sent itself can be read at the next look.
                continue
            except OSError:
                packet = b""
            word = packet[:1]
            if word == TOLD:
                told.append((slot, memoryview(packet)[1:]))
            elif word == HERE:
                with suppress(ChildProcessError):  # else it was waited for already, and another process may have its number
                    os.waitid(os.P_PID, process := int(packet[1:]), os.WEXITED | os.WNOHANG | os.WNOWAIT)
                    self._processes[slot] = process
            elif word == DRAINED:
                self._undrained.discard(slot)
            elif word == FAILED:  # the pump stays: the command must not see the end of its stream before it is ended itself
                self.fault = self.fault or _why(slot, packet[1:])
                self._undrained.discard(slot)
            else:
                if word != OVER:
                    self.fault = self.fault or _why(slot, b"")
                self._undrained.discard(slot)
                self._ours.pop(slot).close()
        return told

    def begin(self) -> None:
        """Let the pump of standard input begin to read: the command begins."""
        self._say(0, KEPT)

    def pass_on(self, slot: int) -> None:
        """Let the pump of ``slot`` pass on what it has told, which is recorded."""
        self._say(slot, KEPT)

    def drain(self) -> None:
        """Have what the command has written passed on, since it is over. What it has not read is not passed on any more."""
        self._leave(0)
        self._undrained = set(self._ours)
        for slot in list(self._ours):
            self._say(slot, DRAIN)

    @property
    def is_drained(self) -> bool:
        """True if everything that was written before ``drain`` is passed on, or can never be."""
        return not self._undrained

    def close(self) -> None:
        """End all pumps: nothing is passed on any more."""
        for slot in SLOTS:
            self._leave(slot)

    def forget(self, process: Pid) -> None:
        """Forget a process that was waited for: another process may have its number from now on."""
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
            with suppress(OSError):  # the pump has ended: ``hear`` finds its last word, or that it left none
                each.send(word, AT_ONCE)


def arrived(over: tuple[str, int, str], because: str, fault: str) -> tuple[str, int, str]:
    """Return how a run ended whose command ended like ``over``.

    If a pump had a ``fault``, the run is not a success. Neither is it if the output was cut off after the command's end; then
    ``because`` differs from the sentence in ``over``.
    """
    ending, number, known = over
    if because == known and not fault:
        return over
    if (ending, number) == ("exited", 0):
        return "lost", FAULT, f"{because}; its status had been 0, and not all was passed on"
    return ending, number, because


def _why(slot: int, number: bytes) -> str:
    """Return why a pump failed. ``number`` is the error's number after FAILED, or empty if the pump said nothing."""
    if not number:
        return f"what passes on its {NAMES[slot]} was killed"
    return f"its {NAMES[slot]} could not be {'written' if slot else 'read'}: {os.strerror(int(number))}"


def _is_same(one: int, other: int) -> bool:
    """True if two descriptors lead to the same file, as far as the kernel tells."""
    first, second = os.fstat(one), os.fstat(other)
    return (first.st_dev, first.st_ino, first.st_rdev) == (second.st_dev, second.st_ino, second.st_rdev)


# --- in the pump's process -------------------------------------------------------------------------------------------


def pump(said: socket.socket, source: int, target: int, *, is_input: bool, monitor: int, job: Job) -> NoReturn:
    """Pass on from ``source`` to ``target`` until one of them or the monitor is gone. Never returns."""
    try:
        os.setsid()  # signals from the terminal's keys are not meant for it
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_IGN)
        close_all_but(said.fileno(), source, target)
        said.send(HERE + b"%d" % os.getpid())
        become(job.uid, job.gid, job.groups)
        control_process(PR_SET_DUMPABLE, 0)  # other processes of that user may kill it, but not trace it
        end_with_parent(monitor)
        try:
            _pass_on(said, source, target, is_input=is_input)
        except OSError as fault:
            said.send(FAILED + b"%d" % (fault.errno or errno.EIO))
            said.recv(8)  # wait until the command is over, so that it does not see the end of its stream
        said.send(OVER)
    except OSError:  # the monitor is gone, or will see that this process is gone
        pass
    finally:
        os._exit(0)


def _pass_on(monitor: socket.socket, source: int, target: int, *, is_input: bool) -> None:
    waits = select.poll()
    waits.register(source, select.POLLIN)
    waits.register(monitor, select.POLLIN)
    if is_input:
        waits.register(target, 0)  # to see if the command ends, or closes its end, without reading more
        if monitor.recv(8) != KEPT:  # nothing is read for a command that does not begin
            return
    rest: int | None = None  # bytes to pass on before DRAINED; nobody waits for what other processes write afterwards
    while True:
        if rest is not None and rest <= 0:
            monitor.send(DRAINED)
            rest = None
        ready = dict(waits.poll(None if rest is None else 0))
        if not ready:  # another reader has taken the rest
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
            is_to_drain = word == DRAIN  # DRAIN came before the answer to TOLD, which follows
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
    """Return how many bytes can be read now (FIONREAD, pipe(7))."""
    found: int = struct.unpack("i", fcntl.ioctl(source, termios.FIONREAD, bytes(4)))[0]
    return found


def _read(source: int) -> bytes | None:
    """Read what there is. Empty at the end of the stream; None if another reader was faster."""
    try:
        return os.read(source, CHUNK)
    except BlockingIOError:  # the client's descriptor may be non-blocking
        return None


def _write(target: int, data: bytes) -> bool:
    """Write all of ``data``. False if nobody reads any more. Raises OSError."""
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
