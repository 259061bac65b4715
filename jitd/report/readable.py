# SPDX-License-Identifier: Apache-2.0
"""What a report can read of the database: views with the names of the tables, which pass over what is damaged (ADR 0140).

Law: a query of a figure names a table, and reads the view of this name. So no row that is not JSON can end a report, whatever a
query does with it, and each one that could belong to the report is in the table ``damaged``. A member of an array is read as JSON
only if it is an object, because SQLite takes a text in an array for JSON.
"""

from __future__ import annotations

_COLUMNS = {
    "requests": "is_open, person, asked_at, rule",
    "grants": "is_open",
    "runs": "is_open, grant_id",
    "holdings": "is_open, grant_id",
    "locks": "is_open",
    "owed_reviews": "is_open",
}
"""The tables of objects, with the columns that figures may use."""


def _is_json(content: str) -> str:
    return f"json_valid(CAST({content} AS TEXT))"


def _view(table: str, columns: str, content: str, which: str = "") -> str:
    """The condition stands twice, because SQLite may do first what a query wants to know of ``content``."""
    is_json = _is_json(content)
    return f"""\
CREATE TEMPORARY VIEW {table} AS
SELECT {columns}, CASE WHEN {is_json} THEN {content} END AS {content}
FROM main.{table} WHERE {which}{is_json}"""


READABLE = (
    *(_view(table, f"rowid, id, version, {of}", "document", "is_open >= 0 AND ") for table, of in _COLUMNS.items()),
    _view("standing", "digest", "document"),
    _view("chain", "number, digest", "body"),
    """\
CREATE TEMPORARY VIEW reviews AS
SELECT requests.id AS id, CASE type WHEN 'object' THEN value END AS told
FROM requests, json_each(CAST(document AS TEXT), '$.reviews') WHERE type = 'object'""",
)
"""The statements that make the views. An object whose ``is_open`` is less than 0 was set aside. They have the columns by which
a store reads its lists, so these pass over the same.
"""

_NOT_READ = f"(is_open < 0 OR NOT {_is_json('document')})"


def _lacks_objects(array: str) -> str:
    """True if something else than an object is in an array of objects of the document."""
    others = f"SELECT 1 FROM json_each(CAST(document AS TEXT), '{array}') WHERE type <> 'object'"
    return f"CASE WHEN {_is_json('document')} THEN EXISTS ({others}) ELSE 1 END"


DAMAGED = f"""\
CREATE TEMPORARY TABLE damaged AS
WITH about AS (
  SELECT id FROM main.requests WHERE asked_at >= :since AND asked_at < :until AND (:rule IS NULL OR rule = :rule)
  UNION
  SELECT grant_id FROM asked
  UNION
  SELECT grant_id FROM main.holdings WHERE is_open = 1
  UNION
  SELECT json_extract(CAST(document AS TEXT), '$.request') FROM holdings WHERE is_open = 1
  UNION
  SELECT id FROM main.owed_reviews WHERE is_open = 1
)
SELECT 'request' AS kind, id FROM about CROSS JOIN main.requests USING (id)
  WHERE {_NOT_READ} OR {_lacks_objects("$.reviews")}
UNION ALL
SELECT 'grant', id FROM main.grants WHERE {_NOT_READ}
UNION ALL
SELECT 'run', runs.id FROM about CROSS JOIN main.runs ON grant_id = about.id WHERE {_NOT_READ}
UNION ALL
SELECT 'holding', holdings.id FROM about CROSS JOIN main.holdings ON grant_id = about.id WHERE {_NOT_READ}
UNION ALL
SELECT 'lock', id FROM main.locks WHERE {_NOT_READ}
UNION ALL
SELECT 'owed review', id FROM main.owed_reviews WHERE {_NOT_READ}
UNION ALL
SELECT 'list of standing privileges', digest FROM main.standing WHERE {_lacks_objects("$.privileges")}
UNION ALL
SELECT 'record', number FROM main.chain WHERE NOT {_is_json("body")} AND number IN (
  SELECT began FROM asked UNION SELECT ended FROM asked
  UNION SELECT number FROM chain_about WHERE event IN ('policy.loaded', 'standing.recorded')
)"""
"""Makes the table of what figures would have read. Of most objects, one cannot know whose they are, so they are those of all
people.
"""
