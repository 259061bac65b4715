# SPDX-License-Identifier: Apache-2.0
"""Writes a file in one step: a reader finds the file of before or the new one.

Law: nobody else can have put a link in the place of what is written.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def put(file: Path, content: bytes, mode: int) -> None:
    """Write ``content`` to ``file``, which then has ``mode``, whatever the umask is. Raises OSError about ``file``.

    The name of the unfinished file begins with a dot, so that no collector or browser reads it.
    """
    half = file.with_name(f".{file.name}.new")
    try:
        with suppress(FileNotFoundError):
            half.unlink()
        put_new(half, content, mode)
        try:
            half.rename(file)
        except BaseException:
            half.unlink(missing_ok=True)
            raise
    except OSError as fault:  # nobody has typed the name of the unfinished file
        raise OSError(fault.errno, fault.strerror, str(file)) from fault


def put_new(file: Path, content: bytes, mode: int) -> None:
    """As ``put``, but into a file that is not there yet. Raises OSError about ``file``; then there is no file of this call."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb") as out:
            out.write(content)
            os.fchmod(out.fileno(), mode)
    except OSError as fault:
        file.unlink(missing_ok=True)
        raise OSError(fault.errno, fault.strerror, str(file)) from fault
    except BaseException:
        file.unlink(missing_ok=True)
        raise
