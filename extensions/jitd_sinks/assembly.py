# SPDX-License-Identifier: Apache-2.0
"""Builds what reads the record: sinks, the journal of the host, and the counts that ``jitd metrics`` tells."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from jitd.core.condition import Family
from jitd.core.party import HOUSE
from jitd.deciding.ground import Ground
from jitd.deciding.seats import Seating
from jitd.extension_points import Advisers, Reading, Site
from jitd.store.opening import file_of, open_cursors
from jitd.verbs.access import Access
from jitd.verbs.answers import Answers
from jitd_outsiders.assembly import Outsiders
from jitd_sinks.metrics.answer import Metrics
from jitd_sinks.metrics.meters import Meters
from jitd_sinks.metrics.record import signatures
from jitd_sinks.settings import SinkSection
from jitd_sinks.sinks.feed import Office
from jitd_sinks.sinks.host_log import HostLog
from jitd_sinks.sinks.sinks import Sinks
from jitpam.wire import messages


class Readings(Reading):
    """The readers of one daemon. jitd-outside delivers to the sinks, so this extension needs ``outsiders``."""

    def __init__(self, site: Site, outsiders: Outsiders) -> None:
        ground = self._ground = site.ground
        config = ground.config
        office = Office(
            deliver=outsiders.posts.deliver,
            in_thread=_in_lane(ground),
            note=site.note,
            cursors=open_cursors(file_of(config.state)),
            clock=time.monotonic,
            now=lambda: ground.now().at,
        )
        self._meters = Meters(ground.now().at.timestamp())
        self.readers = {
            "counts": self._meters,
            "journal": HostLog(ground.store, ground.opened, _in_lane(ground), time.monotonic, config.socket.parent / "journal"),
            "sinks": Sinks(config.of(SinkSection).sinks, ground.store, config.host, ground.opened, office),
        }

    def add_answers(self, to: Answers, access: Access, seating: Seating, own: Callable[[], Iterable[Family]]) -> None:
        config = self._ground.config
        of_record = partial(signatures, state=config.state, witnesses=config.record.witnesses)
        metrics = Metrics(access, self._meters, self._ground, of_record, own)
        to.add(messages.Metrics, lambda asker, message: metrics.rows(asker.subject))


def reader(site: Site, advisers: Advisers) -> Reading:
    return Readings(site, advisers.the(Outsiders))


def _in_lane(ground: Ground) -> Callable[[Callable[[], Any]], Awaitable[Any]]:
    return lambda work: ground.workers.sinks.run(HOUSE, work)
