# SPDX-License-Identifier: Apache-2.0
"""Each script of ``make torture`` plays, and finds nothing in a few trials: nobody runs them every day, and all of them once told
faults where there were none.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.marks import full

TREE = Path(__file__).parents[2]


def played(*words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, f"contrib/torture/{words[0]}", *words[1:]]
    return subprocess.run(line, cwd=TREE, env={"PYTHONPATH": str(TREE), "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                          capture_output=True, text=True, check=False)  # fmt: skip


@full("every day, other tests make the same trials without the scripts of `make torture`")
@pytest.mark.parametrize(
    "words",
    [
        ("kills", "--times", "12", "--seed", "1"),
        ("crashes", "--times", "2", "--seed", "1"),
        ("things", "--times", "3", "--seed", "1"),
        ("races", "--times", "200", "--seed", "1"),
        ("fuzz", "--times", "20", "--seed", "1"),
    ],
    ids=lambda words: words[0],
)
def test_it_finds_nothing_in_a_few_trials(words: tuple[str, ...]) -> None:
    done = played(*words)
    assert done.returncode == 0, done.stdout + done.stderr


@full("it says nothing of jitd: it looks after a script that only `make torture` runs")
def test_each_form_of_a_question_has_its_line() -> None:
    """Of so few pairs it says nothing, so whether a form is red is not looked at."""
    done = played("answers", "60")
    assert done.returncode in (0, 1) and not done.stderr, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) >= 7 and all(" t = " in line and "median" in line for line in lines), done.stdout
