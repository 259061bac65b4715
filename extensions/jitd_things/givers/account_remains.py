# SPDX-License-Identifier: Apache-2.0
"""Removes an account's jobs of cron and at, its keys in the kernel, its System V IPC objects, and its temporary files. Also
switches off lingering (loginctl(1)).

Law: paths are built only from the account's name and uid. Some things can be removed only by the account itself, so a child
process with the rights of the account removes them. Sources: cron(8), at(1), loginctl(1), keyctl(2), shmctl(2), keyrings(7),
proc(5).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import re
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from jitd.core.wording import listed
from jitd_things.givers import executing
from jitd_things.givers.account_removal import Removal

CRONTABS = (Path("/var/spool/cron/crontabs"), Path("/var/spool/cron"), Path("/var/spool/cron/tabs"))
"""Directories in which the file with an account's jobs is named after the account."""
AT = (Path("/var/spool/cron/atjobs"), Path("/var/spool/at"), Path("/var/spool/atjobs"))
"""Directories in which each job of at(1) is a file that belongs to the account."""
MAILBOXES = (Path("/var/mail"), Path("/var/spool/mail"))
TEMPORARY = tuple(map(Path, ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue")))
"""Directories in which everybody may make files. The system would remove the files there later anyway."""
MOST_TOLD = 3
ENDS_WITHIN = 2.0  # seconds within which a child ends that removes what an account has left
LINGERING = Path("/var/lib/systemd/linger")
BOOTED = Path("/run/systemd/system")  # a directory that exists if systemd is process 1 (sd_booted(3))
LOGINCTL, TIMEOUT = "/usr/bin/loginctl", "/usr/bin/timeout"
IPC = Path("/proc/sysvipc")
KEYS = Path("/proc/keys")
_KEYCTL = {
    "x86_64": 250, "i686": 288, "aarch64": 219, "armv7l": 311, "riscv64": 219, "loongarch64": 219, "ppc64le": 271, "s390x": 280,
}  # fmt: skip
"""Maps the machine type to the number of the system call keyctl(2). The C library has no function for this call."""
_SET_PERMISSIONS, _DESCRIBE, _CLEAR, _REVOKE, _INVALIDATE = 5, 6, 7, 3, 21
_SERIAL = re.compile(rb"[0-9a-f]{8} ")  # how a line of /proc/keys begins
_DESCRIPTION = 8192  # bytes that the kernel tells of a key at most: a page of its description, and some numbers
_ALL = 0x003F0000  # a mask that gives the owner of a key all permissions
_IPC_RMID = 0


def unschedule(account: str, uid: int) -> list[str]:
    """Remove everything that would start a process of the account later. Return what stays, as parts of a sentence."""
    left: list[str] = []
    for directory in (*CRONTABS, LINGERING):
        _unlink(directory / account, left)
    for directory in AT:
        with suppress(FileNotFoundError, NotADirectoryError):
            for entry in list(os.scandir(directory)):
                if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == uid:
                    _unlink(Path(entry.path), left)
    return left


def _unlink(file: Path, left: list[str]) -> None:
    try:
        file.unlink()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return
    except OSError as fault:
        left.append(f"{file}: {fault.strerror}")


def end_sessions(uid: int) -> list[str]:
    """Make logind forget the account's sessions and its directory in /run/user now, and not only later."""
    if BOOTED.is_dir() and os.access(LOGINCTL, os.X_OK):
        executing.run([TIMEOUT, "3", LOGINCTL, "terminate-user", str(uid)])
    return []


def left_in_kernel(uid: int, ender: int | None) -> list[str]:
    """Remove the account's System V IPC objects and keys. Return what is left, as parts of a sentence. Raises OSError."""
    as_account(uid, ender, _remove_ipc)
    as_account(uid, ender, _remove_keys)
    left = [f"System V {kind} {id}" for kind, ids in _ipc_of(uid).items() for id in ids][:MOST_TOLD]
    return [*left, *(["keys in the kernel"] if as_account(uid, ender, _has_keys) else [])]


def left_in_shared(account: str, uid: int, ender: int | None, until: float) -> list[str]:
    """Remove the account's mailbox, and what the account has in the host's temporary directories, until the time ``until`` (on
    CLOCK_MONOTONIC). Return what stays, as parts of a sentence. A child with the rights of the account removes the temporary
    files, so nobody else's are ever removed. Raises OSError.
    """
    left: list[str] = []
    for directory in MAILBOXES:
        _unlink(directory / account, left)

    def empty(_: int) -> bool:
        is_left = False
        for place in TEMPORARY:
            with suppress(FileNotFoundError):
                directory = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                with os.scandir(directory) as entries:
                    for entry in entries:
                        removal = Removal(until)
                        removal.remove(directory, entry.name)
                        is_left |= not removal.is_refused and bool(removal.left)
        return is_left

    if as_account(uid, ender, empty, until):
        left.append(f"files in {listed(tuple(map(str, TEMPORARY)), 'or')}, which could not all be removed")
    return left


def as_account(uid: int, ender: int | None, deed: Callable[[int], bool | None], until: float = 0.0) -> bool:
    """Fork a child that has the rights of the account and calls ``deed`` with ``uid``. Return True if the result of ``deed`` is
    true. The child has the rights by its effective uid alone, so no process of the account can stop it (kill(2), ptrace(2)).
    Raises OSError if the child fails, or has not ended shortly after ``until`` (on CLOCK_MONOTONIC).
    """
    pid = os.fork()
    if pid == 0:
        status = 2
        try:
            own = uid if ender is None else ender
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(own, uid, own)
            status = 1 if deed(uid) else 0
        finally:
            os._exit(status)
    process = os.pidfd_open(pid)
    try:
        if not select.select([process], [], [], max(until - time.monotonic(), 0) + ENDS_WITHIN)[0]:
            os.kill(pid, signal.SIGKILL)
    finally:
        os.close(process)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status not in (0, 1):
        raise OSError(errno.ETIMEDOUT, "what an account has left could not be removed")
    return status == 1


def _remove_ipc(uid: int) -> None:
    library = ctypes.CDLL(None)
    found = _ipc_of(uid)
    for id in found["shm"]:
        library.shmctl(ctypes.c_int(id), ctypes.c_int(_IPC_RMID), None)
    for id in found["sem"]:
        library.semctl(ctypes.c_int(id), ctypes.c_int(0), ctypes.c_int(_IPC_RMID))
    for id in found["msg"]:
        library.msgctl(ctypes.c_int(id), ctypes.c_int(_IPC_RMID), None)


def _ipc_of(uid: int) -> dict[str, list[int]]:
    """Return a dictionary that maps each kind of IPC to the ids of the objects that ``uid`` has made or owns."""
    found: dict[str, list[int]] = {}
    for kind in ("shm", "sem", "msg"):
        found[kind] = []
        with suppress(FileNotFoundError):
            head, *rows = (IPC / kind).read_text("ascii").strip().split("\n")
            names = head.split()
            id, *owners = names.index(f"{kind}id" if kind != "msg" else "msqid"), names.index("uid"), names.index("cuid")
            found[kind] = [int(row.split()[id]) for row in rows if uid in [int(row.split()[owner]) for owner in owners]]
    return found


def _keys_of(uid: int) -> dict[int, bytes]:
    r"""Map the serial number of each key of ``uid`` that is visible to this process to its type. Raises OSError.

    The kernel writes the description of a key as it is, and it may have more lines, so /proc/keys says no more than which numbers
    there may be. Whose a key is, and of which type, is asked of the kernel by the number.
    """
    lines = KEYS.read_bytes().split(b"\n") if KEYS.exists() else []
    numbers = {int(line[:8], 16) for line in lines if _SERIAL.match(line)}
    told = {serial: _described(serial).split(b";") for serial in numbers}
    return {serial: fields[0] for serial, fields in told.items() if fields[1:2] == [b"%d" % uid]}


def _remove_keys(uid: int) -> None:
    # A key may be removed by who possesses it, by a keyring: so the keyrings come last.
    for serial, kind in sorted(_keys_of(uid).items(), key=lambda key: key[1] == b"keyring"):
        _keyctl(_SET_PERMISSIONS, serial, _ALL)
        if kind == b"keyring":
            _keyctl(_CLEAR, serial)
        _keyctl(_REVOKE, serial)
        _keyctl(_INVALIDATE, serial)


def _has_keys(uid: int) -> bool:
    return bool(_keys_of(uid))


def _described(serial: int) -> bytes:
    """Return ``TYPE;UID;GID;PERMISSIONS;DESCRIPTION`` of a key, or nothing if it does not exist any more. Raises OSError."""
    room = ctypes.create_string_buffer(_DESCRIPTION)
    size = _keyctl(_DESCRIBE, serial, ctypes.addressof(room), _DESCRIPTION)
    return room.raw[: max(size, 0)]


def _keyctl(deed: int, serial: int, *arguments: int) -> int:
    number = _KEYCTL.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, f"jitd does not know the keys of the kernel on {platform.machine()}")
    more = (ctypes.c_ulong(each) for each in (*arguments, 0, 0, 0))
    return int(ctypes.CDLL(None).syscall(ctypes.c_long(number), ctypes.c_int(deed), ctypes.c_int(serial), *more))
