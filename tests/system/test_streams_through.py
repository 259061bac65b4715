# SPDX-License-Identifier: Apache-2.0
"""The three streams, whatever they are: byte for byte, in any mixture, with slow, vanished and missing ends.

Law: no test waits for a time.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import select
import signal
import subprocess
import tty
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.marks import full
from tests.system.conftest import House
from tests.system.prompt import AT_ONCE, clients, command_lines, number, state
from tests.waiting import PATIENCE, wait_for

MB = 1 << 20
KINDS = ("terminal", "pipe", "file", "closed")


@pytest.fixture(scope="module")
def place() -> Iterator[House]:
    with House(AT_ONCE) as made:
        made.run("alice", "true")
        yield made


def digest(reading: int) -> tuple[int, str]:
    """The size and the digest of all that comes, until the end or a terminal's."""
    size, found = 0, hashlib.sha256()
    while True:
        try:
            data = os.read(reading, MB)
        except OSError:
            data = b""
        if not data:
            return size, found.hexdigest()
        size += len(data)
        found.update(data)


def test_two_hundred_megabytes_come_through_pipes_byte_for_byte(place: House, tmp_path: Path) -> None:
    block = os.urandom(MB)
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    process = subprocess.Popen(place.line("alice", "jitsudo", "cat"), stdin=to_read, stdout=from_write, cwd="/")
    os.close(to_read)
    os.close(from_write)
    with ThreadPoolExecutor(1) as pool, open(from_read, "rb", closefd=True) as reading:
        told = pool.submit(digest, reading.fileno())
        expected = hashlib.sha256()
        with open(to_write, "wb", buffering=0) as writing:
            for n in range(200):
                turned = block[n:] + block[:n]
                expected.update(turned)
                rest = memoryview(turned)
                while rest:
                    rest = rest[writing.write(rest) :]
        assert told.result(PATIENCE) == (200 * MB, expected.hexdigest())
    assert process.wait(PATIENCE) == 0


def test_twenty_megabytes_come_out_of_a_terminal_byte_for_byte(place: House, tmp_path: Path) -> None:
    file = tmp_path / "bytes"
    file.write_bytes(os.urandom(MB) * 20)
    tmp_path.chmod(0o755)
    master, slave = os.openpty()
    tty.setraw(slave)
    process = subprocess.Popen(
        place.line("alice", "jitsudo", "-q", "cat", str(file)),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        cwd="/",
    )
    os.close(slave)
    try:
        assert digest(master) == (20 * MB, hashlib.sha256(file.read_bytes()).hexdigest())
        assert process.wait(PATIENCE) == 0
    finally:
        os.close(master)


TWICE = (0, 2, 3, 1)
"""Each element of the field of four, doubled. ``^`` is the field's sum."""


def is_daily(kinds: tuple[str, ...]) -> bool:
    """One of sixteen mixtures, among them those of one kind: each two streams are in them once in each mixture of two."""
    first, second, third = map(KINDS.index, kinds)
    return third == first ^ TWICE[first ^ second]


MIXTURES = [
    kinds
    if is_daily(kinds)
    else pytest.param(kinds, marks=full("every day, the test uses each kind of each stream with each kind of each other stream"))
    for kinds in itertools.product(KINDS, repeat=3)
]


@pytest.mark.parametrize("kinds", MIXTURES, ids="-".join)
def test_any_mixture_of_streams_works_and_ends_as_the_command(place: House, tmp_path: Path, kinds: tuple[str, str, str]) -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    ends: dict[int, int] = {}
    theirs: list[int] = []
    for slot, kind in enumerate(kinds):
        if kind == "pipe":
            reading, writing = os.pipe()
            theirs.append(reading if slot == 0 else writing)
            ends[slot] = writing if slot == 0 else reading
        elif kind == "file":
            (tmp_path / f"{slot}").write_bytes(b"typed\n" if slot == 0 else b"")
            theirs.append(os.open(tmp_path / f"{slot}", os.O_RDWR))
        elif kind == "terminal":
            theirs.append(os.dup(slave))
        else:
            theirs.append(-1)

    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            import fcntl
            import termios

            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            high = [os.dup(os.dup(os.dup(os.dup(d)))) if d >= 0 else -1 for d in theirs]
            for slot, descriptor in enumerate(high):
                if descriptor < 0:
                    os.close(slot)
                else:
                    os.dup2(descriptor, slot)
            os.closerange(3, 100)
            os.chdir("/")
            words = ["sh", "-c", "read x; echo out$x; echo err$x >&2; exit 7"]
            os.execvp("as", [str(word) for word in place.line("alice", "jitsudo", *words)])
        finally:
            os._exit(99)
    for descriptor in theirs:
        if descriptor >= 0:
            os.close(descriptor)
    if 0 in ends:
        os.write(ends[0], b"typed\n")
        os.close(ends.pop(0))
    elif kinds[0] == "terminal":
        os.write(master, b"typed\n")
    os.close(slave)
    shown = b""
    status = None
    while status is None:
        if select.select([master], [], [], 0.02)[0]:
            try:
                shown += os.read(master, 65536)
            except OSError:
                status = os.waitpid(pid, 0)[1]
        elif (found := os.waitpid(pid, os.WNOHANG))[0]:
            status = found[1]
    while select.select([master], [], [], 0)[0]:
        try:
            shown += os.read(master, 65536)
        except OSError:
            break
    os.close(master)
    told = b"" if kinds[0] == "closed" else b"typed"
    seen = {slot: b"" for slot in (1, 2)}
    for slot in (1, 2):
        if slot in ends:
            with open(ends.pop(slot), "rb") as file:
                seen[slot] = file.read()
        elif kinds[slot] == "file":
            seen[slot] = (tmp_path / f"{slot}").read_bytes()
        elif kinds[slot] == "terminal":
            seen[slot] = shown
    assert os.waitstatus_to_exitcode(status) == 7, (shown, seen)
    for slot, word in ((1, b"out"), (2, b"err")):
        assert kinds[slot] == "closed" or word + told in seen[slot], (kinds, shown, seen)


@pytest.fixture
def sudo_permits() -> Iterator[None]:
    rule = Path("/etc/sudoers.d/streams")
    rule.write_text("alice ALL=(ALL:ALL) NOPASSWD: ALL\n")
    yield
    rule.unlink()


def test_a_reader_that_goes_away_ends_the_command_by_sigpipe_as_in_sudo(place: House, sudo_permits: None) -> None:
    line = 'for tool in sudo jitsudo; do $tool yes | head -1; echo "${PIPESTATUS[0]}"; done'
    assert place.run("alice", "bash", "-c", line).stdout.split() == ["y", "141", "y", "141"]


def test_a_slow_reader_holds_the_command_and_nobody_else(place: House) -> None:
    mark = number()
    reading, writing = os.pipe()
    line = place.line("alice", "jitsudo", "sh", "-c", f"head -c 1000000 /dev/zero; : {mark}")
    process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=writing, cwd="/")
    os.close(writing)
    wait_for(lambda: clients(mark) and any(words[0] == b"head" for words in command_lines().values()))
    assert place.sudo("alice", "true").returncode == 0
    assert digest(reading)[0] == 1_000_000
    os.close(reading)
    assert process.wait(PATIENCE) == 0


def test_a_terminal_that_is_stopped_by_ctrl_s_holds_output_back_and_a_signal_still_ends_it(place: House) -> None:
    mark = number()
    master, slave = os.openpty()
    line = place.line("alice", "sh", "-c", f"jitsudo sh -c 'head -c 3000000 /dev/zero; : {mark}'; exit 0")
    process = subprocess.Popen(line, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, cwd="/")
    client = int(wait_for(lambda: clients(mark))[0])
    wait_for(lambda: select.select([master], [], [], 0)[0])  # nobody reads it
    os.kill(client, signal.SIGTERM)
    wait_for(lambda: not [p for p, w in command_lines().items() if w[0] == b"head"], what="the end of the command")

    def is_gone() -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.kill(client, signal.SIGTERM)  # as a person would who sees nothing happen
        return not state(client)

    wait_for(is_gone, what="the end of the client")
    os.killpg(process.pid, signal.SIGKILL)  # its shell wants to say something to that terminal
    process.wait(PATIENCE)
    os.close(master)
    os.close(slave)
