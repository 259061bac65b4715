# SPDX-License-Identifier: Apache-2.0
"""The process that asks: its control group and its unit are the kernel's, and a process that has ended has none."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.core.facts import Unknown
from jitd.core.origin import OF_THE_CALLER as NAMES
from jitd.core.origin import Caller
from jitd.facts import sessions
from jitd.facts.caller import cgroup_of, look, unit_in
from jitd.files import processes
from jitd.server.peer import Gone, Peer


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    made = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    yield made
    made.kill()
    made.wait()


class Connected:
    """A connection from this process, as the daemon has it."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX)
        self.peer = Peer(self.ours, os.getuid(), os.getpid())

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("/system.slice/cron.service", "cron.service"),
        ("/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service"),
        ("/user.slice/user-1001.slice/session-5.scope", "session-5.scope"),
        ("/user.slice/user-1001.slice/user@1001.service/app.slice/backup.service", "user@1001.service"),
        ("/user.slice/user-1001.slice/user@1001.service/backup.service", "user@1001.service"),
        ("/system.slice/_cgroup.service", "cgroup.service"),
        ("/system.slice/jitd.service/below", "jitd.service"),
        ("/init.scope", "init.scope"),
        ("/", ""),
        ("/system.slice", ""),
        ("/docker/0123/system.slice/cron.service", ""),
        ("/../../system.slice/cron.service", ""),
        ("/system.slice/backup/cron.service", ""),
    ],
)
def test_a_unit_is_what_root_has_named_and_nothing_below_it(cgroup: str, unit: str) -> None:
    assert unit_in(cgroup) == unit


def test_the_control_group_is_the_one_that_the_kernel_names(child: subprocess.Popen[bytes]) -> None:
    lines = Path(f"/proc/{child.pid}/cgroup").read_text().splitlines()
    told = {line.split(":", 2)[1]: line.split(":", 2)[2] for line in lines}
    assert cgroup_of(child.pid) in (told.get(""), told.get("name=systemd"))


@pytest.mark.parametrize(
    ("content", "path"),
    [
        (b"0::/system.slice/a.service\n", "/system.slice/a.service"),
        (b"4:memory:/x\n1:name=systemd:/system.slice/a.service\n0::/\n", "/system.slice/a.service"),
        (b"1:name=systemd:/\n0::/system.slice/a.service\n", "/system.slice/a.service"),
        (b"1:name=systemd:/\n0::/\n", "/"),
        (b"0::/a:b/c\xff\\x\n", r"/a:b/c\xff\\x"),
    ],
)
def test_of_several_hierarchies_systemds_own_counts(
    content: bytes, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7/cgroup").write_bytes(content)
    monkeypatch.setattr(processes, "PROC", tmp_path)
    assert cgroup_of(7) == path


def test_a_kernel_that_names_no_such_group_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7/cgroup").write_bytes(b"4:memory:/x\n")
    monkeypatch.setattr(processes, "PROC", tmp_path)
    with pytest.raises(OSError):
        cgroup_of(7)


def test_a_process_that_is_connected_has_facts() -> None:
    made = Connected()
    found = look(NAMES, Caller(made.peer.hold))
    assert found["fact.cgroup"] == cgroup_of(os.getpid())
    assert found.keys() == NAMES
    assert isinstance(found["fact.origin"], str | Unknown)
    made.close()


def test_only_what_is_asked_for_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Connected()
    monkeypatch.setattr(sessions, "origin", lambda *given: pytest.fail("nobody asked for it"))
    assert look(frozenset({"fact.cgroup", "fact.load"}), Caller(made.peer.hold)).keys() == {"fact.cgroup"}
    made.close()


def test_a_process_that_has_ended_has_none(child: subprocess.Popen[bytes]) -> None:
    class Held:
        """Ends when it has been read."""

        pid = child.pid

        def refuse_gone(self) -> None:
            raise Gone("the process that asked has ended")

    def gone() -> Held:
        raise Gone("the process that connected has ended")

    for caller_ in (Caller(Held), Caller(gone)):
        for value in look(NAMES, caller_).values():
            assert value == Unknown("the process that asked has ended")


def test_of_a_process_that_is_not_held_any_more_only_what_was_kept_is_known() -> None:
    forgotten = Unknown("this fact was not examined when the request was made: ask again")
    kept = Caller(None, kept=(("fact.origin", "10.1.2.3"), ("fact.load", "1.0")))
    assert look(NAMES, kept) == {"fact.origin": "10.1.2.3", "fact.unit": forgotten, "fact.cgroup": forgotten}
    assert look(NAMES, None) == dict.fromkeys(NAMES, forgotten)


def test_a_connection_that_is_closed_tells_nothing_of_the_process() -> None:
    made = Connected()
    made.close()
    assert set(look(NAMES, Caller(made.peer.hold)).values()) == {Unknown("the process that asked has ended")}


@pytest.mark.parametrize(
    ("remote_host", "tty", "origin"),
    [
        ("10.1.2.3", "ssh", "10.1.2.3"), ("::ffff:10.1.2.3", "ssh", "10.1.2.3"), ("laptop.example.org", "ssh", "remote"),
        (None, "tty1", "console"), (None, "/dev/tty1", "console"), (None, "ttyS0", "console"), ("", "tty1", "console"),
        (None, "pts/3", None), (None, "ssh", None), (None, "", None), ("", "cron", None),
    ],
)  # fmt: skip
def test_a_login_begins_where_the_enforcement_point_says(remote_host: str | None, tty: str, origin: str | None) -> None:
    made = Connected()
    asking = Caller(made.peer.hold, is_login=True, remote_host=remote_host, tty=tty)
    unsaid = Unknown("the login program does not say from where the person logs in")
    assert look(frozenset({"fact.origin"}), asking) == {"fact.origin": unsaid if origin is None else origin}
    made.close()
