# SPDX-License-Identifier: Apache-2.0
"""What a question says under each name, and what it cannot say for certain. Law: nothing is guessed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from jitd.core.facts import Unknown
from jitd.core.question import Question, said
from tests.core.house import ALICE, AS_ROOT, question
from tests.core.test_how_they_authenticated import proof
from tests.scene import thing

A, B = "service-ticket:a/b", "service-ticket:c/d"
LOCAL = replace(ALICE, principal="local:alice")
BY_PAM = replace(ALICE, principal="pam:alice")


def under(name: str, asked: Question | None = None, **facts: Any) -> Any:
    return said(asked or question(**facts), [name])[name]


def of_things(*names: str) -> Question:
    return replace(question(), command=thing(argv=tuple(name.encode() for name in names)))


def test_what_was_asked_for_is_said_as_it_was_asked() -> None:
    asked = question(argv=(b"/bin/x", b"y"), run_as=replace(AS_ROOT, user="bob", group="ops"), reason="r", lasts_for=60, uses=3)
    assert said(asked, ["request.argv", "request.path", "request.user", "request.group", "request.cwd", "request.service"]) == {
        "request.argv": ("/bin/x", "y"),
        "request.path": "/bin/x",
        "request.user": "bob",
        "request.group": "ops",
        "request.cwd": "/home",
        "request.service": "jitsudo",
    }
    assert said(asked, ["request.host", "request.lasts", "request.uses", "claim.reason", "claim.tty"]) == {
        "request.host": "db1.example.org",
        "request.lasts": 60,
        "request.uses": 3,
        "claim.reason": "r",
        "claim.tty": "",
    }


def test_what_was_not_asked_for_is_nothing() -> None:
    assert (under("request.lasts"), under("request.uses"), under("claim.reason")) == (0, 0, "")


def test_who_has_no_ticket_is_local_and_who_was_proved_by_pam_is_too() -> None:
    assert under("subject.is_local") is False
    assert under("subject.is_local", question(LOCAL)) is True
    assert under("subject.is_local", question(BY_PAM)) is True


def test_indicators_are_those_of_the_ticket_in_order() -> None:
    assert under("subject.indicators") == ()
    signed = replace(ALICE, authentication=proof(0, "pkinit", "otp"))
    assert under("subject.indicators", question(signed)) == ("otp", "pkinit")


def test_what_is_not_certain_is_not_said() -> None:
    unsure = replace(ALICE, unsure=frozenset({"ops", "dba"}))
    assert under("subject.groups", question(unsure)) == Unknown("these groups cannot be looked up now: dba, ops")
    assert under("subject.principal", question(unsure)) == ALICE.principal
    assert under("subject.principal", question(BY_PAM)) == Unknown(
        "local PAM has proved the requester's account, but no principal"
    )
    assert under("subject.user", question(BY_PAM)) == "alice"
    doubted = replace(question(), command=replace(question().command, doubt="it was exchanged"))
    for name in ("request.argv", "request.path", "request.user", "request.group", "request.cwd"):
        assert under(name, doubted) == Unknown("it is not certain what would run: it was exchanged")
    assert under("request.service", doubted) == "jitsudo"


def test_a_question_about_several_things_is_one_about_each() -> None:
    for alone in (question(), of_things(A)):
        assert alone.each == (alone,)
    both = of_things(A, B)
    assert [each.thing for each in both.each] == [A, B]
    assert [each.wanted for each in both.each] == [(A,), (B,)]
    assert both.each[0].each == (both.each[0],)
    assert both.wanted == (A, B) and of_things(A).wanted == (A,) and question().wanted == ()
