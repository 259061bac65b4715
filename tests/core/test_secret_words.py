# SPDX-License-Identifier: Apache-2.0
"""Which words of a command line jitsudo asks its user about. The lines stand in corpus_secret_words.txt."""

from __future__ import annotations

import pathlib
import shlex

import pytest

from jitpam.options import read_options
from jitpam.secret_words import is_secret_name, secrets_in
from tests.table import each_row

LINES = [
    line.split(" | ", 1)
    for line in (pathlib.Path(__file__).parent / "corpus_secret_words.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]
SECRET = [(what.removeprefix("ask "), line) for what, line in LINES if what != "go"]
USUAL = [line for what, line in LINES if what == "go"]
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\n" + "b3BlbnNzaC1rZXktdjEA" * 8 + "\n-----END OPENSSH PRIVATE KEY-----\n"


def places(*words: bytes) -> list[str]:
    options = read_options(list(words))
    return [place for place, _ in secrets_in(options.argv, options.variables, options.reason)]


def typed(line: str) -> list[bytes]:
    return [word.encode() for word in shlex.split(line)]


@each_row(("place", "line"), SECRET)
def test_a_word_that_looks_like_a_secret_is_named_by_its_place(place: str, line: str) -> None:
    """THREATS R-24."""
    found = places(*typed(line))
    assert place in found
    for secret in ("Winter2026", "wJalrXUtnFEMIK7MDENG", "0af9c1", "glpat-", "s.abc123", "YWxpY2U6c2VjcmV0", "tiger"):
        assert all(secret not in each for each in found), "the place never tells the secret"


def test_of_usual_command_lines_at_most_one_in_fifty_is_asked_about() -> None:
    asked = [line for line in USUAL if places(*typed(line))]
    assert len(asked) <= len(USUAL) // 50, asked


def test_the_corpus_has_both_halves() -> None:
    assert len(SECRET) >= 120 and len(USUAL) >= 120
    assert len({line for _, line in SECRET}) == len(SECRET) and len(set(USUAL)) == len(USUAL)


def test_a_private_key_is_found_in_an_argument_and_in_a_variable() -> None:
    assert places(b"tee", KEY.encode()) == ["argument 1 (a private key)"]
    assert places(b"DEPLOY=" + KEY.encode(), b"deploy") == ["variable DEPLOY"]


def test_words_that_are_no_utf_8_are_looked_at_too() -> None:
    assert places(b"curl", b"-u", b"alice:\xff\xfe") == ["argument 2 (-u)"]
    assert places(b"\xff", b"\xff\xfe=\xff") == []


ODD = ["'", '"', "\\", "a 'b", 'a "b\\', "a |", "| a", "a || | b", "$(", "a;;b", "x " * 3, "a <<<", "\n \n", "<<< |", ";|&"]


@pytest.mark.parametrize("text", ODD)
def test_an_odd_text_of_a_shell_is_read_to_its_end(text: str) -> None:
    assert places(b"sh", b"-c", text.encode() + b" x") == []


def test_a_name_is_that_of_a_secret_by_its_last_words() -> None:
    assert all(map(is_secret_name, ("PASSWORD", "db_password", "--api-key", "GITHUB_TOKEN", "client_secret", "smtp-pass")))
    no = (
        "OLDPWD",
        "PWD",
        "PASSWORD_FILE",
        "token-ttl",
        "tokens",
        "bypass",
        "compass",
        "no-password",
        "",
        "-",
        "keyboard",
        "PINS",
    )
    assert not any(map(is_secret_name, no))


def test_many_words_of_a_secrets_shape_are_named_once_each() -> None:
    assert len(places(b"frobnicate", *[b"--password=Winter2026"] * 50)) == 50


@pytest.mark.parametrize("piece", [b"=", b"a=", b"://", b'":"', b"ghp_", b"|", b"'", b"-p ", b"(", b"authorization:", b"<<<"])
def test_a_word_of_the_greatest_length_is_read_in_linear_time(piece: bytes) -> None:
    """A word has 128 KiB at most (MAX_ARG_STRLEN)."""
    places(b"sh", b"-c", piece * (128 * 1024 // len(piece)) + b" password=Winter2026")
