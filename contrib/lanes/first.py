# SPDX-License-Identifier: Apache-2.0
"""Which tests `make test` plays; all others are of `make test-rest`.

A test is of the first answer if a sabotage names it (docs/sabotage.md): such tests are known to notice what matters, and nobody
keeps a list of them. With them goes, whole, what is fast for all that it proves, and the main job on real parts.
Law: nothing is of both, and nothing of neither: what is not of the first answer is of the rest.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache

from contrib.sabotage.table import BOOTED, named_tests, sabotages

WHOLE = (
    "tests/audit/test_*.py",
    "tests/booted/test_cookbook.py",
    "tests/client/test_golden_pages.py",
    "tests/commands/test_corpus.py",
    "tests/core/test_*.py",
    "tests/daemon/test_rights_change.py",
    "tests/daemon/test_who_may_do_what.py",
    "tests/db1/test_*.py",
    "tests/facts/test_*.py",
    "tests/law/test_*.py",
    "tests/setup/test_*.py",
    "tests/system/test_invariants_alive.py",
    "tests/system/test_spine.py",
    "tests/wire/test_*.py",
)
"""Files of which all tests are of the first answer, but for those with a mark."""
LATER = ("timed", "full")
"""The marks (tests/marks.py) of tests that are never of the first answer."""
TWINS = ("tests/system/test_spine.py",)
"""What is of the first answer under both executors. Under systemd, all else that is played without one, too, is of the rest."""
KINDS = ("plain", "systemd", "db1", "computing")
"""The kinds of lanes (contrib/lanes/run) that play a part of the first answer: they need no mirror and no second Debian."""


@cache
def named() -> dict[str, frozenset[str]]:
    """File → the functions in it that a sabotage is to be noticed by."""
    by_attack = named_tests()
    found: dict[str, set[str]] = {}
    for test in {test for one in sabotages() for test in one.run_by(by_attack)}:
        file, _, function = test.partition("::")
        found.setdefault(file, set()).add(function)
    return {file: frozenset(functions) for file, functions in found.items()}


def is_whole(file: str) -> bool:
    """Whether all of ``file`` is of the first answer: of a twin, where it is played without systemd, too."""
    return any(fnmatchcase(file, pattern) for pattern in WHOLE)


def has_first(file: str, *, is_booted: bool) -> bool:
    """Whether ``file`` may have a test of the first answer, under systemd or without it."""
    if is_booted and not file.startswith(BOOTED):
        return file in TWINS
    return is_whole(file) or file in named()


def is_first(file: str, function: str, marks: set[str], *, is_booted: bool) -> bool:
    """Whether the test ``function`` of ``file``, which has ``marks``, is of the first answer."""
    if marks & set(LATER) or not has_first(file, is_booted=is_booted):
        return False
    return is_whole(file) or function in named()[file]
