# SPDX-License-Identifier: Apache-2.0
"""What a reviewer is told beside a request: what it amounts to, and the last one that was approved. Over a store with a past."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.core.command import RunAs
from jitd.core.decision import Approval
from jitd.core.grade import Finding, Grade
from jitd.core.request import Request, RequestState, Review, Verdict
from jitd.core.subject import Subject
from jitd.settings.config import Approvals
from jitd.store import history
from jitd.store.sqlite import SqliteStore
from jitd.verbs import alike as similar
from jitd.verbs import outlook
from jitd.verbs.access import Access
from jitd.verbs.lists import Lists
from jitd.workers import Workers
from tests.graders import FINDINGS
from tests.scene import START, asked, but, command, moment, permit, person
from tests.stored import put

ALICE, BOB, CAROL, DAVE, EVE = (person(name) for name in ("alice", "bob", "carol", "dave", "eve"))
NGINX = command("systemctl", "restart", "nginx")
OPS = permit(Approval(1, ("group:ops",))).obligations
SECURITY = permit(Approval(1, ("group:security",))).obligations


def past(id: str, *argv: str, after: float = 0.0, **changes: Any) -> Request:
    """A request by alice that bob approved ``after`` seconds into the scene."""
    at = START + timedelta(seconds=after)
    made = asked(id, changes.pop("who", ALICE), command(*argv), submitted_at=at)
    given = (Review(BOB, Verdict.APPROVE, "", at + timedelta(seconds=5)),)
    approved = replace(made, state=RequestState.APPROVED, rule="r", obligations=OPS, reviews=given)
    return replace(approved, **changes)


def now(**changes: Any) -> Request:
    """The request that is to be reviewed."""
    made = asked("NNNN-0000", ALICE, command("systemctl", "restart", "nginx"), submitted_at=START + timedelta(hours=1))
    return replace(made, state=RequestState.PENDING, rule="r", obligations=OPS, **changes)


class House:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = SqliteStore(path)
        config: Any = SimpleNamespace(approvals=Approvals(), operators=("user:eve",), auditors=())
        opened = lambda: SqliteStore.reading(path)  # noqa: E731
        self.attended: set[str] = set()
        self.lists = Lists(
            *(Access(config, self.store), self.store, opened, Workers(), lambda run: None, moment),
            is_attended=lambda id: id in self.attended,
        )
        self.lists._findings = FINDINGS  # which it has of its decider, and no other answer of a decider is tried here

    def keep(self, *requests: Request) -> None:
        put(self.store, *requests)

    def show(self, who: Subject, id: str = "NNNN-0000") -> dict[str, Any]:
        return asyncio.run(self.lists.show(who, id))

    def last_for(self, who: Subject = BOB) -> str | None:
        found = self.show(who)["last_approved"]
        return None if found is None else str(found["id"])


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "jitd.db")
    yield made
    made.store.close()


def test_the_last_one_is_told_with_its_words_and_whose_word_it_was(house: House) -> None:
    house.keep(past("AAAA-0001", "systemctl", "status"), past("AAAA-0002", "systemctl", "restart", "x", after=60), now())
    found = house.show(CAROL)["last_approved"]
    assert (found["id"], found["at"], found["by"]) == ("AAAA-0002", "2026-03-02T09:01:05Z", ["bob@EXAMPLE.TEST"])
    assert found["argv"] == ["systemctl", "restart", "x"] and found["cwd"] == "/srv" and found["run_as"] == "root"


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("another rule", {"rule": "other"}),
        ("another service", {"service": "sudo"}),
        ("another person", {"who": person("dave")}),
        ("denied", {"state": RequestState.DENIED}),
        ("expired", {"state": RequestState.EXPIRED}),
        ("still open", {"state": RequestState.PENDING}),
        ("approved by nobody", {"reviews": ()}),
        ("later", {"submitted_at": START + timedelta(hours=2)}),
        ("another program", {"command": command("apt-get", "upgrade")}),
        ("the program of another directory", {"command": command("systemctl", path=b"/usr/local/bin/systemctl")}),
    ],
)
def test_what_is_not_alike_is_not_compared(house: House, what: str, changes: dict[str, Any]) -> None:
    house.keep(past("AAAA-0001", "systemctl", **changes), now())
    assert house.last_for() is None, what
    house.keep(past("AAAA-0002", "systemctl"))
    assert house.last_for() == "AAAA-0002", "and one that is alike is"


def test_open_requests_that_ask_for_the_same_are_named(house: House) -> None:
    same = replace(now(), id="SAME-0001", submitted_at=START)
    house.keep(now(), same, replace(same, id="SAME-0002", command=replace(same.command, salt=b"other", streams=("tty",) * 3)))
    for who in (BOB, ALICE):
        assert house.show(who)["alike"] == ["SAME-0001", "SAME-0002"]


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("another command", {"command": command("systemctl", "restart", "nginx.service")}),
        ("another account", {"command": replace(NGINX, run_as=RunAs("postgres", 26, "postgres", 26))}),
        ("another person", {"requester": DAVE}),
        ("another service", {"service": "sudo"}),
        ("a lease", {"lasts_for": 600}),
        ("more uses", {"uses": 2}),
        ("another limit", {"timeout_for": 60}),
        ("later", {"starts_at": START + timedelta(hours=5)}),
        ("approved", {"state": RequestState.APPROVED}),
        ("withdrawn", {"state": RequestState.WITHDRAWN}),
    ],
)
def test_a_request_that_asks_for_something_else_is_not_named(house: House, what: str, changes: dict[str, Any]) -> None:
    house.keep(now(), but(now(), id="ELSE-0001", **changes))
    assert house.show(BOB)["alike"] == [], what


def test_the_requests_that_ask_for_the_same_are_few(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.keep(now(), *(replace(now(), id=f"SAME-{n:04}") for n in range(12)))
    assert len(house.show(BOB)["alike"]) == similar.MOST_ALIKE
    monkeypatch.setattr(similar, "MOST_READ", 3)
    assert len(house.show(BOB)["alike"]) <= 3


@pytest.mark.parametrize(
    ("changes", "is_attended", "is_gone"),
    [
        ({}, False, True),
        ({}, True, False),
        ({"waits": False}, False, False),
        ({"state": RequestState.APPROVED}, False, False),
        ({"state": RequestState.WITHDRAWN}, False, False),
    ],
)
def test_a_client_is_gone_that_said_it_waits(house: House, changes: dict[str, Any], is_attended: bool, is_gone: bool) -> None:
    house.keep(replace(now(), **changes))
    house.attended = {"NNNN-0000"} if is_attended else set()
    assert house.show(BOB)["gone"] is is_gone

    async def listed() -> list[bool]:
        return [row["gone"] async for row in house.lists.requests(BOB, ended=True)]

    assert asyncio.run(listed()) == [is_gone]


def test_nobody_is_told_of_what_they_may_not_review(house: House) -> None:
    """An approver of today who could not have approved it then sees an older one that they could, or none."""
    house.keep(past("AAAA-0001", "systemctl"), past("AAAA-0002", "systemctl", after=60, obligations=SECURITY), now())
    assert house.last_for(DAVE) == "AAAA-0002", "of ops and of security"
    assert house.last_for(BOB) == "AAAA-0001"
    for who in (ALICE, EVE):  # the requester, and an operator who reviews nothing
        row = house.show(who)
        assert row["last_approved"] is None and row["argv"] == ["systemctl", "restart", "nginx"]


def test_the_search_is_bounded_in_requests_and_in_bytes(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.keep(past("AAAA-0001", "systemctl"), past("AAAA-0002", "x" * 5000, after=60, rule="other"), now())
    assert house.last_for() == "AAAA-0001"
    monkeypatch.setattr(outlook, "MOST_BYTES", 5000)
    assert house.last_for() is None
    monkeypatch.undo()
    monkeypatch.setattr(history, "MOST_PLACES", 1)
    assert house.last_for() is None


def test_a_command_that_is_too_long_to_be_told_twice_is_named_without_its_words(house: House) -> None:
    house.keep(past("AAAA-0001", "systemctl", "x" * outlook.LONGEST), now())
    found = house.show(BOB)["last_approved"]
    assert found["id"] == "AAAA-0001" and found["argv"] is None


def test_the_search_goes_by_an_index(house: House) -> None:
    house.keep(past("AAAA-0001", "true"), now())
    said: list[str] = []
    house.store._db.set_trace_callback(said.append)
    assert [one.id for one in house.store.lately(ALICE.person, 10**6)] == ["AAAA-0001"]
    house.store._db.set_trace_callback(None)
    plans = [row[3] for statement in said for row in house.store._db.execute(f"EXPLAIN QUERY PLAN {statement}")]
    assert len(plans) >= 2 and all(plan.startswith(("SEARCH", "CORRELATED")) for plan in plans), plans


def test_what_it_gives_is_in_the_row_and_its_grade_alone_in_lists(house: House) -> None:
    house.keep(now(command=command("vim", "/etc/shadow")))
    row = house.show(BOB)
    assert row["grade"] == "gives" == row["findings"][0]["grade"]
    assert [list(one) for one in row["findings"]] == [["grade", "damage", "what", "path", "matters"]] * len(row["findings"])
    assert ("/etc/shadow", "password hashes") in {(one["path"], one["matters"]) for one in row["findings"]}

    async def listed() -> list[dict[str, Any]]:
        return [one async for one in house.lists.requests(BOB, ended=False)]

    (one,) = asyncio.run(listed())
    graded = {name: row[name] for name in ("grade", "damage")}
    assert all(row[name] == value for name, value in (one | graded).items()) and "findings" not in one
    assert one["grade"] is None and one["damage"] is None, "nobody has looked"
    house.keep(now(id="NNNN-0001", command=command("vim", findings=(Finding(Grade.LEADS, "goes on"),))))
    assert [one["grade"] for one in asyncio.run(listed())] == [None, "leads"] and house.show(BOB, "NNNN-0001")["grade"] == "leads"
