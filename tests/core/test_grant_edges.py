# SPDX-License-Identifier: Apache-2.0
"""A grant at its edges: its last use, where a login that it let in is still there; the end of its time; what the chain keeps."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jitd.core import grant, request
from jitd.core.decision import Terms
from jitd.core.effects import ListsChanged
from jitd.core.grant import Expired, Grant, GrantState, Issued, Revoked, Used
from jitd.core.law import CLOCK, DAEMON, MONITOR, name_of
from jitd.core.run import Returned, StopOrdered
from tests.scene import START, actor, asked, free, moment, person, screened
from tests.stored import in_clear


def granted(living: tuple[str, ...]) -> Grant:
    """One use, of sudo's, with what already runs under it."""
    made = asked(service="sudo")
    _, follows = request.transition(made, screened(made, free(), attended=False), moment())
    (issued,) = [event for event in follows if isinstance(event, Issued)]
    return replace(issued.grant, left=1, living=living)


def use(held: Grant) -> Grant:
    after, _ = grant.transition(held, Used(held.id, actor(person("alice")), held.id, Terms()), moment(1))
    return after


def test_it_is_spent_with_its_last_use_where_nothing_runs_under_it() -> None:
    assert (use(granted(())).state, use(granted(())).left) == (GrantState.SPENT, 0)


def test_it_lives_on_as_long_as_a_login_does_and_is_spent_then() -> None:
    held = use(granted(("K7QM-2XVD",)))
    assert (held.state, held.left, held.is_live) == (GrantState.ACTIVE, 0, True)
    after, _ = grant.transition(held, Returned(held.id, MONITOR, "K7QM-2XVD", was_started=True), moment(2))
    assert (after.state, after.living) == (GrantState.SPENT, ())


def test_a_use_that_is_not_the_last_leaves_the_others() -> None:
    after = use(replace(granted(()), uses=3, left=3))
    assert (after.state, after.left, after.begun) == (GrantState.ACTIVE, 2, 1)


def test_each_event_makes_one_new_version() -> None:
    held = granted(())
    assert [held.version, use(held).version] == [1, 2]


# --- the end of its time ---------------------------------------------------------------------------------------------

LIVING = ("K7QM-2XVD", "K7QM-2XVD.2")
# the service, what runs under the grant, what its rule says of sessions; whether these may go on
AT_THE_END: dict[str, tuple[str, tuple[str, ...], str, bool]] = {
    "logins that may stay": ("sshd", LIVING, "keep", True),
    "logins that may not": ("sshd", LIVING, "end", False),
    "a command of jitsudo's": ("jitsudo", LIVING, "keep", False),
    "nothing": ("sshd", (), "keep", False),
}


@pytest.mark.parametrize(("service", "living", "session", "goes_on"), AT_THE_END.values(), ids=list(AT_THE_END))
def test_at_the_end_of_its_time_all_is_stopped_but_logins_that_may_stay(
    service: str, living: tuple[str, ...], session: str, goes_on: bool
) -> None:
    held = replace(granted(living), service=service, terms=Terms(session=session), left=3, uses=5)
    after, follows = grant.transition(held, Expired(held.id, CLOCK), moment(3600))
    if goes_on:
        assert (after.state, after.left, after.living, follows) == (GrantState.ACTIVE, 0, living, ())
    else:
        stops = [StopOrdered(run, CLOCK, "its grant has ended") for run in living]
        assert (after.state, after.ended_because, follows) == (
            GrantState.EXPIRED,
            "its grant has ended",
            (*stops, ListsChanged()),
        )


# when a run comes back that was started or was not, of a grant with two uses left of three; how many are left then
RETURNED: dict[str, tuple[bool, float, str, int]] = {
    "it ran": (True, 10, "boot-1", 2),
    "it did not run": (False, 10, "boot-1", 3),
    "it did not run, a moment before the end": (False, 3599.9, "boot-1", 3),
    "it did not run, and the time is over": (False, 3600, "boot-1", 0),
    "it ran, and the time is over": (True, 3600, "boot-1", 0),
    "it did not run, and the host has started again": (False, 10, "boot-2", 0),
    "it ran, and the host has started again": (True, 10, "boot-2", 0),
}


@pytest.mark.parametrize(("was_started", "after", "boot_id", "left"), RETURNED.values(), ids=list(RETURNED))
def test_a_use_comes_back_if_nothing_ran_and_there_is_time(was_started: bool, after: float, boot_id: str, left: int) -> None:
    held = replace(granted(("K7QM-2XVD",)), uses=3, left=2)
    event = Returned(held.id, MONITOR, "K7QM-2XVD", was_started=was_started)
    found, follows = grant.transition(held, event, moment(after, boot_id))
    assert (found.left, found.living, follows) == (left, (), ())
    assert found.state is (GrantState.ACTIVE if left else GrantState.SPENT)


def test_no_more_uses_come_back_than_there_were() -> None:
    held = replace(granted(("K7QM-2XVD",)), uses=3, left=3)
    found, _ = grant.transition(held, Returned(held.id, MONITOR, "K7QM-2XVD", was_started=False), moment(10))
    assert found.left == 3


# --- what the chain keeps --------------------------------------------------------------------------------------------


def test_its_states_are_spelled_as_the_chain_keeps_them() -> None:
    assert [str(state) for state in GrantState] == ["active", "spent", "expired", "revoked"]


ALICE = actor(person("alice"))
KEPT: dict[str, tuple[Any, dict[str, Any]]] = {
    "grant.issued": (
        Issued("K7QM-2XVD", DAEMON, granted(())),
        {"holder": "alice@EXAMPLE.TEST", "uses": 1, "ends_at": "2026-03-02T10:00:00+00:00"},
    ),
    "grant.used": (Used("K7QM-2XVD", ALICE, "REQU-0001", Terms()), {"request": "REQU-0001"}),
    "grant.expired": (Expired("K7QM-2XVD", CLOCK), {}),
    "grant.revoked": (Revoked("K7QM-2XVD", ALICE, "enough"), {"because": "enough"}),
}


@pytest.mark.parametrize(("name", "event", "told"), [(name, *row) for name, row in KEPT.items()], ids=list(KEPT))
def test_what_the_chain_keeps_of_each_event(name: str, event: Any, told: dict[str, Any]) -> None:
    assert (name_of(event), in_clear(event.detail())) == (name, told)


def test_the_chain_says_when_a_grant_for_later_begins() -> None:
    held = replace(granted(()), begins_at=START + timedelta(minutes=30), begins_boot=2800.0)
    assert in_clear(Issued(held.id, DAEMON, held).detail()) == KEPT["grant.issued"][1] | {
        "begins_at": "2026-03-02T09:30:00+00:00"
    }
