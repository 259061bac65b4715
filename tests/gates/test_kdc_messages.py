# SPDX-License-Identifier: Apache-2.0
"""What the daemon and jitd-kdc say to each other: frozen bytes, read strictly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jitd.kdc.names import LONGEST_NAME
from jitd_gates import messages
from jitd_gates.messages import ANSWERS, REQUESTS, Done, Failed, Give, Grants, Look, Refused, Take, Tried, Try
from jitd_gates.strings import OFF, Grant, Sighting
from jitpam.wire.declared import sentence

GOLDEN = Path(__file__).parent / "golden"
SERVICE, CLIENT = "postgres/db1.lab.example.test@EXAMPLE.TEST", "alice@EXAMPLE.TEST"
MESSAGES = {
    "give": Give("K7QM2XVD", SERVICE, 1790000000, CLIENT),
    "take": Take("K7QM2XVD.2", SERVICE),
    "look": Look(SERVICE),
    "try": Try(("jitd-canary/lab.example.test@EXAMPLE.TEST", SERVICE)),
    "tried": Tried((Sighting("kdc1.example.test:88", SERVICE, OFF, "it gave a ticket that nobody has granted"),)),
    "done": Done(),
    "grants": Grants("required", ("lab.example.test", "db1.lab.example.test"), (Grant("K7QM2XVD", 1790000000, CLIENT),)),
    "ungated": Grants("", (), ()),
    "refused": Refused("postgres/db1 is not gated"),
    "failed": Failed("kadmind is silent"),
}
GIVE = {"do": "give", "id": "K7QM2XVD", "service": SERVICE, "end": 1790000000, "client": CLIENT, "renews": False}
GRANTS = {"said": "grants", "approval": "required", "granted_by": ["h.x"], "grants": [["K7QM2XVD", 1, CLIENT]]}


def write(message: messages.Request | messages.Answer) -> bytes:
    return REQUESTS.write(message) if isinstance(message, messages.Request) else ANSWERS.write(message)


def read(packet: bytes) -> object:
    return REQUESTS.read(packet) if b'"do"' in packet else ANSWERS.read(packet)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_has_the_bytes_that_it_has_always_had(name: str) -> None:
    frozen = (GOLDEN / f"{name}.json").read_bytes()
    assert write(MESSAGES[name]) == frozen
    assert read(frozen) == MESSAGES[name]


def test_every_kind_of_message_is_frozen() -> None:
    assert {type(message) for message in MESSAGES.values()} == {*messages.Request.__args__, *messages.Answer.__args__}
    assert {file.stem for file in GOLDEN.iterdir()} == MESSAGES.keys()


@pytest.mark.parametrize(
    "change",
    [
        {"do": "revoke"}, {"do": None}, {"do": "done"}, {"more": 1},
        {"id": "k7qm2xvd"}, {"id": "K7QM-2XVD"}, {"id": "K7QM2XVI"}, {"id": "K7QM2XVD."}, {"id": "K7QM2XVD.0"},
        {"id": "K7QM2XVD.01"}, {"id": "K7QM2XVD.1234567890"}, {"id": "K7QM2XVD\n"}, {"id": ""}, {"id": 1},
        {"service": "postgres/db1"}, {"service": "@EXAMPLE.TEST"}, {"service": "postgres@"}, {"service": "a@B@C"},
        {"service": "a\n@B"}, {"service": "a\0@B"}, {"service": "a\\"}, {"service": "a@B\\"}, {"service": ["a@B"]},
        {"service": "a" * LONGEST_NAME + "@B"}, {"service": "\ud800@B"},
        {"end": "1790000000"}, {"end": 1790000000.0}, {"end": -1}, {"end": 0}, {"end": 10**11}, {"end": True}, {"end": None},
        {"client": ""}, {"client": "alice"}, {"renews": 0}, {"renews": None}, {"renews": "false"},
    ],
    ids=str,
)  # fmt: skip
def test_a_request_that_is_not_exactly_as_declared_is_not_read(change: dict[str, object]) -> None:
    """THREATS T-09."""
    assert REQUESTS.read(json.dumps(GIVE).encode()) == MESSAGES["give"]
    with pytest.raises(ValueError):
        REQUESTS.read(json.dumps(GIVE | change).encode())


@pytest.mark.parametrize("field", GIVE)
def test_a_request_that_lacks_a_field_is_not_read(field: str) -> None:
    with pytest.raises(ValueError):
        REQUESTS.read(json.dumps({name: value for name, value in GIVE.items() if name != field}).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"approval": None}, {"approval": "x" * 257}, {"approval": "a\nb"}, {"granted_by": "h.x"}, {"granted_by": ["H.x"]},
        {"granted_by": ["h"]},
        {"granted_by": ["h.x h.x"]}, {"granted_by": ["h.x"] * 1001}, {"grants": [["K7QM2XVD", 1]]}, {"grants": {"a": 1}},
        {"grants": [["K7QM2XVD", "1", CLIENT]]}, {"grants": [["K7QM2XVD", 1, CLIENT]] * 2001}, {"why": "x"},
        {"said": "give"}, {"said": "done"},
    ],
    ids=lambda change: str(change)[:60],
)  # fmt: skip
def test_an_answer_that_is_not_exactly_as_declared_is_not_read(change: dict[str, object]) -> None:
    ANSWERS.read(json.dumps(GRANTS).encode())
    with pytest.raises(ValueError):
        ANSWERS.read(json.dumps(GRANTS | change).encode())


TRIED = {"said": "tried", "sightings": [["kdc", SERVICE, "on", "it refused"]]}


@pytest.mark.parametrize(
    "sightings",
    [
        None, {}, ["a"], [["kdc", SERVICE, "on"]], [["kdc", SERVICE, "on", "it refused", ""]], [["kdc", SERVICE, "ON", "x"]],
        [["kdc", SERVICE, "", "x"]], [["kdc", SERVICE, ["on"], "x"]], [["kdc", "postgres", "on", "x"]], [[1, SERVICE, "on", "x"]],
        [["a\nb", SERVICE, "on", "x"]], [["kdc", SERVICE, "on", ""]],
    ],
    ids=lambda sightings: str(sightings)[:60],
)  # fmt: skip
def test_a_sighting_that_is_not_exactly_as_declared_is_not_read(sightings: object) -> None:
    ANSWERS.read(json.dumps(TRIED).encode())
    with pytest.raises(ValueError):
        ANSWERS.read(json.dumps(TRIED | {"sightings": sightings}).encode())


def test_more_services_than_an_answer_has_room_for_are_not_tried() -> None:
    write(Try((SERVICE,) * messages.MOST_TRIED))
    with pytest.raises(ValueError):
        write(Try((SERVICE,) * (messages.MOST_TRIED + 1)))


@pytest.mark.parametrize(
    "packet",
    [
        b"", b"null", b"[]", b"{}", b"\xff", b'{"do":"look"', b'{"do":"look","service":"a@B"}{}', b"[" * 60_000,
        b'{"do":"look","do":"look","service":"a@B"}', '{"do":"look","service":"\u00e4@B"}'.encode(),
        b'{"do":"look","service":"a@B"}' + b" " * 65_536, b'{"do":{},"service":"a@B"}', b'{"do":"give","end":1e9}',
    ],
    ids=lambda packet: repr(packet)[:40],
)  # fmt: skip
def test_bytes_that_are_not_a_message_are_a_value_error(packet: bytes) -> None:
    for of in (REQUESTS.read, ANSWERS.read):
        with pytest.raises(ValueError):
            of(packet)


def test_a_message_that_could_not_be_read_is_not_written() -> None:
    with pytest.raises(ValueError):
        write(Give("no id", SERVICE, 1, CLIENT))
    with pytest.raises(ValueError):
        write(Refused("x" * 1001))


def test_a_sentence_is_made_fit_for_a_message() -> None:
    for text in ("", "a\nb", "\u00e4" * 2000, "x" * 5000):
        assert ANSWERS.read(write(Failed(sentence(text))))


def test_the_longest_list_of_grants_that_the_kdc_can_keep_has_room() -> None:
    """The KDC keeps 65,535 bytes of strings for a principal; a grant takes 33 there beside its client, and 27 here."""
    grants = tuple(Grant("K7QM2XVD", 1790000000, f"user{number:04}@EXAMPLE.TEST") for number in range(1_000))
    assert len(write(Grants("required", ("lab.example.test",), grants))) < messages.MAX_PACKET
