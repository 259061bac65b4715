# SPDX-License-Identifier: Apache-2.0
"""Tables on a host: ``systemctl reload`` tries them, and the daemon does not."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from jitd.store.sqlite import SqliteStore
from tests.booted.conftest import Service, show, systemctl
from tests.waiting import wait_for

TABLES = Path("/etc/jitd/policy.test")
NIGHT = '[[permit]]\nname = "night"\nwho = ["user:eve"]\ncommands = [["/usr/bin/id"]]\n'
CASE = '[people.eve]\ngroups = []\n[[case]]\nwho = "eve"\ncommand = ["/usr/bin/id"]\noutcome = "{}"\n'
ONE, TWO = "1 rule in force", "2 rules in force"


@pytest.fixture
def tables(service: Service) -> Iterator[Path]:
    TABLES.mkdir(mode=0o755)
    yield TABLES / "night.toml"
    shutil.rmtree(TABLES)
    (service.root / "policy.d/night.toml").unlink(missing_ok=True)
    assert service.jitd("reload").returncode == 0


def in_force() -> str:
    return show("jitd.service", "StatusText")["StatusText"]


def newest_load(service: Service) -> dict[str, object]:
    with closing(SqliteStore.reading(service.database)) as store:
        found = [json.loads(body) for _, body, _ in store.records(0)]
    detail: dict[str, object] = [one["detail"] for one in found if one["event"] == "policy.loaded"][-1]
    return detail


def test_a_table_that_does_not_hold_keeps_the_rules_in_force_until_somebody_asks_all_the_same(
    service: Service, tables: Path
) -> None:
    service.set_policy(NIGHT, "night.toml")
    tables.write_text(CASE.format("deny"))
    done = subprocess.run(["systemctl", "reload", "jitd.service"], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and in_force() == ONE
    told = service.jitd("reload")
    assert told.returncode == 1 and "it should be denied, but rule night permits it" in told.stdout
    assert service.jitd("check").returncode == 1
    untested = service.jitd("reload", "--untested")
    assert untested.returncode == 0 and in_force() == TWO
    assert newest_load(service) == {"rules": 2, "untested": True}
    tables.write_text(CASE.format("permit"))
    systemctl("reload", "jitd.service")
    assert in_force() == TWO and newest_load(service) == {"rules": 2}
    assert service.jitd("policy", "test").returncode == 0


def test_the_daemon_tries_no_table_when_it_starts_and_at_a_signal(service: Service, tables: Path) -> None:
    service.set_policy(NIGHT, "night.toml")
    tables.write_text("nonsense")
    systemctl("kill", "--signal=HUP", "--kill-whom=main", "jitd.service")
    wait_for(lambda: in_force() == TWO, what="the rules that are read at the signal")
    systemctl("restart", "jitd.service")
    assert in_force() == TWO
