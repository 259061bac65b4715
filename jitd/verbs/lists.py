# SPDX-License-Identifier: Apache-2.0
"""Lists that may be long, and the long parts of one request. A worker reads them a page at a time, and makes the rows.

Law: nothing here is read on the event loop, and nothing changes. A list has only what the person may see. Each row about a
request goes through ``_as_seen``, which withholds what the rule's ``visible_to`` keeps from that person.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import closing
from functools import partial
from typing import TypeVar

from jitd.core.command import read_id
from jitd.core.effects import Moment
from jitd.core.grant import Grant
from jitd.core.holding import HoldingState
from jitd.core.lock import Lock
from jitd.core.owed_review import OwedReview
from jitd.core.request import Request
from jitd.core.run import Run, RunState, Usage
from jitd.core.subject import Subject
from jitd.core.visibility import without_contents
from jitd.deciding.seats import UNKNOWN, Seats, unknown
from jitd.store import Store, Told
from jitd.verbs.access import Access
from jitd.verbs.notice_rows import notice_row
from jitd.verbs.outlook import last_approved, outlook
from jitd.verbs.refusal import Refusal
from jitd.verbs.review_row import review_row
from jitd.verbs.rows import Row, asked_row, grant_row, holding_row, lock_row, request_row, run_row
from jitd.verbs.waiting_words import lease_row
from jitd.workers import Workers
from jitpam.wire.shown import shown

Noticed = tuple[str, list[Told], str]
_OF_REQUESTS = ("request", "grant", "run", "holding", "owed_review")
"""The lives whose records are about one request."""
T = TypeVar("T", Request, Grant, Run, Lock, OwedReview)
MOST_RUNS = 1000
"""The most runs that are shown with their request: the newest ones."""
AT_ONCE = 500
"""The most records that are read from the chain in one piece."""
AT_ONCE_BYTES = 1024 * 1024
"""The bytes of records after which such a piece ends."""


class Lists:
    """Reads lists. ``opened`` opens a store for one page. ``store`` has single objects as they are now. ``seats`` finds who could
    approve a request.
    """

    def __init__(
        self,
        access: Access,
        store: Store,
        opened: Callable[[], Store],
        workers: Workers,
        usage_of: Callable[[Run], Usage | None],
        now: Callable[[], Moment],
        seats: Callable[[Request], Awaitable[Seats]] = unknown,
        notices_of: Callable[[Request], Iterable[Noticed]] = lambda request: (),
    ) -> None:
        """``notices_of`` returns for each channel of a request who was told what, and why somebody was not."""
        self._access = access
        self._seats = seats
        self._store = store
        self._opened = opened
        self._workers = workers
        self._usage_of = usage_of
        self._now = now
        self._notices_of = notices_of

    def requests(self, who: Subject, *, ended: bool) -> AsyncIterator[Row]:
        """Yield the open requests that ``who`` may see; with ``ended`` all of them."""
        locks = tuple(self._store.locks())

        def row_of(store: Store, found: Request) -> Row | None:
            if not self._access.may_see(who, found):
                return None
            row = request_row(found, who, self._access.may_review(who, found), locks)
            row["extends"] = lease_row(store.grant(found.extends) if found.extends else None)
            return self._as_seen(store, who, found, row)

        return self._rows(who, Request, row_of, ended=ended)

    def grants(self, who: Subject, *, ended: bool) -> AsyncIterator[Row]:
        """Yield the live grants that ``who`` may see; with ``ended`` all of them."""

        def row_of(store: Store, found: Grant) -> Row | None:
            asked = store.request(found.id)
            if asked is None or not self._access.may_see(who, asked):
                return None
            holdings = store.holdings(grant=found.id) if found.command.gives else ()
            return self._as_seen(store, who, asked, asked_row(asked) | grant_row(found, who, holdings))

        return self._rows(who, Grant, row_of, ended=ended)

    def runs(self, who: Subject, *, ended: bool) -> AsyncIterator[Row]:
        """Yield the live runs that ``who`` may see; with ``ended`` all of them."""

        def row_of(store: Store, found: Run) -> Row | None:
            asked, grant = store.request(found.request), store.grant(found.grant)
            if asked is None or grant is None or not self._access.may_see(who, asked):
                return None
            return self._as_seen(store, who, asked, asked_row(asked) | run_row(found, grant, who, self._usage_of(found)))

        return self._rows(who, Run, row_of, ended=ended)

    def locks(self, who: Subject, *, ended: bool) -> AsyncIterator[Row]:
        """Yield the active locks; with ``ended`` all of them. Raises Refusal."""
        self._access.overseers_only(who, "see locks")
        now = self._now()
        return self._rows(who, Lock, lambda store, found: lock_row(found, now), ended=ended)

    def _as_seen(self, store: Store, who: Subject, asked: Request, row: Row) -> Row:
        """Return ``row``, which is about ``asked`` or what it has led to, as ``who`` is shown it."""
        is_whole = self._access.is_shown_contents(who, asked, store)
        return {**(row if is_whole else without_contents(row)), "narrowed": not is_whole}

    def reviews(self, who: Subject, *, ended: bool) -> AsyncIterator[Row]:
        """Yield the reviews that are owed, as far as ``who`` may see the requests; with ``ended`` also those that were given."""
        now, is_operator = self._now(), self._access.is_operator(who)

        def row_of(store: Store, found: OwedReview) -> Row | None:
            asked = store.request(found.id)
            if asked is None or not self._access.may_see(who, asked):
                return None
            row = asked_row(asked) | review_row(found, asked, who, now, is_operator=is_operator)
            return self._as_seen(store, who, asked, row)

        return self._rows(who, OwedReview, row_of, ended=ended)

    async def _rows(
        self, who: Subject, life: type[T], row_of: Callable[[Store, T], Row | None], *, ended: bool
    ) -> AsyncIterator[Row]:
        after = 0

        def page() -> tuple[list[Row], int | None]:
            with closing(self._opened()) as store:
                found = store.page(life, after, ended=ended)
                rows = [row for _, one in found if (row := row_of(store, one)) is not None]
                return rows, found[-1][0] if found else None

        while True:
            rows, last = await self._workers.kept.run(who.uid, page)
            if last is None:
                return
            after = last
            for row in rows:
                yield row

    async def show(self, who: Subject, typed: str) -> Row:
        """Return everything about one request, with its grant and its runs. Raises Refusal."""
        found, locks = self._access.visible(who, typed), tuple(self._store.locks())
        may_review = self._access.may_review(who, found)
        is_told_all = may_review or self._access.is_operator(who)
        notices = [notice_row(*one, is_told_all=is_told_all) for one in self._notices_of(found)]

        seats = await self._seats(found) if found.is_open else UNKNOWN
        now, is_operator = self._now(), self._access.is_operator(who)

        def read() -> Row:
            row = request_row(found, who, may_review, locks) | outlook(found)
            row["asked_people"] = list(seats.people) if seats.is_whole else None
            row["notices"] = notices
            with closing(self._opened()) as store:
                seen = partial(self._access.may_review, who)
                row["last_approved"] = last_approved(store, found, seen) if may_review else None
                row["extends"] = lease_row(store.grant(found.extends) if found.extends else None)
                owed = store.owed_review(found.lease or found.id)
                row["owed_review"] = None if owed is None else review_row(owed, found, who, now, is_operator=is_operator)
                grant = store.grant(found.lease or found.id)
                # The command stands in the row already: with each of them once more it would not fit into one frame.
                row["grant"] = None if grant is None else _without(row, grant_row(grant, who, store.holdings(grant=grant.id)))
                runs = [] if grant is None else store.last_runs(grant.id, MOST_RUNS)
                held = () if grant is None else store.holdings(grant=grant.id, ended=True)
                row["holdings"] = [holding_row(one) for one in held]
                row["runs"] = [_without(row, run_row(one, grant, who)) for one in runs if grant is not None]
                return self._as_seen(store, who, found, row)

        return await self._workers.kept.run(who.uid, read)

    async def run_of(self, who: Subject, typed: str) -> tuple[Run, Request]:
        """Return the run with that id, and its request. Raises Refusal if ``who`` may not see it."""
        id = read_id(typed)
        meant = await self._find_run(who, id) if id is not None else None
        found = None if meant is None else self._store.run(meant.id)  # as it is now
        asked = self._store.request(found.request) if found is not None else None
        if found is None or asked is None or not self._access.may_see(who, asked):
            raise Refusal("unknown", f"there is no run {shown(typed)}, as far as you may see")
        return found, asked

    async def _find_run(self, who: Subject, id: str) -> Run | None:
        """Return the run with that id, or the run that used a lease for the request with that id; None if there is neither."""

        def find() -> Run | None:
            with closing(self._opened()) as store:
                found = store.run(id)
                asked = store.request(id) if found is None else None
                if asked is None or asked.lease is None:
                    return found
                for ended in (False, True):  # live runs first: they are few, and probably meant
                    for one in store.runs(grant=asked.lease, ended=ended):
                        if one.request == id:
                            return one
                return None

        return await self._workers.kept.run(who.uid, find)

    async def grants_of(self, who: Subject, is_it: Callable[[Subject], bool]) -> tuple[list[str], int]:
        """Return the live grants of the people for whom ``is_it`` is true, as far as ``who`` may end them; and the place of the
        last grant of all.
        """
        found: list[str] = []
        after = 0

        def page() -> tuple[list[str], int]:
            with closing(self._opened()) as store:
                some = store.page(Grant, after)
                theirs = [one.id for _, one in some if is_it(one.holder)]
                own = [id for id in theirs if (asked := store.request(id)) is not None and self._access.may_end(who, asked)]
                return own, some[-1][0] if some else 0

        while True:
            more, last = await self._workers.kept.run(who.uid, page)
            if not last:
                return found, after
            found, after = found + more, last

    async def leases_of(self, who: Subject) -> list[str]:
        """Return the live leases of ``who``'s own account."""

        def find() -> list[str]:
            with closing(self._opened()) as store:
                return [one.id for one in store.grants(uid=who.uid) if one.is_lease]

        return await self._workers.kept.run(who.uid, find)

    async def being_ended(self, who: Subject, is_it: Callable[[Subject], bool]) -> list[str]:
        """Runs of those whom ``is_it`` means that were told to end and are not gone, and holdings that are not taken back yet, as
        far as ``who`` may end them.
        """

        def find() -> list[str]:
            with closing(self._opened()) as store:
                ending = [(one.id, one.request) for one in store.runs() if one.state is RunState.STOPPING]
                taking = [(one.id, one.request) for one in store.holdings() if one.state is HoldingState.TAKING]
                told = [(id, store.request(asked)) for id, asked in (*ending, *taking)]
                return [
                    id for id, asked in told if asked is not None and is_it(asked.requester) and self._access.may_end(who, asked)
                ]

        return await self._workers.kept.run(who.uid, find)

    def records(self, who: Subject, after: int) -> AsyncIterator[Row]:
        """Yield the records of the chain after number ``after``. Raises Refusal."""
        self._access.overseers_only(who, "read the chain")
        return self._records(who, after)

    async def _records(self, who: Subject, after: int) -> AsyncIterator[Row]:

        def page() -> list[Row]:
            some: list[Row] = []
            n_bytes = 0
            with closing(self._opened()) as store:
                for number, body, digest in store.records(after):
                    some.append(self._record_as_seen(store, who, {"number": number, "digest": digest.hex(), **json.loads(body)}))
                    n_bytes += len(body)
                    if len(some) == AT_ONCE or n_bytes > AT_ONCE_BYTES:
                        break
            return some

        while some := await self._workers.kept.run(who.uid, page):
            for row in some:
                yield row
            after = some[-1]["number"]

    def _record_as_seen(self, store: Store, who: Subject, row: Row) -> Row:
        """Return the record ``row`` as ``who`` is shown it. A record about a request that is not there is shown without contents:
        nobody can say who may see them.
        """
        if str(row.get("event")).partition(".")[0] not in _OF_REQUESTS:
            return {**row, "narrowed": False}
        detail = row["detail"]
        asked = [store.request(id) for id in {str(row["id"]).partition(".")[0], str(detail.get("request", row["id"]))}]
        if all(one is not None and self._access.is_shown_contents(who, one, store) for one in asked):
            return {**row, "narrowed": False}
        return {**without_contents(row), "narrowed": True}


def _without(row: Row, of: Row) -> Row:
    """Return ``of`` without the parts of the command that ``row`` has too."""
    shared = ("argv", "path", "cwd", "variables", "locale")
    return {name: value for name, value in of.items() if name not in shared or value != row.get(name)}
