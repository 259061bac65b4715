# SPDX-License-Identifier: Apache-2.0
"""One host among many lies, floods, drips or is gone: it hides itself, and nothing else. THREATS F-20 to F-23."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import click
import pytest

from jitd.cli import everywhere, far, walk
from jitd.cli.alike import alike, table
from jitd.cli.assent import question, why_the_word
from jitd.cli.brief import brief
from jitd.cli.decide import Decided, Deed
from jitd.cli.page import page
from jitd_fleet import many
from jitpam import carrier
from jitpam.client import NotAuthenticated, RefusedByDaemon, Unanswered, Unreachable
from jitpam.wire.messages import List, Message, Review, Show, Watch
from jitpam.wire.rows import Request
from tests.client.many import ID, OTHER, Fleet
from tests.client.many import fleet as fleet
from tests.client.script import Row, Script, jitd, row_for, waiting
from tests.client.test_far import no_daemon

THIRD = "5V3H-8QPA"


def a_row(id: str, *argv: str, **changes: Any) -> Row:
    return row_for(waiting(*(argv or ("true",)), id=id), **changes)


class Teller(Script):
    """A jitd that lists ``rows``, and says ``told`` to everything else. ``told`` may be a fault."""

    def __init__(self, *rows: Row, told: Callable[[Message], Any] | None = None) -> None:
        super().__init__(*rows)
        self.told = told

    def ask(self, message: Message) -> Iterator[Row]:
        self.heard.append(message)
        if isinstance(message, List):
            yield from self.rows
            return
        found = self.told(message) if self.told else [row for row in self.rows if row["id"] == getattr(message, "id", "")]
        if isinstance(found, Exception):
            raise found
        yield from found


@pytest.fixture
def walked(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[tuple[str, str]]]]:
    """Walks over the hosts with a person who skips whatever they read; returns the host and the id of each page."""

    def go(*, answers: Callable[[Request], Decided] = lambda row: Decided(Deed.SKIPPED), most: int = 9) -> list[tuple[str, str]]:
        read: list[tuple[str, str]] = []

        def decide(row: Request, comment: str, place: str = "") -> Decided:
            read.append((row.host.partition(".")[0], row.id))
            return Decided(Deed.LEFT) if len(read) == most else answers(row)

        monkeypatch.setattr(walk, "decide", decide)
        monkeypatch.setattr("jitd.cli.review.can_ask", lambda: True)
        go.status = jitd(no_daemon(), "--hosts", "@prod", "approve")  # type: ignore[attr-defined]
        return read

    yield go


def has(fleet: Fleet, host: str, script: Script) -> Script:
    fleet.by_host[f"{host}.example.org"] = script
    return script


Walked = Callable[..., list[tuple[str, str]]]

# --- what is sent where


@pytest.mark.parametrize("host", [None, "", "-", "web2.example.org", "localhost", ["db1.example.org"], {"a": 1}])
def test_an_approval_goes_to_the_host_that_told_of_the_request_whatever_it_says_its_name_is(
    host: object, fleet: Fleet, walked: Walked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS F-20. With a row that named no host, the approval once went to the jitd of the desk itself."""
    row = a_row(ID)
    lie = {**row, "host": host}
    if host is None:
        del lie["host"]
    hostile = has(fleet, "db1", Teller(row, told=lambda message: [lie] if isinstance(message, Show) else []))
    honest = has(fleet, "web2", Teller())
    from jitd.cli.decide import review

    assert walked(answers=lambda row: Decided(Deed.APPROVED, review(row, "approve", ""))) == [("db1", ID)]
    assert [message.id for message in hostile.heard if isinstance(message, Review)] == [ID]
    assert not any(isinstance(message, Review) for message in honest.heard)


def test_what_is_meant_for_one_of_many_hosts_is_never_sent_to_this_one(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """THREATS F-20."""
    from jitd.cli import call

    far.go(None, None, "@prod")
    try:
        with far.at(far.of("no-such-host")), pytest.raises(call.NotDone, match="which of the hosts is meant"), call.called():
            pass
    finally:
        far.go(None, None, None)


def test_a_host_that_tells_of_another_request_ends_nothing_and_is_not_shown(
    fleet: Fleet, walked: Walked, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-20."""
    has(fleet, "db1", Teller(a_row(ID), told=lambda _: [a_row(THIRD)]))
    has(fleet, "web2", Teller(a_row(OTHER)))
    assert walked() == [("web2", OTHER)]
    assert f"asked about {ID}, the host tells of another request" in " ".join(capsys.readouterr().err.split())


# --- the others are still there


@pytest.mark.parametrize(
    "fault",
    [
        Unreachable("the carrier ended: ssh (status 255)"),
        RefusedByDaemon("unauthenticated", "your ticket is not good enough"),
        RefusedByDaemon("forbidden", "you may not"),
        NotAuthenticated("refused", "what answers has not proved to be db1.example.org"),
        NotAuthenticated("service", "the KDC knows no jitd/db1.example.org"),
    ],
    ids=["gone", "refuses the ticket", "forbids", "unproved", "no key"],
)
def test_a_host_that_lists_a_request_and_then_does_not_tell_it_does_not_end_the_walk(
    fault: Exception, fleet: Fleet, walked: Walked, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-21."""
    has(fleet, "db1", Teller(a_row(ID), told=lambda _: fault))
    has(fleet, "web2", Teller(a_row(OTHER)))
    assert walked() == [("web2", OTHER)]
    err = " ".join(capsys.readouterr().err.split())
    assert str(fault) in err and "nothing more waits for you on the hosts that have answered" in err


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Unreachable("the carrier ended: ssh (status 255)"), 125),
        (NotAuthenticated("refused", "what answers has not proved to be db1.example.org"), 119),
        (RefusedByDaemon("unauthenticated", "your ticket is not good enough"), 119),
    ],
    ids=["gone", "unproved", "refuses the ticket"],
)
@pytest.mark.parametrize("verb", [["approve", "--yes"], ["deny", "--reason", "no"]], ids=["approve", "deny"])
def test_a_host_that_cannot_be_asked_about_one_id_does_not_keep_the_others_from_theirs(
    verb: list[str], fault: Exception, status: int, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-21."""
    fleet.by_host["db1.example.org"] = fault
    honest = has(fleet, "web2", Teller(a_row(OTHER)))
    assert jitd(no_daemon(), *verb, f"{ID}@db1", f"{OTHER}@web2") == status
    assert [message.id for message in honest.heard if isinstance(message, Review)] == [OTHER]
    assert str(fault) in " ".join(capsys.readouterr().err.split())


def test_a_host_that_is_gone_while_the_person_decides_does_not_end_the_walk_and_counts_as_no_skip(
    fleet: Fleet, walked: Walked, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-21."""
    has(fleet, "db1", Teller(a_row(ID)))
    has(fleet, "web2", Teller(a_row(OTHER, "false", "x")))

    def answers(row: Request) -> Decided:
        if row.id == ID:
            raise Unanswered("the carrier closed the connection; whether it was done is not known: look before you try again")
        return Decided(Deed.DENIED, "denied")

    assert sorted(walked(answers=answers)) == [("db1", ID), ("web2", OTHER)]
    err = " ".join(capsys.readouterr().err.split())
    assert "db1.example.org: the carrier closed the connection; whether it was done is not known" in err
    assert "that you skipped" not in err


def test_a_ticket_of_the_persons_own_that_has_expired_ends_the_walk(fleet: Fleet, walked: Walked) -> None:
    has(fleet, "db1", Teller(a_row(ID), told=lambda _: NotAuthenticated("expired", "your Kerberos ticket has expired: kinit")))
    assert walked() == [] and walked.status == 119  # type: ignore[attr-defined]


def test_a_host_that_calls_all_of_its_requests_the_oldest_and_always_has_one_more_hides_no_other(
    fleet: Fleet, walked: Walked
) -> None:
    """THREATS F-21."""
    rows = [{**a_row(f"AAAA-{number:04}", f"/bin/{number}"), "submitted_at": ""} for number in range(50)]
    hostile = has(fleet, "db1", Teller(*rows[:1]))
    has(fleet, "web2", Teller(a_row(OTHER)))

    def answers(row: Request) -> Decided:
        hostile.rows = tuple(rows[: len(hostile.rows) + 1])
        return Decided(Deed.SKIPPED)

    assert ("web2", OTHER) in walked(answers=answers, most=3)


def test_a_host_with_more_requests_than_the_screen_has_lines_hides_no_other(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-21."""
    has(fleet, "db1", Script(*({**a_row(f"AAAA-{number:04}"), "submitted_at": ""} for number in range(50))))
    has(fleet, "web2", Script(a_row(OTHER)))
    assert jitd(no_daemon(), "--hosts", "@prod") == 0
    assert f"{OTHER}@web2" in capsys.readouterr().out


@pytest.mark.parametrize("verb", [["requests"], ["grants"], ["runs"], ["locks"], ["reviews"], []])
def test_an_empty_list_is_told_of_the_hosts_that_have_answered(
    verb: list[str], fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-21."""
    fleet.by_host["db2.example.org"] = Unreachable("nobody answers")
    assert jitd(no_daemon(), "--hosts", "@prod", *verb) == 1
    assert " on the hosts that have answered\n" in capsys.readouterr().err


@pytest.mark.parametrize("verb", [["requests"], ["grants"], ["runs"], ["locks"], ["reviews"], ["approve"], []])
def test_if_no_host_answers_nothing_is_said_of_what_is_there(
    verb: list[str], fleet: Fleet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS F-21."""
    monkeypatch.setattr("jitd.cli.review.can_ask", lambda: True)
    for host in ("db1", "db2", "db3", "web2"):
        fleet.by_host[f"{host}.example.org"] = Unreachable("nobody answers")
    assert jitd(no_daemon(), "--hosts", "@prod", *verb) == 1
    err = capsys.readouterr().err
    assert "jitd: no host has answered\n" in err and "4 of 4 hosts did not do what was asked" in err
    assert "waits" not in err and "that you may" not in err and "nobody is locked" not in err


def test_a_live_list_says_that_no_host_has_answered_until_one_has(fleet: Fleet) -> None:
    """THREATS F-21."""
    answers = threading.Event()

    def late(message: Message) -> Iterator[list[Row]]:
        answers.wait()
        yield []
        raise Unreachable("the carrier ended")

    for host in ("db1", "db2", "db3", "web2"):
        fleet.has(host).watch = late  # type: ignore[method-assign]
    desk = many.Many(far.known().chosen("@prod"))
    assert desk.nothing("nothing waits") == "no host has answered"
    states = desk.watch(Watch(ended=False))
    answers.set()
    said = [desk.nothing("nothing waits") for _ in states]
    assert set(said) <= {"nothing waits on the hosts that have answered", "no host has answered"}
    assert desk.nothing("nothing waits") == "no host has answered"


# --- what is shown, and for how long


@pytest.mark.parametrize("id", [f"{OTHER}@web2.example.org", f"{OTHER}  9 min left  bob: ls", "", None, ["a"], "K7QM-2XVD.x", 7])
@pytest.mark.parametrize("verb", [["requests"], ["grants"], ["runs"], ["locks"], ["reviews"], []])
def test_an_id_that_would_read_as_one_of_another_host_is_not_shown(
    id: object, verb: list[str], fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-20."""
    lie = {**a_row(ID), "id": id}
    fleet.by_host["db1.example.org"] = Script(lie, reviews=(lie,))
    has(fleet, "web2", Script(a_row(OTHER)))
    assert jitd(no_daemon(), "--hosts", "@prod", *verb) == 1
    told = capsys.readouterr()
    assert "db1.example.org: jitd on db1.example.org says an id that cannot be one" in " ".join(told.err.split())
    assert "db1" not in told.out


def test_a_sentence_of_a_host_does_not_fill_the_screen(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """THREATS F-21."""
    fleet.has("db1", said="x" * 60_000)
    assert jitd(no_daemon(), "--hosts", "@prod", "lock", "--user", "eve") == 0
    err = capsys.readouterr().err
    assert len(err) < 3000 and "xxx (and 58000 characters more)" in err


def test_a_host_whose_list_changes_all_the_time_hides_no_other(fleet: Fleet) -> None:
    """THREATS F-21. It once was the only one that was heard."""
    row, is_over = a_row(OTHER), threading.Event()

    def floods(message: Message) -> Iterator[list[Row]]:
        while not is_over.is_set():
            yield [a_flood]

    def quiet(message: Message) -> Iterator[list[Row]]:
        yield [row]
        is_over.wait()

    a_flood = a_row(ID)
    for host in ("db1", "db2", "db3", "web2"):
        fleet.has(host).watch = floods if host != "web2" else quiet  # type: ignore[method-assign]
    states = many.Many(far.known().chosen("@prod")).watch(Watch(ended=False))
    try:
        for _ in range(2):
            rows = next(states)
            assert {one["host"] for one in rows} == {f"{host}.example.org" for host in ("db1", "db2", "db3", "web2")}
    finally:
        is_over.set()


def test_a_request_of_a_host_that_is_lost_is_not_told_as_decided(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """THREATS F-21."""
    is_lost = threading.Event()

    def lost(message: Message) -> Iterator[list[Row]]:
        yield [a_row(ID)]
        is_lost.wait()
        raise Unreachable("the carrier ended")

    def quiet(message: Message) -> Iterator[list[Row]]:
        yield []
        is_lost.wait()
        yield [a_row(OTHER)]
        is_lost.wait(0.5)
        raise Unreachable("the carrier ended")

    for host in ("db1", "db2", "db3", "web2"):
        fleet.has(host).watch = lost if host == "db1" else quiet  # type: ignore[method-assign]
    threading.Timer(1.0, is_lost.set).start()
    assert jitd(no_daemon(), "--hosts", "@prod", "requests", "--watch") == 1
    out = capsys.readouterr().out
    assert f"{ID}@db1  not listed any more" in out and "open no longer" not in out


@pytest.mark.parametrize("ending", [KeyboardInterrupt, BrokenPipeError, click.UsageError])
def test_however_a_verb_ends_hosts_without_an_answer_are_named_and_their_carriers_are_ended(
    ending: type[BaseException], fleet: Fleet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS F-22."""
    ended: list[int] = []
    monkeypatch.setattr(carrier, "end_all", lambda: ended.append(1))
    is_over, has_come = threading.Event(), threading.Event()

    def waits(message: Message) -> Iterator[Row]:
        has_come.set()
        is_over.wait()
        yield from ()

    fleet.has("db1").ask = waits  # type: ignore[method-assign]
    fleet.by_host["db2.example.org"] = Unreachable("the carrier ended")
    made = many.Many(far.known().chosen("@prod"))
    with pytest.raises(ending if ending is not click.UsageError else click.UsageError), everywhere.ended(made):  # type: ignore[arg-type]
        answers = made._each(
            list(made._hosts), lambda one: list(made.conversation(one).thing.ask(List(what="locks", ended=False)))
        )
        for _ in range(2):
            next(answers)
        has_come.wait()
        raise ending("") if ending is click.UsageError else ending
    is_over.set()
    err = " ".join(capsys.readouterr().err.split())
    assert "db1.example.org: it has not answered" in err and "db2.example.org: the carrier ended" in err
    assert ended == [1]


@pytest.mark.parametrize(
    ("fault", "is_tried_again"),
    [
        (Unreachable("the carrier ended"), True),
        (NotAuthenticated("refused", "what answers has not proved to be db2.example.org"), True),
        (NotAuthenticated("kdc silent", "the KDC did not answer"), True),
        (NotAuthenticated("expired", "your ticket has expired"), False),
        (RefusedByDaemon("unauthenticated", "you may not"), False),
    ],
)
def test_a_lock_goes_on_until_the_host_itself_has_answered_and_with_the_newest_ticket(
    fault: Exception, is_tried_again: bool, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS F-21. Who carries could otherwise end it with an unproved refusal."""
    fleet.by_host["db2.example.org"] = fault
    forgotten: list[int] = []
    late: list[Script] = []
    monkeypatch.setattr(many.time, "sleep", lambda _: late.append(fleet.has("db2", said="locked")))
    monkeypatch.setattr(many, "forget", lambda copies: forgotten.append(len(copies)))
    status = jitd(no_daemon(), "--hosts", "@prod", "lock", "--user", "eve", "--until-done")
    assert (len(late), len(forgotten), status) == ((1, 1, 0) if is_tried_again else (0, 0, 1))


# --- pages


def paths(value: object, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    found = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in found:
        yield (*at, name)
        yield from paths(inner, (*at, name))


def test_whatever_types_the_members_of_a_row_have_there_is_a_page_of_it() -> None:
    """THREATS F-21. A page that cannot be made would end the walk over all hosts."""
    whole = a_row(ID, "true", "a", lacks="needs a watcher", gatekeepers=["opa"], gives={"kind": "file", "names": ["a"]})
    whole |= {"owed_review": {"id": ID, "state": "owed", "may_give": True}, "break_glass": {"skips": "x", "review_for": 1}}
    whole |= {"reviews": [{"by": "eve", "verdict": "approve"}], "passed": [{"name": "opa"}], "grant": {"id": ID}}
    strange = json.loads('[null, 0, -1, 18446744073709551615, true, "", "x", [], [1], [null], [[]], [{}], {}, {"a": 1}]')
    for at in list(paths(whole)):
        for value in [*strange, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]:
            row = copy.deepcopy(whole)
            place = row
            for name in at[:-1]:
                place = place[name]
            place[at[-1]] = value
            seen, other = Request.read(row), Request.read(whole)
            brief(seen, 80), page(seen, 80), table([seen, other], 80), alike([seen, seen])
            why_the_word(seen), question(seen, 80)
