# SPDX-License-Identifier: Apache-2.0
"""Reads the person's own public key, which is sent with a request for a certificate (``jitsudo --key FILE``).

Law: a private key is never sent. This process sends only one line, which begins with the type of a public key. The comment after
the key is not sent. jitd checks the key itself.
"""

from __future__ import annotations

import posix

from jitpam.options import UsageError

MOST = 16 * 1024  # maximum size of the file in bytes
_TYPES = (b"ssh-", b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-")


def read_public_key(path: bytes) -> str:
    """Return the type and the bytes of the public key in the file ``path``, exactly as the file contains them. If ``path`` is
    ``-``, read standard input. Raises UsageError.
    """
    try:
        if path == b"-":
            return _of(_whole(0), "standard input")
        descriptor = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC | posix.O_NOCTTY)
        try:
            content = posix.read(descriptor, MOST + 1)
        finally:
            posix.close(descriptor)
    except OSError as fault:
        raise UsageError(f"--key: {_named(path)} cannot be read: {fault.strerror}") from None
    return _of(content, _named(path))


def _whole(descriptor: int) -> bytes:
    """Read to the end, or a little more than MOST bytes. Raises OSError."""
    found = b""
    while len(found) <= MOST and (more := posix.read(descriptor, MOST + 1)):
        found += more
    return found


def _of(content: bytes, named: str) -> str:
    if b"PRIVATE KEY" in content:
        raise UsageError(f"--key: {named} is a private key, and stays with you: name the file that ends in .pub")
    words = content.split(None, 2)
    if len(content) > MOST or b"\n" in content.strip() or len(words) < 2 or not words[0].startswith(_TYPES):
        raise UsageError(f"--key: {named} is not the file of a public key of OpenSSH, such as ~/.ssh/id_ed25519.pub")
    if b"-cert-v0" in words[0]:
        raise UsageError(f"--key: {named} is a certificate: name the file of the public key itself")
    try:
        return b" ".join(words[:2]).decode("ascii")
    except UnicodeDecodeError:
        raise UsageError(f"--key: {named} is damaged: it contains characters that a key cannot have") from None


def _named(path: bytes) -> str:
    return path.decode("utf-8", "replace")
