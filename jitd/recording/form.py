# SPDX-License-Identifier: Apache-2.0
"""The format of a recording: header, frames, chunks (PROTOCOL.md, section 8). Encodes values as bytes, and decodes them.

Law: each value has only one encoding. The reader accepts only bytes that the writer can produce. All other bytes raise Altered.
Unpacking never produces more than MOST_RAW bytes, even from a small input.
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
MOST_HEADER = 16 * 1024 * 1024  # bytes of a header: 2 MiB of arguments, even if each byte is written as four characters
MOST_DATA = 64 * 1024  # bytes of data in one frame
MOST_RAW = 192 * 1024  # bytes of one unpacked chunk
MOST_TIME = 1 << 62  # maximum value, in microseconds, of a time in the header, and of the time between two frames
HEAD = 13
"""Number of bytes of a chunk's head. The head contains the method (1 byte), the stored length (4 bytes), the unpacked length (4
bytes), and the CRC-32 of these nine bytes.
"""
DIGEST = 32
OVERHEAD = HEAD + DIGEST  # the number of bytes of a chunk in addition to its content
PACKED, PLAIN = b"z", b"-"  # the method with which a chunk is stored: packed by zlib (RFC 1950), or not packed

RUN_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}(\.[1-9][0-9]{0,8})?", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
RECORDS = ("output", "all")
SYNCS = ("interval", "always")
ENDINGS = ("exited", "signaled", "not started", "lost")  # how a run can end, as in the package jitd.core


class Altered(Exception):
    """The recording was altered or damaged after it was written.

    ``chunk`` is the number of the altered chunk, starting with 1. Number 0 means the header. ``offset`` is the position in bytes
    from the beginning of the file.
    """

    def __init__(self, chunk: int, offset: int, sentence: str) -> None:
        super().__init__(sentence)
        self.chunk = chunk
        self.offset = offset


class Kind(StrEnum):
    """The kinds of frames. The value of a kind is the byte that stands for the kind in the file."""

    OUTPUT = "o"  # bytes that the command's terminal has output
    INPUT = "i"  # bytes that were typed at the command's terminal
    STDIN = "0"
    STDOUT = "1"
    STDERR = "2"  # STDIN, STDOUT and STDERR mean bytes of a stream that is not a terminal
    WINDOW = "w"  # the size of the window has changed
    SUSPENDED = "s"  # a signal has stopped (suspended) the command
    RESUMED = "c"
    UNREAD = "u"  # the last bytes of the frames STDIN that the command has left in its pipe. The content is their number.
    WITHHELD = "x"  # a person has typed while the terminal did not echo. Neither the text nor its length was recorded.
    GAP = "g"  # some data after this frame were not recorded. The content of the frame is the reason.
    END = "e"  # how the run ended. This is the last frame.


BYTES = frozenset({Kind.OUTPUT, Kind.INPUT, Kind.STDIN, Kind.STDOUT, Kind.STDERR})
"""The kinds of frames whose data are bytes of the command's streams."""
SHOWN = frozenset({Kind.OUTPUT, Kind.STDOUT, Kind.STDERR})  # the kinds in BYTES that are shown to a viewer


class End(NamedTuple):
    """How a run ended: one of ENDINGS, the exit status or signal, and a sentence with the reason, or ""."""

    ending: str
    number: int
    because: str


class Mark(NamedTuple):
    """A point in a recording: the number of chunks and bytes before this point, and the digest of the last of these chunks. The
    digest of a chunk covers all earlier chunks.
    """

    n_chunks: int
    size: int
    digest: bytes


class Frame(NamedTuple):
    """One event of the recording. ``at`` is the time since the beginning of the recording, in microseconds."""

    at: int
    kind: Kind
    data: bytes

    @property
    def size(self) -> tuple[int, int]:
        """The rows and columns in a frame of the kind WINDOW."""
        return int.from_bytes(self.data[:2], "big"), int.from_bytes(self.data[2:], "big")

    @property
    def signal(self) -> int:
        """The number of the signal in a frame of the kind SUSPENDED."""
        return self.data[0]

    @property
    def n_unread(self) -> int:
        """The number of bytes in a frame of the kind UNREAD."""
        return int.from_bytes(self.data, "big")

    @property
    def because(self) -> str:
        """The reason why data were not recorded, in a frame of the kind GAP."""
        return self.data.decode("utf-8")

    @property
    def end(self) -> End:
        """The end of the run, in a frame of the kind END."""
        return End(ENDINGS[self.data[0]], int.from_bytes(self.data[1:5], "big"), self.data[5:].decode("utf-8"))


class Left(NamedTuple):
    """Bytes of STDIN frames that the command has not read. No frame of the file: UNREAD says which they are."""

    at: int
    data: bytes


def unread(frame: Frame) -> str:
    """Return what a frame of the kind UNREAD means to a person. The command has not taken these bytes out of its pipe, but it may
    have looked at them (tee(2)), or may have written others into the pipe in their place.
    """
    return f"{frame.n_unread} more bytes of its standard input were offered to the command, and left there"


@dataclass(frozen=True, slots=True)
class Header:
    """The beginning of a recording. All texts must be printable. The function ``shown`` returns printable texts.

    ``run`` is the id of the run. ``fingerprint`` is the fingerprint of the request, in hexadecimal. ``started_at`` is the start
    of the run in microseconds since 1970, and is used only to show this time to people. ``boot_at`` is the start of the run in
    microseconds on CLOCK_BOOTTIME. ``boot_id`` names the boot to which this clock belongs. The times of frames are counted from
    ``boot_at``. ``rows`` and ``columns`` are 0 if the run has no terminal. ``path`` is the file that was executed. ``requester``
    asked for this run. The file was executed as ``user`` and ``group`` in ``directory``. ``records`` is one of RECORDS. ``sync``
    is one of SYNCS. Raises ValueError with a sentence.
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
            raise ValueError("the header contains no run id")
        if not _HEX.fullmatch(self.fingerprint):
            raise ValueError("the header has no fingerprint")
        for number, most in (
            (self.started_at, MOST_TIME),
            (self.boot_at, MOST_TIME),
            (self.rows, 0xFFFF),
            (self.columns, 0xFFFF),
        ):
            if type(number) is not int or not 0 <= number <= most:
                raise ValueError("a number in the header is out of range")
        if self.records not in RECORDS or self.sync not in SYNCS:
            raise ValueError("the header does not say what is recorded, or when data are synced to the disk")

    def encode(self) -> bytes:
        """Return the bytes before the first chunk. Raises ValueError if the header is longer than MOST_HEADER."""
        body = _canonical(asdict(self))
        if len(body) > MOST_HEADER:
            raise ValueError("the header is too long")
        before = _prefix(len(body)) + body
        return before + hashlib.sha256(before).digest()


PREFIX = len(MAGIC) + 8  # MAGIC, the length of the header's body (JSON), and the CRC-32 of both: each file begins so


def is_plain(text: str) -> bool:
    """True if every character is printable: a terminal draws it, and does nothing else."""
    return text.isprintable()


def _canonical(values: dict[str, Any]) -> bytes:
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def _prefix(length: int) -> bytes:
    before = MAGIC + length.to_bytes(4, "big")
    return before + zlib.crc32(before).to_bytes(4, "big")


def header_length(prefix: bytes) -> int:
    """Return the bytes before the first chunk. ``prefix`` is the file's first PREFIX bytes. Raises Altered."""
    if not prefix.startswith(MAGIC):
        raise Altered(0, 0, "the file is not a recording, or its version is unknown to this jitd")
    length = int.from_bytes(prefix[len(MAGIC) : PREFIX - 4], "big")
    if length > MOST_HEADER or prefix != _prefix(length):
        raise Altered(0, len(MAGIC), "the header was changed or damaged")
    return PREFIX + length + DIGEST


def decode_header(data: bytes) -> tuple[Header, bytes]:
    """Return the header and the header's digest. The digest of the first chunk is computed from the header's digest. Raises
    Altered.

    ``data`` is the beginning of the file. The length of ``data`` must be the number that ``header_length`` has returned.
    """
    before, digest = data[:-DIGEST], data[-DIGEST:]
    if hashlib.sha256(before).digest() != digest:
        raise Altered(0, 0, "the header was changed or damaged")
    body = before[PREFIX:]
    try:
        values = json.loads(body)
        if not isinstance(values, dict) or not isinstance(values["argv"], list):
            raise ValueError
        header = Header(**{**values, "argv": tuple(values["argv"])})
        if _canonical(values) != body:
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Altered(0, PREFIX, "the header does not have the form of a recording's header") from None
    return header, digest


# --- frames ----------------------------------------------------------------------------------------------------------


def varint(number: int) -> bytes:
    """Encode a number, seven bits a byte, the lowest first. The high bit says that more bytes follow."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def encode_frame(delta: int, kind: Kind, data: bytes) -> bytes:
    """Encode a frame ``delta`` microseconds after the one before. Raises ValueError if readers would refuse it."""
    if not (0 <= delta <= MOST_TIME) or not _is_sound(kind, data):
        raise ValueError("no such frame")
    return varint(delta) + kind.value.encode("ascii") + varint(len(data)) + data


def encode_end(end: End) -> bytes:
    """Encode ``end`` as the data of a frame of the kind END."""
    return bytes([ENDINGS.index(end.ending)]) + end.number.to_bytes(4, "big") + end.because.encode("utf-8")


def _is_sound(kind: Kind, data: bytes) -> bool:
    if len(data) > MOST_DATA:
        return False
    if kind in BYTES:
        return bool(data)
    if kind is Kind.WINDOW:
        return len(data) == 4
    if kind is Kind.UNREAD:
        return len(data) == 4 and 0 < int.from_bytes(data, "big") <= MOST_DATA
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
    """Return the frames in ``raw``, the content of a chunk. ``at`` is the time of the previous frame. Raises ValueError."""
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
            raise ValueError("there are bytes after the frame END")
    return frames


def _read_varint(raw: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while place < len(raw) and shift < 63:
        byte = raw[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if not byte and shift:
                raise ValueError("a number is encoded in more bytes than necessary")
            return number, place
        shift += 7
    raise ValueError("a number is cut short, or too large")


# --- chunks ----------------------------------------------------------------------------------------------------------


def encode_chunk(previous: bytes, method: bytes, stored: bytes, n_raw: int) -> tuple[bytes, bytes]:
    """Return two values. The first value is the head of a chunk, followed by the chunk's digest. The second value is only the
    digest. In the file, ``stored`` is written after the digest.
    """
    head = method + len(stored).to_bytes(4, "big") + n_raw.to_bytes(4, "big")
    head += zlib.crc32(head).to_bytes(4, "big")
    digest = chunk_digest(previous, head, stored)
    return head + digest, digest


def chunk_digest(previous: bytes, head: bytes, stored: bytes) -> bytes:
    """Return the digest of a chunk. The digest is SHA-256 over the previous digest, the head and the stored bytes."""
    hashing = hashlib.sha256(previous)
    hashing.update(head)
    hashing.update(stored)
    return hashing.digest()


def stored_length(head: bytes) -> int:
    """Return how many bytes follow the digest in the chunk whose head is ``head``. Raises ValueError."""
    if zlib.crc32(head[:9]) != int.from_bytes(head[9:HEAD], "big"):
        raise ValueError("the head of a chunk was changed or damaged")
    n_stored, n_raw = int.from_bytes(head[1:5], "big"), int.from_bytes(head[5:9], "big")
    is_known = head[:1] == PACKED or (head[:1] == PLAIN and n_stored == n_raw)
    if not is_known or not 0 < n_raw <= MOST_RAW or not 0 < n_stored <= n_raw:
        raise ValueError("the head of a chunk has the wrong form")
    return n_stored


def unpack(head: bytes, stored: bytes) -> bytes:
    """Return a chunk's content, which is no longer than its head says, and that at most MOST_RAW. Raises ValueError."""
    if head[:1] == PLAIN:
        return stored
    n_raw = int.from_bytes(head[5:9], "big")
    unpacking = zlib.decompressobj()
    try:
        raw = unpacking.decompress(stored, n_raw)
        if not unpacking.eof:  # the checksum may still follow, but no further byte of content
            raw += unpacking.decompress(unpacking.unconsumed_tail, 1)
    except zlib.error:
        raise ValueError("a chunk cannot be unpacked") from None
    if len(raw) != n_raw or not unpacking.eof or unpacking.unused_data:
        raise ValueError("the length of a chunk differs from the length in its head")
    return raw
