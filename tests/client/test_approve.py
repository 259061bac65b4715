# SPDX-License-Identifier: Apache-2.0
"""The verbs about one request: what is shown, what is asked, and what is sent. On pseudo-terminals where a person is needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jitd.core.request import RequestState, Verdict, transition
from tests.client.desk import Desk, Typist
from tests.client.script import Row, Script, jitd, row_for, waiting
from tests.marks import full
from tests.scene import moment, person
from tests.scene import review as reviewed
from tests.waiting import PATIENCE


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


# --- the question ------------------------------------------------------------------------------------------------------

LETTER, WORD = 'approve "true" as root on db1? [y/N] ', "type yes: "


@pytest.fixture
def sit(tmp_path: Path) -> Iterator[Callable[..., Typist]]:
    """``jitd approve K7QM-2XVD`` on a terminal of 100 lines, with a person at it; ``bash`` is a command that gives a shell."""
    made: list[Typist] = []

    def begin(*argv: str, lines: int = 100, ahead: bytes = b"") -> Typist:
        Desk(tmp_path).rows = [row_for(waiting(*(argv or ("true",))))]
        made.append(Typist(tmp_path, "approve", "K7QM-2XVD", size=(lines, 120), ahead=ahead))
        return made[-1]

    yield begin
    for one in made:
        one.end()


@pytest.mark.parametrize("answer", [b"y\n", b"Y\n", b"yes\n", b"Yes\n", b"YES\n"])
def test_yes_typed_after_the_question_approves(sit: Callable[..., Typist], tmp_path: Path, answer: bytes) -> None:
    me = sit()
    assert "runs      true" in me.until(LETTER), "it is shown before the question"
    me.type(answer)
    assert me.status() == 0
    assert Desk(tmp_path).sent == [("approve", "K7QM-2XVD", waiting("true").fingerprint.hex(), "")]


@pytest.mark.parametrize("ahead", [b"yes\nyes\nye", b"y\ny\ny"])
def test_yes_typed_ahead_of_the_question_is_thrown_away(sit: Callable[..., Typist], tmp_path: Path, ahead: bytes) -> None:
    """THREATS A-10."""
    me = sit(ahead=ahead)
    me.until(LETTER)
    assert me.is_quiet(), "it waits for an answer"
    me.type(b"\n")
    assert me.status() == 1
    assert Desk(tmp_path).sent == [] and b"is not approved" in me.seen


NOT_YES = [
    b"no\n",
    b"\n",
    b"yes please\n",
    b"yy\n",
    b" y\n",
    b"\x04",
    b"y\x04\x04",
    b"ye\x04\x04",
    b"yes\x04\x04",
    b"\x1b[200~y\n",
]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(answer, marks=full("every day, the test uses other answers of the same kinds"))
        if answer in (b"yes please\n", b" y\n", b"y\x04\x04", b"yes\x04\x04")
        else answer
        for answer in NOT_YES
    ],
)
def test_anything_but_yes_approves_nothing(sit: Callable[..., Typist], tmp_path: Path, answer: bytes) -> None:
    """Nor does a yes that is pasted, as the terminal marks it, or that is cut short by the end of input."""
    me = sit()
    me.until(LETTER)
    me.type(answer)
    assert me.status() == 1
    assert Desk(tmp_path).sent == []


ROOT_SHELL = (("bash",), 100, "it gives root: ")
NOT_ON_THE_SCREEN = (("true",), 5, "not all of it was on the screen: ")
NOT_THE_WORD = [b"y\n", b"Y\n", b"YES\n", *NOT_YES]
OF_EVERY_DAY = (b"y\n", b"YES\n", b"\n", b"yes please\n", b"ye\x04\x04", b"yes\x04\x04", b"\x1b[200~y\n")
"""The letter, other capitals, nothing, more than the word, the end of input within it and after it, and a paste."""


@pytest.mark.parametrize(
    ("argv", "lines", "because", "answer"),
    [
        pytest.param(
            *asked,
            answer,
            marks=[]
            if answer in (OF_EVERY_DAY if asked is ROOT_SHELL else (b"y\n", b"YES\n"))
            else full("every day, the test uses each kind of answer for a root shell, and two for what was not on the screen"),
        )
        for answer in NOT_THE_WORD
        for asked in (ROOT_SHELL, NOT_ON_THE_SCREEN)
    ],
)
def test_where_the_word_is_asked_for_anything_but_the_whole_word_approves_nothing(
    sit: Callable[..., Typist], tmp_path: Path, argv: tuple[str, ...], lines: int, because: str, answer: bytes
) -> None:
    me = sit(*argv, lines=lines)
    me.read_until(because + WORD)
    me.type(answer)
    assert me.status() == 1
    assert Desk(tmp_path).sent == []


@pytest.mark.parametrize(("argv", "lines"), [(("bash",), 100), (("true",), 5)])
def test_the_whole_word_approves(sit: Callable[..., Typist], tmp_path: Path, argv: tuple[str, ...], lines: int) -> None:
    me = sit(*argv, lines=lines)
    me.read_until(WORD)
    me.type(b"yes\n")
    assert me.status() == 0
    assert [one[:2] for one in Desk(tmp_path).sent] == [("approve", "K7QM-2XVD")]


@pytest.mark.parametrize("answer", [b"y\nrm x\n", b"y\ny\n", b"y\n\n", b"yes\nyes\n"])
def test_an_answer_that_is_a_part_of_more_approves_nothing(sit: Callable[..., Typist], tmp_path: Path, answer: bytes) -> None:
    """THREATS A-10: on a terminal that does not mark what is pasted."""
    me = sit()
    me.until(LETTER)
    me.type(answer)
    assert me.status() == 1
    assert Desk(tmp_path).sent == []


def test_input_that_never_pauses_approves_nothing(
    sit: Callable[..., Typist], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS A-10: a key that is stuck, or somebody who types for them."""
    monkeypatch.setenv("QUIET_FOR", str(PATIENCE))  # what comes after a pause of ours would be an answer
    me = sit()
    is_over = threading.Event()

    def type_on() -> None:
        while not is_over.wait(0.02):
            me.type(b"y\n")

    typing = threading.Thread(target=type_on)
    typing.start()
    try:
        me.until(LETTER)
        me.until("is not approved")
    finally:
        is_over.set()
        typing.join()
    assert me.status() == 1 and Desk(tmp_path).sent == []


def test_an_interrupt_at_the_question_approves_nothing_and_is_quiet(sit: Callable[..., Typist], tmp_path: Path) -> None:
    me = sit()
    me.until(LETTER)
    me.type(b"\x03")
    assert me.status() == 130
    assert me.seen[me.at :].replace(b"^C", b"").replace(b"\x1b[?2004l", b"").strip() == b""
    assert Desk(tmp_path).sent == []


def test_after_a_stop_the_question_is_asked_again_and_what_was_typed_meanwhile_is_thrown_away(
    sit: Callable[..., Typist], tmp_path: Path
) -> None:
    """THREATS A-10: what was typed for the shell may be a yes."""
    me = sit()
    me.until(LETTER)
    me.stop()
    me.type(b"y\n")
    me.go_on()
    me.until(LETTER)
    assert me.is_quiet()
    me.type(b"\n")
    assert me.status() == 1 and Desk(tmp_path).sent == []


# --- several at once ---------------------------------------------------------------------------------------------------


def test_each_of_several_is_asked_about_and_a_no_to_one_is_none_to_the_others(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.rows = rows = [row_for(waiting("true", id=id)) for id in ("AAAA-1111", "BBBB-2222", "CCCC-3333")]
    me = Typist(tmp_path, "approve", "AAAA-1111", "BBBB-2222", "CCCC-3333", size=(100, 120))
    for id, answer in (("AAAA-1111", b"y\n"), ("BBBB-2222", b"n\n"), ("CCCC-3333", b"y\n")):
        assert id in me.until(LETTER)
        me.type(answer)
    assert me.status() == 1, "one of them is not approved"
    assert [one[:3] for one in desk.sent] == [
        ("approve", "AAAA-1111", rows[0]["fingerprint"]), ("approve", "CCCC-3333", rows[2]["fingerprint"]),
    ]  # fmt: skip


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
