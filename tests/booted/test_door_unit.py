# SPDX-License-Identifier: Apache-2.0
"""The units of the door, and of TCP to it: off until root opens them, and then for the group of carriers alone."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from jitpam.wire import messages
from tests.attacks.at_door import GROUP, at_door
from tests.attacks.raw import review
from tests.booted.conftest import Service, journal, show, systemctl
from tests.waiting import status_of, wait_for


def test_the_door_is_closed_until_its_unit_opens_it_and_again_without_it(service: Service) -> None:
    door = service.socket.with_name("door.sock")
    house: Any = service
    assert not door.exists()
    for unit in ("jitd-door.socket", "jitd-door-tcp.socket"):
        assert show(unit, "UnitFileState")["UnitFileState"] == "disabled"
    try:
        systemctl("stop", "jitd.socket", "jitd.service")  # as jitd-serve(8) says
        systemctl("start", "jitd.socket", "jitd-door.socket", "jitd.service")
        status = os.stat(door)
        assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o660, 0)
        assert grp.getgrgid(status.st_gid).gr_name == GROUP
        asking = service.ask("alice", "true")
        with at_door(house, "bob") as bob:
            (row,) = bob.rows(messages.Show(id=asking.id))
        service.restart()
        with at_door(house, "bob") as bob:  # alice's client may not be back yet, and is told the same
            assert isinstance(bob.ask(review(row, "deny"))[-1], messages.Done)
        assert asking.end() == 122, asking.err
        done = service.run("alice", "python3", "-c", f"import socket; s = socket.socket(1, 1); s.connect({str(door)!r})")
        assert done.returncode == 1 and "PermissionError" in done.stderr
    finally:
        systemctl("stop", "jitd.socket", "jitd-door.socket", "jitd.service")
        systemctl("start", "jitd.socket", "jitd.service")
    assert service.jitd("requests").returncode == 0


RULE = """
[[permit]]
name = "by-door"
who = ["user:alice"]
run_as = ["root"]
commands = [["/usr/bin/id"]]
approvals = [{ need = 1, from = ["user:bob"], door = true }]
"""
HOSTS = Path("/etc/jitd/hosts.toml")


@pytest.fixture
def by_tcp(service: Service) -> Iterator[Service]:
    """A host with both sockets open, which a desk reaches by TCP."""
    HOSTS.write_text('[lab]\nhosts = ["lab.example.test"]\ntcp = "127.0.0.1"\n')
    try:
        systemctl("stop", "jitd.socket", "jitd.service")
        systemctl("start", "jitd.socket", "jitd-door.socket", "jitd.service")
        systemctl("enable", "--now", "jitd-door-tcp.socket")  # as the page, and its own message, say
        with service.with_rules(RULE):
            yield service
    finally:
        HOSTS.unlink()
        systemctl("disable", "--now", "jitd-door-tcp.socket")
        systemctl("stop", "jitd.socket", "jitd-door.socket", "jitd-door-tcp.service", "jitd.service")
        systemctl("start", "jitd.socket", "jitd.service")


def test_an_approver_comes_by_tcp_and_the_record_says_so(by_tcp: Service) -> None:
    """docs/fleet.md, TCP: what carries runs as jitd-door, in its sandbox, and is started by the first who comes."""
    unit = "jitd-door-tcp.service"
    assert show(unit, "ActiveState")["ActiveState"] == "inactive"
    asking = by_tcp.ask("alice", "id")
    done = by_tcp.run("bob", "jitd", "approve", f"{asking.id}@lab", "--yes", "--comment", "seen from afar")
    assert done.returncode == 0, done.stderr
    assert asking.end() == 0, asking.err
    found = by_tcp.jitd("audit", "show", "--id", asking.id)
    assert "(by the door: tcp from 127.0.0.1, as the carrier tells)" in found.stdout
    main = int(show(unit, "MainPID")["MainPID"])
    assert status_of(main)["Uid"].split()[0] == str(pwd.getpwnam(GROUP).pw_uid)
    assert status_of(main)["CapEff"].strip("0") == "" and status_of(main)["Seccomp"] == "2"
    assert os.readlink(f"/proc/{main}/ns/net") != os.readlink("/proc/1/ns/net"), "it can connect to nobody"


def test_a_carrier_that_dies_is_started_again_by_who_comes_next(by_tcp: Service) -> None:
    """A carrier that dies takes its conversations with it, and no more: the next one who comes starts another."""
    unit = "jitd-door-tcp.service"
    listed = by_tcp.run("bob", "jitd", "--host", "lab", "requests")
    assert listed.returncode == 0, listed.stderr
    systemctl("kill", "--signal=KILL", unit)
    listed = by_tcp.run("bob", "jitd", "--host", "lab", "requests")
    assert listed.returncode == 0, listed.stderr
    systemctl("stop", "jitd.socket", "jitd-door.socket", "jitd.service")
    listed = by_tcp.run("bob", "jitd", "--host", "lab", "requests")
    assert listed.returncode == 125 and "the carrier closed the connection: tcp to 127.0.0.1:61088" in listed.stderr, listed
    systemctl("start", "jitd.socket", "jitd-door.socket", "jitd.service")
    assert by_tcp.run("bob", "jitd", "--host", "lab", "requests").returncode == 0


def test_strangers_who_find_no_door_fill_neither_the_journal_nor_the_port(by_tcp: Service) -> None:
    """THREATS F-24: and whatever it dies of, and however often, the next one who comes is served."""
    systemctl("stop", "jitd.socket", "jitd-door.socket", "jitd.service")
    before = len(journal("-t", GROUP).splitlines())
    for _ in range(300):
        with socket.create_connection(("127.0.0.1", 61088)) as one, suppress(ConnectionError):
            assert one.recv(1) == b""
    found = journal("-t", GROUP).splitlines()[before:]
    assert 0 < sum("jitd does not run on this host" in line for line in found) < 100, "with more space, journald takes more"
    systemctl("start", "jitd.socket", "jitd-door.socket", "jitd.service")
    for _ in range(8):
        systemctl("kill", "--signal=KILL", "jitd-door-tcp.service")
        wait_for(lambda: show("jitd-door-tcp.service", "SubState")["SubState"] == "running")
    assert by_tcp.run("bob", "jitd", "--host", "lab", "requests").returncode == 0
