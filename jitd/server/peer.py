# SPDX-License-Identifier: Apache-2.0
"""The end of a connection to the local socket: a process. The process is identified by a descriptor, because its pid may later
belong to another process (THREATS S-01).

Law: if jitd cannot get a descriptor of a process, Gone is raised, and jitd trusts no facts about this process. What depends on
how a client has come is answered here, and by the end at the door (``visit``). Nobody else asks which of the two it is.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

from jitd.core.law import Origin
from jitd.core.party import Party
from jitd.core.run import Process
from jitd.core.subject import Identity
from jitd.deciding import origins
from jitd.files.processes import uids_of
from jitd.server.handshake import Handshake
from jitd.server.identifying import Slow, greeted_until
from jitd.server.local_proofs import LASTS_FOR
from jitd.server.services import Services
from jitd.verbs.refusal import Refusal, with_account
from jitpam.wire import messages
from jitpam.wire.conversation import LAW
from jitpam.wire.faults import RemoteProtocolError
from jitpam.wire.framing import LIMIT
from jitpam.wire.messages import Message

ASKED_WITHIN = 10.0  # maximum time, in seconds, until a set-user-ID program asks its question. It connects for this alone.
PASSED = 3  # descriptors with a question: the root directory, the current directory and the user namespace of the process
Say = Callable[..., None]
Count = Callable[[Party], bool]  # counts a connection for somebody else, and returns False if they have too many
_SO_PEERPIDFD = 77
_TICKS = os.sysconf("SC_CLK_TCK")


class Gone(ProcessLookupError):
    """The process that connected has ended. Another process may now use the connection or have the pid of the ended process."""


class Held:
    """The process ``pid``, by a ``descriptor`` (pidfd_open(2)) that this object closes."""

    __slots__ = ("_descriptor", "pid")

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid = pid
        self._descriptor = descriptor

    def __del__(self) -> None:
        os.close(self._descriptor)

    def refuse_gone(self) -> None:
        """Raise Gone if the process has ended."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        if poll.poll(0):
            raise Gone("the process that asked has ended")

    def has_our_users(self) -> bool:
        """True if the process has the same user and group id maps as jitd (user_namespaces(7)). Raises Gone and OSError."""
        maps = ("uid_map", "gid_map")
        is_same = all(Path(f"/proc/{self.pid}/{each}").read_bytes() == Path(f"/proc/self/{each}").read_bytes() for each in maps)
        self.refuse_gone()
        return is_same

    def real_uid(self) -> int:
        """Return the process's real uid (proc(5)): of a set-user-ID program, who started it. Raises Gone and OSError."""
        real = uids_of(self.pid)[0]
        self.refuse_gone()
        return real

    def process(self) -> Process:
        """Return the pid and the start time of the process. Raises Gone and OSError."""
        found = Process(self.pid, origins.started_at(self.pid))
        self.refuse_gone()  # if the process still exists, this was its own start time
        return found


class Peer:
    """Facts from the kernel about the other end of ``sock``, which was accepted a moment ago."""

    __slots__ = ("_accepted_at", "_socket", "pid", "uid")
    law, limit, n_passed, signs, way = LAW, LIMIT, PASSED, False, None

    def __init__(self, sock: socket.socket, uid: int, pid: int) -> None:
        self.uid = uid
        self.pid = pid
        self._socket = sock
        self._accepted_at = time.clock_gettime(time.CLOCK_BOOTTIME)

    def started_by(self) -> int | None:
        """Return the uid of the account that has started the process that connected. Only a process that acts as root is looked
        at, because a set-user-ID program is what somebody else's process becomes root by. If such a process cannot be looked at,
        return
        None.
        """
        if self.uid != 0:
            return self.uid
        try:
            return self.hold().real_uid()
        except OSError:  # it has ended, or is in a pid namespace that jitd does not see
            return None

    def hold(self) -> Held:
        """Return the process that connected, together with a descriptor for it. Raises Gone."""
        try:
            (descriptor,) = struct.unpack("i", self._socket.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD, 4))
            held = Held(self.pid, descriptor)
        except OSError as fault:
            if fault.errno != errno.ENOPROTOOPT:
                raise Gone("the process that connected has ended") from None
            held = self.hold_by_number()
        held.refuse_gone()
        return held

    def hold_by_number(self) -> Held:
        """Return the process that connected, as ``hold`` does. This method is used on Linux before 6.5. Raises Gone.

        Three facts together prove that the opened process is the process that connected. First, the pid has the same start time
        before and after the process is opened. Second, this start time is before the connection. Third, the connection is still
        open.
        """
        try:
            before = origins.started_at(self.pid)
            held = Held(self.pid, os.pidfd_open(self.pid))
            after = held.process().started
        except OSError:
            raise Gone("the process that connected has ended") from None
        if before != after or before / _TICKS > self._accepted_at or self._has_hung_up():
            raise Gone("the process that connected has ended")
        return held

    def take(self, message: Message) -> None:
        """Take ``message``, which only a carrier says, or somebody who comes through the door."""
        raise RemoteProtocolError(f"{message.type} at the local socket")

    async def welcome(self, services: Services, party: Party, shaken: Handshake, say: Say, slow: Slow, count: Count) -> Identity:
        """Return who has ``shaken`` hands. ``count`` counts the connection for them. Raises Refusal and TimeoutError."""
        if shaken.is_local:
            return await self._prove_locally(services, say)
        until = greeted_until()
        who = await services.identifying.subject(self.uid, shaken.proof, slow, until)
        if who is None or who.uid != self.uid:
            principal = "root" if shaken.proof is None else shaken.proof.principal.decode("utf-8", "replace")
            services.complaints.warn(party, "wrong account", uid=self.uid, principal=principal)
            why = "" if who is not None else await services.identifying.why_not(self.uid)
            raise Refusal("unauthenticated", why or services.identifying.why_not_theirs(shaken.proof))
        return who

    async def _prove_locally(self, services: Services, say: Say) -> Identity:
        """Let the client authenticate with the password of its account. The kernel provides the uid."""
        if services.subordinates.is_subordinate(self.uid):
            raise Refusal("unauthenticated", f"user id {self.uid} is that of a container, and may not ask here")
        who = await services.identifying.by_pam(self.uid, services.now().at + LASTS_FOR)
        if who is None:
            why = await services.identifying.why_not(self.uid)
            raise Refusal("unauthenticated", why or "jitd has made this account, which has no password that could prove it")
        source, judged = await services.local_proofs.begin(who)
        say(messages.Prove(account=who.user, n_left=services.local_proofs.n_left(who)), source.detach())
        if not await asyncio.shield(judged):
            raise Refusal("unauthenticated", f"wrong password of {who.user} on this host, or no password typed")
        return who

    def asks_within(self, party: Party) -> float | None:
        """Return the maximum time, in seconds, until a client that counts for ``party`` asks something."""
        return ASKED_WITHIN if self.uid == 0 and not party.is_root else None

    def admit(self, message: Message) -> None:
        """``message`` was just read. Raises Refusal if it may have been under way for too long."""

    async def as_used(self, services: Services, who: Identity, *, must: bool = True) -> Identity:
        """Return ``who``, used by the people who may be the ones that act (``deciding.using``). Raises Refusal and
        TimeoutError, but not if ``must`` is false: nothing prevents a deny, or a lock by root.
        """
        if self.pid == 0:  # in a pid namespace that jitd does not see, and so in no run of this jitd
            return who
        try:
            return await services.using.as_used(with_account(who), self.hold())
        except (OSError, TimeoutError) as fault:
            if not must:
                return who
            if isinstance(fault, TimeoutError):
                raise
            raise Refusal("failed", f"cannot tell who acts: {fault}: nothing was done, run the command again") from None

    def origin(self) -> Origin:
        return origins.origin(self.pid, self.uid)

    def _has_hung_up(self) -> bool:
        try:
            return not self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
