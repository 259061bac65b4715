# SPDX-License-Identifier: Apache-2.0
"""An agent of many clients, of which one wants all of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jitd_fleet import nkey, subjects
from jitd_fleet.agent import MOST_BEGUN_BY_ONE, MOST_CALLS, MOST_CALLS_OF_ONE, MOST_OF_ONE, Agent
from jitd_fleet.stream import Kind, Why
from tests.waiting import PATIENCE

HOST = "db1.example.org"
GREEDY, MODEST = (nkey.Key(nkey.make()).public for _ in range(2))


class Engine:
    """What the agent has said, by the client to whom."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, bytes]] = []

    async def publish(self, subject: str, message: bytes) -> None:
        _, _, client, _, id = subject.split(".")
        self.said.append((client, id, message))

    def n(self, client: str, kind: Kind, *body: int) -> int:
        return sum(who == client and said[:1] + said[5:] == bytes((kind, *body)) for who, _, said in self.said)

    async def has_said(self, n: int) -> None:
        """Wait until the agent has said ``n`` things: one is said to each who dials, whether he is let in or not."""
        async with asyncio.timeout(PATIENCE):
            while len(self.said) < n:
                await asyncio.sleep(0.005)


def played(path: Path, play: Callable[[Agent, Engine], Any], backlog: int = 200) -> Engine:
    engine = Engine()

    async def run() -> None:
        agent: Any = Agent(engine, HOST, str(path))  # type: ignore[arg-type]
        await play(agent, engine)

    with socket.socket(socket.AF_UNIX) as door:
        if backlog >= 0:
            door.bind(str(path))
            door.listen(backlog)
        asyncio.run(run())
    return engine


def dials(agent: Any, client: str, number: int, subject: str = "") -> None:
    agent._dialled(subject or subjects.dial(HOST, client, f"{number:032x}"), "", b"")


def test_who_dials_without_end_leaves_room_for_others(tmp_path: Path) -> None:
    """THREATS F-36."""

    async def play(agent: Any, engine: Engine) -> None:
        for second in range(4):
            agent._begun._since = -1.0  # another second
            for number in range(100):
                dials(agent, GREEDY, second * 100 + number)
            await engine.has_said(100 * (second + 1))
        dials(agent, MODEST, 1)
        await engine.has_said(401)

    engine = played(tmp_path / "door.sock", play)
    assert engine.n(GREEDY, Kind.OPENED) == MOST_OF_ONE
    assert engine.n(GREEDY, Kind.END, Why.FULL.value) == 400 - MOST_OF_ONE
    assert engine.n(MODEST, Kind.OPENED) == 1


def test_who_begins_one_after_the_other_does_not_use_up_the_second_of_others(tmp_path: Path) -> None:
    """THREATS F-36."""

    async def play(agent: Any, engine: Engine) -> None:
        for number in range(100):
            dials(agent, GREEDY, number)
        dials(agent, MODEST, 1)
        await engine.has_said(101)

    engine = played(tmp_path / "door.sock", play)
    assert (engine.n(GREEDY, Kind.OPENED), engine.n(MODEST, Kind.OPENED)) == (MOST_BEGUN_BY_ONE, 1)


def test_who_dials_twice_by_one_id_has_one_conversation_and_fills_no_journal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-36. Both dials come before the first one has begun."""

    async def play(agent: Any, engine: Engine) -> None:
        for _ in range(8):
            dials(agent, GREEDY, 7)
        await engine.has_said(1)
        assert len(agent._pumps) == len(agent._tasks) == 1
        await agent.leave()

    engine = played(tmp_path / "door.sock", play)
    assert engine.n(GREEDY, Kind.OPENED) == 1 and capfd.readouterr().err == ""


def test_one_client_ends_nothing_of_another_one_by_the_same_id(tmp_path: Path) -> None:
    """THREATS F-36."""

    async def play(agent: Any, engine: Engine) -> None:
        dials(agent, MODEST, 7)
        await engine.has_said(1)
        dials(agent, GREEDY, 7)
        agent._hear(subjects.up(HOST, GREEDY, f"{7:032x}"), "", b"nonsense")
        agent._hear(subjects.up(HOST, MODEST, f"{7:032x}"), "", bytes((Kind.RECEIVED, 0, 0, 0, 0)))
        agent._hear(subjects.up(HOST, MODEST, f"{7:032x}"), "", bytes((Kind.PROBE, 0, 0, 0, 0)))
        await engine.has_said(3)

    engine = played(tmp_path / "door.sock", play)
    assert (engine.n(MODEST, Kind.RECEIVED), engine.n(MODEST, Kind.END, Why.BROKEN.value)) == (1, 0)


def test_who_calls_the_roll_without_end_leaves_answers_for_others(tmp_path: Path) -> None:
    """THREATS F-36."""

    async def play(agent: Any, engine: Engine) -> None:
        agent._word.newest = b"a word"
        for number in range(10 * MOST_CALLS):
            agent._called(subjects.roll(GREEDY, f"{number:032x}"), "", b"")
        agent._called(subjects.roll(MODEST, "0" * 32), "", b"")
        await engine.has_said(MOST_CALLS_OF_ONE + 1)

    said = played(tmp_path / "door.sock", play).said
    assert sum(client == GREEDY for client, _, _ in said) == MOST_CALLS_OF_ONE
    assert (MODEST, "0" * 32, b"a word") in said


def test_the_key_that_asks_too_much_is_named_once_a_minute_and_no_other_one(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-36."""
    keys = [nkey.Key(nkey.make()).public for _ in range(2 * MOST_CALLS // MOST_CALLS_OF_ONE)]

    async def play(agent: Any, engine: Engine) -> None:
        agent._word.newest = b"a word"
        for key in keys:  # all together call too often, and none of them does
            for number in range(MOST_CALLS_OF_ONE - 1):
                agent._called(subjects.roll(key, f"{number:032x}"), "", b"")
        assert capfd.readouterr().err == ""
        agent._calls._since = -1.0  # another second
        for number in range(1000):
            agent._called(subjects.roll(GREEDY, f"{number:032x}"), "", b"")
            dials(agent, GREEDY, number)
        await asyncio.sleep(0.05)

    played(tmp_path / "door.sock", play)
    (line,) = capfd.readouterr().err.splitlines()
    assert line == (
        f"jitd-door: the key {GREEDY} calls the roll more than 5 times a second (permissions.conf of the engine says whose it is)"
    )


def test_the_key_that_dials_too_often_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """THREATS F-36."""

    async def play(agent: Any, engine: Engine) -> None:
        for number in range(MOST_BEGUN_BY_ONE):
            dials(agent, MODEST, number)
        await engine.has_said(MOST_BEGUN_BY_ONE)
        assert capfd.readouterr().err == ""
        for number in range(100):
            dials(agent, GREEDY, number)
        await engine.has_said(MOST_BEGUN_BY_ONE + 100)

    played(tmp_path / "door.sock", play)
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"jitd-door: the key {GREEDY} begins more than 16 conversations a second, or has 32 (")


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "jit.h.db1_example_org.dial",
        f"jit.h.db1_example_org.dial.*.{0:032x}",
        f"jit.h.db1_example_org.dial.{GREEDY}.>",
        f"jit.h.db1_example_org.dial.{GREEDY}.{0:031x} ",
        f"jit.h.db1_example_org.dial.{GREEDY}.{0:032x}\r\nPUB x",
        f"jit.h.db1_example_org.dial.{GREEDY[:-1]}.{0:032x}",
    ],
)
def test_a_subject_that_no_client_writes_is_not_answered(tmp_path: Path, subject: str) -> None:
    """THREATS F-36."""

    async def play(agent: Any, engine: Engine) -> None:
        agent._word.newest = b"a word"
        agent._dialled(subject, "jit.c.x.y.z", b"")
        agent._called(subject, "jit.c.x.y.z", b"")
        agent._hear(subject, "jit.c.x.y.z", b"")
        await asyncio.sleep(0.05)

    assert played(tmp_path / "door.sock", play).said == []


def test_a_door_with_a_full_queue_is_not_told_as_one_that_is_not_there(tmp_path: Path) -> None:
    """THREATS F-36."""

    async def play(agent: Any, engine: Engine) -> None:
        for number in range(8):
            dials(agent, MODEST, number)
        await engine.has_said(8)

    engine = played(tmp_path / "door.sock", play, backlog=0)
    assert engine.n(MODEST, Kind.END, Why.FULL.value) > 0 and engine.n(MODEST, Kind.END, Why.NO_DOOR.value) == 0


def test_who_dials_where_there_is_no_door_fills_no_journal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """THREATS F-36."""

    async def play(agent: Any, engine: Engine) -> None:
        for number in range(10):
            dials(agent, MODEST, number)
        await engine.has_said(10)

    engine = played(tmp_path / "door.sock", play, backlog=-1)
    assert engine.n(MODEST, Kind.END, Why.NO_DOOR.value) == 10
    assert len(capfd.readouterr().err.splitlines()) == 1
