# SPDX-License-Identifier: Apache-2.0
"""A rule that changes while a request waits: who counts now is said to all who read about the request, as a review decides it.

Law: real decider, store, lives and verbs. Only the search for people is played, in the house of ``asking``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.core.decision import Approval
from jitd.core.policy import Policy
from jitd.core.request import Request
from jitd.core.subject import Subject
from jitd.deciding.seats import Seats
from jitd.settings.config import Approvals
from jitd.store.sqlite import SqliteStore
from jitd.verbs.access import Access
from jitd.verbs.lists import Lists
from tests.daemon.asking import ALICE, BOB, AskingHouse, Client, house
from tests.daemon.test_decider import rule
from tests.scene import person

__all__ = ["house"]
OPS, SECURITY, NOBODY = (Approval(1, (f"group:{name}",)) for name in ("ops", "security", "nobody"))
BOTH = "1 ops and 1 security"


class Seating:
    """The accounts in the groups of the rules."""

    accounts = {"group:ops": ("bob",), "group:security": ("carol",), "group:nobody": ()}

    def __init__(self, house: AskingHouse) -> None:
        self._house = house

    async def of_each(self, request: Request, ways: Sequence[Approval]) -> tuple[Seats, ...]:
        return tuple(Seats(self.accounts[way.of_whom[0]], is_whole=True) for way in ways)

    async def seats(self, request: Request) -> Seats:
        assert request.obligations is not None
        found = await self.of_each(request, request.obligations.approvals)
        return Seats(tuple(sorted({one for seats in found for one in seats.people})), is_whole=True)

    async def ask_about(self, accounts: Iterable[str]) -> None:
        pass

    def state(self) -> object:
        return self._house.policy

    def forget(self) -> None:
        pass


@pytest.fixture
def reading(house: AskingHouse) -> AskingHouse:
    house.decider.seating = Seating(house)  # type: ignore[assignment]
    house.policy = Policy((rule(approvals=(OPS,), notify=()),), "permit", "first")
    return house


def change(house: AskingHouse, *approvals: Approval, digest: str = "second") -> None:
    """The rule of the request demands ``approvals`` from now on."""
    house.policy, house.read_at = Policy((rule(approvals=approvals, notify=()),), "permit", digest), float("inf")


async def second_passes(house: AskingHouse) -> None:
    await house.perform.seat_watch.look(None)


def last(client: Client) -> tuple[list[str] | None, str]:
    message: Any = [one for one in client.said if one.type == "progress"][-1]
    return message.asked, message.owes


async def shown(house: AskingHouse, who: Subject, id: str) -> dict[str, Any]:
    def opened() -> SqliteStore:
        return SqliteStore.reading(house.path / "jitd.db")

    config: Any = SimpleNamespace(approvals=Approvals(), operators=(), auditors=())
    lists = Lists(Access(config, house.store), house.store, opened, house.workers, lambda run: None, house.now, house.decider)
    return await lists.show(who, id)


def test_a_rule_that_changes_says_to_the_requester_that_both_must_approve_and_then_so_it_is(reading: AskingHouse) -> None:
    """THREATS N-09."""

    async def play() -> None:
        client = Client(reading)
        made = await client.submit()
        await second_passes(reading)
        assert last(client) == (["bob"], "1 ops")
        change(reading, SECURITY)
        before = reading.store.head()
        await second_passes(reading)
        assert last(client) == (["bob", "carol"], BOTH)
        assert client.news[-1].startswith("rule p requires 1 approval from group:ops and 1 from group:security, within")
        assert reading.store.head() == before, "nothing is decided by this"
        for who in (BOB, ALICE):
            row = await shown(reading, who, made.id)
            assert (row["owed"], row["owes"], row["asked_people"]) == (2, BOTH, ["bob", "carol"]), who
            assert "security" in row["asks"] and row["may_review"] is (who is BOB)
        await reading.approve(made.id)
        assert (reading.found(made.id).state, last(client)) == ("pending", (["carol"], "1 security"))

    reading.run(play())


def test_of_a_group_without_people_that_a_rule_demands_since_it_is_said_at_once_that_nobody_can_approve(
    reading: AskingHouse,
) -> None:
    """THREATS N-09."""

    async def play() -> None:
        client = Client(reading)
        await client.submit()
        await second_passes(reading)
        change(reading, NOBODY)
        await second_passes(reading)
        assert any("nobody can give the approval of group:nobody at present" in line for line in client.news)
        change(reading, OPS, digest="third")
        await second_passes(reading)
        assert last(client) == (["bob"], "1 ops"), "and that it is as it was"

    reading.run(play())


def test_one_policy_is_asked_once_what_it_demands_of_a_request_that_is_older(
    reading: AskingHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And never of one that was made under it: people who read again and again cost nothing."""

    async def play() -> None:
        made = await Client(reading).submit()
        await reading.until(lambda: not reading.perform._tasks)
        n_asked = 0
        decide = reading.decider.decide_again

        async def counted(*words: Any) -> Any:
            nonlocal n_asked
            n_asked += 1
            return await decide(*words)

        monkeypatch.setattr(reading.decider, "decide_again", counted)
        found = reading.found(made.id)
        assert await reading.decider.as_now(found) is found and n_asked == 0
        change(reading, SECURITY)
        for _ in range(3):
            now = (await reading.decider.as_now(found)).obligations
            assert now is not None and now.approvals == (OPS, SECURITY)
        assert n_asked == 1
        change(reading, SECURITY, digest="third")
        await reading.decider.as_now(found)
        assert n_asked == 2

    reading.run(play())


@pytest.mark.parametrize("fault", ["no rule permits it any more", "the files do not answer"])
def test_if_nobody_knows_what_the_rules_demand_now_what_was_demanded_is_told(
    reading: AskingHouse, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    async def late(request: Request) -> None:
        raise TimeoutError

    async def play() -> None:
        made = await Client(reading).submit()
        change(reading, SECURITY)
        if fault.startswith("no rule"):
            reading.policy = Policy((rule(who=("user:eve",)),), "permit", "third")
        else:
            monkeypatch.setattr(reading.decider, "decide_again", late)
        found = reading.found(made.id)
        assert await reading.decider.as_now(found) == found
        assert (await shown(reading, person("bob"), made.id))["owes"] == "1 ops"

    reading.run(play())
