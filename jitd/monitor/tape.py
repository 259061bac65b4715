# SPDX-License-Identifier: Apache-2.0
"""What a monitor records of its run, and what becomes of the run where that fails.

Law: nothing is passed on that should have been recorded before and was not; what a rule does not want recorded is nowhere.
"""

from __future__ import annotations

import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from jitd.monitor.orders import Job
from jitd.monitor.places import Left, recordings_directory
from jitd.recording.form import End, Header, Kind
from jitd.recording.storage import RecordingError, remove
from jitd.recording.writer import Recorder, begin, boot_clock
from jitpam.wire.shown import shown

ECHO = 3
"""Index of the local modes in what tcgetattr(3) gives."""


class Tape:
    """The recording of one run; without ``begin`` nothing is kept. ``fault`` is why the run has to end, or empty."""

    def __init__(self, job: Job, state_dir: str) -> None:
        self._job = job
        self._directory = recordings_directory(state_dir)
        self._recorder: Recorder | None = None
        self.fault = ""

    def begin(self, *, has_terminal: bool, rows: int, columns: int) -> None:
        """Begin, if this run is recorded. ``fault`` says whether it may go on."""
        job = self._job
        if job.record == "none" or (job.record == "terminal" and not has_terminal):
            return
        environment = dict(job.environment)
        header = Header(
            run=job.run,
            fingerprint=job.fingerprint.hex(),
            boot_id=Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip(),
            started_at=time.time_ns() // 1000,
            boot_at=boot_clock(),
            rows=rows if has_terminal else 0,
            columns=columns if has_terminal else 0,
            term=shown(environment.get(b"TERM", b"")),
            path=shown(job.path),
            argv=tuple(shown(word) for word in job.argv),
            requester=shown(job.requester),
            user=shown(job.user),
            group=shown(job.group),
            host=shown(job.host),
            directory=shown(job.cwd),
            records="all" if job.record == "all" else "output",
            sync=job.record_sync,
        )
        try:
            self._recorder = begin(self._directory, header, quota=job.record_bytes)
        except RecordingError as fault:
            if job.record_failure == "end":
                self.fault = f"it cannot be recorded: {fault}"

    def output(self, data: bytes | memoryview, stream: Kind = Kind.OUTPUT) -> bool:
        """Keep what the command wrote. False if it must not be passed on."""
        if self._recorder is not None and data:
            with self._recording() as recording:
                recording.output(data, stream)
        return not self.fault

    def input(self, data: bytes | memoryview, stream: Kind = Kind.INPUT, *, terminal: int | None = None) -> bool:
        """Keep what was typed at ``terminal``, if that echoes, or read from elsewhere. False if it must not be passed on."""
        if self._recorder is not None:
            with self._recording() as recording:
                recording.input(data, is_echoed=terminal is None or echoes(terminal), stream=stream)
        return not self.fault

    def resize(self, rows: int, columns: int) -> None:
        """The window has another size."""
        if self._recorder is not None:
            with self._recording() as recording:
                recording.resize(rows, columns)

    def suspended(self, number: int) -> None:
        """A signal has stopped the command."""
        if self._recorder is not None:
            with self._recording() as recording:
                recording.suspended(number)

    def resumed(self) -> None:
        """It goes on."""
        if self._recorder is not None:
            with self._recording() as recording:
                recording.resumed()

    def tend(self) -> float | None:
        """Write what is due, and say in how many seconds to come again; None if there is nothing to do."""
        if self._recorder is None:
            return None
        with self._recording() as recording:
            recording.tend()
        due_at = self._recorder.due_at() if self._recorder is not None else None
        return None if due_at is None else max(0.0, due_at - boot_clock() / 1e6)

    def write(self) -> None:
        """Write all that was accepted."""
        if self._recorder is not None:
            with self._recording() as recording:
                recording.write()

    def end(self, left: Left) -> Left:
        """Close the recording: ``left`` with what all of it leads to. Of a run that has not started none is kept."""
        if self._recorder is None:
            return left
        mark = self._recorder.close(End(left.ending, left.number, left.because))
        if self._recorder.fault is not None and not left.because and self._job.record_failure == "end":
            left = replace(left, because=f"the last of it could not be recorded: {self._recorder.fault}")
        self._recorder = None
        if left.ending == "not started":
            with suppress(OSError, RecordingError):
                remove(self._directory, self._job.run)
            return left
        return Left(left.ending, left.number, left.because, (mark.n_chunks, mark.size, mark.digest.hex()))

    @contextmanager
    def _recording(self) -> Iterator[Recorder]:
        """The recorder, whose fault becomes ours."""
        assert self._recorder is not None
        try:
            yield self._recorder
        except RecordingError as fault:
            if self._job.record_failure == "end":
                self.fault = self.fault or f"it cannot be recorded any more: {fault}"


def echoes(terminal: int) -> bool:
    """True if what is typed at this terminal is shown: a password is not. It reads as False what cannot be told."""
    try:
        return bool(termios.tcgetattr(terminal)[ECHO] & termios.ECHO)
    except (OSError, termios.error):
        return False
