# SPDX-License-Identifier: Apache-2.0
"""The outside of a throwaway host: its namespaces, its control group, and its end.

`contrib/lab/lab` and `contrib/on` start by ``run`` what becomes process 1 of such a host.
Law: nothing of the host outlives its command or the process that called ``run``, however either of them ends.
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

ENDING = {signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP}
FROM_TERMINAL = 0x80  # si_code SI_KERNEL: the terminal told the whole foreground group, so COMMAND knows by itself
CAP_SYS_ADMIN = 21
PR_SET_PDEATHSIG = 1
CLONE_NEWNS = 0x20000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
LIBC = ctypes.CDLL(None, use_errno=True)


def fail(status: int, why: str) -> NoReturn:
    print(f"{Path(sys.argv[0]).name}: {why}", file=sys.stderr)
    raise SystemExit(status)


def become_root(script: Path, arguments: Sequence[str]) -> None:
    """Begin again as root, by sudo."""
    sudo = "/usr/bin/sudo"
    if not os.access(sudo, os.X_OK) or subprocess.run([sudo, "/bin/true"], check=False).returncode != 0:
        fail(1, f"{script.name} wants root, or a user with sudo")
    os.execv(sudo, ["sudo", "--", "/usr/bin/setpriv", "--pdeathsig", "TERM", str(script), *arguments])


def demand_namespaces() -> None:
    """Raises SystemExit where root may make none."""
    status = Path("/proc/self/status").read_text()
    effective = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:"))
    if not effective >> CAP_SYS_ADMIN & 1:
        fail(1, "this host does not let root make namespaces (CAP_SYS_ADMIN is missing), and a throwaway host is made of them")


def find_cgroup(process: str) -> Path | None:
    """Where a process's own cgroup (version 2) is mounted. Hybrid hosts mount it beside version 1."""
    lines = Path("/proc", process, "cgroup").read_text().splitlines()
    own = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), None)
    if own is None:
        return None
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, kind = line.partition(" - ")
        root, mountpoint = fields.split()[3:5]
        if kind.startswith("cgroup2 ") and (own + "/").startswith(root.rstrip("/") + "/"):
            return Path(mountpoint, own.removeprefix(root).lstrip("/"))
    return None


class Cgroup:
    """A cgroup of the host's own; where none is writable there is none, and the pid namespace must do."""

    def __init__(self) -> None:
        self.path: Path | None = None
        parent = find_cgroup("self")
        if parent is None or not os.access(parent, os.W_OK):
            return
        for old in parent.glob("jitd-lab-*"):  # left by a lab that was killed together with its keeper
            if not Path("/proc", old.name.rpartition("-")[2]).exists():
                self._remove(old)
        path = parent / f"jitd-lab-{os.getpid()}"
        try:
            path.mkdir()
        except OSError:
            return
        if (path / "cgroup.kill").exists():
            self.path = path
        else:
            path.rmdir()

    def enter(self) -> None:
        if self.path is not None:
            (self.path / "cgroup.procs").write_text("0")

    def end(self) -> None:
        """Kill all in it, and remove it."""
        if self.path is None or not self.path.exists():
            return
        (self.path / "cgroup.kill").write_text("1")
        for _ in range(500):
            if "populated 0" in (self.path / "cgroup.events").read_text():
                break
            time.sleep(0.01)
        self._remove(self.path)

    @staticmethod
    def _remove(path: Path) -> None:
        for directory, _, _ in os.walk(path, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(directory)


def start_keeper(cgroup: Cgroup) -> tuple[int, int]:
    """A process that outlives even a killed lab for the moment it takes to remove the cgroup. It waits for the end of a
    pipe that only the lab holds."""
    alive_read, alive_write = os.pipe()
    keeper = os.fork()
    if keeper:
        os.close(alive_read)
        return keeper, alive_write
    try:
        os.close(alive_write)
        os.setsid()
        nothing = os.open("/dev/null", os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        os.chdir("/")
        os.read(alive_read, 1)
        cgroup.end()
    finally:
        os._exit(0)


def leave_mounts() -> None:
    """Into a mount namespace of which nothing comes back. In a plain chroot `/` is no mount and cannot be made private
    (so unshare(1) fails): entering one's own namespace anew leads to its real root, where it can, and then back."""
    if LIBC.unshare(CLONE_NEWNS) == 0:
        root, here = os.open("/", os.O_RDONLY), os.open(".", os.O_RDONLY)
        namespace = os.open("/proc/self/ns/mnt", os.O_RDONLY)
        if LIBC.setns(namespace, CLONE_NEWNS) == 0 and LIBC.mount(None, b"/", None, MS_REC | MS_PRIVATE, None) == 0:
            os.fchdir(root)
            os.chroot(".")
            os.fchdir(here)
            return
    os.write(2, f"no mount namespace of its own: {os.strerror(ctypes.get_errno())}\n".encode())
    os._exit(1)


class Told:
    """What process 1 tells up its pipe: `!` when COMMAND runs; where process 1 is systemd, one byte more, COMMAND's status."""

    def __init__(self) -> None:
        self._reading, self.writing = os.pipe()
        self._said = b""
        os.set_blocking(self._reading, False)
        fcntl.fcntl(self._reading, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(self._reading, fcntl.F_SETFL, fcntl.fcntl(self._reading, fcntl.F_GETFL) | os.O_ASYNC)  # SIGIO

    def look(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._said += os.read(self._reading, 64)

    def close(self) -> None:
        os.close(self._reading)

    @property
    def has_started(self) -> bool:
        return self._said[:1] == b"!"

    @property
    def status(self) -> int | None:
        return self._said[1] if self.has_started and len(self._said) > 1 else None


def run(program: Sequence[str], words: Sequence[str], *, net: bool, booted: bool) -> int:
    """COMMAND's status, or 128 and its signal: ``program`` is called as process 1 with the caller's directory, a descriptor (see
    ``Told``) and ``words``, in namespaces of its own, with ``net`` also one of the network. Raises SystemExit where it is to be
    ``booted`` and no control group can be had. A signal that ends this process meanwhile ends the host before that.
    """
    cgroup = Cgroup()
    if booted and cgroup.path is None:
        fail(1, "systemd wants a control group (version 2) that it may write to, and this host has none")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*ENDING, signal.SIGCHLD, signal.SIGIO})
    keeper, alive = start_keeper(cgroup)
    told = Told()
    me = os.getpid()

    def in_child() -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != me:
            os._exit(1)
        cgroup.enter()
        leave_mounts()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    namespaces = ["--pid", "--ipc", "--uts", *(["--net"] if net else []), *(["--cgroup"] if cgroup.path else [])]
    child = subprocess.Popen(
        ["/usr/bin/unshare", *namespaces, "--kill-child", *program, os.getcwd(), str(told.writing), *words],
        pass_fds=[told.writing], preexec_fn=in_child,
    )  # fmt: skip
    os.close(told.writing)

    ended_by = None
    while ended_by is None and told.status is None and child.poll() is None:
        came = signal.sigwaitinfo({*ENDING, signal.SIGCHLD, signal.SIGIO})
        told.look()
        if came.si_signo in (signal.SIGCHLD, signal.SIGIO):
            continue
        if not (came.si_code == FROM_TERMINAL and came.si_signo in (signal.SIGINT, signal.SIGQUIT) and told.has_started):
            ended_by = came.si_signo
    child.kill()
    status = child.wait()
    told.look()
    told.close()
    if told.status is not None:
        status = told.status
    os.close(alive)
    os.waitpid(keeper, 0)
    if ended_by is not None:
        signal.signal(signal.SIGIO, signal.SIG_IGN)  # one may be pending
        signal.signal(ended_by, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.kill(me, ended_by)
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return status if status >= 0 else 128 - status


def join(process: str, line: Sequence[str]) -> NoReturn:
    """Become ``line`` in the host whose process 1 is ``process``."""
    cgroup = find_cgroup(process)
    if cgroup is not None and os.access(cgroup, os.W_OK):
        (cgroup / "cgroup.procs").write_text("0")
    os.execv("/usr/bin/nsenter", ["nsenter", "--target", process, "--all", "--root", "--wd=/", "--", *line])
