# SPDX-License-Identifier: Apache-2.0
"""Reads a recording from a file, or from bytes while they arrive.

Law: a frame is returned only after the digest of its chunk was checked. The digest of a chunk covers everything before the chunk.
A missing end of a recording is not reported as an alteration. No frame of an altered chunk is returned.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import chain

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
    Left,
    Mark,
    chunk_digest,
    decode_frames,
    decode_header,
    header_length,
    stored_length,
    unpack,
)

PIECE = 256 * 1024  # bytes that are read from a file in one call


class Feed:
    """Converts the bytes of a recording to frames. The bytes may arrive in pieces of any size. ``header`` is None until the whole
    header has arrived.

    ``mark`` is the point after the last whole chunk. ``expected`` contains marks that are known from another place. Each of these
    marks contains a number of chunks. After this number of chunks, the recording must have the same size and the same digest as
    the mark.
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
        """Number of bytes that have arrived after the last whole chunk."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """Add ``data``, and return the frames that are complete now.

        If a part is altered, this call returns the frames before this part, and every later call raises Altered. If there are no
        frames to return, this call itself raises Altered.
        """
        frames: list[Frame] = []
        try:
            for chunk in self.chunks(data):
                frames += chunk
        except Altered:
            if not frames:
                raise
        return frames

    def chunks(self, data: bytes) -> Iterator[list[Frame]]:
        """Add ``data``, and yield the frames of each chunk that is complete now. A chunk is unpacked only when the caller asks
        for it, because a few bytes of the file may contain many frames.

        Raises Altered when an altered part is reached, and from then on in every call.
        """
        self._buffer += data
        while self._fault is None:
            try:
                frames = self._next()
            except Altered as fault:
                self._fault = fault
                self._buffer.clear()
                break
            if frames is None:
                return
            yield frames
        raise self._fault

    def _next(self) -> list[Frame] | None:
        """Return the frames of the next chunk. Return None if more data are needed. Raises Altered."""
        while len(self._buffer) >= self._n_wanted:
            if self.header is None:
                self._take_header()
            elif frames := self._take_chunk():
                return frames
        if self.end is not None and self._buffer:
            raise Altered(self.mark.n_chunks + 1, self.mark.size, "there is data after the end of the recording")
        return None

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
                raise ValueError("there is data after the end of the recording")
            head = bytes(self._buffer[:HEAD])
            length = HEAD + DIGEST + stored_length(head)
            if len(self._buffer) < length:
                self._n_wanted = length
                return []
            digest = bytes(self._buffer[HEAD : HEAD + DIGEST])
            stored = bytes(self._buffer[HEAD + DIGEST : length])
            if chunk_digest(self.mark.digest, head, stored) != digest:
                raise ValueError("a chunk was changed or damaged, or is in the wrong place")
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
    """A recording in a file. The recording can be read many times from its beginning. The caller closes ``file``.

    The constructor reads the header. The constructor raises OSError, and raises Altered if the header is altered or not complete.
    """

    def __init__(self, file: int) -> None:
        self._file = file
        prefix = os.pread(file, PREFIX, 0)
        if len(prefix) < PREFIX:
            raise Altered(0, 0, "the file is not a recording, or is cut short before the first frame")
        data = os.pread(file, header_length(prefix), 0)
        feed = Feed()
        feed.feed(data)
        if feed.header is None:
            raise Altered(0, 0, "the recording is cut short before its first frame")
        self.header = feed.header

    def frames(self) -> Iterator[Frame]:
        """Yield the frames of whole chunks, in order. Raises OSError, and Altered at the first altered part."""
        feed = Feed()
        offset = 0
        while piece := os.pread(self._file, PIECE, offset):
            offset += len(piece)
            yield from chain.from_iterable(feed.chunks(piece))
        feed.feed(b"")  # raises Altered if there is a fault after the last frame


def as_read(frames: Callable[[], Iterator[Frame]]) -> Iterator[Frame | Left]:
    """Yield the frames of a recording. The part of standard input that the command has not read is yielded as Left. Each call of
    ``frames`` yields all frames from the beginning. Raises the exceptions of ``frames``.

    Input is recorded before the command can read it. Therefore only the end of a recording says what the command has not read.
    """
    left = 0
    for frame in frames():
        if frame.kind is Kind.STDIN:
            left += len(frame.data)
        elif frame.kind is Kind.UNREAD:
            left -= frame.n_unread
    for frame in frames():
        if frame.kind is Kind.STDIN:
            data, rest = frame.data[: max(0, left)], frame.data[max(0, left) :]
            left -= len(data)
            if data:
                yield frame._replace(data=data)
            if rest:
                yield Left(frame.at, rest)
        else:
            yield frame


@dataclass(frozen=True, slots=True)
class Summary:
    """The contents of a recording in numbers.

    ``mark`` is the point after the last whole chunk. ``n_waiting`` is the number of bytes after ``mark``, which belong to an
    incomplete chunk. ``end`` is None if the end is missing. ``n_bytes`` maps a kind of stream to the number of its bytes, and for
    STDIN to the number of bytes that the command has read. Empty streams are left out. ``gaps`` are sentences that say why data
    were not recorded.
    """

    header: Header
    mark: Mark
    n_waiting: int
    end: End | None
    n_bytes: dict[Kind, int] = field(default_factory=dict)
    gaps: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """True if the recording has the end of the run and has no gaps."""
        return self.end is not None and not self.gaps


def examine(file: int, expected: Collection[Mark] = ()) -> Summary:
    """Read a whole recording, and check its chain. Compare the recording with the marks ``expected``, which are known from
    another place.

    Raises Altered if a part was altered, or if the recording ends before one of the ``expected`` marks. Raises OSError. If only
    the end is missing, no exception is raised, and ``end`` is None. The end is missing if the writer was killed or is still
    writing.
    """
    feed = Feed(expected)
    offset = 0
    n_bytes: dict[Kind, int] = {}
    gaps: list[str] = []
    while piece := os.pread(file, PIECE, offset):
        offset += len(piece)
        for frame in chain.from_iterable(feed.chunks(piece)):
            if frame.kind in BYTES:
                n_bytes[frame.kind] = n_bytes.get(frame.kind, 0) + len(frame.data)
            elif frame.kind is Kind.UNREAD:
                n_bytes[Kind.STDIN] = n_bytes.get(Kind.STDIN, 0) - frame.n_unread
            elif frame.kind is Kind.GAP:
                gaps.append(frame.because)
    feed.feed(b"")  # raises Altered if there is a fault after the last frame
    if feed.header is None:
        raise Altered(0, 0, "the file is not a recording, or is cut short before the first frame")
    missing = [mark.n_chunks for mark in expected if mark.n_chunks > feed.mark.n_chunks]
    if missing:
        raise Altered(feed.mark.n_chunks + 1, feed.mark.size, f"the recording ends before chunk {min(missing)}, which was sealed")
    n_bytes = {kind: n for kind, n in n_bytes.items() if n > 0}
    return Summary(feed.header, feed.mark, feed.n_waiting, feed.end, n_bytes, tuple(gaps))
