# SPDX-License-Identifier: Apache-2.0
"""When a watcher counts, and what the rules say about observed runs.

Law: a connection proves nothing: only what the screen has shown, and when.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.core.authentication import KdcAnswer
from jitd.core.decision import Record, Terms, narrow_terms
from jitd.core.law import Actor, Role
from jitd.core.subject import Subject
from jitd.lifecycle.observing import ALIVE_FOR, Watch
from jitd.settings.policyfile import read
from jitd.verbs import observers
from jitd.verbs.access import Access
from jitd.verbs.observers import Observers
from jitd.verbs.refusal import Refusal
from tests.daemon.asking import ALICE, HERE, AskingHouse, Client, house  # noqa: F401
from tests.daemon.asking import BOB as BOB_HIMSELF
from tests.waiting import PATIENCE

BOB = Actor(Role.APPROVER, "bob@EXAMPLE.TEST", 4002)
RULE = """
[[permit]]
name = "seen"
who = ["group:dba"]
commands = [["**"]]
%s
"""
ASKED = 'approvals = [{ need = 1, from = ["group:ops"] }]'


def test_a_screen_counts_only_while_what_it_shows_is_fresh() -> None:
    """THREATS A-18"""
    watch = Watch("7KQ2-9F3M.1", BOB)
    number = watch.beat(100.0)
    assert watch.has_shown(number) and watch.is_alive(100.0 + ALIVE_FOR) and not watch.is_alive(100.1 + ALIVE_FOR)
    late = watch.beat(110.0)
    assert watch.has_shown(late) and not watch.is_alive(120.0), "when it was sent counts, and not when it was answered"


def test_a_beat_is_answered_once_and_no_other_number_is() -> None:
    """THREATS A-18"""
    watch = Watch("7KQ2-9F3M.1", BOB)
    first, second = watch.beat(100.0), watch.beat(102.0)
    assert watch.has_shown(second)
    assert not watch.has_shown(second) and not watch.has_shown(first) and not watch.has_shown(second + 1)


def test_of_two_rules_one_that_wants_a_watcher_is_enough() -> None:
    assert narrow_terms(Terms(observed=True), Terms()).observed and narrow_terms(Terms(), Terms(observed=True)).observed
    assert not narrow_terms(Terms(), Terms()).observed


def test_what_is_watched_is_recorded(tmp_path: Path) -> None:
    file = tmp_path / "50.toml"
    file.write_text(RULE % f'{ASKED}\nrun = {{ observed = "required" }}')
    (rule,), faults = read([file])
    assert faults == [] and rule.terms.observed and rule.terms.record == Record(what="output")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('run = { observed = "required" }', 'needs "approvals"'),
        (f'{ASKED}\nrun = {{ observed = "required", record = "none" }}', '"record" must be'),
        (f'{ASKED}\nrun = {{ observed = "required", record_failure = "continue" }}', '"record_failure" must be'),
        (f'{ASKED}\nrun = {{ observed = "required", watch = [] }}', '"watch" names nobody'),
        (f'{ASKED}\nservices = ["sudo"]\nrun = {{ observed = "required" }}', "what jitsudo runs"),
        (f'{ASKED}\nrun = {{ observed = "sometimes" }}', '"observed" must be'),
    ],
)
def test_a_rule_that_could_not_be_performed_is_a_fault(tmp_path: Path, keys: str, said: str) -> None:
    file = tmp_path / "50.toml"
    file.write_text(RULE % keys)
    assert [fault for fault in read([file])[1] if said in str(fault)], read([file])[1]


async def watching(house: AskingHouse, who: Subject) -> tuple[Any, str]:  # noqa: F811
    """The rows that ``who`` is sent, who watches what alice asks for; and the id of that request."""
    house.rules(approvals=house.policy.rules[0].approvals, terms=Terms(observed=True))
    held: Any = SimpleNamespace(refuse=lambda who, asked: None)
    config: Any = house.decider._config
    access = Access(config, house.store)
    verb = Observers(access, house.decider, house.perform.observing, held, house.store, house.workers, house.now)

    made = await Client(house).submit()

    async def again() -> Subject:
        return who

    return verb.observe(who, made.id, 0, HERE, again=again, begun=lambda seen: None), made.id


async def _to_the_end(rows: Any) -> None:
    async for _ in rows:
        pass


def test_a_watcher_whom_the_kdc_refuses_counts_no_more(house: AskingHouse, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """THREATS A-18"""
    monkeypatch.setattr(observers, "ASKED_AGAIN_EVERY", 0.0)
    monkeypatch.setattr(observers, "STANDS_FOR", 0.0)
    monkeypatch.setattr(observers, "LOOK_EVERY", 0.001)
    monkeypatch.setattr(observers, "SAID_EVERY", 0.0)

    async def play() -> None:
        rows, _ = await watching(house, BOB_HIMSELF)
        assert "waits" in await anext(rows)
        assert "waits" in await anext(rows), "one who is in order goes on"
        house.decider._kdc.answer = lambda principal: KdcAnswer.REFUSED  # type: ignore[method-assign]
        with pytest.raises(Refusal, match="disabled"):
            await asyncio.wait_for(_to_the_end(rows), PATIENCE)

    house.run(play())


def test_no_account_of_the_requester_may_watch(house: AskingHouse) -> None:  # noqa: F811
    """THREATS A-18"""
    other = replace(BOB_HIMSELF, person=ALICE.person)

    async def play() -> None:
        rows, id = await watching(house, other)
        before = list(house.store.runs(grant=id))
        with pytest.raises(Refusal, match="is your own, from another of your accounts"):
            await anext(rows)
        assert list(house.store.runs(grant=id)) == before
        rows, _ = await watching(house, BOB_HIMSELF)
        assert "waits" in await anext(rows)

    house.run(play())
