# SPDX-License-Identifier: Apache-2.0
"""The kind sudoers by itself, with the host's own visudo, on files of the tests' own."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jitd_things.givers import sudo_processes, sudoers
from jitd_things.givers.kind import Failed, Given, Order, Refused, Seen, State, Strays, Taken
from jitd_things.givers.sudoers import Sudoers, SudoersLines
from tests.waiting import PATIENCE, wait_for

HOLDING = "WNC0-D702"


def order(holding: str = HOLDING, uid: int = 65534) -> Order:
    return Order(holding, "logs", "nobody", uid, 1_800_000_000)


class Host:
    """An /etc/sudoers of its own."""

    def __init__(self, place: Path) -> None:
        self.file, self.directory = place / "sudoers", place / "sudoers.d"
        self.directory.mkdir()
        self.file.write_text(f"root ALL=(ALL:ALL) ALL\n@includedir {self.directory}\n")
        self.file.chmod(0o440)
        (self.directory / "admins-own").write_text("#65533 ALL=(root) /usr/bin/id\n")
        self.before = self.files()

    def kind(self, *lines: str) -> SudoersLines:
        giver = Sudoers("logs", lines=lines or ("ALL=(root) NOPASSWD: /usr/bin/id",))
        return SudoersLines(giver, self.file, self.directory)

    def files(self) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in self.directory.iterdir()} | {"": self.file.read_bytes()}

    @property
    def place(self) -> Path:
        return self.directory / "jitd_WNC0-D702"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_what_is_given_is_one_file_that_visudo_accepts_and_what_is_taken_leaves_nothing(host: Host) -> None:
    """THREATS Q-45."""
    assert isinstance(host.kind().give(order()), Given)
    status = host.place.stat()
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o440, 0, 0)
    assert host.place.read_text().splitlines()[1:] == ["#65534 ALL=(root) NOPASSWD: /usr/bin/id"]
    subprocess.run(["/usr/sbin/visudo", "-cqf", host.file], check=True)
    assert host.kind().look(order()) == Seen(State.STANDS)
    assert host.kind().take(order()) == Taken()
    assert host.files() == host.before


def test_to_give_and_to_take_twice_changes_nothing_the_second_time(host: Host) -> None:
    host.kind().give(order())
    once = host.place.stat().st_ino
    assert isinstance(host.kind().give(order()), Given)
    assert host.place.stat().st_ino == once
    assert host.kind().take(order()) == host.kind().take(order()) == Taken()
    assert host.files() == host.before


def test_two_grants_of_one_thing_are_two_files(host: Host) -> None:
    host.kind().give(order())
    host.kind().give(order("WNC0-D702.2"))
    host.kind().take(order())
    assert set(host.files()) - set(host.before) == {"jitd_WNC0-D702_2"}
    assert host.kind().look(order("WNC0-D702.2")) == Seen(State.STANDS)


@pytest.mark.parametrize("line", ["ALL=(root) NOPASSWD /usr/bin/id", "ALL=(root", "= /usr/bin/id", "ALL=(root) relative/path"])
def test_lines_that_visudo_refuses_are_not_given(host: Host, line: str) -> None:
    answer = host.kind(line).give(order())
    assert isinstance(answer, Refused) and "[givers.logs]" in answer.why
    assert host.files() == host.before


def test_nothing_is_given_into_files_that_are_broken_already(host: Host) -> None:
    (host.directory / "broken").write_text("who knows\n")
    before = host.files()
    answer = host.kind().give(order())
    assert isinstance(answer, Refused) and "as it is" in answer.why
    assert host.files() == before


def test_lines_that_break_the_whole_are_taken_out_again(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS Q-12. visudo accepts the file by itself, and refuses it among the others."""
    real = sudoers.executing.run

    def run(words: list[str]) -> sudoers.executing.Ended:
        is_last = words[-1] == str(host.file) and host.place.exists()
        return sudoers.executing.Ended(1, b"an alias stands twice") if is_last else real(words)

    monkeypatch.setattr(sudoers.executing, "run", run)
    answer = host.kind().give(order())
    assert isinstance(answer, Refused) and "an alias stands twice" in answer.why
    assert host.files() == host.before


def test_a_directory_that_sudo_does_not_read_gets_no_file(host: Host) -> None:
    host.file.write_text("root ALL=(ALL:ALL) ALL\n")
    before = host.files()
    answer = host.kind().give(order())
    assert isinstance(answer, Refused) and "@includedir" in answer.why
    assert host.files() == before


@pytest.mark.parametrize("uid", [0, 2**31 - 5, 2], ids=["root", "nobody", "another account"])
def test_root_nobody_and_who_has_the_uid_by_now_get_no_lines(host: Host, uid: int) -> None:
    """THREATS Q-12."""
    assert isinstance(host.kind().give(order(uid=uid)), Refused)
    assert host.files() == host.before


def test_a_file_of_an_administrators_is_neither_replaced_nor_removed(host: Host) -> None:
    """THREATS Q-11."""
    host.place.write_text("#65534 ALL=(root) /usr/bin/true\n")
    before = host.files()
    assert isinstance(host.kind().give(order()), Refused)
    assert isinstance(host.kind().take(order()), Failed)
    assert host.kind().strays([]) == Strays()
    assert host.files() == before


def test_an_account_that_has_the_uid_by_now_is_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS Q-12."""
    host.kind().give(order())
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: pwd.struct_passwd(("mallory", "x", uid, uid, "", "/", "/bin/sh")))
    seen = host.kind().look(order())
    assert isinstance(seen, Seen) and seen.state is State.CHANGED and "the account mallory now" in seen.why
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    assert host.kind().look(order()) == Seen(State.STANDS), "a directory that does not answer is no other account"
    assert host.kind().take(order()) == Taken() and host.files() == host.before


def test_a_link_in_the_place_of_the_file_is_not_followed(host: Host, tmp_path: Path) -> None:
    """THREATS Q-12."""
    aim = tmp_path / "aim"
    aim.write_bytes(b"precious")
    host.place.symlink_to(aim)
    assert isinstance(host.kind().give(order()), Refused)
    assert isinstance(host.kind().take(order()), Failed)
    assert aim.read_bytes() == b"precious" and host.place.is_symlink()


def test_what_somebody_changed_or_removed_is_seen_and_given_anew(host: Host) -> None:
    host.kind().give(order())
    host.place.chmod(0o640)
    assert host.kind().look(order()) == Seen(State.CHANGED, f"{host.place} does not belong to root, or its mode is not 0440")
    host.place.write_bytes(host.place.read_bytes() + b"#65534 ALL=(ALL) ALL\n")
    looked = host.kind().look(order())
    assert isinstance(looked, Seen) and looked.state is State.CHANGED
    host.place.unlink()
    looked = host.kind().look(order())
    assert isinstance(looked, Seen) and looked.state is State.GONE
    host.kind().give(order())
    assert host.kind().look(order()) == Seen(State.STANDS)


def test_what_somebody_added_lines_to_is_taken_all_the_same(host: Host) -> None:
    host.kind().give(order())
    host.place.write_bytes(host.place.read_bytes() + b"#65534 ALL=(ALL) ALL\n")
    assert host.kind().take(order()) == Taken()
    assert host.files() == host.before


def test_what_is_there_without_a_holding_is_found(host: Host) -> None:
    host.kind().give(order())
    host.kind().give(order("WNC0-D702.2"))
    assert host.kind().strays([order()]) == Strays(("WNC0-D702.2",))
    assert host.kind().strays([order(), order("WNC0-D702.2")]) == Strays()


def _dying_at_0(left: Iterator[int], real: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``real``, which kills its process when ``left`` comes to 0."""

    def dying(*words: Any, **more: Any) -> Any:
        if next(left) == 0:
            os.kill(os.getpid(), 9)
        return real(*words, **more)

    return dying


def test_killed_at_any_point_it_can_be_taken_and_sudo_reads_no_half_of_it(host: Host) -> None:
    """THREATS Q-12. kill -9 at each system call that changes a file."""
    n_killed = 0
    for at in range(12):
        pid = os.fork()
        if pid == 0:
            left = itertools.count(-at)
            for name in ("open", "rename", "fsync", "fchmod"):
                setattr(os, name, _dying_at_0(left, getattr(os, name)))
            host.kind().give(order())
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        n_killed += os.WIFSIGNALED(status)
        subprocess.run(["/usr/sbin/visudo", "-cqf", host.file], check=True)
        assert host.kind().take(order()) == Taken()
        assert host.files() == host.before
    assert n_killed >= 5


# --- every sudo of the holder --------------------------------------------------------------------------------------------

ASK = """#!/bin/sh
echo $PPID >{place}/asked
while [ ! -e {place}/go ]; do sleep 0.05; done
echo secret
"""
LINES = (
    "ALL=(root) /usr/bin/id",
    "ALL=(root) NOPASSWD: /usr/bin/sleep, /usr/bin/env",
    "ALL=(holder) NOPASSWD: ALL",
    "ALL=(root) NOPASSWD: sudoedit /etc/jitd-edited*",
)
EDITOR = """#!/bin/sh
echo changed > "$1"
touch {place}/open
while [ ! -e {place}/go ]; do sleep 0.05; done
"""
PYTHON = os.path.realpath("/usr/bin/python3")
TERMINAL = """
import os, pty, sys
pty.spawn(sys.argv[1:], lambda fd: os.read(fd, 1024), lambda fd: b"")
"""


class Holder:
    """An account that has the lines, with a password, and another account that has lines of its own."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.uid, self.other = (pwd.getpwnam(name).pw_uid for name in ("holder", "another"))
        self.kind = SudoersLines(Sudoers("logs", lines=LINES))
        self.order = Order(HOLDING, "logs", "holder", self.uid, 1_800_000_000)
        self.begun: list[subprocess.Popen[bytes]] = []

    def starts(self, *words: str, uid: int = 0, **more: Any) -> subprocess.Popen[bytes]:
        """Start a program as the holder, or as ``uid``."""
        who = uid or self.uid
        begun = subprocess.Popen([*words], user=who, group=who, extra_groups=[], cwd="/", start_new_session=True, **more)
        self.begun.append(begun)
        return begun

    def takes(self, *let_in: str) -> Taken | Refused | Failed:
        return self.kind.take(replace(self.order, let_in=let_in))

    def end(self) -> None:
        for begun in self.begun:
            with suppress(ProcessLookupError):
                os.killpg(begun.pid, signal.SIGKILL)
            begun.wait()


@pytest.fixture
def holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Holder]:
    monkeypatch.setattr(sudo_processes, "ENDS_WITHIN", PATIENCE)
    monkeypatch.setattr(sudo_processes, "STOPS_WITHIN", PATIENCE)
    os.chmod(tmp_path, 0o711)
    for above in tmp_path.parents[:-2]:
        above.chmod(above.stat().st_mode | 0o711)
    for name in ("holder", "another"):
        subprocess.run(["/usr/sbin/useradd", "--no-create-home", "--shell", "/bin/sh", name], check=True)
        subprocess.run(["/usr/sbin/chpasswd"], input=f"{name}:secret\n".encode(), check=True)
    standing = Path("/etc/sudoers.d/another")
    standing.write_text(
        "another ALL=(root) /usr/bin/id\nanother ALL=(root) NOPASSWD: /usr/bin/sleep, sudoedit /etc/jitd-edited*\n"
    )
    standing.chmod(0o440)
    made = Holder(tmp_path)
    try:
        assert isinstance(made.kind.give(made.order), Given)
        yield made
    finally:
        made.end()
        made.kind.take(made.order)
        for file in (standing, *Path("/etc").glob("jitd-edited*"), *Path("/var/tmp").glob("jitd-edited*")):
            file.unlink()
        for name in ("holder", "another"):
            subprocess.run(["/usr/sbin/userdel", name], check=True)


class Asking:
    """Somebody's sudo that has read its lines, and waits for the password. The program that is asked for it is theirs."""

    def __init__(self, holder: Holder, uid: int, name: str) -> None:
        self._place = place = holder.place / name
        place.mkdir()
        (place / "ask").write_text(ASK.format(place=place))
        (place / "ask").chmod(0o755)
        os.chown(place, uid, -1)
        self._sudo = holder.starts(
            "/usr/bin/sudo", "-k", "-A", "/usr/bin/id", "-u", uid=uid,
            env={"SUDO_ASKPASS": f"{place}/ask", "PATH": "/usr/bin:/bin"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        wait_for(lambda: (place / "asked").exists(), what="the question for the password")

    def go_on(self) -> bytes:
        """Answer the question; return what sudo and its command have said."""
        (self._place / "go").touch()
        return self._sudo.communicate(timeout=PATIENCE)[0]


def test_a_sudo_that_has_read_the_lines_begins_no_command_when_they_are_gone(holder: Holder) -> None:
    """THREATS Q-46. The honest twin: somebody else's sudo goes on, whether it waits or has begun its command."""
    waits, others = Asking(holder, holder.uid, "mine"), Asking(holder, holder.other, "others")
    theirs = holder.starts("/usr/bin/sudo", "/usr/bin/sleep", "600", uid=holder.other)
    wait_for(lambda: programs_of(theirs.pid) == ["sleep"], what="the command of the other's sudo")
    assert holder.takes() == Taken()
    assert waits.go_on().strip() != b"0"
    assert others.go_on().strip() == b"0"
    assert programs_of(theirs.pid) == ["sleep"]


class Editing:
    """Somebody's sudoedit of a file of root's. The editor has changed its copy, and is open."""

    def __init__(self, holder: Holder, uid: int, *words: str) -> None:
        self._place = place = holder.place / f"edit-{len(holder.begun)}"
        self.file = Path(f"/etc/jitd-edited-{len(holder.begun)}")
        place.mkdir()
        (place / "editor").write_text(EDITOR.format(place=place))
        (place / "editor").chmod(0o755)
        os.chown(place, uid, -1)
        self.file.write_text("as it was\n")
        self._begun = holder.starts(
            *words, "/usr/bin/sudo", "-e", str(self.file), uid=uid, stdin=subprocess.DEVNULL,
            env={"EDITOR": f"{place}/editor", "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        wait_for(lambda: (place / "open").exists(), what="an editor that is open")

    def sudos(self) -> list[int]:
        """The pids of this sudoedit. At a terminal, there are two."""
        return [pid for pid in pids() if words_of(pid) == [b"/usr/bin/sudo", b"-e", str(self.file).encode()]]

    def closes(self) -> str:
        """Close the editor, and return what root's file has when the sudoedit has ended."""
        (self._place / "go").touch()
        self._begun.wait(PATIENCE)
        return self.file.read_text()


@pytest.mark.parametrize("words", [(), (PYTHON, "-ISc", TERMINAL)], ids=["without a terminal", "at a terminal"])
def test_a_sudoedit_whose_editor_is_open_writes_nothing_when_the_lines_are_gone(holder: Holder, words: tuple[str, ...]) -> None:
    """THREATS Q-33. All its uids are root's. The honest twins: somebody else's sudoedit, and one that was let in at a gate."""
    mine, others = Editing(holder, holder.uid, *words), Editing(holder, holder.other, *words)
    granted = Editing(holder, holder.uid, *words)
    before = [mine.sudos(), others.sudos(), granted.sudos()]
    assert all(before) and {uid_of(pid) for pid in itertools.chain(*before)} == {0}
    assert holder.takes(noted(min(granted.sudos()))) == Taken()
    assert [mine.sudos(), others.sudos(), granted.sudos()] == [[], *before[1:]]
    assert [one.closes() for one in (mine, others, granted)] == ["as it was\n", "changed\n", "changed\n"]


# A program that is set-uid to another account, and takes that account's real uid; a process of the holder's in a user namespace,
# of which newuidmap(1) has mapped a subordinate uid. The test is newuidmap here.
BESIDE = """
import os, sys, time
os.setresuid(os.geteuid(), os.geteuid(), os.geteuid())
print("ready", flush=True)
time.sleep(600)
"""
BELOW = """
import ctypes, os, sys, time
ctypes.CDLL(None).unshare(0x10000000)
print("ready", flush=True)
while open("/proc/self/uid_map").read() == "":
    time.sleep(0.01)
os.setresuid(1, 1, 1)
time.sleep(600)
"""
THEN_SUDO = """
import os, subprocess, sys
null = subprocess.DEVNULL
beside = subprocess.Popen([sys.argv[1], "-ISc", sys.argv[2]], stdin=null, stdout=subprocess.PIPE, stderr=null)
beside.stdout.readline()
print(beside.pid, flush=True)
os.execv("/usr/bin/sudo", ["sudo", "-k", "-S", "-p", "ask> ", "/usr/bin/id", "-u"])
"""
ASK_AS_ANOTHER = """
import os, time
os.setresuid(os.geteuid(), os.geteuid(), os.geteuid())
open("{place}/asked", "w").close()
while not os.path.exists("{place}/go"):
    time.sleep(0.05)
print("secret", flush=True)
"""
SUBORDINATE = 100_001


def set_uid_python(holder: Holder) -> Path:
    """A program that is set-uid to the other account."""
    python = holder.place / "python"
    shutil.copy(PYTHON, python)
    os.chown(python, holder.other, -1)
    python.chmod(0o4755)
    return python


def uid_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().partition("\nUid:")[2].split()[0])


@pytest.mark.parametrize("form", ["a set-uid program beside it", "a set-uid program that asks", "a subordinate uid"])
def test_a_sudo_whose_child_has_another_uid_begins_no_command_when_the_lines_are_gone(holder: Holder, form: str) -> None:
    """THREATS Q-47. Each child looks like a command that sudo has begun."""
    if form == "a set-uid program that asks":
        (holder.place / "ask.py").write_text(ASK_AS_ANOTHER.format(place=holder.place))
        holder.place.chmod(0o1777)
        waits = holder.starts(
            "/usr/bin/sudo", "-k", "-A", "-p", f"{holder.place}/ask.py", "/usr/bin/id", "-u",
            env={"SUDO_ASKPASS": str(set_uid_python(holder)), "PATH": "/usr/bin:/bin"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        wait_for(lambda: (holder.place / "asked").exists(), what="the question for the password")
    else:
        is_below = form == "a subordinate uid"
        program, beside = (PYTHON, BELOW) if is_below else (str(set_uid_python(holder)), BESIDE)
        waits = holder.starts(
            PYTHON, "-ISc", THEN_SUDO, program, beside, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert waits.stdout is not None
        child = int(waits.stdout.readline())
        if is_below:
            Path(f"/proc/{child}/uid_map").write_text(f"0 {holder.uid} 1\n1 {SUBORDINATE} 1\n")
        assert waits.stdout.read(5) == b"ask> "
        wait_for(lambda: uid_of(child) == (SUBORDINATE if is_below else holder.other), what="a child under another uid")
    taken = holder.takes()
    (holder.place / "go").touch()
    said, _ = waits.communicate(b"secret\n", timeout=PATIENCE)
    assert taken == Taken() and b"0" not in said.split()


def test_a_sudo_ends_with_what_it_has_started(holder: Holder, capfd: pytest.CaptureFixture[str]) -> None:
    """THREATS Q-47. It is not asked whether a sudo has begun. A sudo that has become an orphan (-b) ends, too. The log says which
    have ended.
    """
    first = holder.starts("/usr/bin/sudo", "/usr/bin/sleep", "600")
    holder.starts("/usr/bin/sudo", "-b", "/usr/bin/sleep", "601")
    holder.starts("/usr/bin/sudo", "-u", "holder", "/usr/bin/sleep", "602")
    holder.starts("/usr/bin/sudo", "/usr/bin/env", "sh", "-c", "setsid sleep 603 & exec sleep 604")
    holder.starts(PYTHON, "-ISc", TERMINAL, "/usr/bin/sudo", "/usr/bin/sleep", "605", stdin=subprocess.DEVNULL)
    wait_for(lambda: seconds() == {600, 601, 602, 603, 604, 605}, what="six commands")
    mine = holder.starts("/usr/bin/sleep", "606")
    assert holder.takes() == Taken()
    assert seconds() == {606}
    said = capfd.readouterr().err
    assert f"jitd-givers: with {HOLDING} (sudoers:logs), sudo of holder has ended: process {first.pid}, " in said
    assert mine.poll() is None, "what no sudo has started goes on"


@pytest.mark.parametrize("name", [b"a\rb", b"x\rUid:\t0", b"a\nb", "a\u2028b".encode(), b"a\xffb", b"State:\tZ"])
def test_what_somebody_calls_their_process_lets_no_sudo_go_on(holder: Holder, name: bytes) -> None:
    """THREATS R-42."""
    words = f"import ctypes, signal; ctypes.CDLL(None).prctl(15, {name!r}, 0, 0, 0); print(flush=True); signal.pause()"
    other = holder.starts(PYTHON, "-ISc", words, uid=holder.other, stdout=subprocess.PIPE)
    assert other.stdout is not None and other.stdout.readline() == b"\n"
    begun = holder.starts("/usr/bin/sudo", "/usr/bin/sleep", "600")
    wait_for(lambda: programs_of(begun.pid) == ["sleep"], what="the command")
    assert holder.takes() == Taken()
    assert begun.wait(PATIENCE) != 0 and seconds() == set()
    assert other.poll() is None, "what is no sudo goes on"


def noted(pid: int) -> str:
    return f"{pid}:{Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[19]}"


def test_a_sudo_that_was_let_in_at_a_gate_goes_on(holder: Holder) -> None:
    """THREATS Q-48. At a terminal, the command is below another sudo, which is a fork of the one that was let in."""
    plain = holder.starts("/usr/bin/sudo", "/usr/bin/sleep", "600")
    Path("/etc/sudoers.d/use_pty").write_text("Defaults use_pty\n")
    try:
        terminal = holder.starts(PYTHON, "-ISc", TERMINAL, "/usr/bin/sudo", "/usr/bin/sleep", "601", stdin=subprocess.DEVNULL)
        wait_for(lambda: seconds() == {600, 601}, what="two commands")
    finally:
        Path("/etc/sudoers.d/use_pty").unlink()
    (above,) = children_of(terminal.pid)
    assert programs_of(above) == ["sudo"]
    assert holder.takes(noted(plain.pid), noted(above)) == Taken()
    assert seconds() == {600, 601} and plain.poll() is None
    monitor = children_of(above)[0]
    os.kill(monitor, signal.SIGSTOP)
    wait_for(lambda: state_of(monitor) == "T", what="a monitor that is stopped")
    assert holder.takes(noted(plain.pid), noted(above)) == Taken()
    assert seconds() == {600}


@pytest.mark.parametrize("why", ["it is stopped", "it is another process"])
def test_a_sudo_that_was_let_in_ends_if(holder: Holder, why: str) -> None:
    """THREATS Q-48. A pid that another process has by now names nobody. The honest twin is the test above."""
    sudo = holder.starts("/usr/bin/sudo", "/usr/bin/sleep", "600")
    wait_for(lambda: seconds() == {600}, what="its command")
    note = noted(sudo.pid)
    if why == "it is stopped":
        os.kill(sudo.pid, signal.SIGSTOP)
        wait_for(lambda: state_of(sudo.pid) == "T", what="a sudo that is stopped")
    else:
        note = f"{sudo.pid}:{int(note.partition(':')[2]) - 1}"
    assert holder.takes(note) == Taken()
    assert seconds() == set() and sudo.wait(PATIENCE) == -signal.SIGKILL


def test_no_sudo_hides_below_one_that_was_let_in(holder: Holder) -> None:
    """THREATS Q-48. The first sudo runs, as the holder, another one that waits: its direct child, and no fork of it."""
    let_in = holder.starts(
        "/usr/bin/sudo", "-u", "holder", "/usr/bin/sudo", "-k", "-S", "-p", "ask> ", "/usr/bin/id", "-u",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert let_in.stdout is not None and let_in.stdout.read(5) == b"ask> "
    assert programs_of(let_in.pid) == ["sudo"]
    assert holder.takes(noted(let_in.pid)) == Taken()
    said, _ = let_in.communicate(b"secret\n", timeout=PATIENCE)
    assert b"0" not in said.split()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def programs_of(pid: int) -> list[str]:
    """Return the programs that the process ``pid`` has started and that still run."""
    found = []
    for child in children_of(pid):
        with suppress(OSError):  # it has ended
            found.append(Path(f"/proc/{child}/comm").read_text().strip())
    return found


def pids() -> list[int]:
    return [int(process.name) for process in Path("/proc").iterdir() if process.name.isdecimal()]


def words_of(pid: int) -> list[bytes]:
    with suppress(OSError):  # it has ended
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    return []


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def seconds() -> set[int]:
    """How long each process of sleep(1) sleeps that one of these tests has begun."""
    found = set()
    for words in map(words_of, pids()):
        if words[1:] and words[0].endswith(b"sleep") and words[1].startswith(b"60") and len(words[1]) == 3:
            found.add(int(words[1]))
    return found
