# SPDX-License-Identifier: Apache-2.0
"""A reader by a stranger, who has PROTOCOL.md section 8 and nothing else: nothing of ours is imported to read."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from jitd.recording import form
from tests.law.tree import TREE
from tests.recording.tape import HEADER, place_of, record
from tests.recording.test_form import Frame, scratch, tapes

PAGE = (TREE / "PROTOCOL.md").read_text("utf-8").partition("## 8. Recording")[2].partition("\n## ")[0]


def read_as_a_stranger(data: bytes) -> tuple[dict[str, Any], list[tuple[int, str, bytes]], bytes]:
    """Header, frames (microseconds from the beginning, kind, data) and root of a whole recording."""
    magic = b"jitd recording 1\n"
    assert data[:17] == magic
    length = int.from_bytes(data[17:21], "big")
    assert zlib.crc32(data[:21]) == int.from_bytes(data[21:25], "big")
    body = data[25 : 25 + length]
    root = data[25 + length : 57 + length]
    assert hashlib.sha256(data[: 25 + length]).digest() == root
    place = 57 + length
    frames, at = [], 0
    while place < len(data):
        head, digest = data[place : place + 13], data[place + 13 : place + 45]
        stored, unpacked = int.from_bytes(head[1:5], "big"), int.from_bytes(head[5:9], "big")
        assert zlib.crc32(head[:9]) == int.from_bytes(head[9:], "big")
        content = data[place + 45 : place + 45 + stored]
        assert hashlib.sha256(root + head + content).digest() == digest
        root = digest
        place += 45 + stored
        content = {b"z": zlib.decompress, b"-": bytes}[head[:1]](content)
        assert len(content) == unpacked <= 192 * 1024

        def number() -> int:
            nonlocal content
            value = shift = 0
            while True:
                byte, content = content[0], content[1:]
                value |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return value

        while content:
            at += number()
            kind, content = chr(content[0]), content[1:]
            length = number()
            frames.append((at, kind, content[:length]))
            content = content[length:]
    return json.loads(body), frames, root


@given(tapes())
def test_a_stranger_reads_what_was_recorded(frames: list[Frame]) -> None:
    with scratch() as directory:
        record(directory, frames)
        header, told, root = read_as_a_stranger(place_of(directory).read_bytes())
    assert told == [(frame.at, frame.kind.value, frame.data) for frame in frames]
    assert header["run"] == HEADER.run and header["argv"] == list(HEADER.argv) and len(root) == 32


def test_every_kind_of_frame_and_every_member_of_the_header_is_on_the_page() -> None:
    table = PAGE.partition("| frame | data |")[2].partition("\n\n")[0]
    kinds = [kind for row in table.splitlines() for kind in re.findall(r"`(.)`", row.split(" | ")[0])]
    assert sorted(kinds) == sorted(kind.value for kind in form.Kind)
    members = PAGE.partition("has exactly these members:")[2].partition("Each member is")[0]
    assert set(form.Header.__dataclass_fields__) <= set(re.findall(r"`([a-z_]+)`", members))


@pytest.mark.parametrize(
    ("said", "is_so"),
    [
        ("at most 16 MiB", form.MOST_HEADER == 16 << 20), ("at most 192 KiB", form.MOST_RAW == 192 << 10),
        ("at most 64 KiB", form.MOST_DATA == 64 << 10), ("| magic | 17 |", len(form.MAGIC) == 17),
        ("0 exited, 1 signaled, 2 not started, 3 lost", form.ENDINGS == ("exited", "signaled", "not started", "lost")),
    ],
)  # fmt: skip
def test_the_numbers_on_the_page_are_those_of_the_code(said: str, is_so: bool) -> None:
    assert said in " ".join(PAGE.split()) and is_so


def test_the_file_is_called_as_the_page_says(tmp_path: Path) -> None:
    record(tmp_path, [])
    assert place_of(tmp_path).name == "K7QM-2XVD.recording" and "`recordings/<run>.recording`" in PAGE
