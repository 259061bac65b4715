# SPDX-License-Identifier: Apache-2.0
"""A disk that is really full (THREATS L-04, O-04): a small tmpfs, as root in the lab."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.recording.form import End, Kind, Mark
from jitd.recording.reader import Summary, examine
from jitd.recording.storage import RecordingError, open_recording
from tests.recording.tape import EXITED, HEADER, Clock, frames_of, place_of, recorder

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
SIZE = 512 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A directory on a file system of SIZE bytes."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", str(tmp_path)], check=True)
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def examined(directory: Path, *marks: Mark) -> Summary:
    file = open_recording(str(directory / "recordings"), HEADER.run)
    try:
        return examine(file, marks)
    finally:
        os.close(file)


@pytest.mark.parametrize("sync", ["interval", "always"])
def test_a_disk_that_is_full_is_told_and_what_was_written_before_is_whole(disk: Path, sync: str) -> None:
    recording = recorder(disk, sync=sync)
    accepted = b""
    with pytest.raises(RecordingError, match="No space left on device"):
        for _ in range(10_000):
            data = os.urandom(3000)
            recording.output(data)
            accepted += data
    summary = examined(disk)
    assert summary.n_waiting == 0 and summary.mark == recording.mark
    kept = b"".join(frame.data for frame in frames_of(disk) if frame.kind is Kind.OUTPUT)
    assert accepted.startswith(kept) and len(kept) > SIZE // 2
    if sync == "always":
        assert kept == accepted, "what was accepted was on the disk"
    (disk / "filler").write_bytes(b"")
    recording.close(End("signaled", 9, "the recording cannot be written"))
    assert examined(disk, recording.mark).mark == recording.mark


def test_where_there_is_space_again_the_last_words_are_written(disk: Path) -> None:
    (disk / "filler").write_bytes(bytes(SIZE - 64 * 1024))
    recording = recorder(disk)
    with pytest.raises(RecordingError):
        for _ in range(100):
            recording.output(os.urandom(3000))
    (disk / "filler").unlink()
    with pytest.raises(RecordingError):
        recording.output(b"no second chance: something is missing already")
    mark = recording.close(End("signaled", 9, "the recording cannot be written"))
    summary = examined(disk, mark)
    assert summary.gaps == ("the recording cannot be written: No space left on device",) and not summary.is_whole
    assert summary.end == End("signaled", 9, "the recording cannot be written")


def test_on_a_full_disk_no_recording_begins(disk: Path) -> None:
    (disk / "recordings").mkdir(mode=0o700)
    with open(disk / "filler", "wb") as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(bytes(65536))
            file.flush()
    with pytest.raises(RecordingError, match="No space left on device"):
        recorder(disk)
    assert not place_of(disk).exists()


def test_a_disk_that_is_read_only_now_is_told(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(RecordingError, match="Read-only file system"):
        recorder(disk)
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    recording = recorder(disk, Clock())
    recording.output(b"x")
    recording.close(EXITED)
    assert examined(disk).is_whole
