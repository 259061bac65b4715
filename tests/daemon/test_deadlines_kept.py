# SPDX-License-Identifier: Apache-2.0
"""What becomes of a deadline in the daemon, and the last look before a run: both go by the boot clock.

Law: the wall clock is moved apart from it in both directions; whatever is looked at too early stays as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from types import SimpleNamespace

import pytest

from jitd.core import lock
from jitd.core.authentication import KdcAnswer
from jitd.core.decision import Terms
from jitd.core.effects import Moment
from jitd.core.grant import GrantState
from jitd.core.law import Actor, Role
from jitd.core.request import RequestState
from jitd.deciding.decider import Decider
from jitd.deciding.kdc_liveness import KEPT_FOR
from jitd.deciding.knowledge import Beforehand
from jitd.lifecycle import deadlines, observing
from jitd.lifecycle.deadlines import Deadlines
from jitd.lifecycle.givers import Givers
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.lifecycle.observing import Watch
from jitd.lifecycle.perform import Perform
from jitd.lifecycle.waiters import Waiters
from jitd.store.sqlite import SqliteStore
from tests.graders import FINDINGS
from tests.scene import START, asked, free, locked, moment, permit, place, screened, submit

ID = "K7QM-2XVD"
HOURS = timedelta(hours=5)
DAY = timedelta(days=1)
BEGAN, WITHIN = 1000.0, 900

# (what the wall clock does, what it shows, seconds on the boot clock since the beginning, whether the time is over)
CLOCKS = [
    ("both go on", timedelta(seconds=1), 1, False),
    ("both are past the end", timedelta(seconds=901), 901, True),
    ("both are at the end", timedelta(seconds=900), 900, True),
    ("the wall is set forward", HOURS, 1, False),
    ("the wall is set forward, a moment before the end", HOURS, 899.999, False),
    ("the wall is set back, a moment before the end", -DAY, 899.999, False),
    ("the wall is set back, at the end", -DAY, 900, True),
]
every_clock = pytest.mark.parametrize(("wall", "boot", "is_over"), [row[1:] for row in CLOCKS], ids=[row[0] for row in CLOCKS])


class Told:
    """An executor that only says what it was told."""

    def __init__(self):
        self.orders = []

    def __getattr__(self, order):
        return lambda *words: self.orders.append((order, *words))


class House:
    """The deeds over a real store, with clocks that tests set."""

    def __init__(self, path):
        self.at = moment()
        self.store = SqliteStore(path / "jitd.db")
        self.lifecycle = Lifecycle(self.store, lambda: self.at, lambda: "policy-1")
        self.executor = Told()
        self.waiters = Waiters()
        self.refused = frozenset()
        self.meanwhile = lambda: None
        self.decider = Decider(
            config=SimpleNamespace(),
            rules=SimpleNamespace(policy=None),
            store=self.store,
            accounts=SimpleNamespace(people={}),
            account_policy=None,
            kdc=SimpleNamespace(answer=lambda principal: KdcAnswer.VALID, refused=self.refused_of),
            givers=SimpleNamespace(fault=lambda thing: ""),
            gather=lambda names, about: {},
            providers=Beforehand(),
            workers=None,
            now=lambda: self.at,
            findings=FINDINGS,
        )
        self.perform = Perform(
            config=SimpleNamespace(),
            decider=self.decider,
            lifecycle=self.lifecycle,
            store=self.store,
            executor=self.executor,
            givers=Givers({}),
            waiters=self.waiters,
            workers=None,
            now=lambda: self.at,
        )

    async def refused_of(self, principals):
        self.meanwhile()
        return self.refused & {*principals}

    def ready(self, id):
        """The monitor of the run is ready, and hears what it is to do."""

        async def heard():
            self.perform.monitor_is_ready(id)
            while self.perform._tasks:
                await asyncio.gather(*self.perform._tasks)

        asyncio.run(heard())

    def look_at(self, life, id):
        """Let the clock look at ``id`` now, as it does when it believes that its time is over."""

        async def one_round():
            self.perform.deadlines.set(life, id, 0.0)
            keeping = asyncio.create_task(self.perform.deadlines.keep())
            await asyncio.sleep(0)
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping

        asyncio.run(one_round())


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    yield made
    made.store.close()


def begin(house, decision, **changes):
    made = asked(**changes)
    house.lifecycle.handle(submit(made), screened(made, decision, attended=changes.get("waits", True)))


@every_clock
def test_a_request_expires_by_the_boot_clock(house, wall, boot, is_over):
    """THREATS G-01."""
    begin(house, permit(expires_for=WITHIN))
    assert house.store.request(ID).state is RequestState.PENDING
    house.at = Moment(START + wall, BEGAN + boot, "boot-1")
    house.look_at("request", ID)
    assert house.store.request(ID).state is (RequestState.EXPIRED if is_over else RequestState.PENDING)


@every_clock
def test_a_grant_expires_by_the_boot_clock(house, wall, boot, is_over):
    """THREATS G-01."""
    begin(house, free(lasts_for=WITHIN), waits=False)
    assert house.store.grant(ID).state is GrantState.ACTIVE
    house.at = Moment(START + wall, BEGAN + boot, "boot-1")
    house.look_at("grant", ID)
    assert house.store.grant(ID).state is (GrantState.EXPIRED if is_over else GrantState.ACTIVE)


@every_clock
def test_a_lock_expires_by_the_boot_clock(house, wall, boot, is_over):
    """THREATS G-01."""
    house.lifecycle.handle(place(locked(lasts_for=WITHIN, left_for=WITHIN)))
    house.at = Moment(START + wall, BEGAN + boot, "boot-1")
    house.look_at("lock", "L0CK-0001")
    assert house.store.lock("L0CK-0001").state is (lock.LockState.EXPIRED if is_over else lock.LockState.ACTIVE)


@every_clock
def test_the_last_look_before_a_run_goes_by_the_boot_clock(house, wall, boot, is_over):
    """THREATS G-01: between the use and the moment when a monitor is ready, a grant may end."""
    begin(house, free(lasts_for=WITHIN))
    house.at = Moment(START + wall, BEGAN + boot, "boot-1")
    house.ready(ID)
    assert house.executor.orders == ([("stop", ID, "its grant has ended")] if is_over else [("go", ID)])


def test_nothing_runs_in_another_boot(house):
    begin(house, free(lasts_for=WITHIN))
    house.at = moment(1, boot_id="boot-2")
    house.ready(ID)
    assert house.executor.orders == [("stop", ID, "its grant has ended")]


@pytest.mark.parametrize(
    ("after", "order"),
    [(timedelta(hours=9), "go"), (timedelta(hours=10), "stop"), (timedelta(hours=11), "stop")],
)
def test_nothing_runs_for_whose_ticket_has_ended_meanwhile(house, after, order):
    """A ticket's end is a time on the wall; the lease has not ended by then."""
    begin(house, free(lasts_for=WITHIN))
    house.at = Moment(START + after, BEGAN + 1, "boot-1")
    house.ready(ID)
    because = () if order == "go" else ("its requester's ticket has expired: kinit",)
    assert house.executor.orders == [(order, ID, *because)]


def test_nothing_runs_for_who_was_locked_meanwhile(house):
    """A lock ends the run at once; should its order be lost, the last look finds it all the same."""
    begin(house, free(lasts_for=WITHIN))
    house.decider.lock_on = lambda who: SimpleNamespace(because="locked: laptop stolen")
    house.ready(ID)
    assert house.executor.orders == [("stop", ID, "locked: laptop stolen")]


NO_TICKETS = "the KDC issues no tickets for alice@EXAMPLE.TEST any more: the account is disabled, locked, expired or deleted"


@pytest.mark.parametrize("after", [-1, KEPT_FOR + 1, WITHIN - 1], ids=["set back", "late", "later"])
def test_a_run_that_begins_late_is_stopped_if_the_kdc_refuses_its_requester(house, after):
    """THREATS K-26: a client may hand over its streams late, and set back, the clock does not say when it was asked."""
    begin(house, free(lasts_for=WITHIN))
    house.refused = frozenset({"alice@EXAMPLE.TEST"})
    house.at = Moment(START + timedelta(seconds=after), BEGAN + 1, "boot-1")
    house.ready(ID)
    assert house.executor.orders == [("stop", ID, NO_TICKETS)]


def test_a_run_that_begins_late_begins_for_whom_the_kdc_does_not_refuse(house):
    begin(house, free(lasts_for=WITHIN))
    house.at = Moment(START + timedelta(seconds=KEPT_FOR + 1), BEGAN + 1, "boot-1")
    house.ready(ID)
    assert house.executor.orders == [("go", ID)]


def test_a_run_that_begins_at_once_has_its_answer_already(house):
    """The decision about its use has asked within the time for which an answer is kept."""
    begin(house, free(lasts_for=WITHIN))
    house.meanwhile = lambda: pytest.fail("the KDC was asked")
    house.ready(ID)
    assert house.executor.orders == [("go", ID)]


def test_what_ends_while_the_kdc_is_asked_about_a_late_run_still_stops_it(house):
    begin(house, free(lasts_for=WITHIN))
    house.at = Moment(START + timedelta(seconds=KEPT_FOR + 1), BEGAN + 1, "boot-1")
    house.decider.lock_on = lambda who: None
    house.meanwhile = lambda: setattr(house.decider, "lock_on", lambda who: SimpleNamespace(because="locked: laptop stolen"))
    house.ready(ID)
    assert house.executor.orders == [("stop", ID, "locked: laptop stolen")]


def test_a_late_run_does_not_begin_if_asking_fails(house):
    def fails():
        raise RuntimeError("no thread")

    begin(house, free(lasts_for=WITHIN))
    house.at = Moment(START + timedelta(seconds=KEPT_FOR + 1), BEGAN + 1, "boot-1")
    house.meanwhile = fails
    house.ready(ID)
    assert house.executor.orders == [("stop", ID, "jitd failed, and permitted nothing: its log says why")]


def ready_and_unwatched(house, play):
    """The monitor of an observed run is ready while nobody watches; then ``play`` goes on. What the monitor was told."""
    begin(house, free(lasts_for=WITHIN, terms=Terms(observed=True)))
    run = next(one.id for one in house.store.runs())

    async def scene():
        house.perform.monitor_is_ready(run)
        assert house.executor.orders == [], "it waits, and does not end"
        await play(run)

    asyncio.run(scene())
    return [order for order in house.executor.orders if order[0] != "watched"]


def test_a_run_whose_watcher_has_just_left_waits_until_somebody_watches(house):
    """THREATS A-18: on a busy host a screen may answer late, and the next beat is answered in time."""

    async def play(run):
        watch = Watch(run, Actor(Role.APPROVER, "bob@EXAMPLE.TEST", 4002))
        house.perform.observing.come(watch)
        house.perform.observing.has_shown(watch, watch.beat(asyncio.get_running_loop().time()))
        house.perform.observing.leave(watch)

    assert [order[0] for order in ready_and_unwatched(house, play)] == ["go"]


def test_a_run_that_nobody_watches_any_more_never_begins(house, monkeypatch):
    """THREATS A-18."""
    monkeypatch.setattr(observing, "WATCHED_WITHIN", 0.0)

    async def play(run):
        await asyncio.sleep(0.01)

    assert [(order[0], order[2:]) for order in ready_and_unwatched(house, play)] == [("stop", ("nobody watches it any more",))]


def test_a_run_that_ends_while_it_waits_for_a_watcher_is_told_nothing_more(house, monkeypatch):
    monkeypatch.setattr(observing, "WATCHED_WITHIN", 0.0)

    async def play(run):
        house.perform.observing.forget_run(run)
        await asyncio.sleep(0.01)

    assert ready_and_unwatched(house, play) == []


def test_the_clock_looks_no_earlier_than_it_was_told_to():
    """What is not yet due is left alone: nobody is asked about it."""
    seen = []
    at = moment()
    deadlines = Deadlines(lambda: at, lambda life, id: seen.append((life, id)))

    async def rounds():
        nonlocal at
        deadlines.set("request", "later", BEGAN + 10)
        deadlines.set("request", "now", BEGAN)
        keeping = asyncio.create_task(deadlines.keep())
        await asyncio.sleep(0)
        assert seen == [("request", "now")]
        at = Moment(START + DAY, BEGAN + 9.999, "boot-1")
        deadlines.set("grant", "now too", BEGAN + 9.999)
        for _ in range(20):
            await asyncio.sleep(0)
        assert seen == [("request", "now"), ("grant", "now too")]
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping

    asyncio.run(rounds())


def test_deadlines_of_what_has_ended_are_not_kept_until_then(house, monkeypatch):
    """THREATS S-08: a rule may grant days, and what is used at once has ended in a second. What lives is looked at all the
    same, and so is what is not told of.
    """
    monkeypatch.setattr(deadlines, "MANY", 20)
    house.perform.deadlines._most = 20
    begin(house, free(lasts_for=WITHIN), waits=False)
    house.perform.deadlines.set("grant", ID, BEGAN + WITHIN)
    house.perform.deadlines.set("run", "K7QM-2XVD.1", BEGAN + 1)
    for n in range(1000):
        house.perform.deadlines.set("grant", f"{n:04}-0000", BEGAN + 10 * 365 * 86400)
    kept = house.perform.deadlines._heap
    assert len(kept) <= 21 and {("grant", ID), ("run", "K7QM-2XVD.1")} < {one[1:] for one in kept}
    house.at = Moment(START, BEGAN + WITHIN, "boot-1")
    house.look_at("grant", "0000-0000")
    assert house.store.grant(ID).state is GrantState.EXPIRED
