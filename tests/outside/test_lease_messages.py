# SPDX-License-Identifier: Apache-2.0
"""What the daemon and jitd-outside say to each other about leases: frozen bytes, read strictly."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd_outsiders.outside.leases import Begin, Begun, End, Lease, Leased, Look, Looked, Over, Refused, Server, Sign, Signed
from jitd_outsiders.outside.messages import Answer, Question
from jitd_outsiders.outside.questions import ANSWERS, QUESTIONS

GOLDEN = Path(__file__).parent / "golden_leases"
SERVER = Server("https://vault.example.org:8200/", "vault.token")
WHOLE = Server(
    "https://vault.example.org/",
    "vault.token",
    namespace="team/app",
    addresses=("10.1.2.0/24", "fd00::/8"),
    ca="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    certificate="client.pem",
)
ASKED: dict[str, Question] = {
    "begin": Begin(WHOLE, "K7QM-2XVD.2", "alice", 3600, 20_000),
    "lease": Lease(SERVER, "B6oixijqmeR4bsLOJH88Ska9", "database/creds/reporting", (), 20_000),
    "lease_with": Lease(SERVER, "x", "pki/issue/web", (("common_name", "a b"), ("format", "pem")), 1),
    "sign": Sign(SERVER, "ssh/sign/ops", (("valid_principals", "ops"),), "ssh-ed25519 AAAA", 600, 20_000),
    "end": End(SERVER, "x", "database/creds/reporting/2f6a614c", 20_000),
    "end_unknown": End(SERVER, "x", "", 120_000),
    "look": Look(SERVER, "database/creds/reporting/2f6a614c", 20_000),
}
SAID: dict[str, Answer] = {
    "begun": Begun("B6oixijqmeR4bsLOJH88Ska9"),
    "leased": Leased("database/creds/reporting/2f6a614c", 3600),
    "signed": Signed(1_767_225_600),
    "over": Over(),
    "looked": Looked(False),
    "refused": Refused("the server does not permit it"),
}


@pytest.mark.parametrize("name", ASKED)
def test_a_question_has_the_bytes_that_it_has_always_had(name: str) -> None:
    frozen = (GOLDEN / f"{name}.json").read_bytes()
    assert QUESTIONS.write(ASKED[name]) == frozen
    assert QUESTIONS.read(frozen) == ASKED[name]


@pytest.mark.parametrize("name", SAID)
def test_an_answer_has_the_bytes_that_it_has_always_had(name: str) -> None:
    frozen = (GOLDEN / f"{name}.json").read_bytes()
    assert ANSWERS.write(SAID[name]) == frozen
    assert ANSWERS.read(frozen) == SAID[name]


def test_every_frozen_message_is_tried() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == ASKED.keys() | SAID.keys()


@pytest.mark.parametrize("name", SAID)
def test_a_descriptor_belongs_to_what_was_given_and_to_nothing_else(name: str) -> None:
    frozen = (GOLDEN / f"{name}.json").read_bytes()
    answer = SAID[name]
    if isinstance(answer, Leased | Signed):
        assert ANSWERS.read(frozen, 7) == replace(answer, secret=7)
    else:
        with pytest.raises(ValueError):
            ANSWERS.read(frozen, 7)


BEGIN = json.loads(QUESTIONS.write(Begin(SERVER, "K7QM-2XVD", "alice", 3600, 20_000)))
LEASE = json.loads(QUESTIONS.write(ASKED["lease"]))
SIGN = json.loads(QUESTIONS.write(ASKED["sign"]))


@pytest.mark.parametrize(
    "change",
    [
        {"do": "fetch"}, {"do": None}, {"more": 1}, {"url": "http://vault.example.org/"}, {"url": "https://vault.example.org/v1"},
        {"url": "https://vault.example.org"}, {"url": "https://a@b/"}, {"url": "https://vault.example.org/?x"}, {"token": ""},
        {"token": "../x"}, {"token": "x\n"}, {"namespace": "/x"}, {"namespace": "a/../b"}, {"namespace": "a\r\nX: y"},
        {"addresses": ["x"]}, {"addresses": "10.0.0.0/8"}, {"certificate": "/x"}, {"ca": "\0"}, {"seconds": 0}, {"seconds": -1},
        {"seconds": True}, {"seconds": 1.5}, {"seconds": 10**10}, {"deadline_ms": 0}, {"deadline_ms": 120_001},
        {"holding": "x"}, {"holding": "K7QM-2XVD.0"}, {"holding": "K7QM-2XVD\n"}, {"account": ""}, {"account": "a b"},
        {"account": "al\n"},
    ],
)  # fmt: skip
def test_a_question_for_a_token_that_is_not_exactly_as_declared_is_not_read(change: dict[str, object]) -> None:
    assert QUESTIONS.read(json.dumps(BEGIN).encode())
    with pytest.raises(ValueError):
        QUESTIONS.read(json.dumps({**BEGIN, **change}).encode())


@pytest.mark.parametrize(
    "path",
    [
        "", "database", "/database/creds", "database/", "database//creds", "../x", "a/..", "a/./b", "a/../b", "sys/seal",
        "auth/x/y", "a/b?x", "a/b#x", "a/b%2e", "a/b\n", "a/b c", "a/\u00e4", "a/" + "b" * 65, "a" + "/b" * 16, 7, None,
    ],
)  # fmt: skip
def test_a_path_that_may_lead_elsewhere_is_not_read(path: object) -> None:
    assert QUESTIONS.read(json.dumps({**LEASE, "path": "sysx/..a/b"}).encode())
    with pytest.raises(ValueError):
        QUESTIONS.read(json.dumps({**LEASE, "path": path}).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": {"ttl": "9999h"}}, {"parameters": {"public_key": "x"}}, {"parameters": {"cert_type": "host"}},
        {"parameters": {"A": "x"}}, {"parameters": {"a": 1}}, {"parameters": {"a": "x\n"}}, {"parameters": []},
        {"parameters": {"b": "x", "a": "x"}}, {"parameters": {f"a{n:02}": "x" for n in range(17)}}, {"parameters": {"a": ""}},
        {"key": ""}, {"key": "ssh-ed25519"}, {"key": "ssh-ed25519 AAAA comment"}, {"key": "ssh-ed25519 AAAA\n"},
    ],
)  # fmt: skip
def test_what_is_signed_and_for_how_long_is_no_parameter(change: dict[str, object]) -> None:
    """THREATS Q-18."""
    assert QUESTIONS.read(json.dumps(SIGN).encode())
    with pytest.raises(ValueError):
        QUESTIONS.read(json.dumps({**SIGN, **change}).encode())


@pytest.mark.parametrize(
    "written",
    [
        b"", b"[]", b"{}", b'{"said":"leased","lease":"a b","seconds":1}', b'{"said":"leased","lease":"a","seconds":0}',
        b'{"said":"leased","lease":"","seconds":1}', b'{"said":"over","more":1}', b'{"said":"looked","stands":1}',
        b'{"said":"refused","why":""}', b'{"said":"begun","accessor":"a b"}', b'{"said":["over"]}', b'{"said":"over"} {}',
    ],
)  # fmt: skip
def test_an_answer_that_is_not_exactly_as_declared_is_not_read(written: bytes) -> None:
    with pytest.raises(ValueError):
        ANSWERS.read(written)


@given(st.binary(max_size=300) | st.sampled_from([*ASKED]).map(lambda name: (GOLDEN / f"{name}.json").read_bytes()[:-1]))
def test_whatever_the_bytes_are_only_valueerror_is_raised(written: bytes) -> None:
    for read in (QUESTIONS.read, ANSWERS.read):
        with pytest.raises(ValueError):
            read(written)
