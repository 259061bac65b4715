# SPDX-License-Identifier: Apache-2.0
"""All names of one file: as somebody named it, each path that this becomes while links are followed, the same places by other
mounts, and what rules name it.

Law: names are for what denies, hides or warns, where one name too many does no harm. Nothing is permitted by another name than
the one that was resolved. The places of other mounts are computed from the table of mounts, and are not looked for.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from jitd.files.glance import MOST_LINKS, Glance, parts
from jitd.files.mounts import Mounts
from jitd.files.silence import MOUNTS, Silent

PROGRAMS = (b"/usr/bin", b"/usr/sbin", b"/usr/local/bin", b"/usr/local/sbin")  # there, a program's name says what it is
_Identity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Literals:
    """What rules name: ``files`` by whole paths, and ``directories`` in which they name files by patterns with wildcards."""

    files: tuple[bytes, ...] = ()
    directories: tuple[bytes, ...] = ()


def names_of(paths: Iterable[bytes], named: Literals, look: Glance, *, is_link_its_own: bool = False) -> tuple[bytes, ...]:
    """Return all names of the file to which ``paths`` (absolute) lead. Those in ``named`` are compared with it by device and
    inode, whatever links are on the way, and by their directories if nothing is there. If ``is_link_its_own``, one that is a link
    itself names only what is reached by this link: ``reboot``, a link to systemctl, is not systemctl. Raises silence.Silent if
    ``named`` has a place that does not answer, and if ``look`` has no room for all names: a rule may be about one that is not
    known.
    """
    found: dict[bytes, None] = {}
    mounts = Mounts()
    files: set[_Identity] = set()
    vacant: set[tuple[_Identity, bytes]] = set()
    below: dict[_Identity, set[bytes]] = {}
    for name, is_real in dict.fromkeys(each for path in paths for each in _followed(path, look)):
        here = (name, *_elsewhere(name, mounts, look))
        found |= dict.fromkeys(here)
        with suppress(OSError, ValueError):
            try:
                files |= {_identity(look.lstat(name))} if is_real or is_link_its_own else set()
            except FileNotFoundError:
                vacant |= {(_identity(look.lstat(os.path.dirname(name))), os.path.basename(name))} if is_real else set()
        for one in here if named.directories else ():
            with suppress(OSError, ValueError):  # Silent is an OSError, too
                MOUNTS.approach((os.path.dirname(one),))
                for directory in _above(one):
                    below.setdefault(_identity(look.lstat(directory)), set()).add(one[len(directory) :])
    if look.is_full:
        raise Silent("the path has too many names to find out which rules are about it: nothing was done; name a shorter path")
    MOUNTS.approach((*named.files, *named.directories))
    for literal in named.files:
        with suppress(OSError, ValueError):
            if vacant and not os.path.exists(literal):
                directory, base = os.path.split(literal if is_link_its_own else os.path.realpath(literal))
                found |= {literal: None} if (_identity(os.stat(directory)), base) in vacant else {}
            elif _identity(os.stat(literal, follow_symlinks=not is_link_its_own)) in files:
                found[literal] = None
    for literal in named.directories:
        with suppress(OSError, ValueError):
            found |= dict.fromkeys(literal + rest for rest in below.get(_identity(os.stat(literal)), ()))
    return tuple(found)


def other_names(path: bytes, look: Glance) -> tuple[bytes, ...]:
    """Return the other names of the file at ``path`` (absolute, without links): those by other mounts, and, if it is a program,
    its hard links in the directories of programs. Raises OSError.
    """
    found, status = dict.fromkeys(_elsewhere(path, Mounts(), look)), look.lstat(path)
    if stat.S_ISREG(status.st_mode) and status.st_nlink > 1 and status.st_mode & 0o111:
        for directory in PROGRAMS:
            with suppress(FileNotFoundError), os.scandir(directory) as entries:
                same = [entry.path for entry in entries if entry.inode() == status.st_ino]
                found |= dict.fromkeys(one for one in same if os.path.samestat(os.lstat(one), status))
    found.pop(path, None)
    return tuple(found)


def _followed(path: bytes, look: Glance) -> Iterator[tuple[bytes, bool]]:
    """Yield ``path``, and each path that it becomes when one link more is followed, where ``..`` is folded away. The last one
    comes with True if it has no link any more, also if nothing is there.
    """
    yield os.path.normpath(path), False
    at, ahead, n_links = b"/", parts(path), 0
    with suppress(OSError, ValueError):
        while ahead:
            part = ahead.pop()
            if part == b"..":
                at = os.path.dirname(at)
                continue
            below = os.path.join(at, part)
            try:
                is_link = stat.S_ISLNK(look.lstat(below).st_mode)
            except FileNotFoundError:
                if ahead:
                    return
                is_link = False
            if not is_link:
                at = below
                continue
            leads_to = look.readlink(below)
            n_links += 1
            if n_links > MOST_LINKS:
                return
            at = b"/" if leads_to.startswith(b"/") else at
            ahead += parts(leads_to)
            yield os.path.normpath(os.path.join(at, *reversed(ahead))), False
        yield at, True


def _above(path: bytes) -> Iterator[bytes]:
    """Yield the directories above ``path``, without the root directory."""
    parts = path.split(b"/")
    return (b"/".join(parts[:at]) for at in range(2, len(parts)))


def _elsewhere(path: bytes, mounts: Mounts, look: Glance) -> tuple[bytes, ...]:
    try:
        try:
            number = look.mount(path)
        except FileNotFoundError:  # what is made there is on the mount of its directory
            number = look.mount(os.path.dirname(path))
        return mounts.elsewhere(path, number)
    except (OSError, ValueError):
        return ()


def _identity(status: os.stat_result) -> _Identity:
    return status.st_dev, status.st_ino
