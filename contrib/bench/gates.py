# SPDX-License-Identifier: Apache-2.0
"""sudo with a gate in its PAM stack, or with the plugin, beside sudo without both: time, and the memory of one that waits.

Law: what is compared differs in the PAM stack or in sudo.conf alone; what is written here is the lab's, and is taken back.
"""

from __future__ import annotations

import os
import pwd
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from people import Failed, do_as, get_ticket
from starts import time_start
from table import Table, interleaved

from tests.pam.programs import of_the_module_in_python
from tests.system.conftest import House

SUDO, STACKS = Path("/etc/pam.d/sudo"), Path("/etc/pam.d")
CONF, PLUGIN = Path("/etc/sudo.conf"), "/usr/lib/jitd/jit_approval.so"
SHIPPED = Path(__file__).parents[1] / "pam.d/sudo"
PLAIN = "bench-plain"
SUDOERS = Path("/etc/sudoers.d/bench-gate")
MODULE, SCRIPT = "pam_jit.so", "pam_jit.py"
GATED, LEASED, PEER = "with the gate, permitted at once", "with the gate, under a grant", "sudo -n true, without a gate"
IN_PYTHON = "with pam_jit.py and its guard, permitted at once"
BY_PLUGIN = "with the plugin, permitted at once"
IN_C, OF_PYTHON, OF_PLUGIN = "c", "python", "plugin"
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

[[permit]]
name = "gated-and-waits"
who = ["user:alice"]
services = ["sudo"]
commands = [["/usr/bin/tail"]]
approvals = [{ need = 1, from = ["group:ops"] }]
"""
LINES = {
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
        SUDO.write_text(with_gate(house))
        with open(SUDOERS, "w", encoding="ascii", opener=partial(os.open, mode=0o440)) as file:
            file.write(f"Defaults!/usr/bin/true,/usr/bin/sleep pam_service={PLAIN}\nalice ALL=(ALL:ALL) NOPASSWD: ALL\n")
        yield
    finally:
        SUDO.unlink()
        SUDO.write_text(before)
        (STACKS / PLAIN).unlink(missing_ok=True)
        SUDOERS.unlink(missing_ok=True)


def with_gate(house: House, *, is_python: bool = False) -> str:
    """The stack of sudo that is shipped, or the same with the module in Python."""
    text = SHIPPED.read_text("utf-8")
    module, text = (SCRIPT, of_the_module_in_python(text)) if is_python else (MODULE, text)
    return re.sub(rf"(?m)^(account .*{re.escape(module)})$", rf"\1 socket={house.socket}", text)


@contextmanager
def each_way(house: House) -> Iterator[dict[str, Callable[[], None]]]:
    """Functions that give sudo the gate with the module in C, that in Python, and the plugin: alice turns the link that leads to
    the files of root that sudo reads.
    """
    plain, conf = SUDO.read_text(), CONF.read_text() if CONF.exists() else None
    with gate(house), tempfile.TemporaryDirectory() as place:
        os.chown(place, pwd.getpwnam("alice").pw_uid, -1)
        chosen = Path(place, "chosen")
        stacks = {IN_C: with_gate(house), OF_PYTHON: with_gate(house, is_python=True), OF_PLUGIN: plain}
        for name, stack in stacks.items():
            Path(place, name).mkdir()
            Path(place, name, "sudo").write_text(stack)
            line = f"Plugin jit_approval {PLUGIN} socket={house.socket}\n" if name == OF_PLUGIN else ""
            Path(place, name, "sudo.conf").write_text(line)

        def choose(name: str) -> None:
            chosen.with_suffix(".new").symlink_to(name)
            chosen.with_suffix(".new").rename(chosen)

        choose(IN_C)
        try:
            for path in (SUDO, CONF):
                path.unlink(missing_ok=True)
                path.symlink_to(chosen / path.name)
            yield {name: partial(choose, name) for name in stacks}
        finally:
            CONF.unlink()
            if conf is not None:
                CONF.write_text(conf)


def time_gates(n_rounds: int, choose: dict[str, Callable[[], None]]) -> dict[str, list[float]]:
    """Milliseconds of each line, in turn; the first of each is not counted."""

    def time_with(line: list[str], way: str = IN_C) -> float:
        choose[way]()
        return time_start(line)

    table = Table("", "")
    measures = {row: partial(time_with, line) for row, line in LINES.items()}
    measures[IN_PYTHON] = partial(time_with, LINES[GATED], OF_PYTHON)
    measures[BY_PLUGIN] = partial(time_with, LINES[GATED], OF_PLUGIN)
    for measure in measures.values():
        measure()
    interleaved(n_rounds, table, measures)
    return table.rows


def measure_gate(house: House, n_rounds: int) -> Iterator[Table]:
    """Milliseconds from fork to reaped end, as alice, without a terminal, and what the gate costs more than sudo alone; and MiB
    of a sudo that waits.
    """
    lease = house.ask("alice", "--service", "sudo", "--for", "1h", "--uses", "100000", "head")
    if house.approve(lease.id).returncode or lease.end():
        raise Failed(f"there is no grant to measure under: {lease.err}")
    table, more = Table("sudo and its gates, start to end", "ms", peer=PEER), Table("what the gate takes more than sudo", "ms")
    with each_way(house) as choose:
        for row, samples in do_as("alice", str(house.socket), partial(time_gates, n_rounds, choose)).items():
            table.add(row, *samples)
        for row in (GATED, LEASED, IN_PYTHON, BY_PLUGIN):
            more.add(row, *(one - peer for one, peer in zip(table.rows[row], table.rows[PEER], strict=True)))
        yield table
        yield more
        yield measure_memory(house, choose)


# --- memory ----------------------------------------------------------------------------------------------------------

ALONE, WAITS, WAITS_IN_PYTHON = "sudo sleep, without a gate", "waits at the gate", "waits at the gate with pam_jit.py"
WAITS_IN_PLUGIN = "waits in the plugin"
N_WAITING = 3
WAITS_WITHIN = 30.0


def measure_memory(house: House, choose: dict[str, Callable[[], None]]) -> Table:
    """MiB of sudo's process that no other process shares."""
    table = Table("memory of a sudo that waits, of its own", "MiB")
    get_ticket("alice")
    for _ in range(N_WAITING):
        choose[IN_C]()
        table.add(ALONE, own_memory(house, ["/usr/bin/sudo", "-n", "sleep", "30"], is_owed=False))
        for way, row in ((IN_C, WAITS), (OF_PYTHON, WAITS_IN_PYTHON), (OF_PLUGIN, WAITS_IN_PLUGIN)):
            choose[way]()
            table.add(row, own_memory(house, ["/usr/bin/sudo", "-n", "tail"], is_owed=True))
    return table


def own_memory(house: House, line: list[str], *, is_owed: bool) -> float:
    """Of the line's process once it waits: for an approval, or for its command."""
    become = ["/usr/bin/setpriv", "--reuid=alice", "--regid=alice", "--init-groups"]  # each executes the next
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/home/alice"}
    with subprocess.Popen(
        [*become, *line], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, cwd="/"
    ) as process:
        until = time.monotonic() + WAITS_WITHIN
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while not (house.rows("requests") if is_owed else b"sleep" in command_of(children.read_text())):
            if time.monotonic() > until or process.poll() is not None:
                raise Failed(f"{' '.join(line)} does not wait")
            time.sleep(0.05)
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        process.send_signal(signal.SIGINT if is_owed else signal.SIGTERM)
    return sum(int(size) for size in re.findall(r"(?m)^Private_\w+: +(\d+) kB", rollup)) / 1024


def command_of(children: str) -> bytes:
    """The command lines of these processes."""
    return b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children.split())
