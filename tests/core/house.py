# SPDX-License-Identifier: Apache-2.0
"""The people, the rules and the questions that the tables about policy stand on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal

import pytest

from jitd.core.asked_terms import USUAL
from jitd.core.command import Command, RunAs
from jitd.core.conditions import read_command_pattern
from jitd.core.decision import Decision, Permit
from jitd.core.keys.hours import read_hours
from jitd.core.policy import Policy, Rule
from jitd.core.question import Question
from jitd.core.subject import Subject
from tests.scene import but

NOON = datetime(2024, 1, 3, 12, 0, tzinfo=UTC)  # a Wednesday


def subject(name: str, uid: int, *groups: str, person: str = "", principal: str = "") -> Subject:
    return Subject(principal or f"{name}@EXAMPLE.ORG", name, uid, uid, frozenset((name, *groups)), person or name, None)


ALICE = subject("alice", 4001, "dba")
BOB = subject("bob", 4002, "ops")
CAROL = subject("carol", 4003, "ops")
DAVE = subject("dave", 4004, "ops", "security")
EVE = subject("eve", 4005)
ROOT = Subject("root", "root", 0, 0, frozenset({"root"}), "root", None)

AS_ROOT = RunAs("root", 0, "root", 0)
RESTART = (b"/usr/bin/systemctl", b"restart", b"postgresql")


def question(who: Subject = ALICE, argv: tuple[bytes, ...] = RESTART, run_as: RunAs = AS_ROOT, **facts: Any) -> Question:
    variables = facts.pop("variables", ())
    asked: dict[str, Any] = {
        "service": "jitsudo",
        "host": "db1.example.org",
        "reason": None,
        "terms": USUAL,
        "chdir": None,
        "is_own_group": True,
        "is_missing": False,
        "writable_by": (),
    }
    command = Command(argv, argv[0], b"", run_as, b"/home", 1, 2, variables, (), ("tty", "tty", "tty"))
    return but(Question(who, command, **asked), **facts)


def permit(name: str = "p", **conditions: Any) -> Rule:
    given_: dict[str, Any] = {
        "who": ("group:dba",),
        "run_as": ("root",),
        "commands": (read_command_pattern(("**",)),),
        "services": ("jitsudo",),
    }
    return Rule("permit", name, **{**given_, **conditions})


def deny(name: str = "d", **conditions: Any) -> Rule:
    return Rule("deny", name, **conditions)


def policy(*rules: Rule, root: Literal["permit", "deny"] = "permit") -> Policy:
    return Policy(rules, root, "00" * 32)


def patterns(*argvs: tuple[str, ...]) -> dict[str, Any]:
    return {"commands": tuple(read_command_pattern(words) for words in argvs)}


ZONES: Mapping[str, tzinfo] = {"UTC": UTC}


def hours(text: str) -> dict[str, Any]:
    return {"hours": (read_hours(text, ZONES.get),)}


def told(decision: Decision) -> str:
    """A decision in a few words: the rule that permits, or why not."""
    return decision.rule if isinstance(decision, Permit) else f"{decision.why}: {decision.because}"


def for_each(rows: Iterable[tuple[Any, ...]]) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """One test of many rows that are alike: it tries them all, and names each for which it does not hold."""
    tried = list(rows)
    assert tried, "there are rows"

    def of(holds: Callable[..., None]) -> Callable[[], None]:
        def test() -> None:
            offenders = []
            for row in tried:
                try:
                    holds(*row)
                except (Exception, pytest.fail.Exception) as fault:
                    offenders.append(f"{row}: {fault or type(fault).__name__}")
            assert not offenders, f"{len(offenders)} of {len(tried)}:\n" + "\n".join(offenders)

        test.__name__, test.__doc__, test.__module__ = holds.__name__, holds.__doc__, holds.__module__
        return test

    return of
