# SPDX-License-Identifier: Apache-2.0
"""Finds the texts that a command will run or read as code, so that its approvers can read them.

Law: a text is read with the rights of the requester (``files.reading_as``), so approvers read nothing that the requester could
not have sent them. If an approval is bound to the content of a file, exactly this content is shown, or it is said why it is not.
Calls may block. Nothing here changes a decision.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from jitd.core.command import Command, Operand
from jitd.core.script import LARGEST, LARGEST_TOGETHER, MOST, Script, is_packaged, is_unit, runs_texts, why_not
from jitd.core.subject import Subject
from jitd.deciding import accounts, groups
from jitd.files import operands
from jitd.files.reading_as import Read, Rights, read_as

MOST_LOOKED_AT = 256  # paths that are looked at for one command. An argument can mean several.
MOST_OF_ROOTS = 16  # files that only root can change and that are shown, or said not to be shown
MOST_READ = 512 * 1024  # bytes that are read for one command, in files that turn out to be texts and in others
CHANGED = "it was changed while jitd looked at it"
TOO_MANY = f"only the first {MOST} texts are shown, and {LARGEST_TOGETHER // 1024} KiB of them"


@dataclass(frozen=True, slots=True)
class Scripts:
    """The ``scripts`` of a command, and the ``texts`` whose digests they have."""

    scripts: tuple[Script, ...] = ()
    texts: tuple[bytes, ...] = ()

    @property
    def n_bytes(self) -> int:
        """The size of all texts together, in bytes."""
        return sum(map(len, self.texts))

    def bound(self, command: Command) -> dict[str, str]:
        """Map the path of each file that others can change to its text, if the run of ``command`` is bound to the text."""
        digests = {command.digest, *(one.digest for one in command.operands)} - {b""}
        texts = {sha256(text).digest(): text.decode("utf-8", "surrogateescape") for text in self.texts}
        found = ((one.path.decode("utf-8", "surrogateescape"), one.digest) for one in self.scripts if one.digest in digests)
        return {path: texts[digest] for path, digest in found if digest in texts}


NO_SCRIPTS = Scripts()


def find(command: Command, who: Subject, *, is_fixed: bool) -> Scripts:
    """Return the texts of ``command``, which ``who`` asks for. ``is_fixed`` is True if only root and the account to run as can
    change the command's own file.

    Three kinds of files are texts of a command, if they are text: its own file, unless it is one of the system's programs; files
    that others can change, because they may become what runs; and what only root can change, if it can be executed, or if a
    program of the command line runs what it is given.
    """
    known = {(one.at, one.path): one for one in command.operands}
    is_run = runs_texts(command.argv)
    asked = _paths(command, is_fixed=is_fixed)
    looked_at = list(dict.fromkeys(path for _, path in asked))[:MOST_LOOKED_AT]
    beyond = {path for _, path in asked}.difference(looked_at)
    try:
        rights = Rights(who.uid, who.gid, accounts.group_ids(who.user, who.gid))
        read = {one.path: one for one in read_as(rights, looked_at, LARGEST, MOST_READ)}
        lacks = f"jitd could not read it as {who.user}"
    except (OSError, groups.CannotLookUp) as fault:
        read, lacks = {}, f"jitd could not have the rights of {who.user}: {getattr(fault, 'strerror', None) or fault}"
    found, texts, n_bytes, n_of_roots = list[Script](), list[bytes](), 0, 0
    for at, path in asked:
        operand, seen = known.get((at, path)), read.get(path)
        if at and operand is None and n_of_roots >= MOST_OF_ROOTS:
            continue
        wanted = command.digest if at == 0 else b"" if operand is None else operand.digest
        told = _why_not(seen, wanted, who.user, TOO_MANY if path in beyond else lacks, is_run=is_run or at == 0)
        if told:
            if _is_told(at, operand, seen, is_run=is_run):
                found.append(Script(at, path, told=told))
                n_of_roots += operand is None
            continue
        assert seen is not None, "it was read"
        if operand is None and at and (is_packaged(path) or not (is_run or seen.mode & 0o111)):
            continue
        n_of_roots += operand is None
        n_bytes += len(seen.content)
        if len(texts) == MOST or n_bytes > LARGEST_TOGETHER:
            found.append(Script(at, path, told=TOO_MANY))
            continue
        texts.append(seen.content)
        found.append(Script(at, path, sha256(seen.content).digest()))
    return Scripts(tuple(found), tuple(texts))


def _paths(command: Command, *, is_fixed: bool) -> list[tuple[int, bytes]]:
    def found() -> Iterator[tuple[int, bytes]]:
        if command.digest and not (is_fixed and is_packaged(command.path)):
            yield 0, command.path
        yield from ((one.at, one.path) for one in command.operands)  # first, because these are what somebody may have chosen
        yield from operands.named(command.argv, command.cwd)

    return [(at, path) for at, path in dict.fromkeys(found()) if at == 0 or not is_unit(command.argv, at)]


def _why_not(seen: Read | None, wanted: bytes, requester: str, lacks: str, *, is_run: bool) -> str:
    if seen is None:
        return lacks
    if seen.fault:
        if seen.fault in (errno.EACCES, errno.EPERM):
            return f"{requester} cannot read it"
        return TOO_MANY if seen.fault == errno.EFBIG else lacks
    told = why_not(seen.content, seen.mode, requester, is_whole=seen.is_whole, is_run=is_run)
    return told or (CHANGED if wanted and sha256(seen.content).digest() != wanted else "")


def _is_told(at: int, operand: Operand | None, seen: Read | None, *, is_run: bool) -> bool:
    """True if people are told that a file is not shown. They are told of each file that others can change and to whose content
    the approval is bound, and of each file that is certainly there and may be what runs.
    """
    if at == 0:
        return seen is None or bool(seen.fault) or seen.content.startswith(b"#!")
    if operand is not None:
        return bool(operand.digest) or seen is not None
    return is_run and seen is not None and not is_packaged(seen.path)
