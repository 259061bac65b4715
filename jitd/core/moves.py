# SPDX-License-Identifier: Apache-2.0
"""What may happen in each life, by the names that a record has: the tables LAW and MAY_CAUSE, drawn once.

Law: each value is made of dicts, tuples and texts. ``verify.py`` has the values, and not the classes that they are drawn from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jitd.core import grant, holding, lock, owed_review, request, run
from jitd.core.chain import SET_ASIDE as SET_ASIDE
from jitd.core.command import ID, NUMBERED
from jitd.core.law import LifeEvent, Role, name_of_kind

Row = dict[str, tuple[str, ...]]  # maps each event to the states that may follow
NOTHING = ""  # the state before the first event of a life
USED, RETURNED = name_of_kind(grant.Used), name_of_kind(run.Returned)
STARTING, GIVING = name_of_kind(run.Starting), name_of_kind(holding.Giving)
NOT_BEGUN = {name_of_kind(run.Ended): str(run.Ending.NOT_STARTED), name_of_kind(holding.Ended): str(holding.Ending.NOT_GIVEN)}
"""Maps the end of what begins by a use to the ending for which the use is given back."""
APPROVED = str(request.RequestState.APPROVED)


def _moves(law: Mapping[Any, Mapping[type[LifeEvent], frozenset[Any]]], birth: type[LifeEvent]) -> dict[str, Row]:
    first = str(next(iter(law)))
    rows = {
        str(state): {name_of_kind(kind): tuple(sorted(map(str, after))) for kind, after in row.items()}
        for state, row in law.items()
    }
    return {NOTHING: {name_of_kind(birth): (first,)}, **rows}


def _roles(*tables: Mapping[type[LifeEvent], frozenset[Role]]) -> Row:
    return {name_of_kind(kind): tuple(sorted(map(str, roles))) for table in tables for kind, roles in table.items()}


MOVES: dict[str, dict[str, Row]] = {
    "request": _moves(request.LAW, request.Submitted),
    "grant": _moves(grant.LAW, grant.Issued),
    "run": _moves(run.LAW, run.Starting),
    "holding": _moves(holding.LAW, holding.Giving),
    "lock": _moves(lock.LAW, lock.Placed),
    "owed_review": _moves(owed_review.LAW, owed_review.Begun),
}
"""Maps each life and each of its states to the events that may happen then. What is born is in the first state of its LAW."""
ROLES: Row = _roles(request.MAY_CAUSE, grant.MAY_CAUSE, run.MAY_CAUSE, holding.MAY_CAUSE, lock.MAY_CAUSE, owed_review.MAY_CAUSE)
"""Maps each event to the roles that may cause it."""
IDS = {**dict.fromkeys(MOVES, ID), "run": NUMBERED, "holding": NUMBERED, "lock": "[!-~]+"}
"""Maps each life to what its ids are, as a regular expression. Nothing is looked for by the id of a lock."""
MAY_BE_SET_ASIDE = ("request", "grant", "run")
"""The lives whose damaged objects are set aside. The others bar somebody, or are owed to be taken back."""
