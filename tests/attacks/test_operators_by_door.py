# SPDX-License-Identifier: Apache-2.0
"""``[door] operators`` with real tickets: an operator locks and unlocks by the door only with what the settings demand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gssapi
import pytest

from jitpam.wire import messages
from tests.attacks.at_door import SOURCE, AtDoor, door_house
from tests.attacks.raw import connected, credentials, kinit
from tests.system.conftest import REALM, House
from tests.waiting import wait_for

EVE = messages.Lock(whom="user", name="eve", lasts_for=3600, reason="")
OFF = messages.Unlock(id=None, whom="user", name="eve", reason="over")
SETTINGS = {
    "nothing": "",
    "ticket_age": 'operators = { ticket_age = "1m" }\n',
    "indicators": 'operators = { indicators = ["otp"] }\n',
}


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> gssapi.Credentials:
    """A ticket of dave, who is an operator, that is older than a moment."""
    return credentials(kinit(tmp_path_factory.mktemp("dave") / "old", f"dave@{REALM}", "davedave"))


@pytest.fixture
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    made = door_house(tmp_path, limits="", door=request.param)
    with connected(made, "root") as root:
        assert isinstance(root.ask(EVE)[-1], messages.Done)
    yield made
    made.verify()
    made.close()


def comes(house: House, ticket: gssapi.Credentials) -> tuple[AtDoor, Any]:
    made = AtDoor(house, source=SOURCE)
    return made, made.sign_in(ticket)


@pytest.mark.parametrize("house", [SETTINGS["ticket_age"]], indirect=True)
def test_an_operator_with_a_fresh_ticket_unlocks_by_the_door_and_the_record_says_so(house: House, tmp_path: Path) -> None:
    before = house.head().number
    fresh = credentials(kinit(tmp_path / "fresh", f"dave@{REALM}", "davedave"))
    dave, welcome = comes(house, fresh)
    with dave:
        assert welcome.operator
        assert dave.refusal(OFF)[0] == "late" and len(house.kept("locks")) == 1, "it needs a stamp"
        dave.stamp()
        assert isinstance(dave.ask(OFF)[-1], messages.Done)
        assert not house.kept("locks")
        assert isinstance(dave.ask(EVE)[-1], messages.Done) and len(house.kept("locks")) == 1
    told = {one["event"]: one for one in house.records(before) if one["event"].startswith("lock.")}
    assert set(told) == {"lock.lifted", "lock.placed"}
    for record in told.values():
        assert record["actor"] == f"dave@{REALM}" and record["role"] == "operator"
        assert record["peer"] == {"carrier": "ssh", "source": SOURCE}


@pytest.mark.parametrize(
    ("house", "because"),
    [
        (SETTINGS["nothing"], "this host gives nobody these rights by the door: do it on the host"),
        (SETTINGS["ticket_age"].replace("1m", "1s"), "wants an authentication at most 1 second old"),
        (SETTINGS["indicators"], "wants the authentication indicator otp, and your ticket has none"),
    ],
    indirect=["house"],
    ids=["nothing", "ticket_age", "indicators"],
)
def test_without_it_an_operator_unlocks_and_locks_nothing_by_the_door(
    house: House, old: gssapi.Credentials, because: str
) -> None:
    """THREATS F-09."""
    before = house.head()
    dave, _ = comes(house, old)
    with dave:
        wait_for(lambda: is_late(dave, because), what="the age of the ticket")
        for message in (OFF, EVE, messages.Status(), messages.List(what="locks", ended=False)):
            dave.stamp()
            code, text = dave.refusal(message)
            assert code == "forbidden" and because in text, message
    (kept,) = house.kept("locks")
    assert kept.is_active and house.head() == before
    with connected(house, "dave") as on_the_host:
        assert isinstance(on_the_host.ask(OFF)[-1], messages.Done)


def is_late(dave: AtDoor, because: str) -> bool:
    """A ticket is too old by a clock of whole seconds."""
    last = dave.ask(messages.Status())[-1]
    return isinstance(last, messages.Refused) and because in last.text
