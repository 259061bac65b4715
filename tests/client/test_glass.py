# SPDX-License-Identifier: Apache-2.0
"""``jitsudo --break-glass`` at the terminal, and ``jitd review``: nothing is sent before the word was typed.

Law: no connection is made before the confirmation, so the daemon's script would fail if there were one.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import time

import pytest

from jitpam import glass
from jitpam.options import UsageError, read_options
from jitpam.wire import messages
from tests.client.acting import ID, command_line, surroundings
from tests.client.script import Script, jitd, row_for, waiting
from tests.waiting import PATIENCE, sleeps, wait_for

ASKING = b'type "break glass" to go on: '
BREAK = ("--break-glass", "--reason=production is down")
DENIED = "denied: no rule permits this"


def denies(heard):
    """A daemon that notes what it is asked, and denies it."""

    def script(peer):
        heard.append(peer.welcome())
        peer.say(messages.Refused(code="denied", text=DENIED))

    return script


def test_the_word_is_asked_for_on_the_terminal_and_then_it_is_submitted_as_broken_glass(daemon, on_terminal):
    heard = []
    daemon.play(denies(heard))
    started = on_terminal(*BREAK, "systemctl", "restart", "postgresql")
    seen = started.read_until(ASKING)
    assert b"nobody approves it before it runs" in seen and b"reason: production is down" in seen
    assert heard == [] and not select.select([daemon.listener], [], [], 0)[0], "nothing is sent yet"
    started.type(b"break glass\n")
    assert started.end() == 121 and DENIED.encode() in started.seen
    daemon.finish()
    (asked,) = heard
    assert isinstance(asked, messages.Breakglass) and asked.reason == "production is down"
    assert asked.argv == [b"systemctl", b"restart", b"postgresql"] and (asked.waits, asked.if_owed) == (True, True)


@pytest.mark.parametrize("line", [b"\n", b"y\n", b"yes\n", b"BREAK GLASS\n", b"break  glass\n", b"break glass\x04\x04", b"\x04"])
def test_another_word_sends_nothing_and_exits_120(daemon, on_terminal, line):
    started = on_terminal(*BREAK, "true")
    started.read_until(ASKING)
    started.type(line)
    assert started.end() == 120
    assert b"it was not confirmed: nothing was sent" in started.seen
    assert not select.select([daemon.listener], [], [], 0)[0]


def test_ctrl_c_at_the_question_sends_nothing(daemon, on_terminal):
    started = on_terminal(*BREAK, "true")
    started.read_until(ASKING)
    wait_for(lambda: sleeps(started.pid), what="a client that reads")
    started.type(b"\x03")
    assert started.end() == -2
    assert not select.select([daemon.listener], [], [], 0)[0]


def test_what_was_typed_before_the_question_does_not_answer_it(daemon, on_terminal):
    """THREATS A-10."""
    started = on_terminal(*BREAK, "true", ahead=b"break glass\n" * 3)
    started.read_until(ASKING)
    assert not select.select([started.master], [], [], 0.5)[0], "it waits for an answer"
    started.type(b"no\n")
    assert started.end() == 120
    assert not select.select([daemon.listener], [], [], 0)[0]


def test_without_a_terminal_it_is_120_before_anything_is_sent(daemon):
    done = subprocess.run(
        command_line(*BREAK, "true"), input=b"break glass\n", capture_output=True, env=surroundings(daemon.path),
        start_new_session=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 120 and b"there is none: nothing was sent" in done.stderr
    assert not select.select([daemon.listener], [], [], 0)[0]


def test_standard_input_is_the_commands_and_does_not_confirm(daemon, on_terminal, tmp_path):
    """The word comes from the terminal itself, whatever the command reads."""
    (tmp_path / "in").write_bytes(b"break glass\n")
    started = on_terminal(*BREAK, "true", replace={0: str(tmp_path / "in")})
    started.read_until(ASKING)
    started.type(b"no\n")
    assert started.end() == 120


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--break-glass", "true"), "--break-glass needs --reason=TEXT"),
        (("--break-glass", "--reason= ", "true"), "--break-glass needs --reason=TEXT"),
        ((*BREAK, "-n", "true"), "-n does not go with --break-glass"),
        ((*BREAK, "--no-wait", "true"), "--no-wait does not go with --break-glass"),
        ((*BREAK, "--at=22:00", "true"), "--at does not go with --break-glass"),
        ((*BREAK, "-k", "true"), "-k does not go with --break-glass"),
        ((*BREAK, "-l", "true"), "--break-glass does not go with -l: -l says anyway whether a rule permits it"),
        ((*BREAK, "-v"), "--break-glass does not go with -v"),
        ((*BREAK, "--get=service-ticket:x/y"), "--break-glass does not go with --get"),
        (("--break-glass", "--resume=" + ID), "--break-glass does not go with --resume"),
        ((*BREAK, "--service=sudo", "true"), "--service does not go with --break-glass"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_does_not_go_with_it_is_refused_before_anything_is_asked(words, told, monkeypatch):
    monkeypatch.delenv("JITSUDO_REASON", raising=False)
    with pytest.raises(UsageError, match=told):
        glass.confirm(read_options([word.encode() for word in words]))


def test_what_the_person_says_is_escaped_on_their_own_screen_too(on_terminal):
    started = on_terminal("--break-glass", "--reason=\x1b[2Jmine", "true")
    assert b"\x1b[2J" not in started.read_until(ASKING)
    started.type(b"\n")
    assert started.end() == 120


# --- jitd review -------------------------------------------------------------------------------------------------------


def row(**changes):
    """A request by which somebody broke glass, as bob sees it."""
    owed = {
        "id": ID, "state": "owed", "reviewers": "group:ops", "may_give": True, "mine": False, "due_at": "2026-03-03T09:00:00Z",
        "given_by": None, "given_as": "", "comment": "", "lacks": "",
    }  # fmt: skip
    glass = {"instead_of": "restart", "skips": "1 approval from group:ops", "review_for": 86400, "open": 5}
    return row_for(waiting("true"), state="approved", break_glass=glass, owed_review={**owed, **changes})


def test_a_review_carries_the_fingerprint_of_what_was_printed(capsys):
    script = Script(row(), said="what was done is reviewed")
    assert jitd(script, "review", ID, "--yes", "--comment", "it was right") == 0
    told = capsys.readouterr()
    fingerprint = waiting("true").fingerprint
    assert "GLASS IS BROKEN" in told.out and fingerprint.hex() in told.out and "1 approval from group:ops" in told.out
    sent = script.heard[-1]
    assert sent == messages.Review(id=ID, verdict="reviewed", fingerprint=fingerprint, comment="it was right")
    assert script.with_ticket == [True] and "reviewed" in told.err


def test_without_a_terminal_nothing_is_reviewed(capsys):
    script = Script(row())
    assert jitd(script, "review", ID) == 2
    assert [message.type for message in script.heard] == ["show"] and "to answer yes in advance" in capsys.readouterr().err


def test_a_request_that_owes_none_is_not_reviewed(capsys):
    script = Script(row_for(waiting("true"), owed_review=None))
    assert jitd(script, "review", ID, "--yes") == 1
    assert [message.type for message in script.heard] == ["show"] and "no review is owed" in capsys.readouterr().err


def test_the_list_says_which_are_owed_and_the_page_how_late_they_are(capsys):
    listed = {**row()["owed_review"], "requester": "alice@X", "argv": ["true"], "host": "db1", "begun_at": "2026-03-02T09:00:00Z"}
    assert jitd(Script(reviews=(listed,)), "reviews") == 0
    assert "owed" in capsys.readouterr().out
    assert jitd(Script(reviews=(listed,)), "reviews", "--json") == 0
    assert json.loads(capsys.readouterr().out)["id"] == ID
    assert jitd(Script(reviews=({**listed, "argv": ["echo", "a b"]},)), "reviews") == 0
    assert "echo 'a b'" in capsys.readouterr().out, "a space in an argument is no end of it"
    assert jitd(Script(), "reviews") == 0
    assert "no review is owed" in capsys.readouterr().err
    late = row(state="overdue", overdue_at="2026-03-03T09:00:00Z")
    assert jitd(Script(late), "show", ID) == 0
    assert "OVERDUE since" in capsys.readouterr().out


def test_the_confirmation_does_not_wait_for_a_terminal_that_is_never_silent(on_terminal):
    started = on_terminal(*BREAK, "true")
    until = time.monotonic() + PATIENCE
    while ASKING not in started.seen and time.monotonic() < until:
        started.type(b"x")
        if select.select([started.master], [], [], 0.02)[0]:
            started.seen += os.read(started.master, 65536)
    assert ASKING in started.seen
    started.type(b"\n")
    assert started.end() == 120


def owed(id=ID, **changes):
    """An owed review in a list, as bob sees it who may give it."""
    return {**row()["owed_review"], "id": id, "requester": "alice@X", "argv": ["true"], **changes}


def test_jitd_alone_says_which_reviews_are_owed_beside_what_waits(capsys):
    script = Script(row_for(waiting("true", id="AAAA-1111")), reviews=(owed(),))
    assert jitd(script) == 0
    told = capsys.readouterr()
    assert "1 request waits for you:" in told.out and "AAAA-1111" in told.out
    assert f"a review is owed for request {ID} (alice@X: true): jitd review {ID}" in told.err
    assert [(message.type, message.what) for message in script.heard] == [("list", "requests"), ("list", "reviews")]
    assert jitd(Script(reviews=(owed(),))) == 0
    told = capsys.readouterr()
    assert f"jitd review {ID}" in told.err and "no request waits for you" in told.err
    assert "nothing waits for you" not in told.err, "a review does"


def test_jitd_alone_tells_who_broke_glass_and_nobody_else_of_a_review_that_is_owed_by_others(capsys):
    assert jitd(Script(reviews=(owed(mine=True, may_give=False, state="overdue"),))) == 0
    told = capsys.readouterr().err
    assert f"a review is owed and overdue for your request {ID} (true); group:ops has to give it" in told
    assert "nothing waits for you" in told and "jitd review" not in told
    assert jitd(Script(reviews=(owed(may_give=False),))) == 0
    assert "review" not in capsys.readouterr().err.replace("root may not review", "")


def test_arguments_that_are_not_shown_are_not_shown_as_arguments(capsys):
    narrow = owed(narrowed=True, argv=["(not shown)"])
    for words in ((), ("requests",), ("reviews",)):
        assert jitd(Script(reviews=(narrow,)), *words) == 0
        told = capsys.readouterr()
        assert "'' (not shown)" in told.out + told.err and "'(not shown)'" not in told.out + told.err
