# SPDX-License-Identifier: Apache-2.0
"""Gatekeepers that answer well, badly, late and not at all: asked through a real jitd-outside, with TLS."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageSigner
from http_message_signatures.algorithms import ED25519
from http_message_signatures.resolvers import MappingKeyResolver

from jitd.core.decision import Approval
from jitd.core.effects import Moment
from jitd.core.gatekeeping import Answer, Asking, Heard, Passes, Refuses, Requirement, Requires, Silent
from jitd.core.grade import Finding, Grade
from jitd.core.naming import Form, Naming
from jitd.deciding.gatekeepers import AllGatekeepers, Answers, Manner
from jitd_outsiders.asking import gatekeepers as module
from jitd_outsiders.asking.gatekeepers import Gatekeepers, Now
from jitd_outsiders.asking.settings import GatekeeperSettings, Program
from jitd_outsiders.outside.messages import Fetched
from tests.asking.stage import COMMAND, Stage, answer, answers, asking, asking_by, boot, gatekeeper_of, staged
from tests.outside.server import Asked, Server, reply, says
from tests.waiting import PATIENCE

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a process under another account")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as found:
        yield found


@pytest.fixture
def server(stage: Stage, tmp_path: Path) -> Iterator[Server]:
    with gatekeeper_of(stage, tmp_path) as found:
        yield found


def webhook(stage: Stage, server: Server, **more: Any) -> GatekeeperSettings:
    """A gatekeeper with time enough for a host that is busy: a child process starts within it, too."""
    return GatekeeperSettings("change-calendar", stage.reach(server), **{"deadline_for": 60} | more)


# --- what it is told


def test_it_is_told_who_what_and_why_with_facts_and_claims_apart(stage: Stage, server: Server) -> None:
    server.deed = answers()
    before = datetime.now(UTC).replace(microsecond=0)
    assert stage.ask(webhook(stage, server)) == Passes()
    told = json.loads(server.asked[0].body)
    deadline = datetime.fromisoformat(told.pop("deadline"))
    assert before + timedelta(seconds=60) <= deadline <= datetime.now(UTC) + timedelta(seconds=60)
    assert told == {
        "version": 1,
        "gatekeeper": "change-calendar",
        "nonce": "nonce-0",
        "id": "K7QM-2XVD",
        "fingerprint": "ab" * 32,
        "host": "db1.example.org",
        "service": "jitsudo",
        "rule": "restart",
        "policy": "p" * 64,
        "requester": {
            "principal": "alice@EXAMPLE.TEST", "user": "alice", "uid": 1001, "groups": ["dba", "ops"],
                "group_ids": [77, 1001], "person": "alice",
        },
        "command": {
            "argv": ["/usr/bin/systemctl", "restart", "a\\\\b\\xff"], "path": "/usr/bin/systemctl", "digest": "01" * 32,
            "run_as": {"user": "root", "group": "root"}, "cwd": "/home/alice", "variables": [["A", "b"]], "options": [],
            "doubt": "", "gives": [],
        },
        "asked": {"lasts": None, "uses": 1, "timeout": None},
        "owed": [{"need": 1, "from": ["group:ops"]}],
        "approved": [],
        "point": None,
        "break_glass": False,
        "facts": {"fact.load": "0.5"},
        "claims": {"reason": "replica lag \\xed\\xa0\\x80", "tty": "/dev/pts/3", "parents": ["bash"]},
    }  # fmt: skip


def test_it_is_told_what_the_command_gives_as_it_was_seen(stage: Stage, server: Server) -> None:
    """In the form of all other texts; and nothing where nobody has looked, which is not the same as harmless."""
    server.deed = answers()
    found = (
        Finding(Grade.CHANGES, "a\\\\b\\xff is changed", "/etc/passwd", "the accounts of this host"),
        Finding(Grade.UNKNOWN, "x"),
    )
    for findings in (found, (), None):
        assert stage.ask(webhook(stage, server), asking(command=replace(COMMAND, findings=findings))) == Passes()
    whole, empty, without = (json.loads(one.body) for one in server.asked)
    assert whole["grade"] == "changes" and whole["findings"] == [
        {"grade": "changes", "what": "a\\\\b\\xff is changed", "path": "/etc/passwd", "matters": "the accounts of this host"},
        {"grade": "unknown", "what": "x", "path": "", "matters": ""},
    ]
    assert (empty["grade"], empty["findings"]) == ("harmless", []) and not {"grade", "findings"} & without.keys()


def test_no_value_of_a_request_is_in_the_url_or_in_a_header(stage: Stage, server: Server) -> None:
    """THREATS E-01"""
    server.deed = answers()
    hostile = asking(id="/../x?y", rule="a\r\nX-Evil: 1", host="h\r\nHost: evil")
    assert stage.ask(webhook(stage, server), hostile) == Passes()
    (asked,) = server.asked
    assert asked.target == "/jit" and asked.headers["host"] == f"localhost:{server.port}"
    assert "evil" not in json.dumps(asked.headers).lower()


# --- what it answers


def test_it_passes_denies_or_requires(stage: Stage, server: Server) -> None:
    server.deed = answers(until="2099-01-01T00:00:00Z", mark="CHG-1")
    assert stage.ask(webhook(stage, server)) == Passes(datetime(2099, 1, 1, tzinfo=UTC), "CHG-1")
    server.deed = answers(answer="deny", because="there is no change for this")
    assert stage.ask(webhook(stage, server)) == Refuses("there is no change for this")
    wanted = {"approvals": [{"need": 2, "from": ["group:security"]}], "lasts": "5m", "uses": 1, "record": "all", "reason": True}
    server.deed = answers(answer="require", require=wanted)
    required = Requirement((Approval(2, ("group:security",)),), 300, 1, "all", True)
    assert stage.ask(webhook(stage, server)) == Requires(required)


@pytest.mark.parametrize("is_opa", [False, True])
def test_who_approves_is_read_in_the_spelling_that_jitd_compares(stage: Stage, server: Server, is_opa: bool) -> None:
    """THREATS K-24."""
    later = {"need": 1, "from": ["principal:KIM@AD.TEST", "user:KIM@ad.test"], "after": "5m"}
    either = {"any_of": [{"need": 1, "from": ["principal:JSmith@AD.TEST", "principal:Bob@MIT.TEST"]}, later]}
    wanted = {"approvals": [{"need": 1, "from": ["principal:JSmith@AD.TEST"]}, either]}

    def deed(line: Any, asked: Asked) -> None:
        said = answer(asked, answer="require", require=wanted)
        line.sendall(reply(b'{"result":%s}' % said if is_opa else said))

    server.deed = deed
    folds = replace(stage, naming=Naming(frozenset({"AD.TEST", "MIT.TEST"}), {}, {"AD.TEST": Form(after="@ad.test", folds=True)}))
    open_later = Approval(1, ("principal:kim@AD.TEST", "user:kim@ad.test"), after=300)
    first = Approval(1, ("principal:jsmith@AD.TEST", "principal:Bob@MIT.TEST"), instead=(open_later,))
    required = Requirement((Approval(1, ("principal:jsmith@AD.TEST",)), first))
    assert folds.ask(webhook(stage, server, is_opa=is_opa)) == Requires(required)


def test_who_failed_at_once_is_not_asked_the_same_for_a_second(stage: Stage, server: Server) -> None:
    """THREATS E-05"""
    now = [boot()]
    gatekeepers = Gatekeepers(
        {"change-calendar": webhook(stage, server)},
        stage.reaching,
        stage.naming,
        Now(lambda: datetime.now(UTC), lambda: now[0]),
        lambda: "nonce",
    )

    def heard(about: Asking) -> Answer:
        return stage.run(gatekeepers.ask("change-calendar", about))

    server.deed = says(reply(b"nonsense"))
    first = heard(asking(id="K7QM-2XVD"))
    assert isinstance(first, Silent) and "its answer" in first.why
    server.deed = answers()
    now[0] += 0.9
    assert heard(asking(id="K7QM-2XVE", fingerprint=b"\xcd" * 32)) == first
    assert len(server.asked) == 1
    assert heard(asking_by(3)) == Passes()  # somebody else
    assert heard(asking(uses=2)) == Passes()  # something else
    now[0] += 0.1
    assert heard(asking(id="K7QM-2XVF")) == Passes()


def test_a_no_is_not_kept_and_neither_is_a_missed_deadline(stage: Stage, server: Server) -> None:
    gatekeepers = stage.gatekeepers(webhook(stage, server))
    for deed, heard, deadline_for in (
        (answers(answer="deny", because="freeze"), Refuses("freeze"), 60),
        (lambda line, asked: line.recv(1), Silent("no answer within 1 s"), 1),
        (answers(), Passes(), 60),
    ):
        server.deed = deed
        gatekeepers._gatekeepers = {"change-calendar": webhook(stage, server, deadline_for=deadline_for)}
        assert stage.run(gatekeepers.ask("change-calendar", asking())) == heard


def test_it_may_require_one_of_several_ways(stage: Stage, server: Server) -> None:
    later = {"need": 1, "from": ["group:managers"], "after": "5m"}
    server.deed = answers(answer="require", require={"approvals": [{"any_of": [later, {"need": 2, "from": ["group:dba"]}]}]})
    heard = stage.ask(webhook(stage, server))
    either = Approval(2, ("group:dba",), instead=(Approval(1, ("group:managers",), after=300),))
    assert isinstance(heard, Requires) and heard.what == Requirement((either,))


WAY = {"need": 1, "from": ["group:a"]}
LATER = WAY | {"after": "5m"}


def requires(*approvals: object) -> Callable[[Any, Asked], None]:
    return answers(answer="require", require={"approvals": list(approvals)})


TWICE = b'{"nonce":"nonce-0","fingerprint":"%s","answer":"deny","because":"x","answer":"pass"}' % (b"ab" * 32)
NONSENSE: dict[str, tuple[Callable[[Any, Asked], None], str]] = {
    "no nonce": (answers(nonce=None), "does not repeat the nonce"),
    "another nonce": (answers(nonce="nonce-1"), "does not repeat the nonce"),
    "nonce of another type": (answers(nonce=["nonce-0"]), "does not repeat the nonce"),
    "another fingerprint": (answers(fingerprint="cd" * 32), "does not repeat the fingerprint"),
    "fingerprint in capitals": (answers(fingerprint="AB" * 32), "does not repeat the fingerprint"),
    "permit": (answers(answer="permit"), 'must have "answer"'),
    "approve": (answers(answer=True), 'must have "answer"'),
    "no answer": (answers(answer=None), 'must have "answer"'),
    "more": (answers(obligations={}), 'says "pass", with unknown or missing members: obligations'),
    "pass because": (answers(because="x"), "unknown or missing members: because"),
    "deny without because": (answers(answer="deny"), "unknown or missing members: because"),
    "empty because": (answers(answer="deny", because=" "), 'must have "because"'),
    "long because": (answers(answer="deny", because="x" * 501), 'must have "because"'),
    "because of another type": (answers(answer="deny", because=["x"]), 'must have "because"'),
    "require nothing": (answers(answer="require", require={}), 'must have in "require"'),
    "require more": (answers(answer="require", require={"uses": 1, "who": "x"}), 'must have in "require"'),
    "require no use": (answers(answer="require", require={"uses": 0}), 'requires "uses"'),
    "require true uses": (answers(answer="require", require={"uses": True}), 'requires "uses"'),
    "require a time": (answers(answer="require", require={"lasts": 300}), 'requires a "lasts"'),
    "require no reason": (answers(answer="require", require={"reason": False}), 'requires a "reason"'),
    "require a record": (answers(answer="require", require={"record": "some"}), 'requires an unknown "record"'),
    "require nobody": (answers(answer="require", require={"approvals": []}), "a list of 1 to 8"),
    "require anybody": (answers(answer="require", require={"approvals": [{"need": 1, "from": ["anybody"]}]}), "not such as"),
    "require none of them": (answers(answer="require", require={"approvals": [{"need": 0, "from": ["group:a"]}]}), "not such as"),
    "require one way": (requires({"any_of": [WAY]}), "a list of 2 to 8 ways"),
    "require nine ways": (requires({"any_of": [WAY] * 9}), "a list of 2 to 8 ways"),
    "require ways and people": (requires(WAY | {"any_of": [WAY, WAY]}), "not such as"),
    "require ways in ways": (requires({"any_of": [WAY, {"any_of": [WAY, WAY]}]}), "not such as"),
    "require no open way": (requires({"any_of": [LATER, LATER]}), "without a way that is open from the start"),
    "require an odd time": (requires({"any_of": [WAY, WAY | {"after": 5}]}), 'an "after" that is not a duration'),
    "require a time alone": (requires(LATER), "not such as"),
    "require a list": (requires(WAY | {"also": "oncall:a"}), "not such as"),
    "require very many ways": (requires(*[{"any_of": [WAY] * 8}] * 3), "more than 64 combinations"),
    "until a word": (answers(until="tomorrow"), 'an "until" that is not a time'),
    "until without a zone": (answers(until="2099-01-01T00:00:00"), 'an "until" that is not a time'),
    "until the past": (answers(until="2001-01-01T00:00:00Z"), "its answer had expired before it came"),
    "odd mark": (answers(mark="a\nb"), "printable"),
    "twice": (says(reply(TWICE)), "a name occurs twice"),
    "two answers": (lambda line, asked: line.sendall(reply(answer(asked) * 2)), "is not JSON"),
    "not json": (says(reply(b"pass")), "is not JSON"),
    "empty": (says(reply(b"")), "is not JSON"),
    "a list": (says(reply(b"[]")), "is not a JSON object"),
    "deep": (says(reply(b"[" * 30_000)), "nested too deeply"),
    "deep behind a text": (says(reply(b'{"a":"' + b"]" * 30_000 + b'","b":' + b"[" * 30_000)), "nested too deeply"),
    "not utf-8": (says(reply(b'{"a":"\xff"}')), "is not UTF-8"),
    "utf-16": (says(reply('{"a":1}'.encode("utf-16"))), "is not UTF-8"),
    "nan": (says(reply(b'{"a":NaN}')), "is not JSON that jitd accepts"),
    "digits": (says(reply(b'{"a":' + b"9" * 60_000 + b"}")), "out of bounds"),
    "surrogate": (says(reply(b'{"a":"\\ud800"}')), "half of a surrogate pair"),
    "html": (lambda line, asked: line.sendall(reply(answer(asked), kind="text/html")), "its answer is text/html"),
    "no type": (lambda line, asked: line.sendall(reply(answer(asked), kind="")), "of no type"),
    "charset": (lambda line, asked: line.sendall(reply(answer(asked), kind="application/json; charset=latin-1")), "not in UTF-8"),
    "status": (lambda line, asked: line.sendall(reply(answer(asked), 201)), "it answered with status 201"),
    "error": (lambda line, asked: line.sendall(reply(answer(asked), 500)), "it answered with status 500"),
    "redirect": (lambda line, asked: line.sendall(reply(answer(asked), 307, Location="/")), "redirects are not followed"),
    "later": (lambda line, asked: line.sendall(reply(answer(asked), 202, Location="/")), "it answered with status 202"),
    "huge": (says(reply(b" " * 70_000)), "longer than 65536 bytes"),
    "nothing": (lambda line, asked: None, "it gave no valid HTTP answer"),
}  # fmt: skip


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_silence(stage: Stage, server: Server, name: str) -> None:
    """THREATS E-02"""
    server.deed, because = NONSENSE[name]
    heard = stage.ask(webhook(stage, server))
    assert isinstance(heard, Silent) and because in heard.why
    assert len(server.asked) == 1


def test_an_answer_is_good_for_one_question(stage: Stage, server: Server) -> None:
    """THREATS E-03"""
    kept: list[bytes] = []

    def deed(line: Any, asked: Asked) -> None:
        kept.append(answer(asked))
        line.sendall(reply(kept[0]))

    server.deed = deed
    gatekeepers = stage.gatekeepers(webhook(stage, server))
    first, second = (stage.run(gatekeepers.ask("change-calendar", asking())) for _ in range(2))
    assert first == Passes()
    assert isinstance(second, Silent) and "nonce" in second.why


def test_an_answer_about_another_host_s_request_is_none(stage: Stage, server: Server) -> None:
    """THREATS E-03"""
    server.deed = lambda line, asked: line.sendall(reply(answer(asked).replace(b"ab" * 32, b"cd" * 32)))
    assert "another request" in stage.ask(webhook(stage, server)).why  # type: ignore[union-attr]
    assert stage.ask(webhook(stage, server), asking(fingerprint=b"\xcd" * 32)) == Passes()


def test_all_are_asked_side_by_side(stage: Stage, server: Server) -> None:
    """One after the other they would wait for each other here, and the first would be answered nothing."""
    together = threading.Barrier(3, timeout=PATIENCE)

    def deed(line: Any, asked: Asked) -> None:
        with suppress(threading.BrokenBarrierError):
            together.wait()
            line.sendall(reply(answer(asked)))

    server.deed = deed
    settings = [replace(webhook(stage, server), name=name, deadline_for=120) for name in ("a", "b", "c")]
    all_of_them = Answers(stage.gatekeepers(*settings), lambda: Moment(datetime.now(UTC), boot(), "b"))
    heard = stage.run(all_of_them.of(("c", "a", "b"), asking()))
    assert heard == (Heard("c", Passes()), Heard("a", Passes()), Heard("b", Passes()))


def test_one_that_is_not_set_up_is_silent(stage: Stage, server: Server) -> None:
    gatekeepers = AllGatekeepers({"change-calendar": stage.gatekeepers(webhook(stage, server, fresh_for=30, polls=True))})
    assert stage.run(gatekeepers.ask("unknown", asking())) == Silent("jitd.toml sets up no gatekeeper of this name")
    assert gatekeepers.manner("unknown") is None and gatekeepers.manner("change-calendar") == Manner(30, True)


def test_one_that_is_silent_ends_at_its_deadline(stage: Stage, server: Server) -> None:
    server.deed = lambda line, asked: line.recv(1)
    silent = stage.gatekeepers(replace(webhook(stage, server), deadline_for=1))
    assert stage.run(silent.ask("change-calendar", asking())) == Silent("no answer within 1 s")


def test_more_questions_than_there_is_room_for_are_denied_by_name(stage: Stage, server: Server) -> None:
    """THREATS E-05"""
    server.deed = lambda line, asked: line.recv(1)

    async def ask() -> Answer:
        gatekeepers = stage.gatekeepers(replace(webhook(stage, server), deadline_for=60))
        open_ones = [asyncio.create_task(gatekeepers.ask("change-calendar", asking_by(n))) for n in range(72)]
        await asyncio.sleep(0)
        heard = await gatekeepers.ask("change-calendar", asking())
        for each in open_ones:
            each.cancel()
        await asyncio.wait(open_ones)
        return heard

    assert stage.run(ask()) == Silent("72 questions to this system are open already")


def test_one_person_who_asks_too_much_is_denied_by_name_and_holds_up_nobody_else(stage: Stage, server: Server) -> None:
    """THREATS E-05"""
    may_answer = threading.Event()

    def deed(line: Any, asked: Asked) -> None:
        if json.loads(asked.body)["requester"]["person"] == "alice":
            may_answer.wait(PATIENCE)
        answers()(line, asked)

    server.deed = deed

    async def ask() -> tuple[Answer, Answer, list[Answer]]:
        gatekeepers = stage.gatekeepers(replace(webhook(stage, server), deadline_for=60))
        open_ones = [asyncio.create_task(gatekeepers.ask("change-calendar", asking())) for _ in range(24)]
        await asyncio.sleep(0)
        refused = await gatekeepers.ask("change-calendar", asking())
        passed = await gatekeepers.ask("change-calendar", asking_by(7))
        may_answer.set()
        return refused, passed, await asyncio.gather(*open_ones)

    refused, passed, all_hers = stage.run(ask())
    assert refused == Silent("24 questions of the same person to this system are open already")
    assert passed == Passes() and all_hers == [Passes()] * 24


def test_a_request_whose_time_is_over_is_not_asked_about(stage: Stage, server: Server) -> None:
    assert stage.ask(webhook(stage, server), asking(lasts=-1)) == Silent("the time of the request is over")
    assert server.asked == []


def test_a_question_that_is_too_long_is_not_asked(stage: Stage, server: Server) -> None:
    long = asking(facts=(("fact.x", "y" * 70_000),))
    assert stage.ask(webhook(stage, server), long) == Silent("the question is longer than 65536 bytes")
    assert server.asked == []


# --- answers that come later


NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PAUSES = [
    ("7", 7), ("0", 1), ("99999", 3600), ("99999999", 5), ("-3", 5), ("1.5", 5), ("soon", 5), ("", 5), ("\ud800", 5),
    ("Mon, 02 Mar 2026 12:00:30 GMT", 30), ("Mon, 02 Mar 2026 11:59:00 GMT", 1), ("Tue, 03 Mar 2026 12:00:00 GMT", 3600),
    ("Monday, 02-Mar-26 12:00:30 GMT", 30), ("Mon Mar  2 12:00:30 2026", 30), ("Mon, 02 Mar 99999 12:00:30 GMT", 5),
    ("Mon, 99 Mar 2026 12:00:30 GMT", 5), ("Mon, 02 Mar 2026 12:00:30 GMT" + " " * 4096, 5),
]  # fmt: skip


@pytest.mark.parametrize(("said", "seconds"), PAUSES)
def test_a_server_says_in_seconds_or_by_a_date_when_to_ask_again(said: str, seconds: float) -> None:
    assert module._pause(Fetched(202, (("retry-after", said),), b""), NOW) == seconds


def later(
    times: int, *, location: str = "/jit/7", then: Callable[[Any, Asked], None] | None = None
) -> Callable[[Any, Asked], None]:
    """A gatekeeper that says "later" ``times`` times, and then answers the question that it was asked first."""
    questions: list[Asked] = []

    def deed(line: Any, asked: Asked) -> None:
        questions.append(asked)
        if len(questions) <= times:
            line.sendall(reply(b"", 202, Location=location, Retry_After="1"))
        elif then is not None:
            then(line, asked)
        else:
            line.sendall(reply(answer(questions[0])))

    return deed


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SOONEST", 0)
    monkeypatch.setattr(module, "LATEST", 0.01)


@pytest.mark.usefixtures("at_once")
def test_an_answer_may_come_later(stage: Stage, server: Server) -> None:
    server.deed = later(3)
    assert stage.ask(webhook(stage, server, polls=True)) == Passes()
    assert [(asked.method, asked.target) for asked in server.asked] == [("POST", "/jit")] + [("GET", "/jit/7")] * 3


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    "location",
    ["https://elsewhere.example.org/jit/7", "http://localhost/jit/7", "//localhost/jit", "jit/7", "https://localhost/jit"],
)
def test_an_answer_is_fetched_from_no_other_server(stage: Stage, server: Server, location: str) -> None:
    """THREATS E-01"""
    server.deed = later(1, location=location)
    heard = stage.ask(webhook(stage, server, polls=True), asking(lasts=60))
    assert isinstance(heard, Silent) and "no URL on the same server" in heard.why
    assert len(server.asked) == 1


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("name", ["another nonce", "not json", "html", "redirect"])
def test_nonsense_that_comes_later_is_silence(stage: Stage, server: Server, name: str) -> None:
    """THREATS E-02"""
    bad, because = NONSENSE[name]
    if name == "another nonce":
        server.deed = later(1, then=says(reply(b'{"nonce":"x","fingerprint":"%s","answer":"pass"}' % (b"ab" * 32))))
    else:
        status, kind = 307 if name == "redirect" else 200, "text/html" if name == "html" else "application/json"
        server.deed = later(1, then=says(reply(b"pass", status, kind)))
    heard = stage.ask(webhook(stage, server, polls=True))
    assert isinstance(heard, Silent) and because in heard.why


@pytest.mark.usefixtures("at_once")
def test_a_server_that_is_away_for_a_moment_is_asked_again(stage: Stage, server: Server) -> None:
    first: list[Asked] = []

    def deed(line: Any, asked: Asked) -> None:
        first.append(asked)
        match len(first):
            case 1:
                line.sendall(reply(b"", 202, Location="/jit/7"))
            case 2:
                line.sendall(reply(b"", 503))
            case 3:
                line.close()
            case 4:
                os.kill(stage.connector.pid or 0, signal.SIGKILL)
                line.recv(1)
            case _:
                line.sendall(reply(answer(first[0])))

    server.deed = deed
    assert stage.ask(webhook(stage, server, polls=True)) == Passes()


def test_it_may_take_until_the_request_s_own_end(stage: Stage, server: Server) -> None:
    server.deed = later(10**6)
    for lasts in (1.5, 6.0, 24.0):  # on a host that is too busy for the first, it is over before the server says anything
        heard = stage.ask(webhook(stage, server, polls=True), asking(lasts=lasts))
        if isinstance(heard, Silent) and "not decided" in heard.why:
            break
    assert heard == Silent("the time of the request is over, and it has not decided yet")


def test_ten_thousand_open_polls_leave_room_for_others(stage: Stage, server: Server) -> None:
    """THREATS E-05"""
    n_open = 10_000

    async def ask() -> Answer:
        server.deed = answers()
        gatekeepers = stage.gatekeepers(webhook(stage, server, polls=True, deadline_for=120))
        gatekeepers._reaching = Later(stage.reaching)  # type: ignore[assignment]
        open_ones = [asyncio.create_task(gatekeepers.ask("change-calendar", asking_by(n))) for n in range(70)]
        for _ in range(n_open // 70):
            while gatekeepers._turns["change-calendar"].n_open:
                await asyncio.sleep(0)
            open_ones += [asyncio.create_task(gatekeepers.ask("change-calendar", asking_by(n))) for n in range(70)]
        gatekeepers._reaching = stage.reaching
        while gatekeepers._turns["change-calendar"].n_open:
            await asyncio.sleep(0)
        assert len(open_ones) >= n_open and not any(each.done() for each in open_ones)
        heard = await gatekeepers.ask("change-calendar", asking())
        for each in open_ones:
            each.cancel()
        await asyncio.wait(open_ones)
        return heard

    assert stage.run(ask()) == Passes()


class Later:
    """Says that each answer comes in an hour."""

    def __init__(self, reaching: object) -> None:
        self._reaching = reaching

    async def ask(self, *words: object) -> object:
        from jitd_outsiders.outside.messages import Fetched

        return Fetched(202, (("location", "/jit/7"), ("retry-after", "3600")), b"")


# --- signed answers


def signed(
    key: Ed25519PrivateKey, body: bytes, *, covered: tuple[str, ...] = ("@status",), age: int = 0, digest: bytes | None = None
) -> bytes:
    class Message:
        status_code = 200
        request = None
        headers = {"Content-Type": "application/json"}

    message = Message()
    message.headers = dict(Message.headers)
    keys = MappingKeyResolver(public_keys={}, private_keys={"k": key})
    at = datetime.now(UTC) - timedelta(seconds=age)
    signer = HTTPMessageSigner(signature_algorithm=ED25519, key_resolver=keys)
    signer.sign(message, key_id="k", created=at, covered_component_ids=covered, body=body if digest is None else digest)
    del message.headers["Content-Type"]
    return reply(body, **{name.replace("-", "_"): value for name, value in message.headers.items()})


def public(key: Ed25519PrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def test_an_answer_is_signed_with_the_gatekeeper_s_own_key(stage: Stage, server: Server) -> None:
    """THREATS E-04"""
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    gatekeeper = webhook(stage, server, key=public(key))
    server.deed = lambda line, asked: line.sendall(signed(key, answer(asked)))
    assert stage.ask(gatekeeper) == Passes()
    wrong: dict[str, Callable[[bytes], bytes]] = {
        "unsigned": reply,
        "another key": lambda body: signed(other, body),
        "another body": lambda body: signed(key, body, digest=body + b" "),
        "old": lambda body: signed(key, body, age=120),
        "from the future": lambda body: signed(key, body, age=-120),
        "without the status": lambda body: signed(key, body, covered=()),
    }  # fmt: skip
    for name, make in wrong.items():
        server.deed = lambda line, asked, make=make: line.sendall(make(answer(asked)))  # type: ignore[misc]
        heard = stage.ask(gatekeeper)
        assert isinstance(heard, Silent) and "is not signed" in heard.why, name


# --- programs


def test_a_program_is_a_gatekeeper_too(stage: Stage) -> None:
    script = (
        'read -r told; nonce=${told#*\\"nonce\\":\\"}; nonce=${nonce%%\\"*}; '
        'seen=${told#*\\"fingerprint\\":\\"}; seen=${seen%%\\"*}; '
        'printf \'{"nonce":"%s","fingerprint":"%s","answer":"deny","because":"not now"}\' "$nonce" "$seen"'
    )

    def heard(*words: str) -> Answer:
        return stage.ask(GatekeeperSettings("by-hand", Program(words), deadline_for=60))

    assert heard("/bin/sh", "-c", script) == Refuses("not now")
    failed = heard("/bin/false")
    assert isinstance(failed, Silent) and "status 1" in failed.why
    assert heard("/bin/echo", "pass") == Silent("its answer is not JSON")
