# SPDX-License-Identifier: Apache-2.0
"""One call of the roll at a desk, and what a host that knows its ID can do to it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd_fleet import agent, desk, nkey, subjects
from jitd_fleet.agent import BadSettings
from jitd_fleet.engine import Hear
from jitd_fleet.nats_carrier import Nats
from jitpam.client import Unreachable
from tests.waiting import PATIENCE

HOSTS = ("db1.example.org", "web2.example.org", "mail3.example.org")
WORD = b"a word"


class Engine:
    """Answers the roll as ``answer`` says, which gets the client, the ID, and what is said to the desk."""

    def __init__(self, answer: Callable[[str, str, Callable[[str, bytes | None], None]], None]) -> None:
        self.key = nkey.Key(nkey.make())
        self._answer = answer
        self.n_subscribed = 0

    async def subscribe(self, subject: str, hear: Hear) -> Callable[[], Awaitable[None]]:
        self._hear = hear
        self.n_subscribed += 1

        async def end() -> None:
            self.n_subscribed -= 1

        return end

    async def publish(self, subject: str, message: bytes, reply: str = "") -> None:
        _, _, client, id = subject.split(".")
        assert reply == f"jit.c.{client}.roll.{id}"
        self._answer(client, id, lambda subject, message: self._hear(subject, "", message))


def called(engine: Engine) -> Mapping[str, bytes]:
    """What comes of the roll."""

    async def call() -> Mapping[str, bytes]:
        made: Any = object.__new__(desk._Connected)
        made.engine, made._pumps = engine, set()
        return await desk._Connected.roll(made, HOSTS)

    return asyncio.run(call())


def test_a_host_that_says_that_nobody_listens_cuts_no_roll_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS F-28. It knows the ID, and says it under its own name before the others have answered."""
    monkeypatch.setattr(desk, "WORDS_WITHIN", PATIENCE)

    def answer(client: str, id: str, say: Callable[[str, bytes | None], None]) -> None:
        say(subjects.down(client, HOSTS[1], id), None)
        for host in HOSTS:
            asyncio.get_running_loop().call_later(0.05, say, subjects.down(client, host, id), WORD)

    assert called(Engine(answer)) == dict.fromkeys(HOSTS, WORD)


def test_the_server_that_says_that_nobody_listens_ends_the_roll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "WORDS_WITHIN", 3600.0)
    assert called(Engine(lambda client, id, say: say(subjects.reply_of_roll(client, id), None))) == {}


@pytest.mark.parametrize("name", [subjects.ROLL, "db_1.example.org"])
def test_a_host_whose_name_is_another_word_in_a_subject_is_neither_dialled_nor_carried_for(name: str, tmp_path: Path) -> None:
    """THREATS F-28."""
    with pytest.raises(Unreachable, match="because of its name"):
        Nats(("tls://192.0.2.1:4222",)).dial(name, 1.0)
    file = tmp_path / "door.toml"
    file.write_text(f"[nats]\nservers = ['tls://192.0.2.1:4222']\nhost = '{name}'\n")
    with pytest.raises(BadSettings, match="host must be the name"):
        agent.read(str(file))
    assert subjects.HOST.fullmatch("roll.example.org") and subjects.HOST.fullmatch("rolls")


def test_a_desk_makes_another_connection_before_one_has_as_many_conversations_as_a_server_lets_it_have(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    nkey.write(desk.key_file())
    made: list[SimpleNamespace] = []

    async def connect(*_: object) -> Any:
        made.append(SimpleNamespace(is_lost=False, n_carried=0, leave=lambda: None))
        return made[-1]

    monkeypatch.setattr(desk, "_connect", connect)
    ours = desk.Desk("the engine", ("tls://192.0.2.1:4222",), "")

    def connected() -> object:
        return ours._have(ours._connected(), 60.0)

    assert connected() is connected() is made[0]
    made[0].n_carried = desk.MOST_AT_ONE
    assert connected() is connected() is made[1] and len(made) == 2
    made[1].is_lost = True
    assert connected() is made[2]


class Connection:
    """Takes what is said, or is ``deaf`` and refuses it, as the library does if a server allows no message."""

    def __init__(self) -> None:
        self.key = nkey.Key(nkey.make())
        self.is_deaf = False
        self.is_closed = threading.Event()

    async def subscribe(self, subject: str, hear: Hear) -> Callable[[], Awaitable[None]]:
        self.hear = hear

        async def end() -> None:
            pass

        return end

    async def publish(self, subject: str, message: bytes, reply: str = "") -> None:
        if self.is_deaf:
            raise ValueError

    async def close(self) -> None:
        self.is_closed.set()


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Connection]:
    """Those of the desk that is made next."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    nkey.write(desk.key_file())
    made: list[Connection] = []

    async def connect(servers: tuple[str, ...], key: nkey.Key, ca: str) -> desk._Connected:
        connected = desk._Connected(servers, key, ca)
        made.append(Connection())
        vars(connected)["engine"] = made[-1]
        return connected

    monkeypatch.setattr(desk, "_connect", connect)
    return made


def test_a_connection_that_refuses_what_is_said_is_closed_as_soon_as_there_is_another_one(connections: list[Connection]) -> None:
    """THREATS F-35. A server names the longest message that it takes, and a board dials again and again."""
    ours = desk.Desk("the engine", ("tls://192.0.2.1:4222",), "")
    for n in range(1, 4):
        ours._have(ours._connected(), PATIENCE)
        connections[-1].is_deaf = True
        stream = ours.dial(HOSTS[0], PATIENCE)
        assert stream.has_ended() and len(connections) == n
        stream.end()
    ours._have(ours._connected(), PATIENCE)
    assert len(connections) == 4 and all(one.is_closed.wait(PATIENCE) for one in connections[:3])
    assert not connections[3].is_closed.is_set()


def test_a_full_connection_is_closed_when_its_last_conversation_has_ended_and_not_before(
    connections: list[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS F-35."""
    monkeypatch.setattr(desk, "MOST_AT_ONE", 1)
    ours = desk.Desk("the engine", ("tls://192.0.2.1:4222",), "")
    for host in HOSTS[:2]:
        ours.dial(host, PATIENCE)
    assert len(connections) == 2 and not connections[0].is_closed.is_set(), "a conversation goes on there"
    ours._loop.call_soon_threadsafe(connections[0].hear, "", "", None)
    assert connections[0].is_closed.wait(PATIENCE) and not connections[1].is_closed.is_set()
