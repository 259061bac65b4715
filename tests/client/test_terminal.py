# SPDX-License-Identifier: Apache-2.0
"""The relay between the user's terminal and a monitor made of a script, on a real pty."""

import base64
import contextlib
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import termios
import time

import pytest

from jitpam.relay import Relay
from jitpam.signals import Signals
from tests.client.acting import RUNS, command_line, surroundings
from tests.waiting import PATIENCE, sleeps, wait_for


def modes(descriptor):
    return termios.tcgetattr(descriptor)


def is_raw(descriptor):
    return not modes(descriptor)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)


def told_by(packet):
    assert packet[:1] == b"C", packet
    return json.loads(packet[1:])


def running(say):
    """A script: handshake, start, streams, then ``say(monitor, said)``."""

    def script(peer):
        peer.welcome()
        monitor = peer.start()
        said, given = monitor.streams()
        monitor.say(RUNS)
        say(monitor, said)

    return script


@pytest.fixture
def play(daemon, on_terminal):
    """Starts ``jitsudo true`` on a terminal with a monitor that does ``say``."""

    def start(say, *words, rows=0, columns=0):
        terminal = on_terminal(*(words or ("true",)))
        if rows:
            fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
        daemon.play(running(lambda monitor, said: say(monitor, said, terminal)))
        return terminal

    return start


def test_who_was_stopped_by_another_of_the_job_does_not_stop_it_again():
    """``jitsudo a | jitsudo b``: a Ctrl-Z stops both commands, and either client then stops the whole job."""
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        signals = Signals()
        signals.catch([signal.SIGTSTP, signal.SIGCONT])
        relay = Relay(socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)[0].detach(), ["null"] * 3, signals)
        os.kill(0, signal.SIGTSTP)  # the other one's
        relay._suspend(signal.SIGTSTP)
        os._exit(0)
    stops = 0
    while True:
        _, status = os.waitpid(job, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            break
        stops += 1
        os.kill(job, signal.SIGCONT)
    assert (stops, os.waitstatus_to_exitcode(status)) == (1, 0)


def test_the_terminal_is_described_not_handed_over_and_raw_while_the_command_runs(play):
    told = []

    def say(monitor, said, terminal):
        told.append(said)
        wait_for(lambda: is_raw(terminal.master))
        told.append(is_raw(terminal.master))
        monitor.end(status=3)

    terminal = play(say)
    assert terminal.end() == 3
    assert told[0]["streams"] == ["terminal"] * 3
    assert told[0]["foreground"] is True
    assert len(base64.b64decode(told[0]["termios"])) == 36
    assert told[1] is True
    assert modes(terminal.master) == terminal.before


def test_what_is_typed_goes_to_the_command_and_its_output_to_the_terminal_byte_for_byte(play):
    every = bytes(range(256)) * 1000
    typed = bytes(byte for byte in range(256))
    heard = []

    def say(monitor, said, terminal):
        wait_for(lambda: is_raw(terminal.master))
        terminal.type(typed)
        while sum(len(packet) - 1 for packet in heard) < len(typed):
            heard.append(monitor.hear())
        for at in range(0, len(every), 32768):
            monitor.say(b"O" + every[at : at + 32768])
        monitor.end()

    terminal = play(say)
    assert terminal.end() == 0
    assert b"".join(packet[1:] for packet in heard) == typed
    assert all(packet[:1] == b"I" for packet in heard)
    assert terminal.seen == every


def test_ctrl_c_is_a_key_of_the_commands_terminal_and_no_signal_of_ours(play):
    heard = []

    def say(monitor, said, terminal):
        wait_for(lambda: is_raw(terminal.master))
        terminal.type(b"\x03")
        heard.append(monitor.hear())
        monitor.end("signaled", signal.SIGINT)

    terminal = play(say)
    assert terminal.end() == -signal.SIGINT
    assert heard == [b"I\x03"]
    assert not is_raw(terminal.master)


def test_the_windows_size_is_told_at_first_and_when_it_changes(play):
    told = []

    def say(monitor, said, terminal):
        told.append((said["rows"], said["columns"]))
        wait_for(lambda: is_raw(terminal.master))
        fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("4H", 33, 99, 0, 0))
        told.append(monitor.hear())
        monitor.end()

    terminal = play(say, rows=24, columns=80)
    terminal.end()
    assert told[1] == b"W" + struct.pack(">2H", 33, 99)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_the_terminal_is_as_it_was_when_a_signal_ended_the_command(play, number):
    def say(monitor, said, terminal):
        wait_for(lambda: is_raw(terminal.master))
        if number == signal.SIGKILL:
            monitor.end("signaled", number)
            return
        os.kill(terminal.pid, number)
        assert monitor.hear() == b"G" + bytes([number])
        monitor.end("signaled", number)

    terminal = play(say)
    assert terminal.end() == -number
    assert modes(terminal.master) == terminal.before


def test_the_terminal_is_as_it_was_when_the_monitor_vanishes(play):
    def say(monitor, said, terminal):
        wait_for(lambda: is_raw(terminal.master))
        monitor.control.close()

    terminal = play(say)
    assert terminal.end() == 125
    assert modes(terminal.master) == terminal.before
    assert terminal.seen.endswith(b"\r\n")


def test_a_terminal_that_goes_away_hangs_the_command_up(daemon, play):
    heard = []

    def say(monitor, said, terminal):
        wait_for(lambda: is_raw(terminal.master))
        os.close(terminal.master)
        terminal.master = os.open("/dev/null", os.O_RDONLY)
        packet = monitor.hear()
        while packet[:1] == b"G":
            packet = monitor.hear()
        heard.append(packet)

    terminal = play(say)
    assert terminal.end() == -signal.SIGHUP
    daemon.finish()
    assert heard == [b""]


def test_a_terminal_that_takes_nothing_holds_the_monitor_back_and_not_our_signals(play):
    told = []

    def say(monitor, said, terminal):
        wait_for(lambda: is_raw(terminal.master))
        monitor.control.settimeout(1)
        sent = 0
        try:
            while sent < 50_000_000:
                monitor.say(b"O" + b"x" * 32768)
                sent += 32768
        except TimeoutError:
            told.append(sent)
        monitor.control.settimeout(PATIENCE)
        os.kill(terminal.pid, signal.SIGUSR1)
        told.append(monitor.hear())
        released.append(True)
        monitor.end()

    released = []
    terminal = play(say)
    wait_for(lambda: released)
    assert terminal.end() == 0
    assert told[0] < 5_000_000
    assert told[1] == b"G" + bytes([signal.SIGUSR1])
    assert terminal.seen == b"x" * told[0]


def test_a_command_that_stops_stops_us_with_the_terminal_as_it_was_and_goes_on_with_us(daemon, on_terminal):
    seen = []

    def say(monitor, said):
        wait_for(lambda: is_raw(terminal.master))
        monitor.say(b"T" + bytes([signal.SIGTSTP]))
        seen.append((terminal.told.readline(), is_raw(terminal.master)))
        os.kill(terminal.pid, signal.SIGCONT)
        seen.append(monitor.hear())
        wait_for(lambda: is_raw(terminal.master))
        monitor.end(status=9)

    terminal = on_terminal("true", under_shell=True)
    daemon.play(running(say))
    assert terminal.end() == 9, terminal.seen
    assert seen[0] == ("stopped\n", False)
    assert told_by(seen[1]) == {"foreground": True, "rows": 24, "columns": 80, "termios": None}


@pytest.mark.parametrize("stream", [0, 1, 2])
def test_any_mixture_of_terminal_and_others_hands_over_the_others(daemon, on_terminal, tmp_path, stream):
    """One stream is a file, the other two the terminal."""
    told = []

    def say(monitor, said):
        told.append((said["streams"], len(monitor.given)))
        monitor.say(b"Oto the terminal")
        monitor.end()

    (tmp_path / "file").write_bytes(b"content")
    terminal = on_terminal("true", replace={stream: str(tmp_path / "file")})
    daemon.play(running(say))
    assert terminal.end() == 0
    assert told == [(["file" if n == stream else "terminal" for n in range(3)], 1)]
    assert terminal.seen == b"to the terminal"


def test_in_a_pipeline_the_terminal_stays_as_it_is_until_the_command_asks_for_it(daemon, on_terminal):
    """``jitsudo apt install x | tee log``: it may ask, and is answered. Output of others still gets its carriage returns."""
    told = []

    def say(monitor, said):
        told.append((said["foreground"], is_raw(terminal.master)))
        monitor.say(b"T" + bytes([signal.SIGTTIN]))
        told.append(told_by(monitor.hear()))
        told.append((is_raw(terminal.master), modes(terminal.master)[1] & termios.OPOST))
        terminal.type(b"yes\r")
        told.append(monitor.hear())
        monitor.end()

    terminal = on_terminal("true", pipe=1)
    daemon.play(running(say))
    assert terminal.end() == 0
    assert told[0] == (False, False)
    assert told[1] == {"foreground": True, "rows": 24, "columns": 80, "termios": None}
    assert told[2:] == [(True, termios.OPOST), b"Iyes\r"]
    assert modes(terminal.master) == terminal.before


def test_no_key_is_taken_from_a_pager_that_has_made_the_terminal_its_own(daemon, on_terminal):
    """``jitsudo journalctl | less``"""
    taken = []

    def say(monitor, said):
        raw = modes(terminal.master)
        raw[3] &= ~(termios.ICANON | termios.ECHO)
        termios.tcsetattr(terminal.master, termios.TCSANOW, raw)
        time.sleep(0.3)
        terminal.type(b"q")
        wait_for(lambda: sleeps(terminal.pid), what="jitsudo")  # who waits for a key that is there does not sleep
        monitor.control.settimeout(0.7)
        with contextlib.suppress(TimeoutError):
            taken.append(monitor.hear())
        monitor.control.settimeout(PATIENCE)
        monitor.end()

    terminal = on_terminal("true", pipe=1)
    daemon.play(running(say))
    assert terminal.end() == 0
    assert taken == []


def test_without_a_terminal_there_is_none_to_describe(daemon, jitsudo):
    told = []

    def say(monitor, said):
        told.append(said)
        monitor.end()

    daemon.play(running(say))
    jitsudo("true")
    assert told[0] == {"streams": ["pipe"] * 3, "rows": 0, "columns": 0, "foreground": False, "termios": None}


def test_in_the_background_it_neither_takes_the_terminal_nor_reads_it(daemon, on_terminal):
    told = []

    def say(monitor, said):
        told.append(said["foreground"])
        monitor.say(b"Oback\r\n")
        wait_for(lambda: b"back" in terminal.seen, what="its output")  # it goes on running, with the terminal as it was
        told.append(is_raw(terminal.master))
        monitor.end()

    terminal = on_terminal("true", background=True)
    daemon.play(running(say))
    assert terminal.end() == 0
    assert told == [False, False]
    assert b"back" in terminal.seen


def test_killed_it_leaves_the_control_socket_to_end(daemon):
    heard = []

    def say(monitor, said):
        process.kill()
        monitor.let_go()
        heard.append(monitor.hear())

    process = subprocess.Popen(command_line("true"), stdin=subprocess.DEVNULL, env=surroundings(daemon.path))
    daemon.play(running(say))
    process.wait(PATIENCE)
    daemon.finish()
    assert heard == [b""]
