# SPDX-License-Identifier: Apache-2.0
"""A secret in a sealed file in memory. A process that has the descriptor can read the secret, and nobody can change it.

Law: a secret is never part of a message, a log or an exception. Sources: memfd_create(2), fcntl(2), F_ADD_SEALS.
"""

from __future__ import annotations

import fcntl
import os
import stat

MOST_SECRET = 64 * 1024  # bytes of a secret

SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
"""The seals of the memfd that contains a secret. These seals prevent every change of the secret."""


def sealed(secret: bytes) -> int:
    """Return a sealed memfd with ``secret``, which is closed at exec. Raises OSError, and ValueError if that is too long."""
    if not 0 < len(secret) <= MOST_SECRET:
        raise ValueError(f"a secret has 1 to {MOST_SECRET} bytes, not {len(secret)}")
    descriptor = os.memfd_create("jitd-secret", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        left = memoryview(secret)
        while left:
            left = left[os.write(descriptor, left) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, SEALS)
        os.lseek(descriptor, 0, os.SEEK_SET)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def fault_in(descriptor: int) -> str:
    """Return a sentence why ``descriptor`` is not a secret, or "". The content is not read."""
    try:
        seals = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
        found = os.fstat(descriptor)
    except OSError:
        return "the secret that came is not a memfd"
    if seals & SEALS != SEALS:
        return "the secret that came is not sealed"
    if not stat.S_ISREG(found.st_mode) or not 0 < found.st_size <= MOST_SECRET:
        return f"the secret that came is empty, or has more than {MOST_SECRET // 1024} KiB"
    return ""
