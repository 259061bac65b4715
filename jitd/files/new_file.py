# SPDX-License-Identifier: Apache-2.0
"""Makes one regular file where nothing is, with the rights of the thread that calls.

Law: nothing is made before the check has said yes. The file has no name while it is written, and gets its name when it is whole,
over nothing. If anything has the name by then, also a link that leads nowhere, it stays as it is. A process that is killed leaves
nothing, or the whole file. No name of a path but the last is looked up anew: all goes by the descriptor of the directory.

Sources: open(2), O_TMPFILE; linkat(2); acl(5), "OBJECT CREATION AND DEFAULT ACLs".
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from jitd.files import exchange
from jitd.files.exchange import Changed, NotExchanged
from jitd.files.glance import ACCESS


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to make in the directory ``device`` and ``inode``. ``mode`` has no set-uid, set-gid or sticky bit."""

    device: int
    inode: int
    uid: int
    gid: int
    mode: int


def make(directory: int, name: bytes, text: bytes, wanted: Wanted, check: Callable[[], str] = lambda: "") -> None:
    """Make the file ``name`` in ``directory`` with ``text``. ``check`` is called before anything is made, and returns why the
    text is not to be taken, or "". Raises NotExchanged; then nothing was changed.
    """
    found = os.fstat(directory)
    if (found.st_dev, found.st_ino) != (wanted.device, wanted.inode):
        raise Changed("its directory is another one than the one that was approved")
    with contextlib.suppress(FileNotFoundError):
        os.stat(name, dir_fd=directory, follow_symlinks=False)
        raise _is_there()
    if refusal := check():
        raise NotExchanged(refusal)
    made = _nameless(directory)
    try:
        try:
            exchange.write(made, text)
            os.fchown(made, wanted.uid, wanted.gid)
            _remove_access_list(made)
            os.fchmod(made, wanted.mode)  # the last: nobody else may read it before
            os.fsync(made)
        except OSError as fault:
            raise NotExchanged(f"the new file cannot be made as it was approved: {fault.strerror}") from None
        _must_be(made, text, wanted)
        _name(made, directory, name)
        with contextlib.suppress(OSError):  # it is made; not each file system can say that of its disk
            os.fsync(made)  # a file system may keep nothing of what had no name (btrfs)
            os.fsync(directory)
    finally:
        os.close(made)


def _is_there() -> Changed:
    return Changed("somebody has made it meanwhile, and it stays as it is")


def _nameless(directory: int) -> int:
    try:
        return os.open(b".", os.O_RDWR | os.O_CLOEXEC | os.O_TMPFILE, 0o600, dir_fd=directory)
    except OSError as fault:
        if fault.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise NotExchanged("its file system makes no file without a name, so half of one could be seen") from None
        raise NotExchanged(f"no file can be made in its directory: {fault.strerror}") from None


def _remove_access_list(made: int) -> None:
    """Take off what the directory gives to each new file: who may do what was approved is said by the mode."""
    try:
        os.removexattr(made, ACCESS)
    except OSError as fault:
        if fault.errno not in (errno.ENODATA, errno.EOPNOTSUPP):
            raise


def _must_be(made: int, text: bytes, wanted: Wanted) -> None:
    """Not each file system keeps what it is told. Raises NotExchanged."""
    found = os.fstat(made)
    is_as_wanted = (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (wanted.uid, wanted.gid, wanted.mode)
    if not is_as_wanted or found.st_nlink or os.pread(made, exchange.LARGEST + 1, 0) != text:
        raise NotExchanged("its file system does not keep the owner, the mode or the text that it was given")


def _name(made: int, directory: int, name: bytes) -> None:
    try:
        os.link(b"/proc/self/fd/%d" % made, name, dst_dir_fd=directory, follow_symlinks=True)
    except FileExistsError:
        raise _is_there() from None
    except OSError as fault:
        raise NotExchanged(f"the new file cannot be given its name: {fault.strerror}") from None
