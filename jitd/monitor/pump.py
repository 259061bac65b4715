# SPDX-License-Identifier: Apache-2.0
"""A pump is a process. Each recorded stream that is not a terminal has its own pump. The pump passes on the bytes that the
monitor has recorded.

Instead of the client's descriptor, the command gets a pipe. For output, a pump reads bytes from the pipe. For input, a pump looks
at the next bytes of the client's descriptor. In both cases, the pump first sends these bytes to the monitor. When the monitor has
recorded the bytes, it orders the pump to write them. The pump writes output to the client's descriptor, and input to the pipe of
the command. If a stream is slow, its pump waits, as the command would wait without a pump. No other process waits for a pump.

Input is taken from the client's descriptor only after the command has read it from its pipe. The pump knows this by construction:
the pipe of the command has a single page, so the kernel reports that it can be written only when it is empty. When the command
has ended, the pump takes the unread bytes out of the pipe, and reports how many of the recorded bytes were not read. They stay
where the client's next command finds them.

Law: a pump passes on only bytes that the monitor has recorded. There is one exception: if recording has failed and the rule says
that the run continues, the rest is passed on without a recording. Without a monitor, a pump passes on nothing. If bytes could not
be passed on, the pump reports this. A pump is not in the command's session. A pump has only the two ends of its stream, its
socket to the monitor, and for input the other end of the command's pipe. A pump has the rights of the run's target user.
Therefore nothing is written to the client's descriptors with more rights than the target user has.
"""

from __future__ import annotations

import errno
import fcntl
import math
import os
import select
import signal
import socket
import struct
import termios
import time
from contextlib import suppress
from typing import NoReturn

from jitd.monitor.housing import fork_sibling
from jitd.monitor.limits import LEAVE, LOOK_AGAIN
from jitd.monitor.orders import FAILED as FAULT
from jitd.monitor.orders import Job
from jitd.monitor.signalling import Pid
from jitd.monitor.slate import PR_SET_DUMPABLE, become, close_all_but, control_process, end_with_parent
from jitd.monitor.source import Shared, source_of
from jitd.monitor.streams import AT_ONCE, NAMES
from jitd.recording.form import Kind

CHUNK = 64 * 1024  # bytes of one piece: a packet to the monitor, and a frame of the recording
KEPT, DRAIN = b"k", b"d"
"""The monitor's two orders. KEPT means: the bytes that the pump has sent are recorded, and the pump must pass them on. DRAIN
means that the command has ended. A pump of output must pass on all bytes that were written until now, and then answer. The pump
of standard input must find out what the command has not read, and then answer.
"""
HERE, TOLD, DRAINED, FAILED, OVER = b"h", b"b", b"d", b"f", b"e"
"""The messages of a pump. HERE contains the pump's pid. TOLD contains bytes of the stream. DRAINED is the answer to DRAIN. From
the pump of standard input, it contains the number of the last recorded bytes that the command has not read. FAILED contains an
errno, or 0 if another process has read the same standard input. OVER is the last message of a pump, and means that the stream has
ended on one side. If a pump ends without the message OVER, it was killed.
"""
GONE = frozenset((errno.EPIPE, errno.ECONNRESET, errno.ESHUTDOWN, errno.ENOTCONN))
"""Errors of a write that only mean that nobody reads the stream any more."""
SLOTS = {0: Kind.STDIN, 1: Kind.STDOUT, 2: Kind.STDERR}  # descriptor in the command → kind in the recording
RECORDED = {"none": (), "terminal": (), "output": (1, 2), "all": (0, 1, 2)}  # slots by `record`. A terminal has no pump


class Pumps:
    """The monitor's ends of the sockets to the pumps of one run. A pump is a process that passes on the bytes of one stream.
    Until the command's process exists, a Pumps object also has the pumps' ends of these sockets.
    """

    def __init__(self, record: str) -> None:
        self._ours: dict[int, socket.socket] = {}
        self._theirs: dict[int, socket.socket] = {}
        self._undrained: set[int] = set()
        self._processes: dict[int, Pid] = {}  # children for which nobody has waited
        self._give_up_at = math.inf  # when nobody waits any more to learn what the command has not read
        self.n_unread = 0  # bytes of recorded input that the command has not read, once `is_drained`
        self.fault = ""  # why bytes were not passed on, or empty if all were so far
        for slot in RECORDED[record]:
            self._ours[slot], self._theirs[slot] = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)

    @property
    def slots(self) -> frozenset[int]:
        """The slots (0 to 2) of the streams that must be recorded. A stream that is a terminal has no pump."""
        return frozenset(self._theirs)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Return the descriptors that the command's process must keep open until it calls ``start``."""
        return tuple(each.fileno() for each in self._theirs.values())

    def start(self, sources: dict[int, int], parent: int, job: Job) -> dict[int, int]:
        """Create a pump for each of ``sources``, which maps a slot to the client's descriptor. If standard output and standard
        error are the same file, they share one pump. ``parent`` is the monitor, or 0 in a pid namespace. Return a mapping from
        each slot to the descriptor for the command.

        Call this method in the command's process. Raises OSError.
        """
        ends: dict[int, int] = {}
        for slot, source in sources.items():
            twin = next((other for other in ends if slot and other and _is_same(source, sources[other])), None)
            if twin is not None:  # 2>&1: a single pump for both keeps the order in which they were written
                ends[slot] = ends[twin]
                continue
            reading, writing = os.pipe2(os.O_CLOEXEC)
            os.fchown(reading, job.uid, job.gid)  # a command that opens /dev/stdout opens this pipe as the target user
            ours, theirs = (writing, reading) if slot == 0 else (reading, writing)
            if fork_sibling() == 0:
                way = (source, writing, reading) if slot == 0 else (reading, source)
                pump(self._theirs[slot], way, parent=parent, job=job)
            os.close(ours)
            self._theirs.pop(slot).close()
            ends[slot] = theirs
        for each in self._theirs.values():
            each.send(OVER)  # this stream has no pump
        return ends

    def leave_theirs(self) -> None:
        """In the monitor, close those ends of the sockets that belong to the pumps. Call this once the command's process exists.
        After this call, the monitor notices when a pump ends, because the pump's socket is closed.
        """
        for each in self._theirs.values():
            each.close()
        self._theirs.clear()

    def wait_with(self, poll: select.poll) -> None:
        """Register the pumps' sockets in ``poll``."""
        for each in self._ours.values():
            poll.register(each, select.POLLIN)

    def hear(self) -> list[tuple[int, memoryview]]:
        """Return the bytes that the pumps have read since the last call. Each result is a pair: the slot of the stream (0 to 2),
        and at most CHUNK bytes. The caller records these bytes, then calls ``pass_on``.
        """
        told = []
        for slot, each in list(self._ours.items()):
            try:
                packet = each.recv(1 + CHUNK, socket.MSG_DONTWAIT)
            except (BlockingIOError, ConnectionResetError):
                # A reset means that the pump ended before it read all of our orders. The pump's own packets can be read at the
                # next look.
                continue
            except OSError:
                packet = b""
            word = packet[:1]
            if word == TOLD:
                told.append((slot, memoryview(packet)[1:]))
            elif word == HERE:
                with suppress(ChildProcessError):  # otherwise it was waited for already, and another process may have its pid
                    os.waitid(os.P_PID, process := int(packet[1:]), os.WEXITED | os.WNOHANG | os.WNOWAIT)
                    self._processes[slot] = process
            elif word == DRAINED:
                self.n_unread += int(packet[1:] or b"0")
                self._undrained.discard(slot)
            # the pump stays: the command must not see the end of its stream before the command itself is ended
            elif word == FAILED:
                self.fault = self.fault or _why(slot, packet[1:])
                self._undrained.discard(slot)
            else:
                if word != OVER:
                    self.fault = self.fault or _why(slot, b"")
                self._undrained.discard(slot)
                self._ours.pop(slot).close()
        if 0 in self._undrained and time.monotonic() > self._give_up_at:
            self.fault = self.fault or f"what it has not read of its {NAMES[0]} could not be given back within {LEAVE:.0f} s"
            self._leave(0)
        return told

    def begin(self) -> None:
        """Tell the pump of standard input to start to read. Call this when the command begins."""
        self._say(0, KEPT)

    def pass_on(self, slot: int) -> None:
        """Tell the stream's pump to pass on what it sent last, which was recorded."""
        self._say(slot, KEPT)

    def drain(self) -> None:
        """After the command's end, let the pumps pass on its output, and find out what it has not read."""
        self._give_up_at = time.monotonic() + LEAVE
        self._undrained = set(self._ours)
        for slot in list(self._ours):
            self._say(slot, DRAIN)

    @property
    def is_drained(self) -> bool:
        """True if all output that was written before ``drain`` was passed on, or can never be passed on, and if the input that
        was not read is where the client finds it.
        """
        return not self._undrained

    def close(self) -> None:
        """End all pumps. After this call nothing is passed on any more."""
        for slot in SLOTS:
            self._leave(slot)

    @property
    def processes(self) -> frozenset[Pid]:
        """The processes of the pumps. They are in the run's control group, and are none of the command's."""
        return frozenset(self._processes.values())

    def forget(self, process: Pid) -> None:
        """Forget ``process``, because wait(2) was called for it. From now on another process may have the same pid."""
        self._processes = {slot: each for slot, each in self._processes.items() if each != process}

    def _leave(self, slot: int) -> None:
        """End the pump of ``slot`` at once, even if the pump waits for something."""
        self._undrained.discard(slot)
        if slot in self._ours:
            self._ours.pop(slot).close()
        if process := self._processes.pop(slot, 0):
            os.kill(process, signal.SIGKILL)

    def _say(self, slot: int, word: bytes) -> None:
        each = self._ours.get(slot)
        if each is not None:
            try:
                each.send(word, AT_ONCE)
            except ConnectionError:  # the pump has ended: ``hear`` finds its last message, or that there is none
                pass
            except OSError as fault:  # the pump waits for this order without an end, so nobody may wait for the pump
                self.fault = self.fault or f"its {NAMES[slot]} could not be passed on: {fault.strerror}"
                self._undrained.discard(slot)


def arrived(over: tuple[str, int, str], because: str, fault: str) -> tuple[str, int, str]:
    """Return the outcome of a run. ``over`` says how the run's command ended, and contains a sentence.

    ``fault`` is the fault of a pump or of the recording, or empty. ``because`` is the sentence for the outcome. If ``because``
    differs from the sentence in ``over``, output was cut off after the command's end. If there was a fault, or if output was cut
    off, the outcome is not a success.
    """
    ending, number, known = over
    if because == known and not fault:
        return over
    if (ending, number) == ("exited", 0):
        return "lost", FAULT, f"{because}; its exit status was 0, but not all of its input and output was passed on rightly"
    return ending, number, because


def _why(slot: int, number: bytes) -> str:
    """``number`` is the errno in the message FAILED, or empty if the pump did not send that."""
    if not number:
        return f"the process that passes on its {NAMES[slot]} was killed"
    if not int(number):
        return f"its {NAMES[slot]} was read by another process at the same time"
    return f"its {NAMES[slot]} could not be {'written' if slot else 'read'}: {os.strerror(int(number))}"


def _is_same(one: int, other: int) -> bool:
    """True if the kernel reports the same file for both descriptors."""
    first, second = os.fstat(one), os.fstat(other)
    return (first.st_dev, first.st_ino, first.st_rdev) == (second.st_dev, second.st_ino, second.st_rdev)


# --- in the pump's process -------------------------------------------------------------------------------------------


def pump(said: socket.socket, way: tuple[int, ...], *, parent: int, job: Job) -> NoReturn:
    """Pass on bytes from the first descriptor of ``way`` to the second, until one of them or the monitor is gone. Never returns.
    For input, the second descriptor is the pipe to the command, and a third is the other end of this pipe.
    """
    try:
        os.setsid()  # signals from the terminal's keys are not meant for a pump
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_IGN)
        close_all_but(said.fileno(), *way)
        # the pid on the host: a pump of a command in a pid namespace is in this namespace, too, but still sees the host's /proc
        said.send(HERE + os.fsencode(os.readlink("/proc/self")))
        become(job.uid, job.gid, job.groups)
        control_process(PR_SET_DUMPABLE, 0)  # other processes of that user may kill it, but not trace it
        end_with_parent(parent)
        try:
            if len(way) == 3:
                _feed(said, *way)
            else:
                _pass_on(said, *way)
        except (OSError, Shared) as fault:
            said.send(FAILED + b"%d" % (fault.errno or errno.EIO if isinstance(fault, OSError) else 0))
            said.recv(8)  # wait until the command is over, so that it does not see the end of its stream
        said.send(OVER)
    except OSError:  # the monitor is gone, or will notice that this process is gone
        pass
    finally:
        os._exit(0)


def _feed(monitor: socket.socket, descriptor: int, target: int, back: int) -> None:
    """Let the command read ``descriptor`` from the pipe ``target``, whose end is ``back``. Each byte is taken once read."""
    if monitor.recv(8) != KEPT:  # nothing is read for a command that does not begin
        return
    source = source_of(descriptor)
    page = fcntl.fcntl(target, fcntl.F_SETPIPE_SZ, 1)  # the smallest pipe: it can be written only when it is empty (pipe(7))
    most = page  # a command that reads little gets little in advance, and less is recorded that it does not read
    for_input, for_room = _waiting(monitor, descriptor, select.POLLIN), _waiting(monitor, target, select.POLLOUT)
    rest = memoryview(b"")  # the bytes that are recorded, but not taken
    n_fed = 0  # the number of the first bytes of ``rest`` that are in the pipe
    while monitor.fileno() not in dict((for_room if rest else for_input).poll()):
        if rest and _n_waiting(target):  # the command has enlarged its pipe, so that the kernel does not wait until it is empty
            time.sleep(LOOK_AGAIN)
            continue
        if rest:
            source.take(rest[:n_fed])
            rest = rest[n_fed:]
        else:
            try:
                rest = memoryview(source.peek(most))
            except BlockingIOError:  # another reader was faster
                continue
            if not rest:
                return
            monitor.sendmsg([TOLD, rest])
            word = monitor.recv(8)
            if word == DRAIN and monitor.recv(8) == KEPT:  # DRAIN came before the answer to TOLD
                monitor.send(DRAINED + b"%d" % len(rest))
            if word != KEPT:
                return
            most = min(2 * most, CHUNK)
        n_fed = os.write(target, rest[:page]) if rest else 0
    if monitor.recv(8) == DRAIN:
        n_read = n_fed - min(n_fed, _emptied(back))
        source.take(rest[:n_read])
        monitor.send(DRAINED + b"%d" % (len(rest) - n_read))


def _waiting(monitor: socket.socket, descriptor: int, event: int) -> select.poll:
    """Return an object that waits for a message of the monitor, and for ``event`` of ``descriptor``."""
    waits = select.poll()
    waits.register(monitor, select.POLLIN)
    waits.register(descriptor, event)
    return waits


def _emptied(pipe: int) -> int:
    """Take all bytes out of ``pipe``, so that no process that the command has left can read them. Return their number."""
    with open("/dev/null", "wb", buffering=0) as null:
        try:
            return os.splice(pipe, null.fileno(), CHUNK, flags=os.SPLICE_F_NONBLOCK)
        except BlockingIOError:
            return 0


def _pass_on(monitor: socket.socket, source: int, target: int) -> None:
    waits = _waiting(monitor, source, select.POLLIN)
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
    """Return the number of bytes that can be read now (FIONREAD, pipe(7))."""
    found: int = struct.unpack("i", fcntl.ioctl(source, termios.FIONREAD, bytes(4)))[0]
    return found


def _read(source: int) -> bytes | None:
    """Return empty bytes at the end of the stream, and None if another reader was faster."""
    try:
        return os.read(source, CHUNK)
    except BlockingIOError:  # the client's descriptor may be non-blocking
        return None


def _write(target: int, data: bytes) -> bool:
    """Write all of ``data``. Return False if nobody reads from ``target`` any more. Raises OSError."""
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
