# SPDX-License-Identifier: Apache-2.0
"""How often the tests that hunt for a moment try. Law: the same code every day, with small numbers, and by ``make torture`` with
large ones: ``JITD_TIMES=N`` is N times as often.
"""

import os
import random

FACTOR = int(os.environ.get("JITD_TIMES") or 1)
SEED = int(os.environ.get("JITD_SEED") or (921830925 if FACTOR == 1 else random.randrange(1 << 32)))
"""What random trials follow from: the same trials every day, and others if there are more of them. ``JITD_SEED=N`` repeats some
that failed.
"""


def times(everyday: int) -> int:
    """How often, for what is tried ``everyday`` times without a word."""
    return everyday * FACTOR
