# SPDX-License-Identifier: Apache-2.0
"""What the daemon and jitd-outside say to each other: frozen bytes, read strictly."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.beside.packets import MAX_BODY
from jitd_outsiders.outside.fields import MOST_CA
from jitd_outsiders.outside.messages import HEADERS, MOST_BODY, MOST_BYTES, Fetch, Fetched
from jitd_outsiders.outside.questions import ANSWERS, QUESTIONS
from jitpam.wire.declared import Codec
from tests.table import each_row

GOLDEN = Path(__file__).parent / "golden"
POST = Fetch(
    "POST",
    "https://changes.example.org:8443/jit",
    b'{"version":1}',
    10_000,
    addresses=("10.1.2.0/24", "fd00::/8"),
    ca="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    certificate="client.pem",
    secret="change.key",
    key_id="db1.example.org",
)
MESSAGES = {
    "fetch": POST,
    "poll": Fetch("GET", "https://changes.example.org/jit/7?x=1", b"", 1),
    "by_socket": Fetch("POST", "http://localhost/v1/data/jit/allow", b"{}", 600_000, socket="/run/opa.sock"),
    "fetched": Fetched(202, (("content-type", "application/json"), ("location", "/jit/7"), ("retry-after", "30")), b""),
    "binary": Fetched(200, (), bytes(range(256))),
}
FETCH = {
    "do": "fetch", "method": "POST", "url": "https://a.example/", "body": "e30=", "deadline_ms": 1, "socket": "", "addresses": [],
    "ca": "", "certificate": "", "secret": "", "key_id": "",
}  # fmt: skip
FETCHED = {"said": "fetched", "status": 200, "headers": {"content-type": "x"}, "body": "e30="}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_has_the_bytes_that_it_has_always_had(name: str) -> None:
    frozen = (GOLDEN / f"{name}.json").read_bytes()
    codec: Codec[Any] = QUESTIONS if b'"do"' in frozen else ANSWERS
    assert codec.write(MESSAGES[name]) == frozen
    assert codec.read(frozen) == MESSAGES[name]


def test_every_frozen_message_is_tried() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == MESSAGES.keys()


@each_row(
    "change",
    [
        {"do": "get"}, {"do": None}, {"more": 1}, {"method": "PUT"}, {"method": "get"}, {"method": "POST\n"},
        {"url": "http://a.example/"}, {"url": "https://a.example"}, {"url": "https://A.example/"}, {"url": "https://a@b/"},
        {"url": "https://a.example/\n"}, {"url": "https://a.example/ x"}, {"url": "https://a.example:0/"},
        {"url": "https://a.example:99999/"}, {"url": "file:///etc/shadow"}, {"url": "https://a.example/#f"}, {"url": 1},
        {"url": "https://a.example/" + "x" * 2048}, {"url": "https://a.example:443/"}, {"url": "https:///x"},
        {"body": "e30"}, {"body": "e30=\n"}, {"body": "e31="}, {"body": None}, {"body": "A" * 4 * (MOST_BODY // 3 + 2)},
        {"deadline_ms": 0}, {"deadline_ms": 600_001}, {"deadline_ms": True}, {"deadline_ms": "1"},
        {"socket": "/run/opa.sock"}, {"socket": "run/opa.sock"}, {"socket": "/run/../x"},
        {"addresses": ["10.0.0.1/8"]}, {"addresses": ["10.0.0.0"]}, {"addresses": ["x"]}, {"addresses": ["10.0.0.0/8"] * 65},
        {"addresses": "10.0.0.0/8"}, {"addresses": [1]}, {"ca": "x" * (MOST_CA + 1)}, {"ca": "\0"}, {"ca": None},
        {"certificate": "../x"}, {"certificate": "/etc/shadow"}, {"certificate": ".x"}, {"secret": "a b"}, {"secret": "x" * 65},
        {"key_id": "a b"}, {"key_id": '"'}, {"key_id": "\\"}, {"key_id": "x" * 256},
    ],
    ids=lambda change: str(change)[:60],
)  # fmt: skip
def test_a_question_that_is_not_exactly_as_declared_is_not_read(change: dict[str, object]) -> None:
    QUESTIONS.read(json.dumps(FETCH).encode())
    with pytest.raises(ValueError):
        QUESTIONS.read(json.dumps(FETCH | change).encode())


@pytest.mark.parametrize("field", FETCH)
def test_a_question_that_lacks_a_field_is_not_read(field: str) -> None:
    with pytest.raises(ValueError):
        QUESTIONS.read(json.dumps({name: value for name, value in FETCH.items() if name != field}).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"said": "failed"}, {"more": 1}, {"status": 99}, {"status": 1000}, {"status": "200"}, {"status": True},
        {"headers": []}, {"headers": {"set-cookie": "x"}}, {"headers": {"Content-Type": "x"}}, {"headers": {"location": "a\nb"}},
        {"headers": {"location": "\u00e4"}}, {"headers": {"location": "x" * 4097}}, {"headers": {"location": 1}},
        {"headers": {"location": "/", "content-type": "x"}}, {"body": "A" * 4 * (MOST_BODY // 3 + 2)}, {"body": "!"},
    ],
    ids=lambda change: str(change)[:60],
)  # fmt: skip
def test_an_answer_that_is_not_exactly_as_declared_is_not_read(change: dict[str, object]) -> None:
    ANSWERS.read(json.dumps(FETCHED).encode())
    with pytest.raises(ValueError):
        ANSWERS.read(json.dumps(FETCHED | change).encode())


@pytest.mark.parametrize(
    "written", [b"", b"null", b"[]", b"{}", b"\xff", b"[" * 60_000, b'{"do":"fetch","do":"fetch"}'], ids=repr
)
def test_bytes_that_are_not_a_message_are_a_value_error(written: bytes) -> None:
    for read in (QUESTIONS.read, ANSWERS.read):
        with pytest.raises(ValueError):
            read(written[:MOST_BYTES])


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_whatever_arrives_is_a_message_or_a_value_error(written: bytes) -> None:
    for read in (QUESTIONS.read, ANSWERS.read):
        try:
            read(written)
        except ValueError:
            continue


@given(
    st.sampled_from(sorted(FETCH)), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)
)
def test_a_question_with_any_other_value_comes_back_as_it_went_or_not_at_all(field: str, value: object) -> None:
    try:
        found = QUESTIONS.read(json.dumps(FETCH | {field: value}).encode())
    except ValueError:
        return
    assert QUESTIONS.read(QUESTIONS.write(found)) == found


def test_what_could_not_be_read_is_not_written() -> None:
    for change in ({"method": "PUT"}, {"url": "https://A.example/"}, {"secret": "../x"}, {"deadline_ms": 0}):
        with pytest.raises(ValueError):
            QUESTIONS.write(replace(POST, **change))
    with pytest.raises(ValueError):
        ANSWERS.write(Fetched(200, (("location", "/"), ("content-type", "x")), b""))


def test_the_largest_messages_have_room_in_a_packet() -> None:
    largest = replace(POST, body=b"\xff" * MOST_BODY, ca=("A" * 64 + "\n") * (MOST_CA // 65), addresses=("10.1.2.0/24",) * 64)
    assert len(QUESTIONS.write(largest)) <= MOST_BYTES <= MAX_BODY
    headers = tuple((name, "x" * 4096) for name in HEADERS)
    assert len(ANSWERS.write(Fetched(200, headers, b"\xff" * MOST_BODY))) <= MOST_BYTES
