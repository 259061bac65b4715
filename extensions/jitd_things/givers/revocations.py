# SPDX-License-Identifier: Apache-2.0
"""Reads and extends a key revocation list of OpenSSH (KRL). The functions find out whether a list revokes a certificate id, and
add an id to a list.

Law: entries of the list are never lost. sshd never reads a half-written list, because a complete new file replaces the old file.
If the list is missing, no new list is made, because an empty list would no longer revoke the certificates of the old list.
Sources: ssh-keygen(1) "KEY REVOCATION LISTS", sshd_config(5) RevokedKeys, PROTOCOL.krl of OpenSSH.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from jitd.files.durable import locked, sync
from jitd_things.givers import executing

KEYGEN = "/usr/bin/ssh-keygen"
LOCK = Path("/run/jitd-givers/krl.lock")  # held while a list is changed: two givers may have the same one
TRIES = 5  # maximum number of times that the list is read again if somebody else has changed the list at the same moment
ANY_CA = "none"
"""As the CA (-s), it revokes a certificate by its id, whichever CA has signed it: ours may have changed."""


class Unusable(Exception):
    """The list or a tool cannot be used now. The text is a sentence that says what is wrong and what to do."""


def is_revoked(krl: Path, id: str) -> bool:
    """True if ``krl`` revokes certificates with the id ``id``. Raises Unusable and OSError."""
    _check(krl)
    return _has(krl, id)


def revoke(krl: Path, id: str, lock: Path = LOCK) -> None:
    """Add the certificate id ``id`` to the list ``krl``, so that the list revokes the certificate. The list is stored on the
    disk when this function returns. Raises Unusable and OSError.
    """
    krl = Path(os.path.realpath(krl))
    _check(krl)
    with locked(lock):
        for _ in range(TRIES):
            before = os.stat(krl)
            if _has(krl, id):
                sync(krl.parent)  # an earlier process may have been killed after its rename
                return
            new = krl.with_name(f".{krl.name}.jitd")
            with suppress(FileNotFoundError):
                new.unlink()
            try:
                _make(krl, new, id)
                if _is_same(before, os.stat(krl)):
                    os.rename(new, krl)
                    sync(krl.parent)
                    return
            finally:
                with suppress(FileNotFoundError):
                    new.unlink()
    raise Unusable(f"somebody else changes {krl} all the time: find out who writes to it")


def _make(krl: Path, new: Path, id: str) -> None:
    """Make ``new`` of ``krl`` and the entry ``id``, with the owner and mode of ``krl``."""
    shutil.copy2(krl, new)
    status = os.stat(krl)
    os.chown(new, status.st_uid, status.st_gid)
    os.chmod(new, stat.S_IMODE(status.st_mode))
    said = executing.run([KEYGEN, "-q", "-k", "-u", "-s", ANY_CA, "-f", str(new), "-"], f"id: {id}\n".encode("ascii"))
    if said.status != 0 or not _has(new, id):
        raise Unusable(f"no entry could be added to {krl}: ssh-keygen says: {said.said or f'status {said.status}'}")
    with open(new, "rb") as stream:
        os.fsync(stream.fileno())


def _has(krl: Path, id: str) -> bool:
    said = executing.run([KEYGEN, "-Q", "-l", "-f", str(krl)])
    if said.status != 0:
        raise Unusable(f"{krl} cannot be read as a list of revoked keys: ssh-keygen -Q -l says: {said.said}")
    is_any_ca = False
    for line in said.output.decode("utf-8", "replace").split("\n"):
        if line.startswith("#"):
            is_any_ca = line == "# Wildcard CA" or (is_any_ca and not line.startswith("# CA key"))
        elif is_any_ca and line == f"id: {id}":
            return True
    return False


def _check(krl: Path) -> None:
    """Raises Unusable if ``krl`` is not a file that only root can change."""
    if not os.access(KEYGEN, os.X_OK):
        raise Unusable(f"this host has no {KEYGEN}: install openssh-client")
    try:
        status = os.stat(krl)
    except FileNotFoundError:
        raise Unusable(f"{krl} is missing: restore it, or make an empty one by ssh-keygen -k -f {krl}") from None
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise Unusable(f"{krl} must be a file that belongs to root, and nobody else may write to it")
    directory = os.path.dirname(os.path.realpath(krl))
    above = os.stat(directory)
    if above.st_uid != os.geteuid() or above.st_mode & 0o022:
        raise Unusable(f"{krl} must be in a directory that belongs to root, and nobody else may write to it: {directory}")


def _is_same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_ino, one.st_size, one.st_mtime_ns) == (other.st_ino, other.st_size, other.st_mtime_ns)
