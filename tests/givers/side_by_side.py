# SPDX-License-Identifier: Apache-2.0
"""Plays a case for several kinds of things at the same time, because a case mostly waits.

A row is a case with its parameters. Each row has one test for each kind. The first of these tests plays the row for all kinds.
Then each test tells how the row ended for its own kind.
Law: a snapshot of the host is taken while nothing is played. After each row the host equals itself before, and no holding is
open. Kinds change nothing in common, but for the files of accounts and groups: two kinds may notice what one of them leaves.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import Enum, auto
from functools import partial, wraps

import pytest

from tests.givers.scene import Scene, house_for
from tests.givers.worlds import WORLDS, World
from tests.system.conftest import House

Case = Callable[..., None]
"""What is played. The first parameter is the scene. The others are those of the row."""


class Daemon(Enum):
    """The daemon with which a case is played."""

    SHARED = auto()
    """It runs when the case begins, on the host's clocks."""
    ON_SET_CLOCKS = auto()
    """It runs when the case begins, and the case may set its clocks. They cannot be put back: it serves no SHARED case after."""
    OWN = auto()
    """It is not started yet, and serves no other case."""


def with_shared_daemon(case: Case) -> Case:
    """The test of ``case``. The daemon of a kind serves all such cases. It runs when the case begins."""
    return _test_of(case, Daemon.SHARED)


def on_set_clocks(case: Case) -> Case:
    """The test of ``case``, which sets the clocks of the shared daemon. Such cases come after those of with_shared_daemon."""
    return _test_of(case, Daemon.ON_SET_CLOCKS)


def with_own_daemon(case: Case) -> Case:
    """The test of ``case``, which has a daemon of its own. It is not started yet. No other daemon looks at what it gives."""
    return _test_of(case, Daemon.OWN)


def _test_of(case: Case, daemon: Daemon) -> Case:
    of_row = list(inspect.signature(case).parameters.values())[1:]
    of_test = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ("request", "kinds", "kind")]

    @wraps(case)
    def test(request: pytest.FixtureRequest, kinds: Kinds, kind: str, **row: object) -> None:
        played = (request.node.originalname, *row.items())
        if not kinds.have(played):
            kinds.play(played, _kinds_of(request.node, row), partial(case, **row), daemon)
        if (fault := kinds.fault(played, kind)) is not None:
            raise fault

    test.__signature__ = inspect.Signature([*of_test, *of_row])  # type: ignore[attr-defined]
    return test


def _kinds_of(test: pytest.Function, row: Mapping[str, object]) -> list[str]:
    """The kinds for which the row of ``test`` is wanted: somebody may have chosen a few."""
    functions = (item for item in test.session.items if isinstance(item, pytest.Function))
    same = (item.callspec.params for item in functions if (item.module, item.originalname) == (test.module, test.originalname))
    return [str(params["kind"]) for params in same if all(params[name] == value for name, value in row.items())]


class Kind:
    """One kind, and the daemon that its cases share."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._world: World | None = None
        self._house: House | None = None
        self._scene: Scene | None = None
        self._had = Daemon.SHARED

    def begin(self, daemon: Daemon) -> None:
        """Have a daemon for a case."""
        if self._world is None:
            world = WORLDS[self._name]()
            world.prepare()
            self._world = world
        if daemon is Daemon.OWN or daemon is Daemon.SHARED is not self._had:
            self.end_daemon()
        self._had = daemon
        if self._house is None:
            self._house = house_for(self._world)
            if daemon is not Daemon.OWN:
                self._house.start()

    def look(self) -> None:
        """See what the host is before the case."""
        assert self._world is not None and self._house is not None
        self._scene = Scene(self._world, self._house)

    def play(self, case: Case) -> None:
        """Play it until nothing is held any more."""
        assert self._scene is not None
        try:
            case(self._scene)
            self._scene.is_over()
        finally:
            self._scene.leave()

    def compare(self) -> None:
        """The host is what it was before the case."""
        assert self._scene is not None
        self._scene.is_as_before()

    def end(self, daemon: Daemon) -> None:
        """End a daemon that is to serve no other case."""
        if daemon is Daemon.OWN:
            self.end_daemon()

    def end_daemon(self) -> None:
        """End a daemon whose record verifies."""
        house, self._house = self._house, None
        if house is not None:
            try:
                house.verify()
            finally:
                house.close()

    def clear(self) -> None:
        """Leave nothing, whatever was played."""
        try:
            self.end_daemon()
        finally:
            world, self._world = self._world, None
            if world is not None:
                world.clear()


class Kinds:
    """The kinds of one file of tests, and what became of the rows that were played."""

    def __init__(self) -> None:
        self._kinds: dict[str, Kind] = {}
        self._faults: dict[object, dict[str, BaseException]] = {}

    def have(self, played: object) -> bool:
        """True if the row ``played`` has been played."""
        return played in self._faults

    def fault(self, played: object, kind: str) -> BaseException | None:
        """What went wrong with ``kind`` in the row ``played``."""
        return self._faults[played].get(kind)

    def play(self, played: object, names: list[str], case: Case, daemon: Daemon) -> None:
        """Play a row for the kinds ``names`` side by side. A kind with a fault is made anew, so that the next row may pass."""
        kinds = {name: self._kinds.setdefault(name, Kind(name)) for name in names}
        faults = self._faults[played] = {}
        begin, end = (partial(step, daemon=daemon) for step in (Kind.begin, Kind.end))
        for step in (begin, Kind.look, partial(_play, case=case), Kind.compare, end):
            faults |= in_step(step, {name: kind for name, kind in kinds.items() if name not in faults})
        for name, more in in_step(Kind.clear, {name: kinds[name] for name in faults}).items():
            faults[name].add_note(f"Nor could it be cleared: {more}")

    def clear(self) -> None:
        """Leave nothing. Raises the faults of all kinds."""
        faults = in_step(Kind.clear, self._kinds)
        if faults:
            raise BaseExceptionGroup(f"at the end of {', '.join(faults)}", list(faults.values()))


def _play(kind: Kind, case: Case) -> None:
    kind.play(case)


def in_step(step: Callable[[Kind], None], kinds: Mapping[str, Kind]) -> dict[str, BaseException]:
    """Do ``step`` with all ``kinds`` at the same time, and return the faults when the last one is done."""
    with ThreadPoolExecutor(max(1, len(kinds))) as lanes:
        doing = {name: lanes.submit(step, kind) for name, kind in kinds.items()}
        return {name: fault for name, done in doing.items() if (fault := done.exception()) is not None}
