# SPDX-License-Identifier: Apache-2.0
"""The names of requests and runs: how they are spelled, what somebody may type for them, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.command import ALPHABET, JITSUDO, read_id, run_id, spell_id, work_of
from tests.scene import command


def test_the_daemons_own_service_is_called_jitsudo() -> None:
    assert JITSUDO == "jitsudo"


def test_the_letters_are_crockfords() -> None:
    assert ALPHABET == "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@pytest.mark.parametrize(
    ("randomness", "id"),
    [
        (bytes(5), "0000-0000"),
        (b"\xff" * 5, "ZZZZ-ZZZZ"),
        (b"\x00\x00\x00\x00\x01", "0000-0001"),
        (b"\x00\x00\x00\x00\x20", "0000-0010"),
        (b"\x80\x00\x00\x00\x00", "G000-0000"),
        (bytes.fromhex("00443214c7"), "0123-4567"),
        (bytes.fromhex("00443214c7") + b"more", "0123-4567"),
    ],
)
def test_an_id_is_forty_bits_the_first_first(randomness: bytes, id: str) -> None:
    assert spell_id(randomness) == id


@given(st.binary(min_size=5, max_size=5))
def test_what_is_spelled_is_read_as_itself(randomness: bytes) -> None:
    id = spell_id(randomness)
    assert read_id(id) == id and len(id) == 9


@pytest.mark.parametrize(
    ("typed", "id"),
    [
        ("K7QM-2XVD", "K7QM-2XVD"),
        ("k7qm2xvd", "K7QM-2XVD"),
        (" k7-qm-2x-vd\n", "K7QM-2XVD"),
        ("iLoO-0000", "1100-0000"),
        ("K7QM-2XVD.2", "K7QM-2XVD.2"),
        ("k7qm2xvd.999999999", "K7QM-2XVD.999999999"),
    ],
)
def test_what_is_an_id_as_people_type_it(typed: str, id: str) -> None:
    assert read_id(typed) == id


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "-",
        ".",
        ".2",
        "K7QM-2XV",
        "K7QM-2XVDD",
        "K7QM-2XVU",
        "K7QM_2XVD",
        "K7QM 2XVD",
        "K7QM-2XVD.",
        "K7QM-2XVD.0",
        "K7QM-2XVD.02",
        "K7QM-2XVD.-2",
        "K7QM-2XVD.2.2",
        "K7QM-2XVD.x",
        "K7QM-2XVD.٢",
        "K7QM-2XVD.²",
        "K7QM-2XVD.1000000000",
    ],
)
def test_what_is_none(typed: str) -> None:
    assert read_id(typed) is None


def test_a_run_has_the_grants_own_id_first_and_then_its_number() -> None:
    assert [run_id("K7QM-2XVD", number) for number in (1, 2, 10)] == ["K7QM-2XVD", "K7QM-2XVD.2", "K7QM-2XVD.10"]


def test_a_lease_answers_for_the_same_work_whatever_the_terminal_speaks() -> None:
    one = command("true")
    assert work_of(one) == work_of(command("true", locale=((b"LANG", b"C"),), streams=("tty", "tty", "tty")))
    others = [command("true", "x"), command("true", variables=((b"A", b"B"),)), command("true", cwd=b"/"), command("false")]
    assert len({work_of(one), *map(work_of, others)}) == 5
