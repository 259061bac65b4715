# SPDX-License-Identifier: Apache-2.0
"""Writes the recording of a run, for a process that has one loop and waits for nothing else.

Law: what was accepted is in the file within LATENCY, and with ``sync="always"`` on the disk before the call returns. What cannot
be kept is said by an exception, never dropped in silence; the file then ends with its last whole chunk. Memory is bounded. What
is typed while the terminal does not echo is never kept, nor is its length.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable
from contextlib import suppress

from jitd.recording.form import (
    MOST_DATA,
    OVERHEAD,
    PACKED,
    PLAIN,
    RECORDS,
    SYNCS,
    End,
    Header,
    Kind,
    Mark,
    encode_chunk,
    encode_end,
    encode_frame,
)  # fmt: skip
from jitd.recording.storage import RecordingError, create, remove, sentence_of

LATENCY = 200_000
"""Microseconds from the first byte of a chunk to its writing. With a turn of the caller's loop that stays under 250 ms."""
FULL = 64 * 1024
"""Bytes after which a chunk is written at once."""
RESERVE = 4096
"""Bytes of the quota that are kept for the last words."""
MOST_SAID = 1000
"""Bytes of the sentence in a GAP or an END."""
PROBE_EVERY = 16
"""Chunks between two attempts to pack what did not pack well."""
WORTH_PROBING = 4096
"""Bytes from which on a chunk says something of those that follow."""


def boot_clock() -> int:
    """Microseconds since the host started, its sleep included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class Packer:
    """Packs chunks as long as that is worth its time.

    Text packs well and fast. What does not (keys, images, archives) is packed by its letters' frequency alone, which is three
    times as fast, or not at all; now and then it is tried again.
    """

    def __init__(self) -> None:
        self._strategy: int | None = zlib.Z_DEFAULT_STRATEGY
        self._n_since = 0

    def pack(self, raw: bytes) -> tuple[bytes, bytes]:
        """Method, and what is stored."""
        if len(raw) < WORTH_PROBING:
            return self._smaller(raw, zlib.Z_DEFAULT_STRATEGY)
        self._n_since += 1
        if self._strategy != zlib.Z_DEFAULT_STRATEGY and self._n_since < PROBE_EVERY:
            return self._smaller(raw, self._strategy)
        self._n_since = 0
        method, stored = self._smaller(raw, zlib.Z_DEFAULT_STRATEGY)
        self._strategy = zlib.Z_DEFAULT_STRATEGY
        if len(stored) > len(raw) * 7 // 10:
            method, stored = self._smaller(raw, zlib.Z_HUFFMAN_ONLY)
            self._strategy = zlib.Z_HUFFMAN_ONLY if len(stored) < len(raw) * 9 // 10 else None
        return method, stored

    @staticmethod
    def _smaller(raw: bytes, strategy: int | None) -> tuple[bytes, bytes]:
        if strategy is not None:
            packing = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, 9, strategy)
            stored = packing.compress(raw) + packing.flush()
            if len(stored) < len(raw):
                return PACKED, stored
        return PLAIN, raw


def begin(directory: str, header: Header, *, quota: int | None = None, clock: Callable[[], int] = boot_clock) -> Recorder:
    """Make the file of ``header.run`` in ``directory`` and begin. Raises RecordingError."""
    file = create(directory, header.run)
    try:
        return Recorder(file, header, quota=quota, clock=clock)
    except RecordingError:
        with suppress(RecordingError):
            remove(directory, header.run)  # there is nothing in it
        raise


class Recorder:
    """One recording, to an open and empty file that it closes in the end.

    ``quota`` is in bytes of the file, None for none. ``clock`` gives microseconds on CLOCK_BOOTTIME. Give it bytes *before* they
    are passed on. Every method but ``close`` and ``abandon`` raises RecordingError: from the first fault on always the same, and
    ``fault`` has it too.
    """

    def __init__(self, file: int, header: Header, *, quota: int | None = None, clock: Callable[[], int] = boot_clock) -> None:
        assert header.records in RECORDS and header.sync in SYNCS
        self.fault: RecordingError | None = None
        self._file = file
        self._keeps_input = header.records == "all"
        self._is_always = header.sync == "always"
        self._clock = clock
        self._most = None if quota is None else quota - RESERVE
        self._packer = Packer()
        self._buffer = bytearray()
        self._last_kind: Kind | None = None
        self._last_at = header.boot_at
        self._write_at = 0  # the boot clock, in microseconds, when the buffer has to be written
        self._sync_at: int | None = None  # likewise when what is written has to be on the disk; None if it is
        self._is_named = False  # the file's name is on the disk
        try:
            encoded = header.encode()
        except ValueError as fault:
            os.close(file)
            raise RecordingError(str(fault)) from None
        self.mark = Mark(0, 0, encoded[-32:])
        try:
            self._check_quota(len(encoded))
            self._write([encoded], self.mark.digest, 0)
            if self._is_always:
                self._sync()
        except RecordingError:
            self.abandon()
            raise

    # --- what happens ------------------------------------------------------------------------------------------------

    def output(self, data: bytes | memoryview, stream: Kind = Kind.OUTPUT) -> None:
        """The command has put out ``data``: OUTPUT for its terminal, or STDOUT or STDERR."""
        self._put_bytes(stream, data)

    def input(self, data: bytes | memoryview, *, is_echoed: bool, stream: Kind = Kind.INPUT) -> None:
        """``data`` go to the command: INPUT for its terminal, or STDIN. ``is_echoed``: its terminal echoes now; True for STDIN.

        Kept only where the header says that all is recorded, and never without an echo.
        """
        if not self._keeps_input:
            return
        if is_echoed:
            self._put_bytes(stream, data)
        elif data and self._last_kind is not Kind.WITHHELD:
            self._put(Kind.WITHHELD, b"")

    def resize(self, rows: int, columns: int) -> None:
        """The window has another size."""
        self._put(Kind.WINDOW, rows.to_bytes(2, "big") + columns.to_bytes(2, "big"))

    def suspended(self, signal: int) -> None:
        """The command was stopped by ``signal``."""
        self._put(Kind.SUSPENDED, bytes([signal]))

    def resumed(self) -> None:
        """The command goes on."""
        self._put(Kind.RESUMED, b"")

    def gap(self, because: str) -> None:
        """Something is not kept from here on, and why."""
        self._put(Kind.GAP, _said(because))

    # --- the loop ----------------------------------------------------------------------------------------------------

    def due_at(self) -> float | None:
        """When ``tend`` has to be called: seconds on CLOCK_BOOTTIME, None for not at all."""
        due = self._write_at if self._buffer else self._sync_at
        return None if due is None or self.fault else due / 1e6

    def tend(self) -> None:
        """Write, and bring to the disk, what is due. Costs nothing when nothing is."""
        self._tend(self._clock())

    def write(self) -> None:
        """Write all that was accepted; it may not be on the disk yet. Raises RecordingError."""
        self._raise_fault()
        self._write_buffer()

    def flush(self) -> Mark:
        """Write all that was accepted, and bring it to the disk; where the recording then stands."""
        self._raise_fault()
        self._write_buffer()
        self._sync()
        return self.mark

    def close(self, end: End) -> Mark:
        """Write how the run ended, and close. Never raises: ``fault`` says if something could not be kept, and so does a GAP in
        the file where that can still be written."""
        try:
            if self.fault is not None and self._last_kind is not Kind.GAP:
                self._buffer.clear()
                self._append(Kind.GAP, _said(str(self.fault)))
            last = End(end.ending, end.number, _said(end.because).decode("utf-8"))
            self._append(Kind.END, encode_end(last))
            self._write_buffer()
            self._sync()
        except RecordingError:
            pass
        self.abandon()
        return self.mark

    def abandon(self) -> None:
        """Close the file as it is. To be called once, or not at all after ``close``."""
        if self._file >= 0:
            file, self._file = self._file, -1
            with suppress(OSError):  # what was to be kept is on the disk, or the fault was told
                os.close(file)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _put_bytes(self, kind: Kind, data: bytes | memoryview) -> None:
        for begin_at in range(0, len(data), MOST_DATA):
            self._put(kind, bytes(data[begin_at : begin_at + MOST_DATA]))

    def _put(self, kind: Kind, data: bytes) -> None:
        self._raise_fault()
        self._check_quota(len(data) + 32)
        now = self._append(kind, data)
        if self._is_always:
            self._write_buffer()
            self._sync()
            return
        if len(self._buffer) >= FULL:
            self._write_buffer()
        self._tend(now)

    def _tend(self, now: int) -> None:
        if self._buffer and now >= self._write_at:
            self._write_buffer()
        if self._sync_at is not None and now >= self._sync_at:
            self._sync()

    def _append(self, kind: Kind, data: bytes) -> int:
        """Take a frame, and say when that was."""
        now = self._clock()
        if not self._buffer:
            self._write_at = now + LATENCY
        self._buffer += encode_frame(max(0, now - self._last_at), kind, data)
        self._last_at = max(now, self._last_at)
        self._last_kind = kind
        return now

    def _raise_fault(self) -> None:
        if self.fault is not None:
            raise self.fault

    def _check_quota(self, n_more: int) -> None:
        """Raises RecordingError unless ``n_more`` bytes fit beside what was accepted, however badly it packs."""
        if self._most is None or self.mark.size + len(self._buffer) + n_more + OVERHEAD <= self._most:
            return
        if self._buffer:
            self._write_buffer()
        if self.mark.size + n_more + OVERHEAD > self._most:
            fault = RecordingError(f"the recording has reached its quota of {self._most + RESERVE} bytes")
            if self.mark.size:
                self._append(Kind.GAP, _said(str(fault)))
                self._write_buffer()
            self.fault = fault
            raise fault

    def _write_buffer(self) -> None:
        if not self._buffer:
            return
        raw = bytes(self._buffer)
        method, stored = self._packer.pack(raw)
        head, digest = encode_chunk(self.mark.digest, method, stored, len(raw))
        self._write([head, stored], digest, 1)
        self._buffer.clear()

    def _write(self, pieces: list[bytes], digest: bytes, n_chunks: int) -> None:
        size = sum(map(len, pieces))
        before = self.mark.size
        try:
            written = os.pwritev(self._file, pieces, before)
            while written < size:  # the disk is nearly full, or a limit is near: the next one says so
                written += os.pwrite(self._file, b"".join(pieces)[written:], before + written)
        except OSError as fault:
            with suppress(OSError):
                os.ftruncate(self._file, before)
            self.fault = RecordingError(f"the recording cannot be written: {sentence_of(fault)}")
            raise self.fault from None
        self.mark = Mark(self.mark.n_chunks + n_chunks, before + size, digest)
        if self._sync_at is None:
            self._sync_at = self._clock() + LATENCY

    def _sync(self) -> None:
        if self._sync_at is None:
            return
        try:
            os.fdatasync(self._file)
            if not self._is_named:
                self._sync_name()
        except OSError as fault:
            self.fault = RecordingError(f"the recording cannot be brought to the disk: {sentence_of(fault)}")
            raise self.fault from None
        self._sync_at = None

    def _sync_name(self) -> None:
        place = os.path.dirname(os.readlink(f"/proc/self/fd/{self._file}"))
        directory = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        self._is_named = True


def _said(sentence: str) -> bytes:
    """A sentence as a frame has it: printable, and not too long."""
    plain = "".join(char if char.isprintable() else "?" for char in sentence)
    return plain.encode("utf-8", "replace")[:MOST_SAID].decode("utf-8", "ignore").encode("utf-8")
