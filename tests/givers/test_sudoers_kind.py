# SPDX-License-Identifier: Apache-2.0
"""The kind sudoers by itself, with the host's own visudo, on files of the tests' own."""

from __future__ import annotations

import itertools
import os
import pwd
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from jitd.givers import sudo_processes, sudoers
from jitd.givers.kind import Failed, Given, Order, Refused, Seen, State, Strays, Taken
from jitd.givers.sudoers import Sudoers, SudoersLines
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


# --- a sudo that waits ---------------------------------------------------------------------------------------------------

ASK = """#!/bin/sh
echo $PPID >{place}/asked
while [ ! -e {place}/go ]; do sleep 0.05; done
echo secret
"""


class Asking:
    """Somebody's sudo that has read its lines, and waits for the password. The program that is asked for it is theirs."""

    def __init__(self, uid: int, place: Path) -> None:
        self._place = place
        place.mkdir()
        (place / "ask").write_text(ASK.format(place=place))
        (place / "ask").chmod(0o755)
        os.chown(place, uid, -1)
        self._sudo = subprocess.Popen(
            ["/usr/bin/sudo", "-k", "-A", "/usr/bin/id", "-u"], env={"SUDO_ASKPASS": f"{place}/ask", "PATH": "/usr/bin:/bin"},
            user=uid, group=uid, extra_groups=[], cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        wait_for(lambda: (place / "asked").exists(), what="the question for the password")

    def go_on(self) -> bytes:
        """Answer the question; return what sudo and its command have said."""
        (self._place / "go").touch()
        return self._sudo.communicate(timeout=PATIENCE)[0]


def test_a_sudo_that_has_read_the_lines_begins_no_command_when_they_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS Q-46. The honest twin: somebody else's sudo goes on, and so does a command that has begun."""
    monkeypatch.setattr(sudo_processes, "ENDS_WITHIN", PATIENCE)
    os.chmod(tmp_path, 0o711)
    for above in tmp_path.parents[:-2]:
        above.chmod(above.stat().st_mode | 0o711)
    for name in ("holder", "another"):
        subprocess.run(["/usr/sbin/useradd", "--no-create-home", name], check=True)
        subprocess.run(["/usr/sbin/chpasswd"], input=f"{name}:secret\n".encode(), check=True)
    uid, other = (pwd.getpwnam(name).pw_uid for name in ("holder", "another"))
    standing = Path("/etc/sudoers.d/another")
    standing.write_text("another ALL=(root) /usr/bin/id\n")
    standing.chmod(0o440)
    mine = Order(HOLDING, "logs", "holder", uid, 1_800_000_000)
    kind = SudoersLines(Sudoers("logs", lines=("ALL=(root) /usr/bin/id", "ALL=(root) NOPASSWD: /usr/bin/sleep")))
    try:
        assert isinstance(kind.give(mine), Given)
        waits, others = Asking(uid, tmp_path / "mine"), Asking(other, tmp_path / "others")
        begun = subprocess.Popen(["/usr/bin/sudo", "/usr/bin/sleep", "600"], user=uid, group=uid, extra_groups=[], cwd="/")
        wait_for(lambda: programs_of(begun.pid) == ["sleep"], what="the command of sudo")
        assert kind.take(mine) == Taken()
        assert waits.go_on().strip() != b"0"
        assert others.go_on().strip() == b"0"
        assert begun.poll() is None
        begun.kill()
        begun.wait()
    finally:
        kind.take(mine)
        standing.unlink()
        for name in ("holder", "another"):
            subprocess.run(["/usr/sbin/userdel", name], check=True)


def programs_of(pid: int) -> list[str]:
    """Return the programs that the process ``pid`` has started and that still run."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with suppress(OSError):  # it has ended
            found.append(Path(f"/proc/{child}/comm").read_text().strip())
    return found
