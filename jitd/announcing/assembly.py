# SPDX-License-Identifier: Apache-2.0
"""Builds what tells people of requests: the posts, their channels, and what both need. Law: it only puts parts together."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from jitd.announcing.letters import Office
from jitd.announcing.notices import Notices
from jitd.core.decision import Approval
from jitd.core.effects import Moment
from jitd.core.notice import Skipped
from jitd.core.request import Request
from jitd.core.subject import person_of
from jitd.deciding.seats import Seats
from jitd.notifying import wording
from jitd.notifying.assembly import Carriers, assemble
from jitd.settings.config import Config
from jitd.store import Store


def announcing(
    config: Config,
    store: Store,
    carriers: Carriers,
    people: Callable[[Request, tuple[Approval, ...]], Awaitable[tuple[Seats, ...]]],
    skipped: Callable[[str], Skipped | None],
    note: Callable[[str, str, int, dict[str, Any]], None],
    now: Callable[[], Moment],
    set_deadline: Callable[[str, str, float], None],
) -> Notices:
    """Return the notices of a daemon. ``people`` and ``skipped``: see Office. ``note`` writes into the record (see Lifecycle).
    ``set_deadline`` has a request looked at again later.
    """
    office = Office(
        store=store,
        wording=wording,
        people=people,
        person=lambda user: person_of(user, config.people),
        skipped=skipped,
        note=lambda name, detail: note(name, "jitd", 0, detail),
        now=now,
        clock=time.monotonic,
    )
    channels = assemble(config.notify, carriers, config.host, lambda: now().at)
    return Notices(config.notify, channels, office, set_deadline)
