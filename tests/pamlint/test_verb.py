# SPDX-License-Identifier: Apache-2.0
"""The verb: what is printed, what its status is, and that its page knows every finding."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

from jitd import hosts
from jitd.hosts.findings import BAD, SEVERITIES, Linted, Place, bad, merged, unknown, weak
from jitd_inspection import pamlint
from jitd_inspection.pamlint.linting import lint_host
from tests.law import manual
from tests.pamlint.corpus import ROWS
from tests.pamlint.host import GATE, SHAPE
from tests.pamlint.openings import OPENINGS, SSHDS
from tests.pamlint.test_reading import HOSTILE
from tests.waiting import PATIENCE

TREE = Path(__file__).parents[2]
PAGE = manual.part(manual.page_of("pam-lint"), ".Ss Findings of pam-lint")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """``jitd pam-lint`` with these."""
    program = "import sys; from jitd.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", program, "pam-lint", *arguments],
        capture_output=True,
        text=True,
        cwd=TREE,
        timeout=PATIENCE,
        check=False,
    )


def written() -> set[str]:
    """The names of all findings that the code can make."""
    found: set[str] = set()
    for file in (file for room in (hosts, pamlint) for file in Path(room.__path__[0]).glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in (
                "bad",
                "unknown",
                "weak",
                "make",
                "fault",
            ):
                words = [word.value for word in node.args[:2] if isinstance(word, ast.Constant) and isinstance(word.value, str)]
                found |= {word for word in words[:1] if re.fullmatch(r"[a-z0-9-]+", word)}
    return found


def test_every_finding_is_in_the_corpus() -> None:
    in_rows = {name.lstrip("~?") for row in [*ROWS, *HOSTILE, *OPENINGS, *SSHDS] for name in row.found.split()}
    assert len(written()) > 40
    assert sorted(written() - in_rows - {"too-involved", "libpam-unknown"}) == []
    assert sorted(in_rows - written()) == []


def test_every_finding_is_in_the_page_and_no_other() -> None:
    named = {name for line in re.findall(r"^\.It Sy (.*)$", PAGE, re.MULTILINE) for name in line.split(" , ")}
    assert named == written()


def test_every_finding_is_whole() -> None:
    found = [(row.says, finding) for row in [*ROWS, *HOSTILE, *OPENINGS] for finding in row.findings()]
    found += [(row.says, finding) for row in SSHDS for finding in lint_host(row.host())]
    assert len(found) > 150
    assert [(says, finding) for says, finding in found if not is_whole(finding)] == []


def is_whole(finding: Linted) -> bool:
    """It has a place, a sentence on one line that does not end in a mark, and a way to mend it."""
    return (
        finding.severity in SEVERITIES
        and finding.place.file.startswith("/")
        and len(finding.sentence) > 15
        and finding.sentence[-1] not in ".:; "
        and bool(finding.mend)
        and "\n" not in finding.sentence + finding.mend
    )


def test_the_same_of_several_services_is_told_once_and_the_worst_of_it() -> None:
    place = Place("/x", 1)
    (finding,) = merged(
        [weak("a", place, "mild", "m", "su"), bad("a", place, "hard", "m", "su-l"), weak("a", place, "mild", "m", "su")]
    )
    assert (finding.severity, finding.sentence, finding.services) == (BAD, "hard", ("su", "su-l"))
    assert str(place) == "/x:1" and str(Place("/x")) == "/x"


def test_a_stack_that_fails_open_is_status_1_with_line_name_and_mend(tmp_path: Path) -> None:
    file = tmp_path / "su"
    file.write_text(f"account required {GATE}\naccount required pam_unix.so\n")
    done = run(str(file))
    assert done.returncode == 1 and "bad" in done.stderr
    assert f"bad   {file}:1  others-than-success-admit (su): " in done.stdout
    assert "\n      write account [success=1 default=ignore]" in done.stdout
    rows = [json.loads(line) for line in run("--json", str(file)).stdout.splitlines()]
    assert {"severity", "name", "file", "line", "sentence", "mend", "services"} == set(rows[0])
    assert ("others-than-success-admit", 1, ["su"]) in [(row["name"], row["line"], row["services"]) for row in rows]


def test_the_worst_of_several_is_told() -> None:
    place = Place("/x", 1)
    made = [weak("a", place, "mild", "m"), unknown("a", place, "who knows", "m"), bad("a", place, "hard", "m")]
    assert [finding.severity for finding in merged(made[:2])] == ["unknown"]
    assert [finding.severity for finding in merged([*made[1:], made[0]])] == ["bad"]


def test_what_cannot_be_told_is_no_status_0(tmp_path: Path) -> None:
    """THREATS P-15."""
    file = tmp_path / "sudoers"
    file.write_text('Defaults secure_path="/usr/bin:/bin"\nDefaults env_reset, =\n')
    done = run(str(file))
    assert done.returncode == 1 and f"unknown {file}:2  senseless-setting: " in done.stdout
    assert "jitd: 1 unknown" in done.stderr
    file.write_text('Defaults secure_path="/usr/bin:/bin"\nDefaults env_reset\n')
    assert (run(str(file)).returncode, run(str(file)).stdout) == (0, "")


def test_a_stack_that_holds_is_status_0(tmp_path: Path) -> None:
    file = tmp_path / "su"
    file.write_text("account required pam_permit.so\n")
    done = run(str(file))
    assert done.returncode == 0 and "no-gate" in done.stdout and done.stderr.strip() == "jitd: 1 weak"
    file.write_text(SHAPE + "account required pam_unix.so\n")
    found = {json.loads(line)["name"] for line in run("--json", str(file)).stdout.splitlines()}
    assert found <= {"loader-missing", "gate-missing", "file-open"}, "of the files of this host"


def test_what_is_printed_is_plain_whatever_is_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "su"
    file.write_bytes(b"account \x1b[2J\xff pam_x.so\naccount include \x1b]0;x\x07\n")
    for done in (run(str(file)), run("--json", str(file))):
        assert done.returncode == 1 and done.stdout
        assert "\x1b" not in done.stdout + done.stderr and "Traceback" not in done.stderr


def test_this_host_is_looked_at_where_nothing_is_named() -> None:
    done = run("--json")
    assert done.returncode in (0, 1) and "Traceback" not in done.stderr
    assert all(json.loads(line)["severity"] in SEVERITIES for line in done.stdout.splitlines())
