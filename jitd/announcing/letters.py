# SPDX-License-Identifier: Apache-2.0
"""What one channel still has to tell of a request, and to whom: from the request's state and the told marks.

Law: nothing is sent here. Nobody is told the same thing twice; the requester is never told as an approver.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from jitd.core.decision import Approval
from jitd.core.effects import Moment
from jitd.core.notice import ENDS, LOUD, Event, Notice, Skipped, Whom, decider, has_approved, owed
from jitd.core.request import Request, RequestState
from jitd.deciding.seats import Seats
from jitd.log import log
from jitd.notifying.channel import Message
from jitd.settings.channels import ChannelSettings
from jitd.store import Store, Told

LOOKED_UP_AFTER = 30.0
"""Seconds until people who could not be looked up are looked up again."""
ASKED = "asked"
"""The mark of a requester who is to be told how the request is decided. It is written without a message."""


class Wording(Protocol):
    """Makes messages: ``notifying.wording``."""

    def say(self, notice: Notice, request: Request, kind: str, shows: str, to: tuple[str, ...]) -> Message:
        """Return the message that tells ``notice`` to the accounts ``to``; without any, to a group. ``kind`` and ``shows`` are
        those of the channel.
        """
        ...

    def digest(self, said: tuple[tuple[Notice, Request], ...], to: tuple[str, ...]) -> Message:
        """Return one message in place of many: what each of ``said`` is about."""
        ...


@dataclass(frozen=True, slots=True)
class Office:
    """What all posts need. ``people`` returns the accounts of those who could review a request, for each of some ways, and
    never the requester's. ``person`` returns the person behind an account. ``skipped`` returns the review that is owed for a
    request. ``note`` writes a note into the record. ``clock`` returns seconds that only go forward.
    """

    store: Store
    wording: Wording
    people: Callable[[Request, tuple[Approval, ...]], Awaitable[tuple[Seats, ...]]]
    person: Callable[[str], str]
    skipped: Callable[[str], Skipped | None]
    note: Callable[[str, dict[str, Any]], None]
    now: Callable[[], Moment]
    clock: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Letter:
    """``notice`` is to be told to ``address``: an account, or the group of the channel if it is empty."""

    notice: Notice
    address: str


class Letters:
    """Finds the letters of one channel. ``unwritten`` returns the marks of a request that could not be written yet. ``put_off``
    has a request looked at again later (seconds of the office's clock).
    """

    def __init__(
        self,
        settings: ChannelSettings,
        office: Office,
        unwritten: Callable[[str], list[Told]],
        put_off: Callable[[str, float], None],
    ) -> None:
        self._settings = settings
        self._to = office
        self._unwritten = unwritten
        self._put_off = put_off

    def mark(self, request: str, address: str, event: str, at: datetime) -> Told:
        """Return the mark that ``address`` was told ``event`` of ``request`` at ``at``."""
        return Told(request, self._settings.name, address, event, at, is_open=event not in ENDS)

    async def of(self, id: str) -> list[Letter]:
        """Return what this channel has to tell of the request ``id`` now, oldest first for each address."""
        request = self._to.store.request(id)
        if request is None or request.obligations is None or self._settings.name not in request.obligations.notify:
            return []
        marks, skipped = self._marks(id), self._to.skipped(id)
        found = [*await self._to_approvers(request, marks, skipped), *self._of_the_end(request, marks, skipped)]
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
                    found.append(Letter(notice, address))
        return found

    def _is_news(self, notice: Notice, request: Request, address: str, told: Mapping[str, datetime], found: list[Letter]) -> bool:
        """True if it is news to ``address`` that a way has opened: to persons who have heard nothing of the request, and to a
        group that heard of it before the way opened.
        """
        if address:
            return not told and all(letter.address != address for letter in found)
        opened_at = request.submitted_at + timedelta(seconds=notice.approvals[0].after)
        return any(at < opened_at for at in told.values())

    async def _people(self, request: Request, approvals: tuple[Approval, ...]) -> tuple[str, ...]:
        if not self._settings.is_for_persons:
            return ("",)
        found = await self._to.people(request, approvals)
        people = sorted({account for seats in found for account in seats.people})
        if not people and not all(seats.is_whole for seats in found):
            log("it cannot be looked up who is to be told; it is tried again", request=request.id)
            self._put_off(request.id, self._to.clock() + LOOKED_UP_AFTER)
        return tuple(people)

    def _of_the_end(self, request: Request, marks: Mapping[str, list[Told]], skipped: Skipped | None) -> list[Letter]:
        found = []
        by = decider(request)
        deciders = {by.person} if by is not None else set()
        for notice in owed(request, self._to.now(), skipped=skipped):
            if notice.whom is Whom.TOLD:
                told = [address for address, some in marks.items() if any(m.is_open and m.event != ASKED for m in some)]
                knows = deciders | ({self._to.person(notice.by)} if notice.by else set())
                found += [Letter(notice, to) for to in told if not to or self._to.person(to) not in knows]
            elif notice.whom is Whom.REQUESTER and self._settings.requester:
                address = request.requester.user
                if all(mark.event != notice.mark for mark in marks.get(address, ())):
                    found.append(Letter(notice, address))
        return found

    def _promise(self, request: Request, marks: Mapping[str, list[Told]]) -> None:
        """Mark a requester who does not wait, so that they are told how the request ends also after a restart."""
        address = request.requester.user
        is_told = self._settings.requester and not request.waits and request.state is RequestState.PENDING
        if is_told and address not in marks:
            self._to.store.tell([self.mark(request.id, address, ASKED, self._to.now().at)])

    def _close(self, request: Request, marks: Mapping[str, list[Told]], skipped: Skipped | None, found: list[Letter]) -> None:
        """Close the marks of those who are told no more of ``request``, which has ended."""
        if request.is_open or (skipped is not None and skipped.given_at is None):
            return
        still = {letter.address for letter in found}
        some = [mark for address, marks_ in marks.items() if address not in still for mark in marks_ if mark.is_open]
        if some:
            self._to.store.tell([replace(mark, is_open=False) for mark in some])

    def _marks(self, id: str) -> dict[str, list[Told]]:
        """Return the marks of the request ``id`` by address, with those that could not be written yet."""
        found: dict[str, list[Told]] = {}
        for mark in (*self._to.store.told(id), *self._unwritten(id)):
            if mark.channel == self._settings.name:
                found.setdefault(mark.address, []).append(mark)
        for address, marks in found.items():
            if any(mark.event in ENDS for mark in marks):
                found[address] = [replace(mark, is_open=False) for mark in marks]
        return found

    def _is_muted(self, letter: Letter) -> bool:
        """True if the person of ``letter`` wants to be told nothing. The request is looked at again when that is over."""
        if not letter.address or letter.notice.event in LOUD or letter.notice.whom is Whom.REQUESTER:
            return False
        until = self._to.store.muted().get(self._to.person(letter.address))
        left = (until - self._to.now().at).total_seconds() if until is not None else 0.0
        if left > 0:
            self._put_off(letter.notice.request, self._to.clock() + left)
        return left > 0

    def still(self, letter: Letter) -> Request | None:
        """Return the request of ``letter`` as it is now; None if the letter is moot."""
        request = self._to.store.request(letter.notice.request)
        if request is None:
            return None
        marks = self._marks(request.id).get(letter.address, [])
        told = {mark.event: mark.at for mark in marks}
        if letter.notice.mark in told or self._is_muted(letter):
            return None
        now = owed(request, self._to.now(), told, self._to.skipped(request.id))
        is_owed = any((one.mark, one.whom) == (letter.notice.mark, letter.notice.whom) for one in now)
        return request if is_owed else None
