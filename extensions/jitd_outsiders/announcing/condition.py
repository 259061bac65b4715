# SPDX-License-Identifier: Apache-2.0
"""What ``jitd status`` and ``jitd metrics`` say of the channels of notices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jitd.core.condition import Line
from jitd.core.duration import roughly
from jitd.core.wording import count, listed


def channels(names: Sequence[str], failing: Sequence[tuple[str, float, str, int]]) -> Iterator[Line]:
    """Yield a line for each channel of notices that fails, and one for all others. A row of ``failing`` has the channel, since
    how many seconds it fails, the reason, and the number of requests whose people it could not tell.
    """
    for name, since, why, n_requests in failing:
        untold = f"could not tell people of {count(n_requests, 'request')}, for {roughly(since)} by now: {why}"
        yield Line("notices", f"{name}: {untold}; tell them yourself: jitd requests", False)
    well = [name for name in names if name not in {row[0] for row in failing}]
    if well:
        yield Line("notices", f"{listed(tuple(well), 'and')}: no notice is held up")
