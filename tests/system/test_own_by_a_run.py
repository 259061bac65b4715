# SPDX-License-Identifier: Apache-2.0
"""A requester who works as an approver, by a run that somebody approved, approves nothing of her own.

Law: each attack comes with the account, the ticket and the socket of the approver. After each refusal, the request is as it was.
"""

from __future__ import annotations

import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.conftest import Asking, House
from tests.waiting import wait_for

RULES = """
[[permit]]
name = "any"
who = ["group:dba", "group:ops"]
run_as = ["root", "bob", "carol", "alice"]
commands = [["**"]]
grant = { lasts = "10m", uses = 9 }
approvals = [{ need = 1, from = ["group:ops", "user:alice"] }]
"""
TWO = RULES.replace("need = 1", "need = 2")
TWO_AS_ROOT = TWO.replace('"any"', '"two"').replace('["root", "bob", "carol", "alice"]', '["root"]')
OWN = "counts as your own: alice@EXAMPLE.TEST may act as"


def text(house: House, who: str, verb: str = "approve --yes") -> str:
    """A script that reviews the request $1 as the account that runs it, with the ticket of ``who``."""
    assert house.run(who, "klist", "-s").returncode == 0  # they work here, too, so their ticket lies where everybody's does
    return f'JITD_SOCKET={house.socket} KRB5CCNAME=FILE:/tmp/krb5cc_{pwd.getpwnam(who).pw_uid} exec jitd {verb} "$1"'


def waits(house: House, asking: Asking) -> dict[str, Any]:
    return wait_for(lambda: (row := house.show(asking.id))["state"] == "pending" and row, what="a request that waits")


def without(row: dict[str, Any], account: str) -> list[str]:
    return [one for one in row["asked_people"] if one != account]


@pytest.fixture
def house(own_house: Callable[..., House]) -> Iterator[House]:
    return own_house(RULES).start()


@pytest.fixture
def gate() -> Iterator[Path]:
    """A file. Its removal ends the command ``held``."""
    path = Path(tempfile.mkdtemp(prefix="gate-", dir="/srv")) / "gate"
    path.parent.chmod(0o755)
    path.touch()
    yield path
    shutil.rmtree(path.parent)


def lives(house: House, gate: Path, run_as: str, by: str = "alice") -> Asking:
    """``by`` asks for a run as ``run_as``, which dave approves, and which lives until the gate is gone."""
    asking = house.ask(by, "-u", run_as, "sh", "-c", f"echo in; while [ -e {gate} ]; do sleep 0.1; done")
    assert house.approve(asking.id, "dave").returncode == 0
    wait_for(lambda: asking.out == "in\n", what="a run that lives")
    return asking


def test_from_inside_a_run_as_an_approver_the_requester_approves_nothing_of_her_own(house: House) -> None:
    """THREATS A-21: the attack as it was found."""
    wanted = house.ask("alice", "id", "-u")
    before = waits(house, wanted)
    through = house.ask("alice", "-u", "bob", "sh", "-c", text(house, "bob"), "sh", wanted.id)
    assert house.approve(through.id, "carol").returncode == 0
    assert through.end() == 3, through.err
    assert OWN in through.err
    assert {**house.show(wanted.id), "alike": before["alike"]} == before
    assert house.approve(wanted.id, "carol").returncode == 0
    assert wanted.end() == 0 and wanted.out == "0\n"


def test_what_somebody_else_asks_for_is_approved_from_inside_a_run_and_counts_for_the_one_who_asked_for_it(
    own_house: Callable[..., House],
) -> None:
    """THREATS A-21: an honest use, and one person who counts once."""
    house = own_house(TWO).start()
    wanted = house.ask("carol", "id", "-u")
    waits(house, wanted)
    through = house.ask("alice", "-u", "bob", "sh", "-c", text(house, "bob"), "sh", wanted.id)
    assert [house.approve(through.id, who).returncode for who in ("carol", "bob")] == [0, 0]
    assert through.end() == 0, through.err
    assert waits(house, wanted)["owed"] == 1
    assert house.approve(wanted.id, "alice").returncode == 0
    assert waits(house, wanted)["owed"] == 1, "alice counted already"


def test_while_a_run_as_an_approver_lives_their_approvals_do_not_count_for_who_asked_for_it(house: House, gate: Path) -> None:
    """THREATS A-22: also from outside the run, because a process can leave it; and the other way round."""
    wanted, theirs = house.ask("alice", "id", "-u"), house.ask("bob", "id", "-u")
    before, before_theirs = waits(house, wanted), waits(house, theirs)
    run = lives(house, gate, "bob")
    refused = house.approve(wanted.id, "bob")
    assert refused.returncode == 3 and OWN in refused.stderr and "or you when run" in refused.stderr, refused.stderr
    assert house.show(wanted.id) == {**before, "asked_people": without(before, "bob")}, "bob could not approve it now"
    assert house.approve(theirs.id, "alice").returncode == 3
    assert house.show(theirs.id) == {**before_theirs, "asked_people": without(before_theirs, "alice")}
    gate.unlink()
    assert run.end() == 0
    assert house.approve(wanted.id, "bob").returncode == 0
    assert wanted.end() == 0
    assert house.approve(theirs.id, "alice").returncode == 0
    assert theirs.end() == 0


def test_what_the_account_asks_for_while_the_run_lives_is_not_approved_after_it_by_who_asked_for_the_run(
    house: House, gate: Path
) -> None:
    """THREATS A-22: a process can leave the run, or steer what the account has outside of it."""
    run = lives(house, gate, "bob")
    theirs = house.ask("bob", "id", "-u")
    before = waits(house, theirs)
    assert before["used_by"] == [{"principal": "alice@EXAMPLE.TEST", "run": run.id}]
    gate.unlink()
    assert run.end() == 0
    refused = house.approve(theirs.id, "alice")
    assert refused.returncode == 3 and OWN in refused.stderr, refused.stderr
    assert house.show(theirs.id) == before
    assert house.approve(theirs.id, "carol").returncode == 0
    assert theirs.end() == 0


def test_while_it_lives_they_deny_and_what_others_ask_for_they_approve(house: House, gate: Path) -> None:
    wanted, other = house.ask("alice", "id", "-u"), house.ask("carol", "id", "-u")
    waits(house, wanted), waits(house, other)
    lives(house, gate, "bob")
    assert house.approve(other.id, "bob").returncode == 0
    assert other.end() == 0
    assert house.deny(wanted.id, "bob").returncode == 0
    assert wanted.end() != 0


def test_an_approval_from_before_the_run_counts_again_after_it(own_house: Callable[..., House], gate: Path) -> None:
    """THREATS A-22"""
    house = own_house(TWO_AS_ROOT + RULES).start()
    wanted = house.ask("alice", "id", "-u")
    assert house.approve(wanted.id, "bob").returncode == 0
    run = lives(house, gate, "bob")
    assert house.approve(wanted.id, "carol").returncode == 0
    waits(house, wanted)
    because = "the requester may act as this account, in a run or by a login"
    said = f"the approval by bob@EXAMPLE.TEST does not count: {because}"
    wait_for(lambda: said in wanted.err, what="a sentence about the approval that does not count")
    assert [(one["by"], one["counts"], one["void"]) for one in house.show(wanted.id)["reviews"]] == [
        ("bob@EXAMPLE.TEST", False, because),
        ("carol@EXAMPLE.TEST", True, ""),
    ]
    gate.unlink()
    assert run.end() == 0
    assert house.approve(wanted.id, "carol").returncode == 0
    assert wanted.end() == 0 and wanted.out == "0\n"
    assert wanted.err.count(said) == 1


def test_whose_the_account_is_that_asked_for_a_live_run_is_what_the_settings_say_after_a_restart(
    house: House, gate: Path
) -> None:
    """THREATS A-22: carol has a run as bob, and is another account of alice's by now."""
    lives(house, gate, "bob", by="carol")
    wanted = house.ask("alice", "id", "-u")
    waits(house, wanted)
    settings = house.root / "jitd.toml"
    settings.write_text(settings.read_text() + '\n[people]\nalice = ["alice", "carol"]\n')
    house.restart()
    before = waits(house, wanted)
    refused = house.approve(wanted.id, "bob")
    assert refused.returncode == 3 and "counts as your own: carol@EXAMPLE.TEST may act as bob in run" in refused.stderr, refused
    assert {**house.show(wanted.id), "gone": before["gone"]} == before
    assert house.approve(wanted.id, "dave").returncode == 0 and wanted.end() == 0


def test_a_lock_ends_what_another_account_has_asked_for_that_the_settings_gave_to_the_person_since(
    house: House, gate: Path
) -> None:
    """THREATS A-24: what carol has asked for is stored as hers, and she is alice by now; what dave has asked for stays."""
    hers, other = lives(house, gate, "bob", by="carol"), house.ask("dave", "id", "-u")
    waits(house, other)
    settings = house.root / "jitd.toml"
    settings.write_text(settings.read_text() + '\n[people]\nalice = ["alice", "carol"]\n')
    house.restart()
    waits(house, other)
    house.ended("lock", "--user", "alice")
    assert hers.end() != 0 and house.rows("runs") == []
    assert house.approve(other.id, "bob").returncode == 0 and other.end() == 0


def belongs(house: House, people: str) -> None:
    """The daemon is started anew, with these ``[people]``."""
    settings = house.root / "jitd.toml"
    settings.write_text(settings.read_text().partition("\n[people]\n")[0] + f"\n[people]\n{people}\n")
    house.restart()


def test_a_lock_is_on_every_account_that_the_settings_give_to_its_person_after_it_and_on_what_it_has_by_then(
    house: House, gate: Path
) -> None:
    """THREATS A-25: also under a name for the person of which the lock does not know."""
    other, hers = lives(house, gate, "root", by="bob"), lives(house, gate, "bob", by="carol")
    house.ended("lock", "--user", "alice")
    assert hers.process.poll() is None, "carol is nobody of whom the lock is"
    belongs(house, 'al = ["alice", "carol"]')
    wait_for(lambda: [row["id"] for row in house.rows("runs")] == [other.id], what="the end of what carol has")
    for who in ("alice", "carol"):
        refused = house.sudo(who, "--no-wait", "id")
        assert refused.returncode != 0 and "locked by root" in refused.stderr, refused
    assert other.process.poll() is None
    assert house.jitd("unlock", "--user", "alice").returncode == 0
    assert house.sudo("carol", "--no-wait", "id").returncode == 0 and hers.process.poll() is not None


def test_a_lock_stays_on_the_other_account_of_its_person_when_the_settings_rename_the_person(house: House) -> None:
    """THREATS A-25"""
    belongs(house, 'al = ["alice", "carol"]')
    house.ended("lock", "--user", "alice")
    belongs(house, 'ally = ["alice", "carol"]')
    assert "locked by root" in house.sudo("carol", "--no-wait", "id").stderr
    assert house.jitd("unlock", "--user", "alice").returncode == 0
    assert house.sudo("carol", "--no-wait", "id").returncode == 0


def test_an_approval_of_an_account_that_the_settings_gave_to_a_locked_person_since_does_not_count(
    house: House, gate: Path
) -> None:
    """THREATS A-25: carol has approved what dave runs, and is alice by now; what bob has approved goes on."""
    script = f"echo in; while [ -e {gate} ]; do sleep 0.1; done"
    runs = [house.ask("dave", "sh", "-c", script) for _ in ("carol", "bob")]
    for asking, who in zip(runs, ("carol", "bob"), strict=True):
        assert house.approve(asking.id, who).returncode == 0
        wait_for(lambda asking=asking: asking.out == "in\n", what="a run of dave's")
    belongs(house, 'alice = ["alice", "carol"]')
    house.ended("lock", "--user", "alice")
    assert [row["id"] for row in house.rows("runs")] == [runs[1].id] and runs[0].end() != 0
    gate.unlink()
    assert runs[1].end() == 0


@pytest.mark.parametrize(
    ("leave", "come_back", "because"),
    [
        (
            ["gpasswd", "-d", "bob", "ops"],
            ["gpasswd", "-a", "bob", "ops"],
            "the rule does not name this person any more",
        ),
        (
            ["kadmin.local", "-q", "modprinc -allow_tix bob"],
            ["kadmin.local", "-q", "modprinc +allow_tix bob"],
            "this account is gone, disabled or expired, or may not be used on this host",
        ),
    ],
    ids=["not of the group any more", "disabled in the directory"],
)
def test_of_an_approver_who_has_left_the_requester_and_those_who_review_are_told_that_they_do_not_count(
    own_house: Callable[..., House], leave: list[str], come_back: list[str], because: str
) -> None:
    house = own_house(TWO.replace('["group:ops", "user:alice"]', '["group:ops"]')).start()
    wanted = house.ask("alice", "id", "-u")
    assert house.approve(wanted.id, "bob").returncode == 0
    assert all(one["counts"] for one in house.show(wanted.id)["reviews"])
    subprocess.run(leave, check=True, capture_output=True)
    try:
        wait_for(lambda: not house.show(wanted.id)["reviews"][0]["counts"], what="an approval that does not count")
        assert house.approve(wanted.id, "carol").returncode == 0
        said = f"the approval by bob@EXAMPLE.TEST does not count: {because}"
        wait_for(lambda: said in wanted.err, what="a sentence about the approval that does not count")
        assert house.show(wanted.id)["state"] == "pending"
        for who in ("alice", "carol"):
            assert f"(does not count: {because})" in " ".join(house.jitd("show", wanted.id, who=who).stdout.split()), who
    finally:
        subprocess.run(come_back, check=True, capture_output=True)
    wait_for(lambda: all(one["counts"] for one in house.show(wanted.id)["reviews"]), what="approvals that count")
    assert house.approve(wanted.id, "carol").returncode == 0
    assert wanted.end() == 0 and wanted.out == "0\n"


def test_from_inside_an_approved_shell_of_root_an_operator_works_and_nobody_approves_for_its_requester(house: House) -> None:
    """THREATS A-21: with su, which leaves the control group where logind moves it, and with a run of root's inside the run."""
    wanted = house.ask("alice", "id", "-u")
    before = waits(house, wanted)
    bob, jitd = text(house, "bob"), f"JITD_SOCKET={house.socket} jitd"
    script = f"""
        setpriv --reuid=bob --regid=bob --init-groups sh -c '{bob}' sh "$1"; echo setpriv $?
        JITD_SOCKET={house.socket} jitsudo -u bob sh -c '{bob}' sh "$1"; echo jitsudo $?
        {jitd} lock --user eve --reason test >&2; echo lock $?
        {jitd} unlock --user eve >&2; echo unlock $?
        {jitd} reload >&2; echo reload $?
    """
    shell = house.ask("alice", "sh", "-c", script, "sh", wanted.id)
    assert house.approve(shell.id, "carol").returncode == 0
    assert shell.end() == 0
    ended = re.findall(r"^(\w+ \d+)$", shell.out, re.MULTILINE)
    assert ended == ["setpriv 3", "jitsudo 3", "lock 0", "unlock 0", "reload 0"], shell.err
    assert {**house.show(wanted.id), "alike": before["alike"]} == before


@pytest.mark.parametrize("how", [["--no-wait"], ["--no-wait", "-k"]], ids=" ".join)
def test_what_is_asked_for_from_inside_a_shell_of_root_is_its_requesters_own(house: House, how: list[str]) -> None:
    """THREATS A-21: by each message that asks for a command. A run as root is not looked for from outside of it."""
    assert house.run("bob", "klist", "-s").returncode == 0
    ask = f"JITD_SOCKET={house.socket} KRB5CCNAME=FILE:/tmp/krb5cc_{pwd.getpwnam('bob').pw_uid} exec jitsudo {' '.join(how)} id"
    shell = house.ask("alice", "setpriv", "--reuid=bob", "--regid=bob", "--init-groups", "sh", "-c", ask)
    assert house.approve(shell.id, "carol").returncode == 0
    assert shell.end() == 0, shell.err
    theirs = house.show(shell.out.strip())
    assert theirs["requester"] == "bob@EXAMPLE.TEST"
    assert {"principal": "alice@EXAMPLE.TEST", "run": shell.id} in theirs["used_by"]
    refused = house.approve(theirs["id"], "alice")
    assert refused.returncode == 3 and OWN in refused.stderr, refused.stderr
    assert house.show(theirs["id"]) == theirs
    assert house.approve(theirs["id"], "carol").returncode == 0


def test_the_page_says_of_any_command_as_an_approver_what_may_follow(house: House) -> None:
    asking = house.ask("alice", "-u", "bob", "id")
    found = [one["what"] for one in waits(house, asking)["findings"]]
    assert "alice may then approve as bob" in found
    page = house.jitd("show", asking.id, who="carol").stdout
    assert "alice may then approve as bob" in page
    of_root = house.ask("alice", "id")
    assert not any("may then approve" in one["what"] for one in waits(house, of_root)["findings"])


def test_a_shell_of_root_that_a_lock_ends_does_not_lift_the_lock(house: House, gate: Path) -> None:
    """THREATS A-23: at the signal that it is to end, while its processes still live."""
    said = gate.with_name("said")
    unlock = f"JITD_SOCKET={house.socket} jitd unlock --user alice > {said} 2>&1; echo $? >> {said}"
    shell = house.ask("alice", "sh", "-c", f"trap '{unlock}; exit' TERM; echo in; while :; do sleep 0.1; done")
    assert house.approve(shell.id, "carol").returncode == 0
    wait_for(lambda: shell.out == "in\n", what="a shell of root")
    house.ended("lock", "--user", "alice")
    wait_for(lambda: said.exists() and said.read_text().endswith("3\n"), what="the answer to unlock")
    assert "asked for run" in said.read_text() and "and is locked" in said.read_text()
    assert [one["name"] for one in house.rows("locks")] == ["alice"]
    assert house.jitd("unlock", "--user", "alice").returncode == 0
