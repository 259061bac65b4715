# SPDX-License-Identifier: Apache-2.0
"""Holders of a group who hide: processes that have no gid of it when somebody looks, and take it again afterwards.

Law: each way is first shown to work: the process reads what only the group may read, after the membership has ended.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.givers import group_remains
from jitd.givers.kind import Taken
from tests.givers.test_groups import World, take_your_time
from tests.waiting import PATIENCE, is_living, wait_for

SECRET = Path("/srv/of-the-tapes")
HIDES = """
import ctypes, os, signal, sys
uid, gid, own, how, file = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
NEWUSER, NEWUTS = 0x10000000, 0x4000000
libc = ctypes.CDLL(None, use_errno=True)
def done(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def write(name, text):
    with open(f"/proc/self/{name}", "w") as stream:
        stream.write(text)
def begin(groups, gid, kind):
    os.setgroups(groups); os.setresgid(gid, gid, gid); os.setresuid(uid, uid, uid)
    libc.prctl(4, 1, 0, 0, 0)
    done(libc.unshare(kind))
    write("setgroups", "deny"); write("gid_map", f"0 {gid} 1"); write("uid_map", f"0 {uid} 1")
ours, theirs = os.pipe()
back, forth = os.pipe()
maker = os.fork()
if maker == 0:
    begin([gid], gid, NEWUSER | NEWUTS)
    os.write(theirs, b"x")
    os.read(back, 1)
    os._exit(0)
os.close(theirs)
os.setgroups([]); os.setresgid(own, own, own); os.setresuid(uid, uid, uid)
libc.prctl(4, 1, 0, 0, 0)
os.read(ours, 1)
def enter(place):
    descriptor = os.open(place, os.O_RDONLY)
    done(libc.setns(descriptor, 0))
    os.close(descriptor)
def leave():
    os.write(forth, b"x")
    os.waitpid(maker, 0)
match how:
    case "by a descriptor":
        held = f"/proc/self/fd/{os.open(f'/proc/{maker}/ns/user', os.O_RDONLY)}"
        leave()
    case "by what belongs to it":
        uts = os.open(f"/proc/{maker}/ns/uts", os.O_RDONLY)
        leave()
    case "by a child that nobody waited for":
        held = f"/proc/{maker}/ns/user"
        os.kill(maker, 9)
        os.waitid(os.P_PID, maker, os.WEXITED | os.WNOWAIT)
    case "it is in it":
        enter(f"/proc/{maker}/ns/user")
        leave()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGHUP})
print("hidden", flush=True)
signal.sigwait({signal.SIGUSR1})
if how == "by what belongs to it":
    import fcntl
    held = f"/proc/self/fd/{fcntl.ioctl(uts, 0xB701)}"
if how != "it is in it":
    enter(held)
os.setresgid(0, 0, 0)
print(open(file).read(), flush=True)
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    take_your_time(monkeypatch)
    made = World(tmp_path)
    SECRET.write_text("a secret of the tapes")
    os.chown(SECRET, 0, made.gid)
    SECRET.chmod(0o640)
    yield made
    SECRET.unlink()
    made.close()


def hidden(world: World, how: str) -> subprocess.Popen[str]:
    """A process of alice's that has hidden the group."""
    own = int(subprocess.run(["id", "-g", "alice"], capture_output=True, text=True, check=True).stdout)
    words = [str(world.uid), str(world.gid), str(own), how, str(SECRET)]
    begun = subprocess.Popen([sys.executable, "-c", HIDES, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert begun.stdout is not None and begun.stderr is not None
    assert begun.stdout.readline() == "hidden\n", begun.stderr.read()
    gids = Path(f"/proc/{begun.pid}/status").read_text().split("\nGid:")[1].split("\n")[0].split()
    assert str(world.gid) not in gids, "nobody sees that it has the group"
    return begun


WAYS = pytest.mark.parametrize(
    "how", ["it is in it", "by a descriptor", "by what belongs to it", "by a child that nobody waited for"]
)


@WAYS
def test_a_way_to_hide_is_one(world: World, how: str) -> None:
    """Without an end of the membership that looks for it."""
    begun = hidden(world, how)
    begun.send_signal(10)
    said, fault = begun.communicate(timeout=PATIENCE)
    assert said == "a secret of the tapes\n", fault


@WAYS
def test_a_process_that_can_take_the_group_again_is_ended_with_those_that_have_it(world: World, how: str) -> None:
    """THREATS Q-14."""
    world.give()
    begun = hidden(world, how)
    try:
        assert begun.pid in [one.pid for one in group_remains.holders(world.uid, world.gid)]
        assert world.kind.take(world.order()) == Taken()
        said, _ = begun.communicate(timeout=PATIENCE)
        assert begun.returncode == -9 and said == ""
    finally:
        begun.kill()
        begun.communicate()


def test_a_namespace_without_the_group_is_nobodys_hiding_place(world: World) -> None:
    """THREATS Q-14. A container of the same person's goes on."""
    world.give()
    line = ["setpriv", f"--reuid={world.uid}", "--regid=alice", "--clear-groups", "unshare", "--user", "--map-root-user", "--uts"]
    begun = subprocess.Popen([*line, "sleep", "600"])
    try:
        wait_for(lambda: Path(f"/proc/{begun.pid}/comm").read_text() == "sleep\n", what="a container")
        assert world.kind.take(world.order()) == Taken()
        assert is_living(begun.pid)
    finally:
        begun.kill()
        begun.wait()


@pytest.fixture
def subordinates(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> range:
    """alice has subordinate uids, as Debian's useradd gives everybody."""
    file = tmp_path / "subuid"
    file.write_text("bob:100000:65536\nalice:165536:65536\n")
    monkeypatch.setattr(group_remains, "SUBORDINATES", file)
    return range(165536, 165536 + 65536)


def test_a_subordinate_uid_hides_neither_a_process_nor_a_file(world: World, subordinates: range) -> None:
    """THREATS Q-14. A rootless container may keep the groups of the person who started it."""
    world.give()
    hers, his = subordinates[1000], 101000
    sleepers = {
        uid: subprocess.Popen(["setpriv", f"--reuid={uid}", "--regid=alice", f"--groups={world.gid}", "sleep", "600"])
        for uid in (hers, his)
    }
    place = Path("/srv/from-a-container")
    place.mkdir()
    try:
        for uid in (hers, his):
            file = place / str(uid)
            shutil.copy("/bin/true", file)
            os.chown(file, uid, world.gid)
            file.chmod(0o2755)
            wait_for(lambda: Path(f"/proc/{sleepers[uid].pid}/comm").read_text() == "sleep\n", what="a container")  # noqa: B023
        left = world.kind.take(world.order())
        assert sleepers[hers].wait(PATIENCE) and is_living(sleepers[his].pid)
        assert isinstance(left, Taken) and f"{place}/{hers}" in left.left and str(his) not in left.left
    finally:
        shutil.rmtree(place)
        for one in sleepers.values():
            one.kill()
            one.wait()
