# SPDX-License-Identifier: Apache-2.0
"""When jitd moves on the end of a grant in the KDC, and what it does if it cannot. The clock stands still until a test moves it.

tests/gates/test_renewed_grants.py plays the same with a real KDC.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.beside.deeds import Given
from jitd.beside.refusals import Failed, Refused
from jitd.core.holding import Account, Holding, HoldingState
from jitd_gates import messages, service_tickets
from jitd_gates.service_tickets import FIRST_PAUSE, LONGEST_PAUSE, REFUSED_FOR, ServiceTickets
from tests.scene import START, THING, moment

GIVING, HELD, TAKING, ENDED = HoldingState
ID, OTHER = "K7QM-2XVD", "WNC0-D703"
STALLED = messages.Failed("kadmind has not answered within 10 s")
RENEW = 600


class Kdc:
    """What a KDC would hold, and jitd-kdc before it. ``answers`` are what it says next, in order; then it does what it is told.
    ``asked`` is what it was asked.
    """

    def __init__(self) -> None:
        self.ends: dict[str, int] = {}
        self.asked: list[Any] = []
        self.answers: list[messages.Answer] = []

    async def give(self, give: messages.Give) -> messages.Answer:
        self.asked.append(give)
        if self.answers:
            return self.answers.pop(0)
        if give.renews and give.id not in self.ends:
            return messages.Refused("somebody has deleted it there")
        self.ends[give.id] = give.end
        return messages.Done()

    async def take(self, take: messages.Take) -> messages.Answer:
        self.asked.append(take)
        if self.answers:
            return self.answers.pop(0)
        self.ends.pop(take.id, None)
        return messages.Done()


class Scene:
    """A giver of tickets over holdings that a test changes. ``restart`` is another daemon over the same holdings and KDC."""

    def __init__(self, renew: int | None = RENEW) -> None:
        self.kdc = Kdc()
        self.holdings: dict[str, Holding] = {}
        self.after = 0.0
        self.restart(renew)

    def restart(self, renew: int | None = RENEW) -> None:
        trials: Any = SimpleNamespace(fault_now=self._no_fault)
        kdc: Any = self.kdc
        self.tickets = ServiceTickets(
            kdc,
            trials,
            "EXAMPLE.TEST",
            renew,
            lambda: moment(self.after),
            lambda: [one for one in self.holdings.values() if one.is_live],
            lambda id: self.holdings.get(id),
        )

    async def _no_fault(self, service: str) -> str:
        return ""

    def hold(self, id: str = ID, lasts: float = 3600) -> None:
        """alice is given the thing. The KDC has no more than what is recorded."""
        until = moment(self.after).at + timedelta(seconds=lasts)
        one = Holding(id, id, id, THING, "alice@EXAMPLE.TEST", until, False, START, account=Account("alice", 1001))
        self.holdings[id] = one
        assert asyncio.run(self.tickets.give(one)) == Given()
        self.holdings[id] = replace(one, state=HELD, given_at=moment(self.after).at)

    def comes_to(self, state: HoldingState, id: str = ID) -> None:
        self.holdings[id] = replace(self.holdings[id], state=state)

    def at(self, seconds: float) -> list[str]:
        """``seconds`` after the start it is looked for what is due. Return the grants that jitd-kdc was asked to write."""
        self.after = seconds
        before = len(self.kdc.asked)
        asyncio.run(self.tickets.renew_due())
        return [one.id for one in self.kdc.asked[before:]]

    def left(self, id: str = ID) -> float:
        """For how long the KDC would still issue a ticket."""
        return self.kdc.ends[id.replace("-", "")] - moment(self.after).at.timestamp()


@pytest.fixture(autouse=True)
def no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_tickets, "PACE", 0.0)


@pytest.fixture
def scene() -> Iterator[Scene]:
    yield Scene()


def test_the_kdc_has_the_end_of_a_long_grant_only_as_far_ahead_as_the_setting_says(scene: Scene) -> None:
    """THREATS T-26: also after each renewal, and never beyond the end of the grant."""
    scene.hold()
    assert scene.left() == RENEW
    for seconds in range(0, 3600, 60):
        scene.at(seconds)
        assert min(RENEW / 2, 3600 - seconds) <= scene.left() <= min(RENEW, 3600 - seconds)
    assert len({one.end for one in scene.kdc.asked}) == 11, "an hour is ten renewals"
    assert scene.left() == 60


def test_a_grant_that_ends_sooner_is_written_once(scene: Scene) -> None:
    scene.hold(lasts=RENEW)
    assert scene.left() == RENEW
    assert [scene.at(seconds) for seconds in range(0, RENEW, 10)] == [[]] * (RENEW // 10)


def test_with_off_a_grant_has_its_end_from_the_start() -> None:
    scene = Scene(None)
    scene.hold(lasts=30_000)
    assert scene.left() == 30_000
    assert [scene.at(seconds) for seconds in range(0, 30_000, 100)] == [[]] * 300


@pytest.mark.parametrize("state", [TAKING, ENDED])
def test_what_is_to_be_taken_back_is_never_renewed(scene: Scene, state: HoldingState) -> None:
    """THREATS T-27: so it ends by itself, whatever becomes of the order to take it back."""
    scene.hold()
    scene.hold(OTHER)
    scene.comes_to(state)
    assert {id for seconds in range(0, 3600, 10) for id in scene.at(seconds)} == {"WNC0D703"}
    assert scene.left() < 0


def test_a_grant_that_somebody_has_deleted_in_the_kdc_is_not_written_again(scene: Scene) -> None:
    """THREATS T-27: the KDC's administrator may end it there. This is told, and tried again."""
    scene.hold()
    scene.kdc.ends.clear()
    assert scene.at(RENEW / 2) == ["K7QM2XVD"]
    assert scene.kdc.ends == {} and "somebody has deleted it there" in scene.tickets.unrenewed[ID].why
    assert scene.at(RENEW / 2 + REFUSED_FOR - 1) == [] and scene.at(RENEW / 2 + REFUSED_FOR) == ["K7QM2XVD"]
    assert scene.kdc.ends == {}
    scene.restart()
    assert scene.at(RENEW / 2 + REFUSED_FOR + 1) == ["K7QM2XVD"]
    assert scene.kdc.ends == {} and "somebody has deleted it there" in scene.tickets.unrenewed[ID].why


def test_a_grant_that_ended_while_kadmind_stood_still_is_written_again(scene: Scene) -> None:
    """jitd-kdc leaves it in the entry for a day."""
    scene.hold()
    scene.kdc.answers = [STALLED]
    scene.at(RENEW / 2)
    assert scene.at(RENEW + 1) == ["K7QM2XVD"]
    assert scene.left() == RENEW and scene.tickets.unrenewed == {}


def test_after_a_start_all_are_renewed_at_once_those_that_end_first_before_the_others(scene: Scene) -> None:
    scene.hold(lasts=7200)
    scene.hold(OTHER)
    scene.after = 100
    scene.restart()
    assert scene.at(101) == ["WNC0D703", "K7QM2XVD"]
    assert (scene.left(), scene.left(OTHER)) == (RENEW, RENEW)
    assert scene.at(102) == []


@pytest.mark.parametrize(("before", "after"), [(None, RENEW), (RENEW, None), (RENEW, 60)])
def test_another_setting_holds_for_what_was_given_before_it(before: int | None, after: int | None) -> None:
    """THREATS T-26: the upgrade from a version without the setting, too."""
    scene = Scene(before)
    scene.hold()
    scene.restart(after)
    assert scene.at(1) == ["K7QM2XVD"]
    assert scene.left() == (after or 3599)


def test_a_renewal_that_fails_is_told_for_each_that_is_due_and_tried_again_until_it_is_done(scene: Scene) -> None:
    """THREATS T-28."""
    scene.hold()
    scene.hold(OTHER)
    scene.kdc.answers = [STALLED] * 3
    assert scene.at(RENEW / 2) == ["K7QM2XVD"], "one at a time: an order to take back may come in between"
    for id, at in ((ID, "09:15"), (OTHER, "09:10")):  # of the first nobody knows whether it was renewed
        assert scene.tickets.unrenewed[id].why == (
            f"kadmind has not answered within 10 s; the KDC gives no ticket for it after 2026-03-02 {at}:00 UTC, even if"
            " kadmind never answers"
        )
        assert scene.tickets.unrenewed[id].since == moment(RENEW / 2).at
    tried = [seconds for seconds in range(RENEW // 2 + 1, RENEW // 2 + 10) if scene.at(seconds)]
    assert tried == [RENEW // 2 + 1, RENEW // 2 + 3, RENEW // 2 + 7]
    assert scene.tickets.unrenewed == {} and min(scene.left(), scene.left(OTHER)) > RENEW - 5


def test_the_pauses_between_renewals_that_fail_grow_and_stay_short(scene: Scene) -> None:
    scene.hold()
    scene.kdc.answers = [STALLED] * 1000
    tried = [seconds for seconds in range(RENEW // 2, RENEW) if scene.at(seconds)]
    pauses = [later - sooner for sooner, later in zip(tried, tried[1:], strict=False)]
    assert pauses[0] == FIRST_PAUSE and pauses == sorted(pauses) and pauses[-1] == LONGEST_PAUSE


def test_what_cannot_be_taken_back_says_when_it_ends_by_itself(scene: Scene) -> None:
    """THREATS T-26."""
    scene.hold()
    scene.at(RENEW / 2)
    scene.comes_to(TAKING)
    scene.kdc.answers = [STALLED, messages.Refused("no")]
    said = asyncio.run(scene.tickets.take(scene.holdings[ID]))
    assert isinstance(said, Failed) and said.why == (
        "kadmind has not answered within 10 s; the KDC gives no ticket for it after 2026-03-02 09:15:00 UTC, even if kadmind"
        " never answers"
    )
    assert scene.tickets.ends_at(scene.holdings[ID]) == moment(RENEW * 1.5).at
    assert asyncio.run(scene.tickets.take(scene.holdings[ID])) == Refused("no")
    scene.after = RENEW * 1.5
    scene.kdc.answers = [STALLED]
    said = asyncio.run(scene.tickets.take(scene.holdings[ID]))
    assert isinstance(said, Failed) and "the KDC has given no ticket for it since 2026-03-02 09:15:00 UTC" in said.why


def test_a_renewal_of_which_nobody_knows_whether_it_was_done_counts_as_done_where_the_end_is_told(scene: Scene) -> None:
    """THREATS T-26: never an end that is too early."""
    scene.hold()
    scene.kdc.answers = [STALLED]
    scene.at(RENEW / 2)
    assert scene.tickets.ends_at(scene.holdings[ID]) == moment(RENEW * 1.5).at
    scene.restart()
    scene.comes_to(TAKING)
    assert scene.tickets.ends_at(scene.holdings[ID]) == scene.holdings[ID].until, "what the last daemon wrote is not known"


def test_nothing_is_remembered_of_what_has_ended(scene: Scene) -> None:
    scene.hold()
    scene.comes_to(TAKING)
    scene.at(RENEW / 2)
    scene.comes_to(ENDED)
    scene.at(RENEW / 2 + REFUSED_FOR)
    assert scene.tickets._written == {}
