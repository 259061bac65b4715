# SPDX-License-Identifier: Apache-2.0
"""Things that are given, with a daemon, a jitd-kdc and a KDC that are real, and that are killed at each step.

Law: after each test a sweep shows that the KDC holds no grant, and that each holding has ended. The lab's own KDC, kadmind and
jitd-kdc are killed here, and begin again before the test ends.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import pytest

from jitd.core.holding import Ending, Holding, HoldingState
from jitpam.client import RefusedByDaemon
from jitpam.wire.messages import Revoke
from tests.attacks.raw import kadmin
from tests.gates.stage import BECOME, PROGRAM
from tests.marks import full
from tests.system.conftest import Asking, House
from tests.system.test_locks import start_shifted
from tests.times import times
from tests.waiting import PATIENCE, is_living, status_of, wait_for

HOST = "lab.example.test"
SOCKET = Path("/run/jitd-kdc/kdc.sock")
GIVING, HELD, TAKING, ENDED = HoldingState
GATED = ("-allow_forwardable", "-allow_proxiable", "-allow_postdated", "-allow_dup_skey")
SERVICES = ["postgres/alive.example.test", "host/alive.example.test"]
_numbers = itertools.count()
RULES = """
[[permit]]
name = "at once"
who = ["group:dba"]
gives = ["{thing}"]
[[permit]]
name = "approved"
who = ["group:dba"]
gives = ["{owed}"]
approvals = [{{ need = 1, from = ["group:ops"] }}]
"""
STAYS_ALIVE = ("sh", "-c", "echo here; exec sleep 600")


# --- the lab's own servers -----------------------------------------------------------------------------------------------


def pid_of(name: str) -> int:
    """The process of krb5kdc, kadmind or jitd-kdc that serves the lab; 0 if there is none."""
    if name != "jitd-kdc":
        with suppress(OSError, ValueError):
            pid = int(Path(f"/run/{name}.pid").read_text())
            return pid if is_living(pid) else 0
        return 0
    found = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
            if words[-3:] == [*map(str.encode, PROGRAM), b""] and b"python" in words[0]:
                found[entry.name] = status_of(entry.name)["PPid"]
    return next((int(pid) for pid, parent in found.items() if parent not in found), 0)  # its children have the same words


def kill(name: str) -> None:
    """``kill -9``; it has ended, with its children, when this returns."""
    pid = pid_of(name)
    assert pid, f"there is a {name}"
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)
    wait_for(lambda: not any(map(is_living, (pid, *children))), what=f"the end of {name}")


def accepts() -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe, suppress(OSError):
        probe.connect(str(SOCKET))
        return True
    return False


def begin(name: str) -> None:
    """Start it again, if it is not there."""
    if pid_of(name):
        return
    if name == "jitd-kdc":
        with Path("/var/log/jitd-kdc.log").open("ab") as log:
            subprocess.Popen(
                [*BECOME.split(), *PROGRAM], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        wait_for(accepts, what="jitd-kdc")
    else:
        subprocess.run([name, "-r", "EXAMPLE.TEST", "-P", f"/run/{name}.pid"], check=True)
        wait_for(lambda: pid_of(name), what=name)


@contextmanager
def frozen(name: str) -> Iterator[None]:
    """It does nothing meanwhile; it may be killed meanwhile."""
    pid = pid_of(name)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


# --- the scene -----------------------------------------------------------------------------------------------------------


class Scene:
    """A daemon of its own, whose rules give two services' tickets: of the first at once, of the other upon approval. Its
    jitd.toml has ``config``, too.
    """

    def __init__(self, config: str = "") -> None:
        self.services = SERVICES
        self.thing, self.owed = (f"service-ticket:{service}" for service in SERVICES)
        self.house = House(RULES.format(thing=self.thing, owed=self.owed), config)
        self._n_before = 0

    def begin(self) -> None:
        """A test begins, and no holding of an earlier one is its own."""
        if not (self.house.process and is_living(self.house.process.pid)):
            self.house.start()
        self._n_before = len(self.house.kept("holdings", ended=True))

    def holdings(self, *, ended: bool = True) -> list[Holding]:
        """What was given since the test began; without those that have ended, all there are."""
        return self.house.kept("holdings", ended=True)[self._n_before :] if ended else self.house.kept("holdings")

    def last(self) -> Holding:
        """The last holding that was begun. Raises LookupError while there is none."""
        return self.holdings()[-1]

    def is_now(self, state: HoldingState) -> Holding:
        """Wait until the last holding is in ``state``."""
        wait_for(lambda: self.last().state is state, what=f"a holding that is {state}")
        return self.last()

    def granted(self) -> set[str]:
        """The ids of the grants that the KDC holds, by its own tool."""
        found = set()
        for service in self.services:
            for line in kadmin("getstrs", service).splitlines():
                if line.startswith("jit_grant:"):
                    found.add(line.removeprefix("jit_grant:").partition(":")[0])
        return found

    def get(self, *words: str, thing: str = "") -> Asking:
        """alice asks for the thing; with the ``words`` of a command behind ``--``."""
        return self.house.ask("alice", "--get", thing or self.thing, "--reason", "x", *words)

    def held(self, *options: str) -> Asking:
        """alice has the thing, and her command runs."""
        asking = self.get(*options, "--", *STAYS_ALIVE)
        self.runs(asking)
        return asking

    @staticmethod
    def runs(asking: Asking) -> None:
        def begun() -> bool:
            assert asking.process.poll() is None, asking.err
            return "here" in asking.out

        wait_for(begun, what="her command")

    def end(self, asking: Asking) -> int:
        """alice's command is ended by her own signal."""
        asking.process.terminate()
        return asking.end()

    def is_refused(self) -> bool:
        """The KDC refuses alice a ticket that she has not got yet."""
        service = self.services[0]
        cache = f"FILE:/tmp/sweep-{next(_numbers)}-{os.getpid()}"
        script = (
            'echo alicealice | kinit -c "$1" alice >/dev/null && kvno -c "$1" "$2"; status=$?; rm -f "${1#FILE:}"; exit $status'
        )
        done = self.house.run("alice", "sh", "-c", script, "sh", cache, service, ticket=False)
        assert done.returncode == 0 or "KDC policy rejects request" in done.stderr, done
        return done.returncode != 0

    def sweep(self) -> None:
        """All has ended, and nothing is left at the KDC."""
        wait_for(lambda: not self.holdings(ended=False), what="the end of each holding")
        assert self.granted() == set() and self.is_refused()

    def leave(self) -> None:
        """Nothing of the test is there in the next one: all servers run, and no grant is open."""
        for name in ("krb5kdc", "kadmind", "jitd-kdc"):
            begin(name)
        for grant in self.house.kept("grants"):
            with suppress(RefusedByDaemon):
                self.house.asked(Revoke(id=grant.id, of=None, reason=""))

    def close(self) -> None:
        """The record holds."""
        for name in ("krb5kdc", "kadmind", "jitd-kdc"):
            begin(name)
        try:
            self.house.verify()
        finally:
            self.house.close()


@pytest.fixture(scope="module", autouse=True)
def services() -> Iterator[None]:
    """Two services that are gated, and granted by this host."""
    for service in SERVICES:
        kadmin("addprinc", "-randkey", *GATED, "-maxlife", "12h", "-maxrenewlife", "0", service)
        kadmin("setstr", service, "jit_approval", "required")
        kadmin("setstr", service, "jit_granted_by", HOST)
    yield
    for service in SERVICES:
        kadmin("delprinc", "-force", service)


@pytest.fixture(scope="module")
def shared(services: None) -> Iterator[Scene]:
    made = Scene()
    made.house.start()
    yield made
    made.close()


@pytest.fixture
def scene(shared: Scene) -> Iterator[Scene]:
    """One daemon serves all tests of a file, one after another."""
    shared.begin()
    yield shared
    try:
        shared.sweep()
    finally:
        shared.leave()


# --- the way of a thing --------------------------------------------------------------------------------------------------


def test_it_is_there_from_the_approval_to_the_end_of_her_command_and_no_longer(scene: Scene) -> None:
    assert scene.is_refused()
    asking = scene.get("--", *STAYS_ALIVE, thing=scene.owed)
    id = asking.id
    assert scene.granted() == set() and not scene.holdings()
    scene.house.approved(id)
    scene.runs(asking)
    assert scene.granted() == {id.replace("-", "")} and scene.last().state is HELD
    (row,) = [row for row in scene.house.rows("grants") if row["id"] == id]
    assert row["holdings"] == [id]
    assert scene.end(asking) == -signal.SIGTERM
    found = scene.is_now(ENDED)
    assert found.outcome is not None and found.outcome.ending is Ending.LEFT
    assert scene.house.show(id)["holdings"][0]["state"] == "ended"


def test_a_revocation_takes_it_before_it_returns_and_hangs_her_command_up(scene: Scene) -> None:
    """THREATS T-19."""
    asking = scene.held()
    done = scene.house.jitd("revoke", scene.last().id, "--reason", "wrong host")
    assert done.returncode == 0 and f"{scene.thing} is taken back" in done.stderr + done.stdout
    assert scene.granted() == set() and scene.last().state is ENDED
    assert asking.end() == -signal.SIGHUP and "wrong host" in asking.err


def test_a_lock_takes_it_before_it_returns(scene: Scene) -> None:
    """THREATS T-19."""
    asking = scene.held()
    done = scene.house.jitd("lock", "--user", "alice", "--reason", "laptop stolen", who="dave")
    assert done.returncode == 0 and "1 thing taken back" in done.stderr + done.stdout
    assert scene.granted() == set() and scene.last().state is ENDED
    assert asking.end() == -signal.SIGHUP
    assert scene.house.jitd("unlock", "--user", "alice", who="dave").returncode == 0


def test_it_ends_when_its_time_is_over(scene: Scene) -> None:
    """THREATS T-19."""
    for seconds in (3, 12, 48):  # on a host that is too busy for three, its time is over before her command runs
        asking = scene.get("--for", f"{seconds}s", "--", *STAYS_ALIVE)
        wait_for(lambda asking=asking: "here" in asking.out or asking.process.poll() is not None, what="her command")
        if "here" in asking.out:
            break
    assert asking.end() == -signal.SIGHUP
    found = scene.is_now(ENDED)
    assert found.outcome is not None and found.outcome.ending is Ending.TAKEN, found.outcome


def test_what_was_kept_is_there_when_the_client_has_ended_and_is_taken_by_revoke(scene: Scene) -> None:
    asking = scene.get()
    assert asking.end() == 0 and "KRB5CCNAME" in asking.out, asking.err
    assert scene.last().state is HELD and scene.granted() == {scene.last().id.replace("-", "")}
    assert scene.house.jitd("revoke", scene.last().id, who="alice").returncode == 0


# --- jitd is killed ------------------------------------------------------------------------------------------------------


def test_jitd_is_killed_while_it_gives(scene: Scene) -> None:
    """THREATS T-17: the order was sent, and is carried out while no jitd is there; the next one knows of it."""
    asking = scene.get("--", *STAYS_ALIVE, thing=scene.owed)
    id = asking.id
    with frozen("jitd-kdc"):
        scene.house.approved(id)
        scene.is_now(GIVING)
        scene.house.kill()
    scene.house.start()
    scene.runs(asking)
    assert len(scene.holdings()) == 1 and scene.granted() == {scene.last().id.replace("-", "")}
    scene.end(asking)


def test_jitd_is_killed_while_her_command_runs(scene: Scene) -> None:
    """THREATS T-17, T-18."""
    asking = scene.held()
    scene.house.restart()
    wait_for(lambda: scene.house.process is not None and asking.process.poll() is None, what="her command")
    with pytest.raises(AssertionError):
        wait_for(lambda: asking.process.poll() is not None, within=0.5)
    assert scene.last().state is HELD
    scene.end(asking)


def test_jitd_is_killed_while_it_takes(scene: Scene) -> None:
    """THREATS T-17, T-19."""
    asking = scene.held()
    with frozen("jitd-kdc"):
        scene.end(asking)
        scene.is_now(TAKING)
        scene.house.kill()
        assert scene.granted() == {scene.last().id.replace("-", "")}
    scene.house.start()


@full("every day, other tests kill jitd once at each step")
def test_jitd_is_killed_at_moments_of_no_order(scene: Scene) -> None:
    """THREATS T-17: before anything is recorded, after, and between."""
    for n in range(times(12)):
        asking = scene.get("--", "sleep", "0.1")
        time.sleep(random.uniform(0.0, 0.5))
        scene.house.kill()
        known = ids(scene)  # first: what has ended by then was taken before
        assert scene.granted() <= known, n
        scene.house.start()
        asking.end()


def ids(scene: Scene) -> set[str]:
    return {held.id.replace("-", "") for held in scene.holdings(ended=False)}


@full("every day, tests/daemon/test_holdings.py tests the same behaviour with a simulated clock")
def test_what_nobody_comes_back_for_is_taken(scene: Scene) -> None:
    """THREATS T-18."""
    asking = scene.held()
    scene.house.kill()
    asking.process.kill()
    asking.end()
    scene.house.start()
    assert scene.last().state is HELD
    scene.is_now(ENDED)


# --- the others are killed -----------------------------------------------------------------------------------------------


def test_jitd_kdc_is_killed_while_it_gives(scene: Scene) -> None:
    """THREATS T-17, T-20: nobody knows whether it was given: it is taken, and the use is there for another time."""
    with frozen("jitd-kdc"):
        asking = scene.get()
        scene.is_now(GIVING)
        kill("jitd-kdc")
    assert asking.end() == 125 and "could not be given" in asking.err
    assert scene.last().state is TAKING
    begin("jitd-kdc")
    found = scene.is_now(ENDED)
    assert found.outcome is not None and found.outcome.ending is Ending.NOT_GIVEN
    grant = {grant.id: grant for grant in scene.house.kept("grants")}[scene.last().grant]
    assert grant.left == 1
    again = scene.house.ask("alice", f"--resume={grant.id}")
    assert again.end() == 0 and "KRB5CCNAME" in again.out, again.err
    scene.house.ended("revoke", grant.id)


@full("every day, tests/daemon/test_holding_verbs.py tests the same behaviour without the wait")
def test_revoke_exits_1_and_names_what_cannot_be_taken_yet(scene: Scene) -> None:
    """THREATS T-19."""
    asking = scene.held()
    held = scene.last()
    kill("jitd-kdc")
    done = scene.house.jitd("revoke", held.id)
    assert done.returncode == 1 and f"{scene.thing} ({held.id}) is not taken back yet" in done.stderr
    assert asking.end() == -signal.SIGHUP and scene.last().state is TAKING
    for words in (("revoke", held.id), ("revoke", "--of", "alice")):
        again = scene.house.jitd(*words)
        assert again.returncode == 1 and held.id in again.stderr, again.stderr
    begin("jitd-kdc")


@pytest.mark.parametrize("name", ["kadmind", "krb5kdc"])
def test_a_server_of_the_kdc_is_killed_and_begins_again(scene: Scene, name: str) -> None:
    """THREATS T-17: whatever comes of it, nothing is left that the store does not know."""
    asking = scene.held()
    kill(name)
    scene.end(asking)
    other = scene.get("--", "true")
    other.end()
    known = ids(scene)  # first: what has ended by then was taken before
    assert scene.granted() <= known
    begin(name)


def test_kadmind_is_killed_while_it_writes(scene: Scene) -> None:
    """THREATS T-17."""
    with frozen("kadmind"):
        asking = scene.get("--", "sleep", "0.1")
        scene.is_now(GIVING)
        kill("kadmind")
    begin("kadmind")
    asking.end()


# --- another boot --------------------------------------------------------------------------------------------------------


def test_another_boot_takes_what_the_last_one_gave_though_it_was_kept() -> None:
    """THREATS T-19."""
    scene = Scene()
    try:
        scene.house.start()
        asking = scene.get()
        assert asking.end() == 0 and scene.last().state is HELD
        scene.house.kill()
        start_shifted(scene.house, id="another-boot")
        scene.sweep()
    finally:
        scene.close()


# --- grants that are renewed ---------------------------------------------------------------------------------------------

ASKS_FOR_TICKETS = 'echo here; for second in $(seq 50); do klist -s || echo "lost after $second s"; sleep 1; done; echo over'
HALF_A_RECORD = struct.pack(">I", 0x80000000 | 400) + bytes(100)
"""The beginning of a record (RFC 5531, section 11). kadmind waits 35 s for the rest of it, and does nothing else."""


@pytest.fixture
def renewing(services: None, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A daemon of its own, with the setting ``renew`` that the test names; otherwise it is 10 s."""
    made = Scene(f'renew = "{getattr(request, "param", "10s")}"')
    made.house.start()
    made.begin()
    yield made
    try:
        made.sweep()
    finally:
        made.leave()
        made.close()


@pytest.mark.parametrize("renewing", ["40s"], indirect=True)
def test_a_command_has_a_ticket_until_the_end_of_a_grant_that_is_longer_than_any_ticket(renewing: Scene) -> None:
    asking = renewing.get("--for", "10m", "--", "sh", "-c", ASKS_FOR_TICKETS)
    assert asking.end(3 * PATIENCE) == 0, "it sleeps for 50 seconds alone"
    assert asking.out.split("\n")[:2] == ["here", "over"], asking.err


def test_what_was_kept_gets_a_new_ticket_by_resume(renewing: Scene) -> None:
    asking = renewing.get("--for", "10m")
    assert asking.end() == 0 and f"jitsudo --resume={renewing.last().id}" in asking.err, asking.err
    again = renewing.house.ask("alice", f"--resume={renewing.last().id}")
    assert again.end() == 0 and "KRB5CCNAME" in again.out and again.out != asking.out, again.err
    assert renewing.house.jitd("revoke", renewing.last().id, who="alice").returncode == 0


@pytest.mark.parametrize("renewing", ["30s"], indirect=True)
def test_while_kadmind_stalls_the_lists_and_revoke_say_by_when_it_ends_and_then_it_has_ended(renewing: Scene) -> None:
    """THREATS T-26, T-28: three strangers, one after another, keep kadmind waiting."""
    asking = renewing.held("--for", "10m")
    held = renewing.last()
    with ExitStack() as strangers:
        for _ in range(3):
            strangers.enter_context(socket.create_connection(("127.0.0.1", 749))).sendall(HALF_A_RECORD)
        wait_for(lambda: [row for row in renewing.house.rows("grants") if row["unrenewed"]], what="a renewal that fails")
        listed = renewing.house.jitd("grants")
        assert f"{held.id}: {renewing.thing} is held, but not renewed since " in listed.stderr
        assert "kadmind has not answered within 10 s; the KDC gives no ticket for it after " in listed.stderr
        done = renewing.house.jitd("revoke", held.id)
        assert done.returncode == 1 and f"{renewing.thing} ({held.id}) is not taken back yet" in done.stderr
        ends = re.search(r"the KDC gives no ticket for it after (\S+ \S+) UTC, even if kadmind never answers", done.stderr)
        assert ends, done.stderr
        wait_for(lambda: time.time() > datetime.fromisoformat(f"{ends[1]}+00:00").timestamp(), what="that time")
        assert renewing.granted() == {held.id.replace("-", "")} and renewing.is_refused()
        assert renewing.last().state is TAKING
    renewing.is_now(ENDED)
    assert asking.end() == -signal.SIGHUP
