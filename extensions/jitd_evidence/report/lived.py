# SPDX-License-Identifier: Apache-2.0
"""The section "What was asked and used" of a report.

Law: each figure is one query over ``asked`` and the tables of the store. What has a number in the chain is taken from its record.
"""

from __future__ import annotations

from jitd_evidence.report.figure import Section, by_sql

IN_TIME = 60  # seconds after its end, in which a thing has to be taken back: a KDC or a server may need them

DAMAGED = "SELECT kind, count(*) FROM damaged GROUP BY kind ORDER BY kind"

_REQUESTS = """\
SELECT rule,
  count(*),
  count(*) FILTER (WHERE state = 'approved'),
  count(*) FILTER (WHERE state = 'denied'),
  count(*) FILTER (WHERE state = 'withdrawn'),
  count(*) FILTER (WHERE state = 'expired'),
  count(*) FILTER (WHERE ended IS NULL)
FROM asked GROUP BY rule ORDER BY 2 DESC, rule"""

_REQUESTERS = """\
SELECT requester,
  count(*),
  count(*) FILTER (WHERE state = 'approved'),
  count(*) FILTER (WHERE state = 'denied'),
  count(DISTINCT rule) FILTER (WHERE rule <> '')
FROM asked GROUP BY requester ORDER BY 2 DESC, requester"""

_ENDED = """\
SELECT CASE event
    WHEN 'request.screened' THEN 'rules and gatekeepers'
    WHEN 'request.reviewed' THEN 'a reviewer'
    WHEN 'request.locked' THEN 'a lock'
    WHEN 'request.withdrawn' THEN 'the requester, or an end of the client'
    WHEN 'request.deadline_passed' THEN 'nobody in time'
    ELSE event
  END,
  state,
  count(*)
FROM asked JOIN chain_about ON number = ended GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"""

_DENIALS = """\
SELECT rule,
  CASE
    WHEN told_event = 'request.locked' THEN 'locked'
    WHEN verdict = 'deny' THEN 'reviewer'
    WHEN told_event = 'request.reviewed' THEN 'policy at the review'
    ELSE coalesce(why, 'gatekeeper')
  END,
  count(*),
  count(DISTINCT requester)
FROM asked JOIN chain ON number = ended WHERE state = 'denied' GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"""

_WAITED = """\
WITH waited AS (
  SELECT rule, (julianday(told_at) - julianday(submitted_at)) * 86400 AS seconds
  FROM asked JOIN chain ON number = ended WHERE n_reviews > 0 AND state IN ('approved', 'denied')
), placed AS (
  SELECT rule, seconds, row_number() OVER (PARTITION BY rule ORDER BY seconds) AS place, count(*) OVER (PARTITION BY rule) AS n
  FROM waited
)
SELECT rule,
  max(n),
  round(max(seconds) FILTER (WHERE place <= (n + 1) / 2), 1),
  round(max(seconds) FILTER (WHERE place <= (n * 95 + 99) / 100), 1),
  round(max(seconds), 1)
FROM placed GROUP BY rule ORDER BY 2 DESC, rule"""

_REVIEWERS = """\
SELECT principal,
  count(*) FILTER (WHERE verdict = 'approve'),
  count(*) FILTER (WHERE verdict = 'deny'),
  count(DISTINCT asked.rule),
  count(DISTINCT asked.requester)
FROM asked JOIN reviews USING (id)
WHERE asked.n_reviews > 0 GROUP BY 1 ORDER BY 2 DESC, 1"""

_RUNS = """\
WITH outcomes AS (
  SELECT request, ending, status, recording FROM (SELECT DISTINCT grant_id FROM asked) JOIN runs USING (grant_id)
)
SELECT rule,
  count(*),
  count(*) FILTER (WHERE ending = 'exited' AND status = 0),
  count(*) FILTER (WHERE ending = 'exited' AND status <> 0),
  count(*) FILTER (WHERE ending = 'signaled'),
  count(*) FILTER (WHERE ending = 'not started'),
  count(*) FILTER (WHERE ending = 'lost'),
  count(*) FILTER (WHERE ending IS NULL),
  count(recording)
FROM outcomes JOIN asked ON asked.id = request GROUP BY rule ORDER BY 2 DESC, rule"""

_GRANTS = """\
WITH given AS MATERIALIZED (
  SELECT asked.rule AS rule,
    CASE WHEN gives THEN 'things' WHEN is_lease THEN 'lease' ELSE 'one use' END AS kind,
    uses,
    begun,
    grants.state AS state
  FROM asked JOIN grants ON grants.id = asked.id
)
SELECT rule,
  kind,
  count(*),
  CASE WHEN kind <> 'things' THEN sum(uses) END,
  sum(begun),
  count(*) FILTER (WHERE begun = 0),
  count(*) FILTER (WHERE state = 'revoked')
FROM given GROUP BY rule, kind ORDER BY 3 DESC, rule, kind"""

_THEIRS = """\
asked_at < :until AND (:rule IS NULL OR rule = :rule)
    AND (:who IS NULL OR requester IN (SELECT value FROM json_each(:who)))"""
"""What is not over yet is told whenever it was asked for: the requests of the report, but for its begin."""

_HELD = f"""\
, held AS (
  SELECT request, thing, holder, given_at, until, ended_at, ending,
    min(julianday(until), julianday(coalesce(taking_at, until))) AS due,
    julianday(coalesce(ended_at, :now)) AS gone
  FROM (SELECT DISTINCT grant_id FROM about) JOIN holdings USING (grant_id)
), had AS (
  SELECT rule, held.*, given_at IS NOT NULL AND (gone - due) * 86400 > {IN_TIME} AS is_late
  FROM held JOIN about ON about.id = request
)
"""

_THINGS = f"""\
WITH about AS (
  SELECT id, rule, grant_id FROM asked
){_HELD}SELECT rule,
  substr(thing, 1, instr(thing || ':', ':') - 1),
  count(given_at),
  count(*) FILTER (WHERE ending = 'not given'),
  count(*) FILTER (WHERE ending = 'taken'),
  count(*) FILTER (WHERE ending = 'left'),
  count(*) FILTER (WHERE ending IS NULL),
  count(*) FILTER (WHERE is_late)
FROM had GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"""

LATE = f"""\
WITH open AS (
  SELECT requests.id AS id, rule, grant_id, asked_at, requester FROM holdings JOIN requests ON requests.id = request
  WHERE holdings.is_open = 1
), about AS (
  SELECT id, rule, grant_id FROM asked
  UNION
  SELECT id, rule, grant_id FROM open WHERE {_THEIRS}
){_HELD}SELECT request,
  holder,
  thing,
  substr(until, 1, 19),
  coalesce(substr(ended_at, 1, 19), ''),
  CAST((gone - due) * 1440 AS INTEGER)
FROM had WHERE is_late ORDER BY ended_at IS NOT NULL, 6 DESC, request, thing"""

GLASS = f"""\
WITH open AS (
  SELECT id, requests.rule AS rule, asked_at, requests.requester AS requester
  FROM requests JOIN owed_reviews USING (id) WHERE owed_reviews.is_open = 1
), about AS (
  SELECT id FROM asked
  UNION
  SELECT id FROM open WHERE {_THEIRS}
)
SELECT id,
  substr(begun_at, 1, 19),
  requester,
  rule,
  instead_of,
  state,
  overdue_at IS NOT NULL,
  coalesce(reviewer, ''),
  round((julianday(coalesce(given_at, :now)) - julianday(begun_at)) * 24, 1)
FROM about JOIN owed_reviews USING (id) ORDER BY state = 'reviewed', 2, 1"""

_LOCKS = """\
SELECT id,
  substr(placed_at, 1, 19),
  placed_by,
  whom,
  name,
  state,
  coalesce(substr(ended_at, 1, 19), ''),
  coalesce(ended_by, '')
FROM locks
WHERE substr(placed_at, 1, 19) < :until AND (is_open = 1 OR coalesce(substr(ended_at, 1, 19), '') >= :since) ORDER BY 2, 1"""

LIVED = Section(
    "lived",
    "What was asked and used",
    (
        by_sql(
            "damaged",
            "Left out of this report, because it is damaged in the database",
            ("what", "number"),
            DAMAGED,
            "Whose it is cannot be read, so people and rules that the report is not about may be counted. jitd audit verify names"
            " each, and says what is wrong.",
        ),
        by_sql(
            "requests-by-rule",
            "Requests by rule and outcome",
            ("rule", "requests", "approved", "denied", "withdrawn", "expired", "open"),
            _REQUESTS,
            "A request without a rule was denied because no rule permits it.",
        ),
        by_sql(
            "requests-by-requester",
            "Requests by requester",
            ("requester", "requests", "approved", "denied", "rules"),
            _REQUESTERS,
        ),
        by_sql("ended-by", "What ended the requests", ("by", "outcome", "requests"), _ENDED),
        by_sql(
            "denials",
            "Denials by rule and reason",
            ("rule", "why", "denials", "requesters"),
            _DENIALS,
        ),
        by_sql(
            "time-to-decision",
            "Seconds from request to decision, where people reviewed",
            ("rule", "decisions", "median", "95 %", "longest"),
            _WAITED,
        ),
        by_sql(
            "reviewers",
            "Who decided",
            ("reviewer", "approvals", "denials", "rules", "requesters"),
            _REVIEWERS,
        ),
        by_sql(
            "runs-by-rule",
            "Runs by rule and outcome",
            ("rule", "runs", "status 0", "other status", "signal", "not started", "lost", "live", "recorded"),
            _RUNS,
            "The monitor of a lost run was killed. What sudo, su or doas executes is a use of a grant, but no run.",
        ),
        by_sql(
            "grants",
            "What was permitted, and what was used of it",
            ("rule", "kind", "grants", "uses permitted", "uses begun", "never used", "revoked"),
            _GRANTS,
            "Of things, each thing that was given or begun to be given counts as a use.",
        ),
        by_sql(
            "things",
            "Things that were given",
            ("rule", "kind", "given", "not given", "taken back", "left in part", "not ended", "late"),
            _THINGS,
            f"A thing is late if it was not taken back within {IN_TIME} seconds after its time was over or its grant ended.",
        ),
        by_sql(
            "late-things",
            "Things that were not taken back in time",
            ("request", "holder", "thing", "until", "ended", "minutes late"),
            LATE,
            "Those that are still there are named whenever they were asked for.",
        ),
        by_sql(
            "break-glass",
            "Broken glass, and the reviews of it",
            ("request", "begun", "requester", "rule", "instead of", "review", "was overdue", "reviewer", "hours"),
            GLASS,
            "The hours are those until the review, or now. Reviews that are still owed are named whenever glass was broken.",
        ),
        by_sql(
            "locks",
            "Locks",
            ("lock", "placed", "by", "whom", "name", "state", "ended", "ended by"),
            _LOCKS,
            "All locks that were active at some time of the report, also if it is about one person or rule.",
        ),
    ),
)
