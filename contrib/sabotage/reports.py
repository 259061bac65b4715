# SPDX-License-Identifier: Apache-2.0
"""A plug-in of pytest: what became of each test, one line of JSON each, into a file (``--reports-to``).

Law: it changes nothing. ``when`` tells a test that failed (call) from one that could not be tried (collect, setup, teardown).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

FILE = pytest.StashKey[Path]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reports-to", type=Path)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Reporter(config.getoption("--reports-to")))


class Reporter:
    """Writes down each report as it comes."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("w", buffering=1)  # before the tests: one of them may leave no descriptor to open another with

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report.nodeid, report.when or "", report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._note(report.nodeid, "collect", report)

    def _note(self, test: str, when: str, report: pytest.TestReport | pytest.CollectReport) -> None:
        crash = getattr(report.longrepr, "reprcrash", None)
        why = (crash.message if crash else report.longreprtext).strip().partition("\n")[0] if report.failed else ""
        line = json.dumps({"test": test, "when": when, "outcome": report.outcome, "why": why[:300]})
        self._file.write(line + "\n")
