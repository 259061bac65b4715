# SPDX-License-Identifier: Apache-2.0
"""Which file a name means, and who reads it: the whole way, from what a person types (THREATS R-06, R-07, R-08).

Law: every refusal is followed by a look whether anything ran.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.conftest import House, house_with

ALICE = 4001
PLACE = Path("/srv/scripts")
RULES = """
[[permit]]
name = "scripts"
who = ["group:dba"]
commands = [["/srv/scripts/*", "**"], ["/usr/bin/true"]]
"""


running = house_with(RULES)


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that only root can change."""
    PLACE.mkdir(mode=0o755)
    yield PLACE
    shutil.rmtree(PLACE)


def script(path: Path, interpreter: str | Path, text: str = "", owner: int = 0) -> Path:
    path.write_text(f"#!{interpreter}\n{text}\n")
    path.chmod(0o755)
    os.chown(path, owner, owner)
    return path


@pytest.mark.parametrize("way", ["its interpreter", "its interpreter's"])
def test_a_script_of_roots_whose_interpreter_others_can_change_is_refused(running: House, place: Path, way: str) -> None:
    """THREATS R-06, R-07: the file itself is root's; it is the program that reads it that alice may change."""
    mark = place / "mark"
    theirs = script(place / "theirs", "/usr/bin/dash", f"touch {mark}", ALICE)
    reader = theirs if way == "its interpreter" else script(place / "reader", theirs)
    tool = script(place / "tool", reader)
    done = running.sudo("alice", str(tool))
    assert done.returncode == 121, done.stderr
    assert "others can change the file of this command" in done.stderr and f"{theirs} belongs to uid {ALICE}" in done.stderr
    assert not mark.exists()
    os.chown(theirs, 0, 0)
    assert running.sudo("alice", str(tool)).returncode == 0 and mark.exists(), "root's alone, it runs"


def test_the_callers_search_path_is_not_the_one_that_counts(running: House, place: Path) -> None:
    """THREATS R-08: a name is looked for where jitd looks, whatever the caller's own PATH is, also if it is brought along."""
    mark = place / "mark"
    script(place / "true", "/usr/bin/dash", f"touch {mark}")
    for path in (f"{place}:/usr/bin:/bin", f":{place}:/usr/bin:/bin", ".:/usr/bin:/bin", "/usr/bin:/bin"):
        for brought in ((), ("-E",)):
            done = running.run("alice", "env", f"PATH={path}", "jitsudo", *brought, "true", cwd=str(place))
            assert done.returncode == 0, (path, done.stderr)
            assert not mark.exists(), path
    paths = {row["path"] for row in running.rows("requests", "--all") if row["argv"] == ["true"]}
    assert paths == {"/usr/bin/true"}
