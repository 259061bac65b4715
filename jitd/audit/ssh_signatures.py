# SPDX-License-Identifier: Apache-2.0
"""Signatures of persons, as `ssh-keygen -Y sign` makes them with each kind of key by which somebody may approve.

Law: pure, for Python 3.9 and later. One signature has one spelling, and what differs from it by a byte is refused. But who knows
an ECDSA signature (r, s) can make (r, n - s), which is good, too: a signature is never what tells two texts apart.
A good signature says whose key has signed. Whether this key counts, and for whom, is asked elsewhere (``allowed_signers``).
A desk has this without cryptography, so the library that computes is given. Part of verify.py, so it imports
nothing of jitd but another part.
Sources: PROTOCOL.sshsig and PROTOCOL.u2f of OpenSSH; RFC 8709 (ed25519), RFC 5656 (ecdsa), RFC 8332 (rsa-sha2).
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from jitd.core.ssh_keys import CURVES, RSA, PublicKey, Strings, der, for_libraries, key_in, string

if TYPE_CHECKING:
    from collections.abc import Callable

_SSHSIG = b"SSHSIG"
_PREAMBLE = _SSHSIG + (1).to_bytes(4, "big")
N_HEAD = len(_PREAMBLE)
_BEGIN, _ENDING, _WIDTH = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----", 70


class BadSignature(Exception):
    """The signature is not one of this message. The text is the end of a sentence that begins with "the signature"."""


LEVELS = ("key", "touch", "pin")
"""What a signature can say of who has made it, the weakest first: that they had the key; that somebody has touched it; and that
the authenticator has also verified a person, by a PIN or a finger.
"""
_TOUCHED, _VERIFIED = 0x01, 0x04  # PROTOCOL.u2f. `ssh-keygen -Y verify` looks at neither, and calls 0x00 good


class Checked(NamedTuple):
    """Who has signed. ``flags`` and ``counter`` are what an authenticator has said with its signature. For a key that is in none,
    they are None.
    """

    key: PublicKey
    flags: int | None = None
    counter: int | None = None

    @property
    def level(self) -> str:
        """One of LEVELS."""
        if self.flags is None or not self.flags & _TOUCHED:
            return "key"
        return "pin" if self.flags & _VERIFIED else "touch"


def best_level(kind: str) -> str:
    """What a key of this kind can reach."""
    return "pin" if PublicKey(kind, b"").is_in_hardware else "key"


def checked(
    namespace: str, message: bytes, armored: str, digest: str, is_good: Callable[[bytes, str, bytes, bytes], bool]
) -> Checked:
    """Return who has signed ``message`` in ``namespace`` over ``digest`` (sha256 or sha512). Whether the key, which the signature
    names, counts is not asked. ``is_good`` is a library, such as ``libcrypto.is_good``. Raises BadSignature.
    """
    said = read_by_any(armored)
    if said.namespace != namespace:
        raise BadSignature(f"is for {said.namespace!r}, not for {namespace!r}")
    if said.digest != digest:
        raise BadSignature(f"is over {said.digest!r}, not over {digest!r}")
    signed = to_be_signed(namespace, message, digest)
    if said.key.is_in_hardware:
        application = said.key.parts[-1]
        signed = hashlib.sha256(application).digest() + said.told + hashlib.sha256(signed).digest()
    if not is_good(for_libraries(said.key), said.of_libraries, said.signature, signed):
        raise BadSignature("does not fit what was signed")
    if said.key.is_in_hardware:
        return Checked(said.key, said.told[0], int.from_bytes(said.told[1:], "big"))
    return Checked(said.key)


def to_be_signed(namespace: str, message: bytes, digest: str) -> bytes:
    """Return the bytes that a key signs in the place of ``message``, such as an agent is given."""
    hashed = hashlib.new(digest, message).digest()
    return _SSHSIG + string(namespace.encode("ascii")) + string(b"") + string(digest.encode("ascii")) + string(hashed)


def armor(key: bytes, namespace: str, digest: str, signature: bytes) -> str:
    """Return the text of a signature. ``key`` and ``signature`` are as an agent has them."""
    head = _PREAMBLE + string(key) + string(namespace.encode("ascii")) + string(b"")
    text = base64.b64encode(head + string(digest.encode("ascii")) + string(signature)).decode("ascii")
    lines = [text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH)]
    return "\n".join((_BEGIN, *lines, _ENDING, ""))


class _Said(NamedTuple):
    """What an armored signature says. ``told`` is what an authenticator adds, the flags and the counter. ``of_libraries`` is the
    digest with which a library checks the signature, and empty if the key's kind has one of its own.
    """

    key: PublicKey
    namespace: str
    digest: str
    signature: bytes
    told: bytes
    of_libraries: str


def read_by_any(armored: str) -> _Said:
    """Read a signature, and check nothing. Raises BadSignature."""
    try:
        blob = base64.b64decode("".join(armored.split("\n")[1:-2]), validate=True)
        parts = Strings(blob)
        if parts.take(N_HEAD) != _PREAMBLE:
            raise BadSignature("is not of OpenSSH's form")
        key = parts.string()
        namespace, _, digest = (parts.string().decode("ascii") for _ in range(3))
        signature = parts.string()
        parts.end()
    except ValueError:
        raise BadSignature("is not of OpenSSH's form") from None
    if armor(key, namespace, digest, signature) != armored:
        raise BadSignature("is not of OpenSSH's form")
    try:
        by = key_in(key)
    except ValueError as fault:
        raise BadSignature(f"names a key that {fault}") from None
    try:
        return _Said(by, namespace, digest, *_read_part(by, signature))
    except ValueError as fault:
        raise BadSignature(str(fault)) from None


def _read_part(key: PublicKey, signature: bytes) -> tuple[bytes, bytes, str]:
    """Return the signature as a library reads it, what an authenticator has told, and the library's digest. Raises ValueError
    with the end of a sentence that begins with "the signature".
    """
    parts = Strings(signature)
    algorithm, written = parts.string().decode("ascii", "backslashreplace"), parts.string()
    told = parts.take(5) if key.is_in_hardware else b""
    parts.end()
    if key.kind == RSA:
        if algorithm not in ("rsa-sha2-256", "rsa-sha2-512"):
            raise ValueError(f"is by {algorithm[:64]!r}, not by rsa-sha2-256 or rsa-sha2-512")
        if len(written) != len(key.parts[1].lstrip(b"\0")):
            raise ValueError("is not as long as its key")
        return written, told, f"sha{algorithm[-3:]}"
    if algorithm != key.kind:
        raise ValueError(f"is by {algorithm[:64]!r}, and its key of {key.kind}")
    if key.kind in CURVES:
        numbers = Strings(written)
        signature = der(0x30, der(2, numbers.positive()) + der(2, numbers.positive()))
        numbers.end()
        return signature, told, {32: "sha256", 48: "sha384", 66: "sha512"}[CURVES[key.kind]]
    if len(written) != 64:
        raise ValueError("is cut off")
    return written, told, ""
