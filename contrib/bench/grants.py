# SPDX-License-Identifier: Apache-2.0
"""What a grant for a service ticket costs: jitd-kdc and kadmind, without the daemon.

Law: it speaks to the lab's own jitd-kdc, as the daemon does; the services that it makes are deleted at the end.
"""

from __future__ import annotations

import asyncio
import subprocess
import time

from people import Failed
from table import Table

from jitd_gates.messages import Answer, Done, Give, Grants, Look, Take
from jitd_gates.writer import Writer

HOST, REALM = "lab.example.test", "EXAMPLE.TEST"
GIVE, TAKE, LOOK, AMONG = "give", "take", "look", "give, beside 200 others"
N_OTHERS = 200
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def measure_grants(n: int) -> Table:
    """``n`` grants given and taken, one after the other, over one connection to kadmind."""
    service = f"bench/{HOST}@{REALM}"
    kadmin("addprinc", "-randkey", service)
    try:
        kadmin("setstr", service, "jit_approval", "required")
        return asyncio.run(_measured(service, n))
    finally:
        kadmin("delprinc", "-force", service)


async def _measured(service: str, n: int) -> Table:
    table = Table("a grant at the KDC", "ms")
    writer = Writer()
    end = int(time.time()) + 3600

    async def timed(row: str, request: Give | Take | Look) -> None:
        began_at = time.perf_counter()
        answer: Answer
        if isinstance(request, Give):
            answer = await writer.give(request)
        elif isinstance(request, Take):
            answer = await writer.take(request)
        else:
            answer = await writer.look(request)
        if not isinstance(answer, Done | Grants):
            raise Failed(f"jitd-kdc: {answer}")
        if row:
            table.add(row, (time.perf_counter() - began_at) * 1000)

    try:
        await timed("", Look(service))
        for number in range(n):
            await timed(GIVE, Give(named(number), service, end, f"alice@{REALM}"))
            await timed(LOOK, Look(service))
            await timed(TAKE, Take(named(number), service))
        for number in range(N_OTHERS):
            await timed("", Give(named(number), service, end, f"bob@{REALM}"))
        for number in range(N_OTHERS, N_OTHERS + n):
            await timed(AMONG, Give(named(number), service, end, f"alice@{REALM}"))
            await timed("", Take(named(number), service))
    finally:
        writer.close()
    table.notes.append("beside about 100 others the list of strings no longer comes in one piece: 40 ms are TCP's delayed ACK")
    return table


def named(number: int) -> str:
    """An id of a grant."""
    text = ""
    for _ in range(8):
        number, digit = divmod(number, 32)
        text = LETTERS[digit] + text
    return text


def kadmin(*words: str) -> None:
    """Raises Failed."""
    done = subprocess.run(["/usr/sbin/kadmin.local", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"kadmin.local: {done.stderr.strip()}")
