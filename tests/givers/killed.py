# SPDX-License-Identifier: Apache-2.0
"""A deed of a kind in a process that is killed before one of its steps. A step is an audit event of Python's (PEP 578)."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Callable

IsStep = Callable[[str, tuple[object, ...]], bool]
"""Whether an event with such arguments is a step."""


def killed_at(step: int, deed: Callable[[], object], is_step: IsStep) -> bool:
    """Do ``deed`` in a process that is killed before that step. Return False if it ended before."""
    pid = os.fork()
    if pid == 0:
        steps, status = itertools.count(1), 1

        def killed(event: str, arguments: tuple[object, ...]) -> None:
            if is_step(event, arguments) and next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(killed)
            deed()
            status = 0
        finally:
            os._exit(status)
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert ended in (0, -signal.SIGKILL), f"at step {step}"
    return ended != 0
