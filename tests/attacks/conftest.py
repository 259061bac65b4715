# SPDX-License-Identifier: Apache-2.0
"""The daemon that is attacked: the same houses as in ``tests/system``. Law: nothing is attacked outside the lab."""

import os
from collections.abc import Iterator

import pytest

from tests.system.conftest import HOST, House, house, own_house
from tests.waiting import PATIENCE

__all__ = ["house", "own_house"]
PATIENT = f"""#!/usr/bin/python3 -IS
import sys

sys.path += ["/usr/lib/jitd", "/usr/lib/jitd/site-packages"]
from jitd.deciding import kdc_liveness

kdc_liveness.PATIENCE = {PATIENCE}
from jitd.cli import main

raise SystemExit(main())
"""
"""A jitd that waits for the KDC as long as a busy host takes: a KDC that is silent for two seconds ends nobody's account."""


@pytest.fixture(scope="module")
def patient_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """As ``house``, with a daemon that waits for the KDC's answer."""
    jitd = tmp_path_factory.mktemp("patient") / "jitd"
    jitd.write_text(PATIENT)
    jitd.chmod(0o755)
    with House(starts_by=str(jitd)) as made:
        yield made


@pytest.fixture(scope="session", autouse=True)
def lab():
    """These tests make accounts, principals and keytabs: that host has to be a throwaway one."""
    assert os.uname().nodename == HOST, "these tests run in the lab: contrib/lab/lab --no-jitd …"
