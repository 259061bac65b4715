# SPDX-License-Identifier: Apache-2.0
"""jitd-terminals: writes to people's terminals for the daemon. Either systemd starts the process, or the daemon starts it as its
child.

Law: the process accepts questions only from root, makes no decisions, and stores nothing. A time limit ends the process if it
hangs while it looks up an account or opens a terminal. The next question then starts a new process.
"""

from __future__ import annotations

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor

from jitd.beside import starting
from jitd.beside.answering import Answering, NoAnswer, Served
from jitd.terminals.messages import Tell, Told
from jitd.terminals.questions import N_AT_ONCE, TELL
from jitd.terminals.writing import tell

NAME = "jitd-terminals"
GROUP = "tty"
"""The group to which terminals belong."""
SECONDS = 5.0
"""Maximum number of seconds for one question. A question exceeds this limit only if the kernel or the name service does not
answer.
"""
USAGE = f"usage: {NAME}    (systemd starts it, by {NAME}.socket)"


async def answer(question: Tell) -> Told:
    """Return the answer to one question of the daemon. Raises NoAnswer."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(SECONDS):
            return await loop.run_in_executor(None, tell, question)
    except TimeoutError:
        starting.say(NAME, f"an account or a terminal does not answer within {SECONDS:g} s; {NAME} ends, and is started again")
        os._exit(1)
    except OSError as fault:
        raise NoAnswer(f"who is logged in cannot be determined: {fault.strerror}") from None


def _server() -> Answering:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(N_AT_ONCE, "writes"))
    return Answering(NAME, [Served(TELL, answer)])


def main() -> int:
    """Run the command line of jitd-terminals. Returns the exit status."""
    try:
        begun = starting.begin(NAME, sys.argv[1:], groups=[GROUP])
        if begun.words:
            print(USAGE, file=sys.stderr)
            return 2
    except (starting.CannotStart, OSError) as fault:
        starting.say(NAME, str(fault))
        return 1
    status = starting.run(NAME, begun, _server)
    os._exit(status)  # do not wait for threads that still wait for a directory service
