# SPDX-License-Identifier: Apache-2.0
"""What the daemon and jitd-terminals say to each other: frozen bytes, read strictly, and no sign that controls a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd_outsiders.terminals.messages import ANSWERS, MOST_BYTES, MOST_PEOPLE, QUESTIONS, Tell, Told, text_of
from tests.table import each_row

GOLDEN = Path(__file__).parent / "golden"
QUESTION = Tell(("alice", "DOMAIN\\bob"), ("alice asks to run a command as root on db1.", "", "    jitd show K7QM-2XVD"))
ANSWER = Told(2, 1)
TELL = {"do": "tell", "people": ["alice"], "lines": ["x"]}
TOLD = {"said": "told", "n_told": 1, "n_refused": 0}


def test_an_addressee_may_have_a_long_name_that_is_not_ascii() -> None:
    """One account that cannot be told of would keep the message from all."""
    tell = Tell(("jürgen@ad.example.test", f"{'a' * 32}@{'b' * 100}.example.test"), ("x",))
    assert QUESTIONS.write(tell).isascii() and QUESTIONS.read(QUESTIONS.write(tell)) == tell


def test_a_message_has_the_bytes_that_it_has_always_had() -> None:
    question, answer = (GOLDEN / "tell.json").read_bytes(), (GOLDEN / "told.json").read_bytes()
    assert QUESTIONS.write(QUESTION) == question and QUESTIONS.read(question) == QUESTION
    assert ANSWERS.write(ANSWER) == answer and ANSWERS.read(answer) == ANSWER


@pytest.mark.parametrize(
    "change",
    [
        {"do": "write"}, {"do": None}, {"more": 1}, {"people": []}, {"people": "alice"}, {"people": [""]}, {"people": ["a:b"]},
        {"people": [" a"]}, {"people": ["a\nb"]}, {"people": ["a"] * (MOST_PEOPLE + 1)}, {"people": [1]}, {"lines": []},
        {"lines": "x"}, {"lines": ["x"] * MOST_BYTES}, {"lines": ["x" * MOST_BYTES]}, {"lines": [None]},
    ],
)  # fmt: skip
def test_a_question_that_is_otherwise_is_refused(change: dict[str, object]) -> None:
    assert QUESTIONS.read(json.dumps(TELL).encode()) == Tell(("alice",), ("x",))
    with pytest.raises(ValueError):
        QUESTIONS.read(json.dumps(TELL | change).encode())


@each_row("sign", [chr(code) for code in (*range(32), *range(127, 161), 0x202E, 0xFF20, 0x1F4A3)])
def test_no_sign_that_could_control_a_terminal_is_in_a_text(sign: str) -> None:
    """THREATS N-02. Escapes, line ends, C1 controls as UTF-8, and all else beyond ASCII."""
    with pytest.raises(ValueError):
        QUESTIONS.write(Tell(("alice",), (f"a{sign}b",)))
    with pytest.raises(ValueError):
        QUESTIONS.read(json.dumps(TELL | {"lines": [f"a{sign}b"]}).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"said": "done"},
        {"more": 1},
        {"n_told": -1},
        {"n_told": 65},
        {"n_refused": 64},
        {"n_told": True},
        {"n_told": "1"},
        {"n_told": 1.0},
    ],
)
def test_an_answer_that_is_otherwise_is_refused(change: dict[str, object]) -> None:
    assert ANSWERS.read(json.dumps(TOLD).encode()) == Told(1, 0)
    with pytest.raises(ValueError):
        ANSWERS.read(json.dumps(TOLD | change).encode())


@given(st.binary(max_size=100))
def test_whatever_the_bytes_are_only_value_error_is_raised(noise: bytes) -> None:
    for read in (QUESTIONS.read, ANSWERS.read):
        with pytest.raises(ValueError):
            read(noise)


def test_the_longest_text_is_a_kibibyte_with_all_that_stands_around_it() -> None:
    line = "x" * (MOST_BYTES - len(text_of(("",))))
    assert len(text_of((line,))) == MOST_BYTES
    assert QUESTIONS.read(QUESTIONS.write(Tell(("alice",), (line,)))).lines == (line,)
    with pytest.raises(ValueError):
        QUESTIONS.write(Tell(("alice",), (f"{line}x",)))
