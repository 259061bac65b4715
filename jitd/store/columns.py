# SPDX-License-Identifier: Apache-2.0
"""The columns by which a store searches for objects. These columns are stored together with the documents of the objects.
Law: the value of a column is computed from the object alone. Therefore the verifier can compare the column with the object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jitd.core.command import work_of
from jitd.core.grant import Grant
from jitd.core.holding import Holding
from jitd.core.lock import Lock
from jitd.core.owed_review import OwedReview
from jitd.core.request import Request, RequestState
from jitd.core.run import Run
from jitd.store import history
from jitd.store.tally import is_unused


@dataclass(frozen=True, slots=True)
class Columns:
    """The database table for the objects of one life cycle, and the columns by which a store searches for these objects."""

    table: str
    is_open: Callable[[Any], bool]
    keys: Callable[[Any], dict[str, object]]
    moving: Callable[[Any], dict[str, object]] = lambda _: {}  # columns that may change with the object


COLUMNS: dict[type, Columns] = {
    Request: Columns(
        "requests",
        lambda r: r.is_open,
        lambda r: {"uid": r.requester.uid, "person": r.requester.person, "asked_at": history.spell(r.submitted_at)},
        lambda r: {"is_denied": int(r.state is RequestState.DENIED), "rule": r.rule},
    ),
    Grant: Columns(
        "grants",
        lambda g: g.is_live,
        lambda g: {
            "uid": g.holder.uid,
            "person": g.holder.person,
            "ends_at": history.spell(g.ends_at),
        },
        lambda g: {"unused": int(is_unused(g)), "work": work_of(g.command.told) if g.is_live else b""},
    ),
    Run: Columns(
        "runs",
        lambda r: r.is_live,
        lambda r: {"grant_id": r.grant},
        lambda r: {"started_at": history.spell(r.started_at)},
    ),
    Lock: Columns("locks", lambda k: k.is_active, lambda k: {}),
    Holding: Columns("holdings", lambda h: h.is_live, lambda h: {"grant_id": h.grant}),
    OwedReview: Columns("owed_reviews", lambda o: o.is_open, lambda o: {"person": o.requester.person}),
}
