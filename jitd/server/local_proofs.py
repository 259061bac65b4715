# SPDX-License-Identifier: Apache-2.0
"""Proofs by a local password: who may give one now, how often they may try, and how long a proof counts.

Law: such a proof is taken only while the policy has a rule that takes it and no KDC can be reached, as the daemon itself has
found out. A person has MOST_TRIES tries in TRIES_WITHIN, over restarts of the daemon too. A prompt that is open is counted as if
its password were wrong, but nobody is told that it was. The password does not come here.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from jitd.core.effects import Moment
from jitd.core.subject import Subject
from jitd.log import log
from jitd.store import StoreError
from jitd.verbs.limits import Pace
from jitd.verbs.refusal import Refusal

MOST_OPEN = 2
"""How many prompts an account may have open at the same time."""
MOST_TRIES = 5
"""How often a person may be wrong within TRIES_WITHIN."""
TRIES_WITHIN = timedelta(hours=1)
LASTS_FOR = timedelta(hours=1)
"""How long a proof counts, on the connection on which it was given."""
FAILED = "proof.failed"
"""The name under which a wrong password is recorded."""
NOT_TAKEN = "no rule of this host takes a local password: kinit"
REACHED = "a KDC of the realm can be reached, so a local password does not count: kinit"
MAY_SAY = frozenset(
    {"submit", "anew", "breakglass", "resume", "withdraw", "review", "explain", "list", "show", "watch", "giveback", "revoke"}
    | {"stop", "observe", "seen"}
)
"""What somebody who has proved by local PAM who they are may say; nothing else."""

Note = Callable[[str, str, int, dict[str, Any]], None]


class LocalProofs:
    """Takes proofs by local passwords. ``are_taken`` is True if a rule takes them. ``is_unreachable`` may block. ``check`` has a
    password checked (``Executor.check_password``). ``newest`` yields the bodies of the records, newest first.
    """

    def __init__(
        self,
        are_taken: Callable[[], bool],
        is_unreachable: Callable[[], bool],
        check: Callable[[str, socket.socket], Awaitable[bool | None]],
        newest: Callable[[], Iterator[bytes]],
        note: Note,
        now: Callable[[], Moment],
    ) -> None:
        self._are_taken = are_taken
        self._is_unreachable = is_unreachable
        self._check = check
        self._newest = newest
        self._note = note
        self._now = now
        self._pool = ThreadPoolExecutor(1, "jitd-reach")  # not the loop's own, for which a daemon that stops would wait
        self._looking: asyncio.Future[bool] | None = None
        self._tries: dict[str, list[float]] | None = None  # person → when a password was wrong, on CLOCK_BOOTTIME
        self._open: list[Subject] = []  # whose prompts are open
        self._pace = Pace()
        self._checks: set[asyncio.Task[bool]] = set()

    async def refuse_unless_taken(self) -> None:
        """Raise Refusal unless a local password counts now."""
        if not self._are_taken():
            raise Refusal("denied", NOT_TAKEN)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().run_in_executor(self._pool, self._is_unreachable)
        if not await asyncio.shield(self._looking):
            raise Refusal("denied", REACHED)

    async def admit(self, who: Subject, said: str) -> None:
        """Raise Refusal unless ``who``, who has proved by local PAM who they are, may say the message ``said`` now."""
        try:
            await self.refuse_unless_taken()
        except Refusal as no:
            raise Refusal("unauthenticated", no.text) from None
        if not who.has_ticket_at(self._now().at):
            raise Refusal("unauthenticated", "your local password was asked for more than an hour ago: begin anew")
        if said and said not in MAY_SAY:
            raise Refusal("forbidden", f"without a Kerberos ticket you may not {said}: kinit, when a KDC can be reached")

    async def begin(self, who: Subject) -> tuple[socket.socket, asyncio.Task[bool]]:
        """Begin to check the password of ``who``. Return the client's end of the socket to the process that checks it, and the
        task whose result is whether it was right; it raises Refusal if it could not be checked. Raises Refusal.
        """
        await self.refuse_unless_taken()
        self._refuse_one_more(who)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._open.append(who)
        task = asyncio.get_running_loop().create_task(self._judge(who, theirs))
        self._checks.add(task)  # it is judged and recorded, even if the client goes away
        task.add_done_callback(self._checks.discard)
        return ours, task

    async def _judge(self, who: Subject, source: socket.socket) -> bool:
        try:
            is_right = await self._check(who.user, source)
        except OSError as fault:
            log("a local password could not be checked", user=who.user, fault=fault.strerror or str(fault))
            raise Refusal("failed", f"your password cannot be checked here: {fault.strerror or fault}; tell root") from None
        finally:
            self._open.remove(who)
        if is_right is False:
            self._counted(who.person).append(self._now().boot)
            left = self.n_left(who)
            with suppress(StoreError):  # it stays counted in memory
                self._note("proof.failed", who.principal, who.uid, {"person": who.person, "tries_left": left})
            return False
        return bool(is_right)

    # --- tries -------------------------------------------------------------------------------------------------------

    def n_left(self, who: Subject) -> int:
        """Return how many tries the person of ``who`` has left now."""
        return MOST_TRIES - len(self._counted(who.person))

    def _refuse_one_more(self, who: Subject) -> None:
        counted, now = self._counted(who.person), self._now().boot
        if len(counted) >= MOST_TRIES:
            minutes = max(1, round((counted[0] + TRIES_WITHIN.total_seconds() - now) / 60))
            what = f"{MOST_TRIES} wrong passwords within an hour"
            raise Refusal("unauthenticated", f"{what}: try again in {minutes} min, or kinit when a KDC can be reached")
        of_account = sum(one.uid == who.uid for one in self._open)
        of_person = sum(one.person == who.person for one in self._open)
        if of_account >= MOST_OPEN or len(counted) + of_person >= MOST_TRIES:
            prompts = "1 prompt for your password is" if of_person == 1 else f"{of_person} prompts for your password are"
            raise Refusal("unauthenticated", f"{prompts} open already: answer or end one, or wait a minute")
        if not self._pace.may(who.uid, now):
            raise Refusal("unauthenticated", "too many prompts for your password, one after the other: wait a minute")

    def _counted(self, person: str) -> list[float]:
        if self._tries is None:
            self._tries = self._recorded()
        since = self._now().boot - TRIES_WITHIN.total_seconds()
        counted = self._tries[person] = [at for at in self._tries.get(person, []) if at > since]
        return counted

    def _recorded(self) -> dict[str, list[float]]:
        """Return the tries of the last hour by the record: an earlier daemon may have counted them."""
        now, found = self._now(), dict[str, list[float]]()
        for body in self._newest():
            record = json.loads(body)
            ago = (now.at - datetime.fromisoformat(record["at"])).total_seconds()
            if ago > TRIES_WITHIN.total_seconds():
                break
            if record["event"] == FAILED:
                found.setdefault(record["detail"]["person"], []).insert(0, now.boot - max(0.0, ago))
        return found
