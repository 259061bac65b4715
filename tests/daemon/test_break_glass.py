# SPDX-License-Identifier: Apache-2.0
"""Broken glass in a daemon: real decider, store, lives, deeds and verbs. What it permits, what is owed for it, who gives that,
and what it prevents.

Law: after each refusal nothing has changed; after each test the record verifies.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.audit import receipt
from jitd.cli.glass import owed_sentences
from jitd.cli.page import page
from jitd.core.authentication import Authentication, Demand
from jitd.core.decision import Approval, BreakGlass, Permit, Record, Terms
from jitd.core.gatekeeping import Passes, Requirement, Requires
from jitd.core.grant import Revoked, Used
from jitd.core.keys.reason import Reason
from jitd.core.law import DAEMON, MONITOR, Actor, Role
from jitd.core.lock import Whom
from jitd.core.origin import Caller
from jitd.core.owed_review import OwedReview, OwedReviewState
from jitd.core.policy import Policy
from jitd.core.policy_text import PolicyText
from jitd.core.request import RequestState
from jitd.core.rights import Act
from jitd.core.run import Ended, Ending, Outcome, StopOrdered
from jitd.core.subject import Subject
from jitd.deciding.signers import Signers
from jitd.lifecycle.integrity import Damaged
from jitd.server.dispatch import add_answers
from jitd.settings.config import Approvals
from jitd.store import Conflict, documents
from jitd.store.sqlite import SqliteStore
from jitd.verbs.access import Access
from jitd.verbs.answers import Answers, Asker
from jitd.verbs.endings import Endings
from jitd.verbs.lists import Lists
from jitd.verbs.owed_reviews import OwedReviews
from jitd.verbs.receipts import Receipts
from jitd.verbs.refusal import Refusal
from jitd.verbs.reviewers import Signed
from jitd.verbs.reviews import Reviews
from jitpam.wire import messages
from jitpam.wire.coding import decode, encode
from jitpam.wire.rows import OwedReview as OwedReviewRow
from tests import ssh_keys
from tests.daemon.asking import ALICE, BOB, CHANGE, HERE, AskingHouse, Client, Played
from tests.daemon.records import read, records_of
from tests.daemon.test_decider import ASKED, CAROL, OPS, rule
from tests.scene import START, asked, locked, moment, person, place, submit
from tests.stored import put, round_trip
from tests.unshown import without_styles
from tests.verified import NotWhole, verify

DAVE, EVE = person("dave", groups=frozenset({"dave"})), person("eve")
DUE = 4 * 3600
GLASS = BreakGlass("p", OPS, DUE, 2)
WHY = {"breaks_glass": True, "reason": "production is down"}


class GlassHouse(AskingHouse):
    """A daemon with a rule that owes an approval, and another one that breaks glass in its place. dave is an operator."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch, played: Played | None = None) -> None:
        super().__init__(path, monkeypatch, played)
        self.glass()
        config: Any = self.decider._config
        config.operators = ("user:dave",)
        self.access = Access(config, self.store)
        self.owed_reviews = OwedReviews(self.access, self.decider, self.perform, self.store, self.now)
        self.reviews = Reviews(self.access, self.decider, self.perform, self.store, self.now)
        self.lists = Lists(
            self.access, self.store, lambda: SqliteStore.reading(path / "jitd.db"), self.workers, lambda run: None, self.now
        )
        self.records = records_of(self.access, self.store, lambda: SqliteStore.reading(path / "jitd.db"), self.workers)
        self.endings = Endings(config, self.access, self.lists, self.perform, self.store, self.waiters)

    def glass(self, glass: BreakGlass = GLASS, **changes: Any) -> None:
        """The policy: the rule that owes an approval, and the one that breaks glass, with ``changes``."""
        made: dict[str, Any] = {"approvals": (), "break_glass": glass, "reason": Reason(), "terms": Terms(record=Record("all"))}
        self.policy = Policy((rule(), rule(**{"name": "glass", **made, **changes})), "permit", "ab" * 32)

    async def shatter(self, **changes: Any) -> str:
        """alice breaks glass, and her command has begun. Return the id of her request."""
        client = Client(self)
        made = await client.submit(**{**WHY, **changes})
        await self.until(lambda: client.kinds[-1:] == ["start"] or client.refused)
        assert not client.refused, client.refused
        return made.id

    def end_runs(self, id: str) -> None:
        """All runs under the grant ``id`` end."""
        for living in tuple(self.store.runs(grant=id)):
            self.perform.act(Ended(living.id, MONITOR, Outcome(Ending.EXITED, 0)))

    def end(self, id: str) -> None:
        """All runs under the grant ``id`` end, and nothing more is permitted by it."""
        self.end_runs(id)
        held = self.store.grant(id)
        if held is not None and held.is_live:
            self.perform.act(Revoked(id, DAEMON, "over"))

    async def shattered(self, **changes: Any) -> str:
        """alice has broken glass, and all of it is over."""
        id = await self.shatter(**changes)
        self.end(id)
        return id

    async def give(self, id: str, who: Subject = BOB, comment: str = "", fingerprint: bytes | None = None) -> str:
        who = replace(who, ticket_ends_at=self.at.at + timedelta(hours=1))
        return await self.owed_reviews.give(who, id, fingerprint or self.found(id).fingerprint, comment, HERE)

    def owed(self, id: str) -> OwedReview:
        found = self.store.owed_review(id)
        assert found is not None
        return found

    def pass_time(self, seconds: float, boot_id: str = "boot-1") -> None:
        """It is ``seconds`` after the scene began, and what is due is looked at."""
        self.at = moment(seconds, boot_id)
        heap = self.perform.deadlines._heap
        for due in sorted(one for one in heap if one[0] <= self.at.boot):
            heap.remove(due)
            self.perform._due(*due[1:])

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body, _ in self.store.records()]

    async def rows(self, who: Subject, *, ended: bool = False) -> list[dict[str, Any]]:
        return [row async for row in self.lists.reviews(who, ended=ended)]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GlassHouse]:
    made = GlassHouse(tmp_path, monkeypatch)
    yield made
    with closing(SqliteStore.reading(tmp_path / "jitd.db")) as store:
        verify(store)
    made.workers.close()
    made.store.close()


# --- what it permits, and what is owed for it ----------------------------------------------------------------------------


def owed_in_words(rows: list[dict[str, Any]]) -> list[str]:
    return owed_sentences(map(OwedReviewRow.read, rows), None)


def test_who_breaks_glass_reads_the_id_of_the_request_that_is_reviewed(house: GlassHouse) -> None:
    async def shatter(**changes: Any) -> tuple[str, list[str]]:
        client = Client(house)
        made = await client.submit(**changes)
        await house.until(lambda: client.kinds[-1:] == ["start"] or client.refused)
        return made.id, client.said[-1].news

    id, news = house.run(shatter(**WHY))
    assert news == [f"request {id} breaks glass, and has to be reviewed within 4 hours"]
    house.policy = Policy((rule(approvals=()),), "permit", "ab" * 32)
    assert house.run(shatter())[1] == [], "an ordinary one says nothing"


def test_it_runs_without_an_approval_and_a_review_is_owed_in_the_same_transaction(house: GlassHouse) -> None:
    id = house.run(house.shatter())
    found, owed = house.found(id), house.owed(id)
    assert (found.state, found.rule, found.breaks_glass, found.reviews) == (RequestState.APPROVED, "glass", True, ())
    assert (owed.state, owed.rule, owed.glass, owed.due_boot) == (OwedReviewState.OWED, "glass", GLASS, 1000.0 + DUE)
    told = house.events()
    assert [one["event"] for one in told] == [
        "request.submitted", "request.screened", "grant.issued", "owed_review.begun", "grant.used", "run.starting",
    ]  # fmt: skip
    assert told[0]["detail"]["break_glass"] is True and told[1]["detail"]["break_glass"]["skipped"] == [[1, "group:ops"]]
    assert told[3]["detail"] == {"rule": "glass", **GLASS.detail()} and told[3]["actor"] == ALICE.principal
    assert len({one["boot"] for one in told}) == 1


def test_without_the_option_the_rule_is_not_asked_and_with_it_no_other_is(house: GlassHouse) -> None:
    async def play() -> None:
        plain = await Client(house).submit()
        assert (plain.rule, plain.state, plain.breaks_glass) == ("p", RequestState.PENDING, False)
        assert house.store.owed_review(plain.id) is None
        house.policy = Policy(house.policy.rules[:1], "permit", "ab" * 32)
        refused = Client(house)
        denied = await refused.submit(**WHY)
        assert denied.state is RequestState.DENIED and refused.refused == [
            ("denied", "denied: no rule permits this; jitsudo -l lists what you may ask for")
        ]
        house.glass()
        house.policy = Policy(house.policy.rules[1:], "permit", "ab" * 32)
        other = await Client(house).submit()
        assert other.state is RequestState.DENIED, "a rule for broken glass permits nobody else anything"

    house.run(play())
    assert list(house.store.owed_reviews()) == [] and len(house.monitors.started) == 0


@pytest.mark.parametrize(
    "service",
    ["sudo", "su", "sshd"],
)
def test_a_gate_never_breaks_glass(service: str) -> None:
    """What an enforcement point asks has no such word, and for another program nobody can ask so."""
    from jitd.server.reading import asked_in
    from tests.wire.test_weight import ASK

    ask = messages.Breakglass(**{**ASK, "service": service}, argv=[b"true"], waits=True, if_owed=True)
    with pytest.raises(Refusal, match="only jitsudo can break glass"):
        asked_in(ask, None)
    plain = {name: value for name, value in ask.__dict__.items() if name not in ("waits", "if_owed")}
    assert not asked_in(messages.Explain(**plain), None).breaks_glass
    assert asked_in(messages.Breakglass(**{**ask.__dict__, "service": "jitsudo"}), None).breaks_glass
    assert not any("glass" in field for field in messages.Enforce.fields)


def test_nobody_breaks_glass_for_later() -> None:
    """The review would be owed before anything was done, and overdue before it could be given."""
    from jitd.server.reading import asked_in
    from tests.wire.test_weight import ASK

    ask = messages.Breakglass(**{**ASK, "starts_at": "2026-01-05T22:00:00Z"}, argv=[b"true"], waits=True, if_owed=True)
    with pytest.raises(Refusal, match="--break-glass cannot be combined with --at") as refused:
        asked_in(ask, None)
    assert refused.value.code == "usage"


def test_a_reason_is_wanted_before_anything_is_made(house: GlassHouse) -> None:
    before = house.store.head()
    with pytest.raises(Refusal) as no:
        house.run(Client(house).submit(breaks_glass=True))
    assert no.value.code == "reason" and house.store.head() == before


def test_what_it_runs_is_recorded_in_full_and_the_files_that_it_names_are_noted(house: GlassHouse) -> None:
    id = house.run(house.shatter())
    assert house.store.grant(id).terms.record.what == "all"  # type: ignore[union-attr]
    assert "operands" in house.questions


def test_a_gatekeeper_is_told_that_approvals_are_skipped(house: GlassHouse) -> None:
    house.glass(gatekeepers=CHANGE)

    async def play() -> None:
        await house.shatter()
        house.rules(gatekeepers=CHANGE)
        made = await Client(house).submit()
        await house.decided(made.id)
        assert [asking.breaks_glass for _, asking in house.gatekeepers.asked] == [True, False]

    house.run(play())


def test_a_gatekeeper_may_still_refuse_or_ask_for_an_approval(house: GlassHouse) -> None:
    house.glass(gatekeepers=CHANGE)

    async def play() -> None:
        house.gatekeepers.says["change"] = Requires(Requirement(approvals=OPS))
        client = Client(house)
        made = await client.submit(**WHY)
        await house.decided(made.id)
        assert house.found(made.id).state is RequestState.PENDING and house.store.owed_review(made.id) is None
        house.gatekeepers.says["change"] = Passes()
        await house.approve(made.id)
        await house.until(lambda: house.monitors.started)
        assert house.owed(made.id).state is OwedReviewState.OWED

    house.run(play())


# --- who sees it, and who gives it -----------------------------------------------------------------------------------------


def test_those_who_were_skipped_see_it_and_nobody_else_does(house: GlassHouse) -> None:
    async def play() -> None:
        id = await house.shattered()
        for who, sees, may in ((BOB, True, True), (DAVE, True, False), (ALICE, True, False), (EVE, False, False)):
            rows = await house.rows(who)
            assert [row["id"] for row in rows] == [id] * sees
            assert all(row["may_give"] is may for row in rows)
            assert house.access.may(Act.SEE, who, house.found(id)) is sees
            if not sees:
                with pytest.raises(Refusal, match="there is no request"):
                    await house.lists.show(who, id)
        row = await house.lists.show(BOB, id)
        assert (row["break_glass"]["skips"], row["owed_review"]["state"]) == ("1 approval from group:ops", "owed")
        text = "\n".join(without_styles(page(row, None)))
        assert "GLASS IS BROKEN" in text and "rule p" in text and f"jitd review {id}" in text
        (sentence,) = owed_in_words(await house.rows(BOB))
        assert sentence == f"a review is owed for request {id} (alice: /usr/bin/env x): jitd review {id}"
        (mine,) = owed_in_words(await house.rows(ALICE))
        assert mine.startswith(f"a review is owed for your request {id}") and owed_in_words(await house.rows(DAVE)) == []

    house.run(play())


def test_what_a_rule_keeps_from_operators_is_kept_from_them_in_an_owed_review_too(house: GlassHouse) -> None:
    """THREATS S-11. Who was skipped may review it, so they are shown everything."""
    house.glass(visible_to=("group:privacy",))

    async def play() -> None:
        id = await house.shattered()
        for given in (False, True):
            for who, is_whole in ((BOB, True), (ALICE, True), (DAVE, False)):
                (listed,) = await house.rows(who, ended=True)
                shown = await house.lists.show(who, id)
                for row in (listed, shown):
                    assert row["narrowed"] is not is_whole
                    assert ("production is down" in repr(row), row["argv"][-1] == "x") == (is_whole, is_whole), who.user
                assert ("well MARKED done" in repr((listed, shown))) is (given and is_whole)
                assert shown["owed_review"]["state"] == listed["state"] == ("reviewed" if given else "owed")
            assert listed["argv"] == ["(not shown)"] and "production" not in "".join(without_styles(page(shown, None)))
            if not given:
                await house.give(id, comment="well MARKED done")
        records = await read(house.records, DAVE)
        (about,) = (row for row in records if row["event"] == "owed_review.reviewed")
        assert about["detail"]["comment"] == "‹hidden›" and "MARKED" not in repr(records) and "production" not in repr(records)

    house.run(play())


def test_a_review_is_given_once_and_says_by_whom(house: GlassHouse) -> None:
    async def play() -> None:
        id = await house.shattered()
        assert await house.give(id, comment="it was right") == f"what was done by request {id} is reviewed"
        owed = house.owed(id)
        assert (owed.state, owed.given_as, owed.comment) == (OwedReviewState.REVIEWED, "approver", "it was right")
        last = house.events()[-1]
        assert (last["event"], last["actor"], last["role"]) == ("owed_review.reviewed", BOB.principal, "approver")
        assert last["fingerprint"] == house.found(id).fingerprint.hex() and last["peer"]["uid"] == HERE.uid
        with pytest.raises(Refusal, match="was reviewed already by bob") as no:
            await house.give(id, CAROL)
        assert no.value.code == "late" and house.events()[-1] == last
        assert await house.rows(BOB) == [] and [row["state"] for row in await house.rows(BOB, ended=True)] == ["reviewed"]
        assert any('"it was right"' in line for line in without_styles(page(await house.lists.show(ALICE, id), None)))

    house.run(play())


ROOT = Subject("root", "root", 0, 0, frozenset({"root", "ops"}), "root", None)
NOT: dict[str, tuple[Subject, str, str]] = {
    "the requester": (replace(ALICE, groups=frozenset({"ops"})), "forbidden", "is your own"),
    "the requester's other account": (person("bob", person="alice"), "forbidden", "is your own"),
    "an operator before its time": (DAVE, "forbidden", "an operator only when it is overdue"),
    "local root": (ROOT, "forbidden", "root may not review"),
    "a stranger": (EVE, "unknown", "there is no request"),
    "without a ticket": (replace(BOB, principal="local:bob"), "unknown", "there is no request"),
}


@pytest.mark.parametrize(("who", "code", "told"), NOT.values(), ids=list(NOT))
def test_who_may_not_give_it_is_told_and_nothing_changes(house: GlassHouse, who: Subject, code: str, told: str) -> None:
    """THREATS A-01."""

    async def play() -> None:
        id = await house.shattered()
        before = house.store.head()
        with pytest.raises(Refusal, match=told) as no:
            await house.give(id, who)
        assert no.value.code == code
        assert house.store.head() == before and house.owed(id).state is OwedReviewState.OWED

    house.run(play())


def test_what_can_still_run_cannot_be_reviewed_yet(house: GlassHouse) -> None:
    """One review is of all uses: none of them may come after it."""

    async def play() -> None:
        id = await house.shatter(lasts_for=600, uses=1)
        before = house.store.head()
        with pytest.raises(Refusal, match="what it permits still runs; .* jitd revoke") as no:
            await house.give(id)
        assert no.value.code == "not_done" and house.store.head() == before
        (living,) = house.store.runs(grant=id)
        house.perform.act(Ended(living.id, MONITOR, Outcome(Ending.NOT_STARTED, 126, "gone")))
        with pytest.raises(Refusal, match="it may be used until its grant ends"):
            await house.give(id)
        await house.endings.revoke(BOB, id, "enough")  # who was skipped may end it
        assert house.events()[-1]["role"] == "approver"
        await house.give(id)

    house.run(play())


def test_what_was_told_to_end_and_is_not_gone_cannot_be_reviewed_yet(house: GlassHouse) -> None:
    async def play() -> None:
        id = await house.shatter()
        house.perform.act(Revoked(id, DAEMON, "enough"))
        assert not house.store.grant(id).is_live  # type: ignore[union-attr]
        before = house.store.head()
        with pytest.raises(Refusal, match="not gone yet"):
            await house.give(id)
        assert house.store.head() == before
        house.end_runs(id)
        await house.give(id)

    house.run(play())


def test_what_ran_under_a_damaged_grant_cannot_be_reviewed_before_it_is_gone(house: GlassHouse) -> None:
    async def play() -> None:
        id = await house.shatter()
        house.lifecycle.set_aside(Damaged("grant", id, "it is not what was recorded"))
        house.perform.act(StopOrdered(id, DAEMON, "its grant was damaged"))
        before = house.store.head()
        with pytest.raises(Refusal, match="not gone yet"):
            await house.give(id)
        assert house.store.head() == before
        house.end_runs(id)
        await house.give(id)

    house.run(play())


def test_other_refusals_change_nothing(house: GlassHouse) -> None:
    async def play() -> None:
        id = await house.shattered()
        plain = await Client(house).submit()
        house.lifecycle.handle(place(locked(Whom.USER, "carol", "L0CK-0009")))
        before = house.store.head()
        with pytest.raises(Refusal, match="is not what you were shown"):
            await house.give(id, fingerprint=b"x" * 32)
        with pytest.raises(Refusal, match="no review is owed for request .*: nobody broke glass for it"):
            await house.give(plain.id)
        with pytest.raises(Refusal, match="you may review nothing: locked"):
            await house.give(id, CAROL)
        with pytest.raises(Refusal, match="at most 4096 bytes"):
            await house.give(id, comment="x" * 5000)
        house.left = frozenset({"ops"})  # bob was in the group when he connected, and is not any more
        with pytest.raises(Refusal):
            await house.give(id)
        house.left, house.gone = frozenset(), ("bob",)
        with pytest.raises(Refusal, match="your account is disabled"):
            await house.give(id)
        assert house.store.head() == before and house.owed(id).is_open

    house.run(play())


def test_the_verdict_on_the_wire_reaches_the_verb(house: GlassHouse) -> None:
    async def play() -> None:
        id = await house.shattered()
        services: Any = house.services
        services.requests, services.lists, services.owed_reviews = house.requests, house.lists, house.owed_reviews
        services.reviews = house.reviews
        answers, nothing = Answers(), SimpleNamespace()
        add_answers(answers, services, nothing, nothing)  # type: ignore[arg-type]

        def to(who: Subject, message: messages.Message) -> Any:
            return answers.to(Asker(who, lambda: HERE, Caller(None)), message)

        fingerprint = house.found(id).fingerprint
        with pytest.raises(Refusal):  # an approval of it is something else
            await to(BOB, messages.Review(id=id, verdict="approve", fingerprint=fingerprint, comment=""))
        with pytest.raises(Refusal, match="approve, deny or reviewed"):
            await to(BOB, messages.Review(id=id, verdict="maybe", fingerprint=fingerprint, comment=""))
        assert house.owed(id).is_open
        assert await to(BOB, messages.Review(id=id, verdict="reviewed", fingerprint=fingerprint, comment=""))
        assert not house.owed(id).is_open
        rows: Any = await to(BOB, messages.List(what="reviews", ended=True))
        assert [row["id"] async for row in rows] == [id]

    house.run(play())


# --- what it prevents ------------------------------------------------------------------------------------------------------


async def refused(house: GlassHouse, **changes: Any) -> str:
    """What alice is told who breaks glass; nothing runs then."""
    client, n_started = Client(house), len(house.monitors.started)
    await client.submit(**{**WHY, **changes})
    await house.until(lambda: client.refused)
    assert len(house.monitors.started) == n_started
    return client.refused[0][1]


def test_what_is_owed_bars_nothing_up_to_the_number_of_the_rule(house: GlassHouse) -> None:
    async def play() -> None:
        first = await house.shattered()
        await house.shattered()
        told = await refused(house)
        assert told == (
            f"denied: 2 reviews of your requests by rule glass are owed; "
            f"group:ops must review one request first: jitd review {first}"
        )
        assert len(list(house.store.owed_reviews())) == 2
        await house.give(first)
        await house.shattered()

    house.run(play())


def test_what_is_overdue_bars_the_next_one_of_that_person_and_says_who_lifts_it(house: GlassHouse) -> None:
    async def play() -> None:
        id = await house.shattered()
        house.pass_time(DUE - 1)
        assert house.owed(id).state is OwedReviewState.OWED
        house.pass_time(DUE)
        assert house.owed(id).state is OwedReviewState.OVERDUE
        assert house.events()[-1]["event"] == "owed_review.overdue"
        told = await refused(house)
        assert told == (
            f"denied: the review of request {id} is overdue; group:ops, or an operator who is not you, "
            f"must review the request first: jitd review {id}"
        )
        plain = await Client(house).submit()
        assert plain.state is RequestState.PENDING, "what needs no broken glass goes on"
        assert await house.give(id, DAVE) and house.owed(id).given_as == "operator"
        await house.shattered()

    house.run(play())


def test_who_was_skipped_and_has_authenticated_too_weakly_is_no_operator_either(house: GlassHouse) -> None:
    """What is overdue is lifted by operators; to have been skipped does not make one."""
    demanding = (Approval(1, ("group:ops",), Demand(("otp",))),)
    house.glass(replace(GLASS, skipped=demanding))

    async def play() -> None:
        id = await house.shattered()
        house.pass_time(DUE)
        before = house.store.head()
        with pytest.raises(Refusal, match="its rule wants"):
            await house.give(id, BOB)
        (row,) = await house.rows(BOB)
        assert (row["may_give"], bool(row["lacks"])) == (False, True) and house.store.head() == before
        assert await house.give(id, DAVE)

    house.run(play())


def test_where_everything_is_signed_so_is_the_review_by_an_operator(house: GlassHouse, tmp_path: Path) -> None:
    """THREATS A-32, A-35: also of glass that was broken before the host demanded it. To deny, lock and revoke need no key."""
    key = ssh_keys.make(tmp_path, "ed25519")
    config: Any = house.decider._config
    config.host = "db1.example.test"
    signers = tmp_path / "allowed_signers"
    signers.write_text(f"{DAVE.principal} {ssh_keys.public(key).line}\n", "ascii")
    ground: Any = SimpleNamespace(
        config=config, store=house.store, opened=lambda: SqliteStore.reading(tmp_path / "jitd.db"), workers=house.workers,
        policy_digest=lambda: PolicyText(()).digest, now=house.now,
    )  # fmt: skip
    house.lifecycle._policy_text = lambda: PolicyText(())
    house.lifecycle._policy_digest = ground.policy_digest
    receipts = Receipts(ground, house.access, house.decider, Signers(signers, lambda: house.at.at))
    house.owed_reviews = OwedReviews(house.access, house.decider, house.perform, house.store, house.now, receipts)
    made = Authentication(START, START, (), (), "aes", "aes", ("EXAMPLE.TEST",))

    async def play() -> None:
        id = await house.shattered()
        config.approvals = Approvals(signed="key")
        with pytest.raises(Refusal, match="its rule takes only approvals that are signed with a key"):
            await house.give(id, replace(BOB, authentication=made))
        house.pass_time(DUE)
        before = house.store.head()
        with pytest.raises(Refusal, match="this host takes only what is signed with a key"):
            await house.give(id, replace(DAVE, authentication=made))
        assert house.store.head() == before
        who = replace(DAVE, authentication=made, ticket_ends_at=house.at.at + timedelta(hours=1))
        told, *_ = [row async for row in receipts.basis(who, id, "reviewed")]

        def at(time: str) -> Signed:
            text = receipt.read(told["statement"])._replace(at=time, random=bytes(16)).text()
            return Signed(text, ssh_keys.sign(key, receipt.NAMESPACE, text.encode("ascii")))

        before = house.store.head()
        for wrong in ("2026-03-02T09:00:00Z", "2026-03-03T09:00:00Z"):
            with pytest.raises(Refusal, match=f"{wrong}, which you have signed, is not the time of this host"):
                await house.owed_reviews.give(who, id, house.found(id).fingerprint, "", HERE, at(wrong))
        assert house.store.head() == before
        given = at(receipt.read(told["statement"]).at)
        assert "is reviewed" in await house.owed_reviews.give(who, id, house.found(id).fingerprint, "", HERE, given)
        assert house.owed(id).receipt is not None and house.owed(id).signed == "key"

    house.run(play())


def test_an_operator_does_not_lift_their_own(house: GlassHouse) -> None:
    config: Any = house.decider._config
    config.operators = ("user:alice",)

    async def play() -> None:
        id = await house.shattered()
        house.pass_time(DUE)
        with pytest.raises(Refusal, match="is your own"):
            await house.give(id, ALICE)
        assert await house.give(id, BOB)

    house.run(play())


def test_a_use_of_a_lease_is_barred_while_a_review_is_overdue(house: GlassHouse) -> None:
    house.glass(replace(GLASS, review_for=60), lasts_for=3600, uses=5)

    async def play() -> None:
        id = await house.shatter(lasts_for=3600, uses=3)
        other = Client(house)
        house.end_runs(id)
        await other.resume(id)
        await house.until(lambda: other.kinds[-1:] == ["start"])
        house.end_runs(id)
        house.pass_time(60)
        assert house.owed(id).state is OwedReviewState.OVERDUE
        before = house.store.head()
        with pytest.raises(Refusal, match="is overdue"):
            await Client(house).resume(id)
        assert house.store.head() == before
        with pytest.raises(Exception, match="is overdue"):  # nor by the one door itself
            house.lifecycle.handle(Used(id, Actor(Role.REQUESTER, ALICE.principal, ALICE.uid), id, Terms()))
        assert house.store.head() == before

    house.run(play())


def test_of_two_at_one_moment_the_second_is_denied_by_the_one_door(house: GlassHouse) -> None:
    """Both were decided before either was stored."""
    house.glass(replace(GLASS, open=1))

    async def play() -> None:
        asking = replace(ASKED, **WHY)
        first = await house.decider.decide_new(ALICE, "jitsudo", lambda search_path: asking)
        assert isinstance(first.decision, Permit)
        id = await house.shattered()
        made = asked("1ATE-0001", what=first.command, breaks_glass=True)
        house.perform.submitted(submit(made), first.decision)
        late = house.found("1ATE-0001")
        assert (late.state, late.because[:8]) == (RequestState.DENIED, "1 review")
        assert house.store.grant("1ATE-0001") is None and [one.id for one in house.store.owed_reviews()] == [id]

    house.run(play())


def test_of_many_who_ask_at_once_no_more_are_permitted_than_may_be_owed(house: GlassHouse) -> None:
    async def play() -> None:
        clients = [Client(house) for _ in range(6)]
        await asyncio.gather(*(client.submit(**WHY) for client in clients))
        await house.until(lambda: sum(bool(client.refused) for client in clients) == 4)
        await house.until(lambda: len(house.monitors.started) == 2)
        assert len(list(house.store.owed_reviews())) == GLASS.open

    house.run(play())


# --- -l -------------------------------------------------------------------------------------------------------------------


def test_who_asks_what_would_happen_is_told_that_the_way_exists(house: GlassHouse) -> None:
    async def play() -> None:
        row = await house.requests.explain(ALICE, ASKED, "jitsudo")
        way = row["by_breaking_glass"]
        assert (row["rule"], way["rule"], way["decision"]) == ("p", "glass", "permit")
        assert way["break_glass"]["skips"] == "1 approval from group:ops" and way["break_glass"]["review_for"] == DUE
        before = house.store.head()
        id = await house.shattered()
        assert house.store.head() != before
        house.pass_time(DUE)
        way = (await house.requests.explain(ALICE, ASKED, "jitsudo"))["by_breaking_glass"]
        assert way["decision"] == "deny" and id in way["because"]
        house.policy = Policy(house.policy.rules[:1], "permit", "ab" * 32)
        assert (await house.requests.explain(ALICE, ASKED, "jitsudo"))["by_breaking_glass"] is None
        free = rule(name="free", approvals=())
        house.policy = Policy((free, rule(name="glass", approvals=(), break_glass=GLASS)), "permit", "ab" * 32)
        assert (await house.requests.explain(ALICE, ASKED, "jitsudo"))["by_breaking_glass"] is None, "it is permitted anyway"

    house.run(play())


def test_what_skips_one_of_several_ways_is_shown_as_any_other(house: GlassHouse) -> None:
    ways = (Approval(2, ("group:ops",), instead=(Approval(1, ("group:security",), after=300),)),)
    house.glass(replace(GLASS, skipped=ways))
    house.policy = Policy((rule(approvals=ways), *house.policy.rules[1:]), "permit", "ab" * 32)

    async def play() -> None:
        explained = await house.requests.explain(ALICE, ASKED, "jitsudo")
        assert explained["approvals"][0]["instead"] and explained["by_breaking_glass"]["break_glass"]
        id = await house.shatter()
        listed = [row async for row in house.lists.requests(DAVE, ended=True)]
        rows = (*listed, *house.requests.rules(ALICE), explained, await house.lists.show(DAVE, id))
        assert len(rows) == 5
        for row in rows:
            (read,) = [decode(encode(messages.Item(row=row)), messages.FROM_DAEMON)]
            assert read == messages.Item(row=row)

    house.run(play())


# --- restarts and reboots ---------------------------------------------------------------------------------------------------


def test_after_a_restart_it_is_overdue_when_it_was_to_be(house: GlassHouse) -> None:
    async def play() -> tuple[GlassHouse, str]:
        id = await house.shattered()
        house.store.close()
        again = GlassHouse(house.path, house.monkeypatch, house.gatekeepers)
        again.at = moment(100)
        await again.recovery.recover()
        again.pass_time(DUE - 1)
        assert again.owed(id).state is OwedReviewState.OWED
        again.pass_time(DUE)
        assert again.owed(id).state is OwedReviewState.OVERDUE
        return again, id

    again, id = house.run(play())
    again.store.close()
    late = GlassHouse(house.path, house.monkeypatch, house.gatekeepers)  # nothing is due again
    late.at = moment(DUE + 100)
    asyncio.run(late.recovery.recover())
    late.pass_time(90 * DUE)
    assert late.owed(id).state is OwedReviewState.OVERDUE and late.owed(id).version == 2
    late.store.close()


@pytest.mark.parametrize("days", [0, 400, -400], ids=["a clock that is right", "set forward", "set back"])
def test_over_a_reboot_the_time_that_the_record_proves_counts_and_the_wall_clock_does_not(house: GlassHouse, days: int) -> None:
    async def play() -> None:
        id = await house.shattered()
        house.at = moment(3600)
        house.lifecycle.note("policy.loaded", "root", 0, {})  # the host was up for an hour at least
        house.store.close()
        again = GlassHouse(house.path, house.monkeypatch, house.gatekeepers)
        then = moment(-1000 + 5, "boot-2")
        again.at = replace(then, at=then.at.replace(year=then.at.year + (days > 0) - (days < 0)))
        await again.recovery.recover()
        owed = again.owed(id)
        assert (owed.state, owed.boot_id, owed.due_boot) == (OwedReviewState.OWED, "boot-2", DUE - 3600.0)
        assert again.found(id).state is RequestState.APPROVED
        again.pass_time(-1000 + DUE - 3601, "boot-2")
        assert again.owed(id).state is OwedReviewState.OWED
        again.pass_time(-1000 + DUE - 3600, "boot-2")
        assert again.owed(id).state is OwedReviewState.OVERDUE
        assert "overdue" in await refused(again)
        await again.give(id)
        verify(again.store)
        again.store.close()

    house.run(play())


@pytest.mark.parametrize("change", ["gone", "given"])
def test_an_owed_review_that_was_changed_past_its_life_is_found(house: GlassHouse, change: str) -> None:
    """Somebody with the database's file lets what is owed disappear."""
    id = house.run(house.shattered())
    there = documents.write(house.owed(id), house.store.values(id))
    db = house.store._db
    db.execute("DROP TRIGGER owed_reviews_move" if change == "given" else "DROP TRIGGER owed_reviews_stay")
    if change == "given":
        done = documents.write(replace(house.owed(id), state=OwedReviewState.REVIEWED), house.store.values(id))
        db.execute("UPDATE owed_reviews SET document = ?, is_open = 0", (done,))
    else:
        db.execute("DELETE FROM owed_reviews")
    with pytest.raises(NotWhole, match=f"owed_review {id} is (missing|not as record)"):
        verify(house.store)
    if change == "given":
        db.execute("UPDATE owed_reviews SET document = ?, is_open = 1", (there,))
    else:
        db.execute("INSERT INTO owed_reviews VALUES (?, 1, 1, 'alice', ?)", (id, there))


# --- the table -------------------------------------------------------------------------------------------------------------


def test_the_table_keeps_what_was_written_and_nothing_is_taken_from_it(house: GlassHouse) -> None:
    import sqlite3

    id = house.run(house.shattered())
    owed = house.owed(id)
    assert round_trip(owed) == owed
    assert [one.id for one in house.store.owed_reviews(person="alice")] == [id]
    assert list(house.store.owed_reviews(person="bob")) == [] and ("owed_review", id) in house.store.live()
    for statement in ("DELETE FROM owed_reviews", "UPDATE owed_reviews SET version = 2, person = 'bob'"):
        with pytest.raises(sqlite3.IntegrityError, match="an owed review"):
            house.store._db.execute(statement)
    with pytest.raises(Conflict):
        put(house.store, replace(owed, version=3), expected=2)
    house.run(house.give(id))
    with pytest.raises(sqlite3.IntegrityError, match="only through its life"):
        house.store._db.execute("UPDATE owed_reviews SET version = 9, is_open = 1")
    assert list(house.store.owed_reviews()) == [] and house.store.owed_review(id) is not None
