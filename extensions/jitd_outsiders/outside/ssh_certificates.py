# SPDX-License-Identifier: Apache-2.0
"""Reads a user certificate of OpenSSH. The module checks that the certificate belongs to a certain key, and returns the time at
which the certificate expires.
Law: if the text is not a user certificate for the requested key, ValueError is raised. The text of the error is a sentence
without its subject, such as "is not for a user". Sources: PROTOCOL.certkeys of OpenSSH; RFC 4251 section 5 (string, uint32,
uint64).
"""

from __future__ import annotations

import base64
import binascii

USER = 1  # the type number of a user certificate (SSH_CERT_TYPE_USER)
SUFFIX, OF_A_TOKEN = "-cert-v01@openssh.com", "@openssh.com"


def end_of(certificate: str, key: str) -> int:
    """Return when ``certificate``, a line of its file, expires, in seconds since 1970. It must be for the public key ``key``, a
    line with type and bytes. Raises ValueError.
    """
    kind, _, text = certificate.strip().partition(" ")
    kind_of_key, _, text_of_key = key.partition(" ")
    if kind != kind_of_key.removesuffix(OF_A_TOKEN) + SUFFIX:
        raise ValueError("is not a certificate for a key of this type")
    try:
        blob = base64.b64decode(text.split(" ", 1)[0].encode("ascii"), validate=True)
        own = base64.b64decode(text_of_key.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeError):
        raise ValueError("is damaged") from None
    named, rest = _string(blob)
    _, rest = _string(rest)  # the nonce
    _, of_key = _string(own)
    if named != kind.encode("ascii") or not of_key or not rest.startswith(of_key):
        raise ValueError("is for another key")
    rest = rest[len(of_key) + 8 :]  # after the serial number
    if _number(rest, 4) != USER:
        raise ValueError("is not for a user")
    _, rest = _string(rest[4:])  # the id
    _, rest = _string(rest)  # the principals
    return _number(rest[8:], 8)  # after the time from which the certificate is valid


def _string(blob: bytes) -> tuple[bytes, bytes]:
    """Return the string at the beginning of ``blob``, and the rest of ``blob``. Raises ValueError."""
    end = 4 + _number(blob, 4)
    if end > len(blob):
        raise ValueError("is damaged")
    return blob[4:end], blob[end:]


def _number(blob: bytes, n_bytes: int) -> int:
    """Return the number at the beginning of ``blob``. Raises ValueError."""
    if len(blob) < n_bytes:
        raise ValueError("is damaged")
    return int.from_bytes(blob[:n_bytes], "big")
