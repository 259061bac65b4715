# SPDX-License-Identifier: Apache-2.0
"""One call of the roll at a desk, and what a host that knows its ID can do to it."""

from __future__ import annotations

import asyncio
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
        made.append(SimpleNamespace(is_lost=False, n_carried=0))
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
