# SPDX-License-Identifier: Apache-2.0
"""The secret of a real kind on its whole way: the password of a role of PostgreSQL, from jitd-givers through jitd to a command.

Law: the password is in the hands of the person's command, and nowhere else on the host.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.core.holding import HoldingState
from tests.givers.postgres import words_of
from tests.givers.postgres_world import PostgresWorld
from tests.system.conftest import House
from tests.waiting import wait_for

THING, REALLY = "postgres-role:reporting", "sudoers:logs"
LOGS = '[givers.logs]\nkind = "sudoers"\nlines = ["ALL=(root) NOPASSWD: /usr/bin/id"]\n'
POLICY = f"""
[[permit]]
name = "at once"
who = ["user:alice"]
gives = ["{THING}", "{REALLY}"]
grant = {{ lasts = "10m" }}
"""
READS = 'PGSERVICEFILE=/dev/fd/$JITSUDO_ACCESS_FD psql -XAt service=reporting -h 127.0.0.1 -c "SELECT customer FROM orders"'
"""A command that uses the role, as ``sh -c``."""
AND_STAYS = f'{READS} && cp "/dev/fd/$JITSUDO_ACCESS_FD" "$0.new" && mv "$0.new" "$0" && exec 0<&- && exec sleep 600'
"""The same; then it tells the test what the secret is, and goes on."""


@pytest.fixture(scope="module")
def world() -> Iterator[PostgresWorld]:
    made = PostgresWorld()
    made.prepare()
    yield made
    made.clear()


@pytest.fixture
def house(world: PostgresWorld) -> Iterator[House]:
    with House(POLICY, world.config + LOGS) as made:
        yield made


@pytest.fixture
def hers() -> Iterator[Path]:
    """A file for alice, which is not there yet."""
    file = Path("/home/alice/of-the-role")
    yield file
    file.unlink(missing_ok=True)


def family(pid: int) -> list[int]:
    """``pid`` and all that descends from it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return []
    return [pid, *(one for child in children for one in family(int(child)))]


def memory(pid: int) -> bytes:
    """All that a process has in memory and may write to: what a core file of it would have."""
    found = []
    with open(f"/proc/{pid}/mem", "rb", 0) as file:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            place = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if place is not None:
                file.seek(int(place[1], 16))
                with contextlib.suppress(OSError):  # a device
                    found.append(file.read(int(place[2], 16) - int(place[1], 16)))
    return b"".join(found)


def is_nowhere(house: House, secret: bytes) -> None:
    """``secret`` is in no file of the daemon, on no command line, in no environment, and not in the daemon's memory."""
    for file in house.root.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # it has another name by now
            assert not file.is_file() or secret not in file.read_bytes(), file
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            assert secret not in (process / "cmdline").read_bytes() and secret not in (process / "environ").read_bytes(), process
    record = house.run("root", "jitd", "audit", "show", "--json").stdout
    assert THING in record and secret.decode() not in record
    assert house.process is not None
    for pid in family(house.process.pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a deed that has ended meanwhile
            assert secret not in memory(pid), Path(f"/proc/{pid}/cmdline").read_bytes()


def test_the_password_of_a_role_is_in_the_commands_hands_and_nowhere_else(house: House, hers: Path) -> None:
    """THREATS T-24."""
    asking = house.ask("alice", "--get", THING, "--reason", "x", "--", "sh", "-c", AND_STAYS, str(hers))
    wait_for(lambda: hers.exists() or asking.process.poll() is not None, what="a command that has the secret")
    wait_for(lambda: asking.out == "Ada\nGrace\n" or asking.process.poll() is not None, what="what the role reads")
    assert asking.process.poll() is None, asking.err + house.log()
    password = words_of(hers.read_bytes(), "reporting")["password"].encode()
    hers.unlink()
    assert len(password) == 64
    is_nowhere(house, password)
    (held,) = house.kept("holdings")
    house.ended("revoke", held.grant)
    asking.end()
    wait_for(lambda: not house.kept("holdings"), what="the end of what is held")
    house.stop()
    house.start()
    is_nowhere(house, password)


def test_to_keeps_the_password_in_one_file_of_the_person(house: House, world: PostgresWorld, hers: Path) -> None:
    """THREATS T-24."""
    asking = house.ask("alice", "--get", THING, "--to", str(hers), "--reason", "x")
    assert asking.end() == 0, asking.err
    assert hers.stat().st_mode & 0o7777 == 0o600 and hers.owner() == "alice"
    use = ["psql", "-XAt", "service=reporting", "-h", "127.0.0.1", "-c", "SELECT count(*) FROM orders"]
    done = subprocess.run(["as", "alice", "env", f"PGSERVICEFILE={hers}", *use], capture_output=True, text=True, check=False)
    assert done.stdout == "2\n", done.stderr
    is_nowhere(house, words_of(hers.read_bytes(), "reporting")["password"].encode())
    (held,) = house.kept("holdings")
    house.ended("revoke", held.grant)
    wait_for(lambda: not house.kept("holdings"), what="the end of what is held")
    assert not world.works("alice")


def test_a_role_and_lines_of_sudoers_are_given_together_and_taken_together(house: House, world: PostgresWorld) -> None:
    """Each giver compares what was approved for its own thing. THREATS T-23."""
    words = ("--get", THING, "--get", REALLY, "--reason", "x")
    asking = house.ask("alice", *words, "--", "sh", "-c", f"{READS} && sudo -n /usr/bin/id -u && exec sleep 600")
    wait_for(lambda: asking.out == "Ada\nGrace\n0\n" or asking.process.poll() is not None, what="a command that uses both")
    assert asking.process.poll() is None, asking.err + house.log()
    assert [one.state for one in house.kept("holdings")] == [HoldingState.HELD] * 2
    for held in Path("/etc/sudoers.d").glob("jitd_*"):
        held.unlink()  # by hand: what is left of both goes, when the grant ends
    house.ended("revoke", house.kept("holdings")[0].grant)
    asking.end()
    wait_for(lambda: not house.kept("holdings"), what="the end of what is held")
    assert not world.works("alice") and not list(Path("/etc/sudoers.d").glob("jitd_*"))
