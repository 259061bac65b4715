# SPDX-License-Identifier: Apache-2.0
"""What a process has open, seen from outside."""

from __future__ import annotations

import os
from contextlib import suppress


def links(pid: int) -> dict[int, str]:
    """Descriptor → what it leads to, in their order. What is closed while they are looked at is left out. Raises
    FileNotFoundError if there is no such process.
    """
    found = {}
    for name in sorted(os.listdir(f"/proc/{pid}/fd"), key=int):
        with suppress(FileNotFoundError):
            found[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
    return found
