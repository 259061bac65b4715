# SPDX-License-Identifier: Apache-2.0
"""jitd-terminals: writes to people's terminals for the daemon.

Law: the process accepts questions only from root, makes no decisions, and stores nothing. A time limit ends the process if it
hangs while it looks up an account or opens a terminal. The next question then starts a new process.
"""

from __future__ import annotations

import asyncio
import os

from jitd.beside import starting
from jitd.beside.answering import NoAnswer, Served
from jitd.beside.processes import TERMINALS
from jitd.beside.starting import Begun
from jitd_outsiders.terminals.messages import Tell, Told
from jitd_outsiders.terminals.questions import TELL, Failed
from jitd_outsiders.terminals.writing import tell

NAME = TERMINALS.process
SECONDS = 5.0  # seconds for one question. It takes longer only if the kernel or the name service does not answer


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


def served(begun: Begun) -> list[Served[Tell, Told | Failed]]:
    return [Served(TELL, answer)]
