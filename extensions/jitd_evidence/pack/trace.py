# SPDX-License-Identifier: Apache-2.0
"""Decides again about a request, by the text of the policy that decided and by what is stored of the request, and says what each
rule answers.

Law: pure. It looks at nothing on the host, which is another one by now. What it cannot know it names, and what was recorded stays
what was decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from jitd.core.explaining import Explained, decided, explain
from jitd.core.facts import Facts, Value, read_value
from jitd.core.names import Name
from jitd.core.origin import Caller
from jitd.core.policy import Policy
from jitd.core.question import Question
from jitd.core.request import Request

FORM = "jitd trace 1"
_CUT, _NOT_KNOWN = "…", "not known: "


def trace(
    policy: Policy, request: Request, at: datetime, recorded: Mapping[str, Any], names: Mapping[str, Name]
) -> dict[str, Any]:
    """Return the trace of ``request``, which was screened at ``at`` (aware). ``recorded`` is the detail of the record that says
    so. ``names`` are the names that rules may use.
    """
    told = _told(recorded.get("decision"), recorded.get("rule"), recorded.get("because"))
    facts = _facts(request, names)
    unknown = ["It is not stored who else could change the command's file."] if request.command.path else []
    if request.command.masked:
        unknown.append("The masked words are not stored.")
    questions = _questions(request)
    if len(questions) > 1:
        unknown.append("It is not stored whether the group to run as was the account's own.")
    tried = [(question, _decision(policy, question, at, facts)) for question in questions]
    question, says = next(((question, says) for question, says in tried if says is not None and _is_same(says, told)), tried[0])
    rules = explain(policy, question, at, facts)
    unknown += [f"{name} is not stored." for name in sorted(frozenset[str]().union(*(rule.asks for rule in rules)))]
    return {
        "form": FORM,
        "id": request.id,
        "policy": policy.digest,
        "at": at.isoformat(),
        "says": says,
        "recorded": told,
        "same": says is not None and _is_same(says, told),
        "unknown": unknown,
        "rules": [_rule(rule) for rule in rules],
    }


def _is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return (one["decision"], one["rule"]) == (other["decision"], other["rule"])


def _questions(request: Request) -> tuple[Question, ...]:
    """Return the question that was asked. If it is not stored whether the group is the account's own, return both that it may be:
    an account and a group with one name or one number belong together.
    """
    command = request.command
    usual = Question(
        requester=request.requester,
        command=command,
        service=request.service,
        host=request.host,
        reason=request.claims.reason,
        terms=request.terms,
        chdir=None,  # the directory is already a part of the command
        is_own_group=True,
        is_missing=False,
        writable_by=(),
        tty=request.claims.tty,
        caller=Caller(None, kept=request.caller, request=request.id),
        breaks_glass=request.breaks_glass,
        has_sudos_environment=request.has_sudos_environment,
    )
    run_as = command.run_as
    is_own = run_as.user == run_as.group or run_as.uid == run_as.gid
    return (usual,) if is_own else (usual, replace(usual, is_own_group=False))


def _decision(policy: Policy, question: Question, at: datetime, facts: Facts) -> dict[str, Any] | None:
    found = decided(policy, question, at, facts)
    if found is None:
        return None
    detail = found.detail()
    return _told(detail["decision"], found.rule, getattr(found, "because", ""))


def _told(decision: Any, rule: Any, because: Any) -> dict[str, Any]:
    return {"decision": str(decision), "rule": str(rule or ""), "because": str(because or "")}


def _rule(explained: Explained) -> dict[str, Any]:
    rule = explained.rule
    return {
        "rule": rule.name,
        "verdict": rule.verdict,
        "file": rule.file,
        "line": rule.line,
        "says": str(explained.saying),
        "because": explained.because,
        "conditions": [
            {"condition": one.condition, "outcome": str(one.outcome), "wants": one.wants, "value": one.value}
            for one in explained.findings
        ],
    }


# --- the facts -----------------------------------------------------------------------------------------------------------


def _facts(request: Request, names: Mapping[str, Name]) -> dict[str, Value]:
    """Return the facts stored with ``request``, as people read them, without those that were not known or were cut."""
    found: dict[str, Value] = {}
    if request.command.digest:
        found["fact.file_digest"] = request.command.digest.hex()
    for name, text in (*request.caller, *request.seen):
        told = names.get(name)
        if told is None or text.startswith(_NOT_KNOWN) or text.endswith(_CUT):
            continue
        try:
            found[name] = read_value(text, told.type)
        except ValueError:
            continue
    return found
