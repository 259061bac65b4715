# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a stage for each test, cleared afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.monitor.stage import Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    if os.getuid() != 0:
        pytest.fail("needs root: run the tests in the lab")
    stage = Stage()
    yield stage
    stage.close()
