# SPDX-License-Identifier: Apache-2.0
"""Recordings for the tests: made by the real writer, in a directory of the test, on a clock of the test."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from jitd.recording.form import End, Frame, Header, Kind
from jitd.recording.reader import Recording
from jitd.recording.storage import open_recording
from jitd.recording.writer import Recorder, begin

HEADER = Header(
    run="K7QM-2XVD",
    fingerprint="5a" * 32,
    boot_id="8f1c3c52-6d2c-4a3e-9f38-2b6ad3f4b001",
    started_at=1_790_000_000_123_456,
    boot_at=5_000_000,
    rows=24,
    columns=80,
    term="xterm-256color",
    path="/usr/bin/psql",
    argv=("psql", "-c", "select 1"),
    requester="alice",
    user="root",
    group="root",
    host="lab.example.test",
    directory="/root",
    records="all",
    sync="interval",
)
EXITED = End("exited", 0, "")


@dataclass
class Clock:
    """Microseconds on the boot clock, moved by the test."""

    now: int = HEADER.boot_at

    def __call__(self) -> int:
        return self.now


def header(**changes: object) -> Header:
    return replace(HEADER, **changes)


def place_of(directory: Path, run: str = HEADER.run) -> Path:
    return directory / "recordings" / f"{run}.recording"


def recorder(directory: Path, clock: Clock | None = None, quota: int | None = None, **changes: object) -> Recorder:
    """A recorder of the real kind whose time is the test's."""
    return begin(str(directory / "recordings"), header(**changes), quota=quota, clock=clock or Clock())


def frames_of(directory: Path, run: str = HEADER.run) -> list[Frame]:
    """All frames that a reader finds."""
    file = open_recording(str(directory / "recordings"), run)
    try:
        return list(Recording(file).frames())
    finally:
        os.close(file)


def put(recording: Recorder, frame: Frame) -> None:
    """Record ``frame`` by the method that is for it."""
    if frame.kind in (Kind.OUTPUT, Kind.STDOUT, Kind.STDERR):
        recording.output(frame.data, frame.kind)
    elif frame.kind in (Kind.INPUT, Kind.STDIN):
        recording.input(frame.data, is_echoed=True, stream=frame.kind)
    elif frame.kind is Kind.WINDOW:
        recording.resize(*frame.size)
    elif frame.kind is Kind.SUSPENDED:
        recording.suspended(frame.signal)
    elif frame.kind is Kind.RESUMED:
        recording.resumed()
    elif frame.kind is Kind.WITHHELD:
        recording.input(b"secret", is_echoed=False)
    elif frame.kind is Kind.UNREAD:
        recording.unread(frame.n_unread)
    elif frame.kind is Kind.GAP:
        recording._put(Kind.GAP, frame.data)
    else:
        recording.close(frame.end)


def record(directory: Path, frames: list[Frame], **changes: object) -> None:
    """A whole recording of ``frames``, at their times; closed if none of them is an END."""
    clock = Clock()
    recording = recorder(directory, clock, **changes)
    for frame in frames:
        clock.now = HEADER.boot_at + frame.at
        recording.tend()
        put(recording, frame)
    if not frames or frames[-1].kind is not Kind.END:
        recording.close(EXITED)
