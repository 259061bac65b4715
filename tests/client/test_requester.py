# SPDX-License-Identifier: Apache-2.0
"""The requester's side against a daemon made of a script: the waiting line, -q, the warning before the end, --at, -l."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from datetime import datetime

import pytest

from jitpam.appointment import in_utc
from jitpam.questions import MOST_LEASES
from jitpam.wire.messages import Done, Item, List, Page, Progress, Refused, Resume, Start, Submit
from tests.client.acting import ID, RUNS, Monitor, Peer, command_line, surroundings
from tests.waiting import PATIENCE, unread, wait_for

NEWS = f"request {ID}: true (as root on db1)"
WARNING = rb"\r\njitsudo: jitd ends the command in (\d+) s, when its time is over\r\n"


def progress(*news, **more):
    return Progress(**({"id": ID, "state": "pending", "owed": True, "news": list(news), "until": None} | more))


def start(peer, *news, left_ms=None):
    import socket

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    peer.say(Start(id=ID, news=list(news), left_ms=left_ms), theirs.fileno())
    theirs.close()
    return Monitor(ours)


def is_read(connection):
    """Waits until the client has read what was said to it: what it then shows or not, it does in the time that follows."""
    wait_for(lambda: unread(connection) == 0, what="the client")


# --- the waiting line


def test_the_line_changes_as_people_answer_and_nothing_of_a_longer_one_is_left(daemon, on_terminal):
    has_seen, has_seen_more = threading.Event(), threading.Event()

    def script(peer):
        peer.welcome()
        peer.say(progress(NEWS, owes="1 ops and 1 security", asked=["bob", "carol"], left_ms=900_000))
        assert has_seen.wait(PATIENCE)
        peer.say(progress("approved by bob", owes="1 security", answered=["bob"], left_ms=890_000))
        assert has_seen_more.wait(PATIENCE)
        monitor = peer.start()
        monitor.streams()
        monitor.end()

    daemon.play(script)
    started = on_terminal("true")
    started.read_until(b" for 1 ops and 1 security (bob or carol); 14 min left")
    has_seen.set()
    started.read_until(b" for 1 more from security (approved by bob); 14 min left")
    has_seen_more.set()
    assert started.end() == 0
    lines = [line for line in re.split(rb"\r\n|\r", started.seen) if line.startswith(b"jitsudo: waiting")]
    assert lines and all(len(line) <= 79 for line in lines) and b"\x1b" not in started.seen


def test_a_line_that_gets_shorter_covers_what_was_there(daemon, on_terminal):
    has_seen = threading.Event()

    def script(peer):
        peer.welcome()
        peer.say(progress(owes="1 ops", left_ms=900_000))
        assert has_seen.wait(PATIENCE)
        peer.say(progress(left_ms=900_000))
        peer.hear()

    daemon.play(script)
    started = on_terminal("true")
    started.read_until(b" for 1 approval from ops; 14 min left")
    has_seen.set()
    started.read_until(b"; 14 min left" + b" " * len(" for 1 approval from ops"))
    os.kill(started.pid, signal.SIGTERM)
    assert started.end() == -signal.SIGTERM


def test_a_request_that_nobody_waits_for_leaves_no_waiting_line(daemon, on_terminal):
    def script(peer):
        assert peer.welcome().waits is False
        peer.say(progress(NEWS, owes="1 ops", left_ms=900_000))
        is_read(peer.socket)
        peer.say(Done(text=""))

    daemon.play(script)
    started = on_terminal("--no-wait", "true")
    assert started.end() == 0
    assert NEWS.encode() in started.seen and ID.encode() in started.seen.splitlines()[-1]
    assert b"waiting" not in started.seen


# --- -q


def test_quiet_says_nothing_but_errors(daemon, jitsudo):
    def script(peer):
        peer.welcome()
        peer.say(progress(NEWS, "rule r requires 1 approval"))
        monitor = start(peer, "lease X: 3 uses, 42 min left")
        monitor.streams()
        monitor.end()

    def refusing(peer):
        peer.welcome()
        peer.say(progress(NEWS))
        peer.say(Refused(code="reviewed", text="denied by bob"))

    daemon.play(script, refusing)
    done = jitsudo("-q", "true")
    assert (done.returncode, done.stderr) == (0, b"")
    done = jitsudo("--quiet", "true")
    assert (done.returncode, done.stderr) == (122, b"jitsudo: denied by bob\n")


def test_quiet_draws_no_line_and_gives_no_warning_on_a_terminal(daemon, on_terminal):
    def script(peer):
        peer.welcome()
        peer.say(progress(NEWS, owes="1 ops", left_ms=900_000))
        is_read(peer.socket)
        time.sleep(1.2)
        monitor = start(peer, left_ms=60_500)
        monitor.streams()
        monitor.say(RUNS)
        is_read(monitor.control)
        time.sleep(1.2)
        monitor.end()

    daemon.play(script)
    started = on_terminal("-q", "true")
    assert started.end() == 0 and started.seen == b""


# --- the end of a run's time


def test_the_terminal_is_warned_once_before_the_time_of_the_run_ends(daemon, on_terminal):
    has_warned = threading.Event()

    def script(peer):
        peer.welcome()
        monitor = start(peer, left_ms=60_800)
        monitor.streams()
        monitor.say(RUNS)
        assert has_warned.wait(PATIENCE)
        time.sleep(1.5)
        monitor.end()

    daemon.play(script)
    started = on_terminal("true")
    started.read_until(b"when its time is over")
    has_warned.set()
    assert started.end() == 0
    (seconds,) = re.findall(WARNING, started.seen)
    assert 30 < int(seconds) <= 60, "60, but for who is late"


@pytest.mark.parametrize("left_ms", [None, 59_000, 0, 3_600_000])
def test_without_a_minute_that_begins_meanwhile_nobody_is_warned(daemon, on_terminal, left_ms):
    def script(peer):
        peer.welcome()
        monitor = start(peer, left_ms=left_ms)
        monitor.streams()
        monitor.say(RUNS)
        is_read(monitor.control)
        time.sleep(1.0)
        monitor.end()

    daemon.play(script)
    started = on_terminal("true")
    assert started.end() == 0 and started.seen == b""


def test_what_a_pipe_gets_has_no_warning_in_it(daemon, jitsudo, on_terminal, tmp_path):
    has_warned = threading.Event()

    def script(peer):
        peer.welcome()
        monitor = start(peer, left_ms=60_300)
        said, given = monitor.streams()
        monitor.say(RUNS)
        if "terminal" in said["streams"]:
            assert has_warned.wait(PATIENCE)
        else:
            is_read(monitor.control)
            time.sleep(1.0)
        if given:
            os.write(given[-1], b"out\n")
        monitor.end()

    daemon.play(script, script)
    done = jitsudo("true")
    assert (done.returncode, done.stdout + done.stderr) == (0, b"out\n")
    file = tmp_path / "out"
    file.touch()
    started = on_terminal("true", replace={1: str(file)})
    started.read_until(b"when its time is over")
    has_warned.set()
    assert started.end() == 0
    assert len(re.findall(WARNING, started.seen)) == 1 and file.read_bytes() == b"out\n"


# --- --at


def at(seconds):
    return in_utc(int(time.time()) + seconds)


def soon(jitsudo, seconds, *words):
    """jitsudo for a time that comes soon, and that time; for later where this host was too slow to begin before that."""
    while True:
        then = int(time.time()) + seconds
        done = jitsudo("--at", in_utc(then), *words, timeout=seconds + PATIENCE)
        if b"is over already" not in done.stderr:
            return then, done
        seconds *= 5


def approving(daemon, text=f"request {ID} is approved, from then until later"):
    def script(peer):
        daemon.heard.append(peer.welcome())
        peer.say(progress(NEWS))
        peer.say(Done(text=text))

    return script


def test_a_command_for_later_is_approved_now_and_resumed_when_its_time_has_come(daemon, jitsudo):
    def resuming(peer):
        daemon.heard.append((peer.welcome(), time.time()))
        monitor = peer.start()
        monitor.streams()
        monitor.end(status=7)

    for seconds in (3, 15, 75):  # on a busy host the time may have come before the approval: then nothing is waited for
        daemon.play(approving(daemon), resuming)
        then, done = soon(jitsudo, seconds, "--for=1h", "true")
        assert done.returncode == 7
        said = done.stderr.decode().splitlines()
        waits = r"jitsudo: waiting until .*; Ctrl-C stops the wait, and the approval stays"
        if any(re.fullmatch(waits, line) for line in said):
            break
    else:
        pytest.fail(f"no wait is told: {said}")
    submitted, (resumed, came_at) = daemon.heard[-2:]
    assert isinstance(submitted, Submit) and (submitted.starts_at, submitted.lasts_for) == (in_utc(then), 3600)
    assert resumed == Resume(id=ID, streams=["pipe", "pipe", "pipe"]) and then <= came_at
    assert said[1] == f"jitsudo: request {ID} is approved, from then until later"


def test_a_refusal_then_is_the_end(daemon, jitsudo):
    def refusing(peer):
        peer.welcome()
        peer.say(Refused(code="denied", text="no rule permits this"))

    daemon.play(approving(daemon), refusing)
    _, done = soon(jitsudo, 2, "-q", "true")
    assert (done.returncode, done.stderr) == (121, b"jitsudo: no rule permits this\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_to_leave_after_the_approval_withdraws_nothing_and_says_how_to_come_back(daemon, number):
    daemon.play(approving(daemon))
    process = subprocess.Popen(
        command_line("--at", at(3600), "true"), stderr=subprocess.PIPE, env=surroundings(daemon.path), process_group=0
    )
    for _ in range(3):
        process.stderr.readline()
    process.send_signal(number)
    said = process.stderr.read().decode()
    assert process.wait(PATIENCE) == -number
    assert f"jitsudo --resume {ID}" in said and len(daemon.heard) == 1


def test_an_approval_that_came_while_jitd_was_away_is_waited_for_too(daemon, jitsudo):
    def going(peer):
        comes_at.append(datetime.fromisoformat(peer.welcome().starts_at).timestamp())
        peer.say(progress(NEWS))

    def too_early(peer):
        daemon.heard.append(peer.welcome())
        peer.say(Refused(code="denied", text="its time has not begun"))
        if time.time() > comes_at[-1] - 1:  # it may read that when its time has come, and rightly believe it
            return
        peer.socket.close()
        connection, _ = daemon.listener.accept()
        with connection:
            connection.settimeout(PATIENCE)
            resuming(Peer(connection))

    def resuming(peer):
        daemon.heard.append(peer.welcome())
        monitor = peer.start()
        monitor.streams()
        monitor.end(status=3)

    comes_at = []
    for seconds in (4, 20, 100):
        daemon.play(going, too_early)
        _, done = soon(jitsudo, seconds, "true")
        heard = daemon.heard[:]
        daemon.heard.clear()
        if len(heard) == 2:
            break
    assert done.returncode == 3
    assert heard == [Resume(id=ID, streams=["pipe", "pipe", "pipe"])] * 2


def test_without_waiting_the_id_is_all_and_nothing_waits(daemon, jitsudo):
    daemon.play(approving(daemon, ""))
    done = jitsudo("--no-wait", "--at", at(3600), "true")
    assert (done.returncode, done.stdout) == (0, f"{ID}\n".encode())


# --- -l

RULE = {"rule": "r", "terms": "/usr/bin/id as root", "asks": "1 approval from group:ops", "gatekeepers": []}
LEASE = {
    "id": ID, "mine": True, "is_lease": True, "left": 3, "uses": 5, "argv": ["id", "a\\\\b"], "run_as": "root",
    "requester": "root", "ends_at": "2026-11-22T21:00:00Z",
}  # fmt: skip


def listing(rules, leases, more=None):
    """With ``more``, the leases are one page: the newest first, and how many are older."""
    second = List(what="leases", ended=False)
    if more is not None:
        second = Page(what="leases", ended=False, before=None, limit=MOST_LEASES)
        leases = [*leases, {"more": more}]

    def script(peer):
        asked = peer.welcome()
        for rows in (rules, leases):
            assert asked == (List(what="rules", ended=False) if rows is rules else second)
            for row in rows:
                peer.say(Item(row=row))
            peer.say(Done(text=""))
            asked = peer.hear()

    return script


def test_leases_are_listed_with_what_one_may_ask_for(daemon, jitsudo):
    daemon.play(listing([RULE], [LEASE], more=0))
    done = jitsudo("-l", env={"TZ": "UTC"})
    assert done.returncode == 0
    assert done.stdout.decode().splitlines() == [
        "leases that you have",
        f"    {ID}: id 'a\\b' (as root): 3 uses left, until Sun 2026-11-22 21:00 UTC",
        "root may ask on db1.example.test for",
        "    /usr/bin/id as root (rule r)",
    ]


@pytest.mark.parametrize(
    ("more", "told"), [(1, "and 1 older one"), (999, "and 999 older ones"), (1000, "and 1000 or more older ones")]
)
def test_of_many_leases_the_newest_come_last_and_the_others_are_counted(daemon, jitsudo, more, told):
    daemon.play(listing([], [LEASE, LEASE | {"id": "OLDR-0001"}], more=more))
    lines = jitsudo("-l").stdout.decode().splitlines()
    assert [line[4:13] for line in lines[1:3]] == ["OLDR-0001", ID]
    assert lines[3:] == [f"    {told}: jitsudo -l --json lists all"]


@pytest.mark.parametrize(("rules", "leases", "status"), [([RULE], [LEASE], 0), ([], [], 1), ([], [LEASE], 0)])
def test_json_has_the_rules_and_then_the_leases_one_on_a_line(daemon, jitsudo, rules, leases, status):
    daemon.play(listing(rules, leases))
    done = jitsudo("-l", "--json")
    assert done.returncode == status and done.stderr == b""
    exact = [LEASE | {"argv": ["id", "a\\\\b"]} for _ in leases]
    assert [json.loads(line) for line in done.stdout.splitlines()] == [*rules, *exact]


@pytest.mark.parametrize(
    ("row", "status"), [({"decision": "permit", "path": "/usr/bin/id"}, 0), ({"decision": "deny", "because": "no"}, 1)]
)
def test_json_of_a_command_is_what_would_be_decided(daemon, jitsudo, row, status):
    def script(peer):
        peer.welcome()
        peer.say(Item(row=row))
        peer.say(Done(text=""))

    daemon.play(script)
    done = jitsudo("-l", "--json", "id")
    assert (done.returncode, [json.loads(line) for line in done.stdout.splitlines()]) == (status, [row])


def test_json_of_what_is_refused_is_a_row_too(daemon, jitsudo):
    def script(peer):
        peer.welcome()
        peer.say(Refused(code="denied", text="locked: holidays"))

    daemon.play(script)
    done = jitsudo("-l", "--json", "id")
    assert (done.returncode, json.loads(done.stdout)) == (1, {"decision": "deny", "why": "denied", "because": "locked: holidays"})


@pytest.mark.parametrize(
    ("opens", "told"),
    [
        ({"opens": "Mon 2026-11-23 09:00 CET"}, "Mon 2026-11-23 09:00 CET"),
        ({}, "Mon 2026-11-23 08:00 UTC"),  # a daemon that says it in UTC alone
    ],
)
def test_the_hour_from_which_a_rule_may_permit_it_is_said_in_the_zone_of_the_rule(daemon, jitsudo, opens, told):
    near = {"rule": "office", "wants": ["Mon-Fri 08:00-18:00 UTC"], "opens_at": "2026-11-23T08:00:00Z", **opens}

    def script(peer):
        peer.welcome()
        row = {"decision": "deny", "argv": ["id"], "run_as": "root", "because": "no rule permits this", "closest": [near]}
        peer.say(Item(row=row))
        peer.say(Done(text=""))

    daemon.play(script)
    done = jitsudo("-l", "id", env={"TZ": "UTC"})
    told = f"closest: rule office: Mon-Fri 08:00-18:00 UTC; it may be permitted from {told}"
    assert done.stdout.decode().splitlines()[1] == told
