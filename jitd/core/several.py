# SPDX-License-Identifier: Apache-2.0
"""One answer for several things that are asked for at once (``jitsudo --get A --get B``).

Law: pure. If one thing is denied, all are denied. Rules that permit together ask for the stricter of each: nothing is given on
easier terms than alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from jitd.core.decision import MOST_COMBINATIONS, Decision, Deny, Permit, Why, n_combinations, narrow

MOST_THINGS = 8
"""How many things one request may ask for."""


def for_all(answers: Iterable[Decision]) -> Decision:
    """Return the answer to a request, from the answer for each thing. There is one at least. The first denial is the answer, and
    no further answer is looked for.
    """
    permits: list[Permit] = []
    for answer in answers:
        if isinstance(answer, Deny):
            return answer
        permits.append(answer)
    if len(permits) == 1:
        return permits[0]
    rule = " and ".join(sorted({permit.rule for permit in permits}))
    owed = reduce(narrow, (permit.obligations for permit in permits))
    if n_combinations(owed.approvals) > MOST_COMBINATIONS:
        many = f"rules {rule} together can be approved in more than {MOST_COMBINATIONS} ways"
        return Deny(Why.TERMS, f"{many}: ask for the things one by one", rule)
    return Permit(rule, owed)
