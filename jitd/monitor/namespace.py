# SPDX-License-Identifier: Apache-2.0
"""The pid namespace of a run, with its own /proc (pid_namespaces(7)).

A control group can be left: a process asks its user manager to move it elsewhere (``systemd-run --user --scope``). No process
leaves a pid namespace, and its children are in the same namespace. When the first process of the namespace (its init) ends, the
kernel kills all others. So all of a run ends at once, and nobody has to search for it.

Law: the init runs as root, holds no descriptor, and executes nothing. It ends when the monitor ends, however the monitor ends.
In the command's process, nothing that uses the host's pids happens after ``mount_proc``.
"""

from __future__ import annotations

import ctypes
import os
import signal
import stat
from contextlib import suppress
from functools import cache
from typing import NoReturn

from jitd.files import mounts
from jitd.files.mounts import OWN
from jitd.monitor.housing import fork_sibling
from jitd.monitor.orders import Job
from jitd.monitor.signalling import Pid, look_at
from jitd.monitor.slate import PR_SET_PDEATHSIG, close_all_but, control_process

CLONE_NEWNS = 0x00020000
CLONE_NEWPID = 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
PROC = "/proc"
POSSIBLE = "+"
MOST_NEIGHBOURS = 4000  # files of a directory, each of which is mounted once more
OF_THE_USER = "/run/user"
"""Where systemd, as root, makes a directory for an account before its manager starts (user-runtime-dir@.service)."""

_libc = ctypes.CDLL(None, use_errno=True)


class Impossible(Exception):
    """This host does not permit a pid namespace. The argument is a sentence that says why."""


def is_required(job: Job) -> bool:
    """True if the command may not run without a namespace."""
    return job.namespace == "always" or job.given_gid is not None


def is_wanted(job: Job) -> bool:
    """True if the command must run in a namespace, if this host permits that. Call this after the PAM session of the account was
    opened, because the session may start the manager of the account.

    If the rule leaves it to jitd ("auto"), this is so for the requester's own account, and for an account that has a manager, but
    never for root (ADR 0093).
    """
    if is_required(job):
        return True
    is_exposed = job.uid != 0 and (job.uid == job.requester_uid or has_manager(job.uid))
    return job.namespace == "auto" and is_exposed and not why_impossible()


@cache
def why_impossible() -> str:
    """Return the sentence that says why this host does not permit a pid namespace with its own /proc, or an empty string. One
    attempt is made, and its result kept: by the launcher, before it forks monitors. Raises OSError if no attempt can be made.
    """
    reading, writing = os.pipe2(os.O_CLOEXEC)
    with open(reading, encoding="utf-8") as file:
        try:
            pid = os.fork()
            if pid == 0:
                _attempt(writing)
        finally:
            os.close(writing)
        found = file.read()
    with suppress(ChildProcessError):  # the launcher ignores SIGCHLD
        os.waitpid(pid, 0)
    return found.removeprefix(POSSIBLE)


def _attempt(writing: int) -> NoReturn:
    try:
        _check(_libc.unshare(CLONE_NEWPID))
        if os.fork() == 0:
            mount_proc()
            os.write(writing, POSSIBLE.encode())
    except (OSError, Impossible) as fault:
        os.write(writing, (_sentence(fault) if isinstance(fault, OSError) else str(fault)).encode())
    finally:
        os._exit(0)


def has_manager(uid: int) -> bool:
    """True if systemd has started a manager for the account ``uid``. Only root can change the answer."""
    return os.path.isdir(f"{OF_THE_USER}/{uid}")


def host_pid() -> Pid:
    """Return the pid of this process on the host, where the monitor looks. Call this before ``mount_proc``. Raises OSError."""
    return int(os.readlink(f"{PROC}/self"))


def enter(monitor: Pid) -> tuple[int, Pid]:
    """Make a pid namespace, with its init as a child of ``monitor``, the parent of this process. What this process forks from now
    on is in the namespace, until it calls ``leave``. Return the descriptor for ``leave``, and the pid of the init.

    Raises Impossible.
    """
    try:
        before = os.open(f"{PROC}/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _check(_libc.unshare(CLONE_NEWPID))
        except OSError:
            os.close(before)
            raise
        try:
            init = fork_sibling()  # the first process that is forked after unshare(2)
        except OSError:
            leave(before)
            raise
    except OSError as fault:
        raise Impossible(_sentence(fault)) from None
    if init == 0:
        _be_init(monitor)
    return before, init


def leave(before: int) -> None:
    """Fork outside of the namespace again. ``before`` comes from ``enter``, and is closed. Raises OSError."""
    _check(_libc.setns(before, CLONE_NEWPID))
    os.close(before)


def _be_init(monitor: Pid) -> NoReturn:
    try:
        control_process(PR_SET_PDEATHSIG, signal.SIGKILL)  # the init gets it, as it comes from outside of the namespace
        if look_at(host_pid())[0] == monitor:
            close_all_but()
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the orphans of the namespace
            while True:
                signal.pause()
    finally:
        os._exit(0)


def mount_proc() -> None:
    """Mount a /proc that shows only the namespace of this process, with the options of the host's. Only this process, and what it
    executes, sees this mount. All other mounts reach the host, and come from it, as before. Raises Impossible.
    """
    try:
        flags, options = _proc_of_the_host()
        _check(_libc.unshare(CLONE_NEWNS))
        _check(_libc.mount(None, PROC.encode(), None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None))
        _check(_libc.mount(b"proc", PROC.encode(), b"proc", ctypes.c_ulong(flags), options.encode()))
    except OSError as fault:
        raise Impossible(_sentence(fault)) from None


def leave_mounts() -> bool:
    """Give this process mounts of its own: none that it makes from now on reaches the host or the run, and none comes from there.
    Return False if this host does not permit that.
    """
    try:
        _check(_libc.unshare(CLONE_NEWNS))
        _check(_libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None))
    except OSError:
        return False
    OWN.close()  # the open file is that of the mounts before
    return True


def mount_memory(at: bytes) -> bool:
    """Mount an empty file system in memory at ``at``, after ``leave_mounts``. Return False if that is not permitted."""
    return bool(_libc.mount(b"jitd", at, b"tmpfs", ctypes.c_ulong(MS_NOSUID | MS_NODEV), b"mode=700,size=1m") == 0)


def lay_over(file: bytes, target: int) -> bool:
    """Have the name of ``target`` (O_PATH) lead to ``file``, after ``leave_mounts``. Return False if that is not permitted."""
    return bool(_libc.mount(file, _link_to(target), None, ctypes.c_ulong(MS_BIND), None) == 0)


def lay_beside(directory: int, place: bytes) -> bool:
    """Let the directory ``directory``, which is open, lead to ``place``, a directory in memory, which gets all that is in
    ``directory``, too, by bind mounts. Call this only after ``leave_mounts``. Return False if this host does not permit that, or
    if it would take more than MOST_NEIGHBOURS mounts. Raises OSError.
    """
    names = os.listdir(directory)
    if len(names) > MOST_NEIGHBOURS:
        return False
    for name in map(os.fsencode, names):
        try:
            entry = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        except FileNotFoundError:  # it was removed just now
            continue
        try:
            if not _is_shown(entry, os.path.join(place, name)):
                return False
        finally:
            os.close(entry)
    return bool(_libc.mount(place, _link_to(directory), None, ctypes.c_ulong(MS_BIND | MS_REC), None) == 0)


def _is_shown(entry: int, at: bytes) -> bool:
    """Make the file, directory or link ``entry``, which is open (O_PATH), be found at ``at``, too, with its own mounts."""
    mode = os.fstat(entry).st_mode
    if stat.S_ISLNK(mode):
        os.symlink(os.readlink(b"", dir_fd=entry), at)
        return True
    if stat.S_ISDIR(mode):
        os.mkdir(at)
    else:
        os.close(os.open(at, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC))
    return bool(_libc.mount(_link_to(entry), at, None, ctypes.c_ulong(MS_BIND | MS_REC), None) == 0)


def _link_to(file: int) -> bytes:
    return b"%s/self/fd/%d" % (PROC.encode(), file)


def _proc_of_the_host() -> tuple[int, str]:
    """Return the flags and the options of the mount at /proc, such as ``hidepid=invisible`` (proc(5)). Raises OSError."""
    here = [mount for mount in mounts.of_process().values() if mount.kind == "proc" and mount.point == PROC.encode()]
    if not here:
        raise FileNotFoundError(2, "nothing is mounted at /proc")
    over = here[-1]  # a later one lies over the earlier
    read_only = MS_RDONLY if b"ro" in over.options else 0
    options = b",".join(each for each in over.of_kind if each not in (b"rw", b"ro"))
    return MS_NOSUID | MS_NODEV | MS_NOEXEC | read_only, os.fsdecode(options)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _sentence(fault: OSError) -> str:
    return f"this host does not permit a pid namespace of its own: {fault.strerror}"
