# SPDX-License-Identifier: Apache-2.0
"""Keeps the processes of a command in a control group, and below the monitor in the process tree. Therefore jitd can find and end
all processes of the command.

Law: a housing (the processes of one run) is treated as empty only if the kernel confirms two facts. First, the monitor has no
child except the holder, which is the process that keeps the PAM session open. Second, the control group contains no process.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import socket
import time
from collections.abc import Collection
from contextlib import suppress
from functools import cache

from jitd.files import mounts
from jitd.files.processes import control_groups_of
from jitd.monitor.signalling import Pid, hang_up_all, kill_all, look_at, members

SYS_CLONE3 = 435  # the number of the system call clone3(2). This number is the same on every architecture.
SYS_CLONE = {"x86_64": 56, "aarch64": 220, "riscv64": 220, "ppc64le": 120}
"""The number of clone(2), by architecture: only those where its first argument is the flags."""
CLONE_INTO_CGROUP = 0x200000000
CLONE_PARENT = 0x8000
TRACED = 1.0
"""Seconds after which a pid namespace counts as empty if its init was killed, and its other processes have ended, but the init
has not. Somebody outside traces one of them then, so that it stays a zombie (ptrace(2)).
"""
NOT_EXECUTED = 0x40
"""The flag PF_FORKNOEXEC of a process (proc(5), ``stat``). The kernel clears PF_FORKNOEXEC when exec has succeeded, before it
closes descriptors. The flags can still be read after the end of the process, until its parent has called wait(2).
"""

_python = ctypes.PyDLL(None, use_errno=True)  # PyDLL keeps the interpreter's lock during a call, as ``os.fork`` does
_python.syscall.restype = ctypes.c_long


def own_group() -> str | None:
    """Return the directory of this process's control group (version 2), or None without such a hierarchy."""
    return group_of("self")


def group_of(pid: Pid | str) -> str | None:
    """Return the directory of the control group of ``pid``, or None without a hierarchy, or if it has ended."""
    try:
        return _below(*hierarchy(), os.fsdecode(control_groups_of(pid)[b""]))
    except (OSError, KeyError):
        return None


@cache
def hierarchy() -> tuple[str, str]:
    """Return two paths. The first path is the mount point of control groups (version 2). The second path is the part of the
    hierarchy of control groups that is mounted at this mount point. Raises OSError if control groups are not mounted.
    """
    for mount in mounts.of_process().values():
        if mount.kind == "cgroup2":
            return os.fsdecode(mount.point), os.fsdecode(mount.root)
    raise FileNotFoundError


def _below(mount: str, root: str, path: str) -> str | None:
    """Return the directory of the group ``path``, where ``root`` is mounted at ``mount``, or None if it is outside."""
    if path.startswith("/.."):  # outside our control group namespace
        return None
    if root != "/":
        if path != root and not path.startswith(root + "/"):
            return None
        path = path[len(root) :]
    return (mount + path).rstrip("/")


class Housing:
    """The processes of one run. These are all descendants of this process. If a control group could be created for the run, all
    processes in this group belong to the run, too.
    """

    def __init__(self) -> None:
        self.directory: str | None = None  # the control group. The command is in its subgroup `command`, the monitor is not
        self._is_ours = False
        self._hung_up: set[Pid] = set()
        self.holder: Pid = 0  # keeps the PAM session open. Not of the run, and not killed together with it
        self.is_contained = False  # true if it was forked in a pid namespace (`contain`), where none can be missed
        self._init: Pid = 0
        self._init_ends_by = 0.0  # it ends after all others, also after one that has ended and that somebody traces
        self._life: socket.socket | None = None
        self._holder_ends_by = 0.0

    def place_for(self, run: str, *, is_housed: bool) -> str | None:
        """Return the path for the control group of ``run``. If ``is_housed`` is True, the group exists already. Return None if
        the run cannot have a control group.

        ``is_housed`` is True if the daemon has put this process into the run's control group. The caller must write the returned
        path on the plate (the run's file in ``/run/jitd/runs``). Only then may the caller call ``take``. If this process is
        killed later, jitd reads the path on the plate, and kills all processes in the group.
        """
        own = own_group()
        self._is_ours = not is_housed
        if is_housed:
            return own if own is not None and own.endswith(f"/jitd-run-{run}.scope") else None
        return None if own is None else f"{own}/jitd-run-{run}"

    def take(self, place: str) -> bool:
        """Create the control group ``place`` and its subgroup ``command``. If the run is housed, ``place`` exists already, and
        only the subgroup is created. Return False if a group cannot be created.
        """
        made = [place] if self._is_ours else []
        made.append(f"{place}/command")
        try:
            for stale in reversed(made):  # remove empty groups; a group with a process stays, and then mkdir fails
                with suppress(FileNotFoundError):
                    os.rmdir(stale)
            for directory in made:
                os.mkdir(directory, 0o755)
            # Linux < 5.14 cannot kill all processes of a group in one step
            if not os.path.exists(f"{place}/command/cgroup.kill"):
                raise OSError
        except OSError:
            for directory in reversed(made):
                with suppress(OSError):
                    os.rmdir(directory)
            return False
        self.directory = place
        return True

    def inherit(self, place: str) -> None:
        """Continue to use the control group ``place``, which an earlier keeper used until that keeper was killed."""
        self.directory = place
        self._is_ours = not place.endswith(".scope")

    def fork_beside(self) -> Pid:
        """Fork like ``os.fork``, with two differences. The child's parent is the parent of this process. The child starts in the
        control group.

        OSError may also be raised in the child.
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
        entrance = os.open(f"{self.directory}/command/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
        try:
            pid = _clone()  # clone3 is forbidden, so the child moves itself, which takes some milliseconds
            if pid == 0:
                os.write(entrance, b"0")
            return pid
        finally:
            os.close(entrance)

    def hold(self, holder: Pid, life: socket.socket) -> None:
        """Note the pid of the holder, which keeps the PAM session open. The holder ends when ``life`` is closed."""
        self.holder = holder
        self._life = life

    def contain(self, init: Pid) -> None:
        """Note the first process of the run's pid namespace, a child of this process. It is not counted as one of the run's."""
        self.is_contained = True
        self._init = init

    def note_end(self, child: Pid) -> None:
        """Note that wait(2) has returned this child of this process."""
        if child == self.holder:
            self.holder = 0
        elif child == self._init:
            self._init = 0

    def end_namespace(self) -> None:
        """End all processes in the pid namespace of the run at once, if it has one."""
        if self._init:
            self._init_ends_by = self._init_ends_by or time.monotonic() + TRACED
            os.kill(self._init, signal.SIGKILL)  # nobody has waited for it yet, so the pid still belongs to it

    def close_session(self, within: float) -> bool:
        """Let the holder close the session, or kill it after ``within`` seconds. Return True once it has ended."""
        now = time.monotonic()
        if self._life is not None:
            self._life.close()
            self._life = None
            self._holder_ends_by = now + within
        if self.holder and now > self._holder_ends_by:
            kill_all(lambda: descendants(self.holder) | {self.holder})
        return not self.holder

    def kill(self) -> None:
        """Kill all processes of the run now. The caller repeats this call until ``is_empty`` returns True, because processes
        outside the group are killed one by one. If the run has a pid namespace, these are only what PAM modules have left.
        """
        self.end_namespace()
        if self.directory is not None:
            try:
                with open(f"{self.directory}/command/cgroup.kill", "w", encoding="ascii") as file:
                    file.write("1")
            except OSError:
                pass
        kill_all(self._without_holder)

    def found(self) -> set[Pid]:
        """Return all known processes of the run, without the holder and the holder's descendants."""
        groups = [f"{self.directory}/command"] if self.directory is not None else []
        return (members(groups) | self._without_holder()) - {self.holder}

    def hang_up(self) -> None:
        """Send SIGHUP and SIGCONT to each process of the run, once, also to those forked since the last call."""
        groups = [f"{self.directory}/command"] if self.directory is not None else []

        def find() -> set[Pid]:
            return members(groups) | self._without_holder()

        if find() - self._hung_up:
            self._hung_up |= hang_up_all(find, groups, but_not=self._hung_up)

    def is_empty(self) -> bool:
        """True if only the holder and the namespace's init are left. The caller has waited for its dead children."""
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if _lives_any_of(os.getpid(), {self.holder, self._init}):
                return False
        except ChildProcessError:
            pass
        if self._init and (time.monotonic() < self._init_ends_by or _lives_any_of(self._init)):
            return False
        if self.directory is None:
            return True
        try:
            with open(f"{self.directory}/command/cgroup.events", encoding="ascii") as file:
                return "populated 0" in file.read()
        except FileNotFoundError:
            return True

    def remove(self) -> bool:
        """Remove the empty control group. Return True if the group does not exist any more."""
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
        """Return the descendants of this process, without the init of the pid namespace, the holder and what is below the holder:
        PAM modules need that to open and close the session, and it ends with the holder, or later.
        """
        return descendants(but_not=self.holder) - {self._init}


def fork_sibling() -> Pid:
    """Fork in the same way as ``os.fork``, but the parent of the child is the parent of this process. Raises OSError."""
    return _clone()


def rehearse_fork() -> None:
    """Do all of ``fork_sibling`` but fork: clone3(2) with arguments of size 0, which the kernel refuses (EINVAL)."""
    _fork(SYS_CLONE3, ctypes.byref((ctypes.c_uint64 * 11)()), ctypes.c_size_t(0))


def _remove_tree(directory: str) -> None:
    for below, _, _ in os.walk(directory, topdown=False):
        with suppress(OSError):
            os.rmdir(below)


def _clone(group: int | None = None) -> Pid:
    """Call clone3(2). If the host does not permit it and ``group`` is None, call clone(2) instead. If this process has no
    threads, the child is in the same state as after ``os.fork``, but its parent is the parent of this process, and it starts in
    the control group of the descriptor ``group``, if there is one. Raises OSError.
    """
    flags = CLONE_PARENT | (0 if group is None else CLONE_INTO_CGROUP)
    arguments = (ctypes.c_uint64 * 11)(flags, 0, 0, 0, 0, 0, 0, 0, 0, 0, group or 0)
    pid, error = _fork(SYS_CLONE3, ctypes.byref(arguments), ctypes.c_size_t(ctypes.sizeof(arguments)))
    if pid < 0 and group is None and error in (errno.ENOSYS, errno.EPERM) and os.uname().machine in SYS_CLONE:
        nothing = (ctypes.c_long(0),) * 4
        pid, error = _fork(SYS_CLONE[os.uname().machine], ctypes.c_long(CLONE_PARENT), *nothing)
    if pid < 0:
        raise OSError(error, os.strerror(error))
    return pid


def _fork(number: int, *arguments: object) -> tuple[Pid, int]:
    """Make the system call ``number``, which forks, as ``os.fork`` makes fork(2): between the functions with which Python gets
    ready for a fork and puts itself in order after it ("Process Control" in the C API of Python). From Python 3.13 on, a child
    without the first of them is aborted, because it gives back a lock that nobody has taken.

    Return the pid (0 in the child, -1 if no child was made), and the number of the error.
    """
    pid, error = -1, 0
    _python.PyOS_BeforeFork()
    try:
        pid = _python.syscall(ctypes.c_long(number), *arguments)
        error = ctypes.get_errno()
    finally:
        if pid == 0:
            _python.PyOS_AfterFork_Child()
        else:
            _python.PyOS_AfterFork_Parent()
    return pid, error


def changed_child() -> Pid | None:
    """Return a child that has ended or stopped and was not waited for, or None."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return None if found is None else found.si_pid


def has_executed(pid: Pid) -> bool:
    """True once a forked child has executed a program, until wait(2) is called for it."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return not int(file.read(4096).rpartition(b")")[2].split()[6]) & NOT_EXECUTED
    except (OSError, ValueError, IndexError):
        return False


def children(of: Pid) -> set[Pid]:
    """Return the children of ``of``, which has one thread, with dead ones that nobody has waited for."""
    try:
        with open(f"/proc/{of}/task/{of}/children", "rb") as file:
            return {int(word) for word in file.read().split()}
    except FileNotFoundError:  # a kernel without that file, or the process has ended
        return {int(name) for name in os.listdir("/proc") if name.isdigit() and look_at(int(name))[0] == of}


def _lives_any_of(parent: Pid, but_not: Collection[Pid] = ()) -> bool:
    """True if a child of ``parent`` lives. A dead one that is traced (ptrace(2)) is still there, and its children come to
    ``parent`` before it is seen as dead, so this looks until it finds nobody new.
    """
    found: set[Pid] = set()
    while new := children(parent) - found:
        if not all(pid in but_not or look_at(pid)[1] for pid in new):
            return True
        found |= new
    return False


def descendants(of: Pid = 0, *, but_not: Pid = 0) -> set[Pid]:
    """Return all descendants of the process ``of``, or of this process if ``of`` is 0. The process ``but_not`` and all its
    descendants are left out.

    A monitor is a subreaper. Therefore every process that was started below the monitor stays below the monitor, even if the
    process tries to hide. Zombies are left out, because a fork bomb creates thousands of zombies.
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
