# SPDX-License-Identifier: Apache-2.0
"""Standard input of a run that is recorded: what the command reads is recorded and taken, and what it does not read is neither.

Law: each test looks at what is left for the caller's next command.
"""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import select
import socket
import tempfile
from collections.abc import Callable

import pytest

from jitd.core.run import Ending, Outcome
from jitd.monitor.orders import Job
from jitd.monitor.source import source_of
from jitd.recording import asciicast, sudolog
from jitd.recording.form import Frame, Kind, Left
from jitd.recording.reader import as_read
from tests.monitor.stage import Stage
from tests.monitor.test_recording import joined, recorded
from tests.recording.tape import header

LINES = b"one\ntwo\nthree\n"
MUCH = bytes(range(256)) * 200
Make = Callable[[bytes], tuple[int, Callable[[], bytes]]]


def pipe(data: bytes) -> tuple[int, Callable[[], bytes]]:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 1 << 20)
    os.write(writing, data)
    os.close(writing)
    return reading, lambda: rest_of(reading)


def file(data: bytes) -> tuple[int, Callable[[], bytes]]:
    made, name = tempfile.mkstemp()
    os.unlink(name)
    os.write(made, b"before" + data)
    os.lseek(made, len(b"before"), os.SEEK_SET)
    return made, lambda: rest_of(made)


def connection(ours: socket.socket, theirs: socket.socket, data: bytes) -> tuple[int, Callable[[], bytes]]:
    ours.sendall(data)
    ours.shutdown(socket.SHUT_WR)
    ours.detach()
    reading = theirs.detach()
    return reading, lambda: rest_of(reading)


def local_socket(data: bytes) -> tuple[int, Callable[[], bytes]]:
    return connection(*socket.socketpair(), data)


def tcp_socket(data: bytes) -> tuple[int, Callable[[], bytes]]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ours = socket.create_connection(listening.getsockname())
        return connection(ours, listening.accept()[0], data)


KINDS = [("pipe", pipe), ("file", file), ("socket", local_socket), ("socket", tcp_socket)]
SOURCES = pytest.mark.parametrize(("kind", "make"), KINDS, ids=["pipe", "file", "local", "tcp"])


def rest_of(descriptor: int) -> bytes:
    found = bytearray()
    while data := os.read(descriptor, 1 << 20):
        found += data
    return bytes(found)


def ready(stage: Stage, kind: str, source: int, *argv: str) -> Job:
    """A run that waits for ``go``, with this standard input."""
    job = stage.job(*argv, record="all")
    null = stage.null()
    stage.get_ready(job, (kind, "null", "null"), [source, null, null])
    return job


def play(stage: Stage, kind: str, source: int, *argv: str) -> tuple[Job, Outcome]:
    job = ready(stage, kind, source, *argv)
    stage.order(stage.executor.go, job.run)
    return job, stage.outcome(job)


def read_of(frames: list[Frame]) -> bytes:
    """What the command has read, as the recording tells it. The rest of what was recorded is marked as left."""
    found = list(as_read(lambda: iter(frames)))
    left = b"".join(frame.data for frame in found if isinstance(frame, Left))
    read = joined([frame for frame in found if isinstance(frame, Frame)], Kind.STDIN)
    assert read + left == joined(frames, Kind.STDIN)
    return read


@SOURCES
@pytest.mark.parametrize(
    ("script", "is_read"),
    [
        ("true", b""),
        ("read a", b"one\n"),
        ("read a; read b", b"one\ntwo\n"),
        ("exec <&-; sleep 0.1", b""),
        ("cat", LINES),
        ("exec 3<&0; read a; (read b <&3) & wait", b"one\ntwo\n"),
    ],
)
def test_what_the_command_does_not_read_is_left_and_is_not_said_to_be_read(
    stage: Stage, kind: str, make: Make, script: str, is_read: bytes
) -> None:
    """THREATS L-07."""
    source, left = make(LINES)
    job, outcome = play(stage, kind, source, "/bin/sh", "-c", script)
    assert outcome == Outcome(Ending.EXITED, 0)
    assert left() == LINES.removeprefix(is_read)
    assert read_of(recorded(stage, job)[1]) == is_read


@SOURCES
@pytest.mark.parametrize("n", [1, 4095, 4096, 4097, 30_000, len(MUCH)])
def test_of_much_input_exactly_what_was_read_is_gone(stage: Stage, kind: str, make: Make, n: int) -> None:
    """THREATS L-07."""
    source, left = make(MUCH)
    job, outcome = play(stage, kind, source, "/usr/bin/head", "-c", str(n))
    assert outcome.number == 0
    assert left() == MUCH[n:]
    frames = recorded(stage, job)[1]
    assert read_of(frames) == MUCH[:n]
    assert joined(frames, Kind.STDIN)[:n] == MUCH[:n], "it was recorded before the command could read it"


@SOURCES
def test_a_command_that_ends_before_its_input_was_looked_at_leaves_all_of_it(kind: str, make: Make) -> None:
    """Of a short command, ``take`` is the first that the source hears."""
    descriptor, left = make(LINES)
    source_of(os.dup(descriptor)).take(b"")
    assert left() == LINES


@SOURCES
def test_three_commands_share_one_input_as_without_a_recorder(stage: Stage, kind: str, make: Make) -> None:
    """THREATS L-07."""
    source, left = make(LINES)
    for line in LINES.splitlines(keepends=True):
        job, outcome = play(stage, kind, source, "/bin/sh", "-c", f'read a; test "$a" = {line.decode().strip()}')
        assert outcome.number == 0
        assert read_of(recorded(stage, job)[1]) == line
    assert left() == b""


def test_what_comes_later_is_read_as_it_comes(stage: Stage) -> None:
    reading, writing = os.pipe()
    out, written = os.pipe()
    job = stage.job("/bin/sh", "-c", "while read a; do echo $a; done", record="all")
    stage.get_ready(job, ("pipe", "pipe", "null"), [reading, written, stage.null()])
    os.close(written)
    stage.order(stage.executor.go, job.run)
    with open(out, "rb", buffering=0) as told:
        for word in (b"one\n", b"two\n"):
            os.write(writing, word)
            assert told.read(100) == word
            stage.wait(lambda: select.select([reading], [], [], 0)[0] == [])  # it was taken
        os.close(writing)
        assert stage.outcome(job).number == 0
    assert read_of(recorded(stage, job)[1]) == b"one\ntwo\n"


def test_a_device_without_an_end_gives_what_is_read(stage: Stage) -> None:
    job, outcome = play(stage, "device", os.open("/dev/zero", os.O_RDONLY), "/usr/bin/head", "-c", "300000")
    assert outcome.number == 0
    assert read_of(recorded(stage, job)[1]) == bytes(300_000)


def test_a_file_of_the_kernel_is_read_whole(stage: Stage) -> None:
    job, outcome = play(stage, "file", os.open("/proc/self/status", os.O_RDONLY), "/bin/cat")
    assert outcome.number == 0
    assert read_of(recorded(stage, job)[1]).startswith(b"Name:")


@pytest.mark.parametrize(("kind", "make"), KINDS[:2], ids=["pipe", "file"])
def test_where_somebody_else_reads_the_same_input_meanwhile_it_is_said(stage: Stage, kind: str, make: Make) -> None:
    """THREATS L-07: then nobody can say which bytes were whose."""
    source, _ = make(LINES)
    mark, go = stage.directory / "mark", stage.directory / "go"
    job = ready(stage, kind, source, "/bin/sh", "-c", f"read a; : >{mark}; until [ -e {go} ]; do sleep 0.01; done")
    stage.order(stage.executor.go, job.run)
    stage.wait(mark.exists)
    assert os.read(source, 4) == b"one\n"  # which the command has read, too
    go.touch()
    outcome = stage.outcome(job)
    assert outcome.ending is Ending.LOST and "read by another process" in outcome.because, outcome


def test_a_command_that_enlarges_its_pipe_gets_its_input(stage: Stage) -> None:
    source, left = pipe(MUCH)
    enlarge = "import fcntl, os; fcntl.fcntl(0, fcntl.F_SETPIPE_SZ, 1 << 20); n = 0"
    read = "while n < 30000: n += len(os.read(0, 30000 - n))"
    job, outcome = play(stage, "pipe", source, "/usr/bin/python3", "-c", f"{enlarge}\n{read}")
    assert outcome.number == 0 and left() == MUCH[30_000:]
    assert read_of(recorded(stage, job)[1]) == MUCH[:30_000]


WRITES_INTO_ITS_INPUT = """
import fcntl, os, select
os.read(0, 4096)
select.select([0], [], [])
fcntl.fcntl(0, fcntl.F_SETPIPE_SZ, 1 << 20)
os.write(os.open("/proc/self/fd/0", os.O_WRONLY), bytes(5000))
"""


def test_a_command_that_writes_into_its_own_input_takes_nothing_from_the_caller(stage: Stage) -> None:
    """THREATS L-07: more is unread than there was to read."""
    source, left = pipe(MUCH)
    job, outcome = play(stage, "pipe", source, "/usr/bin/python3", "-c", WRITES_INTO_ITS_INPUT)
    assert outcome.number == 0 and left() == MUCH[4096:]
    assert read_of(recorded(stage, job)[1]) == MUCH[:4096]


def test_a_pipe_of_packets_is_read_as_other_pipes(stage: Stage) -> None:
    """THREATS L-07: pipe2(2) with O_DIRECT. A read takes one packet at most."""
    source, writing = os.pipe2(os.O_DIRECT)
    sent = b"".join(line * 100 for line in LINES.splitlines())
    for line in LINES.splitlines():
        os.write(writing, line * 100)
    os.close(writing)
    job, outcome = play(stage, "pipe", source, "/usr/bin/head", "-c", "350")
    assert outcome == Outcome(Ending.EXITED, 0)
    assert rest_of(source) == sent[350:]
    assert read_of(recorded(stage, job)[1]) == sent[:350]


LOOKS_AND_LEAVES = """
import ctypes, os
reading, writing = os.pipe()
n = ctypes.CDLL(None).tee(0, writing, 4096, 0)
os.environ["SEEN"] = os.read(reading, n).decode()
os.execv("/bin/sh", ["sh", "-c", 'eval "$SEEN"'])
"""


@pytest.mark.parametrize(
    "argv",
    [
        ("/bin/bash",),  # reads a line byte by byte, and then writes more bytes into its pipe
        ("/usr/bin/python3", "-c", LOOKS_AND_LEAVES),
    ],
)
def test_a_command_that_only_seems_to_leave_its_input_hides_nothing_of_it(stage: Stage, argv: tuple[str, ...]) -> None:
    """THREATS L-07."""
    done = stage.directory / "done"
    script = f"touch {done}; head -c 400 /dev/zero >/proc/self/fd/0; exit\n".encode()
    source, _ = pipe(script + b"harmless\n")
    job, _ = play(stage, "pipe", source, *argv)
    frames = recorded(stage, job)[1]
    assert done.exists() and read_of(frames) == b"", "it seems to have read nothing"
    exported = "".join(asciicast.lines(header(), as_read(lambda: iter(frames))))
    assert json.dumps(script.decode())[1:-1] in exported
    sudolog.export(header(), as_read(lambda: iter(frames)), str(stage.directory / "exported"))
    assert gzip.decompress((stage.directory / "exported" / sudolog.LEFT).read_bytes()).startswith(script)


def test_what_it_leaves_behind_reads_nothing_that_was_given_back(stage: Stage) -> None:
    source, left = pipe(LINES)
    got, go = stage.directory / "got", stage.directory / "go"
    script = f"exec 3<&0; (trap '' HUP; until [ -e {go} ]; do sleep 0.05; done; cat <&3 >{got}) & read a"
    job = stage.job("/bin/sh", "-c", script, record="all", leftovers="keep")
    null = stage.null()
    client = stage.get_ready(job, ("pipe", "null", "null"), [source, null, null])
    stage.order(stage.executor.go, job.run)
    stage.wait(lambda: client.end)
    assert left() == LINES.removeprefix(b"one\n")
    go.touch()
    assert stage.outcome(job).number == 0
    assert got.read_bytes() == b""
