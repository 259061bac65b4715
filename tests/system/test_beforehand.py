# SPDX-License-Identifier: Apache-2.0
"""``jitsudo --service``: asking beforehand for what another program will do.

Law: nothing is run by it, and a use is taken by that program alone.
"""

from __future__ import annotations

import pytest

from tests.system.conftest import house_with
from tests.waiting import wait_for

POLICY = """
[[permit]]
name = "logins"
who = ["group:dba"]
services = ["sshd", "login"]
run_as = ["*"]
commands = [["**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
grant = { lasts = "1h", uses = 20 }

[[permit]]
name = "sudo-true"
who = ["group:dba"]
services = ["sudo"]
commands = [["/usr/bin/true"]]
"""


gated = house_with(POLICY)


def test_who_waits_is_told_when_it_is_approved_and_nothing_runs(gated):
    asking = gated.ask("alice", "--service", "sshd", "--for", "30m", "--uses", "5")
    id = asking.id
    wait_for(lambda: "rule logins requires 1 approval" in asking.err)
    assert "sshd (as alice on lab)" in asking.err
    gated.approved(id)
    assert asking.end() == 0 and asking.out == ""
    assert f"request {id} is approved: sshd may go on, until " in asking.err
    row = gated.show(id)
    assert (row["grant"]["left"], row["grant"]["uses"], row["runs"], row["run_as"], row["path"]) == (5, 5, [], "alice", "")
    again = gated.sudo("alice", "--service", "sshd")
    assert again.returncode == 0 and "is approved" in again.stderr, "the grant answers, and no use is taken by asking"
    assert gated.show(id)["grant"]["left"] == 5
    assert gated.jitd("revoke", id).returncode == 0


def test_who_does_not_wait_has_the_id_and_may_look_again(gated):
    done = gated.sudo("alice", "--service=login", "--no-wait")
    id = done.stdout.strip()
    assert done.returncode == 0 and len(id) == 9
    again = gated.ask("alice", f"--resume={id}")
    wait_for(lambda: "rule logins requires" in again.err)
    gated.approved(id)
    assert again.end() == 0 and f"request {id} is approved" in again.err
    assert gated.show(id)["grant"]["left"] == 1
    assert gated.sudo("alice", f"--resume={id}").returncode == 0, "as often as one likes"


def test_what_a_rule_permits_at_once_is_granted_at_once(gated):
    done = gated.sudo("alice", "--service", "sudo", "true")
    assert done.returncode == 0 and "sudo may go on" in done.stderr
    assert gated.rows("runs", "--all") == []


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("--service", "sshd", "-n"), 118, "an approval is required"),
        (("--service", "sudo", "id"), 121, "no rule permits this"),
        (("--service", "su", "true"), 121, "no rule permits this"),
        (("true",), 121, "no rule permits this"),
        (
            ("--service", "sshd", "id"),
            120,
            "sshd runs no command: leave the command out. Programs that run a command are doas, su, su-l, sudo and sudo-i",
        ),
        (("-u", "nobody-here", "true"), 120, "-u nobody-here: there is no such user"),
        (("-g", "none-here", "true"), 120, "-g none-here: there is no such group"),
        (("--service", "sudo"), 120, "say which command sudo is to run"),
        (("--service", "sshd", "-u", "nobody-here"), 120, "nobody-here: there is no such user"),
        (("--service", "sshd", "-b"), 120, "-b does not go with --service: another program runs the command"),
        (("--service", "sshd", "-v"), 120, "--service does not go with -v"),
        (("--service=",), 120, "--service needs an argument"),
        (("--service", "sshd", "--for", "2d"), 121, "rule logins grants at most 1h"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_asked_beforehand_is_said_and_leaves_no_grant(gated, words, status, says):
    before = gated.rows("grants", "--all")
    done = gated.sudo("alice", *words)
    assert (done.returncode, done.stdout) == (status, "") and says in done.stderr
    assert gated.rows("grants", "--all") == before


def test_what_would_happen_is_told(gated):
    done = gated.sudo("alice", "-l", "--service", "sshd")
    assert done.returncode == 0 and "rule logins requires 1 approval" in done.stdout
    assert gated.sudo("eve", "-l", "--service", "sshd").returncode == 1


def test_an_approver_reads_that_it_is_a_login_and_whatever_comes_of_it(gated):
    asking = gated.ask("alice", "--service", "sshd")
    page = gated.jitd("show", asking.id, who="bob").stdout
    assert "a session of alice, in which any command of that account may be run" in page
    assert "on           lab.example.test, by sshd" in page and "SHA-256" not in page and "stdin" not in page
    gated.deny(asking.id, reason="not tonight")
    assert asking.end() == 122 and "not tonight" in asking.err
