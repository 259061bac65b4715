# SPDX-License-Identifier: Apache-2.0
"""Builds the verbs: what a client may ask of the daemon, once it knows who asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from jitd.audit.countersigned import file_of, stored
from jitd.audit.forms import Countersignature
from jitd.audit.signing import Signing
from jitd.core.holding import Untaken
from jitd.core.notice import Heard
from jitd.core.request import Request
from jitd.deciding.assembly import Deciding
from jitd.deciding.ground import Ground
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.lifecycle.perform import Perform
from jitd.lifecycle.waiters import Waiters
from jitd.verbs.access import Access
from jitd.verbs.endings import Endings
from jitd.verbs.explanations import Explanations
from jitd.verbs.keys import Keys
from jitd.verbs.lists import Lists, Noticed
from jitd.verbs.locks import Locks
from jitd.verbs.mutes import Mutes
from jitd.verbs.observers import Observers
from jitd.verbs.owed_reviews import OwedReviews
from jitd.verbs.packs import Packs
from jitd.verbs.recordings import Recordings
from jitd.verbs.records import Records
from jitd.verbs.reports import Reports
from jitd.verbs.requests import Requests
from jitd.verbs.reviews import Reviews


class Notifies(Protocol):
    """What notifies people over channels."""

    def of(self, request: Request) -> Iterable[Noticed]:
        """Return who was told of ``request`` over which channel, and why somebody was not."""

    def heard_of(self, request: Request) -> tuple[Heard, ...]:
        """Return, for each channel of a waiting request, whom it has told of the request."""

    def look_again(self) -> None:
        """Send all notices that are due."""


class Counts(Protocol):
    """What counts for ``jitd metrics``."""

    def decided(self, seconds: float) -> None: ...

    def recorded(self, n_bytes: int) -> None: ...


class Verbs:
    """The verbs of one daemon. ``why_unrenewed`` returns why the grant of a holding cannot be renewed in the KDC."""

    def __init__(
        self,
        ground: Ground,
        deciding: Deciding,
        lifecycle: Lifecycle,
        perform: Perform,
        waiters: Waiters,
        signing: Signing,
        notices: Notifies,
        counts: Counts,
        why_unrenewed: Callable[[str], Untaken | None],
    ) -> None:
        config, store, opened, workers, now = ground.config, ground.store, ground.opened, ground.workers, ground.now
        decider, explainer = deciding.decider, deciding.explainer
        access = self.access = Access(config, store, config.people)
        self.lists = Lists(
            access,
            store,
            opened,
            workers,
            perform.usage_of,
            now,
            decider=decider,
            notices_of=notices.of,
            untaken=lambda id: perform.holdings.why_untaken(id) or why_unrenewed(id),
            is_attended=lambda id: waiters.of(id) is not None,
        )

        def countersigned() -> Iterable[Countersignature]:
            return stored(file_of(config.state), config.record.witnesses).values()

        self.requests = Requests(config, access, decider, explainer, perform, store, waiters, workers, now, counts.decided)
        self.explanations = Explanations(access, explainer, workers, now)
        self.reviews = Reviews(access, decider, perform, store, now)
        self.owed_reviews = OwedReviews(access, decider, perform, store, now)
        self.endings = Endings(config, access, self.lists, perform, store, waiters)
        self.locks = Locks(access, self.endings, perform, store, deciding.accounts, waiters, workers, now)
        self.recordings = Recordings(config, access, self.lists, lifecycle, store, opened, workers, now, counts.recorded)
        self.records = Records(ground, access, lifecycle, countersigned)
        self.reports = Reports(ground, access, lifecycle, deciding.seating.named_by)
        self.packs = Packs(ground, access, lifecycle, countersigned)
        self.observers = Observers(access, decider, perform.observing, self.recordings, store, workers, now)
        self.keys = Keys(access, signing)
        self.mutes = Mutes(store, notices.look_again, now)
