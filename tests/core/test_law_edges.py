# SPDX-License-Identifier: Apache-2.0
"""What all lives have in common: authors as the chain spells them, the table that is asked first, the names of events."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from jitd.core import law
from jitd.core.law import IllegalEvent, Role, check, name_of


class Opened:
    """An event, as far as the law looks at one."""

    life = "door"
    id = "K7QM-2XVD"

    def __init__(self, role: Role) -> None:
        self.by = SimpleNamespace(role=role)


class KickedIn(Opened):
    """Another."""


LAW: dict[str, dict[type, frozenset[Any]]] = {"closed": {Opened: frozenset({"open"})}, "open": {}}
CAUSES = {Opened: frozenset({Role.REQUESTER}), KickedIn: frozenset({Role.DAEMON})}


def test_the_roles_are_spelled_as_the_chain_keeps_them() -> None:
    assert [str(role) for role in Role] == ["requester", "approver", "operator", "policy", "clock", "monitor", "daemon"]


def test_what_is_no_person_acts_under_its_own_name_as_root() -> None:
    found = [(str(who.role), who.principal, who.uid) for who in (law.POLICY, law.CLOCK, law.DAEMON, law.MONITOR)]
    assert found == [("policy", "policy", 0), ("clock", "clock", 0), ("daemon", "jitd", 0), ("monitor", "monitor", 0)]


def test_what_the_table_holds_may_be_caused_by_whom_it_names() -> None:
    check(LAW, CAUSES, "closed", Opened(Role.REQUESTER))


@pytest.mark.parametrize(
    ("state", "event", "sentence"),
    [
        ("open", Opened(Role.REQUESTER), "door.opened cannot happen to K7QM-2XVD, which is open"),
        ("closed", KickedIn(Role.DAEMON), "door.kicked_in cannot happen to K7QM-2XVD, which is closed"),
        ("closed", Opened(Role.DAEMON), "door.opened cannot be caused by the daemon"),
    ],
)
def test_nothing_else_may_happen_or_be_caused(state: str, event: Any, sentence: str) -> None:
    with pytest.raises(IllegalEvent) as caught:
        check(LAW, CAUSES, state, event)
    assert str(caught.value) == sentence


def test_an_event_is_named_by_its_life_and_its_words() -> None:
    assert name_of(Opened(Role.DAEMON)) == "door.opened"
    assert name_of(KickedIn(Role.DAEMON)) == "door.kicked_in"
