# SPDX-License-Identifier: Apache-2.0
"""A process that does not end although it is killed, as one that waits for a disk: for its parent it is the same if a tracer has
not waited for it yet (ptrace(2)).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

TRACER = """
import ctypes, select, sys
if ctypes.CDLL(None).ptrace(0x4206, int(sys.argv[1]), None, None) == 0:  # PTRACE_SEIZE
    print("traced", flush=True)
    select.select([sys.stdin], [], [], 100)
"""
"""It lets go after a while, so that who blocks until the end is seen to fail and does not hang."""


@contextmanager
def unreaped(pid: int) -> Iterator[None]:
    """Meanwhile the parent of ``pid`` cannot reap it."""
    with subprocess.Popen([sys.executable, "-c", TRACER, str(pid)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as tracer:
        assert tracer.stdin is not None and tracer.stdout is not None
        assert tracer.stdout.readline() == b"traced\n"
        try:
            yield
        finally:
            tracer.stdin.close()
