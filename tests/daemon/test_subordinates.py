# SPDX-License-Identifier: Apache-2.0
"""Subordinate uids count with their owner. Law: a number that is nobody's subordinate counts as itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from jitd.deciding.subordinates import Subordinates

TEXT = """\
alice:100000:65536
bob:165536:10
1003:200000:1
gone:300000:65536
alice:400000:65536
carol:x:65536
carol:500000
:600000:5
carol:700000:0
# a remark
"""


@pytest.mark.parametrize(
    ("uid", "owner"),
    [
        (0, 0), (1001, 1001), (99_999, 99_999), (100_000, 1001), (165_535, 1001), (165_536, 1002), (165_545, 1002),
        (165_546, 165_546), (200_000, 1003), (200_001, 200_001), (300_000, 300_000), (465_535, 1001), (500_000, 500_000),
        (600_000, 600_000), (700_000, 700_000), (2**32 - 1, 2**32 - 1),
    ],
)  # fmt: skip
def test_a_subordinate_uid_counts_with_its_owner(tmp_path: Path, uid: int, owner: int) -> None:
    """THREATS S-07."""
    file = tmp_path / "subuid"
    file.write_text(TEXT)
    made = Subordinates(file, {"alice": 1001, "bob": 1002, "carol": 1003}.get)
    assert made.owner_of(uid) == uid, "nothing was read yet"
    made.read()
    assert made.owner_of(uid) == owner
    file.unlink()
    made.read()
    assert made.owner_of(uid) == uid
