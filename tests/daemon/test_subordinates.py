# SPDX-License-Identifier: Apache-2.0
"""Subordinate uids count with their owner. Law: a number that is nobody's subordinate counts as itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from jitd.core.party import UNSEEN, Party
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
alice:1000000:65536
bob:1000100:10
carol:1000105:100
gone:2000000:10
root:4000000:65536
0:5000000:65536
root:0:1000
root:1500:1
"""


@pytest.mark.parametrize(
    ("uid", "owner"),
    [
        (0, 0), (1001, 1001), (99_999, 99_999), (100_000, 1001), (165_535, 1001), (165_536, 1002), (165_545, 1002),
        (165_546, 165_546), (200_000, 1003), (200_001, 200_001), (300_000, 300_000), (465_535, 1001), (500_000, 500_000),
        (600_000, 600_000), (700_000, 700_000), (2**32 - 1, 2**32 - 1),
        (1_000_099, 1001), (1_000_100, 1002), (1_000_105, 1003), (1_000_110, 1003), (1_000_205, 1001), (1_050_000, 1001),
        (1_065_535, 1001), (1_065_536, 1_065_536),
        (300_007, 300_000), (2_000_007, 2_000_000), (4_000_007, 4_000_000), (5_000_007, 5_000_000), (7, 1), (1500, 1500),
    ],
)  # fmt: skip
def test_a_subordinate_uid_counts_with_its_owner(tmp_path: Path, uid: int, owner: int) -> None:
    """THREATS S-07."""
    file = tmp_path / "subuid"
    file.write_text(TEXT)
    made = Subordinates(file, {"root": 0, "alice": 1001, "bob": 1002, "carol": 1003}.get)
    assert made.owner_of(uid) == uid, "nothing was read yet"
    made.read()
    assert made.owner_of(uid) == owner and made.party_of(uid) == Party.of_account(owner)
    file.unlink()
    made.read()
    assert made.owner_of(uid) == uid


def test_a_range_counts_as_one_account_while_nobody_can_say_who_its_owner_is(tmp_path: Path) -> None:
    """THREATS O-08: rootless containers of somebody whom only a directory knows."""
    file, directory = tmp_path / "subuid", {"alice@corp.example": 70001}
    file.write_text("alice@corp.example:200000:65536\n1003:300000:65536\n")
    made = Subordinates(file, directory.get)
    made.read_file()
    assert {made.owner_of(uid) for uid in range(200_000, 265_536)} == {200_000}, "no answer yet"
    assert made.owner_of(300_007) == 1003, "a number needs no directory"
    made.read()
    assert {made.owner_of(uid) for uid in range(200_000, 265_536)} == {70001}
    directory.clear()
    made.read()
    assert {made.owner_of(uid) for uid in range(200_000, 265_536)} == {70001}, "the last that was known"
    directory["alice@corp.example"] = 70002
    made.read()
    assert made.owner_of(200_007) == 70002


def test_what_nobody_can_see_counts_for_no_account(tmp_path: Path) -> None:
    """THREATS S-07: all of it counts together, and no uid, not even the last, shares the limit."""
    file = tmp_path / "subuid"
    file.write_text("1003:0:4294967296\n")
    made = Subordinates(file)
    made.read()
    assert made.party_of(None) == UNSEEN and made.party_of(2**32 - 1) == Party.of_account(1003)


def test_a_file_that_cannot_be_read_frees_nobody(tmp_path: Path) -> None:
    file = tmp_path / "subuid"
    file.write_text("1003:300000:65536\n")
    made = Subordinates(file)
    made.read()
    file.unlink()
    file.mkdir()
    made.read()
    assert made.owner_of(300_007) == 1003


@pytest.mark.parametrize(
    ("uid", "is_subordinate"),
    [(0, False), (1001, False), (100_007, True), (200_000, True), (2_000_000, True), (4_000_007, True), (8_000_000, False)],
)
def test_who_is_subordinate_is_told_apart_from_who_is_not(tmp_path: Path, uid: int, is_subordinate: bool) -> None:
    file = tmp_path / "subuid"
    file.write_text(TEXT + "1001:1001:1\n")
    made = Subordinates(file, {"root": 0, "alice": 1001}.get)
    made.read()
    assert made.is_subordinate(uid) is is_subordinate
