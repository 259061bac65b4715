# SPDX-License-Identifier: Apache-2.0
"""Whom a name that an operator types means: the person, however they are written. Law: nobody else is ever meant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jitd.core.naming import Naming
from jitd.core.subject import ROOT, Subject, is_named, named

TABLE = {"alice/admin@EXAMPLE.ORG": "alice-adm", "soar/ops@OTHER.ORG": "soar"}
PEOPLE = {"al": frozenset({"alice", "alice-adm"})}
REALMS = frozenset({"EXAMPLE.ORG", "OTHER.ORG"})
ALICE = Subject("alice@EXAMPLE.ORG", "alice", 4001, 4001, frozenset({"alice"}), "al", None)
HERS = (
    ALICE,
    replace(ALICE, principal="alice/admin@EXAMPLE.ORG", user="alice-adm", uid=4101),
    replace(ALICE, principal="local:alice", perhaps=frozenset({"alice@EXAMPLE.ORG"})),
)
BOB = Subject("bob@EXAMPLE.ORG", "bob", 4002, 4002, frozenset({"bob"}), "bob", None)


@pytest.mark.parametrize(
    "spelled",
    [
        "alice", "al", "alice-adm", "local:alice", "local:alice-adm", "alice@EXAMPLE.ORG", "alice@OTHER.ORG",
        "alice/admin@EXAMPLE.ORG", "alice/admin",
    ],
)  # fmt: skip
def test_every_spelling_means_the_person_by_all_accounts_and_nobody_else(spelled):
    """THREATS A-15."""
    meant = named(spelled, Naming(REALMS, TABLE), PEOPLE, str)
    assert [is_named(who, meant) for who in (*HERS, BOB)] == [True, True, True, False]


@pytest.mark.parametrize(
    "spelled",
    ["", "Alice", "alice@ELSEWHERE.ORG", "alice/other@EXAMPLE.ORG", "alice/other", "local:", "@", "alice@", "\udcff", "root"],
)
def test_a_spelling_of_nobody_means_nobody(spelled):
    """THREATS A-15."""
    meant = named(spelled, Naming(REALMS, TABLE), PEOPLE, str)
    assert not any(is_named(who, meant) for who in (*HERS, BOB))


def test_who_was_proved_by_a_principal_that_maps_no_longer_is_still_meant_by_it():
    """THREATS A-15: the table may have changed since."""
    gone = replace(BOB, principal="bob/admin@EXAMPLE.ORG")
    assert is_named(gone, named("bob/admin@EXAMPLE.ORG", Naming(REALMS), {}, str))


def test_root_without_a_ticket_is_meant_by_its_own_name_alone():
    root = Subject(ROOT, "root", 0, 0, frozenset({"root"}), "root", None)
    assert is_named(root, named("root", Naming(REALMS), {}, str))
    assert not is_named(root, named("root@EXAMPLE.ORG", Naming(REALMS), {}, str))
