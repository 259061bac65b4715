# SPDX-License-Identifier: Apache-2.0
"""What people are told and may do about things that are given: revoke, lock, resume, keep, and the rows of lists.

Law: a verb returns when what it says is true; what is not taken back yet is named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.beside.refusals import Failed
from jitd.beside.refusals import Refused as NotNow
from jitd.core.grant import GrantState, Revoked
from jitd.core.holding import HoldingState
from jitd.core.law import DAEMON
from jitd.core.naming import Naming
from jitd.core.origin import Caller
from jitd.core.subject import NO_SIDS
from jitd.deciding.directory import Account
from jitd.lifecycle.givers import Givers
from jitd.server.connection import Connection
from jitd.server.waiting import Waiting
from jitd.verbs import endings, locks
from jitd.verbs.given_twice import ended_or_stays
from jitd.verbs.locks import Locks
from jitd.verbs.refusal import Refusal
from jitd.verbs.rows import holding_row
from jitd_things.givers.kinds import KINDS, OF_NAME
from jitpam import options
from jitpam.wire.conversation import DAEMON as THE_DAEMON
from jitpam.wire.conversation import Conversation
from tests.daemon.asking import NO_RECEIPTS
from tests.daemon.giving import ALICE, BOB, ID, Client, FakeGiver, House
from tests.daemon.test_holdings import played
from tests.scene import THING, permit, person, review
from tests.waiting import PATIENCE

HELD, TAKING, ENDED = HoldingState.HELD, HoldingState.TAKING, HoldingState.ENDED
SILENT = Failed("the KDC is silent")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    for module in (endings, locks):
        monkeypatch.setattr(module, "GONE_WITHIN", PATIENCE)
    made = House(tmp_path)
    yield made
    made.close()


def locking(house: House) -> Locks:
    """The operators' brake over ``house``, where everybody has an account."""
    parts: Any = (SimpleNamespace(refuse=lambda act, who: None), house.endings, house.perform, house.store)
    accounts: Any = SimpleNamespace(naming=Naming(frozenset({"EXAMPLE.TEST"})), people={}, approvers={}, sids=NO_SIDS)
    workers: Any = SimpleNamespace(typed=SimpleNamespace(run=found))
    return Locks(*parts, accounts, house.waiters, workers, lambda: house.at, NO_RECEIPTS)


async def found(uid: int, look: Any, *words: Any) -> Account:
    return Account("alice", ALICE.uid)


async def given(house: House, id: str = ID) -> Client:
    """alice has the thing, which bob has approved."""
    client = house.begin(permit(), id=id)
    waiting = house.store.request(id)
    assert waiting is not None
    house.perform.act(review(waiting, person("bob")))
    await house.settle()
    assert house.held(id).state is HELD
    return client


VERBS: dict[str, Callable[[House], Any]] = {
    "revoke": lambda house: house.endings.revoke(BOB, ID, "wrong host"),
    "revoke, by alice": lambda house: house.endings.revoke(ALICE, ID, ""),
    "revoke --of alice": lambda house: house.endings.revoke_all_of(BOB, "alice", "left us"),
    "lock alice": lambda house: locking(house).lock(person("dave"), "user", "alice", None, "left us"),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_that_ends_it_returns_when_it_is_taken(house: House, verb: str) -> None:
    """THREATS T-19."""

    async def scene() -> None:
        await given(house)
        house.giver.answers = [FakeGiver.HANGS]
        house_is_patient = asyncio.create_task(VERBS[verb](house))
        await house.settle()
        while not house.giver.hanging:
            await asyncio.sleep(0)
        assert not house_is_patient.done() and house.held().state is TAKING
        house.giver.hanging[0].set_result(FakeGiver.DOES)
        said = await house_is_patient
        assert house.held().state is ENDED and house.giver.there == set()
        assert "taken back" in said, said

    asyncio.run(scene())


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_not_taken_in_time_is_named_and_the_verb_has_failed(
    house: House, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """THREATS T-19: and so it is by whatever verb comes later, until it is taken."""
    for module in (endings, locks):
        monkeypatch.setattr(module, "GONE_WITHIN", 0.05)

    async def scene() -> None:
        await given(house)
        house.giver.answers = [SILENT] * 100
        with pytest.raises(Refusal) as refused:
            await VERBS[verb](house)
        assert refused.value.code == "not_done" and f"{THING} ({ID}) is not taken back yet" in refused.value.text
        for again in VERBS:
            with pytest.raises(Refusal) as refused:
                await VERBS[again](house)
            assert refused.value.code == "not_done" and f"({ID})" in refused.value.text, again
        assert house.held().state is TAKING
        house.giver.answers.clear()
        await house.pass_time(3600)
        await house.pass_time(60)
        assert house.held().state is ENDED
        for again in ("revoke", "revoke --of alice"):
            with pytest.raises(Refusal) as refused:
                await VERBS[again](house)
            assert refused.value.code in ("late", "unknown"), again

    asyncio.run(scene())


OTHER, UNTIL = "WNC0-D703", "until 20"


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        ("sudoers:wheel", "sudoers:wheel stays: another gives it"),
        ("sudoers:logs", "sudoers:logs stays: another gives it"),
        ("postgres-role:x", "postgres-role:x of this grant is taken back, but another gives it"),
        ("ssh-certificate:x", "ssh-certificate:x of this grant is taken back, but another gives it"),
    ],
)
def test_a_thing_that_there_is_once_stays_and_another_is_one_of_two(house: House, thing: str, said: str) -> None:
    async def scene() -> None:
        house.begin()
        await house.settle()

    asyncio.run(scene())
    one = replace(house.held(), thing=thing)
    assert ended_or_stays(one, "another gives it") == said
    assert ended_or_stays(one, "") == f"{thing} is taken back"


@played
async def test_what_another_grant_still_gives_is_not_called_taken_back(house: House) -> None:
    first, second = house.begin(id=ID), house.begin(id=OTHER)
    house.begin(id="WNC0-D704", what="service-ticket:other/db1.example.test")
    await house.settle()
    assert house.held().state is HELD and house.held(OTHER).state is HELD
    said = await house.endings.revoke(ALICE, ID, "")
    assert f"; {THING} stays: the grant {OTHER} gives it too, {UNTIL}" in said, said
    assert " UTC; " in said and "D704" not in said and f"{THING} is taken back" not in said
    assert house.held(OTHER).state is HELD and second.said[-1] == "given"
    assert f"(the grant {OTHER} gives it too, {UNTIL}" in first.heard[-1].because
    assert f"; {THING} is taken back" in await house.endings.revoke(ALICE, OTHER, "")
    assert "gives it too" not in second.heard[-1].because


@played
async def test_of_two_grants_that_are_revoked_together_both_are_taken_back(house: House) -> None:
    for id in (ID, OTHER):
        house.begin(id=id)
    await house.settle()
    said = await house.endings.revoke_all_of(ALICE, "alice", "")
    assert said.startswith(f"2 grants of alice revoked; {THING} is taken back;") and "stays" not in said


@played
async def test_a_grant_that_one_may_not_see_is_not_named(house: House) -> None:
    await given(house)
    house.begin(id=OTHER)  # which no rule has let bob review
    await house.settle()
    said = await house.endings.revoke(BOB, ID, "")
    assert f"{THING} stays: another grant, which you may not see, gives it too, {UNTIL}" in said and OTHER not in said


@played
async def test_what_somebody_else_has_does_not_make_it_stay(house: House) -> None:
    house.begin()
    house.begin(id=OTHER, requester=BOB)
    await house.settle()
    assert house.held(OTHER).state is HELD
    assert f"; {THING} is taken back" in await house.endings.revoke(ALICE, ID, "")


@played
async def test_a_stop_of_what_is_given_says_how_to_take_it_back_to_those_alone_who_may_see_it(house: House) -> None:
    await given(house)
    for who, told in ((ALICE, f"jitd revoke {ID}"), (BOB, f"jitd revoke {ID}"), (person("eve"), f"there is no run {ID}")):
        with pytest.raises(Refusal, match=told) as refused:
            await house.endings.stop(who, ID, "")
        assert refused.value.code == "unknown"
        assert (THING in str(refused.value)) == ("revoke" in told)
    assert house.held().state is HELD and house.told() == ["giving", "given"]


@played
async def test_nobody_ends_what_they_may_not_see(house: House) -> None:
    await given(house)
    for stranger in (person("eve"),):
        with pytest.raises(Refusal):
            await house.endings.revoke(stranger, ID, "")
        with pytest.raises(Refusal):
            await house.endings.revoke_all_of(stranger, "alice", "")
    assert house.held().state is HELD and house.told() == ["giving", "given"]


# --- resume and keep ---------------------------------------------------------------------------------------------------


@played
async def test_nobody_resumes_what_is_somebody_elses(house: House) -> None:
    """THREATS T-22: whoever they are, one sentence answers."""
    await given(house)
    house.restart()
    house.perform.holdings.await_holder(ID)
    texts = set()
    for who in (BOB, person("eve"), person("alice", uid=4711), person("alice", principal="local:alice"), person("root")):
        client = Client(house, who)
        with pytest.raises(Refusal) as refused:
            await house.requests.resume(who, ID, Caller(None), client.waiting, client.waiting.begin)
        texts.add(refused.value.text)
        assert client.said == [] and house.waiters.holder_of(ID) is None
    assert len(texts) == 1 and house.held().state is HELD


def test_both_sides_know_the_same_kinds_that_come_with_a_secret() -> None:
    assert {f"{kind.KIND}:" for kind in KINDS if kind.HAS_SECRET} == {*options.SECRET, options.CERTIFICATE}


TWO = ("vault:db", "postgres-role:ro")


@pytest.mark.parametrize(
    ("things", "place", "told"),
    [
        (("vault:db",), "none", f"vault:db comes with a secret: jitsudo --resume={ID} --to=FILE writes it into the new FILE"),
        (
            (THING, "ssh-certificate:web"),
            "none",
            f"ssh-certificate:web comes with a secret: jitsudo --resume={ID} --to=FILE writes ",
        ),
        (TWO, "file", "--to takes one secret, but each of these has one: vault:db, postgres-role:ro; no use was taken"),
        ((THING,), "file", "--to takes one secret, but nothing that is given has one; no use was taken"),
        (
            ("vault:db",),
            "elsewhere",
            f"vault:db comes with a secret: jitsudo --resume={ID} --to=FILE writes it into the new FILE",
        ),
    ],
)
def test_a_secret_without_a_place_is_refused_before_the_use_is_taken(
    house: House, things: tuple[str, ...], place: str, told: str
) -> None:
    """THREATS T-20: its requester alone learns what it comes with."""

    async def scene() -> None:
        house.perform.holdings._givers = Givers(dict.fromkeys(("service-ticket", *OF_NAME), house.giver))
        house.giver.answers = [NotNow("not now")]
        house.begin(permit(), things=things)
        waiting = house.store.request(ID)
        assert waiting is not None
        house.perform.act(review(waiting, person("bob")))
        await house.settle()
        assert (house.grant().state, house.grant().left) == (GrantState.ACTIVE, 1), "it was not given, so the use is there"
        asked, state = list(house.giver.asked), house.store.request(ID)
        client = Client(house)
        resume = partial(house.requests.resume, caller=Caller(None), client=client.waiting, on_created=client.waiting.begin)
        with pytest.raises(Refusal) as no:
            await resume(ALICE, ID, place=place)
        assert no.value.code == "usage" and no.value.text.startswith(told)
        await house.settle()
        assert (house.giver.asked, house.store.request(ID), house.grant().left, client.said) == (asked, state, 1, [])
        with pytest.raises(Refusal) as other:
            await resume(BOB, ID, place=place)
        assert other.value.code == "unknown"
        client.waiting.move(await resume(ALICE, ID, place="command"))
        await house.settle()
        assert client.said.count("given") == len(things), "the honest use"

    asyncio.run(scene())


@played
async def test_of_two_that_resume_the_same_one_has_it_and_the_other_is_told_no(house: House) -> None:
    """THREATS T-22."""
    await given(house)
    house.restart()
    house.perform.holdings.await_holder(ID)
    first = await house.come_back()
    with pytest.raises(Refusal, match="what was approved is used or over"):
        await house.come_back()
    assert first.said == ["given"] and house.waiters.holder_of(ID) is first.waiting
    first.go()
    await house.settle()
    assert house.held().state is ENDED
    with pytest.raises(Refusal, match="what was approved is used or over"):
        await house.come_back()


@played
async def test_of_two_that_resume_what_is_still_being_given_one_waits(house: House) -> None:
    """THREATS T-22."""
    house.giver.answers = [FakeGiver.HANGS]
    house.begin()
    await house.settle()
    with pytest.raises(Refusal, match="somebody waits for request"):
        await house.come_back()
    house.giver.hanging[0].set_result(FakeGiver.DOES)
    await house.settle()
    assert house.held().state is HELD


@played
async def test_keep_after_it_was_taken_is_too_late_and_keep_of_nothing_too(house: House) -> None:
    """THREATS T-22."""
    client = house.begin(stays=True)
    await house.settle()
    house.perform.act(Revoked(ID, DAEMON, "enough"))
    client.talk.state = "kept"  # its keep has crossed what was said to it
    client.heard.clear()
    for _ in range(2):
        with pytest.raises(Refusal) as refused:
            client.waiting.keep()
        assert refused.value.code == "late"
    await house.settle()
    assert house.held().state is ENDED
    with pytest.raises(Refusal):
        Client(house).waiting.keep()


@played
async def test_what_was_kept_is_kept_once_and_in_nobodys_hand(house: House) -> None:
    client = house.begin(stays=True)
    await house.settle()
    client.keep()
    assert house.waiters.holder_of(ID) is None and house.held().state is HELD
    client.talk.state = "kept"
    with pytest.raises(Refusal):
        client.waiting.keep()
    client.go()
    await house.settle()
    assert house.held().state is HELD


def test_a_connection_that_says_no_has_nothing_in_hand_any_more() -> None:
    """THREATS T-22: whatever the no is about, so that what comes next on it stands alone."""
    done: list[str] = []
    talk = Conversation(THE_DAEMON)
    talk.state = "kept"
    connection: Any = SimpleNamespace(
        _talk=talk,
        _point=None,
        _waiting=SimpleNamespace(close=lambda: done.append("given back")),
        say=lambda message: (talk.say(message), done.append(message.code)),
    )
    Connection._refuse(connection, "unauthenticated", "your ticket has expired: kinit")
    assert done == ["unauthenticated", "given back"] and talk.state == "ready"


def test_a_connection_that_says_no_waits_for_no_request_any_more() -> None:
    """What fails after the request was made is told as a no, and what becomes of the request later is told to nobody."""
    left: list[str] = []
    services: Any = SimpleNamespace(requests=SimpleNamespace(left=lambda id, client: left.append(id)))
    talk = Conversation(THE_DAEMON)
    talk.state = "asked"
    connection: Any = SimpleNamespace(_talk=talk, _point=None, say=talk.say)
    connection._waiting = Waiting(services, talk.say, lambda code, text: None, lambda: ALICE)
    connection._waiting.begin(ID)
    Connection._refuse(connection, "failed", "jitd failed")
    assert talk.state == "ready" and left == [ID] and not connection._waiting.is_waiting


# --- rows --------------------------------------------------------------------------------------------------------------


@played
async def test_a_row_says_all_of_a_holding_and_its_grant_names_it_until_it_is_taken(house: House) -> None:
    await given(house)
    assert holding_row(house.held()).written() == {
        "id": ID,
        "state": "held",
        "grant": ID,
        "request": ID,
        "thing": THING,
        "to": "alice@EXAMPLE.TEST",
        "until": "2026-03-02T10:00:00Z",
        "stays": False,
        "giving_at": "2026-03-02T09:00:00Z",
        "given_at": "2026-03-02T09:00:00Z",
        "kept_at": None,
        "taking_at": None,
        "not_taken": "",
        "not_renewed": "",
        "not_renewed_since": None,
        "ended_at": None,
        "outcome": None,
        "because": "",
    }
    house.giver.answers = [SILENT]
    house.perform.act(Revoked(ID, DAEMON, "enough"))
    await house.settle()
    for ended in (True, False):
        (row,) = [row async for row in house.lists.grants(ALICE, ended=ended)]
        assert (row["state"], row["holdings"], row["runs"]) == ("revoked", [ID], []), "a grant that has ended names what is left"
    (untaken,) = row["untaken"]
    assert (untaken["taking_at"], untaken["not_taken"]) == ("2026-03-02T09:00:00Z", "the KDC is silent")
    assert (await house.lists.show(ALICE, ID))["holdings"] == [untaken]
    assert [row async for row in house.lists.grants(person("eve"), ended=False)] == []
    await house.pass_time(1)
    assert [row async for row in house.lists.grants(ALICE, ended=False)] == []
    (row,) = [row async for row in house.lists.grants(ALICE, ended=True)]
    assert row["holdings"] == []
    shown = await house.lists.show(ALICE, ID)
    assert [(one["id"], one["state"]) for one in shown["holdings"]] == [(ID, "ended")] and shown["runs"] == []
    assert shown["holdings"][0]["outcome"]["ending"] == "left" and shown["holdings"][0]["not_taken"] == ""
    assert row["untaken"] == [] and shown["holdings"][0]["taking_at"] == "2026-03-02T09:00:00Z"
