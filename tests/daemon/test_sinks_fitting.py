# SPDX-License-Identifier: Apache-2.0
"""However long a record is, and however little a sink takes, it is told what happened, who asked, by which rule and where."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.audit import forms
from jitd.audit.forms import Record
from jitd_outsiders.outside.deliveries import LONGEST_HEADER, LONGEST_MESSAGE, SHORTEST_MESSAGE, Event, Https, Lines, Syslog
from jitd_outsiders.outside.sinks import kind_of
from jitd_outsiders.outside.syslog import is_too_long
from jitd_sinks import ocsf
from jitd_sinks.sinks.fitting import brief, fitting, too_long
from tests.audit.ocsf_schema import faults

HOST = "db1.example.test"
FORMS = {"jitd": Record.line, "ocsf": partial(ocsf.line, severity=6)}
LONG = st.tuples(st.text(min_size=1, max_size=8), st.integers(1, 3000)).map(lambda made: made[0] * made[1])
MANY = st.tuples(st.text(max_size=8), st.integers(1, 3000)).map(lambda made: [made[0]] * made[1])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | LONG | MANY,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner, max_size=5),
    max_leaves=8,
)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=100)
EVENTS = st.sampled_from(["request.submitted", "request.screened", "grant.issued", "run.ended", "lock.placed", "proof.failed"])


def record(event: str, who: str, rule: str, told: dict[str, Any], about: dict[str, Any] | None) -> Record:
    whole = {**told, "event": event, "at": "2026-01-31T12:00:00.000000Z", "actor": f"{who}@EXAMPLE.TEST", "id": "AAAA-AAAA"}
    its = None if about is None else {**about, "requester": f"{who}@EXAMPLE.TEST", "rule": rule}
    return Record(HOST, 7, bytes(32), b"", whole, (), its, hashlib.sha256(b"x").digest())


def room_of(to: Any) -> int:
    return kind_of(to).room(to)


SINKS = (
    st.integers(SHORTEST_MESSAGE, LONGEST_MESSAGE).map(lambda longest: Syslog("unix", path="/dev/log", longest=longest))
    | st.integers(SHORTEST_MESSAGE, LONGEST_MESSAGE).map(lambda longest: Syslog("tcp", "siem.example.test", 514, longest=longest))
    | st.just(Lines("record.jsonl"))
    | st.just(Https("https://siem.example.test/", "splunk"))
)


@pytest.mark.parametrize("shorten", [fitting, brief], ids=["fitting", "brief"])
@pytest.mark.parametrize("form", FORMS)
@given(
    event=EVENTS,
    who=NAMES,
    rule=NAMES,
    told=st.dictionaries(st.sampled_from(["detail", "state", "uid", "role", "x", "policy"]), JSON),
    about=st.none() | st.dictionaries(st.sampled_from(["run_as", "grade", "y"]), JSON),
    to=SINKS,
)
def test_whatever_the_record_and_the_sink_what_is_sent_fits_and_says_what_who_by_which_rule_and_where(
    shorten: Any, form: str, event: str, who: str, rule: str, told: dict[str, Any], about: dict[str, Any] | None, to: Any
) -> None:
    """THREATS L-31."""
    made = record(event, who, rule, told, about)
    text = shorten(made, FORMS[form], room_of(to))
    assert len(text) <= room_of(to) and text.isascii() and text.isprintable()
    if isinstance(to, Syslog):
        assert not is_too_long(Event(7, made.told["at"], event, 6, text), to, HOST)
    line = forms.find(text)
    assert isinstance(line, Record)
    assert (line.host, line.number, line.digest) == (HOST, 7, made.digest)
    assert (line.told["event"], line.told["actor"]) == (event, f"{who}@EXAMPLE.TEST")
    if about is not None:
        assert line.about is not None and (line.about["requester"], line.about["rule"]) == (f"{who}@EXAMPLE.TEST", rule)
    if json.loads(text).get("form") != Record.FORM:
        assert faults(json.loads(text)) == []


def test_what_fits_is_not_changed() -> None:
    made = record("request.submitted", "alice", "dba", {"detail": {"reason": "x" * 500}}, {"run_as": "root"})
    assert fitting(made, Record.line, 65_535) == made.line()


def test_the_longest_text_goes_first_and_alone() -> None:
    words = ["/usr/bin/echo", "x" * 5000, "y" * 300]
    made = record("request.submitted", "alice", "dba", {"detail": {"argv": words, "reason": "nightly"}}, None)
    told = json.loads(fitting(made, Record.line, 4000))
    assert told["detail"] == {"argv": ["/usr/bin/echo", too_long("x" * 5000), "y" * 300], "reason": "nightly"}
    digest = hashlib.sha256(b"x" * 5000).hexdigest()
    assert told["detail"]["argv"][1] == f"‹too long› sha256:{digest}"


def test_of_many_short_words_the_list_goes() -> None:
    words = [f"{n:05}" for n in range(3000)]
    made = record("request.submitted", "alice", "dba", {"detail": {"argv": words, "reason": "nightly"}}, None)
    told = json.loads(fitting(made, Record.line, SHORTEST_MESSAGE - LONGEST_HEADER))
    assert told["detail"] == {"argv": too_long(words), "reason": "nightly"}
