# SPDX-License-Identifier: Apache-2.0
"""Builds what tells people of requests: the posts, their channels, and what both need. Law: it only puts parts together."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from jitd.core.effects import Moment
from jitd.core.notice import Skipped
from jitd.core.subject import person_of
from jitd.deciding.addressees import Addressees
from jitd.lifecycle.letters import Office
from jitd.lifecycle.notices import Notices
from jitd.notifying import wording
from jitd.notifying.assembly import Carriers, assemble
from jitd.settings.config import Config
from jitd.store import Store
from jitd.workers import Workers


def announcing(
    config: Config,
    store: Store,
    carriers: Carriers,
    workers: Workers,
    skipped: Callable[[str], Skipped | None],
    note: Callable[[str, str, int, dict[str, Any]], None],
    now: Callable[[], Moment],
    set_deadline: Callable[[str, str, float], None],
) -> Notices:
    """Return the notices of a daemon. ``skipped`` returns the review that is owed for a request, ``note`` writes into the record
    (``Lifecycle.note``), ``set_deadline`` has a request looked at again later.
    """
    office = Office(
        store=store,
        wording=wording,
        people=Addressees(config.realms, config.principals, config.people, workers).of,
        person=lambda user: person_of(user, config.people),
        skipped=skipped,
        note=lambda name, detail: note(name, "jitd", 0, detail),
        now=now,
        clock=time.monotonic,
    )
    channels = assemble(config.notify, carriers, config.host, lambda: now().at)
    return Notices(config.notify, channels, office, set_deadline)
