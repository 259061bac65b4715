# SPDX-License-Identifier: Apache-2.0
"""What a monitor records of its run, and what happens to the run if recording fails.

Law: nothing is passed on that should have been recorded before and was not. What a rule does not want recorded is not recorded.
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
"""Index of the local modes in the list that ``termios.tcgetattr`` returns (termios(3))."""


class Tape:
    """The recording of one run. Nothing is recorded before ``begin``. ``fault`` is why the run has to end, or empty."""

    def __init__(self, job: Job, state_dir: str) -> None:
        self._job = job
        self._directory = recordings_directory(state_dir)
        self._recorder: Recorder | None = None
        self.fault = ""

    def begin(self, *, has_terminal: bool, rows: int, columns: int) -> None:
        """Begin to record, if this run is to be recorded. The run must not go on if ``fault`` is set after that."""
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
        """Record what the command has written. False if it must not be passed on."""
        if self._recorder is not None and data:
            with self._recording() as recording:
                recording.output(data, stream)
        return not self.fault

    def input(self, data: bytes | memoryview, stream: Kind = Kind.INPUT, *, terminal: int | None = None) -> bool:
        """Record input: typed at ``terminal``, if that echoes, or read from another stream. False if it must not be passed on."""
        if self._recorder is not None:
            with self._recording() as recording:
                recording.input(data, is_echoed=terminal is None or echoes(terminal), stream=stream)
        return not self.fault

    def resize(self, rows: int, columns: int) -> None:
        """Record the window's new size."""
        if self._recorder is not None:
            with self._recording() as recording:
                recording.resize(rows, columns)

    def suspended(self, number: int) -> None:
        """Record that signal ``number`` has stopped the command."""
        if self._recorder is not None:
            with self._recording() as recording:
                recording.suspended(number)

    def resumed(self) -> None:
        """Record that the command goes on."""
        if self._recorder is not None:
            with self._recording() as recording:
                recording.resumed()

    def tend(self) -> float | None:
        """Write what is due. Return in how many seconds to call this again; None if there is nothing to do."""
        if self._recorder is None:
            return None
        with self._recording() as recording:
            recording.tend()
        due_at = self._recorder.due_at() if self._recorder is not None else None
        return None if due_at is None else max(0.0, due_at - boot_clock() / 1e6)

    def write(self) -> None:
        """Write everything that was accepted so far."""
        if self._recorder is not None:
            with self._recording() as recording:
                recording.write()

    def end(self, left: Left) -> Left:
        """Close the recording. Return ``left`` with its chunks, bytes and hash. Remove it if the run has not started."""
        if self._recorder is None:
            return left
        mark = self._recorder.close(End(left.ending, left.number, left.because))
        if self._recorder.fault is not None and not left.because and self._job.record_failure == "end":
            left = replace(left, because=f"the end of the output could not be recorded: {self._recorder.fault}")
        self._recorder = None
        if left.ending == "not started":
            with suppress(OSError, RecordingError):
                remove(self._directory, self._job.run)
            return left
        return Left(left.ending, left.number, left.because, (mark.n_chunks, mark.size, mark.digest.hex()))

    @contextmanager
    def _recording(self) -> Iterator[Recorder]:
        """Give the recorder. If it fails, and the rule ends a run for that, ``fault`` is set."""
        assert self._recorder is not None
        try:
            yield self._recorder
        except RecordingError as fault:
            if self._job.record_failure == "end":
                self.fault = self.fault or f"it cannot be recorded any more: {fault}"


def echoes(terminal: int) -> bool:
    """True if the terminal shows what is typed; a password is not shown. False also if this cannot be found out."""
    try:
        return bool(termios.tcgetattr(terminal)[ECHO] & termios.ECHO)
    except (OSError, termios.error):
        return False
