# SPDX-License-Identifier: Apache-2.0
"""Every kind of thing, and everything that its take might need and that is lost: the thing is taken back all the same.

Law: daemon, helpers, host and database are real. ``DAMAGE`` is what is lost in the database. After each test the
host equals itself before, and no holding is open.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.givers.scene import HELD, TAKING, Scene, house_for
from tests.givers.worlds import WORLDS, World
from tests.marks import by_day, full
from tests.waiting import wait_for

GARBAGE = "CAST('[' || CAST(document AS TEXT) AS BLOB)"


def change(scene: Scene, life: str, what: str) -> None:
    """Change the rows of ``life`` in the database. Its triggers allow no such change."""
    with closing(sqlite3.connect(scene.house.database, isolation_level=None)) as db:
        for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (f"{life}s",)):
            db.execute(f"DROP TRIGGER {trigger}")
        assert db.execute(what).rowcount >= 1, what


def unreadable(life: str) -> Callable[[Scene], None]:
    return lambda scene: change(scene, life, f"UPDATE {life}s SET document = {GARBAGE}")


ALL = tuple(WORLDS)
OTHER_KINDS = full("every day, each case is played with three of the kinds, and each kind in one or more of these cases")
FIRST, SECOND, THIRD = (
    ("account", "postgres-role", "ssh-certificate"),
    ("program", "sudoers", "vault"),
    ("account", "program", "vault"),
)


def gone(life: str) -> Callable[[Scene], None]:
    return lambda scene: change(scene, life, f"DELETE FROM {life}s")


def without_table(scene: Scene) -> None:
    scene.house.config_file.write_text(scene.house.config_file.read_text().replace(scene.world.config, ""))


def with_table(scene: Scene) -> None:
    scene.house.config_file.write_text(scene.house.config_file.read_text() + scene.world.config)


DAMAGE: dict[str, tuple[Callable[[Scene], None], ...]] = {
    "the grant is unreadable": (unreadable("grant"),),
    "the grant is gone": (gone("grant"),),
    "the request is unreadable": (unreadable("request"),),
    "the request is gone": (gone("request"),),
    "the holding is unreadable": (unreadable("holding"),),
    "grant and holding are unreadable": (unreadable("grant"), unreadable("holding")),
    "all three are unreadable": (unreadable("request"), unreadable("grant"), unreadable("holding")),
}
"""What is damaged while no daemon runs. The next daemon takes the thing back without anybody's doing."""


@pytest.fixture(scope="module")
def every_world() -> Iterator[dict[str, World]]:
    """All kinds, which are played side by side: a case mostly waits."""
    with ThreadPoolExecutor() as at_once:
        made = {kind: world() for kind, world in WORLDS.items()}
        list(at_once.map(lambda world: world.prepare(), made.values()))
        yield made
        list(at_once.map(lambda world: world.clear(), made.values()))


@pytest.fixture
def worlds(every_world: dict[str, World], kinds: tuple[str, ...]) -> list[World]:
    return [every_world[kind] for kind in kinds]


def play(worlds: list[World], case: Callable[[Scene], None]) -> None:
    """Play ``case`` for each kind with a daemon of its own, which does not run yet. Then the host is what it was before."""
    scenes = [Scene(world, house_for(world)) for world in worlds]
    try:
        with ThreadPoolExecutor(len(scenes)) as at_once:
            for done in [at_once.submit(_whole, case, scene) for scene in scenes]:
                done.result()
        for scene in scenes:
            scene.is_as_before()
    finally:
        for scene in scenes:
            scene.house.close()


def _whole(case: Callable[[Scene], None], scene: Scene) -> None:
    try:
        case(scene)
        scene.is_over()
    except BaseException as fault:
        fault.add_note(scene.world.thing)
        raise


def given(scene: Scene) -> str:
    """The thing is kept under a grant, whose id is returned. Its daemon has been killed."""
    scene.house.start()
    assert scene.get().end() == 0
    scene.house.kill()
    assert scene.world.works(scene.her)
    return scene.last.grant


EVERY_DAY = [
    ("the grant is gone", ("account", "vault")),
    ("the holding is unreadable", ("postgres-role", "program")),
    ("all three are unreadable", ("sudoers", "ssh-certificate")),
]
OTHERS = full(
    "every day, a row is gone, one is unreadable, and all are, each of two kinds; tests/system/test_damaged_rows.py has each row"
)


@pytest.mark.parametrize(("damage", "kinds"), by_day([*EVERY_DAY, *((damage, ALL) for damage in DAMAGE)], EVERY_DAY, OTHERS))
def test_whatever_is_damaged_in_the_database_the_thing_is_taken_back(worlds: list[World], damage: str) -> None:
    """THREATS O-02."""

    def case(scene: Scene) -> None:
        given(scene)
        for one in DAMAGE[damage]:
            one(scene)
        scene.house.start()

    play(worlds, case)


@pytest.mark.parametrize(("kinds",), by_day([(FIRST,), (ALL,)], [(FIRST,)], OTHER_KINDS))
def test_with_a_broken_policy_a_thing_is_kept_and_taken_back_when_it_is_revoked(worlds: list[World]) -> None:
    """THREATS O-02."""

    def case(scene: Scene) -> None:
        grant = given(scene)
        scene.house.set_policy("this is no policy")
        scene.house.start()
        assert scene.world.works(scene.her) and scene.is_in(HELD)
        scene.revoke(grant)

    play(worlds, case)


@pytest.mark.parametrize(("kinds",), by_day([(SECOND,), (ALL,)], [(SECOND,)], OTHER_KINDS))
def test_without_its_table_in_the_settings_a_thing_is_told_and_taken_back_when_the_table_is_there_again(
    worlds: list[World],
) -> None:
    """THREATS O-02: only the settings say where a server is, and by what program a thing is taken back."""

    def case(scene: Scene) -> None:
        grant = given(scene)
        without_table(scene)
        scene.house.start()
        scene.revoke(grant)
        table = f"[givers.{scene.world.thing.partition(':')[2]}]"
        wait_for(lambda: table in scene.log(), what="a word in the log")
        assert scene.is_in(TAKING) and scene.world.works(scene.her), "it is never called taken"
        told = scene.house.jitd("status").stdout
        assert table in told, told
        scene.house.kill()
        with_table(scene)
        scene.house.start()

    play(worlds, case)


@pytest.mark.parametrize(
    "is_started_without",
    [True, pytest.param(False, marks=full("every day, jitd has been started without the table, as after most upgrades"))],
)
@pytest.mark.parametrize(("kinds",), by_day([(THIRD,), (ALL,)], [(THIRD,)], OTHER_KINDS))
def test_check_says_what_is_held_without_its_table_and_what_it_says_to_type_takes_it_back(
    worlds: list[World], is_started_without: bool
) -> None:
    """THREATS O-02: before jitd is restarted, and afterwards."""

    def case(scene: Scene) -> None:
        grant = given(scene)
        config = str(scene.house.config_file)
        if not is_started_without:
            scene.house.start()
        assert "still-given" not in scene.house.jitd("check", config).stdout
        without_table(scene)
        if is_started_without:
            scene.house.start()
        checked = scene.house.jitd("check", config)
        said = [line for line in checked.stdout.splitlines() if "warning still-given" in line]
        assert checked.returncode == 0 and len(said) == 1 and scene.world.thing in said[0], checked
        assert scene.world.works(scene.her) and scene.is_in(HELD)
        by_her = scene.house.run(scene.her, "jitd", "check", config)
        assert by_her.returncode == 0 and "still-given" not in by_her.stdout, "nobody else reads the database"
        with_table(scene)
        if is_started_without:
            scene.house.restart()
        _, typed, id = said[0].partition("then: ")[2].split()
        assert (typed, id) == ("revoke", grant)
        scene.house.ended(typed, id)

    play(worlds, case)
