# SPDX-License-Identifier: Apache-2.0
"""Files that are nearly recordings, and what every reader makes of them: the feed, the summary, both exports and the player.

Some are damaged as a disk or a stranger damages a file; some are sealed anew, digest for digest, by somebody who may write what
jitd writes, so that what stands behind a digest is reached. Law: a reader ends, in bounded memory, and either with frames or with
``Altered`` and its sentence; of a file that was not sealed anew it gives nothing that was not recorded.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import tempfile
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from jitd.recording import asciicast, sudolog
from jitd.recording.form import (
    BYTES,
    DIGEST,
    HEAD,
    MAGIC,
    MOST_DATA,
    MOST_RAW,
    PACKED,
    PLAIN,
    PREFIX,
    Altered,
    Frame,
    Header,
    Kind,
    chunk_digest,
    encode_frame,
    header_length,
    stored_length,
    unpack,
    varint,
)
from jitd.recording.player import FASTEST, Player
from jitd.recording.reader import Feed, Recording, Summary, examine
from tests.mutation import EDGES, Mutator
from tests.recording.tape import place_of, record

LONGEST = 20.0
"""Seconds of a processor that all readers together may take over one file."""
MOST_HELD = 48 << 20
"""Bytes that a reader may hold, whatever is in the file; a header alone may have 16 MiB."""
MOST_FRAMES = 40_000
"""After so many the exports and the player are not asked any more: they take each frame as it comes."""
MOST_SHOWN = 20_000
"""Characters of a file that are printed with its fault."""
KINDS = [ord(kind.value) for kind in Kind]


@dataclass
class Parts:
    """A recording, taken apart: the members of its header, and each chunk's method and content."""

    header: dict[str, Any]
    chunks: list[tuple[bytes, bytes]]


def parts_of(data: bytes) -> Parts:
    """What ``data``, a recording as it should be, consists of."""
    at = header_length(data[:PREFIX])
    header = json.loads(data[PREFIX : at - DIGEST])
    chunks = []
    while at < len(data):
        head = data[at : at + HEAD]
        end = at + HEAD + DIGEST + stored_length(head)
        chunks.append((head[:1], unpack(head, data[at + HEAD + DIGEST : end])))
        at = end
    return Parts(header, chunks)


def borders_of(data: bytes) -> list[int]:
    """Where the header ends, and each chunk."""
    at = header_length(data[:PREFIX])
    found = [at]
    while at < len(data):
        at += HEAD + DIGEST + stored_length(data[at : at + HEAD])
        found.append(at)
    return found


def sealed_header(body: bytes, length: int | None = None) -> bytes:
    before = MAGIC + ((len(body) if length is None else length) % (1 << 32)).to_bytes(4, "big")
    before += zlib.crc32(before).to_bytes(4, "big") + body
    return before + hashlib.sha256(before).digest()


def sealed_chunk(previous: bytes, method: bytes, stored: bytes, n_stored: int, n_raw: int) -> bytes:
    head = method[:1].ljust(1, b"-") + (n_stored % (1 << 32)).to_bytes(4, "big") + (n_raw % (1 << 32)).to_bytes(4, "big")
    head += zlib.crc32(head).to_bytes(4, "big")
    return head + chunk_digest(previous, head, stored) + stored


def samples(directory: Path, mutator: Mutator, n: int = 6) -> list[bytes]:
    """Recordings that the real writer has made, of what a run may have done."""
    made = []
    for number in range(n):
        at, frames = 0, []
        for _ in range(mutator.random.randint(1, 40)):
            at += mutator.random.choice((0, 1, 1_000, 150_000, 3_600_000_000))
            if frame := _frame(mutator, at):
                frames.append(frame)
        where = directory / str(number)
        where.mkdir()
        record(where, frames)
        made.append(place_of(where).read_bytes())
    return made


def _frame(mutator: Mutator, at: int) -> Frame | None:
    draw = mutator.random
    kind = draw.choice([kind for kind in Kind if kind not in (Kind.END, Kind.WITHHELD)])
    if kind in BYTES:
        data = draw.choice(
            (
                b"$ ls -l\r\n",
                b"\x1b[2J\x1b[?1049h",
                "é中\u202e".encode(),
                draw.randbytes(draw.choice((1, 40, 3_000))),
                b"x" * MOST_DATA,
            )
        )
        return Frame(at, kind, data)
    if kind is Kind.UNREAD:
        return Frame(at, kind, draw.randint(1, MOST_DATA).to_bytes(4, "big"))
    if kind is Kind.GAP:
        return Frame(at, kind, b"the disk is full")
    return Frame(at, kind, draw.randbytes({Kind.WINDOW: 4, Kind.SUSPENDED: 1}.get(kind, 0)))


class Files:
    """Makes files out of ``corpus``, which are whole recordings."""

    def __init__(self, corpus: list[bytes]) -> None:
        self._corpus = corpus
        self._frames = [frames_in(one) for one in corpus]

    def make(self, mutator: Mutator) -> tuple[bytes, list[Frame] | None]:
        """A file; and all frames that may be read in it, or None where it was sealed anew."""
        at = mutator.random.randrange(len(self._corpus))
        data = self._corpus[at]
        damage: list[Callable[[Mutator, bytes], bytes]] = [self._changed, self._cut, self._shuffled]
        if mutator.one_in(3):
            return mutator.random.choice(damage)(mutator, data), self._frames[at]
        return self._sealed_anew(mutator, data), None

    @staticmethod
    def _changed(mutator: Mutator, data: bytes) -> bytes:
        return mutator.bytes_of(data)

    @staticmethod
    def _cut(mutator: Mutator, data: bytes) -> bytes:
        return data[: mutator.random.randint(0, len(data))]

    @staticmethod
    def _shuffled(mutator: Mutator, data: bytes) -> bytes:
        """Its chunks in another order, twice, or not at all."""
        borders = borders_of(data)
        pieces = [data[first:last] for first, last in zip(borders, borders[1:], strict=False)]
        return data[: borders[0]] + b"".join(
            mutator.random.choices(pieces, k=mutator.random.randint(0, len(pieces) + 1)) if pieces else []
        )

    def _sealed_anew(self, mutator: Mutator, data: bytes) -> bytes:
        """With something else in its header, a head, a chunk or a frame, and the right digests."""
        draw = mutator.random
        parts = parts_of(data)
        where = draw.randrange(5)
        body = json.dumps(parts.header, sort_keys=True, separators=(",", ":")).encode()
        if where == 0:
            body = mutator.json_of(parts.header)
            if mutator.one_in(2):  # as it would be written, so that only the values are odd
                with_other = json.loads(body) if _is_json(body) else parts.header
                body = json.dumps(with_other, sort_keys=True, separators=(",", ":")).encode()
        made = sealed_header(body, draw.choice(EDGES) if where == 0 and mutator.one_in(8) else None)
        digest = made[-DIGEST:]
        changed = draw.randrange(len(parts.chunks)) if parts.chunks and where else -1
        for number, (method, raw) in enumerate(parts.chunks):
            stored, n_raw = (zlib.compress(raw) if method == PACKED else raw), len(raw)
            n_stored = len(stored)
            if number == changed:
                method, stored, n_stored, n_raw = self._other_chunk(mutator, where, method, raw)
            chunk = sealed_chunk(digest, method, stored, n_stored, n_raw)
            digest = chunk[HEAD : HEAD + DIGEST]
            made += chunk
        return made

    @staticmethod
    def _other_chunk(mutator: Mutator, where: int, method: bytes, raw: bytes) -> tuple[bytes, bytes, int, int]:
        draw = mutator.random
        if where == 1:  # its content, as bytes
            raw = mutator.bytes_of(raw)
        elif where == 2:  # its frames
            raw = b"".join(_odd_frame(mutator) for _ in range(draw.choice((1, 3, 200)))) + (raw if mutator.one_in(2) else b"")
        elif where == 3 and mutator.one_in(4):  # much of nothing, in a few bytes
            raw = draw.choice((b"\0c\0" * (MOST_RAW // 3), bytes(MOST_RAW), bytes(2 << 20), b"\0o\1x" * (MOST_RAW // 4)))
            method = PACKED
        stored = zlib.compress(raw) if method == PACKED else raw
        n_stored, n_raw = len(stored), len(raw)
        if where == 3 and mutator.one_in(2):  # cut, or with more behind it
            stored = mutator.bytes_of(stored)
            n_stored = len(stored) if mutator.one_in(2) else n_stored
        if where == 4:  # its head
            if mutator.one_in(2):
                n_stored = draw.choice((n_stored - 1, n_stored + 1, *EDGES))
            else:
                n_raw = draw.choice((n_raw - 1, n_raw + 1, MOST_RAW, *EDGES))
            method = draw.choice((PACKED, PLAIN, PLAIN, b"?", b"\0"))
        elif n_raw > MOST_RAW and mutator.one_in(2):
            n_raw = MOST_RAW
        return method, stored, n_stored, n_raw


def _odd_frame(mutator: Mutator) -> bytes:
    """A frame that no writer makes, or an ordinary one."""
    draw = mutator.random
    if mutator.one_in(2) and (frame := _frame(mutator, 0)):
        return encode_frame(draw.choice((0, 1, 10**6, 1 << 62)), frame.kind, frame.data[:2_000])
    data = draw.choice((b"", b"\x00" * 5, b"\x01\x00\x00\x00\x07\x1b[2J", draw.randbytes(draw.randint(0, 9)), "é\u202e".encode()))
    length = varint(draw.choice((len(data), len(data), *(abs(edge) for edge in EDGES))))
    delta = draw.choice((b"\0", b"\x80\0", b"\xff" * 9, b"\xff" * 8 + b"\x3f", varint(abs(draw.choice(EDGES)))))
    return delta + bytes([draw.choice((*KINDS, *KINDS, 0, 255))]) + length + data


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def frames_in(data: bytes) -> list[Frame]:
    return Feed().feed(data)


# --- what has to hold ----------------------------------------------------------------------------------------------------------


def check(data: bytes, allowed: list[Frame] | None, mutator: Mutator, directory: Path) -> str:
    """Have every reader read ``data``: whether it was "read", "cut" short or "altered". Raises AssertionError, or what a reader
    should not have raised.
    """
    began_at = time.process_time()
    place = directory / "file"
    place.write_bytes(data)
    with place.open("rb") as file:
        is_measured = mutator.one_in(6)  # it makes a reader several times as slow
        if is_measured:
            tracemalloc.start()
        try:
            summary = _ended(lambda: examine(file.fileno()))
            recording = _ended(lambda: Recording(file.fileno()))
            if isinstance(recording, Recording):
                n_frames, fault = _walk(recording)
                assert (fault is None) == isinstance(summary, Summary), "one reader says what another one does not"
                _in_pieces(data, mutator, n_frames, fault)
            held = tracemalloc.get_traced_memory()[1] if is_measured else 0
            assert held <= MOST_HELD, f"{held} bytes were held to read {len(data)}"
        finally:
            tracemalloc.stop()
        if isinstance(recording, Recording):
            if allowed is not None:
                found = _given(recording)
                assert found == allowed[: len(found)], "frames were read that nobody recorded"
            _others(recording, directory)
    took = time.process_time() - began_at
    assert took <= LONGEST, f"{took:.0f} s to read {len(data)} bytes"
    return "altered" if not isinstance(summary, Summary) else "read" if summary.end is not None else "cut"


def _ended(read: Callable[[], Any]) -> Any:
    """What ``read`` returns, or the Altered that it raises, whose sentence says something."""
    try:
        return read()
    except Altered as fault:
        assert len(str(fault)) > 10 and str(fault).isprintable(), f"it does not say what is wrong: {fault!r}"
        return fault


def _walk(recording: Recording) -> tuple[int, Altered | None]:
    """How many frames it gives, one after the other, and with what it ends."""
    n = 0
    try:
        for _ in recording.frames():
            n += 1
    except Altered as fault:
        return n, fault
    return n, None


def _in_pieces(data: bytes, mutator: Mutator, n_frames: int, fault: Altered | None) -> None:
    """It does not matter in what pieces it arrives."""
    feed, n, at, ended = Feed(), 0, 0, None
    try:
        while at < len(data):
            size = mutator.random.choice((1, 7, 100, 5_000, 70_000))
            n += len(feed.feed(data[at : at + size]))
            at += size
        feed.feed(b"")
    except Altered as found:
        ended = found
    assert (n, ended is None) == (n_frames, fault is None), f"in pieces: {n} frames, {ended}; whole: {n_frames} frames, {fault}"


def _given(recording: Recording) -> list[Frame]:
    found = []
    try:
        for frame in recording.frames():
            found.append(frame)
    except Altered:
        pass
    return found


def _others(recording: Recording, directory: Path) -> None:
    """The exports and the player raise Altered at most, and write what their formats permit."""
    header: Header = recording.header

    def some() -> Iterator[Frame]:
        return islice(recording.frames(), MOST_FRAMES)

    for version in (2, 3):
        lines = _ended(lambda version=version: list(asciicast.lines(header, some(), version=version)))
        for line in lines if isinstance(lines, list) else []:
            assert line.isascii() and line.endswith("\n") and json.loads(line) is not None, f"no line of an asciicast: {line!r}"
    shutil.rmtree(directory / "log", ignore_errors=True)
    _ended(lambda: sudolog.export(header, some(), str(directory / "log")))
    player = Player(some, speed=FASTEST, idle_limit=0.0)
    _ended(lambda: _play(player))
    player.finish()


def _play(player: Player) -> None:
    now = 0.0
    while not player.is_over:
        player.advance(now)
        now = max(now, player.due_at() or now)


def play(seed: int, n: int, more: list[bytes] | None = None) -> tuple[list[str], dict[str, int]]:
    """``n`` files, from ``seed`` on, made out of recordings of the writer and out of ``more``: what was not as promised, and how
    often each end was met.
    """
    faults, ends = [], dict.fromkeys(("read", "cut", "altered"), 0)
    with tempfile.TemporaryDirectory() as above:
        (corpus := Path(above, "corpus")).mkdir()
        files = Files([*samples(corpus, Mutator(seed)), *(more or [])])
        for number in range(n):
            mutator = Mutator(seed + number)
            data, allowed = files.make(mutator)
            try:
                ends[check(data, allowed, mutator, Path(above))] += 1
            except Exception as fault:
                whole = base64.b85encode(zlib.compress(data)).decode()
                file = f"; the file (zlib, b85): {whole}" if len(whole) < MOST_SHOWN else ""
                what = f"{type(fault).__name__}: {fault}"
                faults.append(f"recordings, seed {seed}, file {number} of {len(data)} bytes: {what}{file}")
    return faults, ends
