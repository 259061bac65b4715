# SPDX-License-Identifier: Apache-2.0
"""Who fills the disk with jitd's state: the last part of it is kept for reviews, ends and root (THREATS O-14)."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from jitd.recording.reserve import PART
from jitd.settings.config import Limits
from jitd.verbs.limits import PIECE
from jitpam.wire import messages
from tests.attacks.raw import connected, submission
from tests.system.conftest import OF_THE_LAB, House
from tests.system.failing import Disk
from tests.waiting import PATIENCE, wait_for

MIB = 1 << 20
SIZE = 64 * MIB
FREE = """
[[permit]]
name = "free"
who = ["group:dba"]
commands = [["/usr/bin/env", "**"], ["/usr/bin/yes"]]
run = { record = "output" }

[[permit]]
name = "own"
who = ["group:dba"]
commands = [["/srv/reserve/*"], ["/usr/bin/true"]]
run = { writable = "allow" }
"""
SENTENCE = "the disk with jitd's state is almost full, and only root can begin anything: tell an administrator of this host"
LARGE = ["true", *["x" * 120_000] * 16]


class Small:
    """A house whose state is on a small disk."""

    def __init__(self) -> None:
        self.house = House(FREE + OF_THE_LAB)
        self.disk = Disk(self.house.root / "state", SIZE)
        self.house.start()

    @contextmanager
    def almost_full(self) -> Iterator[None]:
        """Half of the reserve is left."""
        found = os.statvfs(self.disk.at)
        filler = self.disk.at / "filler"
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, found.f_bavail * found.f_frsize - SIZE // PART // 2)
        try:
            yield
        finally:
            filler.unlink()

    def free(self) -> int:
        found = os.statvfs(self.disk.at)
        return found.f_bfree * found.f_frsize

    def close(self) -> None:
        self.house.verify()
        process = self.house.process
        assert process is not None
        process.terminate()
        process.wait(PATIENCE)
        self.disk.close()
        self.house.close()


@pytest.fixture(scope="module")
def small() -> Iterator[Small]:
    made = Small()
    yield made
    made.close()


def test_below_the_reserve_only_root_begins_anything(small: Small) -> None:
    """THREATS O-14."""
    before = len(small.house.rows("requests", "--all"))
    assert small.house.sudo("alice", "env", "echo", "before").returncode == 0
    with small.almost_full():
        for words in (["env", "true"], ["--no-wait", "ls"], ["--get", "sudoers:nothing"]):
            done = small.house.sudo("alice", *words)
            assert (done.returncode, done.stderr) == (121, f"jitsudo: {SENTENCE}\n"), words
        own = small.house.sudo("root", "echo", "root's")
        assert (own.returncode, own.stdout) == (0, "root's\n"), own.stderr
    assert len(small.house.rows("requests", "--all")) == before + 2
    assert small.house.sudo("alice", "env", "echo", "after").returncode == 0


def test_below_the_reserve_reviews_and_revocations_are_written(small: Small) -> None:
    """THREATS O-14."""
    house = small.house
    asking, denied = house.ask("alice", "sleep", "600"), house.ask("alice", "ls")
    lease = asking.id
    assert house.approve(lease).returncode == 0
    wait_for(lambda: any(run["id"] == lease and run["started_at"] for run in house.rows("runs")), what="the run")
    id = denied.id
    with small.almost_full():
        assert house.jitd("deny", id, "--comment", "no", who="bob").returncode == 0
        assert denied.end() == 122
        house.ended("revoke", lease)
        assert asking.end() != 0
    assert [row["state"] for row in house.rows("requests", "--all") if row["id"] == id] == ["denied"]


def test_a_recording_does_not_use_the_reserve_up(small: Small) -> None:
    """THREATS O-14. What must be recorded ends when it cannot be recorded any more, and its end is recorded."""
    done = subprocess.run(
        small.house.line("alice", "sh", "-c", "head -c 200000000 /dev/urandom | jitsudo env cat | tail -c 1 >/dev/null"),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/", timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert "No space left on device but jitd's reserve" in done.stderr
    assert small.free() > SIZE // PART // 2
    for recording in (small.disk.at / "recordings").iterdir():
        recording.unlink()


def test_copies_of_commands_and_recordings_stop_nobody_elses_runs(small: Small) -> None:
    """THREATS O-14. A command that its requester can change runs as a copy, which is as large as they want, and stays as long as
    the run: three sparse files that took no room filled the disk, and nothing could be revoked. The run of a small one begins.
    """
    house = small.house
    mine = Path("/srv/reserve")
    mine.mkdir()
    try:
        for name, size in (("huge", SIZE), ("small", 64)):
            script = mine / name
            script.write_text("#!/bin/sh\nexit 7\n#")
            os.truncate(script, size)
            script.chmod(0o755)
            shutil.chown(script, "alice")
        done = house.sudo("alice", str(mine / "huge"))
        said = "the copy that is to be executed cannot be made: No space left on device but jitd's reserve"
        assert (done.returncode, said in done.stderr) == (125, True), done.stderr
        assert house.sudo("alice", str(mine / "small")).returncode == 7
    finally:
        shutil.rmtree(mine)
    asking = subprocess.Popen(
        house.line("alice", "sh", "-c", f"(head -c {SIZE} /dev/urandom; exec cat) | jitsudo env cat >/dev/null"),
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/",
    )  # fmt: skip
    _, fault = asking.communicate(timeout=PATIENCE)
    assert b"but jitd's reserve" in fault
    assert house.sudo("alice", "true").returncode == 0, "what needs no recording and no copy still begins"
    assert house.sudo("alice", "env", "true").returncode == 125
    for recording in (small.disk.at / "recordings").iterdir():
        recording.unlink()


HURRIED = """#!/usr/bin/python3 -IS
import sys

sys.path += ["/usr/lib/jitd", "/usr/lib/jitd/site-packages"]
from jitd.verbs import recordings

recordings.SOON = 0.1
from jitd.cli import main

raise SystemExit(main())
"""
"""A jitd that looks often whether the disk is full."""


def test_while_the_disk_is_full_what_is_too_much_of_the_recordings_goes_soon(tmp_path: Path) -> None:
    """THREATS O-14. It stayed for up to ten minutes, and nobody could be recorded for so long."""
    jitd = tmp_path / "jitd"
    jitd.write_text(HURRIED)
    jitd.chmod(0o755)
    house = House(FREE + OF_THE_LAB, "[recordings]\nmib_in_all = 4\n", starts_by=str(jitd))
    disk = Disk(house.root / "state", SIZE)
    try:
        house.start()
        subprocess.run(
            house.line("alice", "sh", "-c", f"head -c {SIZE} /dev/urandom | jitsudo env cat >/dev/null"),
            stdin=subprocess.DEVNULL, capture_output=True, cwd="/", timeout=PATIENCE, check=False,
        )  # fmt: skip
        wait_for(lambda: house.sudo("alice", "env", "true").returncode == 0, what="room for a recording")
        house.verify()
    finally:
        if house.process is not None:
            house.process.terminate()
            house.process.wait(PATIENCE)
        disk.close()
        house.close()


def state_of(house: House) -> int:
    size = 0
    for file in Path(house.root / "state").rglob("*"):
        with suppress(FileNotFoundError):  # what a run has had is taken away when it has ended
            size += file.stat().st_size * file.is_file()
    return size


def test_large_commands_that_are_permitted_at_once_are_paced_by_their_bytes(own_house: Callable[..., House]) -> None:
    """THREATS O-14. 40 of them filled 250 MB within seconds. On a slow host, more are paid for before they are asked for."""
    house = own_house(FREE + OF_THE_LAB).start()
    n_begun, began_at = 0, time.monotonic()
    for _ in range(40):
        with connected(house, "alice") as raw:
            heard = raw.ask(submission("env", *LARGE))[-1]
            n_begun += isinstance(heard, messages.Start)
            assert n_begun, heard
            if isinstance(heard, messages.Refused):
                assert heard.text == "too many commands started at once; try again in a moment"
    pace = Limits().runs
    n_paid = (pace.burst + pace.per_second * (time.monotonic() - began_at)) // (sum(map(len, LARGE)) // PIECE)
    assert n_begun <= n_paid < 40 and state_of(house) < 15 * MIB * n_paid
    wait_for(lambda: house.sudo("alice", "env", "true").returncode == 0, what="a small one, a moment later")
    house.verify()
