# SPDX-License-Identifier: Apache-2.0
"""Gatekeepers are asked while the request is stored: when it is made, after its last approval, and at each later use.

Law: nothing runs before all have passed; whatever else they say or do not say, nothing has changed but what is recorded.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jitd.cli.call import NotDone
from jitd.cli.instants import told
from jitd.cli.lists import REQUESTS
from jitd.cli.page import page
from jitd.cli.verdict import must_be_reviewable
from jitd.core.claims import Point
from jitd.core.decision import Approval, Deny, Permit
from jitd.core.gatekeeping import Passes, Refuses, Requirement, Requires, Silent
from jitd.core.grant import GrantState
from jitd.core.lock import Whom
from jitd.core.masking import Mask
from jitd.core.request import RequestState, Verdict
from jitd.deciding.gatekeepers import AllGatekeepers, Answers, Manner
from jitd.deciding.hearings import Hearings
from jitd.lifecycle import waiters
from jitd.store import StoreError
from jitd.verbs.refusal import Refusal
from jitd.verbs.rows import request_row
from jitpam.wire.rows import Request as RequestRow
from tests.daemon.asking import ALICE, BOB, CHANGE, HERE, SAID, AskingHouse, Client, house
from tests.daemon.test_decider import ASKED, CAROL, OPS
from tests.graders import FINDINGS
from tests.scene import START, lift, locked, moment, person, place
from tests.unshown import without_styles

__all__ = ["house"]  # a fixture

SECURITY = Approval(1, ("group:security",))
NO = Refuses("freeze until Monday")
FREE: dict[str, Any] = {"approvals": (), "gatekeepers": CHANGE}


def pending(asking: Any) -> Any:
    """An answer that comes when the event is set."""

    async def answer() -> Any:
        await asking.wait()
        return Passes()

    return answer


# --- when it is made -------------------------------------------------------------------------------------------------


def test_a_request_is_stored_and_seen_while_they_are_asked_and_runs_when_they_have_passed(house: AskingHouse) -> None:
    house.rules(**FREE)

    async def play() -> None:
        answer = asyncio.Event()
        house.gatekeepers.says["change"] = pending(answer)
        client = Client(house)
        made = await client.submit()
        await house.until(lambda: house.gatekeepers.asked)
        asking = house.found(made.id)
        assert (asking.state, asking.rule, asking.asking_at) == (RequestState.SCREENING, "p", START)
        assert house.store.grant(made.id) is None and house.monitors.started == []
        answer.set()
        await house.until(lambda: house.monitors.started)
        assert house.found(made.id).state is RequestState.APPROVED
        assert house.found(made.id).passed[0].name == "change"
        await house.until(lambda: client.kinds == ["start"])

    house.run(play())
    assert house.gatekeepers.names == ["change"]


def test_what_they_are_asked_is_the_whole_question(house: AskingHouse) -> None:
    async def play() -> None:
        made = await Client(house).submit(reason="CHG-1", lasts_for=60)
        await house.decided(made.id)
        ((_, asking),) = house.gatekeepers.asked
        found = house.found(made.id)
        assert (asking.id, asking.fingerprint, asking.command) == (found.id, found.fingerprint, found.command)
        assert (asking.requester.principal, asking.host, asking.service) == (ALICE.principal, "db1.example.test", "jitsudo")
        assert (asking.claims.reason, asking.terms.lasts_for, asking.rule, asking.policy) == ("CHG-1", 60, "p", "digest")
        assert (asking.owed, asking.approved, asking.ends_boot) == (OPS, (), found.expires_boot)

    house.run(play())


BAD: dict[str, tuple[Any, str]] = {
    "a no": (NO, 'denied: change says: "freeze until Monday"'),
    "a no with a bell in it": (Refuses("no\a\n\x1b[2J"), r'denied: change says: "no\x07\x0a\x1b[2J"'),
    "silence": (Silent("it is closed"), "denied: gatekeeper change did not answer: it is closed"),
    "a fault": (RuntimeError("broken"), "denied: gatekeeper change did not answer: RuntimeError: broken"),
    "an answer that is over": (Passes(START), "denied: gatekeeper change did not answer: its answer had expired before it came"),
}


@pytest.mark.parametrize(("answer", "sentence"), BAD.values(), ids=list(BAD))
def test_what_is_no_pass_denies_and_nothing_ran(house: AskingHouse, answer: Any, sentence: str) -> None:
    house.rules(**FREE)
    house.gatekeepers.says["change"] = answer

    async def play() -> None:
        client = Client(house)
        made = await client.submit()
        await house.decided(made.id)
        assert client.refused == [("denied", sentence)]
        assert house.found(made.id).state is RequestState.DENIED
        assert house.store.grant(made.id) is None and house.monitors.started == []

    house.run(play())


def test_all_are_asked_side_by_side_and_the_first_no_ends_it(house: AskingHouse) -> None:
    house.rules(approvals=(), gatekeepers=("slow", "change"))

    async def play() -> None:
        house.gatekeepers.says["slow"] = pending(asyncio.Event())
        house.gatekeepers.says["change"] = NO
        made = await Client(house).submit()
        assert (await house.decided(made.id)).state is RequestState.DENIED
        assert sorted(house.gatekeepers.names) == ["change", "slow"]
        await house.until(lambda: house.gatekeepers.given_up == ["slow"])

    house.run(play())


def test_who_has_not_answered_when_the_request_is_over_was_silent(house: AskingHouse) -> None:
    house.rules(**FREE, expires_for=1)

    async def play() -> None:
        house.gatekeepers.says["change"] = pending(asyncio.Event())
        client = Client(house)
        made = await client.submit()
        house.at = moment(1)
        await house.decided(made.id)
        assert client.refused == [("denied", "denied: gatekeeper change did not answer: the time for an answer is over")]

    house.run(play())


def test_a_gatekeeper_that_is_not_set_up_permits_nothing(house: AskingHouse) -> None:
    house.rules(**FREE)
    house.decider._hearings = Hearings(Answers(AllGatekeepers({}), house.now), house.store, house, house.now, FINDINGS)

    async def play() -> None:
        made = await Client(house).submit()
        assert (await house.decided(made.id)).state is RequestState.DENIED

    house.run(play())


@pytest.mark.parametrize("answer", [Refuses("s3cret\\q is weak", "s3cret\\q"), Silent("unknown members: s3cret\\\\q")])
def test_an_answer_that_quotes_a_masked_word_is_told_nobody(house: AskingHouse, answer: Refuses | Silent) -> None:
    """THREATS L-12. One that does not quote it is told in its own words."""
    house.rules(**FREE, masks=(Mask(b"--token=", False),))

    async def play() -> None:
        for word in (b"--token=s3cret\\q", b"--token=other"):
            house.gatekeepers.says["change"] = answer
            client = Client(house)
            made = await client.submit(argv=(b"/usr/bin/env", word))
            found = await house.decided(made.id)
            assert found.state is RequestState.DENIED
            said = [entry.value for entry in house.store.values(made.id)._by_commitment.values()]
            assert any("s3cret" in str(told) for told in (client.refused, found.because, said)) == (word == b"--token=other")

    house.run(play())


def test_policy_is_asked_again_when_they_have_answered(house: AskingHouse) -> None:
    house.rules(**FREE)

    async def play() -> None:
        answer = asyncio.Event()
        house.gatekeepers.says["change"] = pending(answer)
        made = await Client(house).submit()
        await house.until(lambda: house.gatekeepers.asked)
        house.policy = replace(house.policy, rules=())
        answer.set()
        assert (await house.decided(made.id)).state is RequestState.DENIED
        assert house.monitors.started == []

    house.run(play())


def test_under_a_policy_that_was_changed_meanwhile_they_are_asked_again(house: AskingHouse) -> None:
    house.rules(**FREE)

    async def play() -> None:
        answer = asyncio.Event()
        house.gatekeepers.says["change"] = pending(answer)
        made = await Client(house).submit()
        await house.until(lambda: house.gatekeepers.asked)
        house.policy = replace(house.policy, digest="another")
        answer.set()
        assert (await house.decided(made.id)).state is RequestState.APPROVED
        assert [asking.policy for _, asking in house.gatekeepers.asked] == ["digest", "another"]

    house.run(play())


# --- who waits, and who goes -----------------------------------------------------------------------------------------


def test_a_client_that_goes_withdraws_the_request_and_nobody_is_asked_any_more(house: AskingHouse) -> None:
    async def play() -> None:
        house.gatekeepers.says["change"] = pending(asyncio.Event())
        client = Client(house)
        made = await client.submit()
        await house.until(lambda: house.gatekeepers.asked)
        client.waiting.close()
        assert house.found(made.id).state is RequestState.WITHDRAWN
        await house.until(lambda: house.gatekeepers.given_up == ["change"])

    house.run(play())


def test_a_lock_ends_a_request_that_is_asked_about(house: AskingHouse) -> None:
    async def play() -> None:
        house.gatekeepers.says["change"] = pending(asyncio.Event())
        made = await Client(house).submit()
        await house.until(lambda: house.gatekeepers.asked)
        house.perform.act(place(locked()))
        assert house.found(made.id).state is RequestState.DENIED
        await house.until(lambda: house.gatekeepers.given_up == ["change"])

    house.run(play())


def test_who_waits_is_told_who_is_asked_after_a_second_and_not_before(house: AskingHouse) -> None:
    async def play() -> None:
        answer = asyncio.Event()
        house.gatekeepers.says["change"] = pending(answer)
        client = Client(house)
        made = await client.submit()
        await house.until(lambda: house.gatekeepers.asked)
        client.waiting.moved(made.id)
        assert client.news == []
        house.at = moment(1)
        client.waiting.moved(made.id)
        client.waiting.moved(made.id)
        assert client.news == ["asking change"]
        answer.set()
        await house.until(lambda: len(client.news) > 2)
        assert client.news[1:3] == [  # that nobody can give it is told when that has been looked up
            f"request {made.id}: /usr/bin/env x (as root on db1)", "rule p requires 1 approval from group:ops, within 15 minutes"
        ]  # fmt: skip

    house.run(play())


def test_who_waits_for_no_approval_is_asked_about_and_runs(house: AskingHouse) -> None:
    house.rules(**FREE)

    async def play() -> None:
        made = await Client(house).submit(if_owed=False)
        await house.until(lambda: house.monitors.started == [made.id])

    house.run(play())


def test_who_waits_for_no_approval_is_told_that_one_is_owed_and_the_request_is_over(house: AskingHouse) -> None:
    house.rules(**FREE)
    house.gatekeepers.says["change"] = Requires(Requirement(approvals=(SECURITY,)))

    async def play() -> None:
        client = Client(house)
        made = await client.submit(if_owed=False)
        assert (await house.decided(made.id)).state is RequestState.WITHDRAWN
        assert client.refused == [
            ("owed", f"an approval is required, and -n does not wait for one: request {made.id} is withdrawn")
        ]

    house.run(play())


def test_who_waits_for_no_approval_that_the_rule_owes_is_refused_and_nobody_is_asked(house: AskingHouse) -> None:
    async def play() -> None:
        with pytest.raises(Refusal, match="nothing was submitted"):
            await Client(house).submit(if_owed=False)
        assert list(house.store.requests(ended=True)) == [] and house.gatekeepers.asked == []

    house.run(play())


def test_who_asks_what_would_be_decided_hears_whom_jitd_would_ask_and_nobody_is_asked(house: AskingHouse) -> None:
    row = house.run(house.requests.explain(ALICE, ASKED, "jitsudo"))
    assert (row["decision"], row["gatekeepers"]) == ("permit", ["change"])
    assert house.gatekeepers.asked == [] and list(house.store.requests(ended=True)) == []


# --- approvals -------------------------------------------------------------------------------------------------------


def test_nobody_reviews_it_before_they_have_passed(house: AskingHouse) -> None:
    async def play() -> None:
        house.gatekeepers.says["change"] = pending(asyncio.Event())
        made = await Client(house).submit()
        await house.until(lambda: house.gatekeepers.asked)
        before = house.store.head()
        with pytest.raises(Refusal, match="cannot be reviewed yet: asking change"):
            await house.approve(made.id)
        assert house.store.head() == before

    house.run(play())


def test_the_last_approval_asks_them_anew_and_it_runs_when_they_pass(house: AskingHouse) -> None:
    async def play() -> None:
        client = Client(house)
        made = await client.submit()
        await house.decided(made.id)
        answer = asyncio.Event()
        house.gatekeepers.says["change"] = pending(answer)
        assert await house.approve(made.id) == f"request {made.id}: your approval counts; asking change"
        found = house.found(made.id)
        assert (found.state, [review.by.user for review in found.reviews]) == (RequestState.PENDING, ["bob"])
        assert "approved; asking change" in client.news
        await house.until(lambda: len(house.gatekeepers.asked) == 2)
        assert house.monitors.started == [] and house.gatekeepers.asked[1][1].approved == (BOB.principal,)
        answer.set()
        await house.until(lambda: house.monitors.started == [made.id])
        assert house.found(made.id).because == f"approved by {BOB.principal}"

    house.run(play())


def test_their_no_after_the_last_approval_denies(house: AskingHouse) -> None:
    async def play() -> None:
        client = Client(house)
        made = await client.submit()
        await house.decided(made.id)
        house.gatekeepers.says["change"] = NO
        await house.approve(made.id)
        assert (await house.decided(made.id)).state is RequestState.DENIED
        assert client.refused == [("denied", 'denied: change says: "freeze until Monday"')]
        assert house.store.grant(made.id) is None and house.monitors.started == []

    house.run(play())


def test_what_they_require_after_the_last_approval_is_owed_and_told(house: AskingHouse) -> None:
    async def play() -> None:
        client = Client(house)
        made = await client.submit()
        await house.decided(made.id)
        house.gatekeepers.says["change"] = Requires(Requirement(approvals=(SECURITY,)))
        await house.approve(made.id)
        found = await house.decided(made.id)
        assert found.state is RequestState.PENDING
        asks = "rule p requires 1 approval from group:ops and 1 from group:security, within 15 minutes"
        await house.until(lambda: asks in client.news)
        await house.approve(made.id, person("dave"))
        await house.until(lambda: house.monitors.started == [made.id])

    house.run(play())


def test_an_approver_who_denies_while_they_are_asked_ends_it(house: AskingHouse) -> None:
    async def play() -> None:
        made = await Client(house).submit()
        await house.decided(made.id)
        house.gatekeepers.says["change"] = pending(asyncio.Event())
        await house.approve(made.id)
        await house.until(lambda: len(house.gatekeepers.asked) == 2)
        await house.reviews.review(CAROL, made.id, Verdict.DENY, house.found(made.id).fingerprint, "no", HERE)
        assert house.found(made.id).state is RequestState.DENIED
        await house.until(lambda: house.gatekeepers.given_up == ["change"])

    house.run(play())


def test_a_second_approval_while_they_are_asked_is_counted_and_their_answer_too(house: AskingHouse) -> None:
    async def play() -> None:
        made = await Client(house).submit()
        await house.decided(made.id)
        answer = asyncio.Event()
        house.gatekeepers.says["change"] = pending(answer)
        await house.approve(made.id)
        await house.until(lambda: len(house.gatekeepers.asked) == 2)
        await house.approve(made.id, CAROL)
        answer.set()
        await house.until(lambda: house.monitors.started == [made.id])
        assert len(house.gatekeepers.asked) == 2, "what they have answered is not asked again"
        assert [review.by.user for review in house.found(made.id).reviews] == ["bob", "carol"]

    house.run(play())


# --- later uses ------------------------------------------------------------------------------------------------------


async def granted(house: AskingHouse, **changes: Any) -> str:
    """A request of which no use was taken yet."""
    made = await Client(house).submit(waits=False, **changes)
    await house.decided(made.id)
    await house.approve(made.id)
    assert (await house.decided(made.id)).state is RequestState.APPROVED
    house.gatekeepers.asked.clear()
    return made.id


def test_a_use_by_resume_asks_them_anew(house: AskingHouse) -> None:
    async def play() -> None:
        id = await granted(house)
        answer = asyncio.Event()
        house.gatekeepers.says["change"] = pending(answer)
        client = Client(house)
        await client.resume(id)
        await house.until(lambda: house.gatekeepers.names == ["change"])
        assert "asking change" in client.news and house.monitors.started == []
        answer.set()
        await house.until(lambda: house.monitors.started == [id])

    house.run(play())


@pytest.mark.parametrize(("answer", "sentence"), BAD.values(), ids=list(BAD))
def test_a_use_by_resume_that_they_do_not_pass_is_not_taken(house: AskingHouse, answer: Any, sentence: str) -> None:
    async def play() -> None:
        id = await granted(house)
        before, house.gatekeepers.says["change"] = house.store.head(), answer
        client = Client(house)
        await client.resume(id)
        await house.until(lambda: client.refused)
        ((code, text),) = client.refused
        assert (code, f"denied: {text}") == ("denied", sentence)
        grant = house.store.grant(id)
        assert grant is not None and (grant.left, grant.state) == (1, GrantState.ACTIVE)
        assert house.store.head() == before and house.monitors.started == []

    house.run(play())


def test_a_use_for_which_they_require_approvals_that_nobody_gave_is_not_taken(house: AskingHouse) -> None:
    async def play() -> None:
        id = await granted(house)
        house.gatekeepers.says["change"] = Requires(Requirement(approvals=(SECURITY,)))
        client = Client(house)
        await client.resume(id)
        await house.until(lambda: client.refused)
        assert client.refused == [("denied", f"the approvals of request {id} are not enough any more: ask again")]
        assert house.monitors.started == []

    house.run(play())


@pytest.mark.parametrize("leave", ["withdraw", "close"])
def test_who_leaves_while_they_are_asked_about_a_use_takes_none(house: AskingHouse, leave: str) -> None:
    async def play() -> None:
        id = await granted(house)
        house.gatekeepers.says["change"] = pending(asyncio.Event())
        client = Client(house)
        await client.resume(id)
        await house.until(lambda: house.gatekeepers.asked)
        getattr(client.waiting, leave)()
        await house.until(lambda: house.gatekeepers.given_up == ["change"])
        assert client.refused == (
            [("withdrawn", f"no use was taken: request {id} is still approved")] if leave == "withdraw" else []
        )
        grant = house.store.grant(id)
        assert grant is not None and grant.left == 1 and house.monitors.started == []

    house.run(play())


def test_each_use_of_a_lease_asks_them_anew_and_asks_no_approver(house: AskingHouse) -> None:
    house.rules(gatekeepers=CHANGE, uses=5)

    async def play() -> None:
        lease = await granted(house, lasts_for=600, uses=5)
        made = await Client(house).submit()
        await house.until(lambda: made.id in [run.request for run in house.store.runs()])
        assert house.found(made.id).lease == lease and house.gatekeepers.names == ["change"]
        house.gatekeepers.says["change"] = NO
        client = Client(house)
        second = await client.submit()
        assert (await house.decided(second.id)).state is RequestState.DENIED
        grant = house.store.grant(lease)
        assert grant is not None and grant.left == 4

    house.run(play())


def test_a_lease_does_not_answer_for_approvals_that_they_require(house: AskingHouse) -> None:
    house.rules(gatekeepers=CHANGE, uses=5)

    async def play() -> None:
        await granted(house, lasts_for=600, uses=5)
        house.gatekeepers.says["change"] = Requires(Requirement(approvals=(SECURITY,)))
        made = await Client(house).submit()
        found = await house.decided(made.id)
        assert (found.state, found.lease) == (RequestState.PENDING, None)

    house.run(play())


# --- kept answers ----------------------------------------------------------------------------------------------------


async def run_once(house: AskingHouse, **changes: Any) -> RequestState:
    made = await Client(house).submit(**changes)
    return (await house.decided(made.id)).state


# what is different the second time, whether they are asked again
KEPT: dict[str, tuple[Any, dict[str, Any], bool]] = {
    "nothing": (lambda house: None, {}, False),
    "the time is over": (lambda house: setattr(house, "at", moment(30)), {}, True),
    "a moment before": (lambda house: setattr(house, "at", moment(29)), {}, False),
    "another command": (lambda house: None, {"argv": (b"/usr/bin/env", b"y")}, True),
    "another reason": (lambda house: None, {"reason": "CHG-2"}, True),
    "another time": (lambda house: None, {"lasts_for": 60}, True),
    "another policy": (lambda house: setattr(house, "policy", replace(house.policy, digest="new")), {}, True),
    "another grade": (lambda house: setattr(house, "graded", lambda: ()), {}, True),
    "a reload": (lambda house: house.decider.forget_answers(), {}, True),
    "somebody is locked": (lambda house: house.perform.act(place(locked(name="eve"))), {}, True),
}


def test_a_pass_is_not_kept_for_somebody_whose_groups_have_changed(house: AskingHouse) -> None:
    """They are told the groups, and may go by them."""
    house.rules(**FREE)
    house.gatekeepers.manners["change"] = Manner(fresh_for=30)

    async def play() -> None:
        for who in (ALICE, replace(ALICE, groups=ALICE.groups | {"new"})):
            client = Client(house, who)
            made = await house.requests.submit(
                who, ASKED, SAID, waits=True, if_owed=True, waiter=client.waiting, on_created=client.waiting.begin
            )
            await house.decided(made.id)
        assert len(house.gatekeepers.asked) == 2

    house.run(play())


@pytest.mark.parametrize(("change", "asked", "is_asked"), KEPT.values(), ids=list(KEPT))
def test_a_pass_is_kept_for_exactly_the_same_question(house: AskingHouse, change: Any, asked: Any, is_asked: bool) -> None:
    house.rules(**FREE)
    house.gatekeepers.manners["change"] = Manner(fresh_for=30)

    async def play() -> None:
        assert await run_once(house) is RequestState.APPROVED
        change(house)
        assert await run_once(house, **asked) is RequestState.APPROVED
        assert len(house.gatekeepers.asked) == 1 + is_asked

    house.run(play())


@pytest.mark.parametrize("answer", [NO, Silent("it is closed"), RuntimeError("broken")])
def test_only_a_pass_is_kept(house: AskingHouse, answer: Any) -> None:
    house.rules(**FREE)
    house.gatekeepers.manners["change"] = Manner(fresh_for=30)
    house.gatekeepers.says["change"] = answer

    async def play() -> None:
        for _ in range(2):
            assert await run_once(house) is RequestState.DENIED
        assert len(house.gatekeepers.asked) == 2

    house.run(play())


def test_what_is_required_is_required_as_long_as_it_is_kept(house: AskingHouse) -> None:
    house.rules(**FREE)
    house.gatekeepers.manners["change"] = Manner(fresh_for=30)
    house.gatekeepers.says["change"] = Requires(Requirement(approvals=(SECURITY,)))

    async def play() -> None:
        for _ in range(2):
            assert await run_once(house) is RequestState.PENDING
        assert len(house.gatekeepers.asked) == 1

    house.run(play())


def test_an_answer_to_a_question_from_before_a_lock_is_not_kept(house: AskingHouse) -> None:
    house.rules(**FREE)
    house.gatekeepers.manners["change"] = Manner(fresh_for=30)

    async def play() -> None:
        answer = asyncio.Event()
        house.gatekeepers.says["change"] = pending(answer)
        made = await Client(house).submit()
        await house.until(lambda: house.gatekeepers.asked)
        lock = locked(Whom.USER, "eve")
        house.perform.act(place(lock))
        house.perform.act(lift(lock))
        answer.set()
        await house.decided(made.id)
        assert await run_once(house) is RequestState.APPROVED
        assert len(house.gatekeepers.asked) == 2

    house.run(play())


def test_a_gatekeeper_with_a_person_in_it_is_asked_once_a_request_as_long_as_it_said(house: AskingHouse) -> None:
    house.gatekeepers.manners["change"] = Manner(polls=True)
    house.gatekeepers.says["change"] = Passes(START + timedelta(seconds=60), "d-1")

    async def play() -> None:
        made = await Client(house).submit()
        await house.decided(made.id)
        house.at = moment(59)
        await house.approve(made.id)
        await house.until(lambda: house.monitors.started == [made.id])
        assert house.gatekeepers.names == ["change"]
        late = await Client(house).submit()
        await house.decided(late.id)
        house.at = moment(61)
        house.gatekeepers.says["change"] = Passes(None, "d-2")
        await house.approve(late.id)
        await house.until(lambda: late.id in house.monitors.started)
        assert house.gatekeepers.names == ["change"] * 3, "its word was over"

    house.run(play())


def test_the_word_of_a_person_holds_for_the_uses_of_the_lease_it_was_given_for(house: AskingHouse) -> None:
    house.rules(gatekeepers=CHANGE, uses=5)
    house.gatekeepers.manners["change"] = Manner(polls=True)

    async def play() -> None:
        lease = await granted(house, lasts_for=600, uses=5)
        made = await Client(house).submit()
        assert (await house.decided(made.id)).lease == lease
        assert house.gatekeepers.asked == []

    house.run(play())


# --- the daemon is killed --------------------------------------------------------------------------------------------


def n_granted(house: AskingHouse) -> int:
    return sum(body.count(b'"event":"grant.issued"') for _, body, _ in house.store.records())


async def asked_and_left(house: AskingHouse) -> str:
    house.gatekeepers.says["change"] = pending(asyncio.Event())
    made = await Client(house).submit(waits=False)
    return made.id


async def asked(house: AskingHouse) -> str:
    id = await asked_and_left(house)
    await house.until(lambda: house.gatekeepers.asked)
    return id


async def approved(house: AskingHouse) -> str:
    made = await Client(house).submit(waits=False)
    await house.decided(made.id)
    house.gatekeepers.says["change"] = pending(asyncio.Event())
    await house.approve(made.id)
    await house.until(lambda: len(house.gatekeepers.asked) == 2)
    return made.id


async def done(house: AskingHouse) -> str:
    return await granted(house)


# where the daemon is killed, whether approvals are owed, who is asked by the next one, what comes of it
STEPS: dict[str, tuple[Any, bool, int, RequestState]] = {
    "when the request is stored": (asked_and_left, False, 1, RequestState.APPROVED),
    "while they are asked": (asked, False, 1, RequestState.APPROVED),
    "while they are asked, and approvals are owed": (asked, True, 1, RequestState.PENDING),
    "after the last approval": (approved, True, 1, RequestState.APPROVED),
    "when it is approved": (done, True, 0, RequestState.APPROVED),
}


@pytest.mark.parametrize(("step", "is_owed", "n_asked", "state"), STEPS.values(), ids=list(STEPS))
def test_a_daemon_that_was_killed_asks_again_and_permits_nothing_twice(
    house: AskingHouse, step: Any, is_owed: bool, n_asked: int, state: RequestState
) -> None:
    house.rules(approvals=OPS if is_owed else (), gatekeepers=CHANGE)
    id = house.run(step(house))
    for _ in range(2):
        house.gatekeepers.asked.clear()
        house.gatekeepers.says.clear()
        policy, house = house.policy, house.next_daemon()
        house.policy = policy

        async def recover() -> None:
            await house.recovery.recover()  # noqa: B023
            await house.decided(id)  # noqa: B023

        house.run(recover())
        assert house.found(id).state is state
        assert len(house.gatekeepers.asked) == n_asked
        assert n_granted(house) == (state is RequestState.APPROVED)
        n_asked = 0
    house.workers.close()
    house.store.close()


def test_a_deadline_that_passed_while_the_daemon_was_away_ends_it(house: AskingHouse) -> None:
    house.rules(**FREE)
    id = house.run(asked(house))
    house = house.next_daemon()
    house.at = moment(901)

    async def recover() -> None:
        await house.recovery.recover()
        keeping = asyncio.ensure_future(house.perform.deadlines.keep())
        await house.until(lambda: not house.found(id).is_open)
        keeping.cancel()

    house.run(recover())
    assert house.found(id).state in (RequestState.EXPIRED, RequestState.DENIED) and n_granted(house) == 0
    house.workers.close()
    house.store.close()


def test_what_cannot_be_recorded_is_asked_and_recorded_later(house: AskingHouse) -> None:
    house.rules(**FREE)

    async def play() -> None:
        commit, answer = house.store.commit, asyncio.Event()
        house.gatekeepers.says["change"] = pending(answer)
        made = await Client(house).submit(waits=False)
        await house.until(lambda: house.gatekeepers.asked)

        def full(changes: Any, records: Any) -> None:
            raise StoreError("disk is full")

        house.monkeypatch.setattr(house.store, "commit", full)
        answer.set()
        await house.until(lambda: house.perform.deadlines._heap and house.perform.deadlines._heap[0][1] == "screen")
        assert house.found(made.id).state is RequestState.SCREENING
        house.monkeypatch.setattr(house.store, "commit", commit)
        house.at = moment(2)
        keeping = asyncio.ensure_future(house.perform.deadlines.keep())
        assert (await house.decided(made.id)).state is RequestState.APPROVED
        keeping.cancel()

    house.run(play())


def test_an_answer_is_a_permit_or_a_denial_and_nothing_else_is_a_use(house: AskingHouse) -> None:
    async def play() -> None:
        id = await granted(house)
        assert isinstance(await house.decider.screen_use(house.found(id)), Permit)
        house.gatekeepers.says["change"] = NO
        assert isinstance(await house.decider.screen_use(house.found(id)), Deny)

    house.run(play())


# --- what people read ------------------------------------------------------------------------------------------------


def test_approvers_see_who_is_asked_and_since_when_and_cannot_be_asked_for_their_yes(house: AskingHouse) -> None:
    async def play() -> None:
        house.gatekeepers.says["change"] = pending(asyncio.Event())
        made = await Client(house).submit()
        await house.until(lambda: house.gatekeepers.asked)
        row = request_row(house.found(made.id), BOB, may_review=True, is_own=False).written()
        assert (row["state"], row["gatekeepers"], row["asking_at"], row["passed"]) == (
            "screening", ["change"], "2026-03-02T09:00:00Z", []
        )  # fmt: skip
        lines = without_styles(page(row, None))
        assert any(line.split() == f"asking change, since {told(row['asking_at'])}".split() for line in lines)
        assert any("gatekeeper" in line and "change has not answered" in line for line in lines)
        assert REQUESTS["STATE"](RequestRow.read(row)).startswith("asking change, ")
        with pytest.raises(NotDone, match="cannot be reviewed yet: change is being asked"):
            must_be_reviewable(RequestRow.read(row | {"mine": False}))

    house.run(play())


def test_approvers_see_who_has_passed_and_by_what_name(house: AskingHouse) -> None:
    house.gatekeepers.says["change"] = Passes(START + timedelta(hours=1), "CHG\x1b77")

    async def play() -> None:
        made = await Client(house).submit()
        row = request_row(await house.decided(made.id), BOB, may_review=True, is_own=False).written()
        assert row["asking_at"] is None
        assert row["passed"] == [
            {"name": "change", "at": "2026-03-02T09:00:00Z", "until": "2026-03-02T10:00:00Z", "mark": r"CHG\x1b77"}
        ]
        passed = r"change passed 2026-03-02 09:00:00 UTC, until 2026-03-02 10:00:00 UTC (CHG\x1b77); it is asked again"
        assert any(passed in line for line in without_styles(page(row, None)))

    house.run(play())


# --- enforcement points ----------------------------------------------------------------------------------------------


class AtPoint(waiters.WaitingPoint):
    """A point that waits, as far as it is told of its request."""

    who = ALICE

    def __init__(self) -> None:
        self.let_in: list[str] = []

    def moved(self, request: str) -> None:
        """It reads nothing."""

    def admit(self, id: str) -> None:
        self.let_in.append(id)


async def ask_at(house: AskingHouse, point: Any, *, waits: bool, asks_people: bool = True) -> Any:
    """What sudo of alice asks, with ``-n`` unless it ``asks_people``."""
    said = Point("auth", None, None, None)
    return await house.requests.enforce(
        ALICE,
        "sudo",
        lambda search_path: replace(ASKED, asks_people=asks_people),
        SAID,
        said,
        HERE,
        waits=waits,
        waiter=point,
        on_created=lambda id: None,
    )


def test_a_point_that_waits_lets_in_when_they_have_passed(house: AskingHouse) -> None:
    house.rules(**FREE, services=("sudo",))

    async def play() -> None:
        answer, point = asyncio.Event(), AtPoint()
        house.gatekeepers.says["change"] = pending(answer)
        made = await ask_at(house, point, waits=True)
        await house.until(lambda: house.gatekeepers.asked)
        assert point.let_in == []
        answer.set()
        await house.until(lambda: point.let_in == [made.id])

    house.run(play())


def test_a_point_that_asks_nobody_waits_for_gatekeepers_and_for_no_people_whom_they_demand(house: AskingHouse) -> None:
    house.rules(**FREE, services=("sudo",))

    async def play() -> None:
        point = AtPoint()
        made = await ask_at(house, point, waits=True, asks_people=False)
        await house.until(lambda: point.let_in == [made.id])
        house.gatekeepers.says["change"] = Requires(Requirement(approvals=(SECURITY,)))
        made = await ask_at(house, point, waits=True, asks_people=False)
        assert (await house.decided(made.id)).state is RequestState.WITHDRAWN
        assert len(point.let_in) == 1

    house.run(play())


def test_a_point_that_asks_nobody_is_refused_where_the_rule_owes_an_approval(house: AskingHouse) -> None:
    house.rules(approvals=OPS, gatekeepers=CHANGE, services=("sudo",))

    async def play() -> None:
        with pytest.raises(Refusal, match="nobody is asked for it with -n"):
            await ask_at(house, AtPoint(), waits=True, asks_people=False)
        assert list(house.store.requests(ended=True)) == [] and house.gatekeepers.asked == []

    house.run(play())


@pytest.mark.parametrize("approvals", [(), OPS])
def test_a_point_that_cannot_wait_refuses_and_the_next_try_waits_for_them_alone(house: AskingHouse, approvals: Any) -> None:
    house.rules(approvals=approvals, gatekeepers=CHANGE, services=("sudo",))

    async def play() -> None:
        point, answer = AtPoint(), asyncio.Event()
        house.gatekeepers.says["change"] = pending(answer)
        with pytest.raises(Refusal, match="asking change.*try again when it is approved"):
            await ask_at(house, point, waits=False)
        with pytest.raises(Refusal, match="still waits"):
            await ask_at(house, point, waits=False)
        (left,) = house.store.requests()
        answer.set()
        await house.decided(left.id)
        if approvals:
            await house.approve(left.id)
        assert (await house.decided(left.id)).state is RequestState.APPROVED
        assert point.let_in == []
        house.gatekeepers.asked.clear()
        second = await ask_at(house, point, waits=False)
        await house.until(lambda: point.let_in == [second.id])
        assert house.gatekeepers.names == ["change"] and house.found(second.id).lease == left.id

    house.run(play())


def test_a_point_that_cannot_wait_lets_nobody_in_by_a_grant_that_they_do_not_pass(house: AskingHouse) -> None:
    house.rules(**FREE, services=("sudo",))

    async def play() -> None:
        point = AtPoint()
        with pytest.raises(Refusal):
            await ask_at(house, point, waits=False)
        (left,) = house.store.requests()
        await house.decided(left.id)
        house.gatekeepers.says["change"] = NO
        second = await ask_at(house, point, waits=False)
        assert (await house.decided(second.id)).state is RequestState.DENIED
        grant = house.store.grant(left.id)
        assert grant is not None and grant.left == 1 and point.let_in == []

    house.run(play())
