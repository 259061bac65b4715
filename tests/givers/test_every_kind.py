# SPDX-License-Identifier: Apache-2.0
"""Every kind of thing × everything that can happen to it, with a daemon, a jitd-givers and a host that are real.

A kind is a row of worlds.WORLDS. Those with a secret are played by test_kinds_with_a_secret.py, so that lanes can share them.
The kinds of a file are played side by side (side_by_side.py), each with a daemon that serves its tests, one after another. Those
that move its clocks come last.
Law: after each test the host equals itself before, and no holding is open. The record verifies after the last one.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from jitd.core.holding import Ending
from jitd.lifecycle.owed import COMES_BACK_FOR
from jitd_things.givers.kinds import OF_NAME
from tests.givers.scene import ENDED, HELD, STAYS, TAKING, Scene
from tests.givers.side_by_side import Case, Kinds, on_set_clocks, with_own_daemon, with_shared_daemon
from tests.givers.worlds import WITH_SECRET, WORLDS
from tests.marks import full
from tests.system.test_locks import start_shifted
from tests.waiting import wait_for

KINDS = tuple(kind for kind in WORLDS if kind not in WITH_SECRET)
DAILY = ("sudoers", "vault")
"""The kinds with which each test is played every day: one of jitd-givers, and one of jitd-outside, which has a secret."""
OTHERS = full("every day, the test uses two kinds; other tests of the file use all kinds for what the kinds do themselves")
OTHER_WAYS = full("every day, the test uses each way with one kind; another test of the file starts jitd again with all kinds")
OTHER_SETTINGS = full("every day, the test uses one setting with each kind, and each setting with one kind or more")
OTHER_KILLS = full("every day, two kinds have both kills; with each other kind, jitd-givers is killed")
LASTS_FOR = 20.0
"""Seconds. Long enough to look at what is held, on a host that stalls for half of them."""
YEARS = 10 * 365 * 86400.0
CROSSED = {
    "whom": ("jitd", "jitd-givers"),
    "how": ("kill -9", "a restart"),
    "drift": ("tell", "mend", "end"),
}
"""Who is killed, how jitd ends, and what jitd.toml says of a thing that differs. Some kinds cannot be mended:
tests/daemon/test_config.py.
"""


def one_way(kind: str) -> tuple[str, ...]:
    return {"sudoers": ("kill -9",), "vault": ("a restart",)}.get(kind, ())


def one_setting(kind: str) -> tuple[str, ...]:
    return ("tell",) if kind == "vault" else ("end",) if kind in WITH_SECRET else ("mend",)


def kills(kind: str) -> tuple[str, ...]:
    return CROSSED["whom"] if kind in DAILY else ("jitd-givers",)


def of_jitd(others: pytest.MarkDecorator, daily: Callable[[str], tuple[str, ...]] | None = None) -> Callable[[Case], Case]:
    """The event of the test is jitd's own. Rows have the mark ``others``, but for those of the kinds in DAILY; or, if there is a
    ``daily``, but for the values ``daily(kind)``.
    """

    def marked(test: Case) -> Case:
        test.others, test.daily = others, daily  # type: ignore[attr-defined]
        return test

    return marked


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test is played for each of the KINDS of its module, with each value of CROSSED that the kind may have."""
    if "kind" not in metafunc.fixturenames:
        return
    others, daily = (getattr(metafunc.function, name, None) for name in ("others", "daily"))
    crossed = next((name for name in CROSSED if name in metafunc.fixturenames), "")
    rows = []
    for kind in metafunc.module.KINDS:
        for value in CROSSED.get(crossed, [""]):
            is_daily = not others or (value in daily(kind) if daily else kind in DAILY)
            if value != "mend" or OF_NAME[kind].IS_MENDED:
                rows.append(pytest.param(*((kind, value) if crossed else (kind,)), marks=() if is_daily else others))
    metafunc.parametrize(("kind", crossed) if crossed else ("kind",), rows)


@pytest.fixture(scope="module")
def kinds() -> Iterator[Kinds]:
    made = Kinds()
    yield made
    made.clear()


@with_shared_daemon
def test_it_is_given_for_a_command_and_taken_when_the_command_ends(scene: Scene) -> None:
    asking = scene.get("--", "sh", "-c", "echo here; exit 7")
    assert asking.end() == 7 and asking.out == "here\n", asking.err
    scene.is_over()
    assert scene.last.outcome.ending is Ending.TAKEN
    events = [event for event in scene.events() if event.startswith("holding")]
    assert events == ["holding.giving", "holding.given", "holding.taking", "holding.ended"]


@with_shared_daemon
def test_it_is_kept_until_it_is_revoked_and_may_be_given_twice_under_two_grants(scene: Scene) -> None:
    """The end of one leaves the other."""
    asking = scene.get()
    assert asking.end() == 0, asking.err
    assert f"{scene.world.thing} is yours until" in asking.err
    assert scene.world.works(scene.her) and not scene.world.works(scene.him)
    stopped = scene.house.jitd("stop", scene.last.grant)
    assert stopped.returncode == 4 and f"jitd revoke {scene.last.grant}" in stopped.stderr
    assert scene.world.works(scene.her)
    first = scene.last
    assert scene.get().end() == 0
    second = scene.last
    assert first.id != second.id
    scene.house.ended("revoke", first.grant)
    wait_for(lambda: len(scene.house.kept("holdings")) == (0 if second.grant == first.grant else 1), what="the end of the first")
    assert scene.world.works(scene.her) == (second.grant != first.grant)
    scene.revoke(second.grant)
    scene.is_over()


@of_jitd(OTHERS)
@with_shared_daemon
def test_it_is_taken_when_the_person_is_locked(scene: Scene) -> None:
    scene.given()
    assert scene.house.jitd("lock", "--user", scene.her, "--reason", "x").returncode == 0
    try:
        scene.is_over()
    finally:
        assert scene.house.jitd("unlock", "--user", scene.her).returncode == 0


@of_jitd(OTHERS)
@with_shared_daemon
def test_it_is_taken_when_the_requester_is_killed(scene: Scene) -> None:
    asking = scene.given()
    asking.process.kill()
    scene.is_over()


@of_jitd(OTHER_WAYS, one_way)
@with_shared_daemon
def test_it_is_taken_after_the_daemon_was_gone(scene: Scene, how: str) -> None:
    asking = scene.given()
    scene.house.kill() if how == "kill -9" else scene.house.stop()
    asking.process.send_signal(signal.SIGKILL)
    assert scene.world.works(scene.her), "nobody takes it while there is no daemon"
    scene.house.start()
    scene.revoke(scene.last.grant)
    scene.is_over()


@of_jitd(OTHER_KILLS, kills)
@with_shared_daemon
def test_killed_while_it_is_taken_it_is_taken_after_that(scene: Scene, whom: str) -> None:
    """THREATS Q-15. At whatever moment of the deed the kill comes."""
    scene.given().process.kill()
    wait_for(lambda: not scene.is_in(HELD), what="a thing that is taken back")
    scene.kill(whom)
    scene.is_over()


@with_shared_daemon
def test_what_cannot_be_given_is_not_said_to_be_given(scene: Scene) -> None:
    scene.break_it()
    asking = scene.get(*STAYS)
    assert asking.end() != 0 and "here" not in asking.out
    scene.mend()
    assert "could not be given" in asking.err
    scene.is_over()


@with_shared_daemon
def test_what_cannot_be_taken_now_is_taken_later_and_never_called_taken_before(scene: Scene) -> None:
    """THREATS Q-15."""
    asking = scene.given()
    scene.break_it()
    revoked = scene.house.jitd("revoke", scene.last.grant)
    assert revoked.returncode == 1 and scene.world.thing in revoked.stderr, "it is never called taken"
    wait_for(lambda: scene.is_in(TAKING), what="a thing that is being taken back")
    asking.end()
    wait_for(lambda: "not taken back yet" in scene.log(), what="a word in the log")
    assert scene.is_in(TAKING) and scene.world.works(scene.her)
    scene.house.restart()
    assert scene.is_in(TAKING)
    scene.mend()
    scene.is_over()


@with_shared_daemon
def test_two_people_have_it_and_the_end_of_one_leaves_the_other(scene: Scene) -> None:
    """THREATS Q-11."""
    scene.given()
    hers = scene.last
    assert scene.get(who=scene.him).end() == 0
    assert scene.world.works(scene.her) and scene.world.works(scene.him)
    scene.house.ended("revoke", hers.grant)
    assert not scene.world.works(scene.her) and scene.world.works(scene.him)
    scene.revoke(scene.last.grant)
    scene.is_over()


@with_shared_daemon
def test_what_somebody_took_away_by_hand_is_taken_without_a_complaint(scene: Scene) -> None:
    scene.given()
    scene.world.remove_by_hand()
    scene.revoke(scene.last.grant)
    scene.is_over()


@of_jitd(OTHER_SETTINGS, one_setting)
@with_shared_daemon
def test_what_somebody_took_away_by_hand_is_found_when_jitd_starts(scene: Scene, drift: str) -> None:
    if drift == "mend" and scene.world.thing.startswith("postgres-role:"):
        return  # nobody but the holder knows the password, and it is not replaced
    assert scene.get().end() == 0
    scene.house.kill()  # it cannot find out before it starts
    scene.world.remove_by_hand()
    with told_in_config(scene, drift):
        scene.house.start()
    found_and_over(scene, drift)


# --- with a daemon whose clocks are set -----------------------------------------------------------------------------------


@of_jitd(OTHER_KILLS, kills)
@on_set_clocks
def test_killed_while_it_is_given_it_is_taken_back(scene: Scene, whom: str) -> None:
    """THREATS Q-15. At whatever moment of the deed the kill comes."""
    asking = scene.get(*STAYS)
    wait_for(lambda: scene.holdings() or asking.process.poll() is not None, what="a thing that is given")
    scene.kill(whom, start=start_shifted)
    asking.process.kill()
    if whom == "jitd":  # one that was started anew waits so long for the client
        scene.set_clocks(boot=-COMES_BACK_FOR)
    scene.is_over()


@of_jitd(OTHERS)
@on_set_clocks
def test_it_is_taken_at_its_time_whatever_the_clock_says(scene: Scene) -> None:
    scene.lasts(f"{LASTS_FOR:g}s")
    scene.set_clocks()
    asked_at = time.monotonic()
    asking = scene.given()
    for wall in (YEARS, -YEARS):
        scene.set_clocks(wall=wall)
    asking.end()  # whoever looks for the end meanwhile in the store takes more of the processor than the daemon
    assert time.monotonic() - asked_at >= LASTS_FOR
    assert "is taken back" in asking.err
    wait_for(lambda: scene.is_in(ENDED), what="the end of what is held")
    scene.is_over()
    scene.set_clocks(wall=0.0)
    scene.lasts()


@of_jitd(OTHERS)
@on_set_clocks
def test_it_is_taken_after_the_host_was_booted_anew(scene: Scene) -> None:
    scene.set_clocks()
    asking = scene.get()
    assert asking.end() == 0, asking.err
    assert scene.world.works(scene.her)
    scene.house.kill()
    start_shifted(scene.house, id="another-boot")
    scene.is_over()


# --- with a daemon of its own ---------------------------------------------------------------------------------------------


@full("it waits for the check that jitd makes each minute; every day, a test uses the check at jitd's start")
@with_own_daemon
def test_what_somebody_took_away_by_hand_is_found_within_the_minute(scene: Scene, drift: str) -> None:
    with told_in_config(scene, drift):
        scene.house.start()
    assert scene.get().end() == 0
    scene.world.remove_by_hand()
    found_and_over(scene, drift)


@contextmanager
def told_in_config(scene: Scene, drift: str) -> Iterator[None]:
    """A daemon that is started meanwhile has ``drift`` as the setting of the thing."""
    file, name = scene.house.config_file, scene.world.thing.partition(":")[2]
    before = file.read_text()
    file.write_text(before.replace(f"[givers.{name}]", f'[givers.{name}]\ndrift = "{drift}"'))
    yield
    file.write_text(before)


def found_and_over(scene: Scene, drift: str) -> None:
    """The difference is found, and the daemon does what ``drift`` says."""
    found = {"tell": "thing.differs", "mend": "thing.mended", "end": "holding.ended"}[drift]
    wait_for(lambda: found in scene.events(), within=90, what=found)
    assert scene.world.works(scene.her) == (drift == "mend")
    scene.revoke(scene.last.grant)
    scene.is_over()
