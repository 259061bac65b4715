# SPDX-License-Identifier: Apache-2.0
"""How much of the daemon's time the thread for sinks takes.

The clock is that of the test: the thread's work takes as long as the test says, and sleeps take no time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from jitd_sinks.sinks import pace
from jitd_sinks.sinks.pace import LEAST_SHARE, MANY, SHARE, Pace

WORK = 0.01
"""Seconds that each piece of work takes."""


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.worked = 0.0
        monkeypatch.setattr(pace.time, "thread_time", lambda: self.worked)
        monkeypatch.setattr(pace.asyncio, "sleep", self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0.0001)

    async def in_thread(self, work: Callable[[], Any]) -> Any:
        return work()

    def work(self) -> str:
        self.now += WORK
        self.worked += WORK
        return "done"


def share(clock: Clock, a_second: float, n: int = 200) -> float:
    """The part of the time that the thread works while so many records are made in a second."""
    made = Pace(clock.in_thread, lambda: clock.now)
    began, head, sleep = clock.now, 1.0, clock.sleep

    def look() -> None:
        if a_second:
            made.look(int(head + (clock.now - began) * a_second))

    async def slept(seconds: float) -> None:
        for _ in range(20):
            await sleep(seconds / 20)
            look()

    async def play() -> None:
        for _ in range(n):
            look()
            assert await made.do(clock.work) == "done"

    pace.asyncio.sleep = slept  # type: ignore[assignment]  # the fixture of the clock takes it back
    asyncio.run(play())
    return n * WORK / (clock.now - began)


def test_while_no_record_is_made_the_thread_works_as_fast_as_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    assert share(Clock(monkeypatch), 0) == pytest.approx(1.0)


def test_while_records_are_made_the_thread_works_a_part_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert share(Clock(monkeypatch), MANY / 2) == pytest.approx(SHARE, rel=0.1)


def test_while_many_are_made_it_works_a_smaller_part(monkeypatch: pytest.MonkeyPatch) -> None:
    assert share(Clock(monkeypatch), MANY * 2) == pytest.approx(LEAST_SHARE, rel=0.1)


def test_what_the_work_raises_is_raised_and_does_not_hold_up_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    made = Pace(clock.in_thread, lambda: clock.now)

    def fails() -> None:
        raise ValueError

    async def play() -> None:
        with pytest.raises(ValueError):
            await made.do(fails)
        assert await made.do(clock.work) == "done"

    asyncio.run(play())
