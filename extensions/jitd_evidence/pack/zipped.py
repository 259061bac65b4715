# SPDX-License-Identifier: Apache-2.0
"""The zip file of a pack, which has one spelling: nothing is compressed, and each date, mode and order is fixed (ADR 0116).

Law: what ``read_zip`` reads is what ``Zip`` would have written, byte by byte. For Python 3.9 and later. Part of verify.py,
so it imports nothing of jitd but another part.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import BinaryIO, Union

from jitd.audit.strict_json import Wrong

Bytes = Union[bytes, memoryview]
MOST_FILES = 4096  # files in a pack
MOST_SIZE = (1 << 32) - 1  # bytes of a pack. A larger zip file would need another form (ZIP64).
_LOCAL, _CENTRAL, _END = struct.Struct("<4s5H3L2H"), struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s4H2LH")
_VERSION, _MADE_BY, _MODE, _DATE = 20, 3 << 8 | 20, 0o100644 << 16, 1 << 5 | 1
"""Version 2.0, made on Unix, a file with mode 0644, and 1980-01-01, the first date that a zip file can have. Source:
APPNOTE.TXT of PKWARE, 4.3 and 4.4.
"""


def _local(name: bytes, crc: int, size: int) -> bytes:
    return _LOCAL.pack(b"PK\3\4", _VERSION, 0, 0, 0, _DATE, crc, size, size, len(name), 0) + name


def _central(entries: Sequence[tuple[bytes, int, int, int]], at: int) -> bytes:
    """Return the end of a zip file that begins at byte ``at``. An entry is its name, its CRC-32, its size and its place."""
    out = b"".join(
        _CENTRAL.pack(b"PK\1\2", _MADE_BY, _VERSION, 0, 0, 0, _DATE, crc, size, size, len(name), 0, 0, 0, 0, _MODE, place) + name
        for name, crc, size, place in entries
    )
    return out + _END.pack(b"PK\5\6", 0, 0, len(entries), len(entries), len(out), at, 0)


class Zip:
    """Writes a pack into the empty ``file``: ``add`` each file, in order, then ``end``. The same files make the same bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._entries: list[tuple[bytes, int, int, int]] = []

    def add(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write the next file. Raises Wrong if the pack becomes too large, and OSError."""
        named, place = name.encode("ascii"), self._file.tell()
        self._file.write(_local(named, 0, 0))
        crc = size = 0
        for piece in pieces:
            self._file.write(piece)
            crc, size = zlib.crc32(piece, crc), size + len(piece)
        self._entries.append((named, crc, size, place))
        if self._file.tell() > MOST_SIZE // 2 or len(self._entries) > MOST_FILES:
            raise Wrong("a pack of this size cannot be written")
        self._file.seek(place)
        self._file.write(_local(named, crc, size))
        self._file.seek(0, 2)

    def end(self) -> None:
        self._file.write(_central(self._entries, self._file.tell()))


def read_zip(data: Bytes, rank_of: Callable[[str, int], int]) -> dict[str, Bytes]:
    """Return the files of a pack, in their order, as parts of ``data``. ``rank_of`` returns a name's place in the order of a
    pack. Raises Wrong, also for one byte that ``Zip`` would not have written.
    """
    view = memoryview(data)
    files: dict[str, Bytes] = {}
    entries: list[tuple[bytes, int, int, int]] = []
    at = rank = 0
    while bytes(view[at : at + 4]) == b"PK\3\4":
        if len(view) < at + _LOCAL.size:
            raise Wrong(f"the zip file ends within the head of a file, at byte {at}")
        _, _, _, method, _, _, crc, size, _, n_name, _ = _LOCAL.unpack(view[at : at + _LOCAL.size])
        begin = at + _LOCAL.size + n_name
        named = bytes(view[at + _LOCAL.size : begin])
        name = named.decode("ascii", "backslashreplace")
        rank = rank_of(name, rank)
        if name in files:
            raise Wrong(f"{name} is there twice, at byte {at}")
        if method:
            raise Wrong(f"{name} is compressed, and nothing in a pack is: the zip file was packed again")
        if bytes(view[at:begin]) != _local(named, crc, size):
            raise Wrong(f"the head of {name}, at byte {at}, is not as jitd writes it: the zip file was changed or packed again")
        content = view[begin : begin + size]
        if len(content) != size:
            raise Wrong(f"the zip file ends within {name}")
        if zlib.crc32(content) != crc:
            raise Wrong(f"the content of {name} does not fit its CRC-32: the zip file was changed or damaged")
        files[name] = content
        entries.append((named, crc, size, at))
        if len(files) > MOST_FILES:
            raise Wrong("there are too many files in it")
        at = begin + size
    if not files:
        raise Wrong("this is not a pack: it does not begin as a zip file")
    if bytes(view[at : at + MOST_FILES * 256]) != _central(entries, at) or len(view) - at > MOST_FILES * 256:
        raise Wrong(f"the directory of the zip file, at byte {at}, does not fit the files, or something follows it")
    return files
