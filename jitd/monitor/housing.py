# SPDX-License-Identifier: Apache-2.0
"""Where a command lives, so that all of it can be found and ended: a control group of its own, and below the monitor.

Law: "empty" is said only when the kernel says that no child is left and the control group has none.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache

from jitd.monitor.signalling import Pid, hang_up_all, kill_all, look_at, members

SYS_CLONE3 = 435
"""The same number on every architecture."""
SYS_CLONE = {"x86_64": 56, "aarch64": 220, "riscv64": 220, "ppc64le": 120}
"""Where its first argument is the flags."""
CLONE_INTO_CGROUP = 0x200000000
CLONE_PARENT = 0x8000
NOT_EXECUTED = 0x40
"""PF_FORKNOEXEC among a process's flags (proc(5), ``stat``): the kernel takes it away when exec has succeeded, before it closes
descriptors; one that has ended still shows it."""

_python = ctypes.PyDLL(None, use_errno=True)  # which keeps the interpreter's lock over a call, as ``os.fork`` does
_python.syscall.restype = ctypes.c_long


def own_group() -> str | None:
    """The directory of this process's control group (version 2), or None where there is no such hierarchy."""
    return group_of("self")


def group_of(pid: Pid | str) -> str | None:
    """The directory of a process's control group, as ``own_group``."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            path = next(line[3:].rstrip("\n") for line in file if line.startswith("0::"))
        return _below(*_hierarchy(), path)
    except (OSError, StopIteration):
        return None


@cache
def _hierarchy() -> tuple[str, str]:
    """Where the hierarchy of control groups (version 2) is mounted, and what of it. Raises OSError where it is not."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            before, _, after = line.partition(" - ")
            if after.startswith("cgroup2 "):
                root, mount = before.split(" ")[3:5]
                return mount, root
    raise FileNotFoundError


def _below(mount: str, root: str, path: str) -> str | None:
    """Where ``path`` of the hierarchy is seen, if ``root`` of it is mounted at ``mount``."""
    if path.startswith("/.."):  # outside our control group namespace
        return None
    if root != "/":
        if path != root and not path.startswith(root + "/"):
            return None
        path = path[len(root) :]
    return (mount.replace("\\040", " ") + path).rstrip("/")


class Housing:
    """The control group of one run, where there can be one, and whatever descends from this process."""

    def __init__(self) -> None:
        self.directory: str | None = None
        """The run's control group. The command is in ``command`` below it, the monitor outside of that."""
        self._is_ours = False
        self._hung_up: set[Pid] = set()
        self.seek: Callable[[], set[Pid]] = set
        """What belongs to it and is elsewhere, where that is to end too."""
        self.holder: Pid = 0
        """A child that is neither counted nor killed with the others: it holds the session until ``close_session``."""
        self._life: socket.socket | None = None
        self._holder_ends_by = 0.0

    def place_for(self, run: str, *, is_housed: bool) -> str | None:
        """Where the control group of ``run`` can be made, or is, if somebody else has put this process into it; None if there is
        no such hierarchy. It is to be noted before it is taken, since all that is in it will be killed.
        """
        own = own_group()
        self._is_ours = not is_housed
        if is_housed:
            return own if own is not None and own.endswith(f"/jitd-run-{run}.scope") else None
        return None if own is None else f"{own}/jitd-run-{run}"

    def take(self, place: str) -> bool:
        """Make it, or what is below it. False where that cannot be."""
        made = [place] if self._is_ours else []
        made.append(f"{place}/command")
        try:
            for stale in reversed(made):  # empty ones go; one with a process in it stays, and mkdir fails
                with suppress(FileNotFoundError):
                    os.rmdir(stale)
            for directory in made:
                os.mkdir(directory, 0o755)
            if not os.path.exists(f"{place}/command/cgroup.kill"):  # Linux < 5.14: cannot be emptied at one stroke
                raise OSError
        except OSError:
            for directory in reversed(made):
                with suppress(OSError):
                    os.rmdir(directory)
            return False
        self.directory = place
        return True

    def inherit(self, place: str) -> None:
        """Go on with the control group that a process which is gone has taken."""
        self.directory = place
        self._is_ours = not place.endswith(".scope")

    def fork_beside(self) -> Pid:
        """As ``os.fork``, but the child is a child of this process's parent, and lives here from its first moment.

        Raises OSError, also in the child.
        """
        if self.directory is None:
            return _clone()
        group = os.open(f"{self.directory}/command", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return _clone(group)
        except OSError as fault:
            if fault.errno not in (errno.ENOSYS, errno.EPERM, errno.EINVAL):
                raise
        finally:
            os.close(group)
        door = os.open(f"{self.directory}/command/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
        try:
            pid = _clone()  # where clone3 is forbidden: to move in afterwards takes the kernel some milliseconds
            if pid == 0:
                os.write(door, b"0")
            return pid
        finally:
            os.close(door)

    def hold(self, holder: Pid, life: socket.socket) -> None:
        """There is a holder, and it ends when ``life`` does."""
        self.holder = holder
        self._life = life

    def close_session(self, within: float) -> bool:
        """Let the holder close the session; one that takes longer than ``within`` seconds is killed. True when it has ended."""
        now = time.monotonic()
        if self._life is not None:
            self._life.close()
            self._life = None
            self._holder_ends_by = now + within
        if self.holder and now > self._holder_ends_by:
            kill_all(lambda: descendants(self.holder) | {self.holder})
        return not self.holder

    def kill(self) -> None:
        """End all of it, now. To be called again until ``is_empty``: what is not in the group is caught one by one."""
        if self.directory is not None:
            try:
                with open(f"{self.directory}/command/cgroup.kill", "w", encoding="ascii") as file:
                    file.write("1")
            except OSError:
                pass
        kill_all(lambda: self._without_holder() | self._strays())

    def hang_up(self) -> None:
        """SIGHUP and SIGCONT to all of it, once to each: also to what is forked meanwhile, or since the last time."""
        groups = [f"{self.directory}/command"] if self.directory is not None else []

        def find() -> set[Pid]:
            return members(groups) | self._without_holder()

        if find() - self._hung_up:
            self._hung_up |= hang_up_all(find, groups, but_not=self._hung_up)

    def is_empty(self) -> bool:
        """True if nothing is left but the holder. The caller has waited for its dead children."""
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if not self.holder or children() - {self.holder}:
                return False
        except ChildProcessError:
            pass
        if self._strays():
            return False
        if self.directory is None:
            return True
        try:
            with open(f"{self.directory}/command/cgroup.events", encoding="ascii") as file:
                return "populated 0" in file.read()
        except FileNotFoundError:
            return True

    def remove(self) -> bool:
        """Take the empty control group away. True when it is gone."""
        if self.directory is None:
            return True
        topmost = self.directory if self._is_ours else f"{self.directory}/command"
        for directory in (f"{self.directory}/command", topmost):
            try:
                os.rmdir(directory)
            except FileNotFoundError:
                pass
            except OSError:  # a group of the command's own making below, or one that is not empty yet
                _remove_tree(directory)
        return not os.path.exists(topmost)

    def _without_holder(self) -> set[Pid]:
        """Nor what the holder's modules have started: they open and close the session, and end with the holder or after it."""
        return descendants(but_not=self.holder)

    def _strays(self) -> set[Pid]:
        found = self.seek()
        return found - {os.getpid(), self.holder} - descendants(self.holder) if found and self.holder else found - {os.getpid()}


def fork_sibling() -> Pid:
    """As ``os.fork``, but the child is a child of this process's parent. Raises OSError."""
    return _clone()


def rehearse_fork() -> None:
    """All of ``fork_sibling`` but the fork: the kernel is asked for one without saying what kind, and makes none (EINVAL)."""
    _system_call(SYS_CLONE3, ctypes.byref((ctypes.c_uint64 * 11)()), ctypes.c_size_t(0))


def _remove_tree(directory: str) -> None:
    for below, _, _ in os.walk(directory, topdown=False):
        with suppress(OSError):
            os.rmdir(below)


def _clone(group: int | None = None) -> Pid:
    """clone3(2), or clone(2) where that will do: as ``os.fork`` without threads, with the same parent, and in ``group``."""
    flags = CLONE_PARENT | (0 if group is None else CLONE_INTO_CGROUP)
    arguments = (ctypes.c_uint64 * 11)(flags, 0, 0, 0, 0, 0, 0, 0, 0, 0, group or 0)
    pid = _system_call(SYS_CLONE3, ctypes.byref(arguments), ctypes.c_size_t(ctypes.sizeof(arguments)))
    if pid < 0 and group is None and ctypes.get_errno() in (errno.ENOSYS, errno.EPERM) and os.uname().machine in SYS_CLONE:
        nothing = (ctypes.c_long(0),) * 4
        pid = _system_call(SYS_CLONE[os.uname().machine], ctypes.c_long(CLONE_PARENT), *nothing)
    if pid == 0:
        _python.PyOS_AfterFork_Child()
    elif pid < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return pid


def _system_call(number: int, *arguments: object) -> int:
    return int(_python.syscall(ctypes.c_long(number), *arguments))


def changed_child() -> Pid | None:
    """A child that has ended or stopped, and was not waited for; None where there is none."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return None if found is None else found.si_pid


def has_executed(pid: Pid) -> bool:
    """True once a child that was forked executes something else, also when that has ended and was not waited for."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return not int(file.read(4096).rpartition(b")")[2].split()[6]) & NOT_EXECUTED
    except (OSError, ValueError, IndexError):
        return False


def children() -> set[Pid]:
    """The children of this process, the dead ones among them that nobody has waited for."""
    own = os.getpid()
    try:
        with open(f"/proc/self/task/{own}/children", "rb") as file:
            return {int(word) for word in file.read().split()}
    except FileNotFoundError:  # a kernel without that file
        return {int(name) for name in os.listdir("/proc") if name.isdigit() and look_at(int(name))[0] == own}


def descendants(of: Pid = 0, *, but_not: Pid = 0) -> set[Pid]:
    """Everything that lives below this process, or another; ``but_not`` is left out with all below it.

    As it is a subreaper, that is everything it ever started, however it hid; those that have ended and wait to be reaped are left
    out, of which a fork bomb leaves thousands.
    """
    children: dict[Pid, list[Pid]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            parent, has_ended = look_at(int(name))
            if not has_ended:
                children.setdefault(parent, []).append(int(name))
    found: set[Pid] = set()
    waiting = [of or os.getpid()]
    while waiting:
        below = [pid for pid in children.get(waiting.pop(), ()) if pid != but_not]
        found.update(below)
        waiting += below
    return found
