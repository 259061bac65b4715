# SPDX-License-Identifier: Apache-2.0
"""What is recorded of a run: all of it, in order, whatever its streams are; and what becomes of a run that cannot be recorded.

Law: what the client got is what the recording holds, byte for byte; what must not be kept is not there.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd.core.run import Ending, Recording
from jitd.executor import Ended, Started
from jitd.monitor.orders import Job, Left
from jitd.monitor.places import recordings_directory
from jitd.monitor.pump import HERE, OVER, Pumps
from jitd.monitor.tape import Tape
from jitd.recording.form import BYTES, Frame, Header, Kind
from jitd.recording.reader import Recording as Recorded
from jitd.recording.reader import examine
from jitd.recording.storage import open_recording, runs_in
from tests.monitor.stage import NOBODY, Stage
from tests.waiting import PATIENCE

PIPES = ("pipe", "pipe", "pipe")
TERMINAL = ("terminal",) * 3


def recorded(stage: Stage, job: Job) -> tuple[Header, list[Frame]]:
    """The recording of a run that has ended, which is the one that its end told of."""
    ended = stage.reported(Ended, job.run)
    assert ended is not None and ended.recording is not None
    file = open_recording(recordings_directory(str(stage.state_dir)), job.run)
    try:
        found = examine(file)
        assert Recording(found.mark.n_chunks, found.mark.size, found.mark.digest.hex()) == ended.recording
        recording = Recorded(file)
        return recording.header, list(recording.frames())
    finally:
        os.close(file)


def so_far(stage: Stage, job: Job) -> bytes:
    """What is in the file of the standard output of a run that goes on."""
    file = open_recording(recordings_directory(str(stage.state_dir)), job.run)
    try:
        return joined(list(Recorded(file).frames()), Kind.STDOUT)
    finally:
        os.close(file)


def names(stage: Stage) -> list[str]:
    return runs_in(recordings_directory(str(stage.state_dir)))


def joined(frames: list[Frame], kind: Kind) -> bytes:
    return b"".join(frame.data for frame in frames if frame.kind is kind)


class Pipes:
    """A client's three pipes: what it sends in, and what comes out of the others."""

    def __init__(self, data: bytes = b"", *, is_joined: bool = False) -> None:
        self.reads: list[bytes] = [b"", b""]
        self._stdin, self._feed = os.pipe()
        outs = [os.pipe() for _ in range(1 if is_joined else 2)]
        self.sent = [self._stdin, *(outs[min(slot, len(outs) - 1)][1] for slot in (0, 1))]
        self._threads = [threading.Thread(target=self._read, args=(slot, out[0])) for slot, out in enumerate(outs)]
        self._threads.append(threading.Thread(target=self._write, args=(data,)))

    def _read(self, slot: int, descriptor: int) -> None:
        with open(descriptor, "rb") as file:
            self.reads[slot] = file.read()

    def _write(self, data: bytes) -> None:
        with open(self._feed, "wb") as file:
            file.write(data)

    def go(self) -> None:
        for descriptor in set(self.sent):
            os.close(descriptor)
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()


def play(stage: Stage, job: Job, pipes: Pipes) -> Any:
    client = stage.get_ready(job, PIPES, pipes.sent)
    pipes.go()
    stage.order(stage.executor.go, job.run)
    outcome = stage.outcome(job)
    stage.wait(lambda: client.end)
    pipes.join()
    return outcome


@pytest.fixture
def small(stage: Stage) -> Iterator[Path]:
    """A disk of one MiB for the recordings."""
    place = Path(recordings_directory(str(stage.state_dir)))
    place.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "small", place], check=True)
    yield place
    subprocess.run(["umount", "-l", place], check=True)


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_what_a_terminal_shows_is_kept_with_its_sizes_and_stops(stage: Stage) -> None:
    job = stage.job("/bin/sh", "-c", "printf one; kill -STOP $$; printf two", record="terminal", requester="alice@EXAMPLE.TEST")
    client, _ = stage.started(job, TERMINAL)
    stage.wait(lambda: client.said(b"T"))
    client.send(b"W" + bytes([0, 40, 0, 100]))
    client.send(b'C{"rows": 40, "columns": 100, "foreground": true, "termios": null}')
    assert stage.outcome(job).ending is Ending.EXITED
    header, frames = recorded(stage, job)
    assert (header.run, header.requester, header.rows, header.columns) == (job.run, "alice@EXAMPLE.TEST", 24, 80)
    assert header.fingerprint == job.fingerprint.hex() and header.argv[0] == "/bin/sh"
    stage.wait(lambda: client.end)
    assert joined(frames, Kind.OUTPUT) == client.output == b"onetwo"
    kinds = [frame.kind for frame in frames]
    assert kinds.index(Kind.SUSPENDED) < kinds.index(Kind.RESUMED)
    assert [frame.size for frame in frames if frame.kind is Kind.WINDOW] == [(40, 100)]
    assert frames[-1].kind is Kind.END and frames[-1].end.ending == "exited"


def test_every_byte_of_every_stream_is_kept_and_passed_on(stage: Stage) -> None:
    """THREATS L-04."""
    data = os.urandom(300_000)
    job = stage.job("/bin/sh", "-c", "cat; cat /proc/self/status >&2; exit 3", record="all")
    pipes = Pipes(data)
    assert play(stage, job, pipes).number == 3
    _, frames = recorded(stage, job)
    assert joined(frames, Kind.STDIN) == joined(frames, Kind.STDOUT) == pipes.reads[0] == data
    assert joined(frames, Kind.STDERR) == pipes.reads[1] and b"Name:\tcat" in pipes.reads[1]


def test_what_was_written_in_one_order_to_one_place_arrives_in_that_order(stage: Stage) -> None:
    job = stage.job("/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do echo $i; echo -$i >&2; done", record="output")
    pipes = Pipes(is_joined=True)
    play(stage, job, pipes)
    assert pipes.reads[0].split() == [word for i in b"123456789" for word in (b"%c" % i, b"-%c" % i)]
    _, frames = recorded(stage, job)
    assert joined(frames, Kind.STDOUT) == pipes.reads[0]


def test_output_alone_keeps_no_input(stage: Stage) -> None:
    job = stage.job("/bin/cat", record="output")
    pipes = Pipes(b"read")
    play(stage, job, pipes)
    _, frames = recorded(stage, job)
    assert {frame.kind for frame in frames} & BYTES == {Kind.STDOUT}


def test_a_run_of_tens_of_megabytes_is_kept_whole(stage: Stage) -> None:
    job = stage.job("/bin/sh", "-c", "seq 1 4000000", record="output", record_bytes=1 << 30)
    pipes = Pipes()
    play(stage, job, pipes)
    digest = hashlib.sha256(joined(recorded(stage, job)[1], Kind.STDOUT)).digest()
    assert digest == hashlib.sha256(pipes.reads[0]).digest() and len(pipes.reads[0]) > 30_000_000


def test_a_slow_reader_slows_the_command_and_loses_nothing(stage: Stage) -> None:
    job = stage.job("/bin/sh", "-c", "head -c 3000000 /dev/zero; echo over >&2", record="output")
    reading, writing = os.pipe()
    null = stage.null()
    client = stage.get_ready(job, ("null", "pipe", "null"), [null, writing, null])
    os.close(writing)
    stage.order(stage.executor.go, job.run)
    stage.sleep(0.5)
    assert client.end is None, "it waits for its reader"
    with open(reading, "rb") as file:
        thread = threading.Thread(target=lambda: got.append(file.read()))
        got: list[bytes] = []
        thread.start()
        assert stage.outcome(job).number == 0
        thread.join(PATIENCE)
    assert len(got[0]) == 3_000_000 and joined(recorded(stage, job)[1], Kind.STDOUT) == got[0]


def test_a_reader_that_goes_away_is_a_broken_pipe_for_the_command(stage: Stage) -> None:
    job = stage.job("/usr/bin/yes", record="output")
    reading, writing = os.pipe()
    null = stage.null()
    stage.get_ready(job, ("null", "pipe", "null"), [null, writing, null])
    os.close(writing)
    stage.order(stage.executor.go, job.run)
    os.read(reading, 100)
    os.close(reading)
    outcome = stage.outcome(job)
    assert (outcome.ending, outcome.number) == (Ending.SIGNALED, signal.SIGPIPE)


def test_what_it_leaves_behind_and_writes_is_kept_until_it_ends(patient: Stage) -> None:
    mark, go = patient.directory / "ready", patient.directory / "go"
    waits = f"(trap '' HUP; : >{mark}; until test -e {go}; do sleep 0.05; done; echo late)"
    job = patient.job("/bin/sh", "-c", f"{waits} & until test -e {mark}; do sleep 0.01; done; echo soon", record="output")
    pipes = Pipes()
    client = patient.get_ready(job, PIPES, pipes.sent)
    pipes.go()
    patient.order(patient.executor.go, job.run)
    patient.wait(lambda: client.end)
    go.touch()
    patient.outcome(job)
    pipes.join()
    assert pipes.reads[0] == b"soon\nlate\n" == joined(recorded(patient, job)[1], Kind.STDOUT)


def test_a_command_that_does_not_read_its_input_ends_all_the_same(stage: Stage) -> None:
    job = stage.job("/bin/true", record="all")
    stdin, feed = os.pipe()
    null = stage.null()
    stage.get_ready(job, ("pipe", "null", "null"), [stdin, null, null])
    os.close(stdin)
    stage.order(stage.executor.go, job.run)
    assert stage.outcome(job).number == 0
    os.close(feed)  # so long it had no end


def test_the_command_has_three_descriptors_and_no_child_that_it_did_not_make(stage: Stage) -> None:
    look = "ls -l /proc/self/fd; cat /proc/$$/task/$$/children"
    job = stage.job("/bin/sh", "-c", look, record="all")
    pipes = Pipes()
    play(stage, job, pipes)
    lines = pipes.reads[0].decode().splitlines()
    assert [line.split()[8] for line in lines[1:5]] == ["0", "1", "2", "3"], "and the directory that ls reads"
    assert len(lines[5].split()) == 1, "cat itself"


# --- what is not -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", ["none", "terminal"])
def test_a_pipe_that_is_not_recorded_is_the_callers_own(stage: Stage, record: str) -> None:
    reading, writing = os.pipe()
    job = stage.job("/bin/readlink", "/proc/self/fd/1", record=record)
    null = stage.null()
    client = stage.get_ready(job, ("null", "pipe", "null"), [null, writing, null])
    stage.order(stage.executor.go, job.run)
    assert stage.outcome(job).number == 0 and client.end
    assert os.read(reading, 100).decode().strip() == os.readlink(f"/proc/self/fd/{writing}")
    os.close(reading)
    os.close(writing)
    ended = stage.reported(Ended, job.run)
    assert ended is not None and ended.recording is None and names(stage) == []


def test_a_password_is_not_kept_where_all_is(stage: Stage) -> None:
    """THREATS L-05."""
    job = stage.job("/bin/bash", "-c", "read -r -p 'name: ' n; read -r -s -p 'password: ' p; echo; echo ${#p}", record="all")
    client, _ = stage.started(job, TERMINAL)
    stage.wait(lambda: b"name: " in client.output)
    client.send(b"Ialice\r")
    stage.wait(lambda: b"password: " in client.output)
    client.send(b"Ihunter2-swordfish\r")
    stage.wait(lambda: client.end)
    assert stage.outcome(job).number == 0 and b"17" in client.output
    _, frames = recorded(stage, job)
    assert joined(frames, Kind.INPUT) == b"alice\r" and any(frame.kind is Kind.WITHHELD for frame in frames)
    assert b"swordfish" not in b"".join(frame.data for frame in frames)


def modes(*, echo: bool) -> str:
    """The modes of a client's terminal, as a client sends them."""
    master, slave = os.openpty()
    try:
        settings = termios.tcgetattr(slave)
        settings[3] = settings[3] | termios.ECHO if echo else settings[3] & ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, settings)
        return base64.b64encode(fcntl.ioctl(slave, termios.TCGETS, bytes(36))).decode()
    finally:
        os.close(master)
        os.close(slave)


def continued(*, echo: bool) -> bytes:
    """What a client sends after a stop, if its terminal has other modes now."""
    return b"C" + json.dumps({"rows": 24, "columns": 80, "foreground": True, "termios": modes(echo=echo)}).encode()


def test_a_caller_who_has_switched_the_echo_off_hides_nothing(stage: Stage) -> None:
    """THREATS L-08: before the start, and while the command is stopped."""
    job = stage.job("/bin/sh", "-c", "read a; kill -STOP $$; read b; echo $a $b over", record="all")
    client, _ = stage.started(job, TERMINAL, termios=modes(echo=False))
    client.send(b"Irm -r /\r")
    stage.wait(lambda: client.said(b"T"))
    client.send(continued(echo=False))
    client.send(b"Iand more\r")
    assert stage.outcome(job).number == 0
    _, frames = recorded(stage, job)
    assert joined(frames, Kind.INPUT) == b"rm -r /\rand more\r"
    assert not any(frame.kind is Kind.WITHHELD for frame in frames)
    stage.wait(lambda: client.end)
    assert client.output == b"rm -r /\r\nand more\r\nrm -r / and more over\r\n" == joined(frames, Kind.OUTPUT)


@pytest.mark.parametrize("echo", [True, False])
def test_a_command_that_has_switched_the_echo_off_hides_a_password_whatever_the_callers_terminal_does(
    stage: Stage, echo: bool
) -> None:
    """THREATS L-05 and L-08: before a stop, and after it."""
    script = "stty -echo; echo ready; read a; kill -STOP $$; read b; echo ${#a} ${#b}"
    job = stage.job("/bin/bash", "-c", script, record="all")
    client, _ = stage.started(job, TERMINAL, termios=modes(echo=echo))
    stage.wait(lambda: b"ready" in client.output)
    client.send(b"Ihunter2-swordfish\r")
    stage.wait(lambda: client.said(b"T"))
    client.send(continued(echo=True))
    client.send(b"Iswordfish\r")
    stage.wait(lambda: client.end)
    assert stage.outcome(job).number == 0 and b"17 9" in client.output
    _, frames = recorded(stage, job)
    assert joined(frames, Kind.INPUT) == b"" and any(frame.kind is Kind.WITHHELD for frame in frames)
    stage.wait(lambda: client.end)
    assert b"swordfish" not in b"".join(frame.data for frame in frames) + client.output


@pytest.mark.parametrize("echo", [True, False])
def test_where_no_input_is_recorded_the_terminal_echoes_as_the_callers(stage: Stage, echo: bool) -> None:
    job = stage.job("/bin/stty", "-a", record="output")
    client, _ = stage.started(job, TERMINAL, termios=modes(echo=echo))
    assert stage.outcome(job).number == 0
    stage.wait(lambda: client.end)
    assert (b" -echo " not in client.output) is echo


def test_of_a_run_that_has_not_started_no_input_is_read(stage: Stage) -> None:
    stdin, feed = os.pipe()
    os.write(feed, b"for somebody else")
    null = stage.null()
    job = stage.job("/bin/cat", record="all")
    stage.get_ready(job, ("pipe", "null", "null"), [stdin, null, null])
    stage.sleep(0.2)
    stage.order(stage.executor.stop, job.run, "not now")
    assert stage.outcome(job).ending is Ending.NOT_STARTED
    assert os.read(stdin, 100) == b"for somebody else"
    os.close(stdin)
    os.close(feed)


def test_of_a_run_that_has_not_started_nothing_is_kept(stage: Stage) -> None:
    job = stage.job("/bin/cat", record="output")
    stage.get_ready(job)
    assert names(stage) == [job.run]
    stage.order(stage.executor.stop, job.run, "not now")
    assert stage.outcome(job).ending is Ending.NOT_STARTED
    assert names(stage) == []


# --- what cannot be kept ---------------------------------------------------------------------------------------------


def test_a_run_that_cannot_be_recorded_does_not_start(stage: Stage) -> None:
    Path(recordings_directory(str(stage.state_dir))).write_text("no directory")
    mark = stage.directory / "mark"
    job = stage.job("/usr/bin/touch", str(mark), record="output")
    stage.get_ready(job)
    outcome = stage.outcome(job)
    assert outcome.ending is Ending.NOT_STARTED and outcome.because.startswith("it cannot be recorded: ")
    assert not mark.exists()


@pytest.mark.parametrize("kinds", [TERMINAL, ("null",) * 3], ids=["terminal", "null"])
def test_a_disk_that_fills_ends_the_run_and_what_was_kept_is_whole(stage: Stage, small: Path, kinds: tuple[str, ...]) -> None:
    """THREATS L-04."""
    job = stage.job("/bin/sh", "-c", "trap '' TERM; cat /dev/urandom", record="output")
    stage.started(job, kinds)
    outcome = stage.outcome(job)
    assert outcome.ending is Ending.SIGNALED and "No space left" in outcome.because, outcome
    assert recorded(stage, job)[1]


def test_where_the_rule_says_so_the_run_goes_on_without_its_recording(stage: Stage, small: Path) -> None:
    job = stage.job("/bin/sh", "-c", "head -c 3000000 /dev/urandom", record="output", record_failure="continue")
    pipes = Pipes()
    assert play(stage, job, pipes).number == 0
    assert len(pipes.reads[0]) == 3_000_000
    assert 0 < len(joined(recorded(stage, job)[1], Kind.STDOUT)) < 1_100_000


def test_a_pump_that_ends_while_it_is_spoken_to_has_said_its_last_word() -> None:
    pumps = Pumps("output")
    said = [socket.socket(fileno=os.dup(each)) for each in pumps.descriptors]
    pumps.leave_theirs()
    for each in said:
        each.send(OVER)
    pumps.drain()
    for each in said:
        each.close()  # unread: the reset is seen before what was said
    for _ in range(2):
        assert pumps.hear() == []
    assert pumps.is_drained and pumps.fault == ""


def test_a_pump_that_was_killed_before_it_is_spoken_to_has_passed_on_too_little() -> None:
    pumps = Pumps("output")
    pumps.leave_theirs()
    pumps.drain()
    assert pumps.hear() == []
    assert pumps.is_drained and "was killed" in pumps.fault


def test_a_pump_that_has_been_waited_for_has_no_number_any_more() -> None:
    """It may be another process's: nobody of that number is killed."""
    pumps = Pumps("output")
    said = [socket.socket(fileno=os.dup(each)) for each in pumps.descriptors]
    pumps.leave_theirs()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    pumps.forget(pid)
    for each in said:
        each.send(HERE + b"%d" % pid)
    pumps.hear()
    pumps.drain()
    pumps.close()
    for each in said:
        each.close()


def test_output_that_the_quota_cut_off_at_the_very_end_is_no_success(stage: Stage) -> None:
    go = stage.directory / "go"
    script = f"until [ -e {go} ]; do sleep 0.05; done; head -c 9000 /dev/urandom"
    job = stage.job("/bin/sh", "-c", script, record="terminal", record_bytes=1 << 13)
    client, pid = stage.started(job, ("terminal",) * 3)
    (monitor,) = stage.monitors()
    os.kill(monitor, signal.SIGSTOP)
    go.touch()
    stage.wait(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z")
    os.kill(monitor, signal.SIGCONT)
    outcome = stage.outcome(job)
    assert (outcome.ending, outcome.number) == (Ending.LOST, 125) and "quota" in outcome.because, outcome
    stage.wait(lambda: client.end)
    assert client.end and client.end["outcome"] == "lost"


@pytest.mark.parametrize("failure", ["end", "continue"])
def test_the_last_of_a_recording_that_cannot_be_written_is_told(stage: Stage, failure: str) -> None:
    for is_looked_at in (False, True):
        tape = Tape(stage.job("/bin/true", record="output", record_failure=failure), str(stage.state_dir))
        tape.begin(has_terminal=False, rows=0, columns=0)
        assert tape.fault == ""
        assert tape.output(b"x" * 1000, Kind.STDOUT)
        assert tape._recorder is not None
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, tape._recorder._file)
        os.close(full)
        if is_looked_at:
            tape.write()
            assert bool(tape.fault) is (failure == "end")
        left = tape.end(Left("exited", 0, ""))
        assert ("No space left" in left.because) is (failure == "end"), left


def test_a_quota_ends_the_run(stage: Stage) -> None:
    """THREATS L-04."""
    job = stage.job("/usr/bin/head", "-c", "9000000", "/dev/urandom", record="output", record_bytes=1 << 20)
    client, _ = stage.started(job)
    outcome = stage.outcome(job)
    assert outcome.ending is Ending.SIGNALED and "quota" in outcome.because and client.end
    assert recorded(stage, job)[1][-1].kind is Kind.END


def test_a_monitor_that_is_killed_leaves_all_but_the_last_moment(stage: Stage) -> None:
    """THREATS L-04."""
    mark = stage.directory / "mark"
    script = f"echo before; sleep 1; echo after; touch {mark}; sleep 60"
    job = stage.job("/bin/sh", "-c", script, record="output", record_bytes=1 << 20)
    _, pid = stage.started(job)
    stage.wait(mark.exists)
    stage.wait(lambda: so_far(stage, job) == b"before\nafter\n")
    monitor = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(monitor, signal.SIGKILL)
    assert stage.outcome(job).ending is Ending.LOST
    assert joined(recorded(stage, job)[1], Kind.STDOUT) == b"before\nafter\n"
    stage.wait(lambda: not Path(f"/proc/{pid}").exists())


def test_without_its_monitor_nothing_is_passed_on(stage: Stage) -> None:
    """THREATS L-04."""
    go = stage.directory / "go"
    script = f"until [ -e {go} ]; do sleep 0.01; done; echo secret"
    job = stage.job("/bin/sh", "-c", script, record="output", uid=NOBODY, gid=NOBODY, groups=(NOBODY,))
    reading, writing = os.pipe()
    null = stage.null()
    stage.get_ready(job, ("null", "pipe", "null"), [null, writing, null])
    os.close(writing)
    stage.order(stage.executor.go, job.run)
    stage.wait(lambda: stage.reported(Started, job.run))
    os.kill(stage.monitors()[0], signal.SIGKILL)
    go.touch()
    with open(reading, "rb") as file:
        assert file.read() == b""
    assert stage.outcome(job).ending is Ending.LOST


def test_while_its_monitor_stands_still_nothing_is_passed_on(stage: Stage) -> None:
    """THREATS L-04: what nobody has kept yet waits, and comes when it is."""
    mark = stage.directory / "written"
    job = stage.job("/bin/sh", "-c", f"read go; echo output; touch {mark}; read on", record="output")
    go, going = os.pipe()
    reading, writing = os.pipe()
    stage.get_ready(job, ("pipe", "pipe", "null"), [go, writing, stage.null()])
    os.close(go)
    os.close(writing)
    stage.order(stage.executor.go, job.run)
    stage.wait(lambda: stage.reported(Started, job.run))
    (monitor,) = stage.monitors()
    os.kill(monitor, signal.SIGSTOP)
    try:
        os.write(going, b"go\n")
        stage.wait(mark.exists)
        assert select.select([reading], [], [], 0.5)[0] == []
    finally:
        os.kill(monitor, signal.SIGCONT)
    with open(reading, "rb") as file:
        assert file.readline() == b"output\n"
        os.close(going)
        assert stage.outcome(job).ending is Ending.EXITED
