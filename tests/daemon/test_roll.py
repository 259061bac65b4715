# SPDX-License-Identifier: Apache-2.0
"""The word of a host, and who gets it when. The clock stands still until a test moves it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd.audit import sshsig
from jitd.audit.forms import Word, read_word
from jitd.audit.signing import CannotSign, Signing
from jitd.core.condition import Line
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store.sqlite import SqliteStore
from jitd.verbs import roll as rolls
from jitd.verbs.refusal import Refusal
from jitd.verbs.roll import APART, EVERY, Roll
from jitd.verbs.rows import Row
from tests.scene import moment

HOST = "db1.example.test"


class Timer:
    def __init__(self, at: float, work: Callable[[], None]) -> None:
        self.at, self.work, self.is_cancelled = at, work, False

    def cancel(self) -> None:
        self.is_cancelled = True


class Scene:
    """A roll of a signing that can fail, its clock, and its timers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at, self.n_waiting, self.n_signed, self.fails = 1000.0, 0, 0, False
        self.timers: list[Timer] = []
        monkeypatch.setattr(rolls.time, "monotonic", lambda: self.at)
        monkeypatch.setattr(rolls.asyncio, "get_running_loop", lambda: self)
        signing: Any = self
        self.roll = Roll(signing, lambda: self.n_waiting)

    def word(self, waiting: int) -> Word:
        if self.fails:
            raise CannotSign("no")
        self.n_signed += 1
        return Word(HOST, waiting, 7, bytes(32), moment().at, "s")

    def call_later(self, left: float, work: Callable[[], None]) -> Timer:
        self.timers.append(Timer(self.at + left, work))
        return self.timers[-1]

    def agent(self) -> list[int]:
        """What a new agent hears: how many wait, of each word."""
        heard: list[int] = []
        self.roll.tell(lambda row: heard.append(row["waiting"]))
        return heard

    def go(self, until: float) -> None:
        """Let the time pass."""
        while ready := sorted((one for one in self.timers if not one.is_cancelled and one.at <= until), key=lambda one: one.at):
            self.at = max(self.at, ready[0].at)
            self.timers.remove(ready[0])
            ready[0].work()
        self.at = until

    def change(self, n_waiting: int) -> None:
        self.n_waiting = n_waiting
        self.roll.signed(8)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


def test_an_agent_hears_a_word_at_once_another_each_minute_and_one_after_a_change(scene: Scene) -> None:
    heard = scene.agent()
    assert heard == [0]
    scene.go(1000 + EVERY - 0.1)
    assert heard == [0]
    scene.go(1000 + EVERY)
    assert heard == [0, 0]
    scene.at += 5
    scene.change(2)
    scene.go(scene.at)
    assert heard == [0, 0, 2]
    scene.go(scene.at + EVERY)
    assert heard == [0, 0, 2, 2]


def test_an_agent_that_has_gone_is_told_of_until_another_one_is_there(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def agents() -> int:
        (family,) = scene.roll.gauges()
        return family.samples[0][2]

    assert (list(scene.roll.lines(0.0)), agents()) == ([], 0), "most hosts have none"
    first, second = (lambda row: None), (lambda row: None)
    scene.roll.tell(first)
    assert (list(scene.roll.lines(0.0)), agents()) == ([Line("door", "1 agent with an engine")], 1)
    scene.roll.tell(second)
    scene.roll.tell_no_more(first)
    assert [line.is_well for line in scene.roll.lines(0.0)] == [True], "another engine is there"
    monkeypatch.setattr(rolls.time, "time", lambda: 500.0)
    scene.roll.tell_no_more(second)
    told = "no agent with an engine, for 3 minutes by now, so nobody comes by one: journalctl -u jitd-door-nats"
    assert (list(scene.roll.lines(680.0)), agents()) == ([Line("door", told, False)], 0)
    scene.roll.tell(first)
    assert [line.is_well for line in scene.roll.lines(680.0)] == [True]


def test_changes_are_told_once_a_second_and_the_last_one_is_never_left_out(scene: Scene) -> None:
    """THREATS F-27: nor do they put off each other."""
    heard = scene.agent()
    for number in range(1, 26):
        scene.go(scene.at + 0.1)
        scene.change(number)
    assert len(heard) == 3
    scene.go(scene.at + APART)
    assert heard[-1] == 25 and len(heard) == 4 and scene.n_signed == 4


def test_however_many_connect_and_however_often_one_word_a_second_is_signed(scene: Scene) -> None:
    """THREATS F-27."""
    for _ in range(50):
        told: list[Row] = []
        scene.roll.tell(told.append)
        scene.roll.tell_no_more(told.append)
        assert len(told) == 1
        scene.roll.word()
    assert scene.n_signed == 1
    scene.go(scene.at + APART)
    agents = [scene.agent() for _ in range(4)]
    assert scene.n_signed == 2
    scene.change(1)
    scene.go(scene.at + APART)
    assert agents == [[0, 1]] * 4 and scene.n_signed == 3


def test_who_asks_by_themselves_gets_the_word_that_agents_got_last(scene: Scene) -> None:
    """A newer one would call the word of an honest agent old."""
    heard = scene.agent()
    scene.go(scene.at + 30)
    scene.n_waiting = 3
    assert scene.roll.word()["waiting"] == heard[-1] == 0
    scene.change(3)
    scene.go(scene.at)
    assert scene.roll.word()["waiting"] == heard[-1] == 3


def test_without_agents_nothing_is_signed_and_no_timer_is_set(scene: Scene) -> None:
    scene.change(1)
    told: list[Row] = []
    scene.roll.tell(told.append)
    scene.roll.tell_no_more(told.append)
    scene.change(2)
    scene.go(scene.at + 10 * EVERY)
    assert scene.n_signed == len(told) == 1 and all(one.is_cancelled for one in scene.timers)


def test_a_change_within_the_second_in_which_the_first_agent_comes_is_told(scene: Scene) -> None:
    scene.roll.word()
    scene.change(1)
    heard = scene.agent()
    scene.go(scene.at + APART)
    assert heard == [0, 1]


def test_if_the_word_cannot_be_signed_there_is_none_and_it_is_told_again_after_the_next_checkpoint(scene: Scene) -> None:
    scene.fails = True
    with pytest.raises(Refusal) as refused:
        scene.agent()
    assert refused.value.code == "failed"
    scene.fails = False
    scene.go(scene.at + APART)
    heard = scene.agent()
    scene.fails = True
    scene.go(scene.at + EVERY)
    assert heard == [0]
    with pytest.raises(Refusal):
        scene.roll.word()
    scene.fails = False
    scene.change(1)
    scene.go(scene.at + APART)
    assert heard == [0, 1]


def test_an_agent_that_ends_while_it_is_told_is_told_no_more_and_the_others_are(scene: Scene) -> None:
    heard: list[Row] = []

    def ends(row: Row) -> None:
        heard.append(row)
        scene.roll.tell_no_more(ends)

    scene.roll.tell(ends)
    other = scene.agent()
    scene.change(1)
    scene.go(scene.at + APART)
    assert (len(heard), other) == (1, [0, 1])


# --- the word


@pytest.fixture
def signing(tmp_path: Path) -> Iterator[Signing]:
    store = SqliteStore(tmp_path / "jitd.db")
    made: Signing
    lifecycle = Lifecycle(store, moment, lambda: "policy-1", lambda head: made.follow(head))
    made = Signing(store, HOST, tmp_path, moment, lifecycle.note)
    lifecycle.note("policy.loaded", "root", 0, {"rules": 1})
    yield made
    store.close()


def test_a_word_is_of_the_latest_checkpoint_and_signed_by_its_key_in_a_namespace_of_its_own(signing: Signing) -> None:
    """THREATS F-26: so nothing else that this key signs is a word, and no word is a checkpoint."""
    signing.sign()
    word = signing.word(3)
    assert read_word(json.dumps(word.members())) == word
    last = signing._store.last_checkpoint()
    assert last is not None and (word.host, word.waiting, word.number, word.seal) == (HOST, 3, last.number, last.seal)
    public = sshsig.read_public(signing.public_line())
    sshsig.check_signature(public, "jitd-roll", word.signed.encode(), word.signature)
    with pytest.raises(sshsig.BadSignature):
        sshsig.check_signature(public, "jitd-checkpoint", word.signed.encode(), word.signature)
    with pytest.raises(ValueError, match="form"):
        read_word(last.line())


def test_there_is_no_word_before_the_first_checkpoint(signing: Signing) -> None:
    with pytest.raises(CannotSign):
        signing.word(0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("waiting", value) for value in (-1, 1.0, True, "0", None, 1 << 63)),
        *(("host", value) for value in ("", "a b", "ä", "db1\nwaiting 0", None)),
        *(("number", value) for value in (0, -1, "7")),
        *(("seal", value) for value in ("", "00" * 31, "G" * 64)),
        *(("at", value) for value in ("2026-11-29", "2026-11-29T25:00:00Z", "2026-11-29T09:40:00+00:00")),
        *(("signed", value) for value in ("", "jitd roll 1\n")),
        ("signature", "x"),
        ("form", "jitd checkpoint 1"),
    ],
)
def test_a_word_that_is_not_exactly_one_is_not_read(name: str, value: object, signing: Signing) -> None:
    signing.sign()
    with pytest.raises(ValueError, match="has|says"):
        read_word(json.dumps(signing.word(0).members() | {name: value}))


@pytest.mark.parametrize("name", ["waiting", "host", "number", "seal", "at"])
def test_what_stands_beside_the_signed_text_is_what_was_signed(name: str, signing: Signing) -> None:
    """THREATS F-26."""
    signing.sign()
    word = signing.word(1).members()
    other = {"waiting": 0, "host": "web2.example.test", "number": 99, "seal": "11" * 32, "at": "2030-01-01T00:00:00Z"}
    with pytest.raises(ValueError, match="says something else"):
        read_word(json.dumps(word | {name: other[name]}))
