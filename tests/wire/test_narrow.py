# SPDX-License-Identifier: Apache-2.0
"""What the daemon may send to an enforcement point is narrow JSON (PROTOCOL.md section 9): one spelling of each message.

Law: whatever the values are. That the daemon sends nothing else to one, ``Raw.hear_body`` looks at wherever a test plays one.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitpam.wire.coding import encode
from jitpam.wire.conversation import DAEMON, LAW
from jitpam.wire.faults import LocalProtocolError
from jitpam.wire.messages import FROM_DAEMON
from tests.narrow import BODIES, POINTS, type_of
from tests.wire.test_golden_frames import ALWAYS

SERVER = Path(__file__).parents[2] / "jitd/server"
NUMBERS = st.integers(0, 2**53 - 1)
TEXTS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"))
VALUES = {
    "str": TEXTS,
    "int": NUMBERS,
    "bool": st.booleans(),
    "bytes": st.binary(),
    "list[str]": st.lists(TEXTS),
    "list[list[bytes]]": st.lists(st.lists(st.binary(), min_size=2, max_size=2)),
}


def fields_of(name: str) -> dict[str, st.SearchStrategy[object]]:
    return {
        field: (st.none() | VALUES[of.removesuffix(" | None")]) if of.endswith(" | None") else VALUES[of]
        for field, of in FROM_DAEMON[name].fields.items()
    }


@pytest.mark.parametrize("name", sorted(POINTS))
@given(data=st.data())
def test_each_message_to_a_point_is_narrow_whatever_it_says(name: str, data: st.DataObject) -> None:
    try:
        body = encode(FROM_DAEMON[name](**data.draw(st.fixed_dictionaries(fields_of(name)))))
    except LocalProtocolError:  # such as a text of a control character where none may be
        return
    assert type_of(body) == name


@pytest.mark.parametrize("name", sorted(POINTS))
def test_the_frames_that_were_always_sent_are_narrow(name: str) -> None:
    bodies = [line.split(" ", 2)[2].encode() for line in ALWAYS if line.startswith("daemon ") and f'{{"type":"{name}",' in line]
    assert len(bodies) == 2
    for body in bodies:  # its places are no pairs
        assert type_of(body.replace(b'["VEVSTQ==","eHRlcm0="],[]', b'["VEVSTQ==","eHRlcm0="]')) == name


REFUSED = b'{"type":"refused","code":"denied","text":"a \\u00fc \\ud83d\\ude00 \\" \\\\ \\n"}'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'","code"', b'", "code"'), (b'"code":', b'"code": '), (b"}", b"}\n"), (b"}", b"}{"), (b"}", b',"more":1}'),
        (b'"code":"denied",', b""), (b'"denied"', b"null"), (b'"denied"', b'["denied"]'), (b"\\u00fc", b"\\u00FC"),
        (b"\\u00fc", b"\xc3\xbc"), (b"a ", b"\\u0061 "), (b"\\n", b"\\u000a"), (b"\\n", b"\n"), (b"\\n", b"\\/"),
        (b"\\n", b"\\u0000"), (b"\\ude00", b""), (b"\\ud83d", b""), (b"\\n", b"\x7f"), (b"denied", b"den\xffied"),
    ],
)  # fmt: skip
def test_each_message_has_one_spelling(old: bytes, new: bytes) -> None:
    assert type_of(REFUSED) == "refused"
    assert REFUSED.count(old) == 1
    with pytest.raises(AssertionError):
        type_of(REFUSED.replace(old, new))


@pytest.mark.parametrize("number", [b"-1", b"01", b"1.0", b"1e3", b"+1", b"12345678901234567", b'"1"', b"null", b"true", b""])
def test_a_number_has_one_spelling(number: bytes) -> None:
    assert type_of(b'{"type":"slow","left_ms":1}') == "slow"
    with pytest.raises(AssertionError):
        type_of(b'{"type":"slow","left_ms":%b}' % number)


def test_no_more_than_this_is_said_while_a_point_asks() -> None:
    """By the table of states, and by what the module of points says itself. A point gets neither a run nor a thing."""
    table = {name for state in ("proving", "waiting") for by, name in LAW[state] if by == DAEMON}
    assert table - POINTS == {"done", "start", "given"}
    tree = ast.parse((SERVER / "enforcement.py").read_text("utf-8"))
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    said = {call.attr for call in called if isinstance(call.value, ast.Name) and call.value.id == "messages"}
    said &= {kind.__name__ for kind in FROM_DAEMON.values()}
    assert said == {FROM_DAEMON[name].__name__ for name in ("challenge", "token", "slow", "progress", "granted")}


def test_what_is_narrow_is_what_json_says_it_is() -> None:
    for line in ALWAYS:
        speaker, _, body = line.split(" ", 2)
        if speaker == "daemon" and json.loads(body)["type"] in BODIES:
            assert json.dumps(json.loads(body), separators=(",", ":")) == body
