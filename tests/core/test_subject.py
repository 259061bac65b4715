# SPDX-License-Identifier: Apache-2.0
"""Who somebody is, as truth tables: whom a word of a rule means, whose a request is, how long a ticket counts, who is one person.

Law: each table has the one who is meant, another of the same kind, and the same name of another kind.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from jitd.core.approvers import may_review
from jitd.core.decision import Approval, Permit
from jitd.core.made_account import itself
from jitd.core.naming import Naming
from jitd.core.policy import decide
from jitd.core.subject import LOCAL, Subject, matches_any, person_of
from tests.core.house import ALICE, BOB, EVE, NOON, ROOT, deny, permit, policy, question

# --- whom a word means -----------------------------------------------------------------------------------------------

LOCAL_ALICE = Subject(f"{LOCAL}alice", "alice", ALICE.uid, ALICE.gid, ALICE.groups, "alice", None)
NAMESAKE = replace(BOB, groups=frozenset({"bob", "carol", "dave@EXAMPLE.ORG"}), principal="eve@EXAMPLE.ORG")
"""Somebody whose account, groups and principal have nothing in common: bob; carol; eve."""

WORDS = [
    ("user:alice", ALICE, True),
    ("user:alice", BOB, False),
    ("user:dave", ALICE, False),
    ("user:dba", ALICE, False),  # a group of theirs
    ("user:alice@EXAMPLE.ORG", ALICE, False),  # their principal
    ("user:bob", NAMESAKE, True),
    ("user:carol", NAMESAKE, False),
    ("user:eve", NAMESAKE, False),
    ("group:dba", ALICE, True),
    ("group:dba", BOB, False),
    ("group:ops", ALICE, False),
    ("group:alice@EXAMPLE.ORG", ALICE, False),
    ("group:carol", NAMESAKE, True),
    ("group:dave@EXAMPLE.ORG", NAMESAKE, True),
    ("group:alice", replace(ALICE, groups=frozenset({"dba"})), False),  # an account is no group of its name
    ("group:eve@EXAMPLE.ORG", NAMESAKE, False),
    ("principal:alice@EXAMPLE.ORG", ALICE, True),
    ("principal:alice@EXAMPLE.ORG", BOB, False),
    ("principal:bob@EXAMPLE.ORG", ALICE, False),
    ("principal:alice", ALICE, False),  # their account
    ("principal:dba", ALICE, False),
    ("principal:eve@EXAMPLE.ORG", NAMESAKE, True),
    ("principal:dave@EXAMPLE.ORG", NAMESAKE, False),  # a group of that name
    ("principal:bob", NAMESAKE, False),
    ("principal:alice@EXAMPLE.ORG", LOCAL_ALICE, False),  # nobody proved it
    ("user:alice", LOCAL_ALICE, True),
    ("user:root", ROOT, True),
    ("user:root", ALICE, False),
    ("alice", ALICE, False),
    (":alice", ALICE, False),
    ("", ALICE, False),
    ("user:", ALICE, False),
    ("person:alice", ALICE, False),
    ("USER:alice", ALICE, False),
]


@pytest.mark.parametrize(("word", "who", "is_meant"), WORDS)
def test_a_word_means_who_it_names_and_nobody_else(word: str, who: Subject, is_meant: bool) -> None:
    assert matches_any(who, (word,)) is is_meant
    assert matches_any(who, ("group:nobody", word, "user:nobody")) is is_meant, "wherever it stands"


@pytest.mark.parametrize(("word", "who", "is_meant"), WORDS)
def test_a_word_means_the_same_in_a_permit_a_deny_and_an_approval(word: str, who: Subject, is_meant: bool) -> None:
    """The words in ``who`` and in ``from`` of a rule are read alike."""
    asked = question(who)
    if who not in (ROOT, LOCAL_ALICE):
        assert isinstance(decide(policy(permit(who=(word,))), asked, NOON), Permit) is is_meant
        assert bool(may_review((Approval(1, (word,)),), who, replace(EVE, principal="x@X", person="x", uid=1))) is is_meant
    if who is not ROOT:
        after = decide(policy(permit(who=None, needs_ticket=False), deny(who=(word,))), asked, NOON)
        assert isinstance(after, Permit) is not is_meant


def test_no_words_mean_nobody() -> None:
    assert not matches_any(ALICE, ())


# --- whose a request is ----------------------------------------------------------------------------------------------

LOCAL_BOB = Subject(f"{LOCAL}bob", "bob", BOB.uid, BOB.gid, BOB.groups, "bob", None)
ALICE_ADMIN = replace(ALICE, principal="alice/admin@EXAMPLE.ORG")
RENUMBERED = replace(ALICE, uid=4999)


@pytest.mark.parametrize(
    ("who", "requester", "is_theirs"),
    [
        # asked for with a ticket: by the same proof and account
        (ALICE, ALICE, True),
        (BOB, ALICE, False),
        (ALICE_ADMIN, ALICE, False),
        (RENUMBERED, ALICE, False),
        (LOCAL_ALICE, ALICE, False),  # to have the account is no ticket
        (replace(BOB, uid=ALICE.uid), ALICE, False),
        (replace(BOB, principal=ALICE.principal), ALICE, False),
        (ROOT, ALICE, False),
        # asked for without one: whoever has the account
        (LOCAL_ALICE, LOCAL_ALICE, True),
        (ALICE, LOCAL_ALICE, True),
        (ALICE_ADMIN, LOCAL_ALICE, True),
        (BOB, LOCAL_ALICE, False),
        (LOCAL_BOB, LOCAL_ALICE, False),
        (EVE, LOCAL_ALICE, False),
        (RENUMBERED, LOCAL_ALICE, False),
        (ROOT, LOCAL_ALICE, False),
        # root's own
        (ROOT, ROOT, True),
        (ALICE, ROOT, False),
        (LOCAL_ALICE, ROOT, False),
    ],
)
def test_whose_a_request_is(who: Subject, requester: Subject, is_theirs: bool) -> None:
    """Nobody else's is shown, withdrawn or given back."""
    assert who.is_requester(requester) is is_theirs


# --- kinds of somebody -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "is_root", "is_local"),
    [
        (ROOT, True, False),
        (replace(ROOT, principal="root@EXAMPLE.ORG"), False, False),
        (replace(ALICE, uid=0), False, False),
        (ALICE, False, False),
        (LOCAL_ALICE, False, True),
        (replace(ROOT, principal=f"{LOCAL}root"), False, True),
        (replace(ALICE, principal="alice@local:"), False, False),
    ],
)
def test_who_is_root_and_who_is_known_by_the_account_alone(who: Subject, is_root: bool, is_local: bool) -> None:
    assert (who.is_root, who.is_local) == (is_root, is_local)


@pytest.mark.parametrize(
    ("ends_after", "looked_at_after", "has_ticket"),
    [
        (60, 0, True),
        (60, 59, True),
        (60, 60, False),  # its last second is over
        (60, 61, False),
        (-1, 0, False),
        (None, 0, True),
        (None, 10**8, True),
    ],
)
def test_a_ticket_counts_until_its_end_and_no_longer(ends_after: int | None, looked_at_after: int, has_ticket: bool) -> None:
    ends_at = None if ends_after is None else NOON + timedelta(seconds=ends_after)
    who = replace(ALICE, ticket_ends_at=ends_at)
    assert who.has_ticket_at(NOON + timedelta(seconds=looked_at_after)) is has_ticket


# --- who is one person -----------------------------------------------------------------------------------------------

PEOPLE = {"alice": frozenset({"alice-adm", "asmith"}), "bea": frozenset({"bob"})}


@pytest.mark.parametrize(
    ("user", "people", "person"),
    [
        ("alice", {}, "alice"),
        ("alice-adm", {}, "alice-adm"),
        ("alice", PEOPLE, "alice"),
        ("alice-adm", PEOPLE, "alice"),
        ("asmith", PEOPLE, "alice"),
        ("bob", PEOPLE, "bea"),
        ("bea", PEOPLE, "bea"),
        ("carol", PEOPLE, "carol"),
        ("alice-ad", PEOPLE, "alice-ad"),
    ],
)
def test_an_account_is_of_the_person_it_is_listed_under_else_of_its_own(
    user: str, people: dict[str, frozenset[str]], person: str
) -> None:
    assert person_of(user, people, itself) == person


def test_nobody_approves_their_own_by_an_account_that_people_lists() -> None:
    other = replace(BOB, person=person_of("alice-adm", PEOPLE, itself))
    anybody = (Approval(1, ("group:ops",)),)
    assert may_review(anybody, other, replace(ALICE, person=person_of("alice", PEOPLE, itself))) == frozenset()
    assert may_review(anybody, BOB, replace(ALICE, person=person_of("alice", PEOPLE, itself))) == {0}


# --- which account a principal is ------------------------------------------------------------------------------------

REALMS = frozenset({"EXAMPLE.TEST", "B.EXAMPLE.TEST"})
TABLE = {"alice/admin@EXAMPLE.TEST": "alice-adm", "carol@EXAMPLE.TEST": "cmiller"}


@pytest.mark.parametrize(
    ("principal", "account"),
    [
        (b"alice@EXAMPLE.TEST", "alice"),
        (b"alice@B.EXAMPLE.TEST", "alice"),
        (b"a.b_c-9@EXAMPLE.TEST", "a.b_c-9"),
        (b"a" * 32 + b"@EXAMPLE.TEST", "a" * 32),
        (b"a" * 33 + b"@EXAMPLE.TEST", None),
        (b"@EXAMPLE.TEST", None),
        (b"alice", None),
        (b"alice@", None),
        (b"alice@EVIL.TEST", None),
        (b"alice@example.test", None),
        (b"alice@EXAMPLE.TEST@EXAMPLE.TEST", None),
        (b"Alice@EXAMPLE.TEST", None),
        (b"alice/root@EXAMPLE.TEST", None),
        (b"alice\xc3\xa9@EXAMPLE.TEST", None),
        # the table decides alone
        (b"alice/admin@EXAMPLE.TEST", "alice-adm"),
        (b"alice/admin@B.EXAMPLE.TEST", None),
        (b"carol@EXAMPLE.TEST", "cmiller"),
        (b"carol@B.EXAMPLE.TEST", "carol"),
    ],
)
def test_which_account_a_principal_is(principal: bytes, account: str | None) -> None:
    """A hundred thousand more, and hostile ones, in tests/attacks/test_principals.py."""
    assert Naming(REALMS, TABLE).account_of(principal) == account


@pytest.mark.parametrize("realm", ["", "A B", "A\n", "A@B", "A/B", "R" * 256, "Ä"])
def test_a_realm_that_is_none_gives_no_account_though_it_be_listed(realm: str) -> None:
    assert Naming(frozenset({realm})).account_of(f"alice@{realm}".encode()) is None


def test_the_longest_realm_is_one() -> None:
    assert Naming(frozenset({"R" * 255})).account_of(b"alice@" + b"R" * 255) == "alice"
