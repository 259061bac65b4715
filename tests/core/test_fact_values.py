# SPDX-License-Identifier: Apache-2.0
"""The values of declared facts: what each type takes and what it refuses, at its edges.

Law: a value is taken as it is or refused with a sentence; nothing but a whole number for a double is converted.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.fact_values import read_instant, read_value
from jitd.core.names import TYPES, fault_in
from tests.table import each_row

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
IN_INDIA = timezone(timedelta(hours=5, minutes=30))

# the type, a raw value of it, the value that is taken
TAKEN: list[tuple[str, object, object]] = [
    ("bool", True, True),
    ("bool", False, False),
    ("int", 0, 0),
    ("int", 2**63 - 1, 2**63 - 1),
    ("int", -(2**63), -(2**63)),
    ("double", 0.5, 0.5),
    ("double", -1.5e300, -1.5e300),
    ("double", 3, 3.0),
    ("double", 2**53, 2.0**53),
    ("double", -(2**53), -(2.0**53)),
    ("string", "", ""),
    ("string", "café \U0001f512", "café \U0001f512"),
    ("string", "\ud7ff\ue000", "\ud7ff\ue000"),
    ("string", "x" * 4096, "x" * 4096),
    ("timestamp", NOON, NOON),
    ("timestamp", "2026-11-22T12:00:00Z", NOON),
    ("list", [], ()),
    ("list", ["a", "", "b"], ("a", "", "b")),
    ("list", ["x" * 4096], ("x" * 4096,)),
    ("list", ["a"] * 1000, ("a",) * 1000),
]


@pytest.mark.parametrize(("kind", "raw", "value"), TAKEN)
def test_a_value_of_its_type_is_taken_as_it_is(kind: str, raw: object, value: object) -> None:
    found = read_value(kind, raw)
    assert found == value and type(found) is type(value)
    assert fault_in(found, kind) == "", "and it is a value that a rule can use"


IS_NOT = {
    "bool": "is not true or false",
    "int": "is not a whole number of 64 bits",
    "double": "is not a finite number",
    "string": "is not a text of at most 4096 characters",
    "timestamp": "is not a time such as 2026-11-22T07:00:00Z",
    "list": "is not a list of at most 1000 texts",
}
REFUSED: list[tuple[str, object]] = [
    ("bool", 1),
    ("bool", 0),
    ("bool", "true"),
    ("bool", None),
    ("int", True),
    ("int", 1.0),
    ("int", "1"),
    ("int", 2**63),
    ("int", -(2**63) - 1),
    ("int", None),
    ("double", True),
    ("double", "0.5"),
    ("double", float("nan")),
    ("double", float("inf")),
    ("double", float("-inf")),
    ("double", 2**53 + 1),
    ("double", -(2**53) - 1),
    ("double", None),
    ("string", 1),
    ("string", b"x"),
    ("string", None),
    ("string", ["a"]),
    ("string", "x" * 4097),
    ("string", "a\0b"),
    ("string", "a\ud800"),
    ("string", "a\udfff"),
    ("timestamp", 1),
    ("timestamp", None),
    ("timestamp", "noon"),
    ("timestamp", datetime(2026, 11, 22, 12)),
    ("list", "a"),
    ("list", ("a",)),
    ("list", {"a": "b"}),
    ("list", None),
    ("list", ["a"] * 1001),
    ("list", ["a", 1]),
    ("list", ["a", ["b"]]),
    ("list", ["a", "x" * 4097]),
    ("list", ["a", "b\0"]),
    ("list", ["a", "\ud800"]),
]


@each_row(("kind", "raw"), REFUSED)
def test_a_value_of_another_type_or_beyond_its_limits_is_refused(kind: str, raw: object) -> None:
    with pytest.raises(ValueError, match=f"^{IS_NOT[kind]}$"):
        read_value(kind, raw)


def test_every_type_that_a_fact_can_have_can_be_read() -> None:
    assert {kind for kind, _, _ in TAKEN} == {kind for kind, _ in REFUSED} == set(IS_NOT) == set(TYPES)


INSTANTS: list[tuple[object, datetime | None]] = [
    ("2026-11-22T12:00:00Z", NOON),
    ("2026-11-22t12:00:00z", NOON),
    ("2026-11-22T17:30:00+05:30", NOON),
    ("2026-11-22T11:00:00-01:00", NOON),
    ("2026-11-22T12:00:00.5Z", NOON + timedelta(milliseconds=500)),
    ("2026-11-22T12:00:00.000001Z", NOON + timedelta(microseconds=1)),
    (datetime(2026, 11, 22, 17, 30, tzinfo=IN_INDIA), NOON),
    # what is not a point in time
    ("2026-11-22T12:00:00.0000001Z", None),
    ("2026-11-22T12:00:00.Z", None),
    ("2026-11-22T12:00:00", None),
    ("2026-11-22 12:00:00Z", None),
    ("2026-11-22T12:00Z", None),
    ("2026-11-22", None),
    ("20261122T120000Z", None),
    ("2026-11-22T12:00:00Z\n", None),
    (" 2026-11-22T12:00:00Z", None),
    ("2026-11-22T12:00:00+0530", None),
    ("\u0662026-11-22T12:00:00Z", None),
    ("2026-02-30T12:00:00Z", None),
    ("2026-11-22T24:00:01Z", None),
    ("2026-11-22T12:00:60Z", None),
    (datetime(2026, 11, 22, 12), None),
    (NOON.date(), None),
    (1_795_000_000, None),
    (b"2026-11-22T12:00:00Z", None),
    ("", None),
    (None, None),
]


@pytest.mark.parametrize(("raw", "instant"), INSTANTS)
def test_a_time_names_its_offset_and_has_one_form(raw: object, instant: datetime | None) -> None:
    assert read_instant(raw) == instant


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=5
)


@given(st.sampled_from(TYPES), JSON)
def test_whatever_a_provider_sends_is_taken_as_it_is_or_refused(kind: str, raw: object) -> None:
    try:
        found = read_value(kind, raw)
    except ValueError as refused:
        assert str(refused) == IS_NOT[kind]
    else:
        assert found == (tuple(raw) if isinstance(raw, list) else raw)
