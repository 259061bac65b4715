# SPDX-License-Identifier: Apache-2.0
"""The statement of a receipt (PROTOCOL.md, "Receipts"): one spelling, and nothing that is not ASCII."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jitd.audit import receipt
from jitd.audit.receipt import Sealed, Statement, Terms, Unlock, read, read_unlock

EXAMPLE = """\
jitd receipt 1
verdict approve
host db1.example.org
id K7QM-2XVD
requester alice@EXAMPLE.ORG
approver bob@EXAMPLE.ORG
rule restart%20postgr%C3%A9s%25
policy 1111111111111111111111111111111111111111111111111111111111111111
expires 2026-11-26T21:15:00Z
terms lasts=900 uses=1 timeout=- starts=-
at 2026-11-26T21:00:00Z
random 22222222222222222222222222222222
submitted 7 3333333333333333333333333333333333333333333333333333333333333333
newest 9 4444444444444444444444444444444444444444444444444444444444444444
"""
MADE = Statement(
    "approve",
    "db1.example.org",
    "K7QM-2XVD",
    "alice@EXAMPLE.ORG",
    "bob@EXAMPLE.ORG",
    "restart postgrés%",
    b"\x11" * 32,
    "2026-11-26T21:15:00Z",
    Terms(900, 1),
    "2026-11-26T21:00:00Z",
    b"\x22" * 16,
    Sealed(7, b"\x33" * 32),
    Sealed(9, b"\x44" * 32),
)

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
times = st.datetimes().map(lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20))
numbers = st.integers(1, 10**18 - 1)
sealed = st.builds(Sealed, numbers, st.binary(min_size=32, max_size=32))
statements = st.builds(
    Statement,
    st.sampled_from(receipt.VERDICTS),
    *[texts] * 5,
    st.binary(min_size=32, max_size=32),
    times,
    st.builds(Terms, numbers, numbers, st.none() | numbers, st.just("") | times),
    times,
    st.binary(min_size=16, max_size=16),
    sealed,
    sealed,
)


def test_a_statement_has_the_form_that_the_protocol_shows() -> None:
    assert MADE.text() == EXAMPLE
    assert read(EXAMPLE) == MADE


@given(statements)
def test_what_is_read_is_what_was_said_and_is_ascii(said: Statement) -> None:
    text = said.text()
    assert text.isascii() and read(text) == said
    assert len(text.split("\n")) == 15, "no field can begin another line"


@given(statements, statements)
def test_two_statements_never_have_one_text(one: Statement, other: Statement) -> None:
    assert (one == other) == (one.text() == other.text())


@given(st.data())
def test_a_text_that_differs_by_a_character_is_another_statement_or_none(data: Any) -> None:
    at = data.draw(st.integers(0, len(EXAMPLE) - 1))
    others = ["", "a", "0", " ", "\n", "\r\n", "%", "\t", "A", "\N{FULLWIDTH DIGIT ONE}", EXAMPLE[at] * 2]
    new = data.draw(st.sampled_from(others))
    changed = EXAMPLE[:at] + new + EXAMPLE[at + 1 :]
    assume(changed != EXAMPLE)
    try:
        found = read(changed)
    except ValueError:
        return
    assert found != MADE and found.text() == changed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("jitd receipt 1", "jitd receipt 2"),
        ("verdict approve", "verdict denied"),
        ("rule restart%20postgr%C3%A9s%25", "rule restart%20postgr%c3%a9s%25"),
        ("rule restart%20postgr%C3%A9s%25", "rule %72estart"),
        ("rule restart%20postgr%C3%A9s%25", "rule %FF"),
        ("rule restart%20postgr%C3%A9s%25", "rule "),
        ("host db1.example.org", "host db1.example.org "),
        ("host db1.example.org\nid K7QM-2XVD", "id K7QM-2XVD\nhost db1.example.org"),
        ("submitted 7", "submitted 07"),
        ("submitted 7", "submitted 0"),
        ("uses=1", "uses=01"),
        ("lasts=900", "lasts=+900"),
        ("starts=-", "starts=- "),
        ("policy 1", "policy A"),
        ("at 2026-11-26T21:00:00Z\n", "at 2026-11-26T21:00:00Z\nat 2026-11-26T21:00:00Z\n"),
        ("at 2026-11-26", "at 2026-13-26"),
        ("expires 2026-11-26", "expires 2026-11-31"),
        ("starts=-", "starts=2026-02-29T00:00:00Z"),
        ("at 2026-11-26T21", "at 2026-11-26T24"),
        ("4444\n", "4444"),
        ("4444\n", "4444\n\n"),
        ("\n", "\r\n"),
    ],
)
def test_no_other_spelling_is_read(old: str, new: str) -> None:
    """THREATS A-35."""
    assert old in EXAMPLE
    with pytest.raises(ValueError, match="^(has|is|does) "):
        read(EXAMPLE.replace(old, new))


@pytest.mark.parametrize(
    "wrong",
    [
        {"verdict": "denied"},
        {"host": ""},
        {"rule": "x" * receipt.MOST},
        {"rule": "\ud800"},
        {"policy": b"short"},
        {"random": b""},
        {"expires": "now\nrule other"},
        {"at": "2026-11-26 21:00:00Z"},
        {"terms": Terms(0, 1)},
        {"terms": Terms(900, 1, starts_at="- uses=2")},
        {"submitted": Sealed(0, bytes(32))},
    ],
)
def test_what_would_not_be_read_is_not_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        MADE._replace(**wrong).text()


def test_what_each_signer_adds_is_not_what_it_is_about() -> None:
    again = MADE._replace(at="2026-11-26T21:00:09Z", random=bytes(16), newest=Sealed(11, bytes(32)))
    assert again.matter == MADE.matter
    assert MADE._replace(policy=bytes(32)).matter != MADE.matter


# --- about a lock ------------------------------------------------------------------------------------------------------------

ON_LOCK = """\
jitd unlock receipt 1
host db1.example.org
lock L0CK-0001
on user alice%20b
operator bob@EXAMPLE.ORG
policy 1111111111111111111111111111111111111111111111111111111111111111
at 2026-11-26T21:00:00Z
random 22222222222222222222222222222222
placed 7 3333333333333333333333333333333333333333333333333333333333333333
newest 9 4444444444444444444444444444444444444444444444444444444444444444
"""
UNLOCK = Unlock(
    "db1.example.org",
    "L0CK-0001",
    "user",
    "alice b",
    "bob@EXAMPLE.ORG",
    b"\x11" * 32,
    "2026-11-26T21:00:00Z",
    b"\x22" * 16,
    Sealed(7, b"\x33" * 32),
    Sealed(9, b"\x44" * 32),
)
unlocks = st.builds(
    lambda whom, *more: Unlock(*more[:2], whom, "" if whom == "all" else more[2], *more[3:]),
    st.sampled_from(("user", "principal", "all")),
    *[texts] * 4,
    st.binary(min_size=32, max_size=32),
    times,
    st.binary(min_size=16, max_size=16),
    sealed,
    sealed,
)


def test_a_statement_about_a_lock_has_the_form_that_the_protocol_shows() -> None:
    assert UNLOCK.text() == ON_LOCK and read_unlock(ON_LOCK) == UNLOCK
    assert UNLOCK._replace(whom="all", name="").text() == ON_LOCK.replace("on user alice%20b", "on all")


@given(unlocks, unlocks)
def test_a_lock_is_told_in_one_spelling_and_never_as_an_approval(one: Unlock, other: Unlock) -> None:
    """THREATS A-34."""
    assert read_unlock(one.text()) == one and (one == other) == (one.text() == other.text())
    with pytest.raises(ValueError):
        read(one.text())


@given(statements)
def test_an_approval_lifts_no_lock(said: Statement) -> None:
    """THREATS A-34."""
    with pytest.raises(ValueError):
        read_unlock(said.text())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("on user alice%20b", "on user"),
        ("on user alice%20b", "on user "),
        ("on user alice%20b", "on all "),
        ("on user alice%20b", "on all alice"),
        ("on user alice%20b", "on group alice"),
        ("on user alice%20b", "on user alice b"),
        ("lock L0CK-0001\n", ""),
        ("placed 7", "placed 07"),
        ("4444\n", "4444"),
    ],
)
def test_no_other_spelling_of_a_lock_is_read(old: str, new: str) -> None:
    assert old in ON_LOCK
    with pytest.raises(ValueError, match="^(has|is|does) "):
        read_unlock(ON_LOCK.replace(old, new))
