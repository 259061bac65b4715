# SPDX-License-Identifier: Apache-2.0
"""The names of requests and runs: how they are spelled, and what a person may type for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.command import ALPHABET, read_id, read_start, run_id, spell_id


@pytest.mark.parametrize(
    ("typed", "id"),
    [
        ("K7QM-2XVD", "K7QM-2XVD"),
        ("k7qm-2xvd", "K7QM-2XVD"),
        ("K7QM2XVD", "K7QM-2XVD"),
        ("k-7-q-m-2-x-v-d", "K7QM-2XVD"),
        (" K7QM-2XVD\n", "K7QM-2XVD"),
        ("OIL0-oil1", "0110-0111"),  # letters that are read as digits
        ("00000000", "0000-0000"),
        # none
        ("", None),
        ("-", None),
        ("K7QM-2XV", None),
        ("K7QM-2XVDD", None),
        ("K7QM-2XVU", None),
        ("K7QM 2XVD", None),
        ("K7QM_2XVD", None),
        ("K7QM-2XVÄ", None),
        ("K7QM-2XV２", None),
        ("lock", None),
        # a run's
        ("K7QM-2XVD.1", "K7QM-2XVD.1"),
        ("k7qm2xvd.2", "K7QM-2XVD.2"),
        ("K7QM-2XVD.10", "K7QM-2XVD.10"),
        ("K7QM-2XVD.999999999", "K7QM-2XVD.999999999"),
        ("K7QM-2XVD.1000000000", None),  # ten digits
        ("K7QM-2XVD.0", None),
        ("K7QM-2XVD.01", None),
        ("K7QM-2XVD.00", None),
        ("K7QM-2XVD.", None),
        ("K7QM-2XVD..", None),
        ("K7QM-2XVD.-1", None),
        ("K7QM-2XVD.+1", None),
        ("K7QM-2XVD.1.2", None),
        ("K7QM-2XVD.1x", None),
        ("K7QM-2XVD.x", None),
        ("K7QM-2XVD.٢", None),
        ("K7QM-2XVD.²", None),
        ("K7QM-2XVD. 2", None),
        (".2", None),
    ],
)
def test_what_is_typed_is_this_id_or_none(typed: str, id: str | None) -> None:
    assert read_id(typed) == id


@pytest.mark.parametrize(
    ("typed", "start"),
    [
        ("K", "K"),
        ("k7qm", "K7QM"),
        ("K7QM-", "K7QM"),
        ("k7qm2", "K7QM-2"),
        ("K7QM-2XV", "K7QM-2XV"),
        (" k7-qm\n", "K7QM"),
        ("oIl", "011"),  # letters that are read as digits
        # none
        ("", None),
        ("-", None),
        ("K7QM-2XVD", None),  # a whole id
        ("K7QM-2XVDD", None),
        ("u", None),
        ("K7_", None),
        ("K7QM-2XV.2", None),
        ("٢", None),
    ],
)
def test_what_is_typed_is_the_beginning_of_an_id_or_none(typed: str, start: str | None) -> None:
    assert read_start(typed) == start


@pytest.mark.parametrize(
    ("randomness", "id"),
    [
        (b"\0\0\0\0\0", "0000-0000"),
        (b"\xff\xff\xff\xff\xff", "ZZZZ-ZZZZ"),
        (b"\0\0\0\0\1", "0000-0001"),
        (b"\x80\0\0\0\0", "G000-0000"),
        (b"\x01\x23\x45\x67\x89", "04HM-ASW9"),
        (b"\x01\x23\x45\x67\x89 and more", "04HM-ASW9"),
    ],
)
def test_how_an_id_is_spelled(randomness: bytes, id: str) -> None:
    assert spell_id(randomness) == id


@given(st.binary(min_size=5, max_size=5), st.integers(2, 10**9 - 1))
def test_what_is_spelled_reads_back(randomness: bytes, number: int) -> None:
    id = spell_id(randomness)
    assert read_id(id) == read_id(id.lower()) == read_id(id.replace("-", "")) == id
    assert read_id(run_id(id, number)) == f"{id}.{number}"
    assert [read_start(id[:size].lower()) for size in (1, 4, 6, 8)] == [id[:1], id[:4], id[:6], id[:8]]


def test_the_first_run_has_the_requests_own_id() -> None:
    assert [run_id("K7QM-2XVD", number) for number in (1, 2, 3)] == ["K7QM-2XVD", "K7QM-2XVD.2", "K7QM-2XVD.3"]


def test_no_letter_is_one_that_is_misread() -> None:
    assert len(set(ALPHABET)) == 32 and "".join(sorted(ALPHABET)) == ALPHABET and not set("ILOU") & set(ALPHABET)
