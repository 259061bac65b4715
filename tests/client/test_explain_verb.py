# SPDX-License-Identifier: Apache-2.0
"""``jitd explain`` against a daemon made of a script: what it asks, what it prints, and its exit status."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any

import pytest

from jitd.core.decision import Approval, BreakGlass, Deny, Why
from jitd.core.explaining import Checked, Explained, Near, Outcome, Saying
from jitd.core.policy import Rule
from jitd.verbs.explanations import _explained_row, near_rows
from jitd.verbs.rows import decision_row
from jitpam.client import RefusedByDaemon
from jitpam.wire.messages import Explain, Suppose
from tests.client.script import HOSTILE, Row, Script, jitd
from tests.scene import command, permit

RULE = Rule("permit", "deploy", file="/etc/jitd/policy.d/50.toml", line=7)
FOUND = (
    Checked("who", Outcome.HELD, "group:dba with a ticket", "alice@EXAMPLE.TEST, account alice, in dba"),
    Checked("hours", Outcome.NOT, "Mon-Fri 08:00-18:00 UTC", "Sat 12:00 UTC"),
    Checked("when", Outcome.LEFT, "fact.load < 2.0", ""),
)


def wired(*rows: Row) -> list[Any]:
    """``rows`` as they come off the wire."""
    return [json.loads(json.dumps(row)) for row in rows]


def denied(*closest: Near, because: str = "no rule permits this") -> Row:
    row = decision_row(Deny(Why.NO_RULE, because), command("systemctl", "restart", "a b"))
    return row.plus(principal="alice@EXAMPLE.TEST", closest=near_rows(closest)).written()


def test_without_a_person_it_asks_what_jitsudo_asks_and_says_what_came_closest(capsys: pytest.CaptureFixture[str]) -> None:
    script = Script(*wired(denied(Near("deploy", ("as bob", "Mon-Fri 08:00-18:00 UTC")))))
    assert jitd(script, "explain", "--run-as", "bob", "--reason", "x", "--", "systemctl", "restart", "a b") == 1
    (asked,) = script.heard
    assert isinstance(asked, Explain)
    assert (asked.argv, asked.user, asked.reason) == ([b"systemctl", b"restart", b"a b"], "bob", "x")
    assert (asked.service, asked.cwd) == ("jitsudo", os.getcwdb())
    assert capsys.readouterr().out.splitlines() == [
        "systemctl restart 'a b' (as root): denied: no rule permits this",
        "closest: rule deploy: as bob, Mon-Fri 08:00-18:00 UTC",
    ]


def test_with_a_person_it_says_what_was_supposed_and_prints_each_rule(capsys: pytest.CaptureFixture[str]) -> None:
    script = Script(*wired(denied(), _explained_row(Explained(RULE, Saying.PASSES, "", FOUND))))
    line = (
        "explain --as alice --at 2026-01-05T09:00:00+01:00 --fact risk=40 --fact load=1 --groups dba,ops --service sudo -- id -u"
    )
    assert jitd(script, *line.split()) == 1
    (asked,) = script.heard
    assert isinstance(asked, Suppose)
    assert (asked.principal, asked.at, asked.facts) == ("alice", "2026-01-05T08:00:00Z", ["risk=40", "load=1"])
    assert (asked.groups, asked.service, asked.argv) == (["dba", "ops"], "sudo", [b"id", b"-u"])
    assert capsys.readouterr().out.splitlines() == [
        "systemctl restart 'a b' (as root) for alice@EXAMPLE.TEST: denied: no rule permits this",
        "permit deploy (/etc/jitd/policy.d/50.toml:7): is not about this",
        "    who held: group:dba with a ticket; it is alice@EXAMPLE.TEST, account alice, in dba",
        "    hours did not hold: Mon-Fri 08:00-18:00 UTC; it is Sat 12:00 UTC",
        "    when left: fact.load < 2.0",
    ]


def missed(name: str, *conditions: str, saying: Saying = Saying.PASSES) -> Row:
    found = tuple(Checked(condition, Outcome.NOT, "this", "that") for condition in conditions)
    return _explained_row(Explained(replace(RULE, name=name), saying, "", found))


def named_in(out: str) -> list[str]:
    return [line.split()[1] for line in out.splitlines() if line.startswith(("permit ", "deny "))]


def test_the_verdict_comes_first_then_the_two_nearest_rules_and_all_of_them_with_v(capsys: pytest.CaptureFixture[str]) -> None:
    rules = (
        missed("far", "who", "hours", "commands"),
        missed("of-others", "who"),
        missed("another-command", "commands"),
        missed("at-night", "hours"),
    )
    line = ("explain", "--as", "alice", "id")
    assert jitd(Script(*wired(denied(), *rules)), *line) == 1
    out = capsys.readouterr().out
    assert ": denied: " in out.splitlines()[0] and out.splitlines()[-1] == "2 more rules: jitd explain -v"
    assert named_in(out) == ["at-night", "of-others"]
    assert jitd(Script(*wired(denied(), *rules)), *line[:1], "-v", *line[1:]) == 1
    out = capsys.readouterr().out
    assert ": denied: " in out.splitlines()[0] and "explain -v" not in out
    assert named_in(out) == ["far", "of-others", "another-command", "at-night"], "in the order of evaluation"
    assert jitd(Script(*wired(denied(), *rules[:3])), *line) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "1 more rule: jitd explain -v"


def test_the_rule_that_decides_comes_first_and_what_says_something_before_what_is_about_another_thing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rules = (missed("near", "hours"), missed("fails", "who", "hours", saying=Saying.FAILS), missed("rule-1", "who", "hours"))
    row = decision_row(permit(), command("id")).written() | {"principal": "alice@EXAMPLE.TEST"}
    assert jitd(Script(*wired(row, *rules)), "explain", "--as", "alice", "id") == 0
    assert named_in(capsys.readouterr().out) == ["rule-1", "fails"]


def test_of_what_came_closest_to_ones_own_request_two_are_told_and_all_with_v(capsys: pytest.CaptureFixture[str]) -> None:
    row = denied(*(Near(name, ("as bob",)) for name in "abc"))
    assert jitd(Script(*wired(row)), "explain", "id") == 1
    assert capsys.readouterr().out.splitlines()[1:] == [
        "closest: rule a: as bob", "closest: rule b: as bob", "1 more rule: jitd explain -v",
    ]  # fmt: skip
    assert jitd(Script(*wired(row)), "explain", "-v", "id") == 1
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_what_is_not_supposed_is_left_to_the_host() -> None:
    script = Script(*wired(denied()))
    assert jitd(script, "explain", "--as", "alice", "id") == 1
    (asked,) = script.heard
    assert isinstance(asked, Suppose) and (asked.groups, asked.at, asked.facts, asked.user) == (None, None, [], None)
    assert not asked.breaks_glass


def test_it_may_be_supposed_that_the_person_breaks_glass(capsys: pytest.CaptureFixture[str]) -> None:
    granted = permit()
    glass = replace(granted.obligations, break_glass=BreakGlass("deploy", (Approval(1, ("group:ops",)),), 4 * 3600, 2))
    row = decision_row(replace(granted, obligations=glass), command("id")).written() | {"principal": "alice@EXAMPLE.TEST"}
    script = Script(*wired(row))
    assert jitd(script, "explain", "--as", "alice", "--break-glass", "--reason", "it burns", "id") == 0
    (asked,) = script.heard
    assert isinstance(asked, Suppose) and asked.breaks_glass
    assert capsys.readouterr().out.splitlines()[1:] == [
        "glass would be broken: it skips 1 approval from group:ops, and is reviewed within 4 hours"
    ]


def test_glass_is_supposed_to_be_broken_by_somebody(capsys: pytest.CaptureFixture[str]) -> None:
    script = Script()
    assert jitd(script, "explain", "--break-glass", "id") == 2
    assert "name one with --as" in capsys.readouterr().err and script.heard == []


def test_a_permit_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert jitd(Script(*wired(decision_row(permit(), command("id")).written())), "explain", "id") == 0
    assert capsys.readouterr().out == "id (as root): rule rule-1 requires 1 approval from group:ops\n"


def test_who_would_be_asked_before_it_is_decided_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither gatekeepers nor providers are asked; without the provider there is no answer yet."""
    asking = permit()
    asking = replace(asking, obligations=replace(asking.obligations, gatekeepers=("change-calendar", "tickets")))
    assert jitd(Script(*wired(decision_row(asking, command("id")).written())), "explain", "id") == 0
    because = "rule deploy: fact.risk is not known: provider risk would be asked"
    unknown = decision_row(Deny(Why.ERROR, because), command("id")).written() | {"providers": ["risk"], "closest": []}
    assert jitd(Script(*wired(unknown)), "explain", "id") == 1
    assert jitd(Script(*wired(unknown | {"providers": []})), "explain", "id") == 1
    assert capsys.readouterr().out.splitlines() == [
        "id (as root): rule rule-1 requires 1 approval from group:ops, change-calendar and tickets would be asked",
        f"id (as root): not decided: {because}",
        f"id (as root): denied: {because}",
    ]


def test_json_is_the_decision_and_then_each_rule(capsys: pytest.CaptureFixture[str]) -> None:
    rows = wired(denied(), _explained_row(Explained(RULE, Saying.FAILS, "rule deploy: it fails", FOUND)))
    assert jitd(Script(*rows), "explain", "--json", "--as", "alice", "id") == 1
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == rows


def test_nothing_that_a_rule_or_a_command_holds_reaches_the_terminal_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = HOSTILE.decode("latin-1")
    finding = Checked("commands", Outcome.NOT, hostile, hostile)
    rows = wired(
        denied(Near(hostile, (hostile,)), because=hostile), _explained_row(Explained(RULE, Saying.DENIES, hostile, (finding,)))
    )
    jitd(Script(*rows), "explain", "--as", "alice", "id")
    assert capsys.readouterr().out.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("explain --at 2026-01-05T09:00 id", "name one with --as"),
        ("explain --fact risk=1 id", "name one with --as"),
        ("explain --groups a id", "name one with --as"),
        ("explain --as alice --at tomorrow id", '"tomorrow" is not a time'),
        ("explain --as alice", "jitd: explain: COMMAND is missing"),
    ],
)
def test_what_makes_no_sense_asks_nothing(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    script = Script()
    assert jitd(script, *line.split()) == 2
    assert script.heard == [] and said in capsys.readouterr().err


def test_a_refusal_is_told_with_its_status(capsys: pytest.CaptureFixture[str]) -> None:
    fault = RefusedByDaemon("forbidden", "only operators and root may explain what others may do")
    assert jitd(Script(fault=fault), "explain", "--as", "alice", "id") == 3
    assert capsys.readouterr().err == "jitd: only operators and root may explain what others may do\n"


@pytest.mark.parametrize(
    ("typed", "asked"),
    [("bob", ("bob", None)), ("bob:docker", ("bob", "docker")), ("self:docker", (None, "docker")), (":docker", (None, "docker"))],
)
def test_a_group_to_run_with_is_asked_as_jitsudo_asks(typed: str, asked: tuple[str | None, str | None]) -> None:
    script = Script(*wired(denied()))
    assert jitd(script, "explain", "--as", "alice", "--run-as", typed, "id") == 1
    (heard,) = script.heard
    assert isinstance(heard, Suppose) and (heard.user, heard.group) == asked
