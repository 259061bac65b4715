# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a stage for each test, cleared afterwards."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from jitd.executor import direct, monitors
from jitd.monitor.housing import own_group
from tests.monitor.stage import HAS_SYSTEMD, Kept, Stage
from tests.waiting import PATIENCE, wait_for

FROM = "from jitd.monitor"
LENGTHENED = f"{FROM} import keeper, limits; limits.LEAVE = keeper.GRACE = keeper.LEADS_FOR = {PATIENCE}; {FROM}.launcher"


@pytest.fixture(scope="module", autouse=True)
def born() -> Iterator[None]:
    """A monitor may take long to be born: only what is never born is given up soon, by the test that is about it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(monitors, "BORN_WITHIN", PATIENCE / 2)
        yield


@pytest.fixture(scope="module")
def kept() -> Iterator[Kept]:
    """The launcher of all stages of a file."""
    made = Kept(Path("/var/tmp/jitd-of-many-stages"))
    yield made
    made.close()


@pytest.fixture
def stage(kept: Kept) -> Iterator[Stage]:
    if os.getuid() != 0:
        pytest.fail("needs root: run the tests in the lab")
    stage = Stage(kept=kept)
    yield stage
    stage.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A stage whose monitors give those that are hung up as long as a busy host takes, for tests of what these do before they
    end.
    """
    if os.getuid() != 0:
        pytest.fail("needs root: run the tests in the lab")
    monkeypatch.setattr(direct, "LAUNCHER", direct.LAUNCHER.replace(f"{FROM}.launcher", LENGTHENED))
    with patient_service() if HAS_SYSTEMD else nullcontext():
        stage = Stage()
        yield stage
        stage.close()


@contextmanager
def patient_service() -> Iterator[None]:
    """The same of systemd's launcher. It is started anew for that, and afterwards."""
    program, drop_in = Path("/run/patient-launcher"), Path("/run/systemd/system/jitd-launcher.service.d/patient.conf")
    program.write_text(Path("/usr/lib/jitd/jitd-launcher").read_text().replace(f"{FROM}.launcher", LENGTHENED))
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text(f"[Service]\nExecStart=\nExecStart=/usr/bin/python3 -IS {program}\n")
    try:
        start_anew()
        yield
    finally:
        drop_in.unlink()
        program.unlink()
        start_anew()


def start_anew() -> None:
    """The launcher, as its unit is by now."""
    for words in (["daemon-reload"], ["restart", "jitd-launcher.service"]):
        subprocess.run(["systemctl", *words], timeout=PATIENCE, check=True)


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A control group that is not the run's, as that of a user's manager."""
    place = Path(f"{own_group()}/jitd-test-elsewhere")
    place.mkdir()
    yield place
    (place / "cgroup.kill").write_text("1")
    wait_for(lambda: "populated 0" in (place / "cgroup.events").read_text())
    place.rmdir()
