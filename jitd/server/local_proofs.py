# SPDX-License-Identifier: Apache-2.0
"""Handles proofs by a local password. This module decides who may give a proof now, how many tries a person has, and how long a
proof is valid.

Law: jitd accepts a proof by a local password only while two conditions are true. First, a rule of the policy accepts such proofs.
Second, the daemon itself can reach no KDC. A person has MOST_TRIES tries within TRIES_WITHIN. A restart of the daemon does not
change the number of tries. An open prompt is counted as a try, but is not reported as a wrong password. The password is never in
the memory of this process.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import datetime, timedelta
from typing import Any

from jitd.core.effects import Moment
from jitd.core.subject import Subject
from jitd.log import log
from jitd.store import Store, StoreError
from jitd.verbs.limits import Pace
from jitd.verbs.refusal import Refusal

MOST_OPEN = 2  # prompts that an account may have open at the same time
MOST_TRIES = 5  # wrong passwords of a person within TRIES_WITHIN
TRIES_WITHIN = timedelta(hours=1)
LASTS_FOR = timedelta(hours=1)  # how long a proof is valid. A proof is valid only on the connection on which it was given.
FAILED = "proof.failed"  # the name of the event that records a wrong password
EACH = 64  # one of so many records is always parsed, for its age. Others are only if they may be about a wrong password
NOT_TAKEN = "no rule of this host takes a local password: kinit"
REACHED = "a KDC of the realm can be reached, so a local password does not count: kinit"
MAY_SAY = frozenset(
    (
        *("submit", "anew", "breakglass", "edit", "edits", "undo", "resume", "withdraw", "review", "explain"),
        *("list", "page", "show", "watch", "giveback", "revoke", "stop", "observe", "seen"),
    )
)
"""Names of messages. A person who has authenticated by local PAM may send only these messages."""

Note = Callable[[str, str, int, dict[str, Any]], None]


class LocalProofs:
    """Accepts proofs by local passwords. ``are_taken`` returns True if a rule accepts such proofs. ``is_unreachable`` returns
    True if no KDC can be reached. A call of ``is_unreachable`` may block. ``check`` is the function that checks a password
    (``Executor.check_password``). ``opened`` opens a store. ``opened`` is called in a thread, because it may take long to read
    all records of the last hour.
    """

    def __init__(
        self,
        are_taken: Callable[[], bool],
        is_unreachable: Callable[[], bool],
        check: Callable[[str, socket.socket], Awaitable[bool | None]],
        opened: Callable[[], Store],
        note: Note,
        now: Callable[[], Moment],
    ) -> None:
        self._are_taken = are_taken
        self._is_unreachable = is_unreachable
        self._check = check
        self._opened = opened
        self._note = note
        self._now = now
        self._pool = ThreadPoolExecutor(1, "jitd-reach")  # a stopping daemon would wait for the loop's own pool
        self._looking: asyncio.Future[bool] | None = None
        self._tries: dict[str, list[float]] = {}  # person → the times of wrong passwords, on CLOCK_BOOTTIME
        self._reading: asyncio.Future[None] | None = None  # reads the tries that an earlier daemon may have counted
        self._open: list[Subject] = []  # the people whose prompts are open
        self._pace = Pace()
        self._checks: set[asyncio.Task[bool]] = set()

    async def refuse_unless_taken(self) -> None:
        """Raise Refusal if jitd does not accept a local password now."""
        if not self._are_taken():
            raise Refusal("denied", NOT_TAKEN)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().run_in_executor(self._pool, self._is_unreachable)
        if not await asyncio.shield(self._looking):
            raise Refusal("denied", REACHED)

    async def admit(self, who: Subject, said: str) -> None:
        """Raise Refusal if ``who`` may not send the message ``said`` now. ``who`` has authenticated by local PAM."""
        try:
            await self.refuse_unless_taken()
        except Refusal as no:
            raise Refusal("unauthenticated", no.text) from None
        if not who.has_ticket_at(self._now().at):
            raise Refusal("unauthenticated", "your local password was asked for more than an hour ago: begin anew")
        if said and said not in MAY_SAY:
            raise Refusal("forbidden", f"without a Kerberos ticket you may not {said}: kinit, when a KDC can be reached")

    async def begin(self, who: Subject) -> tuple[socket.socket, asyncio.Task[bool]]:
        """Begin to check the password of ``who``. Return the client's socket to the process that does, and a task that returns
        whether it was right. Both raise Refusal if it cannot be checked.
        """
        await self.refuse_unless_taken()
        await self._know_earlier_tries()
        self._refuse_one_more(who)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._open.append(who)
        task = asyncio.get_running_loop().create_task(self._judge(who, theirs))
        self._checks.add(task)  # the result is judged and recorded even if the client disconnects
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
            with suppress(StoreError):  # the try stays counted in memory
                self._note("proof.failed", who.principal, who.uid, {"person": who.person, "tries_left": left})
            return False
        return bool(is_right)

    # --- tries -------------------------------------------------------------------------------------------------------

    def n_left(self, who: Subject) -> int:
        """Return the number of passwords that the person of ``who`` may still try now."""
        return MOST_TRIES - len(self._counted(who.person))

    def _refuse_one_more(self, who: Subject) -> None:
        counted, now = self._counted(who.person), self._now().boot
        if len(counted) >= MOST_TRIES:
            minutes = max(1, round((counted[0] + TRIES_WITHIN.total_seconds() - now) / 60))
            what = f"{MOST_TRIES} wrong passwords within an hour"
            raise Refusal("unauthenticated", f"{what}: try again in {minutes} min, or kinit when a KDC can be reached")
        of_account = sum(one.party == who.party for one in self._open)
        of_person = sum(one.person == who.person for one in self._open)
        if of_account >= MOST_OPEN or len(counted) + of_person >= MOST_TRIES:
            prompts = "1 prompt for your password is" if of_person == 1 else f"{of_person} prompts for your password are"
            raise Refusal("unauthenticated", f"{prompts} open already: answer or end one, or wait a minute")
        if not self._pace.may(who.party, now):
            raise Refusal("unauthenticated", "too many prompts for your password, one after the other: wait a minute")

    def _counted(self, person: str) -> list[float]:
        since = self._now().boot - TRIES_WITHIN.total_seconds()
        counted = self._tries[person] = [at for at in self._tries.get(person, []) if at > since]
        return counted

    async def _know_earlier_tries(self) -> None:
        """Wait until the tries in the record have been read. Raises Refusal while these tries cannot be read."""
        if self._reading is None:
            self._reading = asyncio.get_running_loop().run_in_executor(self._pool, self._read_tries)
        try:
            await asyncio.shield(self._reading)
        except (StoreError, OSError) as fault:
            self._reading = None
            log("the record of wrong passwords cannot be read", fault=str(fault))
            raise Refusal("failed", "the number of your wrong passwords cannot be read here: tell root") from None

    def _read_tries(self) -> None:
        """An earlier daemon may have counted some tries of the last hour. This may block."""
        now, found = self._now(), dict[str, list[float]]()
        with closing(self._opened()) as store:
            for number, body in enumerate(store.newest()):
                if FAILED.encode() not in body and number % EACH:  # the record of an hour may have a million entries
                    continue
                record = json.loads(body)
                ago = (now.at - datetime.fromisoformat(record["at"])).total_seconds()
                if ago > TRIES_WITHIN.total_seconds():
                    break
                if record["event"] == FAILED:
                    found.setdefault(record["detail"]["person"], []).insert(0, now.boot - max(0.0, ago))
        self._tries = found
