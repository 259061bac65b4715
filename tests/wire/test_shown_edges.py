# SPDX-License-Identifier: Apache-2.0
"""Which arguments stand bare in a command that is shown, and which in quotes."""

import string

import pytest

from jitpam.wire.shown import MOST_FORMS, MOST_MIXED, PIECE, shown, shown_argument, shown_command, unshown
from tests.table import each_row
from tests.unshown import unshown_command

PLAIN = string.ascii_letters + string.digits + "%+,-./:=@_"
COMMANDS = [
    ([], ""),
    ([b"true"], "true"),
    ([b"ls", b"-l", b"/srv/a=b"], "ls -l /srv/a=b"),
    ([b"echo", b"a b", b"c"], "echo 'a b' c"),
    ([b"a b", b"c", b"d e", b"f"], "'a b' c 'd e' f"),
    ([b"echo", b"", b"x"], "echo '' x"),
    ([b"a=b", b"=c", b"d=e"], "'a=b' '=c' d=e"),
    ([b"it's", b"a\\b", b"c"], r"'it'\''s' 'a\b' c"),
]


@pytest.mark.parametrize(("argv", "line"), COMMANDS)
def test_a_command_is_shown_so_and_is_read_back(argv, line):
    assert shown_command(argv) == line
    assert unshown_command(line) == argv


@each_row("code", range(33, 127))
def test_a_character_stands_bare_if_no_shell_and_no_eye_takes_it_for_more(code):
    told = shown_argument(bytes([code]))
    is_plain = chr(code) in PLAIN and chr(code) != "="  # at the beginning of a word, = has a meaning in zsh
    assert told == chr(code) if is_plain else told.startswith("'") and told.endswith("'")
    assert unshown_command(f"a {told} b") == [b"a", bytes([code]), b"b"]


def test_how_much_is_looked_at_at_once():
    assert (MOST_MIXED, MOST_FORMS, PIECE) == (256, 4096, 16_384)


@pytest.mark.parametrize("text", ["\ud800", "\udbff", "a\ud83db"])
def test_half_of_a_character_is_shown_and_reads_back(text):
    """Texts of messages have no such characters. One that does not stand for a byte is not dropped."""
    assert shown(text) == text.encode("ascii", "backslashreplace").decode("ascii")
    assert unshown(shown(text)) == text.encode("utf-8", "surrogatepass")
