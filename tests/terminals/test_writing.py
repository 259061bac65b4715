# SPDX-License-Identifier: Apache-2.0
"""Which terminals are written to, by an account with the group tty and no other right: real ones, and what looks like one."""

from __future__ import annotations

import fcntl
import os
import pwd
import select
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jitd_outsiders.terminals import writing
from jitd_outsiders.terminals.messages import MOST_TERMINALS, Tell, Told, text_of
from tests.terminals.seats import ACCOUNT, OTHER, PERSON, TTY, Records, Seat, seat
from tests.waiting import PATIENCE

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a terminal to somebody else")
LINES = ("alice asks to run a command as root on db1.", "", "Type on db1:")
TEXT = text_of(LINES).encode()
MOST_UNREAD = 4095
"""Bytes that the kernel keeps ready to be read at the other end (N_TTY_BUF_SIZE). It moves more there when these are read."""


@pytest.fixture(autouse=True)
def nobody_is_hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that takes all is late on a busy host."""
    monkeypatch.setattr(writing, "WITHIN", PATIENCE)


@pytest.fixture
def records() -> Iterator[Records]:
    place = Path(tempfile.mkdtemp(dir="/var/tmp"))
    place.chmod(0o755)
    yield Records(place)
    shutil.rmtree(place)


@pytest.fixture
def seats() -> Iterator[Callable[..., Seat]]:
    made: list[Seat] = []

    def make(*words: str, **more: int) -> Seat:
        made.append(seat(*words, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


def fill(terminal: Seat) -> None:
    """Write until there is no room, also once the kernel has moved on what it had taken."""
    os.set_blocking(terminal.slave, False)
    waits = select.poll()
    waits.register(terminal.slave, select.POLLOUT)
    while waits.poll(200) or unread(terminal.master) < MOST_UNREAD:
        with suppress(BlockingIOError):
            os.write(terminal.slave, b"x" * 4096)


def unread(master: int) -> int:
    """What was written to a terminal, and waits at its other end to be read (ioctl_tty(2))."""
    found: int = struct.unpack("i", fcntl.ioctl(master, termios.FIONREAD, bytes(4)))[0]
    return found


def told(records: Records, *people: str) -> Told:
    """What ``tell`` returns in a process that is ACCOUNT with the group tty."""
    out, in_ = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            account = pwd.getpwnam(ACCOUNT)
            os.setgroups([TTY])
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
            said = writing.tell(Tell(people or (PERSON,), LINES), records.sessions, records.utmp)
            os.write(in_, f"{said.n_told} {said.n_refused}".encode())
        except BaseException as fault:
            print(fault, file=sys.stderr)
        finally:
            os._exit(0)
    os.close(in_)
    with os.fdopen(out) as stream:
        answer = stream.read()
    os.waitpid(pid, 0)
    n_told, n_refused = map(int, answer.split())
    return Told(n_told, n_refused)


def test_all_terminals_of_a_person_are_told_and_nobody_elses(records: Records, seats: Callable[..., Seat]) -> None:
    first, second, third = seats(), seats(), seats(OTHER)
    records.login(PERSON, first.line)
    records.session("c1", PERSON, second.line)
    records.login(OTHER, third.line)
    assert told(records) == Told(2, 0)
    assert (first.read(), second.read(), third.read()) == (TEXT, TEXT, b"")


@pytest.mark.parametrize(("n_below", "is_told"), [(1, True), (2, True), (3, False)])
def test_a_session_without_a_terminal_has_that_of_its_first_processes(
    records: Records, seats: Callable[..., Seat], n_below: int, is_told: bool
) -> None:
    """THREATS N-02. sshd's process for the connection made the session; its child is the person's process, which has the shell as
    its child. For root there is none between. What a shell starts, such as script(1), may have another terminal.
    """
    terminal = seats()
    line = "setsid --ctty sh -c 'echo $$; exec sleep 600'; :"
    for _ in range(n_below - 1):
        line = f"sh -c {shlex.quote(line)}; :"
    leader = subprocess.Popen(["sh", "-c", line], stdin=terminal.slave, stdout=subprocess.PIPE, text=True)
    assert leader.stdout is not None
    shell = int(leader.stdout.readline())
    try:
        records.session("c1", PERSON, leader=leader.pid)
        assert told(records) == Told(int(is_told), 0)
        assert terminal.read() == (TEXT if is_told else b"")
        records.session("c1", OTHER, leader=leader.pid)
        assert told(records, OTHER) == Told(0, int(is_told)), "it is not theirs"
    finally:
        os.kill(shell, signal.SIGKILL)
        leader.communicate()
    assert told(records, OTHER) == Told(0, 0), "it has ended"


@pytest.mark.parametrize("leader", ["", "0", "-1", "self", "1/../self", "\u0661"])
def test_a_leader_that_is_no_process_has_no_terminal(records: Records, leader: str) -> None:
    records.session("c1", PERSON, leader=leader)
    assert told(records) == Told(0, 0)


def test_one_terminal_that_two_records_name_is_told_once(records: Records, seats: Callable[..., Seat]) -> None:
    terminal = seats()
    records.login(PERSON, terminal.line)
    records.session("c1", PERSON, terminal.line)
    assert told(records, PERSON, PERSON) == Told(1, 0)
    assert terminal.read() == TEXT


def test_mesg_n_is_the_kernels_own_no(records: Records, seats: Callable[..., Seat]) -> None:
    """THREATS N-02."""
    terminal = seats(mode=0o600)
    records.login(PERSON, terminal.line)
    assert told(records) == Told(0, 1)
    assert terminal.read() == b""
    os.fchmod(terminal.slave, 0o620)
    assert told(records) == Told(1, 0)


def test_a_terminal_that_belongs_to_somebody_else_by_now_is_not_told(records: Records, seats: Callable[..., Seat]) -> None:
    """THREATS N-02. The record is old, or was written by who may write utmp."""
    terminal = seats(OTHER)
    records.login(PERSON, terminal.line)
    assert told(records) == Told(0, 1)
    assert terminal.read() == b""


def test_what_is_no_terminal_is_not_written_to(
    records: Records, seats: Callable[..., Seat], monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS N-02. Files, fifos, sockets, links and other devices that belong to the person and stand where a terminal would."""
    devices = records.place / "dev"
    (devices / "pts").mkdir(parents=True)
    monkeypatch.setattr(writing, "DEVICES", devices)
    uid = pwd.getpwnam(PERSON).pw_uid
    terminal = seats()
    file, fifo, link, null, front = (devices / "pts" / name for name in ("1", "2", "3", "4", "5"))
    file.touch()
    os.mkfifo(fifo)
    link.symlink_to(f"/dev/{terminal.line}")
    os.mknod(null, 0o20666, os.makedev(1, 3))
    os.mknod(front, 0o20666, os.makedev(4, 0))
    for place in (file, fifo, null, front):
        os.chown(place, uid, TTY)
        place.chmod(0o662)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    for place in (file, fifo, link, null, front):
        records.login(PERSON, f"pts/{place.name}")
    assert told(records) == Told(0, 5)
    assert (file.read_bytes(), os.read(reader, 1), terminal.read()) == (b"", b"", b"")
    os.close(reader)


def test_a_line_that_is_no_name_of_a_terminal_is_passed_over(records: Records, seats: Callable[..., Seat]) -> None:
    """THREATS N-02."""
    terminal = seats()
    records.login(PERSON, f"../dev/{terminal.line}")
    records.login(PERSON, f"/dev/{terminal.line}")
    records.login(PERSON, "null")
    records.login(PERSON, "")
    records.session("c1", PERSON, f"pts/../{terminal.line}")
    assert told(records) == Told(0, 0)
    assert terminal.read() == b""


def test_a_login_that_is_over_is_passed_over(records: Records, seats: Callable[..., Seat]) -> None:
    first, second, third = seats(), seats(), seats()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    records.login(PERSON, first.line, pid=pid)
    records.session("c1", PERSON, second.line, state="closing")
    records.session("c2", PERSON, third.line, kind="greeter")
    assert told(records) == Told(0, 0)


def test_a_terminal_that_takes_nothing_is_left_and_the_others_are_told(
    records: Records, seats: Callable[..., Seat], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped, full, fine = seats(), seats(), seats()
    termios.tcflow(stopped.slave, termios.TCOOFF)
    fill(full)
    for each in (stopped, full, fine):
        records.login(PERSON, each.line)
    for within in (0.1, 2.0, 20.0):  # on a host that is too busy for the first, nobody at all is told in that time
        monkeypatch.setattr(writing, "WITHIN", within)
        began = time.monotonic()
        found = told(records)
        assert time.monotonic() - began < within + PATIENCE, "it waits for none of them for ever"
        if found.n_told:
            break
    assert found == Told(1, 2)
    assert fine.read() == TEXT
    assert TEXT not in full.read() and stopped.read() == b""


def test_a_terminal_whose_other_end_is_closed_costs_nothing(records: Records, seats: Callable[..., Seat]) -> None:
    fine = seats()
    master, slave = os.openpty()
    os.fchown(slave, pwd.getpwnam(PERSON).pw_uid, TTY)
    os.fchmod(slave, 0o620)
    line = os.ttyname(slave).removeprefix("/dev/")
    os.close(master)
    records.login(PERSON, line)
    records.login(PERSON, fine.line)
    assert told(records) == Told(1, 1)
    os.close(slave)


def test_nobody_gets_more_than_so_many_terminals_written(records: Records, seats: Callable[..., Seat]) -> None:
    made = [seats() for _ in range(MOST_TERMINALS + 2)]
    for each in made:
        records.login(PERSON, each.line)
    assert told(records) == Told(MOST_TERMINALS, 0)


def test_an_account_that_does_not_exist_has_no_terminal(records: Records) -> None:
    assert told(records, "no-such-account") == Told(0, 0)


def test_it_never_becomes_the_terminal_of_who_writes(records: Records, seats: Callable[..., Seat]) -> None:
    """THREATS N-02. Else a hang-up of the person's terminal, or a key, would be a signal to jitd-terminals."""
    assert writing.FLAGS & os.O_NOCTTY and writing.FLAGS & os.O_NOFOLLOW and writing.FLAGS & os.O_NONBLOCK
    terminal = seats()
    records.login(PERSON, terminal.line)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setsid()
            writing.tell(Tell((PERSON,), LINES), records.sessions, records.utmp)
            try:
                os.open("/dev/tty", os.O_RDONLY)
            except OSError:
                status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
