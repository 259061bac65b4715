# SPDX-License-Identifier: Apache-2.0
"""Local passwords in the daemon: when they are taken, how many tries there are, and what the record has of them."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jitd.core import chain
from jitd.core.effects import Moment
from jitd.core.subject import Subject
from jitd.server.local_proofs import EACH, FAILED, LASTS_FOR, MOST_OPEN, MOST_TRIES, LocalProofs
from jitd.store import StoreError
from jitd.verbs.refusal import Refusal
from tests.waiting import PATIENCE

NOW = Moment(datetime(2026, 1, 2, 12, tzinfo=UTC), 50_000.0, "boot")
WHO = Subject("pam:alice", "alice", 4001, 4001, frozenset(), "alice", NOW.at + LASTS_FOR)


class Record:
    """A store of which only the records are read."""

    def __init__(self, bodies: list[bytes]) -> None:
        self.bodies = bodies

    def newest(self) -> Iterator[bytes]:
        yield from self.bodies

    def close(self) -> None:
        self.bodies.clear()


class Stage:
    """What the proofs need of a daemon: ``answers`` of the process that checks, ``records`` of the chain, newest first."""

    def __init__(self) -> None:
        self.now = NOW
        self.is_taken = self.is_unreachable = True
        self.answers: list[bool | None | OSError] = []
        self.records: list[bytes] = []
        self.n_opened = 0
        self.fault: Exception | None = None
        self.may_read = threading.Event()
        self.may_read.set()
        self.until: asyncio.Event | None = None  # when passwords are typed; None if at once
        self.proofs = self.anew()

    def anew(self) -> LocalProofs:
        """Return the proofs of a daemon that was started again."""
        self.proofs = LocalProofs(
            lambda: self.is_taken, lambda: self.is_unreachable, self._check, self._opened, self._note, lambda: self.now
        )
        return self.proofs

    async def _check(self, user: str, source: socket.socket) -> bool | None:
        source.close()
        if self.until is not None:
            await self.until.wait()
        answer = self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    def _opened(self) -> Any:
        self.n_opened += 1
        self.may_read.wait(PATIENCE)
        if self.fault is not None:
            raise self.fault
        return Record(list(self.records))

    def _note(self, name: str, actor: str, uid: int, detail: dict[str, Any]) -> None:
        self.records.insert(0, chain.note(name, actor, uid, self.now, "", detail, random=bytes(16)))

    def guess(self, answer: bool | None | OSError) -> bool:
        """Give one password, and have ``answer`` said of it."""
        self.answers = [answer]

        async def done() -> bool:
            ours, judged = await self.proofs.begin(WHO)
            ours.close()
            return await judged

        return asyncio.run(done())

    def later(self, seconds: float) -> None:
        self.now = Moment(self.now.at + timedelta(seconds=seconds), self.now.boot + seconds, self.now.boot_id)


def test_five_wrong_passwords_in_an_hour_are_the_last_also_for_the_next_daemon() -> None:
    """THREATS K-21."""
    stage = Stage()
    for left in reversed(range(MOST_TRIES)):
        assert not stage.guess(False)
        assert json.loads(stage.records[0])["detail"] == {"person": "alice", "tries_left": left}
    for _ in range(2):
        with pytest.raises(Refusal, match="5 wrong passwords within an hour: try again in 60 min"):
            stage.guess(True)
        assert len(stage.records) == MOST_TRIES, "what is refused is not recorded"
        stage.anew()
    stage.later(3601)
    assert stage.guess(True)


def test_earlier_tries_are_found_among_many_records_and_old_ones_are_forgotten() -> None:
    """THREATS K-21."""
    stage = Stage()
    for _ in range(MOST_TRIES):
        assert not stage.guess(False)
    other = chain.note("run.ended", "proof.failed@EXAMPLE.TEST", 0, stage.now, "", {"because": "proof.failed"}, random=bytes(16))
    stage.records[:0] = [other] * (3 * EACH + 1)
    stage.anew()
    with pytest.raises(Refusal, match="5 wrong passwords"):
        stage.guess(True)
    stage.later(3601)
    stage.anew()
    assert stage.guess(True)


def test_the_record_is_read_beside_the_event_loop_and_once() -> None:
    stage = Stage()
    stage.may_read.clear()

    async def at_once() -> None:
        stage.answers = [None, None]
        both = [asyncio.create_task(stage.proofs.begin(WHO)) for _ in range(2)]
        while not stage.n_opened:
            await asyncio.sleep(0)  # other work goes on while the record is read
        assert not any(one.done() for one in both)
        stage.may_read.set()
        for ours, judged in await asyncio.gather(*both):
            ours.close()
            await judged

    asyncio.run(at_once())
    assert stage.n_opened == 1


@pytest.mark.parametrize("fault", [StoreError("damaged"), OSError(5, "I/O error")])
def test_no_password_is_asked_for_while_earlier_tries_cannot_be_read(fault: Exception) -> None:
    """THREATS K-21."""
    stage = Stage()
    stage.fault = fault
    for _ in range(2):
        with pytest.raises(Refusal, match="cannot be read here") as no:
            stage.guess(True)
        assert no.value.code == "failed" and stage.answers == [True], "nothing was checked"
    stage.fault = None
    assert stage.guess(True)


def test_a_right_password_costs_no_try_and_neither_does_nothing_or_a_stack_that_is_missing() -> None:
    stage = Stage()
    for _ in range(MOST_TRIES + 1):
        assert stage.guess(True)
        assert not stage.guess(None)
        with pytest.raises(Refusal, match="cannot be checked here"):
            stage.guess(OSError(0, "no stack"))
    assert stage.records == []


def test_prompts_that_are_open_are_bounded_and_called_what_they_are() -> None:
    """THREATS K-21."""
    stage = Stage()

    async def at_once() -> None:
        stage.answers, stage.until = [None] * MOST_OPEN, asyncio.Event()
        begun = [await stage.proofs.begin(WHO) for _ in range(MOST_OPEN)]
        with pytest.raises(Refusal, match="2 prompts for your password are open already"):
            await stage.proofs.begin(WHO)
        assert stage.proofs.n_left(WHO) == MOST_TRIES, "a prompt is no wrong password"
        stage.until.set()
        for ours, judged in begun:
            ours.close()
            assert not await judged

    asyncio.run(at_once())
    stage.until = None
    assert stage.guess(True), "prompts that have ended are not open"
    assert stage.records == []


def test_tries_that_are_under_way_count() -> None:
    """THREATS K-21."""
    stage = Stage()
    for _ in range(MOST_TRIES - 1):
        assert not stage.guess(False)

    async def at_once() -> None:
        stage.answers, stage.until = [False], asyncio.Event()
        ours, judged = await stage.proofs.begin(WHO)
        with pytest.raises(Refusal, match="1 prompt for your password is open already"):
            await stage.proofs.begin(WHO)
        stage.until.set()
        ours.close()
        assert not await judged

    asyncio.run(at_once())
    stage.until = None
    with pytest.raises(Refusal, match="wrong passwords"):
        stage.guess(True)


def test_prompts_are_opened_only_so_fast() -> None:
    """THREATS K-21."""
    stage = Stage()
    with pytest.raises(Refusal, match="too many prompts"):
        for _ in range(1000):
            stage.guess(None)
    stage.later(60)
    assert stage.guess(True)


@pytest.mark.parametrize(("taken", "unreachable"), [(False, True), (True, False)])
def test_nothing_is_asked_while_a_kdc_answers_or_no_rule_takes_it(taken: bool, unreachable: bool) -> None:
    """THREATS K-22."""
    stage = Stage()
    stage.is_taken, stage.is_unreachable = taken, unreachable
    with pytest.raises(Refusal) as no:
        stage.guess(True)
    assert no.value.code == "denied" and stage.records == [] and stage.answers == [True]


@pytest.mark.parametrize(
    "said", ["get", "lock", "unlock", "reload", "reloadtested", "audit", "export", "pack", "suppose", "enforce", "replay", "mute"]
)
def test_without_a_ticket_some_verbs_are_refused(said: str) -> None:
    stage = Stage()
    with pytest.raises(Refusal) as no:
        asyncio.run(stage.proofs.admit(WHO, said))
    assert no.value.code == "forbidden"


def test_a_proof_ends_with_the_outage_and_after_an_hour() -> None:
    """THREATS K-22."""
    stage = Stage()
    asyncio.run(stage.proofs.admit(WHO, "submit"))
    stage.later(LASTS_FOR.total_seconds())
    with pytest.raises(Refusal, match="more than an hour ago"):
        asyncio.run(stage.proofs.admit(WHO, "submit"))
    stage.is_unreachable = False
    with pytest.raises(Refusal, match="a KDC of the realm can be reached") as no:
        asyncio.run(stage.proofs.admit(WHO, "submit"))
    assert no.value.code == "unauthenticated"
    assert FAILED not in str(stage.records)
