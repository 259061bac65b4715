# SPDX-License-Identifier: Apache-2.0
"""Builds what sends the record to sinks, and what writes it to the journal of the host."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from jitd.deciding.ground import Ground, Note
from jitd.outside.client import Outside
from jitd.settings.sinks import SinkSection
from jitd.sinks.feed import Office
from jitd.sinks.host_log import HostLog
from jitd.sinks.sinks import Sinks
from jitd.store.opening import file_of, open_cursors
from jitd.workers import HOUSE


def journal(ground: Ground) -> HostLog:
    """Return what writes each record as a line of the journal."""
    return HostLog(ground.store, ground.opened, _in_lane(ground), time.monotonic, ground.config.socket.parent / "journal")


def sinks(ground: Ground, posts: Outside, note: Note) -> Sinks:
    """Return the sinks in the settings. ``posts`` delivers what they get."""
    office = Office(
        deliver=posts.deliver,
        in_thread=_in_lane(ground),
        note=note,
        cursors=open_cursors(file_of(ground.config.state)),
        clock=time.monotonic,
        now=lambda: ground.now().at,
    )
    return Sinks(ground.config.of(SinkSection).sinks, ground.store, ground.config.host, ground.opened, office)


def _in_lane(ground: Ground) -> Callable[[Callable[[], Any]], Awaitable[Any]]:
    return lambda work: ground.workers.sinks.run(HOUSE, work)
