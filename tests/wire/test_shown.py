# SPDX-License-Identifier: Apache-2.0
"""The only way to a terminal: reversible (THREATS R-01), harmless (R-02), and nothing hidden (R-03)."""

import re
import unicodedata

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.cli.answer import printable
from jitpam.saying import printable as printable_for_requesters
from jitpam.wire.shown import MOST_MIXED, reshown, shown, shown_argument, shown_command, unshown, unshown_command

NASTY = [
    b"\x1b]0;title\x07", b"\x1b]52;c;aGk=\x07", b"\x1b[31mred", b"\x1b[2J", b"\x1bP$q\"p\x1b\\", b"\x9b31m", b"\x05", b"\x0e",
    b"\r\n", b"\b\b\b", b"\x7f", b"\t", "\u202e".encode(), "\u2066".encode(), "\u200b".encode(), "\u00ad".encode(),
    "\U000e0100".encode(), "\u0301".encode(), "\u3164".encode(), b"\xff\xfe", b"\\", b"\\x1b", b"'", b"\"", b" ", b"",
    "ä€𝄞".encode(), b"\xed\xa0\x80", b"\xc3",
]  # fmt: skip
pieces = st.one_of(st.sampled_from(NASTY), st.binary(max_size=6), st.text(max_size=6).map(lambda t: t.encode("utf-8", "replace")))
arguments = st.lists(pieces, max_size=6).map(b"".join)


@given(arguments)
def test_what_is_shown_reads_back_to_the_bytes_that_went_in(value):
    assert unshown(shown(value)) == value


@given(st.lists(arguments, max_size=5))
def test_a_command_that_is_shown_reads_back_to_its_arguments(argv):
    """THREATS R-01: what an approver reads is all there is: no two commands look the same."""
    assert unshown_command(shown_command(argv)) == argv


def test_arguments_that_are_alike_look_different():
    assert shown_command([b"a b"]) != shown_command([b"a", b"b"])
    assert shown_command([b"a", b""]) != shown_command([b"a"])
    assert shown_argument(b"\\x1b") != shown_argument(b"\x1b")
    assert shown_argument(b"it's") == r"'it\'s'"
    assert len({shown_command([one, two]) for one in NASTY for two in NASTY}) == len(NASTY) ** 2


# Said here once more: a test that took them from the code would believe it.
HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs", "Mn", "Me", "Mc")
BLANK = (0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0)


@pytest.mark.parametrize("plane", range(17))
def test_every_code_point_is_plain_or_escaped_by_its_category(plane):
    """THREATS R-03, one by one; surrogates as Python has them."""
    for code in range(plane * 0x10000, (plane + 1) * 0x10000):
        char = chr(code)
        text = shown(char)
        is_hidden = unicodedata.category(char) in HIDDEN or code in BLANK
        if char == "\\":
            assert text == "\\\\"
        elif char == " ":
            assert text == " "
        elif is_hidden:
            assert text.startswith("\\") and text.isascii() and text.isprintable(), hex(code)
        else:
            assert text == char
            assert char.isprintable(), hex(code)


MIXED = [
    ("p\u0430ypal", r"p\u0430ypal"),
    ("/usr/bin/p\u0430sswd", r"/usr/bin/p\u0430sswd"),
    ("syst\u0435mctl restart \u0441ron", r"syst\u0435mctl restart \u0441ron"),
    ("\u0391dmin", r"\u0391dmin"),
    ("a1\u0430", r"a1\u0430"),
    ("p\u200d\u0430ypal", r"p\u200d\u0430ypal"),
    ("p\u0301\u0430", r"p\u0301\u0430"),
    ("\uff41\u0430", "\uff41\\u0430"),
    ("\u00e4\u0430", "\u00e4\\u0430"),
    ("\u03bc\u0430\u03bcs", "\u03bc\\u0430\u03bcs"),
    ("x \u0430b \u0436\u0443\u043a", "x \\u0430b \u0436\u0443\u043a"),
]
"""Text, and how it is shown: Latin letters as they are, those that may look like them as escapes."""
PURE = [
    "привет", "/home/алиса/отчёт.txt", "backup_базы", "Ελλάδα", "user@почта", "db1-резерв", "5 μs, 10 kΩ, Δt", "10 µs kΩ ∆t",
    "naïve Übung", "日本語abc", "г. Москва, 2nd",
]  # fmt: skip
"""Honest text: each word of it is of one script."""


@pytest.mark.parametrize(("text", "is_shown"), MIXED)
def test_a_word_of_two_scripts_is_marked_wherever_it_is_shown(text, is_shown):
    """THREATS R-03: Cyrillic and Greek letters beside Latin ones look like them."""
    assert shown(text) == is_shown
    assert unshown(is_shown) == text.encode()
    assert shown_argument(text.encode()).strip("'") == is_shown
    for screen in (reshown, printable, printable_for_requesters):  # what a daemon says that does not mark it
        assert screen(text) == is_shown


@pytest.mark.parametrize("text", PURE)
def test_words_of_one_script_each_are_shown_as_they_are(text):
    """THREATS R-03: the honest use."""
    assert shown(text) == text == printable(text) == printable_for_requesters(text)


def test_after_many_words_of_two_scripts_each_letter_that_may_be_one_of_them_is_marked():
    """THREATS R-03: nobody has us look at a million words one by one."""
    words = ["a\u0436"] * MOST_MIXED + ["\u0436", "b", "\u00e4"]
    assert shown(" ".join(words)) == " ".join([*[r"a\u0436"] * MOST_MIXED, r"\u0436", "b", "\u00e4"])
    words[0] = "\u0436"
    assert shown(" ".join(words)) == " ".join(["\u0436", *[r"a\u0436"] * (MOST_MIXED - 1), "\u0436", "b", "\u00e4"])


@given(st.text("aжαΔ1_\u0301 \\-", max_size=12))
def test_a_word_is_marked_by_its_letters_and_by_nothing_beside_it(text):
    """THREATS R-03: said once more, letter by letter."""
    marked = set()
    for word in re.finditer("[aжαΔ1\u0301]+", text):
        if "a" in word[0] and set(word[0]) & {"ж", "α"}:
            marked |= {at for at in range(*word.span()) if text[at] in "жα"}
    escaped = {"ж": r"\u0436", "α": r"\u03b1"}
    plain = {"\u0301": r"\u0301", "\\": "\\\\"}
    assert shown(text) == "".join(escaped[c] if at in marked else plain.get(c, c) for at, c in enumerate(text))


def test_every_letter_of_the_two_scripts_is_marked_beside_a_latin_one_and_every_other_is_not():
    """THREATS R-03, one by one, by the names that Unicode gives."""
    for code in range(0x20000):
        char = chr(code)
        if not char.isalpha() or unicodedata.category(char) in HIDDEN or code in BLANK:
            continue
        words = unicodedata.name(char, "").replace("-", " ").split()
        is_alike = ("CYRILLIC" in words or "GREEK" in words) and char not in "μΩΔ"
        assert (shown(f"a{char}") == f"a{char}") is not is_alike or "MODIFIER" in words, hex(code)
        is_latin = "LATIN" in words
        assert not is_latin or shown(f"{char}\u0436") == f"{char}\\u0436", hex(code)


@given(arguments | st.text("aжΔ\u0301\u200d\\xu43 ", max_size=8).map(str.encode))
def test_what_was_shown_once_is_not_changed_by_being_shown_again(value):
    assert reshown(shown(value)) == shown(value)


@given(st.text("aж\u0301\u200d\x1b\n\\xu43", max_size=8))
def test_what_says_that_it_was_shown_hides_nothing(text):
    """THREATS R-02: whatever a daemon sends."""
    once = reshown(text)
    assert once.isprintable() and reshown(once) == once


@given(arguments)
def test_no_terminal_is_moved_coloured_or_renamed_by_it(value):
    """THREATS R-02: on a screen wide enough the text stands on one line, and nothing else has happened."""
    screen = Screen(2000, 3)
    pyte.Stream(screen).feed(shown(value))
    assert screen.title == ""
    assert screen.cursor.y == 0
    assert screen.said == []
    assert all(
        cell.fg == "default" and cell.bg == "default" and not cell.bold and not cell.reverse for cell in screen.buffer[0].values()
    )
    assert screen.display[1].strip() == screen.display[2].strip() == ""


class Screen(pyte.Screen):
    """A terminal that keeps what it would answer to its program."""

    def __init__(self, *size):
        self.said = []
        super().__init__(*size)

    def write_process_input(self, data):
        self.said.append(data)


@given(st.binary(max_size=60))
def test_it_is_one_line_that_can_be_printed(value):
    text = shown(value)
    assert text.isprintable()
    assert len(text.splitlines()) <= 1


@given(st.text(alphabet="\\xuU0123456789abcdefAF'q ", max_size=12))
def test_what_was_never_shown_is_told_or_reads_back_to_itself_only(value):
    try:
        raw = unshown(value)
    except ValueError:
        return
    assert unshown(shown(raw)) == raw


@pytest.mark.parametrize("text", ["\\", "\\q", "\\x", "\\x1", "\\xgg", "\\u12", "\\x1B", "\\U0000001"])
def test_an_escape_that_is_none_is_refused(text):
    with pytest.raises(ValueError):
        unshown(text)


@pytest.mark.parametrize("line", ["'a'b", "a'b'", "a ", " a", "a  b", "'a", "'", "'a\\'", "a;b", "\\x41", "ä", "'a''b'"])
def test_a_line_that_no_command_looks_like_is_refused(line):
    with pytest.raises(ValueError):
        unshown_command(line)
