# SPDX-License-Identifier: Apache-2.0
"""Root's access lent to somebody who has none: a directory that neither the requester nor the target may enter.

Law: the client is jitsudo itself, as it would be if its user had changed it.
"""

from __future__ import annotations

import grp
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.raw import uid_of
from tests.law.tree import TREE
from tests.system.conftest import House

POLICY = """
[[permit]]
name = "at-once"
who = ["user:alice"]
run_as = ["*"]
commands = [["/usr/bin/pwd"]]
"""
PLACE = Path("/srv/deputy")
LYING = """
import os, sys
sys.path.insert(0, sys.argv[1])
from jitpam import claims
place, device, inode = sys.argv[2].encode(), int(sys.argv[3]), int(sys.argv[4])
claims.directory = lambda chdir: (place, device, inode)
held = os.open(sys.argv[5], os.O_PATH)
sys.argv[1:] = sys.argv[6:]
from jitpam.jitsudo import main
main()
"""
"""jitsudo that says it stands in another place, of which it has a descriptor."""
NOT_ENTERED = (126, "", "jitsudo: the working directory cannot be entered: Permission denied\n")
Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with House(POLICY) as made:
        for who in ("alice", "carol"):
            place = PLACE / who
            place.mkdir(parents=True, mode=0o700)
            os.chown(place, uid_of(who), uid_of(who))
        yield made
    subprocess.run(["rm", "-rf", str(PLACE)], check=True)


def _lying(house: House, place: Path, *words: str) -> Done:
    status = place.stat()
    what = (str(TREE), str(place), str(status.st_dev), str(status.st_ino), str(place))
    return house.run("alice", sys.executable, "-c", LYING, *what, *words)


def _from(house: House, place: Path, *words: str) -> Done:
    return house.run("alice", "sh", "-c", 'cd "$1"; shift; exec jitsudo "$@"', "sh", str(place), *words)


def _said(done: Done) -> tuple[int, str, str]:
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("target", ["dave", "alice"])
def test_a_directory_that_the_client_only_says_it_stands_in_is_entered_as_the_target_alone(house: House, target: str) -> None:
    """THREATS X-17: device, inode and descriptor are true, and prove nothing: anybody can have them."""
    assert _said(_lying(house, PLACE / "carol", "-u", target, "pwd")) == NOT_ENTERED


def test_a_directory_that_one_says_one_stands_in_is_entered_where_the_target_may(house: House) -> None:
    """THREATS X-17: the honest use."""
    for target in ("carol", "root"):
        assert _said(_lying(house, PLACE / "carol", "-u", target, "pwd")) == (0, f"{PLACE}/carol\n", "")


def test_ones_own_closed_directory_is_inherited_by_any_target(house: House) -> None:
    """THREATS X-17: the honest use, as from sudo."""
    for target in ("dave", "carol", "root"):
        assert _said(_from(house, PLACE / "alice", "-u", target, "pwd")) == (0, f"{PLACE}/alice\n", "")


@pytest.mark.parametrize("whose", ["alice", "carol"])
def test_a_directory_that_was_named_is_entered_as_the_target_alone(house: House, whose: str) -> None:
    """THREATS X-17: also where the caller stands in it."""
    assert _said(_from(house, PLACE / "alice", "-u", "dave", "-D", str(PLACE / whose), "pwd")) == (
        126,
        "",
        f"jitsudo: dave may not enter the working directory {PLACE}/{whose}\n",
    )
    assert _said(_from(house, PLACE / "alice", "-u", whose, "-D", str(PLACE / whose), "pwd")) == (0, f"{PLACE}/{whose}\n", "")


# --- a group that the account has not ---------------------------------------------------------------------------------------

BIN = PLACE / "bin"
RULES = """
[[permit]]
name = "scripts"
who = ["user:alice"]
run_as = ["alice", "alice:*", "carol:*", "root:*"]
commands = [["/srv/deputy/bin/*"], ["/srv/deputy/bin/*/*"]]
"""


@pytest.fixture(scope="module")
def scripts(house: House) -> Iterator[House]:
    house.set_policy(RULES, "60-scripts.toml")
    assert house.run("root", "jitd", "reload", ticket=False).returncode == 0
    for name, uid in (("roots", 0), ("alices", uid_of("alice")), ("carols", uid_of("carol"))):
        directory = BIN / name
        directory.mkdir(parents=True)
        for file in (BIN / f"{name}.sh", directory / "of-root.sh"):
            file.write_text("#!/bin/sh\nid -gn\n")
            file.chmod(0o755)
        os.chown(BIN / f"{name}.sh", uid, 0)
        os.chown(directory, uid, 0)
    (BIN / "of-the-group.sh").write_text("#!/bin/sh\nid -gn\n")
    (BIN / "of-the-group.sh").chmod(0o775)
    os.chown(BIN / "of-the-group.sh", 0, grp.getgrnam("adm").gr_gid)
    yield house


@pytest.mark.parametrize(
    ("identity", "script"),
    [
        (("-g", "adm"), "alices.sh"),
        (("-g", "adm"), "alices/of-root.sh"),
        (("-u", "carol", "-g", "adm"), "carols.sh"),
        (("-u", "carol", "-g", "adm"), "alices.sh"),
        (("-g", "adm"), "of-the-group.sh"),
        (("-u", "root", "-g", "adm"), "of-the-group.sh"),
    ],
)
def test_who_has_less_than_the_requested_identity_changes_nothing_that_it_runs(
    scripts: House, identity: tuple[str, ...], script: str
) -> None:
    """THREATS X-18: the account has not the group, and would get it by what it writes into its own file."""
    done = scripts.run("alice", "jitsudo", *identity, str(BIN / script))
    assert (done.returncode, done.stdout) == (121, ""), done
    assert "belongs to uid" in done.stderr or "may be written by gid" in done.stderr


@pytest.mark.parametrize(
    ("identity", "script", "group"),
    [
        (("-u", "alice"), "alices.sh", "alice"),
        (("-g", "dba"), "alices.sh", "dba"),
        (("-g", "dba"), "alices/of-root.sh", "dba"),
        (("-g", "adm"), "roots.sh", "alice"),  # a group that is given is no primary one
        (("-g", "adm"), "roots/of-root.sh", "alice"),
        (("-u", "carol", "-g", "ops"), "carols.sh", "ops"),
        (("-u", "root", "-g", "adm"), "roots.sh", "adm"),
    ],
)
def test_who_has_all_of_the_requested_identity_may_change_what_it_runs(
    scripts: House, identity: tuple[str, ...], script: str, group: str
) -> None:
    """THREATS X-18: the honest use."""
    assert _said(scripts.run("alice", "jitsudo", *identity, str(BIN / script))) == (0, f"{group}\n", "")
