# SPDX-License-Identifier: Apache-2.0
"""What a run has left to a real systemd, at and cron is named when the run is revoked, and also after it has ended by itself."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from pwd import getpwnam

import pytest

from tests.booted.conftest import Service, show, systemctl
from tests.marks import by_day, full
from tests.waiting import wait_for

EVE = getpwnam("eve").pw_uid
AS_EVE = ("-u", "eve")
MANAGER = f"user@{EVE}.service"
USER = f"XDG_RUNTIME_DIR=/run/user/{EVE} systemd-run --user --unit=left"
LEFT = {
    "a unit": ((), "systemd-run --unit=left sleep 600", "left.service"),
    "a unit that waits to be started again": (
        (),
        "systemd-run --unit=left -p Restart=always -p RestartSec=1h true",
        "left.service",
    ),
    "a timer": ((), "systemd-run --unit=left --on-active=1h sleep 600", "left.timer"),
    "a unit that is enabled": (
        (),
        "printf '[Timer]\\nOnCalendar=yearly\\n[Install]\\nWantedBy=timers.target' >/etc/systemd/system/left.timer; "
        "systemctl enable left.timer",
        "/etc/systemd/system/timers.target.wants/left.timer",
    ),
    "a unit of another's manager": ((), "systemd-run -M eve@ --user --unit=left sleep 600", f"{MANAGER}/left.service"),
    "a timer of another's manager": (
        (),
        "systemd-run -M eve@ --user --unit=left --on-active=1h sleep 600",
        f"{MANAGER}/left.timer",
    ),
    "a unit of one's own manager": (AS_EVE, f"{USER} sleep 600", f"{MANAGER}/left.service"),
    "a timer of one's own manager": (AS_EVE, f"{USER} --on-active=1h sleep 600", f"{MANAGER}/left.timer"),
    "a unit with a name of ours": (
        AS_EVE,
        f"{USER.replace('=left', '=jitd-run-left')} sleep 600",
        f"{MANAGER}/jitd-run-left.service",
    ),
    "a crontab": (AS_EVE, "echo '0 0 1 1 * true' | crontab -", "/var/spool/cron/crontabs/eve"),
    "a crontab that is changed": (AS_EVE, "echo '0 0 2 1 * true' | crontab -", "/var/spool/cron/crontabs/eve"),
    "an at job": ((), "echo true | at now + 1 year", "/var/spool/cron/atjobs/a"),
    "lingering": ((), "loginctl enable-linger carol", "carol"),
}
"""How something is left: the identity, the script and what is named of it."""


REVOKED = ["a unit", "a timer", "a unit of one's own manager", "a timer of one's own manager", "a crontab"]
EVERY_DAY = ["a unit", "a unit that is enabled", "a timer of another's manager", "a crontab", "an at job", "lingering"]
OTHER_TRACES = full("every day, one thing is left at each place where jitd looks")

POLICY = """
[[permit]]
name = "eves"
who = ["group:dba"]
run_as = ["eve"]
commands = [["**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
run = { namespace = "never" }
"""
"""In a pid namespace, systemd-run(1) does not reach the manager of the account (jitd-policy(5))."""


@pytest.fixture(scope="module")
def manager(service: Service) -> Iterator[None]:
    """eve's user manager runs, as if she had logged in before, and her runs can reach it."""
    with service.with_rules(POLICY):
        systemctl("start", MANAGER)
        wait_for(Path(f"/run/user/{EVE}/bus").exists, what="eve's manager")
        yield
        systemctl("stop", MANAGER)


@pytest.fixture
def tidied() -> Iterator[None]:
    yield
    units = ["left.timer", "left.service"]
    for whose in ([], ["-M", "eve@", "--user"]):
        subprocess.run(["systemctl", *whose, "disable", "left.timer"], capture_output=True, check=False)
        subprocess.run(["systemctl", *whose, "stop", *units, "jitd-run-left.service"], capture_output=True, check=False)
        subprocess.run(["systemctl", *whose, "reset-failed"], capture_output=True, check=False)
    Path("/etc/systemd/system/left.timer").unlink(missing_ok=True)
    systemctl("daemon-reload")
    for job in Path("/var/spool/cron/atjobs").glob("a*"):
        job.unlink()
    subprocess.run(["loginctl", "disable-linger", "carol"], check=False)


@pytest.mark.usefixtures("manager", "tidied")
@pytest.mark.parametrize("what", by_day(LEFT, EVERY_DAY, OTHER_TRACES))
def test_what_a_run_has_left_is_named_after_it_has_ended_by_itself(service: Service, what: str) -> None:
    """THREATS X-33."""
    identity, script, name = LEFT[what]
    asking = service.ask("alice", *identity, "sh", "-c", script)
    service.approved(asking.id)
    assert asking.end() == 0, asking.err
    row = wait_for(lambda: next((run for run in service.show(asking.id)["runs"] if run["outcome"]), None), what="the end")
    named = [one for kind in ("units", "files", "lingering") for one in (row["traces"] or {}).get(kind, ())]
    assert any(one == name or (name.endswith("/a") and one.startswith(name)) for one in named), row
    shown = service.jitd("show", asking.id).stdout
    assert "left elsewhere" in shown and name in " ".join(shown.split()).replace("- ", "-")
    last = [json.loads(line) for line in service.jitd("audit", "show", "--json").stdout.splitlines()]
    (ended,) = [one for one in last if one["event"] == "run.ended" and one["id"] == asking.id]
    assert any(name in one for names in ended["detail"]["traces"].values() for one in names)
    (line,) = [one for one in service.jitd("audit", "show").stdout.splitlines() if "run.ended" in one and asking.id in one]
    assert name in line and '{"' not in line, "as people read"
    service.verify()


@pytest.mark.usefixtures("manager", "tidied")
@pytest.mark.parametrize("what", by_day(REVOKED, ["a timer of one's own manager", "a crontab"], OTHER_TRACES))
def test_what_a_run_has_left_is_named_by_revoke_and_lives(service: Service, what: str) -> None:
    """THREATS X-33: nobody knows whose it is, so it is not ended."""
    identity, script, name = LEFT[what]
    mark = Path("/srv/has-left")
    mark.unlink(missing_ok=True)
    mark.parent.chmod(0o1777)
    asking = service.ask("alice", *identity, "sh", "-c", f"{script} && touch {mark}; sleep 600")
    service.approved(asking.id)
    wait_for(mark.exists, what=what)
    mark.unlink()
    done = service.jitd("revoke", asking.id, "--reason", "enough")
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert name in said and "what ran under it is ended" in said and "not looked at: containers" in said
    assert asking.end() != 0
    if name.startswith("left."):
        assert show(name, "ActiveState")["ActiveState"] == "active"
    elif name.startswith(MANAGER):
        lives = subprocess.run(["systemctl", "-M", "eve@", "--user", "is-active", name.rpartition("/")[2]], check=False)
        assert lives.returncode == 0


@pytest.mark.usefixtures("manager", "tidied")
def test_of_a_lease_it_is_named_what_its_earlier_runs_have_left(service: Service) -> None:
    """THREATS X-33."""
    first = service.ask("alice", "--for", "1h", "sh", "-c", LEFT["a timer"][1])
    service.approved(first.id)
    assert first.end() == 0, first.err
    said = service.jitd("revoke", first.id)
    assert said.returncode == 0 and "left.timer" in said.stdout + said.stderr, said


def test_an_ordinary_run_leaves_nothing_and_nothing_is_told(service: Service) -> None:
    """THREATS X-33: the honest twin."""
    asking = service.ask("alice", "true")
    service.approved(asking.id)
    assert asking.end() == 0
    row = wait_for(lambda: next((run for run in service.show(asking.id)["runs"] if run["outcome"]), None), what="the end")
    assert row["traces"] is None
    assert "left elsewhere" not in service.jitd("show", asking.id).stdout
