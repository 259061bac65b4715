# SPDX-License-Identifier: Apache-2.0
"""The change calendar of contrib/gatekeepers: its windows and freezes, and that only jitd's questions are answered."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.gatekeepers.stage import CONTRIB, HOST, Served, module, once, question, serving, signed

SCRIPT, EXAMPLE = CONTRIB / "gatekeepers/change_calendar.py", CONTRIB / "gatekeepers/calendar.toml"
calendar = module("gatekeepers", "change_calendar")
ALWAYS = '[[window]]\nname = "always"\nhosts = ["*"]\nbegins = 2000-01-01T00:00:00Z\nends = 2100-01-01T00:00:00Z\n'


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def decided(host: str, when: str, text: str | None = None, tmp_path: Path | None = None) -> dict[str, object]:
    file = EXAMPLE
    if text is not None and tmp_path is not None:
        file = tmp_path / "calendar.toml"
        file.write_text(text)
    found: dict[str, object] = calendar.read_calendar(file).decide(host, at(when))
    return found


@pytest.mark.parametrize(
    ("host", "when", "until"),
    [
        ("db1.example.org", "2026-11-28T22:00:00+01:00", "2026-11-29T03:00:00Z"),
        ("db1.example.org", "2026-11-29T03:59:59+01:00", "2026-11-29T03:00:00Z"),
        ("web7.example.org", "2026-11-23T06:30:00+01:00", "2026-11-23T07:00:00Z"),
        ("mail.example.org", "2026-12-05T20:00:00+01:00", "2026-12-06T07:00:00Z"),
        # the night in which clocks are turned back lasts six real hours, too
        ("db1.example.org", "2026-10-24T22:00:00+02:00", "2026-10-25T02:00:00Z"),
        ("db1.example.org", "2026-10-25T02:30:00+01:00", "2026-10-25T02:00:00Z"),
    ],
)
def test_within_a_window_it_passes_until_the_windows_end(host: str, when: str, until: str) -> None:
    found = decided(host, when)
    assert (found["answer"], found["until"]) == ("pass", until)


@pytest.mark.parametrize(
    ("host", "when", "because"),
    [
        ("db1.example.org", "2026-11-28T21:59:59+01:00", "the next begins Sat 2026-11-28 22:00 CET: databases, Saturday night"),
        ("db1.example.org", "2026-11-29T04:00:00+01:00", "the next begins Sat 2026-12-05 20:00 CET: move to the second"),
        ("db1.example.org", "2026-10-25T03:00:00+01:00", "the next begins Sat 2026-10-31 22:00 CET"),
        ("web7.example.org", "2026-11-27T06:30:00+01:00", "the next begins Mon 2026-11-30 06:30 CET"),
        ("mail.example.org", "2027-06-01T00:00:00Z", "has no next one for it"),
        ("db1.example.org.evil.test", "2026-11-28T22:00:00+01:00", "not in a maintenance window"),
    ],
)
def test_outside_of_windows_it_denies_and_says_when_the_next_begins(host: str, when: str, because: str) -> None:
    found = decided(host, when)
    assert found["answer"] == "deny" and because in str(found["because"])


def test_a_freeze_is_stronger_than_a_window_and_ends_a_pass() -> None:
    found = decided("db1.example.org", "2026-12-19T22:00:00+01:00")
    assert found == {"answer": "deny", "because": "no changes to db1.example.org until Mon 2027-01-04 06:00 CET: end of the year"}


def test_a_pass_ends_when_a_freeze_begins(tmp_path: Path) -> None:
    freeze = '[[freeze]]\nname = "f"\nhosts = ["db*"]\nbegins = 2026-12-01T00:00:00Z\nends = 2026-12-02T00:00:00Z\n'
    assert decided("db1", "2026-11-30T00:00:00Z", ALWAYS + freeze, tmp_path)["until"] == "2026-12-01T00:00:00Z"
    assert decided("db1", "2026-12-01T00:00:00Z", ALWAYS + freeze, tmp_path)["answer"] == "deny"
    assert decided("web1", "2026-12-01T00:00:00Z", ALWAYS + freeze, tmp_path)["until"] == "2100-01-01T00:00:00Z"


def test_instead_of_a_denial_more_people_may_be_required(tmp_path: Path) -> None:
    found = decided("db1", "2026-11-30T00:00:00Z", '[outside]\napprovals = [{ need = 2, from = ["group:ops"] }]\n', tmp_path)
    assert found == {"answer": "require", "require": {"approvals": [{"need": 2, "from": ["group:ops"]}]}}


@pytest.mark.parametrize(
    "text",
    [
        "windows = []",
        'zone = "Nowhere/Land"',
        "zone = 1",
        'window = [{ name = "x" }]',
        'window = [{ name = "x", hosts = [] }]',
        'window = [{ name = "x", hosts = ["*"], begins = 2026-01-01, ends = 2026-01-02 }]',
        'window = [{ name = "x", hosts = ["*"], begins = 2026-01-02T00:00:00Z, ends = 2026-01-01T00:00:00Z }]',
        'window = [{ name = "x", hosts = ["*"], days = ["caturday"], from = 22:00:00, lasts = "6h" }]',
        'window = [{ name = "x", hosts = ["*"], days = ["sat"], from = "22:00", lasts = "6h" }]',
        'window = [{ name = "x", hosts = ["*"], days = ["sat"], from = 22:00:00, lasts = "169h" }]',
        'window = [{ name = "x", hosts = ["*"], days = ["sat"], from = 22:00:00, lasts = 6 }]',
        "outside = 1",
    ],
)
def test_a_calendar_with_a_fault_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "calendar.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=str(file)):
        calendar.read_calendar(file)


# --- as a program


def test_as_a_program_it_answers_one_question(tmp_path: Path) -> None:
    file = tmp_path / "calendar.toml"
    file.write_text(ALWAYS)
    status, said, _ = once(SCRIPT, "--settings", str(file), given=question())
    assert status == 0
    assert json.loads(said) == {
        "nonce": "n-1", "fingerprint": "ab" * 32, "answer": "pass", "until": "2100-01-01T00:00:00Z", "mark": "always",
    }  # fmt: skip


@pytest.mark.parametrize(
    "given",
    [[], None, {}, question(version=2), question(nonce=""), question(fingerprint=None)],
    ids=lambda given: str(given)[:30],
)
def test_what_is_no_question_gets_no_answer(given: object) -> None:
    status, said, complaint = once(SCRIPT, "--settings", str(EXAMPLE), given=given)
    assert (status, said) == (1, "") and complaint.startswith("change_calendar.py: ")


# --- as a server


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "calendar.toml").write_text(ALWAYS)
    with serving(SCRIPT, tmp_path / "calendar.toml", tmp_path) as server:
        yield server


def test_it_answers_a_question_that_jitd_has_signed_and_reads_the_calendar_anew(served: Served, tmp_path: Path) -> None:
    found = served.ask(question())
    assert (found["answer"], found["nonce"], found["fingerprint"]) == ("pass", "n-1", "ab" * 32)
    (tmp_path / "calendar.toml").write_text("")
    found = served.ask(question(nonce="n-2"))
    assert (found["answer"], found["nonce"]) == ("deny", "n-2")


BODY = json.dumps(question()).encode()


@pytest.mark.parametrize(
    ("headers", "body", "why"),
    [
        (lambda: {"Content-Type": "application/json"}, BODY, "not signed"),
        (lambda: signed(BODY, secret=b"x" * 32), BODY, "not signed"),
        (lambda: signed(BODY, url="https://other.example.org/jit"), BODY, "not signed"),
        (lambda: signed(BODY, age=120), BODY, "not signed"),
        (lambda: signed(BODY, tag="other"), BODY, "not signed"),
        (lambda: signed(BODY), BODY.replace(b"db1", b"db2"), "not signed"),
        (lambda: signed(b"[]"), b"[]", "not an object"),
        (lambda: signed(b"{"), b"{", "not JSON"),
    ],
)  # fmt: skip
def test_a_question_that_jitd_has_not_signed_as_it_is_gets_no_answer(
    served: Served, headers: Callable[[], dict[str, str]], body: bytes, why: str
) -> None:
    status, kind, said = served.send(body, headers())  # signed now: a signature lasts for a minute
    assert (status, kind) == (400, "text/plain; charset=utf-8") and why in said.decode()


def test_a_question_that_is_sent_again_gets_no_answer(served: Served) -> None:
    """THREATS E-08."""
    headers = signed(BODY)
    assert served.send(BODY, headers)[0] == 200
    status, _, said = served.send(BODY, headers)
    assert status == 400 and b"was asked before" in said


def other_label(headers: dict[str, str]) -> None:
    """The label is not signed (RFC 9421 section 2.3)."""
    for name in ("Signature", "Signature-Input"):
        headers[name] = "x" + headers[name]


def parameter_of_signature(headers: dict[str, str]) -> None:
    headers["Signature"] += ";x=1"


def other_bits_of_base64(headers: dict[str, str]) -> None:
    """The last character before the padding has two bits that no byte needs."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    before, last = headers["Signature"].removesuffix("=:")[:-1], headers["Signature"].removesuffix("=:")[-1]
    headers["Signature"] = before + letters[letters.index(last) ^ 1] + "=:"


def spaces(headers: dict[str, str]) -> None:
    headers["Signature-Input"] = headers["Signature-Input"].replace("(", "(  ").replace(";", "; ")
    headers["Signature"] += "  "


def named_twice(headers: dict[str, str]) -> None:
    """In a dictionary, the last value of a name counts (RFC 8941 section 3.2)."""
    headers["Signature"] = "jitd=:AAAA:, " + headers["Signature"]


@pytest.mark.parametrize("spelled", [other_label, parameter_of_signature, other_bits_of_base64, spaces, named_twice])
def test_a_question_that_is_sent_again_in_another_spelling_gets_no_answer(
    served: Served, spelled: Callable[[dict[str, str]], None]
) -> None:
    """THREATS E-08."""
    headers = signed(BODY)
    again = dict(headers)
    spelled(again)
    assert again != headers
    assert served.send(BODY, headers)[0] == 200
    assert served.send(BODY, again)[0] == 400
    other = json.dumps(question(nonce="n-5")).encode()
    assert served.send(other, signed(other))[0] == 200, "another question of the same second is answered"


def test_a_calendar_that_cannot_be_read_is_no_answer(served: Served, tmp_path: Path) -> None:
    (tmp_path / "calendar.toml").write_text("zone = 1")
    body = json.dumps(question(nonce="n-3")).encode()
    status, kind, said = served.send(body, signed(body))
    assert (status, kind) == (502, "text/plain; charset=utf-8") and b"zone must be" in said


def test_a_client_that_is_silent_keeps_nobody_waiting(served: Served) -> None:
    with socket.create_connection((HOST, served.port)), socket.create_connection((HOST, served.port)) as garbage:
        garbage.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert served.ask(question(nonce="n-4"))["answer"] == "pass"


def test_only_post_is_answered(served: Served) -> None:
    assert served.send(b"", {}, method="GET")[0] == 501
