# SPDX-License-Identifier: Apache-2.0
"""A replica of the KDC that asks for changes (iprop), and a grant that is renewed on the primary.

tests/krb5/test_replica.py has a replica that gets copies (kprop).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.beside.deeds import Taken
from jitd.beside.refusals import Failed
from tests.gates.stage import Stage, staged
from tests.gates.test_renewed_grants import Daemon, half_a_record
from tests.krb5.realm import PATH, Realm, wait_until
from tests.waiting import PATIENCE, wait_for

KPROPD, IPROP = 1755, 1756
SETTINGS = """
        iprop_enable = true
        iprop_listen = 0.0.0.0:{port}
        iprop_port = {port}
        iprop_replica_poll = 1
        iprop_logfile = {where}/ulog
"""


class Primary(Realm):
    """A realm that replicas ask for changes, and whose kadmind sends them a whole copy first."""

    def __init__(self, name: str, where: Path, address: str, *, module: Path) -> None:
        super().__init__(name, where, address, module=module)
        self.host = socket.gethostname()
        self.keytab = f"{where}/host.keytab"
        self.for_realm = SETTINGS.format(port=IPROP, where=where)
        self.for_environment = {"KRB5_KTNAME": self.keytab}  # of kprop, which kadmind starts

    def create(self) -> None:
        self.write()
        (self.where / "kadm5.acl").write_text(f"kiprop/{self.host}@{self.name} p\n")
        self.run("kdb5_util", "create", "-r", self.name, "-s", "-P", os.urandom(16).hex())
        for service in ("host", "kiprop"):
            name = f"{service}/{self.host}"
            self.local(f"addprinc -randkey {name}", f"ktadd -norandkey -k {self.keytab} {name}")
        self.start()

    def start_one(self, server: str) -> None:
        if server != "kadmind":
            return super().start_one(server)
        pid, kprop = self.where / "kadmind.pid", shutil.which("kprop", path=PATH)
        assert kprop
        self.run(server, "-r", self.name, "-P", str(pid), "-k", str(KPROPD), "-K", kprop, "-F", f"{self.where}/dump")
        wait_for(lambda: pid.exists() and pid.read_text().strip(), what=str(pid))
        self._pids[server] = int(pid.read_text())
        return None


class Replica(Realm):
    """A KDC whose kpropd asks ``primary`` every second."""

    def __init__(self, primary: Primary) -> None:
        super().__init__(primary.name, primary.where / "replica", "127.0.77.6", module=primary.module)
        self.primary = primary
        self.for_realm = SETTINGS.format(port=IPROP, where=self.where)

    def create(self) -> None:
        """Start kpropd, and when it has the database, the KDC."""
        self.write()
        shutil.copy(self.primary.where / "stash", self.where / "stash")
        (self.where / "kpropd.acl").write_text(f"host/{self.primary.host}@{self.name}\n")
        options = {"-r": self.name, "-P": str(KPROPD), "-s": self.primary.keytab, "-A": self.primary.host,
                   "-a": f"{self.where}/kpropd.acl", "-f": f"{self.where}/copy", "-F": f"{self.where}/principal"}  # fmt: skip
        words = ["kpropd", "-d", *(word for option in options.items() for word in option)]
        asks = self.environment | {"PATH": PATH, "KRB5_CONFIG": f"{self.primary.where}/krb5.conf"}
        with open(self.where / "kpropd.log", "wb") as log:
            self.kpropd = subprocess.Popen(words, env=asks, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: b"KDC is synchronized" in (self.where / "kpropd.log").read_bytes(), what="a copy of the database")
        self.start_one("krb5kdc")

    def stop(self) -> None:
        super().stop()
        self.kpropd.kill()
        self.kpropd.wait()


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    # kpropd listens only on a host that has another address than that of the loopback (getaddrinfo(3), AI_ADDRCONFIG).
    address = ["ip", "address", "add", "192.0.2.1/32", "dev", "lo"]
    subprocess.run(address, check=True)
    try:
        with staged(address="127.0.77.5", kind=Primary) as found:
            yield found
    finally:
        subprocess.run(["del" if word == "add" else word for word in address], check=True)


@pytest.fixture(scope="module")
def replica(stage: Stage) -> Iterator[Replica]:
    assert isinstance(stage.realm, Primary)
    made = Replica(stage.realm)
    try:
        made.create()
        yield made
    finally:
        made.stop()


def test_a_replica_knows_the_next_end_before_the_last_one_has_passed_and_ends_a_revoked_grant_without_kadmind(
    stage: Stage, replica: Replica
) -> None:
    """THREATS T-26: the replica asks kadmind, too, and hears nothing of the revocation."""
    daemon = Daemon(stage, 24)  # ten of these seconds pass before a revocation fails
    daemon.give()
    wait_for(lambda: daemon.ticket(replica), what="the replica knows the grant")
    first = daemon.end
    daemon.keep_for(lambda: daemon.ticket(replica) > first + 6)
    with half_a_record(stage):
        assert isinstance(daemon.take(), Failed)
        end = daemon.end
        assert 0 < daemon.ticket(replica) <= end, "what was revoked is there until its end"
        wait_until(end)
        assert (daemon.ticket(), daemon.ticket(replica)) == (0, 0)
    assert daemon.take() == Taken()
    wait_for(lambda: f"jit_grant:{daemon.holding.id.replace('-', '')}" not in replica.strings(daemon.service), PATIENCE)
