# SPDX-License-Identifier: Apache-2.0
"""Builds the parts that send notices. For each channel in jitd.toml, this module builds a channel object and a post. The post
sends notices through this channel.
"""

from __future__ import annotations

import time
from functools import partial

from jitd.core.notice import Skipped
from jitd.core.owed_review import OwedReview, OwedReviewState
from jitd.core.subject import person_of
from jitd.core.ways import every_way, flat
from jitd.deciding.ground import Ground, Note
from jitd.deciding.seats import Seating
from jitd.lifecycle.perform import Perform
from jitd.store.made_accounts import behind_in
from jitd_outsiders.announcing.letters import Office
from jitd_outsiders.announcing.notices import Notices
from jitd_outsiders.notifying import wording
from jitd_outsiders.notifying.carriers import Carriers
from jitd_outsiders.settings import OutsiderSection


def announcing(ground: Ground, carriers: Carriers, seating: Seating, note: Note, perform: Perform) -> Notices:
    config, store, now = ground.config, ground.store, ground.now
    office = Office(
        store=store,
        wording=wording,
        people=seating.of_each,
        person=lambda user: person_of(user, config.people, partial(behind_in, store)),
        skipped=lambda id: _skipped(store.owed_review(id)),
        note=note,
        now=now,
        clock=time.monotonic,
        operators=config.operators,
        backs=perform.holdings.backs,
        looked=perform.tell_waiter,
    )
    settings = config.of(OutsiderSection).notify.channels
    channels = {name: each.channel(carriers, config.host, lambda: now().at) for name, each in settings.items()}
    return Notices(settings, channels, office, perform.deadlines.set)


def _skipped(owed: OwedReview | None) -> Skipped | None:
    if owed is None:
        return None
    by = "" if owed.given_by is None else owed.given_by.account or owed.given_by.principal
    ways, is_overdue = flat(every_way(owed.glass.skipped)), owed.state is OwedReviewState.OVERDUE
    return Skipped(ways, is_overdue=is_overdue, given_by=by, given_at=owed.given_at)
