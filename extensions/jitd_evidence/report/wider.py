# SPDX-License-Identifier: Apache-2.0
"""The section "Wider than used" of a report: what rules permit, and nobody needed.

Law: a figure here proposes, and changes nothing. What was not needed within the time of the report may still be needed later: a
figure says how much it has seen, and which rules and people it cannot see.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence

from jitd.core.duration import spell_duration
from jitd.core.rule import Rule
from jitd.store import FAULTS, Row
from jitd_evidence.report.figure import Figure, Scope, Section
from jitd_evidence.report.matrix import approvers_of, searched_of
from jitd_evidence.report.narrower import ENOUGH, narrower, under
from jitd_evidence.report.uses import COUNTS, USES, Reader, unknown

MOST_NAMED = 20  # people who are named for each rule. How many there are more is said.
NO_MORE = 15 * 60  # a grant of this number of seconds and one use is what each rule gives that does not say more

SOME_PEOPLE = "left out, because the report is about some people only"

_PERMITTED = """\
SELECT rule,
  count(*),
  count(*) FILTER (WHERE state = 'approved')
FROM asked GROUP BY rule"""

_LAST = """\
SELECT rule, substr(max(issued_at), 1, 10) FROM grants GROUP BY 1"""

_ASKED = "SELECT DISTINCT rule, person FROM asked"

_ANSWERED = """\
SELECT DISTINCT asked.rule, reviews.person
FROM asked JOIN reviews USING (id)
WHERE asked.n_reviews > 0"""

_APPROVERS = """\
SELECT asked.rule,
  user,
  principal,
  groups,
  count(*)
FROM asked JOIN reviews USING (id)
WHERE asked.n_reviews > 0 AND asked.state = 'approved' AND verdict = 'approve'
GROUP BY 1, 2, 3, 4"""

_NEEDED = f"""\
WITH last_use AS (
  SELECT grant_id, max(julianday(submitted_at)) AS at FROM asked WHERE state = 'approved' GROUP BY grant_id
), last_end AS (
  SELECT grant_id, max(julianday(coalesce(ended_at, CASE WHEN is_open THEN :now END, starting_at))) AS at
  FROM runs GROUP BY grant_id
), needed AS (
  SELECT asked.rule AS rule,
    grants.is_open AS is_open,
    CAST(may_last AS INTEGER) AS may_last,
    CAST(may_use AS INTEGER) AS may_use,
    CAST(begun AS INTEGER) AS used,
    86400 * (max(coalesce(last_use.at, 0), coalesce(last_end.at, 0)) - julianday(coalesce(begins_at, issued_at))) AS seconds
  FROM asked JOIN requests USING (id) JOIN grants USING (id)
    LEFT JOIN last_use ON last_use.grant_id = asked.id LEFT JOIN last_end ON last_end.grant_id = asked.id
  WHERE requests.gives = 0
)
SELECT rule,
  count(*) FILTER (WHERE is_open = 0),
  max(may_last),
  max(0, min(max(may_last), CAST(max(seconds) + 0.999 AS INTEGER))),
  max(may_use),
  max(used)
FROM needed GROUP BY rule
HAVING count(*) FILTER (WHERE is_open = 0) >= {ENOUGH} AND (2 * max(seconds) < max(may_last) OR max(used) < max(may_use))
ORDER BY rule"""


def _permits(scope: Scope) -> list[Rule]:
    permits = (rule for rule in scope.policy.rules if rule.verdict == "permit")
    return [rule for rule in permits if scope.rule is None or rule.name == scope.rule]


# --- rules and people ----------------------------------------------------------------------------------------------------


def _never_used(scope: Scope) -> Iterator[Row]:
    counts = {rule: (n, permitted) for rule, n, permitted in scope.ask(_PERMITTED, scope.parameters)}
    last = {name: day for name, day in scope.ask(_LAST, scope.parameters)}
    for rule in _permits(scope):
        n_asked, n_permitted = counts.get(rule.name, (0, 0))
        if not n_permitted:
            yield rule.name, "break-glass" if rule.break_glass is not None else "permit", n_asked, last.get(rule.name)


def _never_asked(scope: Scope) -> Iterator[Row]:
    if scope.who is not None:
        yield None, None, None, SOME_PEOPLE
        return
    asked = _by_rule(scope.ask(_ASKED, scope.parameters))
    for rule in _permits(scope):
        if rule.name in asked:
            yield from _idle(scope, rule, {word: word for word in rule.who or ()}, asked[rule.name])


def _never_answered(scope: Scope) -> Iterator[Row]:
    if scope.who is not None:
        yield None, None, None, SOME_PEOPLE
        return
    answered = _by_rule(scope.ask(_ANSWERED, scope.parameters))
    for rule in _permits(scope):
        if rule.name in answered:
            yield from _idle(scope, rule, searched_of(rule), answered[rule.name])


def _by_rule(rows: Sequence[Row]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for rule, person in rows:
        found.setdefault(str(rule), set()).add(str(person))
    return found


def _idle(scope: Scope, rule: Rule, words: Mapping[str, str], active: Collection[str]) -> Iterator[Row]:
    """Yield a row for each person whom ``words`` (word → what is searched for) name, and who is not among ``active``."""
    idle: dict[str, str] = {}
    for word, searched in words.items():
        persons, is_whole = scope.people.get(searched, (frozenset(), False))
        if not is_whole:
            yield rule.name, None, word, "not all of its people can be listed on this host"
        for person in persons.difference(active):
            idle.setdefault(person, word)
    yield from ((rule.name, person, idle[person], "") for person in sorted(idle)[:MOST_NAMED])
    if len(idle) > MOST_NAMED:
        yield rule.name, None, None, f"and {len(idle) - MOST_NAMED} more people"


def _one_suffices(scope: Scope) -> Iterator[Row]:
    if scope.who is not None:
        yield None, None, None, SOME_PEOPLE
        return
    approvers: dict[str, list[Row]] = {}
    for name, *approver in scope.ask(_APPROVERS, scope.parameters):
        approvers.setdefault(str(name), []).append(tuple(approver))
    for rule in _permits(scope):
        found, words = approvers.get(rule.name, []), approvers_of(rule)
        n_approvals = sum(int(n or 0) for *_, n in found)
        if len(words) < 2 or n_approvals < ENOUGH:
            continue
        if (enough := next((word for word in words if all(_is(word, one) for one in found)), None)) is not None:
            yield rule.name, n_approvals, enough, ", ".join(other for other in words if other != enough)


def _is(word: str, approver: Row) -> bool:
    """True if ``word`` of a rule names the ``approver``, a row of _APPROVERS without its rule."""
    kind, _, name = word.partition(":")
    user, principal, groups, _ = approver
    return name in json.loads(str(groups)) if kind == "group" else name == (user if kind == "user" else principal)


# --- terms ---------------------------------------------------------------------------------------------------------------


def _longer(scope: Scope) -> Iterator[Row]:
    if scope.who is not None:
        yield *[None] * 6, SOME_PEOPLE
        return
    now = {rule.name: rule for rule in _permits(scope)}
    for name, n, may_last, needed, may_use, used in scope.ask(_NEEDED, scope.parameters):
        found = now.get(str(name))
        if found is None or found.gives is not None or (found.lasts_for <= NO_MORE and found.uses == 1):
            continue
        lasts_for, uses = _rounded(int(needed or 0)), max(1, int(used or 0))
        if 2 * lasts_for > found.lasts_for:
            lasts_for = found.lasts_for
        if (lasts_for, uses := min(uses, found.uses)) != (found.lasts_for, found.uses):
            spelled = (spell_duration(int(seconds or 0)) for seconds in (may_last, needed))
            then = f'grant = {{ lasts = "{spell_duration(lasts_for)}", uses = {uses} }}'
            yield name, n, *spelled, may_use, used, then


def _rounded(seconds: int) -> int:
    """Return a time that people would write in a rule, and that is at least ``seconds`` long."""
    step = next((step for most, step in ((600, 60), (3600, 300), (86400, 3600)) if seconds <= most), 86400)
    return max(1, -(-seconds // step)) * step


# --- commands ------------------------------------------------------------------------------------------------------------


def _never_varied(scope: Scope) -> Iterator[Row]:
    if scope.who is not None:
        yield None, None, None, SOME_PEOPLE
        return
    reader, permits = Reader(scope), _permits(scope)
    not_known = unknown(scope, permits)
    for rule in permits:
        if rule.name in not_known:
            continue
        try:
            uses = reader.uses(rule)
            n_now, proposed = len(under(rule, uses)), list(narrower(rule, uses))
        except TimeoutError:
            yield rule.name, None, None, "there was no time to compare its uses: ask for a shorter time, or for this rule alone"
            continue
        except FAULTS:
            yield rule.name, None, None, "what one of its grants permitted is damaged in the database: jitd audit verify names it"
            continue
        yield from ((rule.name, n_now, one.now, one.then) for one in proposed)


def _not_compared(scope: Scope) -> Iterator[Row]:
    yield from ((name, n, why) for name, (n, why) in unknown(scope, _permits(scope)).items())


_OF_PEOPLE = "People whom the words of the rules name, as far as this host can list them, without those of this query:\n"
_BY_WORDS = "For each permit in force, :name, this query. What was typed is found by its commitment, in the table said.\n"
_RULES_NOW = "The permits in force, compared with this query:\n"

WIDER = Section(
    "wider",
    "Wider than used",
    (
        Figure(
            "never-used",
            "Rules that permitted nothing",
            ("rule", "kind", "requests", "last grant"),
            f"The permits in force, compared with these two queries:\n{_PERMITTED};\n{_LAST}",
            _never_used,
            "Rules in force that permitted nothing in this time. The last grant may be older than this time.",
        ),
        Figure(
            "never-asked",
            "People who may ask, and never did",
            ("rule", "person", "named by", "note"),
            f"{_OF_PEOPLE}{_ASKED}",
            _never_asked,
            "Persons of whom no account asked for anything under the rule, although others did.",
        ),
        Figure(
            "never-answered",
            "Approvers who never answered",
            ("rule", "person", "named by", "note"),
            f"{_OF_PEOPLE}{_ANSWERED}",
            _never_answered,
            "Persons who neither approved nor denied a request under the rule, although others did.",
        ),
        Figure(
            "one-suffices",
            "Words for approvers of which one is enough",
            ("rule", "approvals", "enough", "not needed"),
            f"{_RULES_NOW}{_APPROVERS}",
            _one_suffices,
            f"All approvers of the rule are named by one of its words. Rules with fewer than {ENOUGH} approvals are left out.",
        ),
        Figure(
            "never-varied",
            "What never varied, and the narrower line",
            ("rule", "uses", "now", "narrower"),
            f"{_BY_WORDS}{USES}",
            _never_varied,
            f"To consider, after at least {ENOUGH} grants: with the narrower line, the rule permits all that it permitted in this"
            " time, and nothing new. Uses of one lease count once. A question mark stands for a character that a pattern cannot"
            " spell. A host knows its own uses only: compare the reports of all hosts that have the rule.",
        ),
        Figure(
            "not-compared",
            "Rules whose uses cannot be compared",
            ("rule", "uses", "why"),
            f"{_RULES_NOW}{COUNTS}",
            _not_compared,
        ),
        Figure(
            "longer-than-needed",
            "Grants that last longer, or have more uses, than was ever needed",
            ("rule", "grants", "may last", "needed", "may be used", "was used", "narrower"),
            f"{_RULES_NOW}{_NEEDED}",
            _longer,
            f"Needed: until the end of the last run, or until the last use. Rules with fewer than {ENOUGH} grants that have ended"
            " are left out, and so are rules that give things. If somebody asks for more than the rule gives, jitsudo says how"
            " much it gives.",
        ),
    ),
)
