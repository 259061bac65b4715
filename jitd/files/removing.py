# SPDX-License-Identifier: Apache-2.0
"""Removes one regular file, with the rights of the thread that calls.

Law: no name is removed that others know. In one step, and over nothing, the file gets a name that nobody expects, and only then
it is looked at. If it is not the file that was expected, in all that the look tells, it gets its own name back, over nothing. So
what somebody has put there or has changed at the last moment is not lost. A process that is killed in between leaves the file
beside, under the other name, and nobody removes it. No name of a path but the last is looked up anew: all goes by the descriptor
of the directory.

Sources: renameat2(2), RENAME_NOREPLACE; unlink(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
from collections.abc import Callable

from jitd.files.exchange import Changed, Expected, NotExchanged, Old, Tell, unnumbered

_LIBC = ctypes.CDLL(None, use_errno=True)
_RENAME_NOREPLACE = 1


def remove(
    directory: int,
    name: bytes,
    expected: Expected,
    owned: tuple[int, int, int],
    check: Callable[[], str] = lambda: "",
    tell: Tell = lambda *_: None,
) -> None:
    """Remove the file ``name`` in ``directory``, if it is ``expected`` and ``owned``: it has this owner, group and mode.
    ``check`` is called before anything is changed, and returns why the file is to stay, or "". ``tell`` hears of the file 0, as
    in an exchange. Raises NotExchanged; then the file stands, or the text says what it is called.
    """
    with contextlib.ExitStack() as stack:
        old = Old(directory, name, expected, stack)
        if (old.status.st_uid, old.status.st_gid, stat.S_IMODE(old.status.st_mode)) != owned:
            raise Changed("it has another owner, group or mode than the one that was approved")
        if refusal := check():
            raise NotExchanged(refusal)
        beside = unnumbered(name)
        tell((), 0)
        try:
            _rename(directory, name, beside)
            _unlink(directory, name, beside, old)
            tell((0,), None)
        except NotExchanged:
            tell((), None)
            raise
        finally:
            with contextlib.suppress(OSError):  # not each file system can say that of its disk
                os.fsync(directory)


def _unlink(directory: int, name: bytes, beside: bytes, old: Old) -> None:
    why = "it was changed at the last moment, and stands as it was changed"
    if old.is_still(directory, beside):
        try:
            os.unlink(beside, dir_fd=directory)
            return
        except FileNotFoundError:  # others were faster
            return
        except OSError as fault:
            why = f"it cannot be removed: {fault.strerror}"
    try:
        _rename(directory, beside, name)
    except NotExchanged as fault:
        told = beside.decode(errors="backslashreplace")
        raise NotExchanged(
            f"it was changed at the last moment, and cannot have its name back: {fault}; look for {told}"
        ) from None
    raise NotExchanged(why)


def _rename(directory: int, one: bytes, other: bytes) -> None:
    """Rename ``one`` to ``other``, over nothing. Raises NotExchanged."""
    if _LIBC.renameat2(directory, one, directory, other, _RENAME_NOREPLACE) == 0:
        return
    number = ctypes.get_errno()
    if number == errno.ENOENT:
        raise Changed("there is no such file any more")
    if number == errno.EEXIST:
        raise Changed("others have put another file there")
    if number == errno.EINVAL:
        raise NotExchanged("its file system cannot rename a file in one step, over nothing")
    raise NotExchanged(f"it cannot be removed: {os.strerror(number)}")
