# SPDX-License-Identifier: Apache-2.0
"""One table of a document, key by key: what is taken as it stands, what is left at its default, and which fault stands where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jitd.core.toml_document import Fault, read_document
from jitd.core.toml_table import Table, quoted


def table(text: str, rule: str = "r") -> Table:
    """The table that ``text`` spells, at the top of a file."""
    document = read_document("a.toml", text.encode())
    return Table(document, (), dict(document.values), [], rule)


def told(of: Table) -> list[tuple[int, str]]:
    """The faults: line and sentence."""
    assert all((fault.file, fault.rule) == ("a.toml", of.rule) for fault in of.faults)
    return [(fault.line, fault.sentence) for fault in of.faults]


def upper(word: str) -> str:
    """A reader of words that knows one bad one."""
    if word == "bad":
        raise ValueError("is bad")
    return word.upper()


def text(of: Table) -> str:
    return of.text("k", "plain")


def choice(of: Table) -> str:
    return of.text("k", "plain", ("plain", "fancy"))


def sentence(of: Table) -> str:
    return of.sentence("k", 5)


def number(of: Table) -> int:
    return of.number("k", 7, 2, 9)


def duration(of: Table) -> int:
    return of.duration("k", 7)


def words(of: Table) -> tuple[str, ...]:
    return of.words("k", ("PLAIN",), upper)


def words_or_none(of: Table) -> tuple[str, ...]:
    return of.words("k", ("PLAIN",), upper, may_be_empty=True)


STRINGS = '"k" must be a list of strings'
A_DURATION = '"k" must be a duration from 1s to 3650d, such as "15m" or "1h30m"'
WHOLE = '"k" must be a whole number from 2 to 9'
CHOICE = '"k" must be "plain" or "fancy", not '

TAKEN: list[tuple[Callable[[Table], Any], str, Any, list[str]]] = [
    (text, "", "plain", []),
    (text, 'k = "x"', "x", []),
    (text, 'k = ""', "", []),
    (text, "k = 1", "plain", ['"k" must be a string']),
    (text, "k = []", "plain", ['"k" must be a string']),
    (choice, "", "plain", []),
    (choice, 'k = "fancy"', "fancy", []),
    (choice, 'k = "x"', "plain", [CHOICE + '"x"']),
    (choice, 'k = ""', "plain", [CHOICE + '""']),
    (sentence, "", "", []),
    (sentence, 'k = "12345"', "12345", []),
    (sentence, 'k = "123456"', "123456", ['"k" is longer than 5 characters']),
    (sentence, 'k = " "', " ", ['"k" is empty']),
    (sentence, 'k = ""', "", ['"k" is empty']),
    (sentence, 'k = "a\\tb"', "a\tb", ['"k" must be one line of printable characters']),
    (sentence, "k = 1", "", ['"k" must be a string']),
    (number, "", 7, []),
    (number, "k = 2", 2, []),
    (number, "k = 9", 9, []),
    (number, "k = 1", 7, [WHOLE]),
    (number, "k = 10", 7, [WHOLE]),
    (number, "k = true", 7, [WHOLE]),
    (number, "k = 3.0", 7, [WHOLE]),
    (number, 'k = "3"', 7, [WHOLE]),
    (duration, "", 7, []),
    (duration, 'k = "1m"', 60, []),
    (duration, 'k = "1x"', 7, [A_DURATION]),
    (duration, "k = 60", 7, [A_DURATION]),
    (words, "", ("PLAIN",), []),
    (words, 'k = ["a", "b"]', ("A", "B"), []),
    (words, "k = []", (), ['"k" is empty']),
    (words_or_none, "k = []", (), []),
    (words_or_none, 'k = "a"', ("PLAIN",), [STRINGS]),
    (words, 'k = "a"', ("PLAIN",), [STRINGS]),
    (words, 'k = ["a", 1, "bad", "b"]', ("A", "B"), [STRINGS, '"k": is bad']),
]


@pytest.mark.parametrize(("take", "spelled", "value", "faults"), TAKEN)
def test_what_is_taken_of_a_key(take: Callable[[Table], Any], spelled: str, value: Any, faults: list[str]) -> None:
    of = table(spelled)
    assert take(of) == value
    assert told(of) == [(1, fault) for fault in faults]


def test_a_sentence_may_have_a_thousand_characters_where_nothing_else_is_said() -> None:
    of = table(f'k = "{"x" * 1000}"\nl = "{"x" * 1001}"')
    assert (len(of.sentence("k")), len(of.sentence("l"))) == (1000, 1001)
    assert told(of) == [(2, '"l" is longer than 1000 characters')]


def test_a_duration_that_is_none_stands_on_its_own_line() -> None:
    of = table('\n\nk = "soon"')
    duration(of)
    assert told(of) == [(3, A_DURATION)]


def test_each_key_that_nobody_knows_is_a_fault_by_its_kind() -> None:
    of = table("who = 1\nbecause = 1\nwhu = 1\nzzz = 1\n")
    of.known(("who", "hosts"), ("because",), "belongs to a deny")
    assert told(of) == [
        (2, '"because" belongs to a deny'),
        (3, 'unknown key "whu": did you mean "who"?'),
        (4, 'unknown key "zzz"'),
    ]


def test_only_the_nearest_key_is_proposed() -> None:
    of = table("name = 1")
    of.known(("names", "named"))
    assert len(of.faults) == 1 and of.faults[0].sentence.count("did you mean") == 1


def test_each_key_that_is_needed_and_missing_is_a_fault_of_the_table() -> None:
    of = table("\na = 1\n")
    of.needs("a", "b", "c")
    assert told(of) == [(0, 'needs "b"'), (0, 'needs "c"')]


def test_a_table_within_keeps_the_faults_and_the_rule_and_knows_its_place() -> None:
    of = table("x = 1\n[k]\na = true\n")
    inner = of.table("k")
    assert (inner.place, inner.values, inner.rule, inner.document) == (("k",), {"a": True}, "r", of.document)
    assert inner.number("a", 1, 1, 2) == 1
    assert of.faults == [Fault("a.toml", 3, "r", '"a" must be a whole number from 1 to 2')]


def test_a_table_that_is_left_out_is_empty_and_one_that_is_none_is_a_fault() -> None:
    of = table("k = 1")
    assert of.table("l").values == {} and of.faults == []
    assert of.table("k").values == {}
    assert told(of) == [(1, '"k" must be a table')]


def test_tables_are_those_that_are_tables() -> None:
    of = table("k = [\n{ a = 1 },\n2,\n{ a = 3 },\n]\n")
    assert [(inner.place, inner.values, inner.rule) for inner in of.tables("k", "so")] == [
        (("k", 0), {"a": 1}, "r"),
        (("k", 2), {"a": 3}, "r"),
    ]
    assert [fault.sentence for fault in of.faults] == ['"k" must be so']


def test_tables_that_are_left_out_are_none_and_what_is_no_list_is_a_fault() -> None:
    of = table("k = { a = 1 }")
    assert of.tables("l", "so") == [] and of.faults == []
    assert of.tables("k", "so") == []
    assert told(of) == [(1, '"k" must be so')]


def test_a_rule_has_no_name_until_it_is_known() -> None:
    document = read_document("a.toml", b"k = 1")
    faults: list[Fault] = []
    Table(document, (), dict(document.values), faults).text("k", "")
    assert [fault.rule for fault in faults] == [""]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("", '""'),
        ("plain", '"plain"'),
        ("a\nb", '"a\\nb"'),
        ("\u202e", '"\\u202e"'),
        ("x" * 80, '"' + "x" * 80 + '"'),
        ("x" * 81, '"' + "x" * 80 + '…"'),
    ],
)
def test_what_is_quoted_is_one_line_of_eighty_characters_at_most(given: str, shown: str) -> None:
    assert quoted(given) == shown
