# SPDX-License-Identifier: Apache-2.0
"""What scripts hold on to: ids that every verb takes, exit codes that tell one no from another, names in every list.

Law: CONTRACT sections 1 to 3 to the letter; after a refusal nothing has changed.
"""

from __future__ import annotations

import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.conftest import OF_THE_LAB, House
from tests.waiting import PATIENCE, wait_for

PEOPLE = '[people]\nbob = ["bob", "carol"]\n'
RULES = (
    OF_THE_LAB
    + """
[[deny]]
name = "never"
commands = [["/usr/bin/whoami", "**"]]
because = "you know who you are"

[[deny]]
name = "nor"
commands = [["/usr/bin/uptime", "**"]]

[[permit]]
name = "ops-at-once"
who = ["group:ops"]
commands = [["/usr/bin/*", "**"]]
run = { record = "output" }

[[permit]]
name = "of-ops"
who = ["user:bob"]
commands = [["/opt/*", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
"""
)
EVERY_LIST = (
    "id", "state", "requester", "host", "run_as", "argv", "rule", "reason", "fingerprint", "owed", "submitted_at", "expires_at",
)  # fmt: skip


@pytest.fixture(scope="module")
def ruled() -> Iterator[House]:
    house = House(RULES, PEOPLE).start()
    yield house
    house.close()


def test_every_list_has_the_names_that_every_list_has(ruled: House) -> None:
    asked = ruled.ask("alice", "--reason", "CHG-1", "--for", "10m", "sleep", "60")
    waiting = ruled.show(asked.id)
    assert ruled.approve(asked.id).returncode == 0
    wait_for(lambda: ruled.run_of(asked.id).state == "running")
    (run,) = ruled.rows("runs")
    (grant,) = ruled.rows("grants")
    for row in (waiting, run, grant):
        assert set(EVERY_LIST) <= row.keys()
        told = [row[name] for name in ("id", "argv", "rule", "reason", "fingerprint", "submitted_at")]
        assert told == [asked.id, ["sleep", "60"], "lab-dba", "CHG-1", waiting["fingerprint"], waiting["submitted_at"]]
    assert (waiting["owed"], run["owed"], grant["owed"]) == (1, 0, 0)
    assert ruled.jitd("revoke", asked.id).returncode == 0


def test_the_id_that_a_command_has_of_its_use_of_a_lease_is_good_for_every_verb(ruled: House, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    line = ("sh", "-c", "echo $JITSUDO_REQUEST; exec sleep 60")
    first = ruled.ask("alice", "--for", "10m", "--uses", "5", *line)
    assert ruled.approve(first.id).returncode == 0
    second = ruled.ask("alice", *line)
    its = wait_for(lambda: second.out.strip())
    assert its not in ("", first.id)
    shown = ruled.show(its)
    assert shown["id"] == its and shown["lease"] == shown["grant"]["id"] == first.id
    assert "fingerprint" not in shown["grant"], "the lease's is another request's"
    lease = ruled.jitd("revoke", its)
    assert (lease.returncode, lease.stdout) == (1, "") and f"jitd revoke {first.id}" in lease.stderr
    assert ruled.jitd("stop", its.lower().replace("-", ""), "--reason", "enough").returncode == 0
    assert second.end() != 0 and "enough" in second.err
    assert [row["id"] for row in ruled.rows("runs")] == [first.id], "the other one goes on"
    assert ruled.jitd("stop", its).returncode == 5
    assert ruled.jitd("revoke", first.id).returncode == 0
    first.end()


def test_who_stops_a_run_that_has_ended_hears_which_ones_go_on_under_its_lease(ruled: House) -> None:
    """A lease's id is also that of its first run: "has ended" alone would be taken for the end of the one that runs now."""
    first = ruled.ask("alice", "--for", "10m", "--uses", "5", "sleep", "61")
    assert ruled.approve(first.id).returncode == 0
    wait_for(lambda: ruled.run_of(first.id).state == "running")
    second = ruled.ask("alice", "sleep", "61")
    wait_for(lambda: len(ruled.rows("runs")) == 2)
    (other,) = (row["id"] for row in ruled.rows("runs") if row["id"] != first.id)
    assert ruled.jitd("stop", first.id).returncode == 0
    late = ruled.jitd("stop", first.id)
    assert late.returncode == 5
    assert f"run {first.id} has ended already; still running under the same grant: {other} (jitd runs)" in late.stderr
    assert [row["id"] for row in ruled.rows("runs")] == [other], "the other one goes on"
    revoked = ruled.jitd("revoke", first.id)
    assert revoked.returncode == 0 and "is revoked; what ran under it is ended" in revoked.stderr
    assert ruled.rows("runs") == []
    late = ruled.jitd("stop", first.id)
    assert late.returncode == 5 and late.stderr == f"jitd: run {first.id} has ended already\n"
    first.end()
    second.end()


def test_of_a_grant_under_which_something_ran_it_is_said_that_this_is_ended(ruled: House) -> None:
    """The words "nothing runs under it" would leave open whether anything has."""
    for by in ("--of", "id"):
        asked = ruled.ask("alice", "--for", "10m", "--uses", "5", "sleep", "62")
        assert ruled.approve(asked.id).returncode == 0
        wait_for(lambda asked=asked: ruled.run_of(asked.id).state == "running")
        done = ruled.jitd("revoke", *(("--of", "alice") if by == "--of" else (asked.id,)))
        assert done.returncode == 0 and f"what ran under {'them' if by == '--of' else 'it'} is ended" in done.stderr
        asked.end()
        assert ruled.rows("runs") == []
    unused = ruled.sudo("alice", "--no-wait", "--for", "10m", "sleep", "62").stdout.strip()
    assert ruled.approve(unused).returncode == 0
    assert ruled.jitd("revoke", unused).stderr == f"jitd: grant {unused} is revoked; nothing runs under it\n"


def test_a_stop_before_there_is_a_run_says_how_to_end_the_request_to_those_alone_who_may_see_it(ruled: House) -> None:
    asked = ruled.ask("alice", "true")
    for who, told in (("alice", f"jitd withdraw {asked.id}"), ("bob", f"jitd deny {asked.id}"), ("eve", "there is no run")):
        stopped = ruled.jitd("stop", asked.id, who=who)
        assert stopped.returncode == 4 and told in stopped.stderr
        assert ("waits for a decision" in stopped.stderr) == (who != "eve")
    assert ruled.show(asked.id)["state"] == "pending"
    assert ruled.deny(asked.id).returncode == 0
    asked.end()
    assert "is denied, and has no run" in ruled.jitd("stop", asked.id).stderr


def test_what_one_may_see_and_not_withdraw_is_not_permitted_and_what_one_may_not_see_is_not_there(ruled: House) -> None:
    asked = ruled.ask("alice", "true")
    assert [ruled.jitd("withdraw", asked.id, who=who).returncode for who in ("bob", "dave", "eve")] == [3, 3, 4]
    assert ruled.show(asked.id)["state"] == "pending"
    assert ruled.jitd("withdraw", asked.id, who="alice").returncode == 0
    assert asked.end() == 123


def test_a_person_does_not_review_their_own_by_another_account_and_is_told_so(ruled: House, tmp_path: Path) -> None:
    tool = Path("/opt/tool")
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    try:
        asked = ruled.ask("bob", str(tool))
        for verb in (("approve", asked.id, "--yes"), ("deny", asked.id, "--reason=no"), ("show", asked.id)):
            done = ruled.jitd(*verb, who="carol")
            assert (done.returncode, done.stdout) == (3, "") and "is your own" in done.stderr, done.stderr
        assert (ruled.show(asked.id)["state"], ruled.show(asked.id)["reviews"]) == ("pending", [])
        assert asked.id not in {row["id"] for row in ruled.rows("requests", who="carol")}
        assert [ruled.jitd(verb, asked.id, who="carol").returncode for verb in ("withdraw", "stop", "watch")] == [4, 4, 4]
        assert ruled.jitd("withdraw", asked.id, who="bob").returncode == 0
    finally:
        tool.unlink()


@pytest.mark.parametrize(
    ("who", "status", "told"),
    [
        ("eve", 121, "denied: no rule permits this; jitsudo -l lists what you may ask for"),
        ("alice", 126, "/etc/passwd: it is not executable"),
    ],
)
def test_what_cannot_be_executed_is_a_denial_to_whom_no_rule_permits_it(ruled: House, who: str, status: int, told: str) -> None:
    done = ruled.sudo(who, "/etc/passwd")
    assert (done.returncode, done.stderr) == (status, f"jitsudo: {told}\n")


def test_a_denial_names_its_rule(ruled: House) -> None:
    done = ruled.sudo("bob", "whoami")
    assert (done.returncode, done.stderr) == (121, "jitsudo: denied: rule never: you know who you are\n")
    done = ruled.sudo("bob", "uptime")
    assert (done.returncode, done.stderr) == (121, "jitsudo: denied: rule nor denies it\n")


def test_root_reads_what_root_may_run(ruled: House, own_house) -> None:
    done = ruled.sudo("root", "-l")
    assert done.returncode == 0 and "any command as anyone" in done.stdout and "(rule root)" in done.stdout
    strict = own_house(RULES, 'root = "deny"\n').start()
    done = strict.sudo("root", "-l")
    assert done.returncode == 1 and "may run nothing" in done.stdout


def test_a_ticket_of_an_account_that_may_not_ask_is_told_so_and_not_that_it_is_somebody_elses(own_house) -> None:
    house = own_house(RULES, "min_uid = 60000\n").start()
    done = house.sudo("alice", "true")
    uid = pwd.getpwnam("alice").pw_uid
    said = f"alice (uid {uid}) is a system account and may not ask here: see min_uid in jitd.toml(5)"
    assert (done.returncode, done.stderr) == (119, f"jitsudo: {said} (your ticket is for alice@EXAMPLE.TEST)\n")


def test_an_export_into_a_pipe_that_has_enough_ends_quietly(ruled: House) -> None:
    assert ruled.sudo("bob", "sh", "-c", "head -c 3000000 /dev/urandom | base64").returncode == 0
    (run,) = (row["id"] for row in ruled.at_rest().rows("runs", "--all") if row["recorded"])
    line = f"set -o pipefail; jitd replay {run} --export=asciicast | head -1 >/dev/null"
    done = subprocess.run(
        ["bash", "-c", line], env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "JITD_SOCKET": str(ruled.socket)},
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (141, "")


@pytest.fixture
def toor() -> Iterator[None]:
    before = Path("/etc/passwd").read_text()
    with Path("/etc/passwd").open("a") as file:
        file.write("toor:x:0:0:root again:/root:/bin/sh\n")
    yield
    Path("/etc/passwd").write_text(before)


def test_a_second_name_of_a_uid_is_refused_before_anybody_is_asked(ruled: House, toor: None) -> None:
    before = ruled.at_rest().records()
    for words in (("-u", "toor", "true"), ("-u", "toor", "-l", "true"), ("-u", "toor", "-i")):
        done = ruled.sudo("alice", *words)
        assert (done.returncode, done.stdout) == (120, ""), words
        assert done.stderr == "jitsudo: -u toor: its uid 0 belongs to the account root: ask for that account\n", words
    assert ruled.at_rest().records() == before
    assert ruled.sudo("bob", "-u", "root", "id", "-un").stdout == ruled.sudo("bob", "-u", "#0", "id", "-un").stdout == "root\n"


def test_more_words_than_a_request_may_have_are_120_and_nobody_is_asked(ruled: House) -> None:
    before = ruled.at_rest().records()
    done = ruled.sudo("bob", "echo", *(["x"] * 20_001))
    said = "jitsudo: the request has too many words: at most about 20,000 arguments and variables; nothing was asked\n"
    assert (done.returncode, done.stdout, done.stderr) == (120, "", said)
    assert ruled.at_rest().records() == before
    assert ruled.sudo("bob", "echo", *(["x"] * 19_900)).returncode == 0
