# SPDX-License-Identifier: Apache-2.0
"""What the chain is told of a request when it is made: every part, whole, and none that is not there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jitd.core.asked_terms import NAMES, USUAL, AskedTerms
from jitd.core.claims import Point
from jitd.core.command import Operand
from jitd.core.grade import Finding, Grade
from jitd.core.law import Actor, Role
from jitd.core.public_key import told_of
from jitd.core.request import Request, Submitted, to_be_asked
from tests.scene import ROOT_ACCOUNT, START, asked, command, moment, permit, person, thing
from tests.stored import in_clear

PLAIN = {
    "argv": ["true"],
    "path": "/usr/bin/true",
    "digest": "64" * 32,
    "run_as": "root:root",
    "run_as_uid": 0,
    "account": "alice",
    "cwd": "/srv",
    "reason": "why",
    "service": "jitsudo",
    "ticket_ends_at": "2026-03-02 19:00:00+00:00",
    "groups": ["alice", "dba"],
    "streams": ["pipe", "pipe", "pipe"],
}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


def told_of_it(made: Request) -> dict[str, Any]:
    by = Actor(Role.REQUESTER, made.requester.principal, made.requester.uid)
    return in_clear(Submitted(made.id, by, made).detail())


def test_of_a_plain_command_this_is_told_and_nothing_else() -> None:
    assert told_of_it(asked()) == {**PLAIN, "ticket_ends_at": str(person("alice").ticket_ends_at)}


MORE: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"command": command(b"a\\b", b"\xff")}, {"argv": ["a\\\\b", "\\xff"], "path": "/usr/bin/a\\\\b"}),
    ({"command": command("true", run_as=replace(ROOT_ACCOUNT, user="bob", group="ops"))}, {"run_as": "bob:ops"}),
    ({"command": command("true", cwd=b"/\xff")}, {"cwd": "/\\xff"}),
    ({"command": command("true", options=(b"--login", b"\xff"))}, {"options": ["--login", "\\xff"]}),
    ({"command": command("true", doubt="it was exchanged")}, {"doubt": "it was exchanged"}),
    ({"command": command("true", brought=KEY)}, {"brought": told_of(KEY)}),
    ({"command": command("true", findings=())}, {"grade": "harmless", "findings": []}),
    (
        {"command": command("true", findings=(Finding(Grade.READS, "it reads", "/x", "why"),))},
        {"grade": "reads", "findings": [{"grade": "reads", "what": "it reads", "path": "/x", "matters": "why"}]},
    ),
    ({"command": command("true", variables=((b"A", b"\xff"),))}, {"variables": [["A", "\\xff"]]}),
    (
        {
            "command": command(
                *("cat", "/a", "/b"),
                operands=(Operand(1, b"/a", bytes(32), "", True, True), Operand(2, b"/b", bytes(32), "", True, False)),
            )
        },
        {"argv": ["cat", "/a", "/b"], "path": "/usr/bin/cat", "operands": [[1, "/a", "00" * 32], [2, "/b", ""]]},
    ),
    ({"uses": 3, "lasts_for": 60}, {"terms": {"uses": 3, "lasts_for": 60}}),
    ({"breaks_glass": True}, {"break_glass": True}),
    ({"service": "sudo"}, {"service": "sudo"}),
    ({"extends": "ZZZZ-ZZZZ"}, {"extends": "ZZZZ-ZZZZ"}),
    ({"starts_at": datetime(2026, 3, 2, 12, 30, tzinfo=UTC)}, {"starts_at": "2026-03-02T12:30:00+00:00"}),
    (
        {"point": Point("account", "10.0.0.1", "publickey", None)},
        {"point": {"stage": "account", "remote_host": "10.0.0.1", "authenticated": "publickey"}},
    ),
]


@pytest.mark.parametrize(("changes", "told"), MORE)
def test_what_there_is_more_is_told_too(changes: dict[str, Any], told: dict[str, Any]) -> None:
    plain, detail = told_of_it(asked()), told_of_it(asked(**changes))
    assert {name: value for name, value in detail.items() if plain.get(name) != value} == told
    assert plain.keys() <= detail.keys()


def test_a_thing_is_told_by_its_name_and_whether_it_stays() -> None:
    for stays in (False, True):
        detail = told_of_it(asked(what=thing(stays=stays)))
        assert (detail["gives"], detail["stays"]) == (["service-ticket:postgres/db1.example.test"], stays)


def test_the_terms_are_those_that_were_asked_for_and_the_start_only_if_there_is_one() -> None:
    assert AskedTerms(600, 5, 30).fingerprinted == (600, 5, 30)
    assert replace(USUAL, starts_at=START).fingerprinted == (None, None, None, int(START.timestamp()))


@pytest.mark.parametrize("name", NAMES)
def test_each_term_that_is_asked_for_is_in_the_fingerprint(name: str) -> None:
    """THREATS R-01: nobody approves a time limit, a start or a number of uses that is not the one that counts."""
    at = START if name == "starts_at" else 1
    later = START + timedelta(seconds=1) if name == "starts_at" else 2
    asked_for = [replace(some, **{name: one}) for some in (USUAL, AskedTerms(1, 1, 1, START)) for one in (None, at, later)]
    assert len({one.fingerprinted for one in asked_for}) == len(set(asked_for)) == 6


def test_a_deadline_is_counted_from_now_on_both_clocks() -> None:
    now = moment(5.0)
    made = to_be_asked(asked(), permit(), now)
    assert (made.expires_at, made.expires_boot) == (now.at + timedelta(minutes=15), now.boot + 900.0)
    assert (made.asking_at, made.rule, made.obligations) == (now.at, "rule-1", permit().obligations)
