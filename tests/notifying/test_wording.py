# SPDX-License-Identifier: Apache-2.0
"""What people are told of each event: who, as whom, where, until when, and what to type; and what no message ever has in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.authentication import Demand
from jitd.core.claims import Claims, Point
from jitd.core.command import RunAs
from jitd.core.decision import Approval
from jitd.core.edit import Edit, NewFile
from jitd.core.grade import Damage, Finding, Grade
from jitd.core.notice import Event, Notice, Whom
from jitd.core.request import Request, RequestState, Review, Verdict
from jitd.core.run import Process
from jitd.core.spelling import spelled
from jitd_outsiders.notifying.foreign import CUT, MOST, on_terminal
from jitd_outsiders.notifying.wording import MOST_LISTED, _beginning, digest, say
from jitpam.wire.shown import shown_command
from tests.notifying.hostile import HOSTILE, found_by_a_chat
from tests.scene import START, asked, but, command, permit, person, thing, visitor
from tests.table import each_row
from tests.zones import berlin

__all__ = ["berlin"]  # a fixture

KINDS = ("mail", "webhook", "program", "terminals")
ID = "K7QM-2XVD"


def waiting(**changes: Any) -> Request:
    owed = permit(Approval(2, ("group:ops",)), Approval(1, ("group:security",))).obligations
    made = asked(what=command("systemctl", "restart", "postgresql"), rule="restart-postgres", obligations=owed)
    return but(made, state=RequestState.PENDING, expires_at=START + timedelta(minutes=15), **changes)


def ended(state: RequestState, *reviews: Review, **changes: Any) -> Request:
    return but(waiting(), state=state, reviews=reviews, **changes)


def graded(text: str, grade: Grade = Grade.GIVES, damage: Damage = Damage.NONE) -> tuple[Finding, ...]:
    return (Finding(grade, text, f"/{text}", text, damage), Finding(Grade.UNKNOWN, "and more"))


def notice(event: Event = Event.WAITS, whom: Whom = Whom.APPROVERS) -> Notice:
    return Notice(event, ID, whom)


def said(event: Event = Event.WAITS, request: Request | None = None, kind: str = "mail", shows: str = "rule", **more: Any) -> str:
    message = say(notice(event, **more), request or waiting(), kind, shows)
    return "\n".join((message.subject, "", *message.lines))


def test_a_request_that_waits() -> None:
    assert said() == (
        "K7QM-2XVD: alice asks to run a command as root on db1\n"
        "\n"
        "alice asks to run a command as root on db1.example.test.\n"
        "\n"
        "Request:  K7QM-2XVD\n"
        "Rule:     restart-postgres\n"
        "Asks:     2 approvals from group:ops and 1 from group:security\n"
        "Until:    2026-03-02 09:15:00 UTC\n"
        "\n"
        "Type on db1.example.test:\n"
        "    jitd show K7QM-2XVD\n"
        "    jitd approve K7QM-2XVD\n"
        "    jitd deny K7QM-2XVD"
    )


def test_a_request_that_may_be_approved_by_the_door_says_what_to_type_elsewhere() -> None:
    owed = permit(Approval(1, ("group:ops",)), Approval(1, ("group:security",), Demand(door=True))).obligations
    lines = said(request=waiting(obligations=owed)).splitlines()
    assert lines[-2:] == ["or elsewhere, by the door:", "    jitd approve K7QM-2XVD@db1.example.test"]
    assert "by the door" not in said() and "@db1" not in said(Event.REMINDER)


def test_a_request_for_later_says_when_it_would_begin_however_little_is_shown() -> None:
    later = waiting(starts_at=START + timedelta(hours=13))
    for shows in ("id", "rule", "command"):
        lines = said(request=later, shows=shows).splitlines()
        assert [line for line in lines if line not in said(shows=shows).splitlines()] == ["Begins:   2026-03-02 22:00:00 UTC"]


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize("kind", KINDS)
def test_a_terminal_shows_the_time_of_the_host_and_what_leaves_the_host_shows_utc(kind: str) -> None:
    lines = said(request=waiting(starts_at=START + timedelta(days=120)), kind=kind).splitlines()
    times = [line for line in lines if line.startswith(("Until:", "Begins:"))]
    here = ["Until:    2026-03-02 10:15:00 CET", "Begins:   2026-06-30 11:00:00 CEST"]
    there = ["Until:    2026-03-02 09:15:00 UTC", "Begins:   2026-06-30 09:00:00 UTC"]
    assert times == (here if kind == "terminals" else there)


def test_each_word_of_shows_says_more() -> None:
    by_id, by_rule, by_command = (said(shows=shows).splitlines() for shows in ("id", "rule", "command"))
    assert [line for line in by_rule if line not in by_id] == [
        "Rule:     restart-postgres", "Asks:     2 approvals from group:ops and 1 from group:security",
    ]  # fmt: skip
    more = ["Command:  systemctl restart postgresql", 'Reason:   "why"']
    assert [line for line in by_command if line not in by_rule] == more
    assert set(by_id) < set(by_rule) < set(by_command)


@pytest.mark.parametrize(
    ("findings", "changes", "line"),
    [
        (graded("x"), {}, "Danger:   gives root: x (/x: x)"),
        (graded("x"), {"run_as": RunAs("postgres", 110, "postgres", 110)}, "Danger:   gives all that postgres may do: x (/x: x)"),
        (graded("x", Grade.LEADS), {}, "Danger:   can lead to root: x (/x: x)"),
        (graded("x", Grade.CHANGES), {}, "Changes:  x (/x: x)"),
        (graded("x", Grade.READS), {}, "Reads:    x (/x: x)"),
        ((Finding(Grade.UNKNOWN, "jitd does not know what x does"),), {}, "Unknown:  jitd does not know what x does"),
        (graded("x", Grade.CHANGES, Damage.DESTROYS), {}, "Destroys: x (/x: x)"),
        (graded("x", Grade.CHANGES, Damage.STOPS), {}, "Stops:    x (/x: x)"),
        (
            (*graded("x"), *graded("y", Grade.CHANGES, Damage.DESTROYS)),
            {},
            "Danger:   gives root: x (/x: x)\nDestroys: y (/y: y)",
        ),
        ((), {}, None),
        (None, {}, None),
    ],
)
def test_the_worst_that_a_command_gives_and_destroys_is_a_line_each_beside_the_command(
    findings: tuple[Finding, ...] | None, changes: dict[str, Any], line: str | None
) -> None:
    request = waiting(command=command("systemctl", "restart", "postgresql", findings=findings, **changes))
    plain = replace(request, command=replace(request.command, findings=None))
    for kind in KINDS:
        told, without = (say(notice(), one, kind, "command").lines for one in (request, plain))
        assert [one for one in told if one not in without] == ([] if line is None else line.split("\n"))
    for shows in ("id", "rule"):
        assert say(notice(), request, "mail", shows) == say(notice(), plain, "mail", shows)


@pytest.mark.parametrize(
    ("request_", "deed"),
    [
        (waiting(), "to run a command as root on"),
        (waiting(service="sudo"), "to run a command as root (sudo) on"),
        (replace(waiting(), command=thing()), "to be given a ticket on"),
        (replace(waiting(), command=replace(command(), edit=Edit(0, 0, 0, 0, 0, b"", b""))), "to edit a file as root on"),
        (replace(waiting(), command=replace(command(), makes=NewFile(0, 0, 0, 0, 0o644, b""))), "to make a file as root on"),
        (
            waiting(service="sshd", point=Point("account", "192.0.2.1", None, Process(7, 1))),
            "to log in as root (sshd) on",
        ),
        (waiting(requester=person("alice", principal="alice/admin@EXAMPLE.TEST")), "alice (alice/admin(at)EXAMPLE[.]TEST) asks"),
        (waiting(requester=person("alice", principal="local:alice")), "K7QM-2XVD: alice asks to run"),
    ],
)
def test_who_asks_for_what_as_whom(request_: Request, deed: str) -> None:
    assert deed in said(request=request_).partition("\n")[0] or deed in said(request=request_)


def test_a_reminder_and_a_way_that_opened_say_so_and_what_to_type() -> None:
    for event, begins in ((Event.REMINDER, "Half of the time is over"), (Event.OPENED, "This request still waits")):
        text = said(event)
        assert begins in text and "jitd approve K7QM-2XVD" in text and "2026-03-02 09:15:00 UTC" in text


BOB = Review(person("bob"), Verdict.APPROVE, "fine", START)


@pytest.mark.parametrize(
    ("request_", "became"),
    [
        (ended(RequestState.APPROVED, BOB), "approved by bob"),
        (ended(RequestState.APPROVED, replace(BOB, by=visitor("bob"))), "approved by bob(at)TRUSTED[.]TEST"),
        (ended(RequestState.DENIED, replace(BOB, verdict=Verdict.DENY)), "denied by bob"),
        (ended(RequestState.DENIED), "denied"),
        (ended(RequestState.WITHDRAWN), "withdrawn"),
        (ended(RequestState.EXPIRED), "not answered in time"),
    ],
)
def test_how_it_ended_is_told_to_those_who_were_told(request_: Request, became: str) -> None:
    assert said(Event.DECIDED, request_, whom=Whom.TOLD) == (
        f"K7QM-2XVD on db1: {became}\n\n"
        f"The request K7QM-2XVD of alice on db1.example.test was {became}.\n\nYou have nothing left to do."
    )


def test_the_requester_is_told_how_to_go_on() -> None:
    approved = said(Event.DECIDED, ended(RequestState.APPROVED, BOB), whom=Whom.REQUESTER)
    assert "Your request K7QM-2XVD" in approved and approved.endswith("    jitsudo --resume=K7QM-2XVD")
    denied = said(Event.DECIDED, ended(RequestState.EXPIRED), whom=Whom.REQUESTER)
    assert "not answered in time" in denied and "--resume" not in denied


def test_broken_glass_is_told_with_the_review_that_is_owed() -> None:
    text = said(Event.BREAK_GLASS, ended(RequestState.APPROVED))
    assert "alice was permitted to run a command as root on db1.example.test without an approval" in text
    assert "jitd review K7QM-2XVD" in text and "jitd approve" not in text
    text = said(Event.OVERDUE, ended(RequestState.APPROVED))
    assert "Nobody has reviewed in time" in text and "jitd review K7QM-2XVD" in text


def test_that_it_was_reviewed_is_told_with_the_account_of_who_did_it() -> None:
    message = say(replace(notice(Event.REVIEWED, Whom.TOLD), by="bob"), ended(RequestState.APPROVED), "mail", "command")
    assert message.subject == "K7QM-2XVD on db1: reviewed by bob"
    assert message.lines == (
        "bob has reviewed what alice did without an approval on db1.example.test, request K7QM-2XVD.", "",
        "You have nothing left to do.",
    )  # fmt: skip
    brief = digest(((notice(Event.REVIEWED), waiting()), (notice(Event.OVERDUE), waiting())))
    assert {"K7QM-2XVD: is reviewed", "K7QM-2XVD: was not reviewed in time"} <= set(brief.lines)


# --- what a requester wrote


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("event", Event)
def test_a_hostile_text_adds_no_line_and_nothing_that_a_channel_makes_something_of(event: Event, kind: str) -> None:
    """THREATS N-01."""
    tame = waiting(claims=Claims("why", None, 0, ()), command=command("/usr/bin/x", "y", findings=graded("y")))
    for text in HOSTILE:
        raw = text.encode("utf-8", "surrogateescape" if "\udcff" in text else "strict")
        wild = waiting(claims=Claims(text, None, 0, ()), command=command("/usr/bin/x", raw, findings=graded(spelled(raw))))
        for whom in Whom:
            expected, found = (say(notice(event, whom), request, kind, "command") for request in (tame, wild))
            assert found.subject == expected.subject, "a subject has nothing that a requester wrote"
            assert len(found.lines) == len(expected.lines)
            changed = [line for line, other in zip(found.lines, expected.lines, strict=True) if line != other]
            for line in changed:
                assert (
                    line[:10] in ("Command:  ", "Danger:   ", "Reason:   ") and len(line) <= len("Danger:   gives root: ") + MOST
                )
                if kind == "terminals":
                    assert line.isascii() and line.isprintable()
                else:
                    assert found_by_a_chat(line) == [], text


@pytest.mark.parametrize("shows", ["id", "rule"])
@pytest.mark.parametrize("event", Event)
def test_what_is_not_to_be_shown_is_not_in_a_message(event: Event, shows: str) -> None:
    """THREATS N-01."""
    what = command("/usr/bin/mysql", "--password=hunter2", findings=graded("mysql hunter2"))
    secret = waiting(claims=Claims("hunter2", None, 0, ()), command=what)
    for whom in Whom:
        message = say(notice(event, whom), secret, "mail", shows)
        assert "hunter2" not in repr(message) and "mysql" not in repr(message)


@each_row("words", [(), ("group:privacy",)])
@each_row("kind", KINDS)
@each_row("event", Event)
def test_a_rule_that_keeps_contents_from_others_lets_the_id_alone_leave_the_host(
    event: Event, kind: str, words: tuple[str, ...]
) -> None:
    """THREATS S-11. Nobody knows who reads mail; on a terminal it is one of those who may review the request."""
    request = waiting()
    assert request.obligations is not None
    narrow = replace(request, obligations=replace(request.obligations, visible_to=words))
    for whom in Whom:
        for shows in ("id", "rule", "command"):
            expected = say(notice(event, whom), request, kind, shows if kind == "terminals" else "id")
            assert say(notice(event, whom), narrow, kind, shows) == expected
            found = repr(expected)
            assert kind == "terminals" or ("systemctl" not in found and "why" not in found and "restart-postgres" not in found)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("event", Event)
def test_no_message_has_a_link(event: Event, kind: str) -> None:
    """THREATS N-01. Nobody approves by a click."""
    for whom in Whom:
        message = say(notice(event, whom), waiting(), kind, "command")
        assert "://" not in repr(message) and "@" not in repr(message)


def test_a_command_of_any_length_is_cut_and_costs_nothing() -> None:
    long = waiting(command=command("/usr/bin/x", *["word"] * 100_000))
    empty = waiting(command=command("/usr/bin/x", *[""] * 100_000))
    assert len(_beginning(empty.command.argv)) < 5 * MOST
    (line,) = (line for line in say(notice(), long, "mail", "command").lines if line.startswith("Command:"))
    assert len(line) == 10 + MOST and line.endswith("... (cut)")


@given(st.lists(st.text("ab \u00fc\u20ac\U0001f4a3\\'", max_size=300).map(str.encode), max_size=300))
def test_a_command_is_shown_whole_or_says_that_it_is_cut(words: list[bytes]) -> None:
    """THREATS N-01. What stands at its end must not be hidden by what stands before it."""
    argv = (b"/usr/bin/x", *words)
    (line,) = (
        line for line in say(notice(), waiting(command=command(*argv)), "terminals", "command").lines if line[:7] == "Command"
    )
    whole = on_terminal(shown_command(argv), 1_000_000)
    assert line[10:] == whole if len(whole) <= MOST else line.endswith(CUT) and whole.startswith(line[10 : -len(CUT)])


def test_a_message_names_its_event_its_request_and_its_people() -> None:
    message = say(notice(Event.REMINDER), waiting(), "terminals", "command", ("bob", "carol"))
    assert (message.event, message.request, message.to) == ("reminder", ID, ("bob", "carol"))


# --- a digest


def test_a_digest_lists_what_it_is_about_by_id_alone() -> None:
    events = (Event.WAITS, Event.REMINDER, Event.DECIDED)
    message = digest(tuple((notice(event), waiting()) for event in events), ("bob",))
    assert message.subject == "3 messages about requests on db1"
    assert message.lines == (
        "There were too many messages within a minute on db1.example.test. In brief:", "",
        "K7QM-2XVD: waits for you", "K7QM-2XVD: still waits", "K7QM-2XVD: is decided", "",
        "Type on db1.example.test:", "    jitd requests",
    )  # fmt: skip
    assert (message.event, message.request, message.to) == ("digest", "", ("bob",))


def test_a_digest_of_very_many_says_how_many_more() -> None:
    message = digest(tuple((notice(), waiting()) for _ in range(MOST_LISTED + 7)))
    assert "and 7 more" in message.lines and len(message.lines) < MOST_LISTED + 10
