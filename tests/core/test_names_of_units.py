# SPDX-License-Identifier: Apache-2.0
"""Which arguments are files that may be shown as texts."""

from __future__ import annotations

import pytest

from jitd.core.script import is_unit


@pytest.mark.parametrize(
    ("line", "is_name"),
    [
        ("systemctl restart cron", True),
        ("/usr/bin/systemctl stop cron.service", True),
        ("sudo systemctl restart cron", True),
        ("systemctl link cron.service", False),
        ("systemctl enable ./cron.service", False),
        ("sh cron", False),
        ("bash systemctl", False),
    ],
)
def test_the_name_of_a_unit_is_no_file(line: str, is_name: bool) -> None:
    argv = line.encode().split()
    assert is_unit(argv, len(argv) - 1) == is_name
