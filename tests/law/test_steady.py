# SPDX-License-Identifier: Apache-2.0
"""What makes tests fail on a busy host is not in the tree: waits for a time, seconds in assertions, readers that do not end.

Law: docs/testing.md sorts the tests that were unsteady by cause. Of the causes that can be read in a test, this file finds more.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pytest

from contrib.docs.marks import files
from tests.daemon.records import lines_in
from tests.law.test_marks import ALL

RESTS = {
    "tests/board/test_board.py": 2,
    "tests/booted/test_doctor.py": 1,
    "tests/client/test_agent_for_all.py": 2,
    "tests/client/test_reading.py": 1,
    "tests/client/test_requester.py": 5,
    "tests/client/test_terminal.py": 1,
    "tests/client/test_waiting.py": 1,
    "tests/daemon/test_deadlines_kept.py": 2,
    "tests/daemon/test_frames.py": 1,
    "tests/daemon/test_lists.py": 1,
    "tests/daemon/test_many_recordings.py": 1,
    "tests/daemon/test_releasing.py": 1,
    "tests/fleet/test_lies_of_an_engine.py": 1,
    "tests/givers/hostile.py": 1,
    "tests/givers/hostile_holder.py": 1,
    "tests/kerberos/test_given.py": 1,
    "tests/kerberos/test_initiator.py": 1,
    "tests/kerberos/test_ticket.py": 1,
    "tests/monitor/stage.py": 2,
    "tests/monitor/test_ending.py": 3,
    "tests/monitor/test_handing_over.py": 1,
    "tests/monitor/test_keeper.py": 2,
    "tests/monitor/test_recording.py": 2,
    "tests/monitor/test_restart.py": 3,
    "tests/monitor/test_running.py": 3,
    "tests/monitor/test_session.py": 2,
    "tests/monitor/test_spare.py": 1,
    "tests/monitor/test_terminal.py": 1,
    "tests/pam/test_failures.py": 1,
    "tests/pam/test_programs.py": 1,
    "tests/system/breakages.py": 1,
    "tests/system/killing.py": 1,
    "tests/system/test_crashes.py": 1,
    "tests/system/test_daemon_away.py": 2,
    "tests/system/test_failing_disks.py": 3,
    "tests/system/test_fork_server.py": 1,
    "tests/system/test_lab.py": 1,
    "tests/system/test_observed.py": 1,
}
"""How many each file has. Most have been looked at: nothing is to come meanwhile, a clock goes on, or somebody slow is played.
A busy host makes such a test weaker, and does not fail it. What should come is waited for (tests/waiting.py)."""
HANGS = 60.0
"""Seconds from which on a sleep stands for what never ends, and a bound is of what hangs."""
TIMED = {(mark.file, test) for mark in ALL if mark.name == "timed" for test in mark.tests}
READS = {"recv", "read", "readline", "readexactly", "recv_into"}
CLOCKS = {"monotonic", "perf_counter"}


@dataclass(frozen=True)
class File:
    """A file of tests: its place, and its syntax with what each node stands in."""

    place: str
    syntax: ast.Module

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """What ``node`` stands in, from the inside."""
        while (node := self.parents.get(node, self.syntax)) is not self.syntax:
            yield node

    @property
    def parents(self) -> dict[ast.AST, ast.AST]:
        return _parents(self.syntax)

    def is_timed(self, node: ast.AST) -> bool:
        return any((self.place, getattr(each, "name", "")) in TIMED for each in self.above(node))

    def found(self, nodes: list[ast.AST]) -> list[str]:
        return [f"{self.place}:{node.lineno}" for node in nodes]  # type: ignore[attr-defined]


@cache
def _parents(syntax: ast.Module) -> dict[ast.AST, ast.AST]:
    return {below: node for node in ast.walk(syntax) for below in ast.iter_child_nodes(node)}


def last_name(called: ast.AST) -> str:
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def calls(node: ast.AST, names: set[str]) -> list[ast.Call]:
    """The calls in ``node`` of a function that has one of these names. ``os.read`` raises at the end of a terminal."""
    found = [each for each in ast.walk(node) if isinstance(each, ast.Call) and last_name(each.func) in names]
    return [each for each in found if ast.unparse(each.func) != "os.read"]


def rests(file: File) -> list[ast.AST]:
    """Each wait for a time that is over without an event, and without a look whether it has come."""
    found: list[ast.AST] = []
    for call in calls(file.syntax, {"sleep"}):
        seconds = number(file, call.args[0]) if call.args else 0.0
        inner = []
        for each in file.above(call):
            inner.append(each)
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                break
        is_pause = any(isinstance(each, ast.While | ast.For | ast.AsyncFor) for each in inner)
        if not is_pause and seconds != 0.0 and (seconds or 0.0) < HANGS and not file.is_timed(call):
            found.append(call)
    return found


def number(file: File, value: ast.expr) -> float | None:
    """What ``value`` is, if it is written here: PATIENCE, and a number of which one part is larger than that, is a hang's."""
    match value:
        case ast.Constant(value=int() | float() as seconds):
            return float(seconds)
        case ast.Name(id=name) if "PATIENCE" in name:
            return HANGS
        case ast.Name(id=name):
            given = [
                node.value for node in file.syntax.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
            ]
            return number(file, given[0]) if given else None
        case ast.BinOp(left=left, right=right, op=ast.Add() | ast.Mult()):
            return max((number(file, left) or 0.0, number(file, right) or 0.0)) or None
    return None


def hurries(file: File) -> list[ast.AST]:
    """Each assertion that less time has passed than a busy host may take, outside of tests that are ``timed``."""
    found: list[ast.AST] = []
    for made in (node for node in ast.walk(file.syntax) if isinstance(node, ast.Assert)):
        for compared in (node for node in ast.walk(made.test) if isinstance(node, ast.Compare)):
            sides = [compared.left, *compared.comparators]
            for less, op, more in zip(sides, compared.ops, sides[1:], strict=False):
                is_bound = isinstance(op, ast.Lt | ast.LtE) and isinstance(less, ast.BinOp) and calls(less, CLOCKS)
                if is_bound and (number(file, more) or 0.0) < HANGS and not file.is_timed(made):
                    found.append(made)
    return found


def endless(file: File) -> list[ast.AST]:
    """Each loop that reads and never ends if the other side has ended: it reads nothing from then on, again and again."""
    found: list[ast.AST] = []
    for loop in (node for node in ast.walk(file.syntax) if isinstance(node, ast.While)):
        reads = [call for line in loop.body for call in calls(line, READS)]
        exits = (ast.Break, ast.Return, ast.Raise, ast.Assert, ast.Yield, ast.With, ast.AsyncWith)
        is_served = isinstance(loop.test, ast.Constant)  # what ends it is no condition, but a fault or a signal
        if (
            is_served
            or not reads
            or calls(loop.test, READS)
            or any(isinstance(node, exits) for line in loop.body for node in ast.walk(line))
        ):
            continue
        is_polled = any(
            "BlockingIOError" in ast.unparse(each.items[0]) for each in file.above(loop) if isinstance(each, ast.With)
        )
        if not is_polled:
            found.append(loop)
    return found


ABOUT = re.compile(r"\bsleep\(|assert .*\b(monotonic|perf_counter)\(|\bwhile .*:\n(.*\n){0,3}?.*\b(recv|read|readline)", re.M)
"""What one of the three is about: to parse all files takes seconds."""


@cache
def every() -> tuple[File, ...]:
    return tuple(File(place, ast.parse(text)) for place, text in files() if ABOUT.search(text))


def test_who_waits_waits_for_an_event() -> None:
    found = [(file, resting) for file in every() if (resting := rests(file))]
    assert [place for file, resting in found if len(resting) > RESTS.get(file.place, 0) for place in file.found(resting)] == []
    assert {file.place: len(resting) for file, resting in found} == RESTS, "there are fewer: so it stays"


def test_seconds_are_asserted_in_timed_tests_alone() -> None:
    assert [place for file in every() for place in file.found(hurries(file))] == []


def test_who_reads_until_something_comes_ends_with_the_other_side() -> None:
    assert [place for file in every() for place in file.found(endless(file))] == []


def test_what_fails_in_a_module_that_tests_share_says_what_it_saw() -> None:
    """Such a failure may not come again soon."""
    with pytest.raises(AssertionError, match="assert .*half a line"):
        lines_in([{"text": "half a line"}])


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("def test_it():\n    time.sleep(1)", True),
        ("async def play():\n    await asyncio.sleep(0.05)", True),
        ("def test_it():\n    stage.sleep(LATE)\n", True),
        ("def test_it():\n    while not seen():\n        time.sleep(0.01)", False),
        ("def hangs():\n    time.sleep(600)", False),
        ("async def play():\n    await asyncio.sleep(0)", False),
        ("for one in ():\n    def slow():\n        time.sleep(1)", True),
    ],
)
def test_a_wait_for_a_time_is_found(text: str, is_found: bool) -> None:
    assert bool(rests(File("tests/x.py", ast.parse(text)))) is is_found


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("assert time.monotonic() - began < 5", True),
        ("assert 2.9 < time.monotonic() - began < 30", True),
        ("SOON = 3.0\nassert perf_counter() - began <= 2 * SOON", True),
        ("assert time.monotonic() - began < WITHIN", True),
        ("assert time.monotonic() - began < within + PATIENCE", False),
        ("assert time.monotonic() - began < 120", False),
        ("assert time.monotonic() - began >= 2", False),
        ("assert time.monotonic() < until", False),
    ],
)
def test_a_bound_that_a_busy_host_may_miss_is_found(text: str, is_found: bool) -> None:
    assert bool(hurries(File("tests/x.py", ast.parse(text)))) is is_found


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("while b'x' not in said:\n    said += one.recv(9)", True),
        ("while said != b'x':\n    said = await reader.readline()", True),
        ("while (body := frames.next()) is None:\n    frames.feed(door.recv(1))", True),
        ("while b'x' not in said:\n    assert (some := one.recv(9))\n    said += some", False),
        ("while one.recv(9):\n    pass", False),
        ("while b'x' not in said and (some := one.recv(9)):\n    said += some", False),
        ("with suppress(BlockingIOError):\n    while True:\n        found.append(line.recv(9))", False),
    ],
)
def test_a_reader_that_does_not_notice_the_end_is_found(text: str, is_found: bool) -> None:
    assert bool(endless(File("tests/x.py", ast.parse(text)))) is is_found
