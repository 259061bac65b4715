# SPDX-License-Identifier: Apache-2.0
"""The key with which a host signs the head of its chain, in files that only root can read.

Law: a key is used only on the machine that has made it, and only for the chain that it has signed before. What was promised to
be signed is on the disk before it is signed.
Sources: machine-id(5); RFC 8032 (Ed25519).
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jitd.audit import sshsig
from jitd.core.chain import Seal
from jitd.files import durable

MACHINE_ID = Path("/etc/machine-id")
_FORM = "jitd signing key 1"
_MEMBERS = {"form", "machine", "made_at", "because", "key"}


class Because(StrEnum):
    """Why a key was made."""

    FIRST = "first start"
    LOST = "lost"
    DAMAGED = "damaged"
    EXPOSED = "others could read it"
    COPIED = "made on another machine"
    OTHER = "not the key that the record names"
    RESTORED = "has signed another chain"
    ROTATED = "rotated"


@dataclass(frozen=True, slots=True)
class Key:
    """``machine`` names the machine on which the key was made (``machine``). It is empty if this machine had no name."""

    private: Ed25519PrivateKey = field(repr=False, compare=False)
    public: bytes
    machine: str
    made_at: datetime
    because: Because

    def sign(self, namespace: str, text: str) -> str:
        """Return the armored signature of ``text``, which is ASCII (``sshsig.sign``)."""
        return sshsig.sign(self.private, namespace, text.encode("ascii"))


def make(machine: str, at: datetime, because: Because) -> Key:
    """Make a new key at the time ``at`` (aware), from the kernel's random numbers."""
    private = Ed25519PrivateKey.generate()
    return Key(private, private.public_key().public_bytes_raw(), machine, at, because)


def machine() -> str:
    """Return a name of this machine that only jitd uses, because machine-id(5) asks programs not to show the id itself. Return an
    empty string if this machine has no id, as in some containers. Raises OSError.
    """
    try:
        id = MACHINE_ID.read_text("ascii", "replace").strip()
    except FileNotFoundError:
        return ""
    return hashlib.sha256(f"jitd signing key\n{id}\n".encode()).hexdigest() if len(id) == 32 else ""


class Unusable(Exception):
    """The file of the key is not as jitd has written it, ``because`` says how. The text is a sentence."""

    def __init__(self, because: Because, sentence: str) -> None:
        super().__init__(sentence)
        self.because = because


class KeyFiles:
    """The files in ``directory``: the key in use, a key that is about to be used, and the head that was promised last. Each
    method raises OSError if a file cannot be read or written.
    """

    def __init__(self, directory: Path) -> None:
        self._key = directory / "signing-key"
        self._next = directory / "signing-key.next"
        self._promise = directory / "signing-head"
        self._acknowledged = directory / "signing-key.acknowledged"

    def key(self) -> Key | None:
        """Return the key in use, or None if there is none. Raises Unusable."""
        return _read(self._key)

    def next(self) -> Key | None:
        """Return the key that was put aside. Return None if there is none, or half of one."""
        with suppress(Unusable):
            return _read(self._next)
        return None

    def put_aside(self, key: Key) -> None:
        """Write ``key`` durably, beside the key in use."""
        durable.store(self._next, _written(key))

    def use_next(self) -> None:
        """Put the key that was put aside in the place of the key in use, which is gone after that."""
        os.rename(self._next, self._key)
        durable.sync(self._key.parent)

    def acknowledge(self, key: Key) -> None:
        """Write durably that root knows why ``key`` was made."""
        durable.store(self._acknowledged, key.public.hex().encode("ascii"))

    def is_acknowledged(self, key: Key) -> bool:
        """True if root knows why ``key`` was made. False if the file cannot be read: then root is told once more."""
        try:
            return self._acknowledged.read_bytes() == key.public.hex().encode("ascii")
        except OSError:
            return False

    def promise(self, key: Key, head: Seal) -> None:
        """Write durably that ``key`` signs ``head``. This is written in its place, which also works if the disk is full."""
        line = f"{key.public.hex()} {head.number:020} {head.digest.hex()}\n".encode("ascii")
        file = os.open(self._promise, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            if os.pwrite(file, line, 0) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._promise))
            os.fdatasync(file)
        finally:
            os.close(file)

    def promised(self, key: Key) -> Seal | None:
        """Return the head that ``key`` signs or has signed last. Return None if it is not known."""
        try:
            public, number, seal = self._promise.read_text("ascii").split()
            return Seal(int(number), bytes.fromhex(seal)) if public == key.public.hex() else None
        except (FileNotFoundError, ValueError):
            return None


def _written(key: Key) -> bytes:
    said = {
        "form": _FORM,
        "machine": key.machine,
        "made_at": key.made_at.astimezone(UTC).isoformat(timespec="seconds"),
        "because": key.because,
        "key": key.private.private_bytes_raw().hex(),
    }
    return f"{json.dumps(said)}\n".encode("ascii")


def _read(file: Path) -> Key | None:
    try:
        opened = durable.opened(file)
    except FileNotFoundError:
        return None
    with opened as stream:
        found = os.fstat(stream.fileno())
        if found.st_mode & 0o077 or found.st_uid != os.geteuid():
            raise Unusable(Because.EXPOSED, f"others could read {file}")
        content = stream.read()
    try:
        said = json.loads(content)
        if not isinstance(said, dict) or said.keys() != _MEMBERS or said["form"] != _FORM:
            raise ValueError
        private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(said["key"]))
        made_at = datetime.fromisoformat(said["made_at"])
        return Key(private, private.public_key().public_bytes_raw(), str(said["machine"]), made_at, Because(said["because"]))
    except (ValueError, TypeError, RecursionError):
        raise Unusable(Because.DAMAGED, f"{file} is not a key of jitd") from None
