# SPDX-License-Identifier: Apache-2.0
"""The daemon goes and comes back. Law: a run does not notice, and how it ended arrives once, whenever it ended."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from jitd.core.run import Ending, Outcome
from jitd.executor import Ended, ExecutorError, Here, Ready, Report, Started, Trouble, monitors
from jitd.executor.direct import Direct
from jitd.executor.remains import Remains
from jitd.monitor.places import plate_path
from tests.descriptors import links
from tests.monitor.hiders import asleep, marked, shell
from tests.monitor.stage import HAS_SYSTEMD, Stage
from tests.waiting import wait_for


def kinds(stage: Stage) -> list[type[Report]]:
    return [type(report) for report in stage.reports]


def until(stage: Stage) -> str:
    """What a script does until ``let_end``."""
    return f"until [ -e {stage.directory}/end ]; do sleep 0.05; done"


def let_end(stage: Stage) -> None:
    (stage.directory / "end").touch()


def test_a_run_that_waits_for_its_streams_is_found_again(stage: Stage) -> None:
    job = stage.job("/bin/sh", "-c", "exit 5")
    client = stage.start(job)
    stage.wait(lambda: stage.reported(Here, job.run))
    stage.restart()
    assert stage.run(stage.executor.find([job.run])) == [job.run]
    stage.wait(lambda: stage.reported(Here, job.run))
    assert stage.reports == [Here(job.run, "starting")]
    client.send_streams(("null",) * 3, [stage.null()] * 3)
    stage.wait(lambda: stage.reported(Ready, job.run))
    stage.order(stage.executor.go, job.run)
    assert stage.outcome(job) == Outcome(Ending.EXITED, 5)


def test_a_run_that_is_ready_says_so_again(stage: Stage) -> None:
    job = stage.job("/bin/sh", "-c", "exit 5")
    stage.get_ready(job)
    stage.restart()
    assert stage.run(stage.executor.find([job.run])) == [job.run]
    stage.wait(lambda: stage.reported(Ready, job.run))
    assert stage.reports[0] == Here(job.run, "ready")
    stage.order(stage.executor.go, job.run)
    assert stage.outcome(job) == Outcome(Ending.EXITED, 5)


def test_a_running_command_does_not_notice(stage: Stage) -> None:
    script = f"for i in 1 2 3 4; do echo $i; done; {until(stage)}; for i in 5 6 7 8; do echo $i; done; exit 5"
    job = stage.job("/bin/sh", "-c", script)
    client, pid = stage.started(job, ("terminal",) * 3)
    stage.restart()
    assert stage.run(stage.executor.find([job.run])) == [job.run]
    stage.wait(lambda: stage.reported(Started, job.run))
    assert stage.reports[:2] == [Here(job.run, "running"), Started(job.run, pid)]
    let_end(stage)
    assert stage.outcome(job) == Outcome(Ending.EXITED, 5)
    stage.wait(lambda: client.end)
    assert client.output == b"".join(b"%d\r\n" % n for n in range(1, 9))


def test_what_ended_without_a_daemon_is_told_to_the_next_one_once(stage: Stage) -> None:
    job = stage.job("/bin/sh", "-c", f"{until(stage)}; exit 5")
    client, _ = stage.started(job)
    stage.run(stage.executor.close())
    stage.reports.clear()
    let_end(stage)
    stage.wait(lambda: client.end and os.listdir(stage.state_dir / "runs"))
    stage.open()
    assert stage.run(stage.executor.find([job.run])) == [job.run]
    assert stage.outcome(job) == Outcome(Ending.EXITED, 5)
    stage.forget(job)
    stage.sleep(1.5)
    assert kinds(stage) == [Here, Started, Ended]


def test_what_began_and_ended_without_a_daemon_has_begun_and_then_ended(stage: Stage) -> None:
    """THREATS L-09: the daemon is gone before it hears that the command has begun."""
    job = stage.job("/bin/sh", "-c", "exit 5")
    client = stage.get_ready(job)
    stage.order(stage.executor.go, job.run)
    stage.run(stage.executor.close())
    stage.reports.clear()
    stage.wait(lambda: client.end and os.listdir(stage.state_dir / "runs"))
    (told,) = client.said(b"R")
    stage.open()
    stage.run(stage.executor.find([job.run]))
    assert stage.outcome(job) == Outcome(Ending.EXITED, 5)
    assert stage.reports == [
        Here(job.run, "ended"),
        Started(job.run, int.from_bytes(told, "big")),
        Ended(job.run, Outcome(Ending.EXITED, 5)),
    ]


@pytest.mark.parametrize(("script", "ending"), [("exit 5", Ending.EXITED), ("sleep 60", Ending.LOST)])
def test_what_began_without_a_daemon_and_lost_its_monitor_has_begun_and_then_ended(
    stage: Stage, script: str, ending: Ending
) -> None:
    """THREATS L-09: the monitor's file says it when the monitor is gone, too."""
    job = stage.job("/bin/sh", "-c", script)
    client = stage.get_ready(job)
    stage.order(stage.executor.go, job.run)
    stage.run(stage.executor.close())
    stage.reports.clear()
    (told,) = stage.wait(lambda: client.said(b"R"))
    if ending is Ending.EXITED:
        stage.wait(lambda: client.end and os.listdir(stage.state_dir / "runs"))
    _kill_monitors(stage)
    stage.open()
    stage.run(stage.executor.find([job.run]))
    assert stage.outcome(job).ending is ending
    assert kinds(stage) == [Started, Ended] and stage.reports[0] == Started(job.run, int.from_bytes(told, "big"))


def test_whether_a_command_has_begun_is_said_to_be_unknown_if_it_is(stage: Stage) -> None:
    """THREATS L-09: the monitor was killed between its word to the command and the command's start."""
    (stage.run_dir / "runs" / "TEST-0043").write_bytes(b"\ngo\n")
    assert stage.run(stage.executor.find(["TEST-0043"])) == []
    unknown = "and whether the command had begun is not known; processes that the command has started may live"
    because = f"its monitor was killed, {unknown}"
    assert stage.reports == [Ended("TEST-0043", Outcome(Ending.LOST, 125, because))]
    stage.order(stage.executor.forget, "TEST-0043")


def test_an_outcome_that_was_not_taken_comes_again_and_then_no_more(stage: Stage) -> None:
    job = stage.job("/bin/sh", "-c", "exit 5")
    stage.go(job)
    stage.outcome(job)
    stage.restart()
    stage.run(stage.executor.find([job.run]))
    assert stage.outcome(job) == Outcome(Ending.EXITED, 5)
    stage.forget(job)
    stage.restart()
    stage.sleep(0.5)
    assert stage.reports == []


def test_an_outcome_whose_monitor_is_gone_too_is_read_from_its_file(stage: Stage) -> None:
    job = stage.job("/bin/sh", "-c", "exit 5")
    stage.go(job)
    stage.outcome(job)
    stage.run(stage.executor.close())
    stage.reports.clear()
    _kill_monitors(stage)
    stage.open()
    assert stage.run(stage.executor.find([job.run])) == []
    assert stage.reports[1:] == [Ended(job.run, Outcome(Ending.EXITED, 5))] and kinds(stage)[0] is Started
    stage.forget(job)
    assert not list((stage.state_dir / "runs").iterdir())


def _kill_monitors(stage: Stage) -> None:
    """Until no plate is locked: one that is begun meanwhile, or is ending already, holds the lock and may not be seen."""
    remains = Remains(str(stage.run_dir), str(stage.state_dir))

    def are_gone() -> bool:
        for pid in stage.monitors():
            with suppress(ProcessLookupError):  # one that was made beforehand may end with another
                os.kill(pid, signal.SIGKILL)
        return not any(remains.is_alive(plate.name) for plate in (stage.run_dir / "runs").iterdir())

    stage.wait(are_gone)


def test_a_run_that_never_reached_a_launcher_has_not_started(stage: Stage) -> None:
    assert stage.run(stage.executor.find(["TEST-0042"])) == []
    said = "it was interrupted before the command had begun"
    assert stage.reports == [Ended("TEST-0042", Outcome(Ending.NOT_STARTED, 125, said))]


def test_a_monitor_killed_before_the_go_has_certainly_not_started(stage: Stage) -> None:
    job = stage.job("/bin/true")
    stage.get_ready(job)
    stage.run(stage.executor.close())
    _kill_monitors(stage)
    stage.open()
    stage.reports.clear()
    assert stage.run(stage.executor.find([job.run])) == []
    assert stage.outcome(job).ending is Ending.NOT_STARTED


def test_a_monitor_killed_after_the_go_is_lost_and_its_command_is_ended(stage: Stage) -> None:
    job = shell(stage, "setsid sleep 60 & sleep 60")
    stage.started(job)
    wait_for(lambda: len(asleep(stage)) == 2)
    stage.run(stage.executor.close())
    _kill_monitors(stage)
    stage.open()
    assert stage.run(stage.executor.find([job.run])) == []
    assert stage.outcome(job) == Outcome(Ending.LOST, 125, "its monitor was killed")
    assert marked(stage) == []


def test_a_run_of_an_earlier_boot_is_lost_unless_it_left_its_outcome(stage: Stage) -> None:
    stage.run(stage.executor.find([], of_earlier_boots=["TEST-0042"]))
    assert stage.reports == [Ended("TEST-0042", Outcome(Ending.LOST, 125, "the host was restarted"))]


def test_a_stop_that_was_ordered_while_the_monitor_was_away_reaches_it(stage: Stage) -> None:
    job = shell(stage, "sleep 60")
    stage.started(job)
    stage.restart()
    stage.order(stage.executor.stop, job.run, "revoked by bob")
    assert stage.outcome(job) == Outcome(Ending.SIGNALED, signal.SIGTERM, "revoked by bob")


def test_without_a_daemon_nothing_begins_after_ten_seconds(stage: Stage) -> None:
    job = stage.job("/bin/true")
    client = stage.get_ready(job)
    began = time.monotonic()
    stage.run(stage.executor.close())
    stage.wait(lambda: client.end)
    assert time.monotonic() - began >= 10
    said = "the daemon went away before the command had begun"
    assert client.end == {"outcome": "not started", "status": 125, "because": said}
    stage.reports.clear()
    stage.open()
    assert stage.outcome(job) == Outcome(Ending.NOT_STARTED, 125, said)


def test_a_launcher_that_is_killed_takes_no_run_with_it_and_comes_back(stage: Stage) -> None:
    job = shell(stage, f"{until(stage)}; exit 5")
    stage.started(job)
    launcher = stage.launcher
    os.kill(launcher, signal.SIGKILL)
    stage.wait(lambda: any(isinstance(report, Trouble) for report in stage.reports))
    let_end(stage)
    assert stage.outcome(job) == Outcome(Ending.EXITED, 5)
    wait_for(lambda: stage.launcher != launcher, what="another launcher")  # systemd may hear later than we do that one has ended
    assert stage.play(stage.job("/bin/sh", "-c", "exit 6"))[1].number == 6


def test_a_job_that_dies_with_the_launcher_has_not_started(stage: Stage) -> None:
    os.kill(stage.launcher, signal.SIGSTOP)
    job = stage.job("/bin/true")
    client = stage.start(job)
    os.kill(stage.launcher, signal.SIGKILL)
    assert stage.outcome(job).ending is Ending.NOT_STARTED
    stage.wait(lambda: client.is_at_end)


def test_a_job_that_the_launcher_has_not_come_to_is_not_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where hundreds begin at once, it may take longer than a monitor may take to check in."""
    monkeypatch.setattr(monitors, "BORN_WITHIN", 1.0)
    os.kill(stage.launcher, signal.SIGSTOP)
    job = stage.job("/bin/true")
    client = stage.start(job)
    stage.sleep(3.0)
    assert stage.reported(Ended, job.run) is None
    monkeypatch.undo()  # how long the monitor itself may take is not what is tried here
    os.kill(stage.launcher, signal.SIGCONT)
    client.send_streams(("null",) * 3, [stage.null()] * 3)
    stage.wait(lambda: stage.reported(Ready, job.run))
    stage.order(stage.executor.go, job.run)
    assert stage.outcome(job).number == 0


def test_a_job_is_given_up_that_the_launcher_never_comes_to(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitors, "BORN_WITHIN", 0.2)
    monkeypatch.setattr(monitors, "BEHIND_FOR", 0.5)
    os.kill(stage.launcher, signal.SIGSTOP)
    job = stage.job("/bin/true")
    client = stage.start(job)
    assert stage.outcome(job).ending is Ending.NOT_STARTED
    stage.forget(job)
    os.kill(stage.launcher, signal.SIGCONT)
    stage.wait(lambda: client.end)
    assert client.end is not None and client.end["outcome"] == "not started"


def test_a_stale_socket_is_replaced_and_is_roots_alone(stage: Stage) -> None:
    socket = stage.run_dir / "monitors.sock"
    before = socket.stat()
    stage.restart()
    now = socket.stat()
    assert (now.st_ino, now.st_ctime_ns) != (before.st_ino, before.st_ctime_ns)  # a number that is free may be taken again
    assert socket.stat().st_mode & 0o777 == 0o600 and socket.stat().st_uid == 0


def test_the_launcher_and_the_monitors_have_nothing_of_the_daemons(stage: Stage) -> None:
    secret = os.open(stage.directory / "keytab", os.O_RDWR | os.O_CREAT, 0o600)
    os.set_inheritable(secret, True)
    stage.restart()
    job = stage.job("/bin/sleep", "60")
    other = stage.job("/bin/sleep", "60")
    stage.started(other)
    _, pid = stage.started(job)
    monitor = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    # standard streams, the socket to us, to a spare monitor, the listening one; and, while it makes the next, others for a moment
    launcher = stage.launcher
    stage.wait(lambda: len(os.listdir(f"/proc/{launcher}/fd")) <= (6 if HAS_SYSTEMD else 5))
    held = {pid: list(links(pid).values()) for pid in (launcher, monitor)}
    os.close(secret)
    assert not any("keytab" in path for paths in held.values() for path in paths)
    # /dev/null twice, standard error, the control socket, the line, the plate, two ends of the wakeup pipe, the pty
    assert len(held[monitor]) <= 10 and sum("/runs/" in path for path in held[monitor]) == 1


@pytest.mark.parametrize("attack", ["link", "foreign", "writable"])
def test_a_directory_that_others_can_change_is_refused(stage: Stage, attack: str) -> None:
    place = stage.directory / "bad"
    if attack == "link":
        place.symlink_to(stage.directory)
    else:
        place.mkdir()
        if attack == "foreign":
            os.chown(place, 1077, 1077)
        else:
            place.chmod(0o777)
    executor = Direct(place, stage.state_dir, stage.reports.append)
    with pytest.raises(ExecutorError, match="only root can change"):
        stage.run(executor.open())


def test_a_plate_that_was_given_up_lets_no_late_monitor_run(stage: Stage) -> None:
    os.kill(stage.launcher, signal.SIGSTOP)
    job = stage.job("/bin/true")
    client = stage.start(job)
    successor = stage.make_executor()
    stage.run(successor.open())
    assert stage.run(successor.find([job.run])) == []
    successor.forget(job.run)
    assert not os.path.exists(plate_path(str(stage.run_dir), job.run))
    os.kill(stage.launcher, signal.SIGCONT)
    stage.wait(lambda: client.end)
    assert client.end is not None and client.end["outcome"] == "not started"
    stage.run(successor.close())
