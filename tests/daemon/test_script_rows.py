# SPDX-License-Identifier: Apache-2.0
"""The texts of a request in its row: found by their digests, with the one that was approved last. Over a store with a past."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from jitd.core.command import Operand, RunAs
from jitd.core.edit import SUDOEDIT, Edit
from jitd.core.lock import Whom
from jitd.core.request import Request, RequestState, issued
from jitd.core.run import Run, RunState
from jitd.core.script import MOST, Script, bound, runs_texts, why_not
from jitd.core.subject import Subject, User
from jitd.verbs import script_rows
from jitd.verbs.limits import PIECE, Pace
from jitpam.wire.shown import shown, unshown
from tests.daemon.test_outlook import ALICE, BOB, CAROL, DAVE, EVE, SECURITY, House, house, now, past
from tests.scene import START, command, locked, moment
from tests.stored import put

__all__ = ["house"]
PATH = b"/home/alice/x.sh"


def script(text: bytes, at: int = 1, path: bytes = PATH) -> Script:
    return Script(at, path, sha256(text).digest())


def kept(house: House, request: Request, *texts: bytes) -> Request:
    house.store.keep_texts(request.id, texts)
    made = replace(request, scripts=tuple(script(text, at) for at, text in enumerate(texts, 1)))
    house.keep(made)
    return made


def rows(house: House, who: Any = BOB) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = house.show(who)["scripts"]
    return found


def test_a_text_is_shown_to_all_who_may_see_the_contents(house: House) -> None:
    kept(house, now(), b"id\n")
    for who in (ALICE, BOB, CAROL, EVE):
        assert [row["text"] for row in rows(house, who)] == [shown(b"id\n")]


def test_a_text_that_was_changed_in_the_database_is_not_shown(house: House) -> None:
    """THREATS R-22: what is shown has the digest that is bound, whoever has written into the database."""
    kept(house, now(), b"id\n")
    with sqlite3.connect(house.path) as database:
        database.execute("UPDATE texts SET text = ?", (b"true\n",))
    (row,) = rows(house)
    assert (row["text"], row["told"]) == (None, script_rows.NOT_KEPT)
    with sqlite3.connect(house.path) as database:
        database.execute("DELETE FROM texts")
    assert rows(house) == [row], "and one that was forgotten"


def test_equal_texts_are_kept_once(house: House) -> None:
    kept(house, past("AAAA-0001", "true"), b"id\n")
    kept(house, now(), b"id\n", b"id\n")
    with sqlite3.connect(house.path) as database:
        assert database.execute("SELECT count(*) FROM texts").fetchone() == (1,)


@pytest.mark.parametrize(
    ("what", "changes", "is_compared"),
    [
        ("approved, under another rule too", {"rule": "other"}, True),
        ("denied", {"state": RequestState.DENIED}, False),
        ("still open", {"state": RequestState.PENDING}, False),
        ("approved by nobody", {"reviews": ()}, False),
        ("another person's", {"who": DAVE}, False),
    ],
)
def test_a_text_is_compared_with_what_was_approved(house: House, what: str, changes: dict[str, Any], is_compared: bool) -> None:
    """THREATS R-22"""
    kept(house, past("AAAA-0001", "true", **changes), b"true\n")
    kept(house, now(), b"false\n")
    (row,) = rows(house)
    assert (row["before"] is not None) == (row["last"] is not None) == is_compared, what
    if is_compared:
        assert unshown(row["before"]) == b"true\n"
        assert row["last"] == {"id": "AAAA-0001", "at": "2026-03-02T09:00:05Z", "by": ["bob@EXAMPLE.TEST"]}


def test_nobody_is_shown_an_earlier_text_of_a_request_that_they_may_not_see(house: House) -> None:
    """THREATS S-19: an approver of today gets an older version that they may see, or none; an operator, what their rule shows."""
    kept(house, past("AAAA-0001", "true"), b"for ops\n")
    kept(house, past("AAAA-0002", "true", after=60, obligations=SECURITY), b"for security\n")
    hidden = replace(SECURITY, visible_to=("user:dave",))
    kept(house, past("AAAA-0003", "true", after=120, obligations=hidden), b"hidden\n")
    kept(house, now(), b"now\n")
    seen = {who.user: unshown(rows(house, who)[0]["before"]) for who in (BOB, DAVE, EVE, ALICE)}
    assert seen == {"bob": b"for ops\n", "dave": b"hidden\n", "eve": b"for security\n", "alice": b"hidden\n"}


def test_what_runs_has_room_in_the_row_before_what_was(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(house, past("AAAA-0001", "true"), b"x" * 50)
    kept(house, now(), b"y" * 50, b"z" * 50)
    monkeypatch.setattr(script_rows, "ROOM", 2 * 52)
    first, second = rows(house)
    assert (first["text"], second["text"], first["before"]) == ("y" * 50, "z" * 50, None)
    monkeypatch.setattr(script_rows, "ROOM", 52)
    first, second = rows(house)
    assert (first["text"], second["text"], second["told"]) == ("y" * 50, None, script_rows.NO_ROOM)


def test_a_text_counts_as_bytes_of_its_requester() -> None:
    """128 KiB are 32 records more: with 600 at once, a person fills no disk with them."""
    pace = Pace(burst=600.0, per_second=1.0)
    assert [pace.may("alice", 0.0, 128 * 1024) for _ in range(20)].count(True) == 600 // (1 + 128 * 1024 // PIECE)


# --- which texts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("bash x", True), ("python3.11 x", True), ("/opt/venv/bin/python x", True), ("env A=b nice -n 5 perl5.36 x", True),
        ("psql -f x", True), ("crontab x", True), ("systemctl link x", True), ("visudo -c -f x", True), ("gawk -f x", True),
        ("cp x y", False), ("cat x", False), ("bashful x", False), ("trash x", False), ("mypython x", False),
    ],
)  # fmt: skip
def test_which_programs_run_what_they_are_given(words: str, wanted: bool) -> None:
    assert runs_texts([word.encode() for word in words.split()]) == wanted


@pytest.mark.parametrize(
    ("content", "mode", "is_run", "told"),
    [
        (b"id\n", 0o644, False, ""),
        (b"id\n", 0o640, False, "not everybody can read it, and it is no script: it may be a secret of alice"),
        (b"id\n", 0o600, True, ""),
        (b"#!/bin/sh\n", 0o600, False, ""),
        (b"id\n", 0o700, False, ""),
        (b"a\0b", 0o755, True, "it is not text"),
        (b"\x7fELF", 0o755, True, "it is not text"),
        (b"\xff" * 100, 0o755, True, "it is not text"),
        (b"# caf\xe9: " + b"a line of words\n" * 3, 0o755, True, ""),
        (b"\x1b[2J\tid\r\n", 0o755, True, ""),
        (b"", 0o755, True, "it is empty"),
        (b"#!/bin/sh\nK='-----BEGIN RSA PRIVATE KEY-----\n", 0o755, True, "it holds a private key"),
        (b"PuTTY-User-Key-File-3: ssh-ed25519\n", 0o644, False, "it holds a private key"),
        (b"-----BEGIN PUBLIC KEY-----\n", 0o644, False, ""),
    ],
)
def test_which_texts_are_shown_by_their_content(content: bytes, mode: int, is_run: bool, told: str) -> None:
    assert why_not(content, mode, "alice", is_whole=True, is_run=is_run) == told


def test_how_long_a_text_stays_as_it_is_shown_is_said() -> None:
    """THREATS R-22"""
    theirs = Operand(1, PATH, b"d" * 32, "it belongs to uid 4001", is_seen=True)
    made = replace(command("bash", "x"), digest=b"c" * 32, operands=(theirs, replace(theirs, at=2, digest=b"")))
    told = [bound(Script(at, PATH), made, "jitsudo", is_executed=True) for at in (0, 1, 2, 3)]
    assert told == [
        "what runs is exactly this text",
        "compared until the command starts; after that it can be changed: it belongs to uid 4001",
        "NOT BOUND: it can be changed after the approval: it belongs to uid 4001",
        "only root can change it",
    ]
    by_sudo = [bound(Script(at, PATH), made, "sudo", is_executed=False) for at in (0, 1)]
    assert by_sudo == [
        "not bound: sudo opens it by its name",
        "NOT BOUND: it can be changed after the approval: it belongs to uid 4001",
    ]
    assert MOST == 8


# --- what the requester cannot read ------------------------------------------------------------------------------------


OLD, NEW = b"password = hunter2\n", b"password = hunter3\n"
OPERATORS = {
    "another account of hers": replace(EVE, person="alice"),
    "an account with her principal": replace(EVE, principal=ALICE.principal),
    "an account that she uses": replace(EVE, used_by=(User(ALICE.principal, ALICE.uid, "alice", "BBBB-BBBB.1"),)),
}
"""Accounts of an operator as which alice, who has asked, may act."""


def edit_of_a_secret(house: House) -> None:
    edit = Edit(1, 2, 0, 0, 0o600, sha256(OLD).digest(), sha256(NEW).digest(), is_told=False)
    made = now(command=replace(command(SUDOEDIT, "/etc/secret", path=SUDOEDIT), digest=b"", edit=edit))
    house.store.keep_texts(made.id, (OLD, NEW))
    house.keep(replace(made, scripts=(Script(1, b"/etc/secret", sha256(NEW).digest()),)))


def told_of_a_secret(house: House, who: Subject) -> bool:
    return "hunter2" in str(house.show(who))


@pytest.mark.parametrize("who", OPERATORS.values(), ids=[*OPERATORS])
def test_no_account_as_which_the_requester_may_act_reads_what_they_cannot_read(house: House, who: Subject) -> None:
    """THREATS R-30: not by the rights of an operator either."""
    edit_of_a_secret(house)
    assert not told_of_a_secret(house, who) and not told_of_a_secret(house, ALICE)
    assert told_of_a_secret(house, EVE) and told_of_a_secret(house, BOB)


@pytest.mark.parametrize("who", OPERATORS.values(), ids=[*OPERATORS])
def test_no_account_as_which_the_requester_may_act_is_told_a_digest_of_what_they_cannot_read(house: House, who: Subject) -> None:
    """THREATS R-30: in each list."""
    secret = replace(
        command("x.sh", path=PATH), digest=b"d" * 32, is_told=False, operands=(Operand(1, PATH, b"o" * 32, "", False),)
    )
    made = replace(now(command=secret, seen=(("fact.secret", "hunter2"),)), state=RequestState.APPROVED)
    house.keep(made)
    grant = issued(made, moment()).grant
    put(house.store, replace(grant, left=1))

    async def rows(one: Subject) -> str:
        lists = house.lists
        listed = [row async for row in lists.requests(one, ended=True)] + [row async for row in lists.grants(one, ended=True)]
        return str([*listed, await lists.show(one, made.id)])

    for one, is_told in ((who, False), (ALICE, False), (EVE, True)):
        text = asyncio.run(rows(one))
        assert [word in text for word in ((b"d" * 32).hex(), (b"o" * 32).hex(), "hunter2")] == [is_told] * 3, one


def test_who_began_a_run_as_an_operator_reads_by_it_nothing_that_they_cannot_read(house: House) -> None:
    """THREATS R-30: while the run lives, and the operator as before when it has ended."""
    edit_of_a_secret(house)
    shell = replace(past("BBBB-BBBB", "sh"), command=command("sh", run_as=RunAs("eve", EVE.uid, "eve", EVE.gid)))
    grant = issued(shell, moment()).grant
    run = Run("BBBB-BBBB.1", shell.id, shell.id, START, state=RunState.RUNNING)
    put(house.store, shell, replace(grant, left=1, living=(run.id,)), run)
    assert not told_of_a_secret(house, EVE) and told_of_a_secret(house, BOB)


# --- who is locked -----------------------------------------------------------------------------------------------------


def test_an_approver_who_is_locked_reads_no_text_and_an_operator_does(house: House) -> None:
    """THREATS A-25: and may review nothing, which is said before anything is asked."""
    edit_of_a_secret(house)
    put(house.store, locked(Whom.USER, "bob"), locked(Whom.USER, "eve", id="L0CK-0002"))
    row = house.show(BOB)
    assert (row["scripts"], row["may_review"], row["awaits_me"]) == ([], False, False)
    assert row["barred"] == 'you may review nothing: locked: "laptop stolen"'
    assert told_of_a_secret(house, EVE) and told_of_a_secret(house, CAROL)


def test_a_lock_on_everybody_hides_no_text_from_who_oversees(house: House) -> None:
    edit_of_a_secret(house)
    put(house.store, locked(Whom.ALL))
    assert told_of_a_secret(house, EVE) and not told_of_a_secret(house, BOB)
    assert [row["text"] for row in rows(house, ALICE)] == [shown(NEW)], "which she wrote herself"
