# SPDX-License-Identifier: Apache-2.0
"""A daemon's executor and a client's end of the control socket, both played by the test.

Law: it knows the wire and the executor, and nothing of what is behind them.
"""

from __future__ import annotations

import array
import asyncio
import hashlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest

from jitd.core.run import Ending, Outcome
from jitd.executor import Ended, Here, Ready, Report, Started
from jitd.executor.direct import ChildLauncher, Direct
from jitd.executor.monitors import Monitors
from jitd.executor.unit import Unit
from jitd.hosts.places import Places
from jitd.monitor.housing import own_group
from jitd.monitor.orders import Job
from jitd.monitor.places import plate_path
from tests.waiting import PATIENCE

T = TypeVar("T")
HAS_SYSTEMD = os.path.isdir("/run/systemd/system")
NOBODY = 65534
ENVIRONMENT = ((b"PATH", b"/usr/sbin:/usr/bin:/sbin:/bin"),)
SENDABLE = {"pipe", "file", "socket", "device", "null"}


def umask_of(account: str) -> int:
    """What pam_umask sets. From libpam 1.7 on, it heeds USERGROUPS_ENAB of login.defs: a person's own group may write."""
    return 0o022 if account == "root" or Places().libpam == "1.5" else 0o002


def digest_of(path: bytes) -> bytes:
    """The digest that a daemon would have approved; nonsense where there is no such file."""
    return hashlib.sha256(Path(os.fsdecode(path)).read_bytes()).digest() if os.path.isfile(path) else bytes(32)


def _command_line(pid: str) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


class Client:
    """The requester's side: sends streams, collects what comes back."""

    def __init__(self, control: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self.socket = control
        self.socket.setblocking(False)
        self.packets: list[bytes] = []
        self.is_at_end = False
        self._loop = loop
        loop.add_reader(control, self._hear)

    def _hear(self) -> None:
        try:
            packet = self.socket.recv(65536)
        except (BlockingIOError, ConnectionResetError):  # a reset is told before what was sent, and once
            return
        except OSError:
            packet = b""
        if packet:
            self.packets.append(packet)
        else:
            self.is_at_end = True
            self._loop.remove_reader(self.socket)

    def stop_listening(self) -> None:
        self._loop.remove_reader(self.socket)

    def listen_again(self) -> None:
        self._loop.add_reader(self.socket, self._hear)

    def send(self, packet: bytes, descriptors: list[int] | None = None) -> None:
        ancillary = []
        if descriptors:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        self.socket.sendmsg([packet], ancillary)

    def send_streams(self, kinds: tuple[str, ...], descriptors: list[int], **more: Any) -> None:
        said = {"streams": kinds, "rows": 24, "columns": 80, "foreground": True, "termios": None, **more}
        self.send(b"S" + json.dumps(said).encode(), descriptors)

    def close(self) -> None:
        if self.socket.fileno() >= 0:
            self._loop.remove_reader(self.socket)
            self.socket.close()

    def said(self, kind: bytes) -> list[bytes]:
        return [packet[1:] for packet in self.packets if packet[:1] == kind]

    @property
    def output(self) -> bytes:
        return b"".join(self.said(b"O"))

    @property
    def end(self) -> dict[str, Any] | None:
        ends = self.said(b"X")
        return json.loads(ends[0]) if ends else None


class Kept:
    """A launcher that one stage after another uses: to start one takes longer than most tests. It learns from each job whose the
    job is, as systemd's launcher does, which every daemon finds there.

    Only a stage that is over leaves it for the next one. A daemon that ends within a test ends it, as ever.
    """

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._launcher = ChildLauncher(run_dir)
        self._ours: socket.socket | None = None
        self.is_to_stay = False

    def start(self) -> socket.socket:
        if self.pid() is None:
            self.close()
            self._launcher = ChildLauncher(self._run_dir)
            self._ours = self._launcher.start()
        assert self._ours is not None
        return self._ours.dup()

    def end(self) -> None:
        if not self.is_to_stay:
            self.close()

    def close(self) -> None:
        if self._ours is not None:
            self._ours.close()
            self._ours = None
        self._launcher.end()

    def pid(self) -> int | None:
        process = self._launcher._process
        return process.pid if self._ours is not None and process is not None and process.poll() is None else None


class Stage:
    """One daemon's executor after another on the same directories, and what it reported."""

    n_runs = 0  # of all stages: a scope of systemd's may outlive its run, and its stage, for a moment

    def __init__(
        self,
        kind: type[Direct] | type[Unit] = Unit if HAS_SYSTEMD else Direct,
        kept: Kept | None = None,
        *,
        opens: bool = True,
    ) -> None:
        self._kind = kind
        self._kept = kept if kind is Direct else None
        self.is_launcher_as_new = True
        """Whether the next stage may have the launcher, too."""
        self.directory = Path(tempfile.mkdtemp(prefix="jitd-", dir="/var/tmp"))
        self.directory.chmod(0o755)
        self.run_dir = self.directory / "run"
        self.state_dir = self.directory / "state"
        self.loop = asyncio.new_event_loop()
        self.reports: list[Report] = []
        self.runs: list[str] = []
        self.clients: list[Client] = []
        self.opened: list[int] = []
        self.groups: list[str] = []
        if opens:
            self.open()

    def make_executor(self) -> Monitors:
        """The one for this host: the same tests are run where systemd is process 1, and where it is not."""
        return self._kind(self.run_dir, self.state_dir, self._hear)

    def _hear(self, report: Report) -> None:
        """Take the outcome of what was not started: its client is told after that."""
        self.reports.append(report)
        if isinstance(report, Ended) and report.outcome.ending is Ending.NOT_STARTED:
            self.loop.call_soon(self.executor.forget, report.run)

    def open(self, spawn: Callable[[Monitors], None] = Monitors.spawn_launcher) -> None:
        self.executor = self.make_executor()
        if self._kept is not None:
            self._kept.is_to_stay = False
            self.executor._launcher = self._kept
        spawn(self.executor)
        self.run(self.executor.open())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(coroutine)

    def order(self, order: Callable[..., None], *words: object) -> None:
        """Give an order as the daemon does, in its loop: the monitor may be gone already."""

        async def given() -> None:
            order(*words)

        self.run(given())

    @property
    def launcher(self) -> int:
        """The launcher's process: the child of ours that holds the other end of its socket, or systemd's."""

        def look() -> int | None:
            if self._kind is Unit:
                show = ["systemctl", "show", "--property=MainPID", "--value", "jitd-launcher.service"]
                return int(subprocess.run(show, stdout=subprocess.PIPE, check=True).stdout)
            if self._kept is not None:
                return self._kept.pid()
            children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
            return next((int(pid) for pid in children if str(self.run_dir).encode() in _command_line(pid)), None)

        return self.wait(look) or 0

    def monitors(self) -> list[int]:
        """Every process that holds a plate of this stage."""
        found = []
        for process in filter(str.isdigit, os.listdir("/proc")):
            held = []
            with suppress(OSError):  # it has ended
                for fd in os.listdir(f"/proc/{process}/fd"):
                    with suppress(OSError):  # a descriptor that it has closed meanwhile says nothing of the others
                        held.append(os.readlink(f"/proc/{process}/fd/{fd}"))
            if any(path.startswith(f"{self.run_dir}/runs/") for path in held):
                found.append(int(process))
        return found

    def restart(self) -> None:
        """The daemon ends, and another one begins."""
        self.run(self.executor.close())
        self.reports.clear()
        self.open()

    def wait(self, until: Callable[[], T], for_: float = PATIENCE) -> T:
        async def look() -> T:
            give_up_at = time.monotonic() + for_
            pause = 0.002
            while not (found := until()):
                if time.monotonic() > give_up_at:
                    raise TimeoutError(f"{self.reports} {[c.packets[-3:] for c in self.clients]}")
                await asyncio.sleep(pause)
                pause = min(pause * 1.1, 0.02)  # most of what lasts longer than that lasts for seconds
            return found

        return self.run(look())

    def sleep(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    def job(self, *argv: str | bytes, **changes: Any) -> Job:
        Stage.n_runs += 1
        words = tuple(os.fsencode(word) for word in argv)
        path = changes.get("path") or words[0]
        cwd = changes.get("cwd", b"/")
        status = os.stat(cwd) if os.path.isdir(cwd) else None
        values: dict[str, Any] = {
            "run": f"TEST-{self.n_runs:04}",
            "request": "TEST-REQ0",
            "path": path,
            "argv": words,
            "environment": ENVIRONMENT,
            "cwd": cwd,
            "cwd_device": status.st_dev if status else 0,
            "cwd_inode": status.st_ino if status else 0,
            "uid": 0,
            "gid": 0,
            "groups": (0,),
            "streams": (),
            "digest": digest_of(path),
            "writable": False,
            "ends_at_boot_ns": None,
            "ends_because": "its time is over",
            "leftovers": "end",
            "requester_uid": NOBODY,
            "user": "root",
        }
        return Job(**{**values, **changes})

    def start(self, job: Job) -> Client:
        self.runs.append(job.run)
        client = Client(self.run(self.executor.start(job)), self.loop)
        self.clients.append(client)
        return client

    def reported(self, kind: type[T], run: str) -> T | None:
        return next((r for r in self.reports if isinstance(r, kind) and getattr(r, "run", None) == run), None)

    def get_ready(
        self, job: Job, kinds: tuple[str, ...] = ("null",) * 3, sources: list[int] | None = None, **more: Any
    ) -> Client:
        """Start, hand the streams over, and wait until it waits for ``go``."""
        client = self.start(job)
        if sources is None:
            sources = [self.null() for kind in kinds if kind in SENDABLE]
        with suppress(BrokenPipeError):  # it was refused before
            client.send_streams(kinds, sources, **more)
        self.wait(lambda: self.reported(Ready, job.run) or self.reported(Ended, job.run))
        return client

    def go(self, job: Job, *arguments: Any, **more: Any) -> Client:
        """Start, hand the streams over, and let it execute."""
        client = self.get_ready(job, *arguments, **more)
        self.order(self.executor.go, job.run)
        return client

    def started(self, job: Job, *arguments: Any, **more: Any) -> tuple[Client, int]:
        client = self.go(job, *arguments, **more)
        self.wait(lambda: self.reported(Started, job.run))
        found = self.reported(Started, job.run)
        assert found is not None
        return client, found.pid

    def outcome(self, job: Job, for_: float = PATIENCE) -> Outcome:
        ended = self.wait(lambda: self.reported(Ended, job.run), for_)
        assert ended is not None
        return ended.outcome

    def play(self, job: Job, *arguments: Any, **more: Any) -> tuple[Client, Outcome]:
        """All of a run, its outcome taken."""
        client = self.go(job, *arguments, **more)
        outcome = self.outcome(job)
        self.wait(lambda: client.end)
        self.forget(job)
        return client, outcome

    def forget(self, job: Job) -> None:
        self.order(self.executor.forget, job.run)
        self.wait(lambda: not os.path.exists(plate_path(str(self.run_dir), job.run)))

    def capture(self, *argv: str | bytes, **changes: Any) -> bytes:
        """What a command writes to a pipe."""
        reading, writing = os.pipe()
        job = self.job(*argv, **changes)
        client = self.get_ready(job, ("null", "pipe", "pipe"), [self.null(), writing, writing])
        os.close(writing)
        self.order(self.executor.go, job.run)
        with open(reading, "rb") as file, ThreadPoolExecutor(1) as reader:
            found = reader.submit(file.read)
            outcome = self.outcome(job)
            data = found.result()
        assert outcome.number == 0, (outcome, data, client.packets)
        self.forget(job)
        return data

    def deny_group(self, job: Job) -> None:
        """Take the place of its control group, so that it has none: as where the hierarchy cannot be written."""
        if self._kind is Unit:
            pytest.fail("systemd makes its control group, whatever stands in the way: mark the test direct")
        place = f"{own_group()}/jitd-run-{job.run}/command/taken"
        os.makedirs(place)
        self.groups.append(place)

    def null(self) -> int:
        null = os.open("/dev/null", os.O_RDWR)
        self.opened.append(null)
        return null

    def close(self) -> None:
        for run in self.runs:
            if not any(isinstance(r, Ended) and r.run == run for r in self.reports):
                self.order(self.executor.stop, run, "the test is over")
        try:
            self.wait(lambda: all(self._is_over(run) for run in self.runs))
        finally:
            self.run(self._forget_all())
            for client in self.clients:
                client.close()
            self.run(asyncio.sleep(0.01))
            if self._kept is not None:
                self._kept.is_to_stay = self.is_launcher_as_new
            self.run(self.executor.close())
            self.loop.close()
            for descriptor in self.opened:
                os.close(descriptor)
            for place in self.groups:
                os.removedirs(place)
            shutil.rmtree(self.directory, ignore_errors=True)

    async def _forget_all(self) -> None:
        """In the loop, as the daemon does: a monitor that went meanwhile is looked for in a task."""
        for run in self.runs:
            self.executor.forget(run)

    def _is_over(self, run: str) -> bool:
        return any(isinstance(r, Ended) and r.run == run for r in self.reports) or not os.path.exists(
            plate_path(str(self.run_dir), run)
        )


def in_state(stage: Stage, run: str) -> str | None:
    here = stage.reported(Here, run)
    return here.state if here else None
