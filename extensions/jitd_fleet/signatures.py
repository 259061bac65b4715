# SPDX-License-Identifier: Apache-2.0
"""Checks the signatures of hosts at a desk.

Law: a signature has one spelling, and what differs from it by a byte is refused (``jitd/audit/sshsig.py`` signs, and is the
daemon's). Where there is no libcrypto, no signature is good.
"""

from __future__ import annotations

import base64
import hashlib

from jitd_fleet.ed25519 import N_KEY, N_SIGNATURE, verifies

BEGIN, END = "-----BEGIN SSH SIGNATURE-----\n", "\n-----END SSH SIGNATURE-----\n"
WIDTH = 70


def key_in(armored: str) -> bytes:
    """Return the public key that a signature names. Nothing is checked."""
    blob = _blob(armored)
    at = len(_before_key())
    return blob[at : at + N_KEY]


def is_good(public: bytes, namespace: str, message: bytes, armored: str) -> bool:
    signature = _blob(armored)[-N_SIGNATURE:]
    if len(public) != N_KEY or armored != _armored(public, namespace, signature):
        return False
    digest = hashlib.sha512(message).digest()
    signed = b"SSHSIG" + _string(namespace.encode("ascii")) + _string(b"") + _string(b"sha512") + _string(digest)
    return verifies(public, signature, signed)


def _blob(armored: str) -> bytes:
    try:
        return base64.b64decode(armored.removeprefix(BEGIN).removesuffix(END).replace("\n", ""))
    except ValueError:
        return b""


def _string(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


def _before_key() -> bytes:
    kind = _string(b"ssh-ed25519")
    n_blob = len(kind) + 4 + N_KEY
    return b"SSHSIG" + (1).to_bytes(4, "big") + n_blob.to_bytes(4, "big") + kind + N_KEY.to_bytes(4, "big")


def _armored(public: bytes, namespace: str, signature: bytes) -> str:
    signed = _string(_string(b"ssh-ed25519") + _string(signature))
    blob = _before_key() + public + _string(namespace.encode("ascii")) + _string(b"") + _string(b"sha512") + signed
    text = base64.b64encode(blob).decode("ascii")
    return BEGIN + "\n".join(text[at : at + WIDTH] for at in range(0, len(text), WIDTH)) + END
