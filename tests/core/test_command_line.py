# SPDX-License-Identifier: Apache-2.0
"""A command line, word by word: what is fixed in it, what the requester chooses, and the commands that stand in a shell's text.

Law: a word that ends in ``*`` stands for one of which the requester chooses the rest, and ``**`` for all further ones.
"""

from __future__ import annotations

import pytest

from jitd.core.command_line import LONGEST, Called, Line, Word, of_text


def line(text: str) -> Line:
    """The command line that ``text`` describes, without the name of the program."""
    words = text.split()
    fixed = [word for word in words if word != "**"]
    return Line(tuple(Word(word.removesuffix("*"), word.endswith("*")) for word in fixed), "**" in words)


def called(text: str) -> Called:
    """The program that ``text`` begins with, and the rest."""
    name, _, rest = text.partition(" ")
    return Called(name, line(rest))


@pytest.mark.parametrize(
    ("word", "is_any", "roams"),
    [
        (Word("x", False), False, False),
        (Word("", False), False, False),
        (Word("-", False), False, False),
        (Word("/etc/", False), False, False),
        (Word("", True), True, True),
        (Word("-", True), True, True),
        (Word("--", True), True, True),
        (Word("---", True), False, True),
        (Word("x", True), False, True),
        (Word("/", True), False, True),
        (Word("/etc", True), False, True),
        (Word("//", True), False, True),
        (Word("/etc/", True), False, False),
        (Word("of=/srv/app/x", True), False, False),
    ],
)
def test_how_far_one_word_reaches(word: Word, is_any: bool, roams: bool) -> None:
    assert (word.is_any, word.roams) == (is_any, roams)
    assert Line((Word("x", False), word), False).roams is roams
    assert Line((word,), True).roams is True, "there may be others"


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("", ""),
        ("restart nginx", "restart"),
        ("--no-pager -q status nginx", "status"),
        ("-q", ""),
        ("**", None),
        ("-q **", None),
        ("restart **", "restart"),
        ("*", None),
        ("re*", None),
        ("-* restart", None),
        ("restart *", "restart"),
    ],
)
def test_the_first_word_that_is_no_option_is_the_verb(text: str, verb: str | None) -> None:
    assert line(text).verb == verb


@pytest.mark.parametrize(
    ("text", "has"),
    [("-x --add", True), ("x -i", True), ("--ad", False), ("x--add", False), ("--add*", False), ("**", False), ("", False)],
)
def test_a_line_has_what_one_of_its_fixed_words_begins_with(text: str, has: bool) -> None:
    assert line(text).has("--add", "-i") is has


@pytest.mark.parametrize(
    ("text", "operands"),
    [
        ("", []),
        ("a b", ["a", "b"]),
        ("-q a --quiet b", ["a", "b"]),
        ("-o posix a", ["a"]),
        ("-o", []),
        ("--rcfile /x a", ["a"]),
        ("--rcfile=/x a", ["a"]),
        ("-xo posix a", ["a"]),
        ("-ox posix a", ["posix", "a"]),
        ("+o posix a", ["+o", "posix", "a"]),
        ("-x1o posix", ["posix"]),
        ("-* a*", ["-*", "a*"]),
        ("-o * a", ["a"]),
    ],
)
def test_what_is_no_option_and_no_value_of_one_is_an_operand(text: str, operands: list[str]) -> None:
    found = line(text).operands(frozenset({"-o", "--rcfile"}))
    assert [word.text + "*" * word.is_free for word in found] == operands


def test_an_option_may_begin_with_another_sign() -> None:
    asked = line("+o posix -x a")
    assert asked.operands(frozenset({"-o", "+o"}), "+-") == [Word("a", False)]
    assert asked.operands(frozenset({"-o"}), "+") == [Word("posix", False), Word("-x", False), Word("a", False)]


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("", []),
        ("id bashful", []),
        ("5 /usr/bin/bash -l", ["bash -l"]),
        ("sh x sh y", ["sh x sh y", "sh y"]),
        ("sh **", ["sh **"]),
        ("/usr/bin/bash* sh", ["sh"]),
        ("bash*", []),
    ],
)
def test_a_program_that_starts_others_starts_what_its_words_name(text: str, inner: list[str]) -> None:
    assert list(line(text).started({"sh", "bash"})) == [called(one) for one in inner]


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("/ -name sh", []),
        ("/ -exec sh ;", ["sh"]),
        ("/ -execdir sh -x +", ["sh -x"]),
        ("/ -ok /bin/sh -x {} ; -print", ["sh -x {}"]),
        ("/ -okdir sh", ["sh"]),
        ("/ -exec id ; -ok sh ; -exec bash -l +", ["sh", "bash -l"]),
        ("/ -exec ; sh", []),
        ("/ -exec * ;", []),
        ("/ -exec sh* ;", []),
        ("/ -exec id -exec sh ;", []),
        ("/ -exec sh a* **", ["sh a* **"]),
        ("/ -executable sh ;", []),
    ],
)
def test_what_find_executes_stands_between_its_option_and_the_end(text: str, inner: list[str]) -> None:
    assert list(line(text).executed({"sh", "bash"})) == [called(one) for one in inner]


def words(*all_of_them: str) -> Line:
    """A line of exactly these words."""
    return Line(tuple(Word(word, is_free=False) for word in all_of_them), is_open=False)


@pytest.mark.parametrize(
    ("asked", "inner"),
    [
        (words("-c", "/bin/sh -i; id"), ["sh -i", "id"]),
        (words("-lc", "id"), ["id"]),
        (words("-x", "-c", "-e", "id"), ["id"]),
        (words("-c", "id", "sh -i"), ["id"]),
        (words("/srv/x.sh", "id"), []),
        (words("--c", "id"), []),
        (words("-cl", "id"), []),
        (words("-c"), []),
        (words("-c", "-x"), []),
        (words("-c", ""), []),
        (line("-c id*"), []),
        (line("-c * id"), []),
        (line("-c **"), []),
    ],
)
def test_the_text_after_a_shells_option_is_read(asked: Line, inner: list[str]) -> None:
    assert list(asked.code()) == [called(one) for one in inner]


BEFORE = ["exec", "command", "builtin", "if", "then", "elif", "else", "while", "until", "do", "!", "time", "{"]
"""The words of a shell after which a command comes."""

TEXTS: list[tuple[str, list[tuple[str, ...]]]] = [
    ("", []),
    (" \t\r\n", []),
    (";;", []),
    ("id", [("id",)]),
    ("id -u\troot\rx", [("id", "-u", "root", "x")]),
    ("a;b&c|d(e)f`g\nh", [(letter,) for letter in "abcdefgh"]),
    ("a && b || c", [("a",), ("b",), ("c",)]),
    ("x=$(id -u)", [("id", "-u")]),
    ("echo 'a; b' c", [("echo", "a; b", "c")]),
    ('echo "a | b"', [("echo", "a | b")]),
    (r"b\a's'\h -x", [("bash", "-x")]),
    ("a\\\nb", [("a\nb",)]),
    (r"a\;b", [("a;b",)]),
    ("a ''", [("a", "")]),
    ("'' a", [("", "a")]),
    ("don't; id", [("don't",), ("id",)]),
    ("A=1 b+=2 _c3= env A=1", [("env", "A=1")]),
    ("A=1", []),
    ("1=2 id", [("1=2", "id")]),
    ("+= id", [("+=", "id")]),
    *((f"{word} id {word}", [("id", word)]) for word in BEFORE),
    ("if ! A=1 exec id", [("id",)]),
    ("exec", []),
    ("execute id", [("execute", "id")]),
    ("x" * LONGEST, [("x" * LONGEST,)]),
    ("x" * LONGEST + "y", []),
]


@pytest.mark.parametrize(("text", "commands"), TEXTS, ids=[repr(text[:24]) for text, _ in TEXTS])
def test_the_commands_in_a_text_for_a_shell(text: str, commands: list[tuple[str, ...]]) -> None:
    assert list(of_text(text)) == commands


def test_a_text_that_is_too_long_to_read_has_more_than_64_ki_characters() -> None:
    assert LONGEST == 65_536
