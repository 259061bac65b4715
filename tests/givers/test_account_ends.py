# SPDX-License-Identifier: Apache-2.0
"""How an account ends if its holder fights it: what ends first needs nothing that the holder can touch.

Law: each attack is a real one, by processes of the account and of alice, who holds it. Beside it stands who means no harm.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jitd.givers import account, account_processes
from jitd.givers.kind import Failed, Taken
from tests.givers.account_host import NAME, World
from tests.marks import full
from tests.waiting import PATIENCE, wait_for

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
    monkeypatch.setattr(account, "TIDIES_FOR", PATIENCE)  # a busy host removes a million names, too
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


def test_an_administrator_who_edits_is_waited_for_and_named_and_all_else_has_ended(
    world: World, edits: Callable[[str], Editor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS Q-34: the honest twin."""
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
    monkeypatch.setattr("jitd.givers.account_home.why_shut", lambda name: "")
    world.give(brought=KEY)
    key = Path("/run/jitd-accounts") / NAME
    assert key.exists()
    held = os.open(world.notes, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    taken: list[object] = []
    takes = threading.Thread(target=lambda: taken.append(world.kind.take(world.order())))
    takes.start()
    try:
        wait_for(lambda: not key.exists(), what="the end of the key")
        assert taken == []
    finally:
        os.close(held)
        takes.join(PATIENCE)
    assert taken == [Taken()] and world.is_as_before()


# --- what runs again under its uid -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("does", [SLEEPS, STOPS], ids=["runs", "stops-others"])
def test_a_set_id_file_of_the_account_opens_nothing_and_does_not_keep_the_account(world: World, does: str) -> None:
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
    try:
        wait_for(lambda: account_processes.of(made.pw_uid), what="a program that is set-uid to the account")
        taken = world.take()
        assert f"still run under its uid {made.pw_uid}" in taken.left, taken
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


# --- a step that fails -------------------------------------------------------------------------------------------------------

STEPS = (
    "account_home.shut", "account_entry.lock", "account_remains.unschedule", "account_processes.end", "account_entry.remove",
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
        module = sys.modules[f"jitd.givers.{name.split('.')[0]}"]
        monkeypatch.setattr(module, name.split(".")[1], fails(name, getattr(module, name.split(".")[1])))
    done = world.kind.take(world.order())
    assert set(tried) == set(STEPS), set(STEPS) - set(tried)
    if step != "account_entry.lock":  # what is gone needs no lock
        assert "it fails" in str(done), done
    if step != "account_processes.end":
        assert account_processes.of(made.pw_uid) == []
    monkeypatch.undo()
    subprocess.run(["rm", "-rf", made.pw_dir], check=True)
    world.take()
    assert world.is_as_before()
