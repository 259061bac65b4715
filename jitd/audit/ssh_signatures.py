# SPDX-License-Identifier: Apache-2.0
"""Signatures of persons, as `ssh-keygen -Y sign` makes them with each kind of key by which somebody may approve.

Law: pure, for Python 3.9 and later. One signature has one spelling, and what differs from it by a byte is refused. But who knows
an ECDSA signature (r, s) can make (r, n - s), which is good, too: a signature is never what tells two texts apart.
A good signature says whose key has signed. Whether this key counts, and for whom, is asked elsewhere (``allowed_signers``).
A desk has this without cryptography, so the library that computes is given. Part of verify.py, so it imports
nothing of jitd but another part.
Sources: PROTOCOL.sshsig and PROTOCOL.u2f of OpenSSH; RFC 8709 (ed25519), RFC 5656 (ecdsa), RFC 8332 (rsa-sha2); Web
Authentication Level 3, sections 5.8.1 (client data, and how a part of it is verified) and 6.1 (flags).
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from jitd.core.ssh_keys import CURVES, RSA, SK_ECDSA, PublicKey, Strings, der, for_libraries, key_in, string

if TYPE_CHECKING:
    from collections.abc import Callable

_SSHSIG = b"SSHSIG"
_PREAMBLE = _SSHSIG + (1).to_bytes(4, "big")
N_HEAD = len(_PREAMBLE)
_BEGIN, _ENDING, _WIDTH = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----", 70


class BadSignature(Exception):
    """The signature is not one of this message. The text is the end of a sentence that begins with "the signature"."""


_TOUCHED, _VERIFIED = 0x01, 0x04  # PROTOCOL.u2f. `ssh-keygen -Y verify` looks at neither, and calls 0x00 good
_MAY_BE_COPIED, _IS_COPIED = 0x08, 0x10
_OF_PASSKEYS = _TOUCHED | _VERIFIED | _MAY_BE_COPIED | _IS_COPIED
"""All flags that a passkey may have. Of the others, two announce that more was signed than is read here, and two have no meaning
yet, as _MAY_BE_COPIED had none when Level 2 was written: a flag that is not known may say that a signature proves less.
"""
WEBAUTHN = f"webauthn-{SK_ECDSA}"  # the algorithm by which passkeys sign, and no other key
_NOT_WITHIN = b',"crossOrigin":false'  # a page within that of another host may be covered by it
MOST_CLIENT_DATA = 2048  # bytes of what a browser has signed. They stay in the record.


class Checked(NamedTuple):
    """Who has signed. ``flags`` and ``counter`` are what an authenticator has said with its signature. For a key that is in none,
    they are None.
    """

    key: PublicKey
    flags: int | None = None
    counter: int | None = None

    @property
    def level(self) -> str:
        """One of ``ssh_keys.LEVELS``."""
        if self.flags is None or not self.flags & _TOUCHED:
            return "key"
        if self.key.is_passkey and self.flags & _MAY_BE_COPIED:
            return "synced" if self.flags & _VERIFIED else "key"
        return "pin" if self.flags & _VERIFIED else "touch"


def best_level(key: PublicKey) -> str:
    """What ``key`` can reach. Whether a passkey may be copied is known only when it has signed."""
    return "pin" if key.application else "key"


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
    if said.key.is_passkey:
        if not _asks_for(said.client_data, signed, said.key):
            raise BadSignature("is of a page that asked for something else")
        signed = said.client_data
    if application := said.key.application:
        signed = hashlib.sha256(application).digest() + said.told + hashlib.sha256(signed).digest()
    if not is_good(for_libraries(said.key), said.of_libraries, said.signature, signed):
        raise BadSignature("does not fit what was signed")
    if application:
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
    """What an armored signature says. ``told`` is what an authenticator adds, the flags and the counter. ``client_data`` is what
    a browser has a passkey sign in place of the message. ``of_libraries`` is the digest with which a library checks the
    signature, and empty if the key's kind has one of its own.
    """

    key: PublicKey
    namespace: str
    digest: str
    signature: bytes
    told: bytes
    client_data: bytes
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


def _read_part(key: PublicKey, signature: bytes) -> tuple[bytes, bytes, bytes, str]:
    """Return the signature as a library reads it, what an authenticator has told, what a browser has had signed, and the
    library's digest. Raises ValueError with the end of a sentence that begins with "the signature".
    """
    parts = Strings(signature)
    algorithm = parts.string().decode("ascii", "backslashreplace")
    by = ("rsa-sha2-256", "rsa-sha2-512") if key.kind == RSA else (WEBAUTHN,) if key.is_passkey else (key.kind,)
    if algorithm not in by:
        raise ValueError(f"is by {algorithm[:64]!r}, not by {' or '.join(by)}")
    written = parts.string()
    told = parts.take(5) if key.application else b""
    client_data = _read_client_data(key, told[0], parts) if key.is_passkey else b""
    parts.end()
    if key.kind == RSA:
        if len(written) != len(key.parts[1].lstrip(b"\0")):
            raise ValueError("is not as long as its key")
        return written, told, client_data, f"sha{algorithm[-3:]}"
    if key.kind in CURVES:
        numbers = Strings(written)
        signature = der(0x30, der(2, numbers.positive()) + der(2, numbers.positive()))
        numbers.end()
        return signature, told, client_data, {32: "sha256", 48: "sha384", 66: "sha512"}[CURVES[key.kind]]
    if len(written) != 64:
        raise ValueError("is cut off")
    return written, told, client_data, ""


def _read_client_data(key: PublicKey, flags: int, parts: Strings) -> bytes:
    """Return what a browser has had signed by a passkey. Raises ValueError as _read_part."""
    origin, client_data, extensions = parts.string(), parts.string(), parts.string()
    if origin != _origin(key):
        raise ValueError(
            f"is for a page of {origin.decode('ascii', 'backslashreplace')[:300]!r}, not of {_origin(key).decode('ascii')}"
        )
    if extensions or flags & ~_OF_PASSKEYS or (flags & _IS_COPIED and not flags & _MAY_BE_COPIED):
        raise ValueError(f"says what no passkey says for an approval: flags 0x{flags:02x}, {len(extensions)} bytes of extensions")
    if len(client_data) > MOST_CLIENT_DATA:
        raise ValueError(f"has {len(client_data)} bytes of what a browser says, and at most {MOST_CLIENT_DATA} are read")
    return client_data


def _origin(key: PublicKey) -> bytes:
    """Return the only origin whose pages have a passkey sign: a browser lets those of hosts below it ask, too."""
    return b"https://" + key.application


def _asks_for(client_data: bytes, signed: bytes, key: PublicKey) -> bool:
    """True if ``client_data`` says that a page of the passkey's host itself asked for a signature of ``signed``, and was not
    within a page of another host. Browsers write these members first, in this order and in one spelling, and then what they like.
    """
    challenge = base64.urlsafe_b64encode(signed).rstrip(b"=")
    begins = b'{"type":"webauthn.get","challenge":"' + challenge + b'","origin":"' + _origin(key) + b'"'
    rest = client_data[len(begins) :]
    is_whole = rest in (b"}", _NOT_WITHIN + b"}") or (rest.startswith(_NOT_WITHIN + b",") and rest.endswith(b"}"))
    return client_data.startswith(begins) and is_whole
