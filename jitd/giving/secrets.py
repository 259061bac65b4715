# SPDX-License-Identifier: Apache-2.0
"""The secrets that givers have handed out, on their way to the person who is to have the thing. Each is a sealed memfd.

Law: no secret is read here, and none is stored. A secret is passed on once. One that nobody takes is closed with its holding.
Sources: memfd_create(2), fcntl(2) on F_ADD_SEALS.
"""

from __future__ import annotations

import fcntl
import os
import stat

MOST = 64 * 1024
"""Most bytes of a secret."""
SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
"""The seals of a secret: nobody can change it after it was made."""


def fault_in(descriptor: int) -> str:
    """Return what is wrong with ``descriptor`` as that of a secret, as a sentence; empty if it is one. Reads no content."""
    try:
        seals = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
        found = os.fstat(descriptor)
    except OSError:
        return "the secret that came is not a memfd"
    if seals & SEALS != SEALS:
        return "the secret that came is not sealed"
    if not stat.S_ISREG(found.st_mode) or not 0 < found.st_size <= MOST:
        return f"the secret that came is empty, or has more than {MOST // 1024} KiB"
    return ""


class Secrets:
    """The secrets that nobody has taken yet, each by the id of its holding. They are in memory alone."""

    def __init__(self) -> None:
        self._waiting: dict[str, int] = {}

    def keep(self, holding: str, descriptor: int) -> str:
        """Keep ``descriptor``, which belongs to this object from now on. Return why it is none that can be passed on, as a
        sentence; then it is closed. Empty if it is kept.
        """
        self.forget(holding)
        fault = fault_in(descriptor)
        if fault:
            os.close(descriptor)
        else:
            self._waiting[holding] = descriptor
        return fault

    def take(self, holding: str) -> int | None:
        """Return the secret of ``holding``, which belongs to the caller from now on; None if there is none."""
        return self._waiting.pop(holding, None)

    def forget(self, holding: str) -> None:
        """Close the secret of ``holding``, if there is one."""
        descriptor = self.take(holding)
        if descriptor is not None:
            os.close(descriptor)
