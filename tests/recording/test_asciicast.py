# SPDX-License-Identifier: Apache-2.0
"""Recordings as asciicasts: every line by the specification, and played by the real asciinema."""

from __future__ import annotations

import json
import os
import re
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.recording.asciicast import lines
from jitd.recording.form import End, Frame, Kind, encode_end
from jitpam.wire.shown import shown, shown_command
from tests.recording.tape import HEADER, header
from tests.recording.test_filter import HARMLESS, HOSTILE, Viewer
from tests.recording.test_form import tapes
from tests.waiting import PATIENCE

NUMBER = r"(?:0|[1-9][0-9]*)\.[0-9]{6}"
LATER = 1_000_000


def cast(frames: list[Frame], **options: object) -> list[str]:
    return list(lines(HEADER, frames, **options))  # type: ignore[arg-type]


def events(frames: list[Frame], **options: object) -> list[tuple[Decimal, str, str]]:
    """The events of a cast, each line checked on the way."""
    first, *rest = cast(frames, **options)
    found = []
    for line in rest:
        assert re.match(rf'\[{NUMBER}, "[oimrx]", "', line) and line.endswith("\n") and line.count("\n") == 1 and line.isascii()
        time, code, data = json.loads(line, parse_float=Decimal)
        assert isinstance(data, str) and time >= 0
        data.encode("utf-8")
        found.append((time, code, data))
    return found


def check_third(text: list[str]) -> None:
    """What version 3 asks for, to the letter: a header with its members and no others, events with intervals and five codes."""
    head = json.loads(text[0])
    assert head["version"] == 3 and set(head) <= {
        "version", "term", "timestamp", "idle_time_limit", "command", "title", "env", "tags",
    }  # fmt: skip
    assert set(head["term"]) <= {"cols", "rows", "type", "version", "theme"}
    for size in (head["term"]["cols"], head["term"]["rows"]):
        assert type(size) is int and 0 < size < 65536
    assert type(head["timestamp"]) is int
    assert all(isinstance(head[name], str) for name in ("command", "title"))
    assert all(isinstance(value, str) for value in head["env"].values())
    is_over = False
    for line in text[1:]:
        time, code, data = json.loads(line)
        assert not is_over, "the exit is the last"
        assert time >= 0 and code in ("o", "i", "r", "m", "x") and isinstance(data, str)
        if code == "r":
            assert re.fullmatch(r"[0-9]+x[0-9]+", data)
        if code == "x":
            assert int(data) >= 0
            is_over = True


@given(tapes())
def test_any_recording_is_an_asciicast_by_the_specification(frames: list[Frame]) -> None:
    check_third(cast(frames, version=3))
    told = events(frames, version=3)
    assert sum(time for time, _, _ in told) == Decimal(frames[-1].at) / 1_000_000, "intervals add up to the microsecond"
    second = events(frames, version=2)
    assert [time for time, _, _ in second] == sorted(time for time, _, _ in second)
    assert [entry[1:] for entry in second] == [entry[1:] for entry in told if entry[1] != "x"]


@given(
    st.lists(st.text(min_size=1, max_size=20).map(str.encode), min_size=1, max_size=8).map(b"".join), st.lists(st.integers(1, 9))
)
def test_characters_that_are_split_between_frames_come_out_whole(data: bytes, sizes: list[int]) -> None:
    frames, left = [], data
    for size in [*sizes, len(data)]:
        if left[:size]:
            frames.append(Frame(0, Kind.INPUT, left[:size]))
        left = left[size:]
    assert "".join(text for _, code, text in events(frames) if code == "i").encode() == data


def test_bytes_that_are_no_text_are_spelled_out_in_input_and_replaced_in_output() -> None:
    for kind, told in ((Kind.INPUT, "a\\xff\\xc3b"), (Kind.OUTPUT, "a\ufffd\ufffdb")):
        frames = [Frame(0, kind, b"a\xff\xc3"), Frame(5, kind, b"b")]
        assert "".join(text for _, _, text in events(frames)) == told


def test_output_is_harmless_for_whoever_plays_it() -> None:
    frames = [Frame(0, Kind.OUTPUT, b"x" + hostile + b"\n") for hostile in HOSTILE] + [
        Frame(1, Kind.OUTPUT, b"\x1b[?1049h\x1b[?25l")
    ]
    data = "".join(text for _, code, text in events(frames) if code == "o").encode()
    assert HARMLESS.fullmatch(data) and not Viewer().see(data).done
    assert data.endswith(b"\x1b[?1049l\x1b[m\x1b[?25h")
    assert any(b"\x1b]52;" in hostile for hostile in HOSTILE)


def test_each_thing_that_can_happen_has_its_event() -> None:
    frames = [
        Frame(0, Kind.OUTPUT, b"o"), Frame(1, Kind.INPUT, b"i"), Frame(2, Kind.WINDOW, bytes([0, 50, 0, 132])),
        Frame(3, Kind.SUSPENDED, bytes([20])), Frame(4, Kind.RESUMED, b""), Frame(5, Kind.WITHHELD, b""),
        Frame(6, Kind.GAP, b"full"), Frame(6, Kind.UNREAD, bytes([0, 0, 0, 3])),
        Frame(7, Kind.STDOUT, b"a\n"), Frame(8, Kind.STDERR, b"b\n"), Frame(9, Kind.STDIN, b"c\n"),
        Frame(LATER, Kind.END, encode_end(End("signaled", 9, "revoked"))),
    ]  # fmt: skip
    expected = [
        ("o", "o"), ("i", "i"), ("r", "132x50"), ("m", "stopped by signal 20"), ("m", "goes on"),
        ("m", "typed without an echo, and not recorded"), ("m", "not recorded from here on: full"),
        ("m", "3 more bytes of its standard input were offered to the command, and left there"), ("o", "a\r\n"),
        ("o", "b\r\n"), ("i", "c\r\n"),
        ("m", "signaled 9: revoked"), ("x", "137"),
    ]  # fmt: skip
    assert [entry[1:] for entry in events(frames)] == expected


def test_the_header_says_what_ran() -> None:
    head = json.loads(cast([])[0])
    assert head == {
        "version": 3, "term": {"cols": 80, "rows": 24, "type": "xterm-256color"}, "timestamp": 1_790_000_000,
        "command": "psql -c 'select 1'", "title": "K7QM-2XVD on lab.example.test", "env": {"TERM": "xterm-256color"},
    }  # fmt: skip
    argv = (b"rm", b"it's", b"*", b"a\\b", b"two\nlines", b"")
    spelled = tuple(map(shown, argv))
    assert json.loads(next(lines(header(argv=spelled), [])))["command"] == shown_command(argv)
    head = json.loads(next(lines(header(rows=0, columns=0, term=""), [], version=2)))
    assert (head["version"], head["width"], head["height"], head["env"]) == (2, 80, 24, {})
    with pytest.raises(ValueError, match="version"):
        cast([], version=1)


def test_the_real_asciinema_plays_the_second_version(tmp_path: Path) -> None:
    frames = [Frame(number * 1000, Kind.OUTPUT, "zeile %d ä\r\n".encode() % number) for number in range(50)]
    frames += [
        Frame(50_000, Kind.WINDOW, bytes([0, 30, 0, 90])),
        Frame(60_000, Kind.GAP, b"x"),
        Frame(70_000, Kind.INPUT, b"typed"),
    ]
    frames.append(Frame(80_000, Kind.END, encode_end(End("exited", 0, ""))))
    (tmp_path / "one.cast").write_text("".join(cast(frames, version=2)))
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    master, slave = os.openpty()
    name = os.ttyname(slave)
    try:
        done = subprocess.run(
            ["asciinema", "cat", str(tmp_path / "one.cast")],
            capture_output=True, env=environment, timeout=PATIENCE, start_new_session=True,
            preexec_fn=lambda: os.close(os.open(name, os.O_RDWR)),  # it wants a terminal of its own, whatever for
        )  # fmt: skip
    finally:
        os.close(master)
        os.close(slave)
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"".join(frame.data for frame in frames if frame.kind is Kind.OUTPUT)
