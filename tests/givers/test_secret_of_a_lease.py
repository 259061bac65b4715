# SPDX-License-Identifier: Apache-2.0
"""What a lease gives, on its whole way: from a server of our own through jitd-outside and jitd to a person's command or file.

Law: it is in the hands of the person, and nowhere else on the host but in the memory of jitd-outside, which has read it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.givers.test_secret_of_a_role import family, memory
from tests.givers.vault_world import VaultWorld
from tests.outside.vault import OURS
from tests.system.conftest import House
from tests.waiting import wait_for

THING, KEY_THING = "vault:app", "vault:ops-ssh"
POLICY = f"""
[[permit]]
name = "at once"
who = ["user:alice"]
gives = ["{THING}", "{KEY_THING}"]
grant = {{ lasts = "10m" }}
"""
STAYS = 'cat "/dev/fd/$JITSUDO_ACCESS_FD" > "$0" && echo here && exec 0<&- && exec sleep 600'


@pytest.fixture(scope="module")
def world() -> Iterator[VaultWorld]:
    made = VaultWorld()
    made.prepare()
    yield made
    made.clear()


@pytest.fixture
def house(world: VaultWorld) -> Iterator[House]:
    signing = world.config.replace("[givers.app]", "[givers.ops-ssh]").replace("database/creds/reporting", "ssh/sign/ops")
    with House(POLICY, world.config + signing) as made:
        yield made


@pytest.fixture
def hers() -> Iterator[Path]:
    """A file for alice, which is not there yet."""
    file = Path("/home/alice/of-the-lease")
    yield file
    for name in (file, file.with_suffix(".key"), file.with_suffix(".key.pub")):
        name.unlink(missing_ok=True)


def is_nowhere(house: House, word: str) -> None:
    """``word`` is in no file of the daemon, on no command line, in no environment, and in no memory but that of jitd-outside."""
    secret = word.encode()
    for file in house.root.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # it has another name by now
            assert not file.is_file() or secret not in file.read_bytes(), file
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            assert secret not in (process / "cmdline").read_bytes() and secret not in (process / "environ").read_bytes(), process
    assert word not in house.run("root", "jitd", "audit", "show", "--json").stdout
    assert house.process is not None
    n_outside = 0
    for pid in family(house.process.pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            is_outside = (line := Path(f"/proc/{pid}/comm").read_text()) == "jitd-outside\n"
            n_outside += is_outside
            assert is_outside or secret not in memory(pid), line
    assert n_outside == 1


def test_what_a_lease_gives_is_in_the_commands_hands_and_nowhere_else(house: House, world: VaultWorld, hers: Path) -> None:
    """THREATS Q-20."""
    asking = house.ask("alice", "--get", THING, "--reason", "x", "--", "sh", "-c", STAYS, str(hers))
    wait_for(lambda: asking.out == "here\n" or asking.process.poll() is not None, what="a command that has the secret")
    assert asking.process.poll() is None, asking.err + house.log()
    given = json.loads(hers.read_bytes())
    hers.unlink()
    (lease,) = world.at.live("alice")
    assert world.at.leases[lease].data == given
    for word in (given["password"], world.at.leases[lease].token, OURS):
        is_nowhere(house, word)
    (held,) = house.kept("holdings")
    house.ended("revoke", held.grant)
    asking.end()
    wait_for(lambda: not house.kept("holdings"), what="the end of what is held")
    assert world.at.live("alice") == []


def test_an_own_key_is_signed_and_its_end_is_said(house: House, hers: Path) -> None:
    key = hers.with_suffix(".key")
    subprocess.run(["as", "alice", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    asking = house.ask("alice", "--get", KEY_THING, "--to", str(hers), "--reason", "x")
    assert asking.end() != 0 and "needs your public key: name the key's file by --key" in asking.err and not hers.exists()
    assert not house.kept("requests", ended=True), "nobody was asked to approve it"
    asking = house.ask("alice", "--get", KEY_THING, "--key", f"{key}.pub", "--to", str(hers), "--reason", "x")
    assert asking.end() == 0, asking.err
    shown = subprocess.run(["ssh-keygen", "-L", "-f", hers], capture_output=True, text=True, check=True).stdout
    assert "user certificate" in shown and hers.stat().st_mode & 0o7777 == 0o600
    (held,) = house.kept("holdings")
    house.jitd("revoke", held.grant)
    wait_for(lambda: not house.kept("holdings"), what="the end of what is held")
    ended = [record for record in house.records() if record["event"] == "holding.ended"][-1]
    assert "the server revokes none" in json.dumps(ended)


def test_a_lease_that_cannot_be_ended_yet_is_shown_with_its_reason(house: House, world: VaultWorld, hers: Path) -> None:
    """THREATS Q-19."""
    asking = house.ask("alice", "--get", THING, "--to", str(hers), "--reason", "x")
    assert asking.end() == 0, asking.err
    (held,) = house.kept("holdings")
    world.break_target()
    revoked = house.jitd("revoke", held.grant)
    assert revoked.returncode == 1 and THING in revoked.stderr
    wait_for(lambda: "Vault is sealed" in house.log(), what="the reason in the log")
    assert len(world.at.leases) == 2, "it and the admin's own stand"
    world.mend_target()
    wait_for(lambda: not house.kept("holdings"), what="the end of what is held")
    assert world.at.live("alice") == []
