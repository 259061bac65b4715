# SPDX-License-Identifier: Apache-2.0
"""Where the members of stored objects and records stand in their JSON, and the views through which reports read them.

Law: SQL elsewhere names a column, and no path (tests/law/test_paths.py). A view has the name of a table, and passes over what is
damaged or was set aside (ADR 0140). So no row that is not JSON can end a report, whatever a query does with it. What it passes
over is in the view ``unread_NAME``. A member of an array is read as JSON only if it is an object, because SQLite takes a text in
an array for JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

IS_JSON = "json_valid(CAST({0} AS TEXT))"  # true if the column `{0}` is JSON
REQUESTER, HOLDER, REVIEWS, STATE, _PRIVILEGES = "$.requester", "$.holder", "$.reviews", "$.state", "$.privileges"

MEMBERS: Mapping[str, Mapping[str, str | tuple[str, ...]]] = {
    "requests": {
        "requester": f"{REQUESTER}.principal",
        "service": "$.service",
        "state": STATE,
        "submitted_at": "$.submitted_at",
        "lease": "$.lease",
        "run_as": "$.command.run_as.user",
        "gives": "$.command.gives",
        "may_last": "$.obligations.lasts_for",
        "may_use": "$.obligations.uses",
        # what was typed: commitments, whose values are in the table said
        "typed": ("$.command.argv", "$.command.path", "$.command.gives", "$.claims.reason", "$.service"),
        "permitted": (
            *("$.command.argv", "$.command.path", "$.command.run_as", "$.command.cwd", "$.command.chdir", "$.command.gives"),
            *("$.command.masked", "$.service", "$.host", f"{REQUESTER}.user"),
        ),
    },
    "grants": {
        "rule": "$.rule",
        "state": STATE,
        "issued_at": "$.issued_at",
        "begins_at": "$.begins_at",
        "is_lease": "$.is_lease",
        "uses": "$.uses",
        "begun": "$.begun",
        "gives": "$.command.gives",
    },
    "runs": {
        "request": "$.request",
        "starting_at": "$.starting_at",
        "ended_at": "$.ended_at",
        "ending": "$.outcome.ending",
        "status": "$.outcome.number",
        "because": "$.because",
        "recording": "$.recording.digest",
    },
    "holdings": {
        "request": "$.request",
        "thing": "$.thing",
        "holder": "$.to",
        "given_at": "$.given_at",
        "until": "$.until",
        "taking_at": "$.taking_at",
        "ended_at": "$.ended_at",
        "ending": "$.outcome.ending",
    },
    "locks": {
        "placed_at": "$.placed_at",
        "placed_by": "$.placed_by",
        "whom": "$.whom",
        "name": "$.name",
        "state": STATE,
        "ended_at": "$.ended_at",
        "ended_by": "$.ended_by",
    },
    "owed_reviews": {
        "begun_at": "$.begun_at",
        "requester": f"{REQUESTER}.principal",
        "rule": "$.rule",
        "instead_of": "$.glass.instead_of",
        "state": STATE,
        "overdue_at": "$.overdue_at",
        "reviewer": "$.given_by.principal",
        "given_at": "$.given_at",
    },
    "reviews": {
        "at": "$.at",
        "verdict": "$.verdict",
        "principal": "$.by.principal",
        "person": "$.by.person",
        "user": "$.by.user",
    },
    "privileges": {"becomes": "$.becomes", "by_way": "$.by", "who": "$.who", "place": "$.where"},
    "chain": {
        "told_at": "$.at",
        "told_event": "$.event",
        "told_actor": "$.actor",
        "policy": "$.policy",
        "verdict": "$.detail.verdict",
        "why": "$.detail.why",
        "damage": "$.detail.damage",
        "listed": "$.detail.sha256",
        "signed_with": "$.detail.receipt.key",
        "terminal": "$.peer.tty",
        "carrier": "$.peer.carrier",
    },
}
"""The columns of each view that are a member of the JSON. With several paths, the column is an array of the members there. The
columns of ``chain`` have other names than those of the index ``chain_about``, with which it is joined.
"""


def member(table: str, name: str, content: str) -> str:
    """Return SQL for the member ``name`` of MEMBERS in ``content``, an expression that is JSON."""
    paths = MEMBERS[table][name]
    return extract(content, *((paths,) if isinstance(paths, str) else paths))


def extract(content: str, *paths: str) -> str:
    """Return SQL for what stands at ``paths`` in ``content``, an expression that is JSON."""
    return f"json_extract({content}, {', '.join(map(repr, paths))})"


def is_hidden(content: str) -> str:
    """Return SQL that is true for a request whose rule limits who may read its contents (``core.visibility.words_of``)."""
    return f"coalesce(json_type({content}, '$.obligations.visible_to'), json_type({content}, '$.visible_to'), 'null') <> 'null'"


_TEXT = "CAST({0} AS TEXT)"
_DOCUMENT = _TEXT.format("document")
_COMPUTED: Mapping[str, Mapping[str, str]] = {
    "requests": {
        "n_reviews": f"json_array_length({_DOCUMENT}, '{REVIEWS}')",
        "is_hidden": is_hidden(_DOCUMENT),
        # a rule permitted it without the approvals of another rule
        "is_emergency": f"coalesce(json_type({_DOCUMENT}, '$.obligations.break_glass'), 'null') <> 'null'",
    },
    "standing": {
        "n_privileges": f"json_array_length({_DOCUMENT}, '{_PRIVILEGES}')",
        "n_unseen": f"json_array_length({_DOCUMENT}, '$.unseen')",
    },
}
_STORED: Mapping[str, str] = {
    "requests": "rowid, id, version, is_open, person, asked_at, rule",
    "grants": "rowid, id, version, is_open",
    "runs": "rowid, id, version, is_open, grant_id",
    "holdings": "rowid, id, version, is_open, grant_id",
    "locks": "rowid, id, version, is_open",
    "owed_reviews": "rowid, id, version, is_open",
    "standing": "digest",
    "chain": "number, digest",
}
"""The columns of the tables that figures may use, and those by which the store reads its own lists, so that these pass over the
same. An object whose ``is_open`` is less than 0 was set aside.
"""


def _view(table: str) -> str:
    """The condition stands in each column, too, because SQLite may compute a column before it looks at the condition."""
    content = "body" if table == "chain" else "document"
    found = {content: content, **{name: member(table, name, _TEXT.format(content)) for name in MEMBERS.get(table, ())}}
    found.update(_COMPUTED.get(table, {}))
    is_json = IS_JSON.format(content)
    readable = {name: f"CASE WHEN {is_json} THEN {one} END" for name, one in found.items()}
    if "request" in readable:
        readable["request"] = f"CAST({readable['request']} AS TEXT)"  # without the type of an id, no index is made of it
    which = "is_open >= 0 AND " if "is_open" in _STORED[table] else ""
    columns = (f"{one} AS {name}" for name, one in readable.items())
    return _made(table, [_STORED[table], *columns], f"main.{table} WHERE {which}{is_json}")


def _view_of_objects(view: str, of: str, key: str, array: str, also: Mapping[str, str]) -> str:
    """Return the view of the objects in an ``array`` of the documents in the view ``of``."""
    told = f"SELECT {of}.{key} AS {key}, CASE type WHEN 'object' THEN value END AS told"
    columns = {name: member(view, name, "told") for name in MEMBERS[view]} | dict(also)
    source = f"({told} FROM {of}, json_each({_DOCUMENT}, '{array}') WHERE type = 'object')"
    return _made(view, [key, *(f"{one} AS {name}" for name, one in columns.items())], source)


def _unread(table: str, columns: str, array: str = "") -> str:
    """Return the view of what the view ``table`` passes over, and of those with something else than an object in ``array``."""
    is_json = IS_JSON.format("body" if table == "chain" else "document")
    which = f"NOT {is_json}"
    if array:
        others = f"SELECT 1 FROM json_each({_DOCUMENT}, '{array}') WHERE type <> 'object'"
        which = f"CASE WHEN {is_json} THEN EXISTS ({others}) ELSE 1 END"
    if "is_open" in _STORED[table]:
        which = f"is_open < 0 OR {which}"
    return _made(f"unread_{table}", [columns], f"main.{table} WHERE {which}")


def _made(view: str, columns: Iterable[str], source: str) -> str:
    lines = ",\n  ".join(columns)
    return f"CREATE TEMPORARY VIEW {view} AS\nSELECT {lines}\nFROM {source}"


_GROUPS = f"CASE json_type(told, '$.by.groups') WHEN 'array' THEN {extract('told', '$.by.groups')} ELSE '[]' END"
READABLE = (
    *map(_view, _STORED),
    _view_of_objects("reviews", "requests", "id", REVIEWS, {"groups": _GROUPS}),
    _view_of_objects("privileges", "standing", "digest", _PRIVILEGES, {}),
    _made("unseen", ["digest", "value AS what"], f"standing, json_each({_DOCUMENT}, '$.unseen')"),
    _made("kinds", ["number", "key AS kind", "value AS n"], f"chain, json_each({_TEXT.format('body')}, '$.detail.kinds')"),
    _unread("requests", "id", REVIEWS),
    _unread("grants", "id"),
    _unread("runs", "id, grant_id"),
    _unread("holdings", "id, grant_id"),
    _unread("locks", "id"),
    _unread("owed_reviews", "id"),
    _unread("standing", "digest", _PRIVILEGES),
    _unread("chain", "number"),
)
"""The statements that make the views."""
