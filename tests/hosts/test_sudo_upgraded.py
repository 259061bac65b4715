# SPDX-License-Identifier: Apache-2.0
"""A host with jitd's plugin of sudo, in an upgrade of sudo from Debian 12 to 13.

These tests run on the host itself, in a lane of `contrib/lanes/run` that is no lab: they take a mirror of Debian.
"""

from __future__ import annotations

import pytest

from tests.hosts.packages import here, lived
from tests.law.tree import TREE


@pytest.mark.skipif(here() != "bookworm", reason="what is installed was compiled on this host, and is to run on Debian 12")
@pytest.mark.parametrize("option", ["--force-confnew", "--force-confold"])
def test_roots_sudo_works_in_an_upgrade_and_a_line_that_it_takes_away_is_found(option: str) -> None:
    """THREATS P-20"""
    line = [TREE / "contrib/on", "--packages", "python3,sudo,libgssapi-krb5-2", "--tree", TREE, "bookworm"]
    said = lived(*line, TREE / "tests/hosts/sudo_life", TREE, option)
    assert said.endswith("all as told\n"), said
