# SPDX-License-Identifier: Apache-2.0
"""Runs trials. In a trial, jitd-kdc tests the gates: a child process requests tickets from each KDC, and the KDC must refuse
these tickets.

Law: a trial never delays a grant, because jitd-kdc continues to answer other clients during the trial. A trial ends within WITHIN
seconds. If no answer arrives, the result of the trial is Failed, which proves nothing.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import replace
from typing import NoReturn

from jitd.kdc.asking import PATIENCE, Krb5Error, ask
from jitd.kdc.child import end_with
from jitd.kdc.messages import ANSWERS, MAX_PACKET, Answer, Failed, Tried
from jitd.kdc.strings import SILENT, Sighting
from jitpam.wire.declared import sentence

WITHIN = PATIENCE + 5.0
"""Seconds after which jitd-kdc gives up a trial."""
LONGEST_REASON = 200
"""Maximum number of characters in a reason. Because of this limit, many reasons fit into one message."""


async def tried(principal: str, keytab: str, services: tuple[str, ...]) -> Answer:
    """Let a child process request tickets for ``services`` as ``principal``, whose key is in ``keytab``. Return Tried or Failed.
    If the call is cancelled, the child and the processes that it has started are killed.
    """
    pipe, writing = os.pipe2(os.O_CLOEXEC)
    parent = os.getpid()
    try:
        pid = os.fork()
    except OSError as fault:
        os.close(pipe)
        os.close(writing)
        return Failed(sentence(f"no process can be started to ask the KDCs: {fault}"))
    if pid == 0:
        _be(writing, parent, principal, keytab, services)
    os.close(writing)
    try:
        async with asyncio.timeout(WITHIN):
            return ANSWERS.read(await _all_of(pipe))
    except TimeoutError:
        return Failed("the KDCs have not been asked in time")
    except ValueError as fault:
        return Failed(sentence(f"the process that asks the KDCs sent a message that cannot be read: {fault}"))
    finally:
        os.close(pipe)
        _end(pid)


async def _all_of(pipe: int) -> bytes:
    """Return what ``pipe`` gives until its end, or until it is longer than a message may be."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    said = b""
    loop.add_reader(pipe, readable.set)
    try:
        while len(said) <= MAX_PACKET:
            await readable.wait()
            readable.clear()
            if not (data := os.read(pipe, MAX_PACKET + 1)):
                break
            said += data
    finally:
        loop.remove_reader(pipe)
    return said


def _end(child: int) -> None:
    """Kill ``child``, and the processes that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)  # the child may not yet lead a process group
    os.waitpid(child, 0)


def _be(writing: int, parent: int, principal: str, keytab: str, services: tuple[str, ...]) -> NoReturn:
    status = 1
    try:
        os.setpgid(0, 0)
        end_with(parent)
        os.dup2(writing, 3)
        os.closerange(4, 65536)  # the child must not keep the connections of the daemon open
        _write_all(3, _packet(_tried(principal, keytab, services)))
        status = 0
    finally:
        os._exit(status)


def _tried(principal: str, keytab: str, services: tuple[str, ...]) -> Answer:
    realm = principal.rpartition("@")[2]
    own = [service for service in services if service.endswith(f"@{realm}")]
    others = (
        Sighting("the KDC", service, SILENT, sentence(f"its realm is not {realm}")) for service in services if service not in own
    )
    try:
        seen = (
            replace(one, kdc=one.kdc or sentence(f"KDC of {realm}", 256), why=one.why[:LONGEST_REASON])
            for one in ask(realm, principal, keytab, own, [])
        )
        return Tried((*seen, *others))
    except (Krb5Error, OSError) as fault:
        return Failed(sentence(f"the KDCs cannot be asked: {fault}"))


def _packet(answer: Answer) -> bytes:
    try:
        return ANSWERS.write(answer)
    except ValueError as fault:
        return ANSWERS.write(Failed(sentence(f"the answer does not fit into a message: {fault}")))


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
