# SPDX-License-Identifier: Apache-2.0
"""Puts a new text in the place of one regular file, with the rights of the thread that calls, and keeps all else of the file:
owner, group, mode, access lists and other extended attributes, and the flags of chattr(1).

Law: nothing is made before the check has said yes. Then the new file is made beside the old one, whole, and the two change places
in one step. What comes out is looked at before it is removed: if it is not the file that was expected, the two change places
again. So at each moment the name leads to the old file or to the whole new one, and a file that somebody else has put there
meanwhile is not lost. No name of a path but the last is looked up anew: all goes by the descriptor of the directory.

The new file gets a name when it is whole, for the exchange. A process that is killed then leaves it. The name has the number of
its inode, and the process holds a lock, so the next edit knows it: no file of anybody else's has its own number in such a name.

Several files are exchanged one after another, when all checks have said yes and all new ones are made. If one cannot be
exchanged, those before it change places again. No system call exchanges more than one, so a process that is killed between two
leaves some files exchanged and some not.
Sources: renameat2(2), RENAME_EXCHANGE; open(2), O_TMPFILE; flock(2); xattr(7); acl(5); ioctl_iflags(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import os
import stat
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from jitd.files.glance import THERE, Glance

_LIBC = ctypes.CDLL(None, use_errno=True)
_RENAME_EXCHANGE = 2
_FS_IOC_GETFLAGS, _FS_IOC_SETFLAGS = 0x80086601, 0x40086602
_FS_IMMUTABLE, _FS_APPEND = 0x10, 0x20
_FS_VERITY = 0x100000
_OF_THE_DISK = 0x100 | 0x200 | 0x40000 | 0x80000 | 0x200000 | 0x10000000
"""The flags by which a file system says how it stores a file (linux/fs.h: dirty, compressed blocks, huge, extents, attributes in
inodes, inline data). Nobody sets them, and the new file may have others.
"""
JOURNALED = 0x4000  # the flag j of chattr(1): only root gives it to a file (CAP_SYS_RESOURCE)
_OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
SUFFIX = b".jitsudo-"
"""Between the name of a file and two words, this makes the name of the new file. It begins with a dot, too: run-parts(8),
cron(8), sudoers(5) and globs such as ``*.conf`` pass such a file over. The words are the number of its inode and a random one.
"""
_WORDS = 16 + 1 + 8
LARGEST = 64 * 1024  # bytes of the old text and of the new one
_FLAGS_LOST = "its flags cannot be kept (see lsattr(1))"


class NotExchanged(Exception):
    """Nothing was changed. The text is a sentence that says why not."""


class Changed(NotExchanged):
    """The file is not, or not any more, the one that was expected."""


class TooLarge(NotExchanged):
    """The file has more than LARGEST bytes."""


class Halfway(NotExchanged):
    """One of several files was not exchanged, and some before it could not be put back. The text says which."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the new file has of the old one beside its owner and mode: the extended attributes, and the flags of chattr(1)."""

    attributes: dict[str, bytes]
    flags: int


@dataclass(frozen=True, slots=True)
class Expected:
    """The file that is replaced, by its device, inode and content. ``digest`` is the SHA-256 of its content."""

    device: int
    inode: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class File:
    """The file ``name`` in ``directory``, which is open. If it is ``expected``, its content becomes ``new``. ``called`` is its
    path in a reason, if there are several.
    """

    directory: int
    name: bytes
    new: bytes
    expected: Expected
    called: str = ""


class Old:
    """The file ``name`` in ``directory``, which is replaced or removed, as it is at the first look. It is open until ``stack``
    closes it. Raises NotExchanged if it is not ``expected``, or cannot be replaced.
    """

    def __init__(self, directory: int, name: bytes, expected: Expected, stack: contextlib.ExitStack) -> None:
        file = open_file(directory, name)
        stack.callback(os.close, file)
        self.expected = expected
        self.status = os.fstat(file)
        _must_be_plain(file, self.status)
        _must_be(file, self.status, expected)
        self.kept = kept_of(file)

    def is_still(self, directory: int, name: bytes) -> bool:
        """True if ``name`` leads to it now, and it is as it was: its text, owner, mode, names, attributes and flags."""
        try:
            file = os.open(name, _OLD, dir_fd=directory)
            try:
                now = os.fstat(file)
                _must_be(file, now, self.expected)
                return is_like(now, self.status) and kept_of(file) == self.kept
            finally:
                os.close(file)
        except (OSError, NotExchanged):
            return False


Tell = Callable[[Sequence[int], int | None], None]
"""Gets the numbers of the files that have their new text, and of the one of which this is not sure at the moment."""


def open_directory(path: bytes, glance: Glance | None = None) -> int:
    """Return a descriptor of the directory ``path``, which has no link in it. Raises NotExchanged if it has one now. The caller
    needs not be allowed to read the directory, nor those above: then the descriptor is for paths only (O_PATH). ``glance`` has
    found the directory before; without it, the directory is looked up now.
    """
    if glance is None:
        with Glance() as glance:
            return open_directory(path, glance)
    sight = glance.follow(path)
    if sight.end != THERE or sight.path != path or not stat.S_ISDIR(glance.lstat(path).st_mode):
        is_error = sight.fault and sight.fault != errno.ENOTDIR
        raise NotExchanged(f"the way to the file is not as it was: {os.strerror(sight.fault) if is_error else 'a link'}")
    try:
        return glance.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        return os.dup(glance.file(path))


def expect(
    directory: int, name: bytes, check: Callable[[int, os.stat_result], None] = lambda *_: None
) -> tuple[Expected, bytes, os.stat_result]:
    """Return the file ``name`` in ``directory``, its content, and its status. All three are of one open file: the name may lead
    to another one meanwhile. ``check`` is called with the open file and its status before anything else of it counts, and raises
    what it raises. Raises NotExchanged if its text cannot be replaced.
    """
    file = open_file(directory, name)
    try:
        status = os.fstat(file)
        check(file, status)
        _must_be_plain(file, status)
        content = _content(file)
    finally:
        os.close(file)
    return Expected(status.st_dev, status.st_ino, hashlib.sha256(content).digest()), content, status


def exchange(
    directory: int,
    name: bytes,
    new: bytes,
    expected: Expected,
    check: Callable[[], str] = lambda: "",
    tell: Tell = lambda *_: None,
) -> None:
    """Make ``new`` the content of the file ``name`` in ``directory``, if that is ``expected``.

    ``check`` is called before anything is made, and returns why the text is not to be taken, or "". Raises NotExchanged; then the
    old file stands.
    """
    exchange_all((File(directory, name, new, expected),), check, tell)


def exchange_all(files: Sequence[File], check: Callable[[], str] = lambda: "", tell: Tell = lambda *_: None) -> None:
    """Like ``exchange``, for several files of different names or directories, in this order. ``tell`` is called before and after
    each exchange. Raises NotExchanged; then all old files stand. Raises Halfway if others keep that from being so.
    """
    with contextlib.ExitStack() as stack:
        pairs: list[_Pair] = []
        for file in files:
            with _named(file):
                pairs.append(_Pair(file, stack))
        if refusal := check():
            raise NotExchanged(refusal)
        for pair in pairs:
            with _named(pair.file):
                pair.make(stack)
        done: list[int] = []
        try:
            for number, pair in enumerate(pairs):
                tell(done, number)
                with _named(pair.file):
                    pair.exchange()
                done.append(number)
                tell(done, None)
        except BaseException as fault:
            done = [number for number, pair in enumerate(pairs) if number in done or pair.stands()]
            tell(done, None)
            _put_back(pairs, done, fault, tell)
            raise
    for pair in pairs:
        with contextlib.suppress(OSError):
            os.unlink(pair.beside, dir_fd=pair.file.directory)
    for directory in {pair.file.directory for pair in pairs}:
        with contextlib.suppress(OSError):  # the text is written; not each file system can say that of its disk
            os.fsync(directory)


class _Pair:
    """The old file and the new one. What is open is closed with ``stack``. Raises NotExchanged."""

    def __init__(self, file: File, stack: contextlib.ExitStack) -> None:
        self.file = file
        self.beside = b""
        self._made = -1
        self._old = Old(file.directory, file.name, file.expected, stack)
        _remove_left(file.directory, file.name)

    def make(self, stack: contextlib.ExitStack) -> None:
        """Make the new file, which has no name yet. It is removed at the end, unless it was exchanged."""
        self._made, self.beside = _made(self.file.directory, self.file.name)
        stack.callback(os.close, self._made)
        stack.push(self._remove_unless_exchanged)
        _fill(self._made, self.file.new, self._old.status, self._old.kept)

    def _remove_unless_exchanged(self, kind: object, fault: object, trace: object) -> None:
        with contextlib.suppress(OSError):
            if fault is not None and self._is_at(self.beside, os.fstat(self._made)):
                os.unlink(self.beside, dir_fd=self.file.directory)

    def _is_at(self, name: bytes, status: os.stat_result) -> bool:
        return os.path.samestat(os.stat(name, dir_fd=self.file.directory, follow_symlinks=False), status)

    def exchange(self) -> None:
        directory, name = self.file.directory, self.file.name
        _name(self._made, directory, self.beside)
        _must_have(self._made, self.file.new, self._old.status)
        _swap(directory, self.beside, name)
        _look_at_what_came_out(directory, self.beside, name, self._made, self._old)

    def stands(self) -> bool:
        """True if the name leads to the new file, also because others have kept it from being exchanged back."""
        with contextlib.suppress(OSError):
            return self._is_at(self.file.name, os.fstat(self._made))
        return False

    def old(self) -> str:
        """Say where the old file is, if it came out and is there still."""
        with contextlib.suppress(OSError):
            if self._is_at(self.beside, self._old.status):
                return f"; the old one is {self.beside.decode(errors='backslashreplace')}"
        return ""

    def put_back(self) -> None:
        """Let the old file have its name again, if the new one has it still, and nobody has changed either."""
        try:
            _must_have(self._made, self.file.new, self._old.status)
            if not self._is_at(self.file.name, os.fstat(self._made)) or not self._is_at(self.beside, self._old.status):
                raise Changed("others have put another file there")
        except OSError as fault:
            raise Changed(os.strerror(fault.errno or 0)) from None
        _swap(self.file.directory, self.beside, self.file.name)
        try:
            is_ours = self._is_at(self.beside, os.fstat(self._made))
        except OSError:  # others have removed what came out
            return
        if not is_ours:
            _swap(self.file.directory, self.beside, self.file.name)
            raise Changed("others have put another file there")


@contextlib.contextmanager
def _named(file: File):  # type: ignore[no-untyped-def]
    """Say of which file a reason is, if there are several."""
    try:
        yield
    except NotExchanged as why:
        if not file.called:
            raise
        raise type(why)(f"{file.called}: {why}") from None


def _put_back(pairs: Sequence[_Pair], done: Sequence[int], why: BaseException, tell: Tell) -> None:
    """Put the files ``done`` back, the last one first. Raises Halfway, which begins with ``why``, if one could not be."""
    stuck: list[str] = []
    left = list(done)
    for number in reversed(done):
        pair = pairs[number]
        tell([one for one in left if one != number], number)
        try:
            pair.put_back()
            left.remove(number)
        except NotExchanged as fault:
            stuck.append(f"{pair.file.called or 'the file'} was written, and could not be put back: {fault}{pair.old()}")
        tell(left, None)
    if stuck:
        raise Halfway("; ".join((str(why), *stuck)))


# --- the old file --------------------------------------------------------------------------------------------------------


def open_file(directory: int, name: bytes) -> int:
    """Return a descriptor of the file ``name``, which is no link. Raises NotExchanged."""
    try:
        return os.open(name, _OLD, dir_fd=directory)
    except FileNotFoundError:
        raise Changed("there is no such file") from None
    except OSError as fault:
        why = "it is a link" if fault.errno == errno.ELOOP else f"it cannot be read: {fault.strerror}"
        raise NotExchanged(why) from None


def _must_be_plain(file: int, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NotExchanged("it is not a regular file")
    if status.st_nlink != 1:
        raise NotExchanged(
            f"it has {status.st_nlink} names, and the others would keep the old text (hard links: find -samefile names them)"
        )
    if status.st_mode & (stat.S_ISUID | stat.S_ISGID):
        raise NotExchanged("it is set-uid or set-gid")
    found = flags_of(file)
    if found & (_FS_IMMUTABLE | _FS_APPEND):
        raise NotExchanged(
            "it is immutable: chattr -i makes it one that can be edited"
            if found & _FS_IMMUTABLE
            else "it can only be appended to: chattr -a makes it one that can be edited"
        )
    if found & _FS_VERITY:
        raise NotExchanged("it is protected by fs-verity, and the new file would not be")


def flags_of(file: int) -> int:
    """Return the flags of chattr(1), 0 if the file system has none. Raises NotExchanged."""
    flags = bytearray(8)
    try:
        fcntl.ioctl(file, _FS_IOC_GETFLAGS, flags)
    except OSError as fault:
        if fault.errno not in (errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL):
            raise NotExchanged(f"its attributes cannot be read: {fault.strerror}") from None
        return 0
    (found,) = struct.unpack_from("=I", flags)
    return int(found) & ~_OF_THE_DISK


def kept_of(file: int) -> Kept:
    """Return what the new file must have of ``file``, too. Raises NotExchanged."""
    return Kept(attributes_of(file), flags_of(file))


def _content(file: int) -> bytes:
    content = os.pread(file, LARGEST + 1, 0)
    if len(content) > LARGEST:
        raise TooLarge(f"it has more than {LARGEST // 1024} KiB")
    return content


def _must_be(file: int, status: os.stat_result, expected: Expected) -> None:
    if (status.st_dev, status.st_ino) != (expected.device, expected.inode):
        raise Changed("it is another file than the one that was approved")
    if hashlib.sha256(_content(file)).digest() != expected.digest:
        raise Changed("it was changed after the request")


# --- the new file --------------------------------------------------------------------------------------------------------


def unnumbered(name: bytes) -> bytes:
    """Return a name beside ``name`` that nobody expects. No edit removes a file that has it: the number in it is of none."""
    return _prefix(name) + b"0-" + os.urandom(4).hex().encode()


def left_of(path: bytes) -> bytes:
    """Return how the path begins of what a process that is killed leaves beside ``path``."""
    directory, name = os.path.split(path)
    return os.path.join(directory, _prefix(name))


def _prefix(name: bytes) -> bytes:
    return b"." + name[: 255 - 1 - len(SUFFIX) - _WORDS] + SUFFIX


def _made(directory: int, name: bytes) -> tuple[int, bytes]:
    """Return a new file, which has no name yet, and its name. On a file system that makes no such file, it has its name at once,
    and a name by which no other edit takes it for left over.
    """
    flags = os.O_RDWR | os.O_CLOEXEC
    try:
        try:
            made = os.open(b".", flags | os.O_TMPFILE, 0o600, dir_fd=directory)
        except OSError as fault:
            if fault.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
                raise
            beside = unnumbered(name)
            return os.open(beside, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=directory), beside
    except OSError as fault:
        raise NotExchanged(f"no file can be made beside it: {fault.strerror}") from None
    return made, _prefix(name) + b"%x-" % os.fstat(made).st_ino + os.urandom(4).hex().encode()


def _name(made: int, directory: int, beside: bytes) -> None:
    """Give the new file its name, unless it has one. It is locked before, so that no other edit removes it."""
    try:
        if not os.fstat(made).st_nlink:
            with contextlib.suppress(OSError):  # not each file system has locks: then no edit gets one
                fcntl.flock(made, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.link(b"/proc/self/fd/%d" % made, beside, dst_dir_fd=directory, follow_symlinks=True)
            os.fsync(made)  # a file system may keep nothing of what had no name (btrfs)
    except OSError as fault:
        raise NotExchanged(f"no file can be made beside it: {fault.strerror}") from None


def _remove_left(directory: int, name: bytes) -> None:
    """Remove the new files that edits of the file have left whose process was killed."""
    with contextlib.suppress(OSError):  # who may write the directory may perhaps not read it
        for beside in map(os.fsencode, os.listdir(directory)):
            if beside.startswith(_prefix(name)):
                with contextlib.suppress(OSError):
                    _remove_if_left(directory, name, beside)


def _remove_if_left(directory: int, name: bytes, beside: bytes) -> None:
    left = os.open(beside, _OLD, dir_fd=directory)
    try:
        status = os.fstat(left)
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and beside.startswith(_prefix(name) + b"%x-" % status.st_ino):
            fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(beside, dir_fd=directory)
    finally:
        os.close(left)


def _fill(made: int, new: bytes, status: os.stat_result, kept: Kept) -> None:
    """Write the new file, and give it all that the old one has. The mode comes last: nobody else may read it before."""
    _set_flags(made, kept.flags)  # some can be given to an empty file only (btrfs)
    try:
        write(made, new)
    except OSError as fault:
        raise NotExchanged(f"the new text cannot be written: {fault.strerror}") from None
    try:
        os.fchown(made, status.st_uid, status.st_gid)
    except OSError as fault:
        raise NotExchanged(f"the new file cannot be given its owner: {fault.strerror}") from None
    for name in attributes_of(made).keys() - kept.attributes.keys():  # a directory may give each new file an access list
        with contextlib.suppress(OSError):
            os.removexattr(made, name)
    for name, value in kept.attributes.items():
        try:
            os.setxattr(made, name, value)
        except OSError as fault:
            raise NotExchanged(f"its attribute {name} cannot be kept: {fault.strerror}") from None
    try:
        os.fchmod(made, stat.S_IMODE(status.st_mode))
        os.fsync(made)
    except OSError as fault:
        raise NotExchanged(f"the new file cannot be made like it: {fault.strerror}") from None
    now = kept_of(made)
    if now.attributes != kept.attributes:
        raise NotExchanged("its extended attributes cannot be kept")
    if now.flags != kept.flags:
        raise NotExchanged(_FLAGS_LOST)


def write(made: int, text: bytes) -> None:
    """Write all of ``text``. Raises OSError."""
    left = memoryview(text)
    while left:
        left = left[os.write(made, left) :]


def _set_flags(made: int, flags: int) -> None:
    """Give the new file the ``flags`` of the old one, and take off what its directory gives to each new file."""
    if (now := flags_of(made)) == flags:
        return
    whole = bytearray(8)
    try:
        fcntl.ioctl(made, _FS_IOC_GETFLAGS, whole)
        (of_the_disk,) = struct.unpack_from("=I", whole)
        fcntl.ioctl(made, _FS_IOC_SETFLAGS, struct.pack("=Q", of_the_disk & ~now | flags))
    except OSError as fault:
        raise NotExchanged(f"{_FLAGS_LOST}: {fault.strerror}") from None


def make_copy(path: bytes, text: bytes, uid: int, gid: int, mode: int, attributes: Mapping[str, bytes]) -> int:
    """Make the file ``path`` with ``text``, owner, mode and attributes, and return a descriptor that reads it. An attribute that
    the file system of ``path`` does not have is left out. Raises OSError.
    """
    made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        write(made, text)
        os.fchown(made, uid, gid)
        for name, value in attributes.items():
            with contextlib.suppress(OSError):
                os.setxattr(made, name, value)
        os.fchmod(made, mode)
        return os.open(path, _OLD)
    finally:
        os.close(made)


def attributes_of(file: int) -> dict[str, bytes]:
    """Return the extended attributes. Raises NotExchanged."""
    try:
        return {name: os.getxattr(file, name) for name in os.listxattr(file)}
    except OSError as fault:
        if fault.errno == errno.EOPNOTSUPP:
            return {}
        raise NotExchanged(f"its extended attributes cannot be read: {fault.strerror}") from None


def _must_have(made: int, new: bytes, status: os.stat_result) -> None:
    """Who may write the file can also have found it in the moment since it has a name."""
    if not is_like(os.fstat(made), status) or os.pread(made, LARGEST + 1, 0) != new:
        raise NotExchanged("the new file was changed by others")


def is_like(one: os.stat_result, other: os.stat_result) -> bool:
    """True if the two have the same owner, group, mode and number of names."""
    return all(getattr(one, name) == getattr(other, name) for name in ("st_uid", "st_gid", "st_mode", "st_nlink"))


# --- the exchange --------------------------------------------------------------------------------------------------------


def _swap(directory: int, one: bytes, other: bytes) -> None:
    if _LIBC.renameat2(directory, one, directory, other, _RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        if number == errno.EINVAL:
            raise NotExchanged("its file system cannot exchange two files in one step")
        if number == errno.ENOENT:
            raise Changed("there is no such file any more")
        raise NotExchanged(f"it cannot be replaced: {os.strerror(number)}")


def _look_at_what_came_out(directory: int, beside: bytes, name: bytes, made: int, old: Old) -> None:
    """Put back what came out, if it is not ``old``, or is not any more as the new file was made. Somebody may have put another
    file there at the last moment, or may have closed this one to others.
    """
    is_as_it_was = old.is_still(directory, beside)
    told = beside.decode(errors="backslashreplace")
    try:
        is_ours = os.path.samestat(os.stat(name, dir_fd=directory, follow_symlinks=False), os.fstat(made))
        if is_as_it_was and is_ours:
            return
        if is_ours:
            _swap(directory, beside, name)
    except (OSError, NotExchanged):
        is_ours = False
    if is_ours:
        raise Changed("it was changed at the last moment, and stands as it was changed")
    if is_as_it_was:
        raise NotExchanged(f"others put another file there at the same moment; the old one is now called {told}")
    raise NotExchanged(f"others change it all the time; one of their files is now called {told}")
