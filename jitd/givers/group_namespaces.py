# SPDX-License-Identifier: Apache-2.0
"""User namespaces that keep a group. If somebody made a namespace while they had the group, they may enter this namespace again
and get the group back.

A namespace that maps a gid gives this gid to the user who made the namespace. The user can get the gid in this way even if no
process of the user has the gid now. A namespace exists as long as a process is in the namespace or keeps a reference to it. A
reference can be a descriptor, a mount, another namespace that this namespace owns, or an ended child that nobody has waited for.
Law: if jitd cannot examine a namespace, it assumes that the namespace keeps the group. This module changes nothing.
Sources: user_namespaces(7), ioctl_ns(2), proc(5).
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from jitd.core.frozen import dataclass

NS_GET_USERNS, NS_GET_PARENT, NS_GET_NSTYPE = 0xB701, 0xB702, 0xB703
CLONE_NEWUSER = 0x10000000
MOST_NESTED = 33
"""Maximum depth of nested namespaces. user_namespaces(7) allows 32."""
_LINK = re.compile(r"(?:cgroup|ipc|mnt|net|pid|time|user|uts):\[[0-9]+\]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Spaces:
    """The user namespaces of this host that have a process in them. ``mapping`` are the namespaces that map the gid. ``others``
    are the namespaces that do not map the gid.
    """

    mapping: frozenset[int]
    others: frozenset[int]

    def is_handed_on_by(self, pid: int) -> bool:
        """True if the process ``pid`` can enter a user namespace that maps the gid, or a user namespace that
        cannot be examined.
        """
        return any(number not in self.others for place in _kept_by(pid) for number in _owners(place))


def spaces(gid: int) -> Spaces:
    """Examine the user namespaces of all processes. The namespace of this process is never in the set ``mapping``."""
    own = os.stat("/proc/self/ns/user").st_ino
    mapping, others = set[int](), {own}
    for name in os.listdir("/proc"):
        with suppress(OSError):
            if name.isdigit() and (number := os.stat(f"/proc/{name}/ns/user").st_ino) not in mapping | others:
                (mapping if _maps(Path(f"/proc/{name}/gid_map").read_text("ascii"), gid) else others).add(number)
    return Spaces(frozenset(mapping), frozenset(others))


def _maps(gid_map: str, gid: int) -> bool:
    """True if ``gid_map`` contains ``gid``. ``gid_map`` is the text that this process reads from the file gid_map in /proc. The
    result is also True for an empty map, because any mapping may still be written into an empty map.
    """
    ranges = [[int(word) for word in line.split()] for line in gid_map.splitlines()]
    return not ranges or any(first <= gid < first + count for _, first, count in ranges)


def _kept_by(pid: int) -> Iterator[str]:
    """Yield the paths of all namespaces of the process ``pid``, and of all namespaces to which it keeps a reference. Also yield
    the paths of the user namespaces of its zombies (ended children that nobody has waited for).
    """
    for directory in (f"/proc/{pid}/ns", f"/proc/{pid}/fd"):
        with suppress(OSError):
            for name in os.listdir(directory):
                with suppress(OSError):
                    if _LINK.fullmatch(os.readlink(f"{directory}/{name}")):
                        yield f"{directory}/{name}"
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/mountinfo").read_bytes().splitlines():
            before, _, after = line.partition(b" - ")
            if after.startswith(b"nsfs "):
                place = before.split(b" ")[4].decode("unicode_escape").encode("latin-1")
                yield os.fsdecode(b"/proc/%d/root%s" % (pid, place))
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            for child in Path(f"/proc/{pid}/task/{thread}/children").read_text("ascii").split():
                with suppress(OSError):
                    if Path(f"/proc/{child}/stat").read_text("utf-8", "replace").rpartition(") ")[2].startswith("Z"):
                        yield f"/proc/{child}/ns/user"


def _owners(place: str) -> Iterator[int]:
    """Yield the numbers of user namespaces. The first number belongs to the user namespace at ``place``. If ``place`` is a
    namespace of another kind, the first number belongs to the user namespace that owns it. The next numbers belong to the parent
    of this user namespace, to the parent of the parent, and so on.
    """
    with suppress(OSError):
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if fcntl.ioctl(descriptor, NS_GET_NSTYPE) != CLONE_NEWUSER:
                descriptor = _instead(descriptor, NS_GET_USERNS)
            for _ in range(MOST_NESTED):
                yield os.fstat(descriptor).st_ino
                descriptor = _instead(descriptor, NS_GET_PARENT)
        finally:
            os.close(descriptor)


def _instead(descriptor: int, asked: int) -> int:
    """Make ``descriptor`` refer to the namespace that the ioctl ``asked`` returns. Raises OSError if there is no such
    namespace.
    """
    found = fcntl.ioctl(descriptor, asked)
    os.dup2(found, descriptor, inheritable=False)
    os.close(found)
    return descriptor
