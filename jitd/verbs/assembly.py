# SPDX-License-Identifier: Apache-2.0
"""Builds the verbs: what a client may ask of the daemon, once it knows who asks."""

from __future__ import annotations

from collections.abc import Iterable

from jitd.audit.countersigned import file_of, stored
from jitd.audit.forms import Countersignature
from jitd.audit.signing import Signing
from jitd.deciding.assembly import Deciding
from jitd.deciding.ground import Ground
from jitd.lifecycle.givers import Givers
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.lifecycle.notifier import Notifier
from jitd.lifecycle.perform import Perform
from jitd.lifecycle.readers import Readers
from jitd.lifecycle.waiters import Waiters
from jitd.verbs.access import Access
from jitd.verbs.endings import Endings
from jitd.verbs.explanations import Explanations
from jitd.verbs.keys import Keys
from jitd.verbs.lists import Lists
from jitd.verbs.locks import Locks
from jitd.verbs.mutes import Mutes
from jitd.verbs.observers import Observers
from jitd.verbs.owed_reviews import OwedReviews
from jitd.verbs.receipts import Receipts
from jitd.verbs.recordings import Recordings
from jitd.verbs.records import Records
from jitd.verbs.requests import Requests
from jitd.verbs.reviews import Reviews
from jitd.verbs.roll import Roll


class Verbs:
    """The verbs of one daemon."""

    def __init__(
        self,
        ground: Ground,
        deciding: Deciding,
        lifecycle: Lifecycle,
        perform: Perform,
        waiters: Waiters,
        signing: Signing,
        notices: Notifier,
        readers: Readers,
        givers: Givers,
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
            untaken=lambda id: perform.holdings.why_untaken(id) or givers.why_unrenewed(id),
            is_attended=lambda id: waiters.of(id) is not None,
            signers=deciding.signers,
        )

        def countersigned() -> Iterable[Countersignature]:
            return stored(file_of(config.state), config.record.witnesses).values()

        self.requests = Requests(config, access, decider, explainer, perform, store, waiters, workers, now, readers.decided)
        self.explanations = Explanations(access, explainer, workers, now, self.requests.unseated)
        self.receipts = Receipts(ground, access, decider, deciding.signers)
        self.reviews = Reviews(access, decider, perform, store, now, self.receipts)
        self.owed_reviews = OwedReviews(access, decider, perform, store, now, self.receipts)
        self.endings = Endings(config, access, self.lists, perform, store, waiters)
        self.locks = Locks(access, self.endings, perform, store, deciding.accounts, waiters, workers, now, self.receipts)
        self.recordings = Recordings(config, access, self.lists, lifecycle, store, opened, workers, now, readers.recorded)
        self.records = Records(ground, access, lifecycle, countersigned)
        self.observers = Observers(access, decider, perform.observing, self.recordings, store, workers, now)
        self.keys = Keys(access, signing)
        self.roll = Roll(signing, lambda: ground.store.n_open() + sum(1 for _ in ground.store.owed_reviews()))
        self.mutes = Mutes(store, notices.look_again, now)
