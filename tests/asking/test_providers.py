# SPDX-License-Identifier: Apache-2.0
"""Providers: what they are told, what counts as a fact, and what their silence means."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from jitd.core.facts import Facts, Unknown
from jitd.core.naming import Form, Naming
from jitd_outsiders.asking.hearing import Nonsense, read_facts
from jitd_outsiders.asking.providers import Providers
from jitd_outsiders.asking.reaching import Reaching, Runs
from jitd_outsiders.asking.settings import Program, Provider, Reach
from jitd_outsiders.outside.client import Failed
from jitd_outsiders.outside.messages import Fetch
from tests.asking.stage import ABOUT, ALICE, Stage, gatekeeper_of, staged
from tests.outside.server import Asked, Server, reply, says

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a process under another account")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as found:
        yield found


@pytest.fixture
def server(stage: Stage, tmp_path: Path) -> Iterator[Server]:
    with gatekeeper_of(stage, tmp_path) as found:
        found.deed = says(reply(b'{"facts":{"risk":40}}'))
        yield found


def risk(stage: Stage, server: Server, **more: Any) -> Provider:
    """A provider with time enough for a host that is busy: a child process starts within it, too."""
    return Provider("risk", stage.reach(server, "/v1/score"), {"risk": "int"}, **{"deadline_for": 60} | more)


def ask(stage: Stage, *providers: Provider, names: tuple[str, ...] = ("fact.risk",)) -> Facts:
    return stage.run(stage.providers(*providers).ask(frozenset(names), ABOUT))


def why(said: Facts) -> str:
    unknown = said["fact.risk"]
    assert isinstance(unknown, Unknown), unknown
    return unknown.why


# --- what they are told


def test_a_provider_is_told_what_its_settings_list_and_nothing_else(stage: Stage, server: Server) -> None:
    assert ask(stage, risk(stage, server)) == {"fact.risk": 40}
    asked = server.asked[0]
    assert (asked.method, asked.target) == ("POST", "/v1/score")
    assert json.loads(asked.body) == {
        "version": 1, "facts": {"risk": "int"}, "requester": "alice@EXAMPLE.TEST", "host": "db1.example.org",
    }  # fmt: skip
    everything = ("requester", "host", "user", "groups", "group_ids", "run_as", "service", "path", "argv", "cwd", "reason")
    ask(stage, risk(stage, server, sends=everything))
    assert json.loads(server.asked[1].body) == {
        "version": 1, "facts": {"risk": "int"}, "requester": "alice@EXAMPLE.TEST", "host": "db1.example.org", "user": "alice",
        "groups": ["dba", "ops"], "group_ids": [77, 1001], "run_as": {"user": "root", "group": "root"}, "service": "jitsudo",
        "path": "/usr/bin/systemctl", "argv": ["/usr/bin/systemctl", "restart", "a\\\\b\\xff"], "cwd": "/home/alice",
        "claims": {"reason": "replica lag"},
    }  # fmt: skip


def test_each_provider_is_asked_once_for_all_of_its_facts(stage: Stage, server: Server) -> None:
    server.deed = says(reply(b'{"facts":{"risk":40,"zone":"dmz"}}'))
    provider = Provider("risk", stage.reach(server), {"risk": "int", "zone": "string"}, deadline_for=60)
    assert ask(stage, provider, names=("fact.zone", "fact.risk")) == {"fact.risk": 40, "fact.zone": "dmz"}
    assert len(server.asked) == 1


def test_a_program_may_say_facts(stage: Stage) -> None:
    program = Program(("/bin/sh", "-c", 'read -r told; printf \'{"facts":{"risk":7}}\''))
    assert ask(stage, Provider("risk", program, {"risk": "int"}, deadline_for=60)) == {"fact.risk": 7}


# --- what counts


VALUES: list[tuple[str, str, object]] = [
    ("bool", "true", True),
    ("int", "-9223372036854775808", -(2**63)),
    ("double", "1.5", 1.5),
    ("double", "2", 2.0),
    ("string", '"a\\u00e4"', "a\u00e4"),
    ("timestamp", '"2026-11-22T07:00:00Z"', datetime(2026, 11, 22, 7, tzinfo=UTC)),
    ("timestamp", '"2026-11-22T08:00:00.5+01:00"', datetime(2026, 11, 22, 7, 0, 0, 500000, tzinfo=UTC)),
    ("list", '["a","b"]', ("a", "b")),
    ("list", "[]", ()),
]
WRONG = [
    ("bool", "1"), ("bool", '"true"'), ("bool", "null"), ("int", "true"), ("int", "1.0"), ("int", '"40"'), ("int", "1e3"),
    ("int", "9223372036854775808"), ("int", "-9223372036854775809"), ("int", "null"), ("int", "[40]"), ("double", "1e999"),
    ("double", "NaN"), ("double", "Infinity"), ("double", '"1.5"'), ("double", "true"), ("string", "1"), ("string", '"\\u0000"'),
    ("string", '"\\ud800"'), ("string", f'"{"x" * 5000}"'), ("timestamp", '"2026-11-22T07:00:00"'), ("timestamp", '"now"'),
    ("timestamp", "1790000000"), ("timestamp", '"2026-13-22T07:00:00Z"'), ("timestamp", '"20261122T070000Z"'), ("list", '"a"'),
    ("list", '[["a"]]'), ("list", "[1]"), ("list", "[" + ",".join(['"a"'] * 1001) + "]"), ("list", "{}"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "value"), VALUES)
def test_a_value_of_the_declared_type_is_a_fact(kind: str, text: str, value: object) -> None:
    found = read_facts({"x": kind}, b'{"facts":{"x":%s}}' % text.encode())
    assert found == {"x": value} and type(found["x"]) is type(value)


@pytest.mark.parametrize(("kind", "text"), WRONG, ids=lambda word: str(word)[:30])
def test_any_other_value_is_not(kind: str, text: str) -> None:
    with pytest.raises(Nonsense):
        read_facts({"x": kind}, b'{"facts":{"x":%s}}' % text.encode())


@pytest.mark.parametrize("is_silent", [False, True])
def test_a_person_in_a_fact_is_read_in_the_spelling_that_jitd_compares(stage: Stage, server: Server, is_silent: bool) -> None:
    """THREATS K-24: in an answer, and in the values for a provider that is silent."""
    facts: dict[str, Any] = {
        "owner": "JSmith@AD.TEST",
        "oncall": ["JSmith@AD.TEST", "principal:KIM@AD.TEST", "Bob@MIT.TEST", "Bob"],
    }
    server.deed = says(reply(b"nonsense" if is_silent else json.dumps({"facts": facts}).encode()))
    worst = {"owner": "JSmith@AD.TEST", "oncall": tuple(facts["oncall"])} if is_silent else {}
    provider = Provider("duty", stage.reach(server), {"owner": "string", "oncall": "list"}, deadline_for=60, silence=worst)
    folds = replace(stage, naming=Naming(frozenset({"AD.TEST", "MIT.TEST"}), {}, {"AD.TEST": Form(folds=True)}))
    assert ask(folds, provider, names=("fact.oncall",)) == {
        "fact.owner": "jsmith@AD.TEST",
        "fact.oncall": ("jsmith@AD.TEST", "principal:kim@AD.TEST", "Bob@MIT.TEST", "Bob"),
    }


HOSTILE: dict[str, tuple[Callable[[Any, Asked], None], str]] = {
    "no facts": (says(reply(b"{}")), 'must have one member, "facts"'),
    "more": (says(reply(b'{"facts":{"risk":1},"permit":true}')), 'must have one member, "facts"'),
    "another fact": (says(reply(b'{"facts":{"load":1}}')), "these facts and no other: risk"),
    "one more fact": (says(reply(b'{"facts":{"risk":1,"now":2}}')), "these facts and no other: risk"),
    "twice": (says(reply(b'{"facts":{"risk":99,"risk":1}}')), "a name occurs twice"),
    "text": (says(reply(b'{"facts":{"risk":"40"}}')), "says a risk that is not a whole number of 64 bits"),
    "huge": (says(reply(b" " * 70_000)), "longer than 65536 bytes"),
    "html": (says(reply(b'{"facts":{"risk":1}}', kind="text/html")), "its answer is text/html"),
    "charset": (says(reply(b'{"facts":{"risk":1}}', kind="application/json;charset=utf-16")), "not in UTF-8"),
    "status": (says(reply(b'{"facts":{"risk":1}}', 404)), "it answered with status 404"),
    "later": (says(reply(b"", 202, Location="/x")), "it answered with status 202"),
    "redirect": (says(reply(b"", 302, Location="https://127.0.0.1/")), "redirects are not followed"),
    "nothing": (lambda line, asked: None, "it gave no valid HTTP answer"),
    "silent": (lambda line, asked: line.recv(1), "no answer within 1 s"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_nonsense_and_silence_are_not_facts(stage: Stage, server: Server, name: str) -> None:
    """THREATS E-02"""
    server.deed, because = HOSTILE[name]
    deadline_for = 1 if name == "silent" else 60
    assert because in why(ask(stage, risk(stage, server, deadline_for=deadline_for)))
    worst = risk(stage, server, deadline_for=deadline_for, silence={"risk": 100})
    assert ask(stage, worst) == {"fact.risk": 100}


def test_a_provider_that_is_not_there_is_silent(stage: Stage, server: Server) -> None:
    provider = risk(stage, server)
    server.close()
    assert "provider risk did not answer: it cannot be reached" in why(ask(stage, provider))


def test_a_program_that_prints_for_ever_or_fails_is_silent(stage: Stage) -> None:
    endless = Program(("/bin/sh", "-c", "exec cat /dev/zero"))
    failing = Program(("/bin/sh", "-c", 'printf \'{"facts":{"risk":7}}\'; exit 1'))
    for program, reason in ((endless, "has printed more than 65536 bytes, and was killed"), (failing, "ended with status 1")):
        said = why(ask(stage, Provider("risk", program, {"risk": "int"}, deadline_for=60)))
        assert said.startswith("provider risk did not answer: ") and said.endswith(reason)


@pytest.mark.parametrize(("within", "deadline_ms"), [(0.0001, 1), (0.9991, 1000), (1.0, 1000), (59.99901, 60_000)])
def test_jitd_outside_gives_up_no_sooner_than_the_daemon_itself(within: float, deadline_ms: int) -> None:
    """The daemon names the deadline of the settings; jitd-outside would name what was left of it."""
    asked: list[Fetch] = []

    class Outside:
        async def fetch(self, question: Fetch) -> Failed:
            asked.append(question)
            return Failed("nobody is asked")

    by, programs = Reach("https://localhost/"), cast("Runs", None)
    reaching = Reaching(Outside(), programs, "db1.example.org")
    asyncio.run(reaching.ask("risk", by, b"{}", within))
    asyncio.run(reaching.look_again(by, by.url, within))
    assert [question.deadline_ms for question in asked] == [deadline_ms] * 2


def test_one_that_is_silent_does_not_hold_up_another(stage: Stage, server: Server) -> None:
    slow = Provider("slow", replace(stage.reach(server)), {"slow": "int"}, deadline_for=60)
    quick = risk(stage, server)

    def deed(line: Any, asked: Asked) -> None:
        if "slow" in json.loads(asked.body)["facts"]:
            line.recv(1)
        else:
            line.sendall(reply(b'{"facts":{"risk":40}}'))

    server.deed = deed

    async def both() -> Facts:
        providers = stage.providers(slow, quick)
        by = (replace(ABOUT, requester=replace(ALICE, person=f"person{n % 18}")) for n in range(72))
        waiting = [asyncio.create_task(providers.ask(frozenset({"fact.slow"}), about)) for about in by]
        await asyncio.sleep(0)
        said = await providers.ask(frozenset({"fact.slow"}), ABOUT)
        assert said == {"fact.slow": Unknown("provider slow did not answer: 72 questions to this system are open already")}
        found = await providers.ask(frozenset({"fact.risk"}), ABOUT)
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting)
        return found

    assert stage.run(both()) == {"fact.risk": 40}


def test_a_provider_is_asked_about_one_person_a_share_of_the_questions_at_once(stage: Stage, server: Server) -> None:
    """THREATS E-05"""
    slow = Provider("slow", replace(stage.reach(server)), {"slow": "int"}, deadline_for=60)
    server.deed = lambda line, asked: line.recv(1)

    async def ask() -> Facts:
        providers = stage.providers(slow)
        waiting = [asyncio.create_task(providers.ask(frozenset({"fact.slow"}), ABOUT)) for _ in range(24)]
        await asyncio.sleep(0)
        found = await providers.ask(frozenset({"fact.slow"}), ABOUT)
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting)
        return found

    told = "provider slow did not answer: 24 questions of the same person to this system are open already"
    assert stage.run(ask()) == {"fact.slow": Unknown(told)}


# --- what is kept


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_an_answer_is_kept_as_long_as_it_is_fresh_and_for_the_same_question(stage: Stage, server: Server) -> None:
    clock = Clock()
    providers = Providers({"risk": risk(stage, server, fresh_for=30)}, stage.reaching, stage.naming, clock)
    bob = replace(ABOUT, requester=replace(ABOUT.requester, principal="bob@EXAMPLE.TEST"))

    def n_asked(about: Any = ABOUT) -> int:
        assert stage.run(providers.ask(frozenset({"fact.risk"}), about)) == {"fact.risk": 40}
        return len(server.asked)

    assert (n_asked(), n_asked(), n_asked(bob), n_asked()) == (1, 1, 2, 2)
    clock.now += 29.9
    assert n_asked() == 2
    clock.now += 0.1
    assert n_asked() == 3
    providers.forget()
    assert n_asked() == 4


def test_an_answer_that_was_on_its_way_at_a_reload_is_not_kept(stage: Stage, server: Server) -> None:
    providers = stage.providers(risk(stage, server, fresh_for=600))
    answer = server.deed

    def late(line: Any, asked: Asked) -> None:
        providers.forget()
        answer(line, asked)

    server.deed = late
    for n_asked in (1, 2):
        assert stage.run(providers.ask(frozenset({"fact.risk"}), ABOUT)) == {"fact.risk": 40}
        assert len(server.asked) == n_asked


def test_silence_is_kept_for_a_second_and_no_longer_however_long_answers_are(stage: Stage, server: Server) -> None:
    clock = Clock()
    providers = Providers(
        {"risk": risk(stage, server, fresh_for=600, silence={"risk": 100})}, stage.reaching, stage.naming, clock
    )
    bob = replace(ABOUT, requester=replace(ABOUT.requester, principal="bob@EXAMPLE.TEST"))

    def said(about: Any = ABOUT) -> Any:
        return stage.run(providers.ask(frozenset({"fact.risk"}), about))["fact.risk"]

    server.deed = says(reply(b"", 500))
    assert said() == 100
    server.deed = says(reply(b'{"facts":{"risk":40}}'))
    clock.now += 0.9
    assert (said(), said(bob)) == (100, 40)
    assert len(server.asked) == 2
    clock.now += 0.1
    assert said() == 40
    assert len(server.asked) == 3


def test_a_reload_forgets_failures(stage: Stage, server: Server) -> None:
    providers = Providers({"risk": risk(stage, server)}, stage.reaching, stage.naming, Clock())
    server.deed = says(reply(b"", 500))
    assert "status 500" in why(stage.run(providers.ask(frozenset({"fact.risk"}), ABOUT)))
    server.deed = says(reply(b'{"facts":{"risk":40}}'))
    providers.forget()
    assert stage.run(providers.ask(frozenset({"fact.risk"}), ABOUT)) == {"fact.risk": 40}


def test_a_storm_of_one_question_asks_a_provider_that_fails_at_once_only_once_a_second(stage: Stage, server: Server) -> None:
    """THREATS E-05. Two are asked at the same moment: so many turns one person has."""
    providers = Providers({"risk": risk(stage, server)}, stage.reaching, stage.naming, Clock())
    server.deed = says(reply(b"nonsense"))

    async def storm() -> list[Facts]:
        return await asyncio.gather(*(providers.ask(frozenset({"fact.risk"}), ABOUT) for _ in range(24)))

    assert all("its answer" in why(each) for each in stage.run(storm()))
    assert 1 <= len(server.asked) <= 2


def test_a_missed_deadline_is_told_as_it_was_set_by_a_busy_daemon_too(stage: Stage, server: Server) -> None:
    """Half a second goes by before the question is sent."""
    server.deed = lambda line, asked: line.recv(1)
    busy = Providers(
        {"risk": risk(stage, server, deadline_for=1)}, stage.reaching, stage.naming, itertools.count(0, 0.5).__next__
    )
    assert why(stage.run(busy.ask(frozenset({"fact.risk"}), ABOUT))) == "provider risk did not answer: no answer within 1 s"


def test_a_missed_deadline_is_not_kept(stage: Stage, server: Server) -> None:
    providers = Providers({"risk": risk(stage, server, deadline_for=1)}, stage.reaching, stage.naming, time.monotonic)
    server.deed = lambda line, asked: line.recv(1)
    assert "no answer within 1 s" in why(stage.run(providers.ask(frozenset({"fact.risk"}), ABOUT)))
    server.deed = says(reply(b'{"facts":{"risk":40}}'))
    providers._by_fact = {"fact.risk": risk(stage, server, deadline_for=60)}
    assert stage.run(providers.ask(frozenset({"fact.risk"}), ABOUT)) == {"fact.risk": 40}
