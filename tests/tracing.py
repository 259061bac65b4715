# SPDX-License-Identifier: Apache-2.0
"""strace(1) on processes that are there, and its end.

Law: whoever is traced goes on when the trace ends, and the test never waits for a strace that does not end. One that is asked to
waits for each process that it has attached to stop. A process in vfork(2) stops when its child has called execve(2), and a child
that strace has just got is stopped and waits for strace. So asked at that moment strace waits for ever, and is killed: the kernel
lets go of all that it traced, and each line of its output was written when the call was made.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.waiting import is_living, status_of, wait_for

GRACE = 5.0
"""Seconds for a strace to let go of all by itself: a call whose result it is about to replace then has that result."""


@contextmanager
def traced(pids: Sequence[int], *words: str | Path) -> Iterator[None]:
    """All threads of these processes, and all that they start, are traced as ``words`` tell strace."""
    tracer = subprocess.Popen(
        ["strace", "-f", "-qqq", *words, *(f"--attach={pid}" for pid in pids)],
        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        wait_for(lambda: all(map(_is_traced, pids)), what="strace")
        yield
    finally:
        tracer.terminate()
        with suppress(subprocess.TimeoutExpired):
            tracer.wait(GRACE)
        tracer.kill()
        tracer.wait()


def _is_traced(pid: int) -> bool:
    """True also for a process that has ended."""
    try:
        return all(status_of(f"{pid}/task/{thread.name}")["TracerPid"] != "0" for thread in Path(f"/proc/{pid}/task").iterdir())
    except OSError:  # of a thread, or of all of it
        return not is_living(pid)
