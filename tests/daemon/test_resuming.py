# SPDX-License-Identifier: Apache-2.0
"""A request is resumed with the ticket that its requester has now, and this ticket has to be good enough."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from jitd.core.authentication import Authentication, Demand
from jitd.core.origin import Caller
from jitd.core.request import Request, Verdict
from jitd.core.subject import Subject, used_by
from jitd.expressions.compiling import compile_when
from jitd.facts import ticket
from jitd.verbs.refusal import Refusal
from tests.daemon.asking import ALICE, BOB, HERE, SAID, AskingHouse, Client, house
from tests.daemon.test_decider import ASKED
from tests.scene import START, locked, moment, person, place

__all__ = ["house"]  # a fixture


def by(*flags: str, indicators: tuple[str, ...] = ()) -> Subject:
    return replace(ALICE, authentication=Authentication(START, START, flags, indicators, "aes", "aes", ("EXAMPLE.TEST",)))


STRONG = by(indicators=("otp",))
WEAK: dict[str, tuple[dict[str, Any], Subject, str]] = {
    "without the indicator": ({"demand": Demand(indicators=("otp",))}, by(), "wants the authentication indicator otp"),
    "forwarded": ({"demand": Demand(forwarded="refuse")}, by("forwarded"), "refuses tickets that were forwarded"),
    "a condition": ({"when": compile_when("!fact.forwarded")}, by("forwarded"), "no rule permits this"),
}


@pytest.mark.parametrize("is_open", [True, False], ids=["it waits", "it is approved"])
@pytest.mark.parametrize(("changes", "weak", "because"), WEAK.values(), ids=list(WEAK))
def test_a_weaker_ticket_resumes_nothing(
    house: AskingHouse, changes: dict[str, Any], weak: Subject, because: str, is_open: bool
) -> None:
    house.rules(**changes)
    house.gather = lambda names, about: ticket.look(names, about.requester, house.now().at)

    async def play() -> None:
        client = Client(house, STRONG)
        made = await house.requests.submit(
            STRONG, ASKED, SAID, waits=False, if_owed=True, waiter=client.waiting, on_created=lambda id: None
        )
        if not is_open:
            await house.approve(made.id)
        before = house.found(made.id), house.store.head()
        with pytest.raises(Refusal, match=because):
            await resume(house, made.id, weak)
        assert (house.found(made.id), house.store.head()) == before and house.monitors.started == []
        await resume(house, made.id, STRONG)
        assert house.monitors.started == ([] if is_open else [made.id])

    house.run(play())


def test_who_is_locked_while_jitd_decides_resumes_nothing_with_the_account_of_somebody_else(
    house: AskingHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS A-25"""
    house.rules()
    decide_use, as_used = house.decider.decide_use, used_by(ALICE, person("eve"), "R0NS-0001")

    async def decide_and_lock(*asked: Any) -> Any:
        decision = await decide_use(*asked)
        house.perform.act(place(locked(name="eve")))
        return decision

    async def play() -> None:
        client = Client(house)
        made = await house.requests.submit(
            ALICE, ASKED, SAID, waits=False, if_owed=True, waiter=client.waiting, on_created=lambda id: None
        )
        await house.approve(made.id)
        with monkeypatch.context() as patch:
            patch.setattr(house.decider, "decide_use", decide_and_lock)
            with pytest.raises(Refusal, match="eve@EXAMPLE.TEST is locked, and may act as alice in run R0NS-0001"):
                await resume(house, made.id, as_used)
        assert house.monitors.started == []
        await resume(house, made.id, ALICE)
        assert house.monitors.started == [made.id]

    house.run(play())


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("denied", ("reviewed", 'denied by bob@EXAMPLE.TEST: "not today"')),
        ("expired", ("expired", "request {id} has expired: nobody decided in time")),
        ("withdrawn", ("withdrawn", "request {id} was withdrawn")),
    ],
)
def test_a_client_that_comes_back_after_a_restart_is_told_how_its_request_ended_meanwhile(
    house: AskingHouse, how: str, told: tuple[str, str]
) -> None:
    async def play(again: AskingHouse, made: Request) -> None:
        if how == "denied":
            await again.reviews.review(BOB, made.id, Verdict.DENY, made.fingerprint, "not today", HERE)
        elif how == "withdrawn":
            again.requests.withdraw(ALICE, made.id)
        else:
            again.at = moment(3600)
            again.perform._due("request", made.id)
        with pytest.raises(Refusal, match="you have no request"):
            await Client(again, BOB).resume(made.id)
        client = Client(again)
        await client.resume(made.id)
        code, text = told
        assert client.refused == [(code, text.format(id=made.id))] and not client.waiting.is_waiting
        with pytest.raises(Refusal, match=f"cannot be resumed: it is {how}"):
            await Client(again).resume(made.id)

    after_a_restart(house, play)


def test_a_client_that_comes_back_too_late_is_told_that_its_request_cannot_be_resumed(house: AskingHouse) -> None:
    async def play(again: AskingHouse, made: Request) -> None:
        await again.reviews.review(BOB, made.id, Verdict.DENY, made.fingerprint, "", HERE)
        again.perform._due("client", made.id)
        with pytest.raises(Refusal, match="cannot be resumed: it is denied"):
            await Client(again).resume(made.id)

    after_a_restart(house, play)


def after_a_restart(house: AskingHouse, play: Callable[[AskingHouse, Request], Awaitable[None]]) -> None:
    """``play`` it with the next daemon, and the request whose client it has lost."""
    house.rules()
    made = house.run(Client(house).submit())
    again = house.next_daemon()
    again.rules()

    async def played() -> None:
        await again.recovery.recover()
        await play(again, made)

    again.run(played())
    again.workers.close()
    again.store.close()


async def resume(house: AskingHouse, id: str, who: Subject) -> None:
    client = Client(house, who)
    await house.requests.resume(who, id, Caller(None), client.waiting, client.waiting.begin)
    if not house.found(id).is_open:
        await house.until(lambda: house.monitors.started or client.refused)
