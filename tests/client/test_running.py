# SPDX-License-Identifier: Apache-2.0
"""jitsudo against a daemon made of a script: streams handed over, statuses, signals, what it says and where."""

import os
import resource
import select
import signal
import socket
import struct
import subprocess

import pytest

from jitpam.wire.messages import Done, Refused
from tests.client.acting import ID, RUNS, command_line, surroundings
from tests.marks import full
from tests.waiting import PATIENCE


def test_a_permitted_command_gets_our_own_streams_and_jitsudo_ends_like_it(daemon, jitsudo):
    def script(peer):
        daemon.heard.append(peer.welcome())
        monitor = peer.start()
        said, given = monitor.streams()
        daemon.heard.append(said)
        monitor.say(RUNS)
        os.write(given[1], b"from the command\n")
        daemon.heard.append(os.read(given[0], 100))
        monitor.end(status=7)

    daemon.play(script)
    done = jitsudo("-u", "postgres", "A=1", "--", "true", b"\xff x", input=b"typed")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"from the command\n", b"")
    submit, said, read = daemon.heard
    assert submit.argv == [b"true", b"\xff x"]
    assert (submit.user, submit.variables, submit.streams) == ("postgres", [[b"A", b"1"]], ["pipe", "pipe", "pipe"])
    assert said["streams"] == ["pipe", "pipe", "pipe"]
    assert read == b"typed"


@pytest.mark.parametrize("status", [0, 1, 2, 117, 118, 119, 120, 125, 126, 127, 128, 200, 255])
def test_the_status_is_the_commands_own(daemon, jitsudo, status):
    def script(peer):
        peer.welcome()
        monitor = peer.start()
        monitor.streams()
        monitor.say(RUNS)
        monitor.end(status=status)

    daemon.play(script)
    assert jitsudo("true").returncode == status


ENDING = sorted({*range(1, 65)} - {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH, 19, 20, 21, 22, 32, 33})
"""Signals that end a process; the others stop it, do nothing, or are the library's own."""
OF_EACH_KIND = (1, 2, 3, 6, 9, 11, 13, 14, 15, 31, 34, 64)
"""Those that jitsudo handles itself, that Python handles or ignores, that leave a core, that cannot be caught; of real time, the
first and the last.
"""


@pytest.mark.parametrize(
    "number",
    [n if n in OF_EACH_KIND else pytest.param(n, marks=full("every day, the test uses signals of each kind")) for n in ENDING],
)
def test_if_a_signal_ended_the_command_jitsudo_ends_by_it_and_leaves_no_core(daemon, tmp_path, number):
    """THREATS X-12."""

    def script(peer):
        peer.welcome()
        monitor = peer.start()
        monitor.streams()
        monitor.say(RUNS)
        monitor.end("signaled", number)

    def unlimited():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        os.chdir(tmp_path)

    daemon.play(script)
    process = subprocess.Popen(command_line("true"), env=surroundings(daemon.path), preexec_fn=unlimited)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = 0
    assert os.waitstatus_to_exitcode(status) == -number
    assert not os.WCOREDUMP(status)


@pytest.mark.parametrize(
    ("outcome", "number", "status"),
    [("not started", 126, 126), ("not started", 127, 127), ("not started", 0, 125), ("lost", 0, 125)],
)
def test_what_did_not_run_says_why_and_has_a_status_of_ours(daemon, jitsudo, outcome, number, status):
    def script(peer):
        peer.welcome()
        monitor = peer.start()
        monitor.streams()
        monitor.end(outcome, number, "because of the moon")

    daemon.play(script)
    done = jitsudo("true")
    assert (done.returncode, done.stdout, done.stderr) == (status, b"", b"jitsudo: because of the moon\n")


def test_a_monitor_that_goes_away_is_never_a_success(daemon, jitsudo):
    def script(peer):
        peer.welcome()
        monitor = peer.start()
        monitor.streams()
        monitor.say(RUNS)
        monitor.let_go()
        monitor.control.close()

    daemon.play(script)
    done = jitsudo("true")
    assert done.returncode == 125
    assert b"monitor went away" in done.stderr


@pytest.mark.parametrize(
    "word",
    [
        b"X",
        b"X{}",
        b"Xnull",
        b'X{"outcome":"exited","status":true,"because":""}',
        b'X{"outcome":"exited","status":-1,"because":""}',
        b'X{"outcome":"exited","status":256,"because":""}',
        b'X{"outcome":"fine","status":0,"because":""}',
        b'X{"outcome":"exited","status":0,"because":null}',
        b"X\xff",
    ],
)
def test_a_last_word_that_is_none_is_never_a_success(daemon, jitsudo, word):
    def script(peer):
        peer.welcome()
        monitor = peer.start()
        monitor.streams()
        monitor.let_go()
        monitor.say(word)

    daemon.play(script)
    assert jitsudo("true").returncode == 125


def test_the_last_word_counts_though_the_monitor_left_something_of_ours_unread(daemon):
    """The kernel says that the connection was reset before it gives what was sent."""

    def script(peer):
        peer.welcome()
        monitor = peer.start()
        monitor.streams()
        monitor.say(RUNS)
        process.send_signal(signal.SIGUSR1)
        select.select([monitor.control], [], [], PATIENCE)
        process.send_signal(signal.SIGSTOP)
        monitor.end(status=9)
        monitor.control.close()
        process.send_signal(signal.SIGCONT)

    process = subprocess.Popen(command_line("true"), stdin=subprocess.DEVNULL, env=surroundings(daemon.path))
    daemon.play(script)
    assert process.wait(PATIENCE) == 9


def test_when_the_run_was_ended_by_somebody_that_is_said(daemon, jitsudo):
    def script(peer):
        peer.welcome()
        monitor = peer.start()
        monitor.streams()
        monitor.say(RUNS)
        monitor.end("signaled", signal.SIGKILL, "revoked by bob@EXAMPLE.TEST")

    daemon.play(script)
    done = jitsudo("true")
    assert (done.returncode, done.stderr) == (-9, b"jitsudo: revoked by bob@EXAMPLE.TEST\n")


def test_streams_that_are_closed_are_said_to_be_and_nothing_of_ours_takes_their_place(daemon, jitsudo):
    """THREATS X-06."""

    def script(peer):
        daemon.heard.append(peer.welcome().streams)
        monitor = peer.start()
        daemon.heard.append(monitor.streams())
        monitor.end()

    daemon.play(script)
    jitsudo("true", preexec_fn=lambda: (os.close(0), os.close(1), os.close(2)))
    kinds, (said, given) = daemon.heard
    assert kinds == said["streams"] == ["closed"] * 3
    assert given == []


def test_with_its_streams_closed_it_speaks_into_no_socket_of_its_own(daemon, jitsudo):
    def script(peer):
        peer.welcome()
        peer.progress("this would go to the daemon, if descriptor 2 were the socket", owed=False)
        peer.say(Refused(code="denied", text="and this"))
        daemon.heard.append(peer.hear())

    daemon.play(script)
    done = jitsudo("true", preexec_fn=lambda: (os.close(0), os.close(1), os.close(2)))
    assert done.returncode == 121
    assert daemon.heard == [None]


def test_nothing_but_null_stands_where_its_streams_were_closed(daemon, jitsudo):
    """THREATS X-06: no socket or file that we open gets the number of one."""
    found = []

    def script(peer):
        peer.welcome()
        (client, _, _) = struct.unpack("iII", peer.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        found.extend(os.readlink(f"/proc/{client}/fd/{stream}") for stream in range(3))
        peer.say(Refused(code="denied", text="no"))

    daemon.play(script)
    jitsudo("true", preexec_fn=lambda: (os.close(0), os.close(1), os.close(2)))
    assert found == ["/dev/null"] * 3


def test_the_reader_of_our_output_sees_its_end_when_the_command_lets_go_of_it(daemon, jitsudo, tmp_path):
    closed = []

    def script(peer):
        peer.welcome()
        monitor = peer.start()
        monitor.streams()
        monitor.say(RUNS)
        monitor.let_go()
        closed.append(os.read(reader, 10))  # comes back while jitsudo still lives
        monitor.end()

    reader, writer = os.pipe()
    daemon.play(script)
    process = subprocess.Popen(command_line("true"), stdin=subprocess.DEVNULL, stdout=writer, env=surroundings(daemon.path))
    os.close(writer)
    assert process.wait(PATIENCE) == 0
    assert closed == [b""]
    os.close(reader)


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGTERM,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGALRM,
        signal.SIGTSTP,
    ],
)
def test_a_signal_sent_to_a_running_jitsudo_is_the_commands(daemon, number):
    def script(peer):
        peer.welcome()
        monitor = peer.start()
        monitor.streams()
        monitor.say(RUNS)
        process.send_signal(number)
        daemon.heard.append(monitor.hear())
        monitor.end(status=3)

    process = subprocess.Popen(command_line("sleep", "100"), stdin=subprocess.DEVNULL, env=surroundings(daemon.path))
    daemon.play(script)
    assert process.wait(PATIENCE) == 3
    assert daemon.heard == [b"G" + bytes([number])]


def test_no_wait_prints_the_id_alone_on_standard_output(daemon, jitsudo):
    def script(peer):
        daemon.heard.append(peer.welcome())
        peer.progress(f"request {ID}: true (as root on db1)")
        peer.say(Done(text=""))

    daemon.play(script)
    done = jitsudo("--no-wait", "true")
    assert (done.returncode, done.stdout) == (0, f"{ID}\n".encode())
    assert done.stderr == f"jitsudo: request {ID}: true (as root on db1)\n".encode()
    assert (daemon.heard[0].waits, daemon.heard[0].streams) == (False, [])
