# SPDX-License-Identifier: Apache-2.0
"""``jitd check`` tries what would otherwise fail after an approval: the checks of edits, with the real sshd and visudo, and the
lines of ``[givers.*]``.

Law: it changes nothing, and runs nothing that others than root could have written.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.conftest import House
from tests.waiting import PATIENCE

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's sshd, sudo and people")
SSHD = "/usr/sbin/sshd"


def rule(check: str, file: str = "/etc/ssh/sshd_config", more: str = "") -> str:
    return f"""
[[permit]]
name = "edit"
who = ["group:dba"]
commands = [["sudoedit", "{file}"]]
approvals = [{{ need = 1, from = ["group:ops"] }}]
run = {{ check = {check} }}
accept = {{ amounts-to-root = "each edit is read" }}
{more}"""


def warned(*files: Path) -> list[str]:
    """What ``jitd check`` warns of, as root."""
    line = ["/usr/sbin/jitd", "check", *map(str, files)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if "warning check-refuses" in line or "warning cannot-give" in line]


@pytest.fixture
def drafts() -> Iterator[Path]:
    """A directory that root alone can change."""
    place = Path("/srv/drafts")
    place.mkdir(mode=0o755)
    yield place
    subprocess.run(["rm", "-r", str(place)], check=True)


@pytest.fixture
def server() -> None:
    """What sshd needs to check its settings."""
    Path("/run/sshd").mkdir(exist_ok=True)
    subprocess.run(["ssh-keygen", "-A"], check=True, capture_output=True)


def test_a_check_that_refuses_the_file_as_it_is_is_told_with_what_it_says(drafts: Path, server: None) -> None:
    draft = drafts / "edit.toml"
    draft.write_text(rule(f'["{SSHD}", "-t"]'))
    (line,) = warned(draft)
    assert "warning check-refuses: /etc/ssh/sshd_config as it is, so each edit is refused after its approval: " in line
    assert f"the check {SSHD} says no (status " in line and line.endswith("; {file} says where its path goes"), line


@pytest.mark.parametrize(
    ("check", "file"),
    [
        (f'["{SSHD}", "-t", "-f", "{{file}}"]', "/etc/ssh/sshd_config"),
        ('["/usr/sbin/visudo", "-c", "-f", "{file}"]', "/etc/sudoers"),
        ('["/bin/false"]', "/etc/nothing/is/here.conf"),
    ],
    ids=["sshd", "visudo", "no such file"],
)
def test_a_check_that_takes_the_file_as_it_is_says_nothing(drafts: Path, server: None, check: str, file: str) -> None:
    draft = drafts / "edit.toml"
    draft.write_text(rule(check, file))
    assert warned(draft) == []


def test_a_pattern_is_tried_on_files_that_it_matches_as_the_account_that_writes(drafts: Path) -> None:
    """THREATS R-36."""
    (drafts / "one.conf").write_text("x\n")
    draft = drafts / "edit.toml"
    draft.write_text(rule('["/usr/bin/test", "-w", "{file}"]', f"{drafts}/*.conf", 'run_as = ["bob"]'))
    (line,) = warned(draft)
    assert f"check-refuses: {drafts}/one.conf as it is" in line and "says no (status 1)" in line
    os.chown(drafts / "one.conf", 4002, -1)
    assert warned(draft) == []


@pytest.mark.parametrize("whose", ["the rule", "the program"])
def test_what_others_could_have_written_is_not_run(drafts: Path, whose: str) -> None:
    """THREATS R-36."""
    made, check, draft = drafts / "made", drafts / "check", drafts / "edit.toml"
    check.write_text(f"#!/bin/sh\n/usr/bin/touch {made}\n")
    check.chmod(0o755)
    (drafts / "one.conf").write_text("x\n")
    draft.write_text(rule(f'["{check}"]', f"{drafts}/one.conf"))
    assert warned(draft) == [] and made.exists(), "root's own are tried"
    made.unlink()
    os.chown(draft if whose == "the rule" else check, 4001, -1)
    (line,) = warned(draft)
    assert "the check was not tried, because " in line and "can be changed by others: " in line, line
    assert not made.exists()


def test_lines_of_a_giver_that_visudo_refuses_are_told_before_anybody_approves_them(own_house) -> None:
    lines = '[givers.web]\nkind = "sudoers"\nlines = ["ALL=(root) /usr/bin/id"]\n[givers.bad]\nkind = "sudoers"\n'
    house: House = own_house(config=f'{lines}lines = ["ALL=(root /usr/bin/id"]\n')
    found = [line for line in warned(house.config_file) if "cannot-give" in line]
    assert len(found) == 1 and "[givers.bad] of jitd.toml: visudo refuses its lines: " in found[0], found
    assert found[0].endswith("it is refused after its approval")
