# SPDX-License-Identifier: Apache-2.0
"""This host as jitd's settings describe it, the process that is its daemon, and the commands that its administrator types.

Law: nothing is locked and nobody started: who holds a lock is read in /proc.
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
from jitd.doctor.finding import word
from jitd.settings import policyfile
from jitd.settings.config import KRB5_CONF, Config, default_realm
from jitd.store.opening import file_of

BOOTED = Path("/run/systemd/system")
"""A directory that is there where systemd is process 1."""


@dataclass(frozen=True, slots=True)
class Running:
    """``pid`` holds the lock of the state directory, 0 if nobody does; ``started_at`` is when it was started.

    ``others`` are processes that are a ``jitd serve`` and not that one. ``is_replaced``: its interpreter is gone from the disk.
    """

    pid: int
    started_at: float = 0.0
    others: tuple[int, ...] = ()
    is_replaced: bool = False


@dataclass
class Host:
    """``file`` holds the settings, and ``faults`` are what is wrong with them; ``config`` holds defaults then."""

    config: Config
    file: Path
    faults: tuple[str, ...] = ()
    is_default: bool = True

    @property
    def database(self) -> Path:
        """Where the record is."""
        return file_of(self.config.state)

    @property
    def run_dir(self) -> Path:
        """Where the socket is, and the plates of runs."""
        return self.config.socket.parent

    @property
    def realm(self) -> str:
        """The realm of the host's own key."""
        realms = self.config.realms
        return min(realms) if len(realms) == 1 else default_realm(KRB5_CONF) or min(realms, default="")

    @property
    def service(self) -> str:
        """The daemon's own name."""
        return f"jitd/{self.config.host}@{self.realm}"

    @property
    def is_booted(self) -> bool:
        """True where systemd is process 1, and this is the daemon that it starts."""
        return BOOTED.is_dir() and self.is_default

    @cached_property
    def daemon(self) -> Running:
        """The daemon's process."""
        return find_daemon(self.config.state)

    @property
    def start(self) -> str:
        """How the daemon is started, as it is typed."""
        if self.is_booted:
            return "systemctl enable --now jitd.service"
        return f"setsid -f jitd serve{'' if self.is_default else f' --config {word(str(self.file))}'}"

    @property
    def restart(self) -> str:
        """How the daemon is started anew."""
        if self.is_booted:
            return "systemctl restart jitd.service"
        return f"kill {self.daemon.pid} && sleep 2 && {self.start}" if self.daemon.pid else self.start

    @property
    def bind(self) -> str:
        """How the socket is made anew: where systemd holds it, the daemon alone does not make one."""
        return "systemctl restart jitd.socket jitd.service" if self.is_booted else self.restart

    @property
    def reload(self) -> str:
        """How the policy is read again."""
        return "jitd reload" if self.is_default else f"JITD_SOCKET={word(str(self.config.socket))} jitd reload"

    def policy(self) -> Policy:
        """The policy, as the files have it. Raises ConfigError."""
        return policyfile.load(self.config.policy, root=self.config.root)


def find_daemon(state: Path) -> Running:
    """Who holds the lock of the state directory, and who else is a jitd."""
    pid = holders([state / "lock"]).get(state / "lock", 0)
    others = tuple(sorted(other for other in _serving() if other != pid))
    if not pid:
        return Running(0, others=others)
    is_replaced = False
    with suppress(OSError):
        is_replaced = os.readlink(f"/proc/{pid}/exe").endswith(" (deleted)")
    return Running(pid, _started_at(pid), others, is_replaced)


def _serving() -> list[int]:
    """Processes of root, in this pid namespace and of this host's files, that are a ``jitd serve``."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with suppress(OSError):
            words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
            is_jitd = any(os.path.basename(word) == b"jitd" for word in words[:4])
            if is_jitd and b"serve" in words[1:6] and os.stat(f"/proc/{name}").st_uid == 0 and _is_of_ours(name):
                found.append(int(name))
    return found


def _is_of_ours(pid: str) -> bool:
    """Not in a container: its namespace of processes is ours."""
    return os.readlink(f"/proc/{pid}/ns/pid") == os.readlink("/proc/self/ns/pid")


def _started_at(pid: int) -> float:
    """When process ``pid`` was started, in seconds since 1970 by the clock as it is now (proc(5), stat)."""
    fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    since_boot = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot


def holders(files: Sequence[Path]) -> dict[Path, int]:
    """File → the process that holds a lock (flock(2)) on it, as far as one does.

    /proc/locks tells a file by its inode, and by a device that stacked file systems make up: so the process is asked, too.
    """
    wanted: dict[int, Path] = {}
    for file in files:
        with suppress(OSError):
            wanted[os.lstat(file).st_ino] = file
    found: dict[Path, int] = {}
    for line in Path("/proc/locks").read_text("ascii", "replace").splitlines():
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
