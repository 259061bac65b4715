# SPDX-License-Identifier: Apache-2.0
"""Operands: arguments of a command that name files which somebody other than root and the target could change.

Law: of jitd this module imports ``inspection`` only. The work is bounded, whatever the arguments are. Only regular files are
opened, and of these only those that somebody else could change. If the content of such a file is not bound, the Operand says so.
Calls may block.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from jitd.files.inspection import Uninspectable, View, changers, digest_of

MOST_ARGUMENTS = 64
"""How many arguments are looked at."""
LONGEST = 4096
"""Length in bytes of the longest argument that could be a path. The kernel takes no longer path."""
LONGEST_NAME = 255
"""Length in bytes of the longest name in a path."""
MOST_LETTERS = 8
"""How many letters of options may come before the name of a file in one argument, as in ``-xvfFILE``."""
LIMIT = 16 * 1024 * 1024
"""Size in bytes of the largest file whose content is bound."""
LIMIT_TOGETHER = 64 * 1024 * 1024
"""Size in bytes of all files together whose content is bound."""
MOST_ENTRIES = 1000
"""How many entries are looked at in the directories that the arguments name."""
CONSTANT = frozenset({os.makedev(1, 3), os.makedev(1, 5), os.makedev(1, 7)})
"""Devices whose content nobody can change: null, zero and full."""
NOT_LOOKED_AT = f"not bound: only the first {MOST_ARGUMENTS} arguments are looked at"

UNSEEN = "the requester cannot see what is there, so it was not looked at"

Bound = tuple[int, bytes, bytes]
"""What was approved: the number of the argument, the path, and the digest. The digest is empty if the content is not bound."""


@dataclass(frozen=True, slots=True)
class Operand:
    """Argument ``at`` names ``path``, which leads to ``real``. ``because`` says who could change the file, or why it is not
    bound.
    """

    at: int
    path: bytes
    real: bytes
    digest: bytes
    because: str


def find(
    argv: Sequence[bytes],
    view: View,
    reads: Callable[[bytes], bool] = lambda path: True,
    sees: Callable[[bytes], bool] = lambda path: True,
) -> Iterator[Operand]:
    """Yield the operands of a command that runs in that ``view``. Only operands for which ``reads`` is true are read.

    A path for which ``sees`` is false is not looked at. Such a path is always an operand, so that the answer does not tell if it
    exists.
    """
    left, entries = LIMIT_TOGETHER, _Entries(view, MOST_ENTRIES)
    for at, path in named(argv, view.cwd or b"/"):
        if at > MOST_ARGUMENTS:
            yield Operand(at, path, path, b"", NOT_LOOKED_AT)
            continue
        if not sees(path):
            yield Operand(at, path, path, b"", UNSEEN)
            continue
        found, is_file = _look_at(at, path, view, entries)
        if found is None:
            continue
        if is_file and reads(path) and reads(found.real):
            found, size = _read(found, min(LIMIT, left))
            left -= size
        yield found


def named(argv: Sequence[bytes], cwd: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each path that an argument could mean, with the number of the argument. Of the arguments beyond MOST_ARGUMENTS, only
    the first is yielded.

    An argument can mean three paths: the whole argument, what follows its first ``=``, and what follows the letters of
    ``-xvfFILE``. A relative path is taken from ``cwd``.
    """
    for at, argument in enumerate(argv[1 : MOST_ARGUMENTS + 1], 1):
        if not argument or b"\0" in argument:
            continue
        _, _, value = argument.partition(b"=")
        words = (argument, *((value,) if value else ()), *_after_letters(argument))
        for path in dict.fromkeys(os.path.join(cwd, word) for word in words if len(word) <= LONGEST):
            if all(len(name) <= LONGEST_NAME for name in path.split(b"/")):
                yield at, path
    if len(argv) > MOST_ARGUMENTS + 1:
        yield MOST_ARGUMENTS + 1, os.path.join(cwd, argv[MOST_ARGUMENTS + 1][:LONGEST].replace(b"\0", b""))


def drift(argv: Sequence[bytes], view: View, approved: Iterable[Bound]) -> str:
    """Return a sentence if the operands are not as they were ``approved``; empty if they are."""
    known = {(at, path): digest for at, path, digest in approved}
    real = {path: path for _, path in known}
    for found in find(argv, view, lambda path: False):
        if (found.at, found.path) not in known:
            return f"argument {found.at} can be changed by others, which it could not when it was approved: {found.because}"
        real[found.path] = found.real
    for (at, path), digest in known.items():
        try:
            is_same = not digest or digest_of(real[path], LIMIT) == digest
        except Uninspectable:
            is_same = False
        if not is_same:
            return f"argument {at} was changed since it was approved: {_shown(path)}"
    return ""


def _after_letters(argument: bytes) -> Iterator[bytes]:
    if argument[:1] != b"-" or argument[:2] == b"--":
        return
    for at in range(2, min(len(argument), MOST_LETTERS + 2)):
        if not argument[at - 1 : at].isalnum():
            return
        yield argument[at:]


def _look_at(at: int, path: bytes, view: View, entries: _Entries) -> tuple[Operand | None, bool]:
    """Return the operand at ``path`` if others could change it or if it cannot be bound, and whether it is a regular file."""
    try:
        real, who = changers(path, view)
        status = os.lstat(real)
    except Uninspectable as fault:
        return (None if fault.is_absent else Operand(at, path, path, b"", f"not bound: {fault}")), False
    except OSError:
        return None, False  # the file was removed just now
    if stat.S_ISREG(status.st_mode):
        is_others = bool(who) and not real.startswith(b"/sys/")
        return (Operand(at, path, real, b"", who[0]) if is_others else None), True
    because = ""
    if stat.S_ISDIR(status.st_mode):
        if who or entries.may_be_changed(real):
            because = "what is in a directory is not bound"
    elif status.st_rdev not in CONSTANT or not stat.S_ISCHR(status.st_mode):
        because = "what comes out of it is not bound: it is not a regular file"
    return (Operand(at, path, real, b"", "; ".join((*who[:1], because))) if because else None), False


@dataclass(slots=True)
class _Entries:
    """Looks through directories that only root and the target can change. No more than ``left`` further entries are looked at."""

    view: View
    left: int

    def may_be_changed(self, directory: bytes) -> bool:
        """True unless everything below ``directory`` was looked at and only root and the target can change it."""
        ahead = [directory]
        try:
            while ahead:
                with os.scandir(ahead.pop()) as entries:
                    for entry in entries:
                        self.left -= 1
                        if self.left < 0 or self._is_others(entry):
                            return True
                        if entry.is_dir(follow_symlinks=False):
                            ahead.append(entry.path)
        except (OSError, Uninspectable):
            return True
        return False

    def _is_others(self, entry: os.DirEntry[bytes]) -> bool:
        status = entry.stat(follow_symlinks=False)
        if status.st_uid not in (0, self.view.target_uid):
            return True
        if stat.S_ISLNK(status.st_mode):
            real, who = changers(entry.path, self.view)
            return bool(who) or os.path.isdir(real)
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            return True
        # With an access list, the group's bits of the mode are the list's mask (acl(5)). Another file system may be mounted on a
        # directory.
        is_open = bool(status.st_mode & 0o022)
        return is_open or (entry.is_dir(follow_symlinks=False) and bool(changers(entry.path, self.view)[1]))


def _read(found: Operand, limit: int) -> tuple[Operand, int]:
    """Return ``found`` with its digest, and how many bytes were read for the digest."""
    try:
        size = os.stat(found.real).st_size
        if size > limit:
            return replace(found, because=f"{found.because}; it is too large to be bound"), 0
        return replace(found, digest=digest_of(found.real, limit)), size
    except (OSError, Uninspectable) as fault:
        return replace(found, because=f"{found.because}; it cannot be bound: {fault}"), 0


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
