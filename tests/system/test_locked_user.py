# SPDX-License-Identifier: Apache-2.0
"""A lock on alice ends what she does with bob's account, and what bob does without her goes on.

Law: alice attacks from inside her run as bob, with his account and his ticket. Beside each refusal, bob does the same himself.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.conftest import Asking, House, at_priority
from tests.waiting import wait_for

RULES = """
[[permit]]
name = "any"
who = ["group:dba", "group:ops"]
run_as = ["root", "bob", "carol", "dave"]
commands = [["**"]]
grant = { lasts = "10m", uses = 9 }
approvals = [{ need = 1, from = ["group:ops"] }]
"""
WHO = "alice@EXAMPLE.TEST is locked, and may act as bob in run"
SOON = -15
"""The priority of what has to ask before the run ends, which is two seconds after it was told to, on a busy host, too."""


@pytest.fixture
def house(own_house: Callable[..., House]) -> Iterator[House]:
    return own_house(RULES).start()


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory in which everybody writes."""
    path = Path(tempfile.mkdtemp(prefix="locked-", dir="/srv"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


def with_ticket(house: House, *lines: str, who: str = "bob") -> str:
    """A script for the account ``who``, with its ticket."""
    assert house.run(who, "klist", "-s").returncode == 0
    ticket = f"export JITD_SOCKET={house.socket} KRB5CCNAME=FILE:/tmp/krb5cc_{pwd.getpwnam(who).pw_uid} USER={who}"
    return "; ".join((ticket, *lines))


def shell(house: House, script: str, who: str = "bob") -> Asking:
    """alice asks for a shell as ``who``, which carol approves."""
    asking = house.ask("alice", "-u", who, "sh", "-c", script)
    assert house.approve(asking.id, "carol").returncode == 0
    return asking


def waits(house: House, asking: Asking, state: str = "pending") -> dict[str, Any]:
    return wait_for(lambda: (row := house.show(asking.id))["state"] == state and row, what="a request that waits")


def lease(house: House, *words: str) -> str:
    """bob has a lease, for the words ``words`` and as often as he likes."""
    id = house.sudo("bob", "--no-wait", "--for", "10m", "--uses", "9", *words).stdout.strip()
    assert house.approve(id, "dave").returncode == 0
    return id


def live(house: House, argv0: str, word: str) -> list[str]:
    """The live runs of a command that begins with ``argv0`` and has the ``word``."""
    return [row["id"] for row in house.rows("runs") if row["argv"][0] == argv0 and word in row["argv"]]


def test_what_a_locked_person_asked_for_and_began_as_somebody_else_ends_and_what_that_one_began_goes_on(
    house: House, place: Path
) -> None:
    """THREATS A-24."""
    held = lease(house, "sleep", "500")
    his = house.ask("bob", "sleep", "500")
    wait_for(lambda: len(live(house, "sleep", "500")) == 1, what="a run of his")
    (his_run,) = live(house, "sleep", "500")
    his_request = house.ask("bob", "id", "-u")
    waits(house, his_request)
    script = with_ticket(house, f"jitsudo --no-wait id -g > {place}/asked", "jitsudo sleep 500")
    hers = shell(house, script)
    wait_for(lambda: len(live(house, "sleep", "500")) == 2, what="a run of hers under his lease")
    asked = wait_for(lambda: (place / "asked").read_text().strip(), what="a request of hers as bob")
    assert house.show(asked)["used_by"][0] == {"principal": "alice@EXAMPLE.TEST", "run": hers.id}

    house.ended("lock", "--user", "alice", "--reason", "laptop stolen")
    assert live(house, "sleep", "500") == [his_run]
    assert hers.end() != 0
    assert house.show(asked)["state"] == "denied"
    assert house.jitd("approve", asked, "--yes", who="carol").returncode != 0
    (ended,) = [row for row in house.rows("runs", "--all") if row["argv"] == ["sleep", "500"] and row["id"] != his_run]
    assert WHO in ended["because"] and "laptop stolen" not in ended["because"], ended

    assert house.show(held)["grant"]["state"] == "active" and his.process.poll() is None
    assert house.approve(his_request.id, "carol").returncode == 0 and his_request.end() == 0
    anew = house.ask("bob", "id", "-G")
    waits(house, anew)
    assert house.approve(anew.id, "carol").returncode == 0 and anew.end() == 0
    theirs = house.ask("carol", "id", "-u")
    waits(house, theirs)
    assert house.approve(theirs.id, "bob").returncode == 0 and theirs.end() == 0
    assert house.jitd("revoke", held).returncode == 0


@pytest.mark.parametrize(("account", "to_bob"), [("bob", ""), ("root", "setpriv --reuid=bob --regid=bob --init-groups ")])
def test_what_ends_by_a_lock_does_nothing_as_somebody_else_before_it_has_ended(
    house: House, place: Path, account: str, to_bob: str
) -> None:
    """THREATS A-24: the shell catches the signal by which it is to end, and has some seconds."""
    lease(house, "id", "-u")
    approved = house.sudo("bob", "--no-wait", "id", "-g").stdout.strip()
    assert house.approve(approved, "dave").returncode == 0
    wanted = house.ask("carol", "id", "-G")
    before = waits(house, wanted)
    tries = {
        "resume": f"jitsudo --resume={approved}",
        "approve": f"jitd approve --yes {wanted.id}",
        "deny": f"jitd deny --reason no {wanted.id}",
        "lease": "jitsudo id -u",
        "ask": "jitsudo --no-wait true",
    }
    lines = [f"{line} > {place}/{name}.said 2>&1; echo $? > {place}/{name}" for name, line in tries.items()]
    trap = place / "trap"
    trap.write_text(with_ticket(house, *lines))
    begun = shell(house, f"trap '{to_bob}sh {trap}; exit' TERM; echo in; while :; do sleep 0.1; done", account)
    wait_for(lambda: begun.out == "in\n", what="a shell as bob")
    house.ended("lock", "--user", "alice")
    said = {name: (place / f"{name}.said").read_text() for name in tries if (place / name).exists()}
    assert "resume" in said, "the shell had time to try"
    for name, text in said.items():
        assert (place / name).read_text().strip() != "0", (name, text)
        assert WHO in text, (name, text)
    assert {**house.show(wanted.id), "alike": before["alike"]} == before
    assert [row for row in house.rows("runs", "--all") if row["argv"][0] == "id"] == []

    assert house.sudo("bob", "id", "-u").returncode == 0
    assert house.sudo("bob", f"--resume={approved}").returncode == 0
    assert house.approve(wanted.id, "bob").returncode == 0 and wanted.end() == 0


def test_nobody_is_unlocked_by_the_account_of_an_operator_that_they_use_and_its_owner_unlocks(house: House, place: Path) -> None:
    """THREATS A-24."""
    trap = place / "trap"
    trap.write_text(with_ticket(house, f"jitd unlock --user alice > {place}/said 2>&1; echo $? >> {place}/said", who="dave"))
    begun = shell(house, f"trap 'sh {trap}; exit' TERM; echo in; while :; do sleep 0.1; done", "dave")
    wait_for(lambda: begun.out == "in\n", what="a shell as dave")
    house.ended("lock", "--user", "alice")
    wait_for(lambda: (place / "said").read_text().endswith("3\n"), what="the answer to unlock")
    assert [one["name"] for one in house.rows("locks")] == ["alice"]
    assert house.jitd("unlock", "--user", "alice", who="dave").returncode == 0
    assert house.rows("locks") == []


def test_a_lock_on_the_owner_of_an_account_ends_nothing_that_another_person_has_asked_for(house: House) -> None:
    """A lock is on people: bob is locked, and alice works as bob by an approval of her own."""
    begun = shell(house, "echo in; sleep 500")
    wait_for(lambda: begun.out == "in\n", what="a shell as bob")
    house.ended("lock", "--user", "bob")
    assert begun.process.poll() is None and live(house, "sh", "echo in; sleep 500")
    assert house.jitd("revoke", begun.id).returncode == 0


def test_what_root_began_in_a_run_of_a_locked_person_ends_and_root_itself_goes_on(house: House) -> None:
    """THREATS A-24."""
    begun = house.ask("alice", "sh", "-c", f"JITD_SOCKET={house.socket} setsid jitsudo sleep 500 & echo in; sleep 400")
    assert house.approve(begun.id, "dave").returncode == 0
    wait_for(lambda: live(house, "sleep", "500"), what="a run that root has begun in hers")
    own = house.ask("root", "sleep", "600")
    wait_for(lambda: live(house, "sleep", "600"), what="a run of root's own")
    house.ended("lock", "--user", "alice")
    assert live(house, "sleep", "500") == [] and own.process.poll() is None
    (ended,) = [row for row in house.rows("runs", "--all") if row["argv"] == ["sleep", "500"]]
    assert "alice@EXAMPLE.TEST is locked, and may act as root in run" in ended["because"], "it did not only hang up with hers"
    assert house.sudo("root", "id", "-u").stdout == "0\n"


@pytest.fixture
def steered(house: House, place: Path) -> Iterator[Callable[[str, str], str]]:
    """Begins a session of an account, outside of every run, such as a tmux server. Returns the words of a shell that have it run
    a line, and wait for its end. What the line says is in the file ACCOUNT.said, and its status in ACCOUNT.ended.
    """
    sessions: list[subprocess.Popen[bytes]] = []

    def steer(who: str, line: str) -> str:
        pipe, said, ended = (place / f"{who}.{name}" for name in ("pipe", "said", "ended"))
        if not pipe.exists():
            os.mkfifo(pipe)
            pipe.chmod(0o666)
            does = f'exec 7<>{pipe}; while read -r line <&7; do sh -c "$line" > {said} 2>&1; echo $? > {ended}; done'
            begins = [*at_priority(SOON), *house.line(who, "sh", "-c", with_ticket(house, does, who=who))]
            sessions.append(subprocess.Popen(begins, stdin=subprocess.DEVNULL))
        return f"echo '{line}' > {pipe}; while [ ! -s {ended} ]; do sleep 0.1; done"

    yield steer
    for one in sessions:
        one.kill()
        one.wait()


@pytest.mark.parametrize("verb", ["approve", "resume", "unlock", "lock"])
def test_no_session_of_an_account_that_a_locked_person_steers_does_anything_for_them_while_their_run_lives(
    house: House, place: Path, steered: Callable[[str, str], str], verb: str
) -> None:
    """THREATS A-25: the shell catches the signal by which it is to end. What it has done is outside of it, and has the ticket."""
    approved = house.sudo("bob", "--no-wait", "id", "-g").stdout.strip()
    assert house.approve(approved, "dave").returncode == 0
    wanted = house.ask("carol", "id", "-G")
    before = waits(house, wanted)
    who, line = {
        "approve": ("bob", f"jitd approve --yes {wanted.id}"),
        "resume": ("bob", f"jitsudo --resume={approved}"),
        "unlock": ("dave", "jitd unlock --user alice"),
        "lock": ("dave", "jitd lock --user eve"),
    }[verb]
    trap = place / "trap"
    trap.write_text(steered(who, line))
    begun = shell(house, f"trap 'sh {trap}; exit' TERM; echo in; while :; do sleep 0.1; done", who)
    wait_for(lambda: begun.out == "in\n", what="a shell as somebody else")
    house.ended("lock", "--user", "alice")
    said = wait_for(
        lambda: (place / f"{who}.ended").exists() and (place / f"{who}.ended").read_text(), what="the end of the line"
    )
    assert said.strip() != "0" and WHO.replace("bob", who) in (place / f"{who}.said").read_text(), verb
    assert {**house.show(wanted.id), "alike": before["alike"]} == before
    assert [row for row in house.rows("runs", "--all") if row["argv"][0] == "id"] == []
    assert [one["name"] for one in house.rows("locks")] == ["alice"]

    assert house.sudo("bob", f"--resume={approved}").returncode == 0
    assert house.approve(wanted.id, "bob").returncode == 0 and wanted.end() == 0
    assert house.jitd("lock", "--user", "eve", who="dave").returncode == 0
    assert house.jitd("unlock", "--user", "alice", who="dave").returncode == 0


def test_what_a_locked_person_has_resumed_as_somebody_else_ends_at_once_and_the_lease_goes_on(house: House) -> None:
    """THREATS A-25: the command ignores that its client hangs up, and would go on for some seconds, as carol."""
    words = ("-u", "carol", "sh", "-c", "trap '' HUP; sleep 500")
    held = lease(house, *words)
    his = house.ask("bob", *words)
    wait_for(lambda: len(live(house, "sh", words[-1])) == 1, what="a run of his")
    (his_run,) = live(house, "sh", words[-1])
    hers = shell(house, with_ticket(house, f"setsid jitsudo --resume={held} & sleep 400"))
    wait_for(lambda: len(live(house, "sh", words[-1])) == 2, what="a run of hers by his approval")
    house.ended("lock", "--user", "alice")
    assert live(house, "sh", words[-1]) == [his_run] and hers.end() != 0
    (ended,) = [row for row in house.rows("runs", "--all") if row["argv"][0] == "sh" and row["request"] == held]
    assert WHO in ended["because"], "it did not only hang up"
    (used,) = [one for one in house.records() if one["event"] == "grant.used" and one["detail"]["request"] == held]
    assert used["detail"]["used_by"][0] == {"principal": "alice@EXAMPLE.TEST", "run": hers.id}
    assert house.show(held)["grant"]["state"] == "active" and his.process.poll() is None
    assert house.jitd("revoke", held).returncode == 0


def test_while_somebody_uses_the_account_nobody_waits_by_resume_for_an_approval_that_its_owner_has_asked_for(
    house: House,
) -> None:
    """THREATS A-25: when it is approved, the command would begin at once, and nobody would know for whom."""
    asked = house.sudo("bob", "--no-wait", "id", "-u").stdout.strip()
    hers = shell(house, with_ticket(house, f"jitsudo --resume={asked}; id=$(jitsudo --no-wait id -g); jitsudo --resume=$id"))
    wait_for(lambda: "resume it when it is approved" in hers.err, what="the answer to resume")
    assert "alice@EXAMPLE.TEST may act as bob" in hers.err and house.show(asked)["state"] == "pending"
    (own,) = wait_for(
        lambda: [row["id"] for row in house.rows("requests") if row["argv"] == ["id", "-g"] and not row["gone"]], what="her own"
    )
    assert house.approve(own, "carol").returncode == 0 and hers.end() == 0, "what she has asked for herself, she resumes"
    his = house.ask("bob", f"--resume={asked}")
    assert house.approve(asked, "carol").returncode == 0 and his.end() == 0 and his.out == "0\n"
