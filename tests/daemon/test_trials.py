# SPDX-License-Identifier: Apache-2.0
"""What the daemon makes of a KDC that issues a ticket which it must refuse. The KDC is a table of what it says;
tests/gates/test_gates.py
asks real ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from jitd.beside.deeds import Given
from jitd.beside.refusals import Refused
from jitd.core.holding import Account, Holding
from jitd.store import StoreError
from jitd_gates import messages
from jitd_gates.service_tickets import ServiceTickets
from jitd_gates.strings import OFF, ON, SILENT, Sighting
from jitd_gates.trials import Trials
from tests.scene import START, THING, moment

CANARY, DB1, DB2 = (f"{name}@EXAMPLE.TEST" for name in ("jitd-canary/lab.test", "postgres/db1.example.test", "postgres/db2.test"))
KDCS = ("kdc1", "kdc2")


class Kdcs:
    """What each KDC does if it is asked for a service: ON unless ``says`` has another word."""

    def __init__(self, services: Sequence[str] = (DB1, DB2)) -> None:
        self.says: dict[tuple[str, str], str] = {}
        self.asked: list[list[str]] = []
        self.noted: list[tuple[str, dict[str, Any]]] = []
        self.n_full = 0
        self.trials = Trials(self.ask, CANARY, lambda: services, self.note)

    async def ask(self, services: Sequence[str]) -> list[Sighting]:
        self.asked.append(list(services))
        return [Sighting(kdc, name, self.says.get((kdc, name), ON), "it said so") for kdc in KDCS for name in services]

    def note(self, name: str, detail: dict[str, Any]) -> None:
        if self.n_full:
            self.n_full -= 1
            raise StoreError("disk full")
        self.noted.append((name, detail))

    def look(self) -> None:
        asyncio.run(self.trials.make([DB1, DB2]))


@pytest.fixture
def kdcs() -> Kdcs:
    return Kdcs()


def test_while_every_kdc_refuses_nothing_is_wrong_and_nothing_is_recorded(kdcs: Kdcs) -> None:
    kdcs.look()
    assert kdcs.asked == [[CANARY, DB1, DB2]]
    assert (kdcs.trials.fault(DB1), kdcs.trials.fault(DB2), kdcs.noted) == ("", "", [])


def test_a_service_whose_ticket_one_kdc_issues_is_given_to_nobody_and_the_others_are(kdcs: Kdcs) -> None:
    """THREATS T-11."""
    kdcs.says["kdc2", DB1] = OFF
    kdcs.look()
    assert kdcs.trials.fault(DB1).startswith(f"kdc2 issues tickets for {DB1} without a grant: its gate is off")
    assert kdcs.trials.fault(DB2) == ""
    assert kdcs.noted == [("gate.off", {"service": DB1, "kdc": "kdc2"})]


def test_a_kdc_that_issues_the_canarys_ticket_gates_nothing(kdcs: Kdcs) -> None:
    """THREATS T-11."""
    kdcs.says["kdc1", CANARY] = OFF
    kdcs.look()
    for service in (DB1, DB2):
        assert kdcs.trials.fault(service).startswith("kdc1 issues tickets for any gated service without a grant")
    assert kdcs.noted == [("gate.off", {"service": CANARY, "kdc": "kdc1"})]


def test_it_is_recorded_once_and_once_more_when_every_kdc_refuses_again(kdcs: Kdcs) -> None:
    kdcs.says["kdc1", DB1] = OFF
    kdcs.look()
    kdcs.look()
    assert [name for name, _ in kdcs.noted] == ["gate.off"]
    del kdcs.says["kdc1", DB1]
    kdcs.look()
    assert kdcs.trials.fault(DB1) == ""
    assert kdcs.noted[1:] == [("gate.on", {"service": DB1})]


@pytest.mark.parametrize("word", [SILENT, OFF])
def test_a_gate_that_was_off_is_off_until_every_kdc_has_refused(kdcs: Kdcs, word: str) -> None:
    """THREATS T-11: silence proves nothing."""
    kdcs.says["kdc1", DB1] = OFF
    kdcs.look()
    kdcs.says = {("kdc2", DB1): word}
    kdcs.look()
    assert kdcs.trials.fault(DB1)
    assert [name for name, _ in kdcs.noted] == ["gate.off"]


def test_silence_alone_changes_nothing(kdcs: Kdcs) -> None:
    kdcs.says = {(kdc, service): SILENT for kdc in KDCS for service in (CANARY, DB1, DB2)}
    kdcs.look()
    assert (kdcs.trials.fault(DB1), kdcs.noted) == ("", [])


def test_what_cannot_be_recorded_is_off_all_the_same_and_recorded_later(kdcs: Kdcs) -> None:
    kdcs.says["kdc1", DB1] = OFF
    kdcs.n_full = 1
    with pytest.raises(StoreError):
        kdcs.look()
    assert kdcs.trials.fault(DB1) and kdcs.noted == []
    kdcs.look()
    assert [name for name, _ in kdcs.noted] == ["gate.off"]


class Writer:
    """Writes nothing, and says that it did."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def give(self, give: messages.Give) -> messages.Answer:
        self.asked.append(give)
        return messages.Done()


def test_a_gate_is_tried_before_the_first_ticket_for_it_is_given(kdcs: Kdcs) -> None:
    """THREATS T-11: also right after a start, and for a rule that is new."""
    writer = Writer()
    tickets = ServiceTickets(writer, kdcs.trials, "EXAMPLE.TEST", None, moment, tuple, lambda id: None)  # type: ignore[arg-type]
    holding = Holding(
        "K7QM-2XVD", "K7QM-2XVD", "K7QM-2XVD", THING, "alice@EXAMPLE.TEST", START, False, START, account=Account("alice", 1001)
    )
    kdcs.says["kdc2", DB1] = OFF
    refused = asyncio.run(tickets.give(holding))
    assert isinstance(refused, Refused) and "its gate is off" in refused.why and writer.asked == []
    del kdcs.says["kdc2", DB1]
    kdcs.look()
    n_asked = len(kdcs.asked)
    assert asyncio.run(tickets.give(holding)) == Given()
    assert [(give.id, give.service, give.client) for give in writer.asked] == [("K7QM2XVD", DB1, "alice@EXAMPLE.TEST")]
    assert len(kdcs.asked) == n_asked, "what was tried is not tried again each time"
