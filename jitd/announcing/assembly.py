# SPDX-License-Identifier: Apache-2.0
"""Builds the parts that send notices. For each channel in jitd.toml, this module builds a channel object and a post. The post
sends notices through this channel.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from jitd.announcing.letters import Office
from jitd.announcing.notices import Notices
from jitd.asking.settings import OutsiderSection
from jitd.core.decision import Approval
from jitd.core.effects import Moment
from jitd.core.notice import Back, Skipped
from jitd.core.owed_review import OwedReview, OwedReviewState
from jitd.core.request import Request
from jitd.core.subject import person_of
from jitd.core.ways import every_way, flat
from jitd.deciding.seats import Seats
from jitd.notifying import wording
from jitd.notifying.carriers import Carriers
from jitd.settings.config import Config
from jitd.store import Store
from jitd.store.made_accounts import behind_in


def announcing(
    config: Config,
    store: Store,
    carriers: Carriers,
    people: Callable[[Request, tuple[Approval, ...]], Awaitable[tuple[Seats, ...]]],
    note: Callable[[str, str, int, dict[str, Any]], None],
    now: Callable[[], Moment],
    set_deadline: Callable[[str, str, float], None],
    backs: Callable[[Request], tuple[Back, ...]],
    looked: Callable[[str], None],
) -> Notices:
    """Return the Notices object of a daemon. For ``people``, ``backs`` and ``looked``, see the class Office. ``note`` writes a
    note into the record (see Lifecycle). ``set_deadline`` sets a time at which a request is checked again.
    """
    office = Office(
        store=store,
        wording=wording,
        people=people,
        person=lambda user: person_of(user, config.people, partial(behind_in, store)),
        skipped=lambda id: _skipped(store.owed_review(id)),
        note=lambda name, detail: note(name, "jitd", 0, detail),
        now=now,
        clock=time.monotonic,
        operators=config.operators,
        backs=backs,
        looked=looked,
    )
    settings = config.of(OutsiderSection).notify.channels
    channels = {name: each.channel(carriers, config.host, lambda: now().at) for name, each in settings.items()}
    return Notices(settings, channels, office, set_deadline)


def _skipped(owed: OwedReview | None) -> Skipped | None:
    """Convert the owed review ``owed`` into the form that notices use. Return None if ``owed`` is None."""
    if owed is None:
        return None
    by = "" if owed.given_by is None else owed.given_by.user
    ways, is_overdue = flat(every_way(owed.glass.skipped)), owed.state is OwedReviewState.OVERDUE
    return Skipped(ways, is_overdue=is_overdue, given_by=by, given_at=owed.given_at)
