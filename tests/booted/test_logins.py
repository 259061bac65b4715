# SPDX-License-Identifier: Apache-2.0
"""Login sessions where logind moves them into scopes of its own, after our gate (THREATS G-02): they are ended all the same.

Law: what a session has started and is not ended with it is named here, each with its reason.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pexpect
import pytest

from jitd.monitor.housing import group_of
from tests.booted.conftest import Service, logind_notes_audit_sessions, systemctl
from tests.booted.conftest import group_of as group_of_run
from tests.marks import full
from tests.on_terminal import OnTerminal
from tests.pam.sshd_stage import SHIPPED as SSHD_SHIPPED
from tests.pam.sshd_stage import STACK, Clients, is_there, rule, stack_of, stacked
from tests.waiting import PATIENCE, status_of, wait_for

CONSOLE = Path("/etc/pam.d/login")
SHIPPED = Path("/usr/share/jitd/pam.d/login")
AT_CONSOLE = rule("at-console", "bob", 'ticket = "optional"').replace("sshd", "login")
POLICY = AT_CONSOLE + rule("at-once", "bob") + rule("over-soon", "eve", 'grant = { lasts = "4s" }', 'run = { session = "end" }')
STUBBORN = "trap '' TERM HUP INT QUIT; "
HIDERS = {
    "plain": "sleep 4801",
    "those that ignore": STUBBORN + "setsid sleep 4801 & nohup sleep 4801 >/dev/null 2>&1 & sleep 4801; sleep 4801",
    "a stopped one": "sleep 4801 & sleep 0.5; kill -STOP $!; kill -STOP $$; sleep 4801",
    "a tmux": "tmux -L mine -f /dev/null new-session -d 'sleep 4801'; sleep 4801",
    "a scope of the user manager's": "systemd-run --quiet --user --scope "
    "sh -c \"trap '' HUP TERM; setsid sleep 4801 >/dev/null 2>&1 &\"; sleep 4801",
    "a fork bomb": STUBBORN
    + "f() { while :; do (sleep 4801 &) ; sleep 4801 & done; }; ulimit -u 200 || exit; f & f & sleep 4801",
}


@pytest.fixture(scope="module")
def ssh(service: Service) -> Iterator[Clients]:
    service.set_policy(POLICY, "70-logins.toml")
    assert service.jitd("reload").returncode == 0
    made = Clients()
    with stacked(service):
        yield made
    made.close()
    (service.root / "policy.d/70-logins.toml").unlink()
    service.jitd("reload")


@pytest.fixture(autouse=True)
def nothing_runs_on(service: Service) -> Iterator[None]:
    yield
    for run in service.rows("runs"):
        service.jitd("stop", run["id"])
    for person in ("bob", "eve"):
        subprocess.run(["loginctl", "kill-user", "--signal=KILL", person], check=False, stderr=subprocess.DEVNULL)
    wait_for(lambda: sessions_of("bob") == [])


def sessions_of(person: str) -> list[str]:
    """logind's sessions of somebody."""
    lines = subprocess.run(["loginctl", "list-sessions", "--no-legend"], capture_output=True, text=True, check=True).stdout
    return [words[0] for words in map(str.split, lines.splitlines()) if words[2] == person]


def begun(service: Service, ssh: Clients, script: str, who: str = "bob") -> tuple[subprocess.Popen[str], str, int]:
    """A session, its run, and its process that asked."""
    process = ssh.started(who, f"echo in; {script}")
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"
    (row,) = wait_for(lambda: [row for row in service.rows("runs") if row["state"] == "running"])
    return process, row["id"], row["pid"]


def stopped() -> list[Path]:
    """Who of bob's is stopped."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if status_of(entry.name)["State"][0] == "T" and entry.owner() == "bob":
                found.append(entry)
    return found


def keepers() -> list[int]:
    """The processes that are beside sessions: alone in the outer half of a run's scope."""
    found: list[int] = []
    for file in Path("/sys/fs/cgroup/jitd.slice").glob("jitd-run-*/cgroup.procs"):
        with suppress(OSError):  # the scope has ended meanwhile
            found += map(int, file.read_text().split())
    return found


@pytest.mark.parametrize("hider", HIDERS)
def test_a_revocation_ends_all_of_a_session_that_logind_has_moved(service: Service, ssh: Clients, hider: str) -> None:
    """THREATS G-02."""
    login, run, asker = begun(service, ssh, HIDERS[hider])
    wait_for(lambda: is_there("4801") and (hider != "a stopped one" or len(stopped()) == 2))
    wait_for(lambda: "/session-" in str(group_of(asker)), what="logind's move")
    service.ended("revoke", run)
    left = is_there("4801")
    assert left == []
    assert login.wait(PATIENCE) == 255
    login.communicate()
    wait_for(lambda: sessions_of("bob") == [] and not group_of_run(run).exists() and not keepers())


def test_what_a_short_session_leaves_behind_is_found_in_loginds_scope(service: Service, ssh: Clients) -> None:
    """The process that asked has ended before anybody looked into which scope it was moved."""
    for _ in range(2):
        assert ssh.ssh("bob", "setsid nohup sleep 4802 >/dev/null 2>&1 & exit 0").returncode == 0
        (row,) = service.rows("runs")
        wait_for(lambda: is_there("4802"))
        service.ended("revoke", row["id"])
        assert not is_there("4802")


def test_a_logout_closes_logins_session_too(service: Service, ssh: Clients) -> None:
    """The gate's lines are jumped over at the end as at the beginning: what stands after them is closed."""
    assert ssh.ssh("bob").stdout == "bob\n"
    wait_for(lambda: sessions_of("bob") == [] and service.rows("runs") == [])


def test_a_session_outlives_the_service_and_is_ended_by_the_next(service: Service, ssh: Clients) -> None:
    for again in (service.restart, service.kill):
        login, run, _ = begun(service, ssh, STUBBORN + "sleep 4803; sleep 4803")
        again()
        wait_for(lambda: service.jitd("runs").returncode == 0)
        assert [row["id"] for row in service.rows("runs")] == [run] and login.poll() is None
        service.ended("stop", run)
        assert not is_there("4803") and login.wait(PATIENCE) == 255
        login.communicate()


def test_a_session_whose_time_is_over_is_ended(service: Service, ssh: Clients) -> None:
    for _ in range(3):  # on a busy host its time may be over before it is there
        login = ssh.started("eve", f"echo in; {STUBBORN}sleep 4804; sleep 4804")
        assert login.stdout is not None
        if (said := login.stdout.readline()) == "in\n":
            break
        login.communicate()
    assert said == "in\n"
    wait_for(lambda: login.poll() is not None and not is_there("4804") and service.rows("runs") == [])
    login.communicate()


def test_systemd_that_stops_the_runs_scope_ends_the_session_by_its_keeper(service: Service, ssh: Clients) -> None:
    login, run, _ = begun(service, ssh, STUBBORN + "sleep 4805; sleep 4805")
    systemctl("stop", f"jitd-run-{run}.scope")
    wait_for(lambda: not is_there("4805") and service.rows("runs") == [])
    assert login.wait(PATIENCE) == 255
    login.communicate()


@pytest.fixture
def stops_keepers(service: Service, ssh: Clients) -> Iterator[None]:
    """Whoever is let in has their keeper stopped before logind moves the session: it cannot see where to."""
    script = ssh.directory / "stop"
    script.write_text("#!/bin/sh\ncat /sys/fs/cgroup/jitd.slice/jitd-run-*/cgroup.procs | xargs -r kill -STOP\n")
    script.chmod(0o755)
    nobody = "session requisite pam_deny.so\n"
    assert SSHD_SHIPPED.read_text().count(nobody) == 1
    STACK.write_text(
        stack_of(service, SSHD_SHIPPED.read_text().replace(nobody, f"{nobody}session optional pam_exec.so {script}\n"))
    )
    yield
    STACK.write_text(stack_of(service))
    for keeper in keepers():
        with suppress(ProcessLookupError):
            os.kill(keeper, signal.SIGCONT)  # one that stays stopped would be there in the next test, too


def kill_keeper() -> None:
    (keeper,) = wait_for(keepers)
    os.kill(keeper, signal.SIGKILL)


OTHER_HIDERS = full("every day, the test uses some of these programs; another test of the file ends each by a revocation")


@pytest.mark.parametrize(
    "hider",
    [
        "plain",
        "a scope of the user manager's",
        "a fork bomb",
        *(pytest.param(hider, marks=OTHER_HIDERS) for hider in ("those that ignore", "a stopped one", "a tmux")),
    ],
)
def test_a_keeper_that_is_killed_takes_the_session_with_it(service: Service, ssh: Clients, hider: str) -> None:
    """THREATS G-02."""
    login, _, asker = begun(service, ssh, HIDERS[hider])
    wait_for(lambda: is_there("4801") and (hider != "a stopped one" or len(stopped()) == 2))
    wait_for(lambda: "/session-" in str(group_of(asker)), what="logind's move")
    kill_keeper()
    wait_for(lambda: service.rows("runs") == [])
    left = is_there("4801")
    assert left == []
    assert login.wait(PATIENCE) == 255
    login.communicate()


def test_a_keeper_that_is_killed_before_logind_moves_the_session_takes_it_along(
    service: Service, ssh: Clients, stops_keepers: None
) -> None:
    """THREATS G-02."""
    login, _, asker = begun(service, ssh, STUBBORN + "sleep 4806; sleep 4806")
    wait_for(lambda: is_there("4806"))
    assert "/session-" in str(group_of(asker))
    kill_keeper()
    wait_for(lambda: service.rows("runs") == [])
    left = is_there("4806")
    assert left == []
    assert login.wait(PATIENCE) == 255
    login.communicate()


def test_a_keeper_that_is_killed_takes_along_what_a_session_that_it_never_saw_has_left(
    service: Service, ssh: Clients, stops_keepers: None
) -> None:
    """The process that asked has ended by then: logind knows the session by its number. Where it does not, what has moved to the
    person's own manager is not found.
    """
    leaves = "systemd-run --quiet --user --scope sh -c 'setsid nohup sleep 4806 >/dev/null 2>&1 &'; "
    assert ssh.ssh("bob", leaves + "setsid nohup sleep 4806 >/dev/null 2>&1 & exit 0").returncode == 0
    wait_for(lambda: len(is_there("4806")) == 2)
    moved = [pid for pid in is_there("4806") if "/user@" in str(group_of(pid))]
    assert len(moved) == 1
    kill_keeper()
    wait_for(lambda: service.rows("runs") == [])
    left = is_there("4806")
    if logind_notes_audit_sessions():
        assert left == []
    else:
        assert left == moved
        os.kill(moved[0], signal.SIGKILL)


def test_what_the_user_manager_starts_outlives_the_session(service: Service, ssh: Clients) -> None:
    """It is no child of the session's, nor in its audit session; so with at, cron, and whatever daemon does things for people.
    logind ends the manager 10 s after the last session, unless the person lingers. Who takes an account away for good
    locks the person and ends what is theirs: loginctl disable-linger, terminate-user."""
    login, run, _ = begun(service, ssh, "systemd-run --quiet --user sleep 4807; sleep 4808")
    wait_for(lambda: is_there("4807") and is_there("4808"))
    service.ended("revoke", run)
    assert is_there("4807") and not is_there("4808")
    login.communicate()
    subprocess.run(["loginctl", "terminate-user", "bob"], check=False)
    wait_for(lambda: not is_there("4807"))


@pytest.fixture
def console(service: Service, ssh: Clients) -> Iterator[pexpect.spawn]:
    """bob, whom getty would have logged in."""
    before = CONSOLE.read_text()
    CONSOLE.write_text(stack_of(service, SHIPPED.read_text()))
    terminal = OnTerminal("/usr/bin/login", ["-f", "bob"], encoding="utf-8", timeout=PATIENCE, env={"TERM": "dumb"})
    try:
        terminal.expect(r"bob@lab:[^\r\n]*\$ ")
        yield terminal
    finally:
        terminal.close(force=True)
        CONSOLE.write_text(before)


@pytest.mark.parametrize(
    "hider",
    [
        "plain",
        "a scope of the user manager's",
        *(pytest.param(hider, marks=OTHER_HIDERS) for hider in ("those that ignore", "a tmux")),
    ],
)
def test_a_revocation_ends_all_of_a_login_at_the_console(service: Service, console: pexpect.spawn, hider: str) -> None:
    """THREATS G-02."""
    (row,) = service.rows("runs")
    console.sendline(HIDERS[hider])
    wait_for(lambda: is_there("4801"))
    wait_for(lambda: "/session-" in str(group_of(row["pid"])), what="logind's move")
    service.ended("revoke", row["id"])
    left = is_there("4801")
    assert left == []
    console.expect("jitd: this session ends: ")
    console.expect(pexpect.EOF)
    wait_for(lambda: sessions_of("bob") == [] and not group_of_run(row["id"]).exists() and not keepers())
