# SPDX-License-Identifier: Apache-2.0
"""What is nearly a recording is read up to where it is one, and its readers say why they stop. ``make torture`` makes many more
(contrib/torture/fuzz).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from jitd.recording.form import Altered
from tests.mutation import Mutator
from tests.recording.mutated_recordings import check, frames_in, parts_of, play, samples
from tests.times import SEED, times


def test_every_reader_ends_with_what_was_recorded_or_says_what_was_altered() -> None:
    """THREATS L-04."""
    print(f"JITD_SEED={SEED}")
    faults, ends = play(SEED, times(100))
    assert faults == []
    assert all(ends.values()), ends


def test_what_is_whole_is_read_whole(tmp_path: Path) -> None:
    """And the fuzzer would notice a frame that nobody recorded."""
    for number, data in enumerate(samples(tmp_path, Mutator(1), 3)):
        frames = frames_in(data)
        assert check(data, frames, Mutator(number), tmp_path) == "read"
        assert len(parts_of(data).chunks) >= 1
        with pytest.raises(AssertionError, match="nobody recorded"):
            check(data, frames[1:], Mutator(number), tmp_path)
    with pytest.raises(Altered):
        frames_in(b"jitd recording 0\n" + bytes(100))
