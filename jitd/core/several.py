# SPDX-License-Identifier: Apache-2.0
"""Computes one answer for several things or files that are requested together (``jitsudo --get A --get B``, ``jitsudo -e A B``).

Law: if one of them is denied, all are denied. If several rules together permit them, the strictest value of each
obligation applies. Therefore nobody gets one of them under easier terms by requesting it together with others. Several rules
may limit who may read the contents of the request. After a deny, a person may read the contents only if all these rules allow
this.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce

from jitd.core.decision import MOST_COMBINATIONS, Decision, Deny, Permit, Why, in_both, n_combinations, narrow

MOST_THINGS = 8  # things in one request


def for_all(answers: Iterable[Decision]) -> Decision:
    """Return the answer to a request by its ``answers``, at least one: the first deny, if there is one. Who may read the contents
    is limited by all of them, in any order.
    """
    found = tuple(answers)
    if len(found) == 1:
        return found[0]
    denial = next((answer for answer in found if isinstance(answer, Deny)), None)
    if denial is not None:
        return replace(denial, visible_to=reduce(in_both, map(_visible_to, found)))
    permits = [answer for answer in found if isinstance(answer, Permit)]
    together = Permit(
        " and ".join(sorted({permit.rule for permit in permits})), reduce(narrow, (permit.obligations for permit in permits))
    )
    if n_combinations(together.obligations.approvals) > MOST_COMBINATIONS:
        many = f"the approvals of rules {together.rule} have more than {MOST_COMBINATIONS} combinations"
        return together.denied(Why.TERMS, f"{many}: ask for them one by one")
    return together


def _visible_to(answer: Decision) -> tuple[str, ...] | None:
    return answer.visible_to if isinstance(answer, Deny) else answer.obligations.visible_to
