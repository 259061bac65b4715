# SPDX-License-Identifier: Apache-2.0
"""The section "What was asked and lived" of a report.

Law: each figure is one query over ``asked`` and the tables of the store.
"""

from __future__ import annotations

from jitd.report.figure import Section, by_sql

_BY_RULE = """\
SELECT rule,
  count(*),
  sum(state = 'approved'),
  sum(state = 'denied'),
  sum(state = 'withdrawn'),
  sum(state = 'expired'),
  sum(ended IS NULL)
FROM asked GROUP BY rule ORDER BY 2 DESC, rule"""

LIVED = Section(
    "lived",
    "What was asked and lived",
    (
        by_sql(
            "requests-by-rule",
            "Requests by rule",
            ("rule", "requests", "approved", "denied", "withdrawn", "expired", "open"),
            _BY_RULE,
            "A request without a rule was denied because no rule permits it.",
        ),
    ),
)
