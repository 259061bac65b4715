# SPDX-License-Identifier: Apache-2.0
"""The verbs about one request: what is shown, what is asked, and what is sent. On pseudo-terminals where a person is needed."""

from __future__ import annotations

import os
import pty
import select
import sys
import time

import pytest

from jitd import cli
from jitd.cli import call
from jitd.core.request import RequestState, Verdict, transition
from tests.client.script import Script, jitd, row_for, waiting
from tests.scene import moment, person
from tests.scene import review as reviewed


def test_approve_sends_exactly_the_fingerprint_that_was_shown(capsys: pytest.CaptureFixture[str]) -> None:
    request = waiting("true")
    script = Script(row_for(request), said="request K7QM-2XVD is approved")
    assert jitd(script, "approve", "k7qm2xvd", "--yes", "--comment", "go ahead") == 0
    out, err = capsys.readouterr()
    assert request.fingerprint.hex() in out, "--yes prints all of it too"
    assert err == "jitd: request K7QM-2XVD is approved\n"
    shown, sent = script.heard
    assert shown.type == "show" and shown.id == "k7qm2xvd"  # type: ignore[attr-defined]
    assert sent.type == "review"
    assert (sent.id, sent.verdict, sent.fingerprint, sent.comment) == (  # type: ignore[attr-defined]
        "K7QM-2XVD", "approve", request.fingerprint, "go ahead",
    )  # fmt: skip


def test_without_a_terminal_and_without_yes_nothing_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    script = Script(row_for(waiting("true")))
    assert jitd(script, "approve", "K7QM-2XVD") == 2
    assert [message.type for message in script.heard] == ["show"]
    assert "--yes" in capsys.readouterr().err


def test_ones_own_request_is_not_asked_about(capsys: pytest.CaptureFixture[str]) -> None:
    script = Script(row_for(waiting("true"), viewer="alice"))
    assert jitd(script, "approve", "K7QM-2XVD") == 3
    assert [message.type for message in script.heard] == ["show"]
    assert "your own" in capsys.readouterr().err


def test_a_request_whose_rule_does_not_take_my_review_is_not_asked_about() -> None:
    script = Script(row_for(waiting("true"), viewer="eve"))
    assert jitd(script, "approve", "K7QM-2XVD") == 3
    assert [message.type for message in script.heard] == ["show"]


def test_with_yes_the_daemon_is_asked_whatever_the_row_says() -> None:
    """The rules are the daemon's: an attempt on one's own request reaches it, and it says no."""
    script = Script(row_for(waiting("true"), viewer="alice"))
    jitd(script, "approve", "K7QM-2XVD", "--yes")
    assert [message.type for message in script.heard] == ["show", "review"]


def test_what_has_ended_is_answered_by_the_daemon_without_a_question() -> None:
    """Repeated with the same verdict it is done, otherwise late: the daemon knows which."""
    pending = waiting("true")
    approved, _ = transition(pending, reviewed(pending, person("bob")), moment(1))
    script = Script(row_for(approved), said="you have approved it already")
    assert jitd(script, "approve", "K7QM-2XVD") == 0
    assert [message.type for message in script.heard] == ["show", "review"]
    assert approved.state is RequestState.APPROVED


def test_deny_sends_the_fingerprint_and_the_reason() -> None:
    request = waiting("true")
    script = Script(row_for(request))
    assert jitd(script, "deny", "K7QM-2XVD", "--reason", "not today") == 0
    sent = script.heard[-1]
    assert (sent.verdict, sent.fingerprint, sent.comment) == (str(Verdict.DENY), request.fingerprint, "not today")  # type: ignore[attr-defined]


@pytest.mark.parametrize("words", [(), ("--reason", ""), ("--reason", "  ")])
def test_deny_wants_a_reason(words: tuple[str, ...]) -> None:
    script = Script(row_for(waiting("true")))
    assert jitd(script, "deny", "K7QM-2XVD", *words) == 2
    assert script.heard == []


@pytest.mark.parametrize("verb", ["approve --yes", "deny --reason=x", "withdraw"])
def test_reviews_and_withdrawals_are_made_with_a_ticket_even_by_root(verb: str) -> None:
    script = Script(row_for(waiting("true")))
    assert jitd(script, *verb.split(), "K7QM-2XVD") == 0
    assert script.with_ticket == [True]


@pytest.mark.parametrize("verb", ["requests", "show X", "grants", "runs", "revoke X", "stop X", "reload", "audit show"])
def test_every_other_verb_needs_no_ticket_of_root(verb: str) -> None:
    script = Script(row_for(waiting("true"), viewer="bob"))
    assert jitd(script, *verb.split()) == 0
    assert script.with_ticket == [False]


class Keyboard:
    """``jitd approve`` on a terminal, with a person at it."""

    def __init__(self, script: Script, typed_before: bytes = b"") -> None:
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            call.connect = script.connect  # type: ignore[assignment]
            script.tells = True
            sys.stdin, sys.stdout, sys.stderr = (os.fdopen(os.dup(fd), mode) for fd, mode in ((0, "r"), (1, "w"), (2, "w")))
            sys.argv = ["jitd", "approve", "K7QM-2XVD"]
            if typed_before:
                select.select([0], [], [], 10)  # it is in the line before we come to the question
            status = cli.main()
            sys.stdout.flush()
            os._exit(status)
        if typed_before:
            os.write(self.terminal, typed_before)
        self.seen = b""

    def until(self, text: bytes) -> None:
        end = time.monotonic() + 60
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            if select.select([self.terminal], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.terminal, 65536)
                except OSError:
                    assert text in self.seen, self.seen

    def type(self, keys: bytes) -> None:
        os.write(self.terminal, keys)

    def status(self) -> int:
        while True:
            try:
                piece = os.read(self.terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            self.seen += piece
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


QUESTION = b"approve K7QM-2XVD? type yes: "


def test_yes_typed_after_the_question_approves() -> None:
    keyboard = Keyboard(Script(row_for(waiting("true"))))
    keyboard.until(QUESTION)
    assert waiting("true").fingerprint.hex().encode() in keyboard.seen, "everything is shown before the question"
    keyboard.type(b"yes\n")
    assert keyboard.status() == 0
    assert b"SENT review" in keyboard.seen


def test_yes_typed_ahead_of_the_question_is_thrown_away() -> None:
    """THREATS A-10."""
    keyboard = Keyboard(Script(row_for(waiting("true"))), typed_before=b"yes\nyes\nye")
    keyboard.until(QUESTION)
    assert not select.select([keyboard.terminal], [], [], 0.3)[0], "it waits for an answer"
    keyboard.type(b"\n")
    assert keyboard.status() == 1
    assert b"SENT" not in keyboard.seen and b"is not approved" in keyboard.seen


@pytest.mark.parametrize("answer", [b"y\n", b"YES\n", b"no\n", b"\n", b"yes please\n", b"\x04", b"ye\x04\x04", b"yes\x04\x04"])
def test_anything_but_the_whole_word_yes_approves_nothing(answer: bytes) -> None:
    keyboard = Keyboard(Script(row_for(waiting("true"))))
    keyboard.until(QUESTION)
    keyboard.type(answer)
    assert keyboard.status() == 1
    assert b"SENT" not in keyboard.seen


def test_an_interrupt_at_the_question_approves_nothing_and_is_quiet() -> None:
    keyboard = Keyboard(Script(row_for(waiting("true"))))
    keyboard.until(QUESTION)
    before = len(keyboard.seen)
    keyboard.type(b"\x03")
    assert keyboard.status() == 130
    assert keyboard.seen[before:].replace(b"^C", b"").strip() == b""
