# SPDX-License-Identifier: Apache-2.0
"""Records in the words of OCSF, checked against the published schema."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitd.audit import forms
from jitd.audit.events import EVENTS
from jitd.audit.forms import Record, Said
from jitd.core.chain import canonical
from jitd_sinks import ocsf
from tests.audit.ocsf_schema import faults
from tests.outside.test_delivering import POISON
from tests.table import each_row

DETAIL: dict[str, Any] = {
    "argv": ["/usr/bin/id", "-u"], "reason": "disk full", "comment": "ok", "because": "the time is over", "pid": 4711,
    "number": 0, "ending": "exited",
    "holder": "alice@EXAMPLE.ORG", "uses": 1, "ends_at": "2026-11-26T21:58:14+00:00", "thing": "sudoers:docker",
    "to": "alice", "until": "2026-11-26T21:58:14+00:00", "whom": "person", "name": "alice@EXAMPLE.ORG", "lasts_for": 3600,
    "service": "jit/db1", "sink": "siem", "person": "alice", "rule": "dba", "verdict": "approve", "run": "K7QM-2XVD.1",
}  # fmt: skip
ABOUT = {"requester": "alice@EXAMPLE.ORG", "rule": "dba", "run_as": "root", "grade": "changes"}


def record(name: str, detail: Any = None, about: Any = ABOUT, **more: Any) -> Record:
    body = {
        "event": name, "id": "K7QM-2XVD.1", "at": "2026-11-26T20:58:14.123456+00:00", "boot": "1.000000", "boot_id": "x",
        "actor": "bob@EXAMPLE.ORG", "uid": 1001, "role": "approver", "state": "pending", "version": 1, "policy": "",
        "detail": detail or {}, **more,
    }  # fmt: skip
    sealed = canonical(body)
    said = (Said(hashlib.sha256(b"x").digest(), "reason", bytes(32), "disk full"),)
    return Record("db1.example.org", 7, hashlib.sha256(sealed).digest(), sealed, body, said, about)


def found(one: Record, severity: int = 6) -> dict[str, Any]:
    """The event of ``one``, which is valid."""
    text = ocsf.line(one, severity)
    assert text.isascii() and text.isprintable()
    event = json.loads(text)
    assert faults(event) == []
    assert isinstance(event, dict)
    return event


@pytest.mark.parametrize(("uid", "told"), [(1001, {"uid": "1001"}), (0, {"uid": "0"}), (None, {})])
def test_whoever_has_no_account_has_no_uid_there_either(uid: int | None, told: dict[str, str]) -> None:
    """THREATS L-36."""
    user = found(record("request.reviewed", DETAIL, uid=uid))["actor"]["user"]
    assert user == {"name": "bob@EXAMPLE.ORG", "domain": "EXAMPLE.ORG", **told}


@each_row("severity", range(8))
@each_row("name", sorted(EVENTS))
def test_every_event_of_the_record_is_one_of_the_published_schema(name: str, severity: int) -> None:
    for detail in ({}, DETAIL):
        for about in (None, ABOUT):
            found(record(name, detail, about), severity)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"time": None}, "time is required"),
        ({"time": "now"}, "not a number"),
        ({"severity_id": 9}, "severity_id is 9"),
        ({"status_id": 1}, "status is pending"),
        ({"entity": {"name": "x", "colour": "red"}}, "has no colour"),
        ({"entity": {"version": "1"}}, "needs one of"),
        ({"privileges": ["x"]}, "has no privileges"),
        ({"activity_id": 1, "type_uid": 300402}, "type_uid"),
        ({"class_uid": 3003}, "class_name"),
        ({"metadata": {"version": "1.7.0", "product": {"name": "jitd"}}}, "metadata.version"),
        ({"device": {"hostname": "db1"}}, "device.type_id is required"),
        ({"actor": {"user": {"uid": "1"}, "idp": "x"}}, "idp is not an object"),
        ({"comment": "\ud800"}, "not a text"),
    ],
)
def test_the_check_finds_what_is_wrong(change: dict[str, Any], fault: str) -> None:
    event = found(record("request.submitted", DETAIL)) | change
    assert any(fault in one for one in faults({name: part for name, part in event.items() if part is not None}))


def test_the_activity_of_every_event_is_one_of_its_class() -> None:
    for name, row in EVENTS.items():
        assert not row.ocsf or row.ocsf in ocsf.class_of(name).activities.values(), name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("proof.failed", {"class_uid": 3002, "type_uid": 300201, "status_id": 2, "user": {"name": "alice"}}),
        ("grant.issued", {"class_uid": 3003, "type_uid": 300301, "privileges": ["sudoers:docker"]}),
        (
            "holding.given",
            {"class_uid": 3003, "type_uid": 300301, "user": {"name": "alice@EXAMPLE.ORG", "domain": "EXAMPLE.ORG"}},
        ),
        ("grant.revoked", {"class_uid": 3003, "type_uid": 300399, "activity_name": "grant.revoked"}),
        ("request.submitted", {"class_uid": 3004, "type_uid": 300401, "status_id": 99, "status": "pending", "comment": "ok"}),
        ("lock.lifted", {"class_uid": 3004, "type_uid": 300404, "status_id": 1, "status_detail": "the time is over"}),
        ("run.started", {"class_uid": 1007, "type_uid": 100701}),
        ("run.ended", {"class_uid": 1007, "type_uid": 100702, "exit_code": 0}),
    ],
)
def test_what_an_event_says(name: str, expected: dict[str, Any]) -> None:
    event = found(record(name, DETAIL))
    assert {part: event[part] for part in expected} == expected
    assert event["time"] == 1795726694123 and event["metadata"]["uid"] == "db1.example.org/7"
    assert event["actor"] == {"user": {"name": "bob@EXAMPLE.ORG", "domain": "EXAMPLE.ORG", "uid": "1001"}}


@pytest.mark.parametrize(
    ("state", "status"), [("denied", 2), ("expired", 2), ("approved", 1), ("pending", 99), ("withdrawn", 99)]
)
def test_a_denied_request_has_failed(state: str, status: int) -> None:
    assert found(record("request.reviewed", {}, state=state))["status_id"] == status


def test_a_copy_in_this_form_has_the_whole_record_and_is_found_in_it() -> None:
    one = record("request.submitted", DETAIL)
    assert forms.find(ocsf.line(one, 5)) == one
    assert forms.find(f"<85>1 2026-11-26T20:58:14Z db1 jitd - request.submitted - {ocsf.line(one, 5)}") == one


@pytest.mark.parametrize("typed", ["‹disk full›", "‹›", "‹hidden› and more", "‹hidden›"])
def test_what_somebody_typed_is_told_however_it_looks(typed: str) -> None:
    """Else a reason could be kept out of a collector that reads the fields of its own form alone."""
    told = record("request.submitted", {"reason": typed})
    said = Said(hashlib.sha256(b"x").digest(), "reason", bytes(32), typed)
    event = found(replace(told, values=(said,)))
    assert event["comment"] == typed


def test_what_is_hidden_or_forgotten_is_left_out_and_not_told_as_a_name() -> None:
    """THREATS L-17."""
    hidden = dict.fromkeys(DETAIL, "‹hidden›")
    for name in EVENTS:
        event = found(record(name, hidden, dict.fromkeys(ABOUT, "‹forgotten›"), id="‹hidden›"))
        event.pop("unmapped")
        assert "\u2039" not in json.dumps(event, ensure_ascii=False)


@pytest.mark.parametrize("poison", POISON, ids=range(len(POISON)))
def test_a_poisoned_name_stays_in_its_place(poison: str) -> None:
    """THREATS L-17."""
    for name in EVENTS:
        plain = found(record(name, dict.fromkeys(DETAIL, "a"), dict.fromkeys(ABOUT, "a"), actor="a"))
        event = found(record(name, dict.fromkeys(DETAIL, poison), dict.fromkeys(ABOUT, poison), actor=poison))
        assert event.keys() == plain.keys()
        assert {part: event[part] for part in ("class_uid", "type_uid", "time", "severity_id", "metadata", "device")} == {
            part: plain[part] for part in ("class_uid", "type_uid", "time", "severity_id", "metadata", "device")
        }


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(EVENTS)) | st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.dictionaries(st.sampled_from(sorted(DETAIL)), ANYTHING, max_size=8),
    st.none() | st.dictionaries(st.sampled_from(sorted(ABOUT)), ANYTHING),
    st.dictionaries(st.sampled_from(["id", "at", "actor", "uid", "state", "detail", "event"]), ANYTHING),
)
def test_whatever_stands_in_a_record_has_a_valid_event(name: str, detail: Any, about: Any, more: Any) -> None:
    """THREATS L-17."""
    one = record(name, detail, about)
    found(replace(one, told={**one.told, **more}))
