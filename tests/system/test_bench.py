# SPDX-License-Identifier: Apache-2.0
"""`make bench` plays whole: nobody runs it every day, and parts of it once were broken for weeks. What it measures is not judged
here: other tests share the machine.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).parents[2]


def test_each_row_can_be_measured() -> None:
    line = [sys.executable, "contrib/bench/run", "--once"]
    environ = {"PYTHONPATH": str(TREE), "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(line, cwd=TREE, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not measured" not in done.stdout + done.stderr
