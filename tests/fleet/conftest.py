# SPDX-License-Identifier: Apache-2.0
"""The stage of three hosts. Law: it is set nowhere but in the lab."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.fleet.stage import Fleet, fleet
from tests.system.conftest import HOST


@pytest.fixture(scope="session", autouse=True)
def lab() -> None:
    assert os.uname().nodename == HOST, "these tests run in the lab: contrib/lab/lab --no-jitd …"


@pytest.fixture(scope="module")
def three() -> Iterator[Fleet]:
    with fleet() as made:
        yield made
