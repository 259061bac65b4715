# SPDX-License-Identifier: Apache-2.0
"""Every disk that the product writes to, full, read-only and failing: each place with its stated outcome (docs/crashes.md).

THREATS L-02: no run without its record, whichever write fails. The same daemon serves on when the disk is well again.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest

from jitd.store.sqlite import SqliteStore
from tests.marks import full
from tests.system.clients import POLICY, Client
from tests.system.conftest import House
from tests.system.crashpoints import REFUSED, STATUS
from tests.system.diskpoints import EIO, FULL, PLACES, READ_ONLY
from tests.system.failing import Disk, erring, read_only
from tests.system.prompt import command_lines, number
from tests.verified import verify
from tests.waiting import PATIENCE, wait_for

COPIED = """
[[permit]]
name = "copied"
who = ["group:dba"]
commands = [["/srv/*/said/*", "**"]]
run = { writable = "allow", record = "none" }
approvals = [{ need = 1, from = ["group:ops"] }]
"""
AGAIN_WITHIN = PATIENCE
"""Seconds from the moment on at which the disk is well: how long a busy host may take for what is done at once."""
ERRORS = {READ_ONLY: "EROFS", EIO: "EIO", "ENOSPC": "ENOSPC"}
MOST_WRITES = 12
"""Writes to the database that are made to fail one after the other: a request that runs makes fewer."""


class Disks:
    """A house of which each directory is a small file system of its own."""

    def __init__(self) -> None:
        self.house = House(POLICY + COPIED)
        root = self.house.root
        self.disks: dict[str, Disk] = {}
        for name, mode in (("state", 0o711), ("run", 0o755), ("state/runs", 0o700), ("state/exec", 0o711),
                           ("state/recordings", 0o700)):  # fmt: skip
            (root / name).mkdir(exist_ok=True)
            (root / name).chmod(mode)
            self.disks[name] = Disk(root / name, 64 << 20 if name == "state" else 1 << 20)
        (root / "said").chmod(0o1777)
        self.house.start()
        for name in ("alice", "bob"):
            assert self.house.run(name, "true").returncode == 0
        self.wal = self.house.database.with_name("jitd.db-wal")
        self.served_by = self.house.process

    # --- asking

    def command(self, script: str = ":") -> tuple[list[str], Path]:
        """What marks that it ran, and where."""
        ran = self.house.root / "said" / f"ran-{number()}"
        return ["-c", f"date +%s.%N >>{ran}; {script}; exit {STATUS}"], ran

    def ask(self, shell: str, *words: str) -> Client:
        return Client(self.house, "alice", "jitsudo", shell, *words)

    def is_well(self) -> None:
        """The same daemon serves the next request, at once, and the record holds."""
        assert self.house.process is self.served_by and self.house.process is not None and self.house.process.poll() is None
        until = time.monotonic() + AGAIN_WITHIN
        while True:
            words, ran = self.command()
            asked = self.ask("sh", *words)
            status = asked.end()
            if status == STATUS or time.monotonic() > until:
                break
        assert status == STATUS, asked.err
        assert len(ran.read_text().split()) == 1
        wait_for(lambda: not self.rows("runs"), within=AGAIN_WITHIN, what="the end of all runs")
        until = time.monotonic() + AGAIN_WITHIN
        while (left := self._left()) and time.monotonic() < until:
            time.sleep(0.02)
        assert left == []
        self.verify()

    def _left(self) -> list[str]:
        """What is there of a run, when none lives."""
        root = self.house.root
        left = [*(root / "state/runs").iterdir(), *(root / "state/exec").iterdir(), *(root / "run/runs").iterdir()]
        return [str(each) for each in left if not each.name.startswith(".")]

    def verify(self) -> None:
        store = SqliteStore.reading(self.house.database)
        try:
            verify(store)
        finally:
            store.close()

    def rows(self, which: str, *, ended: bool = False) -> list[Any]:
        store = SqliteStore.reading(self.house.database)
        try:
            return list(getattr(store, which)(ended=ended))
        finally:
            store.close()

    def ending(self, id: str) -> str:
        """How the first run of a request ended, as the record has it; empty if it has not."""
        (run,) = [run for run in self.rows("runs", ended=True) if run.request == id]
        return "" if run.outcome is None else str(run.outcome.ending)

    def last_ending(self) -> str:
        run = self.rows("runs", ended=True)[-1]
        return "" if run.outcome is None else str(run.outcome.ending)

    # --- failing

    def failing(
        self, name: str, way: str, *paths: Path, pids: Callable[[], list[int]] | None = None
    ) -> AbstractContextManager[None]:
        """Nothing can be written on the disk ``name``; an I/O error (also a read-only database, which is open) is that of
        ``paths`` in ``pids``.
        """
        if way == FULL:
            return self.disks["run" if name == "run/runs" else name].full()
        if way == READ_ONLY and not paths:
            return read_only(self.house.root / name)
        assert self.house.process is not None
        return erring(pids() if pids else [self.house.process.pid], paths, ERRORS[way])

    def launchers(self) -> list[int]:
        """The launcher and what is below it."""
        launcher = wait_for(lambda: self.house.launcher, what="a launcher")
        below = [pid for pid, words in command_lines().items() if str(self.house.root / "run").encode() in words]
        return sorted({launcher, *below})

    def close(self) -> None:
        if self.house.process is not None and self.house.process.poll() is None:
            self.house.process.send_signal(signal.SIGTERM)
            self.house.process.wait(PATIENCE)
        for disk in reversed(self.disks.values()):
            disk.close()
        self.house.close()  # which takes the directories away


@pytest.fixture(scope="module")
def disks() -> Iterator[Disks]:
    made = Disks()
    yield made
    made.verify()
    made.close()


def ways(name: str, others: pytest.MarkDecorator | None = None, daily: tuple[str, ...] = ()) -> pytest.MarkDecorator:
    """Each way in which the place ``name`` can fail. With ``others``, the ways that are not in ``daily`` have this mark."""
    (place,) = [place for place in PLACES if place.name == name]
    rows = [pytest.param(way, marks=() if others is None or way in daily else others) for way in place.ways]
    return pytest.mark.parametrize("way", rows)


OTHER_WAYS = full("every day, the disk of these files is full; other tests of the file use each way in which a disk fails")

AS_EIO = full("every day, writes fail with ENOSPC and with EIO; SQLite takes EROFS for the same error as EIO")


def database(disks: Disks, way: str) -> AbstractContextManager[None]:
    return disks.failing("state", way, *([] if way == FULL else [disks.wal]))


@ways("the database, when a request is stored", AS_EIO, daily=(FULL, "ENOSPC", EIO))
def test_nothing_is_permitted_that_cannot_be_recorded(disks: Disks, way: str) -> None:
    """THREATS L-02."""
    words, ran = disks.command()
    before = len(disks.rows("requests", ended=True))
    with database(disks, way):
        for who in ("alice", "root"):
            line = disks.house.line("root", "jitsudo", "sh", *words)
            asked = disks.ask("sh", *words) if who == "alice" else None
            status = asked.end() if asked else subprocess.run(line, capture_output=True, timeout=PATIENCE, check=False).returncode
            assert status == REFUSED, asked and asked.err
    assert not ran.exists() and len(disks.rows("requests", ended=True)) == before
    disks.is_well()


@ways("the database, when an approval is stored", AS_EIO, daily=(FULL, "ENOSPC", EIO))
def test_a_review_that_cannot_be_recorded_decides_nothing(disks: Disks, way: str) -> None:
    """THREATS L-02."""
    words, ran = disks.command()
    asked = disks.ask("bash", *words)
    id = wait_for(lambda: asked.id, what="a request")
    with database(disks, way):
        approval = Client(disks.house, "bob", "jitd", "approve", id, "--yes")
        assert approval.end() in (1, REFUSED), approval.err
        time.sleep(0.2)
        assert asked.process.poll() is None and not ran.exists()
    assert Client(disks.house, "bob", "jitd", "approve", id, "--yes").end() == 0
    assert asked.end() == STATUS
    assert len(ran.read_text().split()) == 1
    disks.is_well()


@ways("the database, when a command has ended")
def test_how_a_command_ended_is_kept_until_it_can_be_recorded(disks: Disks, way: str) -> None:
    """THREATS L-02."""
    go = disks.house.root / "said" / f"go-{number()}"
    words, ran = disks.command(f"while [ ! -e {go} ]; do sleep 0.05; done")
    asked = disks.ask("sh", *words)
    wait_for(ran.exists, what="the command")
    with database(disks, way):
        go.touch()
        assert asked.end() == STATUS, asked.err
        time.sleep(0.3)
        assert disks.last_ending() == ""
    wait_for(lambda: disks.last_ending() == "exited", within=AGAIN_WITHIN, what="the record of its end")
    disks.is_well()


@ways("the database, at any one of its writes", AS_EIO, daily=(FULL, "ENOSPC", EIO))
def test_whichever_write_fails_nothing_runs_without_its_record(disks: Disks, way: str) -> None:
    """THREATS L-02."""
    pid = disks.house.process.pid if disks.house.process else 0
    for n in range(1, MOST_WRITES):
        words, ran = disks.command()
        with erring([pid], [disks.wal, disks.house.database], ERRORS[way], "pwrite64,fdatasync,ftruncate", str(n)):
            asked = disks.ask("sh", *words)
            status = asked.end()
            wait_for(lambda: not disks.rows("runs"), within=AGAIN_WITHIN, what="the end of the run")
        assert status == (STATUS if ran.exists() else REFUSED), (n, asked.err)
        begun = [r for r in disks.rows("requests", ended=True) if words[1].encode() in r.command.argv]
        assert len(begun) == (1 if ran.exists() else 0), n
    disks.is_well()


@ways("the database, when its log is copied into it")
def test_a_log_that_cannot_be_carried_over_holds_up_nobody(disks: Disks, way: str) -> None:
    pid = disks.house.process.pid if disks.house.process else 0
    large = "x" * 100_000
    words, ran = disks.command()
    with erring([pid], [disks.house.database], ERRORS[way], "pwrite64,fdatasync,ftruncate"):
        for _ in range(12):
            asked = disks.ask("sh", *words, large)
            assert asked.end() == STATUS, asked.err
    assert len(ran.read_text().split()) == 12
    disks.is_well()


@ways("the replay cache")
def test_a_ticket_that_cannot_be_noted_is_not_blamed(disks: Disks, way: str) -> None:
    words, ran = disks.command()
    replay = disks.house.root / "state/replay"
    replay.unlink(missing_ok=True)
    with disks.failing("state", way, *([] if way == FULL else [replay])):
        asked = disks.ask("sh", *words)
        assert asked.end() == REFUSED and "kinit" not in asked.err and "jitd cannot note" in asked.err, asked.err
    assert not ran.exists()
    disks.is_well()


@ways("the file of a run in /run/jitd/runs", OTHER_WAYS, daily=(FULL,))
def test_a_run_that_cannot_have_its_plate_is_not_started(disks: Disks, way: str) -> None:
    words, ran = disks.command()
    asked = disks.ask("bash", *words)
    id = wait_for(lambda: asked.id, what="a request")
    paths = [disks.house.root / "run/runs" / id] if way == EIO else []
    with disks.failing("run/runs", way, *paths):
        assert Client(disks.house, "bob", "jitd", "approve", id, "--yes").end() == 0
        assert asked.end() in (REFUSED, 126), asked.err
        assert asked.err.splitlines()[-1].startswith("jitsudo: ")
    assert not ran.exists()
    wait_for(lambda: disks.ending(id) == "not started", within=AGAIN_WITHIN, what="its end")
    disks.is_well()


@ways("the copy of a file that others may change", OTHER_WAYS, daily=(FULL,))
def test_a_copy_that_cannot_be_made_is_not_executed(disks: Disks, way: str) -> None:
    script = disks.house.root / f"said/script-{number()}"
    ran = Path(f"{script}.ran")
    script.write_text(f"#!/bin/sh\ndate >>{ran}\n" + "#" * 100_000)
    script.chmod(0o777)
    asked = disks.ask(str(script))
    id = wait_for(lambda: asked.id, what="a request")
    copy = disks.house.root / "state/exec" / id
    with disks.failing("state/exec", way, *([copy, copy / script.name] if way == EIO else []), pids=disks.launchers):
        assert Client(disks.house, "bob", "jitd", "approve", id, "--yes").end() == 0
        status = asked.end()
    assert status == REFUSED, (status, asked.err)
    assert not ran.exists()
    disks.is_well()


@ways("the outcome of a run", OTHER_WAYS, daily=(FULL,))
def test_an_outcome_that_cannot_be_written_is_told(disks: Disks, way: str) -> None:
    words, ran = disks.command("sleep 0.3")
    asked = disks.ask("bash", *words)
    id = wait_for(lambda: asked.id, what="a request")
    path = disks.house.root / "state/runs" / f"{id}.json.new"
    with disks.failing("state/runs", way, *([path] if way == EIO else []), pids=disks.launchers):
        assert Client(disks.house, "bob", "jitd", "approve", id, "--yes").end() == 0
        assert asked.end() == STATUS, asked.err
        wait_for(lambda: disks.ending(id) == "exited", within=AGAIN_WITHIN, what="the record of its end")
    disks.is_well()


@ways("the outcome of a run, after the daemon was killed", OTHER_WAYS, daily=(FULL,))
def test_a_monitor_remembers_what_it_cannot_write(disks: Disks, way: str) -> None:
    """THREATS L-02."""
    words, ran = disks.command("sleep 0.3")
    asked = disks.ask("bash", *words)
    id = wait_for(lambda: asked.id, what="a request")
    path = disks.house.root / "state/runs" / f"{id}.json.new"
    with disks.failing("state/runs", way, *([path] if way == EIO else []), pids=disks.launchers):
        assert Client(disks.house, "bob", "jitd", "approve", id, "--yes").end() == 0
        wait_for(ran.exists, what="the command")
        disks.house.kill()
        assert asked.end() == STATUS, asked.err
        time.sleep(0.3)
        disks.served_by = disks.house.start().process
        wait_for(lambda: disks.ending(id) == "exited", within=AGAIN_WITHIN, what="the record of its end")
    assert len(ran.read_text().split()) == 1
    disks.is_well()


@ways("the recording, when it begins")
def test_what_cannot_be_recorded_is_not_started(disks: Disks, way: str) -> None:
    words, ran = disks.command()
    with ExitStack() as stack:
        if way == EIO:
            stack.enter_context(erring(disks.launchers(), [disks.house.root / "state/recordings"], "EIO"))
        else:
            stack.enter_context(disks.failing("state/recordings", way))
        asked = disks.ask("dash", *words)
        assert asked.end() == REFUSED and "cannot be recorded" in asked.err, asked.err
    assert not ran.exists()
    wait_for(lambda: disks.last_ending() == "not started", within=AGAIN_WITHIN, what="its end")
    disks.is_well()


@ways("the recording, while the command runs")
def test_what_can_be_recorded_no_more_is_ended(disks: Disks, way: str) -> None:
    """THREATS L-02."""
    go = disks.house.root / "said" / f"go-{number()}"
    words, ran = disks.command(f"while [ ! -e {go} ]; do sleep 0.05; done; head -c 300000 /dev/urandom; sleep 60")
    asked = disks.ask("dash", *words)
    wait_for(ran.exists, what="the command")
    id = disks.rows("runs")[-1].id
    path = next((disks.house.root / "state/recordings").rglob(f"{id}*"))
    with disks.failing("state/recordings", way, *([path] if way == EIO else []), pids=disks.launchers):
        go.touch()
        assert asked.end() == -signal.SIGTERM, asked.err
        assert "cannot be recorded any more" in asked.err
        wait_for(lambda: disks.ending(id) == "signaled", within=AGAIN_WITHIN, what="its end")
    run = [run for run in disks.rows("runs", ended=True) if run.id == id][0]
    assert "cannot be recorded any more" in run.outcome.because
    path.unlink()
    disks.is_well()


@ways("the daemon's own log")
def test_a_log_that_is_full_holds_up_nobody(way: str) -> None:
    house = House(POLICY)
    house.log_file.symlink_to("/dev/full")
    house.log = lambda: ""  # type: ignore[method-assign]  # which has no end
    (house.root / "said").chmod(0o1777)
    house.start()
    try:
        assert house.run("alice", "true").returncode == 0
        for _ in range(2):
            house.database.with_name("jitd.db-wal")
            assert Client(house, "alice", "jitsudo", "sh", "-c", "exit 7").end() == STATUS
            assert house.jitd("reload").returncode == 0  # which is logged
            (house.root / "policy.d/60-broken.toml").write_text("broken")
            assert house.jitd("reload").returncode == 1
            (house.root / "policy.d/60-broken.toml").unlink()
            launcher = wait_for(lambda: house.launcher, what="a launcher")
            os.kill(launcher, signal.SIGKILL)  # as is this
            wait_for(lambda launcher=launcher: house.launcher not in (0, launcher), what="another launcher")  # type: ignore[misc]
        house.verify()
    finally:
        house.log_file.unlink()
        house.close()


def is_listening(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


@ways("the database, when the daemon starts")
def test_a_daemon_that_cannot_write_says_so_or_serves(disks: Disks, way: str) -> None:
    serve = ["jitd", "serve", "--config", str(disks.house.config_file)]
    disks.house.kill()
    with ExitStack() as stack:
        if way == EIO:
            paths = [disks.wal, disks.house.database]
            inject = [word for path in paths for word in ("-P", str(path))]
            serve = ["strace", "-qqq", "-o", "/dev/null", *inject, "-e", "trace=pwrite64,fdatasync,ftruncate",
                     "-e", "inject=pwrite64,fdatasync,ftruncate:error=EIO", *serve]  # fmt: skip
        else:
            stack.enter_context(disks.failing("state", way))
        daemon = subprocess.Popen(serve, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        wait_for(lambda: daemon.poll() is not None or is_listening(disks.house.socket), what="a daemon, or its end")
        if daemon.poll() is None:  # it serves: what it has to note has found room
            daemon.send_signal(signal.SIGTERM)
            daemon.communicate(timeout=PATIENCE)
        else:
            said = daemon.communicate(timeout=PATIENCE)[0]
            assert daemon.returncode == 1 and said.startswith("jitd: ") and "Traceback" not in said, said
    disks.served_by = disks.house.start().process
    disks.is_well()
