# SPDX-License-Identifier: Apache-2.0
"""Where the files are, and what is in them. Law: only regular files are opened, as far as a limit, and none is changed."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from contextlib import suppress

from jitd.inspection import Uninspectable, View, changers, open_regular
from jitd.pamlint.stack import Source

LARGEST = 4 * 1024 * 1024
"""Bytes of a file that are read: what is larger is nobody's."""
STACKS = ("/etc/pam.d", "/usr/lib/pam.d")
"""Where a service's file is; what one includes is in the first alone (Debian's libpam looks nowhere else)."""
MODULES = tuple(
    f"{above}/{place}" for place in ("*-linux-gnu*/security", "security") for above in ("/lib", "/usr/lib", "/usr/lib64")
)
SSH = "/etc/ssh"


class Unreadable(OSError):
    """It is there, and cannot be read: a sentence."""


class NoFile(Unreadable):
    """It is a directory, a device or the like."""


class Places:
    """A host's files; below ``root`` if that is given."""

    def __init__(self, root: str = "") -> None:
        self._root = root

    def read(self, path: str) -> Source | None:
        """The file at ``path``, None if there is none. Raises Unreadable."""
        try:
            file = open_regular(os.fsencode(self._root + path))
        except Uninspectable as fault:
            if fault.is_absent:
                return None
            raise (NoFile if fault.is_unfit else Unreadable)(fault.because) from None
        except ValueError:  # a NUL in its name
            return None
        try:
            with os.fdopen(file, "rb") as stream:
                data = stream.read(LARGEST + 1)
        except OSError as fault:
            raise Unreadable(f"{path}: {fault.strerror}") from None
        if len(data) > LARGEST:
            raise Unreadable(f"{path} has more than {LARGEST} bytes")
        return Source(path, data)

    def stack(self, service: str) -> Source | None:
        """The file of a service. Raises Unreadable."""
        return self._first(f"{place}/{service}" for place in STACKS)

    def included(self, name: str, beside: str) -> Source | None:
        """What a stack includes by ``name``: in the directory ``beside`` first, if one is given. None if it cannot be read."""
        paths = [name] if name.startswith("/") else [f"{place}/{name}" for place in (beside, STACKS[0]) if place]
        try:
            return self._first(paths)
        except Unreadable:
            return None

    def _first(self, paths: Iterable[str]) -> Source | None:
        for path in paths:
            if (source := self.read(path)) is not None:
                return source
        return None

    def _file(self, path: str) -> Source | None:
        with suppress(NoFile):
            return self.read(path)
        return None

    def names(self, directory: str) -> list[str]:
        """What is in a directory, in the order of its bytes. Raises OSError."""
        return sorted(os.listdir(self._root + directory), key=os.fsencode)

    def matching(self, pattern: str) -> list[str]:
        """The paths that an absolute pattern means, in order."""
        return sorted(path.removeprefix(self._root) for path in glob.glob(glob.escape(self._root) + pattern))

    def of_sudoers(self, word: str, path: str) -> list[Source]:
        """What sudoers includes: a file, or those of a directory whose names have no dot and no ~ at the end."""
        path = path.replace("%h", os.uname().nodename.partition(".")[0])
        try:
            if word == "include":
                sources = [self.read(path)]
            else:
                names = [name for name in self.names(path) if "." not in name and not name.endswith("~")]
                sources = [self._file(f"{path}/{name}") for name in names]
        except FileNotFoundError:
            return []
        except (Unreadable, OSError, ValueError) as fault:
            raise LookupError(f"{path} cannot be read: {fault}") from None
        if word == "include" and sources == [None]:
            raise LookupError(f"{path} is not there")
        return [source for source in sources if source is not None]

    def of_sshd(self, pattern: str, beside: str) -> list[Source]:
        """What sshd_config includes by a pattern. Raises Unreadable."""
        patterns = [pattern] if pattern.startswith("/") else [f"{place}/{pattern}" for place in (beside, SSH) if place]
        for each in patterns:
            found = [source for path in self.matching(each) if (source := self.read(path)) is not None]
            if found:
                return found
        return []

    def module(self, name: str) -> str:
        """Where a module is; empty if nowhere."""
        patterns = [glob.escape(name)] if name.startswith("/") else [f"{place}/{glob.escape(name)}" for place in MODULES]
        return next((path for pattern in patterns for path in self.matching(pattern)), "")

    def who_may_change(self, path: str) -> str:
        """What is wrong with a file that becomes part of programs of root's; empty if nothing is."""
        try:
            _, found = changers(os.fsencode(self._root + path), View(0))
        except Uninspectable as fault:
            return "missing" if fault.is_absent else fault.because
        return "; ".join(found[:3])
