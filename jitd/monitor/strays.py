# SPDX-License-Identifier: Apache-2.0
"""What a run has begun that is not below its monitor (its strays): it was handed to another process, such as atd, or to PID 1.

A process is ended with the run if the kernel's audit session says that it belongs to the run. So is a process that was started
later than the run and has the run's mark in its environment. A systemd unit, or an entry of at or cron, may belong to somebody
else, whichever process wrote it. These are reported, and left alone.
Law: what cannot be read is taken to be nobody's. Nothing that existed before the run is found here.
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
"""Where systemd keeps a link ``invocation:NAME`` for each unit that it has started. The link is made at the start."""
INVOCATION = "invocation:"
TRANSIENT = "/run/systemd/transient"
"""Where systemd keeps a file for each transient unit, as systemd-run makes them. A timer has such a file, but not the link."""
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
"""Directories with a file for each entry of at or cron."""
TABLES = ("/etc/crontab", "/etc/anacrontab")
MOST_NAMED = 8
PATIENCE = 1.0
"""Seconds to wait for environments to be read. Then the process whose environment is being read is passed over."""
MOST_SILENT = 4
"""How many processes are passed over in this way, before no more environments are read."""
MOST_SAID = 400
"""Characters that are kept of why the run was ended, if there is more to tell."""
COARSE = 1.0
"""Seconds that the time of a file may be behind the clock."""


class Strays:
    """What run ``run`` of ``request``, as user ``uid``, has begun elsewhere. It is looked for when the run is ended by order."""

    def __init__(self, run: str, request: str, uid: int) -> None:
        self._uid = uid
        self._silent: set[Pid] = set()
        self._group = f"{OF_A_RUN}{run}"
        self._mark = f"JITSUDO_REQUEST={request}".encode()
        self._began_wall, self._began_boot = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
        self._began_ticks = int(self._began_boot * os.sysconf("SC_CLK_TCK"))
        self._session = NO_SESSION
        self._is_sought = False

    def note(self, command: Pid) -> None:
        """Take the audit session of the command's process as the run's, if it differs from the session of this process."""
        found = session_of(command)
        if found != session_of(os.getpid()):
            self._session = found

    def end_with(self, housing: Housing) -> None:
        """Have ``housing`` end the strays with the other processes of the run, from now on."""
        housing.seek = self.find
        self._is_sought = True

    def tell(self, left: Left) -> Left:
        """Return ``left``. If strays were ended, its sentence also names what may live on."""
        may_live = self.may_live() if self._is_sought else ""
        if not may_live:
            return left
        because = left.because if len(left.because) < MOST_SAID else f"{left.because[:MOST_SAID]}…"
        return replace(left, because=sentence("; ".join(filter(None, (because, may_live)))))

    def find(self) -> set[Pid]:
        """Return the processes that belong to the run, wherever they are. Processes below its monitor may be among them."""
        by_audit = {pid for pid in _processes() if self._session != NO_SESSION and session_of(pid) == self._session}
        units = self.units()
        return by_audit | {pid for pid in self._marked() if not self._is_housed_elsewhere(pid, units)}

    def _marked(self) -> set[Pid]:
        """Return the processes that were started since the run began, with its mark in their environment.

        Reading an environment reads memory of the process. A person with a FUSE file system of their own can map one of its files
        there, and so make the reader wait. So a thread reads, with a time limit. A process that makes the thread wait is passed
        over from then on. Processes of other accounts are read last.
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
                self._silent.add(looked[-1])
        return set(found)

    @property
    def _has_patience(self) -> bool:
        return len(self._silent) < MOST_SILENT

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
        """Return the units that were started since the run began. Units of runs are left out."""
        links = {name.removeprefix(INVOCATION): f"{UNITS}/{name}" for name in _names_in(UNITS) if name.startswith(INVOCATION)}
        files = {name: f"{TRANSIENT}/{name}" for name in _names_in(TRANSIENT) if not name.endswith(".d")}
        found = {unit for places in (links, files) for unit, place in places.items() if self._is_since(place)}
        return {unit for unit in found if not unit.startswith(OF_A_RUN)}

    def entries(self) -> Iterator[str]:
        """Yield the files of at and cron that were made or changed since the run began."""
        files = [*TABLES, *(f"{directory}/{name}" for directory in ENTRIES for name in _names_in(directory))]
        for file in files:
            if not os.path.isdir(file) and not os.path.basename(file).startswith(".") and self._is_since(file):
                yield file

    def _is_since(self, file: str) -> bool:
        """True if ``file`` was changed since the run began. File times are of the wall clock, which may have been set since.

        So the beginning of the run is computed by the clock as it was then, and as it is now. The earlier of the two counts.
        """
        began = time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - self._began_boot)
        with suppress(OSError):
            return os.lstat(file).st_ctime >= min(began, self._began_wall) - COARSE
        return False

    def may_live(self) -> str:
        """Return what may live on, as the end of a sentence; empty if there is nothing."""
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
    """Return when a process was started, in clock ticks since the boot (proc(5), ``stat``); -1 if it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read(4096).rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return -1


def uid_of(pid: Pid) -> int:
    """Return the real user id of a process; -1 if it has ended."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(b"Uid:"))
    except (OSError, StopIteration):
        return -1


def session_of(pid: Pid) -> int:
    """Return the audit session of a living process; NO_SESSION if it has none, or has ended."""
    try:
        with open(f"/proc/{pid}/sessionid", "rb") as file:
            session = int(file.read(32))
        with open(f"/proc/{pid}/stat", "rb") as file:
            return session if file.read(4096).rpartition(b")")[2].split()[0] not in (b"Z", b"X") else NO_SESSION
    except (OSError, ValueError, IndexError):
        return NO_SESSION
