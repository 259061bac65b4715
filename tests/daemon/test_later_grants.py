# SPDX-License-Identifier: Apache-2.0
"""``--at``: approved now, used then. What is asked again then, by which clock, and after which interruptions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jitd.core.gatekeeping import Refuses
from jitd.core.grant import GrantState
from jitd.core.policy import Policy
from jitd.core.request import Request, RequestState
from jitd.lifecycle.owed import COMES_BACK_FOR
from jitd.verbs.refusal import Refusal
from tests.daemon.asking import ALICE, CHANGE, AskingHouse, Client, house
from tests.daemon.test_decider import rule
from tests.scene import START, moment
from tests.zones import berlin

__all__ = ["berlin", "house"]  # fixtures

HOUR = 3600
AT = START + timedelta(hours=4)
LATER: dict[str, Any] = {"starts_at": AT, "lasts_for": HOUR, "anew": True}


async def approved(house: AskingHouse, **changes: Any) -> tuple[Client, Request]:
    """A request for later that bob has approved, and the client that waited for that."""
    client = Client(house)
    made = await client.submit(**(LATER | changes))
    await house.approve(made.id)
    return client, await house.decided(made.id)


def plain(house: AskingHouse, **changes: Any) -> None:
    house.rules(**({"lasts_for": HOUR} | changes))


@pytest.mark.usefixtures("berlin")
def test_the_client_is_told_in_the_time_of_the_host_and_nothing_runs_before_it(house: AskingHouse) -> None:
    plain(house)

    async def play() -> None:
        client, made = await approved(house)
        assert made.state is RequestState.APPROVED
        assert client.kinds[-1] == "done"
        told = f"request {made.id} is approved, from 2026-03-02 14:00:00 CET until 2026-03-02 15:00:00 CET"
        assert client.said[-1].text == told
        held, head = house.store.grant(made.id), house.store.head()
        for after in (1, HOUR, 4 * HOUR - 1):
            house.at = moment(after)
            with pytest.raises(Refusal, match="has not begun: it begins at 2026-03-02 14:00:00 CET") as no:
                await Client(house).resume(made.id)
            assert no.value.code == "denied"
        assert (house.store.grant(made.id), house.store.head(), house.monitors.started) == (held, head, [])
        house.at = moment(4 * HOUR)
        await Client(house).resume(made.id)
        await house.until(lambda: house.monitors.started)
        assert house.monitors.started == [made.id]

    house.run(play())


@pytest.mark.parametrize(("wall", "boot"), [(5 * HOUR, 60), (60, 4.5 * HOUR), (-9 * HOUR, 4.5 * HOUR), (99 * HOUR, 4.5 * HOUR)])
def test_a_clock_that_was_moved_brings_no_use(house: AskingHouse, wall: float, boot: float) -> None:
    plain(house)

    async def play() -> None:
        _, made = await approved(house)
        house.at = replace(moment(boot), at=START + timedelta(seconds=wall))
        before = house.store.head()
        with pytest.raises(Refusal):
            await Client(house, replace(ALICE, ticket_ends_at=None)).resume(made.id)
        assert house.store.head() == before and house.monitors.started == []

    house.run(play())


def test_after_its_time_it_is_gone(house: AskingHouse) -> None:
    plain(house)

    async def play() -> None:
        _, made = await approved(house)
        house.at = moment(5 * HOUR)
        with pytest.raises(Refusal, match="cannot be resumed: what was approved is used or over"):
            await Client(house).resume(made.id)
        house.perform._due("grant", made.id)
        found = house.store.grant(made.id)
        assert found is not None and found.state is GrantState.EXPIRED and house.monitors.started == []

    house.run(play())


def gone(house: AskingHouse) -> None:
    house.gone = ("bob",)


def left_the_group(house: AskingHouse) -> None:
    house.left = frozenset({"ops"})


def no_rule(house: AskingHouse) -> None:
    house.policy = Policy((), "permit", "digest")


def two_are_owed(house: AskingHouse) -> None:
    wanted = replace(rule().approvals[0], need=2)
    house.policy = Policy((rule(approvals=(wanted,), lasts_for=HOUR),), "permit", "digest")


def blocked(house: AskingHouse) -> None:
    house.rules(lasts_for=HOUR, gatekeepers=CHANGE)
    house.gatekeepers.says["change"] = Refuses("the freeze has begun")


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        (gone, "are not enough any more"),
        (left_the_group, "are not enough any more"),
        (no_rule, "no rule permits this"),
        (two_are_owed, "are not enough any more"),
        (blocked, "the freeze has begun"),
    ],
)
def test_everything_is_asked_again_when_the_time_has_come(
    house: AskingHouse, changes: Callable[[AskingHouse], None], because: str
) -> None:
    plain(house)

    async def play() -> None:
        _, made = await approved(house)
        house.at = moment(4 * HOUR + 60)
        changes(house)
        client = Client(house)
        before = house.store.grant(made.id)
        try:
            await client.resume(made.id)
            await house.until(lambda: client.refused)
            told = client.refused[0][1]
        except Refusal as no:
            told = no.text
        assert because in told
        assert house.store.grant(made.id) == before and house.monitors.started == []

    house.run(play())


def test_gatekeepers_are_asked_both_times(house: AskingHouse) -> None:
    house.rules(lasts_for=HOUR, gatekeepers=CHANGE)

    async def play() -> None:
        client = Client(house)
        made = await client.submit(**LATER)
        await house.decided(made.id)
        await house.approve(made.id)
        await house.decided(made.id)
        n_before = len(house.gatekeepers.names)
        assert n_before >= 1 and house.monitors.started == []
        house.at = moment(4 * HOUR + 60)
        await Client(house).resume(made.id)
        await house.until(lambda: house.monitors.started)
        assert len(house.gatekeepers.names) == n_before + 1

    house.run(play())


def test_a_restart_of_the_daemon_between_changes_nothing_and_no_client_has_to_come_back_before_the_time(
    house: AskingHouse,
) -> None:
    plain(house)
    made: Any = house.run(approved(house))[1]
    held = house.store.grant(made.id)
    house.at = moment(HOUR)
    again = house.next_daemon()
    again.at = moment(HOUR)
    plain(again)

    async def play() -> None:
        await again.recovery.recover()
        again.at = moment(HOUR + 2 * COMES_BACK_FOR)
        again.perform._due("client", made.id)
        assert again.store.grant(made.id) == held
        again.at = moment(4 * HOUR)
        await Client(again).resume(made.id)
        await again.until(lambda: again.monitors.started)

    again.run(play())
    again.workers.close()
    again.store.close()


def test_a_reboot_ends_it(house: AskingHouse) -> None:
    plain(house)
    made: Any = house.run(approved(house))[1]
    again = house.next_daemon()
    again.at = replace(moment(4.5 * HOUR), boot_id="boot-2")
    plain(again)

    async def play() -> None:
        await again.recovery.recover()
        found = again.store.grant(made.id)
        assert found is not None and found.state is GrantState.EXPIRED
        with pytest.raises(Refusal):
            await Client(again).resume(made.id)
        assert again.monitors.started == []

    again.run(play())
    again.workers.close()
    again.store.close()


@pytest.mark.parametrize(
    ("changes", "code", "because"),
    [
        ({"starts_at": START - timedelta(seconds=1)}, "usage", "is over already"),
        ({"starts_at": START + timedelta(days=8)}, "usage", "within 7 days"),
        ({"service": "sudo"}, "usage", "do not wait for the time"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_made(
    house: AskingHouse, changes: dict[str, Any], code: str, because: str
) -> None:
    plain(house)

    async def play() -> None:
        before = house.store.head()
        with pytest.raises(Refusal, match=because) as no:
            await Client(house).submit(**(LATER | changes))
        assert no.value.code == code and house.store.head() == before

    house.run(play())


def test_leaving_after_the_approval_keeps_it_and_leaving_before_withdraws_it(house: AskingHouse) -> None:
    plain(house)

    async def play() -> None:
        client, made = await approved(house)
        client.waiting.close()
        held = house.store.grant(made.id)
        assert held is not None and held.is_live
        another = Client(house)
        open_one = await another.submit(**LATER)
        another.waiting.close()
        assert house.found(open_one.id).state is RequestState.WITHDRAWN and house.store.grant(open_one.id) is None

    house.run(play())


def test_grants_for_later_count_as_unused_so_that_nobody_heaps_them_up(house: AskingHouse) -> None:
    plain(house, approvals=())

    async def play() -> None:
        most = house.decider._config.limits.pending_per_person
        for _ in range(most):
            await Client(house).submit(**LATER)
        before = house.store.head()
        with pytest.raises(Refusal, match="grants to be used"):
            await Client(house).submit(**LATER)
        assert house.store.head() == before

    house.run(play())
