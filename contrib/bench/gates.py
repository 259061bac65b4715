# SPDX-License-Identifier: Apache-2.0
"""What a gate costs sudo, su, doas and a session of sshd: the PAM module, and the plugin of sudo, with the ticket for jitd in
the cache and without it. And the memory of a sudo that waits.

Law: what is compared differs in the gate alone; what is written here is the lab's, and taken back at the end.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from people import Failed, do_as, get_ticket
from starts import time_start
from table import Table, interleaved

from tests.pam.sshd_stage import Sshd
from tests.system.conftest import HOST, House

WHO = "alice"
STACKS, SHIPPED = Path("/etc/pam.d"), Path(__file__).parents[1] / "pam.d"
SUDO_CONF, DOAS_CONF, SUDOERS = Path("/etc/sudo.conf"), Path("/etc/doas.conf"), Path("/etc/sudoers.d/bench-gate")
MODULE, PLUGIN = "pam_jit.so", "jit_approval.so"
ALONE = "alone"
GATES = (ALONE, MODULE, PLUGIN)
"""What stands in the stacks and in sudo.conf."""
AT_HAND, FETCHED = "ticket in the cache", "ticket fetched"
OF_GATE = re.compile(r"(?m)^\w+ (\[success=[12] default=ignore\] pam_(rootok|jit|succeed_if)\.so.*|requisite pam_deny\.so)\n")
LEASED = "sudo, pam_jit.so, under a grant"
POLICY = """
[[permit]]
name = "gated"
who = ["user:alice"]
services = ["sudo"]
commands = [["/usr/bin/true"], ["/usr/bin/cat"]]

[[permit]]
name = "others"
who = ["user:alice"]
services = ["su", "doas"]
commands = [["**"]]
run = { options = "allow" }

[[permit]]
name = "logins"
who = ["user:alice"]
services = ["sshd"]
run_as = ["*"]
commands = [["**"]]
ticket = "optional"

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
    "sudo": ["/usr/bin/sudo", "-n", "true"],
    "su": ["/usr/bin/su", "root", "-c", "true"],
    "doas": ["/usr/bin/doas", "-n", "/usr/bin/true"],
}
"""With nothing to read, head ends at once, as true does."""
HEAD = ["/usr/bin/sudo", "-n", "head"]


@dataclass(frozen=True)
class Row:
    """One way to run one program."""

    program: str
    gate: str
    has_ticket: bool = True

    def __str__(self) -> str:
        words = [self.program, self.gate]
        return ", ".join(words if self.gate == ALONE else [*words, AT_HAND if self.has_ticket else FETCHED])


def stack(house: House, service: str, gate: str) -> str:
    """The stack of ``service`` that is shipped with this gate, or without one. su asks for no password."""
    text = (SHIPPED / service).read_text("utf-8")
    if gate in (ALONE, PLUGIN):
        text = OF_GATE.sub("", text)
    text = re.sub(rf"(?m)^(\w+ .*{re.escape(gate)})$", rf"\1 socket={house.socket}", text)
    return text.replace("@include common-auth", "auth sufficient pam_permit.so") if service == "su" else text


@contextmanager
def gates(house: House) -> Iterator[Callable[[str], None]]:
    """A function that gives all programs one of ``GATES``: the person turns the link through which all stacks are read."""
    services = ("sudo", "su", "doas", "sshd")
    written = [SUDO_CONF, DOAS_CONF, *(STACKS / service for service in services)]
    kept = {path: path.read_bytes() if path.exists() else None for path in written}
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as at_end:
        os.chown(place, pwd.getpwnam(WHO).pw_uid, -1)
        for gate in GATES:
            Path(place, gate).mkdir()
            for service in services:
                Path(place, gate, service).write_text(stack(house, service, gate))
            line = f"Plugin jit_approval /usr/lib/jitd/{PLUGIN} socket={house.socket}\n"
            Path(place, gate, "sudo.conf").write_text(line if gate == PLUGIN else "")

        def choose(gate: str) -> None:
            made = Path(place, "chosen.new")
            made.symlink_to(gate)
            made.rename(Path(place, "chosen"))

        def take_back() -> None:
            for path, content in kept.items():
                path.unlink(missing_ok=True)
                if content is not None:
                    path.write_bytes(content)
            SUDOERS.unlink(missing_ok=True)

        choose(ALONE)
        at_end.callback(take_back)
        with open(SUDOERS, "w", encoding="ascii", opener=partial(os.open, mode=0o440)) as file:
            file.write(f"{WHO} ALL=(ALL:ALL) NOPASSWD: ALL\n")
        for path, name in ((SUDO_CONF, "sudo.conf"), *((STACKS / service, service) for service in services)):
            path.unlink(missing_ok=True)
            path.symlink_to(Path(place, "chosen", name))
        DOAS_CONF.write_text(f"permit nopass {WHO}\n")
        DOAS_CONF.chmod(0o600)
        yield choose


@contextmanager
def gate(house: House) -> Iterator[None]:
    """The gate that is shipped stands in the stack of sudo (``side``)."""
    with gates(house) as choose:
        choose(MODULE)
        yield


def time_gates(n_rounds: int, lines: dict[str, list[str]], choose: Callable[[str], None]) -> dict[str, list[float]]:
    """Milliseconds of each row, in turn, without the first of each. Before each, the person's cache is made what the row says."""
    cache = Path(f"/tmp/krb5cc_{os.getuid()}")
    bare = cache.read_bytes()
    choose(MODULE)
    time_start(LINES["sudo"])
    tickets = {False: bare, True: cache.read_bytes()}
    if tickets[True] == bare:
        raise Failed("the gate has put no ticket into the cache")

    def timed(line: list[str], row: Row) -> float:
        choose(row.gate)
        cache.write_bytes(tickets[row.has_ticket])
        return time_start(line)

    rows = [
        Row(program, gate, has_ticket)
        for program in lines
        for gate in GATES
        for has_ticket in ((True,) if gate == ALONE else (True, False))
        if gate != PLUGIN or program == "sudo"
    ]
    measures = {str(row): partial(timed, lines[row.program], row) for row in rows}
    measures[LEASED] = partial(timed, HEAD, Row("sudo", MODULE))
    for measure in measures.values():
        measure()
    table = Table("", "")
    interleaved(n_rounds, table, measures)
    return table.rows


def measure_gate(house: House, n_rounds: int) -> Iterator[Table]:
    """Milliseconds from fork to reaped end, as alice, without a terminal, and what a gate costs more than the program alone; and
    MiB of a sudo that waits.
    """
    lease = house.ask(WHO, "--service", "sudo", "--for", "1h", "--uses", "100000", "head")
    if house.approve(lease.id).returncode or lease.end():
        raise Failed(f"there is no grant to measure under: {lease.err}")
    more = Table("what a gate takes more than the program alone", "ms")
    sshd = Sshd(house)
    try:
        with gates(house) as choose:
            lines = {**LINES, "ssh": ["/usr/bin/ssh", *sshd.options("key", WHO), f"{WHO}@{HOST}", "true"]}
            get_ticket(WHO)
            found = do_as(WHO, str(house.socket), partial(time_gates, n_rounds, lines, choose))
            for program in lines:
                alone = str(Row(program, ALONE))
                table = Table(f"{program} and its gate, start to end", "ms", peer=alone)
                for row, samples in found.items():
                    if row.startswith(f"{program}, "):
                        table.add(row, *samples)
                        if row != alone:
                            more.add(row, *(one - peer for one, peer in zip(samples, found[alone], strict=True)))
                yield table
            yield more
            yield measure_memory(house, choose)
    finally:
        sshd.close()


# --- memory ----------------------------------------------------------------------------------------------------------

N_WAITING = 3
WAITS_WITHIN = 30.0


def measure_memory(house: House, choose: Callable[[str], None]) -> Table:
    """MiB of sudo's process, with its share of what others have, too (PSS)."""
    table = Table("memory of a sudo that waits (PSS)", "MiB", peer="alone, for sleep")
    get_ticket(WHO)
    for _ in range(N_WAITING):
        for gate in GATES:
            choose(gate)
            line = ["/usr/bin/sudo", *(["sleep", "30"] if gate == ALONE else ["tail"])]  # with -n, nobody would be asked
            table.add(table.peer if gate == ALONE else gate, memory(house, line, is_owed=gate != ALONE))
    return table


def memory(house: House, line: list[str], *, is_owed: bool) -> float:
    """Of the line's process once it waits: for an approval, or for its command."""
    become = ["/usr/bin/setpriv", f"--reuid={WHO}", f"--regid={WHO}", "--init-groups"]  # each executes the next
    environment = {"PATH": "/usr/bin:/bin", "HOME": f"/home/{WHO}"}
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
    return sum(map(int, re.findall(r"(?m)^Pss: +(\d+) kB", rollup))) / 1024  # of all, in one line


def command_of(children: str) -> bytes:
    """The command lines of these processes."""
    return b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children.split())
