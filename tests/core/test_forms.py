# SPDX-License-Identifier: Apache-2.0
"""The lines in which the record leaves the host: what was written is read as itself, and nothing else is read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.audit.forms import Checkpoint, Countersignature, Digest, Record, RecordLine, Said, find, read
from tests.table import each_row

AT = datetime(2026, 11, 26, 20, 58, 39, tzinfo=UTC)
SIGNATURE = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n"
RECORD = Record(
    "web1.example.test",
    7,
    bytes(range(32)),
    b'{"actor":"alice@X","detail":{"reason":{"committed":"00"}},"event":"request.submitted","id":"AAAA-0001"}',
    {"actor": "alice@X", "detail": {"reason": "b\u00fccher \udcff"}, "event": "request.submitted", "id": "AAAA-0001"},
    (Said(bytes(32), "reason", bytes([7] * 32), "b\u00fccher \udcff"),),
    {"requester": "alice@X", "rule": "lab"},
)
CHECKPOINT = Checkpoint("web1.example.test", 9, bytes([9] * 32), AT, SIGNATURE)
COUNTERSIGNATURE = Countersignature("witness.example.test", "web1.example.test", 9, bytes([9] * 32), AT, SIGNATURE)
LINES: list[RecordLine] = [
    RECORD,
    Record("h", 1, bytes(32), b"{}", {}),
    Digest("web1.example.test", 8, bytes([8] * 32)),
    CHECKPOINT,
    COUNTERSIGNATURE,
]
every_line = pytest.mark.parametrize("line", LINES, ids=lambda line: type(line).__name__)


@every_line
def test_what_was_written_is_read_as_itself(line: RecordLine) -> None:
    text = line.line()
    assert text.isascii() and "\n" not in text
    assert read(text) == line
    assert read(text).line() == text


@every_line
def test_the_order_of_the_members_means_nothing(line: RecordLine) -> None:
    text = json.dumps(dict(reversed(json.loads(line.line()).items())), indent=1)
    assert read(text) == line


@every_line
@pytest.mark.parametrize(
    "around",
    [
        '<86>1 2026-11-26T20:58:39Z web1 jitd - - [jitd@32473 number="7"] {}',
        "Nov 26 20:58:39 web1 jitd[7]: {}",
        '{{"time": 1795726719, "host": "web1", "event": {}}}',
        '{{"_index": "jitd", "_source": {}}}',
        "@cee: {} ",
    ],
)
def test_a_line_is_found_in_what_a_collector_keeps_of_it(line: RecordLine, around: str) -> None:
    assert find(around.format(line.line())) == line


@pytest.mark.parametrize(
    "text",
    ["", "Nov 26 20:58:39 web1 sshd[1]: Accepted", '{"form": "other 1"}', "{}", "{{{{{{{{{{", '{"a": 1} {"b": 2}', "[" * 100_000],
)
def test_lines_of_others_are_none_of_ours(text: str) -> None:
    assert find(text) is None


@every_line
def test_a_line_that_was_cut_is_not_passed_over(line: RecordLine) -> None:
    with pytest.raises(ValueError, match="cut or damaged"):
        find("web1 jitd: " + line.line()[:-9])


def test_the_texts_that_are_signed_are_these() -> None:
    seal = "09" * 32
    assert CHECKPOINT.signed == (f"jitd checkpoint 1\nhost web1.example.test\nnumber 9\nseal {seal}\nat 2026-11-26T20:58:39Z\n")
    assert COUNTERSIGNATURE.signed == (
        "jitd countersignature 1\nwitness witness.example.test\nhost web1.example.test\nnumber 9\n"
        f"seal {seal}\nat 2026-11-26T20:58:39Z\n"
    )


MEMBERS = {
    type(line).__name__ + "." + name: (line, name)
    for line in (LINES[0], *LINES[2:])
    for name in json.loads(line.line())
    if name not in ("about", "actor", "detail", "event", "id")
}


@each_row("member", MEMBERS, ids=str)
@each_row("value", [None, True, -1, 0, 1.5, 1 << 63, "", "a b", "x\ny", "\u00e4", "F" * 300, [1], {"a": 1}], ids=repr)
def test_a_member_of_another_type_is_refused(member: str, value: Any) -> None:
    line, name = MEMBERS[member]
    if name == "sealed" and isinstance(value, str) and value.isascii():
        return  # whether these bytes are a record is for the verifier to say
    with pytest.raises(ValueError) as refused:
        read(json.dumps(json.loads(line.line()) | {name: value}))
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_a_missing_member_is_refused(member: str) -> None:
    line, name = MEMBERS[member]
    members = json.loads(line.line())
    del members[name]
    with pytest.raises(ValueError):
        read(json.dumps(members))


@every_line
def test_a_member_that_occurs_twice_is_refused(line: RecordLine) -> None:
    text = line.line()
    twice = text[:-1] + ',"number":77}'
    with pytest.raises(ValueError, match="twice"):
        read(twice)
    with pytest.raises(ValueError, match="twice"):
        find("jitd: " + twice)


@pytest.mark.parametrize("line", LINES[3:], ids=lambda line: type(line).__name__)
@pytest.mark.parametrize(
    ("name", "value"),
    [("host", "web2"), ("number", 10), ("seal", "08" * 32), ("at", "2026-11-26T20:58:38Z"), ("witness", "other")],
)
def test_members_that_differ_from_what_was_signed_are_refused(line: RecordLine, name: str, value: object) -> None:
    members = json.loads(line.line())
    if name in members:
        with pytest.raises(ValueError, match="says something else than what was signed"):
            read(json.dumps(members | {name: value}))


@given(st.text())
def test_no_text_makes_the_readers_fail_otherwise(text: str) -> None:
    for reader in (read, find):
        try:
            reader(text)
        except ValueError as refused:
            assert str(refused).isprintable()


@every_line
@given(data=st.data())
def test_a_line_with_one_character_changed_is_refused_or_is_another_line(line: RecordLine, data: st.DataObject) -> None:
    text = line.line()
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.characters(min_codepoint=32, max_codepoint=126)) + text[at + 1 :]
    try:
        found = read(changed)
    except ValueError:
        return
    assert found != line or json.loads(changed) == json.loads(text)


def test_a_record_whose_reader_may_not_see_all_of_it_has_its_digest_in_the_place_of_its_body() -> None:
    narrowed = Record("h", 7, bytes(32), b"", {"event": "request.submitted"}, digest=bytes([5] * 32))
    line = json.loads(narrowed.line())
    assert "sealed" not in line
    assert read(narrowed.line()) == narrowed
    for wrong in ({"sealed": "{}"}, {"digest": "00"}, {"digest": None}):
        with pytest.raises(ValueError, match="member"):
            read(json.dumps(line | wrong))
    with pytest.raises(ValueError, match="neither"):
        read(json.dumps({name: part for name, part in line.items() if name != "digest"}))


@pytest.mark.parametrize(
    "part",
    ["1e999", "-1e999", "[" * 65 + "]" * 65, '{"x":' * 400 + "1" + "}" * 400, "[" * 100_000],
    ids=["infinite", "minus infinite", "deep lists", "deep objects", "no end"],
)
@pytest.mark.parametrize("place", ["beside", "as a value"])
def test_what_could_not_be_compared_is_not_read(part: str, place: str) -> None:
    """THREATS L-03: a line that ends a verification would hide what the other lines prove."""
    text = RECORD.line()
    old = '"id":"AAAA-0001"' if place == "beside" else '"value":"b\\u00fccher \\udcff"'
    name = old.partition(":")[0]
    assert old in text
    with pytest.raises(ValueError):
        find(text.replace(old, f"{name}:{part}"))
    assert find(text.replace(old, f"{name}:[[[[1.5e300]]]]")) is not None
