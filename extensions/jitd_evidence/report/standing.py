# SPDX-License-Identifier: Apache-2.0
"""The section "Standing privileges" of a report.

Law: each figure is one query over the records ``standing.recorded`` and the lists that they name. A list counts from its record
on, until the next one. A name in a list is compared, and never read as SQL, as a pattern or as a path.
"""

from __future__ import annotations

from jitd_evidence.report.figure import Section, by_sql

LISTS = """\
WITH recorded AS (
  SELECT number, at, told_actor, listed AS digest FROM chain_about JOIN chain USING (number)
  WHERE event = 'standing.recorded'
), list AS (
  SELECT number, at, told_actor, digest, n_privileges, n_unseen FROM recorded JOIN standing USING (digest)
  WHERE number <= (
    SELECT number FROM recorded ORDER BY abs(at - CAST(strftime('%s', :until) AS INTEGER)), number DESC LIMIT 1
  )
), newest AS (
  SELECT * FROM list ORDER BY number DESC LIMIT 1
), before AS (
  SELECT * FROM list WHERE number < (SELECT number FROM newest)
  ORDER BY at < CAST(strftime('%s', :since) AS INTEGER) DESC, CASE WHEN at < CAST(strftime('%s', :since) AS INTEGER)
    THEN -number ELSE number END LIMIT 1
)"""
"""``newest`` was recorded nearest to the end of the report's time, and ``before`` at its begin, or first in it."""

PRIVILEGES = """\
  SELECT number, becomes, by_way, who, place FROM {list} JOIN privileges USING (digest)"""

_FAR = "becomes <> 'root' AND row_number() OVER (PARTITION BY becomes, by_way ORDER BY becomes) > 20"
"""True for a row that comes last. Who acts as an account can make many rows about it, and a report shows a part of them only."""

_SEEN = f"""{LISTS}
SELECT strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch'), number, told_actor, n_privileges, n_unseen, digest FROM newest"""

_BECOMING = f"""{LISTS}, present AS (
{PRIVILEGES.format(list="newest")}
), ever AS (
{PRIVILEGES.format(list="list")}
), first AS (
  SELECT becomes, by_way, who, min(number) AS number FROM ever GROUP BY 1, 2, 3
)
SELECT becomes, who, by_way, place, strftime('%Y-%m-%d', at, 'unixepoch')
FROM present JOIN first USING (becomes, by_way, who) JOIN recorded ON recorded.number = first.number
ORDER BY {_FAR}, by_way = 'polkit', becomes <> 'root', becomes, by_way, who, place"""

CHANGED = f"""{LISTS}, present AS (
{PRIVILEGES.format(list="newest")}
), past AS (
{PRIVILEGES.format(list="before")}
), changed AS (
  SELECT 'new' AS change, becomes, who, by_way, min(place) AS place FROM present
  WHERE EXISTS (SELECT 1 FROM before)
    AND NOT EXISTS
      (SELECT 1 FROM past WHERE (past.becomes, past.by_way, past.who) = (present.becomes, present.by_way, present.who))
  GROUP BY becomes, by_way, who
  UNION ALL
  SELECT 'gone', becomes, who, by_way, min(place) FROM past
  WHERE NOT EXISTS
    (SELECT 1 FROM present WHERE (past.becomes, past.by_way, past.who) = (present.becomes, present.by_way, present.who))
  GROUP BY becomes, by_way, who
)
SELECT change, becomes, who, by_way, place FROM changed
ORDER BY {_FAR}, becomes <> 'root', change DESC, becomes, by_way, who"""

_UNSEEN = f"""{LISTS}
SELECT what FROM newest JOIN unseen USING (digest) ORDER BY instr(what, 'polkit') > 0, 1"""

_TREND = f"""{LISTS}
SELECT strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch'), number,
  (SELECT group_concat(kind || ' ' || n, ', ') FROM kinds WHERE kinds.number = list.number), n_unseen, n_privileges
FROM list ORDER BY number DESC"""

STANDING = Section(
    "standing",
    "Standing privileges",
    (
        by_sql(
            "seen",
            "When root looked at this host",
            ("at", "record", "by", "privileges", "not seen", "SHA-256 of the list"),
            _SEEN,
            "The time nearest to the end of the report, before or after it. A report that root makes looks at the host first.",
        ),
        by_sql(
            "becoming",
            "Who can become root, or a watched account, without jitd",
            ("becomes", "who", "by", "where", "first recorded"),
            _BECOMING,
            "Watched accounts are those that rules name. What each word under by means is in jitd-audit(8).",
        ),
        by_sql(
            "changed",
            "What is new, and what is gone",
            ("change", "becomes", "who", "by", "where"),
            CHANGED,
            "Compared with the last record before the report begins, or with the first one in it.",
        ),
        by_sql("unseen", "What root's look at the host does not show", ("what",), _UNSEEN),
        by_sql(
            "trend",
            "Standing privileges as each report recorded them",
            ("at", "record", "kinds", "not seen", "privileges"),
            _TREND,
            "The newest first.",
        ),
    ),
)
