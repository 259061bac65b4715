# SPDX-License-Identifier: Apache-2.0
"""Gatekeepers and a provider, the whole way: a server with TLS, programs, a daemon, and the people's own commands.

Law: nothing runs before all have passed; whatever else they say, nothing has changed but what is recorded.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

import pytest

from jitd.core.request import RequestState
from tests.system.gated import APPROVED, FREEZE, PASS, Gated, gated
from tests.waiting import is_living, wait_for

OWED, DENIED, DENIED_BY_A_PERSON = 118, 121, 122


@pytest.fixture(scope="module")
def whole() -> Iterator[Gated]:
    with gated() as made:
        yield made


@pytest.fixture
def stage(whole: Gated) -> Iterator[Gated]:
    """All pass at once, and nothing has run."""
    whole.start_anew()
    yield whole
    whole.calendar.answer(PASS)
    whole.ticket.answer(PASS)


# --- when it is made -------------------------------------------------------------------------------------------------


def test_while_they_are_asked_approvers_see_whom_and_nobody_reviews_or_runs_anything(stage: Gated) -> None:
    stage.calendar.hold()
    client = stage.start("asked")
    made = stage.submitted()
    wait_for(lambda: stage.calendar.asked, what="the question")
    assert made.state is RequestState.SCREENING
    (line,) = (line for line in stage.house.jitd("requests", who="bob").stdout.splitlines() if made.id in line)
    assert "asking calendar, " in line
    assert "asking" in stage.house.jitd("show", made.id, who="bob").stdout
    for done in (stage.house.approve(made.id), stage.house.deny(made.id)):
        assert done.returncode != 0 and f"{made.id} cannot be reviewed yet: asking calendar" in done.stderr
    assert stage.found(made.id) == made and stage.house.kept("grants") == []
    stage.calendar.answer(PASS)
    wait_for(lambda: stage.found(made.id).state is RequestState.PENDING, what="the turn of the approvers")
    stage.approve(made.id)
    assert client.end() == 0, client.err
    assert stage.ran == ["asked"] and stage.n_granted()[made.id] == 1


def test_a_pass_runs_it_and_the_question_has_what_was_asked(stage: Gated) -> None:
    client = stage.start("free", "--reason", "CHG-1")
    assert client.end() == 0, client.err
    assert stage.ran == ["free"]
    (asked,) = stage.calendar.asked
    told = json.loads(asked.body)
    (made,) = stage.house.kept("requests", ended=True)[-1:]
    assert (told["id"], told["fingerprint"]) == (made.id, made.fingerprint.hex())
    assert told["requester"]["principal"] == "alice@EXAMPLE.TEST" and told["command"]["argv"] == stage.command("free")
    assert "CHG-1" in json.dumps(told["claims"]) and made.id not in asked.target


def test_a_no_denies_in_its_words_and_nothing_runs(stage: Gated) -> None:
    stage.calendar.says = FREEZE
    client = stage.start("free")
    assert client.end() == DENIED
    assert 'calendar says: "freeze until Monday"' in client.err
    assert stage.ran == [] and stage.house.kept("grants") == []


def test_a_gatekeeper_may_require_an_approval_and_is_asked_again_when_it_is_there(stage: Gated) -> None:
    stage.calendar.says = APPROVED
    client = stage.start("free")
    made = stage.submitted()
    wait_for(lambda: stage.found(made.id).state is RequestState.PENDING, what="the turn of the approvers")
    assert stage.ran == [] and len(stage.calendar.asked) == 1
    stage.approve(made.id)
    assert client.end() == 0, client.err
    assert stage.ran == ["free"] and len(stage.calendar.asked) == 2


def test_a_program_may_deny_pass_and_fail(stage: Gated) -> None:
    stage.ticket.answer(FREEZE)
    refused = stage.start("ticket")
    assert refused.end() == DENIED and 'ticket says: "freeze until Monday"' in refused.err
    stage.ticket.answer(PASS)
    client = stage.start("ticket")
    made = stage.submitted()
    wait_for(lambda: stage.found(made.id).state is RequestState.PENDING, what="the turn of the approvers")
    stage.approve(made.id)
    assert client.end() == 0, client.err
    (stage.ticket.place / "says").write_text("no JSON")  # last: a failure is kept for a second
    failed = stage.start("ticket")
    assert failed.end() == DENIED and "gatekeeper ticket did not answer: " in failed.err
    assert stage.ran == ["ticket"] and len(stage.ticket.pids) == 4


def test_the_answer_to_another_question_is_no_answer(stage: Gated) -> None:
    stage.calendar.says = {**PASS, "fingerprint": "00" * 32}
    client = stage.start("free")
    assert client.end() == DENIED and "gatekeeper calendar did not answer: " in client.err
    assert stage.ran == []


# --- later -----------------------------------------------------------------------------------------------------------


def test_they_are_asked_anew_after_the_last_approval_which_is_recorded_at_once(stage: Gated) -> None:
    client = stage.start("asked")
    made = stage.submitted()
    wait_for(lambda: stage.found(made.id).state is RequestState.PENDING, what="the turn of the approvers")
    stage.calendar.hold()
    done = stage.house.approve(made.id)
    assert done.returncode == 0 and "your approval counts; asking calendar" in done.stdout + done.stderr
    wait_for(lambda: len(stage.calendar.asked) == 2, what="the second question")
    told = json.loads(stage.calendar.asked[1].body)
    assert told["id"] == made.id and "bob@EXAMPLE.TEST" in json.dumps(told)
    waiting = stage.found(made.id)
    assert waiting.state is RequestState.PENDING and len(waiting.reviews) == 1 and stage.ran == []
    assert "request.reviewed" in stage.events(made.id) and not stage.n_granted()[made.id]
    stage.calendar.answer(FREEZE)
    assert client.end() == DENIED and 'calendar says: "freeze until Monday"' in client.err
    assert stage.ran == [] and not stage.n_granted()[made.id]


def test_they_are_asked_anew_at_each_use_of_a_lease(stage: Gated) -> None:
    first = stage.start("leased", "--for", "10m", "--uses", "3")
    made = stage.submitted()
    wait_for(lambda: stage.found(made.id).state is RequestState.PENDING, what="the turn of the approvers")
    stage.approve(made.id)
    assert first.end() == 0, first.err
    assert stage.start("leased").end() == 0
    n_asked = len(stage.calendar.asked)
    assert stage.ran == ["leased"] * 2 and n_asked == 3
    stage.calendar.says = FREEZE
    refused = stage.start("leased")
    assert refused.end() == DENIED and 'calendar says: "freeze until Monday"' in refused.err
    assert stage.ran == ["leased"] * 2 and len(stage.calendar.asked) == n_asked + 1
    (grant,) = (grant for grant in stage.house.kept("grants") if grant.id == made.id)
    assert grant.left == 1, "what was denied took no use"
    assert stage.house.jitd("revoke", made.id, "--reason", "done").returncode == 0


def test_they_are_asked_anew_at_resume(stage: Gated) -> None:
    stored = stage.start("asked", "--no-wait")
    assert stored.end() == 0, stored.err
    made = stage.submitted()
    wait_for(lambda: stage.found(made.id).state is RequestState.PENDING, what="the turn of the approvers")
    stage.approve(made.id)
    wait_for(lambda: stage.found(made.id).state is RequestState.APPROVED, what="the grant")
    n_asked = len(stage.calendar.asked)
    stage.calendar.says = FREEZE
    refused = stage.resume(made.id)
    assert refused.end() == DENIED and 'calendar says: "freeze until Monday"' in refused.err
    assert stage.ran == [] and len(stage.calendar.asked) == n_asked + 1
    stage.calendar.says = PASS
    taken = stage.resume(made.id)
    assert taken.end() == 0, taken.err
    assert stage.ran == ["asked"] and stage.n_granted()[made.id] == 1
    assert stage.resume(made.id).end() != 0 and stage.ran == ["asked"]


def test_a_provider_s_fact_is_asked_at_each_decision_and_decides(stage: Gated) -> None:
    assert stage.start("risky").end() == 0
    stage.ticket.rate(80)
    refused = stage.start("risky")
    assert refused.end() == DENIED and "no rule permits this" in refused.err
    stage.ticket.rate_not()
    failed = stage.start("risky")
    assert failed.end() == DENIED and "rule risky: fact.risk is not known: " in failed.err
    assert stage.ran == ["risky"] and stage.ticket.n_asked_for_risk == 3


# --- who is not asked, and who is not asked any more --------------------------------------------------------------------


def test_with_n_a_pass_runs_it_and_an_approval_that_is_then_owed_withdraws_it(stage: Gated) -> None:
    passed = stage.start("free", "-n")
    assert passed.end() == 0, passed.err
    assert stage.ran == ["free"]
    stage.calendar.says = APPROVED
    owed = stage.start("free", "-n")
    assert owed.end() == OWED, owed.err
    made = stage.house.kept("requests", ended=True)[-1]
    assert made.state is RequestState.WITHDRAWN and len(stage.calendar.asked) == 2
    assert stage.ran == ["free"] and not stage.n_granted()[made.id]


def test_a_list_and_an_explanation_ask_nobody(stage: Gated) -> None:
    head = stage.house.head()
    for rule in ("free", "ticket", "risky"):
        listed = stage.house.sudo("alice", "-l", *stage.command(rule))
        explained = stage.house.jitd("explain", "--", *stage.command(rule), who="alice")
        supposed = stage.house.jitd("explain", "--as", "alice@EXAMPLE.TEST", "--", *stage.command(rule))
        assert "usage" not in (listed.stderr + explained.stderr + supposed.stderr).lower()
        said = explained.stdout + explained.stderr
        assert {"free": "calendar", "ticket": "ticket", "risky": "risk"}[rule] in said, said
    assert stage.house.jitd("check", str(stage.house.root / "policy.d")).returncode in (0, 1)
    assert stage.calendar.asked == [] and stage.ticket.pids == [] and stage.ticket.n_asked_for_risk == 0
    assert stage.house.head() == head and stage.ran == []


@pytest.fixture
def hears_ctrl_c() -> Iterator[None]:
    """What is started here hears SIGINT, also where these tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("hears_ctrl_c")
@pytest.mark.parametrize("rule", ["free", "ticket"])
def test_ctrl_c_withdraws_it_and_ends_the_question(stage: Gated, rule: str) -> None:
    stage.calendar.hold()
    stage.ticket.hold()
    client = stage.start(rule)
    made = stage.submitted()
    wait_for(lambda: stage.calendar.asked or stage.ticket.pids, what="the question")
    os.killpg(client.process.pid, signal.SIGINT)
    assert client.end() in (-signal.SIGINT, 130), client.err
    wait_for(lambda: stage.found(made.id).state is RequestState.WITHDRAWN, what="the withdrawal")
    if rule == "free":
        wait_for(lambda: len(stage.calendar.ended) == 1, what="the end of the question")
    for pid in stage.ticket.pids:
        wait_for(lambda pid=pid: not is_living(pid), what="the end of the program")  # type: ignore[misc]
    stage.calendar.answer(PASS)
    stage.ticket.answer(PASS)
    assert stage.start("free").end() == 0
    assert stage.ran == ["free"] and not stage.n_granted()[made.id]


def test_an_answer_is_kept_until_the_policy_is_loaded_again_or_somebody_is_locked(stage: Gated) -> None:
    house = stage.house

    def ask(n_asked: int) -> None:
        client = stage.start("kept")
        assert client.end() == 0, client.err
        assert len(stage.calendar.asked) == n_asked

    ask(1)
    ask(1)
    assert house.jitd("reload").returncode == 0
    ask(2)
    ask(2)
    locked = house.jitd("lock", "--user", "eve", "--reason", "a trial")
    assert locked.returncode == 0, locked.stderr
    ask(3)
    assert stage.ran == ["kept"] * 5
    stage.calendar.says = FREEZE
    assert house.jitd("reload").returncode == 0
    assert stage.start("kept").end() == DENIED
    stage.calendar.says = PASS
    ask(5)
