# SPDX-License-Identifier: Apache-2.0
"""Disks that fail: full ones, ones that cannot be written to, and ones that answer with an error.

Law: full is a small file system of its own that really is full; read-only is one, or a part of one, that really is mounted so; an
I/O error, which no file system makes when it is asked to, is what strace(1) has the kernel answer to the calls on one file.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.tracing import traced

WRITES = "openat,creat,mkdir,mkdirat,rename,renameat,renameat2,write,pwrite64,writev,pwritev,pwritev2,ftruncate,fallocate"
SYNCS = "fsync,fdatasync"
PAGE = 4096


class Disk:
    """A small file system in memory, at a directory that is there; ``full`` is a block."""

    def __init__(self, at: Path, size: int) -> None:
        self.at = at
        at.mkdir(exist_ok=True)
        mode = at.stat().st_mode & 0o7777
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode={mode:o}", "disk", str(at)], check=True)

    @contextmanager
    def full(self) -> Iterator[None]:
        """No page of it is free."""
        filler = self.at / "filler"
        file = os.open(filler, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            for piece in (bytes(1 << 20), bytes(PAGE)):
                with suppress(OSError):
                    while True:
                        os.write(file, piece)
            os.close(file)
            file = -1
            yield
        finally:
            if file >= 0:
                os.close(file)
            filler.unlink()

    def close(self) -> None:
        subprocess.run(["umount", "-l", str(self.at)], check=True)


@contextmanager
def read_only(at: Path) -> Iterator[None]:
    """Nothing below this directory can be opened for writing. What is open already can be written: so the kernel has it."""
    for options in ("bind", "remount,bind,ro"):
        subprocess.run(["mount", "-o", options, str(at), str(at)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


@contextmanager
def erring(
    pids: Sequence[int], paths: Sequence[Path | str], error: str, calls: str = f"{WRITES},{SYNCS}", when: str = "1+"
) -> Iterator[None]:
    """The calls of these processes, and of what they fork, on these files fail with ``error``; ``when`` as strace(1) has it."""
    given = [word for path in paths for word in ("-P", str(path))]
    inject = ("-e", f"trace={calls}", "-e", f"inject={calls}:error={error}:when={when}")
    with traced(pids, "-o", "/dev/null", *given, *inject):
        yield
