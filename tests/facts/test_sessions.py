# SPDX-License-Identifier: Apache-2.0
"""Where a login session began, by logind's files: the audit session first, and a control group only where there is none."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

import pytest

from jitd.core.facts import Unknown
from jitd.facts import sessions

SSH = {"UID": "1001", "STATE": "active", "REMOTE": "1", "CLASS": "user", "REMOTE_HOST": "10.1.2.3", "SERVICE": "sshd"}
CONSOLE = {"UID": "1001", "STATE": "active", "REMOTE": "0", "CLASS": "user", "SEAT": "seat0", "TTY": "tty1"}
CRON = {"UID": "1001", "STATE": "online", "REMOTE": "0", "CLASS": "background", "SERVICE": "cron"}


def write(directory: Path, name: str, said: dict[str, str]) -> None:
    directory.mkdir(exist_ok=True)
    lines = "".join(f"{key}={value}\n" for key, value in said.items())
    (directory / name).write_text(f"# This is private data. Do not parse.\n{lines}")


def scope(name: str) -> str:
    return f"/user.slice/user-1001.slice/session-{name}.scope"


@pytest.fixture
def logind(tmp_path: Path) -> Path:
    made = tmp_path / "sessions"
    made.mkdir()
    for name in ("5.ref", "3"):
        os.mkfifo(made / name)
    return made


@pytest.mark.parametrize(
    ("said", "began"),
    [
        (SSH, "10.1.2.3"),
        (SSH | {"REMOTE_HOST": "::ffff:10.1.2.3"}, "10.1.2.3"),
        (SSH | {"REMOTE_HOST": "127.0.0.1"}, "127.0.0.1"),
        (SSH | {"REMOTE_HOST": "laptop.example.org"}, "remote"),
        (SSH | {"REMOTE_HOST": ""}, "remote"),
        (SSH | {"REMOTE": "0", "REMOTE_HOST": "localhost"}, "remote"),
        (CONSOLE, "console"),
        (CONSOLE | {"REMOTE_HOST": "localhost"}, "console"),
        ({"REMOTE": "0", "TTY": "ttyS0"}, "console"),
        ({"REMOTE": "0", "TTY": "/dev/console"}, "console"),
        ({"REMOTE": "0", "TTY": "pts/3"}, "local"),
        ({"REMOTE": "0", "TTY": "ptyS0"}, "local"),
        (CRON, "local"),
    ],
)
def test_a_session_began_where_logind_says(logind: Path, said: dict[str, str], began: str) -> None:
    write(logind, "5", said | {"AUDIT": "5"})
    assert sessions.origin(5, "/", logind) == began


def test_a_session_of_which_logind_does_not_say_it_is_not_known(logind: Path) -> None:
    write(logind, "5", {"AUDIT": "5", "TTY": "tty1", "SEAT": "seat0"})
    assert isinstance(sessions.origin(5, "/", logind), Unknown)
    write(logind, "5", {"AUDIT": "5", "REMOTE": "maybe", "SEAT": "seat0"})
    assert isinstance(sessions.origin(5, "/", logind), Unknown)


def test_the_audit_session_counts_and_not_the_name_of_the_file(logind: Path) -> None:
    write(logind, "5", CONSOLE | {"AUDIT": "6"})
    write(logind, "c1", SSH | {"AUDIT": "5"})
    assert sessions.origin(5, scope("5"), logind) == "10.1.2.3"


def test_where_logind_knows_no_audit_sessions_the_control_group_says_which_session_it_is(logind: Path) -> None:
    write(logind, "c1", SSH)
    assert sessions.origin(77, scope("c1"), logind) == "10.1.2.3"
    assert sessions.origin(None, scope("c1"), logind) == "10.1.2.3"
    assert sessions.origin(77, f"{scope('c1')}/below", logind) == "10.1.2.3"


@pytest.mark.parametrize(
    "group",
    [
        "/", "/system.slice/cron.service", "/user.slice/user-1001.slice/user@1001.service/session-c1.scope",
        "/user.slice/user-1001.slice/user@1001.service/user.slice/user-1001.slice/session-c1.scope",
        "/user.slice/user-1001.slice/session-c1.scope.d", "/x/user.slice/user-1001.slice/session-c1.scope",
        "/user.slice/user-1001.slice/session-../5.scope",
    ],
)  # fmt: skip
def test_a_control_group_that_a_person_could_name_is_no_session(logind: Path, group: str) -> None:
    write(logind, "c1", CONSOLE)
    assert isinstance(sessions.origin(None, group, logind), Unknown)


def test_an_audit_session_and_a_control_group_that_disagree_are_not_known(logind: Path) -> None:
    write(logind, "5", CONSOLE | {"AUDIT": "5"})
    found = sessions.origin(9, scope("5"), logind)
    assert isinstance(found, Unknown) and "different" in found.why


def test_nothing_is_known_without_a_session_or_without_logind(logind: Path, tmp_path: Path) -> None:
    for audit_session, why in ((None, "no login session"), (9, "does not know the login session 9")):
        found = sessions.origin(audit_session, "/", logind)
        assert isinstance(found, Unknown) and why in found.why
    found = sessions.origin(5, "/", tmp_path / "nowhere")
    assert isinstance(found, Unknown) and "logind does not run" in found.why


def test_what_is_no_file_is_no_session(logind: Path) -> None:
    assert list(sessions._named("3", logind)) == []
    assert list(sessions._named("5.ref", logind)) == []


def test_people_who_are_logged_in_count_once_and_jobs_do_not_count(logind: Path) -> None:
    assert sessions.n_people(logind) == 0
    write(logind, "5", SSH)
    write(logind, "6", CONSOLE)
    write(logind, "7", SSH | {"UID": "1002"})
    write(logind, "8", SSH | {"UID": "1003", "STATE": "closing"})
    write(logind, "9", CRON | {"UID": "1004"})
    assert sessions.n_people(logind) == 2


def entry(kind: int, pid: int, user: bytes) -> bytes:
    return struct.pack("<h2xi32s4s32s256s52x", kind, pid, b"pts/0", b"", user, b"")


def test_without_logind_utmp_says_who_is_logged_in(tmp_path: Path) -> None:
    utmp, own = tmp_path / "utmp", os.getpid()
    ended = subprocess.Popen(["true"])
    ended.wait()
    entries = (entry(7, own, b"alice"), entry(7, own, b"alice"), entry(7, own, b"bob"), entry(8, own, b"carol"))
    utmp.write_bytes(b"".join((*entries, entry(7, ended.pid, b"dave"), b"half an entry")))
    assert sessions.n_people(tmp_path / "nowhere", utmp) == 2
    with pytest.raises(OSError):
        sessions.n_people(tmp_path / "nowhere", tmp_path / "nothing")


LOGIN = """\
#include <stdlib.h>
#include <string.h>
#include <utmpx.h>
int main(int n, char **words) {
    struct utmpx entry = { .ut_type = USER_PROCESS, .ut_pid = atoi(words[2]) };
    utmpxname(words[1]);
    for (int i = 3; i < n; i++) {
        entry.ut_id[0] = '0' + i;
        strncpy(entry.ut_user, words[i], sizeof entry.ut_user);
        strcpy(entry.ut_line, "pts/0");
        entry.ut_line[4] = '0' + i - 3;
        strcpy(entry.ut_host, "db1.example.test");
        if (!pututxline(&entry)) return 1;
    }
}
"""


def test_utmp_is_read_as_the_c_library_writes_it(tmp_path: Path) -> None:
    """Many entries: each begins where the one before ends, which is not where this file's own packing says."""
    pid, utmp = os.getpid(), tmp_path / "utmp"
    people = ("alice", "bob", "a-very-long-name-of-32-characters", "dave")
    utmp.touch()
    subprocess.run(["cc", "-D_GNU_SOURCE", "-xc", "-o", tmp_path / "login", "-"], input=LOGIN.encode(), check=True)
    subprocess.run([tmp_path / "login", utmp, str(pid), *people], check=True)
    assert sessions.n_people(tmp_path / "nowhere", utmp) == 4
    for number, name in enumerate(people):
        assert sessions.terminals(name[:32], 1000, tmp_path / "nowhere", utmp) == {f"pts/{number}"}
