# SPDX-License-Identifier: Apache-2.0
"""The main job, end to end: a command waits, a second person approves it, it runs, and the record proves it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.marks import direct
from tests.waiting import wait_for

_markers: set[Path] = set()


def marker(name: str) -> Path:
    """A file that a command leaves behind if it ran."""
    path = Path(f"/srv/{name}")
    _markers.add(path)
    return path


@pytest.fixture(autouse=True)
def markers_go():
    yield
    for path in _markers:
        path.unlink(missing_ok=True)
    _markers.clear()


def test_a_command_waits_is_approved_runs_and_ends_with_its_own_status(house):
    asked = house.ask("alice", "--reason", "replica lag", "sh", "-c", "echo out; echo err >&2; id -u; exit 7")
    assert asked.out == ""
    assert house.approve(asked.id, "bob", "--comment", "go ahead").returncode == 0
    assert asked.end() == 7
    assert asked.out == "out\n0\n"
    assert asked.err.splitlines() == [
        f"jitsudo: request {asked.id}: sh -c 'echo out; echo err >&2; id -u; exit 7' (as root on lab)",
        "jitsudo: rule lab-dba requires 1 approval from group:ops, within 15 minutes",
        'jitsudo: approved by bob@EXAMPLE.TEST: "go ahead"',
        "err",
    ]
    wait_for(lambda: house.run_of(asked.id).state == "ended")
    (run,) = [row for row in house.rows("runs", "--all") if row["id"] == asked.id]
    assert run["outcome"] == {"ending": "exited", "number": 7, "because": ""}


@direct
def test_a_denied_command_does_not_run(house):
    left = marker("denied")
    asked = house.ask("alice", "touch", str(left))
    assert house.deny(asked.id, reason="not today").returncode == 0
    assert asked.end() == 122
    assert 'denied by bob@EXAMPLE.TEST: "not today"' in asked.err
    assert not left.exists()
    assert house.rows("grants") == [] or all(g["id"] != asked.id for g in house.rows("grants"))


@direct
@pytest.mark.parametrize("who", ["alice", "eve"])
def test_who_may_not_review_changes_nothing(house, who):
    """THREATS A-01."""
    asked = house.ask("alice", "true")
    before = house.show(asked.id)
    assert house.approve(asked.id, who).returncode == (3 if who == "alice" else 4)
    assert house.show(asked.id) == before
    assert house.jitd("withdraw", asked.id, who="alice").returncode == 0
    assert asked.end() == 123


@direct
def test_n_submits_nothing_where_an_approval_would_be_owed(house):
    before = house.rows("requests", "--all")
    assert house.sudo("alice", "-n", "true").returncode == 118
    assert house.rows("requests", "--all") == before


@direct
def test_ctrl_c_while_waiting_withdraws_and_ends_by_the_signal(house):
    asked = house.ask("alice", "true")
    assert asked.id
    os.killpg(asked.process.pid, signal.SIGINT)
    assert asked.end() == -signal.SIGINT
    assert house.show(asked.id)["state"] == "withdrawn"
    assert house.approve(asked.id).returncode == 5


@direct
def test_a_client_that_vanishes_while_it_waits_is_a_withdrawal(house):
    """THREATS A-06."""
    asked = house.ask("alice", "true")
    assert asked.id
    asked.process.kill()
    wait_for(lambda: house.request_of(asked.id).state == "withdrawn")
    assert house.approve(asked.id).returncode == 5


def test_no_wait_prints_the_id_alone_and_resume_runs_it(house):
    left = marker("resumed")
    done = house.sudo("alice", "--no-wait", "touch", str(left))
    id = done.stdout.strip()
    assert (done.returncode, done.stdout) == (0, f"{id}\n")
    assert house.approve(id).returncode == 0
    assert not left.exists(), "an approval alone starts nothing"
    assert house.sudo("alice", f"--resume={id.lower().replace('-', '')}").returncode == 0
    assert left.exists()
    left.unlink()
    why = f"request {id} cannot be resumed: what was approved is used or over; jitd show {id} tells more"
    for who, told in (("alice", why), ("eve", f"you have no request {id}")):
        again = house.sudo(who, f"--resume={id}")
        assert again.returncode == 121 and told in again.stderr
    assert not left.exists(), "one use is one run"


@direct
def test_approving_twice_is_done_and_reviewing_what_has_ended_is_too_late(house):
    asked = house.ask("alice", "true")
    assert house.approve(asked.id).returncode == 0
    assert asked.end() == 0
    assert house.approve(asked.id).returncode == 0, "the same verdict again"
    assert house.deny(asked.id).returncode == 5
    assert house.approve(asked.id, "carol").returncode == 5


@direct
def test_a_denial_that_is_too_late_says_what_ends_it_now(house):
    id = house.sudo("alice", "--no-wait", "true").stdout.strip()
    assert house.approve(id).returncode == 0
    late = house.deny(id)
    assert late.returncode == 5 and f"jitd revoke {id}" in late.stderr
    assert house.jitd("revoke", id, who="bob").returncode == 0
    late = house.deny(id)
    assert late.returncode == 5 and "jitd revoke" not in late.stderr


@direct
def test_nobody_decided_in_time(own_house):
    house = own_house('[[permit]]\nname = "quick"\nwho = ["group:dba"]\ncommands = [["**"]]\nexpires = "1s"\n'
                      'approvals = [{ need = 1, from = ["group:ops"] }]\n').start()  # fmt: skip
    done = house.sudo("alice", "true")
    assert done.returncode == 124
    assert house.rows("requests", "--all")[0]["state"] == "expired"


def test_root_asks_nobody_and_is_recorded(house):
    done = house.sudo("root", "id", "-un")
    assert (done.returncode, done.stdout) == (0, "root\n")
    assert done.stderr == ""
    assert any(r["event"] == "request.submitted" and r["actor"] == "root" for r in house.records())


@direct
def test_root_may_be_denied_by_configuration(own_house):
    house = own_house(config='root = "deny"').start()
    assert house.sudo("root", "true").returncode == 121


# --- leases --------------------------------------------------------------------------------------------------------------


def lease(house, *words, uses=3):
    id = house.sudo("alice", "--no-wait", "--for", "10m", "--uses", str(uses), *words).stdout.strip()
    assert house.approve(id).returncode == 0
    return id


def test_a_lease_answers_for_the_same_work_without_asking_again(house):
    id = lease(house, "echo", "leased")
    for n in (1, 2, 3):
        done = house.sudo("alice", "-n", "echo", "leased")
        assert (done.returncode, done.stdout) == (0, "leased\n")
        runs = wait_for(lambda n=n: [r for r in house.kept("runs", ended=True) if r.grant == id and r.state == "ended"][n - 1 :])
        assert runs[0].id == (id if n == 1 else f"{id}.{n}")
    assert house.sudo("alice", "-n", "echo", "leased").returncode == 118, "it is spent"


@direct
@pytest.mark.parametrize("other", [("echo", "other"), ("-u", "bob", "echo", "leased"), ("-D", "/tmp", "echo", "leased")])
def test_a_lease_answers_for_nothing_else(house, other):
    id = lease(house, "echo", "leased")
    assert house.sudo("alice", "-n", *other).returncode == 118
    assert house.jitd("revoke", id).returncode == 0


@direct
def test_more_than_the_rule_allows_is_denied_and_says_the_cap(house):
    for more, cap in ((("--for", "2h"), "1h"), (("--uses", "101"), "100 uses")):
        done = house.sudo("alice", *more, "true")
        assert done.returncode == 121 and cap in done.stderr


def test_two_terminals_cannot_spend_one_use(house):
    id = lease(house, "sh", "-c", "echo x >> /srv/spent", uses=2)
    spent = marker("spent")
    clients = [house.ask("alice", "-n", "sh", "-c", "echo x >> /srv/spent") for _ in range(6)]
    statuses = sorted(client.end() for client in clients)
    assert statuses == [0, 0, 118, 118, 118, 118]
    assert spent.read_text() == "x\n" * 2
    wait_for(lambda: [one for one in house.kept("grants", ended=True) if one.id == id and one.state == "spent"])


def test_revoke_ends_what_runs_and_returns_when_it_is_gone(house):
    asked = house.ask(
        "alice", "--for", "10m", "--uses", "5", "sh", "-c", "setsid sleep 7776 & trap '' TERM HUP; sleep 7776; sleep 7776"
    )
    assert house.approve(asked.id).returncode == 0
    wait_for(lambda: _living("7776"))
    house.ended("revoke", asked.id, "--reason", "wrong host", who="carol")
    assert _living("7776") == []
    asked.end()
    assert 'revoked by carol@EXAMPLE.TEST: "wrong host"' in asked.err
    assert house.sudo("alice", "-n", "true").returncode == 118


def test_k_gives_back_leases_and_ends_what_runs_under_them(house):
    lease(house, "true")
    assert house.sudo("alice", "-n", "true").returncode == 0
    assert house.sudo("alice", "-K").returncode == 0
    assert house.sudo("alice", "-n", "true").returncode == 118


def test_k_leaves_alone_what_runs_by_itself(house):
    asked = house.ask("alice", "sleep", "7773")
    assert house.approve(asked.id).returncode == 0
    wait_for(lambda: _living("7773"))
    assert "0 leases given back" in house.sudo("alice", "-K").stderr
    assert _living("7773")
    house.ended("stop", asked.id)
    assert asked.end() != 0


def _living(word: str) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if process.read_bytes().split(b"\0")[:2] == [b"sleep", word.encode()]:
                found.append(process.parent.name)
        except OSError:
            continue
    return found


# --- the daemon goes, and comes back --------------------------------------------------------------------------------


def test_a_command_that_runs_a_request_that_waits_and_a_lease_survive_kill_9_of_the_daemon(own_house):
    """The command never notices that the daemon died."""
    house = own_house().start()
    lease(house, "true", uses=2)
    begun = house.ask("alice", "sh", "-c", "echo begun; while [ ! -e /srv/finish ]; do sleep 0.05; done; echo done; exit 9")
    marker("finish")
    house.approve(begun.id)
    wait_for(lambda: "begun" in begun.out)
    left = marker("survived")
    waiting = house.ask("alice", "sh", "-c", f"echo ran >> {left}")
    id = waiting.id
    house.kill()
    marker("finish").touch()
    assert begun.end() == 9
    assert begun.out == "begun\ndone\n"
    house.start()
    wait_for(lambda: house.run_of(begun.id).state == "ended")
    (run,) = [row for row in house.rows("runs", "--all") if row["id"] == begun.id and row["state"] == "ended"]
    assert run["outcome"]["number"] == 9
    wait_for(lambda: house.request_of(id).state == "pending")
    assert house.approve(id).returncode == 0
    assert waiting.end() == 0
    assert left.read_text() == "ran\n"
    assert house.sudo("alice", "-n", "true").returncode == 0
    assert house.sudo("alice", "-n", "true").returncode == 0
    assert house.sudo("alice", "-n", "true").returncode == 118
    house.verify()


def test_an_approval_while_the_client_is_away_starts_nothing_before_it_is_back(house):
    """THREATS A-06."""
    asked = house.at_rest().ask("alice", "echo", "ran")
    id = asked.id
    os.kill(asked.process.pid, signal.SIGSTOP)
    house.restart()
    assert house.approve(id).returncode == 0
    assert house.rows("runs") == []
    os.kill(asked.process.pid, signal.SIGCONT)
    assert asked.end() == 0
    assert asked.out == "ran\n"


@direct
def test_two_daemons_on_one_state_are_one_too_many(house):
    done = house.run("root", "jitd", "serve", "--config", str(house.config_file))
    assert done.returncode == 1 and "another jitd is running" in done.stderr


# --- what one may not know ---------------------------------------------------------------------------------------------


@direct
def test_a_command_that_is_missing_in_plain_sight_is_127(house):
    done = house.sudo("alice", "nosuchcommand")
    assert done.returncode == 127


@direct
def test_what_is_secret_is_neither_there_nor_missing(house):
    """Nobody who may not see a directory learns from the answer whether something is in it (THREATS S-11)."""
    secret = Path("/root/secret")
    secret.mkdir(mode=0o700, exist_ok=True)
    (secret / "there").write_bytes(Path("/bin/true").read_bytes())
    (secret / "there").chmod(0o755)
    answers = {house.sudo("eve", f"/root/secret/{name}").stderr.replace(name, "X") for name in ("there", "gone")}
    assert len(answers) == 1
    assert house.sudo("eve", "/root/secret/there").returncode == house.sudo("eve", "/root/secret/gone").returncode == 121


@direct
def test_others_requests_do_not_exist(house):
    """THREATS S-11."""
    asked = house.ask("alice", "--reason", "secret plan", "true")
    id = asked.id
    assert house.rows("requests", who="eve") == []
    for verb in (("show", id), ("withdraw", id), ("revoke", id), ("stop", id)):
        done = house.jitd(*verb, who="eve")
        assert done.returncode == 4, verb
        assert "secret plan" not in done.stdout + done.stderr
    house.jitd("withdraw", id, who="alice")
