# SPDX-License-Identifier: Apache-2.0
"""Reads recordings: from a file, or from bytes as they arrive.

Law: a frame is given only after its chunk's digest has been computed over all before it. A missing end is told apart
from an altered part; nothing of an altered part is given.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from jitd.recording.form import (
    BYTES,
    DIGEST,
    HEAD,
    PREFIX,
    Altered,
    End,
    Frame,
    Header,
    Kind,
    Mark,
    chunk_digest,
    decode_frames,
    decode_header,
    header_length,
    stored_length,
    unpack,
)  # fmt: skip

PIECE = 256 * 1024
"""Bytes read from a file at once."""


class Feed:
    """Bytes in, in pieces of any size; frames out. ``header`` is None until it has arrived whole.

    ``mark`` is where the whole chunks so far stand. ``expected`` are marks that are kept elsewhere: where the recording comes to
    one, it has to be that.
    """

    def __init__(self, expected: Collection[Mark] = ()) -> None:
        self._expected = {mark.n_chunks: mark for mark in expected}
        self.header: Header | None = None
        self.mark = Mark(0, 0, b"")
        self.end: End | None = None
        self._fault: Altered | None = None
        self._at = 0
        self._buffer = bytearray()
        self._n_wanted = PREFIX

    @property
    def n_waiting(self) -> int:
        """Bytes that have arrived and are not a whole chunk yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are whole now. Raises Altered when it has given all that stands before, and then always again."""
        self._buffer += data
        frames: list[Frame] = []
        try:
            while self._fault is None and len(self._buffer) >= self._n_wanted:
                if self.header is None:
                    self._take_header()
                else:
                    frames += self._take_chunk()
            if self.end is not None and self._buffer:
                raise Altered(self.mark.n_chunks + 1, self.mark.size, "something stands after the end of the recording")
        except Altered as fault:
            self._fault = fault
        if self._fault is not None:
            self._buffer.clear()
            if not frames:
                raise self._fault
        return frames

    def _take_header(self) -> None:
        length = header_length(bytes(self._buffer[:PREFIX]))
        if len(self._buffer) < length:
            self._n_wanted = length
            return
        self.header, digest = decode_header(bytes(self._buffer[:length]))
        del self._buffer[:length]
        self._advance(Mark(0, length, digest))

    def _take_chunk(self) -> list[Frame]:
        number = self.mark.n_chunks + 1
        try:
            if self.end is not None:
                raise ValueError("something stands after the end of the recording")
            head = bytes(self._buffer[:HEAD])
            length = HEAD + DIGEST + stored_length(head)
            if len(self._buffer) < length:
                self._n_wanted = length
                return []
            digest = bytes(self._buffer[HEAD : HEAD + DIGEST])
            stored = bytes(self._buffer[HEAD + DIGEST : length])
            if chunk_digest(self.mark.digest, head, stored) != digest:
                raise ValueError("a chunk is not what was written, or not in its place")
            frames = decode_frames(unpack(head, stored), self._at)
        except ValueError as fault:
            raise Altered(number, self.mark.size, f"{fault} (chunk {number}, byte {self.mark.size})") from None
        del self._buffer[:length]
        self._advance(Mark(number, self.mark.size + length, digest))
        self._at = frames[-1].at
        if frames[-1].kind is Kind.END:
            self.end = frames[-1].end
        return frames

    def _advance(self, mark: Mark) -> None:
        if self._expected.get(mark.n_chunks, mark) != mark:
            sentence = f"the recording is not the one that was sealed (chunk {mark.n_chunks}, byte {mark.size})"
            raise Altered(mark.n_chunks, mark.size, sentence)
        self.mark = mark
        self._n_wanted = HEAD


class Recording:
    """A recording in a file, to be read from its beginning as often as one likes. ``file`` stays the caller's.

    ``header`` raises nothing any more once this stands. Raises Altered, also where not even the header is whole, and OSError.
    """

    def __init__(self, file: int) -> None:
        self._file = file
        prefix = os.pread(file, PREFIX, 0)
        if len(prefix) < PREFIX:
            raise Altered(0, 0, "the recording is cut short before its first frame, or is none")
        data = os.pread(file, header_length(prefix), 0)
        feed = Feed()
        feed.feed(data)
        if feed.header is None:
            raise Altered(0, 0, "the recording is cut short before its first frame")
        self.header = feed.header

    def frames(self) -> Iterator[Frame]:
        """All frames of whole chunks, in order. Raises Altered in the place where it is, OSError."""
        feed = Feed()
        offset = 0
        while piece := os.pread(self._file, PIECE, offset):
            offset += len(piece)
            yield from feed.feed(piece)
        feed.feed(b"")  # which tells what was wrong after the last frame


@dataclass(frozen=True, slots=True)
class Summary:
    """What is in a recording. ``lasted`` in microseconds, ``n_bytes`` for each kind of stream that has any; ``mark`` after the
    last whole chunk; ``n_waiting`` bytes of a chunk that is not whole; ``end`` None if it is missing; ``gaps`` are why something
    could not be kept.
    """

    header: Header
    mark: Mark
    lasted: int
    n_frames: int
    n_waiting: int
    end: End | None
    n_bytes: dict[Kind, int] = field(default_factory=dict)
    gaps: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """True if the run's end is in it, and nothing was left out before."""
        return self.end is not None and not self.gaps


def examine(file: int, expected: Collection[Mark] = ()) -> Summary:
    """Read all of a recording, prove its chain, and compare it with the marks that are kept elsewhere.

    Raises Altered where something is not what was written, or where it is shorter than one of ``expected`` says; OSError. A
    recording that only lacks its end (the writer was killed, or still writes) is not a fault: ``end`` is None then.
    """
    feed = Feed(expected)
    offset = n_frames = lasted = 0
    n_bytes: dict[Kind, int] = {}
    gaps: list[str] = []
    while piece := os.pread(file, PIECE, offset):
        offset += len(piece)
        for frame in feed.feed(piece):
            n_frames += 1
            lasted = frame.at
            if frame.kind in BYTES:
                n_bytes[frame.kind] = n_bytes.get(frame.kind, 0) + len(frame.data)
            elif frame.kind is Kind.GAP:
                gaps.append(frame.because)
    feed.feed(b"")  # which tells what was wrong after the last frame
    if feed.header is None:
        raise Altered(0, 0, "the recording is cut short before its first frame, or is none")
    missing = [mark.n_chunks for mark in expected if mark.n_chunks > feed.mark.n_chunks]
    if missing:
        raise Altered(feed.mark.n_chunks + 1, feed.mark.size, f"the recording ends before chunk {min(missing)}, which was sealed")
    return Summary(feed.header, feed.mark, lasted, n_frames, feed.n_waiting, feed.end, n_bytes, tuple(gaps))
