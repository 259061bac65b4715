# SPDX-License-Identifier: Apache-2.0
"""The JSON form: one value has one spelling, and whatever is not exactly a message is refused. THREATS section 5's corpus."""

import json
import pathlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitpam.wire import messages, notation
from jitpam.wire.codes import CODES, EXITS
from jitpam.wire.coding import MAX_INTEGER, MAX_NUMBER, decode, encode
from jitpam.wire.faults import LocalProtocolError, RemoteProtocolError
from jitpam.wire.messages import FROM_CLIENT, FROM_DAEMON
from tests.table import each_row

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
integers = st.integers(-MAX_INTEGER, MAX_INTEGER)
rows = st.recursive(
    st.none() | st.booleans() | integers | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=10,
)
numbers, counts = st.integers(-MAX_NUMBER, MAX_NUMBER), st.integers(0, MAX_NUMBER)
VALUES = {
    "int": numbers,
    "Count": counts,
    "Count | None": st.none() | counts,
    "Inode": st.integers(0, MAX_INTEGER),
    "bool": st.booleans(),
    "str": text,
    "Typed": text,
    "bytes": st.binary(max_size=40),
    "int | None": st.none() | numbers,
    "str | None": st.none() | text,
    "Typed | None": st.none() | text,
    "bytes | None": st.none() | st.binary(max_size=40),
    "list[str]": st.lists(text, max_size=4),
    "list[str] | None": st.none() | st.lists(text, max_size=4),
    "list[bytes]": st.lists(st.binary(max_size=9), max_size=4),
    "list[list[bytes]]": st.lists(st.lists(st.binary(max_size=9), max_size=3), max_size=3),
    "dict[str, Any]": st.dictionaries(text, rows, max_size=4),
}
ALL = [*((kind, FROM_CLIENT) for kind in FROM_CLIENT.values()), *((kind, FROM_DAEMON) for kind in FROM_DAEMON.values())]


def depth(value):
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@each_row(("kind", "of"), ALL, ids=lambda value: getattr(value, "__name__", ""))
def test_every_message_comes_back_as_it_went(kind, of):
    @given(st.fixed_dictionaries({name: VALUES[declared] for name, declared in kind.fields.items()}))
    def holds(values):
        if depth(values.get("row", {})) > 6:
            return
        message = kind(**values)
        body = encode(message)
        heard = decode(body, of)
        assert type(heard) is kind and dict(heard.__dict__) == values, "field by field, and not by its own =="
        assert encode(heard) == body
        assert body.isascii()

    holds()


def test_bytes_are_any_bytes():
    """THREATS R-09."""
    every = bytes(range(256)) * 3
    message = messages.Token(token=every)
    assert decode(encode(message), FROM_CLIENT).token == every


# --- what is refused

LIST = b'{"type":"list","what":"runs","ended":false}'
OBSERVE = b'{"type":"observe","id":"K7QM-2XVD","offset":%b}'
TOKEN = b'{"type":"token","token":"%b"}'


def test_the_good_ones_that_the_bad_ones_are_made_of_are_good():
    assert decode(LIST, FROM_CLIENT) == messages.List(what="runs", ended=False)
    assert decode(OBSERVE % b"7", FROM_CLIENT) == messages.Observe(id="K7QM-2XVD", offset=7)
    assert decode(TOKEN % b"AAE=", FROM_CLIENT) == messages.Token(token=b"\0\x01")
    assert decode(b' {"ended" : false,\n"what":"\\u0072uns", "type":"list"} ', FROM_CLIENT).what == "runs"


REFUSED = {
    "nothing": b"",
    "blanks": b"   ",
    "no JSON": b"hello",
    "null": b"null",
    "a list": b"[]",
    "a number": b"1",
    "a string": b'"list"',
    "two values": LIST + LIST,
    "trailing bytes": LIST + b"x",
    "cut short": LIST[:-1],
    "no type": b'{"what":"runs","ended":false}',
    "type null": LIST.replace(b'"list"', b"null"),
    "type of the other side": b'{"type":"done","text":""}',
    "unknown type": LIST.replace(b'"list"', b'"lists"'),
    "type with a NUL": LIST.replace(b'"list"', b'"list\\u0000"'),
    "a field too few": b'{"type":"list","what":"runs"}',
    "a field too many": LIST[:-1] + b',"more":1}',
    "a name twice": LIST[:-1] + b',"ended":false}',
    "a type twice": LIST[:-1] + b',"type":"list"}',
    "a name twice, spelt otherwise": LIST[:-1] + b',"\\u0065nded":false}',
    "truth as a number": LIST.replace(b"false", b"0"),
    "truth as a string": LIST.replace(b"false", b'"false"'),
    "a byte order mark": b"\xef\xbb\xbf" + LIST,
    "UTF-16": LIST.decode().encode("utf-16"),
    "overlong UTF-8": LIST.replace(b"runs", b"r\xc1\xb5ns"),
    "a byte that is no UTF-8": LIST.replace(b"runs", b"\xff"),
    "an encoded surrogate": LIST.replace(b"runs", b"\xed\xa0\x80"),
    "a lone surrogate": LIST.replace(b"runs", b"\\ud800"),
    "a lone low surrogate": LIST.replace(b"runs", b"\\udc80"),
    "NUL in text": LIST.replace(b"runs", b"\\u0000"),
    "a control character": LIST.replace(b"runs", b"\n"),
    "no-break blanks": b"\xc2\xa0" + LIST,
    "a comment": LIST + b"//",
    "a trailing comma": LIST[:-1] + b",}",
    "single quotes": LIST.replace(b'"', b"'"),
    "an integer as a float": OBSERVE % b"7.0",
    "an integer with an exponent": OBSERVE % b"7e0",
    "an integer as truth": OBSERVE % b"true",
    "an integer as a string": OBSERVE % b'"7"',
    "minus zero": OBSERVE % b"-0",
    "a leading zero": OBSERVE % b"07",
    "a plus sign": OBSERVE % b"+7",
    "infinity by exponent": OBSERVE % b"1e309",
    "NaN": OBSERVE % b"NaN",
    "Infinity": OBSERVE % b"Infinity",
    "-Infinity": OBSERVE % b"-Infinity",
    "an integer over the bound": OBSERVE % b"%d" % (2**53),
    "an integer under the bound": OBSERVE % b"-1",
    "an integer of a thousand digits": OBSERVE % (b"9" * 1000),
    "an integer in other digits": OBSERVE % "٧".encode(),
    "null for an integer": OBSERVE % b"null",
    "base64 without padding": TOKEN % b"AAE",
    "base64 with too much padding": TOKEN % b"AAE==",
    "base64 with blanks": TOKEN % b"AA E=",
    "base64 with a newline": TOKEN % b"AAE=\\n",
    "base64 of the other alphabet": TOKEN % b"-_-_",
    "base64 with unused bits set": TOKEN % b"AAF=",
    "base64 that is padding alone": TOKEN % b"====",
    "base64 with padding inside": TOKEN % b"AA==AAE=",
    "base64 in letters that look alike": TOKEN % "ААЕ=".encode(),
    "a number for base64": b'{"type":"token","token":7}',
    "truth for base64": b'{"type":"token","token":true}',
    "a list for base64": b'{"type":"token","token":["AAE="]}',
    "null for base64": b'{"type":"token","token":null}',
    "depth ten thousand": b'{"type":"list","what":' + b"[" * 10_000 + b"]" * 10_000 + b',"ended":false}',
    "objects to depth ten thousand": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "an unclosed depth": b"[" * 1_000_000,
}


@each_row("body", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_exactly_a_message_is_refused(body):
    """THREATS S-07."""
    with pytest.raises(RemoteProtocolError):
        decode(body, FROM_CLIENT)


def test_a_row_may_be_so_deep_and_no_deeper():
    def row(levels):
        return b'{"type":"item","row":{"a":' + b"[" * levels + b"]" * levels + b"}}"

    assert decode(row(6), FROM_DAEMON).type == "item"
    with pytest.raises(RemoteProtocolError):
        decode(row(7), FROM_DAEMON)


@given(st.binary(max_size=80))
def test_whatever_the_bytes_are_nothing_but_a_message_or_the_one_fault_comes(body):
    try:
        message = decode(body, FROM_CLIENT)
    except RemoteProtocolError:
        return
    assert decode(encode(message), FROM_CLIENT) == message


@given(st.integers(0, 200), st.integers(0, 255))
def test_a_message_with_one_byte_changed_is_refused_or_is_another_whole_one(place, byte):
    body = bytearray(encode(messages.Revoke(id="K7QM-2XVD", of=None, reason="änd")))
    body[place % len(body)] = byte
    try:
        message = decode(bytes(body), FROM_CLIENT)
    except RemoteProtocolError:
        return
    assert decode(encode(message), FROM_CLIENT) == message


# --- our own side


def test_a_message_that_lacks_a_field_or_has_another_is_never_made():
    for fields, odd in (({"what": "runs"}, "ended"), ({"what": "x", "ended": False, "more": 1}, "more"), ({"less": 1}, None)):
        with pytest.raises(LocalProtocolError) as caught:
            messages.List(**fields)
        assert str(caught.value) == f"list: these fields are missing or unknown: {odd or 'ended, less, what'}"


@pytest.mark.parametrize(
    "message",
    [
        messages.Audit(after=True),
        messages.Audit(after=2**53),
        messages.Audit(after=1.0),
        messages.List(what="a\0b", ended=False),
        messages.List(what="\ud800", ended=False),
        messages.List(what=b"runs", ended=False),
        messages.Token(token="AAE="),
        messages.Resume(id="x", streams=[b"AAE="]),
        messages.Resume(id="x", streams=[None]),
        messages.Show(id=None),
        messages.Item(row={"a": 1.5}),
        messages.Item(row={"a": float("nan")}),
    ],
    ids=repr,
)
def test_a_value_that_is_not_of_its_kind_is_never_sent(message):
    with pytest.raises(LocalProtocolError):
        encode(message)


def test_a_message_is_frozen_and_compares_by_value():
    message = messages.Show(id="K7QM-2XVD")
    with pytest.raises(AttributeError):
        message.id = "x"
    assert message == messages.Show(id="K7QM-2XVD")
    assert message != messages.Withdraw(id="K7QM-2XVD"), "another message with the same fields"
    assert message != messages.Show(id="K7QM-2XVE"), "the same message with another field"
    assert message != "K7QM-2XVD"


def test_a_message_is_told_to_who_debugs_with_all_that_is_in_it():
    assert repr(messages.List(what="runs", ended=False)) == "List(what='runs', ended=False)"
    assert repr(messages.Reload()) == "Reload()"


def test_a_message_is_named_as_its_class_and_what_is_never_sent_has_no_name():
    assert FROM_CLIENT["hello"] is messages.Hello and FROM_DAEMON["hello"] is messages.DaemonHello
    assert FROM_CLIENT["token"] is messages.Token and FROM_DAEMON["token"] is messages.DaemonToken
    assert all(name == kind.type for kinds in (FROM_CLIENT, FROM_DAEMON) for name, kind in kinds.items())
    assert messages.Message.type == messages.Ask.type == ""
    declared = {}

    class DaemonProbe(messages.Message, by=declared):
        pass

    class Probe(messages.Message):
        pass

    assert declared == {"probe": DaemonProbe} and DaemonProbe.type == "probe" and Probe.type == ""


def test_every_code_has_its_statuses_and_none_is_a_success():
    assert EXITS.keys() == CODES.keys()
    assert all(118 <= jitsudo <= 127 for jitsudo, _ in EXITS.values())
    assert all(jitd in (1, 2, 3, 4, 5, 119, 125) for _, jitd in EXITS.values())


@given(rows)
def test_the_notation_is_plain_json(value):
    assert json.loads(notation.write(value)) == value
    assert notation.read(notation.write(value)) == value
    assert notation.write(value) == json.dumps(value, separators=(",", ":")).encode()


@pytest.mark.parametrize("digits", [22, 23, 4_000, 1_000_000])
def test_a_number_beyond_21_characters_is_not_even_reckoned(digits):
    """It is out of bounds anyway; but to reckon a million digits takes long, and a stranger may send them."""
    for text in (b"9" * digits, b"-" + b"9" * (digits - 1)):
        with pytest.raises(ValueError, match="a number is out of bounds"):
            notation.read(text)


@pytest.mark.parametrize("text", ["0", "7", "-7", "9" * 21, "-" + "9" * 20])
def test_a_number_of_21_characters_is_one(text):
    assert notation.read(text.encode()) == int(text)


def test_fields_are_computed_once():
    class Probe(messages.Message, by={}):
        what: "str"
        ended: "bool" = False

    assert (Probe.fields, Probe.defaults) == ({"what": "str", "ended": "bool"}, {"ended": False})
    for kind in (Probe, *(kind for kind, _ in ALL)):
        fields, defaults = kind.fields, kind.defaults
        assert vars(kind)["fields"] is kind.fields is fields and vars(kind)["defaults"] is kind.defaults is defaults


def test_fields_are_computed_when_they_are_first_read_and_for_each_message_by_itself():
    code = """
from jitpam.wire import messages
print([kind.type for kind in messages.FROM_CLIENT.values() if isinstance(vars(kind)["fields"], dict)])
print(set(messages.Submit.fields) - set(messages.Explain.fields), set(messages.Anew.fields) - set(messages.Submit.fields))
print(messages.Submit.defaults, messages.Suppose.defaults)
"""
    tree = pathlib.Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tree)
    assert done.stdout.splitlines()[0] == "[]"
    assert done.stdout.splitlines()[1] in ("{'waits', 'if_owed'} set()", "{'if_owed', 'waits'} set()")
    usual = dict.fromkeys(("lasts_for", "uses", "timeout_for", "starts_at"))
    assert done.stdout.splitlines()[2] == f"{usual} { ({**usual, 'breaks_glass': False}) }"
