# SPDX-License-Identifier: Apache-2.0
"""The section "Separation of duties" of a report: what looks as if one person alone had decided.

Law: each figure is one query. It points at what somebody has to look at, and judges nobody.
"""

from __future__ import annotations

from jitd_evidence.report.figure import Section, by_sql

QUICK = 5  # seconds within which nobody has read what they approve
LEAST = 5  # approvals of a rule from which on it is said that one person gave most of them

_APPROVALS = """\
WITH approvals AS (
  SELECT asked.id AS id,
    asked.rule AS rule,
    asked.person AS requester,
    reviews.person AS approver,
    principal,
    at,
    asked.began AS began,
    asked.ended AS ended
  FROM asked JOIN reviews USING (id)
  WHERE asked.n_reviews > 0 AND asked.state = 'approved' AND verdict = 'approve'
)"""

PAIRS = f"""\
{_APPROVALS}, pairs AS (
  SELECT requester, approver, count(DISTINCT id) AS n FROM approvals GROUP BY requester, approver
), alone AS (
  SELECT requester, approver, n FROM pairs GROUP BY requester HAVING count(*) = 1
)
SELECT one.requester, one.approver, one.n, other.n
FROM alone AS one JOIN alone AS other ON other.requester = one.approver AND other.approver = one.requester
WHERE one.requester < one.approver ORDER BY one.n + other.n DESC, 1, 2"""

QUICKLY = f"""\
{_APPROVALS}, waited AS (
  SELECT principal, rule, (julianday(at) - julianday(told_at)) * 86400 AS seconds
  FROM approvals JOIN chain ON number = began
)
SELECT principal,
  rule,
  count(*) FILTER (WHERE seconds < {QUICK}),
  count(*),
  round(min(seconds), 1)
FROM waited GROUP BY principal, rule HAVING min(seconds) < {QUICK} ORDER BY 3 DESC, 1, 2"""

KEYLESS = """\
WITH given AS (
  SELECT told_actor AS approver, rule, signed_with, terminal, carrier
  FROM asked JOIN chain_about ON life = id AND life <> '' AND event = 'request.reviewed' JOIN chain USING (number)
  WHERE n_reviews > 0 AND state = 'approved' AND verdict = 'approve'
)
SELECT approver,
  rule,
  count(*),
  count(*) FILTER (WHERE signed_with IS NULL),
  count(*) FILTER (WHERE signed_with IS NULL AND terminal = ''),
  count(*) FILTER (WHERE signed_with IS NULL AND carrier IS NOT NULL)
FROM given GROUP BY approver, rule HAVING count(*) > count(signed_with) ORDER BY 5 DESC, 4 DESC, 1, 2"""

_MOST = f"""\
{_APPROVALS}, given AS (
  SELECT rule, approver, count(*) AS n, sum(count(*)) OVER (PARTITION BY rule) AS all_of_rule
  FROM approvals GROUP BY rule, approver
)
SELECT rule, approver, n, all_of_rule, CAST(round(100.0 * n / all_of_rule) AS INTEGER)
FROM given WHERE all_of_rule >= {LEAST} AND 2 * n > all_of_rule ORDER BY 5 DESC, 3 DESC, rule"""

_LOADED = f"""\
{_APPROVALS}, loaded AS MATERIALIZED (
  SELECT min(number) AS since, policy, actor
  FROM chain_about NOT INDEXED CROSS JOIN chain USING (number) WHERE event = 'policy.loaded' AND actor <> '' GROUP BY 2, 3
), decided AS MATERIALIZED (
  SELECT id, rule, principal, ended, policy
  FROM approvals JOIN chain ON number = ended
  WHERE principal IN (SELECT actor FROM loaded)
)
SELECT principal, rule, count(DISTINCT id)
FROM decided JOIN loaded ON loaded.policy = decided.policy AND loaded.actor = decided.principal AND since < ended
GROUP BY principal, rule ORDER BY 3 DESC, 1, 2"""

DUTIES = Section(
    "duties",
    "Separation of duties",
    (
        by_sql(
            "mutual-pairs",
            "Pairs who approve each other, and have no other approver",
            ("person", "other person", "approved for the first", "approved for the second"),
            PAIRS,
            "People as jitd.toml names them: accounts of one person count as one.",
        ),
        by_sql(
            "quick-approvals",
            f"Approvals within {QUICK} seconds",
            ("approver", "rule", "quick", "approvals", "quickest"),
            QUICKLY,
            "The seconds count from the moment at which the request began to wait for approvals.",
        ),
        by_sql(
            "keyless-approvals",
            "Approvals without a key of the approver",
            ("approver", "rule", "approvals", "without a key", "nor a terminal", "by the door"),
            KEYLESS,
            "What has neither a key nor a terminal was perhaps done by a program in the approver's session, without the approver."
            " A terminal proves little: a program can make one. By the door, jitd sees no terminal.",
        ),
        by_sql(
            "one-approver",
            "Rules of which one person gave more than half of the approvals",
            ("rule", "person", "approvals", "of", "%"),
            _MOST,
            f"Rules with fewer than {LEAST} approvals are left out.",
        ),
        by_sql(
            "approved-by-loader",
            "Requests approved by somebody who put the rules in force",
            ("approver", "rule", "requests"),
            _LOADED,
            "All files of rules belong to root, so jitd does not know who wrote a rule. It knows who put the rules in force with"
            " jitd reload and a ticket.",
        ),
    ),
)
