# SPDX-License-Identifier: Apache-2.0
"""One run of tests in a child of its own, in which one module is another than its file says.

Law: the child imports the product and the tests anew, so that whoever imports from the changed module gets the change; it writes
nothing but its answer; no clock but the CPU's has a part, so that a busy host kills no mutant.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.machinery
import json
import os
import resource
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

TREE = Path(__file__).resolve().parents[2]
CPU_FOR, CPU_TIMES = 3.0, 2.0
"""A test that takes this many seconds of CPU more than twice what it took while it was traced has lost its end."""
COLLECTED_IN = 60.0
PATIENCE = 30.0
STILL_FOR = 3
"""A child that uses no CPU to speak of in so many times so many seconds waits for what never comes."""
SEEN_AFTER = 100
"""A function that ran so often in one test without a new line is looked at no more in that test: what for, it only takes time."""
MOST_MEMORY = 4 << 30


@dataclass
class Answer:
    """What a child said: pytest's status (None if it died), the first test that failed, how long each took, and what each ran."""

    status: int | None = None
    failed: str = ""
    took: dict[str, float] = field(default_factory=dict)
    ran: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    is_in_place: bool = False
    output: str = ""


class _Finder(importlib.machinery.PathFinder):
    """Finds the modules of which it has a tree, and compiles that."""

    def __init__(self, trees: Mapping[str, ast.Module]) -> None:
        self.trees = trees
        self.found: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in self.trees:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        assert spec is not None and spec.origin is not None
        spec.loader = _Loader(name, spec.origin, self)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, finder: _Finder) -> None:
        super().__init__(name, path)
        self.finder = finder

    def get_code(self, fullname: str) -> CodeType | None:
        self.finder.found.add(fullname)
        return compile(self.finder.trees[fullname], self.path, "exec", dont_inherit=True)


class _Watch:
    """The plugin: chooses the tests, times them, and says which failed; with ``traced``, also which lines each of them ran."""

    def __init__(self, chosen: Mapping[str, float] | None, traced: Mapping[str, str]) -> None:
        self.chosen, self.traced = chosen, traced
        self.answer = Answer()
        self._ran: dict[str, set[int]] = {}
        self._calls: dict[CodeType, int] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self.chosen is not None:
            items[:] = [item for item in items if item.nodeid in self.chosen]

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        usual = (self.chosen or {}).get(item.nodeid, 0.0)
        signal.setitimer(signal.ITIMER_PROF, 0 if self.traced else CPU_FOR + CPU_TIMES * usual)
        began = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        if self.traced:
            self._ran, self._calls = {}, {}
            threading.settrace(self._trace)
            sys.settrace(self._trace)
        yield
        sys.settrace(None)
        signal.setitimer(signal.ITIMER_PROF, 0)
        self.answer.took[item.nodeid] = resource.getrusage(resource.RUSAGE_SELF).ru_utime - began
        if self._ran:
            self.answer.ran[item.nodeid] = {module: sorted(lines) for module, lines in self._ran.items()}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.answer.failed:
            self.answer.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.answer.failed:
            self.answer.failed = report.nodeid

    def _trace(self, frame: FrameType, event: str, arg: object) -> Callable[..., Any] | None:
        module = self.traced.get(frame.f_code.co_filename)
        if module is None:
            return None
        calls = self._calls.get(frame.f_code, 0)
        if calls >= SEEN_AFTER:
            return None
        self._calls[frame.f_code] = calls + 1
        lines = self._ran.setdefault(module, set())

        def line(frame: FrameType, event: str, arg: object) -> Callable[..., Any]:
            if frame.f_lineno not in lines:
                lines.add(frame.f_lineno)
                self._calls[frame.f_code] = 0
            return line

        lines.add(frame.f_lineno)
        return line


@dataclass(frozen=True)
class Trial:
    """What is to be run: the tests ``paths``, or of them the ``chosen`` (with their usual times), with ``trees`` in place."""

    paths: Sequence[str]
    chosen: Mapping[str, float] | None
    trees: Mapping[str, ast.Module]
    traced: Mapping[str, str] = field(default_factory=dict)


class Child:
    """A trial under way."""

    def __init__(self, trial: Trial, scratch: Path) -> None:
        self.scratch = scratch
        self.file = scratch / "answer"
        scratch.mkdir()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _play(trial, scratch, self.file)
            finally:
                os._exit(70)

    def answer(self, status: int) -> Answer:
        """What it found, after it ended with wait status ``status``; nothing that it started goes on."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        output = (self.scratch / "output").read_text("utf-8", "replace")
        if os.waitstatus_to_exitcode(status) == 70:
            raise RuntimeError(output[-3000:])
        answer = Answer(**json.loads(self.file.read_text())) if self.file.exists() else Answer()
        answer.output = output
        shutil.rmtree(self.scratch, ignore_errors=True)
        return answer


def _play(trial: Trial, scratch: Path, file: Path) -> None:
    os.setpgid(0, 0)
    output = os.open(scratch / "output", os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    _end_when_still()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    signal.setitimer(signal.ITIMER_PROF, COLLECTED_IN * (4 if trial.traced else 1))
    already = [name for name in trial.trees if name in sys.modules]
    assert not already, f"{already} was there before"
    finder = _Finder(trial.trees)
    sys.meta_path.insert(0, finder)
    watch = _Watch(trial.chosen, trial.traced)
    options = ["--maxfail=1", "--tb=line"] if not trial.traced else ["--tb=short"]
    status = pytest.main(
        [*options, "--hypothesis-profile=mutants", f"--basetemp={scratch}/tmp", f"--rootdir={TREE}", *trial.paths],
        plugins=[watch],
    )
    watch.answer.status = int(status)
    watch.answer.is_in_place = set(trial.trees) <= finder.found
    file.with_suffix(".part").write_text(json.dumps(vars(watch.answer)))
    os.replace(file.with_suffix(".part"), file)
    sys.stdout.flush()
    os._exit(0)


def _end_when_still() -> None:
    """However little of the CPU a busy host leaves to us, who has something to do uses what there is."""
    used, still = [0.0], [0]

    def look(number: int, frame: FrameType | None) -> None:
        now = time.process_time()
        still[0] = still[0] + 1 if now - used[0] < 0.02 else 0
        used[0] = now
        if still[0] >= STILL_FOR:
            os._exit(1)

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE, PATIENCE)


def all_of(trials: Iterator[tuple[Any, Trial]], n_lanes: int, scratch: Path) -> Iterator[tuple[Any, Answer]]:
    """Plays ``trials`` in ``n_lanes`` children at a time, and gives each answer with what its trial came with."""
    running: dict[int, tuple[Any, Child]] = {}
    number = 0
    while True:
        while len(running) < n_lanes and (next_one := next(trials, None)) is not None:
            number += 1
            child = Child(next_one[1], scratch / str(number))
            running[child.pid] = (next_one[0], child)
        if not running:
            return
        pid, status = os.waitpid(-1, 0)
        if pid in running:
            what, child = running.pop(pid)
            yield what, child.answer(status)
