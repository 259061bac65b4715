# SPDX-License-Identifier: Apache-2.0
"""What holds for all tests: how the properties are searched, and what may be left behind.

Every day the same few examples and no stopwatch, so that a busy machine fails no test. ``make test-full`` plays more of them
(``thorough``), ``pytest --hypothesis-profile=explore`` looks further, at random. ``make mutants`` asks what the few notice.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from contrib.lanes.first import is_first
from tests.leftovers import daemons, end_what_runs_since, mounts, rules, running, scratch
from tests.news import say_at_once
from tests.table import Row

EVERYDAY = settings(deadline=None, derandomize=True, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("everyday", EVERYDAY)
settings.register_profile("thorough", EVERYDAY, max_examples=300)
settings.register_profile("explore", EVERYDAY, derandomize=False, max_examples=5000)
# Found is found: a smaller example of a failure is not looked for.
settings.register_profile("mutants", EVERYDAY, phases=(Phase.explicit, Phase.generate))
settings.load_profile("everyday")

# Also what fails in a module that tests share says what it saw, and not AssertionError alone.
pytest.register_assert_rewrite(*{f"tests.{place.stem}" for place in Path(__file__).parent.iterdir()} - sys.modules.keys())

gc.disable()  # what collects ten thousand tests makes no garbage: a third of its time went to looking for some

# Started in the background, by nohup or by a profiler, all of this ignores signals that many a test sends to what it starts.
for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:  # Python ignores these two itself
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)


class NotInstalled(MetaPathFinder):
    """What contrib/install leaves out of the libraries cannot be imported in a test either, so each test shows that nothing
    needs it. (In a lab, the installed programs are without it by themselves.)"""

    def find_spec(self, name: str, *_: object) -> None:
        if f"{name}.".startswith(("cel_expr_python.ext.", "cffi.", "pycparser.")):
            raise ModuleNotFoundError(f"contrib/install leaves {name} out", name=name)


sys.meta_path.insert(0, NotInstalled())

TOLD_ON = 3
"""The descriptor on which pytest is told to go on, if it is held."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--share", metavar="K/N", default="1/1", help="of the tests that are chosen, each N-th, from the K-th on")
    parser.addoption(
        "--held", action="store_true", help=f"collect the tests, and play them when descriptor {TOLD_ON} gives a line"
    )
    parser.addoption("--first", action="store_true", help="the tests of the first answer alone (contrib/lanes/first.py)")
    parser.addoption("--rest", action="store_true", help="all others alone")
    parser.addoption("--row", metavar="TEXT", default="", help="of the tests that are tables, the rows whose name contains TEXT")
    parser.addoption("--news-at-once", action="store_true", help="in a lab: who waits is told at once, and not after a second")


def pytest_sessionstart(session: pytest.Session) -> None:
    if session.config.getoption("--news-at-once"):
        say_at_once()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What one executor alone does is no test of the other's. Of those that are left, the share is taken."""
    is_booted = os.path.isdir("/run/systemd/system")
    here = [item for item in items if not (is_booted and item.get_closest_marker("direct"))]
    if config.getoption("--first") or config.getoption("--rest"):
        here = [item for item in here if is_of_the_first_answer(item, is_booted=is_booted) == config.getoption("--first")]
    if text := config.getoption("--row"):
        here = [item for item in here if is_left_with_a_row(item, text)]
    number, n = map(int, config.getoption("--share").split("/"))
    taken = here[number - 1 :: n]
    kept = set(taken)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = taken


def is_of_the_first_answer(item: pytest.Item, *, is_booted: bool) -> bool:
    function, _, _ = item.name.partition("[")
    marks = {mark.name for mark in item.iter_markers()}
    return is_first(item.nodeid.partition("::")[0], function, marks, is_booted=is_booted)


def is_left_with_a_row(item: pytest.Item, text: str) -> bool:
    """Leave the rows out that are not chosen. False if it is no table, or no row is left of it."""
    rows: list[Row] = getattr(getattr(item, "function", None), "rows", [])
    rows[:] = [row for row in rows if text in row.name]
    return bool(rows)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Nobody who tells it is nobody who wants the tests played."""
    if not session.config.getoption("--held"):
        return
    told = os.read(TOLD_ON, 64)
    os.close(TOLD_ON)
    if not told:
        pytest.exit("nobody told it to go on", returncode=1)


def pytest_collection_finish() -> None:
    """Tests that collect garbage need not walk through ten thousand others: that was three minutes of a run. While tests are
    collected there is no garbage: see ``gc.disable`` above.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)  # as in jitd itself: examples are made and forgotten, and hardly any of them is garbage to look for
    gc.enable()


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """All tests of a run share one host: what one file leaves behind there is another one's surprise."""
    before, mounts_before, daemons_before, running_before = scratch(), mounts(), daemons(), set(running())
    rules_before = rules()
    yield
    left, mounts_left, daemons_left = sorted(scratch() - before), mounts() - mounts_before, daemons() - daemons_before
    end_what_runs_since(running_before)
    shared = tmp_path_factory.getbasetemp()
    opened = [str(place) for place in (shared, shared.parent) if place.stat().st_mode & 0o022]
    assert opened == [], "all may write there since this file, so nobody trusts what later tests place below"
    assert left == [], "left in /srv by the tests of this file"
    assert mounts_left == Counter(), "a mount is left by the tests of this file"
    assert daemons_left == set(), "a daemon is left by the tests of this file"
    assert rules() == rules_before, "rules of sudo, or stacks of PAM, are changed by the tests of this file"
