# SPDX-License-Identifier: Apache-2.0
"""The verb ``audit report``: who gets a report, that it is recorded before anybody reads it, and that a file is shown as a report
only if it is one that was made.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from jitd.audit.privileges import Privilege, Standing
from jitd.core.approvers import People
from jitd.core.decision import Deny, Why
from jitd.core.naming import Naming
from jitd.core.policy import Policy
from jitd.core.policy_text import PolicyText
from jitd.core.subject import LOCAL, Subject
from jitd.deciding.ground import Ground
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.settings.config import Approvals
from jitd.store.sqlite import SqliteStore
from jitd.verbs.access import Access
from jitd.verbs.refusal import Refusal
from jitd.workers import Workers
from jitd_evidence.report import asked as asked_table
from jitd_evidence.report.page import page
from jitd_evidence.serving.reports import Reports
from jitpam.wire.messages import KeptReport, Report
from tests.daemon.records import REALM
from tests.scene import START, asked, free, moment, person, screened, submit

ALICE, BOB, DAVE = person("alice"), person("bob"), person("dave")
ROOT = replace(person("alice"), principal="root", user="root", uid=0)
ASKED = {"since": None, "until": None, "who": None, "rule": None, "form": "json", "standing": None}
LATER = "2030-01-01T00:00:00Z"


async def nobody_known(uid: int, words: Iterable[str]) -> People:
    return {}


class House:
    """A store, its one door, and the verb. dave is an operator, and bob an auditor."""

    def __init__(self, path: Path, policy: Callable[[], Policy] = lambda: Policy((), "permit", "policy-1")) -> None:
        self.after = 0.0
        self.is_readable = True
        self.path = path
        self.store = SqliteStore(path / "jitd.db")
        naming = Naming(frozenset({REALM}))
        config: Any = SimpleNamespace(
            host="db1.example.test",
            naming=naming,
            approvals=Approvals(),
            operators=("user:dave",),
            auditors=("user:bob",),
            state=path,
        )
        self.workers = Workers()
        self.lifecycle = Lifecycle(
            self.store, lambda: moment(self.after), lambda: policy().digest, policy_text=lambda: policy().text
        )
        self.in_force = policy
        ground = Ground(
            *(config, cast(Any, self), self.store, lambda: SqliteStore.reading(path / "jitd.db"), self.workers),
            *(lambda: moment(self.after), REALM, "0.0"),
        )
        self.reports = Reports(ground, Access(config, self.store), self.lifecycle, nobody_known)
        self.n, self.kept_as = 0, 0

    @property
    def policy(self) -> Policy:
        return self.in_force()

    def read_again(self, text: PolicyText) -> Policy | None:
        return Policy((), "permit", text.digest, text) if self.is_readable else None

    def ask(self, who: Subject, rule: str = "dba", after: float = 0.0) -> None:
        self.after, self.n = after, self.n + 1
        made = replace(asked(f"AAAA-{self.n:04}", who), submitted_at=START + timedelta(seconds=after))
        answer = replace(free(), rule=rule) if rule else Deny(Why.RULE, "no rule permits it")
        self.lifecycle.handle(submit(made), screened(made, answer))

    def make(self, by: Subject = DAVE, **fields: Any) -> tuple[dict[str, Any], bytes]:
        return played(self.reports.make(by, Report(**ASKED | fields)))

    def kept(self, month: str, form: str = "json", who: Subject = BOB) -> tuple[dict[str, Any], bytes]:
        return played(self.reports.kept(who, KeptReport(month=month, form=form)))

    def close(self) -> None:
        self.workers.close()
        self.store.close()

    def last(self) -> dict[str, Any]:
        *_, (_, body, _) = self.store.records()
        return json.loads(body)


def played(rows: Any) -> tuple[dict[str, Any], bytes]:
    async def play() -> list[dict[str, Any]]:
        return [row async for row in rows]

    head, *rest = asyncio.run(play())
    return head, "".join(row["text"] for row in rest).encode()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    for who, rule, after in ((ALICE, "dba", 0), (BOB, "web", 60), (ALICE, "", 86400)):
        made.ask(who, rule, after)
    made.after = 2 * 86400
    yield made
    made.close()


def by_rule(report: bytes) -> dict[str, int]:
    (section,) = [one for one in json.loads(report)["sections"] if one["name"] == "lived"]
    (figure,) = [one for one in section["figures"] if one["name"] == "requests-by-rule"]
    return {row[0]: row[1] for row in figure["rows"]}


def test_a_report_is_recorded_with_the_digest_of_exactly_what_is_sent(house: House) -> None:
    """THREATS L-25."""
    number = house.store.head().number
    for form in ("json", "html", "actions.csv", "matrix.csv"):
        head, content = house.make(form=form)
        note = house.last()
        assert (note["event"], note["actor"]) == ("report.made", DAVE.principal)
        assert note["detail"]["sha256"] == hashlib.sha256(content).hexdigest() == head["sha256"]
        assert note["detail"]["size"] == len(content) and head["record"] == house.store.head().number
        assert (note["detail"]["form"], note["detail"]["number"]) == (form, number)
        number = house.store.head().number


def test_a_report_is_recorded_before_its_first_byte_is_sent(house: House) -> None:
    """THREATS L-25: who breaks off the connection has read nothing that is not recorded."""
    rows = house.reports.make(DAVE, Report(**ASKED))

    async def first() -> None:
        await anext(rows)

    asyncio.run(first())
    assert house.last()["event"] == "report.made"


def test_a_report_that_cannot_be_recorded_is_not_sent(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS L-25."""

    def full(*words: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(house.lifecycle, "note", full)
    with pytest.raises(OSError, match="disk full"):
        house.make()


@pytest.mark.parametrize("verb", ["make", "kept"])
def test_a_report_is_for_operators_and_auditors_and_a_refusal_records_nothing(house: House, verb: str) -> None:
    head = house.store.head()
    with pytest.raises(Refusal) as refused:
        house.make(ALICE) if verb == "make" else house.kept("2026-11", who=ALICE)
    assert refused.value.code == "forbidden" and house.store.head() == head
    assert house.make(BOB)[0]["record"] == head.number + 1


@pytest.mark.parametrize(
    "fields",
    [
        {"form": "pdf"},
        {"since": "yesterday"},
        {"since": LATER, "until": "2029-01-01T00:00:00Z"},
        {"since": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        {"until": "0001-01-01T00:00:00Z"},
        {"rule": "x" * 1025},
        {"who": "x" * 1025},
    ],
)
def test_a_report_that_cannot_be_made_is_refused_and_not_recorded(house: House, fields: dict[str, Any]) -> None:
    head = house.store.head()
    with pytest.raises(Refusal) as refused:
        house.make(**fields)
    assert refused.value.code == "usage" and house.store.head() == head


def test_the_first_times_and_the_last_and_the_longest_names_are_no_fault(house: House) -> None:
    for fields in ({"until": "0001-01-02T00:00:00Z"}, {"until": "9999-12-31T23:59:59Z"}, {"rule": "x" * 1024}):
        head, content = house.make(**fields)
        assert house.last()["detail"]["sha256"] == head["sha256"] and by_rule(content) == {}


def test_only_root_says_who_can_become_root_and_only_in_its_form(house: House) -> None:
    said = Standing("db1.example.test", (Privilege("root", "sudo", "dave", "/etc/sudoers:7"),), ()).text().encode()
    head = house.store.head()
    for who, standing, code in ((DAVE, said, "forbidden"), (BOB, said, "forbidden"), (ROOT, b"{}", "usage")):
        with pytest.raises(Refusal) as refused:
            house.make(who, standing=standing)
        assert refused.value.code == code and house.store.head() == head
    _, content = house.make(ROOT, standing=said)
    assert [json.loads(body)["event"] for _, body, _ in house.store.records(head.number)] == ["standing.recorded", "report.made"]
    (section,) = [one for one in json.loads(content)["sections"] if one["name"] == "standing"]
    (becoming,) = [one for one in section["figures"] if one["name"] == "becoming"]
    assert [row[:4] for row in becoming["rows"]] == [["root", "dave", "sudo", "/etc/sudoers:7"]]


def lines(content: bytes) -> dict[str, str]:
    """The summary of a report."""
    first, *_ = json.loads(content)["sections"]
    assert first["name"] == "summary"
    return {about: answer for about, answer, _ in first["figures"][0]["rows"]}


def test_the_summary_says_who_can_become_root_or_that_nobody_has_looked(house: House) -> None:
    """An auditor who reads 0 would believe that nobody can."""
    before = lines(house.make()[1])
    assert len(before) == 10
    for about in ("Who can become root without jitd", "Changes of that", "Not seen"):
        assert "root has never looked at this host" in before[about]
    listed = tuple(Privilege("root", "sudo", f"user{n}", "/etc/sudoers:7") for n in range(7))
    other = Privilege("backup", "sudo", "erin", "/etc/sudoers:8")
    said = Standing("db1.example.test", (*listed, other), ("not looked for: consoles",)).text().encode()
    after = lines(house.make(ROOT, standing=said)[1])
    assert after["Who can become root without jitd"] == "user0, user1, user2, user3, user4, 2 more (root looked on 2026-03-04)"
    assert after["Changes of that"] == "not known: root has looked at this host only once"
    assert after["Not seen"] == "1 thing on this host that root's look does not show; what root does without jitd"
    nobody = Standing("db1.example.test", (), ()).text().encode()
    empty = lines(house.make(ROOT, standing=nobody)[1])
    assert empty["Who can become root without jitd"].startswith("nobody (root looked on")
    assert empty["Changes of that"] == "0 new and 8 gone since root looked on 2026-03-04"


def test_the_page_has_some_rows_and_says_where_the_others_are_and_csv_has_all(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jitd_evidence.serving.reports.MOST_ROWS", 2)
    assert (
        "1 more rows are not shown: all of them are in what jitd audit report --csv writes."
        in house.make(form="html")[1].decode()
    )
    whole = house.make(form="actions.csv")[1].decode("utf-8-sig").splitlines()
    assert len(whole) == 4 and [line.split(",")[2] for line in whole[1:]] == [
        f'"{name}@{REALM}"' for name in ("alice", "bob", "alice")
    ]
    assert house.make(form="actions.csv", rule="web")[1].count(b"\r\n") == 2


def test_the_matrix_is_of_the_policy_that_was_in_force_then(tmp_path: Path) -> None:
    """And of today's, with a word, if the other cannot be read any more."""
    first, second = (PolicyText(((b"a.toml", f"# {n}\n".encode()),)) for n in (1, 2))
    in_force = [first]
    house = House(tmp_path, lambda: Policy((), "permit", in_force[-1].digest, in_force[-1]))
    house.ask(ALICE, "dba", 0)
    in_force.append(second)
    house.ask(ALICE, "dba", 86400)
    try:
        for is_readable in (True, False):
            house.is_readable = is_readable
            early, late = (matrix_says(house.make(until=until)[1]) for until in ("2026-03-02T12:00:00Z", LATER))
            assert second.digest in late and "others were" not in late
            assert first.digest in early and ("others were" in early) == (not is_readable)
    finally:
        house.close()


def matrix_says(content: bytes) -> str:
    (figure,) = [one for section in json.loads(content)["sections"] for one in section["figures"] if one["name"] == "matrix"]
    return str(figure["says"])


def test_a_report_is_about_the_requests_that_are_selected(house: House) -> None:
    whole = {"dba": 1, "web": 1, "": 1}
    assert by_rule(house.make()[1]) == whole
    assert by_rule(house.make(rule="web")[1]) == {"web": 1}
    assert by_rule(house.make(who=f"alice@{REALM}")[1]) == {"dba": 1, "": 1}
    second = f"{START + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    assert by_rule(house.make(since=second)[1]) == {"": 1}
    assert by_rule(house.make(until=second)[1]) == {"dba": 1, "web": 1}
    report = json.loads(house.make(who="alice")[1])
    assert report["who"] == sorted([f"alice@{REALM}", f"{LOCAL}alice", "pam:alice"])


def test_the_page_is_made_of_the_report_alone(house: House) -> None:
    report = json.loads(house.make()[1])
    report["head"] = {"number": house.store.head().number, "seal": house.store.head().digest.hex()}
    assert page(report) == house.make(form="html")[1]


def test_a_report_that_takes_too_long_is_refused_with_what_to_do(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked_table, "WITHIN", -1.0)
    monkeypatch.setattr("jitd.store.queries.STEPS", 1)
    head = house.store.head()
    with pytest.raises(Refusal, match="ask for a shorter time"):
        house.make()
    assert house.store.head() == head


# --- reports that were kept --------------------------------------------------------------------------------------------


@pytest.fixture
def kept(house: House) -> bytes:
    (house.path / "reports").mkdir()
    house.make(since="2026-02-01T00:00:00Z")
    head, content = house.make(since="2026-03-01T00:00:00Z", until="2026-04-01T00:00:00Z")
    (house.path / "reports/2026-03.json").write_bytes(content)
    house.ask(ALICE, after=3 * 86400)
    house.kept_as = head["record"]
    return content


def test_a_kept_report_is_shown_to_auditors_as_it_is_with_its_record(house: House, kept: bytes) -> None:
    """The honest twin."""
    head, content = house.kept("2026-03")
    assert content == kept and head["sha256"] == hashlib.sha256(kept).hexdigest()
    assert (head["by"], head["record"]) == (DAVE.principal, house.kept_as)


@pytest.mark.parametrize(
    "change", ["a byte", "an end", "another form", "another time", "another month", "nothing", "a link", "a pipe", "large"]
)
def test_a_file_that_jitd_has_not_made_is_no_report(house: House, kept: bytes, change: str) -> None:
    """THREATS L-25."""
    file = house.path / "reports/2026-03.json"
    match change:
        case "a byte":
            file.write_bytes(kept.replace(b'"dba",1', b'"dba",2'))
            assert file.read_bytes() != kept
        case "an end":
            file.write_bytes(kept[:-1])
        case "another form":
            file = file.rename(file.with_suffix(".html"))
        case "another time":
            file.write_bytes(house.make(since="2026-03-02T00:00:00Z", until="2026-04-01T00:00:00Z")[1])
        case "another month":
            file.rename(file.with_name("2026-02.json"))
        case "nothing":
            file.unlink()
        case "a link":
            os.link(file, file.with_name("real"))
            file.unlink()
            file.symlink_to("real")
        case "a pipe":
            file.unlink()
            os.mkfifo(file)
        case "large":
            with file.open("ab") as end:
                end.truncate(17 * 1024 * 1024)
    head = house.store.head()
    for month, form in (("2026-03", "json"), ("2026-03", "html"), ("2026-02", "json")):
        with pytest.raises(Refusal) as refused:
            house.kept(month, form)
        assert refused.value.code == "not_done"
    assert house.store.head() == head


@pytest.mark.parametrize("month", ["../jitd", "2026-13", "2026-10/../2026-10", "", "2026-10\n", "２０２６-10"])
def test_no_client_names_a_file(house: House, kept: bytes, month: str) -> None:
    with pytest.raises(Refusal) as refused:
        house.kept(month)
    assert refused.value.code == "usage"
