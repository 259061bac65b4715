# SPDX-License-Identifier: Apache-2.0
"""What the program at an enforcement point sees of the host: its root and current directory, and where a path leads for the
program.

Law: a path has a meaning only if it leads the program and jitd to the same file, by the same way, and if only root could change a
link on that way. Every other path is Doubtful, with one sentence that tells nothing about what is there. Calls may block.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from jitd.deciding.walking import Changeable, Held, Way, own_root, walk
from jitd.files.inspection import ABSENT
from jitd.pamlint.places import Places, Unreadable
from jitd.pamlint.stack import Source

UNSURE = (
    "what its path leads to may be another file when it is run: it passes a link, .. or a directory that others than root can"
    " change, or this program does not see what jitd sees"
)
NOWHERE = "the working directory has no path any more: go to another directory, and ask again"
OTHER_ACCOUNTS = "the accounts that this program sees are not those of the host"
ACCOUNTS = ("/etc/passwd", "/etc/group", "/etc/nsswitch.conf")
"""The files that decide which uid belongs to a name. They must be the same for the program and for jitd."""
MOST = 64 * 1024
"""Size in bytes of all paths together that the PAM module is told of."""


class Doubtful(ValueError):
    """It is not certain where a path leads. The text is a sentence."""


@dataclass(frozen=True, slots=True)
class View:
    """``root`` and ``directory`` are the program's root and current directory, as descriptors that it has sent. ``cwd`` is the
    path of the current directory, or empty. The owners of files on the mounts in ``trusted`` are believed.
    """

    root: Held
    directory: Held
    cwd: bytes
    trusted: tuple[bytes, ...] = ()

    def settings(self) -> Places:
        """Return the files of the host as the program reads them."""
        return _Settings(self.root)

    def refuse_other_accounts(self) -> None:
        """Raise Doubtful if a name may mean another account for the program than for jitd."""
        ours, theirs = Places(), self.settings()
        try:
            is_same = all(_content(ours, path) == _content(theirs, path) for path in ACCOUNTS)
        except OSError:
            is_same = False
        if not is_same:
            raise Doubtful(OTHER_ACCOUNTS)

    def typed(self, path: bytes) -> Way | None:
        """Return the way along ``path``, as ``judged`` does; ``path`` has a slash in it and may be relative. Raises Doubtful."""
        if path.startswith(b"/"):
            return self.judged(path)
        way = self._way(self.root, self.cwd)
        if way is None or not way.is_roots or (way.end.device, way.end.inode) != _identity(self.directory):
            raise Doubtful(UNSURE)
        return self.judged(os.path.join(self.cwd, path))

    def judged(self, path: bytes) -> Way | None:
        """Return the way along ``path``, which is absolute. None if ``path`` leads nowhere, both for the program and for jitd.
        Raises Doubtful.
        """
        theirs, ours = self._way(self.root, path), self._way(own_root(), path)
        if theirs is None or ours is None:
            if theirs is not ours:
                raise Doubtful(UNSURE)
        elif not theirs.is_same_as(ours):
            raise Doubtful(UNSURE)
        return theirs

    def is_executable(self, path: bytes) -> bool:
        """True if ``path``, which is absolute, leads the program to a file that could be executed. Raises Doubtful."""
        way = self._way(self.root, path)
        return way is not None and way.is_executable

    def _way(self, root: Held, path: bytes) -> Way | None:
        """Return the way along ``path``; None if nothing is there. Raises Doubtful."""
        try:
            return walk(root, path, self.trusted)
        except Changeable:
            raise Doubtful(UNSURE) from None
        except OSError as fault:
            if fault.errno in ABSENT:
                return None
            raise Doubtful(UNSURE) from None


class _Settings(Places):
    """Reads files below the root directory of another process. An absolute link leads to that root directory, not to jitd's."""

    def __init__(self, root: Held) -> None:
        super().__init__(f"/proc/self/fd/{root.number}")
        self._held = root

    def read(self, path: str) -> Source | None:
        return super().read(self._without_links(path))

    def names(self, directory: str) -> list[str]:
        return super().names(self._without_links(directory))

    def _without_links(self, path: str) -> str:
        try:
            return os.fsdecode(walk(self._held, os.fsencode(path)).end.path)
        except (OSError, ValueError):
            return path  # this path is missing or unreadable too: the caller finds that out
        except Changeable as fault:
            raise Unreadable(f"{path}: {fault}") from None


def _identity(directory: Held) -> tuple[int, int]:
    try:
        status = os.fstat(directory.number)
    except OSError:
        raise Doubtful(UNSURE) from None
    return status.st_dev, status.st_ino


def _content(places: Places, path: str) -> bytes | None:
    source = places.read(path)
    return None if source is None else source.data
