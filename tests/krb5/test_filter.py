# SPDX-License-Identifier: Apache-2.0
"""The lines for nftables of docs/kdc.md, between hosts that are network namespaces; a listener stands for kadmind."""

from __future__ import annotations

import itertools
import os
import pwd
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.waiting import wait_for

BLOCKS = re.findall(r"^```nft\n(.*?)^```$", (Path(__file__).parents[2] / "docs/kdc.md").read_text(), re.DOTALL | re.MULTILINE)
KDC, JITD, STRANGER = ("192.0.2.1", "fd00::1"), ("192.0.2.10", "fd00::10"), ("192.0.2.99", "fd00::99")
"""The addresses of three hosts. Those of the set are the ones of the page."""
LISTENS = """
import select, socket
listeners = [socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64) for port in (88, 749)]
kept = []
print("listens", flush=True)
while True:
    for one in select.select(listeners + kept, [], [])[0]:
        if one in listeners:
            kept.append(one.accept()[0])
        else:
            kept.remove(one)
            one.close()
"""
CONNECTS = """
import os, socket, sys
address, (number, uid, port) = sys.argv[1], map(int, sys.argv[2:])
os.setuid(uid)
kept = []
for _ in range(number):
    try:
        kept.append(socket.create_connection((address, port), timeout=60))
    except ConnectionRefusedError:
        break
print(len(kept))
"""
_numbers = itertools.count()


def run(*words: str, stdin: str = "") -> str:
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


class Hosts:
    """``kdc``, ``jitd`` and ``stranger`` on one network. ``kdc`` has something that listens on the ports of
    kadmind and of the KDC.
    """

    def __init__(self) -> None:
        self.tag = f"{os.getpid()}-{next(_numbers)}"
        run("ip", "netns", "add", self.named("net"))
        self.on("net", "ip", "link", "add", "bridge0", "type", "bridge")
        self.on("net", "ip", "link", "set", "bridge0", "up")
        for name, addresses in (("kdc", KDC), ("jitd", JITD), ("stranger", STRANGER)):
            run("ip", "netns", "add", self.named(name))
            peer = ("peer", "eth0", "netns", self.named(name))
            self.on("net", "ip", "link", "add", name, "type", "veth", *peer)
            self.on("net", "ip", "link", "set", name, "up", "master", "bridge0")
            self.on(name, "ip", "address", "add", f"{addresses[0]}/24", "dev", "eth0")
            self.on(name, "ip", "address", "add", f"{addresses[1]}/64", "dev", "eth0", "nodad")
            for link in ("lo", "eth0"):
                self.on(name, "ip", "link", "set", link, "up")
        line = ["ip", "netns", "exec", self.named("kdc"), sys.executable, "-IS", "-c", LISTENS]
        self.listener = subprocess.Popen(line, stdout=subprocess.PIPE)
        assert self.listener.stdout is not None and self.listener.stdout.readline() == b"listens\n"

    def named(self, host: str) -> str:
        return f"{host}-{self.tag}"

    def on(self, host: str, *words: str, stdin: str = "") -> str:
        return run("ip", "netns", "exec", self.named(host), *words, stdin=stdin)

    def connects(self, host: str, address: str = KDC[0], *, number: int = 1, uid: int = 0, port: int = 749) -> int:
        """How many of ``number`` connections a process of ``host`` gets before the first is refused."""
        return int(self.on(host, sys.executable, "-IS", "-c", CONNECTS, address, str(number), str(uid), str(port)))

    def load(self, host: str, block: str) -> None:
        self.on(host, "nft", "-f", "-", stdin=block)

    def close(self) -> None:
        self.listener.send_signal(signal.SIGKILL)
        self.listener.wait()
        for name in ("kdc", "jitd", "stranger", "net"):
            run("ip", "netns", "delete", self.named(name))


@contextmanager
def network() -> Iterator[Hosts]:
    hosts = Hosts()
    try:
        yield hosts
    finally:
        hosts.close()


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with network() as made:
        wait_for(lambda: made.connects("jitd", KDC[1]), what="addresses")
        yield made


def test_only_the_hosts_of_the_set_reach_kadmind_and_each_with_eight_connections(hosts: Hosts) -> None:
    """THREATS T-29: over IPv6, too."""
    assert [hosts.connects(host, address) for host in ("jitd", "stranger") for address in KDC] == [1, 1, 1, 1], (
        "without the lines"
    )
    assert hosts.connects("stranger", number=20) == 20
    hosts.load("kdc", BLOCKS[0])
    assert [hosts.connects("stranger", address) for address in KDC] == [0, 0]
    assert hosts.connects("jitd", KDC[1]) == 0, "the set of the page has no address of IPv6"
    assert hosts.connects("kdc", "127.0.0.1", number=20) == 20, "the KDC itself"
    assert hosts.connects("jitd", number=20) == 8
    wait_for(lambda: hosts.connects("jitd"), what="a connection after those that have ended")


def test_what_is_not_kadmind_is_as_it_was(hosts: Hosts) -> None:
    hosts.load("kdc", BLOCKS[0])
    assert [hosts.connects("stranger", address, number=20, port=88) for address in KDC] == [20, 20]


def test_on_a_host_that_grants_tickets_only_root_and_jitd_kdc_reach_kadmind(hosts: Hosts) -> None:
    """THREATS T-29: who may log in there does not."""
    uids = {name: pwd.getpwnam(name).pw_uid for name in ("root", "jitd-kdc", "alice")}
    assert {name: hosts.connects("jitd", uid=uid) for name, uid in uids.items()} == {"root": 1, "jitd-kdc": 1, "alice": 1}
    hosts.load("jitd", BLOCKS[1])
    assert {name: hosts.connects("jitd", uid=uid) for name, uid in uids.items()} == {"root": 1, "jitd-kdc": 1, "alice": 0}
