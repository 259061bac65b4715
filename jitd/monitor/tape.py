# SPDX-License-Identifier: Apache-2.0
"""Records a run for its monitor, and decides what happens to the run if recording fails.

Law: bytes that must be recorded are passed on only after they are recorded. Bytes are recorded only if the rule requires it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from jitd.monitor.orders import Job, Left, sentence
from jitd.monitor.places import recordings_directory
from jitd.recording.form import End, Header, Kind
from jitd.recording.storage import RecordingError, remove
from jitd.recording.writer import Recorder, begin, boot_clock
from jitpam.wire.shown import shown


class Tape:
    """The recording of one run. Nothing is recorded before ``begin``. If the run must end because recording has failed,
    ``fault`` is a sentence about the failure. ``fault`` is empty if the run may continue.
    """

    def __init__(self, job: Job, state_dir: str) -> None:
        self._job = job
        self._directory = recordings_directory(state_dir)
        self._recorder: Recorder | None = None
        self.fault = ""

    def begin(self, *, has_terminal: bool, rows: int, columns: int) -> None:
        """Start the recording if this run must be recorded. If ``fault`` is set afterwards, the run must not continue."""
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
            argv=tuple(shown(word) for word in job.recorded_argv or job.argv),
            requester=shown(job.requester),
            user=shown(job.user),
            group=shown(job.group),
            host=shown(job.host),
            directory=shown(job.cwd),
            records="all" if job.record == "all" else "output",
            sync=job.record_sync,
        )
        try:
            self._recorder = begin(self._directory, header, quota=job.record_bytes, spares=job.requester_uid != 0)
        except RecordingError as fault:
            if job.record_failure == "end":
                self.fault = f"it cannot be recorded: {fault}"

    def output(self, data: bytes | memoryview, stream: Kind = Kind.OUTPUT) -> bool:
        """Record output of the command. Return False if the output must not be passed on."""
        if self._recorder is not None and data:
            with self._recording() as recording:
                recording.output(data, stream)
        return not self.fault

    @property
    def keeps_input(self) -> bool:
        """True if the rule requires that input is recorded."""
        return self._job.record == "all"

    def input(self, data: bytes | memoryview, stream: Kind = Kind.INPUT, *, is_echoed: bool = True) -> bool:
        """Record input. If the terminal does not show the typed bytes (``is_echoed`` is False), only the fact that somebody has
        typed is recorded. Return False if the bytes must not be passed on.
        """
        if self._recorder is not None:
            with self._recording() as recording:
                recording.input(data, is_echoed=is_echoed, stream=stream)
        return not self.fault

    def unread(self, n: int) -> None:
        """Record that the command has not read the last ``n`` bytes of its standard input."""
        if self._recorder is not None and n:
            with self._recording() as recording:
                recording.unread(n)

    def resize(self, rows: int, columns: int) -> None:
        """Record the new size of the window."""
        if self._recorder is not None:
            with self._recording() as recording:
                recording.resize(rows, columns)

    def suspended(self, number: int) -> None:
        """Record that signal ``number`` has stopped the command."""
        if self._recorder is not None:
            with self._recording() as recording:
                recording.suspended(number)

    def resumed(self) -> None:
        """Record that the command continues."""
        if self._recorder is not None:
            with self._recording() as recording:
                recording.resumed()

    def tend(self) -> float | None:
        """Write what must be written now. Return the seconds until the next call, or None if none is needed."""
        if self._recorder is None:
            return None
        with self._recording() as recording:
            recording.tend()
        due_at = self._recorder.due_at() if self._recorder is not None else None
        return None if due_at is None else max(0.0, due_at - boot_clock() / 1e6)

    def write(self) -> None:
        """Write all data that the recorder has accepted so far."""
        if self._recorder is not None:
            with self._recording() as recording:
                recording.write()

    def end(self, left: Left) -> Left:
        """Close the recording. Return ``left`` together with the number of chunks, the number of bytes and the hash of the
        recording. If the run has not started, remove the recording.
        """
        if self._recorder is None:
            return left
        mark = self._recorder.close(End(left.ending, left.number, left.because))
        if self._recorder.fault is not None and not left.because and self._job.record_failure == "end":
            because = sentence(f"the end of the output could not be recorded: {self._recorder.fault}")
            left = replace(left, because=because)
        self._recorder = None
        if left.ending == "not started":
            with suppress(OSError, RecordingError):
                remove(self._directory, self._job.run)
            return left
        return Left(left.ending, left.number, left.because, (mark.n_chunks, mark.size, mark.digest.hex()))

    @contextmanager
    def _recording(self) -> Iterator[Recorder]:
        """Yield the recorder. If recording fails and the rule says that the run ends in this case, set ``fault``."""
        assert self._recorder is not None
        try:
            yield self._recorder
        except RecordingError as fault:
            if self._job.record_failure == "end":
                self.fault = self.fault or f"it cannot be recorded any more: {fault}"
