# SPDX-License-Identifier: Apache-2.0
"""``jitd audit report`` of a real daemon: the same figures as text, as JSON, as a page, and as SQL for a copy of the database."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.standing.host import planted
from tests.system.conftest import OF_THE_LAB, House

RULES = f"""
[[permit]]
name = "web <b>farm</b> ' --"
who = ["group:dba"]
run_as = ["root"]
commands = [["/usr/bin/true", "**"], ["/bin/true", "**"]]
{OF_THE_LAB}
"""
WEB = "web <b>farm</b> ' --"


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    found = House(RULES, 'auditors = ["principal:carol@EXAMPLE.TEST"]')
    found.start()
    assert found.sudo("alice", "true", "hidden-word").returncode == 0
    assert found.sudo("dave", "true").returncode != 0
    yield found
    found.close()


def report(house: House, *words: str, who: str = "root") -> tuple[dict[str, Any], str]:
    """The report as JSON, and what the verb says about it."""
    done = house.jitd("audit", "report", "--json", *words, who=who)
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii() and done.stdout.count("\n") == 1
    return json.loads(done.stdout), done.stderr


def figures(made: dict[str, Any]) -> dict[str, list[list[Any]]]:
    return {one["name"]: one["rows"] for section in made["sections"] for one in section["figures"]}


def test_an_auditor_gets_the_report_that_root_gets(house: House) -> None:
    until = f"--until={datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    of_root, _ = report(house, until)
    of_carol, said = report(house, until, who="carol")
    assert figures(of_carol)["requests-by-rule"] == figures(of_root)["requests-by-rule"]
    assert [row[0] for row in figures(of_root)["requests-by-rule"]] == ["", WEB]
    assert of_carol["by"] == "carol@EXAMPLE.TEST" and "the report is recorded: record " in said
    refused = house.jitd("audit", "report", who="alice")
    assert (refused.returncode, refused.stdout) == (3, "") and "only operators, auditors and root" in refused.stderr


def test_a_file_has_the_digest_of_the_record_that_the_verb_names(house: House, tmp_path: Path) -> None:
    """THREATS L-25."""
    before = house.head().number
    file = tmp_path / "report.html"
    done = house.jitd("audit", "report", f"--html={file}")
    assert (done.returncode, done.stdout) == (0, "")
    (note,) = [one for one in house.records(before) if one["event"] == "report.made"]
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert note["detail"]["sha256"] == sha256 and done.stderr.endswith(f"SHA-256 {sha256}\n")
    assert file.stat().st_mode & 0o7777 == 0o600
    piped = house.jitd("audit", "report", "--html=-")
    assert hashlib.sha256(piped.stdout.encode()).hexdigest() in piped.stderr


def test_the_text_has_every_section_and_every_figure(house: House) -> None:
    made, _ = report(house)
    done = house.jitd("audit", "report")
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    summary, *sections = made["sections"]
    assert [about for about, *_ in summary["figures"][0]["rows"] if f" {about}: " not in text] == []
    for number, section in enumerate(sections, 1):
        assert f"{number}. {section['title']}" in text
        assert [one["title"] for one in section["figures"] if one["title"] not in text] == []
        nothing = [one["title"] for one in section["figures"] if not one["rows"]]
        assert not nothing or f"None: {'; '.join(nothing)}" in text


def test_the_script_makes_the_figures_again_in_a_copy_of_the_database(house: House, tmp_path: Path) -> None:
    """Whatever the names of rules are, in the text and in what was asked for."""
    until = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    words = (f"--until={until}", f"--rule={WEB}", "--who=alice")
    made, _ = report(house, *words)
    copy = tmp_path / "copy.db"
    with contextlib.closing(sqlite3.connect(house.database)) as live, contextlib.closing(sqlite3.connect(copy)) as to:
        live.backup(to)
    script = house.jitd("audit", "report", "--explain", *words).stdout
    line = ["sqlite3", "-json", str(copy)]
    done = subprocess.run(line, input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    printed: dict[str, str] = {}
    for one in done.stdout.splitlines():
        if one in figures(made):
            name = one
            printed[name] = ""
        else:
            printed[name] += one
    again = {
        name: json.loads(text or "[]", object_pairs_hook=lambda pairs: [value for _, value in pairs])
        for name, text in printed.items()
    }
    wanted = {name: rows for name, rows in figures(made).items() if name in again}
    summary, counts = wanted.pop("summary"), again.pop("summary")
    assert [where for *_, where in summary] == [where for where, _ in counts]
    assert without_words(again.pop("actions")) == without_words(wanted.pop("actions")) != []
    assert again == wanted
    assert again["requests-by-rule"][0][:2] == [WEB, 1] and len(again) > 5


def without_words(rows: list[list[Any]]) -> list[list[Any]]:
    """The rows of the list of actions without what people typed, which a script does not fill in."""
    return [[*row[:3], *row[5:]] for row in rows]


def test_sheets_are_new_files_of_their_owner_with_the_digests_of_the_record(house: House, tmp_path: Path) -> None:
    """THREATS L-35."""
    assert house.sudo("alice", "--reason==1+1", "true", "of-a-sheet").returncode == 0
    before, directory = house.head().number, tmp_path / "sheets"
    done = house.jitd(
        "audit", "report", f"--csv={directory}", f"--until={datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    notes = [one["detail"] for one in house.records(before) if one["event"] == "report.made"]
    assert [note["form"] for note in notes] == ["actions.csv", "matrix.csv"] and notes[0]["until"] == notes[1]["until"]
    assert directory.stat().st_mode & 0o7777 == 0o700
    for note in notes:
        file = directory / note["form"]
        assert hashlib.sha256(file.read_bytes()).hexdigest() == note["sha256"]
        assert f"{file}: record " in done.stderr and f"SHA-256 {note['sha256']}" in done.stderr
        assert file.stat().st_mode & 0o7777 == 0o600
    actions, matrix = (rows_of(directory / note["form"]) for note in notes)
    assert [row["why"] for row in actions if row["what"].endswith(" of-a-sheet")] == ['"=1+1"']
    assert {"alice@EXAMPLE.TEST", "dave@EXAMPLE.TEST"} <= {row["who"] for row in actions}
    assert [row["people"] for row in matrix if (row["rule"], row["right"]) == (WEB, "may ask")] == ["alice"]
    kept = {file: file.read_bytes() for file in directory.iterdir()}
    head = house.head()
    again = house.jitd("audit", "report", f"--csv={directory}")
    assert again.returncode == 1 and f"{directory}/actions.csv exists already" in again.stderr
    (directory / "actions.csv").unlink()
    (directory / "matrix.csv").unlink()
    (directory / "matrix.csv").symlink_to(tmp_path / "elsewhere")
    link = house.jitd("audit", "report", f"--csv={directory}")
    assert link.returncode == 1 and f"{directory}/matrix.csv exists already" in link.stderr
    assert house.head() == head and not (tmp_path / "elsewhere").exists() and len(kept) == 2


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.DictReader(opened, strict=True))


def test_an_auditor_gets_sheets_too_and_nobody_else(house: House) -> None:
    directory = Path("/tmp/sheets-of-carol")
    done = house.jitd("audit", "report", f"--csv={directory}", who="carol")
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(directory)) == ["actions.csv", "matrix.csv"]
    refused = house.jitd("audit", "report", "--csv=/tmp/sheets-of-alice", who="alice")
    assert refused.returncode == 3 and not list(Path("/tmp").glob("sheets-of-alice/*"))


def test_what_root_sees_of_the_host_is_recorded_and_in_everybodys_report(house: House) -> None:
    before = house.head().number
    with planted({"/etc/sudoers.d/zz-report": "dave ALL=(ALL) NOPASSWD: ALL\n"}):
        of_root, _ = report(house)
    (note,) = [one for one in house.records(before) if one["event"] == "standing.recorded"]
    of_carol, _ = report(house, who="carol")
    for made in (of_root, of_carol):
        assert ["root", "dave", "sudo"] in [row[:3] for row in figures(made)["becoming"]]
        assert figures(made)["seen"][0][5] == note["detail"]["sha256"]
    assert [one for one in house.records(note["number"]) if one["event"] == "standing.recorded"] == []
    gone, _ = report(house)
    assert ["gone", "root", "dave"] in [row[:3] for row in figures(gone)["changed"]] or figures(gone)["changed"] == []
    assert "dave" not in [row[1] for row in figures(gone)["becoming"]]
    assert len(figures(gone)["trend"]) >= 2 and "<svg" in house.jitd("audit", "report", "--html=-", who="carol").stdout


def test_a_month_is_written_for_auditors_and_no_other_file_passes_for_it(house: House) -> None:
    """THREATS L-25."""
    directory = house.database.parent / "reports"
    directory.mkdir(0o700)
    done = house.jitd("audit", "report", f"--monthly={directory}")
    assert done.returncode == 0, done.stderr
    month = (datetime.now(UTC).replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
    assert sorted(os.listdir(directory)) == [f"{month}.html", f"{month}.json"]
    kept = house.jitd("audit", "report", f"--kept={month}", "--json", who="carol")
    assert (
        kept.stdout == (directory / f"{month}.json").read_text()
        and "made 20" in kept.stderr
        and "for root: record" in kept.stderr
    )
    shown = house.jitd("audit", "report", f"--kept={month}", "--html=-", who="carol")
    assert shown.stdout.encode() == (directory / f"{month}.html").read_bytes()
    assert house.jitd("audit", "report", f"--kept={month}", who="carol").stdout.startswith(
        "Privileged access on lab.example.test"
    )
    with (directory / f"{month}.html").open("a") as page:
        page.write(" ")
    changed = house.jitd("audit", "report", f"--kept={month}", "--html=-", who="carol")
    assert (changed.returncode, changed.stdout) == (1, "") and "is not the report that jitd has made" in changed.stderr
    assert house.jitd("audit", "report", "--kept=1999-01", who="carol").returncode == 1


@pytest.mark.parametrize(
    "words",
    [
        ("--html=x", "--json"),
        ("--json", "--explain"),
        ("--csv=x", "--html=y"),
        ("--kept=2026-10", "--csv=x"),
        ("--kept=2026-10", "--since=1d"),
        ("--kept=2026-10", "--explain"),
        ("--monthly=/tmp", "--json"),
        ("--monthly=/tmp", "--rule=x"),
    ],
)
def test_options_that_do_not_go_together_are_refused(house: House, words: tuple[str, ...]) -> None:
    head = house.head()
    assert house.jitd("audit", "report", *words).returncode == 2
    assert house.head() == head
