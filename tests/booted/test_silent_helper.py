# SPDX-License-Identifier: Apache-2.0
"""Whoever sets up a sink, a channel or a gatekeeper is told the command that lets its helper listen, and types it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.beside.processes import OUTSIDE
from tests.booted.conftest import Service, show, systemctl
from tests.waiting import PATIENCE, wait_for

SETTINGS = Path("/etc/jitd/jitd.toml")
SINK = """
[sinks.central]
kind = "file"
file = "central"
"""
SOCKET = f"{OUTSIDE.unit}.socket"


@pytest.fixture
def deaf(service: Service) -> Iterator[Service]:
    """A sink was set up, and nobody listens for its helper."""
    before = SETTINGS.read_text()
    systemctl("stop", SOCKET, f"{OUTSIDE.unit}.service")
    systemctl("disable", "--quiet", SOCKET)
    assert not OUTSIDE.listens
    SETTINGS.write_text(before + SINK)
    service.restart()
    yield service
    SETTINGS.write_text(before)
    systemctl("enable", "--quiet", "--now", SOCKET)
    service.restart()


def root(*line: str) -> str:
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return " ".join((done.stdout + done.stderr).split())  # a long line goes on in the next one


def reloaded(service: Service) -> str:
    done = service.jitd("reload")
    assert done.returncode == 0, done
    return done.stdout + done.stderr


def test_what_reload_doctor_and_setup_tell_lets_the_helper_listen_that_a_sink_needs(deaf: Service) -> None:
    told = reloaded(deaf)
    found = re.search(r"sink central needs jitd-outside, which does not listen: (systemctl .*\.socket)", told)
    assert found, told
    wait_for(lambda: found[0] in deaf.log(), what="a line of the journal")
    for line in (("jitd", "doctor"), ("jitd", "setup", "--dry-run", "--no-admin")):
        assert found[1] in root(*line), line
    root("sh", "-c", found[1])
    assert OUTSIDE.listens and show(SOCKET, "UnitFileState")["UnitFileState"] == "enabled"
    assert "systemctl" not in reloaded(deaf)
    for line in (("jitd", "doctor"), ("jitd", "setup", "--dry-run", "--no-admin")):
        assert found[1] not in root(*line), line
    wait_for(lambda: re.search("central.*has the record", deaf.jitd("status").stdout), what="a sink that has the record")
