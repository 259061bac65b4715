# SPDX-License-Identifier: Apache-2.0
"""How an account ends if its holder fights it: what ends first needs nothing that the holder can touch.

Law: each attack is a real one, by processes of the account and of alice, who holds it. Beside it stands who means no harm.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import secrets
import select
import signal
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from jitd_things.givers import account, account_entry, account_home, account_lock, account_processes, account_remains
from jitd_things.givers.account_notes import AccountNotes
from jitd_things.givers.kind import Failed, Taken
from tests.givers.account_host import NAME, World
from tests.marks import full
from tests.waiting import PATIENCE, status_of, wait_for

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH+qB1Qd9xkSe8cJE8bSZHEbkyRfTzVN6jFYHJ8FbTqQ"
SLEEPS = "import time; time.sleep(600)"
STOPS = """
import os, signal
while True:
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and int(name) != os.getpid() and os.stat("/proc/" + name).st_uid == os.geteuid():
                os.kill(int(name), signal.SIGSTOP)
        except OSError:
            pass
"""
DEEP = """
import os
for _ in range({0}):
    os.mkdir("deeper")
    os.chdir("deeper")
os.mkfifo("last")
"""
MANY = """
import os
for number in range({0}):
    os.close(os.open(f"{{number}}-with-a-name-of-some-length", os.O_CREAT | os.O_WRONLY))
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(account, "TIDIES_FOR", 10 * PATIENCE)  # a busy host removes a million names, too
    monkeypatch.setattr(account_lock, "WAITS_FOR", PATIENCE)
    monkeypatch.setattr(account_lock, "ENDS_WITHIN", PATIENCE)
    monkeypatch.setattr(account_processes, "ENDS_WITHIN", PATIENCE)
    monkeypatch.setattr(account_remains, "ENDS_WITHIN", PATIENCE)
    Path("/run/jitd-accounts").mkdir(mode=0o755, exist_ok=True)
    made = World(tmp_path)
    yield made
    made.close()


class Editor:
    """vipw(8), which holds the lock of shadow-utils while its editor is open. ``whose`` is its real uid."""

    def __init__(self, whose: str) -> None:
        self.is_open, script = Path("/tmp/editor-is-open"), Path("/tmp/editor")
        self.is_open.unlink(missing_ok=True)
        script.write_text(f"#!/bin/sh\ntouch {self.is_open}\nwhile [ -e {self.is_open} ]; do sleep 0.05; done\n")
        script.chmod(0o755)
        line = ["setpriv", f"--ruid={whose}", "--euid=0", "env", f"EDITOR={script}", f"VISUAL={script}", "vipw"]
        self.process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
        wait_for(self.is_open.exists, what="an open editor")

    def close(self) -> None:
        """End the editor, as whoever uses it does."""
        self.is_open.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGCONT)
        self.process.wait()


@pytest.fixture
def edits() -> Iterator[Callable[[str], Editor]]:
    begun: list[Editor] = []

    def begin(whose: str) -> Editor:
        begun.append(Editor(whose))
        return begun[-1]

    yield begin
    for one in begun:
        one.close()


# --- the lock of shadow-utils --------------------------------------------------------------------------------------------


def test_who_holds_the_lock_of_shadow_for_the_holder_is_ended_also_if_frozen(
    world: World, edits: Callable[[str], Editor]
) -> None:
    """THREATS Q-34."""
    world.give()
    editor = edits("alice")
    os.kill(editor.process.pid, signal.SIGSTOP)
    assert world.take() == Taken()
    assert editor.process.wait(PATIENCE) == -signal.SIGKILL
    assert world.is_as_before()


def test_a_zombie_that_seems_to_hold_the_lock_of_shadow_keeps_no_account(world: World, edits: Callable[[str], Editor]) -> None:
    """THREATS Q-34: alice kills the tool, and does not wait for it. Its file names it still, and kill(2) still finds it."""
    world.give()
    editor = edits("alice")
    os.kill(editor.process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, editor.process.pid, os.WEXITED | os.WNOWAIT)
    assert Path("/etc/passwd.lock").read_bytes().strip(b"\0") == b"%d" % editor.process.pid
    assert world.take() == Taken()
    assert world.is_as_before()


def test_a_lock_of_shadow_that_the_pid_of_another_seems_to_hold_keeps_no_account(world: World) -> None:
    """THREATS Q-34: a killed tool had the pid 1 in a pid namespace, or alice runs something else with its pid."""
    world.give()
    file = Path("/etc/passwd.lock")
    file.write_bytes(b"1\0")
    try:
        assert world.take() == Taken()
    finally:
        file.unlink(missing_ok=True)
    assert world.is_as_before()


HOLDS = """
import fcntl, os, time
lock = os.open("/etc/.pwd.lock", os.O_RDWR | os.O_CREAT, 0o600)
os.write(1, b".")
fcntl.lockf(lock, fcntl.LOCK_EX)
time.sleep(600)
"""
HAS = """
import fcntl, os, time
fcntl.lockf(os.open("/etc/.pwd.lock", os.O_RDWR | os.O_CREAT, 0o600), fcntl.LOCK_EX)
os.write(1, b".")
time.sleep(600)
"""


def test_what_the_program_is_called_that_holds_the_lock_of_shadow_keeps_no_account(world: World) -> None:
    """THREATS R-42: its name has a line that says that it is root's."""
    world.give()
    program = Path("/tmp/x\rUid:\t0")
    program.symlink_to(os.path.realpath("/usr/bin/python3"))
    line = ["setpriv", "--ruid=alice", "--euid=0", "--", str(program), "-I", "-S", "-c", HAS]
    with subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as held:
        try:
            assert held.stdout is not None and held.stdout.read(1) == b"."
            assert Path(f"/proc/{held.pid}/comm").read_bytes() == b"x\rUid:\t0\n"
            assert world.take() == Taken()
            assert held.wait(PATIENCE) == -signal.SIGKILL
        finally:
            held.kill()
            program.unlink()
    assert world.is_as_before()


def make_keys(uid: int) -> None:
    """In a child with the rights of ``uid``: make a key, and some of which the description has a line that looks like the entry
    of another key. Its number cannot be read, or no key has it.
    """
    call, users = ctypes.CDLL(None).syscall, ctypes.c_int(-4)  # KEY_SPEC_USER_KEYRING of keyctl(2)
    forged = (b"%s I--Q---     1 perm 3f010000 %d %d user      x: 1" % (number, uid, uid) for number in (b"zz", b"00000001"))
    for description in (b"plain", *(b"x\n" + line for line in forged), b"a\rb", b"a\xffb;", b"x" * 4095):
        assert call(248, b"user", description, b"secret", 6, users) > 0


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="it makes keys by the number of the call")
def test_what_is_in_the_description_of_a_key_keeps_no_key_and_is_told_as_none() -> None:
    """THREATS R-42."""
    uid = secrets.randbelow(10**9) + 10**9  # all labs share the kernel's keys, and a keyring that was revoked stays for a while
    account_remains.as_account(uid, None, make_keys)
    assert account_remains.as_account(uid, None, account_remains._has_keys)
    assert account_remains.left_in_kernel(uid, None) == []
    assert not account_remains.as_account(uid, None, account_remains._has_keys)


def test_however_many_wait_to_hold_the_lock_of_shadow_each_step_is_tried(world: World) -> None:
    """THREATS Q-34: whenever one is killed, the next has the lock."""
    world.give()
    line = ["setpriv", "--ruid=alice", "--euid=0", "--", sys.executable, "-I", "-S", "-c", HOLDS]
    held = [subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) for _ in range(40)]
    try:
        for one in held:
            assert one.stdout is not None and one.stdout.read(1) == b"."
        began = time.monotonic()
        assert world.take() == Taken()
        assert time.monotonic() - began < PATIENCE, "five seconds for each of them take longer"
    finally:
        for one in held:
            one.kill()
            one.communicate()
    assert world.is_as_before()


def test_an_administrator_who_edits_is_waited_for_and_named_and_all_else_has_ended(
    world: World, edits: Callable[[str], Editor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS Q-34: the honest twin."""
    monkeypatch.setattr(account_lock, "WAITS_FOR", 3.0)
    made = world.give()
    world.begin("sleep", "600")
    editor = edits("root")
    failed = world.kind.take(world.order())
    assert isinstance(failed, Failed) and f"vipw ({editor.process.pid})" in failed.why, failed
    assert editor.process.poll() is None and pwd.getpwnam(NAME) == made
    assert account_processes.of(made.pw_uid) == [] and not Path(made.pw_dir).exists()
    editor.close()
    assert world.take() == Taken()
    assert world.is_as_before()


def test_an_administrator_who_ends_meanwhile_is_waited_for(world: World, edits: Callable[[str], Editor]) -> None:
    """THREATS Q-34: the honest twin."""
    world.give()
    editor = edits("root")
    ends = threading.Timer(1.0, editor.close)
    ends.start()
    try:
        assert world.take() == Taken()
    finally:
        ends.join()
    assert world.is_as_before()


# --- the first step ------------------------------------------------------------------------------------------------------


def test_the_key_opens_nothing_before_any_lock_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS Q-35."""
    monkeypatch.setattr("jitd_things.givers.account_home.why_shut", lambda name: "")
    world.give(brought=KEY)
    key = Path("/run/jitd-accounts") / NAME
    assert key.exists()
    taken: list[object] = []
    takes = threading.Thread(target=lambda: taken.append(world.kind.take(world.order())))
    with AccountNotes(world.notes).alone():
        takes.start()
        wait_for(lambda: not key.exists(), what="the end of the key")
        assert taken == []
    takes.join(PATIENCE)
    assert taken == [Taken()] and world.is_as_before()


def test_an_account_is_removed_before_anything_of_its_holder_is_searched(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS Q-35: a search may take as long as the deed has time."""
    world.give()
    is_there: list[bool] = []

    def noting(plain: Callable[..., list[str]]) -> Callable[..., list[str]]:
        def called(*words: object) -> list[str]:
            is_there.append(account_entry.entry_of(NAME) is not None)
            return plain(*words)

        return called

    for module, name in ((account_processes, "end"), (account_remains, "unschedule"), (account_home, "remove")):
        monkeypatch.setattr(module, name, noting(getattr(module, name)))
    assert world.take() == Taken()
    assert is_there and not any(is_there)


THREADS = """
import signal, threading
threading.stack_size(32768)
for _ in range(3000):
    threading.Thread(target=signal.pause, daemon=True).start()
print(flush=True)
signal.pause()
"""


def test_a_crowd_of_the_holders_threads_delays_no_search_beyond_its_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS Q-36: jitd says that it had no time to look at each of them."""
    made = world.give()
    line = ["setpriv", "--reuid=alice", "--regid=alice", "--clear-groups", "--", sys.executable, "-I", "-S", "-c", THREADS]
    crowd = subprocess.Popen(line, cwd="/", stdout=subprocess.PIPE)
    try:
        assert crowd.stdout is not None and crowd.stdout.readline() == b"\n"
        world.begin("sleep", "600")
        monkeypatch.setattr(account_processes, "ENDS_WITHIN", 0.01)
        monkeypatch.setattr(account_processes, "SEARCHES_FOR", 0.01)
        assert "had no time to search" in world.take().left
        assert world.begun[0].wait(PATIENCE) == -signal.SIGKILL  # this needs no search
        with pytest.raises(KeyError):
            pwd.getpwuid(made.pw_uid)
    finally:
        crowd.kill()
        crowd.communicate()
    assert world.is_as_before()


def test_a_child_that_gets_no_time_delays_no_later_step(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS Q-36: who has the same effective uid may take a process off the processor (sched_setscheduler(2))."""
    made = world.give()
    world.begin("sleep", "600")

    def gets_no_time() -> bool:
        time.sleep(180)
        return False

    monkeypatch.setattr(account_processes, "_has_no_capability", gets_no_time)
    monkeypatch.setattr(account_remains, "ENDS_WITHIN", 2.0)
    began = time.monotonic()
    assert world.take() == Taken()
    assert time.monotonic() - began < 120 and account_processes.of(made.pw_uid) == [], "its sleep takes 180"
    assert world.is_as_before()


# --- what runs again under its uid -----------------------------------------------------------------------------------------


def is_being_killed(pid: int) -> bool:
    """Whether the process got a SIGKILL, though it may seem to live (proc(5): ``stat``, the flag PF_EXITING)."""
    try:
        status = status_of(pid)
        is_pending = (int(status["SigPnd"], 16) | int(status["ShdPnd"], 16)) >> signal.SIGKILL - 1 & 1
        return bool(is_pending or int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[6]) & 4)
    except OSError:
        return True


@pytest.mark.parametrize("does", [SLEEPS, STOPS], ids=["runs", "stops-others"])
def test_a_set_id_file_of_the_account_opens_nothing_and_does_not_keep_the_account(
    world: World, does: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS Q-36: alice runs a program that is set-uid to the account, again whenever it was killed."""
    place = Path("/srv/tools")
    place.mkdir(mode=0o777)
    place.chmod(0o777)
    made = world.give()
    world.run(
        "sh", "-c", f"cp {os.path.realpath(sys.executable)} {place}/py; chmod 6755 {place}/py; echo x >{made.pw_dir}/secret"
    )
    script = f"while [ -e {place}/py ]; do {place}/py -I -S -c '{does}'; done"
    line = ["setpriv", "--reuid=alice", "--regid=alice", "--clear-groups", "--", "sh", "-c", script]
    again = [subprocess.Popen(line, cwd="/", stderr=subprocess.DEVNULL) for _ in range(2)]

    def runs() -> bool:
        return any(not is_being_killed(one.pid) for one in account_processes.of(made.pw_uid))

    try:
        wait_for(runs, what="a program that is set-uid to the account")
        with monkeypatch.context() as patched:  # what was killed runs again before jitd looks again, on a busy host too
            slept = []

            def sleep(seconds: float) -> None:
                wait_for(runs, what="what runs again")
                slept.append(100.0)  # far longer than it was to sleep

            clock = SimpleNamespace(monotonic=lambda: time.monotonic() + sum(slept), sleep=sleep)
            patched.setattr(account_processes, "time", clock)
            patched.setattr(account_processes, "SEARCHES_FOR", 20.0)
            taken = world.take()
        assert f"still run under its uid {made.pw_uid}" in taken.left and "no time" not in taken.left, taken
        with pytest.raises(KeyError):
            pwd.getpwuid(made.pw_uid)
        assert not Path(made.pw_dir).exists() and world.is_as_before()
        if does == SLEEPS:  # the other one would stop it
            opens = "import os; print(os.geteuid(), os.getgroups()); open(os.sys.argv[1])"
            line[-1] = f"{place}/py -I -S -c '{opens}' {made.pw_dir}/secret"
            done = subprocess.run(line, capture_output=True, text=True, check=False)
            assert done.stdout == f"{made.pw_uid} []\n" and "No such file" in done.stderr, done
    finally:
        (place / "py").unlink()
        wait_for(lambda: not account_processes.end(made.pw_uid, 70099), what="the end of what runs again")
        for one in again:
            one.kill()
            one.wait()
        place.rmdir()


# --- the home ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "n", [5_000, pytest.param(100_000, marks=full("every day, the same with fewer levels"))], ids=["deep", "very-deep"]
)
def test_a_home_of_any_depth_is_removed(world: World, n: int) -> None:
    """THREATS Q-37."""
    made = world.give()
    world.run("sh", "-c", f"cd {made.pw_dir} && exec {sys.executable} -c '{DEEP.format(n)}'")
    assert world.take() == Taken()
    assert world.is_as_before()


@pytest.mark.parametrize(
    "n", [20_000, pytest.param(1_000_000, marks=full("every day, the same with fewer names"))], ids=["thousands", "a-million"]
)
def test_a_home_with_many_names_is_removed(world: World, n: int) -> None:
    """THREATS Q-37."""
    made = world.give()
    world.run("sh", "-c", f"cd {made.pw_dir} && exec {sys.executable} -c '{MANY.format(n)}'")
    assert world.take() == Taken()
    assert world.is_as_before()


@pytest.mark.parametrize("options", [["--bind"], ["-t", "tmpfs"]], ids=["bind", "tmpfs"])
def test_what_is_mounted_in_a_home_is_left_alone_and_said_and_all_else_ends(world: World, options: list[str]) -> None:
    """THREATS Q-37."""
    made = world.give()
    others = Path("/srv/others")
    others.mkdir()
    (others / "work").write_text("of others")
    place = Path(made.pw_dir) / "a" / "mounted"
    world.run("mkdir", "-p", str(place), f"{made.pw_dir}/b/c")
    subprocess.run(["mount", *options, str(others) if "--bind" in options else "none", str(place)], check=True)
    try:
        taken = world.take()
        assert "mounted" in taken.left and made.pw_dir in taken.left
        assert (others / "work").read_text() == "of others" and not Path(f"{made.pw_dir}/b").exists()
        with pytest.raises(KeyError):
            pwd.getpwuid(made.pw_uid)
    finally:
        while subprocess.run(["umount", str(place)], check=False, capture_output=True).returncode == 0:
            pass
        subprocess.run(["sh", "-c", f"umount {made.pw_dir}/*; rm -rf {made.pw_dir} {others}"], check=False, capture_output=True)


def test_a_descriptor_that_was_handed_on_opens_nothing_afterwards(world: World) -> None:
    """THREATS Q-36."""
    made = world.give()
    world.run("sh", "-c", f"mkdir {made.pw_dir}/shared && echo x >{made.pw_dir}/shared/x && chmod 777 {made.pw_dir}/shared")
    handed_on = [os.open(place, os.O_RDONLY | os.O_DIRECTORY) for place in (made.pw_dir, f"{made.pw_dir}/shared")]
    try:
        assert world.take() == Taken()
        for directory in handed_on:
            assert os.listdir(directory) == []
            with pytest.raises(FileNotFoundError):
                os.open("x", os.O_CREAT | os.O_WRONLY, dir_fd=directory)
    finally:
        for directory in handed_on:
            os.close(directory)
    assert world.is_as_before()


def test_processes_that_are_stopped_or_frozen_end_too(world: World) -> None:
    """THREATS Q-26."""
    made = world.give()
    frozen = Path("/sys/fs/cgroup/frozen-by-holder")
    frozen.mkdir()
    try:
        world.begin("sleep", "600")
        world.begin("sleep", "600")
        wait_for(lambda: len(account_processes.of(made.pw_uid)) == 2, what="processes")
        world.begun[0].send_signal(signal.SIGSTOP)
        (frozen / "cgroup.procs").write_text(str(world.begun[1].pid))
        (frozen / "cgroup.freeze").write_text("1")
        wait_for(lambda: "frozen 1" in (frozen / "cgroup.events").read_text(), what="a frozen process")
        assert world.take() == Taken()
        assert [one.wait(PATIENCE) for one in world.begun] == [-signal.SIGKILL] * 2
        wait_for(lambda: "populated 0" in (frozen / "cgroup.events").read_text(), what="an empty control group")
    finally:
        frozen.rmdir()
    assert world.is_as_before()


class Silent:
    """A file system of FUSE at ``place`` that never answers, and that everybody may ask. Its server is alice's."""

    def __init__(self, place: Path) -> None:
        self.place, self._device = place, Path("/dev/fuse-of-alice")
        os.mknod(self._device, stat.S_IFCHR | 0o600, os.makedev(10, 229))
        self._server = os.open(self._device, os.O_RDWR)
        alice = pwd.getpwnam("alice")
        options = f"fd={self._server},rootmode=40000,user_id={alice.pw_uid},group_id={alice.pw_gid},allow_other"
        library = ctypes.CDLL(None, use_errno=True)
        done = library.mount(b"silent", os.fsencode(place), b"fuse", ctypes.c_ulong(6), options.encode())  # nosuid, nodev
        assert done == 0, os.strerror(ctypes.get_errno())
        _, opcode, unique = struct.unpack_from("<IIQ", os.read(self._server, 1 << 16))
        assert opcode == 26, "FUSE_INIT (linux/fuse.h) is the one question that is answered"
        begun = struct.pack("<IIIIHHII", 7, 31, 0, 0, 0, 0, 4096, 1).ljust(64, b"\0")
        os.write(self._server, struct.pack("<IiQ", 16 + len(begun), 0, unique) + begun)
        os.set_blocking(self._server, False)

    def was_asked(self) -> bool:
        with suppress(BlockingIOError):
            return bool(os.read(self._server, 1 << 16))
        return False

    def close(self) -> None:
        os.close(self._server)
        subprocess.run(["umount", "--lazy", str(self.place)], check=True)
        self._device.unlink()


@pytest.mark.parametrize("where", ["home", "/tmp", "/srv"])
def test_a_file_system_that_never_answers_holds_nothing_up(world: World, where: str) -> None:
    """THREATS Q-37."""
    if where == "/srv":  # also an account that is made then
        place = Path("/srv/silent")
        place.mkdir()
        silent = Silent(place)
        made = world.give()
    else:
        made = world.give()
        place = Path(made.pw_dir if where == "home" else where) / "a" / "silent"
        world.run("mkdir", "-p", str(place))
        silent = Silent(place)
    pid = os.fork()
    if pid == 0:  # a deed that hangs is killed
        try:
            taken = world.kind.take(world.order())
            os._exit(0 if isinstance(taken, Taken) and ("silent" in taken.left) == (where == "home") else 3)
        finally:
            os._exit(4)
    ended = os.pidfd_open(pid)
    try:
        has_ended = bool(select.select([ended], [], [], PATIENCE)[0])
        was_asked = silent.was_asked()
    finally:
        os.kill(pid, signal.SIGKILL)
        silent.close()
        os.close(ended)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    subprocess.run(["rm", "-rf", made.pw_dir, "/tmp/a", "/srv/silent"], check=True)
    assert has_ended and status == 0 and not was_asked
    with pytest.raises(KeyError):
        pwd.getpwuid(made.pw_uid)
    assert world.is_as_before()


# --- a step that fails -------------------------------------------------------------------------------------------------------

STEPS = (
    "account_home.shut", "account_remains.unschedule", "account_processes.end", "account_entry.remove",
    "account_remains.end_sessions", "account_remains.left_in_kernel", "account_home.remove", "account_remains.left_in_shared",
)  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_fails_keeps_no_later_one_from_being_tried(world: World, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS Q-35."""
    made = world.give()
    world.begin("sleep", "600")
    tried: list[str] = []

    def fails(name: str, plain: Callable[..., object]) -> Callable[..., object]:
        def called(*words: object, **named: object) -> object:
            tried.append(name)
            if name == step:
                raise OSError(5, "it fails")
            return plain(*words, **named)

        return called

    for name in STEPS:
        module = sys.modules[f"jitd_things.givers.{name.split('.')[0]}"]
        monkeypatch.setattr(module, name.split(".")[1], fails(name, getattr(module, name.split(".")[1])))
    done = world.kind.take(world.order())
    assert set(tried) == set(STEPS), set(STEPS) - set(tried)
    assert "it fails" in str(done), done
    if step != "account_processes.end":
        assert account_processes.of(made.pw_uid) == []
    monkeypatch.undo()
    subprocess.run(["rm", "-rf", made.pw_dir], check=True)
    world.take()
    assert world.is_as_before()
