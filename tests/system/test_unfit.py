# SPDX-License-Identifier: Apache-2.0
"""What is there and cannot be executed: told with 126 before anybody is asked, and not at all to who could not see it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.conftest import House

PLACE = Path("/srv/unfit")
SECRET = Path("/root/unfit")
LISTS = "jitsudo -l lists what you may ask for"
SCRIPTS = {"missing-interpreter": "#!/no/such\n", "directory-interpreter": "#!/etc\n", "text-interpreter": "#!/etc/passwd\n"}


def furnish(place: Path) -> None:
    place.mkdir(mode=0o755)
    (place / "directory").mkdir()
    os.mkfifo(place / "fifo")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(place / "socket"))
    (place / "loop").symlink_to("loop")
    (place / "nowhere").symlink_to("gone")
    for name in ("plain", "roots", "fit"):
        (place / name).write_bytes(Path("/bin/true").read_bytes())
        (place / name).chmod({"plain": 0o644, "roots": 0o700, "fit": 0o755}[name])
    for name, text in SCRIPTS.items():
        (place / name).write_text(text)
        (place / name).chmod(0o755)
    (place / "to-dark-file").symlink_to(SECRET / "fit")
    (place / "to-dark-plain").symlink_to(SECRET / "plain")
    (place / "to-dark-nothing").symlink_to(SECRET / "gone")


@pytest.fixture(scope="module", autouse=True)
def places() -> Iterator[None]:
    furnish(PLACE)
    furnish(SECRET)
    SECRET.chmod(0o700)
    yield
    for place in (PLACE, SECRET):
        for entry in place.iterdir():
            entry.rmdir() if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        place.rmdir()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("directory", "it is a directory"),
        ("fifo", "it is not a regular file"),
        ("socket", "it is not a regular file"),
        ("loop", "its symbolic links lead in a circle"),
        ("plain", "it is not executable"),
        ("missing-interpreter", "the interpreter in its first line is missing"),
        ("directory-interpreter", "the interpreter in its first line is not a program"),
        ("text-interpreter", "the interpreter in its first line is not executable"),
    ],
)
def test_what_cannot_be_executed_is_126_and_nobody_is_asked(house: House, name: str, why: str) -> None:
    before = (house.at_rest().rows("requests", "--all"), house.records())
    done = house.sudo("alice", str(PLACE / name))
    assert (done.returncode, done.stdout) == (126, "")
    assert why in done.stderr and "request " not in done.stderr
    assert house.sudo("alice", "-n", str(PLACE / name)).returncode == 126  # and not: an approval is required
    assert (house.rows("requests", "--all"), house.records()) == before


def test_what_the_account_to_run_as_may_not_execute_is_126_and_nobody_is_asked(house: House) -> None:
    before = house.at_rest().records()
    done = house.sudo("alice", "-u", "eve", str(PLACE / "roots"))
    assert done.returncode == 126 and "may not execute it" in done.stderr
    assert house.records() == before
    assert house.sudo("alice", "-n", str(PLACE / "roots")).returncode == 118  # root may


def test_a_link_that_leads_nowhere_is_127_and_nobody_is_asked(house: House) -> None:
    before = house.at_rest().records()
    done = house.sudo("alice", str(PLACE / "nowhere"))
    assert done.returncode == 127 and "leads nowhere" in done.stderr
    assert house.records() == before


@pytest.mark.parametrize("name", ["directory", "missing-interpreter", "plain"])
def test_to_whom_no_rule_permits_it_it_is_denied_whatever_it_is(house: House, name: str) -> None:
    """CONTRACT section 2: 126 is for what was approved and cannot be executed."""
    done = house.sudo("eve", str(PLACE / name))
    assert (done.returncode, done.stderr) == (121, f"jitsudo: denied: no rule permits this; {LISTS}\n")


def test_of_what_one_cannot_see_every_answer_is_the_same(house: House) -> None:
    """THREATS S-11: whatever is at a path in the dark, at the end of a link into it, or not there at all."""
    dark = [*(entry.name for entry in SECRET.iterdir()), "gone", "directory/x", "fit/", "directory/", "gone/"]
    answers = {
        (done.returncode, done.stderr.replace(name, "X")) for name in dark for done in [house.sudo("eve", f"{SECRET}/{name}")]
    }
    assert len(answers) == 1 and {status for status, _ in answers} == {121}, answers
    links = ["to-dark-file", "to-dark-plain", "to-dark-nothing"]
    answers = {
        (done.returncode, done.stderr.replace(name, "X")) for name in links for done in [house.sudo("eve", f"{PLACE}/{name}")]
    }
    assert len(answers) == 1 and {status for status, _ in answers} == {121}, answers


def test_who_may_run_it_and_cannot_see_it_is_told_what_they_would_be_told_if_it_were_not_there(house: House) -> None:
    """THREATS S-11: a rule that lets them run all that is there does not tell them what is."""
    answers = {
        (done.returncode, done.stderr.replace(name, "X"))
        for name in ("directory", "missing-interpreter", "plain", "gone")
        for done in [house.sudo("alice", f"{SECRET}/{name}")]
    }
    assert len(answers) == 1 and {status for status, _ in answers} == {121}, answers
