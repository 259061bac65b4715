# SPDX-License-Identifier: Apache-2.0
"""The verbs about one request: what is shown, what is asked, and what is sent. On pseudo-terminals where a person is needed."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jitd.core.request import RequestState, Verdict, transition
from tests.client.desk import KEYS, TREE, WHY, WORD, Desk, Typist
from tests.client.script import Row, Script, jitd, row_for, waiting
from tests.marks import full
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


VERBS: dict[str, tuple[str, ...]] = {
    "approve": ("approve", "--yes", "K7QM-2XVD"),
    "deny": ("deny", "--reason", "no", "K7QM-2XVD"),
    "revoke": ("revoke", "K7QM-2XVD"),
    "stop": ("stop", "K7QM-2XVD.1"),
    "lock": ("lock", "--user", "eve"),
}


@pytest.mark.parametrize("is_sent", [True, False], ids=["sent", "not sent yet"])
@pytest.mark.parametrize("verb", VERBS)
def test_who_types_ctrl_c_after_their_word_has_left_is_told_that_it_may_count(
    verb: str, is_sent: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = Script(row_for(waiting("true")))
    script.is_sent = is_sent

    def interrupted(message: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(script, "do", interrupted)
    assert jitd(script, *VERBS[verb]) == 130
    told = "jitd: it was sent before Ctrl-C, and may count: look before you try again\n"
    assert (told in capsys.readouterr().err) is is_sent


def test_without_a_terminal_and_without_yes_nothing_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    script = Script(row_for(waiting("true")))
    assert jitd(script, "approve", "K7QM-2XVD") == 2
    assert [message.type for message in script.heard] == ["show"]
    assert "--yes" in capsys.readouterr().err


@pytest.mark.parametrize("state", [None, "voting", 7])
def test_in_whatever_state_a_newer_host_says_that_a_request_is_it_is_read_before_it_is_approved(
    state: object, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS A-02. A state that is not known is not one that has ended."""
    row = {name: value for name, value in row_for(waiting("id", "-u")).items() if name != "state"}
    script = Script(row | ({} if state is None else {"state": state}), said="request K7QM-2XVD is approved")
    assert jitd(script, "approve", "K7QM-2XVD") == 2, "there is no terminal for the question"
    assert [message.type for message in script.heard] == ["show"]
    assert jitd(script, "approve", "--yes", "K7QM-2XVD") == 0
    assert "id -u" in capsys.readouterr().out


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


def test_of_several_requests_with_yes_each_is_shown_on_one_screen(capsys: pytest.CaptureFixture[str]) -> None:
    script = Script(row_for(waiting("true")))
    assert jitd(script, "approve", "--yes", "K7QM-2XVD") == 0
    whole = capsys.readouterr().out.splitlines()
    script = Script(row_for(waiting("true")))
    assert jitd(script, "approve", "--yes", "K7QM-2XVD", "K7QM-2XVE") == 0
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) < len(whole) and sum("alice asks for" in line for line in shown) == 2
    assert [message.type for message in script.heard] == ["show", "review"] * 2


def test_several_requests_are_withdrawn_although_one_cannot_be(capsys: pytest.CaptureFixture[str]) -> None:
    script = Script(row_for(waiting("true"), viewer="alice"))
    assert jitd(script, "withdraw", "K7QM-2XVD", "xx", "K7QM-2XVE", "K7QM-2XVD") == 2
    assert [message.id for message in script.heard] == ["K7QM-2XVD", "K7QM-2XVE"]  # type: ignore[attr-defined]
    assert "xx is too short" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["approve --yes", "deny --reason=x", "withdraw"])
def test_reviews_and_withdrawals_are_made_with_a_ticket_even_by_root(verb: str) -> None:
    script = Script(row_for(waiting("true")))
    assert jitd(script, *verb.split(), "K7QM-2XVD") == 0
    assert script.with_ticket == [True]


@pytest.mark.parametrize(
    "verb", ["requests", "show K7QM-2XVD", "grants", "runs", "revoke K7QM-2XVD", "stop K7QM-2XVD", "reload", "audit show"]
)
def test_every_other_verb_needs_no_ticket_of_root(verb: str) -> None:
    script = Script(row_for(waiting("true"), viewer="bob"))
    assert jitd(script, *verb.split()) == 0
    assert script.with_ticket == [False]


# --- the keys and the question ------------------------------------------------------------------------------------------

NOTHING = "is not approved: nothing was sent"


@pytest.fixture
def sit(tmp_path: Path) -> Iterator[Callable[..., Typist]]:
    """``jitd approve K7QM-2XVD`` on a terminal of 100 lines, with a person at it; of ``bash`` the daemon says what it gives."""
    made: list[Typist] = []

    def begin(*argv: str, lines: int = 100, ahead: bytes = b"") -> Typist:
        grade = "gives" if argv == ("bash",) else "harmless"
        Desk(tmp_path).rows = [row_for(waiting(*(argv or ("true",))), grade=grade)]
        made.append(Typist(tmp_path, "approve", "K7QM-2XVD", size=(lines, 120), ahead=ahead))
        return made[-1]

    yield begin
    for one in made:
        one.end()


@pytest.mark.parametrize("key", [b"a", b"A"])
def test_one_key_below_the_page_approves(sit: Callable[..., Typist], tmp_path: Path, key: bytes) -> None:
    me = sit()
    assert "true" in me.until(KEYS), "the page is shown before the keys"
    me.press(key)
    assert me.status() == 0
    assert Desk(tmp_path).sent == [("approve", "K7QM-2XVD", waiting("true").fingerprint.hex(), "")]


def test_it_is_denied_with_words_and_is_not_approved_then(sit: Callable[..., Typist], tmp_path: Path) -> None:
    me = sit()
    me.until(KEYS)
    me.press(b"d")
    me.until(WHY)
    me.type(b"\n")
    me.until(KEYS)
    me.press(b"d")
    me.until(WHY)
    me.type(b"not today\n")
    assert me.status() == 1, "0 says that all were approved"
    assert [(one[0], one[3]) for one in Desk(tmp_path).sent] == [("deny", "not today")]


@pytest.mark.parametrize("key", [b"s", b"q", b"\x04"])
def test_whoever_skips_or_leaves_has_decided_nothing(sit: Callable[..., Typist], tmp_path: Path, key: bytes) -> None:
    me = sit()
    me.until(KEYS)
    me.press(key)
    me.until(NOTHING)
    assert me.status() == 1 and Desk(tmp_path).sent == []


def test_all_is_viewed_and_approved_there(sit: Callable[..., Typist], tmp_path: Path) -> None:
    me = sit()
    me.until(KEYS)
    me.press(b"v")
    assert waiting("true").fingerprint.hex() in me.until("v view less")
    me.press(b"a")
    assert me.status() == 0 and len(Desk(tmp_path).sent) == 1


@pytest.mark.parametrize("ahead", [b"a", b"aaaa", b"ayes\n", b"yes\nyes\nye"])
def test_what_is_typed_ahead_of_the_page_is_thrown_away(sit: Callable[..., Typist], tmp_path: Path, ahead: bytes) -> None:
    """THREATS A-10."""
    me = sit(ahead=ahead)
    me.until(KEYS)
    assert me.is_quiet(), "it waits for an answer"
    assert Desk(tmp_path).sent == []
    assert me.leaves() == 1 and Desk(tmp_path).sent == []


NOT_THE_WORD = [b"y\n", b"YES\n", b"no\n", b"yes please\n", b" yes\n", b"\x1b[200~yes\n", b"\x1b[200~yes\x1b[201~\n"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(answer, marks=full("every day, the test uses other answers of the same kinds"))
        if answer in (b"no\n", b"YES\n", b"\x1b[200~yes\n")
        else answer
        for answer in NOT_THE_WORD
    ],
)
def test_anything_but_the_word_approves_nothing_and_stays_at_the_question(
    sit: Callable[..., Typist], tmp_path: Path, answer: bytes
) -> None:
    me = sit("bash")
    me.until(KEYS)
    me.press(b"a")
    me.until("it gives root: " + WORD)
    me.type(answer)
    me.until(WORD)
    assert me.is_quiet() and Desk(tmp_path).sent == []
    me.type(b"\n")
    me.until(KEYS)
    assert me.leaves() == 1 and Desk(tmp_path).sent == []


@pytest.mark.parametrize("answer", [b"\x04", b"ye\x04\x04", b"yes\x04\x04"])
def test_the_end_of_input_is_no_word(sit: Callable[..., Typist], tmp_path: Path, answer: bytes) -> None:
    me = sit("bash")
    me.until(KEYS)
    me.press(b"a")
    me.until(WORD)
    me.type(answer)
    me.until(KEYS)
    assert me.leaves() == 1 and Desk(tmp_path).sent == []


def test_the_whole_word_approves(sit: Callable[..., Typist], tmp_path: Path) -> None:
    me = sit("bash")
    me.until(KEYS)
    me.press(b"a")
    me.until(WORD)
    me.type(b"yes\n")
    assert me.status() == 0
    assert [one[:2] for one in Desk(tmp_path).sent] == [("approve", "K7QM-2XVD")]


@pytest.mark.parametrize("answer", [b"yes\nrm x\n", b"yes\nyes\n", b"yes\n\n"])
def test_a_word_that_is_a_part_of_more_approves_nothing(sit: Callable[..., Typist], tmp_path: Path, answer: bytes) -> None:
    """THREATS A-10: on a terminal that does not mark what is pasted."""
    me = sit("bash")
    me.until(KEYS)
    me.press(b"a")
    me.until(WORD)
    me.type(answer)
    me.until("pasted text does not count")
    me.until(WORD)
    assert me.is_quiet() and Desk(tmp_path).sent == []


@pytest.mark.parametrize("argv", [(), ("bash",)])
def test_input_that_never_pauses_approves_nothing(
    sit: Callable[..., Typist], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...]
) -> None:
    """THREATS A-10: a key that is stuck, or somebody who types for them."""
    for quiet in (2.0, 8.0, 30.0):  # on a busy host there may be a pause of ours, and what comes after it would be an answer
        monkeypatch.setenv("QUIET_FOR", str(quiet))
        before, begun_at = Desk(tmp_path).sent, time.monotonic()
        me = sit(*argv)
        if longest_pause(me, begun_at, 2.5 * quiet) < quiet:
            break
    else:
        pytest.fail("no input is without a pause")
    assert b"type yes" not in me.seen and Desk(tmp_path).sent == before


def longest_pause(me: Typist, begun_at: float, seconds: float) -> float:
    """Type without a pause until the keys have been on the screen for so many seconds. Returns the most seconds in which nothing
    may have come.
    """
    is_over = threading.Event()
    pauses = []

    def type_on() -> None:
        since = begun_at
        with suppress(OSError):  # it has ended
            while not is_over.wait(0.02):
                came_after = time.monotonic()
                me.type(b"a")
                pauses.append(time.monotonic() - since)
                since = came_after

    typing = threading.Thread(target=type_on)
    typing.start()
    try:
        me.until(KEYS)
        is_over.wait(seconds)
    finally:
        is_over.set()
        typing.join()
    return max(pauses)


def test_an_interrupt_at_the_question_approves_nothing_and_is_quiet(sit: Callable[..., Typist], tmp_path: Path) -> None:
    me = sit("bash")
    me.until(KEYS)
    me.press(b"a")
    me.until(WORD)
    me.type(b"\x03")
    assert me.status() == 130
    assert me.seen[me.at :].replace(b"^C", b"").replace(b"\x1b[?2004l", b"").strip() == b""
    assert Desk(tmp_path).sent == []


def test_after_a_stop_the_question_is_asked_again_and_what_was_typed_meanwhile_is_thrown_away(
    sit: Callable[..., Typist], tmp_path: Path
) -> None:
    """THREATS A-10: what was typed for the shell may be a yes."""
    me = sit("bash")
    me.until(KEYS)
    me.press(b"a")
    me.until(WORD)
    me.stop()
    me.type(b"yes\n")
    me.go_on()
    me.until(WORD)
    assert me.is_quiet() and Desk(tmp_path).sent == []


def test_a_line_that_was_typed_before_its_question_does_not_answer_it(tmp_path: Path) -> None:
    """THREATS A-10."""
    asks = "from jitd.cli.question import is_answered_yes; sys.exit(is_answered_yes('do it? '))"
    me = Typist(tmp_path, ahead=b"yes\n", line=[sys.executable, "-c", f"import sys; sys.path[:0] = [{str(TREE)!r}]; {asks}"])
    me.until("do it? ")
    assert me.is_quiet(), "it waits for an answer"
    me.type(b"no\n")
    assert me.status() == 0


# --- several at once ---------------------------------------------------------------------------------------------------


def test_each_of_several_is_asked_about_and_a_no_to_one_is_none_to_the_others(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.rows = rows = [row_for(waiting("true", id=id)) for id in ("AAAA-1111", "BBBB-2222", "CCCC-3333")]
    me = Typist(tmp_path, "approve", "AAAA-1111", "BBBB-2222", "CCCC-3333", size=(100, 120))
    for id, key in (("AAAA-1111", b"a"), ("BBBB-2222", b"s"), ("CCCC-3333", b"a")):
        assert id in me.until(KEYS)
        me.press(key)
    assert me.status() == 1, "one of them is not approved"
    assert [one[:3] for one in desk.sent] == [
        ("approve", "AAAA-1111", rows[0]["fingerprint"]), ("approve", "CCCC-3333", rows[2]["fingerprint"]),
    ]  # fmt: skip


def test_whoever_leaves_is_asked_about_no_other(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.rows = [row_for(waiting("true", id=id)) for id in ("AAAA-1111", "BBBB-2222")]
    me = Typist(tmp_path, "approve", "AAAA-1111", "BBBB-2222", size=(100, 120))
    me.until(KEYS)
    me.press(b"q")
    me.until(NOTHING)
    assert me.status() == 1 and desk.sent == [] and b"BBBB-2222" not in me.seen


@pytest.mark.parametrize("verb", ["approve --yes", "deny --reason=no"])
def test_what_fails_for_one_is_said_and_the_others_are_done(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(tmp_path)
    desk.rows = [row_for(waiting("true", id="CCCC-3333"))]
    assert jitd(desk, *verb.split(), "AAAA-1111", "CCCC-3333", "CCCC-3333") == 4  # type: ignore[arg-type]
    assert "there is no request AAAA-1111" in capsys.readouterr().err
    assert [one[1] for one in desk.sent] == ["CCCC-3333"], "and each once"


@pytest.mark.parametrize("verb", ["approve --yes", "deny"])
@pytest.mark.parametrize("option", ["--comment", "--reason"])
def test_both_reviews_take_what_is_said_by_both_of_its_names(verb: str, option: str) -> None:
    script = Script(row_for(waiting("true")))
    assert jitd(script, *verb.split(), "K7QM-2XVD", option, "because") == 0
    assert script.heard[-1].comment == "because"  # type: ignore[attr-defined]


def test_what_is_said_twice_is_not_guessed_at() -> None:
    script = Script(row_for(waiting("true")))
    assert jitd(script, "deny", "K7QM-2XVD", "--comment", "a", "--reason", "b") == 2
    assert script.heard == []


@pytest.mark.parametrize("words", [("approve",), ("approve", "--yes"), ("approve", "--comment=x"), ("deny", "--reason=x")])
def test_without_a_terminal_there_is_no_walk(words: tuple[str, ...]) -> None:
    script = Script(row_for(waiting("true")))
    assert jitd(script, *words) == 2
    assert script.heard == []


def test_a_denial_asks_for_its_reason_on_a_terminal(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.rows = [row_for(waiting("true"))]
    me = Typist(tmp_path, "deny", "K7QM-2XVD")
    me.until("why (the requester is told): ")
    me.type(b"not today\n")
    assert me.status() == 0
    assert [(one[0], one[3]) for one in desk.sent] == [("deny", "not today")]


def test_nobody_is_asked_why_they_deny_what_is_not_there(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.rows = [row_for(waiting("true"))]
    me = Typist(tmp_path, "deny", "AAAA-AAAA")
    me.until("there is no")
    assert me.status() == 4
    assert b"why" not in me.seen and desk.sent == []


# --- the beginning of an id ----------------------------------------------------------------------------------------------


def several() -> list[Row]:
    rows = [row_for(waiting("true", id=id)) for id in ("K7QM-2XVD", "K7QM-2XAA", "K7QN-0000")]
    return [*rows, row_for(waiting("true", id="M1NE-0000"), "alice"), row_for(waiting("true", id="0THE-R000"), "eve")]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("K7QN", "K7QN-0000"), ("k7qn", "K7QN-0000"), ("k7qno", "K7QN-0000"), ("K7QN-0", "K7QN-0000"), ("k7qm2xv", "K7QM-2XVD"),
        ("K7QM-2XA", "K7QM-2XAA"), ("K7QM-2XVD", "K7QM-2XVD"),
    ],
)  # fmt: skip
def test_four_letters_name_the_one_request_that_begins_with_them(typed: str, meant: str, tmp_path: Path) -> None:
    """THREATS A-08."""
    desk = Desk(tmp_path)
    desk.rows = several()
    assert jitd(desk, "deny", typed, "--reason", "no") == 0  # type: ignore[arg-type]
    assert [one[1] for one in desk.sent] == [meant]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("K7QM", ["K7QM-2XVD: alice", "K7QM-2XAA: alice", "all of these 2 requests"]),
        ("K7QM2X", ["K7QM-2XVD: alice", "K7QM-2XAA: alice", "all of these 2 requests"]),
        ("K7Q", ["K7QM-2XVD: alice", "at least 4 letters"]),
        ("K", ["at least 4 letters"]),
        ("ZZZZ", ["K7QN-0000: alice", "no open request that you may review begins with ZZZZ"]),
        ("MINE", ["no open request that you may review begins with M1NE"]),
        ("0THE", ["no open request that you may review begins with 0THE"]),
    ],
)
@pytest.mark.parametrize("verb", ["approve", "deny --reason=no"])
def test_a_beginning_that_names_no_single_request_of_mine_does_nothing(
    typed: str, told: list[str], verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS A-08: one's own requests, and those of others that one may not review, are no candidates."""
    desk = Desk(tmp_path)
    desk.rows = several()
    assert jitd(desk, *verb.split(), typed) == 2  # type: ignore[arg-type]
    said = capsys.readouterr().err
    assert [text for text in told if text not in said] == []
    assert "M1NE-0000" not in said and "0THE-R000" not in said
    assert desk.sent == []


@pytest.mark.parametrize("typed", ["K7QN", "k7qn000", "K7QM"])
def test_with_yes_a_beginning_names_nothing(typed: str, tmp_path: Path) -> None:
    """THREATS A-08."""
    desk = Desk(tmp_path)
    desk.rows = several()
    assert jitd(desk, "approve", "--yes", "K7QM-2XVD", typed) == 2  # type: ignore[arg-type]
    assert desk.sent == [], "nor is anything done that stands before it"
