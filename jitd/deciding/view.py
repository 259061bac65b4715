# SPDX-License-Identifier: Apache-2.0
"""The host as a program at an enforcement point sees it. This view consists of the program's root directory, its current
directory, and the file to which each path leads for the program.

Law: the meaning of a path is certain only under two conditions. First, the program and jitd follow the path through the same
directories to the same file. Second, only root can change the links on the path. For every other path, Doubtful is raised. The
sentence in Doubtful does not reveal whether the path exists. Calls may block.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from jitd.deciding.walking import Changeable, Held, Way, own_root, walk, walk_in
from jitd.files.glance import ABSENT, Glance
from jitd.files.inspection import open_regular
from jitd.hosts.places import Places, Unreadable

UNSURE = (
    "the path may lead to another file when the command runs: it passes a link, .. or a directory that others than"
    " root can change, or the program does not see the same files as jitd"
)
NOWHERE = "the working directory has no path any more: go to another directory, and ask again"
OTHER_ACCOUNTS = "the accounts that this program sees are not those of the host"
ACCOUNTS = ("/etc/passwd", "/etc/group", "/etc/nsswitch.conf")  # whose a uid is. The program and jitd must see the same
MOST = 64 * 1024  # maximum total size in bytes of the paths that jitd sends to the PAM module


class Doubtful(ValueError):
    """Raised if it is not certain where a path leads. The text of the error is a sentence."""


@dataclass(frozen=True, slots=True)
class View:
    """The view of one program. The program has sent two descriptors: ``root`` is its root directory, and ``directory`` is its
    current directory. ``cwd`` is the path of the current directory, or empty. ``trusted`` contains mount points. jitd trusts the
    file owners that these mounts report.
    """

    root: Held
    directory: Held
    cwd: bytes
    trusted: tuple[bytes, ...] = ()

    def settings(self) -> Places:
        """Return the reader of the settings files that the program sees."""
        return _Settings(self.root)

    def refuse_other_accounts(self) -> None:
        """Raise Doubtful if the same name may mean different accounts for the program and for jitd."""
        ours, theirs = Places(), self.settings()
        try:
            is_same = all(_content(ours, path) == _content(theirs, path) for path in ACCOUNTS)
        except OSError:
            is_same = False
        if not is_same:
            raise Doubtful(OTHER_ACCOUNTS)

    def typed(self, path: bytes) -> Way | None:
        """Return the way of ``path``, like ``judged``. Here, ``path`` is either absolute, or relative to the program's current
        directory. It always contains a slash. Raises Doubtful.
        """
        if path.startswith(b"/"):
            return self.judged(path)
        way = self._way(self.root, self.cwd)
        if way is None or not way.is_roots or (way.end.device, way.end.inode) != _identity(self.directory):
            raise Doubtful(UNSURE)
        return self.judged(os.path.join(self.cwd, path))

    def judged(self, path: bytes) -> Way | None:
        """Return the way of the absolute ``path``: each directory, link and file on this path. Return None if ``path`` exists
        neither for the program nor for jitd. Raises Doubtful.
        """
        theirs, ours = self._way(self.root, path), self._way(own_root(), path)
        if theirs is None or ours is None:
            if theirs is not ours:
                raise Doubtful(UNSURE)
        elif not theirs.is_same_as(ours):
            raise Doubtful(UNSURE)
        return theirs

    def is_executable(self, path: bytes) -> bool:
        """True if the absolute ``path`` leads the program to an executable file. Raises Doubtful."""
        way = self._way(self.root, path)
        return way is not None and way.is_executable

    def _way(self, root: Held, path: bytes) -> Way | None:
        """Return each directory, link and file on ``path``, or None if nothing exists there. Raises Doubtful."""
        try:
            return walk(root, path, self.trusted)
        except Changeable:
            raise Doubtful(UNSURE) from None
        except OSError as fault:
            if fault.errno in ABSENT:
                return None
            raise Doubtful(UNSURE) from None


class _Settings(Places):
    """Below the root directory of another process, from which absolute links are followed, and not from jitd's."""

    def __init__(self, root: Held) -> None:
        super().__init__(f"/proc/self/fd/{root.number}")
        self._held = root

    def names(self, directory: str) -> list[str]:
        with Glance(self._held.number) as glance:
            file = glance.open(self._place(directory, glance), os.O_RDONLY | os.O_DIRECTORY)
        try:
            return sorted(os.listdir(file), key=os.fsencode)
        finally:
            os.close(file)

    def _opened(self, path: str) -> int:
        with Glance(self._held.number) as glance:
            return open_regular(self._place(path, glance), glance)

    def _place(self, path: str, glance: Glance) -> bytes:
        """Return where ``path`` leads. Raises Unreadable, OSError and ValueError."""
        try:
            return walk_in(glance, os.fsencode(path)).end.path
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
