# SPDX-License-Identifier: Apache-2.0
"""Describes this host for ``jitd doctor``: the paths and names from jitd's settings, the daemon's process, and the commands that
the administrator can type.

Law: this module locks nothing and starts nothing. The process that holds a lock is read from /proc.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jitd.core.policy import Policy
from jitd.files.processes import control_groups_of
from jitd.settings import policyfile
from jitd.settings.config import Config
from jitd.settings.host import own_realm
from jitd.store.opening import file_of
from jitd_inspection.doctor.finding import word

BOOTED = Path("/run/systemd/system")  # a directory that exists only if systemd is process 1 (sd_booted(3))


@dataclass(frozen=True, slots=True)
class Running:
    """The daemon. ``pid`` is the process that holds the lock of the state directory, or 0 if no process holds the lock.
    ``started_at`` is in seconds since 1970.

    ``others`` are other processes that run ``jitd serve``. ``is_replaced`` is true if the file of the daemon's Python was deleted
    or replaced.
    """

    pid: int
    started_at: float = 0.0
    others: tuple[int, ...] = ()
    is_replaced: bool = False


@dataclass
class Host:
    """This host. ``file`` is the settings file. If the settings have ``faults``, ``config`` contains the defaults."""

    config: Config
    file: Path
    faults: tuple[str, ...] = ()
    is_default: bool = True

    @property
    def database(self) -> Path:
        """The file of the record."""
        return file_of(self.config.state)

    @property
    def run_dir(self) -> Path:
        """The directory that contains the daemon's socket and the plates. A plate is the lock file of a run."""
        return self.config.socket.parent

    @property
    def realm(self) -> str:
        """The Kerberos realm of the host's own key."""
        realms = self.config.realms
        return own_realm(realms)

    @property
    def service(self) -> str:
        """The daemon's principal."""
        return f"jitd/{self.config.host}@{self.realm}"

    @property
    def is_booted(self) -> bool:
        """True if systemd is process 1 and these settings are from the default file, which jitd.service uses."""
        return BOOTED.is_dir() and self.is_default

    @cached_property
    def daemon(self) -> Running:
        return find_daemon(self.config.state)

    @property
    def start(self) -> str:
        if self.is_booted:
            return "systemctl enable --now jitd.service"
        return f"setsid -f jitd serve{'' if self.is_default else f' --config {word(str(self.file))}'}"

    @property
    def restart(self) -> str:
        if self.is_booted:
            return "systemctl restart jitd.service"
        return f"kill {self.daemon.pid} && sleep 2 && {self.start}" if self.daemon.pid else self.start

    @property
    def bind(self) -> str:
        """The command that creates the socket again. Under systemd, a restart of the daemon does not create the socket."""
        return "systemctl restart jitd.socket jitd.service" if self.is_booted else self.restart

    @property
    def reload(self) -> str:
        """The command that makes the daemon read the policy again."""
        return "jitd reload" if self.is_default else f"JITD_SOCKET={word(str(self.config.socket))} jitd reload"

    def policy(self) -> Policy:
        """Return the present policy, whose names are compared only with settings without a fault. Raises ConfigError."""
        return policyfile.load_with(self.config, is_known=not self.faults)


def find_daemon(state: Path) -> Running:
    """Find the process that holds the lock of the state directory, and other processes that run ``jitd serve``."""
    pid = holders([state / "lock"]).get(state / "lock", 0)
    others = tuple(sorted(other for other in _serving() if other != pid))
    if not pid:
        return Running(0, others=others)
    is_replaced = False
    with suppress(OSError):
        is_replaced = os.readlink(f"/proc/{pid}/exe").endswith(" (deleted)")
    return Running(pid, _started_at(pid), others, is_replaced)


def _serving() -> list[int]:
    """Return the processes of root in this pid namespace that run ``jitd serve``, without those of jitd.service: systemd starts
    one after the other if they end, and has one at most.
    """
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with suppress(OSError):
            words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
            is_jitd = any(os.path.basename(word) == b"jitd" for word in words[:4])
            is_serving = is_jitd and b"serve" in words[1:6] and os.stat(f"/proc/{name}").st_uid == 0
            if is_serving and _is_of_ours(name) and not _is_of_unit(name):
                found.append(int(name))
    return found


def _is_of_ours(pid: str) -> bool:
    """True if process ``pid`` is in the pid namespace of this process, and therefore not in another container."""
    return os.readlink(f"/proc/{pid}/ns/pid") == os.readlink("/proc/self/ns/pid")


def _is_of_unit(pid: str) -> bool:
    """True if systemd started process ``pid`` as jitd.service (cgroups(7), /proc/PID/cgroup)."""
    return any(group.endswith(b"/jitd.service") for group in control_groups_of(pid).values())


def _started_at(pid: int) -> float:
    """Return seconds since 1970 by the present clock (proc(5), ``stat``)."""
    fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    since_boot = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot


def holders(files: Sequence[Path]) -> dict[Path, int]:
    """Return a map from each locked file to the process that holds a lock (flock(2)) on this file.

    In /proc/locks, a file is named by its inode and its device. On stacked file systems, this device is not reliable. Therefore
    the function ignores the device, and checks instead that the process has the file open.
    """
    wanted: dict[int, Path] = {}
    for file in files:
        with suppress(OSError):
            wanted[os.lstat(file).st_ino] = file
    found: dict[Path, int] = {}
    for line in Path("/proc/locks").read_text("ascii", "replace").split("\n"):
        words = line.split()
        if len(words) > 5 and words[1] == "FLOCK" and words[4].isdigit():
            inode = words[5].rpartition(":")[2]
            path = wanted.get(int(inode)) if inode.isdigit() else None
            if path is not None and _has_open(words[4], path):
                found[path] = int(words[4])
    return found


def _has_open(pid: str, file: Path) -> bool:
    with suppress(OSError):
        meant = os.lstat(file)
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                if os.path.samestat(os.stat(f"/proc/{pid}/fd/{descriptor}"), meant):
                    return True
    return False
