# SPDX-License-Identifier: Apache-2.0
"""What a person without an account on this host may do with its verbs: look, review, end and lock, and nothing that needs an
account. After each refusal, nothing has changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jitd.core.grant import Grant
from jitd.core.law import Origin
from jitd.core.lock import Whom, is_on
from jitd.core.naming import Naming
from jitd.core.origin import Caller
from jitd.core.request import Request, Verdict
from jitd.core.subject import Approver, Identity, Sids, Subject, Visitor
from jitd.deciding.accounts import Accounts
from jitd.verbs import endings, locks
from jitd.verbs.answers import Asker
from jitd.verbs.refusal import Refusal, with_account
from jitpam.wire import coding, messages
from jitpam.wire.messages import FROM_CLIENT
from tests.daemon.asking import Client
from tests.daemon.test_who_sees_what import Seen
from tests.scene import TRUSTED, locked, person, place, visitor

ALICE, BOB = person("alice"), person("bob")
ZOE, YAN = visitor("zoe"), visitor("yan", "security")
"""An approver, and an operator."""
FRAMES = Path("tests/wire/golden/frames").read_text("ascii")


class House(Seen):
    """The settings name a visitor as they did, until the visitor is ``gone``."""

    def again(self, known: Any) -> Any:
        if isinstance(known, Subject):
            return super().again(known)
        return None if known.principal in self.gone else known

    async def say(self, who: Identity, message: Any) -> Any:
        answer = await self.answers.to(
            Asker(who, lambda: Origin(0, "", None), Caller(lambda: pytest.fail("no process"))), message
        )
        if isinstance(answer, str):
            return answer
        return [row async for row in answer] if hasattr(answer, "__aiter__") else list(answer)

    def grant(self, id: str) -> Grant:
        found = self.store.grant(id)
        assert found is not None
        return found

    async def waiting(self) -> Request:
        self.rules()
        return await Client(self).submit(argv=(b"/usr/bin/env",), waits=False, reason="REASON")

    async def review(self, who: Identity, made: Request, verdict: Verdict = Verdict.APPROVE) -> Any:
        return await self.say(who, messages.Review(id=made.id, verdict=verdict, fingerprint=made.fingerprint, comment="seen"))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    for module in (endings, locks):
        monkeypatch.setattr(module, "GONE_WITHIN", 0.01)
    made = House(tmp_path, monkeypatch)
    yield made
    made.workers.close()
    made.store.close()


# --- what needs an account ---------------------------------------------------------------------------------------------------

NEEDS_AN_ACCOUNT = {"withdraw", "explain", "suppose", "giveback", "mute", "reload", "reloadtested", "signingkey", "export"}
NEEDS_NONE = {
    "list",
    "page",
    "show",
    "review",
    "basis",
    "signedreview",
    "revoke",
    "stop",
    "lock",
    "unlock",
    "signedunlock",
    "audit",
    "status",
    "roll",
}


def test_of_each_message_it_is_said_whether_it_needs_an_account(house: House) -> None:
    assert {kind.type for kind in house.answers.kinds} == NEEDS_AN_ACCOUNT | NEEDS_NONE


@pytest.mark.parametrize("name", [*sorted(NEEDS_AN_ACCOUNT), "list rules"])
@pytest.mark.parametrize("who", [ZOE, YAN], ids=["approver", "operator"])
def test_what_needs_an_account_is_refused_and_nothing_is_done(house: House, name: str, who: Visitor) -> None:
    """THREATS K-29."""

    async def scene() -> None:
        await house.waiting()
        before = house.n_records
        body = re.findall(rf'^client \w+ ({{"type":"{name}".*)$', FRAMES, re.MULTILINE)
        message = coding.decode(body[-1].encode("ascii"), FROM_CLIENT) if body else messages.List(what="rules", ended=False)
        with pytest.raises(Refusal) as refused:
            await house.say(who, message)
        assert refused.value.code == "forbidden"
        is_told = (
            "needs an account on this host, and " in refused.value.text or "only operators and root may" in refused.value.text
        )
        assert is_told and house.n_records == before

    house.run(scene())


def test_who_has_an_account_is_asked_for_none() -> None:
    assert with_account(ALICE) is ALICE
    with pytest.raises(Refusal, match=rf"zoe@{TRUSTED} has none: ask root of this host for one"):
        with_account(ZOE)


# --- what needs none -----------------------------------------------------------------------------------------------------------


def test_a_visitor_sees_what_there_is_to_review_and_approves_it(house: House) -> None:
    async def scene() -> None:
        made = await house.waiting()
        listed = await house.say(ZOE, messages.List(what="requests", ended=False))
        assert [row["id"] for row in listed] == [made.id] and listed[0]["may_review"] and not listed[0]["mine"]
        (row,) = await house.say(ZOE, messages.Show(id=made.id))
        assert row["may_review"] and not row["mine"]
        assert "is approved" in await house.review(ZOE, made)
        found = house.found(made.id)
        assert found.state == "approved" and found.reviews[0].by.principal == ZOE.principal
        (row,) = await house.say(BOB, messages.Show(id=made.id))
        assert [one["by"] for one in row["reviews"]] == [ZOE.principal]

    house.run(scene())


def test_a_visitor_denies(house: House) -> None:
    async def scene() -> None:
        made = await house.waiting()
        await house.review(ZOE, made, Verdict.DENY)
        assert house.found(made.id).state == "denied"

    house.run(scene())


REFUSED: list[tuple[str, Identity, str]] = [
    ("the requester by a principal", visitor("alice"), "your own|as far as you may see"),
    ("somebody of no group that is asked", visitor("zoe", "dba"), "as far as you may see"),
    ("an account's name without the account", replace(ZOE, groups=frozenset({"bob"})), "as far as you may see"),
]


@pytest.mark.parametrize(("who", "because"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_visitor_whom_the_rule_does_not_name_reviews_nothing(
    house: House, who: Visitor, because: str, verdict: Verdict
) -> None:
    """THREATS K-29."""

    async def scene() -> None:
        made = await house.waiting()
        before = house.n_records
        with pytest.raises(Refusal, match=because):
            await house.review(who, made, verdict)
        assert house.n_records == before and house.found(made.id) == made

    house.run(scene())


def test_a_visitor_whom_the_settings_no_longer_name_reviews_nothing(house: House) -> None:
    """THREATS K-29: each review looks anew."""

    async def scene() -> None:
        made = await house.waiting()
        house.gone = (ZOE.principal,)
        before = house.n_records
        with pytest.raises(Refusal, match="expired, or your account is disabled"):
            await house.review(ZOE, made)
        assert house.n_records == before and house.found(made.id) == made

    house.run(scene())


@pytest.mark.parametrize("on", [locked(Whom.PRINCIPAL, ZOE.principal), locked(person="zoe"), locked(Whom.ALL)])
def test_a_locked_visitor_reviews_nothing(house: House, on: Any) -> None:
    async def scene() -> None:
        made = await house.waiting()
        house.lifecycle.handle(place(replace(on, name=on.name if on.whom is not Whom.USER else "nobody", uid=None)))
        before = house.n_records
        with pytest.raises(Refusal, match="you may review nothing|as far as you may see"):
            await house.review(ZOE, made)
        assert house.n_records == before

    house.run(scene())


def test_a_visitor_who_operates_locks_and_lifts_and_the_record_has_no_uid_of_theirs(house: House) -> None:
    async def scene() -> None:
        await house.say(YAN, messages.Lock(whom="user", name="alice", lasts_for=None, reason="gone"))
        (made,) = house.store.locks()
        assert made.placed_by == YAN.principal
        await house.say(YAN, messages.Unlock(id=made.id, whom=None, name=None, reason="back"))
        assert not list(house.store.locks())

    house.run(scene())


def test_a_visitor_whom_the_settings_name_is_locked_before_any_review(house: House) -> None:
    """THREATS K-29: a line of [approvers] is a right, and an operator can take it away."""
    house.decider._config.approvers = {ZOE.principal: Approver("zoe", frozenset())}

    async def scene() -> None:
        await house.say(YAN, messages.Lock(whom="principal", name=ZOE.principal, lasts_for=None, reason="stolen"))
        (lock,) = house.store.locks()
        assert is_on(lock, ZOE)
        made = await house.waiting()
        with pytest.raises(Refusal):
            await house.review(ZOE, made)
        assert house.found(made.id).state == "pending"

    house.run(scene())


def test_who_may_come_with_a_sid_is_locked_before_they_ever_came(house: House) -> None:
    """THREATS K-29."""
    house.decider._config.sids = Sids({"S-1-5-21-1-2-3-1105": "ops"}, frozenset({"TRUSTED.TEST"}))

    async def scene() -> None:
        with pytest.raises(Refusal, match="there is no principal"):
            await house.say(YAN, messages.Lock(whom="principal", name="zoe@OTHER.TEST", lasts_for=None, reason="stolen"))
        await house.say(YAN, messages.Lock(whom="principal", name=ZOE.principal, lasts_for=None, reason="stolen"))
        (lock,) = house.store.locks()
        assert is_on(lock, ZOE)

    house.run(scene())


def test_a_visitor_who_has_approved_is_locked_by_principal_and_as_the_person(house: House) -> None:
    """THREATS K-29: nobody escapes a lock for want of an account."""

    async def scene() -> None:
        with pytest.raises(Refusal, match="there is no principal"):
            await house.say(YAN, messages.Lock(whom="principal", name=ZOE.principal, lasts_for=None, reason="gone"))
        assert not list(house.store.locks())
        made = await house.waiting()
        await house.review(ZOE, made)
        assert house.found(made.id).state == "approved" and house.grant(made.id).is_live
        await house.say(YAN, messages.Lock(whom="principal", name=ZOE.principal, lasts_for=None, reason="gone"))
        (lock,) = house.store.locks()
        assert (lock.name, lock.uid, lock.person) == (ZOE.principal, None, "zoe")
        assert not house.grant(made.id).is_live, "which rested on her approval"

    house.run(scene())


# --- who is one --------------------------------------------------------------------------------------------------------------


def found_by(monkeypatch: pytest.MonkeyPatch, *, subject: Subject | None = None, visits: Visitor | None = None) -> Accounts:
    monkeypatch.setattr(Accounts, "subject", lambda *given: subject)
    monkeypatch.setattr(Accounts, "visitor", lambda *given: visits)
    return Accounts(Naming(frozenset({"EXAMPLE.TEST"})), {"robert": frozenset({"zoe"})}, 1000)


def test_nobody_is_a_visitor_without_a_line_of_the_settings() -> None:
    of = Accounts(Naming(frozenset({"EXAMPLE.TEST", TRUSTED})), {}, 1000)
    assert of.visitor(ZOE.principal.encode(), ZOE.ticket_ends_at) is None and of.again(ZOE) is None


@pytest.mark.parametrize(
    ("known", "subject", "visits", "is_found"),
    [
        (ZOE, None, ZOE, True),
        (ZOE, None, replace(ZOE, person="zoe of today", groups=frozenset()), True),
        (ZOE, None, None, False),
        (ZOE, None, YAN, False),
        (ZOE, replace(BOB, principal=ZOE.principal), ZOE, False),
        (BOB, None, replace(ZOE, principal=BOB.principal), False),
        (BOB, BOB, None, True),
        (BOB, replace(BOB, uid=4711), None, False),
    ],
)
def test_who_is_looked_up_again_is_the_same_or_nobody(
    monkeypatch: pytest.MonkeyPatch, known: Identity, subject: Subject | None, visits: Visitor | None, is_found: bool
) -> None:
    """THREATS K-29: nobody gets an account, or loses it, and goes on as the same."""
    now = found_by(monkeypatch, subject=subject, visits=visits).again(known)
    assert now == ((visits if isinstance(known, Visitor) else subject) if is_found else None)
