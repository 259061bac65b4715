# SPDX-License-Identifier: Apache-2.0
"""What holds of policy whatever the rules are; and a second, naive evaluator that must agree with the first."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jitd.core.command import RunAs
from jitd.core.conditions import read_command_pattern
from jitd.core.decision import RECORDED, Decision, Deny, Permit, Record
from jitd.core.keys.hosts import read_host
from jitd.core.keys.hours import read_hours
from jitd.core.policy import Rule, decide
from jitd.core.question import Question
from tests.core.house import ALICE, AS_ROOT, BOB, EVE, NOON, ZONES, policy, question
from tests.scene import but

WORDS = st.sampled_from(["restart", "stop", "*", "re*", "?top", ""])
ARGUMENTS = st.sampled_from([b"restart", b"stop", b"", b"x"])
WHO = st.sampled_from(
    [
        None, ("group:dba",), ("group:ops",), ("user:alice", "group:ops"), (), ("user:bob",), ("user:dba",),
        ("principal:alice@EXAMPLE.ORG",), ("principal:alice", "user:eve"), ("group:bob@EXAMPLE.ORG",),
    ]
)  # fmt: skip
RUN_AS = st.sampled_from([None, ("root",), ("*",), ("bob",), ("root:adm",), ("*:adm",)])
HOSTS = st.sampled_from([None, ("db*",), ("web*",), ("web*", "*.org")])
HOURS = st.sampled_from([None, "Mon-Fri 08:00-18:00 UTC", "Sat 08:00-18:00 UTC", "Tue 22:00-13:00 UTC"])
PATTERN = st.tuples(st.sampled_from(["/usr/bin/a", "/usr/bin/?", "/usr/*/a"]), st.lists(WORDS, max_size=3), st.booleans())


@st.composite
def rules(draw: st.DrawFn, may_be_open: bool = True) -> tuple[Rule, dict[str, Any]]:
    """A rule, and the plain data that the oracle reads."""
    raw: dict[str, Any] = {
        "verdict": draw(st.sampled_from(["permit", "permit", "deny"])),
        "who": draw(WHO),
        "run_as": draw(RUN_AS),
        "hosts": draw(HOSTS),
        "hours": draw(HOURS),
        "commands": [
            (path, *words, *(("**",) if is_open and may_be_open else ()))
            for path, words, is_open in draw(st.lists(PATTERN, min_size=1, max_size=2))
        ],
    }
    rule = Rule(
        raw["verdict"],
        draw(st.sampled_from("abcdefgh")),
        who=raw["who"],
        run_as=raw["run_as"],
        hosts=None if raw["hosts"] is None else tuple(read_host(word) for word in raw["hosts"]),
        hours=None if raw["hours"] is None else (read_hours(raw["hours"], ZONES.get),),
        commands=tuple(read_command_pattern(words) for words in raw["commands"]),
    )
    return rule, {**raw, "name": rule.name}


@st.composite
def questions(draw: st.DrawFn) -> Question:
    return question(
        draw(st.sampled_from([ALICE, BOB, EVE])),
        (b"/usr/bin/a", *draw(st.lists(ARGUMENTS, max_size=4))),
        draw(st.sampled_from([AS_ROOT, RunAs("root", 0, "adm", 4), RunAs("bob", 4002, "bob", 4002)])),
        is_own_group=draw(st.booleans()),
        host=draw(st.sampled_from(["db1.example.org", "web1.example.net"])),
    )


MOMENTS = st.sampled_from([NOON, NOON.replace(hour=3), NOON.replace(day=6), NOON.replace(hour=23, day=2)])


def _glob(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(_glob(pattern[1:], text[n:]) for n in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and _glob(pattern[1:], text[1:])


def _oracle(raws: list[dict[str, Any]], asked: Question, at: datetime) -> str:
    """Policy once more, from the sentence in the contract and nothing else: who says permit, or who says no."""

    def is_about(raw: dict[str, Any]) -> bool:
        who, run_as = asked.requester, asked.command.run_as
        if raw["who"] is not None and not any(
            {"user": [who.user], "principal": [who.principal], "group": who.groups}[kind].__contains__(name)
            for kind, name in (word.split(":") for word in raw["who"])
        ):
            return False
        if raw["run_as"] is not None:
            names = {f"{run_as.user}:{run_as.group}", "*", f"*:{run_as.group}"}
            if asked.is_own_group or raw["verdict"] == "deny":
                names.add(run_as.user)
            if not names & set(raw["run_as"]):
                return False
        if raw["hosts"] is not None and not any(_glob(word, asked.host) for word in raw["hosts"]):
            return False
        day, hour = at.weekday(), at.hour
        if raw["hours"] == "Mon-Fri 08:00-18:00 UTC" and not (day < 5 and 8 <= hour < 18):
            return False
        if raw["hours"] == "Sat 08:00-18:00 UTC" and not (day == 5 and 8 <= hour < 18):
            return False
        if raw["hours"] == "Tue 22:00-13:00 UTC" and not ((day == 1 and hour >= 22) or (day == 2 and hour < 13)):
            return False
        argv = [part.decode() for part in (asked.command.path, *asked.command.argv[1:])]
        for pattern in raw["commands"]:
            is_open = pattern[-1] == "**"
            words = pattern[:-1] if is_open else pattern
            if len(words) == len(argv) or (is_open and len(words) < len(argv)):
                path = [_glob(one, other) for one, other in zip(words[0].split("/"), argv[0].split("/"), strict=True)]
                if all(path) and all(_glob(one, other) for one, other in zip(words[1:], argv[1:], strict=False)):
                    return True
        return False

    for verdict in ("deny", "permit"):
        for raw in raws:
            if raw["verdict"] == verdict and is_about(raw):
                return f"{verdict} {raw['name']}"
    return "deny"


def _verdict(decision: Decision) -> str:
    return f"permit {decision.rule}" if isinstance(decision, Permit) else f"deny {decision.rule}".strip()


@given(st.lists(rules(), max_size=5), questions(), MOMENTS)
def test_a_second_evaluator_agrees(made: list[tuple[Rule, dict[str, Any]]], asked: Question, at: datetime) -> None:
    answer = decide(policy(*(rule for rule, _ in made)), asked, at)
    assert _verdict(answer) == _oracle([raw for _, raw in made], asked, at)


@given(st.lists(rules(), max_size=4), rules(), st.integers(0, 4), questions(), MOMENTS)
def test_a_deny_more_never_permits_more(
    made: list[tuple[Rule, Any]], more: tuple[Rule, Any], place: int, asked: Question, at: datetime
) -> None:
    before = [rule for rule, _ in made]
    after = before[:place] + [replace(more[0], verdict="deny")] + before[place:]
    if isinstance(decide(policy(*before), asked, at), Deny):
        assert isinstance(decide(policy(*after), asked, at), Deny)


@given(st.lists(rules(), max_size=4), st.randoms(use_true_random=False), questions(), MOMENTS)
def test_the_order_of_denies_never_matters(made: list[tuple[Rule, Any]], random: Any, asked: Question, at: datetime) -> None:
    shuffled = [rule for rule, _ in made]
    random.shuffle(shuffled)
    shuffled.sort(key=lambda rule: rule.verdict)  # the denies anywhere, the permits in some order
    one = decide(policy(*(rule for rule, _ in made)), asked, at)
    assert isinstance(one, Deny) is isinstance(decide(policy(*shuffled), asked, at), Deny)


@given(st.lists(rules(may_be_open=False), max_size=4), questions(), ARGUMENTS, MOMENTS)
def test_another_argument_is_another_command(made: list[tuple[Rule, Any]], asked: Question, more: bytes, at: datetime) -> None:
    """THREATS R-13: what permits it with one more argument is a rule that names that many, not one that permits it without."""
    house = policy(*(replace(rule, verdict="permit", name=str(n)) for n, (rule, _) in enumerate(made)))
    longer = replace(asked, command=replace(asked.command, argv=(*asked.command.argv, more)))
    answer = decide(house, longer, at)
    if isinstance(answer, Permit):
        rule = house.rules[int(answer.rule)]
        assert rule.commands is not None
        assert any(len(pattern.text) == len(longer.command.argv) for pattern in rule.commands)


@given(rules(), questions(), MOMENTS, st.integers(-1, 4000), st.integers(-1, 5))
def test_what_is_permitted_lies_within_every_bound(
    made: tuple[Rule, Any], asked: Question, at: datetime, lasts_for: int, uses: int
) -> None:
    """Allowed means that all bounds hold."""
    rule = replace(made[0], verdict="permit", lasts_for=3600, uses=3)
    answer = decide(policy(rule), but(asked, lasts_for=lasts_for, uses=uses), at)
    if isinstance(answer, Permit):
        assert 1 <= lasts_for <= 3600 and 1 <= uses <= 3
        assert rule.hours is None or rule.hours[0].hold_at(at)


def _records() -> st.SearchStrategy[Record]:
    return st.builds(
        Record, st.sampled_from(RECORDED), st.sampled_from(["interval", "always"]), st.sampled_from(["end", "continue"])
    )


@given(_records(), _records(), _records())
def test_of_two_wishes_to_record_both_are_met_whatever_their_order(one: Record, other: Record, third: Record) -> None:
    """Terms tighten: never is less recorded, later made durable, or a failure passed over that either of them forbids."""
    both = one.and_also(other)
    assert both == other.and_also(one) and both.and_also(both) == both
    assert one.and_also(other.and_also(third)) == both.and_also(third)
    for wish in (one, other):
        assert RECORDED.index(both.what) >= RECORDED.index(wish.what)
        assert both.sync == "always" or wish.sync == "interval"
        assert both.failure == "end" or wish.failure == "continue"
