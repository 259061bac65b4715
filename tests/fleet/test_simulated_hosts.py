# SPDX-License-Identifier: Apache-2.0
"""Two hundred simulated hosts: the product's own client is led to each, by a real carrier, with the host's own ticket."""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jitpam import carrier
from jitpam.carrier import Command
from jitpam.client import NotAuthenticated
from jitpam.wire.messages import List, Show
from tests.attacks.raw import CACHES, REALM, kinit, review
from tests.fleet.simulated import Simulated, id_of, name_of

N_HOSTS, AT_ONCE = 200, 32


@pytest.fixture(scope="module")
def hosts() -> Iterator[Simulated]:
    made = Simulated(N_HOSTS)
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture
def ticket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{kinit(CACHES / 'bob-simulated', f'bob@{REALM}', 'bobbob')}")


def asked(hosts: Simulated, name: str, to: str = "") -> tuple[str, list[str]]:
    """The host as it has proved itself, and the ids of what waits there."""
    connection = carrier.connect(name, Command(tuple(hosts.hosts[to or name].split())))
    try:
        return connection.welcome.host, [row["id"] for row in connection.ask(List(what="requests", ended=False))]
    finally:
        connection.close()


@pytest.mark.usefixtures("ticket")
def test_each_of_many_hosts_answers_with_its_own_key_and_its_own_rows(hosts: Simulated) -> None:
    for what in ("with a ticket of bob alone", "with all tickets"):
        began = time.monotonic()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(lambda name: asked(hosts, name), hosts.hosts))
        print(f"{N_HOSTS} hosts, {AT_ONCE} at once, {what}: {time.monotonic() - began:.2f} s")
        assert found == [(name_of(number), [id_of(number)]) for number in range(N_HOSTS)]


def test_a_desk_lists_what_waits_on_two_hundred_hosts(hosts: Simulated) -> None:
    """The product's own command, as somebody at a desk types it: a row of each host, and nobody is silent."""
    bob = pwd.getpwnam("bob")
    file = Path(bob.pw_dir, ".config/jitd/hosts.toml")
    file.parent.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(hosts.hosts):
        (hosts.at / name).symlink_to(hosts.at / str(number))
    file.write_text(f'[sim]\nhosts = {list(hosts.hosts)}\nvia = "{hosts.dial} {hosts.at}/{{host}}"\n')
    os.chown(file, bob.pw_uid, bob.pw_gid)
    line = ["as", "bob", "jitd", "--hosts", "@sim", "requests"]
    try:
        for what in ("first", "again"):
            began = time.monotonic()
            done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/", check=False)
            print(f"jitd --hosts, {N_HOSTS} hosts, {what}: {time.monotonic() - began:.2f} s")
            assert (done.returncode, done.stderr) == (0, "")
            _, *rows = done.stdout.splitlines()
            assert {id_of(n): name_of(n) for n in range(N_HOSTS)} == {row.split()[0]: _host_in(row) for row in rows}
    finally:
        file.unlink()


def _host_in(row: str) -> str:
    return next(word for word in row.split() if word.endswith(".example.test"))


@pytest.mark.usefixtures("ticket")
def test_a_review_needs_a_stamp_and_is_noted_for_the_host_that_was_meant(hosts: Simulated) -> None:
    name = name_of(7)
    connection = carrier.connect(name, Command(tuple(hosts.hosts[name].split())))
    (row,) = connection.ask(Show(id=id_of(7)))
    assert connection.do(review(row)) == f"request {id_of(7)} is approved"
    connection.close()
    assert hosts.reviews() == [(name, id_of(7), "approve")]


@pytest.mark.usefixtures("ticket")
def test_a_simulated_host_in_another_ones_place_is_refused(hosts: Simulated) -> None:
    """THREATS F-07."""
    with pytest.raises(NotAuthenticated, match=f"what answers has not proved to be {name_of(3)}"):
        asked(hosts, name_of(3), to=name_of(4))
