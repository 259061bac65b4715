# SPDX-License-Identifier: Apache-2.0
"""Finds operands. An operand is an argument of a command that names a file. If only root and the target account can change what
the command reads from the file, the operand is left out.

Law: the only modules of jitd that this module imports are ``inspection`` and ``glance``. The amount of work for all arguments
together is limited. Only regular files that another account could change are opened. If the approval cannot be bound to the
content of such a file, ``Operand.because`` says so. Calls may block.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from jitd.files.glance import Glance
from jitd.files.inspection import Uninspectable, View, changers, digest_of, makers, path_in_sentence

MOST_ARGUMENTS = 64  # arguments that are examined
LONGEST = 4096  # bytes of an argument that could be a path. The kernel does not accept a longer path.
LONGEST_NAME = 255  # bytes of a name in a path
MOST_LETTERS = 8  # option letters before the file name in one argument, as in `-xvfFILE`
LIMIT = 16 * 1024 * 1024  # maximum size in bytes of a file. An approval cannot be bound to the content of a larger file.
LIMIT_TOGETHER = 64 * 1024 * 1024
"""Maximum total size in bytes of the files for one approval. The approval is not bound to the content of a file that would exceed
this total. The files that the requester cannot read have a total of their own, so that no other file tells their size.
"""
MOST_ENTRIES = 1000
"""Maximum total number of directory entries that are examined in all directories that the arguments name. Of a directory that the
requester cannot list, as many are examined, and they do not count.
"""
MOST_CLOSED = 4  # directories that the requester cannot list and that are examined. Others count as changeable
CONSTANT = frozenset({os.makedev(1, 3), os.makedev(1, 5), os.makedev(1, 7)})  # null, zero and full: nobody changes their content
NOT_LOOKED_AT = f"not bound: only the first {MOST_ARGUMENTS} arguments are looked at"

UNSEEN = "not looked at: the requester cannot see what this path leads to"

TOO_MANY = "not looked at: the paths of the arguments have too many names together"

Tells = Callable[[bytes, Glance], bool]
Bound = tuple[int, bytes, bytes]
"""An approved operand: argument number, path, and digest, which is empty if the content is not bound."""


@dataclass(frozen=True, slots=True)
class Operand:
    """The argument with number ``at`` names ``path``. ``path`` leads to ``real``. ``because`` says who could change the file, or
    why the approval is not bound to the file's content.
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
    *,
    tells: Tells = lambda path, glance: True,
    glance: Glance,
    and_absent: bool = False,
    most: int = MOST_ENTRIES,
) -> Iterator[Operand]:
    """Yield the operands of a command that runs in ``view``. The file of an operand is read only if ``reads`` returns true for
    this file. ``reads`` and ``sees`` must look with ``glance``, too: then they judge the file that is read.

    ``tells`` returns true for a file or a directory that the requester can read, as the given look finds it. Of any other, no
    answer about this path or about another one depends on the size or on the number of entries, except that of a directory with
    more than MOST_ENTRIES.

    If ``sees`` returns false for a path, the path is not examined. An unexamined path is always yielded as an operand, so the
    answer does not reveal if the path exists.

    With ``and_absent``, a path at which nothing exists is an operand, too, if others could put a file there. Otherwise a file
    that is away at each look, and there when the command opens it, would be no operand. ``most`` is the number of entries of
    directories that are examined.
    """
    left, entries = {True: LIMIT_TOGETHER, False: LIMIT_TOGETHER}, _Entries(view, tells, most)
    for at, path in named(argv, view.cwd or b"/"):
        if at > MOST_ARGUMENTS:
            yield Operand(at, path, path, b"", NOT_LOOKED_AT)
            continue
        if not sees(path):
            yield Operand(at, path, path, b"", TOO_MANY if glance.is_full else UNSEEN)
            continue
        found, is_file = _look_at(at, path, view, entries, glance, and_absent=and_absent)
        if found is None:
            continue
        if is_file and reads(path) and reads(found.real):
            is_told = tells(found.real, glance)
            found, size = _read(found, min(LIMIT, left[is_told]), glance, is_told=is_told)
            left[is_told] -= size
        yield found


def named(argv: Sequence[bytes], cwd: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each path that an argument could mean, with the number of the argument. Do this for the first MOST_ARGUMENTS
    arguments. If there are more arguments, also yield the next one as a path, and ignore all later arguments.

    An argument can mean several paths: the whole argument, the text after each of its first MOST_LETTERS ``=``, the text after
    the option letters of ``-xvfFILE``, and each of these after an ``@`` with which it begins. A relative path starts at ``cwd``.
    """
    for at, argument in enumerate(argv[1 : MOST_ARGUMENTS + 1], 1):
        if not argument or b"\0" in argument:
            continue
        words = [argument, *_after_equals(argument), *_after_letters(argument)]
        words += [word[1:] for word in words if word.startswith(b"@") and word != b"@"]
        for path in dict.fromkeys(os.path.join(cwd, word) for word in words if len(word) <= LONGEST):
            if all(len(name) <= LONGEST_NAME for name in path.split(b"/")):
                yield at, path
    if len(argv) > MOST_ARGUMENTS + 1:
        yield MOST_ARGUMENTS + 1, os.path.join(cwd, argv[MOST_ARGUMENTS + 1][:LONGEST].replace(b"\0", b""))


def drift(
    argv: Sequence[bytes],
    view: View,
    approved: Iterable[Bound],
    masked: Container[int] = (),
    *,
    glance: Glance,
    and_absent: bool = False,
) -> str:
    """Return a sentence if an operand of ``argv`` is not in ``approved``, or has changed, or "". It quotes no path of the
    arguments numbered in ``masked``. ``and_absent`` is as in ``find``.
    """
    known = {(at, path): digest for at, path, digest in approved}
    real = {path: path for _, path in known}
    most = MOST_ENTRIES * (1 + MOST_CLOSED)
    for found in find(argv, view, lambda path: False, glance=glance, and_absent=and_absent, most=most):
        if (found.at, found.path) not in known:
            said = f"argument {found.at} can be changed by others, but could not when the argument was approved"
            return said if found.at in masked else f"{said}: {found.because}"
        real[found.path] = found.real
    for (at, path), digest in known.items():
        try:
            is_same = not digest or digest_of(real[path], LIMIT, glance) == digest
        except Uninspectable:
            is_same = False
        if not is_same:
            said = f"argument {at} was changed since it was approved"
            return said if at in masked else f"{said}: {path_in_sentence(path)}"
    return ""


def _after_equals(argument: bytes) -> Iterator[bytes]:
    """Yield what may be the value in ``--file=FILE`` and in ``--action=exec=FILE``."""
    parts = argument.split(b"=", MOST_LETTERS)
    return (value for at in range(1, len(parts)) if (value := b"=".join(parts[at:])))


def _after_letters(argument: bytes) -> Iterator[bytes]:
    if argument[:1] != b"-" or argument[:2] == b"--":
        return
    for at in range(2, min(len(argument), MOST_LETTERS + 2)):
        if not argument[at - 1 : at].isalnum():
            return
        yield argument[at:]


def _look_at(
    at: int, path: bytes, view: View, entries: _Entries, glance: Glance, *, and_absent: bool
) -> tuple[Operand | None, bool]:
    """Return the operand at ``path``, and whether a regular file is there. The operand is None if only root and the target
    account can change what a command reads there, and, without ``and_absent``, if nothing exists at ``path``.
    """
    try:
        real, who = changers(path, view, glance)
        status = glance.lstat(real)
        is_device = stat.S_ISCHR(status.st_mode)
        is_led = is_device and bool(set(who) - set(changers(real, view, glance)[1]))  # others can make the path lead elsewhere
    except Uninspectable as fault:
        if not fault.is_absent:
            return Operand(at, path, path, b"", f"not bound: {fault}"), False
        return (_absent(at, path, view, glance) if and_absent else None), False
    except OSError as fault:
        return Operand(at, path, path, b"", f"not bound: {fault.strerror}"), False
    if stat.S_ISREG(status.st_mode):
        is_others = bool(who) and not real.startswith(b"/sys/")
        return (Operand(at, path, real, b"", who[0]) if is_others else None), True
    because = ""
    if stat.S_ISDIR(status.st_mode):
        if who or entries.may_be_changed(real):
            because = "what is in a directory is not bound"
    elif status.st_rdev not in CONSTANT or not is_device or is_led:
        because = "the content of a special file is not bound"
    return (Operand(at, path, real, b"", "; ".join((*who[:1], because))) if because else None), False


def _absent(at: int, path: bytes, view: View, glance: Glance) -> Operand | None:
    """Return the operand for ``path``, at which nothing exists, or None if only root and the target account could make it."""
    try:
        who = makers(path, view, glance)
    except Uninspectable as fault:
        return Operand(at, path, path, b"", f"not bound: {fault}")
    if not who:
        return None
    is_relative = view.cwd is not None and os.path.dirname(path) == view.cwd
    remedy = "; if this is not meant to be a file, cd / first" if is_relative else ""
    return Operand(at, path, path, b"", f"nothing is there, and {who[0]}{remedy}")


@dataclass(slots=True)
class _Entries:
    """Examines everything below a directory, to find out if an account besides root and the target account can change anything
    there. ``tells`` is as in ``find``. ``left`` is the number of directory entries that may still be examined, and ``n_closed``
    the number of directories that the requester cannot list and that were examined.
    """

    view: View
    tells: Tells
    left: int
    n_closed: int = 0

    def may_be_changed(self, directory: bytes) -> bool:
        """Return False if everything below ``directory`` was examined, and only root and the target account can change anything
        there. Otherwise return True. Nobody else can change what leads to ``directory``, so it can be looked up anew.
        """
        ahead = [directory]
        try:
            while ahead:
                at = ahead.pop()
                with Glance() as glance:  # the look of the command would soon be full of these names
                    is_told = self.tells(at, glance)
                if is_told:
                    found, self.left = self._examined(at, self.left)
                    if found is None:
                        return True
                    ahead += found
                elif not self._is_closed_and_roots(at):
                    return True
        except (OSError, Uninspectable):
            return True
        return False

    def _is_closed_and_roots(self, directory: bytes) -> bool:
        """True if everything below ``directory``, which the requester cannot list, was examined, and nobody can change it."""
        self.n_closed += 1
        if self.n_closed > MOST_CLOSED:
            return False
        ahead, left = [directory], MOST_ENTRIES
        while ahead:
            found, left = self._examined(ahead.pop(), left)
            if found is None:
                return False
            ahead += found
        return True

    def _examined(self, directory: bytes, left: int) -> tuple[list[bytes] | None, int]:
        """Return the directories in ``directory``, or None if others can change something in it, or if it has more than ``left``
        entries. Also return how many entries may be examined then.
        """
        found: list[bytes] = []
        with Glance() as glance:
            file = glance.open(glance.follow(directory).path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with os.scandir(file) as entries:
                for entry in entries:
                    left -= 1
                    path = os.path.join(directory, os.fsencode(entry.name))
                    if left < 0 or self._is_others(path, entry):
                        return None, left
                    if entry.is_dir(follow_symlinks=False):
                        found.append(path)
        finally:
            os.close(file)
        return found, left

    def _is_others(self, path: bytes, entry: os.DirEntry[str]) -> bool:
        status = entry.stat(follow_symlinks=False)
        if status.st_uid not in (0, self.view.target_uid):
            return True
        with Glance() as glance:
            if stat.S_ISLNK(status.st_mode):
                real, who = changers(path, self.view, glance)
                return bool(who) or stat.S_ISDIR(glance.lstat(real).st_mode)
            if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
                return True
            # With an access list, the group bits of the mode are the mask of the list (acl(5)). A directory may also be a mount
            # point of another file system, so ``changers`` is called for it.
            is_open = bool(status.st_mode & 0o022)
            return is_open or (stat.S_ISDIR(status.st_mode) and bool(changers(path, self.view, glance)[1]))


def _read(found: Operand, limit: int, glance: Glance, *, is_told: bool) -> tuple[Operand, int]:
    """Return ``found`` with the digest of its file added. If the approval cannot be bound to the file, and the requester can read
    it (``is_told``), the reason is added instead. Also return the number of bytes that were read.
    """
    try:
        size = glance.lstat(found.real).st_size
        if size > limit:
            return _loose(found, "it is too large to be bound", is_told=is_told), 0
        return replace(found, digest=digest_of(found.real, limit, glance)), size
    except (OSError, Uninspectable) as fault:
        return _loose(found, f"it cannot be bound: {fault}", is_told=is_told), 0


def _loose(found: Operand, why: str, *, is_told: bool) -> Operand:
    return replace(found, because=f"{found.because}; {why}") if is_told else found
