# SPDX-License-Identifier: Apache-2.0
"""Declared messages: each declared type takes exactly its values, a message exactly its fields, and nothing is written that the
other side would refuse.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitpam.wire.declared import (
    CARRIED,
    INLINE,
    TRUTH,
    Codec,
    Scalar,
    Spread,
    base64,
    integer,
    list_of,
    member_of,
    one_of,
    optional,
    os_text,
    row,
    row_of,
    sentence,
    sentence_of,
    table_of,
    text,
)


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Place:
    host: Annotated[str, text("a host", r"[a-z]+$")]
    port: Annotated[int, integer(1, 65_535)]

    def check(self) -> None:
        if self.host == "nowhere":
            raise ValueError("nowhere has no port")


@dataclass(frozen=True, slots=True)
class Checked:
    check: Annotated[str, text("a check")]


@dataclass(frozen=True, slots=True)
class Ask:
    first: bool
    place: Annotated[Place, INLINE]
    last: Annotated[tuple[str, ...], list_of(text("a word"))] = ()


@dataclass(frozen=True, slots=True)
class Secret:
    why: Annotated[str, sentence_of()]
    descriptor: Annotated[int | None, CARRIED] = None


@dataclass(frozen=True, slots=True)
class File:
    path: Annotated[str, text("a path", "/[a-z]+")]


def _pairs(names: tuple[str, ...], sizes: tuple[int, ...]) -> tuple[tuple[str, int], ...]:
    if len(names) != len(sizes):
        raise ValueError("there are not as many names as sizes")
    return tuple(zip(names, sizes, strict=True))


_PAIRS = Spread(
    {"names": list_of(text("a name", "[a-z]+")), "sizes": list_of(integer(0, 9))},
    lambda pairs: ([name for name, _ in pairs], [size for _, size in pairs]),
    _pairs,
)


@dataclass(frozen=True, slots=True)
class Send:
    to: Annotated[Place | File, INLINE]
    what: Annotated[tuple[tuple[str, int], ...], _PAIRS]
    last: bool


SENDING = Codec[Send]("do", {"send_to_host": (Send, Place), "send_to_file": (Send, File)})
CODEC = Codec[Ask | Secret]("do", {"ask": Ask, "secret": Secret}, most=500)
ASK = {"do": "ask", "first": True, "host": "db", "port": 5432, "last": ["x"]}

TABLE: list[tuple[str, Scalar, list[Any], list[Any]]] = [
    ("text", text("a word", r"[a-z]+$"), ["a", "abc"], ["", "a\n", "A", 1, None, True, ["a"], "a\0"]),
    ("a text with bounds", text("a word", least=2, most=3), ["ab", "äbc"], ["a", "abcd", "a\0b", "\ud800b"]),
    ("a text of the system", os_text("a name"), ["", "b\udce9a", "\n"], ["a\0", 1, None, ["a"]]),
    ("an integer", integer(-1, 2), [-1, 0, 2], [-2, 3, True, False, "1", None, [1]]),
    ("truth", TRUTH, [True, False], [0, 1, "true", None]),
    ("one of words", one_of(("a", "b"), "a or b"), ["a", "b"], ["", "c", "ab", 1, None, ["a"]]),
    ("a list", list_of(integer(0, 9), 1, 2), [[1], [1, 2]], [[], [1, 2, 3], [10], ["1"], 1, "1", None, {"1": 1}]),
    ("a row", row(integer(0, 9), TRUTH), [[1, True]], [[], [1], [1, True, 1], [True, 1], {}, None]),
    ("base64", base64(3), ["", "YQ==", "YWJj"], ["YQ", "YR==", "YQ==\n", " YQ==", "YWJjZA==", "ä", None, 1, [], "YW Jj"]),
    ("an optional value", optional(integer(0, 9)), [None, 1], [10, "", False]),
    ("a sentence", sentence_of(), ["x", "a b." * 250], ["", "a\n", "ä", "x" * 1001, None]),
]


@pytest.mark.parametrize("name", [name for name, *_ in TABLE])
def test_a_declared_type_takes_its_values_and_no_others(name: str) -> None:
    (how, right, wrong) = next(row[1:] for row in TABLE if row[0] == name)
    for value in right:
        assert how.write(how.read(value)) == value
    for value in wrong:
        with pytest.raises(ValueError):
            how.read(value)


def test_a_table_is_sorted_and_read_as_pairs() -> None:
    how = table_of(text("a name", "[a-z]+"), integer(0, 9), 2)
    assert how.read({"a": 1, "b": 2}) == (("a", 1), ("b", 2)) and how.write((("a", 1),)) == {"a": 1}
    for value in ({"b": 1, "a": 2}, {"a": 1, "b": 2, "c": 3}, {"A": 1}, {"a": 10}, [["a", 1]], None):
        with pytest.raises(ValueError):
            how.read(value)


def test_a_field_may_have_the_name_of_the_rule_over_several_fields() -> None:
    codec = Codec[Checked]("", {"checked": Checked})
    assert codec.read(codec.write(Checked("x"))) == Checked("x")


def test_a_member_and_a_row_of_a_class_are_objects_again() -> None:
    colour = member_of(Colour, "a colour")
    assert colour.read("red") is Colour.RED and colour.write(Colour.RED) == "red"
    place = row_of(Place)
    assert place.read(["db", 1]) == Place("db", 1) and place.write(Place("db", 1)) == ["db", 1]
    for how, value in (
        (colour, "RED"),
        (colour, 1),
        (colour, ["red"]),
        (place, ["db"]),
        (place, ["db", 0]),
        (place, {"host": "db"}),
    ):
        with pytest.raises(ValueError):
            how.read(value)


def test_a_message_is_written_field_by_field_and_a_field_in_line_in_its_place() -> None:
    written = CODEC.write(Ask(True, Place("db", 5432), ("x",)))
    assert written == b'{"do":"ask","first":true,"host":"db","port":5432,"last":["x"]}'
    assert CODEC.read(written) == Ask(True, Place("db", 5432), ("x",))


def test_a_message_whose_field_in_line_has_several_types_has_a_name_for_each() -> None:
    what = (("a", 1), ("b", 2))
    rest = b'"names":["a","b"],"sizes":[1,2],"last":true}'
    to_host, to_file = b'{"do":"send_to_host","host":"db","port":1,' + rest, b'{"do":"send_to_file","path":"/x",' + rest
    for message, written in ((Send(Place("db", 1), what, True), to_host), (Send(File("/x"), what, True), to_file)):
        assert SENDING.write(message) == written and SENDING.read(written) == message
    for other in (to_host.replace(b"host", b"file", 1), to_file.replace(b"file", b"host", 1), to_host.replace(b"db", b"nowhere")):
        with pytest.raises(ValueError):
            SENDING.read(other)
    with pytest.raises(ValueError, match="not a message of this direction"):
        SENDING.write(Send(Secret("x"), what, True))  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"sizes": [1]}, {"sizes": [1, 10]}, {"names": "ab"}, {"names": None}, {"what": []}])
def test_a_field_that_is_written_as_several_is_joined_again_or_refused(change: dict[str, Any]) -> None:
    said = {"do": "send_to_file", "path": "/x", "names": ["a", "b"], "sizes": [1, 2], "last": True}
    assert SENDING.read(json.dumps(said).encode()) == Send(File("/x"), (("a", 1), ("b", 2)), True)
    with pytest.raises(ValueError):
        SENDING.read(json.dumps(said | change).encode())
    with pytest.raises(ValueError):
        SENDING.read(json.dumps({name: value for name, value in said.items() if name != "sizes"}).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"do": "other"},
        {"do": None},
        {"do": ["ask"]},
        {"more": 1},
        {"first": 1},
        {"host": "nowhere"},
        {"host": "db\n"},
        {"port": 0},
        {"port": 1.0},
        {"last": "x"},
        {"last": ["x" * 500]},
    ],
)
def test_every_other_message_is_refused(change: dict[str, Any]) -> None:
    assert isinstance(CODEC.read(json.dumps(ASK).encode()), Ask)
    with pytest.raises(ValueError):
        CODEC.read(json.dumps(ASK | change).encode())


def test_messages_without_a_name_are_known_by_their_fields() -> None:
    codec = Codec[Place | Secret]("", {"place": Place, "secret": Secret})
    assert codec.write(Place("db", 1)) == b'{"host":"db","port":1}' and codec.write(Secret("so")) == b'{"why":"so"}'
    assert codec.read(b'{"port":1,"host":"db"}') == Place("db", 1) and codec.read(b'{"why":"so"}', 9) == Secret("so", 9)
    for other in (
        b"{}",
        b'{"host":"db"}',
        b'{"host":"db","port":1,"why":"so"}',
        b'{"host":"db","port":0}',
        b'[["why","so"]]',
        b"[]",
    ):
        with pytest.raises(ValueError):
            codec.read(other)
    with pytest.raises(TypeError, match="same fields"):
        Codec[Place]("", {"a": Place, "b": Place})


@pytest.mark.parametrize("field", sorted(ASK))
def test_a_message_without_one_of_its_fields_is_refused(field: str) -> None:
    with pytest.raises(ValueError):
        CODEC.read(json.dumps({name: value for name, value in ASK.items() if name != field}).encode())


def test_a_message_that_is_not_ascii_is_refused_although_it_is_json() -> None:
    said = json.dumps(ASK | {"last": ["ä"]}, ensure_ascii=False).encode()
    with pytest.raises(ValueError):
        CODEC.read(said)
    assert CODEC.read(json.dumps(ASK | {"last": ["ä"]}).encode()) == Ask(True, Place("db", 5432), ("ä",))


def test_a_descriptor_comes_beside_a_message_that_declares_one_and_no_other() -> None:
    written = CODEC.write(Secret("so", 7))
    assert written == b'{"do":"secret","why":"so"}'
    assert CODEC.read(written) == Secret("so") and CODEC.read(written, 9) == Secret("so", 9)
    with pytest.raises(ValueError):
        CODEC.read(json.dumps(ASK).encode(), 9)


@pytest.mark.parametrize(
    "message",
    [
        Ask(True, Place("nowhere", 1)),
        Ask(True, Place("db", 0)),
        Ask(True, Place("db", 1), ("x" * 500,)),
        Secret(""),
        Place("db", 1),
    ],
)
def test_what_the_other_side_would_refuse_is_not_written(message: Any) -> None:
    with pytest.raises(ValueError):
        CODEC.write(message)


def test_a_field_without_a_declared_type_is_a_defect_that_is_found_at_the_start() -> None:
    @dataclass(frozen=True)
    class Loose:
        word: str

    with pytest.raises(TypeError, match="Loose.word"):
        Codec[Loose]("do", {"loose": Loose})


@given(st.binary(max_size=100))
def test_whatever_the_bytes_are_only_value_error_is_raised(noise: bytes) -> None:
    with pytest.raises(ValueError):
        CODEC.read(noise)


@given(st.text())
def test_any_text_becomes_a_sentence_that_a_message_may_have(said: str) -> None:
    how = sentence_of()
    assert how.read(sentence(said)) == sentence(said)
