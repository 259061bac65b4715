# SPDX-License-Identifier: Apache-2.0
"""A command runs: when it may, what it is given, and how its end is told. Law: real processes only."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from jitd.core.run import Ending, Outcome
from jitd.executor import Ended, ExecutorError, Here, Ready, Started
from jitd.monitor.orders import Job, nanoseconds
from tests.marks import alike, full
from tests.monitor.stage import NOBODY, Stage
from tests.waiting import handles, status_of, unread, wait_for

pytestmark = alike

ALL_BYTES = bytes(range(1, 256))


OF_EACH_BIT = sorted({0, *(1 << n for n in range(8)), 117, 120, 125, 126, 127, 137, 254, 255})
"""Exit statuses: each bit alone, and all; of those that jitsudo uses itself, and of those that shells use for signals."""


@pytest.mark.parametrize(
    "statuses",
    [
        pytest.param(OF_EACH_BIT, id="of each bit"),
        pytest.param(range(256), id="all", marks=full("every day, the test uses statuses in which each bit is set and cleared")),
    ],
)
def test_every_exit_status_comes_back_exactly(stage: Stage, statuses: Sequence[int]) -> None:
    """THREATS X-12."""
    for status in statuses:
        client, outcome = stage.play(stage.job("/bin/sh", "-c", f"exit {status}"))
        assert outcome == Outcome(Ending.EXITED, status)
        assert client.end == {"outcome": "exited", "status": status, "because": ""}


ENDING = sorted({*range(1, 32), *range(34, 65)} - {17, 18, 19, 20, 21, 22, 23, 28})
"""Signals that end a command; the others stop it, or do nothing."""
OF_EACH_KIND = sorted({*(1 << n for n in range(7) if 1 << n in ENDING), 9, 15, 34})
"""Signals: each bit alone, those that leave a core and those that do not, the one that cannot be caught, and those that have no
name.
"""


@pytest.mark.parametrize(
    "signals",
    [
        pytest.param(OF_EACH_KIND, id="of each kind"),
        pytest.param(ENDING, id="all", marks=full("every day, the test uses signals of each kind")),
    ],
)
def test_every_signal_that_ends_a_command_comes_back_exactly(stage: Stage, signals: Sequence[int]) -> None:
    """THREATS X-12."""
    for number in signals:
        client, outcome = stage.play(stage.job("/bin/sh", "-c", f"kill -{number} $$"))
        assert outcome == Outcome(Ending.SIGNALED, number)
        assert client.end == {"outcome": "signaled", "status": number, "because": ""}


def test_what_is_reported_comes_in_order(stage: Stage) -> None:
    job = stage.job("/bin/true")
    stage.play(job)
    assert [type(report) for report in stage.reports] == [Here, Ready, Started, Ended]


def test_the_client_hears_that_it_runs_and_then_how_it_ended(stage: Stage) -> None:
    client, _ = stage.play(stage.job("/bin/true"))
    assert [packet[:1] for packet in client.packets] == [b"R", b"X"]
    stage.wait(lambda: client.is_at_end)


def test_nothing_runs_without_a_go(stage: Stage) -> None:
    mark = stage.directory / "mark"
    job = stage.job("/usr/bin/touch", str(mark))
    stage.get_ready(job)
    stage.sleep(0.5)
    assert not mark.exists()
    stage.order(stage.executor.stop, job.run, "revoked by bob@EXAMPLE.ORG: wrong host")
    assert stage.outcome(job) == Outcome(Ending.NOT_STARTED, 126, "revoked by bob@EXAMPLE.ORG: wrong host")
    assert not mark.exists()


def test_a_go_before_the_streams_is_no_go(stage: Stage) -> None:
    mark = stage.directory / "mark"
    job = stage.job("/usr/bin/touch", str(mark))
    client = stage.start(job)
    stage.wait(lambda: stage.reported(Here, job.run))
    stage.order(stage.executor.go, job.run)
    stage.wait(lambda: unread(stage.executor._monitors[job.run]) == 0)
    client.send_streams(("null",) * 3, [stage.null(), stage.null(), stage.null()])
    stage.wait(lambda: stage.reported(Ready, job.run))
    stage.sleep(0.3)
    assert not mark.exists()


def test_a_client_that_goes_before_its_streams_starts_nothing(stage: Stage) -> None:
    mark = stage.directory / "mark"
    job = stage.job("/usr/bin/touch", str(mark))
    stage.start(job).close()
    assert stage.outcome(job) == Outcome(Ending.NOT_STARTED, 126, "the client went away")
    assert not mark.exists()


def test_a_client_that_goes_before_the_go_starts_nothing(stage: Stage) -> None:
    """THREATS A-06."""
    mark = stage.directory / "mark"
    job = stage.job("/usr/bin/touch", str(mark))
    stage.get_ready(job).close()
    assert stage.outcome(job) == Outcome(Ending.NOT_STARTED, 126, "the client went away")
    stage.order(stage.executor.go, job.run)
    stage.sleep(0.2)
    assert not mark.exists()


def held(stage: Stage, job: Job) -> int:
    """The monitor of a job, stopped; 0 if it has ended before."""
    if stage.reported(Ended, job.run) is None:
        for monitor in stage.monitors():
            with suppress(OSError):
                os.kill(monitor, signal.SIGSTOP)
                wait_for(lambda pid=monitor: status_of(pid)["State"][0] in "TZX")  # type: ignore[misc]
                if status_of(monitor)["State"][0] == "T":
                    return monitor
    return 0


@pytest.mark.parametrize("ends", ["the client", "the time"])
def test_a_go_that_comes_with_the_end_of_the_client_or_of_the_time_starts_nothing(stage: Stage, ends: str) -> None:
    mark = stage.directory / "mark"
    for ends_in in (1.5, 5.0, 30.0):  # on a busy machine the time can be over before anybody is ready
        ends_at = None if ends == "the client" else time.clock_gettime(time.CLOCK_BOOTTIME) + ends_in
        job = stage.job("/usr/bin/touch", str(mark), ends_at_boot_ns=None if ends_at is None else nanoseconds(ends_at))
        client = stage.get_ready(job)
        monitor = held(stage, job)
        if ends_at is None:
            client.close()
        else:
            stage.sleep(max(0, ends_at - time.clock_gettime(time.CLOCK_BOOTTIME)) + 0.05)
        stage.order(stage.executor.go, job.run)
        if monitor:
            os.kill(monitor, signal.SIGCONT)
        assert stage.outcome(job).ending is Ending.NOT_STARTED
        assert not mark.exists()
        stage.forget(job)
        if monitor:
            return
    pytest.fail("no monitor was ready in time")


def test_a_client_that_says_nothing_has_ten_seconds(stage: Stage) -> None:
    job = stage.job("/bin/true")
    stage.start(job)
    outcome = stage.outcome(job)
    assert outcome == Outcome(Ending.NOT_STARTED, 126, "the client did not hand over its streams within 10 s")


def test_a_run_is_started_once(stage: Stage) -> None:
    job = stage.job("/bin/true")
    stage.get_ready(job)
    with pytest.raises(ExecutorError):
        stage.run(stage.executor.start(job))


def test_its_arguments_are_what_was_approved_byte_for_byte(stage: Stage) -> None:
    """THREATS R-09."""
    given = [b"", b" ", b"a b", b"\n", b"$HOME", b"\\", b"'\"", b"-n", ALL_BYTES, b"x" * (128 * 1024 - 1)]
    told = stage.capture(
        "/usr/bin/python3", "-c", "import os,sys; os.write(1, b'\\0'.join(map(os.fsencode, sys.argv[1:])))", *given
    )
    assert told.split(b"\0") == given


def test_two_mebibytes_of_arguments_arrive(stage: Stage) -> None:
    given = [b"%05d" % n + b"x" * 100_000 for n in range(19)]
    told = stage.capture("/bin/sh", "-c", 'printf "%s\\n" "$@" | cksum', "sh", *given)
    expected = os.popen("cksum <" + _file(stage, b"".join(part + b"\n" for part in given))).read()
    assert told.decode() == expected


def _file(stage: Stage, content: bytes) -> str:
    path = stage.directory / "content"
    path.write_bytes(content)
    return str(path)


def test_its_environment_is_exactly_what_was_decided(stage: Stage) -> None:
    environment = ((b"PATH", b"/bin"), (b"odd", ALL_BYTES), (b"EMPTY", b""), (b"A B", b"c=d"))
    told = stage.capture("/usr/bin/env", "-0", environment=environment)
    assert told == b"".join(name + b"=" + value + b"\0" for name, value in environment)


def test_argv0_is_what_was_typed_and_the_path_what_was_approved(stage: Stage) -> None:
    told = stage.capture("-odd name", "-c", 'echo "$0"', path=b"/bin/sh")
    assert told == b"-odd name\n"


def test_a_script_without_an_interpreter_line_is_a_shells(stage: Stage) -> None:
    script = stage.directory / "script"
    script.write_text('echo "$0 $1"\n')
    script.chmod(0o755)
    assert stage.capture(str(script), "x") == f"{script} x\n".encode()


def test_it_begins_in_the_directory_that_was_approved(stage: Stage) -> None:
    place = stage.directory / os.fsdecode(b"a dir\xff\n")
    place.mkdir()
    told = stage.capture("/bin/pwd", cwd=os.fsencode(place), uid=NOBODY, gid=NOBODY, groups=(NOBODY,))
    assert told == os.fsencode(place) + b"\n"


@pytest.mark.parametrize("what", ["gone", "another"])
def test_a_directory_that_is_not_the_approved_one_starts_nothing(stage: Stage, what: str) -> None:
    place = stage.directory / "place"
    place.mkdir()
    job = stage.job("/bin/true", cwd=os.fsencode(place), uid=NOBODY, gid=NOBODY, groups=(NOBODY,))
    place.rename(stage.directory / "old")
    if what == "another":
        place.mkdir()
    stage.go(job)
    said = {
        "gone": "the working directory cannot be entered: No such file or directory",
        "another": "the working directory is not the approved one",
    }
    assert stage.outcome(job) == Outcome(Ending.NOT_STARTED, 126, said[what])


def test_a_closed_directory_that_is_another_by_now_starts_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS S-12, X-10: the caller stands in the one that was approved."""
    place = stage.directory / "place"
    place.mkdir(mode=0o700)
    monkeypatch.chdir(place)
    as_nobody = {"uid": NOBODY, "gid": NOBODY, "groups": (NOBODY,)}
    job = stage.job("/bin/true", cwd=os.fsencode(place), requester_uid=0, inherits=True, **as_nobody)
    place.rename(stage.directory / "old")
    place.mkdir(mode=0o700)
    stage.go(job)
    said = "the working directory cannot be entered: Permission denied"
    assert stage.outcome(job) == Outcome(Ending.NOT_STARTED, 126, said)


def test_what_cannot_be_executed_is_126_and_says_why(stage: Stage) -> None:
    file = stage.directory / "data"
    file.write_bytes(b"\x7fELF nonsense")
    file.chmod(0o644)
    client, outcome = stage.play(stage.job(str(file)))
    assert outcome == Outcome(Ending.NOT_STARTED, 126, "the file cannot be executed: Permission denied")
    assert client.end == {"outcome": "not started", "status": 126, "because": outcome.because}


def test_what_is_gone_by_now_is_127(stage: Stage) -> None:
    _, outcome = stage.play(stage.job(str(stage.directory / "never")))
    assert (outcome.ending, outcome.number) == (Ending.NOT_STARTED, 127)


@pytest.mark.parametrize("n", [1, 30])
def test_many_runs_at_once_do_not_mix(stage: Stage, n: int) -> None:
    jobs = [stage.job("/bin/sh", "-c", f"exit {k + 1}") for k in range(n)]
    for job in jobs:
        stage.go(job)
    assert [stage.outcome(job).number for job in jobs] == [k + 1 for k in range(n)]


KINDS = ("pipe", "file", "socket", "null", "closed", "device", "terminal")


def _some_beside(first: str) -> tuple[str, ...]:
    """The same kind, the next one, and a terminal, which is made and not sent."""
    return tuple({first: 0, KINDS[(KINDS.index(first) + 1) % len(KINDS)]: 0, "terminal": 0})


@pytest.mark.parametrize(
    ("first", "seconds"),
    [
        *(pytest.param(first, _some_beside(first), id=first) for first in KINDS if first != "terminal"),
        pytest.param("terminal", KINDS, id="terminal"),
        *(
            pytest.param(
                first,
                tuple(second for second in KINDS if second not in _some_beside(first)),
                id=f"{first}, the rest",
                marks=full("every day, each kind of stream is in each place, beside its own kind, another one and a terminal"),
            )
            for first in KINDS
            if first != "terminal"
        ),
    ],
)
def test_streams_of_every_mixture_arrive_as_they_were_sent(stage: Stage, first: str, seconds: tuple[str, ...]) -> None:
    for second in seconds:
        _mix(stage, (first, second, "pipe"))


def _mix(stage: Stage, kinds: tuple[str, ...]) -> None:
    told, telling = os.pipe()
    ends = [_end_of(stage, kind) for kind in kinds[:2]]
    job = stage.job(
        "/usr/bin/python3",
        "-ISc",
        "import os\n"
        "for fd in 0, 1:\n"
        "    s = os.fstat(fd)\n"
        "    what = 'terminal' if os.isatty(fd) else f'{s.st_dev}:{s.st_ino}:{s.st_rdev}'\n"
        "    os.write(2, what.encode() + b'\\n')\n",
        streams=kinds,
    )
    stage.get_ready(job, kinds, [end for end in ends if end is not None] + [telling])
    os.close(telling)
    stage.order(stage.executor.go, job.run)
    assert stage.outcome(job).number == 0
    with open(told, "rb") as file:
        lines = file.read().decode().splitlines()
    for kind, end, line in zip(kinds, ends, lines, strict=False):
        found = os.stat("/dev/null") if end is None else os.fstat(end)
        assert line == ("terminal" if kind == "terminal" else f"{found.st_dev}:{found.st_ino}:{found.st_rdev}")


def _end_of(stage: Stage, kind: str) -> int | None:
    if kind in ("terminal", "closed"):
        return None
    if kind == "pipe":
        path = stage.directory / f"fifo-{len(stage.opened)}"
        os.mkfifo(path)
        end = os.open(path, os.O_RDWR)
    elif kind == "file":
        end = os.open(stage.directory / "file", os.O_RDWR | os.O_CREAT)
    elif kind == "socket":
        one, other = socket.socketpair()
        stage.opened.append(other.detach())
        end = one.detach()
    else:
        end = os.open("/dev/zero" if kind == "device" else "/dev/null", os.O_RDWR)
    stage.opened.append(end)
    return end


def test_a_pipe_of_200_megabytes_comes_through_byte_for_byte(stage: Stage) -> None:
    n = 200 * 1024 * 1024
    told = stage.capture("/bin/sh", "-c", f"head -c {n} /dev/zero")
    assert len(told) == n and not told.strip(b"\0")


def test_the_outcome_is_durable_and_roots_alone_until_it_is_taken(stage: Stage) -> None:
    job = stage.job("/bin/sh", "-c", "exit 3")
    stage.go(job)
    stage.outcome(job)
    files = list((stage.state_dir / "runs").iterdir())
    assert [file.name for file in files] == [f"{job.run}.json"]
    assert files[0].stat().st_mode & 0o777 == 0o600
    assert (stage.state_dir / "runs").stat().st_mode & 0o777 == 0o700
    stage.forget(job)
    assert not files[0].exists()
    assert not list((stage.run_dir / "runs").iterdir())


def test_a_run_leaves_no_process_no_control_group_and_no_pty(stage: Stage) -> None:
    stage.wait(lambda: not _groups())  # what other tests have ended may be there for a moment
    before = len(os.listdir("/dev/pts"))
    for streams in (("null",) * 3, ("terminal",) * 3):
        stage.play(stage.job("/bin/true"), streams)
    stage.wait(lambda: len(os.listdir("/dev/pts")) <= before and not _groups())


def _groups() -> list[str]:
    from jitd.monitor.housing import own_group

    return [entry.name for entry in Path(own_group() or "/nonexistent").glob("jitd-run-TEST*")]


def test_a_signal_is_delivered_to_the_command(stage: Stage) -> None:
    job = stage.job("/bin/sh", "-c", "trap 'exit 9' USR1; while :; do sleep 0.01; done")
    client, pid = stage.started(job)
    stage.wait(lambda: handles(pid, signal.SIGUSR1))
    client.send(b"G" + bytes([signal.SIGUSR1]))
    assert stage.outcome(job) == Outcome(Ending.EXITED, 9)


@pytest.mark.parametrize("packet", [b"G\x09", b"G", b"Z", b"S{}", b"W\0", b"G\x02\x02", b"\0" * 30000])
def test_a_client_that_breaks_the_protocol_is_hung_up_on(stage: Stage, packet: bytes) -> None:
    job = stage.job("/bin/sleep", "60")
    client, _ = stage.started(job)
    client.send(packet)
    assert stage.outcome(job) == Outcome(Ending.SIGNALED, signal.SIGHUP, "the client went away")
