# SPDX-License-Identifier: Apache-2.0
"""Where the processes of a command live, so that all of them can be found and ended: in a control group, and below the monitor.

Law: a housing is called empty only if the kernel says that the monitor has no child but the holder, and that no process is in
the control group.
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
"""The number of clone3(2), which is the same on every architecture."""
SYS_CLONE = {"x86_64": 56, "aarch64": 220, "riscv64": 220, "ppc64le": 120}
"""Architecture → the number of clone(2), for architectures on which the flags are its first argument."""
CLONE_INTO_CGROUP = 0x200000000
CLONE_PARENT = 0x8000
NOT_EXECUTED = 0x40
"""PF_FORKNOEXEC among the flags of a process (proc(5), ``stat``). The kernel clears it when exec has succeeded, before it closes
descriptors. A process that has ended still shows its flags."""

_python = ctypes.PyDLL(None, use_errno=True)  # PyDLL keeps the interpreter's lock during a call, as ``os.fork`` does
_python.syscall.restype = ctypes.c_long


def own_group() -> str | None:
    """Return the directory of this process's control group (version 2), or None if no such hierarchy is mounted."""
    return group_of("self")


def group_of(pid: Pid | str) -> str | None:
    """Return the directory of the control group of process ``pid``, as ``own_group`` does; None also if the process has ended."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            path = next(line[3:].rstrip("\n") for line in file if line.startswith("0::"))
        return _below(*_hierarchy(), path)
    except (OSError, StopIteration):
        return None


@cache
def _hierarchy() -> tuple[str, str]:
    """Return where control groups (version 2) are mounted, and which part of their hierarchy. Raises OSError if they are not."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            before, _, after = line.partition(" - ")
            if after.startswith("cgroup2 "):
                root, mount = before.split(" ")[3:5]
                return mount, root
    raise FileNotFoundError


def _below(mount: str, root: str, path: str) -> str | None:
    """Return where ``path`` of the hierarchy is seen, if its part ``root`` is mounted at ``mount``; None if it is not seen."""
    if path.startswith("/.."):  # outside our control group namespace
        return None
    if root != "/":
        if path != root and not path.startswith(root + "/"):
            return None
        path = path[len(root) :]
    return (mount.replace("\\040", " ") + path).rstrip("/")


class Housing:
    """The control group of one run, if there can be one, and all descendants of this process."""

    def __init__(self) -> None:
        self.directory: str | None = None
        """The run's control group. The command is in ``command`` below it; the monitor is not in ``command``."""
        self._is_ours = False
        self._hung_up: set[Pid] = set()
        self.seek: Callable[[], set[Pid]] = set
        """A function that finds processes elsewhere that are to end with the run. By default it finds none."""
        self.holder: Pid = 0
        """The child that holds the session until ``close_session``. It is neither counted nor killed with the others."""
        self._life: socket.socket | None = None
        self._holder_ends_by = 0.0

    def place_for(self, run: str, *, is_housed: bool) -> str | None:
        """Return where the control group of ``run`` can be made, or (``is_housed``) where it is. None if there is no place.

        A run is housed if the daemon has put this process into the control group. Note the place before ``take``, since
        everything in it will be killed.
        """
        own = own_group()
        self._is_ours = not is_housed
        if is_housed:
            return own if own is not None and own.endswith(f"/jitd-run-{run}.scope") else None
        return None if own is None else f"{own}/jitd-run-{run}"

    def take(self, place: str) -> bool:
        """Make the control group, or only ``command`` below it if the run is housed. False if that fails."""
        made = [place] if self._is_ours else []
        made.append(f"{place}/command")
        try:
            for stale in reversed(made):  # empty groups are removed; a group with a process in it stays, and mkdir fails
                with suppress(FileNotFoundError):
                    os.rmdir(stale)
            for directory in made:
                os.mkdir(directory, 0o755)
            if not os.path.exists(f"{place}/command/cgroup.kill"):  # Linux < 5.14 cannot kill all of a group in one step
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
        """Fork as ``os.fork`` does, but the child's parent is this process's parent, and the child begins in the control group.

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
            pid = _clone()  # clone3 is forbidden, so the child moves itself, which takes the kernel some milliseconds
            if pid == 0:
                os.write(door, b"0")
            return pid
        finally:
            os.close(door)

    def hold(self, holder: Pid, life: socket.socket) -> None:
        """Note the holder's number. The holder ends when ``life`` is closed."""
        self.holder = holder
        self._life = life

    def close_session(self, within: float) -> bool:
        """Let the holder close the session; kill it if it takes longer than ``within`` seconds. True once it has ended."""
        now = time.monotonic()
        if self._life is not None:
            self._life.close()
            self._life = None
            self._holder_ends_by = now + within
        if self.holder and now > self._holder_ends_by:
            kill_all(lambda: descendants(self.holder) | {self.holder})
        return not self.holder

    def kill(self) -> None:
        """Kill all processes of the run now. Call this until ``is_empty``: processes outside the group are killed one by one."""
        if self.directory is not None:
            try:
                with open(f"{self.directory}/command/cgroup.kill", "w", encoding="ascii") as file:
                    file.write("1")
            except OSError:
                pass
        kill_all(lambda: self._without_holder() | self._strays())

    def found(self) -> set[Pid]:
        """Return all processes of the run that can be found, but the holder and what is below it."""
        groups = [f"{self.directory}/command"] if self.directory is not None else []
        return (members(groups) | self._without_holder() | self._strays()) - {self.holder}

    def hang_up(self) -> None:
        """Send SIGHUP and SIGCONT to all processes of the run, once to each; also to those forked since the last call."""
        groups = [f"{self.directory}/command"] if self.directory is not None else []

        def find() -> set[Pid]:
            return members(groups) | self._without_holder()

        if find() - self._hung_up:
            self._hung_up |= hang_up_all(find, groups, but_not=self._hung_up)

    def is_empty(self) -> bool:
        """True if no process of the run is left but the holder. The caller must have waited for its dead children before."""
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
        """Remove the empty control group. True once it does not exist any more."""
        if self.directory is None:
            return True
        topmost = self.directory if self._is_ours else f"{self.directory}/command"
        for directory in (f"{self.directory}/command", topmost):
            try:
                os.rmdir(directory)
            except FileNotFoundError:
                pass
            except OSError:  # the command has made groups below it, or it is not empty yet
                _remove_tree(directory)
        return not os.path.exists(topmost)

    def _without_holder(self) -> set[Pid]:
        """Return the descendants of this process but the holder and all below it.

        What PAM modules have started below the holder opens and closes the session. It ends with the holder or after it.
        """
        return descendants(but_not=self.holder)

    def _strays(self) -> set[Pid]:
        found = self.seek()
        return found - {os.getpid(), self.holder} - descendants(self.holder) if found and self.holder else found - {os.getpid()}


def fork_sibling() -> Pid:
    """Fork as ``os.fork`` does, but the child's parent is this process's parent. Raises OSError."""
    return _clone()


def rehearse_fork() -> None:
    """Do all of ``fork_sibling`` but the fork: call clone3(2) with arguments of size 0, which the kernel refuses (EINVAL)."""
    _system_call(SYS_CLONE3, ctypes.byref((ctypes.c_uint64 * 11)()), ctypes.c_size_t(0))


def _remove_tree(directory: str) -> None:
    for below, _, _ in os.walk(directory, topdown=False):
        with suppress(OSError):
            os.rmdir(below)


def _clone(group: int | None = None) -> Pid:
    """Call clone3(2), or clone(2) if that is enough: as ``os.fork`` without threads, with the same parent, and in ``group``.

    ``group`` is a descriptor of a control group, None for the same as this process's. Raises OSError.
    """
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
    """Return a child that has ended or stopped and was not waited for; None if there is none."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return None if found is None else found.si_pid


def has_executed(pid: Pid) -> bool:
    """True once a forked child has executed a program; also if the child has ended since, and was not waited for."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return not int(file.read(4096).rpartition(b")")[2].split()[6]) & NOT_EXECUTED
    except (OSError, ValueError, IndexError):
        return False


def children() -> set[Pid]:
    """Return the children of this process, including dead ones that nobody has waited for."""
    own = os.getpid()
    try:
        with open(f"/proc/self/task/{own}/children", "rb") as file:
            return {int(word) for word in file.read().split()}
    except FileNotFoundError:  # a kernel without that file
        return {int(name) for name in os.listdir("/proc") if name.isdigit() and look_at(int(name))[0] == own}


def descendants(of: Pid = 0, *, but_not: Pid = 0) -> set[Pid]:
    """Return the processes below this process, or below ``of``. Leave out ``but_not`` and all processes below that.

    A monitor is a subreaper: everything that it ever started is below it, whatever a process does to hide. Processes that have
    ended and wait to be reaped are left out; a fork bomb leaves thousands of them.
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
