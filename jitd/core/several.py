# SPDX-License-Identifier: Apache-2.0
"""One answer for several things that are asked for at once (``jitsudo --get A --get B``).

Law: pure. If one thing is denied, all are denied. Rules that permit together ask for the stricter of each: nothing is given on
easier terms than alone. A denial is shown to no more people than each rule that was found would show its part.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce

from jitd.core.decision import MOST_COMBINATIONS, Decision, Deny, Permit, Why, in_both, n_combinations, narrow

MOST_THINGS = 8
"""How many things one request may ask for."""


def for_all(answers: Iterable[Decision]) -> Decision:
    """Return the answer to a request, from the answer for each thing. There is one at least. The first denial is the answer. All
    others are looked for all the same: what they narrow holds for the denial, in whatever order the things are named.
    """
    found = tuple(answers)
    denial = next((answer for answer in found if isinstance(answer, Deny)), None)
    if denial is not None:
        return replace(denial, visible_to=reduce(in_both, map(_visible_to, found)))
    permits = [answer for answer in found if isinstance(answer, Permit)]
    if len(permits) == 1:
        return permits[0]
    together = Permit(
        " and ".join(sorted({permit.rule for permit in permits})), reduce(narrow, (permit.obligations for permit in permits))
    )
    if n_combinations(together.obligations.approvals) > MOST_COMBINATIONS:
        many = f"rules {together.rule} together can be approved in more than {MOST_COMBINATIONS} ways"
        return together.denied(Why.TERMS, f"{many}: ask for the things one by one")
    return together


def _visible_to(answer: Decision) -> tuple[str, ...] | None:
    return answer.visible_to if isinstance(answer, Deny) else answer.obligations.visible_to
