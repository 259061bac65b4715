# SPDX-License-Identifier: Apache-2.0
"""jitsudo that may open no further file when the decision comes: it says so at once, and whether the command ran."""

import ctypes
import fcntl
import os
import resource
import socket
import struct
import subprocess
import termios
from contextlib import contextmanager

import pytest

from jitpam.news import News
from jitpam.relay import Relay
from jitpam.signals import Signals
from tests.client.acting import ID, RUNS, command_line, surroundings
from tests.client.test_given_secrets import given, sealed
from tests.in_flight import FEW, in_flight
from tests.waiting import PATIENCE, wait_for

CAP_SYS_ADMIN, CAP_SYS_RESOURCE, PR_CAPBSET_DROP = 21, 24, 24

NEWS = f"request {ID}: true (as root on db1)"
NOT_RECEIVED = "jitsudo: what jitd has sent cannot be received: no further file can be opened (see ulimit -n); nothing was run\n"
NOT_HANDED_OVER = "jitsudo: the command did not run: its streams cannot be handed over: {} (see ulimit -n)\n"
FULL, IN_FLIGHT = "Too many open files", "Too many references: cannot splice"


def leave_room_for(process, number):
    """The process may open ``number`` files more from now on."""
    highest = max(int(name) for name in os.listdir(f"/proc/{process}/fd"))
    resource.prlimit(process, resource.RLIMIT_NOFILE, (highest + 1 + number,) * 2)


@contextmanager
def asking(daemon, *words):
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command_line(*words), env=surroundings(daemon.path), text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def be_counted_with_few():
    """Give up, also for what is executed, what exempts from the kernel's count of descriptors in flight."""
    for capability in CAP_SYS_ADMIN, CAP_SYS_RESOURCE:
        assert ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, FEW))


def decided(peer, process, number):
    """Welcome ``process``; when it waits for the decision, it may open ``number`` files more."""
    peer.welcome()
    peer.progress(NEWS)
    assert process.stderr.readline() == f"jitsudo: {NEWS}\n"
    leave_room_for(process.pid, number)


def said(daemon, script, process):
    """What ``process`` has said when it has ended, apart from what ``script`` has read."""
    daemon.play(script).finish()
    return process.communicate(timeout=PATIENCE)


def test_who_cannot_receive_the_runs_socket_says_so_and_asks_for_no_other_run(daemon):
    def script(peer):
        decided(peer, process, 0)
        monitor = peer.start()
        daemon.heard.append(monitor.hear())

    with asking(daemon, "true") as process:
        assert said(daemon, script, process) == ("", NOT_RECEIVED)
    assert (process.returncode, daemon.heard) == (125, [b""])


def test_who_cannot_receive_a_secret_says_so_and_runs_nothing(daemon, tmp_path):
    def script(peer):
        decided(peer, process, 0)
        secret = sealed()
        peer.say(given(), secret)
        os.close(secret)
        assert peer.hear() is None

    with asking(daemon, "--get=postgres-role:reporting", "touch", str(tmp_path / "ran")) as process:
        assert said(daemon, script, process) == ("", NOT_RECEIVED)
    assert process.returncode == 125
    assert not (tmp_path / "ran").exists()


def test_who_cannot_open_what_replaces_the_streams_hands_none_over(daemon):
    def script(peer):
        decided(peer, process, 1)
        monitor = peer.start()
        daemon.heard.append(monitor.hear())

    with asking(daemon, "true") as process:
        assert said(daemon, script, process) == ("", NOT_HANDED_OVER.format(FULL))
    assert (process.returncode, daemon.heard) == (125, [b""])


def test_two_descriptors_are_enough_for_a_command_without_a_terminal(daemon):
    def script(peer):
        decided(peer, process, 2)
        monitor = peer.start()
        daemon.heard.append(monitor.streams()[0]["streams"])
        monitor.end(status=7)

    with asking(daemon, "true") as process:
        assert said(daemon, script, process) == ("", "")
    assert (process.returncode, daemon.heard) == (7, [["pipe", "pipe", "pipe"]])


def test_who_may_send_no_descriptor_says_so_and_does_not_wait_for_the_monitor(daemon, jitsudo):
    def script(peer):
        peer.welcome()
        monitor = peer.start()
        daemon.heard.append(monitor.hear())

    daemon.play(script)
    with in_flight():
        done = jitsudo("true", preexec_fn=be_counted_with_few)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (125, b"", NOT_HANDED_OVER.format(IN_FLIGHT))
    assert daemon.heard == [b""]


@pytest.mark.parametrize("number", [1, 2])
def test_at_a_terminal_it_says_so_too_and_the_terminal_is_as_it_was(daemon, on_terminal, number):
    def script(peer):
        peer.welcome()
        peer.progress(NEWS)
        process.read_until(b"as root on db1")
        leave_room_for(process.pid, number)
        monitor = peer.start()
        daemon.heard.append(monitor.hear())

    process = on_terminal("true")
    daemon.play(script).finish()
    assert process.end() == 125
    assert " ".join(NOT_HANDED_OVER.format(FULL).split()) in " ".join(process.seen.decode().split())
    assert daemon.heard == [b""]
    assert termios.tcgetattr(process.master) == process.before


def test_where_there_is_no_room_for_a_guardian_the_command_runs_without_one(daemon, on_terminal):
    def script(peer):
        peer.welcome()
        peer.progress(NEWS)
        process.read_until(b"as root on db1")
        leave_room_for(process.pid, 3)
        monitor = peer.start()
        daemon.heard.append(monitor.streams()[0]["foreground"])
        monitor.end(status=7)

    process = on_terminal("true")
    daemon.play(script).finish()
    assert (process.end(), daemon.heard) == (7, [True])
    assert termios.tcgetattr(process.master) == process.before


def test_who_cannot_come_back_for_want_of_a_descriptor_says_so_at_once_and_how_to_go_on(daemon):
    def script(peer):
        decided(peer, process, 0)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, 3))  # not even the number of the connection that is closed

    with asking(daemon, "true") as process:
        lines = said(daemon, script, process)[1].splitlines()
    assert lines == [
        "jitsudo: jitd went away; waiting for it to come back",
        "jitsudo: jitd cannot be reached: Too many open files (see ulimit -n); "
        f"request {ID} was waiting: when jitd is back, jitsudo --resume {ID}",
    ]
    assert process.returncode == 125


def test_what_the_monitor_tells_at_the_terminal_is_laid_out_without_another_file(daemon, on_terminal, tmp_path):
    def script(peer):
        peer.welcome()
        peer.progress(NEWS)
        wait_for(lambda: NEWS in told.read_text(), what="the news")
        monitor = peer.start()
        monitor.streams()
        monitor.say(RUNS)
        monitor.say(b"Nit begins")
        process.read_until(b"it begins")
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, 3))
        monitor.say(b"N" + b" ".join([b"word"] * 40))
        process.read_until(b"word\r\n  ")
        monitor.end(status=7)

    told = tmp_path / "stderr"
    told.touch()
    process = on_terminal("true", replace={2: told})
    fcntl.ioctl(process.master, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    daemon.play(script).finish()
    assert process.end() == 7
    assert told.read_text() == f"jitsudo: {NEWS}\n"


@pytest.mark.parametrize(("packets", "known"), [([RUNS], "how the command ended"), ([], "whether the command ran")])
def test_a_fault_of_jitsudo_itself_during_the_run_is_not_told_as_a_command_that_did_not_run(packets, known):
    class Failing(News):
        def say(self, sentence):
            raise ArithmeticError(sentence)

    monitor, client = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with monitor:
        relay = Relay(client.detach(), ["pipe"] * 3, Signals(), news=Failing())
        for packet in (*packets, b"Nnews"):
            monitor.send(packet)
        outcome = relay.run()
        assert monitor.recv(100) == b""
    assert (outcome.ending, outcome.because) == (
        "lost",
        f"internal error: ArithmeticError: news; {known} is not known here: see `jitd runs`",
    )
