# SPDX-License-Identifier: Apache-2.0
"""A change that comes second (``Conflict``): it is tried again, a few times, and nothing of it is ever done twice.

Law: whatever is refused has changed nothing, and nothing was done for it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd import daemon
from jitd.core import grant
from jitd.core.authentication import KdcAnswer
from jitd.core.decision import Approval, Terms
from jitd.core.law import MONITOR, IllegalEvent, Origin
from jitd.core.request import RequestState, Verdict
from jitd.core.run import Ended, Ending, Outcome, Started
from jitd.deciding.decider import FreshDecision
from jitd.executor import Ended as HasEnded
from jitd.executor import Started as HasStarted
from jitd.lifecycle import lifecycle as lives
from jitd.lifecycle.givers import Givers
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.lifecycle.perform import TRIES, Overtaken, Perform
from jitd.lifecycle.waiters import Waiters
from jitd.server.connection import Connection
from jitd.settings.config import Approvals, Limits
from jitd.store import Conflict, said
from jitd.store.sqlite import SqliteStore
from jitd.verbs.access import Access
from jitd.verbs.refusal import Refusal
from jitd.verbs.requests import Requests
from jitd.verbs.reviews import Reviews
from tests.scene import actor, asked, free, moment, permit, person, review, submit, too_late, withdraw
from tests.verified import verify

ORIGIN = Origin(4002, "pts/1", None)
ID = "K7QM-2XVD"
ALICE, BOB, CAROL = (person(name) for name in ("alice", "bob", "carol"))


class Contended(SqliteStore):
    """A store in which somebody else is first: ``left`` times, and each time ``meanwhile`` happens."""

    left = 0

    def meanwhile(self) -> None:
        """What somebody else does."""

    def commit(self, *parts: Any, **more: Any) -> None:
        if self.left:
            self.left -= 1
            self.meanwhile()
            raise Conflict("somebody else was first")
        super().commit(*parts, **more)


class House:
    """The deeds over a store in which others change things, too. ``done`` is all that was done."""

    def __init__(self, path: Path) -> None:
        path.mkdir(exist_ok=True)
        self.store = Contended(path / "jitd.db")
        self.lifecycle = Lifecycle(self.store, moment, lambda: "policy-1")
        self.done: list[Any] = []
        self.waiters = Waiters()
        self.decider = SimpleNamespace(
            lock_on=lambda who: None, broken="", decide_again=self.decide_again, standing=self.standing
        )
        parts: Any = {
            "config": None,
            "givers": Givers({}),
            "decider": self.decider,
            "executor": SimpleNamespace(),
            "workers": None,
        }
        self.perform = Perform(lifecycle=self.lifecycle, store=self.store, waiters=self.waiters, now=moment, **parts)
        self.perform._do = self.done.append

    async def decide_again(self, request: Any) -> FreshDecision:
        return FreshDecision(request, permit(), tuple(r.by for r in request.reviews if r.verdict is Verdict.APPROVE))

    async def standing(self, who: Any) -> Any:
        return who, KdcAnswer.VALID

    def begin(self, id: str = ID, decision: Any = None, **changes: Any) -> Any:
        """A request that owes what ``decision`` says, of a requester without a client."""
        made = asked(id, waits=False, **changes)
        self.perform.submitted(submit(made), decision or permit())
        return self.store.request(id)

    def state(self) -> Any:
        return self.store.head(), list(self.store.documents())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "house")
    yield made
    made.store.close()


ACTS: dict[str, tuple[Callable[[House], Any], Callable[[House], Any]]] = {
    "submit": (lambda house: asked(waits=False), lambda house: house.perform.submitted(submit(asked(waits=False)), permit())),
    "permit": (lambda house: asked(waits=False), lambda house: house.perform.submitted(submit(asked(waits=False)), free())),
    "approve": (House.begin, lambda house: house.perform.act_on(review(seen(house), BOB), seen(house))),
    "deny": (House.begin, lambda house: house.perform.act_on(review(seen(house), BOB, Verdict.DENY), seen(house))),
    "withdraw": (House.begin, lambda house: house.perform.act(withdraw(seen(house)))),
    "expire": (House.begin, lambda house: house.perform.act(too_late(seen(house)))),
    "use": (
        lambda house: house.begin(decision=free()),
        lambda house: house.perform.act(grant.Used(ID, actor(ALICE), ID, Terms())),
    ),
    "revoke": (lambda house: running(house), lambda house: house.perform.act(grant.Revoked(ID, actor(ALICE), "no more"))),
    "start": (lambda house: used(house), lambda house: house.perform.act(Started(ID, MONITOR, 42))),
    "end": (lambda house: running(house), lambda house: house.perform.act(Ended(ID, MONITOR, Outcome(Ending.EXITED, 3)))),
}
"""What is done → what there is before, and the deed."""


def seen(house: House) -> Any:
    return house.store.request(ID)


def used(house: House) -> None:
    house.begin(decision=free())
    house.perform.act(grant.Used(ID, actor(ALICE), ID, Terms()))


def running(house: House) -> None:
    used(house)
    house.perform.act(Started(ID, MONITOR, 42))


@pytest.mark.parametrize("name", ACTS)
def test_what_comes_second_is_tried_again_and_done_once(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS A-05: once, twice, as often as it is tried: the record and the deeds are those of a store of one's own."""
    monkeypatch.setattr(said, "_fresh", lambda: bytes(32))  # with equal salts and random bytes, equal records are equal bytes
    monkeypatch.setattr(lives, "_fresh_bytes", lambda: bytes(16))
    before, deed = ACTS[name]
    alone = House(tmp_path / "alone")
    before(alone)
    alone.done.clear()
    deed(alone)
    assert alone.done or name == "start"
    for times in (1, 2, TRIES - 1):
        house = House(tmp_path / str(times))
        before(house)
        house.done.clear()
        house.store.left = times
        deed(house)
        assert house.store.left == 0
        assert (house.done, house.state()) == (alone.done, alone.state())
        verify(house.store)
        house.store.close()
    alone.store.close()


@pytest.mark.parametrize("name", ACTS)
def test_what_comes_second_each_time_changes_nothing_and_nothing_is_done(name: str, house: House) -> None:
    before, deed = ACTS[name]
    before(house)
    house.done.clear()
    was = house.state()
    house.store.left = 10**6
    with pytest.raises(Conflict):
        deed(house)
    assert house.store.left == 10**6 - TRIES, "a few times, and no more"
    assert (house.done, house.state()) == ([], was)


# --- what was decided on has changed ---------------------------------------------------------------------------------


def first(house: House, *events: Any) -> None:
    """Let ``events`` of somebody else be the first, once."""

    def others() -> None:
        house.lifecycle.handle(*events)

    house.store.left, house.store.meanwhile = 1, others


def test_an_approval_that_comes_after_another_is_decided_again_and_not_as_it_was(house: House) -> None:
    """THREATS A-05."""
    waiting = house.begin(decision=permit(expires_for=900))
    first(house, review(waiting, CAROL, Verdict.DENY))
    with pytest.raises(Overtaken):
        house.perform.act_on(review(waiting, BOB), waiting)
    found = house.store.request(ID)
    assert found is not None and found.state is RequestState.DENIED and len(found.reviews) == 1
    assert house.store.grant(ID) is None


def test_two_who_approve_at_the_same_moment_both_count(house: House) -> None:
    """The verb looks again at what waits, and the other's approval stands beside this one."""
    two = permit(Approval(2, ("group:ops",)))
    house.begin(decision=two)
    waiting = house.store.request(ID)
    assert waiting is not None

    async def decide_again(request: Any) -> FreshDecision:
        return FreshDecision(request, two, tuple(r.by for r in request.reviews))

    house.decider.decide_again = decide_again
    first(house, review(waiting, CAROL, decision=two, attended=False))
    said = asyncio.run(reviews(house).review(BOB, ID, Verdict.APPROVE, waiting.fingerprint, "", ORIGIN))
    found = house.store.request(ID)
    assert found is not None and said == f"request {ID} is approved"
    assert [r.by.user for r in found.reviews] == ["carol", "bob"]
    assert names(house).count("grant.issued") == 1


def test_who_approves_what_was_withdrawn_at_the_same_moment_is_too_late(house: House) -> None:
    waiting = house.begin()
    first(house, withdraw(waiting))
    with pytest.raises(Refusal) as refused:
        asyncio.run(reviews(house).review(BOB, ID, Verdict.APPROVE, waiting.fingerprint, "", ORIGIN))
    assert refused.value.code == "late" and house.store.grant(ID) is None


def test_a_use_that_somebody_else_took_is_not_taken_twice(house: House) -> None:
    house.begin(decision=free())
    house.done.clear()
    first(house, grant.Used(ID, actor(ALICE), ID, Terms()))
    with pytest.raises(IllegalEvent):
        house.perform.act(grant.Used(ID, actor(ALICE), ID, Terms()))
    found = house.store.grant(ID)
    assert found is not None and found.begun == 1 and house.done == []


@pytest.mark.parametrize("end", ["used", "revoked"])
def test_a_lease_that_is_gone_at_that_moment_answers_for_nothing(house: House, end: str) -> None:
    """THREATS A-05: nothing is approved under it, nobody waits for what will not come, and the same can be asked again."""
    house.begin(decision=free(), lasts_for=600, uses=1)
    lease = house.store.grant(ID)
    assert lease is not None and lease.left == 1
    ends = grant.Used(ID, actor(ALICE), ID, Terms()) if end == "used" else grant.Revoked(ID, actor(ALICE), "no more")
    first(house, ends)
    house.done.clear()
    nothing: Any = None
    config: Any = SimpleNamespace(limits=Limits())
    asking = Requests(config, nothing, nothing, nothing, house.perform, house.store, house.waiters, nothing, moment)
    waiter: Any = SimpleNamespace(who=ALICE)
    with pytest.raises(Refusal) as refused:
        asking._begin(asked("AAAA-AAAA"), replace(permit(), lease=ID), waiter, lambda id: None)
    assert refused.value.code == "not_done" and "submit the request again" in refused.value.text
    assert house.store.request("AAAA-AAAA") is None and house.waiters.of("AAAA-AAAA") is None
    assert house.done == []


# --- what is told of it ----------------------------------------------------------------------------------------------


def test_a_client_is_told_to_try_again_and_that_nothing_was_done() -> None:
    told: list[tuple[str, str]] = []
    connection: Any = SimpleNamespace(
        _channel=SimpleNamespace(pause=lambda: None, resume=lambda: None, is_open=True),
        _refuse=lambda code, text: told.append((code, text)),
        _task=None,
    )

    async def deed() -> None:
        raise Conflict("somebody else was first")

    async def played() -> None:
        Connection._in_background(connection, deed)
        await connection._task

    asyncio.run(played())
    ((code, text),) = told
    assert code == "not_done" and "nothing was done" in text and "try again" in text


def test_what_a_monitor_said_is_kept_in_its_order_until_it_can_be_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS L-09."""
    monkeypatch.setattr(daemon, "AGAIN_AFTER", 0.0)
    heard: list[str] = []
    recorded = asyncio.Event()

    def run_has_started(run: str, pid: int) -> None:
        heard.append(run)
        if len(heard) < 3:
            raise Conflict("somebody else was first")

    def run_has_ended(run: str, *_: object) -> None:
        heard.append("its end")
        recorded.set()

    made: Any = object.__new__(daemon.Daemon)
    made.perform = SimpleNamespace(run_has_started=run_has_started, run_has_ended=run_has_ended)
    made._unrecorded = {}

    async def played() -> None:
        made.report(HasStarted(ID, 42))
        made.report(HasEnded(ID, Outcome(Ending.EXITED, 0)))
        async with asyncio.timeout(30):
            await recorded.wait()

    asyncio.run(played())
    assert heard == [ID] * 3 + ["its end"] and made._unrecorded == {}


def reviews(house: House) -> Reviews:
    config: Any = SimpleNamespace(approvals=Approvals(), operators=(), auditors=())
    decider: Any = house.decider
    return Reviews(Access(config, house.store), decider, house.perform, house.store, moment)


def names(house: House) -> list[str]:
    return [json.loads(body)["event"] for _, body, _ in house.store.records()]
