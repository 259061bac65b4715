# SPDX-License-Identifier: Apache-2.0
"""Which entries of sudoers may be about the same people and the same command.

Law: two are apart only if this is sure. Of people, it is if all are plain names; of commands, if sudo compares them exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Generic, TypeVar

PLAIN = re.compile(r"[a-z_][a-z0-9_.-]*")
"""A name of an account that sudo, which compares names without case, takes for no other."""
UNSURE, EVERYBODY = "%unsure", "%everybody"  # no plain names
Command = tuple[str, ...]
T = TypeVar("T")


class Latest(Generic[T]):
    """The latest things that were added about the same people and the same command. They must be added in order."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, Command], list[tuple[float, T]]] = {}

    def add(self, thing: T, users: Sequence[str], word: str, at: float) -> None:
        """Add ``thing``, which is about a command ``word`` of sudo. ``at`` is its place."""
        for key in product((*(users if _is_plain(users) else (UNSURE,)), EVERYBODY), _added(word)):
            of_it = self._of.setdefault(key, [])
            if not of_it or of_it[-1][1] is not thing:
                self._of[key] = [*of_it[-1:], (at, thing)]  # of two, one is not that for which another one is looked

    def other(self, thing: T, users: Sequence[str], word: str, since: float) -> T | None:
        """Return one that is not ``thing``, that was added for ``since`` or later, and that may be about the same."""
        for key in product((*users, UNSURE) if _is_plain(users) else (EVERYBODY,), _asked(word)):
            for at, one in self._of.get(key, ()):
                if one is not thing and at >= since:
                    return one
        return None


def _is_plain(users: Sequence[str]) -> bool:
    return all(map(PLAIN.fullmatch, users))


def _added(word: str) -> Iterator[Command]:
    name, arguments = _command(word)
    yield ("any command",)
    if not name:
        yield ("perhaps any",)
        return
    yield ("of the name", name)
    yield ("any arguments", name) if arguments is None else ("these", name, *arguments)


def _asked(word: str) -> Iterator[Command]:
    name, arguments = _command(word)
    if not name:
        yield ("any command",)
        return
    yield ("perhaps any",)
    if arguments is None:
        yield ("of the name", name)
    else:
        yield ("any arguments", name)
        yield ("these", name, *arguments)


def _command(word: str) -> tuple[str, tuple[str, ...] | None]:
    """Return the last name of the path and the arguments of ``word``, because sudo compares the last names of two paths first.
    The arguments are None if several match. If several names match, return an empty one.
    """
    path, _, arguments = word.partition(" ")
    if not path.startswith("/") or path.endswith("/") or re.search(r"[*?\[\\]", path):
        return "", None
    is_exact = arguments == '""' or (arguments and not re.search(r'[*?\[\\^"]', arguments))
    return path.rpartition("/")[2], tuple(arguments.split()) if is_exact else None
