# SPDX-License-Identifier: Apache-2.0
"""The warnings about rules that give root by approvals for which nobody has to touch a key, on a host that knows keys.

Law: one line names all rules of which the same is true. A host whose people have no keys is not told to demand touches.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from jitd.core.policy import Rule
from jitd.core.receipt import is_enough
from jitd.core.warning import Warned
from jitd.settings.config import Config

NAME, MOST_TOLD = "untouched", 5
BY_LESS = {"synced": "any program with an approver's ticket", "touch": "anybody with a copy of an approver's passkey"}
"""Who can give an approval that takes less than a level."""


def about_presence(rules: Sequence[Rule], config: Config) -> Iterator[Warned]:
    """Yield the warnings about ``rules``, which amount to root, and one for each rule that accepts them."""
    if not os.path.exists(config.approvals.keys) and not any(line.key for line in config.approvers.values()):
        return
    weakest = {rule.name: next((level for level in BY_LESS if _takes_less(rule, level)), "") for rule in rules}
    for level, who in BY_LESS.items():
        yield from _about([rule for rule in rules if weakest[rule.name] == level], who)


def _about(found: Sequence[Rule], who: str) -> Iterator[Warned]:
    told = [rule.name for rule in found if NAME not in dict(rule.accepts)]
    yield from (Warned(NAME, one.file, one.line, one.name, "it is accepted") for one in found if one.name not in told)
    if told:
        more = f" and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
        rules_say = f"{'rule' if len(told) == 1 else 'rules'} {', '.join(told[:MOST_TOLD])}{more}"
        said = f'root is given by approvals that {who} can give: demand signed = "touch"'
        yield Warned(NAME, "", 0, "", f"{rules_say}: {said}")


def _takes_less(rule: Rule, level: str) -> bool:
    """True if approvals are demanded, and each of them can be given with less than ``level``."""
    return bool(rule.approvals) and all(
        any(not is_enough(way.demand.signed, level) for way in one.ways) for one in rule.approvals
    )
