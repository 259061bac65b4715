# SPDX-License-Identifier: Apache-2.0
"""Ways to approve in a daemon: they open at their time and not before, over restarts; and lists of approvers are asked for again.

Law: decider, store, lives, clock and verbs are real. A daemon that is killed is another one over the same database.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jitd.core.decision import Approval
from jitd.core.effects import Moment
from jitd.core.facts import Facts, Unknown
from jitd.core.naming import Naming
from jitd.core.request import LISTS, LISTS_EVERY, WAY, Request, RequestState, Verdict
from jitd.core.rights import Act
from jitd.core.subject import Subject
from jitd.store import StoreError
from jitd.verbs.access import Access
from jitd.verbs.refusal import Refusal
from jitd.verbs.rows import request_row
from tests.daemon.asking import ALICE, BOB, HERE, AskingHouse, Client
from tests.daemon.test_decider import ASKED
from tests.scene import START, moment, person

MAY = person("may", groups=frozenset({"managers"}), uid=3001)
MAX = person("max", groups=frozenset({"managers", "dba"}), uid=3002)
DAN = person("dan", groups=frozenset({"dba"}), uid=3003)
CAROL = person("carol")
EITHER = Approval(2, ("group:dba",), instead=(Approval(1, ("group:managers",), after=300),))
ON_CALL = Approval(1, ("group:ops",), also="oncall:ops")


class OnCall:
    """A provider that says who is on call: ``says`` is the list, or why it says nothing."""

    def __init__(self, *says: str) -> None:
        self.says: Any = says
        self.n_asked = 0

    async def ask(self, names: frozenset[str], about: Any) -> Facts:
        self.n_asked += 1
        return dict.fromkeys(names, self.says)

    def told(self, name: str, about: Any) -> object:
        return ""


class WaysHouse(AskingHouse):
    """A daemon whose rule asks ``approvals``."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        config: Any = self.decider._config
        config.naming, config.principals, config.people, config.min_uid = Naming(frozenset({"EXAMPLE.TEST"})), {}, {}, 1000
        self.access = Access(config, self.store)

    def next_daemon(self) -> WaysHouse:
        self.store.close()
        made = WaysHouse(self.path, self.monkeypatch, self.gatekeepers)
        made.policy, made.providers, made.at = self.policy, self.providers, self.at
        return made

    async def review(self, id: str, who: Subject, verdict: Verdict = Verdict.APPROVE) -> str:
        return await self.reviews.review(who, id, verdict, self.found(id).fingerprint, "no" * (verdict is Verdict.DENY), HERE)

    async def pass_time(self, seconds: float, is_so: Any = None) -> None:
        """It is ``seconds`` after the beginning, and what is due by then is done."""
        self.at = moment(seconds)
        heap = self.perform.deadlines._heap
        for due in sorted(one for one in heap if one[0] <= self.at.boot):
            heap.remove(due)
            self.perform._due(*due[1:])
        await self.until(lambda: not self.perform._tasks)
        if is_so is not None:
            await self.until(is_so)

    def events(self) -> list[str]:
        return [json.loads(body)["event"] for _, body, _ in self.store.records()]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    made = WaysHouse(tmp_path, monkeypatch)
    yield made
    made.workers.close()
    made.store.close()


async def waits(house: WaysHouse, *approvals: Approval, **rule: Any) -> Request:
    house.rules(approvals=approvals, **rule)
    made = await Client(house).submit(waits=False)
    assert house.found(made.id).state is RequestState.PENDING
    return house.found(made.id)


async def refused(house: WaysHouse, id: str, who: Subject, verdict: Verdict = Verdict.APPROVE) -> str:
    before = house.found(id)
    with pytest.raises(Refusal) as no:
        await house.review(id, who, verdict)
    assert house.found(id) == before, "nothing has changed"
    return no.value.code


def test_a_way_opens_in_time_also_after_a_restart(house: WaysHouse) -> None:
    """THREATS A-16. The daemon is killed before, and comes back before and after the time."""

    async def begin() -> str:
        found = await waits(house, EITHER)
        await house.pass_time(299)
        assert await refused(house, found.id, MAY) == await refused(house, found.id, MAY, Verdict.DENY) == "unknown"
        assert not house.access.may(Act.SEE, MAY, found) and house.access.may(Act.SEE, DAN, found)
        return found.id

    id = house.run(begin())
    for seconds, is_open in ((299.5, False), (305, True)):
        house.workers.close()
        house = house.next_daemon()
        house.at = moment(seconds)

        async def recover(seconds: float = seconds) -> None:
            await house.recovery.recover()  # noqa: B023
            await house.pass_time(seconds)  # noqa: B023

        house.run(recover())
        assert house.access.may(Act.SEE, MAY, house.found(id)) is is_open
    assert house.events().count("request.ways_opened") == 1
    house.run(house.review(id, MAY))
    assert house.found(id).state is RequestState.APPROVED
    house.workers.close()
    house.store.close()


def test_the_wall_clock_opens_nothing(house: WaysHouse) -> None:
    """THREATS A-16."""

    async def play() -> None:
        found = await waits(house, EITHER)
        for wall in (timedelta(hours=5), -timedelta(days=1)):
            house.at = Moment(START + wall, moment(299).boot, "boot-1")
            house.perform._due(WAY, found.id)
            assert house.found(found.id).opened == 0

    house.run(play())


def test_an_approval_that_is_enough_when_a_way_opens_is_asked_about_once_more(house: WaysHouse) -> None:
    async def play() -> None:
        found = await waits(house, EITHER)
        assert "more are needed" in await house.review(found.id, MAX)
        await house.pass_time(300, lambda: house.found(found.id).asking_at is None)
        after = house.found(found.id)
        assert after.state is RequestState.APPROVED and after.because == f"approved by {MAX.principal}"
        assert house.events()[-3:] == ["request.ways_opened", "request.screened", "grant.issued"]

    house.run(play())


def test_if_the_rules_deny_when_a_way_opens_it_is_denied(house: WaysHouse) -> None:
    async def play() -> None:
        found = await waits(house, EITHER)
        await house.review(found.id, MAX)
        house.rules(approvals=(EITHER,), who=("user:nobody",))
        await house.pass_time(300, lambda: not house.found(found.id).is_open)
        assert house.found(found.id).state is RequestState.DENIED and house.store.grant(found.id) is None

    house.run(play())


def test_an_approver_who_has_left_the_group_is_not_enough_when_a_way_opens(house: WaysHouse) -> None:
    """THREATS A-16."""

    async def play() -> None:
        found = await waits(house, EITHER)
        await house.review(found.id, MAX)
        house.left = frozenset({"managers"})
        await house.pass_time(300, lambda: house.found(found.id).asking_at is None)
        after = house.found(found.id)
        assert (after.state, after.opened) == (RequestState.PENDING, 300) and house.store.grant(found.id) is None

    house.run(play())


def test_an_opening_that_cannot_be_recorded_is_tried_again(house: WaysHouse) -> None:
    async def play() -> None:
        found = await waits(house, EITHER)
        commit = house.store.commit

        def full(changes: Any, records: Any) -> None:
            raise StoreError("disk is full")

        house.monkeypatch.setattr(house.store, "commit", full)
        await house.pass_time(300)
        assert house.found(found.id).opened == 0
        house.monkeypatch.setattr(house.store, "commit", commit)
        await house.pass_time(301)
        assert house.found(found.id).opened == 300

    house.run(play())


def test_a_row_says_who_is_owed_now_and_which_ways_there_are(house: WaysHouse) -> None:
    async def play() -> None:
        found = await waits(house, EITHER)
        row = request_row(found, BOB, may_review=False, is_own=False)
        assert (row.owed, row.owes, row.opened) == (2, "2 dba", 0)
        assert row.asks == "2 approvals from group:dba or, after 5 minutes, 1 from group:managers"
        (approval,) = row.approvals
        assert (approval.need, approval.from_, approval.after) == (2, ("group:dba",), 0)
        assert [(way.need, way.from_, way.after) for way in approval.instead] == [(1, ("group:managers",), 300)]
        await house.pass_time(300)
        row = request_row(house.found(found.id), BOB, may_review=False, is_own=False)
        assert (row.owed, row.owes, row.opened) == (1, "2 dba or 1 managers", 300)

    house.run(play())


def test_the_requester_is_told_when_a_way_opens(house: WaysHouse) -> None:
    async def play() -> None:
        house.rules(approvals=(EITHER,))
        client = Client(house)
        made = await client.submit()
        await house.pass_time(299)
        assert not [line for line in client.news if "may approve it now" in line]
        await house.pass_time(300)
        await house.review(made.id, DAN)
        assert client.news.count("1 from group:managers may approve it now, too") == 1
        client.waiting.close()

    house.run(play())


def test_a_list_is_told_to_approvers_and_not_to_the_requester(house: WaysHouse) -> None:
    house.providers = OnCall("bob")

    async def play() -> None:
        found = await waits(house, replace(ON_CALL, instead=(replace(ON_CALL, after=60),)))
        for who, among in ((BOB, ("bob",)), (ALICE, None)):
            (approval,) = request_row(found, who, may_review=False, is_own=who is ALICE).approvals
            assert (approval.among, approval.instead[0].among) == (among, among)

    house.run(play())


def test_the_requester_is_told_that_nobody_is_there_and_what_happens_next(house: WaysHouse) -> None:
    async def play() -> None:
        nobody = Approval(1, ("user:jitd-nobody-of-that-name",))
        house.rules(approvals=(replace(nobody, instead=(Approval(1, ("user:root", "user:daemon"), after=300),)),))
        client = Client(house)
        made = await client.submit()
        await house.until(lambda: not house.perform._tasks)
        assert [line for line in client.news if line.startswith(("nobody can give", "whether somebody"))], client.news
        assert house.found(made.id).state is RequestState.PENDING
        client.waiting.close()

    house.run(play())


# --- lists ---------------------------------------------------------------------------------------------------------------


def test_only_who_is_on_the_list_may_review(house: WaysHouse) -> None:
    """THREATS A-17."""
    house.providers = OnCall("bob")

    async def play() -> None:
        found = await waits(house, ON_CALL)
        for verdict in Verdict:
            assert await refused(house, found.id, CAROL, verdict) == "unknown"
        assert ("fact.ops", "bob") in found.seen
        await house.review(found.id, BOB)
        assert house.found(found.id).state is RequestState.APPROVED

    house.run(play())


@pytest.mark.parametrize("says", [Unknown("provider oncall did not answer"), (), ("*",), ("group:ops",), "bob", True])
def test_silence_and_nonsense_entitle_nobody(house: WaysHouse, says: Any) -> None:
    """THREATS A-17."""
    house.providers = OnCall()
    house.providers.says = says

    async def play() -> None:
        found = await waits(house, ON_CALL)
        for who in (BOB, CAROL):
            assert await refused(house, found.id, who) == "unknown"

    house.run(play())


def test_what_is_longer_than_any_name_is_not_kept(house: WaysHouse) -> None:
    """Lists stand in the database and in the record: a provider must not fill them."""
    house.providers = OnCall("bob", *["x" * 4000] * 900)

    async def play() -> None:
        found = await waits(house, ON_CALL)
        assert found.obligations is not None and found.obligations.approvals[0].among == ("bob",)

    house.run(play())


def test_a_list_is_asked_for_again_and_what_has_changed_is_recorded(house: WaysHouse) -> None:
    """THREATS A-17: the shift changes while the request waits."""
    rota = house.providers = OnCall("bob")

    async def play() -> None:
        found = await waits(house, ON_CALL)
        await house.pass_time(LISTS_EVERY)
        assert rota.n_asked == 2 and "request.relisted" not in house.events(), "nothing has changed"
        rota.says = ("carol",)
        await house.pass_time(2 * LISTS_EVERY)
        assert house.events()[-1] == "request.relisted"
        assert await refused(house, found.id, BOB) == "unknown"
        await house.review(found.id, CAROL)
        assert house.found(found.id).state is RequestState.APPROVED
        await house.pass_time(9 * LISTS_EVERY)
        assert rota.n_asked == 4, "nobody is asked about a request that has ended"

    house.run(play())


def test_the_list_at_the_review_counts_and_not_the_one_before(house: WaysHouse) -> None:
    """THREATS A-17."""
    rota = house.providers = OnCall("bob")

    async def play() -> None:
        found = await waits(house, ON_CALL)
        rota.says = ("carol",)
        said = await house.review(found.id, BOB)
        assert said.endswith("your approval is recorded, and does not count now: you are not on the list oncall:ops")
        assert house.found(found.id).state is RequestState.PENDING and house.store.grant(found.id) is None

    house.run(play())


def test_who_sees_it_as_an_operator_is_told_why_they_may_not_review(house: WaysHouse) -> None:
    house.providers = OnCall("bob")

    async def play() -> None:
        config: Any = house.decider._config
        config.operators = ("user:carol", "user:may", "user:eve")
        found = await waits(house, ON_CALL, EITHER)
        assert house.access.why_not_asked(CAROL, found) == "you are not on the list oncall:ops"
        assert (
            house.access.why_not_asked(MAY, found)
            == "you may approve only later: your way to approve this request is not open yet"
        )
        assert house.access.why_not_asked(person("eve"), found) == "its rule names neither you nor a group that you are in"
        assert await refused(house, found.id, MAY) == await refused(house, found.id, CAROL) == "forbidden"

    house.run(play())


def test_a_list_is_asked_for_by_the_rule_that_permits_alone(house: WaysHouse) -> None:
    rota = house.providers = OnCall("bob")

    async def play() -> None:
        house.rules(approvals=(ON_CALL,), who=("user:nobody",))
        made = await Client(house).submit(waits=False)
        assert made.state is RequestState.DENIED and rota.n_asked == 0

    house.run(play())


def test_nobody_outside_is_asked_what_would_be_decided(house: WaysHouse) -> None:
    rota = house.providers = OnCall("bob")
    house.rules(approvals=(ON_CALL,))
    found = house.run(house.decider.foresee(ALICE, "jitsudo", lambda search_path: ASKED))
    assert type(found.decision).__name__ == "Permit" and rota.n_asked == 0
    assert found.decision.obligations.approvals == (ON_CALL,), "and who is on the list is not known"


def test_a_provider_that_falls_silent_changes_nothing_until_somebody_reviews(house: WaysHouse) -> None:
    """THREATS A-17."""
    rota = house.providers = OnCall("bob")

    async def play() -> None:
        found = await waits(house, ON_CALL)
        rota.says = Unknown("provider oncall did not answer")
        await house.pass_time(LISTS_EVERY)
        assert rota.n_asked == 2 and house.found(found.id) == found
        assert "does not count now" in await house.review(found.id, BOB)
        assert house.found(found.id).state is RequestState.PENDING and house.store.grant(found.id) is None

    house.run(play())


def test_a_deny_asks_nobody_outside(house: WaysHouse) -> None:
    rota = house.providers = OnCall("bob")

    async def play() -> None:
        found = await waits(house, ON_CALL)
        await house.review(found.id, BOB, Verdict.DENY)
        assert house.found(found.id).state is RequestState.DENIED and rota.n_asked == 1

    house.run(play())


def test_many_deadlines_for_lists_ask_once_at_a_time(house: WaysHouse) -> None:
    rota = house.providers = OnCall("bob")

    async def play() -> None:
        found = await waits(house, ON_CALL)
        for seconds in (30, 30, 31, 45):
            house.perform.deadlines.set(LISTS, found.id, moment(seconds).boot)
            await house.pass_time(seconds)
        assert rota.n_asked == 2

    house.run(play())


def test_a_lists_next_asking_is_kept_over_a_restart(house: WaysHouse) -> None:
    house.providers = OnCall("bob")
    id = house.run(waits(house, ON_CALL)).id
    house.workers.close()
    house = house.next_daemon()
    house.providers.says = ("carol",)  # type: ignore[attr-defined]

    async def recover() -> None:
        await house.recovery.recover()
        await house.pass_time(LISTS_EVERY)

    house.run(recover())
    assert house.access.may(Act.BE_ASKED, CAROL, house.found(id)) and not house.access.may(Act.BE_ASKED, BOB, house.found(id))
    house.workers.close()
    house.store.close()


@pytest.mark.parametrize(("standing", "may_use"), [("use", False), ("review", True)])
def test_a_lease_lives_as_long_as_its_approver_is_on_the_list_unless_the_review_counts(
    house: WaysHouse, standing: str, may_use: bool
) -> None:
    rota = house.providers = OnCall("bob")

    async def play() -> None:
        found = await waits(house, ON_CALL, standing=standing, uses=5)
        await house.review(found.id, BOB)
        rota.says = ("carol",)
        decision = await house.decider.decide_use(house.found(found.id))
        assert (type(decision).__name__ == "Permit") is may_use

    house.run(play())
