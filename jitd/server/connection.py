# SPDX-License-Identifier: Apache-2.0
"""One client's connection: the handshake, questions and answers, and news about the client's waiting request (PROTOCOL.md).

Law: every message, in or out, is first checked against the conversation's table. Nothing is decided or changed for a client
before it is authenticated. Faults before this point are counted. Later faults are recorded. Every fault ends the connection.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import ExitStack, aclosing
from typing import Any, ClassVar

from jitd.core.origin import Caller
from jitd.core.party import Party
from jitd.core.request import Request, Verdict
from jitd.core.rights import Act
from jitd.core.subject import Identity, Subject
from jitd.deciding.command_lookup import Asked
from jitd.deciding.walking import Held
from jitd.failures import Failure, count
from jitd.server.acceptor import NoKey, NotAuthenticated, Proof
from jitd.server.channel import Channel
from jitd.server.enforcement import Enforcement, Said, Talk, brief, hold
from jitd.server.handshake import Handshake
from jitd.server.peer import Count, Peer
from jitd.server.reading import asked_in, claims_in, refuse_instead, thing_in, undone_in
from jitd.server.services import Services
from jitd.server.telling import Telling
from jitd.server.visit import Visit
from jitd.server.waiting import Waiting, failed
from jitd.store import Conflict, StoreError
from jitd.verbs.answers import Asker
from jitd.verbs.refusal import Refusal, with_account
from jitd.verbs.rows import Row, instant
from jitpam.wire import coding, messages
from jitpam.wire.conversation import DAEMON, LAW, UNPROVED, Conversation
from jitpam.wire.faults import RemoteProtocolError
from jitpam.wire.framing import SEAL, SMALL, TOKEN
from jitpam.wire.messages import FROM_CLIENT, SIGN_EVERY, Message
from jitpam.wire.shown import shown

LARGE_WITHIN = 40.0  # maximum time, in seconds, until jitd has answered a large message and the client has read the answer
PROVED_WITHIN = 20.0
"""Maximum time, in seconds, from the question of an enforcement point to its proof. Until then, jitd keeps the whole question.
The PAM module takes at most 8 s for a proof (``PROOF_WITHIN``), and a few more to send it.
"""
ACTS = (
    *(messages.Submit, messages.Undo, messages.Get, messages.Resume),
    *(messages.Review, messages.Observe, messages.Lock, messages.Unlock),
)
"""The messages by which a client asks for something or reviews something, with all their kinds, such as those that break glass.
At these, jitd looks who may act with its account.
"""
STEERED = (messages.Resume, messages.Lock, messages.Unlock)
"""Those of ACTS at which jitd looks for this among all live runs, too. New requests and reviews are compared with them when
they are stored."""
ALIKE_WITHIN = 0.5  # maximum time, in seconds, to search for requests that ask for the same as a new one
AGAIN_AFTER = 0.2  # minimum number of seconds before a list that a client watches is sent again


class Connection:
    """One connection, from accept to close. ``party`` is the one whose limits hold for the connection. ``count_for``
    counts the connection for another account instead, and returns False if this account has too many. ``on_end`` is called
    once, when the channel has ended.
    """

    def __init__(
        self,
        services: Services,
        channel: Callable[..., Channel],
        end: Peer | Visit,
        party: Party,
        count_for: Count,
        on_end: Callable[[], None],
    ) -> None:
        self._services = services
        self._end = end
        self._party = party
        self._count_for = count_for
        self._deadline: asyncio.TimerHandle | None = None
        self._timed = ""
        self._talk = Conversation(DAEMON, end.law)
        self._handshake = Handshake(services.acceptor, end.uid)
        self._caller = Caller(end.hold)
        self._proof: Proof | None = None
        self._who: Identity | None = None
        self._is_proved = False
        self._point: Enforcement | None = None
        self._given: list[Held] = []
        self._watch_ended = False
        self._seen: Callable[[int], None] = lambda beat: None
        self._asked_at = 0.0
        self._next_sign: asyncio.TimerHandle | None = None
        self._is_stale = False
        self._listing: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._channel = channel(self._frame, self._broken, on_end)
        self._telling = Telling(services.turns, party, self._channel, self._send)
        self._waiting = Waiting(services, self.say, self._refuse, lambda: self._who if isinstance(self._who, Subject) else None)

    # --- frames ------------------------------------------------------------------------------------------------------

    def _frame(self, body: bytes) -> None:
        stage = self._talk.state
        if len(body) > SMALL + SEAL and stage == "ready":
            return self._in_background(lambda: self._large_frame(body))
        if len(body) > (TOKEN if stage in ("authenticating", "proving") else SMALL) + SEAL:
            return self._broken(f"a frame of {len(body)} bytes when {stage}")
        try:
            message, body = self._read(body)
            self._hear(message)
        except (RemoteProtocolError, NotAuthenticated) as fault:
            return self._broken(str(fault))
        if stage not in UNPROVED:
            self._is_proved = True
            self._give_no_signs()
            self._asked_at = self._services.now().boot
        self._HEARD.get((stage, message.type), Connection._ask)(self, message, body)

    def _read(self, body: bytes) -> tuple[Message, bytes]:
        """Return the message in ``body``, and the unwrapped bytes. Raises RemoteProtocolError and NotAuthenticated."""
        if self._proof is not None and self.is_ready:
            body = self._proof.unwrap(body)
        coding.weigh(body, FROM_CLIENT)
        return coding.decode(body, FROM_CLIENT), body

    def _hear(self, message: Message) -> None:
        """Accept a message and its descriptors, if the conversation allows the message. Raises RemoteProtocolError."""
        self._talk.hear(message)
        self._keep_time()
        self._given = self._channel.received()
        if self._given and not isinstance(message, Said):
            raise RemoteProtocolError(f"descriptors with {message.type}")

    async def _large_frame(self, body: bytes) -> None:
        """Read a large frame in a worker, and answer it. While the worker reads, no other code wraps or unwraps messages."""
        async with self._services.turns.large(self._party):
            try:
                message, body = await self._services.workers.frames.run(self._party, lambda: self._read(body))
                self._hear(message)
            except (RemoteProtocolError, NotAuthenticated, TimeoutError) as fault:
                return self._broken(str(fault) or "the client sends large frames faster than jitd can read them")
            self._is_proved = True
            async with asyncio.timeout(LARGE_WITHIN):  # others need this room, even if the client does not read the answer
                await self._deed(message, body)

    def say(self, message: Message, descriptor: int | None = None) -> None:
        """Send ``message`` with ``descriptor``, if the conversation allows the message. Close ``descriptor`` in every case."""
        with ExitStack() as unsent:
            if descriptor is not None:
                unsent.callback(os.close, descriptor)
            body = self._ready(message, coding.encode(message))
            unsent.pop_all()
        self._channel.send(body, descriptor)

    def _send(self, message: Message, body: bytes) -> None:
        self._channel.send(self._ready(message, body))

    def _ready(self, message: Message, body: bytes) -> bytes:
        """Return the bytes to send for ``message``. The conversation must allow ``message`` now."""
        self._talk.say(message)
        self._keep_time()
        return body if self._proof is None else self._proof.wrap(body)

    def _keep_time(self) -> None:
        """Close the connection if it does not leave the present state in time. In most states, what jitd waits for has a time of
        its own: a decision has the rule's ``expires``, and a frame has FRAME_WITHIN.
        """
        if self._talk.state == self._timed:
            return
        self._timed = self._talk.state
        if self._timed == "ready":
            self._forget_question()
        if self._deadline is not None:
            self._deadline.cancel()
        within = PROVED_WITHIN if self._timed == "proving" else None
        if self._timed == "ready":
            within = self._end.asks_within(self._party)
        self._deadline = None if within is None else asyncio.get_running_loop().call_later(within, self.close)

    def _forget_question(self) -> None:
        if self._point is not None:
            self._point.forget()
        self._channel.give_room()

    def _refuse(self, code: str, text: str) -> None:
        self.say(messages.Refused(code=code, text=text if self._point is None else brief(text)))
        if self._talk.state == "closed":
            return self.close(flush=True)
        try:
            self._waiting.close()  # also after a refused "keep", or a failure after the request was made
        except Exception as fault:
            self._log("what a client was given, or waited for, could not be taken back yet", fault=fault)

    def _broken(self, fault: str | None) -> None:
        """Close the connection. ``fault`` is the client's fault, or None if the client made no fault."""
        if fault is not None:
            way = self._end.way if self._is_proved else None
            self._services.complaints.broke_protocol(self._who if self._is_proved else None, fault, way)
        self.close()

    def close(self, *, flush: bool = False) -> None:
        """Close the connection, no matter which side ended it. Withdraw the client's waiting request."""
        self._channel.close(flush=flush)
        if self._deadline is not None:
            self._deadline.cancel()
        self._give_no_signs()
        for task in (self._task, self._listing):
            if task is not None:
                task.cancel()
        self._services.waiters.unwatch(self._list_again)
        self._services.roll.tell_no_more(self._say_word)
        point, self._point, self._given = self._point, None, []
        try:
            if point is not None:
                point.close()
            self._waiting.close()
        except Exception as fault:  # the client is already gone, so the fault can only be logged
            self._log("the request of a client that has disconnected could not be withdrawn", fault=fault)

    def _log(self, event: str, *, fault: Exception) -> None:
        """Log that jitd failed. If the client can make jitd fail, it cannot fill the log."""
        if not isinstance(fault, StoreError):  # it was counted already
            count(Failure.JITD)
        self._services.complaints.warn(self._party, event, fault=f"{type(fault).__name__}: {fault}")

    @property
    def is_ready(self) -> bool:
        """True once the handshake is over."""
        return self._talk.state not in UNPROVED

    @property
    def has_proved(self) -> bool:
        """True once the client has sent its part of the handshake. The rest is the daemon's part, with its own time limit."""
        return self.is_ready or self._handshake.is_over

    @property
    def is_typing(self) -> bool:
        """True while jitd waits until the person has typed a local password, which takes longer than to send a token."""
        return not self.is_ready and self._handshake.is_local

    # --- the roll ------------------------------------------------------------------------------------------------------

    def _be_an_agents(self, message: Message, body: bytes) -> None:
        """From now on, tell the agent that has connected each new word of this host, and nothing else."""
        try:
            self._end.take(message)
            self._services.roll.tell(self._say_word)
        except Refusal as no:
            self._refuse(no.code, no.text)

    def _say_word(self, word: Row) -> None:
        if self._channel.is_behind:  # it does not read, or too slowly, and connects again if it wants more
            return self.close()
        self.say(messages.Item(row=word))

    # --- the handshake -----------------------------------------------------------------------------------------------

    def _shake_hands(self, message: Message, body: bytes) -> None:
        try:
            if isinstance(message, messages.Carried):
                return self._end.take(message)
            answer = self._handshake.hear(message, body)
        except RemoteProtocolError as fault:
            return self._broken(str(fault))
        except Refusal as no:
            return self._refuse(no.code, no.text)
        except (NotAuthenticated, NoKey) as fault:
            self._services.complaints.unproved(self._party, fault)
            return self._refuse("failed" if isinstance(fault, NoKey) else "unauthenticated", str(fault))
        self.say(answer)
        self._proof = self._handshake.proof  # as soon as there is a proof, every body is wrapped
        if self._handshake.is_over or self._handshake.is_local:
            self._in_background(self._welcome)

    async def _welcome(self) -> None:
        services, shaken = self._services, self._handshake
        self._who = who = await self._end.welcome(services, self._party, shaken, self.say, self._slow, self._count_as)
        self._channel.raise_limit(self._end.limit)
        self._channel.take_descriptors(self._end.n_passed if who.is_root else 0)
        until, host = instant(who.ticket_ends_at), self._services.host
        operator = self._services.access.may(Act.OPERATE, who)
        self.say(messages.Welcome(principal=who.principal, user=who.account, host=host, until=until, operator=operator))

    def _count_as(self, person: Party) -> bool:
        """From now on, let this connection be that of ``person``. Return False if they have too many."""
        if not self._count_for(person):
            return False
        self._party = person
        self._telling = Telling(self._services.turns, person, self._channel, self._send)
        return True

    def _slow(self, left_ms: int) -> None:
        self.say(messages.Slow(left_ms=left_ms))

    # --- what is asked -----------------------------------------------------------------------------------------------

    def _ask(self, message: Message, body: bytes) -> None:
        self._in_background(lambda: self._deed(message, body))

    def _withdraw(self, message: Message, body: bytes) -> None:
        if self._waiting.is_waiting:
            self._waiting.withdraw()
        elif self._point is not None:
            self._in_background(self._point.withdraw)
        else:
            self._ask(message, body)

    def _note_beat(self, message: messages.Seen, body: bytes) -> None:
        self._seen(message.beat)

    def _in_background(self, deed: Callable[[], Awaitable[None]]) -> None:
        """Run ``deed`` in a task, so that other clients need not wait. Read the client's next message only after ``deed``.
        Nothing begins any more for a client that has gone: what it had was counted back.
        """
        if not self._channel.is_open:
            return
        self._channel.pause()

        async def done() -> None:
            try:
                await answered()
            except Exception as fault:  # no refusal can be sent any more, but the client must not wait for ever
                self._log("the question of a client failed, and the client could not be told", fault=fault)
                self.close()
            if self._channel.is_open:
                self._channel.resume()

        async def answered() -> None:
            try:
                await deed()
            except Refusal as no:
                self._refuse(no.code, no.text)
            except TimeoutError as fault:
                self._refuse("failed", str(fault) or "a look-up by jitd took too long: nothing was done")
            except Conflict:
                self._refuse("not_done", "others changed the same thing several times, so nothing was done: try again")
            except Exception as fault:
                self._log("failed", fault=fault)
                self._refuse("failed", failed(fault))
            finally:
                if self._task is asyncio.current_task():
                    self._task = None

        self._task = asyncio.get_running_loop().create_task(done())

    async def _deed(self, message: Message, body: bytes) -> None:
        refuse_instead(message)
        self._end.admit(message)  # first of all, so that no time passes between the reading and the look
        who = await self._admit(message.type)
        await self._services.turns.begin(self._party)
        if isinstance(message, ACTS):
            is_deny = isinstance(message, messages.Review) and message.verdict == Verdict.DENY
            who = await self._end.as_used(
                self._services, who, must=not is_deny and not (isinstance(message, messages.Lock) and who.is_root)
            )
            if isinstance(message, STEERED):
                who = self._services.using.as_used_anywhere(who)
        match message:
            case messages.Submit():
                await self._submit(with_account(who), message, asked_in(message, self._caller), service=message.service)
            case messages.Undo():
                undones = await self._services.requests.undones(who, message.id)
                await self._submit(with_account(who), message, undone_in(message, undones, self._caller))
            case messages.Get():
                await self._submit(with_account(who), message, thing_in(message, self._caller))
            case messages.Keep():
                self._done(self._waiting.keep())
            case messages.Resume():
                began, place = self._waiting.begin, message.place
                self._waiting.resumed(
                    await self._services.requests.resume(with_account(who), message.id, self._caller, self._waiting, began, place)
                )
            case messages.Watch():
                self._watch_ended = message.ended
                self._give_signs()
                self._services.waiters.watch(self._list_again)
                self._list_again()
            case messages.Replay():
                if message.follow:
                    self._give_signs()
                follow, way = message.follow, self._end.way
                rows = self._services.recordings.play(who, message.id, follow=follow, again=self._admit, way=way)
                await self._replay(rows)
            case messages.Audit() if message.follow:
                self._give_signs()
                self._channel.resume()  # there may be no row for hours, and the client may disconnect before
                await self._replay(self._services.records.follow(who, message, again=self._admit))
            case messages.Observe():

                async def again() -> Identity:
                    return await self._end.as_used(self._services, await self._admit())

                rows = self._services.observers.observe(
                    who, message.id, message.offset, self._end.origin(), again=again, begun=self._note_observed
                )
                await self._replay(rows)
            case messages.Enforce() | messages.EnforceCommand():
                self._enforce(with_account(who), message, body)
            case messages.Stamp():
                self._end.take(message)
                self._done("")
            case messages.Token() if self._point is not None:
                self.say(self._point.accept(message.token))
            case messages.Proof() if self._point is not None:
                try:
                    await self._point.decide(message)
                finally:
                    self._forget_question()
            case _:
                asker = Asker(who, self._end.origin, self._caller, self._end.way, self._admit)
                answer = await self._services.answers.to(asker, message)
                if isinstance(answer, str):
                    self._done(answer)
                else:
                    await self._telling.rows(answer)
                    if isinstance(message, messages.List):
                        self._say_number()
                    self._done("")

    async def _submit(
        self, who: Subject, message: messages.Submit | messages.Get | messages.Undo, asked: Asked, **named: str
    ) -> None:
        """Make the request, and tell the client of it, and of other open requests that ask for the same. The request is made, and
        the others are only information, so whatever fails about them keeps the client's answer from nobody.
        """
        made = await self._services.requests.submit(
            who,
            asked,
            claims_in(message),
            **named,
            waits=message.waits,
            if_owed=message.if_owed,
            waiter=self._waiting,
            on_created=self._waiting.begin,
        )
        self._waiting.not_kept(made, asked.preserved)
        others: list[Request] = []
        try:
            async with asyncio.timeout(ALIKE_WITHIN):
                others = await self._services.lists.alike(made)
        except TimeoutError:
            pass
        except Exception as fault:
            self._log("failed", fault=fault)
        if message.waits:
            self._waiting.repeats(made, others)
        else:
            self._waiting.submitted(made, others)

    def _enforce(self, who: Subject, message: Said, body: bytes) -> None:
        """Begin to answer an enforcement point. Only root may ask about other people, because root controls their sessions."""
        process = self._end.hold
        if not who.is_root or process is None or self._end.uid != 0:
            raise Refusal("forbidden", "only a process that runs as root can be an enforcement point")
        person = self._services.subordinates.party_of(message.uid)
        if (
            self._party.is_root
            and isinstance(message, messages.Enforce)
            and message.stage != "auth"
            and not self._count_for(person)
        ):
            raise Refusal("denied", f"{shown(message.user)} has too many connections to jitd: end some, and try again")
        talk, in_hand = Talk(self.say, self._refuse), hold(process, self._given)
        self._point = Enforcement(self._services, talk, in_hand, message, body, self._handshake.channel)
        self._channel.keep_room()
        self.say(self._point.challenge())

    async def _admit(self, said: str = "") -> Identity:
        """Return the client as of now, after a message ``said``: within hours, tickets end, accounts change. Raises Refusal."""
        assert self._who is not None, "the table lets nobody come this far unknown"
        if isinstance(self._who, Subject) and self._who.is_by_pam:
            await self._services.local_proofs.admit(self._who, said)
        if not self._who.has_ticket_at(self._services.now().at):
            raise Refusal("unauthenticated", "your ticket has expired: kinit")
        is_told = self._talk.state == "waiting"  # otherwise a client waits for rows, and for no other message
        who = await self._services.identifying.again(self._who, self._slow if is_told else None)
        if who is None:
            raise Refusal("unauthenticated", "your account is gone, or has expired")
        if who.is_by_door:  # what its operators have to prove counts now, and not as of the handshake
            who = who.looked_at(self._services.now().at)
        self._who = who
        return who

    async def _replay(self, rows: AsyncGenerator[Row, None]) -> None:
        """Send a recording. The connection notices if the client disconnects, even while there is no row to send."""
        async with aclosing(rows):
            async for row in rows:
                await self._telling.row(row)
                self._channel.resume()  # after the first row, any message from the client is treated as a hang-up
                await self._channel.drained()
        self._done("")

    def _stop_observed(self, message: Message, body: bytes) -> None:
        """Answer the message ``stop`` while the client observes a run: end the stream of rows, then stop the run."""
        observing = self._task
        if observing is not None:
            observing.cancel()

        async def stop() -> None:
            if observing is not None:
                await asyncio.wait([observing])
            if self._talk.state == "stopping":  # a refusal may have been sent as the answer already
                self._done("")
            await self._deed(message, body)

        self._in_background(stop)

    # --- signs of life

    def _give_signs(self) -> None:
        """At the door, say now and then how long ago this question came. Otherwise who follows something would not notice that
        a carrier passes nothing on, or passes it on ever later.
        """
        if self._end.signs and self._talk.state in ("asked", "watching"):
            self._next_sign = asyncio.get_running_loop().call_later(SIGN_EVERY, self._give_signs)
            self.say(messages.Item(row={"age": int(self._services.now().boot - self._asked_at)}))

    def _give_no_signs(self) -> None:
        if self._next_sign is not None:
            self._next_sign.cancel()

    def _note_observed(self, seen: Callable[[int], None]) -> None:
        self._seen = seen

    def _say_number(self) -> None:
        """At the door, say to which record the list belongs that was just sent: no earlier word of this host says more."""
        if self._end.signs:
            self.say(messages.Item(row={"number": self._services.store.head().number}))

    def _done(self, text: str) -> None:
        self.say(messages.Done(text=text))

    def _list_again(self) -> None:
        """Send the watched list again. If several changes occur within AGAIN_AFTER seconds, the list is sent once."""
        self._is_stale = True
        if self._listing is None:
            self._listing = asyncio.get_running_loop().create_task(self._keep_listing())

    async def _keep_listing(self) -> None:
        try:
            while self._is_stale and self._talk.state == "watching":
                self._is_stale = False
                who = await self._admit()
                await self._telling.rows(self._services.lists.requests(who, ended=self._watch_ended))
                self._say_number()
                self._done("")
                await asyncio.sleep(AGAIN_AFTER)
        except Refusal as no:
            self._refuse(no.code, no.text)
        except Exception as fault:
            self._log("a watched list could not be read", fault=fault)
            self.close()
        finally:
            self._listing = None

    _HEARD: ClassVar[Mapping[tuple[str, str], Callable[[Connection, Any, bytes], None]]] = {
        ("dialled", "carried"): _shake_hands,
        ("dialled", "roll"): _be_an_agents,
        ("greeting", "hello"): _shake_hands,
        ("authenticating", "token"): _shake_hands,
        ("ready", "seen"): _note_beat,
        ("observing", "seen"): _note_beat,
        ("observing", "stop"): _stop_observed,
        ("waiting", "withdraw"): _withdraw,
        ("holding", "withdraw"): lambda self, *_: None,  # too late
        ("started", "withdraw"): lambda self, *_: None,
        **dict.fromkeys(((stage, "bye") for stage in LAW), lambda self, *_: self.close()),
    }
    """What is done with a message at a stage. Whatever else the law of the end allows is a question (``_ask``)."""
