# SPDX-License-Identifier: Apache-2.0
"""The keys by which a server of NATS knows its users: Ed25519, in NATS' own writing. A seed begins with SU, a public key with U.

Law: what is read is a key in exactly one writing, or none. A key opens the way to the engine and gives no right at a host.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat

from jitd_fleet import ed25519

SEED = bytes((0x95, 0x00))  # before a seed of a user: 18 << 3 with the upper three bits of 20 << 3, and then its other five
USER = bytes((0xA0,))  # the byte before a public key of a user: 20 << 3


class NoKey(Exception):
    """There is no key. The message says why, as a sentence."""


class NotAKey(NoKey):
    """A text is not a key in NATS' writing."""


class Key:
    """The key of one user. Raises NoKey if ``seed`` is none, or there is no libcrypto."""

    def __init__(self, seed: str) -> None:
        self._private = _read(seed, SEED)
        try:
            self.public = _written(USER, ed25519.public_of(self._private))
        except ed25519.NoLibcrypto:
            raise NoKey("a key for the engine takes OpenSSL's libcrypto, which is not here") from None

    def sign(self, nonce: str) -> bytes:
        """Return the signature of what the server sent, as nats-py passes it on."""
        return base64.b64encode(ed25519.sign(self._private, nonce.encode()))


def make() -> str:
    """Return the seed of a new key."""
    return _written(SEED, os.urandom(ed25519.N_KEY))


def is_public(text: str) -> bool:
    """True if ``text`` is the public key of a user."""
    try:
        _read(text, USER)
    except NoKey:
        return False
    return True


def load(file: str) -> Key:
    """Return the key whose seed is in ``file``. Raises NoKey if there is none, or others may read it."""
    try:
        with open(file, "rb") as opened:
            status = os.fstat(opened.fileno())
            if status.st_uid not in (0, os.geteuid()) or status.st_mode & (stat.S_IRWXO | stat.S_IWGRP):
                raise NoKey(f"{file} must be yours or root's, and closed to others: chmod 600 {file}")
            seed = opened.read(128)
    except OSError as fault:
        raise NoKey(f"{file}, the key for the engine, cannot be read: {fault.strerror} (jitd-door enrol makes one)") from None
    try:
        return Key(seed.decode("ascii").removesuffix("\n"))
    except (NotAKey, UnicodeDecodeError):
        raise NoKey(f"{file} has no seed of a user of NATS, which begins with SU (jitd-door enrol makes one)") from None


def write(file: str) -> Key:
    """Make a key, with its seed in the new ``file``, which only this account can read. Raises NoKey."""
    seed = make()
    try:
        os.makedirs(os.path.dirname(file) or ".", mode=0o700, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w") as opened:
            opened.write(f"{seed}\n")
    except OSError as fault:
        raise NoKey(f"{file}, the key for the engine, cannot be written: {fault.strerror}") from None
    return Key(seed)


def _written(prefix: bytes, raw: bytes) -> str:
    body = prefix + raw
    whole = body + binascii.crc_hqx(body, 0).to_bytes(2, "little")
    return base64.b32encode(whole).decode().rstrip("=")


def _read(text: str, prefix: bytes) -> bytes:
    try:
        whole = base64.b32decode(text + "=" * (-len(text) % 8))
    except (ValueError, binascii.Error):
        raise NotAKey("not a key") from None
    raw = whole[len(prefix) : -2]
    if len(raw) != ed25519.N_KEY or _written(prefix, raw) != text:
        raise NotAKey("not a key")
    return raw
