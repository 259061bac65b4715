# SPDX-License-Identifier: Apache-2.0
"""The arguments of a command that name what others than root and the target could change, and what is in it.

Law: ``inspection`` only. It is bounded whatever the arguments are; nothing but regular files is opened, and of these only what
somebody else could change. What an argument names and is not bound is said to be so. It may block.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from jitd.files.inspection import Uninspectable, View, changers, digest_of

MOST_ARGUMENTS = 64
"""Arguments that are looked at."""
LONGEST = 4096
"""Bytes of an argument that could be a path: the kernel takes no longer one."""
LONGEST_NAME = 255
"""Bytes of one name in it."""
MOST_LETTERS = 8
"""Letters of options, in one argument, after which a file may be named: ``-xvfFILE``."""
LIMIT = 16 * 1024 * 1024
"""Bytes of the largest file whose content is bound."""
LIMIT_TOGETHER = 64 * 1024 * 1024
"""Bytes of all of them."""
MOST_ENTRIES = 1000
"""Entries that are looked at in the directories which the arguments name."""
CONSTANT = frozenset({os.makedev(1, 3), os.makedev(1, 5), os.makedev(1, 7)})
"""Devices whose content nobody changes: null, zero and full."""
NOT_LOOKED_AT = f"not bound: of the arguments, the first {MOST_ARGUMENTS} alone are looked at"

UNSEEN = "the requester cannot see what is there, so it was not looked at"

Bound = tuple[int, bytes, bytes]
"""Argument, path, digest: what was approved. The digest is empty where the content is not bound."""


@dataclass(frozen=True, slots=True)
class Operand:
    """Argument ``at`` names ``path``, which leads to ``real``; ``because`` says who could change it, or why it is not bound."""

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
    """The operands of a command that is run in that ``view``. The content of those is looked at for which ``reads`` is true.

    Nothing is looked at where ``sees`` is false: it is an operand, whether it is there or not.
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
    """The paths that the arguments could mean, each with its argument's number; of what is too many, the first.

    An argument is a path as it stands, what follows its first ``=``, or what follows the letters of ``-xvfFILE``; a relative one
    is taken from ``cwd``.
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
    """A sentence if the operands are not as they were approved; empty if they are."""
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
    """What ``path`` names that others could change, or that cannot be bound; and whether it is a file that could be read."""
    try:
        real, who = changers(path, view)
        status = os.lstat(real)
    except Uninspectable as fault:
        return (None if fault.is_absent else Operand(at, path, path, b"", f"not bound: {fault}")), False
    except OSError:
        return None, False  # it was just taken away
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
    """What is in directories that belong to root: at most ``left`` more entries are looked at."""

    view: View
    left: int

    def may_be_changed(self, directory: bytes) -> bool:
        """True unless all that is below ``directory`` was looked at, and nobody but root and the target can change it."""
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
        # The mask of an access list stands where the group's bits are. Another file system may be mounted on a directory.
        is_open = bool(status.st_mode & 0o022)
        return is_open or (entry.is_dir(follow_symlinks=False) and bool(changers(entry.path, self.view)[1]))


def _read(found: Operand, limit: int) -> tuple[Operand, int]:
    """With its digest, and how many bytes were read for that."""
    try:
        size = os.stat(found.real).st_size
        if size > limit:
            return replace(found, because=f"{found.because}; it is too large to be bound"), 0
        return replace(found, digest=digest_of(found.real, limit)), size
    except (OSError, Uninspectable) as fault:
        return replace(found, because=f"{found.because}; it cannot be bound: {fault}"), 0


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
