# SPDX-License-Identifier: Apache-2.0
"""The sources of contrib/krb5 in a process of their own; a realm with a gated service. Law: one realm a file of tests."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.krb5.driver import TREE, Driver, build
from tests.krb5.realm import Realm

ADDRESSES = itertools.count(2)


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """drive.c with the sources, built once."""
    return build(tmp_path_factory.mktemp("krb5") / "drive", TREE / "tests/krb5/drive.c")


@pytest.fixture(scope="module")
def driver(program: Path) -> Iterator[Driver]:
    """A process that calls the sources. What a sanitizer finds at its end is a fault of the file."""
    one = Driver(program)
    yield one
    one.end()


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Realm]:
    """GATE.TEST: alice, bob, and services; its KDC and kadmind load the modules."""
    one = Realm("GATE.TEST", tmp_path_factory.mktemp("realm"), f"127.0.0.{next(ADDRESSES)}")
    one.create()
    try:
        yield one
    finally:
        one.stop()
