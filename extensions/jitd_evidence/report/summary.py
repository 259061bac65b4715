# SPDX-License-Identifier: Apache-2.0
"""The summary of a report: what an auditor asks first, in ten lines.

Law: one query counts, with the queries of the figures themselves, so no line can say something else than the figure that it
names. The words around the numbers are put here. What is not known is said, and is never a number.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from jitd.core.wording import count
from jitd.store import Row
from jitd_evidence.report.duties import KEYLESS, PAIRS, QUICK, QUICKLY
from jitd_evidence.report.figure import Scope, Section, Told, by_sql
from jitd_evidence.report.lived import DAMAGED, GLASS, LATE
from jitd_evidence.report.standing import CHANGED, LISTS, PRIVILEGES

NAMED = 5  # people who are named on a line. How many there are more is said.
NEVER_LOOKED = "not known: root has never looked at this host"

_SUMMARY = f"""\
WITH seen AS ({LISTS}
  SELECT at, n_unseen FROM newest
), earlier AS ({LISTS}
  SELECT at FROM before
), root AS ({LISTS}, present AS (
{PRIVILEGES.format(list="newest")}
  )
  SELECT DISTINCT who FROM present WHERE becomes = 'root'
), changed(change, becomes, who, by_way, place) AS (
{CHANGED}
), glass(id, begun, requester, rule, instead_of, state, was_overdue, reviewer, hours) AS MATERIALIZED (
{GLASS}
), late(request, holder, thing, until, ended, minutes) AS MATERIALIZED (
{LATE}
), pairs(one, other, n, n_other) AS (
{PAIRS}
), quickly(approver, rule, quick, n, quickest) AS (
{QUICKLY}
), keyless(approver, rule, n, n_keyless, n_unseen, n_by_door) AS (
{KEYLESS}
), missing(kind, n) AS (
{DAMAGED}
), approved AS MATERIALIZED (
  SELECT grant_id, is_emergency, count(*) AS n FROM asked JOIN requests USING (id) WHERE asked.state = 'approved' GROUP BY 1
), given AS MATERIALIZED (
  SELECT grant_id, n, principal AS who
  FROM approved JOIN reviews ON reviews.id = grant_id WHERE NOT is_emergency AND verdict = 'approve' GROUP BY 1, 3
), ran AS MATERIALIZED (
  SELECT ending, status, coalesce(because, '') <> '' AS is_stopped
  FROM asked JOIN (
    SELECT request, ending, status, because FROM (SELECT DISTINCT grant_id FROM asked) JOIN runs USING (grant_id)
  ) ON request = asked.id
), loaded AS (
  SELECT at, iif(event = 'policy.loaded', actor, 'a start of jitd') AS who,
    policy IS NOT lag(policy) OVER (ORDER BY number) AS is_new
  FROM (
    SELECT number, at, event, actor, policy
    FROM chain_about NOT INDEXED CROSS JOIN chain USING (number) WHERE event IN ('policy.loaded', 'daemon.started')
  )
), new_rules AS MATERIALIZED (
  SELECT who FROM loaded
  WHERE is_new AND at >= CAST(strftime('%s', :since) AS INTEGER) AND at < CAST(strftime('%s', :until) AS INTEGER)
)
SELECT 'becoming', json_object('at', (SELECT strftime('%Y-%m-%d', at, 'unixepoch') FROM seen),
  'who', (SELECT json_group_array(who) FROM root))
UNION ALL SELECT 'changed', json_object('at', (SELECT at FROM seen),
  'before', (SELECT strftime('%Y-%m-%d', at, 'unixepoch') FROM earlier),
  'new', (SELECT count(*) FROM changed WHERE change = 'new'), 'gone', (SELECT count(*) FROM changed WHERE change = 'gone'))
UNION ALL SELECT 'requests-by-rule', (SELECT json_object('all', count(*), 'people', count(DISTINCT person),
  'approved', count(*) FILTER (WHERE state = 'approved'), 'denied', count(*) FILTER (WHERE state = 'denied'),
  'withdrawn', count(*) FILTER (WHERE state = 'withdrawn'), 'expired', count(*) FILTER (WHERE state = 'expired'),
  'open', count(*) FILTER (WHERE ended IS NULL)) FROM asked)
UNION ALL SELECT 'reviewers', json_object('all', (SELECT coalesce(sum(n), 0) FROM approved),
  'unapproved', (SELECT coalesce(sum(n), 0) FROM approved WHERE is_emergency),
  'by people', (SELECT coalesce(sum(n), 0) FROM approved WHERE grant_id IN (SELECT grant_id FROM given)),
  'who', (SELECT json_group_array(json_array(who, n)) FROM (SELECT who, sum(n) AS n FROM given GROUP BY 1 ORDER BY 2 DESC, 1)))
UNION ALL SELECT 'break-glass', (SELECT json_object('all', count(*), 'reviewed', count(*) FILTER (WHERE state = 'reviewed'),
  'who', (SELECT json_group_array(requester) FROM (SELECT DISTINCT requester FROM glass ORDER BY 1))) FROM glass)
UNION ALL SELECT 'runs-by-rule', (SELECT json_object('all', count(*),
  'not started', count(*) FILTER (WHERE ending = 'not started'),
  'failed', count(*) FILTER (WHERE NOT is_stopped AND (ending IN ('signaled', 'lost') OR (ending = 'exited' AND status <> 0))),
  'stopped', count(*) FILTER (WHERE is_stopped)) FROM ran)
UNION ALL SELECT 'late-things', json_object('reviews', (SELECT count(*) FROM glass WHERE state <> 'reviewed'),
  'overdue', (SELECT count(*) FROM glass WHERE state = 'overdue'),
  'things', (SELECT count(*) FROM late WHERE ended = ''), 'open', (SELECT count(*) FROM asked WHERE ended IS NULL))
UNION ALL SELECT 'mutual-pairs', json_object('pairs', (SELECT count(*) FROM pairs),
  'quick', (SELECT coalesce(sum(quick), 0) FROM quickly), 'keyless', (SELECT coalesce(sum(n_unseen), 0) FROM keyless))
UNION ALL SELECT 'matrix', json_object('n', (SELECT count(*) FROM new_rules),
  'who', (SELECT json_group_array(who) FROM (SELECT DISTINCT who FROM new_rules ORDER BY 1)))
UNION ALL SELECT 'unseen', json_object('at', (SELECT at FROM seen),
  'n', (SELECT n_unseen FROM seen), 'hidden', (SELECT count(*) FROM asked JOIN requests USING (id) WHERE is_hidden),
  'forgotten', (SELECT count(*) FROM asked JOIN said USING (id) WHERE is_forgotten = 1),
  'damaged', (SELECT coalesce(sum(n), 0) FROM missing))"""


def _becoming(told: dict[str, Any]) -> str:
    if told["at"] is None:
        return f"{NEVER_LOOKED}; a report that root makes looks first"
    return f"{_named(sorted(told['who'])) or 'nobody'} (root looked on {told['at']})"


def _changed(told: dict[str, Any]) -> str:
    if told["at"] is None or told["before"] is None:
        return NEVER_LOOKED if told["at"] is None else "not known: root has looked at this host only once"
    return f"{told['new']} new and {told['gone']} gone since root looked on {told['before']}"


def _requests(told: dict[str, Any]) -> str:
    parts = [f"{told[word]} {word}" for word in ("approved", "denied", "withdrawn", "expired", "open") if told[word]]
    by = f" by {told['people']} {'person' if told['people'] == 1 else 'people'}"
    return f"{told['all']}{by}: {', '.join(parts)}" if parts else "none"


def _approved(told: dict[str, Any]) -> str:
    by_people, unapproved = told["by people"], told["unapproved"]
    people = _named([f"{who} {n}" for who, n in told["who"]])
    parts = [f"{by_people} by people ({people})"] if by_people else []
    parts += [f"{alone} by a rule that needs no approval"] if (alone := told["all"] - by_people - unapproved) else []
    parts += [f"{unapproved} by nobody, in an emergency"] if unapproved else []
    return "; ".join(parts) or "none"


def _emergencies(told: dict[str, Any]) -> str:
    if not told["all"]:
        return "none"
    return f"{told['all']}: {told['reviewed']} reviewed, {told['all'] - told['reviewed']} not reviewed; by {_named(told['who'])}"


def _ran(told: dict[str, Any]) -> str:
    words = {"failed": "failed", "stopped": "stopped early", "not started": "could not be started"}
    parts = [f"{told[name]} {word}" for name, word in words.items() if told[name]]
    return "; ".join([str(told["all"] - told["not started"]), *parts])


def _owed(told: dict[str, Any]) -> str:
    return (
        f"{count(told['reviews'], 'review')} of emergencies ({told['overdue']} overdue);"
        f" {count(told['things'], 'thing')} not taken back in time; {count(told['open'], 'request')} not decided"
    )


def _alone(told: dict[str, Any]) -> str:
    return (
        f"{count(told['pairs'], 'pair')} who approve each other only; {count(told['quick'], 'approval')} within {QUICK} seconds;"
        f" {told['keyless']} with neither a key nor a terminal"
    )


def _loaded(told: dict[str, Any]) -> str:
    return f"{count(told['n'], 'time')}, by {_named(told['who'])}" if told["n"] else "no other rules in this time"


def _unseen(told: dict[str, Any]) -> str:
    parts = [NEVER_LOOKED if told["at"] is None else f"{count(told['n'], 'thing')} on this host that root's look does not show"]
    words = {"hidden": "whose words a rule hides", "forgotten": "whose words were forgotten"}
    parts += [f"{count(told[name], 'request')} {why}" for name, why in words.items() if told[name]]
    parts += [f"{count(told['damaged'], 'damaged object')} of the database"] if told["damaged"] else []
    return "; ".join([*parts, "what root does without jitd"])


_LINES: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "becoming": ("Who can become root without jitd", _becoming),
    "changed": ("Changes of that", _changed),
    "requests-by-rule": ("Requests", _requests),
    "reviewers": ("Approved", _approved),
    "break-glass": ("Emergencies", _emergencies),
    "runs-by-rule": ("Commands that ran", _ran),
    "late-things": ("Owed now", _owed),
    "mutual-pairs": ("One person alone", _alone),
    "matrix": ("Other rules came into force", _loaded),
    "unseen": ("Not seen", _unseen),
}


def _named(names: list[str]) -> str:
    more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
    return ", ".join([*names[:NAMED], *more])


def _told(_: Scope) -> Callable[[Row], Told]:
    def told(row: Row) -> Told:
        figure, counts = map(str, row)
        about, in_words = _LINES[figure]
        return about, in_words(json.loads(counts)), figure

    return told


SUMMARY = Section(
    "summary",
    "Summary",
    (by_sql("summary", "Summary", ("about", "answer", "more in"), _SUMMARY, "", _told),),
)
