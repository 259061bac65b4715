# SPDX-License-Identifier: Apache-2.0
"""What pam-lint says of the sshd that systemd starts, beside whom that lets in: eve has a key, and no right to anything."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.hosts.findings import WEAK
from jitd.hosts.places import Places
from jitd_inspection.pamlint.linting import lint_host
from tests.booted.conftest import Service
from tests.marks import full
from tests.pam.sshd_stage import SHIPPED, STACK, Clients

DROP_INS = Path("/etc/systemd/system/ssh.service.d")
KEYS = "[Service]\nExecStart=\nExecStart=/usr/sbin/sshd -D -oAuthorizedKeysFile={keys}/%%u.pub -oStrictModes=no {more}\n"


def said() -> set[str]:
    return {finding.name for finding in lint_host(Places()) if finding.severity != WEAK}


def restart(text: str) -> None:
    DROP_INS.mkdir(exist_ok=True)
    (DROP_INS / "test.conf").write_text(text)
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    subprocess.run(["systemctl", "restart", "ssh"], check=True)


@pytest.fixture
def clients(service: Service) -> Iterator[Clients]:
    before = STACK.read_text()
    STACK.write_text(SHIPPED.read_text())
    with contextlib.closing(Clients()) as made:
        yield made
    STACK.write_text(before)
    shutil.rmtree(DROP_INS)
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    subprocess.run(["systemctl", "restart", "ssh"], check=True)


OPENED_BY = [
    pytest.param(
        "-oUsePAM=no", id="line", marks=full("every day, a variable of the line has the option; tests/pamlint reads both")
    ),
    pytest.param("$MORE\nEnvironment=MORE=-oUsePAM=no", id="variable"),
]


@pytest.mark.parametrize("more", OPENED_BY)
def test_a_drop_in_of_the_unit_opens_the_gate_and_is_told(clients: Clients, more: str) -> None:
    """THREATS P-15: before it is in force, while it is, and while it is not any more and still runs."""

    def lets_in() -> bool:
        return clients.ssh("eve", "id", "-un", method="key", delegates=False).stdout == "eve\n"

    restart(KEYS.format(keys=clients.directory, more=""))
    assert said() == set() and not lets_in()
    (DROP_INS / "test.conf").write_text(KEYS.format(keys=clients.directory, more=more))
    assert said() == {"no-pam"} and not lets_in()
    restart(KEYS.format(keys=clients.directory, more=more))
    assert lets_in(), "it opens"
    assert said() == {"no-pam"}
    (DROP_INS / "test.conf").write_text(KEYS.format(keys=clients.directory, more=""))
    assert lets_in(), "systemd has not read it yet, and what runs goes on"
    assert said() == {"no-pam"}
