# SPDX-License-Identifier: Apache-2.0
"""Says a record in the words of the Open Cybersecurity Schema Framework (OCSF).

A record becomes an event of one of four classes: what a person proves (Authentication), what rights somebody gets and loses
(Authorize Session), what happens to processes (Process Activity), and everything else (Entity Management). The record in jitd's
own form stands whole in ``unmapped``, so ``jitd audit verify`` can check a copy in this form, too.
Law: pure. Every record has an event, whatever is in it: a part that is hidden, forgotten or of another type than expected is left
out, and is not guessed. An event has no control character, and is ASCII.
Source: github.com/ocsf/ocsf-schema, version 1.8.0. tests/audit/ocsf contains the files by which the tests check all this.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from jitd.audit.events import EVENTS, topic_of
from jitd.audit.forms import Record
from jitd.core.wording import INSTEAD

VERSION = "1.8.0"  # the version of OCSF
LONGEST_MESSAGE = 500
UNKNOWN, SUCCESS, FAILURE, OTHER = 0, 1, 2, 99
STATUS = {UNKNOWN: "Unknown", SUCCESS: "Success", FAILURE: "Failure", OTHER: "Other"}
SEVERITY = {0: 6, 1: 5, 2: 5, 3: 4, 4: 3, 5: 2, 6: 1, 7: 1}  # maps a severity of syslog to a `severity_id`
SEVERITY_NAMES = {1: "Informational", 2: "Low", 3: "Medium", 4: "High", 5: "Critical", 6: "Fatal"}
BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
_ALONE = re.compile(r"[\ud800-\udfff]")  # half of a character. Many receivers take no JSON that has one


@dataclass(frozen=True, slots=True)
class Class:
    """A class of events. ``activities`` maps an ``activity_id`` to its caption. An event that has none of them has OTHER, and its
    own name as the caption.
    """

    uid: int
    name: str
    category: int
    category_name: str
    activities: Mapping[int, str]


_IAM, _SYSTEM = (3, "Identity & Access Management"), (1, "System Activity")
AUTHENTICATION = Class(3002, "Authentication", *_IAM, {1: "Logon", 2: "Logoff"})
AUTHORIZE_SESSION = Class(3003, "Authorize Session", *_IAM, {1: "Assign Privileges"})
ENTITY_MANAGEMENT = Class(
    3004,
    "Entity Management",
    *_IAM,
    {1: "Create", 2: "Read", 3: "Update", 4: "Delete", 8: "Enable", 9: "Disable", 10: "Activate", 11: "Deactivate"},
)
PROCESS_ACTIVITY = Class(1007, "Process Activity", *_SYSTEM, {1: "Launch", 2: "Terminate"})
CLASSES = {one.name: one for one in (AUTHENTICATION, AUTHORIZE_SESSION, ENTITY_MANAGEMENT, PROCESS_ACTIVITY)}


def class_of(name: str) -> Class:
    return CLASSES[topic_of(name).ocsf]


def line(record: Record, severity: int) -> str:
    """Return ``record`` as one line of JSON in ASCII. ``severity`` is that of syslog (RFC 5424, table 2)."""
    return json.dumps(event(record, severity), separators=(",", ":")).replace("\x7f", "\\u007f")


def event(record: Record, severity: int) -> dict[str, Any]:
    """Return ``record`` as an event of OCSF. ``severity`` is that of syslog (RFC 5424, table 2)."""
    told = _Told(record)
    kind = class_of(told.name)
    row = EVENTS.get(told.name)
    activity = OTHER if row is None else next((id for id, caption in kind.activities.items() if caption == row.ocsf), OTHER)
    found = {
        "class_uid": kind.uid,
        "class_name": kind.name,
        "category_uid": kind.category,
        "category_name": kind.category_name,
        "activity_id": activity,
        "activity_name": kind.activities.get(activity, told.name),
        "type_uid": kind.uid * 100 + activity,
        "time": told.time("at", told.whole) or 0,
        "severity_id": SEVERITY[severity],
        "severity": SEVERITY_NAMES[SEVERITY[severity]],
        **_status(told),
        "message": told.message(),
        "metadata": _metadata(told),
        "device": {"hostname": record.host, "type_id": UNKNOWN, "type": "Unknown"},
        "actor": {"user": _user(told.actor, told.whole.get("uid"))},
        **_PARTS[kind.uid](told),
        "unmapped": json.loads(record.line()),
    }
    return {name: part for name, part in found.items() if part is not None}


class _Told:
    """The parts of a record that can be told. A part that is hidden, or of another type, is None."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.whole = record.told
        self.detail = _table(record.told.get("detail"))
        self.about = _table(record.about)
        self.name = self.text("event", self.whole) or "unknown"
        self.id = self.text("id", self.whole)
        self.actor = self.text("actor", self.whole) or "unknown"
        self.state = self.text("state", self.whole)

    def text(self, name: str, table: Mapping[str, Any]) -> str | None:
        """Return the member ``name`` of ``table`` if it is a text that says something. A word such as ``‹hidden›`` stands for a
        part that is not shown, unless somebody has typed this word.
        """
        value = table.get(name)
        if type(value) is not str or not value:
            return None
        if value in INSTEAD and all(said.value != value for said in self.record.values):
            return None
        return _ALONE.sub("\ufffd", value)

    def time(self, name: str, table: Mapping[str, Any]) -> int | None:
        """Return the time ``name`` in milliseconds since 1970."""
        try:
            return (datetime.fromisoformat(str(table.get(name))) - BEGIN) // timedelta(milliseconds=1)
        except (TypeError, ValueError, OverflowError):  # TypeError: without a time zone
            return None

    def message(self) -> str:
        about = "" if self.id is None else f" {self.id}"
        return f"{self.name}{about} by {self.actor}"[:LONGEST_MESSAGE]

    def requester(self) -> str:
        return self.text("requester", self.about) or self.text("holder", self.detail) or self.actor


def _metadata(told: _Told) -> dict[str, Any]:
    record = told.record
    return {
        "version": VERSION,
        "product": {"name": "jitd", "vendor_name": "jitd"},
        "profiles": ["host"],
        "uid": f"{record.host}/{record.number}",
        "sequence": record.number,
        "event_code": told.name,
        "log_name": "jitd",
        "log_format": Record.FORM,
        **({} if told.id is None else {"correlation_uid": told.id.partition(".")[0]}),
        **({} if (at := told.text("at", told.whole)) is None else {"original_time": at}),
    }


def _status(told: _Told) -> dict[str, Any]:
    why = told.text("because", told.detail) or told.text("why", told.detail)
    status, name = SUCCESS, ""
    row, is_request = EVENTS.get(told.name), told.name.partition(".")[0] == "request"
    if (row is not None and row.is_failure) or (is_request and told.state in ("denied", "expired")):
        status = FAILURE
    elif is_request and told.state != "approved":
        status, name = OTHER, told.state or ""
    detail = {} if why is None else {"status_detail": why}
    code = {} if told.state is None else {"status_code": told.state}
    return {"status_id": status, "status": name or STATUS[status], **code, **detail}


def _user(principal: str, uid: object = None) -> dict[str, Any]:
    name, _, realm = principal.rpartition("@")
    domain = {"domain": realm} if name and realm else {}
    return {"name": principal, **domain, **({"uid": str(uid)} if type(uid) is int else {})}


def _authentication(told: _Told) -> dict[str, Any]:
    return {
        "user": _user(told.text("person", told.detail) or told.actor),
        "service": {"name": "jitd"},
        "auth_protocol_id": OTHER,
        "auth_protocol": "local password",
    }


def _authorize_session(told: _Told) -> dict[str, Any]:
    ends = told.time("ends_at", told.detail) or told.time("until", told.detail)
    account = told.text("run_as", told.about)
    thing = told.text("thing", told.detail)
    what = thing or (None if account is None else f"run as {account}") or told.name.partition(".")[0]
    session = {"uid": told.id or told.name, **({} if ends is None else {"expiration_time": ends})}
    return {"user": _user(told.requester()), "privileges": [what], "session": session}


def _process_activity(told: _Told) -> dict[str, Any]:
    pid, number = told.detail.get("pid"), told.detail.get("number")
    account = told.text("run_as", told.about)
    process = {
        "uid": told.id or told.name,
        **({"pid": pid} if _is_small(pid) else {}),
        **({} if account is None else {"user": {"name": account}}),
    }
    exited = told.detail.get("ending") == "exited" and _is_small(number)
    return {"process": process, **({"exit_code": number} if exited else {})}


def _entity_management(told: _Told) -> dict[str, Any]:
    life = told.name.partition(".")[0]
    names = ("name", "service", "thing", "sink", "run", "person")
    name = next((found for one in names if (found := told.text(one, told.detail)) is not None), None)
    rule = told.text("rule", told.about) or told.text("rule", told.detail)
    requester = told.text("requester", told.about)
    entity = {
        "uid": told.id or told.name,
        "type_id": OTHER,
        "type": life,
        **({} if name is None else {"name": name}),
        **({} if rule is None else {"policy": {"name": rule}}),
        **({} if requester is None else {"user": _user(requester)}),
    }
    comment = told.text("comment", told.detail) or told.text("reason", told.detail)
    return {"entity": entity, **({} if comment is None else {"comment": comment})}


_PARTS = {
    AUTHENTICATION.uid: _authentication,
    AUTHORIZE_SESSION.uid: _authorize_session,
    PROCESS_ACTIVITY.uid: _process_activity,
    ENTITY_MANAGEMENT.uid: _entity_management,
}


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_small(value: object) -> bool:
    """True if ``value`` is a number that an integer_t of OCSF can have (32 bits)."""
    return type(value) is int and -(2**31) <= value < 2**31
