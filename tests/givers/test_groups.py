# SPDX-License-Identifier: Apache-2.0
"""The kind group, with the real gpasswd and real processes: who is a member, who stays one, and what is ended or named.

Law: membership is judged by the host (id(1), a new session), never by a note of ours.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from jitd.givers import group_remains
from jitd.givers.group import Groups
from jitd.givers.kind import Failed, Given, Order, Refused, Seen, State, Strays, Taken
from jitd.settings.givers import Group
from tests.givers.killed import killed_at
from tests.waiting import PATIENCE, handles, is_living, wait_for

HOLDING, NEXT = "WNC0-D702.1", "WNC0-D702.2"
GROUP = "tapes"
FILES = ("/etc/group", "/etc/gshadow")
KILLED = ("strace", "-o", "/dev/null", "-e", "trace=rename", "-e", "inject=rename:signal=KILL:when=2")
"""What is called by this is killed when it has replaced /etc/group, and before it replaces /etc/gshadow."""


def members_in_shadow() -> list[str]:
    (line,) = (line for line in Path("/etc/gshadow").read_text().splitlines() if line.startswith(f"{GROUP}:"))
    return line.rpartition(":")[2].split(",")


def run(*words: str | Path) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def take_your_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy host processes end and files are found late, and that is not what is tested here."""
    monkeypatch.setattr(group_remains, "ENDS_WITHIN", PATIENCE)
    monkeypatch.setattr(group_remains, "SEARCH_FOR", PATIENCE)


class World:
    """A group of the lab's host with a member of the administrator's, and a place for notes."""

    def __init__(self, root: Path) -> None:
        self.notes = root / "state" / "groups"
        self.settings = Group("tapes", group=GROUP, at_end="end", search=("/srv",))
        self.uid = pwd.getpwnam("alice").pw_uid
        run("groupadd", "-f", GROUP)
        run("gpasswd", "-a", "bob", GROUP)
        self.gid = int(run("getent", "group", GROUP).split(":")[2])
        self.before = self.snapshot()
        self.begun: list[subprocess.Popen[bytes]] = []

    def newgrp(self) -> str:
        """What newgrp(1), with no password, says to alice: the groups that she has by it, or why not."""
        line = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--init-groups", "newgrp", GROUP]
        done = subprocess.run(line, input="id -nG\n", capture_output=True, text=True, timeout=PATIENCE, check=False, cwd="/")
        return done.stdout + done.stderr

    @property
    def kind(self) -> Groups:
        return Groups(self.settings, notes=self.notes)

    def order(self, holding: str = HOLDING, account: str = "alice") -> Order:
        return Order(holding, "tapes", account, pwd.getpwnam(account).pw_uid, int(time.time()) + 600)

    def give(self, holding: str = HOLDING) -> None:
        assert isinstance(given := self.kind.give(self.order(holding)), Given), given

    def has(self, account: str) -> bool:
        """Whether a new session of ``account`` has the group."""
        return GROUP in run("id", "-nG", account).split()

    def snapshot(self) -> list[str]:
        return [Path(file).read_text() for file in FILES]

    def session(self, *words: str, group: str = GROUP) -> subprocess.Popen[bytes]:
        """A process of alice's with the groups that a new session of hers has, and ``group`` as its own."""
        line = ["setpriv", f"--reuid={self.uid}", f"--regid={group}", "--init-groups", *(words or ("sleep", "600"))]
        begun = subprocess.Popen(line, stdout=subprocess.PIPE)
        self.begun.append(begun)
        return begun

    def holders(self) -> set[int]:
        return {process.pid for process in group_remains.holders(self.uid, self.gid)}

    def close(self) -> None:
        for process in self.begun:
            process.kill()
            process.wait(PATIENCE)
            assert process.stdout is not None
            process.stdout.close()
        run("groupdel", GROUP)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    take_your_time(monkeypatch)
    made = World(tmp_path)
    yield made
    made.close()


def test_a_membership_is_for_new_sessions_and_is_gone_afterwards(world: World) -> None:
    assert not world.has("alice")
    world.give()
    assert world.has("alice") and world.has("bob")
    assert world.kind.look(world.order()) == Seen(State.STANDS)
    assert world.kind.take(world.order()) == Taken()
    assert not world.has("alice") and world.snapshot() == world.before
    assert world.kind.take(world.order()) == Taken(), "a second time it is the same"
    assert list(world.notes.iterdir()) == []


def test_a_removal_that_was_cut_short_between_the_two_files_leaves_nothing_for_newgrp(world: World) -> None:
    """THREATS Q-30."""
    world.give()
    assert subprocess.run([*KILLED, "gpasswd", "-d", "alice", GROUP], capture_output=True, check=False).returncode != 0
    assert not world.has("alice") and "alice" in members_in_shadow(), "which newgrp(1) reads on Debian 12"
    assert world.kind.take(world.order()) == Taken()
    assert world.snapshot() == world.before
    assert GROUP not in world.newgrp().split()
    assert list(world.notes.iterdir()) == []


def test_a_group_that_is_left_in_its_shadow_alone_is_gone(world: World) -> None:
    """An administrator has deleted its line of /etc/group, and not with groupdel(8): gpasswd(1) knows no such group."""
    world.give()
    groups = Path("/etc/group")
    with_it = groups.read_text()
    groups.write_text("".join(line for line in with_it.splitlines(keepends=True) if not line.startswith(f"{GROUP}:")))
    try:
        assert world.kind.take(world.order()) == Taken()
        assert GROUP not in world.newgrp().split()
    finally:
        groups.write_text(with_it)
    assert list(world.notes.iterdir()) == []


def test_a_host_without_a_shadow_of_its_groups_has_its_memberships_taken(world: World) -> None:
    shadow = Path("/etc/gshadow")
    kept = shadow.rename("/etc/gshadow.kept")
    try:
        world.give()
        assert world.kind.take(world.order()) == Taken()
        assert not world.has("alice")
    finally:
        kept.rename(shadow)


def test_who_was_a_member_before_is_refused_and_stays_one(world: World) -> None:
    """THREATS Q-11."""
    refused = world.kind.give(world.order(account="bob"))
    assert isinstance(refused, Refused) and "not by jitd" in refused.why
    left = world.kind.take(world.order(account="bob"))
    assert isinstance(left, Taken) and "no note" in left.left
    assert world.snapshot() == world.before


def test_an_own_group_of_the_account_is_a_membership_too(world: World) -> None:
    world.settings = replace(world.settings, group="alice")
    assert isinstance(world.kind.give(world.order()), Refused)
    assert world.snapshot() == world.before


def test_two_holdings_of_one_membership_end_it_once(world: World) -> None:
    world.give()
    world.give(NEXT)
    assert world.kind.take(world.order()) == Taken() and world.has("alice")
    assert world.kind.take(world.order(NEXT)) == Taken() and not world.has("alice")
    assert world.snapshot() == world.before


def test_what_is_wrong_changes_nothing(world: World) -> None:
    for changed, why in [
        (replace(world.order(), account="root", uid=0), "root needs no group"),
        (replace(world.order(), account="mallory"), "not there any more"),
        (replace(world.order(), uid=4999), "not there any more"),
    ]:
        answer = world.kind.give(changed)
        assert isinstance(answer, Refused) and why in answer.why
    world.settings = replace(world.settings, group="directory-group")
    assert "has no group" in getattr(world.kind.give(world.order()), "why", "")
    assert world.snapshot() == world.before and list(world.notes.iterdir()) == []


def test_drift_is_seen_and_mended_by_giving_again(world: World) -> None:
    world.give()
    run("gpasswd", "-d", "alice", GROUP)
    assert getattr(world.kind.look(world.order()), "state", None) is State.GONE
    world.give()
    assert world.kind.look(world.order()) == Seen(State.STANDS) and world.has("alice")
    run("groupmod", "-g", str(world.gid + 500), GROUP)
    assert getattr(world.kind.look(world.order()), "state", None) is State.CHANGED
    assert world.kind.take(world.order()) == Taken() and not world.has("alice")
    world.give()
    run("gpasswd", "-d", "alice", GROUP)
    assert world.kind.take(world.order()) == Taken(), "what somebody took away by hand is taken"


def test_a_membership_that_nobody_holds_is_told(world: World) -> None:
    world.give()
    assert world.kind.strays([world.order()]) == Strays()
    assert world.kind.strays([world.order(NEXT)]) == Strays((HOLDING,))
    other = Groups(replace(world.settings, name="other"), notes=world.notes)
    assert other.strays([]) == Strays(), "it is another giver's"
    world.kind.take(world.order())


def test_a_note_that_was_damaged_is_no_missing_note(world: World) -> None:
    world.give()
    note = world.notes / HOLDING
    written = note.read_text()
    for damaged in ("", "{}", written.replace(HOLDING, NEXT), written.replace('"tapes"', "1")):
        note.write_text(damaged)
        with pytest.raises(OSError, match="not the note"):
            world.kind.take(world.order())
        assert world.has("alice")
    note.write_text(written)
    assert world.kind.take(world.order()) == Taken()


def test_an_account_that_was_renamed_loses_the_membership(world: World) -> None:
    world.give()
    passwd = Path("/etc/passwd")
    saved = passwd.read_text()
    try:
        run("usermod", "-l", "alicia", "alice")
        assert "alicia" in Path("/etc/group").read_text()
        assert world.kind.take(replace(world.order(account="alicia"), account="alice")) == Taken()
        assert not world.has("alicia")
    finally:
        run("usermod", "-l", "alice", "alicia")
    assert sorted(passwd.read_text().splitlines()) == sorted(saved.splitlines())


def test_a_group_that_was_renamed_loses_the_member_and_its_processes(world: World) -> None:
    """THREATS Q-14."""
    world.give()
    sleeping = world.session()
    wait_for(lambda: group_remains.holders(world.uid, world.gid), what="a process with the group")
    run("groupmod", "-n", "reels", GROUP)
    try:
        seen = world.kind.look(world.order())
        assert isinstance(seen, Seen) and seen.state is State.CHANGED and "reels" in seen.why
        left = world.kind.take(world.order())
        assert isinstance(left, Taken) and "is called reels now" in left.left
        assert run("id", "-nG", "alice") == run("id", "-nG", "alice").replace("reels", "")
        sleeping.wait(PATIENCE)
    finally:
        run("groupmod", "-n", GROUP, "reels")
    assert world.snapshot() == world.before


def test_a_process_that_cannot_be_ended_is_not_forgotten_in_a_renamed_group(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS Q-14."""
    world.give()
    run("groupmod", "-n", "reels", GROUP)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(group_remains, "end", lambda uid, gid: ["sleep (1)"])
            assert isinstance(world.kind.take(world.order()), Failed)
            assert isinstance(world.kind.take(world.order()), Failed), "the membership has ended, the processes have not"
        assert isinstance(world.kind.take(world.order()), Taken)
    finally:
        run("groupmod", "-n", GROUP, "reels")


def test_a_group_with_another_gid_than_before_is_left_by_processes_of_both(world: World) -> None:
    """THREATS Q-14."""
    world.give()
    before = world.session()
    wait_for(lambda: group_remains.holders(world.uid, world.gid), what="a process with the group")
    other = world.gid + 1000
    run("groupmod", "-g", str(other), GROUP)
    after = world.session()
    wait_for(lambda: group_remains.holders(world.uid, other), what="a process with the group")
    assert world.kind.take(world.order()) == Taken() and not world.has("alice")
    for process in (before, after):
        process.wait(PATIENCE)


def test_the_processes_of_a_group_that_was_deleted_are_ended(world: World) -> None:
    """THREATS Q-14."""
    world.give()
    sleeping = world.session()
    wait_for(lambda: group_remains.holders(world.uid, world.gid), what="a process with the group")
    run("groupdel", GROUP)
    try:
        assert world.kind.take(world.order()) == Taken()
        sleeping.wait(PATIENCE)
    finally:
        run("groupadd", "-g", str(world.gid), GROUP)


def test_who_has_the_gid_by_another_group_is_refused(world: World) -> None:
    run("groupadd", "-o", "-g", str(world.gid), "reels")
    try:
        run("gpasswd", "-a", "alice", "reels")
        refused = world.kind.give(world.order())
        assert isinstance(refused, Refused) and "reels" in refused.why
    finally:
        run("groupdel", "reels")
    assert world.snapshot() == world.before


# --- killed, and a target that is down

STEPS = ("os.rename", "os.remove", "os.mkdir", "subprocess.Popen")


def is_step(event: str, arguments: tuple[object, ...]) -> bool:
    return event in STEPS or event == "open" and "state" in str(arguments[0])


@pytest.mark.parametrize(("do", "again"), [("give", True), ("give", False), ("take", False)])
def test_killed_at_any_step_it_is_finished_the_next_time(do: str, again: bool, world: World) -> None:
    """What was half given may be given again, or only taken. Nothing is left of it, and no note that is half written."""
    for at in range(1, 100):
        if do == "take":
            world.give()
        is_killed = killed_at(at, partial(getattr(world.kind, do), world.order()), is_step)
        if again:
            world.give()
            assert world.has("alice")
        assert world.kind.take(world.order()) == Taken()
        assert not world.has("alice") and world.snapshot() == world.before, at
        assert list(world.notes.iterdir()) == [], at
        shutil.rmtree(world.notes.parent)
        if not is_killed:
            break
    assert at > 3


def test_a_file_of_groups_that_is_locked_is_a_failure_and_is_taken_later(world: World) -> None:
    world.give()
    lock = Path("/etc/group.lock")
    lock.write_text(f"{os.getpid()}\0")
    try:
        answer = world.kind.take(world.order())
        assert isinstance(answer, Failed) and "gpasswd" in answer.why
        assert world.has("alice")
        assert isinstance(world.kind.look(world.order()), Seen)
    finally:
        lock.unlink()
    assert world.kind.take(world.order()) == Taken() and not world.has("alice")


# --- what keeps the group


def is_sleep(process: subprocess.Popen[bytes]) -> bool:
    """Whether it is what it is for by now, with the uids and groups that it shall have."""
    return Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n"


def test_processes_that_have_the_group_are_ended_and_no_others(world: World) -> None:
    """THREATS G-02 and Q-14. One has it as its group, one beside others, one hides from SIGHUP, one is stopped, one forks."""
    world.give()
    fork = "trap '' HUP; while :; do (sleep 600 & ) ; sleep 0.05; done"
    having = [
        world.session(),
        world.session(group="alice"),
        world.session("sh", "-c", "trap '' HUP TERM; echo; while :; do sleep 1; done"),
        world.session(),
        world.session("sh", "-c", fork),
    ]
    wait_for(lambda: {process.pid for process in having} < world.holders(), what="all of them with the group, and a child")
    wait_for(lambda: all(map(is_sleep, (having[0], having[1], having[3]))), what="those that sleep")
    wait_for(lambda: all(handles(having[number].pid, signal.SIGHUP) for number in (2, 4)), what="those that ignore SIGHUP")
    having[3].send_signal(signal.SIGSTOP)
    own = subprocess.Popen(["setpriv", f"--reuid={world.uid}", "--regid=alice", "--clear-groups", "sleep", "600"])
    admins = subprocess.Popen(["setpriv", "--reuid=bob", f"--regid={GROUP}", "--init-groups", "sleep", "600"])
    try:
        wait_for(lambda: is_sleep(own) and is_sleep(admins), what="those that have it not by this grant")
        assert world.kind.take(world.order()) == Taken()
        for process in having:
            process.wait(PATIENCE)
        assert group_remains.holders(world.uid, world.gid) == []
        assert is_living(own.pid) and is_living(admins.pid), "what has the group by itself, or has it not, goes on"
    finally:
        for process in (own, admins):
            process.kill()
            process.wait(PATIENCE)


def test_processes_that_have_the_group_are_named_where_the_giver_says_so(world: World) -> None:
    world.settings = replace(world.settings, at_end="name")
    world.give()
    sleeping = world.session()
    wait_for(lambda: is_sleep(sleeping) and world.holders(), what="a process with the group")
    left = world.kind.take(world.order())
    assert isinstance(left, Taken) and f"sleep ({sleeping.pid})" in left.left
    assert is_living(sleeping.pid) and not world.has("alice")


def test_files_that_hand_the_group_on_are_listed_and_stay(world: World) -> None:
    """THREATS Q-16."""
    place = Path("/srv/left behind\n")
    place.mkdir()
    place.chmod(0o777)
    try:
        world.give()
        script = f"cd '{place}'; cp /bin/true t; chgrp {GROUP} t; chmod g+s t; touch plain; mkdir d; chgrp {GROUP} d; chmod g+s d"
        assert world.session("sh", "-c", script).wait(PATIENCE) == 0
        entries = [(0x01, 6, 2**32 - 1), (0x04, 4, 2**32 - 1), (0x08, 6, world.gid), (0x10, 6, 2**32 - 1), (0x20, 0, 2**32 - 1)]
        acl = b"\2\0\0\0" + b"".join(group_remains._ACL_ENTRY.pack(*entry) for entry in entries)
        (place / "listed").touch()
        os.chown(place / "listed", world.uid, -1)
        os.setxattr(place / "listed", "system.posix_acl_access", acl)
        admins = place / "the admin's"
        shutil.copy("/bin/true", admins)
        os.chown(admins, 0, world.gid)
        admins.chmod(0o2755)
        left = world.kind.take(world.order())
        assert isinstance(left, Taken) and not world.has("alice")
        for name in ("t", "d", "listed"):
            assert f"\\x0a/{name}" in left.left, left.left
        assert "plain" not in left.left and "admin" not in left.left and "\n" not in left.left
        assert (place / "t").stat().st_mode & 0o2000, "it is listed, and not changed"
    finally:
        shutil.rmtree(place)


def test_a_search_without_time_says_where_it_has_not_been(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS Q-16."""
    monkeypatch.setattr(group_remains, "SEARCH_FOR", -1.0)
    world.give()
    left = world.kind.take(world.order())
    assert isinstance(left, Taken) and "not fully searched" in left.left and not world.has("alice")
