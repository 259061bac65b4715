# SPDX-License-Identifier: Apache-2.0
"""A KDC that lags: kprop and kpropd carry the database, and between two of their rounds the replica knows the older one."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.krb5.cache import tickets
from tests.krb5.realm import PATH, Realm, wait_until
from tests.waiting import wait_for

GATED = "postgres/db1.example.test"
ALICE = "alice@GATE.TEST"
PORT = 1754


class Replica(Realm):
    """A KDC with a database of its own, which the primary's kprop fills."""

    def __init__(self, primary: Realm) -> None:
        super().__init__(primary.name, primary.where / "replica", "127.0.4.2")
        self.primary = primary
        self.host = socket.gethostname()
        self._kpropd: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """Take the master key from the primary, and start kpropd; the KDC starts when there is a database."""
        self.write()
        shutil.copy(self.primary.where / "stash", self.where / "stash")
        self.primary.add_service(f"host/{self.host}")
        self.primary.local(f"ktadd -norandkey -k {self.primary.where}/host.keytab host/{self.host}")
        (self.where / "kpropd.acl").write_text(f"host/{self.host}@{self.name}\n")
        options = {"-r": self.name, "-P": str(PORT), "-s": f"{self.primary.where}/host.keytab", "-a": f"{self.where}/kpropd.acl",
                   "-f": f"{self.where}/from_primary", "-F": f"{self.where}/principal"}  # fmt: skip
        words = ["kpropd", "-D", *(word for option in options.items() for word in option)]
        with open(self.where / "kpropd.log", "wb") as log:
            self._kpropd = subprocess.Popen(words, env=self.environment | {"PATH": PATH}, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)  # fmt: skip
        wait_for(self._listens, what="kpropd")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.host, PORT)) == 0

    def catch_up(self) -> None:
        """One round of propagation."""
        dump = f"{self.primary.where}/dump"
        self.primary.run("kdb5_util", "dump", dump)
        said = self.primary.run("kprop", "-r", self.name, "-f", dump, "-P", str(PORT), "-s", f"{self.primary.where}/host.keytab",
                                self.host)  # fmt: skip
        assert "SUCCEEDED" in said

    def stop(self) -> None:
        super().stop()
        if self._kpropd is not None:
            self._kpropd.kill()
            self._kpropd.wait()


@pytest.fixture(scope="module")
def replica(realm: Realm) -> Iterator[Replica]:
    """GATE.TEST has a second KDC, which has heard of the gated service."""
    realm.add_person("alice")
    realm.add_service(GATED)
    realm.gate(GATED)
    one = Replica(realm)
    # kpropd listens only on a host that has another address than that of the loopback (getaddrinfo(3), AI_ADDRCONFIG).
    address = ["ip", "address", "add", "192.0.2.1/32", "dev", "lo"]
    subprocess.run(address, check=True)
    try:
        one.create()
        one.catch_up()
        one.start_one("krb5kdc")
        yield one
    finally:
        one.stop()
        subprocess.run(["del" if word == "add" else word for word in address], check=True)


def gives(kdc: Realm) -> int:
    """When the ticket ends that this KDC gives alice; 0 if it refuses."""
    cache = kdc.where / "cache"
    cache.unlink(missing_ok=True)
    kdc.login("alice", cache)
    kdc.attempt("kvno", GATED, cache=f"FILE:{cache}")
    ends = [ticket.ends_at for ticket in tickets(cache) if ticket.server.startswith(GATED)]
    return ends[0] if ends else 0


def test_a_replica_gates_gives_and_takes_as_the_primary_does_once_it_has_caught_up(realm: Realm, replica: Replica) -> None:
    """THREATS T-15: between two rounds it knows the older state, and never more than that."""
    assert not gives(realm) and not gives(replica)
    end = int(time.time()) + 600
    realm.set_string(GATED, "jit_grant:K7QM2XVD", f"1 {end} {ALICE}")
    assert 0 < gives(realm) <= end and not gives(replica)
    replica.catch_up()
    assert 0 < gives(replica) <= end
    realm.take(GATED)
    assert not gives(realm)
    assert 0 < gives(replica) <= end, "what was taken is there until the next round"
    replica.catch_up()
    assert not gives(replica)


def test_a_replica_that_never_hears_of_a_taking_ends_a_grant_at_its_end(realm: Realm, replica: Replica) -> None:
    """THREATS T-15: the end stands in the grant."""
    for seconds in (4, 16, 64):  # on a host that is too busy for four, it has ended before it is used
        end = int(time.time()) + seconds
        realm.set_string(GATED, "jit_grant:K7QM2XVD", f"1 {end} {ALICE}")
        replica.catch_up()
        realm.take(GATED)
        ends_at = gives(replica)
        if ends_at or time.time() < end:
            break
    assert 0 < ends_at <= end
    wait_until(end)
    assert not gives(replica)
