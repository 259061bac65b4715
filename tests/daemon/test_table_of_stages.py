# SPDX-License-Identifier: Apache-2.0
"""Which message of a client is taken at which stage, by a connection to the local socket and by one to the door: every cell of
the table, asked of the connection itself. ``tests/attacks/test_stages.py`` asks a daemon.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.core.party import STRANGERS
from jitd.server.connection import Connection
from jitd.server.peer import Peer
from jitd.server.telling import Turns
from jitd.server.visit import Visit
from jitpam.wire.conversation import CLIENT, DOOR, LAW, UNPROVED
from jitpam.wire.messages import FROM_CLIENT
from tests.scene import moment

GOLDEN = Path(__file__).parents[1] / "wire/golden/frames"
OWN = ("carried", "roll", "stamp")
"""What nobody says at the local socket."""


def said() -> dict[str, bytes]:
    """A body of each message of a client."""
    lines = [line.split(" ", 2) for line in GOLDEN.read_text("ascii").splitlines()]
    return {json.loads(body)["type"]: body.encode("ascii") for speaker, _, body in lines if speaker == "client"}


SAID = said()


class Channel:
    def __init__(self, *_: Any) -> None:
        self.is_open = True

    def received(self) -> list[Any]:
        return []

    def give_room(self) -> None:
        return

    def close(self, *, flush: bool = False) -> None:
        self.is_open = False


@pytest.fixture
def ends() -> Iterator[dict[str, Any]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        peer = Peer(ours, 1002, 4711)
        yield {"local": peer, "door": Visit(moment, lambda way: True, lambda: True)}


def connection_at(end: Any, stage: str) -> Any:
    services: Any = SimpleNamespace(
        acceptor=None,
        turns=Turns(),
        now=moment,
        complaints=SimpleNamespace(broke_protocol=lambda *_: None),
        waiters=SimpleNamespace(unwatch=lambda _: None),
        roll=SimpleNamespace(tell_no_more=lambda _: None),
    )
    made: Any = Connection(services, Channel, end, STRANGERS, lambda person: True, lambda: None)  # type: ignore[arg-type]
    made._talk.state = stage
    if isinstance(end, Visit):
        end._way = None if stage == "dialled" else SimpleNamespace()  # type: ignore[assignment]
    return made


def done_with(end: Any, stage: str, name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a connection at ``stage`` does with the message: ``closed``, ``asked``, or something of its table."""
    done: list[str] = []

    def noted(word: str) -> Any:
        return lambda self, message, body: done.append(word)

    monkeypatch.setattr(Connection, "_HEARD", {step: noted("heard") for step in Connection._HEARD})
    monkeypatch.setattr(Connection, "_ask", noted("asked"))

    async def played() -> bool:
        made = connection_at(end, stage)
        made._frame(SAID[name])
        return bool(made._channel.is_open)

    is_open = asyncio.run(played())
    assert is_open is (len(done) == 1), "it is taken, or closes the connection"
    return done[0] if done else "closed"


@pytest.mark.parametrize("name", sorted(FROM_CLIENT))
def test_a_message_is_taken_where_the_table_of_the_end_has_it_and_closes_the_connection_elsewhere(
    name: str, ends: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS S-10, F-13. The cells that differ, as (end, stage, what is done, whether the table has it)."""
    cells = [
        (which, stage, done_with(end, stage, name, monkeypatch), (CLIENT, name) in end.law[stage])
        for which, end in ends.items()
        for stage in end.law
    ]
    assert [cell for cell in cells if (cell[2] != "closed") is not cell[3]] == []
    assert [cell for cell in cells if cell[2] == "asked" and cell[1] in UNPROVED] == [], "somebody unknown asks"
    if name in OWN:
        assert {which for which, _, done, _ in cells if done != "closed"} == {"door"}


def test_what_has_a_row_of_its_own_is_a_message_that_a_table_takes() -> None:
    taken = {(stage, name) for law in (LAW, DOOR) for stage, row in law.items() for speaker, name in row if speaker == CLIENT}
    without_bye = {step for step in Connection._HEARD if step[1] != "bye"}
    assert without_bye <= taken
    assert {step for step in taken if step[1] == "bye" or step[0] in UNPROVED} <= Connection._HEARD.keys()
