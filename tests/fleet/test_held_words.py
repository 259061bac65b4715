# SPDX-License-Identifier: Apache-2.0
"""What a carrier holds back: what permits is too late then, what denies or locks is not said, and the person reads so."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jitpam.client import NotAuthenticated, RefusedByDaemon, Unreachable
from jitpam.wire import messages
from jitpam.wire.messages import Show
from tests.attacks.at_door import MOVED, door_house, door_of
from tests.attacks.raw import CACHES, REALM, connected, kinit, review
from tests.fleet.lies import DOWN, HELD, NOT_KNOWN, UP, Led, Lie, Target, at_once, led
from tests.fleet.lies import connected as proved
from tests.fleet.stage import NAMES, Fleet
from tests.fleet.test_hostile_carrier import Liars
from tests.system.conftest import House
from tests.waiting import wait_for

HOST = "lab.example.test"
POLICY = """
[[permit]]
name = "by-door"
who = ["user:alice"]
run_as = ["*"]
commands = [["**"]]
approvals = [{ need = 1, from = ["user:bob"], door = true, ticket_age = "1h" }]
"""
OPERATORS = 'operators = { ticket_age = "1h" }\n'
EVE = messages.Lock(whom="user", name="eve", lasts_for=None, reason="")
OFF = messages.Unlock(id=None, whom="user", name="eve", reason="over")
LATE = "RefusedByDaemon: your answer arrived more than 2.5 s late and was not used: answer again"


def told(target: Target, lie: Lie | None, word: Callable[[Led], str], hold: Callable[[float], None]) -> str:
    """What a person is told who says ``word``."""
    made = led(target, lie, hold=hold)
    try:
        return word(proved(made))
    except (Unreachable, NotAuthenticated, RefusedByDaemon) as fault:
        return f"{type(fault).__name__}: {fault}"
    finally:
        made.close()


def review_of(id: str, verdict: str = "approve") -> Callable[[Led], str]:
    def word(made: Led) -> str:
        (row,) = made.ask(Show(id=id))
        return made.do(review(row, verdict))

    return word


class Clocked:
    """A host whose clock of the stamps moves, and what people do there."""

    def __init__(self, house: House, clock: Path) -> None:
        self.house, self._clock = house, clock
        self.caches = {who: f"FILE:{kinit(CACHES / f'{who}-held', f'{who}@{REALM}', who * 2)}" for who in ("bob", "dave")}

    def pass_by(self, seconds: float) -> None:
        self._clock.write_text(str(float(self._clock.read_text()) + seconds))

    def said(self, who: str, word: Callable[[Led], str], lie: Lie | None = None) -> str:
        door = door_of(self.house).socket
        return told(Target(HOST, (str(door), str(door)), "", self.caches[who]), lie, word, self.pass_by)

    def waits(self) -> str:
        with connected(self.house, "alice") as alice:
            return alice.submit("id", os.urandom(4).hex(), waits=False)

    def state_of(self, id: str) -> str:
        return str(self.house.request_of(id).state)

    def locks(self) -> int:
        return len(self.house.kept("locks"))


@pytest.fixture(scope="module")
def clocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clocked]:
    at = tmp_path_factory.mktemp("moved")
    (at / "later").write_text("0")
    house = door_house(at, MOVED, policy=POLICY, door=OPERATORS)
    try:
        yield Clocked(house, at / "later")
        house.verify()
    finally:
        house.close()


HOURS = pytest.mark.parametrize("seconds", [6, 600, 3600], ids=["6 s", "10 min", "1 h"])


@HOURS
@pytest.mark.parametrize("at", [("up", UP.index("review")), ("down", DOWN.index("stamped")), ("up", UP.index("stamp"))])
def test_an_approval_that_was_held_is_refused_however_long(clocked: Clocked, at: tuple[str, int], seconds: int) -> None:
    """THREATS F-01. To hold the stamp itself is no use: what counts is when jitd gives it."""
    id = clocked.waits()
    said = clocked.said("bob", review_of(id), Lie(HELD, *at, seconds))
    if at == ("up", UP.index("stamp")):
        assert clocked.state_of(id) == "approved", said
        return
    assert said == LATE
    assert clocked.house.request_of(id).reviews == () and clocked.state_of(id) == "pending"
    assert clocked.said("bob", review_of(id)) == f"request {id} is approved"


@HOURS
def test_an_unlock_that_was_held_is_refused_however_long(clocked: Clocked, seconds: int) -> None:
    """THREATS F-01."""
    with connected(clocked.house, "root") as root:
        root.ask(EVE)
    assert clocked.said("dave", lambda made: made.do(OFF), Lie(HELD, "up", 3, seconds)) == LATE
    assert clocked.locks() == 1
    clocked.said("dave", lambda made: made.do(OFF))
    assert clocked.locks() == 0


@HOURS
def test_what_denies_or_locks_counts_whenever_it_arrives(clocked: Clocked, seconds: int) -> None:
    id = clocked.waits()
    clocked.said("bob", review_of(id, "deny"), Lie(HELD, "up", 3, seconds))
    assert clocked.state_of(id) == "denied"
    clocked.said("dave", lambda made: made.do(EVE), Lie(HELD, "up", 2, seconds))
    assert clocked.locks() == 1
    clocked.said("dave", lambda made: made.do(OFF))


def test_a_lock_that_never_arrives_is_not_told_as_done(clocked: Clocked) -> None:
    """THREATS F-06. Approvals pass meanwhile, which nothing stops (F-14)."""
    id = clocked.waits()
    said = clocked.said("dave", lambda made: made.do(EVE), Lie("left out", "up", 2))
    assert said.startswith("Unanswered: ") and said.endswith(NOT_KNOWN)
    assert clocked.locks() == 0
    assert clocked.said("bob", review_of(id)) == f"request {id} is approved"


def test_on_real_hosts_words_that_were_held_for_6_s_permit_nothing(three: Fleet) -> None:
    """THREATS F-01. Without a word of the carrier, the client gives up as soon as the stamp is too old."""
    silent = "Unreachable: jitd on HOST does not answer; nothing was done"
    held = {"db1": ("up", "review", UP, LATE), "web2": ("up", "stamp", UP, silent), "mail3": ("down", "stamped", DOWN, silent)}
    liars, found = Liars(three), {}

    def hold(name: str) -> None:
        host = three.hosts[name]
        target = liars.target(host, host.waits())
        way, what, frames, _ = held[name]
        said = told(target, Lie(HELD, way, frames.index(what), 6), review_of(target.id), time.sleep)
        found[name] = said.replace(host.host, "HOST"), host.is_untouched(target.id)

    at_once([lambda name=name: hold(name) for name in NAMES])  # type: ignore[misc]
    assert found == {name: (said, True) for name, (*_, said) in held.items()}


def test_a_denial_that_is_kept_is_told_as_not_arrived_though_others_approve_meanwhile(three: Fleet) -> None:
    """THREATS F-06. Nothing on the host can notice it (F-14), and the person who has denied learns it."""
    host, id = three.hosts["db1"], three.hosts["db1"].waits()
    with tempfile.TemporaryDirectory(dir="/srv") as directory:
        place = Path(directory, "kept")
        os.chmod(directory, 0o1777)
        keep = shutil.copy(Path(__file__).with_name("keep.py"), directory)
        os.chmod(keep, 0o755)
        via = f"{keep} {host.at}/run/dial 3 {place}"
        line = ["as", "bob", "jitd", "--host", host.host, "--via", via, "deny", "--reason", "not this one", id]
        with subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=-1, stderr=-1, text=True, cwd="/") as bob:
            wait_for(place.exists, what="the denial")
            done = three.jitd("db1", "approve", "--yes", id, who="carol")
            assert done.returncode == 0, done
            place.unlink()
            _, said = bob.communicate()
    assert bob.returncode == 125 and f"your review of request {id} has not arrived: try again" in said, said
    assert host.state_of(id) == "approved" and [one.verdict for one in host.request_of(id).reviews] == ["approve"]
