# SPDX-License-Identifier: Apache-2.0
"""Reads a file that only root may change, and checks a file that only root may read.
Law: the owner and the mode are checked on the open descriptor, and on the directories of the file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from jitd.core.ownership import who_else_may_write
from jitd.core.toml_document import ConfigError, Fault

MOST_BYTES = 1 << 20  # of a file of settings or rules


def read_owned(file: Path, owner: int | None, *, must_exist: bool = True) -> bytes:
    """Return the content of ``file``, which must be root's or the uid ``owner``'s, unless that is None. Raises ConfigError, also
    if it is missing and ``must_exist``; else a missing one is empty.
    """

    def fault(sentence: str, where: Path = file) -> ConfigError:
        return ConfigError((Fault(str(where), 0, "", sentence),))

    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        if must_exist or file.is_symlink():
            raise fault(f"cannot be read: {error.strerror}") from None
        return b""
    except OSError as error:
        raise fault(f"cannot be read: {error.strerror}") from None
    content = content_of(descriptor, owner, fault)
    if owner is not None:
        # Who may write to the directory may put another file there. In a sticky directory, nobody can replace root's file.
        for place in {file.absolute().parent, Path(os.path.realpath(file)).parent}:
            try:
                above = os.stat(place)
            except OSError as error:
                raise fault(f"cannot be read: {error.strerror}") from None
            mode = 0 if above.st_mode & stat.S_ISVTX else above.st_mode
            if why := who_else_may_write(above.st_uid, mode, owner):
                raise fault(why, place)
    return content


def content_of(descriptor: int, owner: int | None, fault: Callable[[str], ConfigError]) -> bytes:
    """Return the content of the open file, and close it. Raise what ``fault`` makes of a sentence, as ``read_owned`` does."""
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise fault("is not a regular file")
        if owner is not None and (why := who_else_may_write(status.st_uid, status.st_mode, owner)):
            raise fault(why)
        with open(descriptor, "rb", closefd=False) as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise fault(f"cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)
    if len(content) > MOST_BYTES:
        raise fault(f"is longer than {MOST_BYTES} bytes")
    return content


def who_else_may_read(file: Path, owner: int) -> str:
    """Return why a secret of root is not safe in ``file``, or "" if only root and ``owner`` may read and change it."""
    try:
        status = os.stat(file, follow_symlinks=False)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file"
    if why := who_else_may_write(status.st_uid, status.st_mode, owner):
        return why
    if status.st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return f"may be read by others than root: chmod 600 {file}"
    return ""
