# SPDX-License-Identifier: Apache-2.0
"""A group that is given to a run: who gets it, what the command can do with it, and that nothing of it is left afterwards.

Law: what a group gives is judged by a file that only its members can read.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.conftest import House

PLACE = Path("/srv/given")
TAPE, SECURITY = PLACE / "tape", 4103
RULES = """
[[permit]]
name = "tapes"
who = ["group:dba", "group:ops"]
run_as = ["self:security", "bob:security"]
commands = [["**"]]
grant = { lasts = "10m", uses = 5 }
approvals = [{ need = 1, from = ["group:ops"] }]
"""
KEEP = f"cp /bin/cat {PLACE}/alices/cat && chgrp security {PLACE}/alices/cat && chmod 2755 {PLACE}/alices/cat"


@pytest.fixture
def house(own_house) -> Iterator[House]:
    PLACE.mkdir(mode=0o755)
    TAPE.write_text("the tape\n")
    os.chown(TAPE, 0, SECURITY)
    TAPE.chmod(0o640)
    (PLACE / "alices").mkdir()
    os.chown(PLACE / "alices", 4001, 4001)
    try:
        yield own_house(RULES).start()
    finally:
        shutil.rmtree(PLACE)


def may_read(house: House, who: str) -> bool:
    return house.run(who, "cat", str(TAPE), ticket=False).returncode == 0


def test_the_command_has_the_group_and_the_account_has_it_neither_before_nor_after(house: House) -> None:
    """THREATS Q-14"""
    assert not may_read(house, "alice")
    asking = house.ask("alice", "-g", "security", "sh", "-c", f"id -un; id -Gn; id -gn; cat {TAPE}")
    page = house.show(asking.id)
    assert (page["run_as"], page["run_as_group"]) == ("alice", "security")
    assert " (as alice with group security on " in asking.err
    assert house.approve(asking.id).returncode == 0
    assert asking.end() == 0, asking.err
    name, groups, own, text = asking.out.splitlines()
    assert (name, own, text) == ("alice", "alice", "the tape")
    assert set(groups.split()) == {"alice", "dba", "security"}
    assert not may_read(house, "alice")


def test_a_lease_of_it_is_used_several_times_and_a_shell_is_a_command_too(house: House) -> None:
    asking = house.ask("alice", "-g", "security", "--for", "10m", "--uses", "2", "cat", str(TAPE))
    assert house.approve(asking.id).returncode == 0
    assert asking.end() == 0 and asking.out == "the tape\n"
    again = house.sudo("alice", "-n", "-g", "security", "cat", str(TAPE))
    assert (again.returncode, again.stdout) == (0, "the tape\n"), again.stderr
    shell = house.ask("alice", "-g", "security", "-s", "cat", str(TAPE))
    assert house.approve(shell.id).returncode == 0
    assert shell.end() == 0 and shell.out == "the tape\n"


def test_nobody_gets_another_account_or_another_group_by_it(house: House) -> None:
    """THREATS Q-31"""
    before = house.head()
    for words in (("-u", "carol", "-g", "security"), ("-g", "shadow"), (), ("-u", "root", "-g", "security"), ("-u", "alice")):
        assert house.sudo("alice", *words, "id").returncode == 121, words
    assert not house.rows("requests")
    assert house.head() != before, "each refusal is in the record"


def test_a_set_gid_file_that_would_keep_the_group_cannot_be_made(house: House) -> None:
    """THREATS Q-16: it was made, and gave the group for ever."""
    asking = house.ask("alice", "-g", "security", "sh", "-c", KEEP)
    assert house.approve(asking.id).returncode == 0
    assert asking.end() != 0
    assert "Operation not permitted" in asking.err
    house.at_rest()
    kept = house.run("alice", str(PLACE / "alices/cat"), str(TAPE), ticket=False)
    assert kept.returncode != 0 and kept.stdout == ""


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_a_process_that_leaves_the_run_ends_with_it(house: House, who: str) -> None:
    """THREATS Q-14: by the namespace that it cannot leave, whether the account is the requester's or not."""
    left = PLACE / "alices" / "left"
    left.touch()
    left.chmod(0o666)
    stay = f"setsid sh -c 'while :; do cat {TAPE} >{left}; sleep 0.05; done' >/dev/null 2>&1 & until [ -s {left} ]; do :; done"
    asking = house.ask("alice", "-u", who, "-g", "security", "sh", "-c", f"readlink /proc/self/ns/pid; {stay}")
    assert house.approve(asking.id, "carol").returncode == 0
    assert asking.end() == 0, asking.err
    assert asking.out.strip() != os.readlink("/proc/self/ns/pid")
    house.at_rest()
    assert [name for name in os.listdir("/proc") if name.isdigit() and _has(name)] == []
    left.write_text("")
    assert left.read_text() == ""


def _has(pid: str) -> bool:
    try:
        lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    except OSError:
        return False
    return any(line.startswith("Groups:") and str(SECURITY) in line.split() for line in lines)


def test_the_list_and_the_explanation_name_it(house: House) -> None:
    told = house.run("alice", "jitsudo", "-l")
    assert "any command as yourself with group security (-g) or bob:security" in told.stdout
    asked = house.sudo("alice", "-l", "-g", "security", "id")
    assert "1 approval from group:ops" in asked.stdout + asked.stderr
