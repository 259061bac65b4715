# SPDX-License-Identifier: Apache-2.0
"""Finds the strays of a run. Strays are processes and jobs that the run has started through another process, for example atd or
PID 1. Therefore a stray is not below the run's monitor in the process tree.

A process is ended together with the run if it has the run's audit session. A process is also ended if two conditions are true.
The process was started after the run began, and its environment contains the run's mark (the variable JITSUDO_REQUEST). A
systemd unit, or an entry of at or cron, may belong to another person, even if a process of the run wrote it. Therefore units and
entries are reported, but not changed.
Law: if a process cannot be read, jitd assumes that it belongs to somebody else. This module ignores everything that existed
before the run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from jitd.monitor.housing import Housing, group_of
from jitd.monitor.orders import sentence
from jitd.monitor.places import Left
from jitd.monitor.signalling import Pid

NO_SESSION = 2**32 - 1
"""The audit session of a process that does not come from a login (``/proc/PID/sessionid``)."""
UNITS = "/run/systemd/units"
"""The directory in which systemd keeps a link ``invocation:NAME`` for each unit that it has started. systemd creates the link of
a unit at the start of the unit.
"""
INVOCATION = "invocation:"
TRANSIENT = "/run/systemd/transient"
"""The directory in which systemd keeps a file for each transient unit, for example a unit of systemd-run. A transient timer has a
file in this directory, but no link in UNITS.
"""
OF_A_RUN = "jitd-run-"
ENTRIES = (
    "/var/spool/cron/crontabs",
    "/var/spool/cron/atjobs",
    "/var/spool/cron",
    "/var/spool/at",
    "/etc/cron.d",
    "/etc/cron.hourly",
    "/etc/cron.daily",
    "/etc/cron.weekly",
    "/etc/cron.monthly",
)
"""Directories that contain one file for each entry of at or cron."""
TABLES = ("/etc/crontab", "/etc/anacrontab")
MOST_NAMED = 8
PATIENCE = 1.0
"""Maximum number of seconds to wait for the thread that reads the environments of processes. If the thread has not ended after
this time, jitd waits for the same time once more. If the thread still reads the same environment after that, the process with
this environment is skipped.
"""
MOST_WAITS = 4
"""Maximum number of times that jitd waits for PATIENCE seconds without success. After that, jitd reads no more environments."""
MOST_SAID = 400
"""Maximum number of characters of an outcome's sentence, if jitd adds a text about units and entries to this sentence. A
longer sentence is cut first.
"""
TICK = 0.02
"""Maximum number of seconds by which the time of a file in /run may be behind the clock. The time of such a file is the time of
the kernel's last tick (tmpfs(5)). A tick lasts at most 0.01 s.
"""
COARSE = 1.0
"""Maximum number of seconds by which the time of a file outside /run may be behind the clock. Some file systems store only whole
seconds.
"""


class Strays:
    """Finds the strays of the run ``run``. Strays are processes and jobs that the run has started through another process.
    ``request`` is the request of the run. ``uid`` is the user id of the command. jitd searches for strays when the run is
    stopped.
    """

    def __init__(self, run: str, request: str, uid: int) -> None:
        self._uid = uid
        self._silent: set[Pid] = set()
        self._n_waits = 0
        self._group = f"{OF_A_RUN}{run}"
        self._mark = f"JITSUDO_REQUEST={request}".encode()
        self._began_wall, self._began_boot = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
        self._began_ticks = int(self._began_boot * os.sysconf("SC_CLK_TCK"))
        self._session = NO_SESSION
        self._is_sought = False

    def note(self, command: Pid) -> None:
        """Note the audit session of the command's process as the audit session of the run. Do nothing if the monitor itself is in
        this audit session.
        """
        found = session_of(command)
        if found != session_of(os.getpid()):
            self._session = found

    def end_with(self, housing: Housing) -> None:
        """From now on, when ``housing`` ends the processes of the run, it also ends the run's strays."""
        housing.seek = self.find
        self._is_sought = True

    def tell(self, left: Left) -> Left:
        """Return the outcome ``left``. If ``end_with`` was called before, the sentence of the outcome also names the units and
        entries that may still exist.
        """
        may_live = self.may_live() if self._is_sought else ""
        if not may_live:
            return left
        because = left.because if len(left.because) < MOST_SAID else f"{left.because[:MOST_SAID]}…"
        return replace(left, because=sentence("; ".join(filter(None, (because, may_live)))))

    def find(self) -> set[Pid]:
        """Return all processes that belong to the run, inside and outside of its control group. The result may include processes
        below the run's monitor.
        """
        by_audit = {pid for pid in _processes() if self._session != NO_SESSION and session_of(pid) == self._session}
        units = self.units()
        return by_audit | {pid for pid in self._marked() if not self._is_housed_elsewhere(pid, units)}

    def _marked(self) -> set[Pid]:
        """Return the processes that were started after the run began, and have the run's variable JITSUDO_REQUEST in their
        environment.

        When an environment is read, the kernel reads memory of the process. A person with their own FUSE file system can map a
        file of that file system into this memory. With such a file, the person can make the reader of the environment wait.
        Therefore the environments are read in a thread with a time limit. A process that makes this thread wait is skipped from
        then on. The environments of processes of other accounts are read last.
        """
        from threading import Thread  # imported only when there is something to end

        found: set[Pid] = set()
        looked: list[Pid] = []

        def look(pids: list[Pid]) -> None:
            for pid in pids:
                looked.append(pid)
                if self._has_mark(pid):
                    found.add(pid)

        waiting = sorted((pid for pid in _processes() if started_at(pid) >= self._began_ticks), key=self._is_anybodys)
        while (waiting := [pid for pid in waiting if pid not in self._silent and pid not in looked]) and self._has_patience:
            thread = Thread(target=look, args=(waiting,), daemon=True)
            thread.start()
            thread.join(PATIENCE)
            if thread.is_alive():
                self._n_waits += 1
                blocking = looked[-1:]
                thread.join(PATIENCE)
                if thread.is_alive() and looked[-1:] == blocking:  # if not, the host is only busy
                    self._silent.update(blocking)
        return set(found)

    @property
    def _has_patience(self) -> bool:
        return self._n_waits < MOST_WAITS

    def _is_anybodys(self, pid: Pid) -> bool:
        return uid_of(pid) not in (0, self._uid)

    def _has_mark(self, pid: Pid) -> bool:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                return self._mark in file.read().split(b"\0")
        except OSError:
            return False

    def _is_housed_elsewhere(self, pid: Pid, units: set[str]) -> bool:
        parts = (group_of(pid) or "").split("/")
        is_of_another = any(part.startswith(OF_A_RUN) and part.removesuffix(".scope") != self._group for part in parts)
        return is_of_another or not units.isdisjoint(parts)

    def units(self) -> set[str]:
        """Return the units that were started after the run began. The units in which jitd starts runs are left out."""
        links = {name.removeprefix(INVOCATION): f"{UNITS}/{name}" for name in _names_in(UNITS) if name.startswith(INVOCATION)}
        files = {name: f"{TRANSIENT}/{name}" for name in _names_in(TRANSIENT) if not name.endswith(".d")}
        found = {unit for places in (links, files) for unit, place in places.items() if self._is_since(place, TICK)}
        return {unit for unit in found if not unit.startswith(OF_A_RUN)}

    def entries(self) -> Iterator[str]:
        """Yield those files of at and cron that were created or changed after the run began."""
        files = [*TABLES, *(f"{directory}/{name}" for directory in ENTRIES for name in _names_in(directory))]
        for file in files:
            if not os.path.isdir(file) and not os.path.basename(file).startswith(".") and self._is_since(file, COARSE):
                yield file

    def _is_since(self, file: str, behind: float) -> bool:
        """True if ``file`` was changed after the run began. ``behind`` is the number of seconds by which the time of the file may
        be behind the clock. The times of files come from the wall clock, and somebody may have set this clock since the run
        began.

        Therefore the beginning of the run is computed twice: with the wall clock as it was at the beginning, and with the present
        wall clock. The earlier of the two results is used.
        """
        began = time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - self._began_boot)
        with suppress(OSError):
            return os.lstat(file).st_ctime >= min(began, self._began_wall) - behind
        return False

    def may_live(self) -> str:
        """Return a text that names the units and entries that may still exist. The caller adds this text to the end of a
        sentence. Return an empty string if no units and entries were found.
        """
        parts = [
            _counted(sorted(self.units()), "unit", "units", "begun by it may live"),
            _counted(sorted(self.entries()), "entry of at or cron", "entries of at or cron", "made meanwhile may run"),
        ]
        return ", and ".join(filter(None, parts))


def _counted(names: list[str], one: str, more: str, what: str) -> str:
    if not names:
        return ""
    rest = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{len(names)} {one if len(names) == 1 else more} {what}: {', '.join(names[:MOST_NAMED])}{rest}"


def _names_in(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _processes() -> Iterator[Pid]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def started_at(pid: Pid) -> int:
    """Return the start time of a process, in clock ticks since the boot (proc(5), ``stat``). Return -1 if the process
    has ended.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read(4096).rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return -1


def uid_of(pid: Pid) -> int:
    """Return the real user id of a process. Return -1 if the process has ended."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(b"Uid:"))
    except (OSError, StopIteration):
        return -1


def session_of(pid: Pid) -> int:
    """Return the audit session of a living process. Return NO_SESSION if the process has no audit session, or has ended."""
    try:
        with open(f"/proc/{pid}/sessionid", "rb") as file:
            session = int(file.read(32))
        with open(f"/proc/{pid}/stat", "rb") as file:
            return session if file.read(4096).rpartition(b")")[2].split()[0] not in (b"Z", b"X") else NO_SESSION
    except (OSError, ValueError, IndexError):
        return NO_SESSION
