# SPDX-License-Identifier: Apache-2.0
"""What people hold, compared with the world: over a real store and the real deeds, with a giver that says what it sees."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jitd.beside.refusals import Failed, Refused
from jitd.core.holding import Ending, HoldingState, Taking, Untaken
from jitd.core.law import DAEMON
from jitd.lifecycle.drift import Drift
from jitd.lifecycle.givers import Givers
from jitd_things.givers.kind import Given, Seen, State, Strays
from jitd_things.giving.host_things import HostThings
from tests.daemon.giving import ID, FakeGiver, House

THING = "sudoers:logs"
DOES = FakeGiver.DOES
GONE, CHANGED = Seen(State.GONE, "the file is gone"), Seen(State.CHANGED, "the file has other lines")


class Scene:
    """A thing of ``[givers.logs]`` that alice holds, and what looks at it."""

    def __init__(self, path: Path, drift: str) -> None:
        self.house = House(path)
        self.giver = self.house.giver
        self.giver.ends_itself = False
        self.noted: list[tuple[str, str]] = []
        givers = Givers({"service-ticket": self.giver, "sudoers": self.giver})
        holdings = self.house.perform.holdings
        holdings._givers = givers
        self.drift = Drift(givers, holdings, self.house.store, {THING: drift}, self._note)

    def _note(self, name: str, detail: dict[str, Any]) -> None:
        self.noted.append((name, detail["holding"]))

    async def hold(self) -> None:
        """alice has the thing."""
        self.client = self.house.begin(what=THING)
        await self.house.settle()
        assert self.state is HoldingState.HELD

    @property
    def state(self) -> HoldingState:
        found = self.house.recorded(ID)
        assert found is not None
        return found.state

    async def sees(self, *looked: Any) -> None:
        """The giver sees this, once each."""
        for one in looked:
            self.giver.answers = [one]
            await self.drift.look()
            await self.house.settle()


def play(tmp_path: Path, drift: str, scene: Callable[[Scene], Awaitable[None]]) -> None:
    async def whole() -> None:
        made = Scene(tmp_path, drift)
        try:
            await made.hold()
            await scene(made)
        finally:
            made.house.close()

    asyncio.run(whole())


def test_the_daemon_looks_when_it_starts(tmp_path: Path) -> None:
    """While it was gone, nobody looked."""

    async def scene(made: Scene) -> None:
        made.giver.answers = [GONE]
        keeping = asyncio.create_task(made.drift.keep())
        await made.house.settle()
        keeping.cancel()
        assert made.noted == [("thing.differs", ID)]

    play(tmp_path, "tell", scene)


@pytest.mark.parametrize("seen", [GONE, CHANGED], ids=["gone", "changed"])
def test_a_difference_is_recorded_once_and_so_is_its_end(tmp_path: Path, seen: Seen) -> None:
    async def scene(made: Scene) -> None:
        await made.sees(seen, seen, seen)
        assert made.noted == [("thing.differs", ID)]
        assert made.drift.troubles() == [(ID, seen.why)]
        assert made.state is HoldingState.HELD and not any(deed == "take" for deed, _ in made.giver.asked)
        await made.sees(DOES)
        assert made.noted == [("thing.differs", ID), ("thing.stands", ID)]
        assert made.drift.troubles() == []

    play(tmp_path, "tell", scene)


def test_what_cannot_be_looked_at_is_told_and_neither_mended_nor_ended(tmp_path: Path) -> None:
    async def scene(made: Scene) -> None:
        before = len(made.giver.asked)
        await made.sees(Failed("jitd-givers does not answer"))
        assert made.noted == [("thing.differs", ID)]
        assert [deed for deed, _ in made.giver.asked[before:]] == ["look"]
        assert made.state is HoldingState.HELD

    play(tmp_path, "end", scene)


def test_what_is_gone_is_given_anew_if_the_settings_say_so(tmp_path: Path) -> None:
    async def scene(made: Scene) -> None:
        before = len(made.giver.asked)
        made.giver.answers = [GONE, DOES]
        await made.drift.look()
        assert [deed for deed, _ in made.giver.asked[before:]] == ["look", "give"]
        assert made.noted == [("thing.differs", ID), ("thing.mended", ID)]
        assert made.state is HoldingState.HELD and made.drift.troubles() == []

    play(tmp_path, "mend", scene)


def test_what_cannot_be_given_anew_stays_a_finding(tmp_path: Path) -> None:
    async def scene(made: Scene) -> None:
        made.giver.answers = [GONE, Refused("it is not what was approved")]
        await made.drift.look()
        assert made.noted == [("thing.differs", ID)] and made.drift.troubles() == [(ID, GONE.why)]
        assert made.state is HoldingState.HELD

    play(tmp_path, "mend", scene)


def test_what_is_gone_is_ended_if_the_settings_say_so(tmp_path: Path) -> None:
    async def scene(made: Scene) -> None:
        await made.sees(CHANGED)
        found = made.house.recorded(ID)
        assert found is not None and found.state is HoldingState.ENDED
        assert found.outcome is not None and found.outcome.ending is Ending.TAKEN
        assert "other lines" in found.because
        assert made.client.said[-1] == "taken"

    play(tmp_path, "end", scene)


def test_what_is_revoked_while_it_is_looked_at_is_not_given_anew(tmp_path: Path) -> None:
    async def scene(made: Scene) -> None:
        made.giver.answers = [made.giver.HANGS]
        looking = asyncio.create_task(made.drift.look())
        await made.house.settle()
        made.house.perform.act(Taking(ID, DAEMON, "revoked"))
        await made.house.settle()
        made.giver.hanging[-1].set_result(GONE)
        await looking
        await made.house.settle()
        assert made.state is HoldingState.ENDED
        assert ID not in made.giver.there and made.noted == []

    play(tmp_path, "mend", scene)


def test_what_is_revoked_while_it_is_given_anew_is_taken_after_that(tmp_path: Path) -> None:
    async def scene(made: Scene) -> None:
        made.giver.answers = [GONE, made.giver.HANGS]
        looking = asyncio.create_task(made.drift.look())
        await made.house.settle()
        made.house.perform.act(Taking(ID, DAEMON, "revoked"))
        await made.house.settle()
        made.giver.hanging[-1].set_result(DOES)
        await looking
        await made.house.settle()
        assert made.giver.asked[-1] == ("take", ID) and ID not in made.giver.there
        assert made.state is HoldingState.ENDED

    play(tmp_path, "mend", scene)


def test_what_nobody_holds_is_told_once_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(made: Scene) -> None:
        found = ["AAAA-BBBB", ID]

        async def strays(thing: str, holdings: Any) -> Strays:
            return Strays(tuple(found))

        monkeypatch.setattr(made.giver, "strays", strays)
        before = len(made.giver.asked)
        await made.sees(DOES, DOES)
        assert made.noted == [("thing.stray", "AAAA-BBBB")], "what is held is no stray"
        assert {deed for deed, _ in made.giver.asked[before:]} == {"look"}
        assert made.drift.troubles()[0][0] == "AAAA-BBBB"
        found.remove("AAAA-BBBB")
        await made.sees(DOES)
        assert made.noted[-1] == ("thing.stray_gone", "AAAA-BBBB") and made.drift.troubles() == []

    play(tmp_path, "mend", scene)


def test_what_cannot_be_taken_back_is_said_with_its_reason_and_since_when(tmp_path: Path) -> None:
    async def scene(made: Scene) -> None:
        made.giver.answers = [Failed("the disk is full")]
        made.house.perform.act(Taking(ID, DAEMON, "enough"))
        await made.house.settle()
        ((id, said),) = made.drift.troubles()
        told = "it is being taken back since 2026-03-02 09:00:00 UTC, but this is not done yet: the disk is full"
        assert (id, said) == (ID, told)
        await made.house.pass_time(1)
        assert made.drift.troubles() == []

    play(tmp_path, "tell", scene)


def test_a_grant_that_cannot_be_renewed_is_in_the_list_that_the_status_reads(tmp_path: Path) -> None:
    """THREATS T-28."""

    async def scene(made: Scene) -> None:
        assert made.drift.troubles() == []
        made.giver.unrenewed[ID] = Untaken("kadmind does not answer", made.house.at.at)
        told = "its grant in the KDC has not been renewed since 2026-03-02 09:00:00 UTC: kadmind does not answer"
        assert made.drift.troubles() == [(ID, told)]

    play(tmp_path, "tell", scene)


def test_what_is_held_is_mended_and_what_is_not_held_yet_is_given(tmp_path: Path) -> None:
    """jitd-givers makes another secret for what is given, and none for what is mended."""
    asked: list[str] = []

    class Line:
        async def ask(self, question: Any) -> Given:
            asked.append(type(question).__name__)
            return Given()

    async def scene(made: Scene) -> None:
        held = made.house.held()
        line: Any = Line()
        things = HostThings("sudoers", ["logs"], line, made.house.store.grant, lambda uid: ())
        await things.give(replace(held, state=HoldingState.GIVING))
        await things.give(held)
        assert asked == ["Give", "Mend"]

    play(tmp_path, "mend", scene)
