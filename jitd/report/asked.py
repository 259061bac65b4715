# SPDX-License-Identifier: Apache-2.0
"""The requests that a report is about, as the temporary table ``asked``, which the queries of all figures share.

Law: the table has names and times alone, and nothing that a rule shows to certain people only (``core.visibility``). So no query
can show more, unless it reads a document itself. A name is compared, and never read as SQL, as a pattern or as a path.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from time import monotonic

from jitd.core.policy import Policy
from jitd.report.figure import People, Scope, Then
from jitd.report.readable import DAMAGED, READABLE
from jitd.store import Store

WITHIN = 25.0
"""Seconds that all queries of a report may take together. As long as they go on, the daemon's write-ahead log grows. A large
message is answered within 40 s, and the report must be sent within the rest.
"""

ASKED = """\
CREATE TEMPORARY TABLE asked AS
WITH found AS (
  SELECT id, rule, person, asked_at, is_open, CAST(document AS TEXT) AS told FROM requests
  WHERE asked_at >= :since AND asked_at < :until AND (:rule IS NULL OR rule = :rule)
)
SELECT id,
  rule,
  json_extract(told, '$.requester.principal') AS requester,
  person,
  json_extract(told, '$.service') AS service,
  json_extract(told, '$.state') AS state,
  json_extract(told, '$.breaks_glass') AS breaks_glass,
  json_extract(told, '$.submitted_at') AS submitted_at,
  json_array_length(told, '$.reviews') AS n_reviews,
  coalesce(json_extract(told, '$.lease'), id) AS grant_id,
  (SELECT min(number) FROM chain_about WHERE life = id AND life <> '' AND event = 'request.screened') AS began,
  CASE WHEN is_open = 0 THEN
    (SELECT max(number) FROM chain_about WHERE life = id AND life <> '' AND event GLOB 'request.*')
  END AS ended
FROM found
WHERE :who IS NULL OR requester IN (SELECT value FROM json_each(:who))
ORDER BY asked_at, id"""
"""Makes the table. ``requester`` is a principal, ``person`` the one to whom the account belongs. ``service`` is ``jitsudo`` or
the name of a PAM service. ``grant_id`` is the grant that the request got or used, if it was approved. ``began`` and ``ended`` are
the numbers of the records by which the rules first answered, and by which the request ended.
"""

PREPARED = (*READABLE, ASKED, DAMAGED)
"""The statements after which the queries of all figures can be asked."""


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
