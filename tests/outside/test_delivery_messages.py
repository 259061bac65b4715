# SPDX-License-Identifier: Apache-2.0
"""What the daemon and jitd-outside say to each other about sinks: frozen bytes, read strictly."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd_outsiders.outside import deliveries
from jitd_outsiders.outside.deliveries import Deliver, Delivered, Event, Https, Lines, Syslog
from jitd_outsiders.outside.questions import ANSWERS, QUESTIONS

GOLDEN = Path(__file__).parent / "golden_deliveries"
CA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
EVENTS = (
    Event(7, "2026-11-26T20:58:14.123456+00:00", "request.submitted", 5, '{"form":"jitd record 1","number":7}'),
    Event(8, "2026-11-26T20:58:15+00:00", "request.denied", 4, '{"form":"jitd record 1","number":8}'),
    Event(8, "2026-11-26T20:58:16Z", "checkpoint", 6, '{"form":"jitd checkpoint 1","number":8}'),
)
TLS = Syslog("tls", "logs.example.org", 6514, addresses=("10.1.2.0/24",), ca=CA, certificate="client.pem", longest=65_536)
LOCAL = Syslog("unix", path="/dev/log", facility="local3")
ASKED = {
    "tls": Deliver(TLS, "siem", "db1.example.org", EVENTS, 20_000),
    "unix": Deliver(LOCAL, "journal", "db1.example.org", EVENTS[:1], 1),
    "lines": Deliver(Lines("record.jsonl", 1 << 20, 9), "copy", "db1.example.org", EVENTS, 5_000),
    "https": Deliver(
        Https("https://hec.example.org/services/collector/event", "splunk", "Splunk", "hec.token"), "hec", "db1", (), 9
    ),
}
SAID = {
    "delivered": Delivered(3),
    "refused": Delivered(3, ((1, "the server will never take it: it is too long"),)),
    "later": Delivered(1, (), "the server is busy", 30),
    "new": Delivered(0, is_new=True),
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


@pytest.mark.parametrize(
    "wrong",
    [
        replace(LOCAL, path=""),
        replace(LOCAL, path="/dev/../etc"),
        replace(LOCAL, path="dev/log"),
        replace(LOCAL, host="logs.example.org", port=514),
        replace(LOCAL, facility="local8"),
        replace(TLS, host=""),
        replace(TLS, port=0),
        replace(TLS, transport="udp"),
        replace(TLS, longest=100),
        replace(TLS, addresses=("everything",)),
        replace(TLS, certificate="../key"),
        Lines(""),
        Lines("../record"),
        Lines(".hidden"),
        Lines("a/b"),
        Lines("a\n"),
        Https("http://hec.example.org/", "splunk"),
        Https("https://hec.example.org/", "xml"),
        Https("https://hec.example.org/", "lines", "Digest"),
        Https("https://hec.example.org/", "lines", "Bearer", "/etc/shadow"),
    ],
    ids=repr,
)
def test_a_destination_that_has_another_form_is_not_written(wrong: deliveries.Destination) -> None:
    with pytest.raises(ValueError, match=r"."):
        QUESTIONS.write(replace(ASKED["tls"], destination=wrong))


@pytest.mark.parametrize(
    "wrong",
    [
        replace(EVENTS[0], text=""),
        replace(EVENTS[0], text='{"a":"\n"}'),
        replace(EVENTS[0], text='{"a":"\x7f"}'),
        replace(EVENTS[0], text='{"a":"‮"}'),
        replace(EVENTS[0], text="x" * deliveries.MOST_TEXT),
        replace(EVENTS[0], name="Request"),
        replace(EVENTS[0], name="request denied"),
        replace(EVENTS[0], name="x" * 33),
        replace(EVENTS[0], at="now"),
        replace(EVENTS[0], at="2026-11-26T20:58:14\n"),
        replace(EVENTS[0], severity=8),
        replace(EVENTS[0], number=-1),
    ],
    ids=lambda event: repr(event)[:120],
)
def test_an_event_that_has_another_form_is_not_written(wrong: Event) -> None:
    """THREATS L-01."""
    with pytest.raises(ValueError, match=r"."):
        QUESTIONS.write(replace(ASKED["tls"], events=(wrong,)))


def test_a_batch_is_limited_and_in_order() -> None:
    question = ASKED["lines"]
    whole = replace(question, events=(EVENTS[0],) * deliveries.MOST_EVENTS)
    assert QUESTIONS.read(QUESTIONS.write(whole)) == whole
    most = replace(question, events=(replace(EVENTS[0], text="x" * (deliveries.MOST_TEXT - 1)),))
    assert QUESTIONS.read(QUESTIONS.write(most)) == most
    for events in ((EVENTS[0],) * (deliveries.MOST_EVENTS + 1), (EVENTS[1], EVENTS[0])):
        with pytest.raises(ValueError, match="events"):
            QUESTIONS.write(replace(question, events=events))


def test_the_largest_batch_with_the_largest_settings_fits_into_a_packet() -> None:
    ca = "x" * 32 * 1024
    heads = [replace(EVENTS[0], number=2**53 - 1, name="n" * 32, text="t" * 511)] * deliveries.MOST_EVENTS
    settings = replace(TLS, host="h" * 253, ca=ca, addresses=("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff/128",) * 64)
    question = Deliver(settings, "s" * 64, "h" * 253, tuple(heads), 120_000)
    assert QUESTIONS.read(QUESTIONS.write(question)) == question


@pytest.mark.parametrize(
    "wrong",
    [
        Delivered(1, ((1, "no"),)),
        Delivered(3, ((1, "no"), (1, "no"))),
        Delivered(3, ((2, "no"), (1, "no"))),
        Delivered(3, ((2, ""),)),
        Delivered(1, is_new=True),
        Delivered(0, why="broken", is_new=True),
        Delivered(0, why="a\nb"),
        Delivered(0, why="later", retry_after=-1),
    ],
    ids=repr,
)
def test_an_answer_that_contradicts_itself_is_not_written(wrong: Delivered) -> None:
    with pytest.raises(ValueError, match=r"."):
        ANSWERS.write(wrong)


@pytest.mark.parametrize("name", ASKED)
def test_every_field_is_needed_and_no_other_is_read(name: str) -> None:
    fields = json.loads((GOLDEN / f"{name}.json").read_bytes())
    for field in fields:
        less = {other: value for other, value in fields.items() if other != field}
        with pytest.raises(ValueError, match=r"."):
            QUESTIONS.read(json.dumps(less).encode())
    with pytest.raises(ValueError, match="its fields are"):
        QUESTIONS.read(json.dumps({**fields, "more": 1}).encode())


@given(st.binary(max_size=300))
def test_bytes_are_read_or_refused(written: bytes) -> None:
    for read in (QUESTIONS.read, ANSWERS.read):
        with pytest.raises(ValueError, match=r"."):
            read(written)
