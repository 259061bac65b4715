# SPDX-License-Identifier: Apache-2.0
"""Facts about the command's file: its owner, its mode, its digest, its package, and whether the content is unchanged since the
installation.

Law: all facts of this module are about one file, and this file has the content that will run. If the file changes while it is
examined, no fact is known. jitd may treat a command as missing although a file exists at its path. Such a command has no facts.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from dataclasses import dataclass

from jitd.core.facts import Facts, Unknown, Value
from jitd.core.question import Question
from jitd.facts.packages import NoDatabase, Packages
from jitd.files.digests import DigestCache, identity
from jitd.files.glance import Glance
from jitd.files.inspection import CHUNK, LIMIT, PATIENCE, Inspected, Uninspectable, inspect, open_regular

DIGEST = "fact.file_digest"
_PACKAGE, _AS_PACKAGED = "fact.package", "fact.as_packaged"
NAMES = frozenset({DIGEST, "fact.file_owner", "fact.file_mode", _PACKAGE, _AS_PACKAGED})  # the facts of this module
_ACCOUNTS = "/etc/passwd"


class _Changing(Exception):
    """The file has changed while jitd examined it."""


@dataclass(frozen=True, slots=True)
class _Sums:
    sha256: bytes
    md5: bytes


class Files:
    """Examines files, and keeps the digests of files that only root can change. Threads may share this object."""

    def __init__(self, packages: Packages | None = None) -> None:
        self._packages = Packages() if packages is None else packages
        self._sha256 = DigestCache()
        self._md5 = DigestCache()

    def look(self, names: frozenset[str], question: Question, trusted: tuple[bytes, ...]) -> Facts:
        """Return the facts of ``names`` that this module has, and the file's digest. All are Unknown if ``question`` names
        another digest. The owners on mounts at ``trusted`` are believed.
        """
        wanted = frozenset({DIGEST, *names}) & NAMES
        path = question.command.path
        if not path or question.is_missing:
            return dict.fromkeys(wanted, Unknown("no file of the command is known"))
        try:
            found = self._look(wanted, path, trusted)
            if question.command.digest not in (b"", bytes.fromhex(str(found[DIGEST]))):
                raise _Changing
            return found
        except Uninspectable as fault:
            return dict.fromkeys(wanted, Unknown(f"the command's file cannot be looked at: {fault}"))
        except OSError as fault:
            return dict.fromkeys(wanted, Unknown(f"the command's file cannot be looked at: {fault.strerror}"))
        except _Changing:
            return dict.fromkeys(wanted, Unknown("the command's file is being changed"))

    def _look(self, wanted: frozenset[str], path: bytes, trusted: tuple[bytes, ...]) -> Facts:
        with Glance() as glance:
            inspected = inspect(path, 0, cache=self._sha256, trusted=trusted, glance=glance)
            file = open_regular(glance.follow(path).path, glance)
        found: dict[str, Value | Unknown] = {DIGEST: inspected.digest.hex()}
        try:
            status = os.fstat(file)
            if status.st_size != inspected.size:
                raise _Changing
            if "fact.file_owner" in wanted:
                found["fact.file_owner"] = name_of(status.st_uid)
            if "fact.file_mode" in wanted:
                found["fact.file_mode"] = stat.S_IMODE(status.st_mode)
            if wanted & {_PACKAGE, _AS_PACKAGED}:
                found |= self._packaged(file, status, inspected, wanted)
        finally:
            os.close(file)
        return found

    def _packaged(self, file: int, status: os.stat_result, inspected: Inspected, wanted: frozenset[str]) -> Facts:
        """Return the package of the file, or of the target of a link, and whether the file is unchanged since its installation.
        If ``wanted`` does not contain this second fact, its value in the result has no meaning.
        """
        try:
            owned = self._packages.owner_of(os.readlink(b"/proc/self/fd/%d" % file))
            found: dict[str, Value | Unknown] = {_PACKAGE: "" if owned is None else owned.package}
            if _AS_PACKAGED not in wanted or owned is None:
                return found | {_AS_PACKAGED: False}
            checksum = self._packages.checksum_of(owned)
        except NoDatabase as fault:
            return dict.fromkeys((_PACKAGE, _AS_PACKAGED), Unknown(str(fault)))
        if checksum is None:
            return found | {_AS_PACKAGED: Unknown(f"the package {owned.package} has no checksum of the file")}
        return found | {_AS_PACKAGED: self._md5_of(file, status, inspected) == checksum}

    def _md5_of(self, file: int, status: os.stat_result, inspected: Inspected) -> bytes:
        is_roots = status.st_uid == 0 and not inspected.writable_by
        if is_roots and (kept := self._md5.get(status)) is not None:
            return kept
        sums = _sums(file)
        if identity(os.fstat(file)) != identity(status) or sums.sha256 != inspected.digest:
            raise _Changing
        if is_roots:
            self._md5.put(status, sums.md5)
        return sums.md5


def _sums(file: int) -> _Sums:
    """Return the digests of the content of ``file``. The content is read only once. Raises Uninspectable and OSError."""
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    enough_at = time.monotonic() + PATIENCE
    while piece := os.read(file, CHUNK):
        size += len(piece)
        if size > LIMIT or time.monotonic() > enough_at:
            raise Uninspectable("it is too large, or takes too long to read")
        sha256.update(piece)
        md5.update(piece)
    return _Sums(sha256.digest(), md5.digest())


def name_of(uid: int, accounts: str = _ACCOUNTS) -> str:
    """Return the name of the account ``uid`` in ``accounts`` (passwd(5)). If the account has no name in this file, return ``#``
    and the uid. No directory server is queried, because the server may be slow or silent. Raises OSError.
    """
    with open(accounts, "rb") as file:
        for line in file:
            name, *fields = line.split(b":")
            if len(fields) > 1 and fields[1] == b"%d" % uid:
                return name.decode("utf-8", "backslashreplace")
    return f"#{uid}"
