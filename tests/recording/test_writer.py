# SPDX-License-Identifier: Apache-2.0
"""The half that writes: how soon, how durably, what it never keeps, and what it says when it cannot (THREATS L-04, L-05)."""

from __future__ import annotations

import errno
import os
import random
import resource
import select
import signal
import subprocess
import sys
import textwrap
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.recording import writer
from jitd.recording.form import End, Frame, Kind
from jitd.recording.reader import Recording, examine
from jitd.recording.storage import RecordingError, open_recording
from jitd.recording.writer import FULL, LATENCY, RESERVE, Packer, Recorder
from tests.law.tree import TREE
from tests.recording.tape import EXITED, HEADER, Clock, frames_of, header, place_of, recorder
from tests.recording.test_form import scratch

SECRET = b"correct horse battery staple"


def of_kind(directory: Path, kind: Kind) -> bytes:
    """All bytes of one stream."""
    return b"".join(frame.data for frame in frames_of(directory) if frame.kind is kind)


def examined(directory: Path):
    file = open_recording(str(directory / "recordings"), HEADER.run)
    try:
        return examine(file)
    finally:
        os.close(file)


# --- how soon ----------------------------------------------------------------------------------------------------------


def test_what_is_accepted_is_due_a_fifth_of_a_second_after_its_first_byte_and_then_it_is_in_the_file(tmp_path: Path) -> None:
    clock = Clock()
    recording = recorder(tmp_path, clock)
    recording.tend()
    clock.now += 10**6
    recording.output(b"a")
    due = recording.due_at()
    assert due == (clock.now + LATENCY) / 1e6 and LATENCY < 250_000
    clock.now += LATENCY - 1
    recording.output(b"b")
    recording.tend()
    assert recording.due_at() == due, "what comes later does not put it off"
    assert frames_of(tmp_path) == []
    clock.now += 1
    recording.tend()
    assert of_kind(tmp_path, Kind.OUTPUT) == b"ab"


def test_who_never_stops_writing_has_it_in_the_file_as_soon(tmp_path: Path) -> None:
    clock = Clock()
    recording = recorder(tmp_path, clock)
    for _ in range(5):
        recording.output(b"x")
        clock.now += LATENCY // 4
    recording.output(b"y")
    assert of_kind(tmp_path, Kind.OUTPUT) == b"xxxxx", "without a call of tend"


def test_what_is_in_the_file_is_on_the_disk_as_soon(tmp_path: Path, synced: list[int]) -> None:
    clock = Clock()
    recording = recorder(tmp_path, clock)
    for _ in range(200):
        recording.output(os.urandom(FULL))
        clock.now += 2500
    assert len(synced) == 2, "a flood is brought to the disk as often as a trickle"
    synced.clear()
    recording.output(b"x")
    clock.now += LATENCY
    recording.tend()
    clock.now += LATENCY
    recording.tend()
    assert synced == [recording.mark.size] and recording.due_at() is None
    clock.now += 10**9
    recording.tend()
    assert len(synced) == 1, "nothing to do costs nothing"


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of the file at each fdatasync."""
    sizes: list[int] = []
    real = os.fdatasync

    def spy(file: int) -> None:
        real(file)
        sizes.append(os.fstat(file).st_size)

    monkeypatch.setattr(os, "fdatasync", spy)
    return sizes


def test_where_the_rule_says_so_each_byte_is_on_the_disk_before_the_call_returns(tmp_path: Path, synced: list[int]) -> None:
    recording = recorder(tmp_path, sync="always")
    for number in range(20):
        synced.clear()
        recording.output(b"%d " % number)
        assert synced == [place_of(tmp_path).stat().st_size] and recording.due_at() is None
        assert of_kind(tmp_path, Kind.OUTPUT).endswith(b"%d " % number)
    recording.input(b"x", is_echoed=True)
    recording.resize(1, 2)
    assert [frame.kind for frame in frames_of(tmp_path)[-2:]] == [Kind.INPUT, Kind.WINDOW]


def test_a_flood_is_written_at_once_and_memory_stays_bounded(tmp_path: Path) -> None:
    recording = recorder(tmp_path)
    block, large = os.urandom(32 * 1024), bytes(3_000_000)
    tracemalloc.start()
    try:
        for _ in range(400):
            recording.output(block)
        recording.output(memoryview(large))
        assert tracemalloc.get_traced_memory()[1] < 2 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert len(of_kind(tmp_path, Kind.OUTPUT)) > 400 * len(block) + 3_000_000 - FULL
    recording.close(EXITED)
    assert of_kind(tmp_path, Kind.OUTPUT) == 400 * block + bytes(3_000_000)


def test_a_clock_that_goes_back_does_not_move_what_was(tmp_path: Path) -> None:
    clock = Clock()
    recording = recorder(tmp_path, clock)
    for at in (500, 100, 700):
        clock.now = HEADER.boot_at + at
        recording.output(b"x")
    recording.close(EXITED)
    assert [frame.at for frame in frames_of(tmp_path)][:3] == [500, 500, 700]


@pytest.mark.parametrize(
    ("make", "most"),
    [(lambda n: b"Nov 20 11:00:00 db1 postgres: checkpoint %d\r\n" % n * 1600, 0.2), (lambda n: os.urandom(70_000), 1.002)],
)
def test_what_packs_is_packed_and_what_does_not_costs_no_space(make: Callable[[int], bytes], most: float) -> None:
    packer = Packer()
    raw = [make(number) for number in range(40)]
    stored = [packer.pack(data)[1] for data in raw]
    assert sum(map(len, stored)) <= most * sum(map(len, raw))


def test_after_a_flood_of_what_does_not_pack_text_is_packed_again() -> None:
    packer = Packer()
    for _ in range(40):
        packer.pack(os.urandom(70_000))
    sizes = [len(packer.pack(b"the same line\r\n" * 5000)[1]) for _ in range(writer.PROBE_EVERY + 1)]
    assert sizes[-1] < 1000


# --- what is never kept ------------------------------------------------------------------------------------------------


def test_what_is_typed_is_kept_only_where_all_is_recorded(tmp_path: Path) -> None:
    recording = recorder(tmp_path, records="output")
    recording.output(b"prompt> ")
    recording.input(SECRET, is_echoed=True)
    recording.input(SECRET, is_echoed=False)
    recording.input(SECRET, is_echoed=True, stream=Kind.STDIN)
    recording.close(EXITED)
    assert [frame.kind for frame in frames_of(tmp_path)] == [Kind.OUTPUT, Kind.END]


@given(st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=20))
def test_what_is_typed_without_an_echo_is_never_kept_nor_how_much_it_was_nor_when(pieces: list[bytes]) -> None:
    """THREATS L-05."""
    with scratch() as directory:
        clock = Clock()
        recording = recorder(directory, clock)
        recording.output(b"Password: ")
        for piece in pieces:
            recording.input(piece, is_echoed=False)
            clock.now += 1000 * len(piece)
        clock.now = HEADER.boot_at + 10**6
        recording.output(b"\r\n")
        recording.close(EXITED)
        assert frames_of(directory) == [
            Frame(0, Kind.OUTPUT, b"Password: "), Frame(0, Kind.WITHHELD, b""), Frame(10**6, Kind.OUTPUT, b"\r\n"),
            Frame(10**6, Kind.END, b"\0\0\0\0\0"),
        ]  # fmt: skip


def test_a_password_typed_without_an_echo_stands_nowhere_in_the_file_or_in_memory(tmp_path: Path) -> None:
    recording = recorder(tmp_path)
    for byte in SECRET:
        recording.input(bytes([byte]), is_echoed=False)
    recording.input(SECRET, is_echoed=False)
    assert SECRET not in bytes(recording._buffer)
    recording.close(EXITED)
    assert of_kind(tmp_path, Kind.INPUT) == b""
    recording = recorder(tmp_path, run="K7QM-2XVD.2")
    recording.input(SECRET, is_echoed=True)
    recording.close(EXITED)
    assert frames_of(tmp_path, "K7QM-2XVD.2")[0].data == SECRET, "the test would see it"


# --- when it cannot ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [7, 100, 5_000, 40_000, 150_000])
def test_everything_that_was_accepted_is_within_the_quota(tmp_path: Path, size: int) -> None:
    quota = 300_000
    recording = recorder(tmp_path, quota=quota)
    accepted = b""
    with pytest.raises(RecordingError, match="quota of 300000 bytes"):
        for _ in range(10**6):
            data = random.Random(len(accepted)).randbytes(size)
            recording.output(data)
            accepted += data
    kept = of_kind(tmp_path, Kind.OUTPUT)
    assert kept.startswith(accepted) and len(kept) - len(accepted) < size
    assert len(accepted) > quota // 2 - size
    assert examined(tmp_path).gaps, "it says so before anybody closes it"
    with pytest.raises(RecordingError, match="quota"):
        recording.output(b"x")
    mark = recording.close(End("signaled", 9, "the recording has reached its quota"))
    summary = examined(tmp_path)
    assert summary.mark == mark and mark.size == place_of(tmp_path).stat().st_size <= quota
    assert summary.end == End("signaled", 9, "the recording has reached its quota")
    assert len(summary.gaps) == 1 and not summary.is_whole


def test_a_quota_too_small_for_anything_makes_no_recording(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="quota"):
        recorder(tmp_path, quota=RESERVE)
    assert not place_of(tmp_path).exists()


class Disk:
    """What the disk does at a write: takes so many bytes of it, then fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        self.error = errno.ENOSPC
        self._pwritev, self._pwrite = os.pwritev, os.pwrite
        monkeypatch.setattr(os, "pwritev", self.pwritev)
        monkeypatch.setattr(os, "pwrite", self.pwrite)

    def pwritev(self, file: int, pieces: list[bytes], offset: int) -> int:
        return self.pwrite(file, b"".join(pieces), offset)

    def pwrite(self, file: int, data: bytes, offset: int) -> int:
        if self.left is None:
            return self._pwrite(file, data, offset)
        if not self.left:
            raise OSError(self.error, os.strerror(self.error))
        written = self._pwrite(file, data[: self.left], offset)
        self.left -= written
        return written


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
@pytest.mark.parametrize("left", [0, 1, 44, 45, 46, 500])
def test_a_write_that_fails_is_told_and_leaves_whole_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: int, error: int
) -> None:
    disk = Disk(monkeypatch)
    recording = recorder(tmp_path)
    recording.output(b"before")
    recording.flush()
    disk.left, disk.error = left, error
    recording.output(os.urandom(1000))
    with pytest.raises(RecordingError, match=os.strerror(error)) as raised:
        recording.flush()
    assert place_of(tmp_path).stat().st_size == recording.mark.size
    assert of_kind(tmp_path, Kind.OUTPUT) == b"before"
    for attempt in (lambda: recording.output(b"x"), lambda: recording.resize(1, 1), recording.flush):
        with pytest.raises(RecordingError) as again:
            attempt()
        assert again.value is raised.value is recording.fault
    assert recording.due_at() is None
    recording.close(EXITED)
    summary = examined(tmp_path)
    assert summary.end is None and summary.n_waiting == 0 and summary.n_bytes == {Kind.OUTPUT: 6}


def test_a_disk_that_takes_the_last_words_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    recording = recorder(tmp_path)
    disk.left = 0
    recording.output(b"lost")
    with pytest.raises(RecordingError):
        recording.flush()
    disk.left = None
    mark = recording.close(End("signaled", 15, "x\x1b[2J" + "y" * 5000))
    summary = examined(tmp_path)
    assert summary.mark == mark and summary.end is not None and summary.end.because.startswith("x?[2Jy")
    assert "No space left" in summary.gaps[0] and summary.n_bytes == {}
    assert recording.fault is not None


def test_a_sync_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = recorder(tmp_path)

    def fail(file: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    recording.output(b"x")
    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(RecordingError, match="brought to the disk: Input/output error"):
        recording.flush()
    with pytest.raises(RecordingError):
        recording.output(b"y")


def test_a_limit_on_the_size_of_files_is_told_by_the_real_kernel(tmp_path: Path) -> None:
    child = os.fork()
    if not child:
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
            recording = recorder(tmp_path)
            try:
                while True:
                    recording.output(os.urandom(5000))
            except RecordingError as fault:
                status = 0 if "File too large" in str(fault) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    summary = examined(tmp_path)
    assert summary.n_waiting == 0 and 100_000 < summary.mark.size <= 200_000


def test_a_full_device_makes_no_recorder_and_leaves_no_descriptor() -> None:
    before = os.listdir("/proc/self/fd")
    with pytest.raises(RecordingError, match="No space left"):
        Recorder(os.open("/dev/full", os.O_RDWR), header())
    assert os.listdir("/proc/self/fd") == before


def test_close_leaves_no_descriptor_and_may_be_followed_by_abandon(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    recording = recorder(tmp_path)
    recording.close(EXITED)
    recording.abandon()
    assert os.listdir("/proc/self/fd") == before


# --- killed ------------------------------------------------------------------------------------------------------------

WRITES = textwrap.dedent(
    """
    import os, select, sys, time
    from dataclasses import replace
    from jitd.recording.writer import begin, boot_clock
    from tests.recording.tape import HEADER

    directory, sync, pause = sys.argv[1], sys.argv[2], float(sys.argv[3])
    taken_at = 0  # while bytes are handed over it is as late as their stamp says, however long this process is kept from going on
    recording = begin(
        directory, replace(HEADER, sync=sync, boot_at=boot_clock()), clock=lambda: taken_at or boot_clock()
    )
    while True:
        until = boot_clock() / 1e6 + pause
        while (now := boot_clock() / 1e6) < until:
            due = recording.due_at()
            select.select([], [], [], max(0.0, min(until, due or until) - now))
            recording.tend()
        taken_at = boot_clock()
        stamp = b"%020d" % taken_at
        recording.output(stamp)
        os.write(1, stamp)
        taken_at = 0
    """
)


@pytest.mark.parametrize("sync", ["interval", "always"])
@pytest.mark.parametrize("pause", [0.0, 0.003, 0.06])
def test_a_writer_that_is_killed_has_lost_a_quarter_of_a_second_at_most_or_nothing(
    tmp_path: Path, sync: str, pause: float
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITES, str(tmp_path / "recordings"), sync, str(pause)], stdout=subprocess.PIPE, cwd=TREE
    )
    assert process.stdout is not None
    accepted = os.read(process.stdout.fileno(), 65536)
    ends_at = time.monotonic() + 1.0
    try:
        while time.monotonic() < ends_at or not of_kind(tmp_path, Kind.OUTPUT):
            if select.select([process.stdout], [], [], 0.1)[0]:
                accepted += os.read(process.stdout.fileno(), 65536)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        accepted += process.stdout.read()
        process.stdout.close()
        process.wait()
    kept = of_kind(tmp_path, Kind.OUTPUT)
    stamps = [int(accepted[place : place + 20]) for place in range(0, len(accepted), 20)]
    n_kept = len(kept) // 20
    assert n_kept and (kept.startswith(accepted) or accepted.startswith(kept))
    if sync == "always":
        assert n_kept >= len(stamps)
    else:
        lost = stamps[n_kept:] or stamps[-1:]
        assert lost[-1] - lost[0] <= 250_000, "microseconds"
    assert examined(tmp_path).end is None


def test_what_the_monitor_loads_is_small_and_of_the_standard_library() -> None:
    code = "import sys; import jitd.recording.writer; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, cwd=TREE
    ).stdout.split()
    ours = {name for name in loaded if name.startswith(("jitd", "jitpam"))}
    assert ours == {"jitd", "jitd.recording", *(f"jitd.recording.{name}" for name in ("form", "reserve", "storage", "writer"))}
    assert not {"asyncio", "subprocess", "socket", "logging", "tempfile", "msgspec", "gssapi"} & set(loaded)


def test_a_reader_may_come_while_it_is_written(tmp_path: Path) -> None:
    recording = recorder(tmp_path)
    file = open_recording(str(tmp_path / "recordings"), HEADER.run)
    assert list(Recording(file).frames()) == []
    recording.output(b"x")
    recording.flush()
    assert [frame.data for frame in Recording(file).frames()] == [b"x"]
    recording.close(EXITED)
    assert len(list(Recording(file).frames())) == 2
    os.close(file)
