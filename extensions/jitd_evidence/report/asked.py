# SPDX-License-Identifier: Apache-2.0
"""The requests that a report is about, as the temporary table ``asked``, which the queries of all figures share.

Law: the table has names and times alone, and nothing that a rule shows to certain people only (``core.visibility``). So no query
can show more, unless it reads a document itself. A name is compared, and never read as SQL, as a pattern or as a path.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from time import monotonic

from jitd.core.approvers import People
from jitd.core.policy import Policy
from jitd.store import Store
from jitd.store.readable import READABLE
from jitd_evidence.report.figure import Scope, Then

WITHIN = 25.0
"""Seconds that all queries of a report may take together. As long as they go on, the daemon's write-ahead log grows. A large
message is answered within 40 s, and the report must be sent within the rest.
"""

ASKED = """\
CREATE TEMPORARY TABLE asked AS
SELECT id,
  rule,
  requester,
  person,
  service,
  state,
  submitted_at,
  n_reviews,
  coalesce(lease, id) AS grant_id,
  (SELECT min(number) FROM chain_about WHERE life = id AND life <> '' AND event = 'request.screened') AS began,
  CASE WHEN is_open = 0 THEN
    (SELECT max(number) FROM chain_about WHERE life = id AND life <> '' AND event GLOB 'request.*')
  END AS ended
FROM requests
WHERE asked_at >= :since AND asked_at < :until AND (:rule IS NULL OR rule = :rule)
  AND (:who IS NULL OR requester IN (SELECT value FROM json_each(:who)))
ORDER BY asked_at, id"""
"""Makes the table. ``requester`` is a principal, ``person`` the one to whom the account belongs. ``service`` is ``jitsudo`` or
the name of a PAM service. ``grant_id`` is the grant that the request got or used, if it was approved. ``began`` and ``ended`` are
the numbers of the records by which the rules first answered, and by which the request ended.
"""

DAMAGED = """\
CREATE TEMPORARY TABLE damaged AS
WITH about AS (
  SELECT id FROM main.requests WHERE asked_at >= :since AND asked_at < :until AND (:rule IS NULL OR rule = :rule)
  UNION
  SELECT grant_id FROM asked
  UNION
  SELECT grant_id FROM main.holdings WHERE is_open = 1
  UNION
  SELECT request FROM holdings WHERE is_open = 1
  UNION
  SELECT id FROM main.owed_reviews WHERE is_open = 1
)
SELECT 'request' AS kind, id FROM about CROSS JOIN unread_requests USING (id)
UNION ALL
SELECT 'grant', id FROM unread_grants
UNION ALL
SELECT 'run', unread_runs.id FROM about CROSS JOIN unread_runs ON grant_id = about.id
UNION ALL
SELECT 'holding', unread_holdings.id FROM about CROSS JOIN unread_holdings ON grant_id = about.id
UNION ALL
SELECT 'lock', id FROM unread_locks
UNION ALL
SELECT 'owed review', id FROM unread_owed_reviews
UNION ALL
SELECT 'list of standing privileges', digest FROM unread_standing
UNION ALL
SELECT 'record', number FROM unread_chain WHERE number IN (
  SELECT began FROM asked UNION SELECT ended FROM asked
  UNION SELECT number FROM chain_about WHERE event IN ('policy.loaded', 'standing.recorded')
)"""
"""Makes the table of what figures would have read: that of all people, because most of it may be anybody's."""

PREPARED = (*READABLE, ASKED, DAMAGED)  # the statements after which the queries of all figures can be asked


def scope_of(
    store: Store,
    policy: Policy,
    now: datetime,
    since: datetime,
    until: datetime,
    who: frozenset[str] | None = None,
    rule: str | None = None,
    people: People | None = None,
    then: Then | None = None,
) -> Scope:
    """Return the scope of a report, with its table ``asked``. ``store`` was opened for reading, for this report alone: it has
    views in the places of its tables from now on. ``now``, ``since`` and ``until`` are aware, in UTC; ``who`` has principals as
    the store has them (``Naming.canonical``). Without ``then``, the policy was the same at ``until``. Raises StoreError.
    """
    ask = partial(store.ask, until=monotonic() + WITHIN)
    scope = Scope(now, since, until, who, rule, ask, store, policy, then or Then(policy), people or {})
    for statement in PREPARED:
        scope.ask(statement, scope.parameters)
    return scope
