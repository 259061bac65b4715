# SPDX-License-Identifier: Apache-2.0
"""Finds and reads files. Law: only regular files are opened. The size of a file is limited. No file is changed."""

from __future__ import annotations

import glob
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import islice

from jitd.files.glance import Glance
from jitd.files.inspection import Uninspectable, View, changers, open_regular, refuse_unfound
from jitd.files.processes import uids_of
from jitd.files.silence import MOUNTS
from jitd.hosts.stack import Source
from jitd.hosts.starting import LISTENER, Process
from jitd.versions import STATUS, programs_in

LARGEST = 4 * 1024 * 1024  # bytes of a file. A larger file is refused.
LARGEST_STATUS = 64 * 1024 * 1024  # the same for what dpkg notes about all packages
MOST_NAMES = 50_000  # in a directory where programs are looked for. In one with more, nothing is
STACKS = ("/etc/pam.d", "/usr/lib/pam.d")  # of services. An included file is searched only in the first, as in Debian
MODULES = tuple(
    f"{above}/{place}" for place in ("*-linux-gnu*/security", "security") for above in ("/lib", "/usr/lib", "/usr/lib64")
)
SSH = "/etc/ssh"
UNITS = (
    "/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient", "/etc/systemd/system",
    "/run/systemd/system", "/run/systemd/generator", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
    "/lib/systemd/system", "/run/systemd/generator.late",
)  # fmt: skip
"""Where systemd searches for units. It uses a unit of the first of these directories that has it."""
SUDO_PLUGIN_WANTED = "/etc/jitd/sudo-plugin"  # this file is there on a host that wants sudo to ask by jitd's plugin
PID_FILE = "/run/sshd.pid"  # the file that sshd writes each time after it has read its settings


class Unreadable(OSError):
    """A file exists, but cannot be read. The text of the exception is a sentence."""


class NoFile(Unreadable):
    """The path leads to an object that is not a regular file, such as a directory or a device."""


class Places:
    """The files of a host. If the directory ``root`` is given, all paths are relative to this directory. The account with the
    user id ``owner`` may change every file. Use it for one check only, because it remembers what it has found
    out about a path.
    """

    def __init__(self, root: str = "", *, owner: int = 0) -> None:
        self._root = root
        self._owner = owner
        self._modules: dict[str, str] = {}
        self._changers: dict[str, str] = {}
        self._faultless: set[str] = set()  # searched by `who_may_change_below` without finding a fault
        self.crowded: dict[str, None] = {}  # directories with more than MOST_NAMES
        self.used: dict[str, None] = {}  # paths of files that were read, and of directories where a new one would be

    def read(self, path: str) -> Source | None:
        """Return the file at ``path``. Return None if there is no file. Raises Unreadable."""
        source = self._load(path)
        if source is not None:
            self.used[path] = None
        return source

    @cached_property
    def libpam(self) -> str:
        """libpam's version (``jitd.versions``), or "" if it is not known, as where others than root may change dpkg's notes."""
        with suppress(Unreadable):
            if not self.who_may_change(STATUS) and (status := self._load(STATUS, LARGEST_STATUS)):
                return programs_in(status.data).get("libpam", "")
        return ""

    def read_with_status(self, path: str) -> tuple[bytes, os.stat_result] | None:
        """Return the content of the file and the status of that very file, or None without one. Raises Unreadable."""
        return self._taken(path, LARGEST)

    def _load(self, path: str, largest: int = LARGEST) -> Source | None:
        taken = self._taken(path, largest)
        return None if taken is None else Source(path, taken[0])

    def _taken(self, path: str, largest: int) -> tuple[bytes, os.stat_result] | None:
        try:
            file = self._opened(path)
        except Uninspectable as fault:
            if fault.is_absent:
                return None
            raise (NoFile if fault.is_unfit else Unreadable)(fault.because) from None
        except ValueError:  # the name contains a NUL
            return None
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as fault:
            raise fault if isinstance(fault, Unreadable) else Unreadable(f"{path}: {fault.strerror}") from None
        try:
            with os.fdopen(file, "rb") as stream:
                status = os.fstat(stream.fileno())
                data = stream.read(largest + 1)
        except OSError as fault:
            raise Unreadable(f"{path}: {fault.strerror}") from None
        if len(data) > largest:
            raise Unreadable(f"{path} has more than {largest} bytes")
        return data, status

    def _opened(self, path: str) -> int:
        """Return a descriptor of the regular file at ``path``. Raises Uninspectable, OSError and ValueError."""
        with Glance() as glance:
            named = os.fsencode(self._root + path)
            sight = glance.follow(named)
            refuse_unfound(named, sight)
            return open_regular(sight.path, glance)

    def stack(self, service: str) -> Source | None:
        """Return the file of a service. Return None if there is no file. Raises Unreadable."""
        return self._first(f"{place}/{service}" for place in STACKS)

    def included(self, name: str, beside: str) -> Source | None:
        """Return the file that a stack includes, searched in ``beside`` first, or None if it is missing or unreadable."""
        paths = [name] if name.startswith("/") else [f"{place}/{name}" for place in (beside, STACKS[0]) if place]
        try:
            return self._first(paths)
        except Unreadable:
            return None

    def _first(self, paths: Iterable[str]) -> Source | None:
        for path in paths:
            if (source := self.read(path)) is not None:
                return source
        return None

    def _file(self, path: str) -> Source | None:
        with suppress(NoFile):
            return self.read(path)
        return None

    def names(self, directory: str) -> list[str]:
        """Return the names of the files in a directory, sorted by their bytes. Raises OSError."""
        return sorted(os.listdir(self._root + directory), key=os.fsencode)

    def matching(self, pattern: str) -> list[str]:
        """Return the paths that match an absolute pattern, in order."""
        return sorted(path.removeprefix(self._root) for path in glob.glob(glob.escape(self._root) + pattern))

    def answering(self, pattern: str) -> Iterator[str]:
        """Yield the paths that match an absolute pattern. What is on a mount that does not answer is left out, and so is what is
        in a directory with more than MOST_NAMES: its owner decides how long it takes to read it.
        """
        above, star, rest = pattern.partition("*")
        above, _, begins = above.rpartition("/")
        ends, slash, rest = rest.partition("/")
        with suppress(OSError):  # Silent is one
            MOUNTS.approach((os.fsencode(f"{self._root}{above}/"),))
            with os.scandir(self._root + above) as entries:
                names = [entry.name for entry in islice(entries, MOST_NAMES + 1)]
            if len(names) > MOST_NAMES:
                self.crowded[above] = None
                return
            for name in sorted(names, key=os.fsencode):
                if fnmatchcase(name, f"{begins}*{ends}"):
                    yield from self.answering(f"{above}/{name}/{rest}") if slash else (f"{above}/{name}",)

    def of_sudoers(self, word: str, path: str) -> list[Source]:
        """Return the files that sudoers includes: one file, or the files of a directory. A file of a directory is left out if the
        file's name contains a dot or ends with ~. Raises LookupError if a file or directory cannot be read.
        """
        path = path.replace("%h", os.uname().nodename.partition(".")[0])
        try:
            if word == "include":
                sources = [self.read(path)]
            else:
                names = [name for name in self.names(path) if "." not in name and not name.endswith("~")]
                sources = [self._file(f"{path}/{name}") for name in names]
        except FileNotFoundError:
            return []
        except (Unreadable, OSError, ValueError) as fault:
            raise LookupError(f"{path} cannot be read: {fault}") from None
        if word != "include":
            self.used[path] = None
        if word == "include" and sources == [None]:
            raise LookupError(f"{path} is not there")
        return [source for source in sources if source is not None]

    def of_sshd(self, pattern: str, beside: str) -> list[Source]:
        """Return what sshd_config includes by a pattern; relative ones in ``beside``, then in /etc/ssh. Raises Unreadable."""
        patterns = [pattern] if pattern.startswith("/") else [f"{place}/{pattern}" for place in (beside, SSH) if place]
        return next(filter(None, map(self.of_pattern, patterns)), [])

    def of_pattern(self, pattern: str) -> list[Source]:
        """Return the files that match an absolute pattern, in order. Raises Unreadable."""
        above = pattern.rpartition("/")[0]
        if glob.has_magic(pattern) and not glob.has_magic(above) and self._is_directory(above):
            self.used[above] = None
        return [source for path in self.matching(pattern) if (source := self.read(path)) is not None]

    def _is_directory(self, path: str) -> bool:
        return os.path.isdir(self._root + path)

    def module(self, name: str) -> str:
        """Return the path of a module. Return an empty string if the module is not installed."""
        if name not in self._modules:
            patterns = [glob.escape(name)] if name.startswith("/") else [f"{place}/{glob.escape(name)}" for place in MODULES]
            self._modules[name] = next((path for pattern in patterns for path in self.matching(pattern)), "")
        return self._modules[name]

    def status(self, path: str) -> os.stat_result | None:
        """Return the status of the file to which ``path`` leads, or None if there is none, or it cannot be looked at."""
        with suppress(OSError):
            MOUNTS.approach((os.fsencode(self._root + path),))
            return os.stat(self._root + path)
        return None

    def real(self, path: str) -> str:
        """Return ``path`` without links."""
        return os.path.realpath(self._root + path).removeprefix(self._root)

    def is_setuid(self, path: str) -> bool:
        """True if ``path`` is a set-user-ID program, that is, a program that runs as its owner."""
        status = self.status(path)
        return status is not None and bool(status.st_mode & stat.S_ISUID)

    def is_there(self, path: str) -> bool:
        """True if something has the name ``path``, also if it cannot be looked at."""
        try:
            os.lstat(self._root + path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        return True

    def who_may_change(self, path: str) -> str:
        """Return why root's programs should not use ``path``: who else can change it, why it cannot be examined, or "missing";
        and "" if there is no fault.
        """
        if path not in self._changers:
            try:
                _, found = changers(os.fsencode(self._root + path), View(self._owner))
                self._changers[path] = "; ".join(found[:3])
            except Uninspectable as fault:
                self._changers[path] = "missing" if fault.is_absent else fault.because
        return self._changers[path]

    def who_may_put(self, path: str) -> str:
        """Return the fault of the file or directory ``path``, as ``who_may_change`` does. A missing file has a fault only if an
        account other than root could create it. Return an empty string if there is no fault.
        """
        for above in (path, self.real(path)):
            because = self.who_may_change(above)
            while because == "missing" and above != "/":
                above = os.path.dirname(above)
                because = self.who_may_change(above)
            if because not in ("", "missing"):
                return because
        return ""

    def who_may_change_below(self, directory: str) -> str:
        """Return the first fault below ``directory``, also that one cannot be read, or "". Links are not followed."""
        ahead, walked = [self._root + directory], set[str]()
        while ahead:
            above = ahead.pop()
            if above in self._faultless:
                continue
            walked.add(above)
            try:
                with os.scandir(above) as found:
                    entries = list(found)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as fault:
                return f"a directory below {directory} cannot be read: {fault.strerror}"
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                is_suspect = status.st_uid or (status.st_mode & 0o022 and not stat.S_ISLNK(status.st_mode))
                if is_suspect and (because := self.who_may_change(entry.path.removeprefix(self._root))):  # no link is at fault
                    return because
                if stat.S_ISDIR(status.st_mode):
                    ahead.append(entry.path)
        self._faultless |= walked
        return ""

    def units(self) -> list[list[Source]]:
        """Return unit file and drop-ins, in order, of each systemd service that names sshd. Raises Unreadable."""
        files: dict[str, str] = {}
        for path in (path for directory in UNITS for path in self.matching(f"{directory}/*.service")):
            files.setdefault(path.rpartition("/")[2], path)
        real = {name: os.path.realpath(self._root + path).rpartition("/")[2] for name, path in files.items()}
        drop_ins = [path for directory in UNITS for path in self.matching(f"{directory}/*service.d/*.conf")]
        found = []
        for name, path in files.items():
            if real[name] != name and real[name] in files:
                continue  # this is another name of the same unit
            names = {"service", *(other for other in files if other == name or real[other] == name)}
            own: dict[str, str] = {}
            for each in drop_ins:
                if each.rpartition("/")[0].rpartition("/")[2].removesuffix(".d") in names:
                    own.setdefault(each.rpartition("/")[2], each)
            sources = [self._load_unit(each) for each in (path, *(own[key] for key in sorted(own)))]
            if sources[0] and any(source and b"sshd" in source.data for source in sources):
                found.append([source for source in sources if source])
                self.used |= dict.fromkeys(source.file for source in found[-1])
        return found

    def _load_unit(self, path: str) -> Source | None:
        try:
            return self._load(path)
        except NoFile:  # the unit is masked
            return None

    def processes(self) -> list[Process]:
        """Return the processes that run sshd as root. Raises Unreadable."""
        found = []
        for entry in glob.glob("/proc/[0-9]*") if not self._root else ():
            try:
                if process := _sshd_at(entry):
                    found.append(process)
            except PermissionError as fault:
                raise Unreadable(f"{entry}: {fault.strerror}") from None
            except (OSError, ValueError, StopIteration):
                continue  # the process has ended
        return found

    def is_same_to(self, pid: str, path: str) -> bool:
        """True if process ``pid`` finds the same file at ``path`` as this one, or has ended."""
        try:
            ours = os.stat(self._root + path)
        except OSError:
            return True
        try:
            return os.path.samestat(os.stat(f"/proc/{pid}/root{path}"), ours)
        except FileNotFoundError:
            return not os.path.isdir(f"/proc/{pid}")
        except OSError:
            return False

    def changed_at(self, path: str) -> float:
        """Return the time when a file was last changed, in seconds since 1970. Return 0 if the file is missing."""
        with suppress(OSError):
            return os.stat(self._root + path).st_ctime
        return 0.0

    def of_kernel(self, name: str) -> str | None:
        """Return the text of the kernel setting /proc/sys/fs/NAME. Return None if the file cannot be read."""
        try:
            with open(f"{self._root}/proc/sys/fs/{name}", encoding="ascii") as file:
                return file.read(64)
        except (OSError, ValueError):
            return None


def _sshd_at(entry: str) -> Process | None:
    """Return None unless it is an sshd of root with this process's root directory. Raises OSError if it has ended."""
    with open(f"{entry}/comm", "rb") as comm, open(f"{entry}/cmdline", "rb") as cmdline:
        words = os.fsdecode(cmdline.read()).rstrip("\0").split("\0")
        if comm.read() != b"sshd\n" and not LISTENER.fullmatch(words[0]):
            return None
    if uids_of(entry[6:])[0] != 0:
        return None
    if not os.path.samestat(os.stat(f"{entry}/root"), os.stat("/")):
        return None  # this sshd runs in a container
    program = os.readlink(f"{entry}/exe").removesuffix(" (deleted)")
    return Process(int(entry[6:]), program, tuple(words), _read_settings_at(int(entry[6:])))


def _read_settings_at(pid: int) -> float:
    """Return seconds since 1970. sshd reads them when it starts, and at SIGHUP, and writes PID_FILE afterwards."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        ticks = int(file.read().rpartition(b")")[2].split()[19])
    began = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")
    with suppress(OSError, ValueError), open(PID_FILE, encoding="ascii") as file:
        if int(file.read()) == pid:
            return max(began, os.stat(PID_FILE).st_mtime)
    return began
