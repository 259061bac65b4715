# SPDX-License-Identifier: Apache-2.0
"""The roll at a real door: what an agent hears that is nobody, and what it cannot do or take."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from jitd.audit import sshsig
from jitpam.wire import messages
from tests.attacks.at_door import AtDoor, at_door, door_house
from tests.attacks.mutated_wire import golden
from tests.attacks.raw import Raw, connected, uid_of
from tests.system.conftest import House
from tests.waiting import wait_for

POLICY = """
[[permit]]
name = "one-approval"
who = ["user:alice"]
run_as = ["root"]
commands = [["**"]]
approvals = [{ need = 1, from = ["user:bob"], door = true }]
"""
MOST_AGENTS = 4
ROLL = messages.Roll()


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = door_house(tmp_path_factory.mktemp("roll"), policy=POLICY)
    yield made
    made.verify()
    made.close()


@pytest.fixture
def flooding(tmp_path: Path) -> Iterator[House]:
    """A jitd that says its word a thousand times a second."""
    made = door_house(tmp_path, "from jitd.verbs import roll\nroll.EVERY = roll.APART = 0.001\n", policy=POLICY)
    yield made
    made.close()


class Agent(AtDoor):
    """One that has the roll called. It is root here, and the door does not look."""

    def __init__(self, house: House, uid: int = 0) -> None:
        super().__init__(house, source="", uid=uid)
        self.say(ROLL)

    def word(self) -> dict[str, Any]:
        heard = self.hear()
        assert isinstance(heard, messages.Item), heard
        return heard.row


def key_of(house: House) -> bytes:
    return sshsig.read_public(house.jitd("audit", "key").stdout)


def is_signed(house: House, word: dict[str, Any]) -> bool:
    sshsig.check_signature(key_of(house), "jitd-roll", word["signed"].encode(), word["signature"])
    return True


def waits(house: House) -> str:
    with connected(house, "alice") as alice:
        return alice.submit("id", os.urandom(4).hex(), waits=False)


def test_an_agent_without_a_ticket_hears_a_signed_word_at_once_and_one_after_each_change(door: House) -> None:
    with Agent(door) as agent:
        assert is_signed(door, agent.word())
        id = waits(door)
        n_open = len(door.kept("requests"))
        word = wait_for(lambda: (heard := agent.word())["waiting"] == n_open and heard, what="a word of the request")
        with connected(door, "alice") as alice:
            alice.ask(messages.Withdraw(id=id))
        last = wait_for(lambda: (heard := agent.word())["waiting"] == n_open - 1 and heard, what="a word of its end")
        assert is_signed(door, last) and last["number"] > word["number"]


def test_a_word_names_no_request_no_person_and_no_command(door: House) -> None:
    """THREATS F-29."""
    with Agent(door) as agent:
        agent.word()
        with connected(door, "alice") as alice:
            id = alice.submit("id", "of-a-secret", waits=False)
        word = agent.word()
        assert word.keys() == {"form", "host", "waiting", "number", "seal", "at", "signed", "signature"}
        assert not {one for one in (id, "alice", "secret", "EXAMPLE") if one in str(word)}


def test_who_has_a_ticket_gets_the_word_that_the_agent_got_under_the_seal_of_the_host(door: House) -> None:
    with Agent(door) as agent, at_door(door, "bob") as bob:
        word = agent.word()
        rows = bob.rows(ROLL)
        assert len(rows) == 1 and is_signed(door, rows[0])
        assert rows[0]["number"] >= word["number"]


def test_an_agent_that_says_anything_more_is_closed_and_nothing_is_recorded(door: House) -> None:
    """THREATS F-27."""
    before = door.head()
    for message in golden():
        with Agent(door) as agent:
            agent.word()
            agent.say(message)
            assert agent.is_closed(), message
    assert door.head() == before


def test_the_local_socket_has_no_roll(door: House) -> None:
    with Raw(door, uid_of("alice")) as raw:
        raw.say(ROLL)
        assert raw.is_closed()
    with connected(door, "alice") as alice:
        alice.say(ROLL)
        assert alice.is_closed()


def test_after_a_carriers_frame_nobody_has_the_roll_called(door: House) -> None:
    with AtDoor(door) as raw:
        raw.say(ROLL)
        assert raw.is_closed()


def test_few_agents_have_the_roll_called_and_they_take_no_place_of_anybody(door: House) -> None:
    """THREATS F-27."""
    with ExitStack() as open_ones:
        agents = [open_ones.enter_context(Agent(door)) for _ in range(MOST_AGENTS)]
        for agent in agents:
            agent.word()
        with Agent(door) as one_too_many:
            refused = one_too_many.hear()
            assert isinstance(refused, messages.Refused) and refused.code == "not_done"
            assert one_too_many.is_closed()
        for k in range(64):  # all places of strangers
            open_ones.enter_context(AtDoor(door, source=f"10.7.{k // 16}.{k}"))
        waits(door)
        for agent in agents:
            assert agent.word()["number"]
    wait_for(lambda: is_room(door), what="a place that is free again")


def is_room(house: House) -> bool:
    with Agent(house) as agent:
        return isinstance(agent.hear(), messages.Item)


def test_an_agent_that_does_not_read_is_dropped_and_one_that_reads_goes_on(flooding: House) -> None:
    """THREATS F-27."""
    with ExitStack() as open_ones:
        silent = [open_ones.enter_context(Agent(flooding)) for _ in range(MOST_AGENTS - 1)]
        reads = open_ones.enter_context(Agent(flooding))
        n_heard = 0
        while not is_room(flooding):
            n_heard += len([reads.word() for _ in range(100)])
            assert n_heard < 5000, "the kernel keeps some hundreds for who does not read, and jitd none"
        assert all(one.is_closed() for one in silent)
        assert reads.word()
