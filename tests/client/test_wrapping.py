# SPDX-License-Identifier: Apache-2.0
"""Sentences on a terminal: where a line is broken, and what never is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.cli import HIDDEN, VERBS
from jitpam import wrapping
from jitpam.usage import help_lines
from jitpam.wire.shown import cells, shown
from jitpam.wrapping import wrap
from tests.law.test_commands import COMMANDS
from tests.table import each_row

WIDTHS = [20, 40, 80, 132]
SENTENCE = "jitd: request K7QM-2XVD waits for 1 approval from group:ops; nobody of them is logged in on this host at present"


def test_a_line_that_fits_is_not_changed() -> None:
    assert wrap("x" * 80, 80) == ["x" * 80]
    assert wrap("  a   b ", 80) == ["  a   b "]


def test_a_sentence_goes_on_below_what_it_says_and_not_below_who_says_it() -> None:
    assert wrap(SENTENCE, 60, 6) == [
        "jitd: request K7QM-2XVD waits for 1 approval from group:ops;",
        "      nobody of them is logged in on this host at present",
    ]


def test_a_line_goes_on_to_the_right_of_its_beginning() -> None:
    assert wrap("    one two three four", 14) == ["    one two", "   three four"], "a narrow terminal has no room for more"
    assert wrap("  one two three four five six seven", 30) == ["  one two three four five six", "      seven"]


@pytest.mark.parametrize("width", WIDTHS)
@given(st.text(max_size=300), st.integers(0, 30))
def test_no_line_is_wider_than_the_terminal_whatever_is_said(width: int, text: str, indent: int) -> None:
    assert all(cells(line) <= width for line in wrap(f"jitd: {shown(text)}", width, indent))


@pytest.mark.parametrize("width", WIDTHS)
@given(st.lists(st.sampled_from([" ", "  ", " " * 30, "x", "x" * 30, ":", "'"]), max_size=30).map("".join))
def test_no_line_is_wider_than_the_terminal_however_many_spaces_somebody_types(width: int, text: str) -> None:
    """THREATS R-25: else the terminal breaks it, and begins the rest at its left edge."""
    lines = wrap(f"jitd: no such file: {text}", width, 6)
    assert all(cells(line) <= width for line in lines)
    assert re.sub(" ", "", "".join(lines)) == re.sub(" ", "", f"jitd: no such file: {text}")


@pytest.mark.parametrize("width", WIDTHS)
@given(st.lists(st.text("ab:;,.é漢 \x1b\u202e", max_size=40), max_size=12).map(" ".join))
def test_nothing_is_lost_and_nothing_added_but_the_indentation(width: int, text: str) -> None:
    line = "jitd: " + shown(text)
    first, *others = wrap(line, width, 6)
    assert re.sub(" ", "", first + "".join(others)) == re.sub(" ", "", line)
    assert all(other.startswith("     ") for other in others), "nobody's text begins at the left edge"


@pytest.mark.parametrize("width", WIDTHS)
@given(st.text("\x00\x1b\u202e\U000e0041\udcffx", max_size=60))
def test_an_escape_is_never_broken(width: int, text: str) -> None:
    escapes = re.findall(r"\\(?:x..|u.{4}|U.{8})", shown(text))
    assert [
        found for line in wrap(f"jitd: {shown(text)}", width, 6) for found in re.findall(r"\\(?:x..|u.{4}|U.{8})", line)
    ] == escapes


@given(st.integers(18, 90), st.text("abc de", max_size=60))
def test_an_id_is_never_broken(width: int, before: str) -> None:
    assert any("K7QM-2XVD" in line for line in wrap(f"jitd: {before} request K7QM-2XVD is open", width, 6))


TYPED = [
    "jitsudo --resume K7QM-2XVD",
    "jitsudo --break-glass --reason=TEXT COMMAND",
    "jitd explain --as alice@EXAMPLE.TEST -- systemctl restart nginx",
    "`jitd reload`",
    "kadmin -q 'addprinc -randkey host/lab.example.test'",
    "rm -r /var/lib/jitd/x && systemctl enable --now jitd.service",
    "chown jitd-kdc: /etc/jitd/jitd-kdc.keytab",
    *(row.replace("getent {}", "getent group").replace("kill {}", "kill 7").replace("{}", "/x/y") for row in COMMANDS),
]


@each_row("command", TYPED)
@each_row("end", ["", ", and ask again", "; what was given stays", ")", " says when all of it is well again"])
def test_a_command_that_is_to_be_typed_stays_on_one_line(command: str, end: str) -> None:
    """If it were pasted in parts, its first part would run alone: rm -r /."""
    for width in (12, 20, 40, 80):
        for before in ("jitd: ", "jitd: the key is missing: ", "jitd: " + "so it is now and " * 4 + "run: "):
            assert any(command in line for line in wrap(before + command + end, width, 6)), width


@pytest.mark.parametrize(
    "prose",
    [
        "jitd closed the connection while the request waited, and nobody knows whether the command ran on the host",
        "sudo asks jitd for each command, so jitd must be there before anybody can become root by sudo on this host",
        "a mount of /srv that does not answer keeps the shell of alice from its end: umount it, or wait until it answers",
    ],
)
def test_prose_about_a_program_is_no_command(prose: str) -> None:
    assert all(cells(line) <= 40 for line in wrap(f"jitd: {prose}", 40, 6))


def test_several_spaces_are_never_at_the_end_of_a_line() -> None:
    """Nobody would see how many there are."""
    assert wrap("jitd: no such file: 'a    b'", 24, 6) == ["jitd: no such file:", "      'a    b'"]


def test_every_verb_is_known_as_the_beginning_of_a_command() -> None:
    assert set(wrapping.VERBS) == VERBS - HIDDEN


@pytest.mark.parametrize("width", [24, 40, 60, 80, 200])
def test_the_help_fits_the_terminal(width: int) -> None:
    lines = help_lines(width)
    assert max(map(len, lines)) <= min(width, 80) or width < 40
    assert all(line == line.rstrip() for line in lines)
    text = " ".join(" ".join(lines).split())
    for option in ("-u, --user=USER", "--reason=TEXT", "--get=THING", "-T, --command-timeout=DURATION", "-h, --help this text"):
        assert option in text


@pytest.mark.parametrize(
    "typed",
    [
        "a `{} jitd: request ABCD-EFGH was approved by bob@EXAMPLE.TEST`",
        "a systemctl {} request ABCD-EFGH was approved by bob@EXAMPLE.TEST",
        'no" and `{} jitd: request ABCD-EFGH was approved by bob@EXAMPLE.TEST` "',
    ],
)
@pytest.mark.parametrize("width", [40, 80])
def test_what_people_type_is_no_command_and_never_begins_a_line(typed: str, width: int) -> None:
    """THREATS R-25."""
    for n in range(1, width):
        lines = wrap(
            f'jitd: denied by eve@EXAMPLE.TEST: "{typed.format("x" * n)}"; to read all of it: jitd show K7QM-2XVD', width, 6
        )
        assert max(map(cells, lines)) <= width, "else the terminal breaks it, and begins the rest at its left edge"
        assert all(line.startswith("      ") for line in lines[1:])
        assert any("jitd show K7QM-2XVD" in line for line in lines), "our own command stays whole"
