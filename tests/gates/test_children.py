# SPDX-License-Identifier: Apache-2.0
"""The children of jitd-kdc that the kernel does not end: jitd-kdc answers other questions, and starts no writer beside one."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from socket import socket

import pytest

from jitd.beside.child import Child
from jitd_gates import trying, worker
from jitd_gates.messages import Failed, Look
from jitd_gates.worker import Worker
from tests.unreaped import unreaped
from tests.waiting import PATIENCE, wait_for

SERVICE = "postgres/db1.example.org@EXAMPLE.ORG"


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_no_worker_is_started_beside_one_that_the_kernel_has_not_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """THREATS T-27: two of them could carry out two requests in another order than that of the daemon."""
    monkeypatch.setattr(worker, "SECONDS_TO_END", PATIENCE)
    monkeypatch.setenv("KRB5_CONFIG", "/dev/null")

    async def play() -> None:
        one = Worker("jitd-kdc/db1.example.org@EXAMPLE.ORG", "db1.example.org", str(tmp_path / "none"))
        assert "kadmind cannot be asked" in str(await one.do(Look(SERVICE)))
        before = one.pid
        with unreaped(before), monkeypatch.context() as patched:
            patched.setattr(worker, "SECONDS_TO_END", 0.1)
            os.kill(before, signal.SIGKILL)
            for _ in range(2):
                said = await one.do(Look(SERVICE))
                assert isinstance(said, Failed) and one.pid == before
            assert said.why == f"the kernel has not ended the process {before}, which spoke with kadmind and was killed"
        assert "kadmind cannot be asked" in str(await one.do(Look(SERVICE)))
        assert one.pid not in (0, before)
        await one.end()
        assert one.pid == 0

    asyncio.run(play())


def asks_nobody(*words: object) -> Failed:
    wait_for(lambda: "TracerPid:\t0\n" not in Path("/proc/self/status").read_text())
    return Failed("this one asks nobody")


def test_jitd_kdc_answers_others_while_the_kernel_has_not_ended_the_child_of_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS E-05."""
    children: list[int] = []
    kept = ExitStack()

    class Kept(Child):
        def __init__(self, work: Callable[[socket], None]) -> None:
            super().__init__(work)
            children.append(self.pid)
            kept.enter_context(unreaped(self.pid))

    monkeypatch.setattr(trying, "Child", Kept)
    monkeypatch.setattr(trying, "_tried", asks_nobody)

    async def play() -> None:
        with kept:
            trial = asyncio.create_task(trying.tried("jitd", "none", (SERVICE,)))
            async with asyncio.timeout(PATIENCE):
                while not children or state_of(children[0]) != "Z":
                    await asyncio.sleep(0.01)
            assert not trial.done()
        assert await trial == Failed("this one asks nobody")
        with pytest.raises(ChildProcessError):
            os.waitpid(children[0], os.WNOHANG)

    asyncio.run(play())
