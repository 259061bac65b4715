# SPDX-License-Identifier: Apache-2.0
"""jitd-givers as a service of systemd: what its sandbox leaves each kind, whom it hears, and that its end ends nothing for good.

Law: the kinds are those of tests/givers/worlds.py, which judge by the host. A program's things are jitd-programs' own affair.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from jitd.beside.processes import GIVERS
from jitd.core.holding import HoldingState
from tests.booted.conftest import Service, journal, show, systemctl
from tests.givers.account_world import made_for
from tests.givers.worlds import WORLDS, World
from tests.marks import full
from tests.waiting import is_living, status_of, wait_for

UNIT, DOOR = "jitd-helper@givers.service", "jitd-helper@givers.socket"
OF_IT = f"--unit={UNIT}"
KINDS = ("sudoers", "ssh-certificate", "postgres-role", "account")
CONFIG = Path("/etc/jitd/jitd.toml")
RULE = '\n[[permit]]\nname = "at once"\nwho = ["group:dba"]\ngives = [{things}]\ngrant = {{ lasts = "10m", uses = 5 }}\n'
PEEKS = """
import socket
line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
line.connect("/run/jitd-givers/givers.sock")
try:
    line.send(b"x" * 100)
    print("heard" if line.recv(100) else "closed")
except OSError:
    print("closed")
"""


@pytest.fixture(scope="module")
def worlds() -> Iterator[dict[str, World]]:
    made = {kind: WORLDS[kind]() for kind in KINDS}
    for world in made.values():
        world.prepare()
    yield made
    for world in made.values():
        world.clear()


@pytest.fixture(scope="module")
def service(worlds: dict[str, World]) -> Iterator[Service]:
    before = CONFIG.read_text()
    CONFIG.write_text(before + "".join(world.config for world in worlds.values()))
    made = Service(RULE.format(things=", ".join(f'"{world.thing}"' for world in worlds.values()))).start()
    yield made
    made.close()
    CONFIG.write_text(before)


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, worlds: dict[str, World], service: Service) -> Iterator[World]:
    chosen = worlds[request.param]
    before = chosen.snapshot()
    yield chosen
    is_over(service, chosen)
    assert chosen.snapshot() == before


def given(service: Service, world: World) -> str:
    """Alice keeps the thing, and can use it. The grant."""
    words = ("--get", world.thing, *world.needs("alice"), "--reason", "x", *world.to_keep("alice"))
    before = {held.grant for held in service.kept("holdings")}
    assert not world.works("alice"), "this host gives it without jitd"
    asking = service.ask("alice", *words)
    assert asking.end() == 0, asking.err + service.log() + journal(OF_IT)
    assert world.works("alice")
    (held,) = [held for held in service.kept("holdings") if held.grant not in before]
    assert held.state is HoldingState.HELD
    return str(held.grant)


def is_over(service: Service, world: World) -> None:
    wait_for(lambda: not service.kept("holdings"), what=f"the end of what is held ({service.log()} {journal(OF_IT)})")
    assert not world.works("alice")


def pid_of() -> int:
    return int(show(UNIT, "MainPID")["MainPID"])


def stop(*units: str) -> None:
    """Stop ``units``. A look of the daemon's that comes at that moment starts one again, and systemd cancels the stop."""

    def is_stopped() -> bool:
        return subprocess.run(["systemctl", "stop", *units], capture_output=True, check=False).returncode == 0

    wait_for(is_stopped, what=f"the end of {units}")


def test_its_sandbox_lets_it_give_and_take_each_kind(service: Service, world: World) -> None:
    """THREATS Q-09."""
    stop(UNIT)
    grant = given(service, world)
    assert show(UNIT, "ActiveState")["ActiveState"] == "active", "the socket has started it"
    service.ended("revoke", grant)
    is_over(service, world)


def test_a_thing_whose_helper_does_not_listen_is_refused_before_anybody_is_asked(
    service: Service, worlds: dict[str, World]
) -> None:
    thing = worlds["sudoers"].thing
    stop(DOOR, UNIT)
    try:
        asking = service.ask("alice", "--get", thing, "--reason", "x")
        assert asking.end() == 121, asking.err
        said = f"denied: {thing} cannot be given now, because jitd-givers does not listen: have root type {GIVERS.enable}\n"
        assert said in asking.err, asking.err
        assert not service.kept("holdings") and service.rows("requests", "--all")[-1]["state"] == "denied"
    finally:
        systemctl("start", DOOR)


WITH_SOME = [
    "sudoers",
    "account",
    *(
        pytest.param(kind, marks=full("every day, the test uses two kinds; another test of the file uses all kinds"))
        for kind in ("ssh-certificate", "postgres-role")
    ),
]
"""What is jitd's own, or the service's, and not the kind's."""


ENDED_BY = [
    ("sudoers", "kill -9"),
    ("account", "stop"),
    *(
        pytest.param(kind, how, marks=full("every day, the test uses each end with one kind; another test uses all kinds"))
        for kind in KINDS
        for how in ("kill -9", "stop")
        if (kind, how) not in (("sudoers", "kill -9"), ("account", "stop"))
    ),
]
"""Whose thing is held, and how the service ends."""


@pytest.mark.parametrize(("world", "how"), ENDED_BY, indirect=["world"])
def test_what_is_held_outlasts_it_and_is_taken_by_the_next_one(service: Service, world: World, how: str) -> None:
    """THREATS Q-09."""
    grant = given(service, world)
    os.kill(pid_of(), signal.SIGKILL) if how == "kill -9" else stop(UNIT)
    assert world.works("alice")
    service.ended("revoke", grant)
    is_over(service, world)


@pytest.mark.parametrize("world", WITH_SOME, indirect=True)
def test_what_is_held_outlasts_a_restart_of_jitd(service: Service, world: World) -> None:
    grant = given(service, world)
    service.restart()
    assert world.works("alice") and [held.grant for held in service.kept("holdings")] == [grant]
    service.ended("revoke", grant)
    is_over(service, world)


@dataclass
class Untaken:
    """A thing that was given, and what was said of it while the service was away."""

    grant: str
    revoked: subprocess.CompletedProcess[str] | None = None
    works: bool = False
    refused: subprocess.CompletedProcess[str] | None = None

    @property
    def told(self) -> str:
        """What the status says of it."""
        return f"who has it: jitd show {self.grant}"


@pytest.fixture(scope="module")
def untaken(service: Service, worlds: dict[str, World], request: pytest.FixtureRequest) -> dict[str, Untaken]:
    """A thing of each kind that is asked for, revoked while the service is away, and again: side by side, as each revocation
    waits for it.
    """
    items = [item for item in request.session.items if getattr(item, "module", None) is request.module]
    asked = {item.callspec.params.get("kind") for item in items if hasattr(item, "callspec")}
    worlds = {kind: world for kind, world in worlds.items() if kind in asked}
    before = {kind: world.snapshot() for kind, world in worlds.items()}
    made = {kind: Untaken(given(service, world)) for kind, world in worlds.items()}

    def revoke_all() -> list[subprocess.CompletedProcess[str]]:
        with ThreadPoolExecutor(len(made)) as pool:
            return list(pool.map(lambda each: service.jitd("revoke", each.grant), made.values()))

    def status() -> str:
        return service.jitd("status").stdout

    stop(DOOR, UNIT)
    try:
        for each, done in zip(made.values(), revoke_all(), strict=True):
            each.revoked = done
        for kind, each in made.items():
            each.works = worlds[kind].works("alice")
        wait_for(lambda: (said := status()) and all(each.told in said for each in made.values()), what="a word of the status")
        for each, done in zip(made.values(), revoke_all(), strict=True):
            each.refused = done
    finally:
        systemctl("start", DOOR)
    for world in worlds.values():
        is_over(service, world)
    wait_for(lambda: (said := status()) and not any(each.told in said for each in made.values()), what="a status without it")
    assert {kind: world.snapshot() for kind, world in worlds.items()} == before
    return made


@pytest.mark.parametrize("kind", WITH_SOME)
def test_without_it_nothing_is_called_taken_and_the_status_says_so(
    untaken: dict[str, Untaken], worlds: dict[str, World], kind: str
) -> None:
    """THREATS Q-09."""
    each = untaken[kind]
    assert each.revoked is not None and each.revoked.returncode == 1 and worlds[kind].thing in each.revoked.stderr
    assert each.works
    assert each.refused is not None and each.refused.returncode == 1 and "is revoked" not in each.refused.stdout


def test_it_hears_root_alone_whoever_may_reach_its_socket(service: Service) -> None:
    """THREATS Q-09."""
    assert stat.S_IMODE(GIVERS.socket.stat().st_mode) == 0o600 and GIVERS.socket.stat().st_uid == 0
    assert stat.S_IMODE(GIVERS.socket.parent.stat().st_mode) == 0o700 and GIVERS.socket.parent.stat().st_uid == 0
    assert "PermissionError" in service.run("alice", "python3", "-c", PEEKS).stderr
    GIVERS.socket.chmod(0o666)
    GIVERS.socket.parent.chmod(0o755)
    try:
        assert service.run("alice", "python3", "-c", PEEKS).stdout == "closed\n"
    finally:
        GIVERS.socket.parent.chmod(0o700)
        GIVERS.socket.chmod(0o600)
    wait_for(
        lambda: f"a client with uid {os.stat('/home/alice').st_uid} was refused" in journal(OF_IT), what="a word in the journal"
    )


def test_it_has_no_network_no_device_and_nothing_of_jitds_record(service: Service, worlds: dict[str, World]) -> None:
    """THREATS Q-09."""
    grant = given(service, worlds["sudoers"])
    pid = pid_of()
    status = status_of(pid)
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2" and status["CapAmb"] == "0" * 16
    assert int(status["CapBnd"], 16) & (1 << 21 | 1 << 12 | 1 << 16) == 0, "it has no SYS_ADMIN, NET_ADMIN or SYS_MODULE"
    links = [line.split(":")[0].strip() for line in Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]]
    assert set(links) <= {"lo"}
    seen = Path(f"/proc/{pid}/root")
    for place in ("var/lib/jitd", "run/jitd"):
        assert not (seen / place).exists() or stat.S_IMODE((seen / place).stat().st_mode) == 0, place
    assert not (seen / "dev/sda").exists() and not (seen / "dev/mem").exists()
    service.ended("revoke", grant)
    is_over(service, worlds["sudoers"])


def test_what_a_made_account_left_running_in_a_user_manager_ends_with_the_account(
    service: Service, worlds: dict[str, World]
) -> None:
    """THREATS Q-26. Its manager lingers, and starts again at each boot what the account has enabled."""
    world = worlds["account"]
    before = world.snapshot()
    grant = given(service, world)
    (made,) = made_for("alice")
    subprocess.run(["loginctl", "enable-linger", made.pw_name], check=True)
    lingers = Path("/var/lib/systemd/linger") / made.pw_name
    unit = f"user@{made.pw_uid}.service"
    wait_for(lambda: show(unit, "ActiveState")["ActiveState"] == "active", what="its manager")
    manager = int(show(unit, "MainPID")["MainPID"])
    assert lingers.exists()
    try:
        service.ended("revoke", grant)
        assert not is_living(manager) and not lingers.exists()
        wait_for(lambda: not Path(f"/run/user/{made.pw_uid}").exists(), what="the end of its runtime directory")
    finally:
        lingers.unlink(missing_ok=True)
    is_over(service, world)
    assert world.snapshot() == before
