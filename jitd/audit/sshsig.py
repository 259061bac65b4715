# SPDX-License-Identifier: Apache-2.0
"""Signatures as `ssh-keygen -Y sign` makes them: those of hosts, with Ed25519 keys and SHA-512 alone, are made and checked here,
and those of persons are checked.

Law: pure, for Python 3.9 and later. One signature has one spelling. What differs from it by a byte is refused (line breaks,
another digest, another type of key, bytes at the end), so nobody can make a second text out of a signed one that is also good.
What reads signatures is part of verify.py, so this imports nothing of jitd but other parts, and cryptography
only where a signature is checked: without it, verify.py says what is missing.
Source: PROTOCOL.sshsig of OpenSSH; RFC 8709 (ssh-ed25519), RFC 8032.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from jitd.audit.ssh_signatures import N_HEAD, Checked, armor, checked, to_be_signed
from jitd.audit.ssh_signatures import BadSignature as BadSignature
from jitd.audit.ssh_signatures import best_level as best_level
from jitd.core.ssh_keys import ED25519, PublicKey, string

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ALGORITHM = ED25519
_KIND = ALGORITHM.encode("ascii")
_HASH = "sha512"
_N_KEY, _N_SIGNATURE = 32, 64


class ForeignKey(BadSignature):
    """The signature names another key than the one that should have signed. It was not looked at further."""


def sign(key: Ed25519PrivateKey, namespace: str, message: bytes) -> str:
    """Return the armored signature of ``message``. ``namespace`` is ASCII; a signature is good in its own namespace only."""
    signature = key.sign(to_be_signed(namespace, message, _HASH))
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
        Ed25519PublicKey.from_public_bytes(public).verify(signature, to_be_signed(namespace, message, _HASH))
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


_AT_KEY = N_HEAD + 4 + len(_public_blob(b""))  # where the public key stands in a signature's blob
_AT_NAMESPACE = _AT_KEY + _N_KEY


def _armored(public: bytes, namespace: str, signature: bytes) -> str:
    return armor(_public_blob(public), namespace, _HASH, string(_KIND) + string(signature))


def _read_signature(armored: str) -> tuple[bytes, str, bytes]:
    """Return the public key, the namespace and the signature. Raises BadSignature unless ``_armored`` writes them so."""
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


def check_by_any(namespace: str, message: bytes, armored: str, digest: str = "sha256") -> Checked:
    """Return who has signed ``message`` in ``namespace`` over ``digest``, by whatever kind of key (``ssh_signatures.checked``).
    Whether this key counts is not asked. Raises BadSignature.
    """
    return checked(namespace, message, armored, digest, _is_good)


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
