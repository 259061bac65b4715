# SPDX-License-Identifier: Apache-2.0
"""The year that all tests of reports are about."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from jitd.store.opening import read_store
from jitd_evidence.report.asked import scope_of
from jitd_evidence.report.figure import Scope
from tests.evidence.year import Year, write


@pytest.fixture(scope="session")
def year(tmp_path_factory: pytest.TempPathFactory) -> Year:
    """A year of a host. It is read, and never written."""
    return write(tmp_path_factory.mktemp("year", numbered=True))


@pytest.fixture(scope="session")
def quiet_year(tmp_path_factory: pytest.TempPathFactory) -> Year:
    """One with a sixth of the requests, for what does not depend on how many there are: a report of it takes a tenth."""
    return write(tmp_path_factory.mktemp("quiet", numbered=True), n=400)


@pytest.fixture(autouse=True)
def no_copy_is_left(tmp_path: Path) -> Iterator[None]:
    """pytest keeps the directory of each test, and a lab keeps it in memory: with a copy of the year in each, 1.5 GB."""
    yield
    shutil.rmtree(tmp_path)


@pytest.fixture
def scope(year: Year) -> Iterator[Scope]:
    """A report about the whole year, made at its end."""
    with closing(read_store(year.database)) as store:
        yield scope_of(store, year.policy, year.until, year.since, year.until)
