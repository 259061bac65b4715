# SPDX-License-Identifier: Apache-2.0
"""The life of a helper from its start to its end: it gives up rights, reads what it needs, and answers.

Law: it answers nobody before it has given up all rights but those of its row (``starting``).
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from jitd.beside.answering import Answering, Served
from jitd.beside.processes import Helper
from jitd.beside.starting import Begun, CannotStart, begin, say

PR_SET_NAME = 15
Work = Callable[[Begun], Iterable[Served[Any, Any]]]
"""What a helper answers, each kind of question with its function. It is called in the event loop, and may raise CannotStart, and
OSError or ValueError from what it reads.
"""


class _Threads(ThreadPoolExecutor):
    """Threads whose end nobody waits for: one may wait for a silent name server until libc gives up."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait=False, cancel_futures=True)  # asyncio.run would wait for as long as that


def run(helper: Helper, words: Sequence[str], served: Work) -> int:
    """Be ``helper``, whose command line has ``words``: answer what ``served`` returns, until SIGTERM or SIGINT arrives or the
    daemon has ended. Return the exit status.
    """
    ctypes.CDLL(None).prctl(PR_SET_NAME, helper.process.encode(), 0, 0, 0)  # the interpreter's name would be that of all helpers
    status = 0
    try:
        asyncio.run(_serve(begin(helper, words), served))
    except CannotStart as fault:  # no thread has begun
        say(helper.process, str(fault))
        return 1
    except (OSError, ValueError) as fault:
        say(helper.process, str(fault))
        status = 1
    if helper.n_threads:
        os._exit(status)  # the interpreter would wait for them, too
    return status


async def _serve(begun: Begun, served: Work) -> None:
    """Raises CannotStart, OSError, ValueError."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if begun.helper.n_threads:
        loop.set_default_executor(_Threads(begun.helper.n_threads, "works"))
    answering = Answering(begun.helper.process, served(begun))
    if begun.listener is not None:
        answers = answering.listen(begun.listener)
    else:
        assert begun.line is not None, "begin found one of the two"
        answers = answering.follow(begun.line)
    tasks = [loop.create_task(answers), loop.create_task(stop.wait())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
