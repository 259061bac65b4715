# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the daemon, of jitd-outside and of jitd-programs while gatekeepers are asked: at the submission, after the last
approval, and at a later use. docs/crashes.md.

Law: they are asked again, the command runs once, and the record has one grant at most.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from jitd.core.request import Request, RequestState
from tests.marks import full
from tests.system.crashpoints import COMMITTED, WAL, after, before
from tests.system.gated import Gated, gated
from tests.system.halting import Halt, Step
from tests.waiting import is_living, wait_for

ENDED_WITHOUT_JITD = 125
PROCESSES = {"outside": "asked", "programs": "ticket"}
"""A process that asks, and the rule whose gatekeeper it asks."""


@pytest.fixture(scope="module")
def whole() -> Iterator[Gated]:
    with gated() as made:
        yield made


@pytest.fixture
def stage(whole: Gated) -> Iterator[Gated]:
    whole.start_anew()
    yield whole
    whole.start_anew()
    for request in whole.house.kept("requests"):
        whole.house.run("alice", "jitd", "withdraw", request.id)


def n_asked(stage: Gated) -> int:
    return len(stage.calendar.asked) + len(stage.ticket.pids)


def hold(stage: Gated) -> None:
    stage.calendar.hold()
    stage.ticket.hold()


def go_on(stage: Gated) -> None:
    stage.calendar.answer({"answer": "pass"})
    stage.ticket.answer({"answer": "pass"})


def kill(stage: Gated, victim: str) -> None:
    """It is there again afterwards: the daemon is started, and the others start when they are needed."""
    if victim == "daemon":
        stage.house.restart()
        return
    pid = stage.process(victim)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not is_living(pid), what="its end")


def until_pending(stage: Gated, made: Request) -> None:
    found = wait_for(lambda: (now := stage.found(made.id)).state is not RequestState.SCREENING and now, what="an answer")
    assert found.state is RequestState.PENDING, found.because


OTHER_RULE = full("every day, the daemon is killed while one kind of gatekeeper is asked; the other test has the other kind")


@pytest.mark.parametrize(
    ("victim", "rule"), [("daemon", "asked"), pytest.param("daemon", "ticket", marks=OTHER_RULE), *PROCESSES.items()]
)
def test_killed_while_they_are_asked_first_and_last(stage: Gated, victim: str, rule: str) -> None:
    """It is killed twice: while the request is SCREENING, and when its last approval has come."""
    hold(stage)
    client = stage.start(rule)
    made = stage.submitted()
    wait_for(lambda: n_asked(stage) == 1 and "asking" in client.err_with_news, what="the question, and that the client is told")
    kill(stage, victim)
    wait_for(lambda: n_asked(stage) == 2, what="the question once more")
    assert stage.found(made.id).state is RequestState.SCREENING and stage.found(made.id).expires_boot == made.expires_boot
    go_on(stage)
    until_pending(stage, made)
    hold(stage)
    stage.approve(made.id)
    wait_for(lambda: n_asked(stage) == 3, what="the question after the approval")
    kill(stage, victim)
    wait_for(lambda: n_asked(stage) == 4, what="that question once more")
    assert stage.found(made.id).state is RequestState.PENDING and stage.ran == [] and not stage.n_granted()[made.id]
    go_on(stage)
    assert client.end() == 0, client.err
    assert stage.ran == [rule] and stage.n_granted()[made.id] == 1
    assert stage.events(made.id).count("request.reviewed") == 1


@pytest.mark.parametrize(
    ("victim", "rule"), [pytest.param("daemon", "asked", marks=OTHER_RULE), ("daemon", "ticket"), *PROCESSES.items()]
)
def test_killed_while_they_are_asked_about_a_later_use(stage: Gated, victim: str, rule: str) -> None:
    """The grant is as before. Without the daemon the client's question is over, and it may come again."""
    stored = stage.start(rule, "--no-wait")
    assert stored.end() == 0, stored.err
    made = stage.submitted()
    until_pending(stage, made)
    stage.approve(made.id)
    wait_for(lambda: stage.found(made.id).state is RequestState.APPROVED, what="the grant")
    before = n_asked(stage)
    hold(stage)
    taken = stage.resume(made.id)
    wait_for(lambda: n_asked(stage) == before + 1, what="the question about the use")
    kill(stage, victim)
    if victim == "daemon":
        go_on(stage)
        if taken.end() != 0:
            assert taken.process.returncode == ENDED_WITHOUT_JITD and stage.ran == [], taken.err
            taken = stage.resume(made.id)
    else:
        wait_for(lambda: n_asked(stage) == before + 2, what="that question once more")
        assert stage.ran == []
        go_on(stage)
    assert taken.end() == 0, taken.err
    assert stage.ran == [rule] and stage.n_granted()[made.id] == 1
    assert stage.resume(made.id).end() != 0 and stage.ran == [rule]


STEPS = {"before it commits the answer": before(WAL), "when the answer is committed and nothing done": after(COMMITTED)}


@pytest.mark.parametrize("step", STEPS.values(), ids=list(STEPS))
def test_the_daemon_is_killed_when_all_have_passed(stage: Gated, step: Step) -> None:
    hold(stage)
    client = stage.start("free")
    made = stage.submitted()
    wait_for(lambda: stage.calendar.asked and "asking" in client.err_with_news, what="the question, and that the client is told")
    daemon = stage.house.process
    assert daemon is not None
    with Halt(daemon.pid, (step,)) as halt:
        go_on(stage)
        assert halt.reached() == daemon.pid
        daemon.kill()
    daemon.wait()
    stage.house.start()
    assert client.end() == 0, client.err
    assert stage.ran == ["free"] and stage.n_granted()[made.id] == 1
