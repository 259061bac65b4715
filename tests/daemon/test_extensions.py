# SPDX-License-Identifier: Apache-2.0
"""Leases for their holder: told at a use, extended by ``--for`` with an approval of its own; what ``-E`` did not keep; and who
was told that a request waits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jitd.core.decision import Approval, Terms
from jitd.core.notice import Heard, Missed
from jitd.core.request import RequestState
from jitd.deciding.seats import Seats
from jitd.store import StoreError
from jitd.verbs.waiting_words import MOST_PEOPLE, about, lease_row, not_kept, owes, people_asked
from tests.core.house import for_each
from tests.daemon.asking import ALICE, AskingHouse, Client, house
from tests.scene import asked, command, moment, permit, person

__all__ = ["house"]  # a fixture

MINUTE = 60
TOLD = ((("bob", "carol"), frozenset({Missed.AWAY})), (("bob", "carol", "dave"), frozenset[Missed]()))


async def lease(house: AskingHouse, **changes: Any) -> str:
    client = Client(house)
    made = await client.submit(**({"lasts_for": 50 * MINUTE, "uses": 5} | changes))
    if house.found(made.id).is_open:
        await house.approve(made.id)
    await house.until(lambda: made.id in house.monitors.started)
    return made.id


def leased(house: AskingHouse) -> None:
    house.rules(lasts_for=3600, uses=5)


def test_a_use_of_a_lease_says_what_is_left_of_it(house: AskingHouse) -> None:
    leased(house)

    async def play() -> None:
        first = await lease(house)
        house.at = moment(8 * MINUTE)
        client = Client(house)
        made = await client.submit()
        await house.until(lambda: client.kinds[-1:] == ["start"])
        assert made.lease == first and client.said[-1].news == [f"lease {first}: 3 uses, 42 min left"]
        assert client.said[-1].left_ms == 42 * MINUTE * 1000

    house.run(play())


def test_a_client_gets_its_run_although_what_is_told_with_it_cannot_be_read(
    house: AskingHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    leased(house)
    start = house.monitors.start

    def fail(id: str) -> None:
        raise StoreError("input/output error")

    async def started(job: Any) -> Any:
        control = await start(job)
        monkeypatch.setattr(house.services.store, "run", fail)
        return control

    async def play() -> None:
        house.monitors.start = started  # type: ignore[method-assign]
        client = Client(house)
        made = await client.submit(lasts_for=50 * MINUTE)
        await house.approve(made.id)
        await house.until(lambda: client.kinds[-1:] == ["start"])
        assert (client.said[-1].news, client.said[-1].left_ms) == ([], None)
        monkeypatch.undo()

    house.run(play())


def test_the_start_of_its_own_run_says_nothing_of_the_lease_but_when_it_is_ended(house: AskingHouse) -> None:
    leased(house)

    async def play() -> None:
        client = Client(house)
        made = await client.submit(lasts_for=600, timeout_for=90)
        await house.approve(made.id)
        await house.until(lambda: client.kinds[-1] == "start")
        assert (client.said[-1].news, client.said[-1].left_ms) == ([], 90_000)

    house.run(play())


def test_more_time_is_asked_for_although_a_lease_would_answer_and_the_lease_stays(house: AskingHouse) -> None:
    leased(house)

    async def play() -> None:
        first = await lease(house)
        before = house.store.grant(first)
        client = Client(house)
        made = await client.submit(lasts_for=3600)
        assert (made.state, made.lease, made.extends) == (RequestState.PENDING, None, first)
        assert house.store.grant(first) == before
        extended = lease_row(before)
        assert extended is not None and extended.written() == {
            "id": first,
            "state": "active",
            "uses": 5,
            "left": 4,
            "ends_at": "2026-03-02T09:50:00Z",
        }
        await house.approve(made.id)
        await house.until(lambda: made.id in house.monitors.started)
        assert house.store.grant(first) == before, "the lease that they had is as it was"
        new = house.store.grant(made.id)
        assert new is not None and new.ends_boot == moment(3600).boot and new.left == 4

    house.run(play())


def test_an_extension_that_is_denied_leaves_the_lease(house: AskingHouse) -> None:
    leased(house)

    async def play() -> None:
        first = await lease(house)
        before = house.store.grant(first)
        client = Client(house)
        made = await client.submit(lasts_for=3600)
        await house.requests_deny(made.id)
        assert house.found(made.id).state is RequestState.DENIED and house.store.grant(made.id) is None
        assert house.store.grant(first) == before
        assert (await Client(house).submit()).lease == first

    house.requests_deny = lambda id: deny(house, id)  # type: ignore[attr-defined]
    house.run(play())


async def deny(house: AskingHouse, id: str) -> str:
    from jitd.core.request import Verdict
    from tests.daemon.asking import HERE

    return await house.reviews.review(person("bob"), id, Verdict.DENY, house.found(id).fingerprint, "no", HERE)


def test_without_a_lease_nothing_is_extended(house: AskingHouse) -> None:
    leased(house)

    async def play() -> None:
        assert (await Client(house).submit(lasts_for=3600)).extends is None

    house.run(play())


def test_an_extension_that_its_gatekeepers_are_asked_about_is_not_answered_by_the_lease_either(house: AskingHouse) -> None:
    leased(house)

    async def play() -> None:
        first = await lease(house)
        house.rules(lasts_for=3600, uses=5, gatekeepers=("change",))
        made = await Client(house).submit(lasts_for=3600)
        assert made.extends == first
        found = await house.decided(made.id)
        assert (found.state, found.lease) == (RequestState.PENDING, None)

    house.run(play())


# --- the words of a waiting request


OPS, SECURITY = Approval(1, ("group:ops",)), Approval(1, ("group:security",))
BOB, CAROL, DAVE = person("bob"), person("carol"), person("dave")


def waiting(*approvals: Approval, by: tuple[Any, ...] = ()) -> Any:
    from jitd.core.request import Review, Verdict

    reviews = tuple(Review(who, Verdict.APPROVE, "", moment().at) for who in by)
    return replace(asked(), state=RequestState.PENDING, obligations=permit(*approvals).obligations, reviews=reviews)


@for_each(
    [
        ((OPS,), (), "1 ops"),
        ((OPS, SECURITY), (), "1 ops and 1 security"),
        ((OPS, SECURITY), (BOB,), "1 security"),
        ((OPS, SECURITY), (DAVE,), "1 ops or 1 security"),
        ((OPS, SECURITY), (DAVE, BOB), ""),
        ((OPS, SECURITY), (BOB, CAROL), "1 security"),
        ((replace(OPS, need=2),), (BOB,), "1 ops"),
        ((replace(OPS, need=2),), (BOB, BOB), "1 ops"),
        ((replace(OPS, need=2), SECURITY), (DAVE,), "1 ops and 1 security"),
        ((Approval(1, ("group:ops", "user:eve")),), (), "1 ops/eve"),
        ((Approval(1, ("group:o\x1bps",)),), (), "1 o\\x1bps"),
        ((OPS,), (ALICE,), "1 ops"),
    ]
)
def test_what_is_owed_is_said_in_a_few_words(approvals: tuple[Approval, ...], by: tuple[Any, ...], words: str) -> None:
    assert owes(waiting(*approvals, by=by), by) == words


def test_what_has_ended_owes_nothing() -> None:
    assert owes(replace(waiting(OPS), state=RequestState.EXPIRED), ()) == ""
    assert owes(asked(), ()) == ""


@for_each(
    [
        (0.4, "0 s"), (59, "59 s"), (60, "1 min"), (2520, "42 min"), (2579, "42 min"), (3600, "1 h"), (7500, "2 h 5 min"),
        (86400, "1 d"), (100000, "1 d 3 h"), (-5, "0 s"),
    ]
)  # fmt: skip
def test_a_time_is_said_as_people_say_it(seconds: float, words: str) -> None:
    assert about(seconds) == words


def test_what_was_not_kept_is_named_and_many_are_counted() -> None:
    preserved = ((b"EDITOR", b"vi"), (b"PATH", b"/x"), (b"LC_ALL", b"C"), (b"A", b"1"))
    kept = command("true", variables=((b"A", b"1"),), locale=((b"LC_ALL", b"C"),))
    assert not_kept(preserved, kept) == "-E did not keep 1 variable that the rule does not allow: EDITOR"
    assert not_kept((), kept) == not_kept(preserved[1:], kept) == ""
    many = tuple((b"V%02d" % n, b"") for n in range(11))
    assert not_kept(many, kept) == (
        "-E did not keep 11 variables that the rule does not allow: V00, V01, V02, V03, V04, V05, V06, V07 and 3 more"
    )
    assert "\x1b" not in not_kept(((b"E\x1b[1m", b""),), kept)


WHOLE, UNSURE = Seats(("bob", "carol"), is_whole=True), Seats(("bob",), is_whole=False)
DAVE = "dave@EXAMPLE.TEST"
"""He has no account on this host, comes by the door, and gets no notices of this host."""
CLOSED = replace(SECURITY, after=300)


@for_each(
    [
        ({OPS: WHOLE}, ["bob", "carol"]),
        ({OPS: WHOLE, SECURITY: Seats(("dave",), is_whole=True)}, ["bob", "carol", "dave"]),
        ({OPS: WHOLE, CLOSED: UNSURE}, ["bob", "carol"]),
        ({OPS: UNSURE}, None),
        ({OPS: WHOLE, SECURITY: UNSURE}, None),
        ({OPS: Seats((), is_whole=True)}, []),
        ({OPS: Seats(("bob", DAVE), is_whole=True, muted=(DAVE,), visitors=(DAVE,))}, ["bob", DAVE]),
        ({OPS: Seats(("bob", DAVE), is_whole=True, muted=("bob", DAVE), visitors=(DAVE,))}, [DAVE]),
        ({OPS: Seats((DAVE,), is_whole=True, muted=(DAVE,), visitors=(DAVE,))}, [DAVE]),
        ({OPS: Seats(("bob", "carol"), is_whole=True, muted=("bob",))}, ["carol"]),
        ({OPS: Seats(tuple(f"p{n}" for n in range(MOST_PEOPLE + 1)), is_whole=True)}, None),
        ({OPS: Seats(("b\x1b",), is_whole=True)}, ["b\\x1b"]),
    ]
)
def test_those_who_are_asked_are_named_only_if_there_can_be_no_others(seats: dict[Any, Seats], names: list[str] | None) -> None:
    assert people_asked(waiting(OPS), seats, ()) == names


def test_who_has_approved_is_not_named_as_somebody_who_is_asked_by_none_of_their_accounts() -> None:
    seats = {OPS: Seats(("bob", "bob-adm", "carol"), is_whole=True)}
    assert people_asked(waiting(OPS), seats, (person("bob"), person("eve", user="bob-adm"))) == ["carol"]


def test_who_has_approved_disappears_from_the_line_with_the_news_of_it(house: AskingHouse) -> None:
    house.rules()

    async def play() -> None:
        client = Client(house)
        made = await client.submit()
        (way,) = house.found(made.id).obligations.approvals  # type: ignore[union-attr]
        client.waiting.seated(house.found(made.id), {way: WHOLE})
        approved = replace(house.found(made.id), reviews=waiting(OPS, by=(BOB,)).reviews)
        client.waiting._progress(approved, ["approved by bob"])
        assert [message.asked for message in client.said[-2:]] == [["bob", "carol"], ["carol"]]
        n_said = len(client.said)
        client.waiting.seated(approved, {way: WHOLE})
        assert len(client.said) == n_said

    house.run(play())


def test_a_client_is_told_whom_its_line_may_name_once_and_again_if_that_changes(house: AskingHouse) -> None:
    house.rules()

    async def play() -> None:
        client = Client(house)
        made = await client.submit()
        (way,) = house.found(made.id).obligations.approvals  # type: ignore[union-attr]
        n_said = len(client.said)
        for seats in (WHOLE, WHOLE, UNSURE):
            client.waiting.seated(house.found(made.id), {way: seats})
        assert [(message.asked, message.news) for message in client.said[n_said:]] == [(["bob", "carol"], []), (None, [])]

    house.run(play())


@pytest.mark.parametrize(
    ("visible_to", "named"), [(None, "bob, carol"), (("group:ops",), "2 people")], ids=["names", "a number under visible_to"]
)
def test_a_client_that_waits_reads_who_was_told_and_each_line_once(
    house: AskingHouse, visible_to: tuple[str, ...] | None, named: str
) -> None:
    """THREATS N-08."""
    house.rules(approvals=(Approval(1, ("group:ops",)),), visible_to=visible_to)
    two, all_ = (Heard("terminals", True, told, missed) for told, missed in TOLD)

    async def play() -> None:
        client = Client(house)
        made = await client.submit()
        for house.heard in ((two,), (two,), (all_,), (two,)):
            client.waiting.moved(made.id)
        lines = [line for line in client.news if line.startswith("told")]
        other = "3 people" if visible_to else "bob, carol, dave"
        assert lines == [f"told on their terminals: {named}; nobody else is logged in here", f"told on their terminals: {other}"]
        client.waiting.close()

    house.run(play())


@pytest.mark.parametrize("preserved", [((b"EDITOR", b"vi"), (b"LESS", b"-R")), ()])
def test_a_client_that_waits_is_told_what_was_not_kept_and_once(house: AskingHouse, preserved: Any) -> None:
    house.rules(terms=Terms(env=("LESS",)))

    async def play() -> None:
        client = Client(house)
        made = await client.submit(preserved=preserved)
        client.waiting.not_kept(made, preserved)
        told = [line for line in client.news if line.startswith("-E")]
        assert told == (["-E did not keep 1 variable that the rule does not allow: EDITOR"] if preserved else [])
        client.waiting.close()
        n_said = len(client.said)
        client.waiting.not_kept(made, preserved)
        assert len(client.said) == n_said, "nobody waits any more"

    house.run(play())
