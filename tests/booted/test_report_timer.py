# SPDX-License-Identifier: Apache-2.0
"""jitd-report.timer under systemd, as jitd-audit(8) has it set up: the report of the last month is kept, and auditors get it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jitd.audit.privileges import read
from jitd.store.opening import read_store
from tests.booted.conftest import Service, show, systemctl, written_by
from tests.standing.host import planted

DIRECTORY = Path("/var/lib/jitd/reports")
TIMER, SERVICE = "jitd-report.timer", "jitd-report.service"
AS_ALICE = '[[permit]]\nname = "as-alice"\nwho = ["user:dave"]\nrun_as = ["alice"]\ncommands = [["**"]]\n'
MONTH = f"{datetime.now(UTC).replace(day=1) - timedelta(days=1):%Y-%m}"


@pytest.fixture(autouse=True)
def nothing_is_kept(service: Service) -> Iterator[None]:
    yield
    shutil.rmtree(DIRECTORY, ignore_errors=True)


def test_the_timer_is_off_until_it_is_enabled(service: Service) -> None:
    assert show(TIMER, "UnitFileState", "ActiveState") == {"UnitFileState": "disabled", "ActiveState": "inactive"}


def test_the_timer_waits_for_the_first_day_of_a_month(service: Service) -> None:
    """In the zone in which a month of a report ends."""
    line = f"systemctl enable --now {TIMER}"
    assert line in Path("/usr/lib/systemd/system", TIMER).read_text("utf-8")
    try:
        assert subprocess.run(line.split(), capture_output=True, text=True, check=False).returncode == 0
        (calendar,) = [one for one in Path("/usr/lib/systemd/system", TIMER).read_text().splitlines() if "OnCalendar" in one]
        told = ["systemd-analyze", "calendar", calendar.partition("=")[2]]
        said = subprocess.run(told, capture_output=True, text=True, check=True).stdout
        assert "Normalized form: *-*-01 03:00:00 UTC" in said
        assert show(TIMER, "ActiveState") == {"ActiveState": "active"}
    finally:
        systemctl("disable", "--now", TIMER)


def test_the_service_keeps_the_report_of_the_last_month(service: Service) -> None:
    before = service.head().number
    systemctl("start", SERVICE)
    kept = sorted(DIRECTORY.iterdir())
    assert [file.name for file in kept] == [f"{MONTH}.html", f"{MONTH}.json"]
    assert {file.stat().st_mode & 0o7777 for file in kept} == {0o600}
    assert (DIRECTORY.stat().st_mode & 0o7777, DIRECTORY.parent.stat().st_mode & 0o7777) == (0o700, 0o711)
    report = json.loads(kept[1].read_bytes())
    assert report["since"] == f"{MONTH}-01T00:00:00Z" and report["by"] == "root"
    done = subprocess.run(["jitd", "audit", "report", f"--kept={MONTH}", "--json"], capture_output=True, check=False)
    assert done.stdout == kept[1].read_bytes(), done.stderr
    made = [one["detail"]["form"] for one in service.records(before) if one["event"] == "report.made"]
    assert made == ["json", "html"]


def test_in_its_sandbox_the_service_sees_what_root_sees(service: Service) -> None:
    hidden = {"/etc/sudoers.d/zz-report": "dave ALL=(ALL) NOPASSWD: ALL\n", "/root/.k5login": "eve@EXAMPLE.TEST\n"}
    before = service.head().number
    with planted({**hidden, "/home/alice/.k5login": "eve@EXAMPLE.TEST\n"}), service.with_rules(AS_ALICE):
        systemctl("start", SERVICE)
        subprocess.run(["jitd", "audit", "report", "--json"], capture_output=True, check=True)
    by_service, by_root = (becoming(service, one) for one in service.records(before) if one["event"] == "standing.recorded")
    assert by_service == by_root >= {("root", "dave"), ("root", "eve@EXAMPLE.TEST"), ("alice", "eve@EXAMPLE.TEST")}


def becoming(service: Service, note: dict[str, Any]) -> set[tuple[str, str]]:
    with closing(read_store(service.database)) as store:
        found = read((store.standing(note["detail"]["sha256"]) or b"").decode("ascii"))
    return {(one.becomes, one.who) for one in found.privileges}


def test_the_service_can_write_no_directory_but_its_own_and_does_not_see_the_record(service: Service) -> None:
    places = ("/etc/cron.d", "/run", "/run/jitd", "/tmp", "/root", "/home", "/var/lib", "/var/tmp")
    said = ["reports", "0", "CapBnd:", f"{1 << 2:016x}"]
    assert written_by(SERVICE, places, "ls -A /var/lib/jitd; id -u; grep CapBnd /proc/self/status") == ([], said)
