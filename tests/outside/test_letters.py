# SPDX-License-Identifier: Apache-2.0
"""How the daemon has jitd-outside send mail: frozen bytes, read strictly, and nothing that ends a line of SMTP."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.beside.packets import MAX_BODY
from jitd_outsiders.outside.fields import MOST_CA
from jitd_outsiders.outside.messages import MAIL_ADDRESS, MOST_BODY, MOST_RECIPIENTS, Letter, Posted
from jitd_outsiders.outside.questions import ANSWERS, QUESTIONS

GOLDEN = Path(__file__).parent / "golden_mail"
LETTER = Letter(
    "mail.example.org",
    587,
    "db1.example.org",
    "jitd@db1.example.org",
    ("ops@example.org", "dba+1@example.org"),
    b"Subject: x\r\n\r\nhello\r\n",
    20_000,
    addresses=("10.1.2.0/24",),
    ca="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
)
POSTED = Posted((("ops@example.org", "550 no such person"),))
POST = {
    "do": "post", "host": "127.0.0.1", "port": 25, "name": "db1", "sender": "a@b", "recipients": ["c@d"], "content": "eA0K",
    "deadline_ms": 1, "is_plain": True, "addresses": [], "ca": "",
}  # fmt: skip
SAID = {"said": "posted", "refused": {"a@b": "no"}}


def test_a_message_has_the_bytes_that_it_has_always_had() -> None:
    letter, posted = (GOLDEN / "letter.json").read_bytes(), (GOLDEN / "posted.json").read_bytes()
    assert QUESTIONS.write(LETTER) == letter and QUESTIONS.read(letter) == LETTER
    assert ANSWERS.write(POSTED) == posted and ANSWERS.read(posted) == POSTED


@pytest.mark.parametrize(
    "change",
    [
        {"do": "fetch"}, {"more": 1}, {"host": ""}, {"host": "a b"}, {"host": "a\r\nb"}, {"host": "-a"}, {"host": "[::1]"},
        {"port": 0}, {"port": 65_536}, {"port": "25"}, {"name": "a\r\nMAIL"}, {"name": ""}, {"sender": "a"}, {"sender": "<a@b>"},
        {"sender": "a@b\r\n"}, {"sender": "a@b> SIZE=1"}, {"recipients": []}, {"recipients": ["c@d"] * (MOST_RECIPIENTS + 1)},
        {"recipients": "c@d"}, {"recipients": ["c@d", "c d@e"]}, {"recipients": [1]}, {"content": "eAo="}, {"content": "eA=="},
        {"content": "eA0="}, {"content": "/w0K"}, {"content": "AA0K"}, {"content": "eA0KDQ0K"}, {"content": ""},
        {"content": "A" * 4 * (MOST_BODY // 3 + 2)}, {"deadline_ms": 0}, {"is_plain": 1}, {"is_plain": None},
        {"host": "10.0.0.1"}, {"host": "localhost"}, {"addresses": ["x"]}, {"ca": "x" * (MOST_CA + 1)},
    ],
    ids=lambda change: str(change)[:60],
)  # fmt: skip
def test_a_letter_that_is_not_exactly_as_declared_is_not_read(change: dict[str, object]) -> None:
    """THREATS N-01, N-04. The last rows: without TLS a letter goes to a number of this host, and to nobody else."""
    QUESTIONS.read(json.dumps(POST).encode())
    with pytest.raises(ValueError):
        QUESTIONS.read(json.dumps(POST | change).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"said": "fetched"}, {"more": 1}, {"refused": []}, {"refused": {"x": "no"}}, {"refused": {"a@b": "no\n"}},
        {"refused": {"a@b": "x" * 301}}, {"refused": {"b@b": "no", "a@b": "no"}}, {"refused": {"a@b": 1}},
    ],
)  # fmt: skip
def test_an_answer_that_is_not_exactly_as_declared_is_not_read(change: dict[str, object]) -> None:
    ANSWERS.read(json.dumps(SAID).encode())
    with pytest.raises(ValueError):
        ANSWERS.read(json.dumps(SAID | change).encode())


@pytest.mark.parametrize("address", ["ops@example.org", "a.b+c@x", "{x}@y.z", "o'neill@example.org"])
def test_what_is_an_address(address: str) -> None:
    assert MAIL_ADDRESS.read(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "", "@", "a@", "@b", "a@b@c", "a b@c", '"a b"@c', "a@[127.0.0.1]", "a@b-", "a@-b", ".a@b", "a.@b", "a..b@c", "a@b\n",
        "a\0@b",
        "<a@b>", "a@b>", "\u00e4@b", "a@b c", "a(x)@b", "a,b@c", "a@b,c@d", "x" * 251 + "@b.c", None, 1,
    ],
)  # fmt: skip
def test_what_is_none(address: object) -> None:
    """THREATS N-01."""
    with pytest.raises(ValueError):
        MAIL_ADDRESS.read(address)


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_whatever_arrives_is_a_message_or_a_value_error(written: bytes) -> None:
    for read in (QUESTIONS.read, ANSWERS.read):
        with pytest.raises(ValueError):
            read(written)


def test_the_largest_letter_has_room_in_a_packet() -> None:
    content = (b"x" * 998 + b"\r\n") * (MOST_BODY // 1000)
    ca, to = ("A" * 64 + "\n") * (MOST_CA // 65), tuple(f"{'x' * 60}{number}@example.org" for number in range(MOST_RECIPIENTS))
    assert (
        len(QUESTIONS.write(replace(LETTER, content=content, ca=ca, recipients=to, addresses=("10.1.2.0/24",) * 64))) <= MAX_BODY
    )
