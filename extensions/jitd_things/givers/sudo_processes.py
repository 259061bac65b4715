# SPDX-License-Identifier: Apache-2.0
"""Ends each sudo of an account, with what it has started. Those that jitd has let in at a gate go on.

sudo reads its lines before it asks for a password, and never again. The account decides how long it waits: at a terminal, or by a
program that is asked for the password (``sudo -A``). So a sudo that waits would begin its command after the lines are gone.

Law: whether a sudo has begun its command is not asked, because no answer could be trusted: its account chooses which children it
has (ADR 0142). Whose a sudo is, its auxiliary vector says: the kernel writes there which real uid has executed the program, and a
fork inherits it. Its real uid itself does not say so: while the editor of a sudoedit is open, all its uids are root's. A sudo is
spared only if jitd has noted it at a gate, by its pid and its start time, and if it is not stopped. So is a fork of such a sudo,
directly below it, like the monitor that sudo starts for a terminal. A fork has the auxiliary vector of its parent. A program that
was executed has another one, because the kernel chooses its addresses anew, and lets nobody switch that off for a set-uid
program. Sources: sudo(8), credentials(7), getauxval(3), personality(2), pidfd_open(2), proc(5).
"""

from __future__ import annotations

import os
import select
import signal
import struct
import time
from collections.abc import Collection, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from jitd.files.processes import status

NAME = "sudo"  # how the names of the executables begin: sudo, sudoedit, sudo-rs, sudo.ws
AT_UID = 11  # the key of the real uid in an auxiliary vector, of /usr/include/linux/auxvec.h
LOOKS = 3
"""Number of times that all of them are searched for and ended. A search can miss a process that is forked meanwhile, if its
parent ends before it is found. A sudo does this once (``sudo -b``). The number is fixed, because somebody may start sudo again
and again. What is started after the lines were removed has not read them.
"""
STOPS_WITHIN = 0.5  # seconds within which what is to be ended is stopped, so that none of it forks while it is killed
ENDS_WITHIN = 2.0  # seconds for what was killed to end. Only a process that waits for a device needs more


@dataclass(frozen=True, slots=True)
class Killed:
    """The pids of processes that were killed. ``ended`` are the sudos that have ended. ``sudos`` have not ended, and ``others``,
    which they have started, have not either. Of ``unread``, it is not known what they are.
    """

    ended: tuple[int, ...] = ()
    sudos: tuple[int, ...] = ()
    others: tuple[int, ...] = ()
    unread: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Caught:
    descriptor: int
    is_sudo: bool

    def signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.descriptor, number)

    def ends(self, until: float) -> bool:
        """Wait until it has ended, or until ``until``, by time.monotonic. Return True if it has ended."""
        waits = select.poll()
        waits.register(self.descriptor, select.POLLIN)
        return bool(waits.poll(max(0.0, 1000 * (until - time.monotonic()))))


def end(uid: int, let_in: Collection[str]) -> Killed:
    """End each sudo that ``uid`` has started, and what it started, but those in ``let_in`` (``PID:START``). Raises OSError."""
    living: dict[int, _Caught] = {}
    sudos: set[int] = set()
    unread: set[int] = set()
    with ExitStack() as opened:
        for _ in range(LOOKS):
            unread.clear()
            living = _caught(uid, let_in, opened, unread)
            for one in living.values():
                one.signal(signal.SIGKILL)
            sudos |= {pid for pid, one in living.items() if one.is_sudo}
            until = time.monotonic() + ENDS_WITHIN
            living = {pid: one for pid, one in living.items() if not one.ends(until)}
    ended, still, others = sudos - living.keys(), sudos & living.keys(), living.keys() - sudos
    return Killed(tuple(sorted(ended)), tuple(sorted(still)), tuple(sorted(others)), tuple(sorted(unread)))


def _caught(uid: int, let_in: Collection[str], opened: ExitStack, unread: set[int]) -> dict[int, _Caught]:
    """Stop what is to be ended, until nothing new of it is found. Return it by pid. ``opened`` closes the descriptors."""
    caught: dict[int, _Caught] = {}
    until = time.monotonic() + STOPS_WITHIN
    while new := _look(uid, let_in, unread).keys() - caught.keys():
        if caught and time.monotonic() > until:
            break
        descriptors: dict[int, int] = {}
        for pid in new:
            with suppress(ProcessLookupError):
                descriptors[pid] = os.pidfd_open(pid)
                opened.callback(os.close, descriptors[pid])
        again = _look(uid, let_in, unread)  # after the descriptors were opened, so they refer to the same processes
        for pid in descriptors.keys() & again.keys():
            caught[pid] = _Caught(descriptors[pid], again[pid])
            caught[pid].signal(signal.SIGSTOP)
    return caught


@dataclass(frozen=True, slots=True)
class _Process:
    parent: int
    is_sudo: bool
    is_stopped: bool


def _look(uid: int, let_in: Collection[str], unread: set[int]) -> dict[int, bool]:
    """Return the pids of the processes that are to be ended, each with whether it is a sudo itself. ``unread`` gets those that
    cannot be read.
    """
    found: dict[int, _Process] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                found[int(name)] = _read(name, uid)
            except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile, or it is a thread of the kernel
                continue
            except (OSError, LookupError, ValueError):
                unread.add(int(name))
    sudos = {pid for pid, one in found.items() if one.is_sudo}
    goes_on = {pid for pid in sudos if not found[pid].is_stopped}
    spared = {pid for pid in goes_on if f"{pid}:{_started_at(pid)}" in let_in}
    while more := {pid for pid in goes_on - spared if found[pid].parent in spared and _is_fork(pid, found[pid].parent)}:
        spared |= more
    ended = sudos - spared - _above(os.getpid(), found)
    while more := {pid for pid, one in found.items() if one.parent in ended} - ended - spared:
        ended |= more
    return {pid: pid in sudos for pid in ended}


def _above(pid: int, found: Mapping[int, _Process]) -> set[int]:
    """Return the processes of which the process ``pid`` is a descendant. A sudo that has started jitd by hand is among them."""
    above: set[int] = set()
    while pid in found and pid not in above:
        pid = found[pid].parent
        above.add(pid)
    return above


def _read(name: str, uid: int) -> _Process:
    """Read the process with the pid ``name``. Raises ProcessLookupError if it has ended, and OSError."""
    fields = status(name)
    state = fields[b"State"][0]
    if state in b"ZX":
        raise ProcessLookupError
    uids = [int(word) for word in fields[b"Uid"]]
    is_sudo = 0 in uids and _program_of(name).startswith(NAME) and uid in (uids[0], _executed_by(name, uid))
    return _Process(int(fields[b"PPid"][0]), is_sudo, state in b"Tt")


def _program_of(name: str) -> str:
    return os.path.basename(os.readlink(f"/proc/{name}/exe"))


def _executed_by(name: str, otherwise: int) -> int:
    """Return the real uid with which the process executed its program, or ``otherwise`` if its vector does not say that, as of
    another word size. Raises ProcessLookupError if it has ended, and OSError.
    """
    vector = Path(f"/proc/{name}/auxv").read_bytes()
    if not vector:
        raise ProcessLookupError
    return next((value for key, value in struct.iter_unpack("LL", vector) if key == AT_UID), otherwise)


def _started_at(pid: int) -> str:
    """Return the start time of the process ``pid``, in clock ticks since the boot. Return an empty string if it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19].decode("ascii")
    return ""


def _is_fork(pid: int, parent: int) -> bool:
    """True if the process ``pid`` has executed nothing since ``parent`` has forked it."""
    with suppress(FileNotFoundError, ProcessLookupError):
        vector = Path(f"/proc/{pid}/auxv").read_bytes()
        return vector != b"" and vector == Path(f"/proc/{parent}/auxv").read_bytes()
    return False
