# SPDX-License-Identifier: Apache-2.0
"""What ``jitsudo -e`` writes: the text of one file that is there, or of one that is made, or those of several files. An undo also
removes a file that was made so.

Law: an approval is for exactly this file and these two texts, for nothing under this name in this directory and this text, or for
this file and the text that goes with it. An approval of several is for all of them together. The store keeps the texts
themselves, apart, by their digests.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from jitd.core.values import DIGEST, NUMBER

FILE = "{file}"  # stands in a word of a check for the path of the new text
MOST_FILES = 16  # files of one request: their diffs are read as one page
SUDOEDIT = b"sudoedit"  # first word and path of an edit, as in sudoers(5). No file of a command has a path without a slash


def with_file(check: tuple[str, ...], path: str) -> tuple[str, ...]:
    """Return the words of ``check`` as they are executed for the file ``path``."""
    return tuple(word.replace(FILE, path) for word in check) if any(FILE in word for word in check) else (*check, path)


@dataclass(frozen=True, slots=True)
class OldFile:
    """The file of an edit or of a removal, by its device and inode, with its owner, group and mode, and the SHA-256 of its text.
    ``owner`` has the names of the first two, for people, such as ``root:adm``. The path is ``Command.edited``. If ``is_told`` is
    True, the requester can read the file. Otherwise nothing about the old text is told to them. ``mounted`` names processes that
    have the file itself mounted, and so keep the old text, such as ``nginx (4711)``. ``covered`` names those in whose mounts
    something else is mounted over the file, which the kernel takes off there when another file takes its name.
    """

    device: Annotated[int, NUMBER]
    inode: Annotated[int, NUMBER]
    uid: int
    gid: int
    mode: int
    before: Annotated[bytes, DIGEST]
    is_told: bool = field(default=False, kw_only=True)
    owner: str = field(default="", kw_only=True)
    mounted: str = field(default="", kw_only=True)
    covered: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class Edit(OldFile):
    """``after`` is the SHA-256 of the new text. The file keeps all else.
    ``undoes`` is the id of the request whose edit is taken back, or empty. Then ``is_told`` is about both texts.
    ``base`` is the SHA-256 of the text from which the new one was made, as its requester says, or empty.
    """

    after: Annotated[bytes, DIGEST]
    undoes: str = ""
    base: Annotated[bytes, DIGEST] = b""

    @property
    def is_changed(self) -> bool:
        """True if the file has another text than that from which the new one was made: it may take out what others wrote."""
        return self.base not in (b"", self.before)

    @property
    def tells_new(self) -> bool:
        """True if the requester is told the new text: they have sent it, or can read the file."""
        return self.is_told or not self.undoes


@dataclass(frozen=True, slots=True)
class Edits:
    """Several files that get their texts together: ``paths``, the real ones in byte order, and ``files`` in the same order."""

    paths: tuple[bytes, ...]
    files: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Undone:
    """What the request ``id`` has done to the file at ``path``, which is to be taken back: the file gets ``text`` again, which it
    had before, or is made with it again, or is removed. Then ``text`` is empty. ``user`` and ``group`` are as it was asked for.
    If ``is_told`` is True, who takes it back is told its texts.
    """

    id: str
    path: bytes
    did: Edit | NewFile | Removal
    text: bytes
    user: str
    group: str | None
    is_told: bool


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that is made where nothing is. ``device`` and ``inode`` are those of its directory. ``uid`` is that of the account
    that writes, ``gid`` and ``mode`` are those that it is made with, and ``owner`` has both names, for people. ``after`` is the
    SHA-256 of its text. ``undoes`` is the id of the request whose removal of the file is taken back, or empty. If ``is_told`` is
    False, the text of the removed file is not told to the requester. The path is ``Command.edited``.
    """

    device: Annotated[int, NUMBER]
    inode: Annotated[int, NUMBER]
    uid: int
    gid: int
    mode: int
    after: Annotated[bytes, DIGEST]
    owner: str = ""
    undoes: str = ""
    is_told: bool = True


@dataclass(frozen=True, slots=True)
class Removal(OldFile):
    """A file that is removed, and was made by the request ``undoes``."""

    undoes: str
