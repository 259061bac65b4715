# SPDX-License-Identifier: Apache-2.0
"""Several things of one request, over a real store: all are given, or none; and secrets on their way to the client.

Law: at the end of every test the record verifies, and nothing was given that another reader did not find in it before.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd.beside.deeds import Given
from jitd.beside.refusals import Failed, Refused
from jitd.beside.secret import SEALS
from jitd.core.grant import GrantState, Revoked
from jitd.core.holding import Ending, HoldingState
from jitd.core.law import Role
from jitd.lifecycle.owed import COMES_BACK_FOR
from jitd.lifecycle.remembered import Remembered
from jitd.store import StoreError
from jitd.verbs.refusal import Refusal
from jitd_things.givers.messages import Answer, Question
from jitd_things.giving.by_order import ByOrder
from tests.daemon.giving import ALICE, ID, FakeGiver, House
from tests.daemon.test_holdings import played
from tests.scene import actor

GIVING, HELD, TAKING, ENDED = HoldingState
DOES, HANGS = FakeGiver.DOES, FakeGiver.HANGS
A, B, C = (f"service-ticket:{name}/db1.example.test" for name in ("postgres", "host", "http"))
IDS = (ID, f"{ID}.2", f"{ID}.3")
NO, SILENT = Refused("it is not gated"), Failed("the KDC is silent")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def states(house: House) -> list[HoldingState]:
    return [house.held(id).state for id in IDS]


def began(house: House, **changes: Any) -> Any:
    return house.begin(things=(A, B, C), **changes)


@played
async def test_all_are_given_one_after_another_and_handed_over_at_once(house: House) -> None:
    """THREATS T-23."""
    house.giver.answers = [DOES, HANGS]
    client = began(house)
    assert [house.recorded(id) is not None for id in IDS] == [True] * 3, "all are recorded before anybody is asked for one"
    await house.settle()
    assert states(house) == [HELD, GIVING, GIVING] and client.heard == [], "the client has none before it has all"
    house.giver.hanging[0].set_result(DOES)
    await house.settle()
    assert house.giver.asked == [("give", id) for id in IDS] and house.giver.most_at_once == 1
    assert [(given.id, given.thing, given.more) for given in client.heard] == list(zip(IDS, (A, B, C), (2, 1, 0), strict=True))
    assert client.talk.state == "holding" and house.grant().living == IDS


@pytest.mark.parametrize("answer", [NO, SILENT, RuntimeError("broken")], ids=["refused", "perhaps", "a defect"])
@pytest.mark.parametrize("fails", [0, 1, 2])
def test_if_one_is_not_given_all_are_taken_back_before_the_client_is_told(tmp_path: Path, fails: int, answer: Any) -> None:
    """THREATS T-23."""

    async def scene(house: House) -> None:
        house.giver.answers = [*[DOES] * fails, answer]
        client = began(house)
        told_with: list[set[str]] = []
        say = client.waiting.fail
        client.waiting.fail = lambda because: (told_with.append(set(house.giver.there)), say(because))
        await house.settle()
        assert states(house) == [ENDED] * 3 and house.giver.there == set()
        (refused,) = client.heard
        assert refused.type == "refused" and (A, B, C)[fails] in refused.text, "it names the one that could not be given"
        assert told_with == [set()], "nothing was held any more when the client was told"
        endings = [house.held(id).outcome.ending for id in IDS]  # type: ignore[union-attr]
        assert endings == [*[Ending.LEFT] * fails, *[Ending.NOT_GIVEN] * (3 - fails)]
        as_it_is = (1, GrantState.ACTIVE) if fails == 0 else (0, GrantState.SPENT)
        assert (house.grant().left, house.grant().state) == as_it_is, "a use comes back if nothing of it was given"

    house = House(tmp_path)
    asyncio.run(scene(house))
    house.close()


@played
async def test_what_was_given_last_is_taken_back_first(house: House) -> None:
    house.giver.answers = [DOES, DOES, NO]
    began(house)
    await house.settle()
    assert [id for deed, id in house.giver.asked if deed == "take"] == [IDS[1], IDS[0]]


@played
async def test_a_client_is_told_though_one_cannot_be_taken_back_now_and_that_goes_on(house: House) -> None:
    """THREATS T-23."""
    house.giver.answers = [DOES, NO, DOES, SILENT]
    client = began(house)
    await house.settle()
    assert client.said == ["refused"] and "is not taken back yet" in client.heard[0].text and A in client.heard[0].text
    assert states(house) == [TAKING, ENDED, ENDED] and house.giver.there == {ID}
    await house.pass_time(1.0)
    assert states(house) == [ENDED] * 3 and house.giver.there == set() and client.said == ["refused"]


@played
async def test_a_client_that_goes_gives_all_of_it_back(house: House) -> None:
    """THREATS T-23."""
    client = began(house)
    await house.settle()
    client.go()
    await house.settle()
    assert states(house) == [ENDED] * 3 and house.giver.there == set()


@played
async def test_a_client_that_goes_while_the_second_is_given_has_nothing(house: House) -> None:
    house.giver.answers = [DOES, HANGS]
    client = began(house)
    await house.settle()
    client.go()
    house.giver.hanging[0].set_result(DOES)
    await house.settle()
    assert states(house) == [ENDED] * 3 and house.giver.there == set() and client.heard == []


@played
async def test_all_are_kept_or_none(house: House) -> None:
    """THREATS T-23."""
    client = began(house, stays=True)
    await house.settle()
    client.keep()
    assert client.said == ["given"] * 3 + ["done"] and client.heard[-1].text.startswith(f"{A}, {B} and {C} are yours until")
    client.go()
    await house.settle()
    assert states(house) == [HELD] * 3 and all(house.held(id).kept_at for id in IDS)


@played
async def test_a_revocation_while_the_second_is_given_takes_all(house: House) -> None:
    house.giver.answers = [DOES, HANGS]
    client = began(house)
    await house.settle()
    house.perform.act(Revoked(ID, actor(ALICE, Role.OPERATOR), "an incident"))
    house.giver.hanging[0].set_result(DOES)
    await house.settle()
    assert states(house) == [ENDED] * 3 and house.giver.there == set()
    assert client.said == ["refused"] and "an incident" in client.heard[0].text


@played
async def test_a_revocation_while_the_last_is_given_is_told_to_the_client_that_waits(house: House) -> None:
    """THREATS T-23. Everything was given then, and nobody had it."""
    house.giver.answers = [DOES, DOES, HANGS]
    client = began(house)
    await house.settle()
    house.perform.act(Revoked(ID, actor(ALICE, Role.OPERATOR), "an incident"))
    house.giver.hanging[0].set_result(DOES)
    await house.settle()
    assert states(house) == [ENDED] * 3 and house.giver.there == set()
    assert client.said == ["refused"] and f"{C} could not be given" in client.heard[0].text
    assert "an incident" in client.heard[0].text


@played
async def test_it_is_told_too_if_one_of_all_cannot_be_taken_back_now(house: House) -> None:
    """THREATS T-23."""
    house.giver.answers = [DOES, DOES, HANGS, DOES, DOES, SILENT]
    client = began(house)
    await house.settle()
    house.perform.act(Revoked(ID, actor(ALICE, Role.OPERATOR), "an incident"))
    house.giver.hanging[0].set_result(DOES)
    await house.settle()
    assert client.said == ["refused"] and "is not taken back yet" in client.heard[0].text
    await house.pass_time(1.0)
    assert states(house) == [ENDED] * 3 and client.said == ["refused"]


@played
async def test_the_end_of_the_grant_is_told_once(house: House) -> None:
    client = began(house)
    await house.settle()
    house.perform.act(Revoked(ID, actor(ALICE, Role.OPERATOR), "an incident"))
    await house.settle()
    assert client.said == ["given"] * 3 + ["taken"] and states(house) == [ENDED] * 3
    assert client.talk.state == "ready"


@pytest.mark.parametrize("n_given", [0, 1, 2, 3])
def test_a_daemon_that_was_killed_goes_on_and_hands_all_to_the_client_that_comes_back(tmp_path: Path, n_given: int) -> None:
    """THREATS T-23."""

    async def scene(house: House) -> None:
        house.giver.answers = [*[DOES] * n_given, HANGS]
        began(house)
        await house.settle()
        house.restart()
        await house.recovery.recover()
        client = await house.come_back()
        await house.pass_time(0.0)
        assert client.said == ["given"] * 3 and states(house) == [HELD] * 3 and house.giver.there == set(IDS)

    house = House(tmp_path)
    asyncio.run(scene(house))
    house.close()


@pytest.mark.parametrize("n_given", [0, 1, 2, 3])
def test_if_nobody_comes_back_all_of_it_is_taken(tmp_path: Path, n_given: int) -> None:
    """THREATS T-23."""

    async def scene(house: House) -> None:
        house.giver.answers = [*[DOES] * n_given, HANGS]
        began(house)
        await house.settle()
        house.restart()
        await house.recovery.recover()
        await house.pass_time(0.0)
        await house.pass_time(COMES_BACK_FOR)
        await house.pass_time(COMES_BACK_FOR + 5)
        assert states(house) == [ENDED] * 3 and house.giver.there == set()

    house = House(tmp_path)
    asyncio.run(scene(house))
    house.close()


@played
async def test_a_client_that_came_back_at_once_is_not_missed_while_the_second_is_slow(house: House) -> None:
    """It is handed all of it, though the time to come back is over when the last is given. THREATS T-23."""
    house.giver.answers = [DOES, HANGS]
    began(house)
    await house.settle()
    house.restart()
    house.giver.answers = [HANGS]
    await house.recovery.recover()
    client = await house.come_back()
    await house.pass_time(0.0)
    await house.pass_time(COMES_BACK_FOR)
    assert states(house) == [HELD, GIVING, GIVING] and client.heard == []
    house.giver.hanging[0].set_result(DOES)
    await house.settle()
    assert client.said == ["given"] * 3 and states(house) == [HELD] * 3


@played
async def test_a_client_that_came_back_and_went_again_has_nothing(house: House) -> None:
    """THREATS T-23."""
    house.giver.answers = [DOES, HANGS]
    began(house)
    await house.settle()
    house.restart()
    house.giver.answers = [HANGS]
    await house.recovery.recover()
    client = await house.come_back()
    await house.pass_time(0.0)
    await house.pass_time(COMES_BACK_FOR)
    client.go()
    house.giver.hanging[0].set_result(DOES)
    await house.settle()
    assert states(house) == [ENDED] * 3 and house.giver.there == set() and client.heard == []


@played
async def test_another_boot_takes_all_of_it(house: House) -> None:
    client = began(house, stays=True)
    await house.settle()
    client.keep()
    house.restart("boot-2")
    await house.recovery.recover()
    await house.pass_time(0.0)
    assert states(house) == [ENDED] * 3 and house.giver.there == set()


@played
async def test_a_full_disk_while_the_second_is_given_gives_all_of_it_a_moment_later(house: House) -> None:
    house.giver.answers = [DOES, HANGS]
    client = began(house)
    await house.settle()
    house.store.n_fail = 2
    house.giver.hanging[0].set_result(DOES)
    await house.settle()
    assert client.heard == [] and states(house) == [HELD, GIVING, GIVING]
    await house.pass_time(1.0)
    assert client.said == ["given"] * 3 and states(house) == [HELD] * 3


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_full_disk_when_nobody_knows_what_was_given_leaves_nothing_stuck(tmp_path: Path, place: int) -> None:
    """The order to take all back could not be recorded, so the same thing is asked for again. THREATS T-23."""

    async def scene(house: House) -> None:
        house.giver.answers = [*[DOES] * place, HANGS]
        client = began(house)
        await house.settle()
        house.store.n_fail = 1
        house.giver.hanging[0].set_result(SILENT)
        await house.settle()
        assert house.store.n_fail == 0 and "taking" not in house.told(), "the order could not be recorded"
        await house.pass_time(1.0)
        assert client.said == ["given"] * 3 and states(house) == [HELD] * 3

    house = House(tmp_path)
    asyncio.run(scene(house))
    house.close()


@pytest.mark.parametrize("n_read", range(1, 31))
def test_whichever_read_fails_after_the_first_is_given_the_others_follow(tmp_path: Path, n_read: int) -> None:
    """THREATS T-23."""

    async def scene(house: House) -> None:
        house.giver.answers = [HANGS]
        client = began(house)
        await house.settle()
        read, n_left = house.store.holding, [n_read]

        def failing(id: str) -> Any:
            n_left[0] -= 1
            if n_left[0] == 0:
                raise StoreError("input/output error")
            return read(id)

        house.store.holding = failing  # type: ignore[method-assign]
        house.giver.hanging[0].set_result(DOES)
        await house.settle()
        assert n_left[0] <= 0, "the read was made, and failed"
        for _ in range(3):
            await house.pass_time(house.at.boot - 1000.0 + 1.0)
        assert states(house) == [HELD] * 3 and client.said == ["given"] * 3

    house = House(tmp_path)
    asyncio.run(scene(house))
    house.close()


# --- secrets ------------------------------------------------------------------------------------------------------------

PLANTED = b"planted-9f3c2e-secret"


def sealed(content: bytes = PLANTED, seals: int = SEALS) -> int:
    made = os.memfd_create("secret", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(made, content)
    if seals:
        import fcntl

        fcntl.fcntl(made, fcntl.F_ADD_SEALS, seals)
    return made


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


@played
async def test_a_secret_goes_to_the_client_and_is_nowhere_in_the_database(house: House) -> None:
    """THREATS T-24."""
    made = sealed()
    house.giver.answers = [DOES, Given(secret=made)]
    client = began(house)
    await house.settle()
    assert [given.secret for given in client.heard] == ["", "here", ""] and client.descriptors == [made]
    assert os.pread(made, 100, 0) == PLANTED
    assert [house.held(id).has_secret for id in IDS] == [False, True, False], "that there is one is recorded"
    for path in house.path.parent.iterdir():
        assert PLANTED not in path.read_bytes()
    os.close(made)


@played
async def test_a_secret_is_handed_over_once(house: House) -> None:
    """THREATS T-24."""
    made = sealed()
    house.giver.answers = [Given(secret=made)]
    client = house.begin()
    await house.settle()
    os.close(client.descriptors[0])
    house.restart()
    await house.recovery.recover()
    again = await house.come_back()
    assert [given.secret for given in again.heard] == ["handed"] and again.descriptors == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: sealed(seals=0),
        lambda: sealed(b""),
        lambda: sealed(b"x" * (64 * 1024 + 1)),
        lambda: os.open("/etc/passwd", os.O_RDONLY),
        lambda: os.pipe()[0],
    ],
    ids=["not sealed", "empty", "too long", "a file", "a pipe"],
)
def test_what_is_no_sealed_secret_is_not_passed_on_and_the_thing_is_taken_back(tmp_path: Path, make: Any) -> None:
    """THREATS T-24."""

    async def scene(house: House) -> None:
        made = make()
        house.giver.answers = [Given(secret=made)]
        client = house.begin()
        await house.settle()
        assert client.said == ["refused"] and client.descriptors == [] and not is_open(made)
        assert house.held().state is ENDED and house.giver.there == set()

    house = House(tmp_path)
    asyncio.run(scene(house))
    house.close()


@played
async def test_a_secret_that_nobody_takes_is_closed(house: House) -> None:
    """THREATS T-24."""
    made = sealed()
    house.giver.answers = [Given(secret=made), HANGS]
    client = began(house)
    await house.settle()
    client.go()
    house.giver.hanging[0].set_result(NO)
    await house.settle()
    assert states(house) == [ENDED] * 3 and not is_open(made)


def test_of_two_secrets_for_one_holding_the_first_is_closed() -> None:
    remembered, one, other = Remembered(), sealed(), sealed()
    assert remembered.keep_secret(one) == remembered.keep_secret(other) == ""
    assert not is_open(one) and remembered.take_secret() == other and remembered.take_secret() is None
    os.close(other)


@pytest.mark.parametrize("fails", ["the name", "the message"])
def test_a_fault_while_things_are_handed_over_loses_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """THREATS T-24."""

    async def scene(house: House) -> None:
        one, other = sealed(), sealed()
        house.giver.answers = [Given(secret=one), HANGS]
        client = house.begin(things=(A, B))
        await house.settle()

        def broken(*given: Any) -> Any:
            raise RuntimeError("broken")

        with monkeypatch.context() as patched:
            if fails == "the name":
                names = iter([house.giver.name_of])
                patched.setattr(house.giver, "name_of", lambda thing: next(names, broken)(thing))
            else:
                patched.setattr(client.waiting, "_say", lambda *given: os.close(given[1]) or broken())
            house.giver.hanging[0].set_result(Given(secret=other))
            await house.settle()
        client.go()
        await house.pass_time(1.0)
        assert [house.held(id).state for id in IDS[:2]] == [ENDED] * 2 and house.giver.there == set()
        assert not is_open(one) and not is_open(other)

    house = House(tmp_path)
    asyncio.run(scene(house))
    house.close()


@pytest.mark.parametrize("deed", ["take", "look"])
def test_an_answer_to_another_question_is_none_and_its_secret_is_closed(house: House, deed: str) -> None:
    """THREATS T-24."""
    made = sealed()

    class Odd(ByOrder):
        async def ask(self, question: Question) -> Answer:
            return Given(secret=made)

    async def scene() -> None:
        house.begin()
        await house.settle()
        odd = Odd("service-ticket", (), house.store.grant)
        assert await getattr(odd, deed)(house.held()) == Failed(
            "the giver of service-ticket:postgres/db1.example.test has answered another question"
        )
        assert not is_open(made)

    asyncio.run(scene())


@played
async def test_nobody_keeps_what_is_not_theirs_any_more(house: House) -> None:
    client = began(house, stays=True)
    await house.settle()
    house.perform.act(Revoked(ID, actor(ALICE, Role.OPERATOR), "an incident"))
    with pytest.raises(Refusal, match="it has already been taken back"):
        client.waiting.keep()
