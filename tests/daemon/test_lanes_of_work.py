# SPDX-License-Identifier: Apache-2.0
"""Work that never returns (THREATS O-09): whose threads it takes, and who stays away from a file system that is silent.

Law: work waits for an event of the test's, and a step into a mount for a lock of it; nothing is told by how long it took.
"""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd import workers
from jitd.core.party import HOUSE, Party
from jitd.deciding.subordinates import Subordinates
from jitd.files import silence
from jitd.files.silence import Silence, Silent
from jitd.server import identifying
from jitd.server.identifying import Identifying
from jitd.workers import Lane, Workers
from tests.waiting import PATIENCE, wait_for


@pytest.fixture(autouse=True)
def nobody_is_hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done in the end is late on a busy host. What is to be given up says when."""
    monkeypatch.setattr(workers, "PATIENCE", PATIENCE)


@pytest.fixture
def answer() -> Iterator[threading.Event]:
    """What all that hangs waits for."""
    made = threading.Event()
    yield made
    made.set()


def play(part: Callable[[], Any]) -> None:
    asyncio.run(part())


# --- lanes ---------------------------------------------------------------------------------------------------------------


def test_sixteen_hung_looks_of_eight_accounts_leave_threads_to_all_others(answer: threading.Event) -> None:
    """THREATS O-09: each account has two threads of its lane, and not one more however much it asks for."""

    async def part() -> None:
        lane = Workers().files
        hung = [asyncio.ensure_future(lane.run(Party.of_account(uid), answer.wait)) for uid in range(1, 9) for _ in range(5)]
        await asyncio.sleep(0)
        assert lane.load == workers.Load("files", 32, 16, 24)
        for uid in range(100, 300):
            assert await lane.run(Party.of_account(uid), lambda: "served") == "served"
        answer.set()
        await asyncio.gather(*hung)
        assert lane.load == workers.Load("files", 32, 0, 0)
        lane.close()

    play(part)


def test_one_kind_of_work_that_hangs_holds_up_no_other(answer: threading.Event) -> None:
    """THREATS O-09: a directory that never answers takes no thread of those that look at files, and the other way round."""

    async def part() -> None:
        lanes = Workers()
        for full in lanes.lanes:
            hung = [asyncio.ensure_future(full.run(Party.of_account(uid), answer.wait)) for uid in range(full.n_threads)]
            await asyncio.sleep(0)
            for other in lanes.lanes:
                if other is not full:
                    assert await other.run(Party.of_account(7), lambda: "served") == "served"
            for one in hung:
                one.cancel()
            await asyncio.gather(*hung, return_exceptions=True)
            answer.set()
            answer.clear()
            while full.load.n_busy:
                answer.set()
                await asyncio.sleep(0.001)
            answer.clear()
        lanes.close()

    play(part)


def test_who_gives_up_frees_a_share_only_when_the_work_has_ended(
    answer: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS O-09: else every timeout would take one thread more."""
    monkeypatch.setattr(workers, "PATIENCE", 0.05)

    async def part() -> None:
        lane = Lane("files", 4, 1)
        begun = 0

        def hang() -> None:
            nonlocal begun
            begun += 1
            answer.wait()

        n_asked = 0
        while n_asked < 5 or not begun:  # a busy host may begin nothing in that time
            n_asked += 1
            with pytest.raises(TimeoutError):
                await lane.run(Party.of_account(1001), hang)
        assert begun == 1 and lane.load.n_busy == 1
        monkeypatch.setattr(workers, "PATIENCE", 60.0)
        assert await lane.run(Party.of_account(1002), lambda: 1) == 1
        answer.set()
        while lane.load.n_busy:
            await asyncio.sleep(0.001)
        assert await lane.run(Party.of_account(1001), lambda: 2) == 2
        lane.close()

    play(part)


def test_what_no_thread_has_begun_is_not_done_for_who_gave_up(answer: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    def hangs() -> bool:
        begun.set()
        return answer.wait()

    async def part() -> None:
        lane = Lane("files", 1, 2)
        done = []
        monkeypatch.setattr(workers, "PATIENCE", 60.0)
        hung = asyncio.ensure_future(lane.run(Party.of_account(1), hangs))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        monkeypatch.setattr(workers, "PATIENCE", 0.05)
        with pytest.raises(TimeoutError):
            await lane.run(Party.of_account(2), lambda: done.append("late"))
        monkeypatch.setattr(workers, "PATIENCE", 60.0)
        answer.set()
        assert await hung
        while lane.load.n_busy:
            await asyncio.sleep(0.001)
        assert await lane.run(Party.of_account(2), lambda: "now") == "now" and not done
        lane.close()

    play(part)


def test_a_thread_serves_every_lane_and_one_more_is_begun_where_none_is_free(answer: threading.Event) -> None:
    """What bounds the lanes bounds the threads: a piece in hand has one, whatever hangs in other lanes."""

    async def part() -> None:
        lanes = Workers()
        before = set(threading.enumerate())  # threads themselves: the number of one that has ended is used again
        served = {await lane.run(Party.of_account(uid), threading.current_thread) for lane in lanes.lanes for uid in (7, 0)}
        assert len(served) == 1 and not served & before
        begun = threading.Semaphore(0)
        hung = [
            asyncio.ensure_future(lane.run(Party.of_account(7), lambda: begun.release() or answer.wait())) for lane in lanes.lanes
        ]
        await asyncio.sleep(0)
        assert all(begun.acquire(timeout=PATIENCE) for _ in hung)
        others = {await lane.run(Party.of_account(0), threading.current_thread) for lane in lanes.lanes}
        assert len(others) == 1 and not others & served
        answer.set()
        await asyncio.gather(*hung)
        lanes.close()

    play(part)


def test_threads_that_are_not_needed_any_more_end_and_one_stays(answer: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    """What hangs keeps its thread. A piece that comes after the others have ended gets a thread all the same."""
    monkeypatch.setattr(workers, "RESTED", 0.0)
    before = set(threading.enumerate())

    def alive() -> int:
        return len(set(threading.enumerate()) - before)

    async def part() -> None:
        at_once: list[int] = []
        lane, here = Workers().files, threading.Barrier(4, action=lambda: at_once.append(alive()))
        hung = asyncio.ensure_future(lane.run(Party.of_account(0), answer.wait))
        await asyncio.gather(*(lane.run(Party.of_account(uid), lambda: here.wait(PATIENCE)) for uid in (1, 2, 3, 4)))
        assert at_once == [5]
        for _ in range(3):
            assert await lane.run(Party.of_account(1), lambda: "served") == "served"
        wait_for(lambda: alive() == 2, what="the end of three threads")
        assert await asyncio.gather(*(lane.run(Party.of_account(uid), lambda: "served") for uid in (1, 2, 3))) == ["served"] * 3
        answer.set()
        await hung
        assert await lane.run(Party.of_account(1), lambda: "served") == "served"
        wait_for(lambda: alive() == 1, what="the end of all threads but one")
        lane.close()
        wait_for(lambda: alive() == 0, what="the end of the last")

    play(part)


def test_root_has_threads_that_nobody_else_can_take(answer: threading.Event) -> None:
    """THREATS O-08: root is the way in that remains, and every process that asks through PAM. Nor does the daemon's own work
    take them.
    """

    async def part() -> None:
        lanes = Workers()
        for lane in lanes.lanes:
            parties = [*map(Party.of_account, range(1000, 1000 + lane.n_threads)), HOUSE]
            hung = [asyncio.ensure_future(lane.run(one, answer.wait)) for one in parties for _ in range(lane.share)]
            await asyncio.sleep(0)
            assert lane.load.n_busy == lane.n_threads
            assert await lane.run(Party.of_account(0), lambda: "served") == "served"
            for one in hung:
                one.cancel()
            await asyncio.gather(*hung, return_exceptions=True)
        answer.set()
        lanes.close()

    play(part)


def test_who_comes_by_many_subordinate_uids_has_one_share_of_the_names(answer: threading.Event, tmp_path: Path) -> None:
    """THREATS O-08: a user namespace has 65,536 uids, and a principal without an account is asked for wherever accounts are."""

    def of_client(uid: int, principal: bytes, ends_at: object, authentication: object) -> None:
        if principal.startswith(b"ghost"):
            answer.wait()

    async def part() -> None:
        (tmp_path / "subuid").write_text("4005:300000:65536\n")
        owners = Subordinates(tmp_path / "subuid")
        owners.read()
        lanes = Workers()
        slow = lambda left_ms: None  # noqa: E731
        asked = Identifying(SimpleNamespace(of_client=of_client), lanes, owners)  # type: ignore[arg-type]
        ghost: Any = SimpleNamespace(principal=b"ghost@EXAMPLE.TEST", ends_at=None, authentication=None)
        bob: Any = SimpleNamespace(principal=b"bob@EXAMPLE.TEST", ends_at=None, authentication=None)
        hung = [asyncio.ensure_future(asked.subject(300000 + n, ghost, slow)) for n in range(20)]
        await asyncio.sleep(0)
        assert lanes.names.load == workers.Load("names", 32, 2, 18)
        assert await asked.subject(4002, bob, slow) is None
        answer.set()
        await asyncio.gather(*hung)
        lanes.close()

    play(part)


def test_subordinate_uids_of_somebody_whom_the_directory_no_longer_knows_take_neither_all_threads_nor_roots(
    answer: threading.Event, tmp_path: Path
) -> None:
    """THREATS O-08: a directory that fails is when the look-ups hang, and also when nobody can say whose the uids are."""

    async def part() -> None:
        (tmp_path / "subuid").write_text("alice@corp.example:200000:65536\nroot:1000000:65536\n")
        owners = Subordinates(tmp_path / "subuid", {"root": 0}.get)
        owners.read()
        lanes = Workers()
        asked = Identifying(SimpleNamespace(local=lambda uid: answer.wait() and None), lanes, owners)  # type: ignore[arg-type]
        hung = [asyncio.ensure_future(asked.local(first + n, lambda _: None)) for first in (200000, 1000000) for n in range(20)]
        await asyncio.sleep(0)
        assert lanes.names.load == workers.Load("names", 32, 4, 36)
        assert await lanes.names.run(Party.of_account(0), lambda: "served") == "served"
        answer.set()
        await asyncio.gather(*hung)
        lanes.close()

    play(part)


def test_two_look_ups_for_one_client_have_one_time_together(
    answer: threading.Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS O-08: PROTOCOL promises it, and a client waits no longer."""
    monkeypatch.setattr(identifying, "SLOW_AFTER", 0.0)
    monkeypatch.setattr(identifying, "GREETED_WITHIN", 20.0)
    there = SimpleNamespace(of_client=lambda *_: None, local=lambda uid: answer.wait() and None)
    ghost: Any = SimpleNamespace(principal=b"ghost@EXAMPLE.TEST", ends_at=None, authentication=None)

    async def is_played(left: float) -> bool:
        """False if the host was so busy that the first left nothing of ``left`` seconds to the second."""
        told: list[int] = []
        lanes = Workers()
        asked = Identifying(there, lanes, Subordinates(tmp_path / "none"))  # type: ignore[arg-type]
        until = identifying.greeted_until() - identifying.GREETED_WITHIN + left
        is_begun = False
        with suppress(TimeoutError):
            assert await asked.subject(4001, ghost, told.append, until) is None
            is_begun = True
        if is_begun:
            with pytest.raises(TimeoutError, match="directory of accounts"):
                await asked.local(4001, told.append, until)
            assert told and max(told) <= left * 1000, "nobody is promised more than is left"
            answer.set()
        lanes.close()
        return is_begun

    async def part() -> None:
        for left in (0.5, 2.5, 12.5):  # the first has taken all but that
            if await is_played(left):
                return
        pytest.fail("the first look-up, which takes no time, does not end in time")

    play(part)


# --- mounts --------------------------------------------------------------------------------------------------------------


class Host:
    """A table of mounts, and a file system of which some never answer."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = os.fsencode(directory.resolve())
        self.table = directory / "mountinfo"
        self.asked: list[bytes] = []
        self.hung: dict[bytes, threading.Event] = {}
        self.arrived = threading.Semaphore(0)
        self._lstat = os.lstat
        monkeypatch.setattr(silence.os, "lstat", self.lstat)
        self.mount({"/": "ext4"})

    def mount(self, points: dict[str, str]) -> None:
        served = {"fuse.sshfs": "rw,user_id=0,group_id=0"}
        lines = [
            f"{n} 1 0:{n} / {point} rw - {kind} none {served.get(kind, 'rw')}" for n, (point, kind) in enumerate(points.items())
        ]
        self.table.write_text("\n".join(lines) + "\n")

    def at(self, *names: str) -> str:
        return os.path.join(os.fsdecode(self.root), *names)

    def lstat(self, path: bytes) -> os.stat_result:
        self.asked.append(path)
        for prefix, answer in self.hung.items():
            if path.startswith(prefix):
                self.arrived.release()
                answer.wait(20)
        return self._lstat(path)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path, monkeypatch)
    for name in ("nfs/alice", "fuse/alice", "home/alice"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "nfs/alice/there").symlink_to(tmp_path / "fuse/alice")
    made.mount({"/": "ext4", made.at("nfs"): "nfs4", made.at("fuse"): "fuse.sshfs", made.at("home"): "ext4"})
    return made


def test_one_look_waits_for_a_silent_mount_and_the_next_is_told_so_until_it_is_back(
    host: Host, answer: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS O-09: whoever asks, by whatever path; other mounts are looked at as ever."""
    monkeypatch.setattr(silence, "PATIENCE", 0.05)
    mounts = Silence(host.table.read_bytes)
    silent, other = os.fsencode(host.at("nfs")), os.fsencode(host.at("fuse/alice"))
    host.hung[silent] = answer
    stuck = threading.Thread(target=mounts.approach, args=([silent + b"/alice/x"],))
    stuck.start()
    assert host.arrived.acquire(timeout=PATIENCE)
    n_asked = len(host.asked)
    for _ in range(20):
        with pytest.raises(Silent, match=f"^{host.at('nfs')} does not answer: "):
            mounts.approach([silent + b"/bob/y"])
    assert len(host.asked) == n_asked, "nobody else has gone there"
    assert mounts.silent == (host.at("nfs"),)
    mounts.approach([other, b"/usr/bin/true", os.fsencode(host.at("home/alice"))])
    answer.set()
    stuck.join()
    mounts.approach([silent + b"/bob/y"])
    assert mounts.silent == ()


def test_a_silent_mount_behind_a_link_is_not_named(host: Host, answer: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other mount may be in a directory that the requester may not look into."""
    monkeypatch.setattr(silence, "PATIENCE", 0.05)
    mounts = Silence(host.table.read_bytes)
    host.hung[os.fsencode(host.at("fuse"))] = answer
    stuck = threading.Thread(target=mounts.approach, args=([os.fsencode(host.at("fuse/alice"))],))
    stuck.start()
    assert host.arrived.acquire(timeout=PATIENCE)
    with pytest.raises(Silent, match="^a file system on the way does not answer: "):
        mounts.approach([os.fsencode(host.at("nfs/alice/there/x"))])
    answer.set()
    stuck.join()


def test_what_is_on_the_hosts_own_disks_is_not_touched(host: Host) -> None:
    """No step is taken, so that none takes longer where something is."""
    Silence(host.table.read_bytes).approach([b"/etc/shadow", os.fsencode(host.at("home/alice/x")), b"", b"x\0y", b"/usr/../etc"])
    assert host.asked == []
    Silence(host.table.read_bytes).approach([os.fsencode(host.at("nfs/alice/there/..")), os.fsencode(host.at("nfs")) + b"/x\0y"])
    assert os.fsencode(host.at("fuse/alice")) in host.asked


@pytest.mark.parametrize("becomes", ["done", "a failure", "taken back"])
def test_what_a_piece_of_work_held_is_let_go_with_it(becomes: str) -> None:
    """A gate's question holds descriptors of directories: they would keep a disk from being unmounted until somebody collects.
    What failed would be kept by its own traceback: thirty messages that are refused held 200 MiB.
    """

    class Held:
        pass

    async def part() -> None:
        lane, held = Lane("files", 1, 1), Held()
        is_there = weakref.ref(held)
        gate = threading.Event()
        before = asyncio.ensure_future(lane.run(Party.of_account(1), gate.wait)) if becomes == "taken back" else None
        await asyncio.sleep(0)
        work: Callable[[Held], object] = int if becomes == "a failure" else id  # type: ignore[assignment]
        asking = asyncio.ensure_future(lane.run(Party.of_account(2), work, held))
        await asyncio.sleep(0)
        if becomes == "taken back":
            asking.cancel()
        with suppress(asyncio.CancelledError, TypeError):
            await asking
        gate.set()
        if before is not None:
            await before
        del held, asking
        await asyncio.sleep(0)  # the step of the event loop that brought the failure has it still
        wait_for(lambda: is_there() is None, what="the end of what it held")
        lane.close()

    gc.disable()
    try:
        asyncio.run(part())
    finally:
        gc.enable()


# --- threads ---------------------------------------------------------------------------------------------------------------


def no_more(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_if_no_thread_can_be_started_the_work_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the kernel's answer is made here: a limit of processes does not hold for root."""

    async def part() -> None:
        lane = Workers().files
        with monkeypatch.context() as within:
            within.setattr(threading.Thread, "start", no_more)
            for _ in range(5):  # more than the share of one account
                with pytest.raises(TimeoutError, match="jitd can start no thread"):
                    await lane.run(Party.of_account(1), int)
        assert lane.load == workers.Load("files", 32, 0, 0)
        assert await lane.run(Party.of_account(1), int) == 0, "as soon as one can be started"

    play(part)


def test_if_no_more_threads_can_be_started_work_waits_for_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    async def part() -> None:
        lane = Workers().files
        assert await lane.run(Party.of_account(1), int) == 0
        monkeypatch.setattr(threading.Thread, "start", no_more)
        assert await asyncio.gather(*(lane.run(Party.of_account(uid), int) for uid in range(1, 9) for _ in range(3))) == [0] * 24
        assert lane.load == workers.Load("files", 32, 0, 0)

    play(part)
