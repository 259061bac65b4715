# SPDX-License-Identifier: Apache-2.0
"""sudo with the gate of pam_jit in its stack, beside sudo without one.

Law: the two differ in the PAM stack alone; what is written here is the lab's, and taken back at the end.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from people import Failed, do_as
from starts import time_starts
from table import Table

from tests.system.conftest import House

SUDO, STACKS = Path("/etc/pam.d/sudo"), Path("/etc/pam.d")
SHIPPED = Path(__file__).parents[1] / "pam.d/sudo"
PLAIN = "bench-plain"
SUDOERS = Path("/etc/sudoers.d/bench-gate")
MODULE = "pam_jit.so"
GATED, LEASED, PEER = "with the gate, permitted at once", "with the gate, under a grant", "sudo -n true, without a gate"
POLICY = """
[[permit]]
name = "gated"
who = ["user:alice"]
services = ["sudo"]
commands = [["/usr/bin/cat"]]

[[permit]]
name = "gated-and-owed"
who = ["user:alice"]
services = ["sudo"]
commands = [["/usr/bin/head"]]
approvals = [{ need = 1, from = ["group:ops"] }]
grant = { lasts = "1h", uses = 100000 }
"""
LINES: Mapping[str, list[str]] = {
    PEER: ["/usr/bin/sudo", "-n", "true"],
    GATED: ["/usr/bin/sudo", "-n", "cat"],
    LEASED: ["/usr/bin/sudo", "-n", "head"],
}
"""With nothing to read, cat and head end at once, as true does."""


@contextmanager
def gate(house: House) -> Iterator[None]:
    """The stack of sudo is the one that is shipped, and asks ``house``; ``true`` goes by the stack as it was."""
    before = SUDO.read_text()
    try:
        (STACKS / PLAIN).write_text(before)
        SUDO.write_text(SHIPPED.read_text("utf-8").replace(MODULE, f"{MODULE} socket={house.socket}"))
        with open(SUDOERS, "w", encoding="ascii", opener=partial(os.open, mode=0o440)) as file:
            file.write(f"Defaults!/usr/bin/true pam_service={PLAIN}\nalice ALL=(ALL:ALL) NOPASSWD: ALL\n")
        yield
    finally:
        SUDO.write_text(before)
        (STACKS / PLAIN).unlink(missing_ok=True)
        SUDOERS.unlink(missing_ok=True)


def measure_gate(house: House, n_rounds: int) -> Table:
    """Milliseconds from fork to reaped end, as alice, without a terminal."""
    lease = house.ask("alice", "--service", "sudo", "--for", "1h", "--uses", "100000", "head")
    if house.approve(lease.id).returncode or lease.end():
        raise Failed(f"there is no grant to measure under: {lease.err}")
    table = Table("sudo and the PAM gate, start to end", "ms", peer=PEER)
    with gate(house):
        for row, samples in do_as("alice", str(house.socket), partial(time_starts, n_rounds, LINES)).items():
            table.add(row, *samples)
    return table
