# SPDX-License-Identifier: Apache-2.0
"""The picture in the README is of what is printed today."""

from __future__ import annotations

import subprocess
from pathlib import Path

DRAW = Path(__file__).parents[2] / "contrib/docs/picture"


def test_the_picture_of_the_readme_is_up_to_date() -> None:
    done = subprocess.run([DRAW, "--check"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
