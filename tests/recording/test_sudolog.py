# SPDX-License-Identifier: Apache-2.0
"""Recordings as I/O logs of sudo's, played and listed by the real sudoreplay."""

from __future__ import annotations

import gzip
import json
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from jitd.recording.form import End, Frame, Kind, encode_end
from jitd.recording.sudolog import EVENTS, FILES, export
from tests.recording.tape import HEADER, header
from tests.recording.test_form import scratch, tapes
from tests.waiting import PATIENCE

END = Frame(30_000, Kind.END, encode_end(End("exited", 3, "")))
FRAMES = [
    Frame(0, Kind.OUTPUT, b"Password: "), Frame(1000, Kind.WITHHELD, b""), Frame(2000, Kind.OUTPUT, bytes(range(256))),
    Frame(3000, Kind.INPUT, b"typed"), Frame(4000, Kind.WINDOW, bytes([0, 50, 0, 132])), Frame(5000, Kind.SUSPENDED, bytes([20])),
    Frame(6000, Kind.RESUMED, b""), Frame(7000, Kind.STDOUT, b"\x1f\x8bout\n"), Frame(8000, Kind.STDERR, b"err\n"),
    Frame(9000, Kind.STDIN, b"in\n"), Frame(9400, Kind.GAP, b"no space"), Frame(20_000, Kind.OUTPUT, b"\x1f\x8b\x08last"), END,
]  # fmt: skip


def sudoreplay(directory: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["/usr/bin/sudoreplay", "-d", str(directory), *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE
    )


def stream(directory: Path, kind: Kind) -> bytes:
    return gzip.decompress((directory / FILES[kind]).read_bytes())


@given(tapes())
def test_every_byte_is_in_the_file_of_its_stream_and_the_timing_adds_up(frames: list[Frame]) -> None:
    with scratch() as directory:
        export(HEADER, frames, str(directory / "one"))
        for kind in FILES:
            assert stream(directory / "one", kind) == b"".join(frame.data for frame in frames if frame.kind is kind)
        counted = dict.fromkeys(EVENTS.values(), 0)
        total = 0
        for line in gzip.decompress((directory / "one" / "timing").read_bytes()).decode("ascii").splitlines():
            number, delay, *values = line.split(" ")
            seconds, _, nanoseconds = delay.partition(".")
            assert len(nanoseconds) == 9
            total += int(seconds) * 10**9 + int(nanoseconds)
            if int(number) in counted:
                counted[int(number)] += int(values[0])
        assert total <= frames[-1].at * 1000
        for kind, number in EVENTS.items():
            assert counted[number] == sum(len(frame.data) for frame in frames if frame.kind is kind)


def replayed(directory: Path, *words: str) -> bytes:
    """What sudoreplay plays, without its own words around it."""
    done = sudoreplay(directory, "-n", *words)
    assert done.returncode == 0 and not done.stderr, done.stderr
    begin = b"Replaying sudo session: /usr/bin/psql -c select 1"
    assert done.stdout.startswith(begin) and done.stdout.endswith(b"\r\n")
    return done.stdout.removeprefix(begin).removesuffix(b"\r\n")


@pytest.mark.parametrize(
    ("streams", "kinds"),
    [("ttyout", {Kind.OUTPUT}), ("stdout,stderr", {Kind.STDOUT, Kind.STDERR}), ("ttyin", {Kind.INPUT}), ("stdin", {Kind.STDIN})],
)
def test_the_real_sudoreplay_plays_the_bytes_that_were_recorded(tmp_path: Path, streams: str, kinds: set[Kind]) -> None:
    export(HEADER, FRAMES, str(tmp_path / "K7QM-2XVD"))
    assert replayed(tmp_path, "-f", streams, "K7QM-2XVD") == b"".join(frame.data for frame in FRAMES if frame.kind in kinds)


def test_the_real_sudoreplay_plays_a_run_without_a_terminal(tmp_path: Path) -> None:
    export(replace(HEADER, rows=0, columns=0), [Frame(0, Kind.STDOUT, b"out\n"), END], str(tmp_path / "one"))
    assert replayed(tmp_path, "one").split() == [b"out"]


def test_the_real_sudoreplay_keeps_the_times(tmp_path: Path) -> None:
    frames = [Frame(0, Kind.OUTPUT, b"a"), Frame(600_000, Kind.OUTPUT, b"b"), END._replace(at=600_000)]
    export(HEADER, frames, str(tmp_path / "one"))
    began_at = time.monotonic()
    assert replayed(tmp_path, "one") == b"ab"
    assert time.monotonic() - began_at >= 0.59


@pytest.mark.parametrize("search", [[], ["user", "alice"], ["runas", "root"], ["command", "psql"], ["cwd", "/root"]])
def test_the_real_sudoreplay_lists_and_finds_it(tmp_path: Path, search: list[str]) -> None:
    export(HEADER, FRAMES, str(tmp_path / "K7QM-2XVD"))
    export(header(requester="bob", user="postgres", path="/bin/id", argv=("id",), directory="/"), FRAMES, str(tmp_path / "other"))
    done = sudoreplay(tmp_path, "-l", *search)
    assert done.returncode == 0 and not done.stderr, done.stderr
    told = done.stdout.decode()
    assert "TSID=K7QM-2XVD" in told and "USER=root" in told and "COMMAND=/usr/bin/psql -c 'select 1'" in told
    assert ("TSID=other" in told) == (not search)


def test_without_the_newer_file_sudo_reads_the_older_one(tmp_path: Path) -> None:
    export(HEADER, FRAMES, str(tmp_path / "one"))
    (tmp_path / "one" / "log.json").unlink()
    done = sudoreplay(tmp_path, "-l", "user", "alice")
    assert done.returncode == 0 and b"TSID=one" in done.stdout and b"CWD=/root" in done.stdout


def test_the_log_says_what_ran_and_how_it_ended(tmp_path: Path) -> None:
    export(HEADER, FRAMES, str(tmp_path / "one"))
    told = json.loads((tmp_path / "one" / "log.json").read_text())
    assert told["runargv"] == ["psql", "-c", "select 1"] and told["exit_value"] == 3 and told["submituser"] == "alice"
    assert told["run_time"] == {"seconds": 0, "nanoseconds": 30_000_000}
    assert told["timestamp"] == {"seconds": 1_790_000_000, "nanoseconds": 123_456_000}
    export(HEADER, [END._replace(data=encode_end(End("signaled", 15, "")))], str(tmp_path / "two"))
    assert json.loads((tmp_path / "two" / "log.json").read_text())["signal"] == "TERM"


def test_nothing_is_written_over_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    export(HEADER, FRAMES, str(tmp_path / "one"))
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o700
    assert all(not path.stat().st_mode & 0o077 for path in (tmp_path / "one").iterdir())
    assert (tmp_path / "one" / "timing").stat().st_mode & 0o777 == 0o400, "complete, as sudo marks it"
    before = (tmp_path / "one" / "ttyout").read_bytes()
    with pytest.raises(FileExistsError):
        export(HEADER, FRAMES, str(tmp_path / "one"))
    assert (tmp_path / "one" / "ttyout").read_bytes() == before


def test_what_sudos_format_cannot_say_is_said(tmp_path: Path) -> None:
    frames = [*FRAMES[:-1], Frame(30_000, Kind.UNREAD, (4).to_bytes(4, "big")), END]
    assert export(HEADER, frames, str(tmp_path / "one")) == [
        "0.001 s: typed without an echo, and not recorded",
        "0.030 s: 4 more bytes of its standard input were offered to the command, and left there",
    ]
