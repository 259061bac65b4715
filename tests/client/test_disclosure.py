# SPDX-License-Identifier: Apache-2.0
"""Words that look like a secret: jitsudo asks before it sends them.

Law: no connection is made before the answer, so the daemon's script would fail if there were one. If nobody can be asked, jitd is
asked whether the words are masked, and nothing is requested that is not.
"""

from __future__ import annotations

import json
import select
import subprocess

import pytest

from jitpam.disclosure import MASKED
from jitpam.wire import messages
from tests.client.acting import ID, command_line, surroundings
from tests.waiting import PATIENCE, sleeps, wait_for

ASKING = b"send it as it is? [y/N] "
SECRET = ("curl", "-u", "alice:Winter2026", "https://repo.example.org/x")
DENIED = "denied: no rule permits this"


def denies(heard):
    """A daemon that notes what it is asked, and denies it."""

    def script(peer):
        heard.append(peer.welcome())
        peer.say(messages.Refused(code="denied", text=DENIED))

    return script


def is_untouched(daemon):
    """Nobody has connected."""
    return not select.select([daemon.listener], [], [], 0)[0]


def without_terminal(daemon, *words, **more):
    return subprocess.run(
        command_line(*words), input=b"y\n", capture_output=True, env=surroundings(daemon.path, **more),
        start_new_session=True, timeout=PATIENCE, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("answer", [b"y\n", b"yes\n", b"Y\n"])
def test_the_question_names_the_place_and_then_it_is_sent(daemon, on_terminal, answer):
    """THREATS R-24."""
    heard = []
    daemon.play(denies(heard))
    started = on_terminal(*SECRET)
    seen = b" ".join(started.read_until(ASKING).split())  # lines are broken for the width of the terminal
    assert b"jitsudo: argument 2 (-u) looks like a secret: approvers and the record will see it, unless a rule masks it" in seen
    assert b"instead: curl reads it from a file on the host (--netrc-file FILE, or --config FILE)" in seen
    assert b"Winter2026" not in seen and heard == [] and is_untouched(daemon), "nothing is sent yet"
    started.type(answer)
    assert started.end() == 121 and DENIED.encode() in started.seen and b"Winter2026" not in started.seen
    daemon.finish()
    (asked,) = heard
    assert asked.argv == [word.encode() for word in SECRET]


@pytest.mark.parametrize("answer", [b"\n", b"n\n", b"no\n", b"yess\n", b"y\x04\x04", b"\x04"])
def test_every_other_answer_sends_nothing_and_exits_120(daemon, on_terminal, answer):
    """THREATS R-24."""
    started = on_terminal(*SECRET)
    started.read_until(ASKING)
    started.type(answer)
    assert started.end() == 120 and b"jitsudo: nothing was sent" in started.seen
    assert is_untouched(daemon)


def test_ctrl_c_at_the_question_sends_nothing(daemon, on_terminal):
    """THREATS R-24."""
    started = on_terminal(*SECRET)
    started.read_until(ASKING)
    wait_for(lambda: sleeps(started.pid), what="a client that reads")
    started.type(b"\x03")
    assert started.end() == -2 and is_untouched(daemon)


def test_what_was_typed_before_the_question_does_not_answer_it(daemon, on_terminal):
    """THREATS R-24."""
    started = on_terminal(*SECRET, ahead=b"y\n" * 3)
    started.read_until(ASKING)
    assert not select.select([started.master], [], [], 0.5)[0], "it waits for an answer"
    started.type(b"n\n")
    assert started.end() == 120 and is_untouched(daemon)


OF_ARGUMENTS = [
    SECRET,
    ("--no-wait", *SECRET),
    ("--at=23:59", *SECRET),
    ("--for=15m", *SECRET),
    ("--json", "-l", *SECRET),
    ("-l", *SECRET),
    ("-k", *SECRET),
    ("-b", *SECRET),
    ("-q", *SECRET),
    ("--service=sudo", *SECRET),
    ("-n", *SECRET),
    ("--break-glass", "--reason=production is down", *SECRET),
    ("sh", "-c", "mysql -pWinter2026"),
]
NEVER_MASKED = [
    ("-i", *SECRET),
    ("-s", *SECRET),
    ("PGPASSWORD=Winter2026", "psql"),
    ("--preserve-env=PGPASSWORD", "psql"),
    ("--reason=password=Winter2026", "true"),
    ("--reason=password=Winter2026", *SECRET),
    ("--get=service-ticket:postgres/db1", "--reason=password=Winter2026"),
]


def reads(heard, masked):
    """A daemon that says that people would read MASKED at the places ``masked``, and denies whatever is requested."""

    def script(peer):
        asked = peer.welcome()
        heard.append(asked)
        if not isinstance(asked, messages.Explain):
            return peer.say(messages.Refused(code="denied", text=DENIED))
        read = [f"x{MASKED}" if at in masked else word.decode() for at, word in enumerate(asked.argv)]
        peer.say(messages.Item(row={"decision": "deny", "argv": read}))
        return peer.say(messages.Done(text=""))

    return script


@pytest.mark.parametrize("words", NEVER_MASKED)
def test_without_a_terminal_it_is_120_before_anything_is_sent(daemon, words):
    """THREATS R-24."""
    done = without_terminal(daemon, *words, PGPASSWORD="Winter2026")
    assert done.returncode == 120 and b"--yes-show" in done.stderr and done.stderr.endswith(b"nothing was requested\n")
    assert b"Winter2026" not in done.stdout + done.stderr
    assert is_untouched(daemon)


@pytest.mark.parametrize("words", OF_ARGUMENTS)
def test_without_a_terminal_it_is_120_before_anything_is_requested(daemon, words):
    """THREATS R-24."""
    heard = []
    daemon.play(reads(heard, ()))
    done = without_terminal(daemon, *words)
    assert done.returncode == 120 and b"--yes-show" in done.stderr and done.stderr.endswith(b"nothing was requested\n")
    assert b"Winter2026" not in done.stdout + done.stderr
    assert is_untouched(daemon)
    daemon.finish()
    (asked,) = heard
    assert isinstance(asked, messages.Explain)


TWO = ("tool", "--password=Winter2026", "--token=Summer2026")


@pytest.mark.parametrize("more", [(), ("-n",)])
@pytest.mark.parametrize(("masked", "is_requested"), [((1, 2), True), ((1,), False), ((2,), False), ((0,), False)])
def test_without_a_terminal_it_is_requested_only_if_all_of_it_is_masked(daemon, more, masked, is_requested):
    """THREATS R-24."""
    heard = []
    daemon.play(reads(heard, masked), *([denies(heard)] if is_requested else []))
    done = without_terminal(daemon, *more, *TWO)
    assert is_untouched(daemon)
    daemon.finish()
    assert [type(each) for each in heard] == [messages.Explain, messages.Submit][: 1 + is_requested]
    assert done.returncode == (121 if is_requested else 120)
    assert b"2026" not in done.stderr


@pytest.mark.parametrize("row", [{}, {"argv": None}, {"argv": [MASKED]}, {"argv": [1, 2, 3]}])
def test_an_answer_that_does_not_say_that_it_is_masked_lets_nothing_be_requested(daemon, row):
    """THREATS R-24."""

    def script(peer):
        peer.welcome()
        peer.say(messages.Item(row=row))
        peer.say(messages.Done(text=""))

    daemon.play(script)
    assert without_terminal(daemon, *TWO).returncode == 120 and is_untouched(daemon)


def test_a_script_reads_the_refusal_as_json(daemon):
    done = without_terminal(daemon, "--json", "--get=service-ticket:postgres/db1", "--reason=password=Winter2026")
    row = json.loads(done.stdout)
    assert (done.returncode, row["state"], row["code"], row["status"]) == (120, "failed", "usage", 120)
    assert "Winter2026" not in row["because"] and is_untouched(daemon)


@pytest.mark.parametrize("words", [("--yes-show", *SECRET), ("-n", "--yes-show", *SECRET), ("curl", "-u", "alice", "https://x")])
def test_what_was_agreed_to_and_what_is_no_secret_is_sent_without_a_question(daemon, words):
    heard = []
    daemon.play(denies(heard))
    done = without_terminal(daemon, *words)
    assert done.returncode == 121 and done.stderr == f"jitsudo: {DENIED}\n".encode()
    assert heard[0].argv == [word.encode() for word in words[words.index("curl") :]]


def test_the_command_with_a_thing_is_ones_own_and_is_not_sent(daemon):
    """It runs with the rights of the person, and approvers do not see it."""
    heard = []
    daemon.play(denies(heard))
    done = without_terminal(daemon, "--get=service-ticket:postgres/db1", "--", "env", "PGPASSWORD=Winter2026", "true")
    assert done.returncode == 121 and "Winter2026" not in repr(heard[0])


def test_to_continue_a_request_sends_no_words_and_asks_nothing(daemon):
    heard = []
    daemon.play(denies(heard), denies(heard))
    assert without_terminal(daemon, f"--resume={ID}").returncode == 121
    assert [type(one) for one in heard] == [messages.Resume, messages.Show]  # the second: whether a text of theirs is kept


def test_a_reason_that_is_typed_later_is_looked_at_too(daemon, on_terminal):
    """THREATS R-24."""

    def script(peer):
        peer.welcome()
        peer.say(messages.Refused(code="reason", text="denied: rule x needs a reason"))
        assert peer.hear() is None or True

    daemon.play(script)
    started = on_terminal("true")
    started.read_until(b"reason: ")
    started.type(b"token=Winter2026\n")
    started.read_until(ASKING)
    started.type(b"n\n")
    assert started.end() == 120
    assert b"the reason looks like a secret" in started.seen


def test_many_places_are_told_in_one_question(daemon, on_terminal):
    started = on_terminal("frobnicate", *["--password=Winter2026"] * 9)
    seen = started.read_until(ASKING)
    assert seen.count(b"looks like a secret") == 4 and b"5 more words look like a secret" in seen and seen.count(b"instead:") == 1
    started.type(b"n\n")
    assert started.end() == 120
