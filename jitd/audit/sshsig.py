# SPDX-License-Identifier: Apache-2.0
"""Signatures as `ssh-keygen -Y sign` makes them, with Ed25519 keys and SHA-512 alone.

Law: pure, for Python 3.9 and later. One signature has one spelling. What differs from it by a byte is refused (line breaks,
another digest, another type of key, bytes at the end), so nobody can make a second text out of a signed one that is also good.
`contrib/verifier` copies what reads signatures into verify.py, so this imports nothing of jitd, and cryptography only where a
signature is checked: without it, verify.py says what is missing.
Source: PROTOCOL.sshsig of OpenSSH; RFC 4251 section 5 (strings), RFC 8709 (ssh-ed25519), RFC 8032.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ALGORITHM = "ssh-ed25519"
_KIND = ALGORITHM.encode("ascii")
_SSHSIG, _SSHSIG_VERSION, _HASH = b"SSHSIG", (1).to_bytes(4, "big"), b"sha512"
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
    digest = hashlib.sha256(_public_blob(public)).digest()
    return f"SHA256:{base64.b64encode(digest).decode('ascii').rstrip('=')}"


def _string(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


def _public_blob(public: bytes) -> bytes:
    return _string(_KIND) + _string(public)


_AT_KEY = len(_SSHSIG) + len(_SSHSIG_VERSION) + 4 + len(_public_blob(b""))  # where the public key stands in a signature's blob
_AT_NAMESPACE = _AT_KEY + _N_KEY


def _to_be_signed(namespace: str, message: bytes) -> bytes:
    digest = hashlib.sha512(message).digest()
    return _SSHSIG + _string(namespace.encode("ascii")) + _string(b"") + _string(_HASH) + _string(digest)


def _armored(public: bytes, namespace: str, signature: bytes) -> str:
    head = _SSHSIG + _SSHSIG_VERSION + _string(_public_blob(public))
    signed = _string(_string(_KIND) + _string(signature))
    blob = head + _string(namespace.encode("ascii")) + _string(b"") + _string(_HASH) + signed
    text = base64.b64encode(blob).decode("ascii")
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
