# SPDX-License-Identifier: Apache-2.0
"""Reads lists, and everything about one request. A list may be long, so a worker thread reads the list page by page, and makes
the rows.

Law: nothing is read on the event loop, and nothing is changed. A list contains only what the person may see. Each row about a
request goes through the function ``_as_seen``, which removes the contents that the rule's ``visible_to`` hides from the person.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from jitd.core.approvers import least_signed
from jitd.core.command import read_id
from jitd.core.effects import Moment
from jitd.core.grant import Grant
from jitd.core.holding import HoldingState
from jitd.core.lock import Lock
from jitd.core.owed_review import OwedReview, least_signed_of
from jitd.core.receipt import stricter
from jitd.core.request import Request, open_ways
from jitd.core.rights import Act
from jitd.core.run import Run, RunState, Usage
from jitd.core.subject import Identity, Subject
from jitd.core.visibility import without_contents, words_of
from jitd.deciding.decider import Decider
from jitd.deciding.findings import Findings
from jitd.deciding.seats import UNKNOWN
from jitd.deciding.signers import NOBODY, Signers
from jitd.lifecycle.notifier import Noticed
from jitd.store import LAST, Store
from jitd.verbs.access import Access
from jitd.verbs.alike import alike
from jitd.verbs.notice_rows import notice_row
from jitd.verbs.outlook import last_approved, outlook
from jitd.verbs.refusal import Refusal
from jitd.verbs.review_row import review_row
from jitd.verbs.rows import Row, Why, asked_row, grant_row, holding_row, lock_row, request_row, run_row
from jitd.verbs.script_rows import script_rows
from jitd.verbs.waiting_words import counting, lease_row, not_yet
from jitd.workers import Workers
from jitpam.wire import rows
from jitpam.wire.messages import MOST_COUNTED
from jitpam.wire.shown import shown

R = TypeVar("R", bound=rows.Row)
T = TypeVar("T", Request, Grant, Run, Lock, OwedReview)
MOST_RUNS = 1000  # runs that are shown with their request. If the request has more runs, the newest runs are shown.


@dataclass(frozen=True, slots=True)
class Part:
    """A page of a list: its newest ``most`` rows, or those that are older than the row with the id ``before``."""

    before: str | None
    most: int


class Lists:
    """Reads lists. ``opened`` opens a store to read one page. ``store`` has the current version of each object."""

    def __init__(
        self,
        access: Access,
        store: Store,
        opened: Callable[[], Store],
        workers: Workers,
        usage_of: Callable[[Run], Usage | None],
        now: Callable[[], Moment],
        decider: Decider | None = None,
        notices_of: Callable[[Request], Iterable[Noticed]] = lambda request: (),
        untaken: Why = lambda id: None,
        is_attended: Callable[[str], bool] = lambda id: True,
        signers: Signers = NOBODY,
    ) -> None:
        """``is_attended`` tells whether a client waits for a request at this moment (its argument is the id). Without
        ``decider``, only what is stored is told: not who could approve, what a command gives now, and which approvals count now.

        ``notices_of`` returns the notices of a request, with one entry for each channel. An entry tells who got which notice,
        and why a person got no notice. ``untaken`` returns why a holding cannot be taken back yet.
        """
        self._access = access
        self._decider = decider
        self._store = store
        self._opened = opened
        self._workers = workers
        self._usage_of = usage_of
        self._now = now
        self._notices_of = notices_of
        self._untaken = untaken
        self._is_attended = is_attended
        self._signers = signers
        self._findings = Findings(None) if decider is None else decider.findings

    def requests(self, who: Identity, *, ended: bool, part: Part | None = None) -> AsyncIterator[Row]:
        """Yield the open requests that ``who`` may see. If ``ended`` is true, also yield the requests that have ended.

        With ``part``, this and each other list is that page alone, the newest row first, and a last row ``{"more": N}``: how many
        older ones ``who`` may see, MOST_COUNTED if there are as many or more. Raises Refusal if they may not see ``part.before``.
        """
        locks, access_to, who = tuple(self._store.locks()), self._access.of_now(), self._signers.could(who)

        def row_of(store: Store, found: Request) -> Row | None:
            if not self._access.may(Act.SEE, who, found):
                return None
            row = request_row(found, who, locks, **self._part_of(access_to(store), who, found))
            extended = lease_row(store.grant(found.extends) if found.extends else None)
            return self._as_seen(store, who, found, row.plus(gone=self._is_gone(found), extends=extended))

        return self._rows(who, Request, row_of, ended=ended, part=part)

    def leases(self, who: Identity, *, part: Part | None = None) -> AsyncIterator[Row]:
        """Yield the grants of ``who`` that they can use again."""

        def is_meant(one: Grant) -> bool:
            return one.is_lease and one.left > 0 and who.is_requester(one.holder)

        return self.grants(who, ended=False, part=part, is_meant=is_meant)

    async def grants(
        self, who: Identity, *, ended: bool, part: Part | None = None, is_meant: Callable[[Grant], bool] = lambda one: True
    ) -> AsyncIterator[Row]:
        """Yield the grants that ``who`` may see. If ``ended`` is false, leave out an ended grant, unless one of its things is not
        taken back yet: these come first on the first page, beyond its size. Leave out those for which ``is_meant`` is false.
        """

        access_to = self._access.of_now()

        def row_of(store: Store, found: Grant) -> Row | None:
            asked = store.request(found.id)
            if asked is None or not self._access.may(Act.SEE, who, asked):
                return None
            is_own = not access_to(store).may(Act.READ_BEYOND, who, asked)
            row = grant_row(found, who, store.holdings(grant=found.id), self._untaken, is_own=is_own)
            return self._as_seen(store, who, asked, asked_row(asked), row)

        def over() -> list[Row]:
            with closing(self._opened()) as store:
                taking = dict.fromkeys(one.grant for one in store.holdings() if one.state is HoldingState.TAKING)
                found = [one for id in taking if (one := store.grant(id)) is not None and not one.is_live and is_meant(one)]
                return [row for one in found if (row := row_of(store, one)) is not None]

        overdue = [] if ended or (part and part.before) else await self._workers.kept.run(who.party, over)
        for row in overdue if part else ():
            yield row
        async for row in self._rows(who, Grant, row_of, ended=ended, part=part, is_meant=is_meant):
            yield row
        for row in () if part else overdue:
            yield row

    def runs(self, who: Identity, *, ended: bool, part: Part | None = None) -> AsyncIterator[Row]:
        """Yield the live runs that ``who`` may see. If ``ended`` is true, also yield the runs that have ended."""

        def row_of(store: Store, found: Run) -> Row | None:
            asked, grant = store.request(found.request), store.grant(found.grant)
            if asked is None or grant is None or not self._access.may(Act.SEE, who, asked):
                return None
            return self._as_seen(store, who, asked, asked_row(asked), run_row(found, grant, who, self._usage_of(found)))

        return self._rows(who, Run, row_of, ended=ended, part=part)

    def locks(self, who: Identity, *, ended: bool, part: Part | None = None) -> AsyncIterator[Row]:
        """Yield the active locks. If ``ended`` is true, also yield the locks that have ended. Raises Refusal."""
        self._access.refuse(Act.SEE_LOCKS, who)
        now, demands = self._now(), self._access.demands
        return self._rows(
            who, Lock, lambda store, found: lock_row(found, now, demands).plus(realm=who.realm).written(), ended=ended, part=part
        )

    def _as_seen(self, store: Store, who: Identity, asked: Request, *parts: rows.Row) -> Row:
        """Return the row of ``parts``, about ``asked`` or what follows, as ``who`` may see it."""
        is_whole = self._access.may(Act.READ, who, asked, store=store)
        row = {name: value for part in parts for name, value in part.written().items()}
        return {**(row if is_whole else without_contents(row)), "narrowed": not is_whole, "realm": who.realm}

    @staticmethod
    def _part_of(access: Access, who: Identity, found: Request) -> dict[str, Any]:
        """Return what ``request_row`` is told about ``who``."""
        return {
            "may_review": access.may(Act.DENY, who, found),
            "is_own": not access.may(Act.READ_BEYOND, who, found),
            "barred": access.barred(Act.APPROVE, who, found) if found.is_open else "",
        }

    @staticmethod
    def _review_row(access: Access, owed: OwedReview, asked: Request, who: Identity, now: Moment) -> rows.OwedReview:
        may_give = access.may(Act.GIVE, who, asked)
        return review_row(owed, asked, who, now, may_give=may_give, barred=access.barred(Act.GIVE, who, asked))

    def reviews(self, who: Identity, *, ended: bool, part: Part | None = None) -> AsyncIterator[Row]:
        """Yield the owed reviews, and if ``ended`` those given, of requests that ``who`` may see."""
        now, access_to, who = self._now(), self._access.of_now(), self._signers.could(who)

        def row_of(store: Store, found: OwedReview) -> Row | None:
            asked = store.request(found.id)
            if asked is None or not self._access.may(Act.SEE, who, asked):
                return None
            row = self._review_row(access_to(store), found, asked, who, now)
            return self._as_seen(store, who, asked, asked_row(asked), row)

        return self._rows(who, OwedReview, row_of, ended=ended, part=part)

    def _rows(
        self,
        who: Identity,
        life: type[T],
        row_of: Callable[[Store, T], Row | None],
        *,
        ended: bool,
        part: Part | None,
        is_meant: Callable[[T], bool] = lambda one: True,
    ) -> AsyncIterator[Row]:
        if part is None:
            return self._all(who, life, row_of, ended=ended, is_meant=is_meant)
        return self._part(who, life, row_of, part, ended=ended, is_meant=is_meant)

    async def _all(
        self,
        who: Identity,
        life: type[T],
        row_of: Callable[[Store, T], Row | None],
        *,
        ended: bool,
        is_meant: Callable[[T], bool],
    ) -> AsyncIterator[Row]:
        after = 0

        def page() -> tuple[list[Row], int | None]:
            with closing(self._opened()) as store:
                found = store.page(life, after, ended=ended)
                rows = [row for _, one in found if is_meant(one) and (row := row_of(store, one)) is not None]
                return rows, found[-1][0] if found else None

        while True:
            rows, last = await self._workers.kept.run(who.party, page)
            if last is None:
                return
            after = last
            for row in rows:
                yield row

    async def _part(
        self,
        who: Identity,
        life: type[T],
        row_of: Callable[[Store, T], Row | None],
        part: Part,
        *,
        ended: bool,
        is_meant: Callable[[T], bool],
    ) -> AsyncIterator[Row]:
        def place_of(typed: str) -> int:
            id = read_id(typed)
            with closing(self._opened()) as store:
                place = store.place_of(life, id) if id else 0
                at_it = [one for at, one in store.page(life, place - 1, ended=True) if at == place] if place else []
                if not any(self._sees(store, who, one) for one in at_it):  # nobody learns here that there is something
                    raise Refusal("unknown", f"this list has no {shown(typed)}, as far as you may see: begin with its first page")
                return place

        def read(before: int, most: int) -> tuple[list[Row], int, int]:
            """Return rows from before the place ``before``, at most ``most``, how many more were read, and the last place."""
            rows: list[Row] = []
            more = 0
            with closing(self._opened()) as store:
                found = store.page(life, before, ended=ended, is_down=True)
                for _, one in found:
                    if not is_meant(one) or not self._sees(store, who, one):
                        continue
                    if len(rows) == most:
                        more += 1
                    elif (row := row_of(store, one)) is not None:
                        rows.append(row)
            return rows, more, found[-1][0] if found else 0

        kept = self._workers.kept
        before = LAST if part.before is None else await kept.run(who.party, place_of, part.before)
        left, more = part.most, 0
        while before and more < MOST_COUNTED:
            rows, n, before = await kept.run(who.party, read, before, left)
            for row in rows:
                yield row
            left, more = left - len(rows), more + n
        yield {"more": min(more, MOST_COUNTED)}

    def _sees(self, store: Store, who: Identity, one: T) -> bool:
        """True if ``who`` may see ``one``. People who may list locks see all of them."""
        if isinstance(one, Lock):
            return True
        asked = one if isinstance(one, Request) else store.request(one.request if isinstance(one, Run) else one.id)
        return asked is not None and self._access.may(Act.SEE, who, asked)

    async def show(self, who: Identity, typed: str) -> Row:
        """Return the row with everything about one request, its grant and its runs. Raises Refusal."""
        found, locks, who = self._access.request(Act.SEE, who, typed), tuple(self._store.locks()), self._signers.could(who)
        part, access_to = self._part_of(self._access, who, found), self._access.of_now()
        may_review, is_own = part["may_review"], part["is_own"]
        is_told_all = self._access.may(Act.READ_NOTICES, who, found)
        is_named = who.is_requester(found.requester) and words_of(found) is None
        notices = tuple(notice_row(*one, is_named=is_named, is_told_all=is_told_all) for one in self._notices_of(found))

        decider = self._decider if found.is_open else None
        today = found if decider is None else await decider.as_now(found)
        seats = UNKNOWN if decider is None else await decider.seating.seats(today)
        is_gone = self._is_gone(found)
        judged = found
        if may_review and decider is not None:
            judged = await decider.judge_again(found)
        void = await self._uncounted(found)
        now = self._now()

        def read() -> Row:
            row = request_row(today, who, locks, void, **part).plus(**outlook(self._findings, judged), gone=is_gone)
            people = tuple(sorted(not_yet(seats.people, counting(found, locks, void)))) if seats.is_whole else None
            with closing(self._opened()) as store:
                seen = partial(self._access.may, Act.BE_ASKED, who)
                may_see = partial(access_to(store).may, Act.READ_TEXTS, who)
                others = alike(store, found) if found.is_open else []
                owed = store.owed_review(found.lease or found.id)
                grant = store.grant(found.lease or found.id)
                # The row has the command already. If the grant and the runs repeated it, the row would not fit into one frame.
                given = (
                    None
                    if grant is None
                    else _without(row, grant_row(grant, who, store.holdings(grant=grant.id), self._untaken, is_own=is_own))
                )
                runs = [] if grant is None else store.last_runs(grant.id, MOST_RUNS)
                is_told = may_see(found) and not is_own
                held = () if grant is None else store.holdings(grant=grant.id, ended=True)
                row = row.plus(
                    asked_people=people,
                    **self._receipt_of(who, today),
                    notices=notices,
                    last_approved=last_approved(store, found, seen) if may_review else None,
                    scripts=script_rows(store, found, may_see, is_own=is_own) if may_see(found) else (),
                    alike=tuple(one.id for one in others if self._access.may(Act.SEE, who, one)),
                    extends=lease_row(store.grant(found.extends) if found.extends else None),
                    owed_review=None if owed is None else self._review_row(access_to(store), owed, found, who, now),
                    grant=given,
                    holdings=tuple(holding_row(one, self._untaken) for one in held),
                    runs=tuple(_without(row, run_row(one, grant, who, is_told=is_told)) for one in runs if grant is not None),
                )
                return self._as_seen(store, who, found, row)

        return await self._workers.kept.run(who.party, read)

    def _receipt_of(self, who: Identity, found: Request) -> Row:
        """Return the members about a receipt of ``who`` on ``found``, or its review: the keys that count, and its least proof."""
        glass = None if found.obligations is None or found.is_open else found.obligations.break_glass
        if glass is None:
            least = least_signed(open_ways(found), who, found.requester)
        else:
            least = least_signed_of(glass, who, found.requester)
        keys = tuple(key.fingerprint for key in self._signers.keys_of(who.principal))
        return {"keys": keys, "signed": stricter(least, self._access.demands)}

    async def _uncounted(self, found: Request) -> dict[str, str]:
        """Map those whose approval of ``found`` does not count now to the reason (``Access.uncounted``). If that cannot be found
        out in time, the map is empty: the next review decides, and not what is shown.
        """
        if self._decider is None or not found.is_open or not found.reviews:
            return {}
        try:
            return self._access.uncounted(found, await self._decider.approvers_now(found))
        except TimeoutError:
            return {}

    def _is_gone(self, found: Request) -> bool:
        """True if the client of the open request ``found`` has said that it waits, and is not connected."""
        return found.is_open and found.waits and not self._is_attended(found.id)

    async def alike(self, found: Request) -> list[Request]:
        """Return other open requests of the same person that ask for the same as ``found``. Raises TimeoutError."""

        def read() -> list[Request]:
            with closing(self._opened()) as store:
                return alike(store, found)

        return await self._workers.kept.run(found.requester.party, read) if found.is_open else []

    async def run_of(self, who: Identity, typed: str) -> tuple[Run, Request]:
        """Return the run with the id ``typed``, and its request. Raises Refusal if ``who`` may not see the run."""
        id = read_id(typed)
        meant = await self._find_run(who, id) if id is not None else None
        found = None if meant is None else self._store.run(meant.id)  # the current version
        asked = self._store.request(found.request) if found is not None else None
        if found is None or asked is None or not self._access.may(Act.SEE, who, asked):
            raise Refusal("unknown", self._no_run(who, typed, id))
        return found, asked

    def _no_run(self, who: Identity, typed: str, id: str | None) -> str:
        """If ``id`` is an open request that ``who`` may see, the reason also says how to end it."""
        asked = self._store.request(id) if id is not None else None
        if asked is None or not self._access.may(Act.SEE, who, asked):
            return f"there is no run {shown(typed)}, as far as you may see"
        if things := " and ".join(map(shown, asked.command.things)):
            return f"request {asked.id} is for {things}, and has no run. To take back what was given: jitd revoke {asked.id}"
        if asked.is_open:
            end = f"The requester ends it with jitd withdraw {asked.id}, an approver with jitd deny {asked.id}"
            return f"request {asked.id} still waits for a decision, and has no run yet. {end}"
        return f"request {asked.id} is {asked.state}, and has no run"

    async def _find_run(self, who: Identity, id: str) -> Run | None:
        """If ``id`` is a request that used a lease, return the run that this request started under it."""

        def find() -> Run | None:
            with closing(self._opened()) as store:
                found = store.run(id)
                asked = store.request(id) if found is None else None
                if asked is None or asked.lease is None:
                    return found
                for ended in (False, True):  # live runs first, because they are few and the person probably means one of them
                    for one in store.runs(grant=asked.lease, ended=ended):
                        if one.request == id:
                            return one
                return None

        return await self._workers.kept.run(who.party, find)

    async def grants_of(self, who: Identity, is_it: Callable[[Subject], bool]) -> tuple[list[str], int]:
        """Return the ids of the live grants of people for whom ``is_it`` is true. Leave out grants that ``who`` may not end. Also
        return the place of the last live grant in the store (see ``Store.page``).
        """

        def find() -> tuple[list[str], int]:
            found: list[str] = []
            last = 0
            with closing(self._opened()) as store:
                for place, id, (holder, *_) in store.holders():
                    last = place
                    asked = store.request(id) if is_it(holder) else None
                    if asked is not None and self._access.may(Act.END, who, asked):
                        found.append(id)
            return found, last

        return await self._workers.kept.run(who.party, find)

    async def leases_of(self, who: Subject) -> list[str]:
        """Return the ids of the live leases of the account that ``who`` uses."""

        def find() -> list[str]:
            with closing(self._opened()) as store:
                return [one.id for one in store.grants(uid=who.uid) if one.is_lease]

        return await self._workers.kept.run(who.party, find)

    async def being_ended(self, who: Identity, is_it: Callable[[Subject], bool]) -> list[str]:
        """Return the runs that were ordered to stop, and the holdings that are being taken back, of people for whom ``is_it`` is
        true, and that ``who`` may end.
        """

        def find() -> list[str]:
            with closing(self._opened()) as store:
                ending = [(one.id, one.request) for one in store.runs() if one.state is RunState.STOPPING]
                taking = [(one.id, one.request) for one in store.holdings() if one.state is HoldingState.TAKING]
                told = [(id, store.request(asked)) for id, asked in (*ending, *taking)]
                theirs = ((id, asked) for id, asked in told if asked is not None and is_it(asked.requester))
                return [id for id, asked in theirs if self._access.may(Act.END, who, asked)]

        return await self._workers.kept.run(who.party, find)


def _without(row: rows.Request, of: R) -> R:
    """Return the row ``of`` without the parts of the command that have the same value in ``row``."""
    shared = ("argv", "path", "cwd", "variables", "locale")
    return of.less(*(name for name in shared if name in of.members and getattr(of, name) == getattr(row, name)))
