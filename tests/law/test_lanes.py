# SPDX-License-Identifier: Apache-2.0
"""contrib/lanes/run: every test is in a lane, and no lane is green by luck."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from types import ModuleType

import pytest

from tests.law.tree import TREE


def load() -> ModuleType:
    """The script, as a module."""
    loader = importlib.machinery.SourceFileLoader("lanes", str(TREE / "contrib/lanes/run"))
    spec = importlib.util.spec_from_loader("lanes", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


lanes = load()
EVERY = sorted(str(path.relative_to(TREE)) for path in TREE.glob("tests/**/test_*.py"))


def test_every_file_of_tests_is_played() -> None:
    plain, under_systemd, with_db1 = lanes.test_files()
    assert len(EVERY) > 140
    assert set(plain) | set(under_systemd) | set(with_db1) == set(EVERY)


def test_what_takes_a_second_host_is_played_in_the_lab_that_has_one_and_nowhere_else() -> None:
    plain, under_systemd, with_db1 = lanes.test_files()
    assert with_db1 and all(file.startswith("tests/db1/") for file in with_db1)
    assert set(with_db1) & (set(plain) | set(under_systemd)) == set()


def test_what_is_played_under_systemd_exists() -> None:
    for pattern in lanes.UNDER_SYSTEMD:
        assert list(TREE.glob(pattern)), pattern


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_the_files_are_dealt_once_each_and_always_alike(n: int) -> None:
    hands = lanes.deal(EVERY, n, lanes.read_seconds())
    assert sorted(file for hand in hands for file in hand) == EVERY
    assert len(hands) == n and all(hands)
    assert hands == lanes.deal(list(reversed(EVERY)), n, lanes.read_seconds())


def test_no_lane_has_much_more_to_do_than_another() -> None:
    took = {"a": 9.0, "b": 5.0, "c": 4.0, "d": 1.0}
    assert lanes.deal(list(took), 2, took) == [["a", "d"], ["b", "c"]]


@pytest.mark.parametrize(
    ("last", "status", "counts", "worth"),
    [
        ("12 passed in 3.10s", 0, {"passed": 12}, 0),
        ("== 12 passed, 1 skipped, 3 deselected in 63.10s (0:01:03) ==", 0, {"passed": 12, "skipped": 1, "deselected": 3}, 0),
        ("1 failed, 11 passed in 3.10s", 1, {"failed": 1, "passed": 11}, 1),
        ("11 passed, 1 error in 3.10s", 1, {"passed": 11, "errors": 1}, 1),
        ("12 passed in 3.10s", 137, {"passed": 12}, 137),
        ("12 skipped in 3.10s", 0, {"skipped": 12}, 1),
        ("4 deselected in 0.10s", 5, {"deselected": 4}, 0),
        ("no tests ran in 0.10s", 5, {}, 0),
        ("no tests ran in 0.10s", 4, {}, 4),
        ("......", 0, {}, 1),
        ("lab: the kernel refuses an overlay of /", 125, {}, 125),
    ],
)
def test_a_lane_is_worth_what_it_says_of_itself(last: str, status: int, counts: dict[str, int], worth: int) -> None:
    assert lanes.judge(["....", last], status) == (counts, worth)
    assert lanes.judge([], status)[1] != 0


def test_what_a_failed_test_printed_is_told_whole_and_nothing_else() -> None:
    said = """\
.F [100%]
=================================== FAILURES ===================================
____ test_it ____
E   assert False
----- Captured stdout call -----
what it printed
============================== slowest durations ===============================
1.00s call     tests/a/test_a.py::test_it
=========================== short test summary info ============================
FAILED tests/a/test_a.py::test_it - assert False
1 failed, 1 passed in 1.00s""".splitlines()
    whole, short = lanes.faults("2", said)
    assert whole == [said[1] + "  [lane 2]", *said[2:6]]
    assert short == ["FAILED tests/a/test_a.py::test_it - assert False"]
    assert lanes.judge(said, 1)[0] == {"failed": 1, "passed": 1}


def test_a_lane_that_dies_is_told_whole() -> None:
    assert lanes.faults("2", ["....", "Killed"]) == (["....", "Killed"], ["ERROR lane 2 ended without a summary"])
