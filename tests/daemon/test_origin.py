# SPDX-License-Identifier: Apache-2.0
"""From where somebody speaks: a terminal by its number, an audit session, and nothing where the kernel says nothing."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from jitd.core.law import Origin
from jitd.deciding import origins
from tests.waiting import wait_for


@pytest.mark.parametrize(
    ("major", "minor", "name"),
    [
        (0, 0, ""), (136, 0, "pts/0"), (136, 255, "pts/255"), (137, 3, "pts/259"), (143, 1, "pts/1793"), (136, 300, "pts/300"),
        (4, 1, "tty1"), (4, 63, "tty63"), (4, 64, "ttyS0"), (204, 64, "204:64"),
    ],
)  # fmt: skip
def test_a_terminal_is_known_by_its_number(major: int, minor: int, name: str) -> None:
    assert origins._terminal((minor & 0xFF) | (major << 8) | ((minor & 0xFFF00) << 12)) == name


def test_a_process_on_a_terminal_and_one_that_is_gone() -> None:
    ours, theirs = pty.openpty()
    name = os.path.relpath(os.ttyname(theirs), "/dev")
    child = subprocess.Popen(["setsid", "-c", "cat"], stdin=theirs, stdout=subprocess.DEVNULL)
    os.close(theirs)
    try:
        wait_for(lambda: origins.origin(child.pid, 4001).tty == name, what="its terminal")
        found = origins.origin(child.pid, 4001)
        session = int(Path(f"/proc/{child.pid}/sessionid").read_text())
        assert (found.uid, found.audit_session) == (4001, None if session == 2**32 - 1 else session)
    finally:
        child.kill()
        child.wait()
        os.close(ours)
    assert origins.origin(child.pid, 4001) == Origin(4001, "", None)
