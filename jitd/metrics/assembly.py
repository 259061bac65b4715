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
from jitd.verbs.answers import Answers
from jitpam.wire import messages


def metrics(to: Answers, ground: Ground, access: Access, meters: Meters, *more: Callable[[], Iterable[Family]]) -> Metrics:
    """Return the verb, and add its answer to the table ``to``. Each function in ``more`` returns further families."""
    config = ground.config
    of_record = partial(signatures, state=config.state, witnesses=config.record.witnesses)
    made = Metrics(access, meters, ground, of_record, *more)
    to.add(messages.Metrics, lambda asker, message: made.rows(asker.who))
    return made
