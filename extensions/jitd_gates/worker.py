# SPDX-License-Identifier: Apache-2.0
"""The worker process, which talks to kadmind. jitd-kdc forks this process and passes it one request at a time. If the process
hangs, jitd-kdc kills it.

Law: the worker process ends when jitd-kdc ends. If a call fails over a connection that was already open, the worker repeats the
call once, over a new connection. If a call fails over a new connection, the answer is Failed.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeVar

from jitd.beside.child import Child
from jitd.beside.readiness import SECONDS_TO_END, until_ended
from jitd_gates.entry import NoRoom, NotAllowed, NotThere, Unknown, answer
from jitd_gates.kadmin import FULL, NOT_ALLOWED, PACKAGE, PROTECTED, UNKNOWN_PRINCIPAL, Connection, KadminError
from jitd_gates.messages import ANSWERS, MAX_PACKET, REQUESTS, Answer, Failed, OfEntry, Refused, Try
from jitpam.wire.declared import sentence

T = TypeVar("T")
PATIENCE = 10.0  # seconds for an answer of the worker, which is then killed: kadmind or the network does not respond


class Kadmin:
    """``entry.Entries`` over a connection to kadmind, opened at the first call and after each failure."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connection: Connection | None = None

    def strings(self, principal: str) -> Mapping[str, str]:
        """Return the string attributes of ``principal``. Raises NotThere, NotAllowed, NoRoom, Unknown."""
        return self._ask(lambda connection: connection.strings(principal))

    def set_string(self, principal: str, name: str, value: str | None) -> None:
        """Set the string attribute ``name`` of ``principal``; None deletes it. Raises NotThere, NotAllowed, NoRoom, Unknown."""
        self._ask(lambda connection: connection.set_string(principal, name, value))

    def _ask(self, call: Callable[[Connection], T]) -> T:
        is_new = self._connection is None
        try:
            return self._once(call)
        except Unknown:
            if is_new:
                raise
            return self._once(call)

    def _once(self, call: Callable[[Connection], T]) -> T:
        """Make one call over the connection, and return its result. If the connection fails, close it and raise Unknown."""
        try:
            if self._connection is None:
                self._connection = self._connect()
            return call(self._connection)
        except KadminError as fault:
            if fault.code == UNKNOWN_PRINCIPAL:
                raise NotThere from None
            if fault.code in NOT_ALLOWED or fault.code == PROTECTED:
                raise NotAllowed(str(fault)) from None
            if fault.code == FULL:
                raise NoRoom from None
            self._close()
            raise Unknown(f"kadmind cannot be asked: {fault}") from None
        except OSError as fault:
            raise Unknown(f"kadmind cannot be asked: {fault} (is {PACKAGE} installed?)") from None

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Worker:
    """Runs worker processes, one at a time. ``principal`` is the principal of jitd-kdc, and ``host`` is the second component of
    this principal. ``keytab`` is the path of the keytab. ``patience`` is in seconds.
    """

    def __init__(self, principal: str, host: str, keytab: str, patience: float = PATIENCE) -> None:
        self._principal = principal
        self._host = host
        self._keytab = keytab
        self._patience = patience
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        """The pid of the worker process, or 0 if there is no worker process at the moment."""
        return 0 if self._child is None else self._child.pid

    async def do(self, request: OfEntry) -> Answer:
        """Let the worker process carry out ``request``, and return the answer. This call takes at most ``patience`` seconds. Only
        one call may be open at a time. If it is cancelled, the worker process is killed, so that no answer is left for the next.
        """
        if self._child is not None and (
            self._child.is_killed or os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        ):
            await self.end()
            if self._child is not None:
                return Failed(f"the kernel has not ended the process {self.pid}, which spoke with kadmind and was killed")
        try:
            if self._child is None:
                self._child = Child(self._work)
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(self._patience):
                await loop.sock_sendall(self._child.line, REQUESTS.write(request))
                packet = await loop.sock_recv(self._child.line, MAX_PACKET + 1)
            if packet:
                return ANSWERS.read(packet)
            await self.end()
            return Failed("the process that speaks with kadmind has ended in the middle of the request")
        except TimeoutError:
            await self.end()
            return Failed(f"kadmind has not answered within {self._patience:g} s")
        except (OSError, ValueError) as fault:
            await self.end()
            return Failed(sentence(f"the process that speaks with kadmind has failed: {fault}"))
        except asyncio.CancelledError:
            await self.end()
            raise

    async def end(self) -> None:
        """Kill the worker. If it has not ended within SECONDS_TO_END, it stays the worker, and none is started in its place."""
        if self._child is not None:
            self._child.kill()
            with suppress(TimeoutError):
                async with asyncio.timeout(SECONDS_TO_END):
                    await until_ended(self._child.pid)
                    self._child = None

    def _work(self, line: socket.socket) -> None:
        serve(line, Kadmin(lambda: Connection(self._principal, self._keytab)), self._host)


def serve(pipe: socket.socket, kadmin: Kadmin, host: str) -> None:
    """Carry out the requests that arrive on ``pipe``, until the other end of ``pipe`` is closed."""
    while packet := pipe.recv(MAX_PACKET + 1):
        request = REQUESTS.read(packet)
        assert not isinstance(request, Try), "jitd-kdc itself begins trials"
        said = answer(request, kadmin, host, int(time.time()))
        try:
            written = ANSWERS.write(said)
        except ValueError as fault:
            written = ANSWERS.write(Refused(sentence(f"the answer does not fit into a message: {fault}")))
        pipe.sendall(written)
