# SPDX-License-Identifier: Apache-2.0
"""Serves a waiting client. The client waits for the decision on its request. Later the client waits for its run or its thing.

Law: the client gets one message about each change. The client waits for at most one request. When the client disconnects, its
request is withdrawn and its things are taken back. There are two exceptions. A request that was made with --no-wait is not
withdrawn. Things that the client asked to keep for the person are not taken back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace

from jitd.core.command import Pairs
from jitd.core.decision import Approval, Obligations, narrow
from jitd.core.effects import Moment
from jitd.core.holding import Holding
from jitd.core.law import IllegalEvent
from jitd.core.request import Request, RequestState, ends_of
from jitd.core.subject import Identity, Subject
from jitd.core.wording import listed
from jitd.deciding.seats import Seats
from jitd.lifecycle.waiters import Handed
from jitd.log import log
from jitd.server.news import Told, news_of, refusal_of
from jitd.server.services import Services
from jitd.store import StoreError, Unreadable
from jitd.verbs.given_twice import still_given
from jitd.verbs.refusal import Refusal
from jitd.verbs.rows import NOTHING, instant, on_host
from jitd.verbs.sentences import SeatNews, already, asking, glass_broken, mounted, owing
from jitd.verbs.waiting_words import answered, counting, lease_used, not_kept, owes, people_asked
from jitpam.wire import messages
from jitpam.wire.shown import reshown

FAILED = "jitd failed, and permitted nothing: its log says why"
BARRED = (
    "a lock or an owed review in jitd's database is damaged, and until it is mended jitd permits nothing: tell an administrator "
    "of this host (jitd audit verify)"
)


def failed(fault: Exception) -> str:
    """Return the sentence for a client for whom nothing was done because of ``fault``, which nothing else explains."""
    return BARRED if isinstance(fault, Unreadable) else FAILED


class Waiting:
    """Implements ``waiters.Client``. ``say`` sends a message, with or without a descriptor. ``say`` closes the descriptor in
    every case. ``refuse`` sends a refusal with a code and a text. ``who`` returns the client's subject.
    """

    def __init__(
        self,
        services: Services,
        say: Callable[..., None],
        refuse: Callable[[str, str], None],
        who: Callable[[], Subject | None],
    ) -> None:
        self._services = services
        self._say = say
        self._refuse = refuse
        self._whose = who
        self._request: str | None = None
        self._in_hand: tuple[Holding, ...] = ()
        self._told = Told()
        self._seat_news = SeatNews()
        self._seats: Mapping[Approval, Seats] | None = None
        self._today: Obligations | None = None
        self._asked: list[str] | None = None
        self._takes_use = False

    @property
    def who(self) -> Subject | None:
        return self._whose()

    @property
    def is_waiting(self) -> bool:
        """True while a request waits for a decision or for the start of its run."""
        return self._request is not None

    def begin(self, id: str) -> None:
        """Note that the client now waits for the request ``id``."""
        self._request = id
        self._told, self._seat_news, self._seats, self._today, self._asked = Told(), SeatNews(), None, None, None
        self._takes_use = False

    def resumed(self, found: Request) -> None:
        """Tell the client that its request is resumed, and begin to use an approval that is there."""
        self._takes_use = not found.is_open
        self.move(found)
        if because := self._services.requests.why_stuck(found):
            self._progress(found, [because])

    def close(self) -> None:
        """Called when the client has disconnected, or was refused. Take back the client's things, and stop waiting for the
        client's request. Raises the exceptions of the store.
        """
        waited, self._request = self._request, None
        try:
            self.give_back()
        finally:
            if waited is not None:
                self._services.requests.left(waited, self)

    def withdraw(self) -> None:
        id, self._request, who = self._request, None, self.who
        assert id is not None and who is not None
        self._services.waiters.leave(id, self)
        try:
            self._services.requests.withdraw(who, id)
            self._refuse("withdrawn", f"request {id} is withdrawn")
        except Refusal as no:
            self._refuse(no.code, no.text)
        except Exception as fault:
            log("a request could not be withdrawn", request=id, fault=fault)
            self._refuse("failed", failed(fault))

    def submitted(self, made: Request, others: list[Request]) -> None:
        """The client does not wait for a decision. Tell the client that its request was made, and that ``others`` ask for the
        same. Raises Refusal if the policy denied the request.
        """
        self._request = None
        refusal = refusal_of(made)
        if refusal is not None:
            raise refusal
        self._progress(made, self._already(others))
        self._say(messages.Done(text=""))

    def _as_today(self, found: Request) -> Request:
        """Return ``found`` with what the rules demand by now, as the last search for people has found it."""
        if self._today is None or found.obligations is None or found.state is not RequestState.PENDING:
            return found
        return replace(found, obligations=narrow(found.obligations, self._today))

    def _progress(self, found: Request, lines: list[str]) -> None:
        found = self._as_today(found)
        standing = self._standing(found)
        self._asked = self._asked_now(found)
        left = None if found.expires_boot is None else max(0.0, found.expires_boot - self._services.now().boot)
        self._say(
            messages.Progress(
                id=found.id,
                state=str(found.state),
                owed=found.is_open,
                news=lines,
                until=instant(found.expires_at),
                answered=answered(standing),
                asked=self._asked,
                owes=owes(found, standing),
                left_ms=None if left is None else int(left * 1000),
            )
        )

    def repeats(self, made: Request, others: list[Request]) -> None:
        """``made`` is a request of the client. Tell the client that its earlier requests ``others`` ask for the same. If the
        client does not wait for ``made``, do nothing.
        """
        if others and self._request == made.id:
            self._progress(made, self._already(others))

    def _standing(self, found: Request) -> tuple[Identity, ...]:
        void = self._services.waiters.uncounted.get(found.id, NOTHING)
        return counting(found, self._services.locks.active(), void)

    def _asked_now(self, found: Request) -> list[str] | None:
        return None if self._seats is None else people_asked(found, self._seats, self._standing(found))

    def _already(self, others: list[Request]) -> list[str]:
        return already(others, lambda id: self._services.waiters.of(id) is not None)

    def not_kept(self, made: Request, preserved: Pairs) -> None:
        """``made`` is a request of the client. Tell the client which variables of ``preserved`` (``-E``) are missing in this
        request. If the client does not wait for the request, do nothing.
        """
        line = not_kept(preserved, made.command)
        if line and self._request == made.id:
            self._progress(made, [line])

    # --- what ``waiters.Client`` has ---------------------------------------------------------------------------------

    def moved(self, request: str) -> None:
        found = self._services.store.request(request)
        if found is not None and self._request == request:
            self.move(found)

    def move(self, found: Request) -> None:
        """Tell the client the state of the request ``found``. Do nothing if the client no longer waits for this request. For
        example, the client may already have the thing.
        """
        if self._request != found.id:
            return
        refusal = refusal_of(found)
        services = self._services
        void = services.waiters.uncounted.get(found.id, NOTHING)
        lines, self._told = news_of(
            self._as_today(found), self._told, services.locks.active(), services.now(), services.notices.heard_of(found), void
        )
        if lines and refusal is None:
            self._progress(found, lines)
        who = self.who
        assert who is not None, "nobody waits unknown"
        if refusal is None and found.state is RequestState.APPROVED and not who.has_ticket_at(self._services.now().at):
            refusal = Refusal(
                "unauthenticated", f"your ticket expired while the request waited: kinit, then jitsudo --resume={found.id}"
            )
        if refusal is not None:
            self._stop()
            self._refuse(refusal.code, refusal.text)
        elif found.state is RequestState.APPROVED and not found.may_act_at_once:
            self._stop()
            until = on_host(self._services.requests.ends_at(found))
            self._say(messages.Done(text=f"request {found.id} is approved: {found.service} may go on, until {until}"))
        elif found.state is RequestState.APPROVED and found.terms.starts_at is not None and not self._takes_use:
            self._stop()
            until = on_host(self._services.requests.ends_at(found))
            self._say(messages.Done(text=f"request {found.id} is approved, from {on_host(found.terms.starts_at)} until {until}"))

    def _stop(self) -> None:
        if self._request is not None:
            self._services.waiters.leave(self._request, self)
            self._request = None

    def start(self, run: str, control: int) -> None:
        self._stop()
        try:
            news, left_ms = self._terms_of(run)
        except StoreError as fault:  # the client needs its socket, whatever it is told with it
            log("a client could not be told the terms of its run", run=run, fault=fault)
            news, left_ms = [], None
        self._say(messages.Start(id=run, news=news, left_ms=left_ms), control)

    def _terms_of(self, run: str) -> tuple[list[str], int | None]:
        """Return sentences about the lease of an earlier request under which ``run`` begins (uses and time left) and about a
        review that it will owe, and the milliseconds after which jitd ends it.
        """
        store, now = self._services.store, self._services.now()
        begun = store.run(run)
        grant = None if begun is None else store.grant(begun.grant)
        asked = None if begun is None else store.request(begun.request)
        if grant is None or asked is None:
            return [], None
        ends_boot, _ = ends_of(grant, asked, now.boot)
        lines = [lease_used(grant, now)] if asked.lease is not None else []
        lines += [] if asked.reviews else mounted(asked)  # who waited for an approval has read it
        return lines + glass_broken(asked), max(0, int((ends_boot - now.boot) * 1000))

    def asks(self, names: tuple[str, ...]) -> None:
        self.hears(asking(names))

    def hears(self, news: str) -> None:
        if self._request is not None:
            state = str(RequestState.APPROVED)
            self._say(messages.Progress(id=self._request, state=state, owed=True, news=[news], until=None))

    def seated(self, found: Request, seats: Mapping[Approval, Seats]) -> None:
        news = self._seat_news.about(found, seats, self._services.now())
        self._seats, self._today = seats, found.obligations
        if self._told.owing and owing(found) != self._told.owing:
            self.moved(found.id)
        if self._request == found.id and (news or self._asked_now(found) != self._asked):
            self._progress(found, news)

    def refuse(self, code: str, text: str) -> None:
        self._stop()
        self._refuse(code, text)

    def fail(self, because: str) -> None:
        self._stop()
        self._refuse("failed", because)

    # --- a thing that the client has --------------------------------------------------------------------------------

    def hand(self, handed: tuple[Handed, ...]) -> None:
        self._stop()
        self._in_hand = tuple(one.holding for one in handed)
        now = self._services.now()
        for held in self._in_hand:
            self._services.waiters.hold(held.id, self)
        secrets = [one.secret for one in reversed(handed)]
        try:
            for n_said, one in enumerate(handed, 1):
                message = given(one, len(handed) - n_said, now)
                self._say(message, secrets.pop())
        finally:
            for descriptor in secrets:
                if descriptor is not None:
                    os.close(descriptor)

    def taken(self, holding: Holding) -> None:
        self._in_hand = ()
        still = still_given(self._services.store, holding, lambda found: True)  # both grants are the client's own
        because = f"{holding.because} ({still})" if still else holding.because
        self._say(messages.Taken(id=holding.id, because=reshown(because)))

    def give_back(self) -> None:
        """Take back the things that the client has. Raises the exceptions of the store."""
        if in_hand := self._let_go():
            self._services.holdings.let_go(in_hand[0].id)

    def _let_go(self) -> tuple[Holding, ...]:
        """Note that the client has no things any more. Return the things that the client had."""
        in_hand, self._in_hand = self._in_hand, ()
        for held in in_hand:
            self._services.waiters.let_go(held.id, self)
        return in_hand

    def keep(self) -> str:
        """Let the person keep the things after a disconnect, and return a sentence. Raises Refusal if they were taken back, or
        were asked for only until the connection ends, and the exceptions of the store.
        """
        if not self._in_hand:
            raise Refusal("late", "too late: it has already been taken back")
        things = listed(tuple(held.thing for held in self._in_hand), "and")
        if not self._in_hand[0].stays:
            raise Refusal("usage", f"you cannot keep {things}: your request was only for the time of the connection")
        try:
            self._services.holdings.keep(self._in_hand[0].id)
        except IllegalEvent:
            raise Refusal("late", "too late: it has already been taken back") from None
        first, *others = self._let_go()
        return f"{things} {'are' if others else 'is'} yours until {on_host(first.until)}"


def given(one: Handed, n_more: int, now: Moment) -> messages.Given:
    """Return the message with the thing ``one``, which ``n_more`` about other things follow."""
    holding = one.holding
    secret = "" if not holding.has_secret else "handed" if one.secret is None else "here"
    return messages.Given(
        id=holding.id,
        thing=holding.thing,
        name=one.name,
        to=holding.to,
        until=instant(holding.until) or "",
        left_ms=max(0, int((holding.until - now.at).total_seconds() * 1000)),
        stays=holding.stays,
        news=[],
        more=n_more,
        secret=secret,
    )
