# SPDX-License-Identifier: Apache-2.0
"""What jitsudo says and does while its request waits, and how it ends without having run."""

import os
import re
import signal
import subprocess
import threading
import time

import pytest

from jitpam.wire.codes import CODES, EXITS
from jitpam.wire.messages import Bye, Done, Item, Progress, Refused, Resume, Submit, Withdraw
from tests.client.acting import ID, command_line, surroundings
from tests.waiting import PATIENCE

NEWS = f"request {ID}: true (as root on db1)"


def says(process, text=NEWS):
    """Waits until the client has said ``text``: by then it knows its request, and waits."""
    assert process.stderr.readline().decode() == f"jitsudo: {text}\n"


def waiting(daemon, *, at_least=PATIENCE, **more):
    """A jitsudo whose standard error is read by the test."""
    words = command_line("true", at_least=at_least)
    return subprocess.Popen(words, stderr=subprocess.PIPE, env=surroundings(daemon.path), **more)


def refusing(code, text="because"):
    def script(peer):
        peer.welcome()
        peer.say(Refused(code=code, text=text))

    return script


@pytest.mark.parametrize("code", list(CODES))
def test_every_code_has_its_exit_status(daemon, jitsudo, code):
    daemon.play(refusing(code))
    done = jitsudo("-n", "true")
    assert (done.returncode, done.stdout) == (EXITS[code][0], b"")
    assert done.stderr.startswith(b"jitsudo: because")


def test_the_table_of_statuses_is_whole():
    assert EXITS.keys() == CODES.keys()


def test_a_code_that_is_none_is_a_fault(daemon, jitsudo):
    daemon.play(refusing("fine"))
    assert jitsudo("true").returncode == 125


def test_without_waiting_nothing_that_is_owed_is_submitted(daemon, jitsudo):
    def script(peer):
        daemon.heard.append(peer.welcome())
        peer.say(Refused(code="owed", text="1 approval would be owed"))

    daemon.play(script)
    assert jitsudo("-n", "true").returncode == 118
    assert daemon.heard[0].if_owed is False


def test_the_news_are_said_each_on_a_line_of_its_own_and_nothing_is_redrawn_on_a_pipe(daemon, jitsudo):
    def script(peer):
        peer.welcome()
        peer.progress(NEWS, "rule r requires 1 approval from group:ops, within 15 minutes")
        time.sleep(1.2)
        monitor = peer.start('approved by bob@EXAMPLE.TEST: "go ahead"')
        monitor.streams()
        monitor.end()

    daemon.play(script)
    done = jitsudo("true")
    assert done.returncode == 0
    assert done.stderr.decode().splitlines() == [
        f"jitsudo: {NEWS}",
        "jitsudo: rule r requires 1 approval from group:ops, within 15 minutes",
        'jitsudo: approved by bob@EXAMPLE.TEST: "go ahead"',
    ]
    assert done.stderr.count(b"\r") == 0


def test_on_a_terminal_the_waiting_line_is_redrawn_and_ends_before_the_next_one(daemon, on_terminal):
    has_waited = threading.Event()

    def script(peer):
        peer.welcome()
        peer.progress(NEWS)
        assert has_waited.wait(PATIENCE)
        monitor = peer.start("approved by bob@EXAMPLE.TEST")
        monitor.streams()
        monitor.end()

    daemon.play(script)
    started = on_terminal("true")
    started.read_until(re.compile(rb"waiting 00:0[2-9]"))
    has_waited.set()
    assert started.end() == 0
    seen = started.seen.decode()
    lines = re.search(r"\r\n((?:\rjitsudo: waiting \d\d:\d\d)+)\r\njitsudo: approved by bob", seen)
    assert lines is not None, seen
    times = re.findall(r"\d\d:\d\d", lines[1])
    assert len(times) >= 2 and times == sorted(set(times)), "each once; a busy host may leave one out"
    assert "\x1b" not in seen


def test_what_is_said_while_it_waits_on_takes_the_place_of_the_waiting_line(daemon, on_terminal):
    has_waited = threading.Event()

    def script(peer):
        peer.welcome()
        peer.progress(NEWS)
        assert has_waited.wait(PATIENCE)
        peer.progress("told on their terminals: bob", "and more")
        assert peer.hear() == Withdraw(id=ID)
        peer.say(Refused(code="withdrawn", text="withdrawn"))

    daemon.play(script)
    started = on_terminal("true")
    started.read_until(re.compile(rb"waiting 00:0[0-9]"))
    has_waited.set()
    started.read_until(re.compile(rb"and more\r\n\rjitsudo: waiting 00:"))
    started.type(b"\x03")
    started.end()
    said = (
        r"\rjitsudo: waiting 00:\d\d\r {22}\rjitsudo: told on their terminals: bob\r\njitsudo: and more\r\n\rjitsudo: waiting 00:"
    )
    assert re.search(said, started.seen.decode()), started.seen


@pytest.mark.parametrize("text", ["a\x1b]0;title\x07b", "a\rb", "a\nb", "a\x9bb", "a\u202eb", "a\x08\x08b"])
def test_nothing_from_the_daemon_reaches_the_terminal_raw(daemon, jitsudo, text):
    def script(peer):
        peer.welcome()
        peer.progress(text)
        peer.say(Refused(code="reviewed", text=text))

    daemon.play(script)
    done = jitsudo("true")
    lines = done.stderr.decode().split("\n")
    assert len(lines) == 3
    for line in lines[:2]:
        assert line.startswith("jitsudo: a")
        assert all(char.isprintable() for char in line)


def test_sentences_that_are_shown_already_are_not_escaped_twice(daemon, jitsudo):
    text = "request K: echo 'a\\\\b' '\\x1b[0m' (as root on db1)"
    daemon.play(refusing("denied", text))
    assert jitsudo("true").stderr.decode() == f"jitsudo: {text}\n"


# --- leaving while it waits


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_that_ends_us_withdraws_first_and_then_ends_us_by_itself(daemon, number):
    def script(peer):
        peer.welcome()
        peer.progress(NEWS)
        says(process)
        process.send_signal(number)
        daemon.heard.append(peer.hear())
        peer.say(Refused(code="withdrawn", text=f"request {ID} is withdrawn"))

    process = waiting(daemon)
    daemon.play(script)
    daemon.finish()
    said = process.stderr.read()
    assert process.wait(PATIENCE) == -number
    assert daemon.heard == [Withdraw(id=ID)]
    assert said.decode().splitlines()[-1] == f"jitsudo: request {ID} is withdrawn"


def test_a_daemon_that_does_not_answer_a_withdrawal_holds_nobody(daemon):
    def script(peer):
        peer.welcome()
        peer.progress(NEWS)
        says(process)
        process.send_signal(signal.SIGINT)
        assert peer.hear() == Withdraw(id=ID)
        statuses.append(process.wait(PATIENCE))  # while the connection is still open, and nothing is said

    statuses = []
    process = waiting(daemon, at_least=0.5)
    daemon.play(script)
    daemon.thread.join(2 * PATIENCE)
    assert statuses == [-signal.SIGINT]


def test_ctrl_c_at_the_terminal_withdraws_and_ends_by_sigint(daemon, on_terminal):
    def script(peer):
        peer.welcome()
        peer.progress(NEWS)
        daemon.heard.append(peer.hear())
        peer.say(Refused(code="withdrawn", text="withdrawn"))

    daemon.play(script)
    started = on_terminal("true")
    started.read_until(b"waiting 00:0")
    started.type(b"\x03")
    assert started.end() == -signal.SIGINT
    assert daemon.heard == [Withdraw(id=ID)]
    assert started.seen.endswith(b"\r\njitsudo: withdrawn\r\n")


def test_a_turn_that_comes_while_we_leave_is_not_taken(daemon):
    """THREATS A-06: after Ctrl-C nothing may run, though it was approved in the same moment."""
    packets = []

    def script(peer):
        peer.welcome()
        peer.progress(NEWS)
        says(process)
        process.send_signal(signal.SIGINT)
        peer.hear()
        monitor = peer.start()
        packets.append(monitor.hear())

    process = waiting(daemon)
    daemon.play(script)
    assert process.wait(PATIENCE) == -signal.SIGINT
    daemon.finish()
    assert packets == [b""]


def test_an_ignored_hangup_stays_ignored(daemon):
    """nohup jitsudo …"""

    def script(peer):
        peer.welcome()
        peer.progress(NEWS)
        says(process)
        process.send_signal(signal.SIGHUP)
        peer.progress("more")
        says(process, "more")  # it looks for signals after whatever it hears
        monitor = peer.start()
        monitor.streams()
        monitor.end(status=4)

    process = waiting(daemon, stdin=subprocess.DEVNULL, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    daemon.play(script)
    daemon.finish()
    assert process.wait(PATIENCE) == 4


def test_ctrl_z_while_it_waits_stops_and_goes_on_in_the_ordinary_way(daemon):
    def script(peer):
        peer.welcome()
        peer.progress(NEWS)
        says(process)
        process.send_signal(signal.SIGTSTP)
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        process.send_signal(signal.SIGCONT)
        monitor = peer.start()
        monitor.streams()
        monitor.end(status=5)

    process = waiting(daemon, stdin=subprocess.DEVNULL, process_group=0)
    daemon.play(script)
    daemon.finish()
    assert process.wait(PATIENCE) == 5


# --- a daemon that goes away


def test_a_daemon_that_goes_away_while_we_wait_is_waited_for_and_the_request_resumed(daemon, jitsudo):
    def first(peer):
        daemon.heard.append(peer.welcome())
        peer.progress(NEWS)

    def second(peer):
        daemon.heard.append(peer.welcome())
        peer.progress(NEWS)
        monitor = peer.start("approved by bob@EXAMPLE.TEST")
        monitor.streams()
        monitor.end(status=6)

    daemon.play(first, second)
    done = jitsudo("true")
    assert done.returncode == 6
    assert isinstance(daemon.heard[0], Submit)
    assert daemon.heard[1] == Resume(id=ID, streams=["pipe"] * 3)
    assert done.stderr.decode().splitlines() == [
        f"jitsudo: {NEWS}",
        "jitsudo: jitd went away; waiting for it to come back",
        "jitsudo: approved by bob@EXAMPLE.TEST",
    ]


def test_a_request_that_ended_meanwhile_says_so(daemon, jitsudo):
    def first(peer):
        peer.welcome()
        peer.progress(NEWS)

    daemon.play(first, refusing("unknown", "no such request"))
    assert jitsudo("true").returncode == 121


def test_a_daemon_that_goes_away_before_it_answers_ends_it(daemon, jitsudo):
    daemon.play(lambda peer: peer.welcome())
    done = jitsudo("true")
    assert done.returncode == 125
    assert done.stderr == b"jitsudo: jitd closed the connection\n"


def test_a_ticket_that_expired_while_it_waited_says_how_to_go_on(daemon, jitsudo):
    def script(peer):
        peer.welcome()
        peer.progress(NEWS)
        peer.say(Refused(code="unauthenticated", text="your ticket has expired"))

    daemon.play(script)
    done = jitsudo("true")
    assert done.returncode == 119
    assert done.stderr.decode().splitlines()[-1] == f"jitsudo: your ticket has expired: kinit, then jitsudo --resume {ID}"


# --- reasons


def test_the_reason_comes_from_the_option_or_else_from_the_environment(daemon, jitsudo):
    def script(peer):
        daemon.heard.append(peer.welcome().reason)
        peer.say(Refused(code="denied", text="no"))

    daemon.play(script, script, script)
    jitsudo("--reason=typed", "true", env={"JITSUDO_REASON": "around"})
    jitsudo("true", env={"JITSUDO_REASON": "around"})
    jitsudo("true")
    assert daemon.heard == ["typed", "around", None]


def test_where_a_reason_is_wanted_it_is_asked_for_on_the_terminal_and_the_command_asked_again(daemon, on_terminal):
    def script(peer):
        daemon.heard.append(peer.welcome())
        peer.say(Refused(code="reason", text="rule r wants a reason: the change number"))
        daemon.heard.append(peer.hear())
        peer.say(Refused(code="denied", text="no"))

    daemon.play(script)
    started = on_terminal("true")
    started.read_until(b"reason: \x1b"[:8])
    started.type(b"CHG-4711\n")
    assert started.end() == 121
    assert [asked.reason for asked in daemon.heard] == [None, "CHG-4711"]


@pytest.mark.parametrize("is_met", [True, False])
def test_a_reason_that_does_not_match_is_asked_for_once_more(daemon, on_terminal, is_met):
    def script(peer):
        daemon.heard.append(peer.welcome())
        peer.say(Refused(code="reason", text="rule r wants a reason: the change number"))
        daemon.heard.append(peer.hear())
        peer.say(Refused(code="reason", text="your reason does not match: rule r wants a reason: the change number"))
        daemon.heard.append(peer.hear())
        peer.say(Refused(code="denied" if is_met else "reason", text="no"))

    daemon.play(script)
    started = on_terminal("true")
    started.read_until(b"jitsudo: rule r wants a reason: the change number\r\njitsudo: reason: ")
    started.type(b"lag\n")
    started.read_until(b"jitsudo: your reason does not match: rule r wants a reason: the change number\r\njitsudo: reason: ")
    started.type(b"CHG-4711\n")
    assert started.end() == 121
    assert [asked.reason for asked in daemon.heard] == [None, "lag", "CHG-4711"]
    assert started.seen.count(b"reason: \x1b"[:8]) == 4, "of which two are the question"


@pytest.mark.parametrize(("more", "place"), [((), "none"), (("--to=secret",), "file")])
def test_who_resumes_says_where_a_secret_would_go_and_types_what_is_missing(daemon, jitsudo, tmp_path, more, place):
    told = f"vault:db comes with a secret: jitsudo --resume={ID} --to=FILE writes it into the new FILE; no use was taken"

    def script(peer):
        daemon.heard.append(peer.welcome())
        peer.say(Refused(code="usage", text=told))

    daemon.play(script)
    done = jitsudo(f"--resume={ID}", *more, cwd=tmp_path)
    assert (done.returncode, done.stderr.decode()) == (120, f"jitsudo: {told}\n")
    assert (daemon.heard[0].place, list(tmp_path.glob("secret"))) == (place, [])


def test_who_resumes_and_never_waits_is_told_that_the_request_waits_and_leaves_it(daemon, jitsudo):
    def script(peer):
        daemon.heard.append(peer.welcome())
        peer.say(Progress(id=ID, state="screening", owed=True, news=[], until=None))  # gatekeepers are waited for
        peer.progress(NEWS)
        daemon.heard.append(peer.hear())

    daemon.play(script)
    done = jitsudo("-n", f"--resume={ID}")
    told = f"jitsudo: {NEWS}\njitsudo: request {ID} still waits for an approval, and -n does not wait for it\n"
    assert (done.returncode, done.stdout, done.stderr.decode()) == (118, b"", told)
    assert daemon.heard == [Resume(id=ID, streams=["pipe"] * 3), None], "nothing is withdrawn"


@pytest.mark.parametrize(("words", "more"), [((), ""), (("-k",), "; with -k, it is requested anew, in spite of the lease")])
def test_a_lease_is_told_and_what_k_makes_of_it(daemon, jitsudo, words, more):
    row = {"decision": "permit", "argv": ["true"], "path": "/usr/bin/true", "run_as": "root", "lease": ID}

    def script(peer):
        peer.welcome()
        peer.say(Item(row=row))
        peer.say(Done(text=""))

    daemon.play(script)
    done = jitsudo(*words, "-l", "true")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == f"/usr/bin/true\ntrue (as root): permitted by the lease {ID}{more}\n"


def test_where_a_reason_is_wanted_and_there_is_no_terminal_that_is_the_end(daemon, jitsudo):
    daemon.play(refusing("reason", "rule r wants a reason"))
    done = jitsudo("true", start_new_session=True)
    assert (done.returncode, done.stderr) == (121, b"jitsudo: rule r wants a reason; give it with --reason=TEXT\n")


def test_after_start_the_daemon_is_let_go(daemon, jitsudo):
    def script(peer):
        peer.welcome()
        monitor = peer.start()
        monitor.streams()
        daemon.heard.append(peer.hear())
        monitor.end()

    daemon.play(script)
    jitsudo("true")
    assert daemon.heard == [Bye()]
