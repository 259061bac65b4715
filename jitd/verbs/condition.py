# SPDX-License-Identifier: Apache-2.0
"""What the daemon knows of its own condition: the lines of ``jitd status``, and the families of ``jitd metrics`` about what is
not well.

Law: nothing is looked up.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sized
from dataclasses import astuple, dataclass

from jitd.audit.signing import Signing
from jitd.core.condition import Family, Line, gauge
from jitd.deciding.ground import Ground
from jitd.failures import counted, last
from jitd.files.silence import MOUNTS
from jitd.lifecycle.drift import Drift
from jitd.lifecycle.looks import Looks
from jitd.lifecycle.notifier import Notifier
from jitd.lifecycle.readers import Readers
from jitd.verbs import status


@dataclass(frozen=True, slots=True)
class Condition:
    """The parts that say how they are. ``unrecorded`` are the runs whose reports cannot be recorded now."""

    ground: Ground
    started_at: float
    looks: Looks
    drift: Drift
    signing: Signing
    unrecorded: Sized
    readers: Readers
    notices: Notifier
    n_connections: Callable[[], int]

    def lines(self) -> Iterator[Line]:
        now, ground, rules, signing = time.time(), self.ground, self.ground.rules, self.signing
        refused = None if rules.refused is None else (now - rules.refused.at, rules.refused.faults)
        unsigned, remade = ((now - one[0], one[1]) if one else None for one in (signing.failing, signing.remade))
        n_of, lasts = counted(), last()
        yield status.daemon(ground.version, ground.config.host, os.getpid(), now - self.started_at)
        yield from self.looks.lines(now)
        yield status.policy(len(rules.policy.rules), rules.policy.digest, now - rules.read_at, rules.policy.broken, refused)
        yield from status.lives(ground.store.live_counts(), self.drift.troubles())
        yield status.record(ground.store.head().number, signing.fingerprint, unsigned, remade, len(self.unrecorded))
        yield from self.readers.lines(now)
        yield from self.notices.lines(now)
        yield from status.threads([astuple(lane.load) for lane in ground.workers.lanes], MOUNTS.silent)
        yield status.failures({str(what): (n, lasts.get(what, 0.0)) for what, n in n_of.items()})

    def families(self) -> Iterator[Family]:
        """Yield the version, and how much of what ``jitd status`` says is not well."""
        yield Family("jitd_build", "info", "The version of jitd.", (("_info", (self.ground.version,), 1),), ("version",))
        yield gauge("jitd_silent_mounts", "Mounts that do not answer.", len(MOUNTS.silent))
        yield gauge("jitd_things_in_trouble", "Given things that differ or cannot be taken back.", len(self.drift.troubles()))
        is_keyless = int(any(one.missing is not None for one in self.looks.all if one.about == "keytab"))
        yield gauge("jitd_keyless", "Whether jitd has no key with which people could authenticate.", is_keyless)
        yield from self.looks.gauges()
        yield from self.notices.gauges()
        yield from self.readers.gauges()
        yield gauge("jitd_connections", "Open connections of clients.", self.n_connections())
