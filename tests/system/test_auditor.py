# SPDX-License-Identifier: Apache-2.0
"""docs/auditor.md, typed line by line on a host where something has happened: each answer has what it promises, and a newcomer
finds in it what happened.
"""

from __future__ import annotations

import contextlib
import hashlib
import html
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pexpect
import pytest

from jitd_evidence.pack.verifier import verifier
from tests.law.tree import TREE
from tests.on_terminal import OnTerminal
from tests.system.conftest import OF_THE_LAB, House
from tests.waiting import PATIENCE

PAGE = (TREE / "docs/auditor.md").read_text("utf-8")
LINE = re.compile(r"^(carol|db1|desk)[#$] (.*)$", re.MULTILINE)
QUESTION = re.compile(r"^## (\d+)\. (.*)$", re.MULTILINE)
EXAMPLE_ID = "K7QM-2XVD"
DAYS = {"2026-03-11": -2, "2026-03-12": -1, "2026-03-13": 2}
"""The dates of the page, and the days from today that stand for them."""
POLICY = f"""
{OF_THE_LAB}
[[permit]]
name = "emergency"
who = ["group:dba"]
run_as = ["*"]
commands = [["**"]]
grant = {{ lasts = "10m" }}
break_glass = {{ instead_of = "lab-dba", review = "1h", open = 2 }}

[[permit]]
name = "nobody-needs-this"
who = ["group:dba"]
commands = [["/usr/bin/never", "**"]]
approvals = [{{ need = 1, from = ["group:ops"] }}]
"""


@dataclass
class Scene:
    """A host with a past, and the auditor's directories on it and elsewhere. ``approved`` and ``broken`` are the ids of two of
    alice's requests.
    """

    house: House
    carols: Path
    desk: Path
    approved: str = ""
    broken: str = ""
    answers: dict[int, list[str]] = field(default_factory=dict)

    def typed(self, who: str, line: str) -> str:
        """What the line answers. It succeeds."""
        line = line.replace(EXAMPLE_ID, self.approved)
        for day, away in DAYS.items():
            line = line.replace(day, f"{datetime.now(UTC) + timedelta(days=away):%Y-%m-%d}")
        if who == "desk":
            env = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "LANG": "C.UTF-8"}
            done = subprocess.run(
                ["sh", "-c", line], cwd=self.desk, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False
            )
        else:
            if line == "jitd audit verify":
                line += f" --config={self.house.config_file}"  # of this house, and not of the host that the page is about
            done = self.house.run("root" if who == "db1" else who, "sh", "-c", line, cwd=str(self.carols))
        assert done.returncode == 0, (who, line, done.stderr)
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with House(POLICY, 'auditors = ["principal:carol@EXAMPLE.TEST"]') as house:
        carols, desk = house.root / "carol", house.root / "desk"
        carols.mkdir()
        desk.mkdir()
        shutil.chown(carols, "carol")
        made = Scene(house, carols, desk)
        asking = house.ask("alice", "--uses=2", "--reason=the disk is full", "true", "one-word")
        made.approved = asking.id
        house.approved(made.approved)
        assert asking.end() == 0
        made.broken = break_glass(house)
        assert house.sudo("dave", "true").returncode != 0
        assert house.jitd("lock", "--user=eve", "--reason=laptop stolen").returncode == 0
        assert house.jitd("audit", "report").returncode == 0, "root has made a report once"
        yield made


def break_glass(house: House) -> str:
    """alice does something at a terminal that nobody has approved. Return the id of her request."""
    before = {one.id for one in house.kept("requests", ended=True)}
    first, *rest = house.line("alice", "jitsudo", "--break-glass", "--reason=production is down", "true", "at-night")
    screen = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8")
    screen.expect_exact('type "break glass" to go on: ')
    screen.sendline("break glass")
    screen.expect(pexpect.EOF)
    screen.close()
    (new,) = {one.id for one in house.kept("requests", ended=True)} - before
    return str(new)


def lines_of(number: int) -> list[tuple[str, str]]:
    """The lines that question ``number`` types; 0 is what comes before the first one."""
    parts = QUESTION.split(PAGE)
    return LINE.findall(parts[0] if number == 0 else parts[3 * number])


def test_there_are_ten_questions_and_each_is_answered_by_lines() -> None:
    assert [int(number) for number, _ in QUESTION.findall(PAGE)] == list(range(1, 11))
    assert all(lines_of(number) for number in range(11))
    assert len(LINE.findall(PAGE)) == sum(len(lines_of(number)) for number in range(11))
    outside = re.sub(r"```console\n.*?```", "", PAGE, flags=re.DOTALL)
    assert LINE.findall(outside) == []


def answers(scene: Scene, number: int) -> list[str]:
    if number not in scene.answers:
        if number == 2:  # what she takes to her desk
            answers(scene, 0)
            (scene.desk / "verify.py").write_bytes(verifier())
            shutil.copy(scene.carols / "db1.pub", scene.desk)
        found = scene.answers[number] = []
        for who, line in lines_of(number):
            if who == "desk":
                shutil.copy(scene.carols / "action.zip", scene.desk)
            found.append(scene.typed(who, line))
    return scene.answers[number]


def figures(text: str) -> dict[str, list[list[object]]]:
    return {one["name"]: one["rows"] for part in json.loads(text)["sections"] for one in part["figures"]}


def test_before_the_first_question_she_has_the_hosts_key_and_the_digest_of_the_verifier(scene: Scene) -> None:
    _, version = answers(scene, 0)
    assert (scene.carols / "db1.pub").read_text().startswith("ssh-ed25519 ")
    assert hashlib.sha256(verifier()).hexdigest() in version


def test_who_could_become_root_is_told_with_and_without_asking(scene: Scene) -> None:
    _, _, grants, standing = answers(scene, 1)
    page = html.unescape(re.sub("<[^>]*>", "", (scene.carols / "march-12.html").read_text()))
    assert scene.approved in grants and scene.broken in grants and "alice@EXAMPLE.TEST" in grants
    assert "standing.recorded" in standing
    assert 'jitd.toml: root = "permit"' in page
    assert page.index("Who can become root without jitd") < page.index("Policy in force") < page.index("What to sample from")
    matrix = (scene.carols / "march-12/matrix.csv").read_text("utf-8-sig")
    assert '"lab-dba","may ask","group:dba","alice"' in matrix and '"lab-dba","may approve","group:ops","bob, carol' in matrix
    assert '"emergency","may review it afterwards","group:ops"' in matrix
    assert "alice@EXAMPLE.TEST" in page


def test_who_approved_is_told_by_the_host_and_proved_without_it(scene: Scene) -> None:
    answers(scene, 1)
    told, _, proved = answers(scene, 2)
    rows = (scene.carols / "march-12/actions.csv").read_text("utf-8-sig").splitlines()
    (sampled,) = [row for row in rows if row.endswith(f'"{scene.approved}"')]
    assert '"bob@EXAMPLE.TEST"' in sampled
    (broken,) = [row for row in rows if row.endswith(f'"{scene.broken}"')]
    assert "nobody (emergency), not reviewed" in broken and '"""production is down"""' in broken
    assert re.search(r"request\.reviewed.*bob@EXAMPLE\.TEST|bob@EXAMPLE\.TEST.*request\.reviewed", told)
    assert (scene.desk / "action.html").is_file()
    with zipfile.ZipFile(scene.desk / "action.zip") as pack:
        assert "bob@EXAMPLE.TEST" in pack.read("index.html").decode()
        assert any(name.startswith("policy-") and b"lab-dba" in pack.read(name) for name in pack.namelist())
    assert proved


def test_a_pack_that_was_changed_on_the_way_proves_nothing(scene: Scene) -> None:
    answers(scene, 2)
    changed = (scene.desk / "action.zip").read_bytes().replace(b"bob@EXAMPLE.TEST", b"dan@EXAMPLE.TEST")
    (scene.desk / "changed.zip").write_bytes(changed)
    line = [sys.executable, "verify.py", "--key", "db1.pub", "changed.zip"]
    assert subprocess.run(line, cwd=scene.desk, capture_output=True, check=False).returncode == 1


def test_each_emergency_is_shown_with_the_review_that_is_owed(scene: Scene) -> None:
    _, events, reviews = answers(scene, 3)
    rows = figures((scene.carols / "quarter.json").read_text())["break-glass"]
    assert [scene.broken in row for row in rows] == [True]
    assert scene.broken in events and "owed_review.begun" in events and scene.approved not in events
    assert scene.broken in reviews and "owed" in reviews


def test_unused_rights_are_named(scene: Scene) -> None:
    answers(scene, 4)
    text = (scene.carols / "quarter.txt").read_text()
    part = text[text.index("Wider than used") :]
    assert "nobody-needs-this" in part


def test_who_approves_whom_can_be_computed_again_from_the_query(scene: Scene) -> None:
    answers(scene, 5)
    copy = scene.house.root / "copy.db"
    with contextlib.closing(sqlite3.connect(scene.house.database)) as live, contextlib.closing(sqlite3.connect(copy)) as to:
        live.backup(to)
    script = (scene.carols / "quarter.sql").read_text()
    done = subprocess.run(["sqlite3", str(copy)], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "") and "one-approver" in done.stdout


def test_what_was_refused_is_shown(scene: Scene) -> None:
    requests, screened, locks = answers(scene, 6)
    assert any("dave" in line and "denied" in line for line in requests.splitlines()), requests
    assert "denied: no rule permits this" in screened
    assert "laptop stolen" in locks and "eve" in locks


def test_what_a_person_did_is_a_file_that_proves_itself(scene: Scene) -> None:
    answers(scene, 0)
    shown, _, verified = answers(scene, 7)
    assert scene.approved in shown and scene.broken in shown and "dave@" not in shown
    assert "one-word" in (scene.carols / "alice.jsonl").read_text()
    assert "records 1 to " in verified or "chain whole" in verified


def test_the_record_is_whole(scene: Scene) -> None:
    verified, _ = answers(scene, 8)
    assert "chain whole" in verified


def test_what_is_held_now_is_shown(scene: Scene) -> None:
    grants, _, locks = answers(scene, 9)
    assert scene.approved in grants
    assert "eve" in locks


def test_a_report_is_the_one_that_was_made_and_who_asked_is_told(scene: Scene) -> None:
    for number in (1, 2, 7, 8):
        answers(scene, number)
    sums, reports, packs, exports, _ = answers(scene, 10)
    digests = re.findall(r"^[0-9a-f]{64}", sums, re.MULTILINE)
    assert len(digests) == 4
    recorded = [one["detail"]["sha256"] for one in scene.house.records() if one["event"] == "report.made"]
    assert set(digests) <= set(recorded)
    assert "carol@EXAMPLE.TEST" in reports
    assert scene.approved in packs and "carol@EXAMPLE.TEST" in packs
    assert "carol@EXAMPLE.TEST" in exports
