# SPDX-License-Identifier: Apache-2.0
"""The daemon's end of the connection to jitd-kdc.

Law: an answer is believed only if the kernel says that a process of the account jitd-kdc sent it. After any fault the answer is
Failed. An exception is raised only if the caller is cancelled. After a failure the connection is closed. Therefore a late answer
can never be mistaken for the answer to another request.
Sources: unix(7), SO_PASSCRED and SCM_CREDENTIALS.
"""

from __future__ import annotations

import asyncio
import pwd
import socket
import struct
from collections.abc import Sequence
from pathlib import Path

from jitd.kdc.messages import (
    MAX_PACKET,
    MOST_TRIED,
    Answer,
    Done,
    Failed,
    Give,
    Grants,
    Look,
    Refused,
    Request,
    Take,
    Tried,
    Try,
    read_answer,
    write,
)
from jitd.kdc.strings import SILENT, Sighting

SOCKET = Path("/run/jitd-kdc/kdc.sock")
ACCOUNT = "jitd-kdc"
PATIENCE = 15.0
"""Seconds until a request is treated as failed. The time of a request includes the wait for earlier requests."""
MEND = "systemctl enable --now jitd-kdc.socket"
_CREDENTIALS = struct.Struct("iII")
"""The kernel's struct ucred: pid, uid, gid."""


class _Broken(Exception):
    """The connection cannot be used any more. The text of the exception gives the reason."""


class _Stale(_Broken):
    """jitd-kdc had closed the connection, perhaps because it was restarted."""


class Writer:
    """Asks jitd-kdc to write, delete and read grants. Only one request is sent at a time, and all requests use the same
    connection.

    ``uid`` is the uid of jitd-kdc's account. If ``uid`` is None, the uid of the account named ``jitd-kdc`` is used. ``patience``
    is in seconds.
    """

    def __init__(self, path: Path = SOCKET, uid: int | None = None, patience: float = PATIENCE) -> None:
        self._path = path
        self._uid = uid
        self._patience = patience
        self._socket: socket.socket | None = None
        self._turn = asyncio.Lock()

    async def give(self, give: Give) -> Answer:
        """Write a grant. Return Done, Refused or Failed. After Failed, it is not known whether the grant is in the KDC's
        database. The caller must then either delete the grant with ``take``, or write it again with ``give``.
        """
        return await self._ask(give, Done)

    async def take(self, take: Take) -> Answer:
        """Delete a grant. Return Done, Refused or Failed."""
        return await self._ask(take, Done)

    async def look(self, look: Look) -> Answer:
        """Read the entry of a service: the settings of its gate, and its grants. Return Grants, Refused or Failed."""
        return await self._ask(look, Grants)

    async def gate_states(self, services: Sequence[str]) -> tuple[Sighting, ...]:
        """Let jitd-kdc request a ticket for each of ``services`` from each KDC. Nobody has granted these tickets to jitd-kdc, so
        each KDC must refuse them. Return the sightings. If jitd-kdc does not answer, the state of the services is SILENT.
        """
        seen: list[Sighting] = []
        for at in range(0, len(services), MOST_TRIED):
            some = tuple(services[at : at + MOST_TRIED])
            answer = await self._ask(Try(some), Tried)
            if isinstance(answer, Tried):
                seen += [sighting for sighting in answer.sightings if sighting.service in some]
            else:
                why = f"it could not be asked: {answer.why}" if isinstance(answer, Refused | Failed) else "it could not be asked"
                seen += [Sighting("the KDC", service, SILENT, why) for service in some]
        return tuple(seen)

    def close(self) -> None:
        """Close the connection. The next request opens a new connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def _ask(self, request: Request, wanted: type[Done] | type[Grants] | type[Tried]) -> Answer:
        try:
            packet = write(request)
        except (ValueError, TypeError) as fault:
            return Refused(f"this request cannot be sent to jitd-kdc: {fault}"[:1000])
        try:
            async with asyncio.timeout(self._patience), self._turn:
                answer = await self._exchange_again(packet)
        except TimeoutError:
            return Failed(f"jitd-kdc has not answered within {self._patience:g} s; see its log: journalctl -u jitd-kdc")
        except _Broken as fault:
            return Failed(str(fault))
        if isinstance(answer, wanted | Refused | Failed):
            return answer
        self.close()
        return Failed("jitd-kdc has answered another question; is it of another version? systemctl restart jitd-kdc")

    async def _exchange_again(self, packet: bytes) -> Answer:
        """Send ``packet`` and return the answer. If jitd-kdc has closed the connection, send ``packet`` again over a new
        connection. It does no harm if jitd-kdc carries out a request twice.

        Raises _Broken.
        """
        if self._socket is not None:
            try:
                return await self._exchange(packet)
            except _Stale:
                pass
        return await self._exchange(packet)

    async def _exchange(self, packet: bytes) -> Answer:
        """Send ``packet`` and return the answer. Raises _Broken."""
        is_whole = False
        try:
            if self._socket is None:
                self._socket = await self._connect()
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(self._socket, packet)
            answer = await self._receive(self._socket)
            is_whole = True
            return answer
        except OSError as fault:
            raise _Stale(f"the connection to jitd-kdc broke ({fault.strerror or fault}): {MEND}") from None
        finally:
            if not is_whole:
                self.close()

    async def _connect(self) -> socket.socket:
        """Return a new connection to jitd-kdc. Raises _Broken if jitd-kdc cannot be reached."""
        ours = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            await asyncio.get_running_loop().sock_connect(ours, str(self._path))
        except OSError as fault:
            ours.close()
            raise _Broken(f"jitd-kdc cannot be reached at {self._path} ({fault.strerror or fault}): {MEND}") from None
        except BaseException:
            ours.close()
            raise
        return ours

    async def _receive(self, ours: socket.socket) -> Answer:
        """Wait for one packet, and return the answer that the packet contains. Raises _Broken if the answer cannot be trusted or
        parsed. Raises OSError.
        """
        loop = asyncio.get_running_loop()
        readable: asyncio.Future[None] = loop.create_future()
        loop.add_reader(ours, _wake, readable)
        try:
            await readable
        finally:
            loop.remove_reader(ours)
        packet, ancillary, flags, _ = ours.recvmsg(MAX_PACKET, socket.CMSG_SPACE(_CREDENTIALS.size))
        if not packet:
            raise _Stale(f"jitd-kdc has ended the connection without an answer; see its log: journalctl -u jitd-kdc, or {MEND}")
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise _Broken("jitd-kdc sent a message that is too long; is it of another version? systemctl restart jitd-kdc")
        self._check_sender(ancillary)
        try:
            return read_answer(packet)
        except ValueError as fault:
            raise _Broken(f"jitd-kdc sent a message that cannot be read ({fault}); is it of another version?") from None

    def _check_sender(self, ancillary: list[tuple[int, int, bytes]]) -> None:
        """Raise _Broken if the kernel does not say that the account jitd-kdc sent the answer."""
        wanted = self._uid
        if wanted is None:
            try:
                wanted = self._uid = pwd.getpwnam(ACCOUNT).pw_uid
            except KeyError:
                raise _Broken(f"this host has no account {ACCOUNT}: contrib/install makes it") from None
        said = [
            _CREDENTIALS.unpack(data)[1]
            for level, kind, data in ancillary
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS) and len(data) == _CREDENTIALS.size
        ]
        if said != [wanted]:
            who = f"uid {said[0]}" if said else "an unknown uid"
            raise _Broken(f"the answer at {self._path} came from {who}, not {ACCOUNT} (uid {wanted}): jitd ignores the answer")


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
