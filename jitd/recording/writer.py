# SPDX-License-Identifier: Apache-2.0
"""Writes the recording of a run. The caller has an event loop, and calls ``tend`` at the time that ``due_at`` returns.

Law: accepted data are written to the file within LATENCY. With ``sync="always"``, data are on the disk before the call returns.
If data cannot be recorded, an exception is raised. Data are never dropped silently. After a fault, the file ends with its last
whole chunk. The use of memory is limited. If the terminal does not echo, neither the typed text nor its length is recorded.
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
)
from jitd.recording.reserve import spare
from jitd.recording.storage import RecordingError, create, remove, sentence_of

LATENCY = 200_000  # microseconds from a chunk's first byte to its write: with a turn of the loop, under 250 ms
FULL = 64 * 1024  # bytes after which a chunk is written immediately
RESERVE = 4096  # bytes of the quota that are reserved for the last frames (GAP and END)
MOST_SAID = 1000  # bytes of the sentence in a GAP or an END
PROBE_EVERY = 16  # chunks until full packing is tried again, after it did not make them much smaller
WORTH_PROBING = 4096  # bytes of a chunk whose packed size shows how well the next ones can be packed


def boot_clock() -> int:
    """Return the microseconds since the host's start, with those in which it was suspended (CLOCK_BOOTTIME)."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class Packer:
    """Packs chunks, unless packing takes too much time for the number of bytes that it saves.

    Text can be packed well and fast. Other data, such as keys, images and archives, are packed only by the frequency of their
    bytes (Huffman coding), or are not packed. Huffman coding alone is three times as fast as full packing. After some chunks,
    full packing is tried again.
    """

    def __init__(self) -> None:
        self._strategy: int | None = zlib.Z_DEFAULT_STRATEGY
        self._n_since = 0

    def pack(self, raw: bytes) -> tuple[bytes, bytes]:
        """Return the method (PACKED or PLAIN), and the bytes to store."""
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


def begin(
    directory: str, header: Header, *, quota: int | None = None, spares: bool = False, clock: Callable[[], int] = boot_clock
) -> Recorder:
    """Create the file of ``header.run`` in ``directory``, and start to record. Raises RecordingError."""
    file = create(directory, header.run)
    try:
        return Recorder(file, header, quota=quota, spares=spares, clock=clock)
    except RecordingError:
        with suppress(RecordingError):
            remove(directory, header.run)  # nothing was recorded in this file
        raise


class Recorder:
    """Writes one recording to ``file``, which must be open and empty. ``close`` closes the file.

    ``quota`` is the maximum size of the file in bytes. None means no limit. If ``spares`` is True, only the last frame (END) may
    be written into the reserve of the disk (see ``reserve``). ``clock`` returns microseconds on CLOCK_BOOTTIME. The
    caller must record bytes *before* it passes these bytes on. Every method except ``close`` and ``abandon`` may raise
    RecordingError. After the first fault, each of these methods raises the same exception again. The exception of the first
    fault is also stored in ``fault``.
    """

    def __init__(
        self, file: int, header: Header, *, quota: int | None = None, spares: bool = False, clock: Callable[[], int] = boot_clock
    ) -> None:
        assert header.records in RECORDS and header.sync in SYNCS
        self.fault: RecordingError | None = None
        self._file = file
        self._spares = spares
        self._keeps_input = header.records == "all"
        self._is_always = header.sync == "always"
        self._clock = clock
        self._most = None if quota is None else quota - RESERVE
        self._packer = Packer()
        self._buffer = bytearray()
        self._last_kind: Kind | None = None
        self._last_at = header.boot_at
        self._write_at = 0  # when the buffer must be written, in microseconds of the boot clock
        # when the written data must be synced to the disk, on the same clock; None if they are synced
        self._sync_at: int | None = None
        self._is_named = False  # True if the file's name is on the disk
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

    # --- events ------------------------------------------------------------------------------------------------------

    def output(self, data: bytes | memoryview, stream: Kind = Kind.OUTPUT) -> None:
        """Record output of the command. ``stream`` is OUTPUT (the command's terminal), STDOUT or STDERR."""
        self._put_bytes(stream, data)

    def input(self, data: bytes | memoryview, *, is_echoed: bool, stream: Kind = Kind.INPUT) -> None:
        """Record input of the command. ``stream`` is INPUT (the command's terminal) or STDIN. For STDIN, pass True as
        ``is_echoed``.

        Input is recorded only if the header says that everything is recorded. If the terminal does not echo, input is never
        recorded.
        """
        if not self._keeps_input:
            return
        if is_echoed:
            self._put_bytes(stream, data)
        elif data and self._last_kind is not Kind.WITHHELD:
            self._put(Kind.WITHHELD, b"")

    def unread(self, n: int) -> None:
        """Record that the command has not read the last ``n`` bytes of its standard input, which are recorded."""
        self._put(Kind.UNREAD, n.to_bytes(4, "big"))

    def resize(self, rows: int, columns: int) -> None:
        """Record the new size of the window."""
        self._put(Kind.WINDOW, rows.to_bytes(2, "big") + columns.to_bytes(2, "big"))

    def suspended(self, signal: int) -> None:
        """Record that ``signal`` has stopped the command."""
        self._put(Kind.SUSPENDED, bytes([signal]))

    def resumed(self) -> None:
        """Record that the command continues."""
        self._put(Kind.RESUMED, b"")

    # --- writing -----------------------------------------------------------------------------------------------------

    def due_at(self) -> float | None:
        """Return the time when ``tend`` must be called, in seconds on CLOCK_BOOTTIME. Return None if no call is needed."""
        due = self._write_at if self._buffer else self._sync_at
        return None if due is None or self.fault else due / 1e6

    def tend(self) -> None:
        """Write and sync the data that are due. If no data are due, this call does nothing."""
        self._tend(self._clock())

    def write(self) -> None:
        """Write all accepted data to the file, though not yet to the disk. Raises RecordingError."""
        self._raise_fault()
        self._write_buffer()

    def flush(self) -> Mark:
        """Write all accepted data, and sync the file to the disk. Return the point at the end of the recording."""
        self._raise_fault()
        self._write_buffer()
        self._sync()
        return self.mark

    def close(self, end: End) -> Mark:
        """Write how the run ended, and close the file. Raises nothing. If data could not be recorded, ``fault`` is set. The file
        then gets a GAP, if the GAP can still be written.
        """
        self._spares = False
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
        """Close the file without writing. If the file is closed already, do nothing."""
        if self._file >= 0:
            file, self._file = self._file, -1
            with suppress(OSError):  # everything is on the disk, or the fault was reported
                os.close(file)

    # --- internal methods --------------------------------------------------------------------------------------------

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
        """Add a frame to the buffer. Return its time."""
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
        """Raise RecordingError if ``n_more`` further bytes, counted without packing, would exceed the quota."""
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
            if self._spares:
                spare(self._file)
            written = os.pwritev(self._file, pieces, before)
            while written < size:  # the disk is nearly full, or a limit is near; then the next write raises an exception
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
    """Return ``sentence`` as the data of a frame. The data are printable, and at most MOST_SAID bytes long."""
    plain = "".join(char if char.isprintable() else "?" for char in sentence)
    return plain.encode("utf-8", "replace")[:MOST_SAID].decode("utf-8", "ignore").encode("utf-8")
