# SPDX-License-Identifier: Apache-2.0
"""A document knows the line of each key, however it is written; what cannot be read is a fault."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.ownership import who_else_may_write
from jitd.core.toml_document import ConfigError, Document, Fault, Trail, read_document

WRITTEN_IN_MANY_WAYS = r'''
title = "a # b = [c" # comment
"quoted key" = 'literal \' # no escape
'single'.dotted . "two" = 1

[[permit]]                 # line 6
name = """
[[deny]]
name = 1 \""" ""\
"""
who = [
  "a",  # one, and "a" comma
  'b]',
]
run = { cwd = "x", env = [
  "A", "B" ], nested.deep = { k = 1 } }

[[permit]]                 # line 18
name = @@@
x = 1
@@@
[permit.run]
cwd = "y"
[[permit.approvals]]
need = 1
[[permit.approvals]]       # line 26
need = 2
when = 1979-05-27 07:32:00
last = -1.5e3
'''.replace("@@@", "'" * 3)


def _places(value: Any, place: Trail = ()) -> set[Trail]:
    found = {place} if place else set()
    if isinstance(value, dict):
        for key, inner in value.items():
            found |= _places(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found |= _places(inner, (*place, index))
    return found


def _read(text: str) -> Document:
    return read_document("f", text.encode())


def test_lines() -> None:
    document = _read(WRITTEN_IN_MANY_WAYS)
    assert document.values == tomllib.loads(WRITTEN_IN_MANY_WAYS)
    assert set(document.lines) == _places(document.values)
    expected: dict[Trail, int] = {
        ("title",): 2,
        ("quoted key",): 3,
        ("single", "dotted", "two"): 4,
        ("permit",): 6,
        ("permit", 0): 6,
        ("permit", 0, "name"): 7,
        ("permit", 0, "who"): 11,
        ("permit", 0, "who", 0): 12,
        ("permit", 0, "who", 1): 13,
        ("permit", 0, "run", "cwd"): 15,
        ("permit", 0, "run", "env"): 15,
        ("permit", 0, "run", "env", 1): 16,
        ("permit", 0, "run", "nested", "deep", "k"): 16,
        ("permit", 1): 18,
        ("permit", 1, "run"): 22,
        ("permit", 1, "run", "cwd"): 23,
        ("permit", 1, "approvals", 0, "need"): 25,
        ("permit", 1, "approvals", 1): 26,
        ("permit", 1, "approvals", 1, "last"): 29,
    }
    assert {place: document.lines[place] for place in expected} == expected


def test_what_is_not_there_stands_where_it_should_have() -> None:
    document = _read(WRITTEN_IN_MANY_WAYS)
    assert document.line_of(("permit", 1, "who")) == 18
    assert document.line_of(("permit", 0, "who", 7)) == 11
    assert document.line_of(("deny",)) == 0


def test_windows_line_ends_are_line_ends() -> None:
    assert _read("a = 1\r\nb = '''\r\n'''\r\nc = 2\r\n").lines[("c",)] == 4


WORDS = st.text(st.sampled_from("ab\"'\\#[]{}=,.\n \u00fc"), max_size=6)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(WORDS, st.integers(-9, 9), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=8,
)


def _toml(value: Any, gap: str) -> str:
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, list):
        return f"[{gap}" + "".join(f"{_toml(inner, gap)} ,{gap}" for inner in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(inner, gap)}" for key, inner in value.items()) + "}"
    return str(value).lower()


@given(
    st.lists(st.dictionaries(WORDS, VALUES, max_size=4), max_size=3),
    st.sampled_from(["", " ", "\n", "\n# it's [[a]] \" comment\n"]),
)
def test_every_place_has_a_line(tables: list[dict[str, Any]], gap: str) -> None:
    text = "# first\n"
    for table in tables:
        text += "[[rule]]\n" + "".join(f"{json.dumps(key)}={_toml(value, gap)}\n" for key, value in table.items())
    document = _read(text)
    assert document.values == ({"rule": tables} if tables else {})
    assert set(document.lines) == _places(document.values)
    split = text.split("\n")
    for place, line in document.lines.items():
        if len(place) == 2:
            assert split[line - 1] == "[[rule]]"
        if len(place) == 3:
            assert split[line - 1].startswith(json.dumps(place[2]))


@pytest.mark.parametrize(
    ("content", "line", "sentence"),
    [
        (b"a = 1\nb = \xff\n", 2, "is not UTF-8"),
        (b"\xff\xfea\x00", 1, "is not UTF-8"),
        (b"\xef\xbb\xbfa = 1", 1, "is not TOML: invalid statement"),
        (b"a = 1\na = 2\n", 2, "is not TOML: cannot overwrite a value"),
        (b"a = 1\n\nb = [1, 2", 3, "is not TOML: unclosed array"),
        (b"a =", 1, "is not TOML: invalid value"),
        (b"a = 1\nb = 2021-02-30\n", 2, "is not TOML: invalid date or datetime"),
        (b"a = " + b"[" * 100000, 0, "is nested too deeply"),
        (b"a = " + b"{a=" * 100000, 0, "is nested too deeply"),
        (b"a = 1\0\n", 1, "is not TOML: expected newline or end of document after a statement"),
    ],
)
def test_what_cannot_be_read_is_one_fault(content: bytes, line: int, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_document("f", content)
    assert caught.value.faults == (Fault("f", line, "", sentence),)


def test_a_number_of_thousands_of_digits_is_a_fault() -> None:
    with pytest.raises(ConfigError):
        read_document("f", b"a = " + b"9" * 100000)


def test_a_fault_says_where() -> None:
    assert str(Fault("f", 3, "r", "is bad")) == "f:3: rule r: is bad"
    assert str(Fault("f", 0, "", "is bad")) == "f: is bad"


@pytest.mark.parametrize(
    ("uid", "mode", "owner", "why"),
    [
        (0, 0o100644, 0, None),
        (0, 0o100600, 0, None),
        (0, 0o100755, 1000, None),
        (1000, 0o100644, 1000, None),
        (1000, 0o100644, 0, "belongs to uid 1000, not to root"),
        (0, 0o100664, 0, "may be written by its group"),
        (0, 0o100646, 0, "may be written by anyone"),
        (0, 0o100666, 0, "may be written by anyone"),
        (0, 0o041777, 0, "may be written by anyone"),
    ],
)
def test_who_else_may_write(uid: int, mode: int, owner: int, why: str | None) -> None:
    assert who_else_may_write(uid, mode, owner) == why
