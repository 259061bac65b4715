# SPDX-License-Identifier: Apache-2.0
"""A figure of a report: a table with a title, and the query that makes it.

Law: a figure says nothing that its query does not say. So with a copy of the database, anybody can make it again. No figure has
what a rule shows to certain people only (``core.visibility``). What people typed is a cell of its own type, wherever it stands.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from jitd.core.approvers import People
from jitd.core.policy import Policy
from jitd.store import Cell, Row, Store


@dataclass(frozen=True, slots=True)
class Typed:
    """A cell with a text that a person typed."""

    text: str


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A cell with a command that a person typed, in the form of ``shown_command``."""

    line: str


Told = tuple[Cell | Typed | CommandLine, ...]  # a row as people read it


@dataclass(frozen=True, slots=True)
class Then:
    """The ``policy`` at the end of the report's time, or today's if that one, with the digest ``unread``, cannot be read."""

    policy: Policy
    unread: str = ""


class Queries(Protocol):
    """Asks the database. All queries of one report see the same state of it."""

    def __call__(self, sql: str, parameters: Mapping[str, Cell]) -> list[Row]:
        """Return the rows of a query, which changes nothing. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a report that is made at ``now`` is about: the requests that were submitted from ``since`` on and before ``until``
    (all three aware, in UTC), by one of the principals ``who`` and under the rule ``rule``. None selects all. ``ask`` and
    ``store`` read one state of the database. In ``ask``, the table ``asked`` has these requests (``asked.scope_of`` makes both).
    ``policy`` is the policy in force, and ``then`` the one at ``until``. ``people`` maps words of their rules, such as
    ``group:ops``, to the persons whom they name, and to whether these are all.
    """

    now: datetime
    since: datetime
    until: datetime
    who: frozenset[str] | None
    rule: str | None
    ask: Queries = field(repr=False)
    store: Store = field(repr=False)
    policy: Policy = field(repr=False)
    then: Then = field(repr=False)
    people: People = field(repr=False, default_factory=dict)

    @property
    def parameters(self) -> dict[str, Cell]:
        """The parameters that each query may name. Times have the form of the store's columns, ``who`` is an array in JSON."""
        return {
            "now": f"{self.now:%Y-%m-%dT%H:%M:%S}",
            "since": f"{self.since:%Y-%m-%dT%H:%M:%S}",
            "until": f"{self.until:%Y-%m-%dT%H:%M:%S}",
            "rule": self.rule,
            "who": None if self.who is None else json.dumps(sorted(self.who)),
        }


def _as_it_is(_: Scope) -> Callable[[Row], Told]:
    return lambda row: row


@dataclass(frozen=True, slots=True)
class Figure:
    """``name`` is for programs, ``title`` and ``columns`` are for people. ``explain`` says how the figure is made: its SQL, or a
    sentence where the figure needs more than the database. ``says`` is a sentence about what the figure shows and what it does
    not show, or makes it. ``rows`` makes the figure, and ``told`` makes of each row that is shown what people read.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    explain: str
    rows: Callable[[Scope], Iterable[Row]] = field(repr=False)
    says: str | Callable[[Scope], str] = ""
    told: Callable[[Scope], Callable[[Row], Told]] = field(repr=False, default=_as_it_is)


def by_sql(
    name: str,
    title: str,
    columns: tuple[str, ...],
    sql: str,
    says: str = "",
    told: Callable[[Scope], Callable[[Row], Told]] = _as_it_is,
) -> Figure:
    """Return a figure whose rows are those of the query ``sql``, which may name ``Scope.parameters``."""
    return Figure(name, title, columns, sql, lambda scope: scope.ask(sql, scope.parameters), says, told)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report, with a heading."""

    name: str
    title: str
    figures: tuple[Figure, ...]
