# SPDX-License-Identifier: Apache-2.0
"""Decides where a certificate for the person's own key is put (``jitsudo --key FILE``). The certificate is written beside the
key, or to standard output. ssh(1) looks for certificates beside the key.

Law: a file is replaced only if it belongs to the person and is a certificate that jitd made. Source: PROTOCOL.certkeys of
OpenSSH.
"""

from __future__ import annotations

import binascii
import posix
import stat

from jitpam.options import UsageError
from jitpam.wire.shown import shown

KIND = "ssh-certificate:"  # a thing whose name begins with this text is a certificate
STREAM = b"-"  # file name that means a standard stream
MOST = 64 * 1024
_ID = b"jitd:"  # beginning of the id of each certificate that jitd makes
_LONGEST_ID = 32


def place_for(key: bytes) -> bytes:
    """Return the file for the certificate of the public key ``key``. For id_ed25519.pub this is id_ed25519-cert.pub."""
    return key.removesuffix(b".pub") + b"-cert.pub"


def check_place(key: bytes) -> None:
    """Raise UsageError if it is certain, before the request, that the certificate cannot be put beside ``key``."""
    place = place_for(key)
    directory = place.rpartition(b"/")[0] or (b"/" if place.startswith(b"/") else b".")
    if not posix.access(directory, posix.W_OK | posix.X_OK):
        raise UsageError(
            f"you may not write into {shown(directory)}, so name a file for the certificate: --to FILE; nothing was asked"
        )
    if not may_be_made(place):
        said = f"{shown(place)} exists, and jitd did not make it"
        raise UsageError(f"{said}: move it away, or name another file by --to; nothing was asked")


def for_a_command(key: bytes | None) -> bytes | None:
    """``key`` is the path of a public key, ``-`` or None. Return ``key`` if it is ``-``, or if the certificate can be written
    beside the key. Otherwise return None: the command must then read the certificate through JITSUDO_ACCESS_FD.
    """
    if key is None or key == STREAM:
        return key
    try:
        check_place(key)
    except UsageError:
        return None
    return key


def may_be_made(place: bytes) -> bool:
    """True if the file ``place`` does not exist, or if it belongs to the person and is a certificate that jitd made."""
    try:
        descriptor = posix.open(place, posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        status = posix.fstat(descriptor)
        is_own = stat.S_ISREG(status.st_mode) and status.st_uid == posix.geteuid()
        return is_own and _is_of_jitd(posix.read(descriptor, MOST))
    except OSError:
        return False
    finally:
        posix.close(descriptor)


def _is_of_jitd(content: bytes) -> bool:
    words = content.split(None, 2)
    if len(words) < 2 or b"-cert-v01@openssh.com" not in words[0]:
        return False
    try:
        blob = binascii.a2b_base64(words[1])
    except binascii.Error:
        return False
    at = blob.find(_ID)  # a string begins with its length (RFC 4251 section 5)
    return at >= 4 and len(_ID) < int.from_bytes(blob[at - 4 : at], "big") <= _LONGEST_ID
