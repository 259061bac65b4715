# SPDX-License-Identifier: Apache-2.0
"""What the sandbox of a unit leaves the giver, which differs between releases of systemd: in a booted lab within the lab.

The lane that plays a part on the other release has no systemd. On this one, a lane with systemd plays these tests, too.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).parents[2]
LAB = TREE / "contrib/lab/lab"
PLAYED = (
    "tests/booted/test_givers.py::test_its_sandbox_lets_it_give_and_take_each_kind",
    "tests/booted/test_helpers.py::test_a_helper_is_what_its_row_says",
)


def test_each_kind_is_given_and_taken_in_the_sandbox_of_its_unit() -> None:
    line = [LAB, "--systemd", "--no-jitd", "--", sys.executable, "-m", "pytest", *PLAYED]
    done = subprocess.run(line, cwd=TREE, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
