# SPDX-License-Identifier: Apache-2.0
"""Files with a line an event: rotated, moved away, torn, on a full disk."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jitd_outsiders.outside.deliveries import Lines
from jitd_outsiders.outside.line_files import MOST_TORN, LineFile


def read(path: Path) -> list[str]:
    text = path.read_text()
    assert not text or text.endswith("\n")
    return text.splitlines()


@pytest.fixture
def strict() -> Iterator[None]:
    """A umask that takes everything from others and the group."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("strict")
def test_lines_are_appended_and_only_the_group_may_read_them(tmp_path: Path) -> None:
    for number in range(3):
        file = LineFile(Lines("a.jsonl"), tmp_path)
        file.write([f"{number}", f"{number}b"])
        file.close()
    assert read(tmp_path / "a.jsonl") == ["0", "0b", "1", "1b", "2", "2b"]
    assert (tmp_path / "a.jsonl").stat().st_mode & 0o777 == 0o640


def test_a_file_is_rotated_before_it_becomes_too_long(tmp_path: Path) -> None:
    file = LineFile(Lines("a", 20, 2), tmp_path)
    for number in range(1, 10):
        file.write([f"line {number:03}"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.1", "a.2"]
    assert read(tmp_path / "a") == ["line 009"]
    assert read(tmp_path / "a.1") == ["line 007", "line 008"] and read(tmp_path / "a.2") == ["line 005", "line 006"]
    file.write(["x" * 100])
    assert read(tmp_path / "a") == ["x" * 100], "one batch is never divided"


def test_no_older_file_is_kept_if_none_is_wanted(tmp_path: Path) -> None:
    file = LineFile(Lines("a", 10, 0), tmp_path)
    for _ in range(5):
        file.write(["12345678"])
    assert [path.name for path in tmp_path.iterdir()] == ["a"] and read(tmp_path / "a") == ["12345678"]


def test_logrotate_may_move_the_file_away_or_empty_it(tmp_path: Path) -> None:
    file = LineFile(Lines("a"), tmp_path)
    file.write(["1"])
    (tmp_path / "a").rename(tmp_path / "a.old")
    file.write(["2"])
    assert read(tmp_path / "a.old") == ["1"] and read(tmp_path / "a") == ["2"]
    (tmp_path / "a").unlink()
    file.write(["3"])
    assert read(tmp_path / "a") == ["3"]
    os.truncate(tmp_path / "a", 0)
    file.write(["4"])
    assert read(tmp_path / "a") == ["4"]
    os.rename(tmp_path / "a", tmp_path / "a.old")
    (tmp_path / "a").write_text("")
    (tmp_path / "a").chmod(0o644)
    file.write(["5"])
    assert read(tmp_path / "a") == ["5"] and (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_batch_is_written_again_if_the_file_was_moved_away_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = LineFile(Lines("a"), tmp_path)
    file.write(["1"])
    real, moved = os.fsync, []

    def moves(descriptor: int) -> None:
        real(descriptor)
        if not moved:
            moved.append((tmp_path / "a").rename(tmp_path / "a.old"))

    monkeypatch.setattr(os, "fsync", moves)
    file.write(["2"])
    assert read(tmp_path / "a.old") == ["1", "2"] and read(tmp_path / "a") == ["2"]


@pytest.mark.parametrize(
    ("found", "left"),
    [
        (b"", b""),
        (b"1\n2\n", b"1\n2\n"),
        (b"1\n2\n3", b"1\n2\n"),
        (b"1", b""),
        (b"1\n" + b"x" * (MOST_TORN - 2), b"1\n"),
        (b"x" * (MOST_TORN + 1), b"x" * (MOST_TORN + 1) + b"\n"),
        (b"1\n" + b"\0" * 4096, b"1\n"),
    ],
    ids=lambda content: repr(content[:8]),
)
def test_a_line_that_a_crash_has_torn_is_cut_off(tmp_path: Path, found: bytes, left: bytes) -> None:
    (tmp_path / "a").write_bytes(found)
    LineFile(Lines("a"), tmp_path).write(["next"])
    assert (tmp_path / "a").read_bytes() == left + b"next\n"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_nothing_of_a_batch_stays_if_the_disk_is_full_and_it_goes_on_when_there_is_room(small_disk: Path) -> None:
    """THREATS L-20."""
    file = LineFile(Lines("a"), small_disk)
    file.write(["first"])
    (small_disk / "other").write_bytes(b"x" * 40_000)
    with pytest.raises(OSError, match="No space left") as fault:
        file.write(["y" * 30_000, "z"])
    assert fault.value.errno == errno.ENOSPC
    assert read(small_disk / "a") == ["first"]
    (small_disk / "other").unlink()
    file.write(["y" * 30_000, "z"])
    file.close()
    assert read(small_disk / "a") == ["first", "y" * 30_000, "z"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_the_line_on_which_a_process_was_killed_while_the_disk_was_full_does_not_stay(small_disk: Path) -> None:
    (small_disk / "a").write_text("first\n")
    (small_disk / "other").write_bytes(b"x" * 40_000)
    if (pid := os.fork()) == 0:
        with suppress(BaseException):
            os.ftruncate = lambda descriptor, size: os.kill(os.getpid(), signal.SIGKILL)
            LineFile(Lines("a"), small_disk).write(["y" * 30_000, "z"])
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert (small_disk / "a").read_bytes().endswith(b"y"), "the line is torn"
    (small_disk / "other").unlink()
    file = LineFile(Lines("a"), small_disk)
    file.write(["y" * 30_000, "z"])
    file.close()
    assert read(small_disk / "a") == ["first", "y" * 30_000, "z"]


def test_a_file_that_was_emptied_while_a_batch_failed_begins_with_whole_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = LineFile(Lines("a"), tmp_path)
    file.write(["x" * MOST_TORN])

    def fails(descriptor: int) -> None:
        os.truncate(tmp_path / "a", 0)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fails)
        with pytest.raises(OSError, match="No space left"):
            file.write(["2"])
    file.write(["2"])
    assert read(tmp_path / "a") == ["2"]


def test_a_fault_of_the_disk_confirms_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = LineFile(Lines("a"), tmp_path)
    file.write(["1"])

    def fails(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fails)
        with pytest.raises(OSError, match="Input/output"):
            file.write(["2"])
    file.write(["2"])
    assert read(tmp_path / "a") == ["1", "2"]


def test_what_is_not_a_file_of_its_own_is_not_written(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("keep")
    (tmp_path / "symlink").symlink_to(target)
    os.link(target, tmp_path / "hard")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "directory").mkdir()
    for name in ("symlink", "hard", "fifo", "directory"):
        with pytest.raises(OSError, match=r"."):
            LineFile(Lines(name), tmp_path).write(["x"])
    assert target.read_text() == "keep"


def test_several_threads_write_whole_batches(tmp_path: Path) -> None:
    file = LineFile(Lines("a", 2_000, 400), tmp_path)
    threads = [threading.Thread(target=file.write, args=([f"{number} {k}" for k in range(20)],)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [line.split() for path in tmp_path.iterdir() for line in read(path)]
    assert len(found) == 800
    for path in tmp_path.iterdir():
        lines = [line.split() for line in read(path)]
        assert [k for _, k in lines] == [str(k) for k in range(20)] * (len(lines) // 20)
