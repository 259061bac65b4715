# SPDX-License-Identifier: Apache-2.0
"""The command's own terminal. Law: what the client is told is what was written, in order, all before the end."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import termios

import pytest

from jitd.core.run import Ending, Outcome
from tests.monitor.stage import NOBODY, Stage

TERMINAL = ("terminal",) * 3
GO_ON = b'C{"foreground": true, "rows": 24, "columns": 80, "termios": null}'


def test_it_is_a_new_terminal_of_the_target_and_controls_the_command(stage: Stage) -> None:
    script = (
        "import os, sys; s = os.fstat(0); print(os.ttyname(0), s.st_uid, oct(s.st_mode & 0o777), "
        "os.tcgetpgrp(0) == os.getpgrp() == os.getpid(), os.getsid(0) == os.getppid(), "
        "os.ttyname(os.open('/dev/tty', os.O_RDWR)))"
    )
    client, _ = stage.play(stage.job("/usr/bin/python3", "-ISc", script, uid=NOBODY, gid=NOBODY, groups=(NOBODY,)), TERMINAL)
    assert re.fullmatch(rb"(/dev/pts/\d+) 65534 0o620 True True /dev/tty\r\n", client.output), client.output


def test_what_is_typed_arrives_and_is_echoed(stage: Stage) -> None:
    client, _ = stage.started(stage.job("/bin/sh", "-c", "read a; echo got $a"), TERMINAL)
    client.send(b"Ihello\r")
    stage.wait(lambda: client.end)
    assert client.output == b"hello\r\ngot hello\r\n"


def test_control_c_is_the_terminals_own_business(stage: Stage) -> None:
    job = stage.job("/bin/sleep", "60")
    client, _ = stage.started(job, TERMINAL)
    client.send(b"I\x03")
    assert stage.outcome(job) == Outcome(Ending.SIGNALED, signal.SIGINT)


def test_control_z_stops_it_and_the_client_hears(stage: Stage) -> None:
    job = stage.job("/bin/sleep", "60")
    client, _ = stage.started(job, TERMINAL)
    client.send(b"I\x1a")
    stage.wait(lambda: client.said(b"T"))
    assert client.said(b"T") == [bytes([signal.SIGTSTP])]
    client.send(b"G" + bytes([signal.SIGCONT]))
    client.send(b"I\x03")
    assert stage.outcome(job) == Outcome(Ending.SIGNALED, signal.SIGINT)


def test_it_has_the_clients_settings_and_size(stage: Stage) -> None:
    master, slave = pty.openpty()
    try:
        settings = termios.tcgetattr(slave)
        settings[6][termios.VINTR] = b"\x0b"
        settings[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, settings)
        raw = fcntl.ioctl(slave, termios.TCGETS, bytes(36))
    finally:
        os.close(master)
        os.close(slave)
    import base64

    more = {"termios": base64.b64encode(raw).decode(), "rows": 31, "columns": 117}
    client, _ = stage.play(stage.job("/bin/stty", "-a"), TERMINAL, **more)
    assert b"intr = ^K;" in client.output and b" -echo " in client.output
    assert b"rows 31; columns 117;" in client.output


def test_a_new_size_is_told_by_the_kernel(stage: Stage) -> None:
    job = stage.job("/bin/bash", "-c", "trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.02; done")
    client, _ = stage.started(job, TERMINAL)
    stage.wait(lambda: b"ready" in client.output)
    client.send(b"W\x00\x33\x00\x99")
    stage.wait(lambda: client.end)
    assert client.output == b"ready\r\n51 153\r\n"


def test_all_output_comes_before_the_end_and_in_order(stage: Stage) -> None:
    client, _ = stage.play(stage.job("/usr/bin/seq", "200000"), TERMINAL)
    assert client.output == b"".join(b"%d\r\n" % n for n in range(1, 200001))
    assert client.packets[-1][:1] == b"X"
    assert max(map(len, client.packets)) <= 32 * 1024 + 1


@pytest.mark.parametrize("n", range(20))
def test_the_last_words_of_a_short_command_are_never_lost(stage: Stage, n: int) -> None:
    client, _ = stage.play(stage.job("/bin/echo", "x" * (n * 200)), TERMINAL)
    assert client.output == b"x" * (n * 200) + b"\r\n"


def test_a_client_that_does_not_read_holds_the_command_and_not_memory(stage: Stage) -> None:
    job = stage.job("/usr/bin/head", "-c", "1000000000", "/dev/zero")
    client, pid = stage.started(job, TERMINAL)
    client.stop_listening()
    stage.sleep(2)
    with open(f"/proc/{_parent(pid)}/status") as file:
        peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    assert peak < 32 * 1024
    stage.order(stage.executor.stop, job.run, "enough")
    stage.outcome(job)


def test_a_slow_reader_gets_the_last_words_too(stage: Stage) -> None:
    for n in (20_000_000, *range(150_000, 350_000, 9_000)):  # so that some end while what they wrote waits to be sent
        job = stage.job("/bin/sh", "-c", f"head -c {n} /dev/zero; exit 6")
        client, _ = stage.started(job, TERMINAL)
        client.stop_listening()
        stage.sleep(0.1)
        client.listen_again()
        stage.wait(lambda client=client: client.end)  # type: ignore[misc]
        assert len(client.output) == n
        assert client.end == {"outcome": "exited", "status": 6, "because": ""}


def _parent(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def test_what_nobody_reads_does_not_stop_the_keys(stage: Stage) -> None:
    job = stage.job("/bin/sleep", "60")
    client, _ = stage.started(job, TERMINAL)
    for _ in range(3):
        client.send(b"I" + b"x" * 1000)
    client.send(b"G" + bytes([signal.SIGTERM]))
    assert stage.outcome(job) == Outcome(Ending.SIGNALED, signal.SIGTERM)


def test_a_client_that_types_without_end_is_still_seen_to_hang_up(stage: Stage) -> None:
    job = stage.job("/bin/sh", "-c", "stty raw -echo; echo raw; exec sleep 60")
    client, _ = stage.started(job, TERMINAL)
    stage.wait(lambda: b"raw" in client.output)
    with pytest.raises(BlockingIOError):
        for _ in range(1000):
            client.send(b"I" + b"x" * 30000)
    client.close()
    assert stage.outcome(job) == Outcome(Ending.SIGNALED, signal.SIGHUP, "the client went away")


def test_a_command_begun_in_the_background_stops_when_it_reads_and_gets_the_terminal_when_continued(
    stage: Stage,
) -> None:
    job = stage.job("/bin/sh", "-c", "read a; echo got $a")
    client, _ = stage.started(job, TERMINAL, foreground=False)
    stage.wait(lambda: client.said(b"T"))
    assert client.said(b"T") == [bytes([signal.SIGTTIN])]
    client.send(b'C{"foreground": true, "rows": 24, "columns": 80, "termios": null}')
    client.send(b"Ihello\r")
    assert stage.outcome(job) == Outcome(Ending.EXITED, 0)
    assert b"got hello\r\n" in client.output


def test_a_key_that_stops_it_before_it_has_begun_is_told_too(stage: Stage) -> None:
    job = stage.job("/bin/echo", "done")
    client = stage.get_ready(job, TERMINAL)
    client.send(b"I\x1a")
    stage.wait(lambda: client.said(b"T"))
    stage.order(stage.executor.go, job.run)
    client.send(GO_ON)
    assert stage.outcome(job) == Outcome(Ending.EXITED, 0)
    assert b"done\r\n" in client.output


def test_a_client_that_goes_on_takes_the_terminal_from_no_job_of_the_commands_own(stage: Stage) -> None:
    job = stage.job("/bin/bash", "--norc", "-c", "set -m; cat; echo st=$?")
    client, _ = stage.started(job, ("terminal",) * 3)
    client.send(b"Ifirst\n")
    stage.wait(lambda: client.output.count(b"first") == 2)
    client.send(GO_ON)
    client.send(b"Isecond\n")
    stage.wait(lambda: client.output.count(b"second") == 2)
    client.send(b"I\x04")
    assert stage.outcome(job).ending is Ending.EXITED
    assert b"Stopped" not in client.output and b"st=0" in client.output


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b"\xff", GO_ON[1:-1], GO_ON[1:].replace(b"24", b"65536")])
def test_to_go_on_in_other_words_is_to_hang_up(stage: Stage, payload: bytes) -> None:
    job = stage.job("/bin/sleep", "60")
    client, _ = stage.started(job, TERMINAL)
    client.send(b"C" + payload)
    assert stage.outcome(job) == Outcome(Ending.SIGNALED, signal.SIGHUP, "the client went away")


def test_continued_in_the_background_it_has_the_terminal_no_more(stage: Stage) -> None:
    job = stage.job("/bin/sh", "-c", "read a; echo got $a")
    client, _ = stage.started(job, TERMINAL)
    client.send(b"I\x1a")
    stage.wait(lambda: client.said(b"T"))
    client.send(GO_ON.replace(b"true", b"false"))
    stage.wait(lambda: len(client.said(b"T")) == 2)
    assert client.said(b"T")[1] == bytes([signal.SIGTTIN])
    client.send(GO_ON)
    client.send(b"Ihello\r")
    assert stage.outcome(job) == Outcome(Ending.EXITED, 0)


def test_a_run_of_unknown_streams_without_a_terminal_has_none_either(stage: Stage) -> None:
    told = stage.capture("/bin/sh", "-c", "(: </dev/tty) 2>/dev/null || echo none; ps -o tty= $$ | cat", streams=())
    assert told == b"none\n?\n"


def test_without_a_terminal_there_is_none_to_be_found(stage: Stage) -> None:
    assert stage.capture("/bin/sh", "-c", "(: </dev/tty) 2>/dev/null || echo none", streams=("null", "pipe", "pipe")) == b"none\n"


def test_a_terminal_on_one_stream_controls_the_command(stage: Stage) -> None:
    job = stage.job("/bin/sh", "-c", "echo out; echo err >&2; echo tty >/dev/tty")
    reading, writing = os.pipe()
    client = stage.get_ready(job, ("null", "pipe", "terminal"), [stage.null(), writing])
    os.close(writing)
    stage.order(stage.executor.go, job.run)
    stage.wait(lambda: client.end)
    assert os.read(reading, 100) == b"out\n"
    assert client.output == b"err\r\ntty\r\n"
    os.close(reading)


def test_leftovers_that_write_on_are_not_heard_and_do_not_hold_the_end(stage: Stage) -> None:
    """As fast as they can until the client has heard the end, and now and then until they are killed."""
    heard = stage.directory / "heard"
    noise = f"trap '' HUP; while :; do echo noise; [ ! -e {heard} ] || sleep 0.05; done"
    job = stage.job("/bin/sh", "-c", f"({noise}) & sleep 0.2; echo last; exit 2")
    client = stage.go(job, TERMINAL)
    stage.wait(lambda: client.end)
    heard.touch()
    named = 'processes that outlived the command are ended: sh (a rule keeps them with run.leftovers = "keep")'
    assert client.end == {"outcome": "exited", "status": 2, "because": named}
    assert stage.outcome(job) == Outcome(Ending.EXITED, 2, named)
