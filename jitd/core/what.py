# SPDX-License-Identifier: Apache-2.0
"""What a request is for: a program, an edit, several edits, a new file, the removal of one, things, a login, or what jitd cannot
tell. Who carries it out is another question (``core.deed``).

Law: each command is one of these, and each of these has what only it has. For a new kind, mypy and
``tests/law/test_kinds.py`` name the places that must answer for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from jitd.core.edit import Edit, Edits, NewFile, Removal


@dataclass(frozen=True, slots=True)
class Program:
    """A program is executed: the file ``path``, whose SHA-256 is ``digest``."""

    path: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Things:
    """Things are given. ``names`` are in the order in which they were requested."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Login:
    """A login, which has no program of its own."""


@dataclass(frozen=True, slots=True)
class Doubted:
    """It is not certain what would be run, and ``because`` says why. It may be any program, and also a login."""

    because: str


What = Program | Edit | Edits | NewFile | Removal | Things | Login | Doubted
