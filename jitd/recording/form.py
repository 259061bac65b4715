# SPDX-License-Identifier: Apache-2.0
"""The format of a recording: header, frames, chunks (PROTOCOL.md, section 8). Encodes values as bytes, and decodes them.

Law: pure. A value has one spelling. What is read is exactly what can have been written; for anything else Altered is raised.
Unpacking never makes more than MOST_RAW bytes, however few are unpacked.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NamedTuple

MAGIC = b"jitd recording 1\n"
MOST_HEADER = 16 * 1024 * 1024
"""Bytes of a header, at most: 2 MiB of arguments, each byte shown as four."""
MOST_DATA = 64 * 1024
"""Bytes of data in one frame, at most."""
MOST_RAW = 192 * 1024
"""Bytes in one chunk when it is unpacked, at most."""
MOST_TIME = 1 << 62
"""Microseconds, at most, of a time in the header or between two frames."""
HEAD = 13
"""Bytes of a chunk's head: method, stored length, unpacked length, and the CRC-32 of these nine bytes."""
DIGEST = 32
OVERHEAD = HEAD + DIGEST
"""Bytes of a chunk beside its content."""
PACKED, PLAIN = b"z", b"-"
"""How a chunk is stored: packed by zlib (RFC 1950), or as it is."""

RUN_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}(\.[1-9][0-9]{0,8})?", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
RECORDS = ("output", "all")
SYNCS = ("interval", "always")
ENDINGS = ("exited", "signaled", "not started", "lost")
"""How a run can end, spelled as in the core."""


class Altered(Exception):
    """The recording is not as it was written: it is altered, or damaged.

    ``chunk`` is the number of the chunk, from 1; 0 is the header. ``offset`` is in bytes from the beginning of the file.
    """

    def __init__(self, chunk: int, offset: int, sentence: str) -> None:
        super().__init__(sentence)
        self.chunk = chunk
        self.offset = offset


class Kind(StrEnum):
    """What a frame tells. The value is the byte for it in the file."""

    OUTPUT = "o"
    """Bytes that the command's terminal has put out."""
    INPUT = "i"
    """Bytes that were typed at the command's terminal."""
    STDIN = "0"
    STDOUT = "1"
    STDERR = "2"
    """Bytes of a stream that is not a terminal: STDIN, STDOUT, STDERR."""
    WINDOW = "w"
    """The window's size changed."""
    SUSPENDED = "s"
    """The command was stopped by a signal."""
    RESUMED = "c"
    WITHHELD = "x"
    """Something was typed while the terminal did not echo. What it was, and how much, was not recorded."""
    GAP = "g"
    """From here on something was not recorded, with the reason."""
    END = "e"
    """How the run ended. It is the last frame."""


BYTES = frozenset({Kind.OUTPUT, Kind.INPUT, Kind.STDIN, Kind.STDOUT, Kind.STDERR})
"""Kinds whose data are bytes of the command's streams."""
SHOWN = frozenset({Kind.OUTPUT, Kind.STDOUT, Kind.STDERR})
"""Kinds of BYTES that a viewer sees."""


class End(NamedTuple):
    """How a run ended: one of ENDINGS; the exit status or the signal's number; and a sentence that gives the reason, which may be
    empty.
    """

    ending: str
    number: int
    because: str


class Mark(NamedTuple):
    """A point in a recording: chunks and bytes so far, and the digest of the last chunk, which covers all chunks before it."""

    n_chunks: int
    size: int
    digest: bytes


class Frame(NamedTuple):
    """One event of the recording, ``at`` microseconds after its beginning."""

    at: int
    kind: Kind
    data: bytes

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns. Only for a WINDOW."""
        return int.from_bytes(self.data[:2], "big"), int.from_bytes(self.data[2:], "big")

    @property
    def signal(self) -> int:
        """The signal's number. Only for a SUSPENDED."""
        return self.data[0]

    @property
    def because(self) -> str:
        """Why something was not recorded, a sentence. Only for a GAP."""
        return self.data.decode("utf-8")

    @property
    def end(self) -> End:
        """How the run ended. Only for an END."""
        return End(ENDINGS[self.data[0]], int.from_bytes(self.data[1:5], "big"), self.data[5:].decode("utf-8"))


@dataclass(frozen=True, slots=True)
class Header:
    """The beginning of a recording. Text must be printable, as ``shown`` makes it.

    ``run`` is the run's id, ``fingerprint`` the request's, in hexadecimal. ``started_at`` is for people: microseconds since 1970.
    Frames count from ``boot_at``: microseconds on CLOCK_BOOTTIME of the boot ``boot_id``. ``rows`` and ``columns`` are 0 if the
    run has no terminal. ``path`` is the file that was executed. ``requester`` asked for it, and it ran as ``user`` and ``group``
    in ``directory``. ``records`` is one of RECORDS, ``sync`` one of SYNCS. Raises ValueError with a sentence.
    """

    run: str
    fingerprint: str
    boot_id: str
    started_at: int
    boot_at: int
    rows: int
    columns: int
    term: str
    path: str
    argv: tuple[str, ...]
    requester: str
    user: str
    group: str
    host: str
    directory: str
    records: str
    sync: str

    def __post_init__(self) -> None:
        texts = (self.boot_id, self.term, self.path, self.requester, self.user, self.group, self.host, self.directory, *self.argv)
        if not all(isinstance(text, str) and is_plain(text) for text in texts) or not self.argv:
            raise ValueError("a text in the header is not printable")
        if not RUN_ID.fullmatch(self.run):
            raise ValueError("the header names no run")
        if not _HEX.fullmatch(self.fingerprint):
            raise ValueError("the header has no fingerprint")
        for number, most in (
            (self.started_at, MOST_TIME), (self.boot_at, MOST_TIME), (self.rows, 0xFFFF), (self.columns, 0xFFFF),
        ):  # fmt: skip
            if type(number) is not int or not 0 <= number <= most:
                raise ValueError("a number in the header is out of range")
        if self.records not in RECORDS or self.sync not in SYNCS:
            raise ValueError("the header does not say what is recorded, or how durably")

    def encode(self) -> bytes:
        """Return the bytes before the first chunk. Raises ValueError if the header is longer than MOST_HEADER."""
        body = _canonical(asdict(self))
        if len(body) > MOST_HEADER:
            raise ValueError("the header is too long")
        before = _prefix(len(body)) + body
        return before + hashlib.sha256(before).digest()


PREFIX = len(MAGIC) + 8
"""Number of the bytes that tell how long the header is: MAGIC, the length, and the CRC-32 of both."""


def is_plain(text: str) -> bool:
    """True if every character of ``text`` is printable: then it can do nothing to a terminal but draw."""
    return text.isprintable()


def _canonical(values: dict[str, Any]) -> bytes:
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def _prefix(length: int) -> bytes:
    before = MAGIC + length.to_bytes(4, "big")
    return before + zlib.crc32(before).to_bytes(4, "big")


def header_length(prefix: bytes) -> int:
    """Return how many bytes stand before the first chunk. ``prefix`` is the first PREFIX bytes of the file. Raises Altered."""
    if not prefix.startswith(MAGIC):
        raise Altered(0, 0, "this is not a recording, or one of a version that is not known here")
    length = int.from_bytes(prefix[len(MAGIC) : PREFIX - 4], "big")
    if length > MOST_HEADER or prefix != _prefix(length):
        raise Altered(0, len(MAGIC), "the header is not what was written")
    return PREFIX + length + DIGEST


def decode_header(data: bytes) -> tuple[Header, bytes]:
    """Return the header, and its digest, from which the digest of the first chunk is made. Raises Altered.

    ``data`` are as many bytes of the file as ``header_length`` has returned.
    """
    before, digest = data[:-DIGEST], data[-DIGEST:]
    if hashlib.sha256(before).digest() != digest:
        raise Altered(0, 0, "the header is not what was written")
    body = before[PREFIX:]
    try:
        values = json.loads(body)
        if not isinstance(values, dict) or not isinstance(values["argv"], list):
            raise ValueError
        header = Header(**{**values, "argv": tuple(values["argv"])})
        if _canonical(values) != body:
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Altered(0, PREFIX, "the header is not of the form that a recording has") from None
    return header, digest


# --- frames ----------------------------------------------------------------------------------------------------------


def varint(number: int) -> bytes:
    """Encode a number with seven bits in each byte, the lowest first. A set high bit says that more bytes follow."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def encode_frame(delta: int, kind: Kind, data: bytes) -> bytes:
    """Encode a frame, ``delta`` microseconds after the frame before. Raises ValueError for a frame that no reader accepts."""
    if not (0 <= delta <= MOST_TIME) or not _is_sound(kind, data):
        raise ValueError("no such frame")
    return varint(delta) + kind.value.encode("ascii") + varint(len(data)) + data


def encode_end(end: End) -> bytes:
    """Return the data of an END."""
    return bytes([ENDINGS.index(end.ending)]) + end.number.to_bytes(4, "big") + end.because.encode("utf-8")


def _is_sound(kind: Kind, data: bytes) -> bool:
    """True if a frame of that kind can have these data."""
    if len(data) > MOST_DATA:
        return False
    if kind in BYTES:
        return bool(data)
    if kind is Kind.WINDOW:
        return len(data) == 4
    if kind is Kind.SUSPENDED:
        return len(data) == 1
    if kind is Kind.RESUMED or kind is Kind.WITHHELD:
        return not data
    if kind is Kind.END:
        if len(data) < 5 or data[0] >= len(ENDINGS):
            return False
        data = data[5:]
    try:
        return is_plain(data.decode("utf-8"))
    except UnicodeDecodeError:
        return False


_KINDS = {ord(kind.value): kind for kind in Kind}


def decode_frames(raw: bytes, at: int) -> list[Frame]:
    """Return the frames in ``raw``, the content of a chunk. ``at`` is the time of the frame before. Raises ValueError."""
    frames = []
    place = 0
    while place < len(raw):
        delta, place = _read_varint(raw, place)
        if place >= len(raw):
            raise ValueError("a frame is cut short")
        kind = _KINDS.get(raw[place])
        length, place = _read_varint(raw, place + 1)
        data = raw[place : place + length]
        if kind is None or delta > MOST_TIME or len(data) != length or not _is_sound(kind, data):
            raise ValueError("no such frame")
        place += length
        at += delta
        frames.append(Frame(at, kind, data))
        if kind is Kind.END and place < len(raw):
            raise ValueError("something stands after the end")
    return frames


def _read_varint(raw: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while place < len(raw) and shift < 63:
        byte = raw[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if not byte and shift:
                raise ValueError("a number that is longer than it has to be")
            return number, place
        shift += 7
    raise ValueError("a number is cut short, or too large")


# --- chunks ----------------------------------------------------------------------------------------------------------


def encode_chunk(previous: bytes, method: bytes, stored: bytes, n_raw: int) -> tuple[bytes, bytes]:
    """Return the head with the digest of a chunk, and the digest alone. In the file ``stored`` follows the digest."""
    head = method + len(stored).to_bytes(4, "big") + n_raw.to_bytes(4, "big")
    head += zlib.crc32(head).to_bytes(4, "big")
    digest = chunk_digest(previous, head, stored)
    return head + digest, digest


def chunk_digest(previous: bytes, head: bytes, stored: bytes) -> bytes:
    """Return the digest of a chunk: SHA-256 over the previous digest, the head and the stored bytes."""
    hashing = hashlib.sha256(previous)
    hashing.update(head)
    hashing.update(stored)
    return hashing.digest()


def stored_length(head: bytes) -> int:
    """Return how many bytes follow the digest of a chunk with this head. Raises ValueError."""
    if zlib.crc32(head[:9]) != int.from_bytes(head[9:HEAD], "big"):
        raise ValueError("a chunk's head is not what was written")
    n_stored, n_raw = int.from_bytes(head[1:5], "big"), int.from_bytes(head[5:9], "big")
    is_known = head[:1] == PACKED or (head[:1] == PLAIN and n_stored == n_raw)
    if not is_known or not 0 < n_raw <= MOST_RAW or not 0 < n_stored <= n_raw:
        raise ValueError("a chunk's head is not of the form that one has")
    return n_stored


def unpack(head: bytes, stored: bytes) -> bytes:
    """Return the content of a chunk. Unpacks no more bytes than the head says, which is at most MOST_RAW. Raises ValueError."""
    if head[:1] == PLAIN:
        return stored
    n_raw = int.from_bytes(head[5:9], "big")
    unpacking = zlib.decompressobj()
    try:
        raw = unpacking.decompress(stored, n_raw)
        if not unpacking.eof:  # the checksum may still have to be read; it must not bring another byte
            raw += unpacking.decompress(unpacking.unconsumed_tail, 1)
    except zlib.error:
        raise ValueError("a chunk cannot be unpacked") from None
    if len(raw) != n_raw or not unpacking.eof or unpacking.unused_data:
        raise ValueError("a chunk is not of the length that its head says")
    return raw
