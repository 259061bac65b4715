# SPDX-License-Identifier: Apache-2.0
"""Scopes of a systemd that does not answer: each run without one is told of, and systemd is soon asked again."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from jitd.executor import Report, Trouble, unit


class Clock:
    """The clock of jitd.executor.unit."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def test_a_run_without_a_scope_is_told_of_and_the_next_ones_do_not_wait_for_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS O-11: and seconds later, systemd is asked again: no run of a whole minute lacks what systemd does for it."""
    clock = Clock()
    monkeypatch.setattr(unit, "time", clock)
    monkeypatch.setattr(unit, "STARTS_WITHIN", 0.01)
    monkeypatch.setattr(unit, "SOCKET", str(tmp_path / "private"))
    reports: list[Report] = []
    scopes = unit.Scopes(reports.append)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "private"))
        silent.listen()
        silent.setblocking(False)

        def asks(run: str) -> bool:
            """Whether systemd is asked for the scope of ``run``, which it does not make."""
            assert not asyncio.run(scopes.take_in(run, os.getpid(), None))
            last = reports[-1]
            assert isinstance(last, Trouble) and last.because.startswith(f"run {run}: no scope, so systemd does not list it")
            try:
                silent.accept()[0].close()
            except BlockingIOError:
                return False
            return True

        assert asks("AAAA-AAA2")
        assert not asks("BBBB-BBB2"), "one wait is enough"
        clock.now += 4.9
        assert not asks("CCCC-CCC2")
        clock.now += 0.2
        assert asks("DDDD-DDD2")
    assert len(reports) == 4
    scopes.close()
