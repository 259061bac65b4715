# SPDX-License-Identifier: Apache-2.0
"""A host with more recordings than a worker can look at before it is given up (THREATS O-15)."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd import workers
from jitd.core.effects import Moment
from jitd.recording import storage
from jitd.verbs import recordings
from jitd.verbs.recordings import Recordings

N = 30
LARGE = 1 << 20


def test_more_recordings_than_can_be_looked_at_at_a_time_are_kept_within_their_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS O-15. 140,000 took more than the ten seconds of a worker: then none was removed any more, also not by age."""
    monkeypatch.setattr(recordings, "AT_A_TIME", 3)
    monkeypatch.setattr(workers, "PATIENCE", 0.5)
    removed: list[Any] = []
    gone: list[str] = []

    def place_of(run: str) -> int:
        time.sleep(0.05)  # a disk that is busy
        return int(run[-2:])

    def opened() -> Any:
        return SimpleNamespace(place_of=place_of, run=lambda run: None, close=lambda: None)

    for n in range(N):
        file = storage.create(str(tmp_path / "recordings"), f"K7QM-00{n:02}")
        os.write(file, bytes(LARGE))
        os.close(file)
    nobody: Any = None
    config: Any = SimpleNamespace(state=tmp_path, recordings=SimpleNamespace(days=90, mib_in_all=20))
    lifecycle: Any = SimpleNamespace(note=lambda name, actor, uid, detail: removed.append(detail))

    async def play() -> None:
        lanes = workers.Workers()
        now = lambda: Moment(nobody, time.monotonic(), "")  # noqa: E731
        found = Recordings(config, nobody, nobody, lifecycle, nobody, opened, lanes, now)
        await found._tidy_once()
        gone.extend(str(one["run"]) for one in removed)
        lanes.close()

    asyncio.run(play())
    assert gone == [f"K7QM-00{n:02}" for n in range(N - 20)], "the oldest ten"
    assert len(list((tmp_path / "recordings").iterdir())) == 20
