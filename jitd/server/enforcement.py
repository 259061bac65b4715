# SPDX-License-Identifier: Apache-2.0
"""Answers one question of an enforcement point (PROTOCOL.md section 9). For the answer, jitd finds out who the person is, and
whether the requested action is permitted.

Law: jitd trusts what a process of root says about this host. A proof of the person's identity is accepted only if it is bound to
this question. If a rule requires a proof and the proof is missing, the request is refused.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jitd.core.claims import Claims
from jitd.core.decision import Approval
from jitd.core.party import Party
from jitd.core.request import Request, RequestState
from jitd.core.subject import Subject
from jitd.deciding import origins
from jitd.deciding.command_lookup import Asked
from jitd.deciding.seats import Seats
from jitd.deciding.view import View
from jitd.deciding.walking import Held, Node
from jitd.log import log
from jitd.server.acceptor import NoKey, NotAuthenticated, Proof
from jitd.server.identifying import greeted_until
from jitd.server.news import Told, news_of, refusal_of
from jitd.server.peer import PASSED, Gone
from jitd.server.peer import Held as HeldProcess
from jitd.server.point_questions import OfModule, OfPlugin, question_of
from jitd.server.services import Services
from jitd.verbs.refusal import Refusal
from jitd.verbs.rows import instant
from jitd.verbs.sentences import SeatNews
from jitpam.wire import messages
from jitpam.wire.framing import frame
from jitpam.wire.messages import Message
from jitpam.wire.shown import reshown, shown

MOST_SHOWN, MOST_NEWS = 500, 8  # characters of a sentence, since PAM shows no more; sentences in one message
Said = messages.Enforce | messages.EnforceCommand
PROOF = b"jitd proof 1\n"  # begins what the enforcement point's helper wraps. The binding of the challenge follows


@dataclass(frozen=True, slots=True)
class InHand:
    """Who asks, its root and its current directory, each by an open descriptor."""

    process: HeldProcess
    root: Held
    directory: Held


def hold(connected: Callable[[], HeldProcess], given: list[Held]) -> InHand:
    """Open the process that has ``connected``, which must be in the host's user namespace. Raises Refusal."""
    if len(given) != PASSED or not stat.S_ISDIR(os.fstat(given[0].number).st_mode):
        raise Refusal(
            "usage", "an enforcement point passes its root, its working directory and its user namespace with its question"
        )
    root, directory, users = given
    try:
        process = connected()
        is_ours = process.has_our_users() and os.path.samestat(os.fstat(users.number), os.stat("/proc/self/ns/user"))
    except (Gone, OSError) as fault:
        raise Refusal("failed", f"cannot get hold of the process that asks: {fault}") from None
    if not is_ours:
        raise Refusal("forbidden", "an enforcement point has to be in the user namespace of the host")
    return InHand(process, root, directory)


@dataclass(frozen=True, slots=True)
class Talk:
    """Two functions that an Enforcement gets from the connection. ``say`` sends a message, and ``refuse`` sends a refusal."""

    say: Callable[[Message], None]
    refuse: Callable[[str, str], None]


class Enforcement:
    """One question of an enforcement point, in which a person waits: a ``waiters.WaitingPoint``."""

    def __init__(self, services: Services, talk: Talk, in_hand: InHand, said: Said, body: bytes, channel: bytes) -> None:
        self._ask: OfModule | OfPlugin | None = question_of(said)
        self._services = services
        self._talk = talk
        self._process = in_hand.process
        self._in_hand: InHand | None = in_hand
        self._waits = said.waits
        self._is_sudo = self._ask.is_sudo
        self._binding = hashlib.sha256(b"jitd enforcement 1\n" + channel + frame(body) + secrets.token_bytes(32)).digest()
        self._context: Proof | None = None
        self._who: Subject | None = None
        self._waits_for: str | None = None
        self._seat_news = SeatNews()
        self._told = Told()
        self._places: tuple[Node, ...] = ()

    # --- who it is -----------------------------------------------------------------------------------------------------

    def challenge(self) -> Message:
        """Return the message with the bytes to which the proof must be bound."""
        return messages.Challenge(binding=self._binding)

    def accept(self, token: bytes) -> Message:
        """Return the answer to the helper's token. Raises Refusal."""
        if self._context is not None:
            raise Refusal("protocol", "a second token")
        try:
            self._context, answer = self._services.acceptor.accept(token, self._binding)
        except (NotAuthenticated, NoKey) as fault:
            if self._ask is not None:
                self._services.complaints.unproved(Party.of_account(self._ask.said.uid), fault)
            raise Refusal("failed" if isinstance(fault, NoKey) else "unauthenticated", str(fault)) from None
        return messages.DaemonToken(token=answer)

    async def decide(self, said: messages.Proof) -> None:
        """Find out who the person is, create the person's request, and begin to wait for the decision. Raises Refusal."""
        until, ask = greeted_until(), self._ask
        if ask is None:
            raise Refusal("protocol", "a second proof")
        try:
            who = await self._identified(said, ask, until)
        except Refusal as no:  # there is no request, so the record says nothing of it
            because, service, uid = no.text, ask.said.service, ask.said.uid
            self._services.complaints.warn(Party.of_account(uid), "a gate denied", service=service, uid=uid, because=because)
            raise
        self._who = who
        try:
            await self._submit(who, ask)
        except Refusal as no:
            hint = f" ({reshown(said.because)})" if who.is_local and said.because else ""
            raise Refusal(no.code, f"{no.text}{hint}") from None

    async def _identified(self, said: messages.Proof, ask: OfModule | OfPlugin, until: float) -> Subject:
        """Return the person, who is the one that the point asks about. Raises Refusal."""
        uid = ask.said.uid
        who = await self._person(said, uid, until)
        if who is None or who.uid != uid:
            why = "" if who is not None else await self._services.identifying.why_not(uid)
            why += f" ({reshown(said.because)})" if why and said.proof is None and said.because else ""
            raise Refusal("unauthenticated", why or self._services.identifying.why_not_theirs(self._context))
        ruser = ask.ruser
        if ruser is not None and who.uid != 0 and await self._services.identifying.uid_of(uid, ruser) != who.uid:
            raise Refusal("unauthenticated", f"PAM_RUSER ({shown(ruser)}) is not the account that asks ({shown(who.user)})")
        return who

    def forget(self) -> None:
        """Forget the question, which may have megabytes: it is decided, or nobody goes on with it."""
        self._ask = self._in_hand = None

    async def _person(self, said: messages.Proof, uid: int, until: float) -> Subject | None:
        if said.proof is None:
            return await self._services.identifying.local(uid, self._slow, until)
        if self._context is None:
            raise Refusal("protocol", "a proof before its token")
        try:
            if self._context.unwrap(said.proof) != PROOF + self._binding:
                raise NotAuthenticated("the proof is about another question")
        except NotAuthenticated as fault:
            raise Refusal("unauthenticated", str(fault)) from None
        return await self._services.identifying.subject(uid, self._context, self._slow, until)

    def _slow(self, left_ms: int) -> None:
        self._talk.say(messages.Slow(left_ms=left_ms))

    # --- what is asked -------------------------------------------------------------------------------------------------

    async def _submit(self, who: Subject, ask: OfModule | OfPlugin) -> None:
        in_hand = self._in_hand
        self._in_hand = None  # so that a waiting client keeps only two descriptors open instead of four
        if in_hand is None:
            raise Refusal("protocol", "a second proof")
        try:
            who = await self._services.using.as_used(who, self._process, is_login=ask.is_login)
            login = in_hand.process.process() if ask.begins_session else None
            origin = origins.origin(self._process.pid, 0)  # only root can be an enforcement point
            self._process.refuse_gone()  # if the process still exists, the facts above belong to this process
        except OSError as fault:
            if isinstance(fault, TimeoutError):
                raise
            raise Refusal("failed", f"cannot get hold of the process that asks: {fault}") from None
        said, asked = ask.said, ask.asked(self._process)

        def understand(search_path: str) -> Asked:
            view = View(in_hand.root, in_hand.directory, said.cwd, self._services.trusted_places)
            understood, self._places = ask.understood(asked, view, who, search_path.encode())
            return understood

        made = await self._services.requests.enforce(
            who,
            said.service,
            understand,
            Claims(said.reason, said.tty, said.login_session, ()),
            ask.point(login),
            origin,
            waits=said.waits,
            waiter=self,
            on_created=self._wait_for,
        )
        if self._waits_for is not None:
            self._move(made)

    def _wait_for(self, id: str) -> None:
        self._waits_for, self._seat_news = id, SeatNews()

    # --- waiting -------------------------------------------------------------------------------------------------------

    @property
    def who(self) -> Subject | None:
        return self._who

    def moved(self, request: str) -> None:
        found = self._services.store.request(request)
        if found is not None and self._waits_for == request:
            self._move(found)

    def _move(self, found: Request) -> None:
        refusal = refusal_of(found)
        services = self._services
        lines, self._told = news_of(found, self._told, services.locks.active(), services.now(), services.notices.heard_of(found))
        if refusal is None:
            self._tell(found, lines)
        assert self._who is not None, "nobody waits unknown"
        if refusal is None and found.state is RequestState.APPROVED and not self._who.has_ticket_at(self._services.now().at):
            refusal = Refusal("unauthenticated", "your ticket expired while the request waited: kinit, and do it again")
        if refusal is not None:
            self._leave()
            self._talk.refuse(refusal.code, refusal.text)

    def _tell(self, found: Request, lines: list[str]) -> None:
        """Send news, if the person waits for them. A point reads no message of more than 64 KiB (PROTOCOL.md section 9)."""
        news, until = [brief(line) for line in lines], instant(found.expires_at)
        for at in range(0, len(news) if self._waits else 0, MOST_NEWS):
            some = news[at : at + MOST_NEWS]
            self._talk.say(messages.Progress(id=found.id, state=str(found.state), owed=found.is_open, news=some, until=until))

    def admit(self, id: str) -> None:
        self._leave()
        self._note_sudo()
        try:
            self._process.refuse_gone()
        except Gone as fault:
            return self._talk.refuse("failed", f"nobody is let in: {fault}")
        boot_ms = int(self._services.now().boot * 1000)
        places = [[place.path, b"%d:%d" % (place.device, place.inode)] for place in self._places]
        self._talk.say(messages.Granted(id=id, boot_ms=boot_ms, text="", places=places))

    def _note_sudo(self) -> None:
        """Note a sudo that is let in, so that it goes on when lines of sudoers are taken back (ADR 0142). If this fails, it
        does not go on then.
        """
        if self._is_sudo and self._who is not None:
            try:
                self._services.let_in.add(self._who.uid, self._process.process())
            except OSError as fault:
                log("a sudo that is let in could not be noted: it ends when lines of sudoers are taken back", fault=fault)

    def hears(self, news: str) -> None:
        """Do nothing, because an enforcement point gets no news after its approval."""

    def seated(self, found: Request, seats: Mapping[Approval, Seats]) -> None:
        lines = self._seat_news.about(found, seats, self._services.now())
        if self._waits_for == found.id:
            self._tell(found, lines)

    def refuse(self, code: str, text: str) -> None:
        if self._waits_for is not None:
            self._leave()
            self._talk.refuse(code, text)

    def fail(self, because: str) -> None:
        if self._waits_for is not None:
            self._leave()
            self._talk.refuse("failed", because)

    async def withdraw(self) -> None:
        """Withdraw the request, because the person has cancelled it. Raises Refusal, which is sent as the answer."""
        id = self._waits_for
        self._leave()
        if id is not None and self._who is not None:
            self._services.requests.withdraw(self._who, id)
            raise Refusal("withdrawn", f"request {id} is withdrawn")

    def close(self) -> None:
        """Withdraw the waiting request, because the enforcement point has disconnected."""
        id = self._waits_for
        self._waits_for = None
        if id is not None:
            self._services.requests.left(id, self)

    def _leave(self) -> None:
        if self._waits_for is not None:
            self._services.waiters.leave(self._waits_for, self)
            self._waits_for = None


def brief(sentence: str) -> str:
    """Return the part of ``sentence`` that a point shows."""
    return sentence if len(sentence) <= MOST_SHOWN else f"{sentence[: MOST_SHOWN - 3]}..."
