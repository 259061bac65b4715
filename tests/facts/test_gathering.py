# SPDX-License-Identifier: Apache-2.0
"""All built-in facts: each has its declared type, only those that are asked for are looked up, and none spoils the others."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jitd.core import names as core_names
from jitd.core.authentication import Authentication
from jitd.core.effects import Moment
from jitd.core.facts import Facts, Unknown
from jitd.core.origin import Caller
from jitd.core.question import said
from jitd.core.subject import Subject
from jitd.facts import caller, gathering, host
from jitd.facts.gathering import NAMES, Gatherer
from jitd.server.peer import Peer
from jitd.store import Store, StoreError
from jitd.store.opening import open_store, read_store
from tests.core.house import ALICE, question

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TYPES: dict[str, type] = {"bool": bool, "int": int, "double": float, "string": str, "timestamp": datetime}
TICKET = Authentication(
    at=NOW - timedelta(hours=2), looked_at=NOW, flags=("forwarded", "pre-authent"), indicators=(), ticket_encryption="",
    session_encryption="", realms=("EXAMPLE.ORG",),
)  # fmt: skip


def with_ticket(**changes: object) -> Subject:
    return replace(ALICE, ticket_ends_at=NOW + timedelta(hours=8), authentication=replace(TICKET, **changes))  # type: ignore[arg-type]


class House:
    """A gatherer over a real store, on this host."""

    def __init__(self, path: Path) -> None:
        self.opened_times = 0
        self.store = open_store(path, path / "masks.key")
        self._file = path / "jitd.db"
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX)
        self.caller = Caller(Peer(self._ours, os.getuid(), os.getpid()).hold)
        self.gatherer = Gatherer(opened=self.opened, now=lambda: Moment(NOW, 100.0, "boot-1"))

    def opened(self) -> Store:
        self.opened_times += 1
        return read_store(self._file)

    def of(self, *names: str, who: Subject = ALICE, about: Caller | None = None) -> Facts:
        wanted = frozenset(f"fact.{name}" for name in names) or NAMES
        return self.gatherer.gather(wanted, question(who, argv=(b"/usr/bin/id",), caller=about or self.caller))

    def close(self) -> None:
        self.store.close()
        self._ours.close()
        self._theirs.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def test_the_facts_that_are_known_here_are_those_that_the_manual_lists() -> None:
    assert {name for name in core_names.NAMES if name.startswith("fact.")} == NAMES


def test_each_fact_has_its_declared_type_or_says_why_it_is_not_known(house: House) -> None:
    found = house.of(who=with_ticket())
    assert found.keys() == NAMES
    for name, value in found.items():
        assert type(value) in (TYPES[core_names.NAMES[name].type], Unknown), name
        assert not isinstance(value, Unknown) or (value.why and value.why[-1] != ".")
    unknown = {name for name, value in found.items() if isinstance(value, Unknown)}
    assert unknown <= {"fact.origin", "fact.unit", "fact.logged_in"}, "a container has no login sessions and no units"


def test_the_host_tells_what_the_kernel_says(house: House) -> None:
    found = house.of("now", "host", "uptime", "load", "tainted")
    assert found["fact.now"] == NOW
    assert found["fact.host"] == os.uname().nodename
    up = found["fact.uptime"]
    assert isinstance(up, int) and 0 <= time.clock_gettime(time.CLOCK_BOOTTIME) - up < 60
    load = found["fact.load"]
    assert isinstance(load, float) and load >= 0.0
    assert found["fact.tainted"] is (Path("/proc/sys/kernel/tainted").read_text() != "0\n")


def test_a_kernel_is_tainted_if_any_bit_is_set(tmp_path: Path) -> None:
    for text, is_tainted in (("0\n", False), ("4096\n", True), ("1", True)):
        (tmp_path / "tainted").write_text(text)
        assert host.is_tainted(tmp_path / "tainted") is is_tainted


@pytest.mark.parametrize("fault", [FileNotFoundError(2, "No such file or directory"), ValueError("odd"), OSError(5, "I/O error")])
def test_a_fact_that_the_host_does_not_tell_is_not_known_and_spoils_no_other(
    house: House, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> bool:
        raise fault

    monkeypatch.setitem(gathering._HOST, "fact.tainted", fails)
    found = house.of("tainted", "host")
    assert isinstance(found["fact.tainted"], Unknown) and found["fact.host"] == os.uname().nodename


def test_nothing_is_looked_up_that_nobody_asked_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*given: object) -> None:
        pytest.fail(f"looked up: {given}")

    for name in gathering._HOST:
        monkeypatch.setitem(gathering._HOST, name, never)  # type: ignore[arg-type]
    monkeypatch.setattr(caller, "look", never)
    monkeypatch.setattr(house.gatherer._files, "look", never)
    assert house.of("now", "risk") == {"fact.now": NOW}
    assert house.opened_times == 0


def test_a_fact_that_only_a_provider_knows_is_left_out(house: House) -> None:
    assert house.of("risk", "host").keys() == {"fact.host"}


# --- the ticket ------------------------------------------------------------------------------------------------------


def test_a_ticket_tells_how_it_came_about(house: House) -> None:
    found = house.of("authenticated_for", "ticket_left", "forwarded", "preauthenticated", "hardware", who=with_ticket())
    assert found == {
        "fact.authenticated_for": 2 * 3600,
        "fact.ticket_left": 8 * 3600,
        "fact.forwarded": True,
        "fact.preauthenticated": True,
        "fact.hardware": False,
    }
    assert house.of("hardware", who=with_ticket(flags=("hw-authent",))) == {"fact.hardware": True}


def test_somebody_without_a_ticket_has_no_facts_of_a_ticket(house: House) -> None:
    names = ("authenticated_for", "ticket_left", "forwarded", "preauthenticated", "hardware")
    assert set(house.of(*names).values()) == {Unknown("the requester has no Kerberos ticket")}


def test_clocks_that_differ_a_little_make_no_negative_age_and_clocks_that_differ_much_none(house: House) -> None:
    ahead = [house.of("authenticated_for", who=with_ticket(at=NOW + timedelta(seconds=after))) for after in (1, 299, 301)]
    assert ahead[:2] == [{"fact.authenticated_for": 0}] * 2
    assert isinstance(ahead[2]["fact.authenticated_for"], Unknown)
    over = replace(ALICE, ticket_ends_at=NOW - timedelta(seconds=5))
    assert house.of("ticket_left", who=over) == {"fact.ticket_left": 0}


def test_the_indicators_of_a_ticket_are_what_the_subject_says() -> None:
    for who, indicators in ((with_ticket(indicators=("pkinit", "otp")), ("otp", "pkinit")), (ALICE, ())):
        assert said(question(who), ["subject.indicators"]) == {"subject.indicators": indicators}


# --- the record ------------------------------------------------------------------------------------------------------

COUNTS = tuple(f"{done}_last_{span}" for done in ("asked", "denied", "ran") for span in ("hour", "day"))


def test_the_record_tells_what_a_person_did_in_the_last_hour_and_day(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from jitd.store import History
    from jitd.store.sqlite import SqliteStore

    asked = []

    def history(self: object, person: str, since: datetime, *, beside: str = "") -> History:
        asked.append((person, NOW - since, beside))
        return History(3, 2, 1) if NOW - since == timedelta(hours=1) else History(30, 20, 10)

    monkeypatch.setattr(SqliteStore, "history", history)
    found = house.of(*COUNTS, about=Caller(None, request="K7QM-2XVD"))
    assert [found[f"fact.{name}"] for name in COUNTS] == [3, 30, 2, 20, 1, 10]
    assert sorted(asked) == [("alice", timedelta(hours=1), "K7QM-2XVD"), ("alice", timedelta(days=1), "K7QM-2XVD")]
    assert house.opened_times == 1
    asked.clear()
    assert house.of("ran_last_day") == {"fact.ran_last_day": 10} and len(asked) == 1


def test_a_person_who_never_asked_has_counts_of_0(house: House) -> None:
    assert house.of(*COUNTS) == dict.fromkeys((f"fact.{name}" for name in COUNTS), 0)


def test_a_record_that_cannot_be_read_tells_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> Store:
        raise StoreError("jitd.db: disk I/O error")

    monkeypatch.setattr(house.gatherer, "_opened", fails)
    assert set(house.of(*COUNTS).values()) == {Unknown("the record cannot be read: jitd.db: disk I/O error")}
