# SPDX-License-Identifier: Apache-2.0
"""Removes an account's jobs of cron and at, its keys in the kernel, and its System V IPC objects. Also switches off lingering
(loginctl(1)), and finds the account's mounts. Other modules remove the account's processes and files.

Law: paths are built only from the account's name and uid. Some things can be removed only by the account itself, so a child
process with the account's uid removes them. The child process is forked after all processes of the account have ended, so nobody
can disturb the child. Sources: cron(8), at(1), loginctl(1), keyctl(2), shmctl(2), keyrings(7), proc(5).
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from jitd.givers import executing

CRONTABS = (Path("/var/spool/cron/crontabs"), Path("/var/spool/cron"), Path("/var/spool/cron/tabs"))
"""Directories in which the file with an account's jobs is named after the account."""
AT = (Path("/var/spool/cron/atjobs"), Path("/var/spool/at"), Path("/var/spool/atjobs"))
"""Directories in which each job of at(1) is a file that belongs to the account."""
LINGERING = Path("/var/lib/systemd/linger")
BOOTED = Path("/run/systemd/system")
"""A directory that exists if systemd is process 1 (sd_booted(3))."""
LOGINCTL, TIMEOUT = "/usr/bin/loginctl", "/usr/bin/timeout"
IPC = Path("/proc/sysvipc")
KEYS = Path("/proc/keys")
_KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271, "s390x": 280}
"""Maps the machine type to the number of the system call keyctl(2). The C library has no function for this call."""
_SET_PERMISSIONS, _CLEAR, _REVOKE, _INVALIDATE = 5, 7, 3, 21
_ALL = 0x003F0000
"""A mask that gives the owner of a key all permissions."""
_IPC_RMID = 0


def unschedule(account: str, uid: int) -> None:
    """Remove everything that would start a process of the account later. Raises OSError."""
    for directory in (*CRONTABS, LINGERING):
        with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            (directory / account).unlink()
    for directory in AT:
        with suppress(FileNotFoundError, NotADirectoryError):
            for entry in list(os.scandir(directory)):
                if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == uid:
                    os.unlink(entry.path)


def end_sessions(uid: int) -> None:
    """Make logind forget the account's sessions and remove the account's directory below /run/user at once. Without this call,
    logind would do this later.
    """
    if BOOTED.is_dir() and os.access(LOGINCTL, os.X_OK):
        executing.run([TIMEOUT, "5", LOGINCTL, "terminate-user", str(uid)])


def mounted_below(directory: Path) -> list[Path]:
    """Return the mount points at or below ``directory``. A user can make such mounts with FUSE. Raises OSError."""
    lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    places = [Path(os.fsdecode(line.split(b" ")[4].decode("unicode_escape").encode("latin-1"))) for line in lines]
    return [place for place in places if place == directory or directory in place.parents]


def left_in_kernel(uid: int) -> list[str]:
    """Remove the account's System V IPC objects and keys. Return the objects and keys that could not be removed, as parts of a
    sentence. Call this function only when no process of the account is left. Raises OSError.
    """
    _as_account(uid, _remove_ipc)
    _as_account(uid, _remove_keys)
    left = [f"System V {kind} {id}" for kind, ids in _ipc_of(uid).items() for id in ids]
    return left + (["keys in the kernel, which could not be removed on this machine"] if _as_account(uid, _has_keys) else [])


def _as_account(uid: int, deed: Callable[[int], bool | None]) -> bool:
    """Fork a child that runs as the account and calls ``deed`` with ``uid``. Return True if the result of ``deed`` is true.
    Raises OSError.
    """
    pid = os.fork()
    if pid == 0:
        status = 2
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            status = 1 if deed(uid) else 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status not in (0, 1):
        raise OSError(0, "what an account has in the kernel could not be removed")
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
            head, *rows = (IPC / kind).read_text("ascii").splitlines()
            names = head.split()
            id, *owners = names.index(f"{kind}id" if kind != "msg" else "msqid"), names.index("uid"), names.index("cuid")
            found[kind] = [int(row.split()[id]) for row in rows if uid in [int(row.split()[owner]) for owner in owners]]
    return found


def _keys_of(uid: int) -> list[tuple[int, str]]:
    """Return the serial number and the type of each key of ``uid`` that is visible to this process."""
    found = []
    with suppress(OSError):
        for line in KEYS.read_text("utf-8", "replace").splitlines():
            fields = line.split()
            if len(fields) > 7 and fields[5] == str(uid) and "R" not in fields[1] and "i" not in fields[1]:
                found.append((int(fields[0], 16), fields[7]))
    return found


def _remove_keys(uid: int) -> None:
    for serial, kind in _keys_of(uid):
        _keyctl(_SET_PERMISSIONS, serial, _ALL)
        if kind == "keyring":
            _keyctl(_CLEAR, serial)
        _keyctl(_REVOKE, serial)
        _keyctl(_INVALIDATE, serial)


def _has_keys(uid: int) -> bool:
    return bool(_keys_of(uid))


def _keyctl(deed: int, serial: int, argument: int = 0) -> None:
    number = _KEYCTL.get(platform.machine())
    if number is not None:
        library = ctypes.CDLL(None)
        library.syscall(ctypes.c_long(number), ctypes.c_int(deed), ctypes.c_int(serial), ctypes.c_ulong(argument), 0, 0)
