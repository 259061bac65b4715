# SPDX-License-Identifier: Apache-2.0
"""The engine, the agent or jitd is killed (kill -9) at each step of an approval: no approval that was acknowledged is lost,
nothing is done twice, what the person at the desk is told is true, local approvals go on, and all of it comes back by itself,
but for what a service manager starts again.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from jitd_fleet.stream import Kind
from tests.attacks.mutated_wire import is_complaint
from tests.fleet.between import Message, Split
from tests.fleet.lies import NOT_KNOWN
from tests.fleet.stage import Fleet
from tests.marks import full
from tests.waiting import PATIENCE, wait_for

LOCAL = """
[[permit]]
name = "here"
who = ["user:alice"]
run_as = ["*"]
commands = [["/usr/bin/echo", "here", "**"]]
approvals = [{ need = 1, from = ["user:dave"] }]
"""
STEPS = (
    "dial",
    "opened",
    "hello",
    "hello of jitd",
    "token",
    "proof of jitd",
    "show",
    "row",
    "stamp",
    "stamped",
    "review before it arrived",
    "review after it arrived",
    "answer",
)
"""The moments of a conversation, in their order. Of a message, each is the moment before the engine passes it on."""
UP = ("hello", "token", "show", "stamp", "review before it arrived")
DOWN = ("hello of jitd", "proof of jitd", "row", "stamped", "answer")
"""What comes first after the message at the same place of UP."""
VICTIMS = ("engine", "agent", "jitd")


class At:
    """Kills at ``step`` of the next conversation of a desk. An instance is what Between carries by."""

    def __init__(self, step: str, kill: Callable[[], None], has_arrived: Callable[[], bool]) -> None:
        self._step, self._kill, self._has_arrived = step, kill, has_arrived
        self._n_up = 0
        self._is_answered = True
        self.is_done = False

    def __call__(self, message: Message) -> list[tuple[float, Message]]:
        if not self.is_done and self._is_reached(message):
            self.is_done = True
            if self._step != "review after it arrived":
                self._kill()
            else:
                threading.Thread(target=self._kill_once_arrived, daemon=True).start()
        return [(0.0, message)]

    def _kill_once_arrived(self) -> None:
        wait_for(self._has_arrived, what="the review on the host")
        self._kill()

    def _is_reached(self, message: Message) -> bool:
        subject, _, body = message
        if ".dial." in subject:
            return self._step == "dial"
        if not subject.startswith("jit.c."):
            if body[:1] == bytes((Kind.DATA,)):
                self._n_up, self._is_answered = self._n_up + 1, False
                says = UP[self._n_up - 1] if self._n_up <= len(UP) else ""
                return self._step == says or (self._step == "review after it arrived" and says == UP[-1])
            return False
        if body[:1] == bytes((Kind.OPENED,)):
            return self._step == "opened"
        if body[:1] == bytes((Kind.DATA,)) and not self._is_answered:
            self._is_answered = True
            return self._step == (DOWN[self._n_up - 1] if self._n_up <= len(DOWN) else "")
        return False


class Local(threading.Thread):
    """alice and dave on a host, who ask and approve all the time. ``slowest`` is how long one approval has taken."""

    def __init__(self, hub: Split, name: str) -> None:
        super().__init__(daemon=True)
        self._host = hub.fleet.hosts[name]
        self._ends = threading.Event()
        self.n, self.slowest, self.wrong = 0, 0.0, list[str]()
        self.start()

    def run(self) -> None:
        while not self._ends.is_set():
            asking = self._host.ask("alice", "echo", "here", str(self.n))
            try:
                began = time.monotonic()
                done = self._host.run("dave", "jitd", "approve", "--yes", asking.id)
                if done.returncode or asking.end() or asking.out != f"here {self.n}\n":
                    self.wrong.append(f"{done} {asking.out} {asking.err}")
            except Exception as fault:  # whatever it is, the test tells it
                self.wrong.append(repr(fault))
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.n += 1

    def end(self) -> None:
        self._ends.set()
        self.join()


@pytest.fixture(scope="module")
def hub(three: Fleet) -> Iterator[Split]:
    for host in three.hosts.values():
        (host.at / "etc/policy.d/40-local.toml").write_text(LOCAL)
        host.reload()
    made = Split(three, ("bob", "carol"))
    try:
        yield made.start()
        assert [line for host in three.hosts.values() for line in host.log().splitlines() if is_complaint(line)] == []
        three.verify()
    finally:
        made.close()


@contextmanager
def local(hub: Split, name: str) -> Iterator[None]:
    """Somebody asks and approves on the host meanwhile, and notices nothing."""
    people = Local(hub, name)
    try:
        yield
    finally:
        people.end()
    print(f"{people.n} local approvals on {name}, the slowest in {people.slowest:.2f} s")
    assert people.wrong == [] and people.n > 0


class Ward:
    """What is killed on a host, and started again where a service manager would."""

    def __init__(self, hub: Split, victim: str, name: str) -> None:
        self.hub, self.victim, self.name = hub, victim, name
        self.host = hub.fleet.hosts[name]

    def kill(self) -> None:
        match self.victim:
            case "engine":
                self.hub.kill_engine()
            case "agent":
                self.hub.stop_agent(self.name, signal.SIGKILL)
            case "jitd":
                self.host.kill()

    def start_again(self) -> None:
        match self.victim:
            case "engine":
                self.hub.start_engine()
            case "agent":
                self.hub.start_agent(self.name)
            case "jitd":
                self.host.restart()

    def is_back(self) -> bool:
        return bool(self.hub.fleet.desk("--host", self.name, "requests").returncode == 0)


numbers = itertools.count()


def played(hub: Split, victim: str, name: str, step: str) -> str:
    """Kill ``victim`` at ``step`` of an approval on the host. Return what the person was told."""
    ward = Ward(hub, victim, name)
    host = ward.host
    mark = f"mark{next(numbers)}-{os.getpid()}"
    ran = host.at / "etc/ran"
    asking = host.ask("alice", "sh", "-c", f"echo {mark} >> /etc/jitd/ran")
    id = asking.id
    at = At(step, ward.kill, lambda: bool(host.request_of(id).reviews))
    hub.between.carry_of[hub.public("bob")] = at
    began = time.monotonic()
    try:
        done = hub.fleet.desk("approve", "--yes", f"{id}@{name}")
    finally:
        del hub.between.carry_of[hub.public("bob")]
    took = time.monotonic() - began
    said = " ".join(done.stderr.split()).removeprefix("jitd: ")
    assert at.is_done, (step, done)
    wait_for(lambda: victim != "jitd" or not host.has_door(), what="its end")
    ward.start_again()
    wait_for(ward.is_back, what=f"{victim} after a kill at {step}")
    is_approved = bool(host.request_of(id).reviews)
    where = f"{victim}, {step}, {took:.1f} s: {done.returncode} {said}"
    if done.returncode == 0:
        assert is_approved, where
    elif NOT_KNOWN not in said:
        assert not is_approved, where
    if not is_approved:
        again = hub.fleet.desk("approve", "--yes", f"{id}@{name}")
        assert again.returncode == 0, (where, again)
    ended = asking.end()
    # On a busy host, the next jitd may be there later than a run waits for it: then nothing runs, and that is said.
    is_given_up = victim == "jitd" and ended == 125 and "the daemon went away before the command had begun" in asking.err
    assert ended == 0 or is_given_up, (where, asking.err)
    assert (ran.read_text().split() if ran.exists() else []).count(mark) == (ended == 0), where
    found = host.request_of(id)
    assert [one.by.principal for one in found.reviews] == ["bob@EXAMPLE.TEST"], where
    return f"{where}{' (it was approved)' if is_approved else ''}".replace(id, "ID")


def told(hub: Split, kills: list[tuple[str, str]]) -> None:
    """Play ``kills``, each a victim and a step, on the hosts in turn."""
    said: Counter[str] = Counter()
    for (victim, step), name in zip(kills, itertools.cycle(hub.fleet.hosts)):
        one = played(hub, victim, name, step)
        said[one] += 1
        print(one, flush=True)


EVERY_DAY = [(VICTIMS[number % 3], step) for number, step in enumerate(STEPS)]


def test_killed_at_a_step_of_an_approval_it_is_done_once_or_said_not_to_be(hub: Split) -> None:
    """THREATS F-30. Each step once; who is killed follows in turn."""
    told(hub, EVERY_DAY)


@pytest.mark.parametrize(
    "victim",
    ["agent", pytest.param("engine", marks=full("every day, the agent is killed, which is on that host"))],
)
def test_local_approvals_do_not_notice(hub: Split, victim: str) -> None:
    """The host on which somebody approves is the one whose engine or agent is killed."""
    with local(hub, "db1"):
        for step in ("token", "review before it arrived", "review after it arrived"):
            played(hub, victim, "db1", step)


@full("1,300 kills take an hour; every day, there is one at each step")
@pytest.mark.parametrize("step", STEPS)
def test_killed_a_hundred_times_at_each_step_it_is_done_once_or_said_not_to_be(hub: Split, step: str) -> None:
    """THREATS F-30."""
    told(hub, [(victim, step) for _, victim in zip(range(100), itertools.cycle(VICTIMS))])


def test_a_desk_that_watches_is_told_who_is_gone_and_watches_again(hub: Split) -> None:
    """THREATS F-30. An agent that is killed says nothing, and is noticed when the desk asks whether it is there. Without an
    engine, nobody is left to be watched, and the desk ends.
    """
    wards = [Ward(hub, "agent", "db1"), Ward(hub, "jitd", "web2")]
    for host in hub.fleet.hosts.values():
        host.waits()
    line = ["as", "bob", "jitd", "--hosts", "@all", "requests", "--watch"]

    def watching() -> subprocess.Popen[str]:
        made = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=-1, stderr=-1, text=True, cwd="/")
        assert made.stdout is not None and made.stdout.readline()
        return made

    with watching() as desk:
        try:
            for ward in wards:
                ward.kill()
            assert desk.stderr is not None
            said = [desk.stderr.readline() for _ in wards]
            assert desk.poll() is None
            for ward in wards:
                ward.start_again()
            hub.kill_engine()
            try:
                _, rest = desk.communicate(timeout=PATIENCE)
            finally:
                hub.start_engine()
        finally:
            desk.kill()
    assert any(one.startswith("jitd: db1.example.test: what was sent to db1.example.test was not acknowledged") for one in said)
    assert any(one.startswith("jitd: web2.example.test: ") for one in said)
    assert "jitd: mail3.example.test: the connection to the engine is lost" in rest and desk.returncode == 1, rest
    assert rest.endswith("jitd: 3 of 3 hosts did not do what was asked\n"), rest
    for name in hub.fleet.hosts:
        wait_for(Ward(hub, "engine", name).is_back, what=name)
    with watching() as desk:
        desk.kill()
