# SPDX-License-Identifier: Apache-2.0
"""Reads dpkg's own database: the package of a file, and the checksum of the file according to the package.

This module reads the files of the database in the form of dpkg 1.21 (deb-md5sums(5), dpkg-divert(1), dpkg-query(1)). It does not
run dpkg itself. Law: a comparison with the database does not protect against tampering. The database only contains the state at
the installation. Root can change both the file and the database, and the checksums are MD5.
"""

from __future__ import annotations

import os
import re
import stat
import threading
from dataclasses import dataclass

DATABASE = b"/var/lib/dpkg"
_MOST_KEPT = 512  # answers that are kept until the database changes
_MOST_BYTES = 64 * 1024 * 1024
_TOPS = (b"bin", b"sbin", b"lib", b"lib32", b"lib64", b"libx32")  # links on a merged /usr, which names of dpkg may begin with
_LIST = b".list"


class NoDatabase(Exception):
    """The database cannot be used. The text of this exception gives the reason as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Owned:
    """A file of a package. ``listed`` is the name of the package and its architecture, in the form that the database uses.
    ``names`` are the paths that the package may use for the file.
    """

    listed: bytes
    names: frozenset[bytes]

    @property
    def package(self) -> str:
        return self.listed.partition(b":")[0].decode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class _Diversion:
    """A diversion (dpkg-divert(1)). If a package installs a file as ``name``, dpkg puts this file at ``to``. There is one
    exception: if the package ``by`` installs a file as ``name``, the file stays at ``name``.
    """

    name: bytes
    to: bytes
    by: bytes


class Packages:
    """dpkg's database in ``directory``, whose answers are kept until it changes. Threads may share this."""

    def __init__(self, directory: bytes = DATABASE) -> None:
        self._directory = directory
        self._kept: dict[bytes, Owned | None] = {}
        self._of: tuple[tuple[int, ...], ...] = ()
        self._lock = threading.Lock()

    def owner_of(self, path: bytes) -> Owned | None:
        """Return the package of ``path`` (absolute, without links), or None. Of several architectures' packages, the first by
        name. Raises NoDatabase.
        """
        with self._lock:
            before = self._stamp()
            if before != self._of:
                self._kept.clear()
                self._of = before
            if path not in self._kept:
                found = self._find(path)
                if self._stamp() != before:
                    raise NoDatabase("dpkg is changing its database now: ask again")
                if len(self._kept) >= _MOST_KEPT:
                    del self._kept[next(iter(self._kept))]
                self._kept[path] = found
            return self._kept[path]

    def checksum_of(self, owned: Owned) -> bytes | None:
        """Return the MD5 digest of ``owned`` according to the package. Return None if the package has no digest, for example for
        files that an administrator may change. Raises NoDatabase.
        """
        content = self._read(b"info/" + owned.listed + b".md5sums", if_missing=b"")
        for name in sorted(owned.names):
            found = re.search(rb"^([0-9a-f]{32}) [ *]" + re.escape(name.removeprefix(b"/")) + rb"$", content, re.MULTILINE)
            if found is not None:
                return bytes.fromhex(found[1].decode("ascii"))
        return None

    def _stamp(self) -> tuple[tuple[int, ...], ...]:
        """Return values that change when dpkg installs or removes something. Raises NoDatabase."""
        found = []
        for name in (b"info", b"status", b"diversions"):
            try:
                status = os.stat(os.path.join(self._directory, name), follow_symlinks=False)
            except FileNotFoundError:
                if name == b"diversions":
                    continue
                raise NoDatabase("this host has no database of dpkg") from None
            except OSError as fault:
                raise NoDatabase(f"the database of dpkg cannot be read: {fault.strerror}") from None
            if status.st_uid != 0 or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise NoDatabase("accounts other than root may change the database of dpkg")
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
        return tuple(found)

    def _find(self, path: bytes) -> Owned | None:
        if b"\n" in path or not path.startswith(b"/"):
            return None
        names, only, never = _names(path), None, None
        for diversion in self._diversions():
            if diversion.to in names:  # a file of another package, which was moved aside
                names, only, never = _names(diversion.name), None, diversion.by
                break
            if diversion.name in names:
                only = diversion.by
        found = [
            listed
            for listed in self._lists()
            if (base := listed.partition(b":")[0]) != never and only in (None, base) and self._is_in(names, listed)
        ]
        return Owned(min(found), names) if found else None

    def _lists(self) -> list[bytes]:
        try:
            names = os.listdir(os.path.join(self._directory, b"info"))
        except OSError as fault:
            raise NoDatabase(f"the database of dpkg cannot be read: {fault.strerror}") from None
        return [name.removesuffix(_LIST) for name in names if name.endswith(_LIST)]

    def _is_in(self, names: frozenset[bytes], listed: bytes) -> bool:
        content = b"\n" + self._read(b"info/" + listed + _LIST, if_missing=b"") + b"\n"
        return any(b"\n" + name + b"\n" in content for name in names)

    def _diversions(self) -> list[_Diversion]:
        lines = self._read(b"diversions", if_missing=b"").split(b"\n")
        return [_Diversion(*lines[at : at + 3]) for at in range(0, len(lines) - 2, 3)]

    def _read(self, name: bytes, *, if_missing: bytes) -> bytes:
        try:
            with open(os.path.join(self._directory, name), "rb") as file:
                content = file.read(_MOST_BYTES + 1)
        except FileNotFoundError:
            return if_missing
        except OSError as fault:
            raise NoDatabase(f"the database of dpkg cannot be read: {fault.strerror}") from None
        if len(content) > _MOST_BYTES:
            raise NoDatabase("a file in the database of dpkg is larger than dpkg's files are")
        return content


def _names(path: bytes) -> frozenset[bytes]:
    """Return the names that a package may use for ``path``: on a merged /usr, ``/bin/ls`` is ``/usr/bin/ls``."""
    for top in _TOPS:
        if path.startswith(b"/usr/" + top + b"/"):
            try:
                leads_to = os.readlink(b"/" + top)
            except OSError:
                return frozenset({path})
            return frozenset({path, path.removeprefix(b"/usr")} if leads_to.strip(b"/") == b"usr/" + top else {path})
    return frozenset({path})
