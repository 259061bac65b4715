# SPDX-License-Identifier: Apache-2.0
"""A host with more recordings than a worker can look at before it is given up (THREATS O-15)."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
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


def removed(place: Path, disk: float) -> list[str]:
    """The runs whose recordings are removed, of N of LARGE bytes if there is room for 20. To look at one takes ``disk``
    seconds.
    """
    found: list[str] = []

    def place_of(life: type, run: str) -> int:
        time.sleep(disk)
        return int(run[-2:])

    def opened() -> Any:
        return SimpleNamespace(place_of=place_of, run=lambda run: None, close=lambda: None)

    for n in range(N):
        file = storage.create(str(place / "recordings"), f"K7QM-00{n:02}")
        os.write(file, bytes(LARGE))
        os.close(file)
    nobody: Any = None
    config: Any = SimpleNamespace(state=place, recordings=SimpleNamespace(days=90, mib_in_all=20))
    lifecycle: Any = SimpleNamespace(note=lambda name, actor, uid, detail: found.append(str(detail["run"])))

    async def play() -> None:
        lanes = workers.Workers()
        now = lambda: Moment(nobody, time.monotonic(), "")  # noqa: E731
        try:
            await Recordings(config, nobody, nobody, lifecycle, nobody, opened, lanes, now)._tidy_once()
        finally:
            lanes.close()

    asyncio.run(play())
    return found


def test_more_recordings_than_can_be_looked_at_at_a_time_are_kept_within_their_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS O-15. 140,000 took more than the ten seconds of a worker: then none was removed any more, also not by age."""
    monkeypatch.setattr(recordings, "AT_A_TIME", 3)
    gone, expected = [], [f"K7QM-00{n:02}" for n in range(N - 20)]
    for disk in (0.05, 0.5, 1.0):  # a busy host may be late with three, too
        place = tmp_path / str(disk)
        place.mkdir()
        monkeypatch.setattr(workers, "PATIENCE", 10 * disk)
        with suppress(TimeoutError):
            gone = removed(place, disk)
        if gone == expected:
            break
    assert gone == expected, "the oldest ten"
    assert len(list((place / "recordings").iterdir())) == 20
