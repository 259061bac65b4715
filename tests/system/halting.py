# SPDX-License-Identifier: Apache-2.0
"""Stops a process from outside at a named point of its path: just before, or just after, a system call that it makes there.

``Halt(pid, steps)`` follows this process (with ``is_deep`` those below it too) and what it forks (ptrace(2)) until the steps
have happened in their order; the last one is held, for whoever wants to kill it, or another, at exactly that point. A step is
``(moment, pattern)``: ``before`` or ``after`` a call, written as ``name path-of-the-descriptor what-is-said``, in which the
pattern is searched. After an exec this is ``execed path-of-the-program``.

Law: the product knows nothing of it: it has no switch for tests. A tracer is a process of its own; when it ends, everything
that it held goes on.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType

PATIENCE = 60.0
"""Seconds that a busy machine may take to come to a point."""
Step = tuple[str, str]
EVERY = "every"
"""Name of a pattern's place: ``("every", "17")`` is the seventeenth call, whatever it is, of the process given."""


class Halt:
    """``with Halt(pid, steps) as halt: …; pid = halt.reached()``. ``go`` lets it go on, as does the end of the block."""

    def __init__(self, pid: int, steps: Sequence[Step], *, is_deep: bool = False) -> None:
        self._pid, self._steps, self._is_deep = pid, list(steps), is_deep

    def __enter__(self) -> Halt:
        self._tracer = subprocess.Popen(
            [sys.executable, "-IS", __file__, json.dumps([self._pid, self._steps, self._is_deep])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        assert self._line(PATIENCE) == "following", "the processes could not be traced"
        return self

    def _line(self, within: float) -> str:
        assert self._tracer.stdout is not None
        if not select.select([self._tracer.stdout], [], [], within)[0]:
            return ""
        return self._tracer.stdout.readline().decode().strip()

    def reached(self, within: float = PATIENCE) -> int:
        """The process that is held at the point; 0 if none has come there ``within`` seconds, or all have ended."""
        word, _, pid = self._line(within).partition(" ")
        return int(pid) if word == "held" else 0

    def go(self) -> None:
        """Let all of them go on, untraced."""
        assert self._tracer.stdin is not None and self._tracer.stdout is not None
        if not self._tracer.stdin.closed:
            self._tracer.stdin.close()
        try:
            self._tracer.wait(5)
        except subprocess.TimeoutExpired:  # which lets them go too
            self._tracer.kill()
            self._tracer.wait()
        self._tracer.stdout.close()

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self.go()


# --- the tracer ---------------------------------------------------------------------------------------------------------------

SEIZE, INTERRUPT, LISTEN, SYSCALL, DETACH, GETEVENTMSG, GET_SYSCALL_INFO = 0x4206, 0x4207, 0x4208, 24, 17, 0x4201, 0x420E
OPTIONS = 1 | 2 | 4 | 8 | 16  # TRACESYSGOOD, and follow fork, vfork, clone; told of exec
EVENT_EXEC, EVENT_STOP = 4, 128
ENTRY, EXIT = 1, 2
WALL = 0x40000000
GROUP_STOPS = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
MOST = 4096
"""Bytes of what a call says that are looked at."""
BY_DESCRIPTOR = {"sendto": 1, "write": 1, "pwrite64": 1, "recvfrom": 1, "read": 1}
"""Call on a descriptor → where its buffer is; the length is after that, or what the call returned."""
BY_PIECES = {"sendmsg": True, "recvmsg": True, "pwritev": False, "writev": False}
"""Call on a descriptor with a list of buffers → whether that is inside a msghdr."""
BY_PATH = {
    "openat": 1, "rename": 1, "renameat": 3, "renameat2": 3, "unlink": 0, "unlinkat": 1, "mkdir": 0, "mkdirat": 1, "rmdir": 0,
    "execve": 0, "memfd_create": 0,
}  # fmt: skip
"""Call → which argument is the path."""
PLAIN = ("flock", "fdatasync", "fsync", "ftruncate", "exit_group")
"""Calls of which the descriptor alone says something."""


def numbers() -> dict[int, str]:
    """The numbers of these calls on this machine, as its headers have them."""
    read = ["gcc", "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null"]
    said = subprocess.run(read, capture_output=True, text=True, check=True).stdout
    known = {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", said)}
    return {known[name]: name for name in (*BY_DESCRIPTOR, *BY_PIECES, *BY_PATH, *PLAIN) if name in known}


class Tracer:
    """Follows threads by their numbers."""

    def __init__(self, steps: list[Step]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self._libc.ptrace.restype = ctypes.c_long
        self._steps = steps
        self._names = numbers()
        self._in: dict[int, tuple[int, tuple[int, ...]]] = {}  # thread → number and arguments of the call that it is in
        self._held: set[int] = set()
        self._threads: set[int] = set()
        self._n_calls = 0

    def _ptrace(self, request: int, thread: int, address: int = 0, data: int = 0) -> int:
        return int(self._libc.ptrace(request, thread, address, data))

    def seize(self, pid: int, *, is_deep: bool) -> None:
        """What it forks from now on is ours by itself. Those below it are looked for when it has stopped: a fork that was under
        way when it was seized is neither ours nor among its children before.
        """
        with suppress(OSError):  # it has ended meanwhile
            seized = [int(thread) for thread in os.listdir(f"/proc/{pid}/task") if self._seize(int(thread))]
            stops = self._stop(set(seized))
            if is_deep:
                with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                    for child in file.read().split():
                        self.seize(int(child), is_deep=True)
            for thread, status in stops.items():
                self._stopped(thread, status)

    def _seize(self, thread: int) -> bool:
        """False if it has ended, or is ours already, as a child of one that is."""
        if self._ptrace(SEIZE, thread, 0, OPTIONS) != 0:
            return False
        self._threads.add(thread)
        return True

    def _stop(self, threads: set[int]) -> dict[int, int]:
        """Stop these threads; those of them that have not ended meanwhile, each with the status of its stop. Others go on."""
        for thread in threads:
            self._ptrace(INTERRUPT, thread)
        stops: dict[int, int] = {}
        while threads - stops.keys():
            thread, status = os.waitpid(-1, WALL)
            if not os.WIFSTOPPED(status):
                self._threads.discard(thread)
                threads.discard(thread)
            elif thread in threads:
                stops[thread] = status
            else:
                self._stopped(thread, status)
        return stops

    def follow(self) -> None:
        """Until standard input ends."""
        told_to_end = False
        while not told_to_end:
            try:
                thread, status = os.waitpid(-1, WALL | os.WNOHANG)
            except ChildProcessError:
                print("gone", flush=True)
                return
            if thread == 0:
                told_to_end = bool(select.select([0], [], [], 0.0005)[0])
            elif os.WIFSTOPPED(status):
                self._stopped(thread, status)
            else:
                self._threads.discard(thread)
                self._held.discard(thread)
        self._leave()

    def _leave(self) -> None:
        """Detach: a thread has to be at rest for that."""
        until = time.monotonic() + 60.0
        for thread in self._threads - self._held:
            self._ptrace(INTERRUPT, thread)
        for thread in self._held:
            self._ptrace(DETACH, thread)
        waiting = self._threads - self._held
        while waiting and time.monotonic() < until:
            try:
                thread, status = os.waitpid(-1, WALL | os.WNOHANG)
            except ChildProcessError:
                return
            if thread == 0:
                time.sleep(0.001)
            elif not os.WIFSTOPPED(status):
                waiting.discard(thread)
            else:
                number = os.WSTOPSIG(status)
                is_ours = status >> 16 or number & 0x80
                self._ptrace(DETACH, thread, 0, 0 if is_ours else number)
                waiting.discard(thread)

    def _stopped(self, thread: int, status: int) -> None:
        event, number = status >> 16, os.WSTOPSIG(status)
        if thread not in self._threads:
            self._threads.add(thread)
        deliver = 0
        if event == EVENT_STOP and number in GROUP_STOPS:
            self._ptrace(LISTEN, thread)
            return
        if event == EVENT_EXEC:
            with suppress(OSError):  # it was killed meanwhile
                if self._happened("after", f"execed {os.readlink(f'/proc/{thread}/exe')}", thread):
                    return
        elif number == signal.SIGTRAP | 0x80:
            if self._call(thread):
                return
        elif not event:
            deliver = number
        self._ptrace(SYSCALL, thread, 0, deliver)

    def _call(self, thread: int) -> bool:
        """At the entry or exit of a call. True if it is held there."""
        info = ctypes.create_string_buffer(88)
        if self._ptrace(GET_SYSCALL_INFO, thread, 88, ctypes.addressof(info)) < 0:
            return False
        if info.raw[0] == ENTRY:
            number, *arguments = struct.unpack_from("7Q", info, 24)
            self._in[thread] = number, tuple(arguments)
            self._n_calls += 1
            if self._steps and self._steps[0] == (EVERY, str(self._n_calls)):
                self._steps = []
                return self._hold(thread)
            if number in self._names and self._steps[:1] and self._steps[0][0] == "before":
                return self._happened("before", self._written(thread, self._names[number], arguments, None), thread)
        elif info.raw[0] == EXIT and thread in self._in:
            number, given = self._in.pop(thread)
            (result,) = struct.unpack_from("q", info, 24)
            if number in self._names and self._steps[:1] and self._steps[0][0] == "after" and result >= 0:
                return self._happened("after", self._written(thread, self._names[number], given, result), thread)
        return False

    def _happened(self, moment: str, written: str, thread: int) -> bool:
        if not self._steps or self._steps[0][0] != moment or not re.search(self._steps[0][1], written, re.DOTALL):
            return False
        self._steps = self._steps[1:]
        return not self._steps and self._hold(thread)

    def _hold(self, thread: int) -> bool:
        self._held.add(thread)
        with open(f"/proc/{thread}/status", encoding="ascii", errors="replace") as status:
            process = next(line.split()[1] for line in status if line.startswith("Tgid:"))
        print("held", process, flush=True)
        return True

    def _written(self, thread: int, name: str, arguments: Sequence[int], result: int | None) -> str:
        path, said = "", b""
        with suppress(OSError, struct.error, OverflowError):
            if name in BY_PATH:
                said = self._read(thread, arguments[BY_PATH[name]], MOST).partition(b"\0")[0]
            else:
                path = os.readlink(f"/proc/{thread}/fd/{arguments[0]}")
            if name in BY_DESCRIPTOR:
                said = self._read(thread, arguments[1], min(arguments[2] if result is None else result, MOST))
            elif name in BY_PIECES:
                said = self._first_piece(thread, arguments[1], is_message=BY_PIECES[name])
        return f"{name} {path} {said.decode('latin-1')}"

    def _first_piece(self, thread: int, address: int, *, is_message: bool) -> bytes:
        if is_message:
            (address,) = struct.unpack_from("Q", self._read(thread, address, 24), 16)
        begin, length = struct.unpack("2Q", self._read(thread, address, 16))
        return self._read(thread, begin, min(length, MOST))

    @staticmethod
    def _read(thread: int, address: int, length: int) -> bytes:
        with open(f"/proc/{thread}/mem", "rb", 0) as memory:
            memory.seek(address)
            found = b""
            with suppress(OSError):
                found = memory.read(min(length, 4096 - address % 4096))
                if len(found) < length:
                    found += memory.read(length - len(found))
            return found


if __name__ == "__main__":
    _pid, _steps, _is_deep = json.loads(sys.argv[1])
    _tracer = Tracer([(moment, pattern) for moment, pattern in _steps])
    _tracer.seize(_pid, is_deep=_is_deep)
    print("following", flush=True)
    _tracer.follow()
