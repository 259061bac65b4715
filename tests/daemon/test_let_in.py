# SPDX-License-Identifier: Apache-2.0
"""The notes of what was let in at gates. Law: a note that is missing, damaged or old spares nobody."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from jitd.core.run import Process
from jitd.deciding.origins import started_at
from jitd.lifecycle import let_in
from jitd.lifecycle.let_in import LetIn


def ourselves() -> Process:
    return Process(os.getpid(), started_at(os.getpid()))


def noted(process: Process) -> str:
    return f"{process.pid}:{process.started}"


def test_another_daemon_knows_what_was_let_in_and_each_account_has_its_own(tmp_path: Path) -> None:
    LetIn(tmp_path / "let_in").add(1000, ourselves())
    again = LetIn(tmp_path / "let_in")
    assert again.of(1000) == (noted(ourselves()),)
    assert again.of(1001) == again.of(100) == ()
    assert (tmp_path / "let_in").stat().st_mode & 0o777 == 0o700


def test_what_has_ended_and_what_is_no_note_is_removed(tmp_path: Path) -> None:
    """THREATS Q-48. A process that has the pid by now has another start time."""
    notes = LetIn(tmp_path)
    child = subprocess.Popen(["sleep", "600"])
    notes.add(1000, Process(child.pid, started_at(child.pid)))
    notes.add(1000, Process(os.getpid(), started_at(os.getpid()) - 1))
    for name in ("", "1000:", "1000:x:1", "1000:0:0"):
        (tmp_path / f"{name}.").touch()
    assert notes.of(1000) == (f"{child.pid}:{started_at(child.pid)}",)
    child.kill()
    child.wait()
    assert notes.of(1000) == () and not list(tmp_path.iterdir())


def test_notes_are_bounded_by_what_lives(tmp_path: Path) -> None:
    notes = LetIn(tmp_path)
    for number in range(2 * let_in.CLEANED_EVERY):
        notes.add(1000, Process(os.getpid(), number))
    assert len(list(tmp_path.iterdir())) <= let_in.CLEANED_EVERY


def test_notes_that_cannot_be_read_spare_nobody(tmp_path: Path) -> None:
    """THREATS Q-48. The lines are taken back all the same."""
    notes = LetIn(tmp_path / "let_in")
    notes.add(1000, ourselves())
    (tmp_path / "let_in").rename(tmp_path / "gone")
    assert notes.of(1000) == ()
