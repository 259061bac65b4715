# SPDX-License-Identifier: Apache-2.0
"""Whoever waits is told when nobody could approve any more, and when somebody could again, whatever it was that changed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from jitd.core.keys.hours import DAYS
from tests.system.breakages import kadmin
from tests.system.conftest import House
from tests.waiting import wait_for

RULE = """
[[permit]]
name = "by-bob"
who = ["user:alice"]
commands = [["/usr/bin/true"]]
approvals = [{ need = 1, from = ["user:bob"] }]
notify = ["terminals"]
"""
NOBODY = "nobody can give the approval of user:bob at present"
NOT_TOLD = "none of those who can give the approval of user:bob take notices at present: ask them yourself"
AGAIN = "somebody can give the missing approval again"
TOLD_AGAIN = "somebody who can give the missing approval takes notices again"


def chage(when: str) -> None:
    subprocess.run(["chage", "-E", when, "bob"], check=True)


CHANGES: dict[str, tuple[Callable[[House], object], Callable[[House], object], str, str]] = {
    "is disabled": (
        lambda house: kadmin("modprinc -allow_tix bob@EXAMPLE.TEST"),
        lambda house: kadmin("modprinc +allow_tix bob@EXAMPLE.TEST"),
        NOBODY,
        AGAIN,
    ),
    "has expired in the KDC": (
        lambda house: kadmin("modprinc -expire yesterday bob@EXAMPLE.TEST"),
        lambda house: kadmin("modprinc -expire never bob@EXAMPLE.TEST"),
        NOBODY,
        AGAIN,
    ),
    "has expired on this host": (lambda house: chage("0"), lambda house: chage("-1"), NOBODY, AGAIN),
    "is locked": (
        lambda house: house.jitd("lock", "--user", "bob", "--reason", "laptop stolen"),
        lambda house: house.jitd("unlock", "--user", "bob"),
        NOBODY,
        AGAIN,
    ),
    "has muted": (
        lambda house: house.jitd("mute", "--for", "1h", who="bob"),
        lambda house: house.jitd("mute", "--off", who="bob"),
        NOT_TOLD,
        TOLD_AGAIN,
    ),
}


def test_who_waits_is_told_that_no_rule_permits_it_any_more(own_house) -> None:
    """THREATS N-09."""
    house = own_house(policy=RULE).start()
    asking = house.ask("alice", "true")
    assert asking.id
    hours = f"{DAYS[(datetime.now(UTC).weekday() + 3) % 7]} 08:00-18:00 UTC"
    house.set_policy(RULE.replace('name = "by-bob"', f'name = "by-bob"\nhours = ["{hours}"]'))
    house.reload()
    said = f"{NOBODY}: rule by-bob applies only {hours}"
    wait_for(lambda: said in " ".join(asking.err.split()), what="a sentence about the rule")
    assert AGAIN not in asking.err and house.request_of(asking.id).is_open
    house.set_policy(RULE)
    house.reload()
    wait_for(lambda: AGAIN in asking.err, what="a sentence about the rule that permits it again")
    assert house.approve(asking.id, who="bob").returncode == 0
    assert asking.end() == 0


@pytest.mark.parametrize("what", CHANGES)
def test_who_waits_is_told_that_the_only_approver_is_gone_and_is_back(own_house, what: str) -> None:
    """THREATS N-09."""
    go, come_back, gone, back = CHANGES[what]
    house = own_house(policy=RULE).start()
    asking = house.ask("alice", "true")
    assert asking.id
    try:
        go(house)
        wait_for(lambda: gone in asking.err, what="a sentence about the approver")
        assert back not in asking.err
    finally:
        come_back(house)
    wait_for(lambda: back in asking.err, what="a sentence about the approver who is back")
    assert asking.err.count(gone) == 1
    assert house.approve(asking.id, who="bob").returncode == 0
    assert asking.end() == 0


def test_who_begins_to_wait_is_told_of_an_approver_whom_the_kdc_refuses(own_house) -> None:
    house = own_house(policy=RULE).start()
    kadmin("modprinc -allow_tix bob@EXAMPLE.TEST")
    try:
        asking = house.ask("alice", "true")
        wait_for(lambda: NOBODY in asking.err, what="a sentence about the approver")
    finally:
        kadmin("modprinc +allow_tix bob@EXAMPLE.TEST")
    wait_for(lambda: AGAIN in asking.err, what="a sentence about the approver who is back")
    assert house.jitd("withdraw", asking.id, who="alice").returncode == 0
    assert asking.end() == 123
