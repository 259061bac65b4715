# SPDX-License-Identifier: Apache-2.0
"""What a decision costs among more and more rules: the answer of the policy alone, without files, people or a daemon.

Law: the product's own functions, on rules that are made here. Each question has as many candidates as a rule's own condition
may be asked of, and only the last of them permits. A sample is the p99 of one round, in which each decision is about others.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import quantiles

from table import Table

from jitd.core.asked_terms import USUAL
from jitd.core.command import Command, RunAs
from jitd.core.conditions import read_command_pattern
from jitd.core.decision import Permit
from jitd.core.policy import Policy, Rule, decide
from jitd.core.question import Question
from jitd.core.subject import Subject
from jitd.expressions.compiling import compile_when

CANDIDATES = 20
"""How many rules are about one question. They differ in ``when`` alone."""
NO, YES = compile_when('claim.reason.startsWith("CHG-") && request.uses > 1'), compile_when("request.uses < 2")
GROWTH = (10, 100, 1_000, 10_000, 100_000)
GROUPS = "other groups"
WORDS = "same group, other first word"
ARGUMENTS = "same group and first word"
PATTERNS = "same again, with wildcards"
NOON = datetime(2024, 1, 3, 12, tzinfo=UTC)

Words = tuple[str, ...]
Kind = Callable[[int], tuple[Words, Words, Words]]
"""Makes the ``n``-th group of rules: whom they are about, their pattern, and a command that they permit."""

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


def measure_rules(n_rounds: int, n_decisions: int, n_most: int) -> Table:
    """Milliseconds of a decision, p99 of ``n_decisions``, for each workload and number of rules up to ``n_most``."""
    table = Table("a decision of the policy, p99", "ms")
    for n_rules in (n for n in GROWTH if n <= n_most):
        for workload, kind in WORKLOADS.items():
            n_groups = -(-n_rules // CANDIDATES)
            policy = Policy(rules_of(kind, n_rules), "permit", "")
            for turn in range(n_rounds):
                asked = [question(kind, (turn + n * 7919) % n_groups) for n in range(n_decisions)]
                table.add(row_of(workload, n_rules), p99(policy, asked))
    return table


def rules_of(kind: Kind, n_rules: int) -> tuple[Rule, ...]:
    """``n_rules`` permits, in groups of CANDIDATES. The last one of each group permits."""
    rules = []
    for n in range(n_rules):
        who, words, _ = kind(n // CANDIDATES)
        when = YES if n % CANDIDATES == CANDIDATES - 1 or n == n_rules - 1 else NO
        commands = (read_command_pattern(words),)
        rules.append(Rule("permit", f"rule{n}", who=who, run_as=("root",), commands=commands, services=("jitsudo",), when=when))
    return tuple(rules)


def question(kind: Kind, n: int) -> Question:
    """What the ``n``-th group of rules is about."""
    who, _, words = kind(n)
    argv = tuple(word.encode() for word in words)
    return Question(
        requester=Subject("alice@X", "alice", 4001, 4001, frozenset({"alice", *(w[6:] for w in who)}), "alice", None),
        command=Command(argv, argv[0], b"", RunAs("root", 0, "root", 0), b"/", 1, 2, (), (), ("terminal",) * 3),
        service="jitsudo",
        host="db1.example.org",
        reason=None,
        terms=USUAL,
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
            answer = decide(policy, one, NOON)
            taken.append((time.perf_counter_ns() - began_at) / 1e6)
            assert isinstance(answer, Permit), answer
    finally:
        gc.enable()
    return quantiles(taken, n=100, method="inclusive")[98]
