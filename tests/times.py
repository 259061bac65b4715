# SPDX-License-Identifier: Apache-2.0
"""How often the tests that hunt for a moment try. Law: the same code every day, with small numbers, and by ``make torture`` with
large ones: ``JITD_TIMES=N`` is N times as often.
"""

import os

FACTOR = int(os.environ.get("JITD_TIMES") or 1)


def times(everyday: int) -> int:
    """How often, for what is tried ``everyday`` times without a word."""
    return everyday * FACTOR
