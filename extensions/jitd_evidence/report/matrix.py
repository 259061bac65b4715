# SPDX-License-Identifier: Apache-2.0
"""The matrix of a report: who may ask, and who may approve, under which rule.

Law: it is of the policy that was in force at the end of the report's time, or it says that it is not. Which people a word of a
rule names is looked up when the report is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from time import monotonic

from jitd.core.approvers import BY_DOOR
from jitd.core.keys.approvals import describe_approvals
from jitd.core.policy import describe
from jitd.core.rule import Rule
from jitd.store import Row, Store
from jitd.store.readable import IS_JSON, member
from jitd_evidence.report.asked import WITHIN
from jitd_evidence.report.figure import Figure, Scope

MOST_NAMED = 100  # people who are named for a word of a rule. How many there are more is said.
SHORT = 16  # digits of a policy's digest in each row. The sentence before the rows has all of them.
AT_END = f"""\
SELECT {member("chain", "policy", "CAST(body AS TEXT)")} FROM chain WHERE number = (
  SELECT number FROM chain_about WHERE at > 0 AND at < CAST(strftime('%s', :until) AS INTEGER) ORDER BY number DESC LIMIT 1
) AND {IS_JSON.format("body")}"""
"""Each record names the policy in force. Asked of a store without views, too."""


def policy_at(store: Store, until: datetime) -> str:
    """Return the digest of the policy in force at ``until`` (aware, UTC), or "" before all records. Raises StoreError."""
    rows = store.ask(AT_END, {"until": f"{until:%Y-%m-%dT%H:%M:%S}"}, until=monotonic() + WITHIN)
    return str(rows[0][0] or "") if rows else ""


def _matrix(scope: Scope) -> Iterator[Row]:
    policy = scope.then.policy
    rules = {rule.name: rule for rule in policy.rules}
    for rule in rules.values():
        if scope.rule is None or rule.name == scope.rule:
            for right, word, searched, terms in _rights(rule, rules):
                yield rule.name, right, word, _people(scope, searched), terms, policy.digest[:SHORT]


def _rights(rule: Rule, rules: dict[str, Rule]) -> Iterator[tuple[str, str | None, str | None, str | None]]:
    """Yield what ``rule`` says of people: a right, a word that names people, the word as it is searched for, and the terms."""
    asks = ("anybody",) if rule.who is None else rule.who
    if rule.verdict == "deny":
        yield from (("is denied", word, word, describe(rule)) for word in asks)
    elif (glass := rule.break_glass) is not None:
        yield from (("may ask in an emergency", word, word, describe(rule)) for word in asks)
        reviewers = searched_of(rules[glass.instead_of]) if glass.instead_of in rules else {}
        terms = f"one of those who may approve under {glass.instead_of}, or an operator"
        yield from (("may review it afterwards", word, searched, terms) for word, searched in reviewers.items())
    else:
        yield from (("may ask", word, word, describe(rule)) for word in asks)
        terms = describe_approvals(rule.approvals)
        yield from (("may approve", word, searched, terms) for word, searched in searched_of(rule).items())
        if not rule.approvals:
            yield "needs no approval", None, None, None


def approvers_of(rule: Rule) -> tuple[str, ...]:
    """Return the words that name approvers under ``rule``."""
    return tuple(dict.fromkeys(word for approval in rule.approvals for way in approval.ways for word in way.of_whom))


def searched_of(rule: Rule) -> dict[str, str]:
    """Map the words that name approvers under ``rule`` to what is searched for: by the door, there are others, too."""
    ways = [way for approval in rule.approvals for way in approval.ways]
    by_door = {word for way in ways if way.demand.door for word in way.of_whom}
    return {word: BY_DOOR + word if word in by_door else word for word in approvers_of(rule)}


def words_of(rules: Iterable[Rule]) -> tuple[str, ...]:
    """Return the words of ``rules`` that name people who may ask or approve, as they are searched for."""
    return tuple(dict.fromkeys(word for rule in rules for word in (*(rule.who or ()), *searched_of(rule).values())))


def _people(scope: Scope, word: str | None) -> str | None:
    if word is None or word not in scope.people:
        return None
    persons, is_whole = scope.people[word]
    named = [*sorted(persons)[:MOST_NAMED]]
    if len(persons) > MOST_NAMED:
        named.append(f"and {len(persons) - MOST_NAMED} more")
    return ", ".join(named if is_whole else [*named, "(this host cannot list all)"])


def _says(scope: Scope) -> str:
    then = scope.then
    if not then.unread:
        which = f"These are the rules of the policy that was in force when the time of the report ended: {then.policy.digest}."
    else:
        which = (
            f"These are the rules in force today ({then.policy.digest}). When the time of the report ended, others were:"
            f" {then.unread}, whose text is not kept, or is not read by this version."
        )
    roots = "" if then.policy.root == "deny" else " What root does needs no rule."
    return f"{which} The people are those whom this host lists today. Nobody approves their own request.{roots}"


MATRIX = Figure(
    "matrix",
    "Who may ask and who may approve, under which rule",
    ("rule", "right", "named by", "people", "terms", "policy"),
    "The rules of the policy, whose text is in the table policies, with the people whom their words name, as far as this host can"
    f" list them. Each record names the digest of the policy in force, so that of the end is found by this query:\n{AT_END}",
    _matrix,
    _says,
)
