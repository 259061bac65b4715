# SPDX-License-Identifier: Apache-2.0
"""The home directory of an account that jitd has made, and the account's file of keys. A person who has a key from this file can
log in to the account through sshd.

Law: a home directory is complete or does not exist, because it is filled under another name and then renamed. The file of keys
belongs to root and is outside the home, so that a user of the account cannot add a key. A reboot removes the file of keys.
Sources: sshd(8) "AUTHORIZED_KEYS FILE FORMAT", sshd_config(5).
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from jitd_things.givers import executing
from jitd_things.givers.account_removal import Removal

SKELETON = Path("/etc/skel")
KEYS = Path("/run/jitd-accounts")  # the files of keys, named after their accounts. sshd reads each with the rights of its account
SSHD = "/usr/sbin/sshd"


def make(home: Path, uid: int) -> None:
    """Make ``home`` for ``uid``, with a copy of /etc/skel and mode 0700, unless it exists. Raises OSError."""
    if home.is_dir():
        return
    new = _new(home)
    if new.exists():  # of a deed that was killed; nobody else had it
        shutil.rmtree(new)
    new.mkdir(mode=0o700)
    if SKELETON.is_dir():
        shutil.copytree(SKELETON, new, symlinks=True, dirs_exist_ok=True)
    for directory, _, files in os.walk(new, topdown=False):  # only root enters it before it is theirs, at last
        for name in (*files, ""):
            os.chown(os.path.join(directory, name) if name else directory, uid, uid, follow_symlinks=False)
    os.chmod(new, 0o700)
    os.rename(new, home)


def remove(home: Path, until: float) -> list[str]:
    """Remove ``home`` and its whole content, including files of other owners, until the time ``until`` (on CLOCK_MONOTONIC).
    Return what stays, as parts of a sentence. Raises OSError.
    """
    left = []
    for place in (_new(home), home):
        directory = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            removal = Removal(until)
            removal.remove(directory, place.name)
            left += [f"its home {place}: {', '.join(removal.left)}"] if removal.left else []
        finally:
            os.close(directory)
    return left


def _new(home: Path) -> Path:
    return home.with_name(f".{home.name}.new")


# --- the key ---------------------------------------------------------------------------------------------------------


def line_of(key: str, holding: str, until: int) -> str:
    """Return the line for ``key`` in a file of keys. sshd accepts the key only until the time ``until`` (seconds since 1970)."""
    expires = time.strftime("%Y%m%d%H%M%S", time.localtime(until))  # sshd reads this time in the time zone of the host
    return f'expiry-time="{expires}" {key} jitd:{holding}\n'


def admit(account: str, line: str) -> None:
    """From now on, let the holder of the key in ``line`` log in through sshd as ``account``. Raises OSError."""
    KEYS.mkdir(mode=0o755, exist_ok=True)
    os.chmod(KEYS, 0o755)
    new = KEYS / f".{account}.new"
    with suppress(FileNotFoundError):
        new.unlink()
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with open(descriptor, "w", encoding="ascii") as stream:
        os.fchmod(descriptor, 0o644)  # sshd reads the file as the account
        stream.write(line)
    os.rename(new, KEYS / account)


def admitted(account: str) -> str:
    """Return the line with which sshd lets somebody in as ``account``, or "". Raises OSError."""
    with suppress(FileNotFoundError):
        return (KEYS / account).read_text("ascii", "replace")
    return ""


def shut(account: str) -> None:
    """Make sshd refuse every key for ``account``, without a lock or what the account can touch. Raises OSError."""
    for name in (f".{account}.new", account):
        with suppress(FileNotFoundError):
            (KEYS / name).unlink()


def why_shut(account: str) -> str:
    """Return a sentence why sshd would not read the file of keys of ``account``, or "" if it would."""
    lines = f'"Match User jit-*" and "AuthorizedKeysFile {KEYS}/%u" (jitd.toml(5), kind account)'
    if not os.access(SSHD, os.X_OK):
        return f"this host has no {SSHD}, so a key opens nothing: ask without --key"
    said = executing.run([SSHD, "-T", "-C", f"user={account},host=localhost,addr=127.0.0.1"])
    if said.status != 0:
        return f"sshd does not say where it looks for keys: {said.said}"
    for line in said.output.decode("utf-8", "replace").split("\n"):
        word, _, files = line.partition(" ")
        if word == "authorizedkeysfile":
            return "" if files.split() == [f"{KEYS}/%u"] else f"sshd looks for keys in {files}: sshd_config needs {lines}"
    return f"sshd looks for no keys: sshd_config needs {lines}"
