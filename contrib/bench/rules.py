# SPDX-License-Identifier: Apache-2.0
"""What a decision costs among more and more rules: the answer of the policy alone, without files, people or a daemon.

Law: the product's own functions, on rules that are made here. Every decision asks another question, and the one rule that permits
is the last one but a few. A sample is the p99 of one round.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import quantiles

from table import Table

from jitd.core.command import Command, RunAs
from jitd.core.conditions import read_command_pattern
from jitd.core.policy import Policy, Question, Rule, decide
from jitd.core.subject import Subject

GROWTH = (10, 100, 1_000, 10_000, 100_000)
GROUPS = "other groups"
WORDS = "same group, other first word"
ARGUMENTS = "same group and first word"
PATTERNS = "same again, with wildcards"
NOON = datetime(2024, 1, 3, 12, tzinfo=UTC)

Words = tuple[str, ...]
Kind = Callable[[int], tuple[Words, Words, Words]]
"""Makes the ``n``-th rule: whom it is about, its pattern, and a command that it permits."""

WORKLOADS: dict[str, Kind] = {
    GROUPS: lambda n: ((f"group:team{n}",), ("/usr/bin/systemctl", "restart", "web"), ("/usr/bin/systemctl", "restart", "web")),
    WORDS: lambda n: (("group:dba",), (f"/opt/tool{n}", "restart", "web"), (f"/opt/tool{n}", "restart", "web")),
    ARGUMENTS: lambda n: (
        ("group:dba",),
        ("/usr/bin/systemctl", "restart", f"web{n}", "**"),
        ("/usr/bin/systemctl", "restart", f"web{n}", "--now"),
    ),
    PATTERNS: lambda n: (
        ("group:dba",),
        ("/usr/bin/systemctl", "restart", f"web{n}-*"),
        ("/usr/bin/systemctl", "restart", f"web{n}-1"),
    ),
}


def row_of(workload: str, n_rules: int) -> str:
    """The row of the table."""
    return f"{workload}, {n_rules:,} rules"


def measure_rules(n_rounds: int, n_decisions: int) -> Table:
    """Milliseconds of a decision, p99 of ``n_decisions``, for each workload and number of rules."""
    table = Table("a decision of the policy, p99", "ms")
    for n_rules in GROWTH:
        for workload, kind in WORKLOADS.items():
            policy = Policy(tuple(rule(kind, n) for n in range(n_rules)), "permit", "")
            for turn in range(n_rounds):
                asked = [question(kind, n_rules - 1 - (turn + n) % min(n_rules, n_decisions)) for n in range(n_decisions)]
                table.add(row_of(workload, n_rules), p99(policy, asked))
            del policy
    return table


def rule(kind: Kind, n: int) -> Rule:
    who, pattern, _ = kind(n)
    return Rule("permit", f"rule{n}", who=who, run_as=("root",), commands=(read_command_pattern(pattern),), services=("jitsudo",))


def question(kind: Kind, n: int) -> Question:
    """What the ``n``-th rule permits."""
    who, _, words = kind(n)
    argv = tuple(word.encode() for word in words)
    return Question(
        requester=Subject("alice@X", "alice", 4001, 4001, frozenset({"alice", *(w[6:] for w in who)}), "alice", None),
        command=Command(argv, argv[0], b"", RunAs("root", 0, "root", 0), b"/", 1, 2, (), (), ("terminal",) * 3),
        service="jitsudo",
        host="db1.example.org",
        reason=None,
        lasts_for=None,
        uses=None,
        timeout_for=None,
        chdir=None,
        is_own_group=True,
        is_missing=False,
        writable_by=(),
    )


def p99(policy: Policy, asked: list[Question]) -> float:
    """The p99 of the time that an answer takes, in ms."""
    taken = []
    gc.disable()
    try:
        for one in asked:
            began_at = time.perf_counter_ns()
            decide(policy, one, NOON)
            taken.append((time.perf_counter_ns() - began_at) / 1e6)
    finally:
        gc.enable()
    return quantiles(taken, n=100, method="inclusive")[98]
