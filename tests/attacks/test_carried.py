# SPDX-License-Identifier: Apache-2.0
"""``jitd --host HOST --via 'ssh …'`` at a real door: jitd, its door, sshd with the lines of docs/fleet.md, and ``jitd-door``."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import real_sshd
from tests.attacks.at_door import COUNTS, HELD, door_house
from tests.attacks.raw import connected
from tests.desk import desk
from tests.system.conftest import House
from tests.waiting import PATIENCE, wait_for

POLICY = """
[[permit]]
name = "one-approval"
who = ["user:alice"]
run_as = ["root"]
commands = [["**"]]
approvals = [{ need = 1, from = ["user:bob"] }]
"""
HOST = "lab.example.test"
DOOR = Path("/run/jitd/door.sock")
PAGE = (Path(__file__).parents[2] / "docs/fleet.md").read_text("utf-8")


class Desk:
    """bob, who comes to ``house`` by ssh."""

    def __init__(self, house: House, port: int, key: Path) -> None:
        self.house = house
        quiet = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        self.via = f"ssh -T -F none -p {port} -i {key} {quiet} jitd-door@127.0.0.1"

    def jitd(self, *words: str, host: str = HOST, via: str = "") -> subprocess.CompletedProcess[str]:
        return self.house.run("bob", "jitd", "--host", host, "--via", via or self.via, *words)


def waits(house: House) -> str:
    with connected(house, "alice") as raw:
        return raw.submit("id", os.urandom(4).hex(), waits=False)


def state_of(house: House, id: str) -> str:
    return str(house.request_of(id).state)


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """sshd with the lines of the page: its port, and bob's key."""
    at = tmp_path_factory.mktemp("sshd")
    for above in (at, *at.parents[:2]):  # and not /tmp
        above.chmod(0o755)
    desk = at / "desk"
    desk.mkdir()
    for name in (at / "host", desk / "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", name], check=True)
    bob = pwd.getpwnam("bob")
    for name in (desk, desk / "key"):
        os.chown(name, bob.pw_uid, bob.pw_gid)
    keys = Path("/etc/ssh/jitd-door.keys")
    shutil.copy(desk / "key.pub", keys)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    match = re.search(r"^Match User jitd-door\n(?:    .*\n)+", PAGE, re.MULTILINE)
    assert match
    (at / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host\nPidFile none\nUsePAM yes\nPermitUserEnvironment no\n{match[0]}"
    )
    log = at / "log"
    server = real_sshd.started(at / "sshd_config", log)
    wait_for(lambda: "listening" in log.read_text(), PATIENCE)
    yield port, desk / "key"
    server.terminate()
    server.wait(PATIENCE)
    keys.unlink()


def led_to(house: House) -> None:
    """Have what jitd-door connects to be the door of ``house``."""
    DOOR.parent.mkdir(exist_ok=True)
    DOOR.unlink(missing_ok=True)
    DOOR.symlink_to(house.socket.with_name("door.sock"))
    for above in (house.socket.parent, house.socket.parent.parent):
        assert above.stat().st_mode & 0o001, f"{above} is not passed by jitd-door"


@pytest.fixture(scope="module")
def desk_at(ssh: tuple[int, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    house = door_house(tmp_path_factory.mktemp("counts"), COUNTS, policy=POLICY)
    led_to(house)
    yield Desk(house, *ssh)
    house.verify()
    house.close()
    DOOR.unlink()


def test_somebody_elsewhere_lists_shows_and_approves_by_ssh_alone(desk_at: Desk) -> None:
    id = waits(desk_at.house)
    listed = desk_at.jitd("requests")
    assert (listed.returncode, id in listed.stdout) == (0, True), listed
    plain = desk_at.jitd()
    assert f"for you on {HOST}:" in plain.stdout, plain
    before = desk_at.house.head().number
    done = desk_at.jitd("approve", "--yes", id)
    assert done.returncode == 0 and f"jitd on {HOST}: " in done.stderr, done
    assert state_of(desk_at.house, id) == "approved"
    (record,) = [one for one in desk_at.house.records(before) if one["event"] == "request.reviewed"]
    assert record["peer"] == {"carrier": "ssh", "source": "127.0.0.1"}


def test_a_desk_that_has_the_wheel_alone_lists_and_approves(desk_at: Desk, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("wheel")
    for above in (place, *place.parents[:2]):
        above.chmod(0o755)
    line = [str(desk(place / "of-bob") / "jitd"), "--host", HOST, "--via", desk_at.via]
    id = waits(desk_at.house)
    listed = desk_at.house.run("bob", *line, "requests")
    assert (listed.returncode, id in listed.stdout) == (0, True), listed
    done = desk_at.house.run("bob", *line, "approve", "--yes", id)
    assert done.returncode == 0 and f"jitd on {HOST}: " in done.stderr, done
    assert state_of(desk_at.house, id) == "approved"


def test_what_was_held_on_the_way_is_too_late_and_the_person_reads_so(
    ssh: tuple[int, Path], tmp_path_factory: pytest.TempPathFactory, desk_at: Desk
) -> None:
    """THREATS F-01."""
    house = door_house(tmp_path_factory.mktemp("held"), COUNTS, HELD, policy=POLICY)
    try:
        led_to(house)
        id = waits(house)
        done = Desk(house, *ssh).jitd("approve", "--yes", id)
        assert done.returncode == 5, done
        assert "your answer arrived more than 2.5 s late and was not used: answer again" in done.stderr
        assert state_of(house, id) == "pending"
    finally:
        house.close()
        led_to(desk_at.house)


def test_somebody_elsewhere_denies_and_watches_what_waits(desk_at: Desk) -> None:
    id = waits(desk_at.house)
    done = desk_at.jitd("deny", "--reason", "not today", id)
    assert done.returncode == 0, done
    assert state_of(desk_at.house, id) == "denied"


def test_the_account_that_carries_can_do_nothing_else_by_ssh(desk_at: Desk) -> None:
    for more in ("id", "cat /etc/passwd"):
        done = desk_at.house.run("bob", *desk_at.via.split(), more)
        assert "root:" not in done.stdout and "uid=" not in done.stdout
    done = desk_at.house.run("bob", "jitd", "--host", HOST, "--via", f"{desk_at.via} id", "requests")
    assert done.returncode == 0, done  # the forced command is what runs


def test_another_name_of_the_host_is_no_host(desk_at: Desk) -> None:
    """THREATS F-15. It has no ticket of its own, and nothing looks up whose other name it is."""
    id = waits(desk_at.house)
    for host in ("localhost", "127.0.0.1", "lab"):
        done = desk_at.jitd("approve", "--yes", id, host=host)
        assert done.returncode == 119 and f"jitd/{host}" in done.stderr, done
    assert state_of(desk_at.house, id) == "pending"


def test_a_carrier_that_may_not_log_in_is_named_with_its_own_words_beside(desk_at: Desk) -> None:
    done = desk_at.jitd("requests", via=desk_at.via.replace("jitd-door@", "eve@") + " -o BatchMode=yes")
    assert done.returncode == 125, done
    assert ' says: "' in done.stderr and "jitd: the carrier ended: ssh " in done.stderr
    assert "(status 255)" in done.stderr


def test_rights_that_the_door_does_not_give_are_refused_in_the_hosts_words(desk_at: Desk) -> None:
    for words in (("unlock", "--all"), ("status",), ("lock", "--user", "alice")):
        done = desk_at.jitd(*words)
        assert done.returncode == 3 and done.stderr.startswith(f"jitd on {HOST}: "), done  # and sshd says nothing
    assert desk_at.house.kept("locks", ended=True) == []
