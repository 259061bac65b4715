# SPDX-License-Identifier: Apache-2.0
"""Signatures as `ssh-keygen -Y sign` makes them: those of hosts, with Ed25519 keys and SHA-512 alone, and those of persons, with
each kind of key by which somebody may approve.

Law: pure, for Python 3.9 and later. One signature has one spelling. What differs from it by a byte is refused (line breaks,
another digest, another type of key, bytes at the end), so nobody can make a second text out of a signed one that is also good.
But who knows an ECDSA signature (r, s) can make (r, n - s), which is good, too: a signature is never what tells two texts apart.
A good signature says whose key has signed. Whether this key counts, and for whom, is asked elsewhere (``allowed_signers``).
`contrib/verifier` copies what reads signatures into verify.py, so this imports nothing of jitd but another module that is copied,
and cryptography only where a signature is checked: without it, verify.py says what is missing.
Sources: PROTOCOL.sshsig and PROTOCOL.u2f of OpenSSH; RFC 8032 and 8709 (ed25519), RFC 5656 (ecdsa), RFC 8332 (rsa-sha2).
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from jitd.audit.ssh_keys import CURVES, ED25519, RSA, PublicKey, Strings, der, for_libraries, key_in, string

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ALGORITHM = ED25519
_KIND = ALGORITHM.encode("ascii")
_SSHSIG, _SSHSIG_VERSION, _HASH = b"SSHSIG", (1).to_bytes(4, "big"), "sha512"
_BEGIN, _ENDING, _WIDTH = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----", 70
_N_KEY, _N_SIGNATURE = 32, 64


class BadSignature(Exception):
    """The signature is not one of this message. The text is the end of a sentence that begins with "the signature"."""


class ForeignKey(BadSignature):
    """The signature names another key than the one that should have signed. It was not looked at further."""


def sign(key: Ed25519PrivateKey, namespace: str, message: bytes) -> str:
    """Return the armored signature of ``message``. ``namespace`` is ASCII; a signature is good in its own namespace only."""
    signature = key.sign(_to_be_signed(namespace, message))
    return _armored(key.public_key().public_bytes_raw(), namespace, signature)


def check_signature(public: bytes, namespace: str, message: bytes, armored: str) -> None:
    """Do nothing if ``armored`` is the signature of ``message`` in ``namespace`` by the key ``public`` (32 bytes). Raises
    ForeignKey, or BadSignature for all else.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    named, found, signature = _read_signature(armored)
    if named != public:
        raise ForeignKey(f"is by the key {fingerprint(named)}")
    if found != namespace:
        raise BadSignature(f"is for {found!r}, not for {namespace!r}")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, _to_be_signed(namespace, message))
    except (InvalidSignature, ValueError):
        raise BadSignature("does not fit what was signed") from None


def signer(armored: str) -> bytes:
    """Return the public key (32 bytes) that an armored signature names. Whether this key has made the signature is not known
    before ``check_signature``. Raises BadSignature if the text is not a signature.
    """
    return _read_signature(armored)[0]


def public_line(public: bytes, comment: str) -> str:
    """Return a public key as one line of an OpenSSH file, without a line break. ``comment`` may be empty."""
    return f"{ALGORITHM} {base64.b64encode(_public_blob(public)).decode('ascii')} {comment}".rstrip()


def read_public(line: str) -> bytes:
    """Read a line of the form ``ssh-ed25519 BASE64 [COMMENT]`` and return the key (32 bytes). Raises ValueError."""
    words = line.split(None, 2)
    if len(words) < 2 or words[0] != ALGORITHM:
        raise ValueError(f"not a public key of the form '{ALGORITHM} BASE64'")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except ValueError:
        raise ValueError("the public key is not in base64") from None
    public = blob[-_N_KEY:]
    if len(public) != _N_KEY or blob != _public_blob(public) or base64.b64encode(blob).decode("ascii") != words[1]:
        raise ValueError(f"not an {ALGORITHM} public key")
    return public


def fingerprint(public: bytes) -> str:
    """Return what `ssh-keygen -l` prints of a public key: ``SHA256:`` and 43 characters."""
    return PublicKey(ALGORITHM, _public_blob(public)).fingerprint


def _public_blob(public: bytes) -> bytes:
    return string(_KIND) + string(public)


_AT_KEY = len(_SSHSIG) + len(_SSHSIG_VERSION) + 4 + len(_public_blob(b""))  # where the public key stands in a signature's blob
_AT_NAMESPACE = _AT_KEY + _N_KEY


def _to_be_signed(namespace: str, message: bytes, digest: str = _HASH) -> bytes:
    hashed = hashlib.new(digest, message).digest()
    return _SSHSIG + string(namespace.encode("ascii")) + string(b"") + string(digest.encode("ascii")) + string(hashed)


def _armored(public: bytes, namespace: str, signature: bytes) -> str:
    return _armor(_public_blob(public), namespace, _HASH, string(_KIND) + string(signature))


def _armor(key: bytes, namespace: str, digest: str, signature: bytes) -> str:
    head = _SSHSIG + _SSHSIG_VERSION + string(key) + string(namespace.encode("ascii")) + string(b"")
    text = base64.b64encode(head + string(digest.encode("ascii")) + string(signature)).decode("ascii")
    lines = [text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH)]
    return "\n".join((_BEGIN, *lines, _ENDING, ""))


def _read_signature(armored: str) -> tuple[bytes, str, bytes]:
    """Return the public key, the namespace and the signature. Raises BadSignature if these three are not written as ``_armored``
    writes them.
    """
    try:
        blob = base64.b64decode("".join(armored.split("\n")[1:-2]), validate=True)
        n_namespace = int.from_bytes(blob[_AT_NAMESPACE:][:4], "big")
        namespace = blob[_AT_NAMESPACE + 4 :][:n_namespace].decode("ascii")
        read = blob[_AT_KEY:][:_N_KEY], namespace, blob[-_N_SIGNATURE:]
    except ValueError:
        raise BadSignature("is not of OpenSSH's form") from None
    if _armored(*read) != armored:
        raise BadSignature(f"is not one by an {ALGORITHM} key over SHA-512, in OpenSSH's form")
    return read


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


def check_by_any(
    namespace: str,
    message: bytes,
    armored: str,
    digest: str = "sha256",
    is_good: Callable[[bytes, str, bytes, bytes], bool] | None = None,
) -> Checked:
    """Return who has signed ``message`` in ``namespace`` over ``digest`` (sha256 or sha512), if ``armored`` is their signature.
    A signature names its key itself: whether this key counts is not asked. Raises BadSignature. ``is_good`` is asked in the place
    of ``_is_good`` where there is no cryptography.
    """
    said = _read_by_any(armored)
    if said.namespace != namespace:
        raise BadSignature(f"is for {said.namespace!r}, not for {namespace!r}")
    if said.digest != digest:
        raise BadSignature(f"is over {said.digest!r}, not over {digest!r}")
    signed = _to_be_signed(namespace, message, digest)
    if said.key.is_in_hardware:
        application = said.key.parts[-1]
        signed = hashlib.sha256(application).digest() + said.told + hashlib.sha256(signed).digest()
    if not (is_good or _is_good)(for_libraries(said.key), said.of_libraries, said.signature, signed):
        raise BadSignature("does not fit what was signed")
    if said.key.is_in_hardware:
        return Checked(said.key, said.told[0], int.from_bytes(said.told[1:], "big"))
    return Checked(said.key)


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


def _read_by_any(armored: str) -> _Said:
    try:
        blob = base64.b64decode("".join(armored.split("\n")[1:-2]), validate=True)
        parts = Strings(blob)
        if parts.take(len(_SSHSIG) + len(_SSHSIG_VERSION)) != _SSHSIG + _SSHSIG_VERSION:
            raise BadSignature("is not of OpenSSH's form")
        key = parts.string()
        namespace, _, digest = (parts.string().decode("ascii") for _ in range(3))
        signature = parts.string()
        parts.end()
    except ValueError:
        raise BadSignature("is not of OpenSSH's form") from None
    if _armor(key, namespace, digest, signature) != armored:
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
    if len(written) != _N_SIGNATURE:
        raise ValueError("is cut off")
    return written, told, ""


def _is_good(key: bytes, digest: str, signature: bytes, signed: bytes) -> bool:
    """True if ``signature`` is one of ``signed`` by ``key`` (``for_libraries``)."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        public = serialization.load_der_public_key(key)
        if isinstance(public, Ed25519PublicKey):
            public.verify(signature, signed)
            return True
        over = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}[digest]
        if isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, signed, ec.ECDSA(over))
            return True
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, signed, padding.PKCS1v15(), over)
            return True
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        pass
    return False
