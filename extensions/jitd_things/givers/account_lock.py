# SPDX-License-Identifier: Apache-2.0
"""The lock under which shadow-utils and PAM change passwd(5) and shadow(5). Any account may hold it through a set-uid program,
such as chsh(1), and a program that is stopped or frozen never releases it.

Law: jitd takes the lock away only from a process that runs for the holder of an account that ends. Everybody else is waited for,
and named. A tool is executed by the process that has the lock already, because such a lock is kept over execve(2). So nobody can
take it in between. Sources: lckpwdf(3), fcntl(2) F_GETLK, execve(2), pidfd_open(2), cgroups(7).
"""

from __future__ import annotations

import fcntl
import os
import pwd
import select
import signal
import struct
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from jitd.files.processes import control_groups_of, uids_of
from jitd_things.givers.executing import ENVIRONMENT, Ended
from jitd_things.givers.kind import named

LOCK = Path("/etc/.pwd.lock")
FILES = tuple(Path(f"/etc/{name}.lock") for name in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid"))
"""Files that contain the pid of the tool of shadow-utils that has made them. Only who has the lock makes them."""
WAITS_FOR = 3.0  # seconds to wait for the lock, however many processes keep it one after the other
LEAVES_FOR = 0.5  # seconds that the holder's processes may keep it. A tool that nobody stops needs milliseconds
ENDS_WITHIN = 5.0  # seconds within which a tool ends that has the lock
LOOK_AGAIN = 0.002
_FLOCK = "hhqqi0q"


def run(words: list[str], ending: Collection[int] = ()) -> Ended | str:
    """Wait for the lock, run the command line ``words``, which takes it, and wait until it ends. Kill processes that keep
    the lock too long and run for one of the uids ``ending``. If somebody else keeps the lock too long, return a sentence that
    says who. Raises OSError.
    """
    output = os.memfd_create("output")
    is_waiting, waits = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(words, output)
    os.close(waits)
    process = os.pidfd_open(pid)
    try:
        if fault := _given(is_waiting, pid, ending):
            return fault
        if not select.select([process], [], [], ENDS_WITHIN)[0]:
            return f"{words[0]} has not ended within {ENDS_WITHIN:g} s"
    finally:
        signal.pidfd_send_signal(process, signal.SIGKILL)  # (a zombie takes it, too)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        said = os.pread(output, os.fstat(output).st_size, 0)
        for descriptor in (process, is_waiting, output):
            os.close(descriptor)
    return Ended(status, said)


def _become(words: list[str], output: int) -> None:
    """In a child: wait for the lock, and then execute ``words``."""
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir("/")
        lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        fcntl.lockf(lock, fcntl.LOCK_EX)
        for file in FILES:  # its maker has lost the lock, but a zombie, or a process with its pid, seems to have it
            with suppress(FileNotFoundError):
                if file.read_bytes().strip(b"\0\n ").isdigit():
                    file.unlink()
        os.set_inheritable(lock, True)
        os.execve(words[0], words, ENVIRONMENT)
    except BaseException as fault:
        os.write(2, f"{words[0]}: {fault}".encode("utf-8", "surrogateescape"))
    finally:
        os._exit(127)


def _given(is_waiting: int, child: int, ending: Collection[int]) -> str:
    """Wait until ``child`` has the lock, which closes the pipe ``is_waiting``. If it has not, return who keeps the lock."""
    began = time.monotonic()
    while not select.select([is_waiting], [], [], LOOK_AGAIN)[0]:
        pid, waited = _holder(), time.monotonic() - began
        if pid in (0, child):
            continue
        if waited > WAITS_FOR:
            return f"{_told(pid)} keeps {LOCK} locked: end it (a tool such as vipw or passwd is open, or was stopped)"
        if waited > LEAVES_FOR:
            _kill(pid, ending)
    return ""


def _holder() -> int:
    """Return the pid of the process that holds the lock, 0 if nobody holds it, and -1 if the process cannot be seen."""
    try:
        descriptor = os.open(LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
        return 0 if kind == fcntl.F_UNLCK else pid or -1
    finally:
        os.close(descriptor)


def _kill(pid: int, ending: Collection[int]) -> None:
    """Kill ``pid`` if it runs for one of the uids ``ending``, also if it is frozen."""
    try:
        process = os.pidfd_open(pid) if pid > 0 else -1
    except OSError:
        return
    if process < 0:
        return
    try:
        if _holder() == pid and _runs_for(pid, ending):  # the descriptor refers to the process that was looked at
            signal.pidfd_send_signal(process, signal.SIGKILL)
            select.select([process], [], [], LEAVES_FOR)
    finally:
        os.close(process)


def _runs_for(pid: int, uids: Collection[int]) -> bool:
    """True if ``pid`` has one of ``uids`` as its real uid, or is in the slice of one of these users (systemd.slice(5))."""
    with suppress(OSError):
        slices = [b"/user.slice/user-%d.slice/" % uid for uid in uids]  # the user chooses names below it
        groups = [b"%s/" % group for group in control_groups_of(pid).values()]
        return uids_of(pid)[0] in uids or any(group.startswith(tuple(slices)) for group in groups)
    return False


def _told(pid: int) -> str:
    try:
        name, uid = Path(f"/proc/{pid}/comm").read_bytes().rstrip(b"\n"), uids_of(pid)[0]
    except OSError:
        return "a process that jitd cannot see"
    with suppress(KeyError):
        return f"{named(name)} ({pid}) of {named(pwd.getpwuid(uid).pw_name)}"
    return f"{named(name)} ({pid}) of the uid {uid}"
