# SPDX-License-Identifier: Apache-2.0
"""Whose account it is, where two lines of ``[people]`` could be about it."""

from __future__ import annotations

import pytest

from jitd.core.subject import person_of

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
