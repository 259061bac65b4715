# SPDX-License-Identifier: Apache-2.0
"""How often somebody may do what leads to nothing. Law: a person is one, by however many accounts; nobody pays for another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.core.authentication import KdcAnswer
from jitd.core.law import Origin
from jitd.core.origin import Caller
from jitd.core.request import RequestState, Verdict
from jitd.settings.config import Approvals, Limits
from jitd.verbs.access import Access
from jitd.verbs.limits import BURST, Pace
from jitd.verbs.refusal import Refusal
from jitd.verbs.requests import Requests
from jitd.verbs.reviews import Reviews
from tests.scene import asked, moment, permit, person

ALICE, BOB = person("alice"), person("bob")
ADMIN = replace(ALICE, principal="alice/admin@EXAMPLE.TEST", user="alice-adm", uid=1800)
HERE = Origin(1002, "", None)
WAITING = replace(asked(), state=RequestState.PENDING, obligations=permit().obligations)


def test_a_burst_is_as_long_as_it_is_and_then_it_goes_by_the_second() -> None:
    pace = Pace(0.5, 3)
    assert [pace.may("alice", 0.0) for _ in range(4)] == [True, True, True, False]
    assert [pace.may("alice", 1.0), pace.may("alice", 2.0), pace.may("alice", 2.0)] == [False, True, False]
    assert pace.may("bob", 2.0), "who has a bucket of their own"
    assert [pace.may("alice", 1000.0) for _ in range(4)] == [True, True, True, False], "and no more than it holds"


def test_who_may_do_all_again_is_forgotten_and_who_may_not_is_not() -> None:
    pace = Pace(1.0, 10)
    for n in range(5000):
        assert pace.may(f"p{n}", float(n))
    assert len(pace._left) <= 1024
    assert [pace.may("eve", 5000.0) for _ in range(11)].count(False) == 1
    for n in range(2000):
        pace.may(f"q{n}", 5000.5)
    assert not pace.may("eve", 5000.5)


class House:
    """Both sides of the house over one request, with a clock that stands still. ``n_kdc`` is how often the KDC was asked."""

    def __init__(self) -> None:
        self.n_kdc = 0
        self.found = WAITING
        store: Any = SimpleNamespace(
            acting=dict,
            request=lambda id: self.found,
            grant=lambda id: None,
            locks=lambda: (),
            n_unused=lambda person: 0,
            n_running=lambda person: 0,
        )
        waiters: Any = SimpleNamespace(attend=lambda id, waiter: False, leave=lambda id, waiter: None, of=lambda id: None)
        decider: Any = SimpleNamespace(
            standing=self.standing,
            lock_on=lambda who: None,
            broken="",
            find_typed=self.find_typed,
            decide_new=self.decide_new,
            foresee=self.decide_new,
        )
        perform: Any = SimpleNamespace(act=lambda event: None, usage_of=lambda run: None)
        config: Any = SimpleNamespace(approvals=Approvals(), operators=(), auditors=(), limits=Limits())
        nothing: Any = None
        access = Access(config, store)
        self.requests = Requests(config, access, decider, nothing, perform, store, waiters, nothing, moment)
        self.reviews = Reviews(access, decider, perform, store, moment)

    async def standing(self, who: Any) -> Any:
        self.n_kdc += 1
        return None, KdcAnswer.REFUSED

    async def find_typed(self, *given: Any) -> None:
        pass

    async def decide_new(self, *given: Any) -> Any:
        raise TimeoutError

    def resume(self, who: Any) -> Any:
        return self.requests.resume(who, WAITING.id, Caller(None), SimpleNamespace(), lambda id: None)

    def explain(self, who: Any) -> Any:
        return self.requests.explain(who, SimpleNamespace(text=None), "jitsudo")

    def explain_edit(self, who: Any) -> Any:
        return self.requests.explain(who, SimpleNamespace(text=b""), "jitsudo")

    def review(self, who: Any) -> Any:
        return self.reviews.review(who, WAITING.id, Verdict.APPROVE, WAITING.fingerprint, "", HERE)


def refusal(doing: Any) -> str:
    with pytest.raises((Refusal, TimeoutError)) as caught:
        asyncio.run(doing)
    return str(caught.value)


DEEDS: list[tuple[Callable[[House, Any], Any], tuple[Any, ...], Any]] = [
    (House.resume, (ALICE,), BOB),
    (House.explain, (ALICE, ADMIN), BOB),
    (House.explain_edit, (ALICE, ADMIN), BOB),
    (House.review, (BOB, replace(BOB, principal="bob/admin@EXAMPLE.TEST", user="bob-adm", uid=1801)), person("carol")),
]


@pytest.mark.parametrize(("deed", "whose", "other"), DEEDS, ids=["resume", "-l COMMAND", "-e FILE", "review"])
def test_reviews_looks_and_resumes_are_paced_a_person(deed: Any, whose: Any, other: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS O-07. Each of them has work done for it that others wait for."""
    monkeypatch.setattr("jitd.verbs.requests.LOOKS", BURST)
    house = House()
    for n in range(int(BURST)):
        assert "wait a minute" not in refusal(deed(house, whose[n % len(whose)]))
    for who in whose:
        assert "wait a minute" in refusal(deed(house, who))
    assert "wait a minute" not in refusal(deed(house, other))


def test_who_hangs_up_while_a_request_waits_comes_again_the_later_for_it() -> None:
    """Nobody can be kept from going away; each time writes two records."""
    house = House()
    for _ in range(int(BURST)):
        house.requests.left(WAITING.id, SimpleNamespace())
    assert "wait a minute" in refusal(house.resume(ALICE))
    house = House()
    house.found = replace(WAITING, waits=False)
    for _ in range(int(BURST)):
        house.requests.left(WAITING.id, SimpleNamespace())
    assert "wait a minute" not in refusal(house.resume(ALICE)), "what was told not to wait is not withdrawn"


def test_a_review_that_is_not_taken_asks_the_kdc_nothing() -> None:
    """It is allowed or refused first: by whose it is, what they may review, and what was shown."""
    house = House()
    eve = person("eve", groups=frozenset({"ops"}))
    for who in (ALICE, ADMIN, person("eve"), replace(BOB, groups=frozenset({"bob"}))):
        refusal(house.review(who))
    refusal(house.reviews.review(BOB, WAITING.id, Verdict.APPROVE, b"another", "", HERE))
    house.found = replace(WAITING, state=RequestState.EXPIRED)
    refusal(house.review(BOB))
    assert house.n_kdc == 0
    house.found = WAITING
    assert "kinit" in refusal(house.review(eve))
    assert house.n_kdc == 1, "the twin: who may review is asked about"
