# SPDX-License-Identifier: Apache-2.0
"""The daemon that is attacked: the same houses as in ``tests/system``. Law: nothing is attacked outside the lab."""

import os

import pytest

from tests.system.conftest import HOST, house, own_house

__all__ = ["house", "own_house"]


@pytest.fixture(scope="session", autouse=True)
def lab():
    """These tests make accounts, principals and keytabs: that host has to be a throwaway one."""
    assert os.uname().nodename == HOST, "these tests run in the lab: contrib/lab/lab --no-jitd …"
