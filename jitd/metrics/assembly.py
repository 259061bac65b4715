# SPDX-License-Identifier: Apache-2.0
"""Builds the answer to ``jitd metrics``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from jitd.core.condition import Family
from jitd.deciding.ground import Ground
from jitd.metrics.answer import Metrics
from jitd.metrics.meters import Meters
from jitd.metrics.record import signatures
from jitd.verbs.access import Access


def metrics(ground: Ground, access: Access, meters: Meters, *more: Callable[[], Iterable[Family]]) -> Metrics:
    """Return the verb. Each function in ``more`` returns further families."""
    config = ground.config
    of_record = partial(signatures, state=config.state, witnesses=config.record.witnesses)
    return Metrics(access, meters, ground, of_record, *more)
