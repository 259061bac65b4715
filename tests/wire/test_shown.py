# SPDX-License-Identifier: Apache-2.0
"""The only way to a terminal: reversible (THREATS R-01), harmless (R-02), and nothing hidden (R-03)."""

import re
import subprocess
import unicodedata

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.cli.answer import printable
from jitpam.saying import printable as printable_for_requesters
from jitpam.wire.shown import (
    MOST_MIXED,
    reshown,
    shown,
    shown_argument,
    shown_command,
    shown_of_argument,
    unshown,
)
from tests.unshown import unshown_command

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


@pytest.mark.parametrize("shell", [["bash", "--norc"], ["zsh", "-f"]], ids=lambda words: words[0])
def test_a_command_that_is_shown_can_be_pasted_into_a_shell(shell):
    """``rm -rf '*'`` is no pattern where it is pasted, and so none where it is read."""
    argv = [*dict.fromkeys(NASTY), b"*", b"?", b"[a]", b"{a,b}", b"~", b"~root", b"#", b"a#b", b"$HOME", b"`id`", b"!!", b"a!b"]
    argv += [b"=ls", b"=nothing", b"==", b"="]
    argv += [b"a\\b", b"it's", b"it's\n", b"\x0ab", b"a=b", b"-n", b"^a^b", b"a;b", "ä €\u0301b".encode(), b"\\'", b"'" * 3]
    line = shown_command(argv)
    assert shown_command([b"rm", b"-rf", b"*"]) == "rm -rf '*'"
    words = [*shell, "-c", f"printf '%s\\0' {line}"]
    said = subprocess.run(words, stdout=subprocess.PIPE, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, check=True).stdout
    assert said.split(b"\0")[:-1] == argv
    named = subprocess.run([*shell, "-c", shown_command([b"x=/usr/bin/true", b"--no=1"])], stderr=subprocess.PIPE, check=False)
    assert named.returncode == 127 and b"x=/usr/bin/true" in named.stderr, "a command, and no variable"


def test_what_stands_for_a_hidden_word_is_shown_as_it_is():
    words = ["printf", "--password", "‹masked›", "--token=‹masked›", "a b‹masked›", "‹forgotten›", "‹hidden›", "‹missing›"]
    argv = [word.encode() for word in words]
    line = "printf --password ‹masked› --token=‹masked› 'a b‹masked›' ‹forgotten› ‹hidden› ‹missing›"
    assert shown_command(argv) == line
    assert unshown_command(line) == argv
    assert (
        shown_command([b"echo", "‹masked›x".encode(), "‹other›".encode()]) == r"echo $'\u2039masked\u203ax' $'\u2039other\u203a'"
    )


def test_arguments_that_are_alike_look_different():
    assert shown_command([b"a b"]) != shown_command([b"a", b"b"])
    assert shown_command([b"a", b""]) != shown_command([b"a"])
    assert shown_argument(b"\\x1b") != shown_argument(b"\x1b")
    assert shown_argument(b"it's") == r"'it'\''s'" and shown_argument(b"it's\n") == r"$'it\'s\x0a'"
    assert shown_argument(b"\\x1b") == r"'\x1b'" and shown_argument(b"\x1b") == r"$'\x1b'"
    assert len({shown_command([one, two]) for one in NASTY for two in NASTY}) == len(NASTY) ** 2


@pytest.mark.parametrize("plane", range(17))
def test_every_code_point_is_plain_or_escaped(plane):
    """THREATS R-03, one by one; surrogates as Python has them. What may not be seen is never plain."""
    for code in range(plane * 0x10000, (plane + 1) * 0x10000):
        char = chr(code)
        text = shown(char)
        if char == "\\":
            assert text == "\\\\"
        elif text == char:
            assert code not in (0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0), "drawn as a blank"
            assert unicodedata.bidirectional(char) not in ("R", "AL", "AN"), hex(code)
            assert char == " " or (char.isprintable() and unicodedata.category(char)[0] not in "CZM"), hex(code)
        else:
            assert text.startswith("\\") and text.isascii() and text.isprintable(), hex(code)
            assert not char.isascii() or not char.isprintable(), hex(code)


MIXED = [
    ("p\u0430ypal", r"p\u0430ypal"),
    ("/usr/bin/p\u0430sswd", r"/usr/bin/p\u0430sswd"),
    ("syst\u0435mctl restart \u0441ron", r"syst\u0435mctl restart \u0441ron"),
    ("\u0391dmin", r"\u0391dmin"),
    ("a1\u0430", r"a1\u0430"),
    ("p\u200d\u0430ypal", r"p\u200d\u0430ypal"),
    ("p\u0301\u0430", r"p\u0301\u0430"),
    ("\uff41\u0430", "\\uff41\\u0430"),
    ("\u00e4\u0430", "\u00e4\\u0430"),
    ("\u03bc\u0430\u03bcs", "\u03bc\\u0430\u03bcs"),
    ("x \u0430b \u0436\u0443\u043a", "x \\u0430b \u0436\u0443\u043a"),
    ("a\u0555b", r"a\u0555b"),  # Armenian
    ("\u13aaBC \u13aa", r"\u13aaBC \u13aa"),  # Cherokee, in no word of its own either: few read it
    ("\ua4d0oot", r"\ua4d0oot"),  # Lisu
    ("\U0001d42boot \U0001d42b\U0001d428", r"\U0001d42boot \U0001d42b\U0001d428"),  # mathematical letters
    ("\uff52oot", r"\uff52oot"),  # one with the width of an ideograph
    ("y\u0131ld\u0131z, \u0261o", r"y\u0131ld\u0131z, \u0261o"),  # Latin letters that look like others
    ("\u212ab \ufb01x \u017fu", r"\u212ab \ufb01x \u017fu"),
    ("\u03b1\u0436", r"\u03b1\u0436"),  # Greek and Cyrillic
    ("\u6f22\u0436", "\u6f22\\u0436"),  # an ideograph and Cyrillic
    ("\ud55c\u30ab", r"\ud55c\u30ab"),  # Hangul and kana
    ("\uff21\u30abB", r"\uff21\u30abB"),
    ("rm \u2212rf \u2215etc\u2044x", r"rm \u2212rf \u2215etc\u2044x"),  # minus and slashes
    ("rm \u30fcrf /usr\u30cebin a\u4e28b", r"rm \u30fcrf /usr\u30cebin a\u4e28b"),
    ("/usr\uff0fbin \uff0drf", r"/usr\uff0fbin \uff0drf"),
    (
        "a\u2236 b\u2024c \u2223 \u2217 \u223c \u037e x\u02bcy \u02c8",
        r"a\u2236 b\u2024c \u2223 \u2217 \u223c \u037e x\u02bcy \u02c8",
    ),
]
"""Text, and how it is shown: Latin letters as they are, those that may look like them as escapes."""
PURE = [
    "привет", "/home/алиса/отчёт.txt", "backup_базы", "Ελλάδα", "user@почта", "db1-резерв", "5 μs, 10 kΩ, Δt", "10 µs kΩ ∆t",
    "naïve Übung", "日本語abc", "г. Москва, 2nd", "Ալիսա", "Łódź Çeşme Tromsø Đà Nẵng", "Müller’s “lag” – 3 €, 20 °C…",
    "山田太郎", "佐藤さくら", "レオナルド・ダ・ヴィンチ", "サーバー再起動", "ノード", "Tシャツ", "ＤＢサーバ", "第Ⅱ期",
    "김철수", "서버A", "王小明", "注音ㄅㄆ", "一、检查磁盘 二、重启DB（紧急）：ok", "请重启数据库！", "㈱山田 ㎏ ①",
]  # fmt: skip
"""Honest text: the scripts of each word are used together."""
IN_ARGUMENTS = [
    ("rm \u2013rf", r"rm \u2013rf"),
    ("\u2019; id\u2026", r"\u2019; id\u2026"),
    ("a\uff1bid", r"a\uff1bid"),
    ("\uff08x\uff09", r"\uff08x\uff09"),
    ("/usr/bin/\u0441\u043e\u0440", r"/usr/bin/\u0441\u043e\u0440"),
    ("-\u0441", r"-\u0441"),
    ("\u30fc", r"\u30fc"),
    ("x \u4e28 y", r"x \u4e28 y"),
]
"""Text that is usual in a sentence, and how it is shown in an argument."""
FILES = ["報告（最終）.txt", "レオナルド・ダ・ヴィンチ", "サーバー", "отчёт.txt", "김철수/서버A", "Łódź", "5µs"]
"""Honest arguments."""


@pytest.mark.parametrize(("text", "is_shown"), MIXED)
def test_a_word_of_two_scripts_is_marked_wherever_it_is_shown(text, is_shown):
    """THREATS R-03, R-18: letters of another script look like Latin ones beside them."""
    assert shown(text) == is_shown
    assert unshown(is_shown) == text.encode()
    in_argument = shown_argument(text.encode()).removeprefix("$").strip("'")
    assert unshown(in_argument) == text.encode() and not set(is_shown.split("\\")) - set(in_argument.split("\\"))
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
        if len(set(word[0]) & {"a", "ж", "α"}) > 1:
            marked |= {at for at in range(*word.span()) if text[at] in "жα"}
    escaped = {"ж": r"\u0436", "α": r"\u03b1"}
    plain = {"\u0301": r"\u0301", "\\": "\\\\"}
    assert shown(text) == "".join(escaped[c] if at in marked else plain.get(c, c) for at, c in enumerate(text))


@pytest.mark.parametrize(("text", "is_shown"), IN_ARGUMENTS)
def test_an_argument_has_nothing_that_looks_like_ascii_punctuation(text, is_shown):
    """THREATS R-18: a dash of typography is usual in a reason, and in a command it looks like the beginning of an option."""
    assert shown(text) == text
    assert shown_argument(text.encode()) == f"$'{is_shown}'"
    assert unshown(is_shown) == text.encode() and reshown(is_shown) == is_shown


@pytest.mark.parametrize("name", FILES)
def test_honest_names_are_readable_in_arguments(name):
    """THREATS R-18: the honest use."""
    assert shown_argument(name.encode()) == f"'{name}'"


def test_every_letter_of_another_script_is_marked_beside_a_latin_one():
    """THREATS R-03, one by one, by the names that Unicode gives."""
    usual = ("LATIN", "CJK", "HIRAGANA", "KATAKANA", "HALFWIDTH", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC", "KATAKANA-HIRAGANA")
    for code in range(0x80, 0x30000):
        char = chr(code)
        if not char.isalpha() or char in "\u00b5\u03bc\u03a9\u2126\u0394\u00aa\u00ba":
            continue
        name = unicodedata.name(char, "-").split()
        if shown(f"a{char}") == f"a{char}":
            assert name[0] in usual, hex(code)
        if name[0] == "LATIN" and shown(char) == char:
            assert shown(f"{char}\u0436") == f"{char}\\u0436", hex(code)


CONTEXTS = "aжосΔ漢カ한ㄅー／ａ（–\u0301\u200d\\xu43 ./"


@given(arguments | st.text(CONTEXTS, max_size=8).map(str.encode))
def test_what_was_shown_once_is_not_changed_by_being_shown_again(value):
    assert reshown(shown(value)) == shown(value)
    assert reshown(shown_of_argument(value)) == shown_of_argument(value)
    assert unshown(shown_of_argument(value)) == value


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


@pytest.mark.parametrize(
    "line", ["'a'b", "a'b'", "a ", " a", "a  b", "'a", "'", "$'a\\'", "$'a", "'a'\\''b", "*", "a;b", "\\x41", "ä", "'a''b'"]
)
def test_a_line_that_no_command_looks_like_is_refused(line):
    with pytest.raises(ValueError):
        unshown_command(line)
