# SPDX-License-Identifier: Apache-2.0
"""Names what a run has left to others that work after it: units of systemd, files of systemd, at and cron, lingering accounts.

They are named at the end of each run and never ended or removed, because each may be somebody else's: nobody records for whom
systemd starts a unit, so everything counts that came into being while the run went on (ADR 0096).

Law: no file system that a program serves is asked for anything, so no account can make the monitor wait. A unit with processes is
known by its control group, whose number the kernel gives out in ascending order; no clock and no file of a person's is involved.
Work and result are bounded, and what was left out is told.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import zip_longest

from jitd.files import mounts
from jitd.monitor.housing import hierarchy
from jitd.monitor.orders import sentence, what_failed
from jitpam.wire import notation
from jitpam.wire.shown import shown_argument

RUNTIME = "/run/systemd"
"""systemd's own files. In its directory ``transient`` is a file for each unit of systemd-run(1), also for those without
processes, such as timers. logind has a file in ``sessions`` for each login session.
"""
OF_USERS = "/run/user"  # a directory like RUNTIME for each user manager, owned by the account (XDG_RUNTIME_DIR)
UNIT_FILES = ("/etc/systemd/system", "/etc/systemd/user", "/run/systemd/system", "/run/systemd/user")
"""Directories of unit files, with a directory each for drop-ins and for the links of systemctl enable."""
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
LINGERING = "/var/lib/systemd/linger"  # a file for each account whose user manager goes on without a login session
OF_JITD = {
    "jitd.slice": {"jitd-launcher.service"},
    "system.slice": {
        *("jitd.service", "jitd-door-nats.service", "jitd-door-tcp.service", "jitd-metrics.service", "jitd-report.service"),
        *("jitd-helper@givers.service", "jitd-helper@kdc.service", "jitd-helper@outside.service", "jitd-helper@programs.service"),
        *("jitd-helper@programs-net.service", "jitd-helper@terminals.service"),
    },
}
"""The shipped services, by slice, which upgrades and timers start anew. Elsewhere or transient, it is another's."""
MOST_NAMED = 16  # names of one kind
MOST_LONG = 120  # characters of one name
MOST_BYTES = 1000  # bytes of all names of one kind, so that an outcome fits into one packet (orders.MAX_WORD)
MOST_UNSEEN = 16  # parts of sentences about what could not be looked at
MOST_DIRECTORIES = 256  # control groups whose subgroups are listed. A slice and a user manager count as one each.
MOST_DEEP = 12  # slices inside each other that are followed
MOST_SEEN = 20_000  # names of files and groups that are read. Any account can make more subgroups in its user manager.
TICK = 0.02
"""Maximum number of seconds by which the time of a file in /run may be behind the clock. The time of such a file is the time of
the kernel's last tick (tmpfs(5)). A tick lasts at most 0.01 s.
"""
COARSE = 1.0  # seconds by which the time of a file outside /run may be behind: some file systems store only whole seconds
_MANAGER = re.compile(r"user@([0-9]+)\.service\Z")
_OF_RUN = re.compile(r"jitd-run-[0-9A-Z]{4}-[0-9A-Z]{4}(\.[1-9][0-9]*)?\.scope")
_HAS_PROCESSES = re.compile(r".+\.(service|scope|socket|mount|swap)\Z", re.DOTALL)

Told = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]  # printable, with what is not named


class Traces:
    """What came into being since this object was made, for a run whose command has the user id ``uid``."""

    def __init__(self, uid: int) -> None:
        self._uid = uid
        self._began_wall, self._began_boot = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
        self._first_group = 0
        self._is_contained = False
        self._unseen: list[str] = []
        self._n_directories = self._n_seen = 0

    def begin_at(self, group: str | None) -> None:
        """Control groups that are made later than ``group`` (the directory of the run's control group) count as begun."""
        with suppress(OSError):
            self._first_group = os.stat(group).st_ino if group else 0

    def find(self, *, is_contained: bool) -> Told | None:
        """Return what was found, or None if there is nothing to tell. Root's own directories come first, so that what somebody
        has put into a user manager leaves time for them. If ``is_contained``, no process of the run's namespace is left anywhere.
        """
        self._is_contained = is_contained
        self._unseen, self._n_directories, self._n_seen = [], 0, 0
        units: tuple[str, ...] = ()
        files: tuple[str, ...] = ()
        lingering: tuple[str, ...] = ()
        try:
            files = self._bounded({path for path in self._files() if self._is_since(path, COARSE)}, "files")
            lingering = self._bounded({name for name, path in self._in(LINGERING) if self._is_since(path, COARSE)}, "accounts")
            if os.path.isdir(f"{RUNTIME}/system"):  # sd_booted(3)
                units = self._bounded(self._units(), "units")
        except Exception as fault:  # whatever it is, it keeps no run from ending
            self._unseen.append(sentence(f"what comes after a failure ({what_failed(fault)})", MOST_LONG))
        if self._n_seen > MOST_SEEN:
            self._unseen.append(f"what comes after {MOST_SEEN} names")
        found = (units, files, lingering, tuple(self._unseen))
        return found if any(found) else None

    def _bounded(self, names: set[str], what: str) -> tuple[str, ...]:
        """Return as many of ``names`` as may be told. Directories and managers take turns, so a full one hides no other."""
        by_place: dict[str, list[str]] = {}
        for name in sorted(names):
            by_place.setdefault(name.rpartition("/")[0], []).append(name)
        turns = (name for turn in zip_longest(*(by_place[place] for place in sorted(by_place))) for name in turn if name)
        found: list[str] = []
        room = MOST_BYTES
        for name in turns:
            quoted = shown_argument(os.fsencode(name))
            quoted = quoted if len(quoted) <= MOST_LONG else f"{quoted[: MOST_LONG - 1]}…"
            room -= len(notation.write(quoted))
            if room < 0 or len(found) == MOST_NAMED:
                self._unseen.append(f"{len(names) - len(found)} more {what}")
                break
            found.append(quoted)
        return tuple(sorted(found))

    # --- units ---------------------------------------------------------------------------------------------------------

    def _units(self) -> set[str]:
        transient = (name for name, path in self._in(f"{RUNTIME}/transient") if self._is_since(path, TICK))
        found = {name for name in transient if not is_of_logind(name)}
        try:
            if not self._first_group:
                raise OSError
            top = os.open(hierarchy()[0], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            self._skip("units with processes, because the run had no control group")
        else:
            found.update(self._begun_below(top, "", 0))
        return {name for name in found if not _OF_RUN.fullmatch(name)}

    def _begun_below(self, group: int, slice: str, depth: int) -> Iterator[str]:
        """Yield the units that were begun in a slice or user manager, and close its descriptor ``group``. ``slice`` is the name
        of the slice; empty for the root and for a user manager.
        """
        try:
            if self._n_directories == MOST_DIRECTORIES or depth > MOST_DEEP:
                self._skip(f"units outside of the first {MOST_DIRECTORIES} slices and user managers, {MOST_DEEP} deep")
                return
            self._n_directories += 1
            with os.scandir(group) as entries:
                below = [(each.name, each.inode()) for each in self._counted(entries) if each.is_dir(follow_symlinks=False)]
            for name, number in sorted(below, key=lambda each: each[0] == "user.slice"):
                if self._leads_on(name, slice):
                    with suppress(OSError):  # it has ended meanwhile
                        inside = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=group)
                        yield from self._begun_in(name, inside, depth + 1)
                elif number > self._first_group and _HAS_PROCESSES.match(name) and not _is_of_others(name, slice, depth):
                    yield name
        finally:
            os.close(group)

    def _leads_on(self, name: str, slice: str) -> bool:
        if slice == "user.slice" and self._uid != 0:
            return name == f"user-{self._uid}.slice"  # nobody but root begins anything in another's manager
        return name.endswith(".slice") or is_manager(name, slice)

    def _begun_in(self, name: str, group: int, depth: int) -> Iterator[str]:
        if (manager := _MANAGER.match(name)) is None:
            yield from self._begun_below(group, name, depth)
            return
        if self._uid and not self._is_contained:  # into a unit that is older than the run, so no group is new
            self._skip(f"processes that were moved into {name}")
        yield from (f"{name}/{unit}" for unit in self._begun_below(group, "", depth) if unit != "init.scope")
        try:
            with opened(f"{OF_USERS}/{manager[1]}", "systemd", "transient") as directory, os.scandir(directory) as entries:
                for each in self._counted(entries):
                    if self._is_since(each.name, TICK, directory):
                        yield f"{name}/{each.name}"
        except FileNotFoundError:
            pass
        except OSError as fault:
            self._skip(f"timers of {name} ({fault.strerror})")

    def _skip(self, what: str) -> None:
        if what in self._unseen:
            return
        if len(self._unseen) < MOST_UNSEEN:
            self._unseen.append(what)
        else:
            self._unseen[-1] = "more that could not be looked at"

    # --- files ---------------------------------------------------------------------------------------------------------

    def _files(self) -> Iterator[str]:
        yield from TABLES
        for directory in UNIT_FILES:
            for name, path in self._in(directory):
                yield path
                if name.endswith((".wants", ".requires", ".upholds", ".d")) and not os.path.islink(path):
                    yield from (inside for _, inside in self._in(path))
        for directory in ENTRIES:
            yield from (path for name, path in self._in(directory) if not name.startswith("."))

    def _in(self, directory: str) -> Iterator[tuple[str, str]]:
        with suppress(OSError), os.scandir(directory) as entries:
            for each in self._counted(entries):
                yield each.name, each.path

    def _counted(self, entries: Iterable[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
        for each in entries:
            self._n_seen += 1
            if self._n_seen > MOST_SEEN:
                return
            yield each

    def _is_since(self, file: str, behind: float, directory: int | None = None) -> bool:
        """True if ``file`` was changed since the run began; never for a directory. ``behind`` is the number of seconds by which
        the time of the file may be behind the clock. Times of files are of the wall clock, which somebody may have set since
        then, so the beginning is computed with the wall clock of then and with that of now, and the earlier one counts.
        """
        began = time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - self._began_boot)
        with suppress(OSError):
            found = os.stat(file, dir_fd=directory, follow_symlinks=False)
            return not stat.S_ISDIR(found.st_mode) and found.st_ctime >= min(began, self._began_wall) - behind
        return False


def is_manager(name: str, slice: str) -> bool:
    """True if ``name`` in ``slice`` is the unit of a user manager (user@.service(5))."""
    found = _MANAGER.match(name)
    return found is not None and slice == f"user-{found[1]}.slice"


def _is_of_others(name: str, slice: str, depth: int) -> bool:
    """True if ``name`` in ``slice`` is a login session, or a service of jitd: deeper slices may be those of a user manager."""
    return is_of_logind(name) or (depth == 1 and name in OF_JITD.get(slice, ()))


def is_of_logind(name: str) -> bool:
    """True if ``name`` is the scope of a login session that logind knows: what began in it is that login's."""
    session = re.fullmatch(r"session-([A-Za-z0-9]+)\.scope", name)
    return session is not None and os.path.exists(f"{RUNTIME}/sessions/{session[1]}")


@contextmanager
def opened(start: str, *below: str) -> Iterator[int]:
    """Open the directory ``below`` in ``start`` for reading, although accounts may put there what they like: a link, or a mount
    whose server never answers. With O_PATH the kernel asks no file system anything (open(2)); only a tmpfs is entered, and the
    mount of ``start`` is not left. Raises OSError.
    """
    reached = [os.open(start, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)]
    try:
        mount = _mount_of(reached[0])
        if mount not in (table := mounts.read(mounts.OWN())) or table[mount].kind != "tmpfs":
            raise OSError(0, "its directory is served by a program")
        for name in below:
            reached.append(os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=reached[-1]))
            if _mount_of(reached[-1]) != mount:
                raise OSError(0, "something is mounted there")
        reached.append(os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=reached[-1]))
        yield reached[-1]
    finally:
        for descriptor in reached:
            os.close(descriptor)


def _mount_of(descriptor: int) -> int:
    with open(f"/proc/self/fdinfo/{descriptor}", "rb") as file:
        return next(int(line.removeprefix(b"mnt_id:")) for line in file if line.startswith(b"mnt_id:"))
