# SPDX-License-Identifier: Apache-2.0
"""Scripts whose interpreters are scripts: whoever can change one of them can change what runs (THREATS R-06, R-07)."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.inspection import MOST_INTERPRETERS, inspect


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that only root can change, all the way up."""
    path = Path(tempfile.mkdtemp(prefix="jitd-", dir="/var/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def tower(place: Path, height: int) -> list[Path]:
    """Scripts, each run by the next; the last one by the shell."""
    files = [place / f"script-{number}" for number in range(height)]
    for file, below in zip(files, [*files[1:], Path("/bin/sh")], strict=True):
        file.write_text(f"#!{below}\n")
        file.chmod(0o755)
    return files


def test_interpreters_are_followed_as_deep_as_the_kernel_does(place: Path) -> None:
    """THREATS R-06: the command, and every script on the way to the program that reads it."""
    files = tower(place, MOST_INTERPRETERS)
    assert subprocess.run([files[0]], check=False).returncode == 0, "the kernel follows all of them"
    assert inspect(os.fsencode(files[0]), 0).writable_by == ()
    for file in files:
        file.chmod(0o757)
        assert inspect(os.fsencode(files[0]), 0).writable_by == (f"{file} may be written by everybody",)
        file.chmod(0o755)


def test_what_is_above_an_interpreter_is_looked_at_too(place: Path) -> None:
    """THREATS R-07: whoever may write to its directory puts another in its place."""
    (place / "open").mkdir()
    below = place / "open" / "below"
    below.write_text("#!/bin/sh\n")
    below.chmod(0o755)
    (place / "open").chmod(0o777)
    above = place / "above"
    above.write_text(f"#!{below}\n")
    above.chmod(0o755)
    top = place / "top"
    top.write_text(f"#!{above}\n")
    top.chmod(0o755)
    for file in (top, above):
        assert f"{place}/open may be written by everybody" in inspect(os.fsencode(file), 0).writable_by
