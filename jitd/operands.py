# SPDX-License-Identifier: Apache-2.0
"""The arguments of a command that name files which others than root and the target could change, and what is in these.

Law: standard library and ``inspection`` only. It is bounded whatever the arguments are; nothing but regular files is opened, and
of these only what somebody else could change. It may block.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from jitd.inspection import Uninspectable, changers, digest_of

MOST_ARGUMENTS = 64
"""Arguments that are looked at."""
LONGEST = 4096
"""Bytes of an argument that could be a path: the kernel takes no longer one."""
LIMIT = 16 * 1024 * 1024
"""Bytes of the largest file whose content is bound."""
LIMIT_TOGETHER = 64 * 1024 * 1024
"""Bytes of all of them."""

UNSEEN = "the requester cannot see what is there, so it was not looked at"

Bound = tuple[int, bytes, bytes]
"""Argument, path, digest: what was approved. The digest is empty where the content is not bound."""


@dataclass(frozen=True, slots=True)
class Operand:
    """Argument ``at`` names the file ``path``, and ``because`` says who could change it, or why its content is not bound."""

    at: int
    path: bytes
    digest: bytes
    because: str


def find(
    argv: Sequence[bytes],
    cwd: bytes,
    target_uid: int,
    reads: Callable[[bytes], bool] = lambda path: True,
    sees: Callable[[bytes], bool] = lambda path: True,
) -> Iterator[Operand]:
    """The operands of a command. The content of those is looked at for which ``reads`` is true.

    Nothing is looked at where ``sees`` is false: it is an operand, whether it is there or not.
    An argument is a path as it stands, or what follows its first ``=``; a relative one is taken from ``cwd``.
    """
    left = LIMIT_TOGETHER
    for at, argument in enumerate(argv[1 : MOST_ARGUMENTS + 1], 1):
        for path in _paths(argument, cwd):
            if not sees(path):
                yield Operand(at, path, b"", UNSEEN)
                continue
            found = _look_at(at, path, target_uid)
            if found is None:
                continue
            if reads(path):
                found, size = _read(found, min(LIMIT, left))
                left -= size
            yield found


def drift(argv: Sequence[bytes], cwd: bytes, target_uid: int, approved: Iterable[Bound]) -> str:
    """A sentence if the operands are not as they were approved; empty if they are."""
    known = {(at, path): digest for at, path, digest in approved}
    for found in find(argv, cwd, target_uid, lambda path: False):
        if (found.at, found.path) not in known:
            return f"argument {found.at} can be changed by others, which it could not when it was approved: {found.because}"
    for (at, path), digest in known.items():
        try:
            is_same = not digest or digest_of(path, LIMIT) == digest
        except Uninspectable:
            is_same = False
        if not is_same:
            return f"argument {at} was changed since it was approved: {path.decode('utf-8', 'backslashreplace')}"
    return ""


def _paths(argument: bytes, cwd: bytes) -> Iterator[bytes]:
    if not argument or len(argument) > LONGEST or b"\0" in argument:
        return
    yield os.path.join(cwd, argument)
    _, _, value = argument.partition(b"=")
    if value:
        yield os.path.join(cwd, value)


def _look_at(at: int, path: bytes, target_uid: int) -> Operand | None:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        real, who = changers(path, target_uid)
    except OSError:
        return None
    except Uninspectable as fault:
        return Operand(at, path, b"", str(fault))
    if not who or real.startswith((b"/proc/", b"/sys/")):
        return None
    return Operand(at, path, b"", who[0])


def _read(found: Operand, limit: int) -> tuple[Operand, int]:
    """With its digest, and how many bytes were read for that."""
    try:
        size = os.stat(found.path).st_size
        if size > limit:
            return Operand(found.at, found.path, b"", f"{found.because}; it is too large to be bound"), 0
        return Operand(found.at, found.path, digest_of(found.path, limit), found.because), size
    except (OSError, Uninspectable) as fault:
        return Operand(found.at, found.path, b"", f"{found.because}; it cannot be bound: {fault}"), 0
