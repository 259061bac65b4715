# SPDX-License-Identifier: Apache-2.0
"""How many seconds of a processor each file of tests takes: ``pytest -p tests.processor``, in a lab.

Law: all processes of the lab count, those that have ended, too: what a process took is added to whoever waited for it
(proc_pid_stat(5)). So a file is told with what its daemons, its KDC and its people took, and with what ran at the same time.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import pytest

PER_SECOND = os.sysconf("SC_CLK_TCK")


def used() -> float:
    """Seconds of a processor that were used in this lab until now."""
    ticks = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile, and its parent has its time
        ticks += sum(map(int, fields[11:15]))
    return ticks / PER_SECOND


class Meter:
    """It looks after each file, which costs a few milliseconds: after each test, it would measure itself."""

    def __init__(self) -> None:
        self._took: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._before = used(), time.monotonic()

    def _note(self, what: str) -> None:
        now = used(), time.monotonic()
        self._took[what] = [one + after - before for one, after, before in zip(self._took[what], now, self._before, strict=True)]
        self._before = now

    def pytest_collection_finish(self) -> None:
        self._note("(collected)")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
        done = yield
        if nextitem is None or nextitem.path != item.path:
            self._note(item.nodeid.partition("::")[0])
        return done

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("seconds of a processor, and of the clock")
        for file, (processor, clock) in sorted(self._took.items(), key=lambda one: -one[1][0]):
            terminalreporter.write_line(f"{processor:8.1f} {clock:8.1f} {file}")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Meter(), "meter")
