# SPDX-License-Identifier: Apache-2.0
"""Runs trials. In a trial, jitd-kdc tests the gates: a child process requests tickets from each KDC, and the KDC must refuse
these tickets.

Law: a trial never delays a grant, because jitd-kdc continues to answer other clients during the trial. A trial ends within WITHIN
seconds. If no answer arrives, the result of the trial is Failed, which proves nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from jitd.beside.child import Child
from jitd.beside.readiness import until_ended
from jitd.kdc.libkrb5 import Krb5Error
from jitd_gates.asking import PATIENCE, ask
from jitd_gates.messages import ANSWERS, MAX_PACKET, Answer, Failed, Tried
from jitd_gates.strings import SILENT, Sighting
from jitpam.wire.declared import sentence

WITHIN = PATIENCE + 5.0  # seconds after which jitd-kdc gives up a trial
LONGEST_REASON = 200  # characters in a reason. Because of this limit, many reasons fit into one message.


async def tried(principal: str, keytab: str, services: tuple[str, ...]) -> Answer:
    """Let a child process request tickets for ``services`` as ``principal``, whose key is in ``keytab``. Return Tried or Failed.
    If the call is cancelled, the child and the processes that it has started are killed.
    """
    try:
        child = Child(lambda line: line.sendall(_packet(_tried(principal, keytab, services))))
    except OSError as fault:
        return Failed(sentence(f"no process can be started to ask the KDCs: {fault}"))
    try:
        async with asyncio.timeout(WITHIN):
            return ANSWERS.read(await asyncio.get_running_loop().sock_recv(child.line, MAX_PACKET + 1))
    except TimeoutError:
        return Failed("the KDCs have not been asked in time")
    except (OSError, ValueError) as fault:
        return Failed(sentence(f"the process that asks the KDCs sent a message that cannot be read: {fault}"))
    finally:
        child.kill()
        await asyncio.shield(until_ended(child.pid))  # the client may have gone meanwhile


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
