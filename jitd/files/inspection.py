# SPDX-License-Identifier: Apache-2.0
"""Inspects a file: its content, and the accounts that could change what the file does.

Law: this module imports only the standard library and modules of ``jitd.files``. Only regular files are opened. Reading is
limited in bytes and time. If a file cannot be judged, Uninspectable is raised with a sentence. Nothing is guessed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from jitd.files import interpreters
from jitd.files.digests import DigestCache, identity
from jitd.files.glance import ABSENCE, CIRCLE, HIDDEN, PROCFS, Glance, Sight, Step
from jitd.files.mounts import OWN, Mounts

LIMIT = 1024 * 1024 * 1024  # maximum size in bytes of a file that is read
PATIENCE = 20.0  # seconds at most for reading one file
CHUNK = 64 * 1024  # malloc takes new memory from the kernel for more than 128 KiB (mallopt(3))


class Uninspectable(Exception):
    """A file cannot be judged, so it must not be run. The text gives the reason. ``looked_at`` are the searched paths.
    ``is_absent`` is true if none of these paths exists. ``is_unfit`` is true if a file exists that the kernel does not execute.
    """

    def __init__(
        self, because: str, *, looked_at: tuple[bytes, ...] = (), is_absent: bool = False, is_unfit: bool = False
    ) -> None:
        super().__init__(because)
        self.because = because
        self.looked_at = looked_at
        self.is_absent = is_absent
        self.is_unfit = is_unfit


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A program that executes a script, and that accounts besides root and the target account could change. The kernel opens it
    by the name ``path``, which leads to the file ``real``. ``digest`` is the SHA-256 of this file. ``digest`` is empty if an
    argument in the first line names it: then not the kernel opens it, but the interpreter, and no copy can stand in for it.
    ``writable_by`` has a sentence for each of the accounts.
    """

    path: bytes
    real: bytes
    digest: bytes
    writable_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inspected:
    """The facts about the file at ``path``. ``writable_by`` has a sentence for each account that could change the file's effect.
    Root and the target account are left out.

    ``interpreters`` are those that others could change, in the chain of scripts that begins with the file. Copies of them can be
    executed. ``by_name`` has a sentence for each other program that others could change, and that the kernel opens by its name
    even if a copy of the file is executed.
    """

    path: bytes
    device: int
    inode: int
    size: int
    digest: bytes
    writable_by: tuple[str, ...]
    interpreters: tuple[Interpreter, ...] = ()
    by_name: tuple[str, ...] = ()


# --- who could change it ---------------------------------------------------------------------------------------------

_ENTRY = struct.Struct("<HHI")
_ACL_USER, _ACL_GROUP_OBJ, _ACL_GROUP, _ACL_MASK = 0x02, 0x04, 0x08, 0x10
_WRITE = 0x02


AccessList = list[tuple[int, int, int]] | None


def access_list(path: bytes, glance: Glance) -> AccessList:
    """Return (tag, permissions, id) for each entry in the access list of ``path``. Return None without a list."""
    try:
        if (raw := glance.access(path)) is None:
            return None
    except OSError as fault:
        raise Uninspectable(f"its access list cannot be read: {fault.strerror}") from None
    if len(raw) < 4 or (len(raw) - 4) % _ENTRY.size:
        raise Uninspectable("its access list cannot be read")
    return list(_ENTRY.iter_unpack(raw[4:]))


class Changer(NamedTuple):
    """Who could change ``file``: the account ``uid``, the members of the group ``gid``, or, if both are None, whoever ``others``
    names. ``is_owner`` is True if the file belongs to the account. The text of a Changer is a sentence.
    """

    file: str
    uid: int | None = None
    gid: int | None = None
    is_owner: bool = False
    others: str = ""

    def __str__(self) -> str:
        if self.uid is None and self.gid is None:
            return f"{self.file} may be written by {self.others}" if self.file else self.others
        whose = f"uid {self.uid}" if self.uid is not None else f"gid {self.gid}"
        return f"{self.file} belongs to {whose}" if self.is_owner else f"{self.file} may be written by {whose}"


EVERYBODY = "everybody"


def _changers(name: str, status: os.stat_result, access: AccessList, target_uid: int) -> list[Changer]:
    """Return the accounts that may write to ``name``, except root and the target account."""
    found = []
    if status.st_uid not in (0, target_uid):
        found.append(Changer(name, uid=status.st_uid, is_owner=True))
    if access is None:
        if status.st_mode & 0o020:
            found.append(Changer(name, gid=status.st_gid))
    else:
        mask = next((permissions for tag, permissions, _ in access if tag == _ACL_MASK), 7)
        for tag, permissions, number in access:
            if not permissions & mask & _WRITE:
                continue
            if tag == _ACL_USER and number not in (0, target_uid):
                found.append(Changer(name, uid=number))
            elif tag in (_ACL_GROUP, _ACL_GROUP_OBJ):
                found.append(Changer(name, gid=number if tag == _ACL_GROUP else status.st_gid))
    if status.st_mode & 0o002:
        found.append(Changer(name, others=EVERYBODY))
    return found


_PLAIN_PATH = re.compile(rb"[\w%+,./:=@~-]*+", re.ASCII)


def path_in_sentence(path: bytes) -> str:
    """Return ``path`` for a sentence. Somebody has chosen its names, so it is in quotes unless it is one plain word, and a quote
    in it is escaped: a name never reads as a part of the sentence.
    """
    text = path.decode("utf-8", "backslashreplace")
    return text if _PLAIN_PATH.fullmatch(path) else "'" + text.replace("'", "\\x27") + "'"


@dataclass(slots=True)
class _Walk:
    """Notes for every directory and link on a path who could make it lead elsewhere. ``cwd`` is the current directory of the
    process that will open the path, or None if this directory is not known. ``absent_from`` is the directory without the entry by
    which the path goes on.
    """

    target_uid: int
    mounts: Mounts
    cwd: bytes | None = None
    glance: Glance = field(default_factory=Glance)
    changers: list[Changer] = field(default_factory=list)
    absent_from: bytes = b""
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def follow(self, path: bytes) -> bytes:
        """Return ``path`` with all links resolved. Note who could make it lead to another file. Raises Uninspectable."""
        return self.sight(path).path

    def sight(self, path: bytes) -> Sight:
        """Return what is found at the end of ``path``. Note who could make it lead to another file. Raises Uninspectable."""
        if not path.startswith(b"/"):
            raise Uninspectable("its path is not absolute", looked_at=(path,))
        try:
            sight = self.glance.follow(path, cwd=self.cwd)
            for step in sight.steps:
                self.look_at(step)
        except OSError as fault:
            raise Uninspectable(f"{path_in_sentence(path)}: {fault.strerror}", looked_at=(path,)) from None
        except ValueError as fault:
            raise Uninspectable(f"{path_in_sentence(path)}: {fault}", looked_at=(path,)) from None
        self.absent_from = os.path.dirname(sight.stopped_at)
        refuse_unfound(path, sight)
        return sight

    def changers_of(self, name: bytes, real: bytes) -> list[Changer]:
        """Return who but root and the target account may write to ``real``, called ``name``. Raises Uninspectable, OSError."""
        status, access = self.glance.lstat(real), access_list(real, self.glance)
        found = _changers(path_in_sentence(name), status, access, self.target_uid)
        try:
            why_not = self.mounts.why_not(self.glance.mount(real))
        except (OSError, ValueError) as fault:
            raise Uninspectable(
                f"the mount of {path_in_sentence(name)} cannot be determined: {fault}", looked_at=(name,)
            ) from None
        if why_not:
            found.append(Changer(path_in_sentence(name), others=f"others: its mount {why_not}"))
        return found

    def look_at(self, step: Step) -> None:
        """Note who could replace the entry of ``step``. A sticky bit protects those of root and the target account."""
        directory, entry = step.directory, step.entry
        status = self.glance.lstat(directory)
        key = (status.st_dev, status.st_ino)
        if key in self._seen:
            return
        found = self.changers_of(directory, directory)
        trusted = (0, self.target_uid)
        is_believed = bool(status.st_mode & stat.S_ISVTX) and not self.mounts.why_not(self.glance.mount(directory))
        if is_believed and status.st_uid in trusted and entry.st_uid in trusted:
            return  # the directory is not marked as seen, because the next entry in it may belong to somebody else
        self._seen.add(key)
        self.changers += found


# --- what is in it ---------------------------------------------------------------------------------------------------


def refuse_unfound(path: bytes, sight: Sight) -> None:
    """Raise Uninspectable if ``path`` leads nowhere, as ``sight`` says."""
    at = sight.stopped_at
    if sight.end in (ABSENCE, HIDDEN):
        because = f"{path_in_sentence(at)}: {os.strerror(sight.fault)}"
        raise Uninspectable(because, looked_at=(at,), is_absent=sight.fault in (errno.ENOENT, errno.ENOTDIR))
    if sight.end == CIRCLE:
        raise Uninspectable(f"{path_in_sentence(path)} leads through too many links", looked_at=(path,))
    if sight.end == PROCFS and sight.path != at:
        because = f"{path_in_sentence(path)} leads through /proc, where each process sees something else"
        raise Uninspectable(because, looked_at=(path,), is_unfit=True)


def open_regular(path: bytes, glance: Glance) -> int:
    """Open the regular file at ``path`` for reading, where ``glance`` has found it. ``path`` is one that was resolved. Return the
    descriptor. Raises Uninspectable if the file is not regular.
    """
    try:
        if not stat.S_ISREG(glance.lstat(path).st_mode):
            raise Uninspectable(f"{path_in_sentence(path)} is not a regular file", looked_at=(path,), is_unfit=True)
        return glance.open(path)
    except OSError as fault:
        absent = fault.errno in (errno.ENOENT, errno.ENOTDIR)
        raise Uninspectable(f"{path_in_sentence(path)}: {fault.strerror}", looked_at=(path,), is_absent=absent) from None


def is_elf(path: bytes, glance: Glance) -> bool:
    """True if the regular file at ``path`` is a program in the format ELF. Raises Uninspectable and OSError."""
    file = open_regular(path, glance)
    try:
        return os.pread(file, len(_ELF), 0) == _ELF
    finally:
        os.close(file)


_ELF = b"\x7fELF"


def _digest(
    file: int, path: bytes, limit: int, copy: int | None = None, before: Callable[[int], None] = lambda into: None
) -> bytes:
    """Return the SHA-256. The content is also written to ``copy``, for which ``before`` is called before each piece."""
    enough_at = time.monotonic() + PATIENCE
    digest = hashlib.sha256()
    size = 0
    while data := _piece(file, path):
        size += len(data)
        if size > limit:
            raise Uninspectable(f"{path_in_sentence(path)} has more than {limit} bytes", looked_at=(path,))
        if time.monotonic() > enough_at:
            raise Uninspectable(f"{path_in_sentence(path)} takes more than {PATIENCE:.0f} s to read", looked_at=(path,))
        digest.update(data)
        while copy is not None and data:
            before(copy)
            data = data[os.write(copy, data) :]
    return digest.digest()


def _piece(file: int, path: bytes) -> bytes:
    try:
        return os.read(file, CHUNK)
    except OSError as fault:
        raise Uninspectable(f"{path_in_sentence(path)} cannot be read: {fault.strerror}", looked_at=(path,)) from None


def opened_for(file: int, path: bytes) -> interpreters.Opened:
    """Return what the kernel opens by name to execute ``file``, a descriptor of the file at ``path``. Raises Uninspectable."""
    try:
        opened = interpreters.opened_for(file, path)
    except (OSError, ValueError) as fault:
        raise Uninspectable(f"what executes {path_in_sentence(path)} cannot be determined: {fault}", looked_at=(path,)) from None
    if opened.line is not None and not opened.line.interpreter.startswith(b"/"):
        raise _not_absolute("interpreter", path)
    if not all(loader.startswith(b"/") for loader in opened.loaders):
        raise _not_absolute(LOADER, path)
    return opened


def _not_absolute(what: str, path: bytes) -> Uninspectable:
    because = f"the {what} of {path_in_sentence(path)} is not named by an absolute path"
    return Uninspectable(because, looked_at=(path,), is_unfit=True)


def inspect(
    path: bytes,
    target_uid: int,
    *,
    limit: int = LIMIT,
    cache: DigestCache | None = None,
    trusted: tuple[bytes, ...] = (),
    glance: Glance | None = None,
) -> Inspected:
    """Inspect the file to which ``path`` (absolute) leads, before ``target_uid`` executes it. jitd believes what the mounts at
    ``trusted`` say about the owners of files. ``glance`` caches look-ups. Raises Uninspectable.
    """
    walk = _Walk(target_uid, Mounts(trusted), glance=glance or Glance())
    chain = _Chain(target_uid, walk.mounts, walk.glance, limit)
    real = walk.follow(path)
    file = open_regular(real, walk.glance)
    try:
        status = walk.glance.lstat(real)
        own = walk.changers_of(path, real)
        opened = opened_for(file, path)
        digest = None
        is_roots = status.st_uid == 0 and not own and not walk.changers
        if cache is not None and is_roots:
            digest = cache.get(status)
        if digest is None:
            if status.st_size > limit:
                raise Uninspectable(f"{path_in_sentence(path)} has more than {limit} bytes", looked_at=(path,))
            digest = _digest(file, path, limit)
            if identity(os.fstat(file)) != identity(status):
                raise Uninspectable(f"{path_in_sentence(path)} is being changed", looked_at=(path,))
            if cache is not None and is_roots:
                cache.put(status, digest)
    finally:
        os.close(file)
    chain.follow(opened)
    changers = _sentences(own + walk.changers + chain.changers)
    return Inspected(
        path, status.st_dev, status.st_ino, status.st_size, digest, changers, tuple(chain.bound), tuple(chain.by_name)
    )


def _sentences(changers: list[Changer]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(str, changers)))


LOADER = "ELF interpreter"


@dataclass(slots=True)
class _Chain:
    """The programs that the kernel opens by name, one after another, to execute a file."""

    target_uid: int
    mounts: Mounts
    glance: Glance
    limit: int
    bound: list[Interpreter] = field(default_factory=list)
    by_name: list[str] = field(default_factory=list)
    changers: list[Changer] = field(default_factory=list)
    _seen: set[tuple[bytes, bool]] = field(default_factory=set)

    def follow(self, opened: interpreters.Opened, depth: int = 1, *, may_be_copied: bool = True) -> None:
        """Examine what is ``opened`` for a file, at ``depth`` in the chain of scripts, and what is opened for that, as far as the
        kernel goes. If ``may_be_copied``, the file itself may be executed as a copy. Raises Uninspectable.
        """
        for loader in opened.loaders:
            self._examine_loader(loader)
        for handler in opened.handlers:
            self._examine(handler, depth, "its handler of binfmt_misc", may_be_copied=False)
        if opened.line is not None:  # a handler comes before the first line
            may_be_copied = may_be_copied and not opened.handlers
            self._examine(opened.line.interpreter, depth, "its interpreter", may_be_copied=may_be_copied)
            for path in interpreters.named(opened.line):
                self._examine_argument(path)

    def _examine(self, path: bytes, depth: int, what: str, *, may_be_copied: bool) -> None:
        if (path, may_be_copied) in self._seen or depth > interpreters.MOST:
            return
        self._seen.add((path, may_be_copied))
        walk = _Walk(self.target_uid, self.mounts, glance=self.glance)
        try:
            real = walk.follow(path)
            file = open_regular(real, self.glance)
        except Uninspectable as fault:
            raise _unfit_interpreter("is missing" if fault.is_absent else "is not a program", path) from None
        try:
            if not self.glance.lstat(real).st_mode & 0o111:
                raise _unfit_interpreter("is not executable", path)
            found = walk.changers + walk.changers_of(path, real)
            opened = opened_for(file, path)
            if found and may_be_copied:
                self.bound.append(Interpreter(path, real, _digest(file, path, self.limit), _sentences(found)))
        finally:
            os.close(file)
        if not may_be_copied:
            self._note(path, what, found)
        self.changers += found
        self.follow(opened, depth + 1, may_be_copied=may_be_copied)

    def _examine_argument(self, path: bytes) -> None:
        """Examine what an argument in a first line names, as env(1) and a shell execute it. If it does not exist, whoever can
        change the nearest directory above it can make it.
        """
        if (path, False) in self._seen:
            return
        self._seen.add((path, False))
        try:
            real, found = self._nearest(path)
        except OSError as fault:
            raise Uninspectable(f"{path_in_sentence(path)}: {fault.strerror}", looked_at=(path,)) from None
        if found:
            self.bound.append(Interpreter(path, real, b"", _sentences(found)))
        self.changers += found

    def _nearest(self, path: bytes) -> tuple[bytes, list[Changer]]:
        """Return where ``path``, or the nearest directory above it that exists, leads to, and who could change that. Of a device,
        and of a directory for everybody's files such as /tmp, only those count who could make the path lead elsewhere.
        """
        place = path
        while True:
            walk = _Walk(self.target_uid, self.mounts, glance=self.glance)
            try:
                real = walk.follow(place)
                break
            except Uninspectable as fault:
                if not fault.is_absent or place == b"/":
                    return path, [Changer("", others=str(fault))]
                place = os.path.dirname(place.rstrip(b"/")) or b"/"
        status = self.glance.lstat(real)
        is_shared = place == path and stat.S_ISDIR(status.st_mode) and status.st_uid == 0 and bool(status.st_mode & stat.S_ISVTX)
        if not is_shared and (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            return real, walk.changers + walk.changers_of(place, real)
        own = _Walk(self.target_uid, self.mounts, glance=self.glance)
        own.follow(real)
        return real, [one for one in walk.changers if one not in own.changers]

    def _examine_loader(self, path: bytes) -> None:
        key = (path, self.target_uid, self.mounts.trusted)
        if _is_as_it_was(key, self.glance):
            return
        walk = _Walk(self.target_uid, self.mounts, glance=self.glance)
        found: list[Changer] = []
        try:
            table = OWN()
            sight = walk.sight(path)
            found = walk.changers_of(path, sight.path)
            if not (found or walk.changers):
                _remember(key, table, sight, self.glance)
        except Uninspectable as fault:
            if not fault.is_absent:  # if it is missing, the kernel does not execute the file
                raise
        except OSError as fault:
            raise Uninspectable(f"{path_in_sentence(path)}: {fault.strerror}", looked_at=(path,)) from None
        self._note(path, f"its {LOADER}", walk.changers + found)
        self.changers += walk.changers + found

    def _note(self, path: bytes, what: str, found: list[Changer]) -> None:
        if found:
            told = f"{what} {path_in_sentence(path)} can be changed by others ({found[0]})"
            self.by_name.append(f"{told}, and the kernel opens it by its name")


@dataclass(slots=True)
class View:
    """A process that will open paths. It runs as ``target_uid`` in the directory ``cwd``. jitd believes what the mounts at
    ``trusted`` say about the owners of files. Use a View for one look only, because it caches facts about mounts.
    """

    target_uid: int
    cwd: bytes | None = None
    trusted: tuple[bytes, ...] = ()
    mounts: Mounts = field(init=False)

    def __post_init__(self) -> None:
        self.mounts = Mounts(self.trusted)


def changers(path: bytes, view: View, glance: Glance | None = None) -> tuple[bytes, tuple[str, ...]]:
    """Return the path to which ``path`` (absolute) leads in ``view``. For each account that could change the file there, also
    return one sentence. Root and the target account are left out. Raises Uninspectable.
    """
    walk = _Walk(view.target_uid, view.mounts, view.cwd, glance or Glance())
    real = walk.follow(path)
    try:
        own = walk.changers_of(path, real)
    except OSError as fault:
        raise Uninspectable(f"{path_in_sentence(path)}: {fault.strerror}", looked_at=(path,)) from None
    return real, _sentences(own + walk.changers)


def makers(path: bytes, view: View, glance: Glance | None = None) -> tuple[str, ...]:
    """Return one sentence for each account that could make ``path`` (absolute), at which nothing exists, lead to a file. A sticky
    bit does not protect a name that is not there. Root and the target account are left out. Raises Uninspectable.
    """
    walk = _Walk(view.target_uid, view.mounts, view.cwd, glance or Glance())
    try:
        place = walk.follow(path)
    except Uninspectable as fault:
        if not fault.is_absent:
            raise
        place = walk.absent_from
    try:
        own = walk.changers_of(place, place)
    except OSError as fault:
        raise Uninspectable(f"{path_in_sentence(place)}: {fault.strerror}", looked_at=(place,)) from None
    return _sentences(own + walk.changers)


def changers_on(steps: Iterable[Step], end: bytes, view: View, glance: Glance) -> tuple[Changer, ...]:
    """Return who, but for root and the target account, could change the file ``end`` or where the path to it leads, by ``steps``,
    which ``glance`` has looked up: no other name is. Raises Uninspectable and OSError.
    """
    walk = _Walk(view.target_uid, view.mounts, view.cwd, glance)
    for step in steps:
        walk.look_at(step)
    return tuple(dict.fromkeys(walk.changers_of(end, end) + walk.changers))


def detour_changers(steps: Iterable[Step], end: bytes, view: View, glance: Glance) -> tuple[str, ...]:
    """Return one sentence for each account that could make the path of ``steps`` to the directory ``end`` a way to another one,
    by another entry in the place of a link, or of a directory that is left again by ``..``: in its directory, or in one above it.
    Root and the target account are left out. ``steps`` and ``glance`` are those of ``changers_on``. Raises Uninspectable and
    OSError.
    """
    walk, way = _Walk(view.target_uid, view.mounts, view.cwd, glance), tuple(steps)
    for step, after in zip(way, (*(each.directory for each in way[1:]), end), strict=True):
        is_entered = after != step.directory and os.path.dirname(after) == step.directory
        if stat.S_ISLNK(step.entry.st_mode) or not is_entered:
            walk.follow(step.directory)
            walk.look_at(step)
    return _sentences(walk.changers)


def digest_of(path: bytes, limit: int, glance: Glance) -> bytes:
    """Return the SHA-256 of the regular file that ``glance`` has found. Raises Uninspectable, also above ``limit`` bytes."""
    file = open_regular(path, glance)
    try:
        return _digest(file, path, limit)
    finally:
        os.close(file)


_Key = tuple[bytes, int, tuple[bytes, ...]]
_Signature = tuple[int, int, int, int, int, int]
_SAFE: dict[_Key, tuple[bytes, tuple[tuple[bytes, _Signature], ...]]] = {}
"""The ELF interpreters that were found to be only root's and the target account's, with the table of mounts and with what was on
the way. Almost all programs of a host have the same one, and to examine it anew takes longer than to see that nothing on the way
is different.
"""
_MOST_SAFE = 64


def _signature(status: os.stat_result) -> _Signature:
    return (status.st_dev, status.st_ino, status.st_mode, status.st_uid, status.st_gid, status.st_ctime_ns)


def _remember(key: _Key, table: bytes, sight: Sight, glance: Glance) -> None:
    if len(_SAFE) >= _MOST_SAFE:
        _SAFE.clear()
    way = dict.fromkeys((b"/", *(step.path for step in sight.steps)))
    _SAFE[key] = (table, tuple((path, _signature(glance.lstat(path))) for path in way))


def _is_as_it_was(key: _Key, glance: Glance) -> bool:
    """True if an ELF interpreter was only root's and the target account's, and nothing on the way has changed."""
    table, way = _SAFE.get(key, (b"", ()))
    try:
        return bool(way) and OWN() == table and all(_signature(glance.lstat(path)) == was for path, was in way)
    except (OSError, ValueError):
        return False


def _unfit_interpreter(because: str, named: bytes) -> Uninspectable:
    """Return an error. Its text does not name the interpreter, because some people may execute the script but not read it."""
    return Uninspectable(f"the interpreter in its first line {because}", looked_at=(named,), is_unfit=True)


def copy_content(path: bytes, copy: bytes, glance: Glance, *, before: Callable[[int], None]) -> bytes:
    """Copy the file that ``glance`` has found into the new file ``copy``, and return the SHA-256 of what was written. Before each
    piece, ``before`` gets its descriptor, and raises OSError if it is too much. Raises Uninspectable and OSError.
    """
    file = open_regular(path, glance)
    try:
        into = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            return _digest(file, path, LIMIT, into, before)
        finally:
            os.close(into)
    finally:
        os.close(file)
