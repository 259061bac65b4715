# SPDX-License-Identifier: Apache-2.0
"""Whose account it is, where two lines of ``[people]`` could be about it."""

from __future__ import annotations

import pytest

from jitd.core.subject import BY_PAM, LOCAL, PROVED_BY_PAM, ROOT, person_of
from tests.scene import person as somebody

PEOPLE = {"bob": frozenset({"bob-adm"}), "carol": frozenset({"bob", "carol-adm", "dave"}), "dave": frozenset({"eve"})}


@pytest.mark.parametrize(
    ("user", "person"),
    [
        ("bob", "bob"),  # who is named is that person, whoever else lists the account further down
        ("bob-adm", "bob"),
        ("carol", "carol"),
        ("carol-adm", "carol"),
        ("dave", "carol"),  # listed before it is named
        ("eve", "dave"),
        ("frank", "frank"),
    ],
)
def test_the_first_line_that_is_about_an_account_says_whose_it_is(user: str, person: str) -> None:
    assert person_of(user, PEOPLE, str) == person


@pytest.mark.parametrize(
    ("principal", "is_root", "is_local", "is_by_pam"),
    [
        ("alice@EXAMPLE.TEST", False, False, False),
        (ROOT, True, False, False),
        ("root@EXAMPLE.TEST", False, False, False),
        (f"{LOCAL}alice", False, True, False),
        (f"{LOCAL}root", False, True, False),
        (f"{BY_PAM}alice", False, False, True),
        (f"{BY_PAM}local:alice", False, False, True),
    ],
)
def test_what_proved_who_somebody_is_stands_in_front_of_the_name(
    principal: str, is_root: bool, is_local: bool, is_by_pam: bool
) -> None:
    who = somebody("alice", principal=principal)
    assert (who.is_root, who.is_local, who.is_by_pam) == (is_root, is_local, is_by_pam)
    assert who.proved == (PROVED_BY_PAM if is_by_pam else "")
    assert who.ticket().get("proved", "") == who.proved
