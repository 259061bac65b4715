# SPDX-License-Identifier: Apache-2.0
"""What a client hands over, and what a command gets (THREATS S-05, S-06, X-05, X-06).

Law: a command has descriptors 0, 1 and 2, and of the client's only such as can do nothing but carry bytes; whatever a
client sends, nothing of it stays open in a monitor.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import pty
import random
import select
import socket
import struct
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jitd.core.run import Ending
from jitd.executor import Here
from jitd.monitor.streams import Unfit, receive
from tests.descriptors import links, with_free_descriptors
from tests.lingering import lingering, release
from tests.monitor.stage import NOBODY, Stage

_libc = ctypes.CDLL(None, use_errno=True)
NOT_STARTED = Ending.NOT_STARTED


def _syscall(number: int, *arguments: int) -> int:
    result = int(_libc.syscall(*(ctypes.c_long(value) for value in (number, *arguments))))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _pipe(end: int) -> int:
    ends = os.pipe()
    os.close(ends[1 - end])
    return ends[end]


def _half(family: int, kind: int, protocol: int = 0) -> int:
    return socket.socket(family, kind, protocol).detach()


def _pair(kind: int) -> int:
    return socket.socketpair(socket.AF_UNIX, kind)[0].detach()


def _fifo(flags: int) -> int:
    path = tempfile.mktemp(prefix="jitd-fifo-", dir="/var/tmp")
    os.mkfifo(path)
    try:
        return os.open(path, flags | os.O_NONBLOCK)
    finally:
        os.unlink(path)


def _file(flags: int) -> int:
    descriptor, path = tempfile.mkstemp(prefix="jitd-file-", dir="/var/tmp")
    os.close(descriptor)
    try:
        return os.open(path, flags)
    finally:
        os.unlink(path)


def _signal_mask(number: int) -> int:
    mask = (ctypes.c_uint64 * 1)(1 << 9)
    return _syscall(number, -1, ctypes.addressof(mask), 8, 0)


def _epoll() -> int:
    with select.epoll() as poll:
        return os.dup(poll.fileno())


R, W, RW = os.O_RDONLY, os.O_WRONLY, os.O_RDWR
OPENERS: dict[str, tuple[Callable[[], int], str, str]] = {
    # name: how it is made, the kind that a client would call it, the slots (0 to 2) in which it is fit
    "a pipe to read": (lambda: _pipe(0), "pipe", "0"),
    "a pipe to write": (lambda: _pipe(1), "pipe", "12"),
    "a fifo both ways": (lambda: _fifo(RW), "pipe", "012"),
    "a fifo that nobody writes": (lambda: _fifo(R), "pipe", "0"),
    "a file to read": (lambda: _file(R), "file", "0"),
    "a file to write": (lambda: _file(W), "file", "12"),
    "a file both ways": (lambda: _file(RW), "file", "012"),
    "a file without a name": (lambda: os.memfd_create("x"), "file", "012"),
    "a stream socket": (lambda: _pair(socket.SOCK_STREAM), "socket", "012"),
    "a TCP socket": (lambda: _half(socket.AF_INET, socket.SOCK_STREAM), "socket", "012"),
    "null": (lambda: os.open("/dev/null", RW), "null", "012"),
    "null to read": (lambda: os.open("/dev/null", R), "null", "0"),
    "zero": (lambda: os.open("/dev/zero", RW), "device", "012"),
    "what everybody may read of the kernel": (lambda: os.open("/proc/mounts", R), "file", "0"),
    # and what is never fit
    "a place only (O_PATH)": (lambda: os.open("/etc/passwd", os.O_PATH), "file", ""),
    "a directory": (lambda: os.open("/", R), "file", ""),
    "a directory's place": (lambda: os.open("/", os.O_PATH), "file", ""),
    "epoll": (_epoll, "file", ""),
    "eventfd": (lambda: os.eventfd(0), "file", ""),
    "timerfd": (lambda: _syscall(283, 1, 0), "file", ""),
    "signalfd": (lambda: _signal_mask(289), "file", ""),
    "inotify": (lambda: _syscall(294, 0), "file", ""),
    "a process": (lambda: os.pidfd_open(os.getpid()), "file", ""),
    "a namespace": (lambda: os.open("/proc/self/ns/net", R), "file", ""),
    "its own memory": (lambda: os.open("/proc/self/mem", RW), "file", ""),
    "its own memory to read": (lambda: os.open("/proc/self/mem", R), "file", ""),
    "a setting of the kernel's": (lambda: os.open("/proc/self/oom_score_adj", RW), "file", ""),
    "a terminal": (lambda: pty.openpty()[1], "device", ""),
    "a terminal's master": (lambda: pty.openpty()[0], "device", ""),
    "fuse": (lambda: _device(10, 229), "device", ""),
    "a datagram socket": (lambda: _pair(socket.SOCK_DGRAM), "socket", ""),
    "a packet socket between processes": (lambda: _pair(socket.SOCK_SEQPACKET), "socket", ""),
    "netlink": (lambda: _half(socket.AF_NETLINK, socket.SOCK_RAW), "socket", ""),
    "a raw socket": (lambda: _half(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP), "socket", ""),
}


def _device(major: int, minor: int) -> int:
    path = tempfile.mktemp(prefix="jitd-device-", dir="/var/tmp")
    os.mknod(path, 0o20600, os.makedev(major, minor))
    try:
        return os.open(path, RW)
    finally:
        os.unlink(path)


def _open_here() -> int:
    gc.collect()  # what other tests have left to be collected is not to go in between
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture(scope="module", autouse=True)
def collected() -> Iterator[None]:
    """What is there before these tests is not looked through each time that something is to be collected."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("name", OPENERS)
def test_each_kind_of_descriptor_in_each_place(name: str) -> None:
    """THREATS S-06."""
    for slot in range(3):
        _try_in(name, slot)


def _try_in(name: str, slot: int) -> None:
    opener, kind, fit = OPENERS[name]
    try:
        descriptor = opener()
    except OSError as fault:
        pytest.skip(f"this host has none: {fault.strerror}")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    null = os.open("/dev/null", RW)
    kinds = ["null"] * 3
    kinds[slot] = kind
    sent = [null] * 3
    sent[slot] = descriptor
    before = _open_here()
    _send(ours, kinds, sent)
    if str(slot) in fit:
        streams = receive(theirs, ())
        assert streams is not None
        assert os.fstat(streams.descriptors[slot]).st_ino == os.fstat(descriptor).st_ino, slot
        for arrived in streams.descriptors.values():
            os.close(arrived)
    else:
        with pytest.raises(Unfit):
            receive(theirs, ())
    assert _open_here() == before, slot
    for opened in (descriptor, null):
        os.close(opened)
    ours.close()
    theirs.close()


def _send(control: socket.socket, kinds: list[str], descriptors: list[int]) -> None:
    said = {"streams": kinds, "rows": 1, "columns": 1, "foreground": False, "termios": None}
    socket.send_fds(control, [b"S" + json.dumps(said).encode()], descriptors)


@pytest.mark.parametrize("claimed", ["pipe", "file", "socket", "device", "null"])
def test_a_kind_that_is_not_what_is_claimed_is_refused(claimed: str) -> None:
    """THREATS S-06."""
    made = {"pipe": lambda: _pipe(0), "file": lambda: _file(R), "socket": lambda: _pair(socket.SOCK_STREAM),
            "device": lambda: os.open("/dev/zero", R), "null": lambda: os.open("/dev/null", R)}  # fmt: skip
    for actual, opener in made.items():
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        descriptor = opener()
        _send(ours, [claimed, "closed", "closed"], [descriptor])
        if actual == claimed:
            assert receive(theirs, (claimed, "closed", "closed")) is not None
        else:
            with pytest.raises(Unfit, match=f"is a {actual}, and not a {claimed}"):
                receive(theirs, ())
        os.close(descriptor)


def test_streams_of_another_kind_than_approved_start_nothing(stage: Stage) -> None:
    job = stage.job("/bin/true", streams=("pipe", "pipe", "pipe"))
    stage.go(job, ("null", "null", "null"))
    outcome = stage.outcome(job)
    assert outcome.ending is NOT_STARTED
    assert outcome.because == "the streams are null, null, null; pipe, pipe, pipe were approved"


@pytest.mark.parametrize("n", [0, 1, 2, 4, 5, 60, 253])
def test_any_other_number_of_descriptors_is_refused_and_closed(n: int) -> None:
    """THREATS S-05."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    null = os.open("/dev/null", RW)
    before = _open_here()
    for _ in range(20):
        _send(ours, ["null"] * 3, [null] * n)
        with pytest.raises(Unfit):
            receive(theirs, ())
    assert _open_here() == before
    os.close(null)


def test_ten_thousand_hostile_first_packets_leave_nothing_open() -> None:
    """THREATS S-05."""
    chance = random.Random(5)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pool = [os.open("/dev/null", RW), os.open("/", R), os.eventfd(0), _pipe(0), os.open("/etc/passwd", os.O_PATH)]
    whole = json.dumps({"streams": ["null"] * 3, "rows": 1, "columns": 1, "foreground": False, "termios": None}).encode()
    before = _open_here()
    for _ in range(10_000):
        body = bytearray(b"S" + whole)
        for _ in range(chance.randrange(4)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        del body[chance.randrange(1, len(body) + 1) :]
        socket.send_fds(ours, [bytes(body)], [chance.choice(pool) for _ in range(chance.randrange(8))])
        try:
            streams = receive(theirs, ())
        except Unfit:
            continue
        for descriptor in streams.descriptors.values() if streams else ():
            os.close(descriptor)
    assert _open_here() == before


def test_descriptors_sent_later_are_never_received(stage: Stage) -> None:
    job = stage.job("/bin/sleep", "60")
    client, _ = stage.started(job)
    client.send(b"G" + bytes([28]), [client.socket.fileno(), 0, 1])
    assert stage.outcome(job).ending is Ending.SIGNALED, "its client is dropped"


def test_no_stream_of_the_clients_is_open_in_the_monitor(stage: Stage) -> None:
    mark = os.open(stage.directory / "input", os.O_RDWR | os.O_CREAT)
    job = stage.job("/bin/sleep", "60")
    _, pid = stage.started(job, ("file", "file", "file"), [mark] * 3)
    monitor = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    assert not any("input" in to for to in links(monitor).values())
    os.close(mark)


MODES: list[tuple[str, ...]] = [
    ("pipe", "pipe", "pipe"),
    ("terminal", "terminal", "terminal"),
    ("closed", "pipe", "pipe"),
    ("pipe", "closed", "pipe"),
    ("closed", "closed", "pipe"),
    ("terminal", "closed", "pipe"),
    ("terminal", "terminal", "pipe"),
    ("null", "file", "pipe"),
    ("socket", "socket", "pipe"),
    ("file", "terminal", "pipe"),
]


@pytest.mark.parametrize("kinds", MODES, ids="-".join)
@pytest.mark.parametrize("uid", [0, NOBODY])
def test_a_command_has_exactly_three_descriptors(stage: Stage, kinds: tuple[str, ...], uid: int) -> None:
    """THREATS X-05, X-06."""
    makers = {
        "pipe": lambda: _fifo(RW),
        "file": lambda: os.open(stage.directory / "file", RW | os.O_CREAT),
        "null": lambda: os.open("/dev/null", RW),
        "socket": lambda: _pair(socket.SOCK_STREAM),
    }
    sent = [makers[kind]() for kind in kinds if kind in makers]
    job = stage.job("/bin/sleep", "60", uid=uid, gid=uid, groups=(uid,), streams=kinds)
    _, pid = stage.started(job, kinds, sent)
    expected = {
        slot: "/dev/null" if kind == "closed" else "/dev/pts/" if kind == "terminal" else os.readlink(f"/proc/self/fd/{fd}")
        for (slot, kind), fd in zip(enumerate(kinds), _in_slots(kinds, sent), strict=True)
    }
    # What its loader opens goes again; what it was given stays, and then this does not come about.
    stage.wait(lambda: os.listdir(f"/proc/{pid}/fd") == ["0", "1", "2"])
    found = {slot: os.readlink(f"/proc/{pid}/fd/{slot}") for slot in range(3)}
    for descriptor in sent:
        os.close(descriptor)
    assert all(found[slot].startswith(expected[slot]) for slot in found), (found, expected)


def _in_slots(kinds: tuple[str, ...], sent: list[int]) -> list[int]:
    left = iter(sent)
    return [-1 if kind in ("closed", "terminal") else next(left) for kind in kinds]


def test_nothing_but_the_three_is_open(stage: Stage) -> None:
    """THREATS X-05."""
    told = stage.capture("/usr/bin/python3", "-ISc", "import os; print(sorted(os.listdir('/proc/self/fd'), key=int))")
    assert told == b"['0', '1', '2', '3']\n"  # the third is the listing's own


def test_a_packet_that_is_no_first_one_starts_nothing(stage: Stage) -> None:
    job = stage.job("/bin/true")
    client = stage.start(job)
    stage.wait(lambda: stage.reported(Here, job.run))
    client.send(b"I" + struct.pack(">I", 5))
    assert stage.outcome(job).ending is NOT_STARTED
    stage.wait(lambda: client.end)


def test_a_descriptor_that_takes_long_to_close_keeps_no_run_alive(stage: Stage) -> None:
    """THREATS S-05. A monitor that waits for the kernel could neither stop nor freeze its run, nor end it in time."""
    null = stage.null()
    job = stage.job("/bin/sleep", "600")
    client = stage.get_ready(job, ("null",) * 3, [null] * 3)
    stage.order(stage.executor.go, job.run)
    stage.wait(lambda: client.said(b"R"))
    made = lingering()
    for _ in range(100):  # while the monitor reads these, the client's own descriptor of the connection is closed
        client.socket.send(b"G\x12")
    socket.send_fds(client.socket, [b"G\x12"], [made.fileno()])
    made.close()
    assert stage.outcome(job).ending is Ending.SIGNALED
    release()


def test_a_monitor_that_has_no_room_for_the_streams_says_so_and_does_not_blame_the_client() -> None:
    monitor, client = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    said = {"streams": ["file"] * 3, "rows": 0, "columns": 0, "foreground": False, "termios": None}
    with monitor, client, open("/etc/passwd", "rb") as file:
        socket.send_fds(client, [b"S" + json.dumps(said).encode()], [file.fileno()] * 3)
        before = os.listdir("/proc/self/fd")
        with with_free_descriptors(2), pytest.raises(Unfit, match="^its streams cannot be received: the monitor can open no"):
            receive(monitor, ())
        assert os.listdir("/proc/self/fd") == before
