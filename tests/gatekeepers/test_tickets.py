# SPDX-License-Identifier: Apache-2.0
"""The ticket check of contrib/gatekeepers, against servers that answer as ServiceNow's and Jira's REST interfaces do."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import urllib.parse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.gatekeepers.stage import CONTRIB, HOST, certificate, module, question, serving

SCRIPT, EXAMPLE = CONTRIB / "gatekeepers/tickets.py", CONTRIB / "gatekeepers/tickets.toml"
tickets = module("gatekeepers", "tickets")
serving_ = module("gatekeepers", "serving")
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def both(value: str, shown: str | None = None) -> dict[str, str]:
    """A field with sysparm_display_value=all."""
    return {"display_value": shown if shown is not None else value, "value": value}


CHANGE = {
    "number": both("CHG0030001"),
    "state": both("-1", "Implement"),
    "approval": both("approved", "Approved"),
    "start_date": both("2026-11-22 09:00:00", "2026-11-22 10:00:00"),
    "end_date": both("2026-11-22 12:00:00", "2026-11-22 13:00:00"),
    "assigned_to.user_name": both("alice"),
    "cmdb_ci.name": both("db1.example.org"),
}
ISSUE: dict[str, Any] = {
    "expand": "renderedFields,names,schema,operations,editmeta,changelog",
    "id": "10002",
    "self": "https://jira.example.org/rest/api/2/issue/10002",
    "key": "OPS-7",
    "fields": {
        "status": {"name": "In Progress", "id": "3", "statusCategory": {"key": "indeterminate", "name": "In Progress"}},
        "assignee": {
            "name": "alice",
            "key": "alice",
            "emailAddress": "alice@example.org",
            "displayName": "Alice",
            "active": True,
        },
    },
}
NOT_THERE = {"errorMessages": ["Issue does not exist or you do not have permission to see it."], "errors": {}}


class Trackers(ThreadingHTTPServer):
    """Answers as both do. ``changes`` and ``issues`` are what it has; ``asked`` is what was asked of it."""

    daemon_threads = True

    def __init__(self, pem: Path) -> None:
        super().__init__((HOST, 0), _Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.changes: list[dict[str, Any]] = [CHANGE]
        self.issues: dict[str, Any] = {"OPS-7": ISSUE}
        self.instead: tuple[int, dict[str, str], bytes] | None = None
        self.asked: list[tuple[str, str]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Trackers

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"]))
        target = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(target.query))
        if self.server.instead is not None:
            self._say(*self.server.instead)
        elif target.path == "/api/now/table/change_request":
            name, _, value = query["sysparm_query"].partition("=")
            fields = query["sysparm_fields"].split(",")
            rows = [change for change in self.server.changes if change[name]["value"] == value]
            assert query["sysparm_display_value"] == "all"
            self._say(200, {}, json.dumps({"result": [{field: row[field] for field in fields} for row in rows]}).encode())
        elif (issue := self.server.issues.get(target.path.removeprefix("/rest/api/2/issue/"))) is not None:
            self._say(200, {}, json.dumps(issue).encode())
        else:
            self._say(404, {}, json.dumps(NOT_THERE).encode())

    def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json", "Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def trackers(tmp_path: Path) -> Iterator[Trackers]:
    (tmp_path / "trackers").mkdir()
    pem = certificate(tmp_path / "trackers/pem")
    with Trackers(pem) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        (tmp_path / "snow").write_text("swordfish\n")
        url = f"https://{HOST}:{server.server_address[1]}"
        (tmp_path / "tickets.toml").write_text(
            f"[servicenow]\nurl = '{url}'\nnumbers = 'CHG[0-9]{{7}}'\nstates = ['Implement']\nuser = 'jit'\n"
            f"secret = '{tmp_path}/snow'\nca = '{pem}'\n"
            f"[jira]\nurl = '{url}/'\nnumbers = '(?:OPS|DBA)-[1-9][0-9]{{0,6}}'\nstates = ['In Progress', 'Review']\n"
            f"secret = '{tmp_path}/snow'\nca = '{pem}'\n"
        )
        yield server
        server.shutdown()
        thread.join()


def answer(tmp_path: Path, reason: str | None = "for CHG0030001", **more: object) -> dict[str, Any]:
    found: dict[str, Any] = tickets.make(tmp_path / "tickets.toml", lambda: NOW)(question(claims={"reason": reason}, **more))
    return found


def test_a_change_that_is_for_now_here_and_them_passes_until_its_end(trackers: Trackers, tmp_path: Path) -> None:
    assert answer(tmp_path) == {
        "nonce": "n-1", "fingerprint": "ab" * 32, "answer": "pass", "until": "2026-11-22T12:00:00Z", "mark": "CHG0030001",
    }  # fmt: skip
    ((target, authorization),) = trackers.asked
    assert "sysparm_query=number%3DCHG0030001&" in target
    assert authorization == "Basic " + base64.b64encode(b"jit:swordfish").decode()


@pytest.mark.parametrize(
    ("change", "because"),
    [
        ({"assigned_to.user_name": both("bob")}, "is assigned to bob, not to alice"),
        ({"assigned_to.user_name": both("")}, "is assigned to nobody"),
        ({"state": both("-2", "Scheduled")}, "is in state 'Scheduled'; the work is done in 'Implement'"),
        ({"approval": both("requested", "Requested")}, "is not approved"),
        ({"cmdb_ci.name": both("db2.example.org")}, "is for db2.example.org, not for db1.example.org"),
        ({"cmdb_ci.name": both("")}, "is for no configuration item"),
        ({"start_date": both("")}, "has no planned start or end"),
        ({"start_date": both("2026-11-22 10:00:01")}, "is planned from 2026-11-22 10:00 to 2026-11-22 12:00 UTC, not for now"),
        ({"end_date": both("2026-11-22 10:00:00")}, "not for now"),
    ],
)
def test_a_change_that_is_not_theirs_or_not_now_is_denied(
    trackers: Trackers, tmp_path: Path, change: dict[str, Any], because: str
) -> None:
    trackers.changes = [CHANGE | change]
    found = answer(tmp_path)
    assert found["answer"] == "deny" and because in found["because"] and found["mark"] == "CHG0030001"


def test_an_issue_that_is_theirs_and_in_progress_passes(trackers: Trackers, tmp_path: Path) -> None:
    assert answer(tmp_path, "OPS-7: replace the disk")["answer"] == "pass"
    assert trackers.asked == [("/rest/api/2/issue/OPS-7?fields=status,assignee", "Bearer swordfish")]


@pytest.mark.parametrize(
    ("fields", "because"),
    [
        ({"assignee": None}, "is assigned to nobody, not to alice"),
        ({"assignee": {"name": "bob", "emailAddress": "bob@example.org"}}, "is assigned to bob"),
        ({"assignee": {"accountId": "5b10a2844c20165700ede21g", "emailAddress": "alice2@example.org"}}, "not to alice"),
        ({"status": {"name": "Done"}}, "is in status 'Done'; the work is done in 'In Progress' or 'Review'"),
    ],
)
def test_an_issue_that_is_not_theirs_or_not_in_progress_is_denied(
    trackers: Trackers, tmp_path: Path, fields: dict[str, Any], because: str
) -> None:
    trackers.issues = {"OPS-7": ISSUE | {"fields": ISSUE["fields"] | fields}}
    found = answer(tmp_path, "OPS-7")
    assert found["answer"] == "deny" and because in found["because"]


@pytest.mark.parametrize(
    ("reason", "because"),
    [
        (None, "names no ticket"),
        ("", "names no ticket"),
        ("XCHG0030001", "names no ticket"),
        ("CHG00300012", "names no ticket"),
        ("CHG0030001^ORstate=-1", None),
        ("see CHG0030001 and CHG0030002", "names 2 tickets (CHG0030001, CHG0030002)"),
        ("CHG0030001 and OPS-7", "names 2 tickets"),
        ("CHG0030009", "has no change CHG0030009"),
        ("OPS-8", "has no issue OPS-8"),
    ],
)
def test_of_a_reason_only_one_number_of_the_right_form_counts(
    trackers: Trackers, tmp_path: Path, reason: str | None, because: str | None
) -> None:
    found = answer(tmp_path, reason)
    assert (found["answer"] == "pass") if because is None else (found["answer"] == "deny" and because in found["because"])
    assert not any("^" in urllib.parse.unquote(target) for target, _ in trackers.asked), "nothing else was sent on"


def test_an_issue_that_was_moved_is_not_another_one(trackers: Trackers, tmp_path: Path) -> None:
    trackers.issues = {"OPS-7": ISSUE | {"key": "DBA-1"}}
    assert "was moved and is DBA-1 now" in answer(tmp_path, "OPS-7")["because"]


@pytest.mark.parametrize(
    "instead",
    [
        (500, {}, b"{}"), (401, {}, b"{}"), (302, {"Location": "https://evil.example.org/"}, b""), (200, {}, b"<html>"),
        (200, {}, b"[]"), (200, {}, b"{}"), (200, {}, b'{"result":{}}'), (200, {}, b'{"result":[{}]}'),
        (200, {}, json.dumps({"result": [CHANGE, CHANGE]}).encode()),
        (200, {}, json.dumps({"result": [CHANGE | {"number": both("CHG0030002")}]}).encode()),
        (200, {}, json.dumps({"result": [CHANGE | {"end_date": both("tomorrow")}]}).encode()),
        (200, {"Content-Length": "999"}, b"{}"),
    ],
    ids=lambda instead: f"{instead[0]} {instead[2][:30]!r}",
)  # fmt: skip
@pytest.mark.parametrize("reason", ["CHG0030001", "OPS-7"])
def test_a_tracker_that_answers_nonsense_is_no_answer(
    trackers: Trackers, tmp_path: Path, instead: tuple[int, dict[str, str], bytes], reason: str
) -> None:
    trackers.instead = instead
    with pytest.raises(serving_.Unavailable):
        answer(tmp_path, reason)


def test_a_tracker_that_is_away_is_no_answer(trackers: Trackers, tmp_path: Path) -> None:
    text = (tmp_path / "tickets.toml").read_text()
    (tmp_path / "tickets.toml").write_text(text.replace(f":{trackers.server_address[1]}", ":1"))
    with pytest.raises(serving_.Unavailable, match="cannot be asked"):
        answer(tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("https://", "http://"),
        ("CHG[0-9]{7}", "(CHG)[0-9]{7}"),
        ("CHG[0-9]{7}", "CHG["),
        ("states", "status"),
        ("[jira]", "[jir]"),
    ],
)
def test_settings_with_a_fault_are_refused(trackers: Trackers, tmp_path: Path, old: str, new: str) -> None:
    text = (tmp_path / "tickets.toml").read_text()
    tickets.read_trackers(tmp_path / "tickets.toml")
    (tmp_path / "tickets.toml").write_text(text.replace(old, new))
    with pytest.raises(ValueError):
        tickets.read_trackers(tmp_path / "tickets.toml")


def test_the_example_settings_have_the_form_of_the_example(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("x")
    text = EXAMPLE.read_text().replace("/etc/jit-tickets/servicenow", f"{tmp_path}/key")
    (tmp_path / "tickets.toml").write_text(text.replace("/etc/jit-tickets/jira", f"{tmp_path}/key"))
    assert len(tickets.read_trackers(tmp_path / "tickets.toml")) == 2


def test_as_a_server_it_asks_the_tracker_for_each_question(trackers: Trackers, tmp_path: Path) -> None:
    ends = (datetime.now(UTC) + timedelta(days=365)).strftime("%Y-%m-%d %H:%M:%S")
    trackers.changes = [CHANGE | {"start_date": both("2026-01-01 00:00:00"), "end_date": both(ends)}]
    with serving(SCRIPT, tmp_path / "tickets.toml", tmp_path) as served:
        assert served.ask(question())["answer"] == "pass"
        trackers.changes = []
        assert served.ask(question(nonce="n-2"))["answer"] == "deny"
