# SPDX-License-Identifier: Apache-2.0
"""A policy directory that tests fill, and a policy that holds every key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jitd.core.policy import Policy
from jitd.core.toml_document import ConfigError
from jitd.settings.policyfile import load

ME = os.geteuid()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A policy directory that only we can change."""
    found = tmp_path.resolve() / "policy.d"
    found.mkdir(mode=0o755)
    found.parent.chmod(0o755)
    return found


def write(directory: Path, name: str, text: str | bytes) -> Path:
    file = directory / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(0o644)
    return file


def read(directory: Path) -> Policy:
    return load(directory, root="permit", owner=ME)


def faults(directory: Path) -> list[tuple[str, int, str, str]]:
    """What is wrong, each with the file's name alone. A broken policy is never returned."""
    with pytest.raises(ConfigError) as caught:
        read(directory)
    assert caught.value.faults
    return [(Path(fault.file).name, fault.line, fault.rule, fault.sentence) for fault in caught.value.faults]


WHOLE = """\
# The databases
[[permit]]
name     = "restart-postgres"
who      = ["group:dba", "principal:alice@EXAMPLE.ORG"]
run_as   = ["root", "postgres:postgres"]
commands = [
  ["/usr/bin/systemctl", "restart", "postgresql*"],   # a comment
  ["/usr/sbin/service", "postgresql", "**"],
]
hosts    = ["db*.example.org"]
hours    = ["Mon-Fri 08:00-18:00 Europe/Berlin"]
services = ["jitsudo", "sudo"]
reason   = { pattern = "CHG-[0-9]+", hint = "the change number" }
approvals = [
  { need = 1, from = ["group:ops"] },
  { need = 2, from = ["group:security", "user:dave"] },
]
expires  = "20m"
grant    = { lasts = "1h", uses = 3 }
run      = { timeout = "2h", cwd = "/srv", env = ["PGDATA", "PG*"], writable = "allow", leftovers = "keep" }

[[deny]]
name = "freeze"
hours = ["Fri 16:00-Mon 06:00 Europe/Berlin"]
because = "weekend freeze: ask a release manager"
"""
