# SPDX-License-Identifier: Apache-2.0
"""What a process has open, and how much more it may open."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count


def links(pid: int) -> dict[int, str]:
    """Descriptor → what it leads to, in their order. What is closed while they are looked at is left out. Raises
    FileNotFoundError if there is no such process.
    """
    found = {}
    for name in sorted(os.listdir(f"/proc/{pid}/fd"), key=int):
        with suppress(FileNotFoundError):
            found[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
    return found


def is_read(pid: int, descriptor: int) -> bool:
    """False for one that is for a path alone (open(2), O_PATH), and for one that has been closed."""
    with suppress(FileNotFoundError), open(f"/proc/{pid}/fdinfo/{descriptor}", encoding="ascii") as file:
        (flags,) = (line.split()[1] for line in file if line.startswith("flags:"))
        return not int(flags, 8) & os.O_PATH
    return False


def is_open(descriptor: int) -> bool:
    with suppress(OSError):
        os.fstat(descriptor)
        return True
    return False


@contextmanager
def with_free_descriptors(n: int) -> Iterator[None]:
    """Let this process open ``n`` descriptors, and no more."""
    used = set(filter(is_open, map(int, os.listdir("/proc/self/fd"))))  # the listing was open, too
    most = next(most for most in count() if most - sum(each < most for each in used) == n)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
