# SPDX-License-Identifier: Apache-2.0
"""logind's files, as a keeper reads them: the fifo beside each session is never read, as that waits until the session ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jitd.monitor import belongings


def test_the_fifo_of_a_session_that_lives_makes_nobody_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "5").write_text("# This is private data. Do not parse.\nLEADER=77\nMONOTONIC=1\n")
    os.mkfifo(tmp_path / "5.ref")
    held = os.open(tmp_path / "5.ref", os.O_RDWR)  # as a login holds it for as long as the session lives
    monkeypatch.setattr(belongings, "LOGINDS_SESSIONS", str(tmp_path))
    try:
        assert list(belongings._loginds_sessions()) == [{"LEADER": "77", "MONOTONIC": "1"}]
    finally:
        os.close(held)
