# SPDX-License-Identifier: Apache-2.0
"""A run that is recorded, and whoever wants its output lost, its end delayed, or its recorder for an errand.

Law: what was written arrives or its loss is told, and no success is; nobody but the monitor decides how long a run lasts; a
recorder can do no more than the command that it records.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jitd.core.run import Ending
from jitd.executor import Ended
from jitd.monitor.orders import Job
from jitd.monitor.pump import DRAIN, DRAINED, KEPT, TOLD, _pass_on
from tests.monitor.stage import NOBODY, Client, Stage
from tests.monitor.test_recording import Pipes, play
from tests.waiting import PATIENCE, status_of

SO_PASSCRED = 16
OF_INPUT = 6
"""The descriptors of a pump that looks into a pipe: the pipe, both ends of the command's, both of its own, and its monitor."""
AS_NOBODY = {"uid": NOBODY, "gid": NOBODY, "groups": (NOBODY,), "user": "nobody"}


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


def command_of(client: Client) -> int:
    """The command's process."""
    (told,) = client.said(b"R")
    return int(struct.unpack(">I", told)[0])


def is_over(pid: int) -> bool:
    """True if nothing of the process is left but its status."""
    with suppress(OSError):
        return status_of(pid)["State"].startswith("Z")
    return True


def is_known_to_be_over(pid: int) -> bool:
    """True if the monitor has taken its status: what comes now is no signal to the command any more."""
    return not os.path.exists(f"/proc/{pid}")


def pumps(client: Client) -> list[int]:
    """The processes beside the command in its control group that are none of its own."""
    command = command_of(client)
    group = Path(f"/proc/{command}/cgroup").read_text().split("::")[1].strip()
    members = map(int, Path(f"/sys/fs/cgroup{group}/cgroup.procs").read_text().split())
    return [pid for pid in members if pid != command and os.getsid(pid) == pid]


def all_pumps(stage: Stage, client: Client, n: int) -> list[int]:
    """The same, once there are ``n``."""
    return stage.wait(lambda: those if len(those := pumps(client)) == n else [])


def stuck(stage: Stage, **changes: object) -> tuple[Job, Client]:
    """A command that has ended, and whose reader does not read what it wrote last."""
    reading, writing = os.pipe()
    stage.opened.append(reading)
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    null = stage.null()
    job = stage.job("/usr/bin/head", "-c", "60000", "/dev/zero", record="output", **changes)
    client = stage.get_ready(job, ("null", "pipe", "null"), [null, writing, null])
    os.close(writing)
    stage.order(stage.executor.go, job.run)
    stage.wait(lambda: client.said(b"R"))
    stage.wait(lambda: is_known_to_be_over(command_of(client)))
    assert client.end is None, "it waits for its reader"
    return job, client


# --- what does not arrive --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pause", ["", "sleep 0.1"])
def test_what_its_device_does_not_take_is_no_success(stage: Stage, pause: str) -> None:
    """THREATS L-04."""
    for _ in range(3):  # on a busy host it may not have ended by itself when it is killed: two seconds after SIGTERM
        full = os.open("/dev/full", os.O_WRONLY)
        null = stage.null()
        job = stage.job("/bin/sh", "-c", f"trap '' TERM; echo hello; {pause}", record="output")
        client = stage.get_ready(job, ("null", "device", "null"), [null, full, null])
        stage.order(stage.executor.go, job.run)
        outcome = stage.outcome(job)
        if outcome.ending is not Ending.SIGNALED:
            break
    assert (outcome.ending, outcome.number) == (Ending.LOST, 125)
    assert outcome.because.startswith("its standard output could not be written: No space left on device"), outcome
    assert client.end is not None and client.end["because"] == outcome.because


def test_a_command_that_goes_on_writing_there_is_ended(stage: Stage) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    null = stage.null()
    job = stage.job("/bin/sh", "-c", "trap '' TERM; while :; do echo hello; sleep 0.1; done", record="output")
    stage.get_ready(job, ("null", "device", "null"), [null, full, null])
    stage.order(stage.executor.go, job.run)
    outcome = stage.outcome(job)
    assert outcome.ending is Ending.SIGNALED and "No space left on device" in outcome.because


def test_an_input_that_cannot_be_read_is_no_end_of_it(stage: Stage, tmp_path: Path) -> None:
    """What comes from a connection that breaks is not to be taken for all of it."""
    listening = socket.create_server(("127.0.0.1", 0))
    sender = socket.create_connection(listening.getsockname())
    receiver, _ = listening.accept()
    with listening, sender, receiver:
        sender.send(b"first half\n")
        mark = tmp_path / "all of it was read"
        job = stage.job("/bin/sh", "-c", f"cat; touch '{mark}'", record="all")
        null = stage.null()
        client = stage.get_ready(job, ("socket", "null", "null"), [receiver.fileno(), null, null])
        stage.order(stage.executor.go, job.run)
        stage.wait(lambda: client.said(b"R"))
        linger = struct.pack("ii", 1, 0)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        sender.close()  # a reset: the rest never comes
        outcome = stage.outcome(job)
    assert outcome.ending is Ending.SIGNALED and "standard input could not be read: Connection reset" in outcome.because, outcome
    assert not mark.exists()


def test_a_recorder_that_is_killed_is_no_success(stage: Stage) -> None:
    job = stage.job("/bin/sh", "-c", "read go; echo hello; exit 0", record="output")
    pipes = Pipes()
    fifo, go = os.pipe()
    client = stage.get_ready(job, ("pipe",) * 3, [fifo, *pipes.sent[1:]])
    os.close(fifo)
    pipes.go()
    stage.order(stage.executor.go, job.run)
    stage.wait(lambda: client.said(b"R"))
    for pid in all_pumps(stage, client, 2):
        with suppress(ProcessLookupError):  # the run is ended with the first
            os.kill(pid, signal.SIGKILL)
    os.close(go)
    outcome = stage.outcome(job)
    pipes.join()
    assert outcome.ending is not Ending.EXITED and "was killed" in outcome.because, outcome


def test_a_recorder_that_its_user_stops_delays_nobody_elses_stop(stage: Stage) -> None:
    job = stage.job("/bin/sh", "-c", "read go; echo hello", record="output", **AS_NOBODY)
    pipes = Pipes()
    given, go = os.pipe()
    client = stage.get_ready(job, ("pipe",) * 3, [given, *pipes.sent[1:]])
    os.close(given)
    pipes.go()
    stage.order(stage.executor.go, job.run)
    stage.wait(lambda: client.said(b"R"))
    for pid in all_pumps(stage, client, 2):
        os.kill(pid, signal.SIGSTOP)
    os.write(go, b"go\n")
    os.close(go)
    stage.wait(lambda: is_over(command_of(client)))
    assert client.end is None
    stage.order(stage.executor.stop, job.run, "bob stopped it")
    outcome = stage.outcome(job)
    pipes.join()
    assert outcome.ending is Ending.LOST and "bob stopped it" in outcome.because and pipes.reads[0] == b""


def test_a_recorder_of_input_that_its_user_stops_does_not_hold_up_the_end(stage: Stage) -> None:
    given, feed = os.pipe()
    os.write(feed, b"for the next command")
    null = stage.null()
    end = stage.directory / "end"
    os.mkfifo(end)
    job = stage.job("/bin/cat", str(end), record="all", **AS_NOBODY)
    client = stage.get_ready(job, ("pipe", "null", "null"), [given, null, null])
    stage.order(stage.executor.go, job.run)
    stage.wait(lambda: client.said(b"R"))
    recorders = all_pumps(stage, client, 2)
    of_input = stage.wait(lambda: [pid for pid in recorders if len(os.listdir(f"/proc/{pid}/fd")) == OF_INPUT])
    os.kill(of_input[0], signal.SIGSTOP)
    end.write_bytes(b"")  # it ends when somebody has opened this and has closed it
    outcome = stage.outcome(job)
    assert outcome.ending is Ending.LOST and "could not be given back" in outcome.because, outcome
    assert os.read(given, 100) == b"for the next command"
    os.close(given)
    os.close(feed)


# --- what delays its end ---------------------------------------------------------------------------------------------


def test_what_it_leaves_behind_and_writes_without_end_does_not_hold_it_up(stage: Stage) -> None:
    job = stage.job("/bin/sh", "-c", "trap '' HUP; cat /dev/zero & cat /dev/zero & sleep 0.3; exit 3", record="output")
    null = stage.null()
    client = stage.get_ready(job, ("null",) * 3, [null] * 3)
    stage.order(stage.executor.go, job.run)
    stage.wait(lambda: client.end)
    assert client.end is not None and client.end["status"] == 3


def test_what_is_written_after_its_end_is_not_waited_for(stage: Stage) -> None:
    """One that is never seen empty: whenever it was read, there is more."""
    reading, writing = os.pipe()
    monitor, its_own = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with (
        monitor,
        its_own,
        open(reading, "rb"),
        open(writing, "wb", buffering=0) as pipe,
        open(stage.null(), "wb", closefd=False) as null,
    ):
        pipe.write(bytes(1000))

        def pass_on() -> None:
            with suppress(BrokenPipeError):  # the monitor may go while it is told something
                _pass_on(its_own, reading, null.fileno())

        thread = threading.Thread(target=pass_on)
        monitor.send(DRAIN)
        thread.start()
        said: list[bytes] = []
        while (packet := monitor.recv(100_000)[:1]) == TOLD and len(said) < 10:
            said.append(packet)
            pipe.write(bytes(1000))
            monitor.send(KEPT)
        assert packet == DRAINED and len(said) == 1
        monitor.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)


def _goes_away(stage: Stage, job: Job, client: Client) -> None:
    client.close()


def _interrupts(stage: Stage, job: Job, client: Client) -> None:
    client.send(b"G" + bytes([signal.SIGINT]))


def _is_stopped(stage: Stage, job: Job, client: Client) -> None:
    stage.order(stage.executor.stop, job.run, "bob stopped it")


@pytest.mark.parametrize("ended", [_goes_away, _interrupts, _is_stopped])
@pytest.mark.parametrize("leftovers", ["end", "keep"])
def test_one_whose_reader_does_not_read_can_be_ended(
    stage: Stage, ended: Callable[[Stage, Job, Client], None], leftovers: str
) -> None:
    """THREATS L-04."""
    job, client = stuck(stage, leftovers=leftovers)
    ended(stage, job, client)
    outcome = stage.outcome(job)
    assert outcome.ending is Ending.LOST and "not all of its input and output was passed on" in outcome.because, outcome
    recording = stage.reported(Ended, job.run)
    assert recording is not None and recording.recording is not None


# --- a recorder on an errand -----------------------------------------------------------------------------------------


def test_what_is_written_to_a_service_comes_from_the_commands_user_and_not_from_root(stage: Stage) -> None:
    """THREATS L-04: the journal, for one, believes what the kernel says of each message: SCM_CREDENTIALS (unix(7))."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, SO_PASSCRED, 1)
        null = stage.null()
        job = stage.job("/bin/echo", "I am root", record="output", **AS_NOBODY)
        stage.get_ready(job, ("null", "socket", "null"), [null, theirs.fileno(), null])
        stage.order(stage.executor.go, job.run)
        ours.settimeout(PATIENCE)
        data, ancillary, _, _ = ours.recvmsg(100, socket.CMSG_SPACE(12))
        assert data == b"I am root\n"
        assert struct.unpack("iII", ancillary[0][2])[1:] == (NOBODY, NOBODY)
        assert stage.outcome(job).number == 0


@pytest.mark.parametrize("record", ["output", "all"])
def test_a_recorder_has_no_rights_but_the_commands_and_nobody_looks_into_it(stage: Stage, record: str) -> None:
    """THREATS L-04."""
    job = stage.job("/bin/cat", record=record, **AS_NOBODY)
    stdin, feed = os.pipe()
    pipes = Pipes()
    client = stage.get_ready(job, ("pipe",) * 3, [stdin, *pipes.sent[1:]])
    os.close(stdin)
    pipes.go()
    stage.order(stage.executor.go, job.run)
    stage.wait(lambda: client.said(b"R"))
    n_pumps = 3 if record == "all" else 2
    found = all_pumps(stage, client, n_pumps)
    bare = {f"Uid:{f'{chr(9)}{NOBODY}' * 4}", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000"}
    for pid in found:
        status = Path(f"/proc/{pid}/status")
        stage.wait(lambda status=status: bare <= set(status.read_text().split("\n")))
        assert os.stat(f"/proc/{pid}/fd").st_uid == 0, "it cannot be traced: its descriptors are no way around it"
        stage.wait(lambda pid=pid: len(os.listdir(f"/proc/{pid}/fd")) in (3, OF_INPUT))
    assert sum(len(os.listdir(f"/proc/{pid}/fd")) == OF_INPUT for pid in found) == n_pumps - 2
    os.close(feed)
    assert stage.outcome(job).number == 0
    pipes.join()


def test_the_commands_user_opens_its_streams_by_their_names(stage: Stage) -> None:
    job = stage.job("/bin/sh", "-c", "echo out >/dev/stdout; echo err >/dev/stderr; cat /dev/stdin", record="all", **AS_NOBODY)
    pipes = Pipes(b"in\n")
    assert play(stage, job, pipes).number == 0
    assert pipes.reads == [b"out\nin\n", b"err\n"]
