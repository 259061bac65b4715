# SPDX-License-Identifier: Apache-2.0
"""What is told of that which runs have left to others, in an answer and on a page."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.cli.past import left_behind
from jitd.core.run import Ending, Outcome, Run, Traces
from jitd.verbs.endings import MOST_TOLD, Endings
from tests.scene import START

RUN = Run("AAAA-AAAA", "AAAA-AAAA", "AAAA-AAAA", START, outcome=Outcome(Ending.EXITED, 0))
X = "units of systemd that began meanwhile and may live: x.service"
NEVER = "not looked at: containers, other schedulers, home directories"


def told(*runs: Run) -> str:
    store: Any = SimpleNamespace(run={one.id: one for one in runs}.get)
    nothing: Any = None
    return Endings(nothing, nothing, nothing, nothing, store, nothing)._left_behind([one.id for one in runs])


def test_of_runs_that_left_nothing_nothing_is_told() -> None:
    assert told(RUN, replace(RUN, id="BBBB-BBBB")) == ""


def test_what_one_run_has_left_is_told() -> None:
    """THREATS X-33."""
    left = replace(RUN, traces=Traces(("x.service",), ("/etc/cron.d/y",), ("alice",), ("3 more units",)))
    assert told(left) == (
        f"what ran under it is ended; {X}; files of systemd, at and cron that were made or changed meanwhile: /etc/cron.d/y; "
        f"lingering was switched on meanwhile for: alice; not named: 3 more units; {NEVER}"
    )


def test_of_a_run_whose_monitor_was_killed_it_is_told_that_nobody_has_looked() -> None:
    """THREATS X-33."""
    lost = replace(RUN, outcome=Outcome(Ending.LOST, 125, "its monitor was killed"))
    assert "not named: everything, because the monitor of the run was killed" in told(lost)


def test_of_many_runs_the_last_are_told_and_the_others_counted() -> None:
    """THREATS X-35: an answer has an end."""
    runs = [replace(RUN, id=f"AAAA-AAAA.{number}", traces=Traces(("x.service",))) for number in range(1, MOST_TOLD + 4)]
    said = told(RUN, *runs)
    assert said.count("x.service") == MOST_TOLD and f"after run AAAA-AAAA.{MOST_TOLD + 3}: {X}" in said
    assert "3 earlier runs have left something, too: see jitd show" in said and said.endswith(NEVER)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (None, ""),
        ({}, ""),
        ({"units": [], "files": [], "lingering": [], "unseen": []}, ""),
        ({"units": ["x.service"]}, f"{X}; {NEVER}"),
        ("hidden", ""),
        ({"units": "hidden", "later": ["y"]}, ""),
    ],
)
def test_a_row_is_read_whatever_another_version_or_a_restricted_view_has_left_of_it(row: object, words: str) -> None:
    assert left_behind(row) == words
