# SPDX-License-Identifier: Apache-2.0
"""Finds the notices about a request that one channel must still send, and the addresses of these notices. The notices depend on
the state of the request and on the told marks. A told mark is a stored note that an address got a notice.

Law: this module sends nothing. If a told mark shows that an address got a notice, the notice is never found for this address
again. A notice to approvers is never sent to the requester.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from jitd.core.decision import Approval
from jitd.core.effects import Moment
from jitd.core.notice import (
    ENDS,
    LOUD,
    Back,
    Event,
    Missed,
    Notice,
    Skipped,
    Whom,
    awaits_things,
    decider,
    has_approved,
    is_of_things,
    owed,
    owed_of_things,
)
from jitd.core.request import Request, RequestState, Verdict
from jitd.deciding.seats import Seats
from jitd.log import log
from jitd.store import Store, Told
from jitd_outsiders.notifying.channel import Message
from jitd_outsiders.notifying.settings import ChannelSettings

LOOKED_UP_AFTER = 30.0  # seconds until the people who must get a notice are looked up again, if they could not be
MOST_UNFOUND = 256  # requests that are remembered because their people were not found
ASKED = "asked"
"""A told mark is a stored note that an address got a notice. A mark with the event ASKED is different: it notes that the
requester must later be told the decision.
"""


class Wording(Protocol):
    """Makes the texts of messages. The module ``notifying.wording`` implements this interface."""

    def say(self, notice: Notice, request: Request, kind: str, shows: str, to: tuple[str, ...]) -> Message:
        """Return the message for ``notice``. The message is for the accounts ``to``. If ``to`` is empty, the message is for a
        group. ``kind`` and ``shows`` are settings of the channel.
        """
        ...

    def digest(self, said: tuple[tuple[Notice, Request], ...], to: tuple[str, ...]) -> Message:
        """Return one message for all notices in ``said``. The message says what each of these notices is about."""
        ...


@dataclass(frozen=True, slots=True)
class Office:
    """The data and functions that all posts need. A post sends the notices of one channel. ``people`` gets a request and some of
    its approvals. For each of these approvals, it returns the accounts that could give the approval. The requester's account is
    never in the result of ``people``. ``person`` returns the person to whom an account belongs. ``skipped`` gets the id of a
    request, and returns the review that is owed because the request used break-glass. ``note`` writes a note into the record.
    ``clock`` returns seconds of a clock that is never set back. ``operators`` contains the words in jitd.toml that name the
    operators. ``looked`` is called with the id of a waiting request after a channel has told the people whom it could tell.
    ``backs`` returns things that were given for a request. These are the things that jitd has taken back, and the
    things that jitd cannot take back.
    """

    store: Store
    wording: Wording
    people: Callable[[Request, tuple[Approval, ...]], Awaitable[tuple[Seats, ...]]]
    person: Callable[[str], str]
    skipped: Callable[[str], Skipped | None]
    note: Callable[[str, dict[str, Any]], None]
    now: Callable[[], Moment]
    clock: Callable[[], float]
    operators: tuple[str, ...] = ()
    looked: Callable[[str], None] = lambda request: None
    backs: Callable[[Request], tuple[Back, ...]] = lambda request: ()


@dataclass(frozen=True, slots=True)
class Letter:
    """A notice to the account ``address``, or to a group if it is empty, about a request of ``requester``."""

    notice: Notice
    address: str
    requester: str


class Letters:
    """Finds the letters of one channel. A letter is a notice together with its address. A told mark is a note that an address got
    a notice. ``unwritten`` gets the id of a request, and returns the told marks of this request that are not stored yet, because
    the store has failed. ``put_off`` gets the id of a request and a time in seconds of ``Office.clock``. The request will be
    checked again at this time. ``missed`` gets a letter that is not sent now, and the reason.
    """

    def __init__(
        self,
        settings: ChannelSettings,
        office: Office,
        unwritten: Callable[[str], list[Told]],
        put_off: Callable[[str, float], None],
        missed: Callable[[Letter, Missed], None],
    ) -> None:
        self._settings = settings
        self._to = office
        self._unwritten = unwritten
        self._put_off = put_off
        self._missed = missed
        self._unfound: dict[str, None] = {}  # of the last requests without people, each logged once

    def mark(self, request: str, address: str, event: str, at: datetime, *, is_wanted: bool = True) -> Told:
        """Return the mark that ``address`` was told of ``event`` of ``request`` at ``at``, or refused it if ``is_wanted`` is
        False. Then it is closed: who was not told of a request is not told of its end.
        """
        return Told(request, self._settings.name, address, event, at, is_open=is_wanted and event not in ENDS)

    def heard(self, id: str) -> dict[str, bool]:
        """Return the addresses that were told of the open request ``id``; False for one that refused all notices."""
        heard = {address: [m for m in some if _is_heard(m.event)] for address, some in sorted(self._marks(id).items())}
        return {address: any(mark.is_open for mark in some) for address, some in heard.items() if some}

    async def of(self, request: Request) -> list[Letter]:
        """Return the letters (a notice and its address) that this channel must send now, for each address the oldest first."""
        id = request.id
        if request.obligations is None or self._settings.name not in request.obligations.notify:
            return []
        marks, skipped = self._marks(id), self._to.skipped(id)
        found = [*await self._to_approvers(request, marks, skipped), *self._of_the_end(request, marks, skipped)]
        found += await self._of_things(request, marks)
        found = [letter for letter in found if not self._is_muted(letter)]
        self._promise(request, marks)
        self._close(request, marks, skipped, found)
        return found

    async def _to_approvers(self, request: Request, marks: Mapping[str, list[Told]], skipped: Skipped | None) -> list[Letter]:
        people: dict[tuple[Approval, ...], tuple[str, ...]] = {}
        for notice in owed(request, self._to.now(), skipped=skipped):
            if notice.whom is Whom.APPROVERS and notice.approvals not in people:
                people[notice.approvals] = await self._people(request, notice.approvals)
        found: list[Letter] = []
        for address in sorted({address for some in people.values() for address in some}):
            if address and has_approved(self._to.person(address), request):
                continue
            told = {mark.event: mark.at for mark in marks.get(address, ())}
            for notice in owed(request, self._to.now(), told, skipped):
                is_meant = notice.event is Event.REMINDER or address in people.get(notice.approvals, ())
                if notice.whom is not Whom.APPROVERS or notice.mark in told or not is_meant:
                    continue
                if notice.event is not Event.OPENED or self._is_news(notice, request, address, told, found):
                    found.append(self._letter(notice, address, request))
        return found

    def _letter(self, notice: Notice, address: str, request: Request) -> Letter:
        return Letter(notice, address, self._to.person(request.requester.user))

    def _is_news(self, notice: Notice, request: Request, address: str, told: Mapping[str, datetime], found: list[Letter]) -> bool:
        """True if ``address`` must be told that another way to approve has opened: a person who got no notice about the request
        yet, or a group that got one before the way opened.
        """
        if address:
            return not told and all(letter.address != address for letter in found)
        opened_at = request.submitted_at + timedelta(seconds=notice.approvals[0].after)
        return any(at < opened_at for at in told.values())

    async def _people(self, request: Request, approvals: tuple[Approval, ...]) -> tuple[str, ...]:
        if not self._settings.is_for_persons:
            return ("",)
        found = await self._to.people(request, approvals)
        people = sorted({account for seats in found for account in seats.people if account not in seats.visitors})
        # visitors come by the door and take no notices, so who has found them has found those who can approve
        if not any(seats.people for seats in found) and not all(seats.is_whole for seats in found):
            if request.id not in self._unfound:
                log("the people who are to be told could not be looked up; jitd tries again", request=request.id)
            self._unfound[request.id] = None
            if len(self._unfound) > MOST_UNFOUND:
                del self._unfound[next(iter(self._unfound))]
            self._put_off(request.id, self._to.clock() + LOOKED_UP_AFTER)
        return tuple(people)

    def _of_the_end(self, request: Request, marks: Mapping[str, list[Told]], skipped: Skipped | None) -> list[Letter]:
        found = []
        by = decider(request)
        deciders = {by.person} if by is not None else set()
        for notice in owed(request, self._to.now(), skipped=skipped):
            if notice.whom is Whom.TOLD:
                told = [address for address, some in marks.items() if any(m.is_open and _is_heard(m.event) for m in some)]
                knows = deciders | ({self._to.person(notice.by)} if notice.by else set())
                found += [self._letter(notice, to, request) for to in told if not to or self._to.person(to) not in knows]
            elif notice.whom is Whom.REQUESTER and self._settings.requester:
                address = request.requester.user
                if all(mark.event != notice.mark for mark in marks.get(address, ())):
                    found.append(self._letter(notice, address, request))
        return found

    async def _of_things(self, request: Request, marks: Mapping[str, list[Told]]) -> list[Letter]:
        """They tell operators, and those who approved ``request``, of things that must be taken back."""
        backs, found = self._to.backs(request), list[Letter]()
        if not backs:
            return found
        people = await self._answerable(request) if any(back.why for back in backs) else ()
        for address in sorted({*people, *marks}):
            told = {mark.event: mark.at for mark in marks.get(address, ())}
            for notice in owed_of_things(request.id, backs, told):
                if notice.mark not in told and (notice.event is Event.TAKEN or address in people):
                    found.append(self._letter(notice, address, request))
        return found

    async def _answerable(self, request: Request) -> tuple[str, ...]:
        """If the channel is for single persons, return the accounts of the operators and of the people who approved ``request``.
        The requester's account is never in the result. If the channel is for a group, return only the empty address.
        """
        approved = {one.by.account for one in request.reviews if one.verdict is Verdict.APPROVE and one.by.account}
        operators = await self._people(request, (Approval(1, self._to.operators),)) if self._to.operators else ()
        return ("",) if not self._settings.is_for_persons else tuple(sorted(approved.union(operators)))

    def _promise(self, request: Request, marks: Mapping[str, list[Told]]) -> None:
        """If the client does not wait for the decision, store a mark with ASKED: the requester is told also after a restart."""
        address = request.requester.user
        is_told = self._settings.requester and not request.waits and request.state is RequestState.PENDING
        if is_told and address not in marks:
            self._to.store.tell([self.mark(request.id, address, ASKED, self._to.now().at)])

    def _close(self, request: Request, marks: Mapping[str, list[Told]], skipped: Skipped | None, found: list[Letter]) -> None:
        """Find the addresses that get no more notices because ``request`` has ended, and close their told marks in the store."""
        if request.is_open or (skipped is not None and skipped.given_at is None):
            return
        still = {letter.address for letter in found}
        still |= {address for address, some in marks.items() if awaits_things([mark.event for mark in some])}
        some = [mark for address, marks_ in marks.items() if address not in still for mark in marks_ if mark.is_open]
        if some:
            self._to.store.tell([replace(mark, is_open=False) for mark in some])

    def _marks(self, id: str) -> dict[str, list[Told]]:
        """Return the told marks of each address, also those that could not be stored yet."""
        found: dict[str, list[Told]] = {}
        for mark in (*self._to.store.told(id), *self._unwritten(id)):
            if mark.channel == self._settings.name:
                found.setdefault(mark.address, []).append(mark)
        for address, marks in found.items():
            if any(mark.event in ENDS for mark in marks):
                found[address] = [replace(mark, is_open=mark.is_open and is_of_things(mark.event)) for mark in marks]
        return found

    def _is_muted(self, letter: Letter) -> bool:
        """True if the person has muted notices. The request is then checked again at the end of the mute."""
        if not letter.address or letter.notice.event in LOUD or letter.notice.whom is Whom.REQUESTER:
            return False
        until = self._to.store.muted().get(self._to.person(letter.address))
        left = (until - self._to.now().at).total_seconds() if until is not None else 0.0
        if left > 0:
            self._put_off(letter.notice.request, self._to.clock() + left)
            self._missed(letter, Missed.UNWILLING)
        return left > 0

    def still(self, letter: Letter) -> Request | None:
        """Return the request of ``letter`` in its present state, or None if the letter need not be sent any more."""
        request = self._to.store.request(letter.notice.request)
        if request is None:
            return None
        marks = self._marks(request.id).get(letter.address, [])
        told = {mark.event: mark.at for mark in marks}
        if letter.notice.mark in told or self._is_muted(letter):
            return None
        now = (*owed(request, self._to.now(), told, self._to.skipped(request.id)), *self._things(letter, request, told))
        is_owed = any((one.mark, one.whom) == (letter.notice.mark, letter.notice.whom) for one in now)
        return request if is_owed else None

    def _things(self, letter: Letter, request: Request, told: Mapping[str, datetime]) -> tuple[Notice, ...]:
        is_asked = letter.notice.back is not None
        return owed_of_things(request.id, self._to.backs(request), told) if is_asked else ()


def _is_heard(event: str) -> bool:
    """True if ``event`` was told of the request itself, not of a thing that must be taken back. ASKED was told to nobody."""
    return event != ASKED and not is_of_things(event)
