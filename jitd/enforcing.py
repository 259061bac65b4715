# SPDX-License-Identifier: Apache-2.0
"""One question of an enforcement point: who proves to be there, what they want, and whether it lets them in (PROTOCOL.md
section 9).

Law: what root's process says of the host is believed; who the person is, only by a proof bound to this very question, or by
a rule that wants none. Whatever else happens is a refusal.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from jitd import facts
from jitd.acceptor import NoKey, NotAuthenticated, Proof
from jitd.core.command import JITSUDO
from jitd.core.request import Claims, Point, Request, RequestState
from jitd.core.run import Process
from jitd.core.subject import Subject
from jitd.entering import Program, at_point
from jitd.finding import Asked
from jitd.house import House
from jitd.news import Told, news_of, refusal_of
from jitd.reading import service_in
from jitd.refusal import NOBODY_HERE, NOT_THEIRS, Refusal
from jitd.rows import instant
from jitpam.wire import messages
from jitpam.wire.framing import frame
from jitpam.wire.messages import STAGES, Message
from jitpam.wire.shown import shown

PROOF = b"jitd proof 1\n"
"""What stands before the binding in what the helper wraps."""


@dataclass(frozen=True, slots=True)
class Talk:
    """The connection, as far as this needs it: what it says, how it refuses, and what its peer is."""

    say: Callable[[Message], None]
    refuse: Callable[[str, str], None]
    pid: int


class Enforcing:
    """A waiter (``waiters.Waiter``): the process in which somebody waits to be let in."""

    def __init__(self, house: House, talk: Talk, ask: messages.Enforce, body: bytes, channel: bytes) -> None:
        if service_in(ask) == JITSUDO or ask.stage not in STAGES:
            raise Refusal("usage", "an enforcement point names a PAM service, and the stage of its stack")
        self._house = house
        self._talk = talk
        self._ask = ask
        self._binding = hashlib.sha256(b"jitd enforcement 1\n" + channel + frame(body) + secrets.token_bytes(32)).digest()
        self._context: Proof | None = None
        self._who: Subject | None = None
        self._waits_for: str | None = None
        self._told = Told()

    # --- who it is -----------------------------------------------------------------------------------------------------

    def challenge(self) -> Message:
        """What the proof has to be bound to."""
        return messages.Challenge(binding=self._binding)

    def accept(self, token: bytes) -> Message:
        """The answer to the helper's token. Raises Refusal."""
        if self._context is not None:
            raise Refusal("protocol", "a second token")
        try:
            self._context, answer = self._house.acceptor.accept(token, self._binding)
        except NotAuthenticated as fault:
            raise Refusal("unauthenticated", str(fault)) from None
        except NoKey as fault:
            raise Refusal("failed", str(fault)) from None
        return messages.DaemonToken(token=answer)

    async def decide(self, said: messages.Proof) -> None:
        """Find out who it is, ask for them, and begin to wait; or refuse. Raises Refusal."""
        who = await self._person(said)
        if who is None:
            raise Refusal("unauthenticated", NOBODY_HERE)
        if who.uid != self._ask.uid:
            raise Refusal("unauthenticated", NOT_THEIRS)
        if self._ask.ruser is not None and who.uid != 0 and await self._house.uid_of(self._ask.ruser) != who.uid:
            raise Refusal("unauthenticated", "who asks is not who runs this program")
        self._who = who
        try:
            await self._submit(who)
        except Refusal as no:
            hint = f" ({shown(said.because)})" if who.is_local and said.because else ""
            raise Refusal(no.code, f"{no.text}{hint}") from None

    async def _person(self, said: messages.Proof) -> Subject | None:
        if said.proof is None:
            return await self._house.local(self._ask.uid)
        if self._context is None:
            raise Refusal("protocol", "a proof before its token")
        try:
            if self._context.unwrap(said.proof) != PROOF + self._binding:
                raise NotAuthenticated("the proof is of something else")
        except NotAuthenticated as fault:
            raise Refusal("unauthenticated", str(fault)) from None
        return await self._house.subject(self._context)

    # --- what is asked -------------------------------------------------------------------------------------------------

    async def _submit(self, who: Subject) -> None:
        ask = self._ask
        login = Process(self._talk.pid, facts.started_at(self._talk.pid)) if ask.stage == "session" else None
        came_in_by = None if ask.authenticated is None else ask.authenticated.rstrip(b"\n").replace(b"\n", b", ")
        point = Point(ask.stage, _text(ask.rhost), _text(came_in_by), login)
        asked = Asked(
            argv=(), login=False, user=None, group=None, cwd=ask.cwd, cwd_device=ask.cwd_device, cwd_inode=ask.cwd_inode,
            chdir=False, variables=(), preserved=(), locale=(), streams=(), reason=ask.reason, lasts_for=None, uses=None,
            timeout_for=None,
        )  # fmt: skip

        def understand(search_path: str) -> Asked:
            program = Program(tuple(ask.words), ask.posix, ask.shell, ask.search_path)
            return at_point(ask.service, ask.user, program, asked, who, search_path.encode())

        made = await self._house.asking.enforce(
            who,
            ask.service,
            understand,
            Claims(ask.reason, ask.tty, ask.login_session, ()),
            point,
            facts.origin(self._talk.pid, 0),  # root alone is heard as a point
            waits=ask.waits,
            waiter=self,
            login=self._wait_for,
        )
        if self._waits_for is not None:
            self._move(made)

    def _wait_for(self, id: str) -> None:
        self._waits_for = id

    # --- waiting -------------------------------------------------------------------------------------------------------

    @property
    def who(self) -> Subject | None:
        """See ``waiters.Waiter``."""
        return self._who

    def moved(self, request: str) -> None:
        """See ``waiters.Waiter``."""
        found = self._house.request(request)
        if found is not None and self._waits_for == request:
            self._move(found)

    def _move(self, found: Request) -> None:
        refusal = refusal_of(found)
        lines, self._told = news_of(found, self._told, self._house.locking.active())
        if lines and refusal is None:
            until = instant(found.expires_at)
            self._talk.say(messages.Progress(id=found.id, state=str(found.state), owed=found.is_open, news=lines, until=until))
        assert self._who is not None, "nobody waits unknown"
        if refusal is None and found.state is RequestState.APPROVED and not self._who.has_ticket_at(self._house.now().at):
            refusal = Refusal("unauthenticated", "your ticket expired while the request waited: kinit, and do it again")
        if refusal is not None:
            self._leave()
            self._talk.refuse(refusal.code, refusal.text)

    def admit(self, id: str) -> None:
        """See ``waiters.Waiter``."""
        self._leave()
        boot_ms = int(self._house.now().boot * 1000)
        self._talk.say(messages.Granted(id=id, boot_ms=boot_ms, text=""))

    def start(self, run: str, control: int) -> None:
        """See ``waiters.Waiter``. What an enforcement point asks for is never run by the daemon."""
        raise AssertionError(f"run {run} has no client")

    def fail(self, because: str) -> None:
        """See ``waiters.Waiter``."""
        if self._waits_for is not None:
            self._leave()
            self._talk.refuse("failed", because)

    def withdraw(self) -> None:
        """The person no longer wants it. Raises Refusal."""
        id = self._waits_for
        self._leave()
        if id is not None and self._who is not None:
            self._house.asking.withdraw(self._who, id)
            raise Refusal("withdrawn", f"request {id} is withdrawn")

    def close(self) -> None:
        """The enforcement point is gone: what waited for it is withdrawn."""
        id = self._waits_for
        self._waits_for = None
        if id is not None:
            self._house.asking.left(id, self)

    def _leave(self) -> None:
        if self._waits_for is not None:
            self._house.waiters.leave(self._waits_for, self)
            self._waits_for = None


def _text(value: bytes | None) -> str | None:
    return None if value is None else shown(value)
