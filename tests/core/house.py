# SPDX-License-Identifier: Apache-2.0
"""The people, the rules and the questions that the tables about policy stand on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal

from jitd.core.command import Command, RunAs
from jitd.core.conditions import read_command_pattern, read_hours
from jitd.core.decision import Decision, Permit
from jitd.core.policy import Policy, Question, Rule
from jitd.core.subject import Subject

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
        "lasts_for": None,
        "uses": None,
        "timeout_for": None,
        "chdir": None,
        "is_own_group": True,
        "is_missing": False,
        "writable_by": (),
    }
    command = Command(argv, argv[0], b"", run_as, b"/home", 1, 2, variables, (), ("tty", "tty", "tty"))
    return Question(who, command, **{**asked, **facts})


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
