# SPDX-License-Identifier: Apache-2.0
"""jitd as a service of a real systemd, in a host that ``contrib/lab/lab --systemd`` has booted.

Law: these tests are run there, by a lane of ``contrib/lanes/run``, and are not seen anywhere else.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.monitor.stage import HAS_SYSTEMD
from tests.platforms import is_newest
from tests.system.conftest import OF_THE_LAB, House
from tests.waiting import PATIENCE, wait_for

if not HAS_SYSTEMD:
    collect_ignore_glob = ["test_*.py"]


def systemctl(*words: str) -> str:
    """What ``systemctl`` answers."""
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def show(unit: str, *properties: str) -> dict[str, str]:
    """Properties of a unit."""
    lines = systemctl("show", f"--property={','.join(properties)}", unit).splitlines()
    return dict(line.split("=", 1) for line in lines)


def journal(*matches: str) -> str:
    """What the journal has by now: journald first writes what it was sent before (journalctl(1), ``--sync``)."""
    subprocess.run(["journalctl", "--sync"], timeout=PATIENCE, check=True)
    line = ["journalctl", "--no-pager", "--output=cat", *matches]
    return subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE, check=False).stdout


@contextmanager
def with_command(unit: str, line: str, *more: str) -> Iterator[None]:
    """The service runs ``line`` in place of its command; ``more`` settings are of the service, too."""
    place = Path(f"/etc/systemd/system/{unit}.d/test.conf")
    place.parent.mkdir(parents=True)
    place.write_text("\n".join(["[Service]", "ExecStart=", f"ExecStart={line}", *more, ""]))
    try:
        systemctl("daemon-reload")
        yield
    finally:
        place.unlink()
        place.parent.rmdir()
        systemctl("daemon-reload")
        subprocess.run(["systemctl", "reset-failed", unit], check=False)


def written_by(unit: str, places: tuple[str, ...], then: str) -> tuple[list[str], list[str]]:
    """In which of the ``places`` the service can write a file, and the words that ``then`` says in it. Nothing is left."""
    tries = f"for each in {' '.join(places)}; do (echo > $each/trace) 2>/dev/null; done"
    said, traces = Path("/run/said"), [Path(place, "trace") for place in places]
    try:
        with with_command(unit, f'/bin/sh -c "{tries}; {then}"', f"StandardOutput=file:{said}"):
            systemctl("start", unit)
        return [str(trace.parent) for trace in traces if trace.exists()], said.read_text("utf-8").split()
    finally:
        for file in (said, *traces):
            file.unlink(missing_ok=True)


def scope_of(run: str) -> str:
    return f"jitd-run-{run}.scope"


def group_of(run: str) -> Path:
    """Where the control group of a run is."""
    return Path(f"/sys/fs/cgroup/jitd.slice/{scope_of(run)}")


class Service(House):
    """The daemon that systemd starts, on the directories of a package."""

    def __init__(self, policy: str = OF_THE_LAB) -> None:
        self.root = Path("/etc/jitd")
        self.socket = Path("/run/jitd/jitd.sock")
        self.database = Path("/var/lib/jitd/jitd.db")
        self.log_file = Path("/nowhere")
        (self.root / "said").mkdir(mode=0o755, exist_ok=True)
        self.set_policy(policy, "lab.toml")
        self.process = None
        self._asked = itertools.count(1)
        self._clients = []

    @contextmanager
    def with_rules(self, policy: str) -> Iterator[None]:
        """These rules come before the lab's, and are gone afterwards."""
        self.set_policy(policy, "10-own.toml")
        try:
            assert self.jitd("reload").returncode == 0, self.jitd("check").stdout
            yield
        finally:
            (self.root / "policy.d/10-own.toml").unlink()
            self.jitd("reload")

    def start(self) -> Service:
        done = subprocess.run(["systemctl", "start", "jitd.service"], check=False)
        assert done.returncode == 0, self.log()
        return self

    @property
    def pid(self) -> int:
        return int(show("jitd.service", "MainPID")["MainPID"])

    def kill(self) -> None:
        systemctl("kill", "--signal=KILL", "--kill-whom=main", "jitd.service")

    def until_another_serves(self, before: int) -> None:
        """Wait until systemd has started a daemon in place of ``before``, and that daemon has said that it is ready."""

        def serves() -> bool:
            found = show("jitd.service", "MainPID", "ActiveState")
            return int(found["MainPID"]) not in (0, before) and found["ActiveState"] == "active"

        wait_for(serves, what="another daemon")

    def restart(self) -> None:
        systemctl("restart", "jitd.service")

    def log(self) -> str:
        return journal("--unit=jitd.service")

    def run_of(self, id: str) -> str:
        """The run of a request, once its command was executed. It may have ended already."""
        wait_for(lambda: any(run["id"] == id and run["started_at"] for run in self.rows("runs", "--all")), what=f"run {id}")
        return id

    def close(self) -> None:
        for client in self._clients:
            if client.poll() is None:
                client.kill()
                client.wait()
        for run in self.rows("runs"):
            self.jitd("stop", run["id"])
        self.verify()
        systemctl("stop", "jitd.service", "jitd.socket")
        shutil.rmtree(self.root / "said", ignore_errors=True)


def logind_notes_audit_sessions() -> bool:
    """systemd 257 does not in a container, and a lab is one."""
    return not is_newest("systemd")


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """The service, with the lab's policy, for the tests of one file."""
    made = Service().start()
    yield made
    made.close()
