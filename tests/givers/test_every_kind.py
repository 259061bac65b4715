# SPDX-License-Identifier: Apache-2.0
"""Every kind of thing × everything that can happen to it, with a daemon, a jitd-givers and a host that are real.

A kind is a row of worlds.WORLDS. Those with a secret are played by test_kinds_with_a_secret.py, so that lanes can share them.
One daemon serves the tests of a kind. Those that move clocks or change jitd.toml have a daemon of their own.
Law: after each test the host equals itself before, and no holding is open. The record verifies after the last one.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator

import pytest

from jitd.core.holding import Ending
from jitd.settings.givers import NOT_MENDED
from tests.givers.scene import ENDED, HELD, STAYS, TAKING, Scene, house_for
from tests.givers.worlds import WITH_SECRET, WORLDS, World
from tests.marks import full
from tests.system.conftest import House
from tests.system.test_locks import shift, start_shifted
from tests.waiting import wait_for

KINDS = tuple(kind for kind in WORLDS if kind not in WITH_SECRET)
WHOM = pytest.mark.parametrize("whom", ["jitd", "jitd-givers"])
YEARS = 10 * 365 * 86400.0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test is played for each of the KINDS of its module."""
    if "world" in metafunc.fixturenames:
        metafunc.parametrize("world", metafunc.module.KINDS, indirect=True, scope="module")


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made = WORLDS[request.param]()
    made.prepare()
    yield made
    made.clear()


class Houses:
    """The daemon that the tests of one kind share. After a test that failed it is another one."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._shared: House | None = None

    def shared(self) -> House:
        self._shared = self._shared or house_for(self._world).start()
        return self._shared

    def end(self, house: House) -> None:
        """End a daemon whose record verifies."""
        if house is self._shared:
            self._shared = None
        try:
            house.verify()
        finally:
            house.close()

    def close(self) -> None:
        if self._shared is not None:
            self.end(self._shared)


@pytest.fixture(scope="module")
def houses(world: World) -> Iterator[Houses]:
    made = Houses(world)
    yield made
    made.close()


@pytest.fixture
def scene(world: World, houses: Houses) -> Iterator[Scene]:
    """A scene of the shared daemon, which runs."""
    yield from played(world, houses, houses.shared(), is_shared=True)


@pytest.fixture
def own_scene(world: World, houses: Houses) -> Iterator[Scene]:
    """A scene of a daemon that has no other, and is not started yet. No other daemon looks at what it gives."""
    houses.close()
    yield from played(world, houses, house_for(world), is_shared=False)


def played(world: World, houses: Houses, house: House, *, is_shared: bool) -> Iterator[Scene]:
    """A scene, from its beginning until the host is as before."""
    made = Scene(world, house)
    is_as_before = False
    try:
        yield made
        made.is_over()
        is_as_before = True
    finally:
        made.leave()
        if not (is_shared and is_as_before):
            houses.end(house)
        if not is_as_before:  # the next test shall not fail by what is left
            world.clear()
            world.prepare()


def test_it_is_given_for_a_command_and_taken_when_the_command_ends(scene: Scene) -> None:
    asking = scene.get("--", "sh", "-c", "echo here; exit 7")
    assert asking.end() == 7 and asking.out == "here\n", asking.err
    scene.is_over()
    assert scene.last.outcome.ending is Ending.TAKEN
    events = [event for event in scene.events() if event.startswith("holding")]
    assert events == ["holding.giving", "holding.given", "holding.taking", "holding.ended"]


def test_it_is_kept_without_a_command_until_it_is_revoked(scene: Scene) -> None:
    asking = scene.get()
    assert asking.end() == 0, asking.err
    assert f"{scene.world.thing} is yours until" in asking.err
    assert scene.world.works("alice") and not scene.world.works("bob")
    stopped = scene.house.jitd("stop", scene.last.grant)
    assert stopped.returncode == 4 and f"jitd revoke {scene.last.grant}" in stopped.stderr
    assert scene.world.works("alice")
    assert scene.house.jitd("revoke", scene.last.grant).returncode == 0
    scene.is_over()


def test_it_is_taken_when_the_person_is_locked(scene: Scene) -> None:
    scene.given()
    assert scene.house.jitd("lock", "--user", "alice", "--reason", "x").returncode == 0
    try:
        scene.is_over()
    finally:
        assert scene.house.jitd("unlock", "--user", "alice").returncode == 0


def test_it_is_taken_when_the_requester_is_killed(scene: Scene) -> None:
    asking = scene.given()
    asking.process.kill()
    scene.is_over()


@pytest.mark.parametrize("how", ["kill -9", "a restart"])
def test_it_is_taken_after_the_daemon_was_gone(scene: Scene, how: str) -> None:
    asking = scene.given()
    scene.house.kill() if how == "kill -9" else scene.house.stop()
    asking.process.send_signal(signal.SIGKILL)
    assert scene.world.works("alice"), "nobody takes it while there is no daemon"
    scene.house.start()
    scene.house.jitd("revoke", scene.last.grant)
    scene.is_over()


@WHOM
def test_killed_while_it_is_given_it_is_taken_back(scene: Scene, whom: str) -> None:
    """THREATS Q-15. At whatever moment of the deed the kill comes."""
    asking = scene.get(*STAYS)
    wait_for(lambda: scene.holdings() or asking.process.poll() is not None, what="a thing that is given")
    scene.kill(whom)
    asking.process.kill()
    scene.is_over()


@WHOM
def test_killed_while_it_is_taken_it_is_taken_after_that(scene: Scene, whom: str) -> None:
    """THREATS Q-15. At whatever moment of the deed the kill comes."""
    scene.given().process.kill()
    wait_for(lambda: not scene.is_in(HELD), what="a thing that is taken back")
    scene.kill(whom)
    scene.is_over()


def test_what_cannot_be_given_is_not_said_to_be_given(scene: Scene) -> None:
    scene.break_it()
    asking = scene.get(*STAYS)
    assert asking.end() != 0 and "here" not in asking.out
    scene.mend()
    assert "could not be given" in asking.err
    scene.is_over()


def test_what_cannot_be_taken_now_is_taken_later_and_never_called_taken_before(scene: Scene) -> None:
    """THREATS Q-15."""
    asking = scene.given()
    scene.break_it()
    revoked = scene.house.jitd("revoke", scene.last.grant)
    assert revoked.returncode == 1 and scene.world.thing in revoked.stderr, "it is never called taken"
    wait_for(lambda: scene.is_in(TAKING), what="a thing that is being taken back")
    asking.end()
    wait_for(lambda: "not taken back yet" in scene.log(), what="a word in the log")
    assert scene.is_in(TAKING) and scene.world.works("alice")
    scene.house.restart()
    assert scene.is_in(TAKING)
    scene.mend()
    scene.is_over()


def test_it_may_be_given_twice_under_two_grants_and_the_end_of_one_leaves_the_other(scene: Scene) -> None:
    assert scene.get().end() == 0
    first = scene.last
    assert scene.get().end() == 0
    second = scene.last
    assert first.id != second.id
    scene.house.jitd("revoke", first.grant)
    wait_for(lambda: len(scene.house.kept("holdings")) == (0 if second.grant == first.grant else 1), what="the end of the first")
    assert scene.world.works("alice") == (second.grant != first.grant)
    scene.house.jitd("revoke", second.grant)
    scene.is_over()


def test_two_people_have_it_and_the_end_of_one_leaves_the_other(scene: Scene) -> None:
    """THREATS Q-11."""
    scene.given()
    hers = scene.last
    assert scene.get(who="bob").end() == 0
    assert scene.world.works("alice") and scene.world.works("bob")
    assert scene.house.jitd("revoke", hers.grant).returncode == 0
    assert not scene.world.works("alice") and scene.world.works("bob")
    scene.house.jitd("revoke", scene.last.grant)
    scene.is_over()


def test_what_somebody_took_away_by_hand_is_taken_without_a_complaint(scene: Scene) -> None:
    scene.given()
    scene.world.remove_by_hand()
    scene.house.jitd("revoke", scene.last.grant)
    scene.is_over()


# --- with a daemon of its own ---------------------------------------------------------------------------------------------


def test_it_is_taken_at_its_time_whatever_the_clock_says(own_scene: Scene) -> None:
    own_scene.lasts("12s")
    start_shifted(own_scene.house)
    asked_at = time.monotonic()
    asking = own_scene.given()
    for wall in (YEARS, -YEARS):
        shift(own_scene.house, wall=wall)
    wait_for(lambda: own_scene.is_in(ENDED), what="the end of what is held")
    assert time.monotonic() - asked_at >= 12.0
    own_scene.is_over()
    asking.end()
    assert "is taken back" in asking.err
    shift(own_scene.house)


def test_it_is_taken_after_the_host_was_booted_anew(own_scene: Scene) -> None:
    start_shifted(own_scene.house)
    asking = own_scene.get()
    assert asking.end() == 0, asking.err
    assert own_scene.world.works("alice")
    own_scene.house.kill()
    start_shifted(own_scene.house, id="another-boot")
    own_scene.is_over()


@pytest.mark.parametrize("drift", ["tell", "mend", "end"])
def test_what_somebody_took_away_by_hand_is_found_when_jitd_starts(own_scene: Scene, drift: str) -> None:
    if drift == "mend" and own_scene.world.thing.startswith("postgres-role:"):
        own_scene.house.start()
        return  # after a restart nobody but the holder knows the password: ADR 0061
    taken_by_hand(own_scene, drift, then=own_scene.house.restart)


@full("it waits for the minute; when jitd starts it looks at once")
@pytest.mark.parametrize("drift", ["tell", "mend", "end"])
def test_what_somebody_took_away_by_hand_is_found_within_the_minute(own_scene: Scene, drift: str) -> None:
    taken_by_hand(own_scene, drift, then=lambda: None)


def taken_by_hand(scene: Scene, drift: str, then: Callable[[], object]) -> None:
    """Somebody takes the thing away, ``then`` something else happens, and the difference is found."""
    kind, _, name = scene.world.thing.partition(":")
    if drift == "mend" and kind in NOT_MENDED:
        scene.house.start()
        return  # jitd.toml may not say so: tests/daemon/test_config.py
    text = scene.house.config_file.read_text().replace(f"[givers.{name}]", f'[givers.{name}]\ndrift = "{drift}"')
    scene.house.config_file.write_text(text)
    scene.house.start()
    assert scene.get().end() == 0
    scene.world.remove_by_hand()
    then()
    found = {"tell": "thing.differs", "mend": "thing.mended", "end": "holding.ended"}[drift]
    wait_for(lambda: found in scene.events(), within=90, what=found)
    assert scene.world.works("alice") == (drift == "mend")
    scene.house.jitd("revoke", scene.last.grant)
    scene.is_over()
