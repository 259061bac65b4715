# SPDX-License-Identifier: Apache-2.0
"""What the journal and ``jitd audit show`` say of a record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from jitd.audit.events import EVENTS, sentence
from jitd.audit.sentences import left_behind
from jitd.core.values import FORGOTTEN
from jitd.core.wording import HIDDEN, INSTEAD
from tests.table import each_row

ID, ALICE, BOB = "K7QM-2XVD", "alice@EXAMPLE.ORG", "bob@EXAMPLE.ORG"
UNTIL = "2026-11-27T10:00:00.25+00:00"
ABOUT = {"requester": ALICE, "rule": "web", "run_as": "root", "grade": None, "command": "systemctl restart nginx"}
ASKED = {
    "argv": ["systemctl", "restart", "nginx"], "path": "/usr/bin/systemctl", "run_as": "root:root", "cwd": "/home/alice",
    "reason": "CHG-2 deploy", "service": "jitsudo",
}  # fmt: skip
EDIT = {"argv": ["sudoedit", "/etc/x.conf"], "path": "sudoedit", "cwd": "/", "text_before": "0a" * 32, "text_after": "0b" * 32}
NEW = {name: part for name, part in EDIT.items() if name != "text_before"} | {"makes": {"owner": "root:root", "mode": "0640"}}
PERMIT = {"decision": "permit", "rule": "web", "approvals": [], "lease": None}
OPS = [[1, "group:ops"]]
WAYS = [[{"need": 1, "from": ["group:ops"], "after": 0}, {"need": 1, "from": ["user:cto"], "after": 900, "demand": "otp"}]]

SAID: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("request.submitted", ASKED, f'{ALICE} asked to run systemctl restart nginx as root in /home/alice: "CHG-2 deploy"', {}),
    ("request.submitted", ASKED | {"argv": ["sh", "-c", "a  b; c"], "run_as": "db:dba", "cwd": "", "reason": ""},
     f"{ALICE} asked to run sh -c 'a  b; c' as db:dba", {}),
    ("request.submitted", ASKED | {"service": "sudo", "break_glass": True, "reason": 'my "own" words'},
     f"{ALICE} asked, breaking glass, to run systemctl restart nginx as root in /home/alice, through sudo:"
     ' "my \\x22own\\x22 words"', {}),
    ("request.submitted", ASKED | {"service": "sshd", "point": {"stage": "session", "remote_host": "db1"}, "reason": ""},
     f"{ALICE} asked to log in as root, through sshd from db1", {}),
    ("request.submitted", ASKED | {"gives": ["account:ops", "sudoers:dba"], "stays": True, "reason": "night"},
     f'{ALICE} asked for account:ops and sudoers:dba, to keep until its time is over: "night"', {}),
    ("request.submitted", ASKED | EDIT,
     f'{ALICE} asked to edit /etc/x.conf as root (SHA-256 {"0a" * 8} to {"0b" * 8}): "CHG-2 deploy"', {}),
    ("request.submitted", ASKED | EDIT | {"argv": [HIDDEN], "text_before": HIDDEN, "text_after": HIDDEN, "reason": ""},
     f"{ALICE} asked to edit {HIDDEN} as root", {}),
    ("request.submitted", ASKED | NEW,
     f'{ALICE} asked to make /etc/x.conf with the mode 0640 as root (SHA-256 {"0b" * 8}): "CHG-2 deploy"', {}),
    ("request.submitted", ASKED | NEW | {"makes": {}, "text_after": HIDDEN, "argv": [HIDDEN], "reason": ""},
     f"{ALICE} asked to make {HIDDEN} as root", {}),
    ("request.submitted", ASKED | {"argv": [HIDDEN], "cwd": HIDDEN, "reason": HIDDEN},
     f"somebody asked to run {HIDDEN} as root: {HIDDEN}", {"actor": HIDDEN}),
    ("request.submitted", ASKED | {"argv": ["dash", FORGOTTEN], "cwd": FORGOTTEN, "reason": FORGOTTEN},
     f"{ALICE} asked to run dash {FORGOTTEN} as root in {FORGOTTEN}: {FORGOTTEN}", {}),
    ("request.submitted", ASKED | {"starts_at": UNTIL, "extends": "AAAA-0001", "doubt": "a shell reads it", "reason": "x"},
     f"{ALICE} asked to run systemctl restart nginx as root in /home/alice from 2026-11-27 10:00:00 UTC, to extend lease"
     ' AAAA-0001: "x"; it is not certain what this runs: a shell reads it', {}),
    ("request.screened", PERMIT | {"approvals": [[1, "group:ops"], [2, "group:sec", "user:eve"]]},
     "rule web requires 1 approval from group:ops and 2 approvals from group:sec or user:eve", {"state": "pending"}),
    ("request.screened", PERMIT | {"approvals": OPS, "ways": WAYS},
     "rule web requires 1 approval from group:ops or 1 approval from user:cto (otp) after 15m", {"state": "pending"}),
    ("request.screened", PERMIT, "rule web permits it without an approval", {"state": "approved"}),
    ("request.screened", PERMIT | {"lease": "AAAA-0001"}, "rule web permits it under lease AAAA-0001", {"state": "approved"}),
    ("request.screened", PERMIT | {"break_glass": {"instead_of": "db"}},
     "rule web permits it because glass is broken: the approvals of rule db are skipped", {"state": "approved"}),
    ("request.screened", PERMIT | {"approvals": OPS}, "rule web requires 1 approval from group:ops; the request is withdrawn",
     {"state": "withdrawn"}),
    ("request.screened", PERMIT | {"gatekeepers": [["cab", "pass", "m-1"], ["siem", "silent", "no answer"]]},
     "rule web permits it without an approval; gatekeeper cab has no objection; gatekeeper siem did not answer (no answer)", {}),
    ("request.screened", {"decision": "deny", "why": "no rule", "rule": "", "because": "no rule permits this"},
     "denied: no rule permits this", {"state": "denied"}),
    ("request.screened", {"decision": "deny", "why": "rule", "rule": "no-rm", "because": "rule no-rm denies it"},
     "denied: rule no-rm denies it", {"state": "denied"}),
    ("request.screened", {"decision": "deny", "why": "account", "rule": "web", "because": "its account has expired"},
     "denied by rule web: its account has expired", {"state": "denied"}),
    ("request.screened", PERMIT | {"approvals": [HIDDEN], "rule": HIDDEN}, f"rule {HIDDEN} permits it with approvals", {}),
    ("request.reviewed", {"verdict": "approve", "comment": "ok", "kdc": "valid"}, f'{BOB} approved it: "ok"',
     {"actor": BOB, "state": "approved"}),
    ("request.reviewed", {"verdict": "approve", "comment": "", "kdc": "no answer"},
     f"{BOB} approved it; it needs more approvals; the KDC did not answer", {"actor": BOB, "state": "pending"}),
    ("request.reviewed", {"verdict": "deny", "comment": "no", "kdc": "valid"}, f'{BOB} denied it: "no"',
     {"actor": BOB, "state": "denied"}),
    ("request.reviewed", {"verdict": "approve", "comment": "", "kdc": "valid", "because": "the command's file has changed"},
     f"{BOB} approved it; but it is denied now: the command's file has changed", {"actor": BOB, "state": "denied"}),
    ("request.withdrawn", {"because": "the client has ended"}, "jitd withdrew it: the client has ended", {"actor": "jitd"}),
    ("request.deadline_passed", {}, "nobody decided in time, so the request expired", {"actor": "clock"}),
    ("request.locked", {"lock": "AAAA-0001", "because": "alice is locked"},
     f"{BOB} ended the request by lock AAAA-0001: alice is locked", {"actor": BOB}),
    ("request.ways_opened", {"after": 900}, "a further way to approve opened, after 15m", {"actor": "clock"}),
    ("request.relisted", {"lists": {"oncall:dba": ["bob", "eve"], "oncall:web": None}},
     "a list of approvers changed: oncall:dba is bob or eve; oncall:web is nobody known", {"actor": "policy"}),
    ("grant.issued", {"holder": ALICE, "uses": 3, "ends_at": UNTIL},
     f"approved: {ALICE} gets 3 uses until 2026-11-27 10:00:00 UTC: systemctl restart nginx as root", {"actor": "jitd"}),
    ("grant.used", {"request": ID}, f"{ALICE} took a use: systemctl restart nginx as root", {}),
    ("grant.used", {"request": "AAAA-0002"},
     f"{ALICE} took a use of lease {ID}, for request AAAA-0002: systemctl restart nginx as root", {}),
    ("grant.returned", {"run": f"{ID}", "was_started": True}, "the run is over", {"actor": "monitor"}),
    ("grant.returned", {"run": f"{ID}.2", "was_started": True}, f"run {ID}.2 is over", {"actor": "monitor"}),
    ("grant.returned", {"run": f"{ID}.2", "was_started": False}, f"{ID}.2 was not begun: its use can be taken again", {}),
    ("grant.expired", {}, "the time of the grant is over", {"actor": "clock"}),
    ("grant.revoked", {"because": "too long"}, f"{BOB} revoked the grant: too long", {"actor": BOB}),
    ("grant.revoked", {"because": f"revoked by {BOB}: enough"}, f'{BOB} revoked the grant: "enough"', {"actor": BOB}),
    ("grant.revoked", {"because": f"revoked by {BOB}"}, f"{BOB} revoked the grant", {"actor": BOB}),
    ("run.starting", {"grant": ID, "request": ID}, f"{ALICE} is about to start the command: systemctl restart nginx as root", {}),
    ("run.started", {"pid": 4711}, "the command started as process 4711: systemctl restart nginx as root", {"actor": "monitor"}),
    ("run.observed", {}, f"{BOB} watches the command", {"actor": BOB}),
    ("run.unobserved", {"who": BOB, "because": "the connection ended"},
     f"{BOB} does not watch the command any more: the connection ended", {"actor": "jitd"}),
    ("run.frozen", {}, "nobody watches the command, so its processes were frozen", {"actor": "monitor"}),
    ("run.thawed", {}, "somebody watches the command again, and its processes go on", {"actor": "monitor"}),
    ("run.stop_ordered", {"because": "its grant has ended"},
     "the clock ended the command: its grant has ended", {"actor": "clock"}),
    ("run.ended", {"ending": "exited", "number": 3, "because": ""},
     "the command exited with status 3: systemctl restart nginx as root", {"actor": "monitor"}),
    ("run.ended", {"ending": "signaled", "number": 15, "because": "its grant has ended",
                   "traces": {"units": ["at.service"]}},
     "the command was ended by signal 15: its grant has ended: systemctl restart nginx as root; left behind: units of systemd"
     " that began meanwhile and may live: at.service; not looked at: containers, other schedulers, home directories", {}),
    ("run.ended", {"ending": "not started", "number": 126, "because": "no such file"},
     "the command was not started: no such file: systemctl restart nginx as root", {}),
    ("holding.giving", {"thing": "sudoers:dba", "to": ALICE, "until": UNTIL, "stays": False},
     f"{ALICE} is given sudoers:dba until 2026-11-27 10:00:00 UTC", {}),
    ("holding.given", {"has_secret": True}, "it was given, with a secret", {"actor": "jitd"}),
    ("holding.kept", {}, f"{ALICE} keeps it after the end of their client", {}),
    ("holding.taking", {"because": "its grant has ended"},
     "the clock has it taken back: its grant has ended", {"actor": "clock"}),
    ("holding.ended", {"ending": "left", "because": "a shell lives"}, "it was taken back as far as it can be: a shell lives", {}),
    ("gate.off", {"service": "db/x@R", "kdc": "kdc1"},
     "kdc1 issued a ticket for db/x@R without a grant: its gate is off, and jitd gives no tickets for it", {}),
    ("gate.on", {"service": "db/x@R"}, "the KDCs refuse tickets for db/x@R without a grant again: the gate is on", {}),
    ("thing.differs", {"holding": ID, "thing": "sudoers:dba", "because": "a member is gone"},
     f"sudoers:dba ({ID}) is missing or changed, or cannot be checked: a member is gone", {}),
    ("thing.stands", {"holding": ID, "thing": "sudoers:dba"}, f"sudoers:dba ({ID}) is again as jitd gave it", {}),
    ("thing.mended", {"holding": ID, "thing": "sudoers:dba"},
     f"sudoers:dba ({ID}) was missing or changed, and jitd gave it again", {}),
    ("thing.stray", {"holding": ID, "thing": "sudoers:dba"}, f"sudoers:dba ({ID}) exists, but nobody holds it", {}),
    ("thing.stray_gone", {"holding": ID, "thing": "sudoers:dba"},
     f"sudoers:dba ({ID}) does not exist any more; nobody held it", {}),
    ("lock.placed", {"whom": "user", "name": "alice", "reason": "stolen laptop", "lasts_for": 3600},
     f'{BOB} locked account alice for 1h: "stolen laptop"', {"actor": BOB}),
    ("lock.placed", {"whom": "all", "name": "", "reason": "", "lasts_for": None},
     f"{BOB} locked everybody until the lock is lifted", {"actor": BOB}),
    ("lock.lifted", {"because": "found"}, f"{BOB} lifted the lock: \"found\"", {"actor": BOB}),
    ("lock.expired", {}, "the time of the lock is over", {"actor": "clock"}),
    ("lock.carried", {"spent_for": "1.5"}, "the host was booted; the lock goes on with the rest of its time", {"actor": "jitd"}),
    ("notice.sent", {"channel": "mail", "to": "bob@example.org", "event": "break_glass", "request": ID},
     "bob@example.org was told through mail that glass was broken", {"actor": "jitd"}),
    ("owed_review.begun", {"rule": "glass", "instead_of": "db"},
     f"{ALICE} broke glass by rule glass instead of rule db: a review is owed: systemctl restart nginx as root", {}),
    ("owed_review.reviewed", {"comment": "was right"}, f'{BOB} reviewed the broken glass: "was right"', {"actor": BOB}),
    ("owed_review.overdue", {}, "nobody reviewed the broken glass in time: the review is overdue", {"actor": "clock"}),
    ("owed_review.carried", {"spent_for": "1.5"}, "the host was booted; the time for the review goes on", {"actor": "jitd"}),
    ("recording.watched", {"run": ID, "live": False}, f"{BOB} watched the recording of {ID}", {"actor": BOB}),
    ("recording.removed", {"run": ID, "size": 77}, f"root removed the recording of {ID} (77 bytes)", {"actor": "root"}),
    ("record.exported", {"since": None, "until": None, "who": "alice", "rule": None, "n": 4, "first": 1, "last": 9},
     f"{BOB} exported 4 records about alice", {"actor": BOB}),
    ("report.made", {"form": "html", "since": "2026-10-01T00:00:00Z", "until": "2026-11-01T00:00:00Z", "rule": "web"},
     f"{BOB} made a report under rule web from 2026-10-01 00:00:00 UTC until 2026-11-01 00:00:00 UTC", {"actor": BOB}),
    ("standing.recorded", {"n": 1, "kinds": {"sudo": 1}, "unseen": 0},
     "root told of 1 standing privilege on this host; 0 things could not be judged", {"actor": "root"}),
    ("pack.made", {"id": ID, "n": 7}, f"{BOB} made a pack of request {ID}", {"actor": BOB}),
    ("object.set_aside", {"grant": ID, "because": "its digest differs"},
     f"jitd found grant {ID} damaged in its database, and it permits nothing any more: its digest differs", {"actor": "jitd"}),
    ("value.forgotten", {"owners": [ID], "n": 3, "setting": "record.keep = 400d"},
     "jitd forgot 3 values that were typed long ago (record.keep = 400d)", {"actor": "jitd"}),
    ("proof.failed", {"person": "alice", "tries_left": 2},
     "pam:alice did not prove themselves by the local password; 2 tries are left", {"actor": "pam:alice"}),
    ("key.made", {"because": "first start", "public": "ssh-ed25519 AAAA"},
     "jitd made a key that signs the record (first start)", {}),
    ("key.acknowledged", {"because": "lost"}, "root knows why jitd made the key that signs the record", {"actor": "root"}),
    ("key.renamed", {"host": "db1", "renamed": "db9"}, "the host is called db9 from here on, and db1 before", {"actor": "jitd"}),
    ("key.rotated", {"public": "ssh-ed25519 AAAA"}, "root replaced the key that signs the record", {"actor": "root"}),
    ("daemon.started", {"rules": 1}, "jitd started, with 1 rule", {"actor": "root"}),
    ("daemon.stopped", {"signal": "SIGTERM"}, "jitd stopped, as SIGTERM told it to", {"actor": "root"}),
    ("policy.loaded", {"rules": 12}, f"{BOB} put a policy with 12 rules in force", {"actor": BOB}),
    (
        "policy.loaded",
        {"rules": 1, "untested": True},
        f"{BOB} put a policy with 1 rule in force, without trying its tables",
        {"actor": BOB},
    ),
    ("policy.refused", {"faults": ["a.toml:12: no rule", "b.toml:1: x"]},
     "root put no new policy in force, because it has a fault: a.toml:12: no rule; b.toml:1: x",
     {"actor": "root"}),
    ("sink.added", {"sink": "siem", "number": 4}, "sink siem is new: it gets the record after number 4", {}),
    ("sink.removed", {"sink": "siem", "number": 4}, "sink siem is in jitd.toml no more: it has the record up to number 4", {}),
    ("sink.refused", {"sink": "siem", "first": 4, "last": 9, "n": 2},
     "sink siem will never take 2 records of records 4 to 9", {}),
    ("sink.ahead", {"sink": "siem", "number": 4},
     "sink siem has acknowledged record 4, which this record does not have: it was cut, or a backup was restored", {}),
    ("connection.broken", {"fault": "a frame was not encrypted"}, f"{BOB} violated the protocol: a frame was not encrypted",
     {"actor": BOB}),
    ("later.made", {"what": "\x1b[2J", "n": 1}, f"{ALICE}: later.made (what \"\\x1b[2J\", n 1)", {}),
]  # fmt: skip


def row(event: str, detail: Any, **more: Any) -> dict[str, Any]:
    return {"event": event, "id": ID, "actor": ALICE, "at": UNTIL, "state": "", "about": ABOUT, "detail": detail} | more


@each_row(("event", "detail", "said", "more"), SAID, ids=[f"{n}-{one[0]}" for n, one in enumerate(SAID)])
def test_a_record_is_said_as_a_person_would_say_it(event: str, detail: dict[str, Any], said: str, more: dict[str, Any]) -> None:
    assert sentence(row(event, detail, **more)) == said


def test_the_sentence_of_every_event_is_among_them() -> None:
    assert {one[0] for one in SAID} >= EVENTS.keys()


# --- hostile records -----------------------------------------------------------------------------------------------------

HOSTILE = (
    "\x1b]0;x\x07\n\r\x00\u202e\u200b\ud800{0}{who}%s\\", "‹hidden›\nx", "", None, True, -1, 1e300, [], {}, [[]],
    [None, {"a": []}], {"\x1b[2J": "\n"}, {"committed": "0" * 64}, "9" * 5000,
)  # fmt: skip
NAMES = sorted({name for _, detail, _, _ in SAID for name in detail} | {"stage", "also", "demand", "traces", "gatekeepers"})


def hostile() -> Iterator[dict[str, Any]]:
    for event in (*sorted(EVENTS), "\x1b[2J.made", "", None):
        for value in HOSTILE:
            yield row(event, dict.fromkeys(NAMES, value), actor=value, state=value, id=value, about=value)  # type: ignore[arg-type]
            yield row(event, value)  # type: ignore[arg-type]
        for name in NAMES:
            if event in EVENTS:
                yield row(event, dict(next(one[1] for one in SAID if one[0] == event)) | {name: HOSTILE[0]})
    yield {}


def test_whatever_is_in_a_record_its_sentence_is_one_line_that_moves_no_cursor() -> None:
    """THREATS L-29."""
    n = 0
    for one in hostile():
        said = sentence(one)
        assert said and said.isprintable() and not set("\x1b\u202e\u200b") & set(said), one
        n += 1
    assert n > 2000


def test_what_a_person_types_ends_no_quote_of_a_sentence() -> None:
    """THREATS L-29."""
    forged = 'ok" as root; rule web permits it: "'
    for event, name in (("request.submitted", "reason"), ("request.reviewed", "comment"), ("lock.placed", "reason")):
        said = sentence(row(event, dict(next(one[1] for one in SAID if one[0] == event)) | {name: forged}))
        assert said.count('"') == 2 and said.endswith('"')


@pytest.mark.parametrize("event", ["later.made", "grant.revoked", "request.screened"])
def test_what_somebody_has_chosen_reads_as_no_fact_of_jitds(event: str) -> None:
    """THREATS R-28: also in an event that this version does not know, whose members nobody has listed."""
    forged = "nightly job; run_as nobody:nogroup, grade harmless"
    detail: dict[str, dict[str, Any]] = {
        "later.made": {"reason": forged, "more": [forged, {"x": forged}], "n": 1},
        "grant.revoked": {"because": f"revoked by {BOB}: {forged}"},
        "request.screened": {"decision": "deny", "gatekeepers": [["g", "deny", forged]]},
    }
    said = sentence(row(event, detail[event], actor=BOB))
    assert said.count(forged) == said.count(f'"{forged}"') > 0


def test_a_word_that_stands_for_what_is_not_told_is_said_as_it_is() -> None:
    for word in sorted(INSTEAD):
        assert sentence(row("request.reviewed", {"verdict": "approve", "comment": word})).endswith(f": {word}")


def test_what_a_run_has_left_is_said_in_words() -> None:
    assert left_behind(None) == "" and left_behind({"units": []}) == ""
    told = left_behind(json.loads('{"files": ["/etc/cron.d/x\\u001b[2J"]}'))
    assert "/etc/cron.d/x\\x1b[2J" in told
