# SPDX-License-Identifier: Apache-2.0
"""Checks the signatures of hosts at a desk, which are by Ed25519 and over SHA-512 (``jitd/audit/sshsig.py`` signs, and is the
daemon's).

Law: where there is no libcrypto, no signature is good.
"""

from __future__ import annotations

from jitd.audit import libcrypto
from jitd.audit.ssh_signatures import BadSignature, checked, read_by_any
from jitd.core.ssh_keys import ED25519


def key_in(armored: str) -> bytes:
    """Return the public key that a signature names, or nothing if it cannot be a host's. Nothing is checked."""
    try:
        key = read_by_any(armored).key
    except BadSignature:
        return b""
    return key.parts[0] if key.kind == ED25519 else b""


def is_good(public: bytes, namespace: str, message: bytes, armored: str) -> bool:
    try:
        by = checked(namespace, message, armored, "sha512", libcrypto.is_good).key
    except BadSignature:
        return False
    return (by.kind, by.parts) == (ED25519, [public])
