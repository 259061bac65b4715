# SPDX-License-Identifier: Apache-2.0
"""Trials of the gates, as jitd-kdc makes them: a child process asks each KDC for tickets that the KDC must refuse.

Law: a trial never keeps a grant waiting: jitd-kdc goes on answering others meanwhile. A trial ends within WITHIN seconds; without
an answer it is Failed, which proves nothing.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import NoReturn

from jitd.kdc.asking import PATIENCE, Krb5Error, ask
from jitd.kdc.child import end_with
from jitd.kdc.messages import MAX_PACKET, Answer, Failed, Tried, read_answer, sentence, write
from jitd.kdc.strings import SILENT, Sighting

WITHIN = PATIENCE + 5.0
"""Seconds after which a trial is given up."""
LONGEST_REASON = 200
"""Most characters of a reason, so that many reasons fit into one message."""


class Trial:
    """One trial: asks for tickets for ``services`` as ``principal``, whose key is in ``keytab``. Raises OSError if no process can
    be started for it.
    """

    def __init__(self, principal: str, keytab: str, services: tuple[str, ...]) -> None:
        self.until = time.monotonic() + WITHIN
        self.pipe, writing = os.pipe2(os.O_CLOEXEC)
        self._said = b""
        parent = os.getpid()
        try:
            self._pid = os.fork()
        except OSError:
            os.close(self.pipe)
            os.close(writing)
            raise
        if self._pid == 0:
            _be(writing, parent, principal, keytab, services)
        os.close(writing)

    def answer(self) -> Answer | None:
        """Read what the child has written; the pipe must be readable. Return the answer, or None if more is to come."""
        data = os.read(self.pipe, MAX_PACKET + 1)
        self._said += data
        if data and len(self._said) <= MAX_PACKET:
            return None
        try:
            return read_answer(self._said)
        except ValueError as fault:
            return Failed(sentence(f"the process that asks the KDCs sent what cannot be read: {fault}"))

    def end(self) -> None:
        """Kill the child, and the processes that it has started."""
        os.close(self.pipe)
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)  # it may not yet lead a group
        os.waitpid(self._pid, 0)


def _be(writing: int, parent: int, principal: str, keytab: str, services: tuple[str, ...]) -> NoReturn:
    status = 1
    try:
        os.setpgid(0, 0)
        end_with(parent)
        os.dup2(writing, 3)
        os.closerange(4, 65536)  # this process must not hold the daemon's connections
        _write_all(3, _packet(_tried(principal, keytab, services)))
        status = 0
    finally:
        os._exit(status)


def _tried(principal: str, keytab: str, services: tuple[str, ...]) -> Answer:
    realm = principal.rpartition("@")[2]
    own = [service for service in services if service.endswith(f"@{realm}")]
    others = (Sighting("the KDC", service, SILENT, f"its realm is not {realm}") for service in services if service not in own)
    try:
        seen = (
            Sighting(sentence(kdc or f"KDC of {realm}")[:256], service, state, sentence(why)[:LONGEST_REASON])
            for kdc, service, state, why in ask(realm, principal, keytab, own, [])
        )
        return Tried((*seen, *others))
    except (Krb5Error, OSError) as fault:
        return Failed(sentence(f"the KDCs cannot be asked: {fault}"))


def _packet(answer: Answer) -> bytes:
    try:
        return write(answer)
    except ValueError as fault:
        return write(Failed(sentence(f"the answer does not fit into a message: {fault}")))


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
