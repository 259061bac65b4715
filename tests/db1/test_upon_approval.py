# SPDX-License-Identifier: Apache-2.0
"""A person asks jitd for a ticket, another one approves, and the KDC issues it: the whole way, with real services at its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.db1.conftest import COMMANDS, PRINTS, USES, grants, is_refused, works
from tests.system.conftest import Asking, House, house_with
from tests.waiting import wait_for

POLICY = Path(__file__).parents[2] / "contrib/lab/db1.toml"
BOTH = pytest.mark.parametrize("service", USES)


house = house_with(POLICY.read_text())
"""A daemon with the lab's policy for db1. It speaks to the jitd-kdc that runs in every lab."""


def ask(house: House, service: str, *command: str) -> Asking:
    """Have alice ask for a ticket for a service, to use it with a command."""
    return house.ask("alice", "--reason", "CHG-4713", "--get", f"service-ticket:{service}", "--", *command)


def recorded(house: House, id: str) -> list[dict[str, Any]]:
    """Return the records of what was given under a request."""
    return [record for record in house.records() if record["event"].startswith("holding.") and record["id"] == id]


def wait_until(house: House, id: str, event: str) -> None:
    wait_for(lambda: any(record["event"] == event for record in recorded(house, id)), what=f"{event} ({house.log()})")


@BOTH
def test_refused_before_it_is_approved_works_when_it_is_and_is_refused_afterwards(house: House, service: str) -> None:
    is_refused(service, "alice")
    asking = ask(house, service, *COMMANDS[service])
    is_refused(service, "alice")
    house.approved(asking.id)
    assert asking.end() == 0, asking.err
    assert asking.out == PRINTS[service].format(person="alice")
    wait_until(house, asking.id, "holding.ended")
    assert grants(service) == []
    is_refused(service, "alice")


@BOTH
def test_what_is_denied_never_comes_to_the_kdc(house: House, service: str) -> None:
    asking = ask(house, service, *COMMANDS[service])
    assert house.deny(asking.id).returncode == 0
    assert asking.end() != 0 and asking.out == ""
    assert recorded(house, asking.id) == [] and grants(service) == []
    is_refused(service, "alice")


@BOTH
def test_what_is_revoked_is_refused_at_once_and_served_nobody_else_before(house: House, service: str) -> None:
    asking = ask(house, service, "sleep", "600")
    house.approved(asking.id)
    wait_until(house, asking.id, "holding.given")
    works(service, "alice")
    is_refused(service, "bob")
    done = house.jitd("revoke", asking.id, "--reason", "call me first", who="dave")
    assert done.returncode == 0, done.stderr
    assert grants(service) == []
    is_refused(service, "alice")
    assert asking.end() != 0
