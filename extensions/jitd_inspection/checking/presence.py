# SPDX-License-Identifier: Apache-2.0
"""The warning about rules that give root by approvals for which nobody has to touch a key, on a host that knows keys.

Law: one line names all of these rules. A host whose people have no keys is not told to demand touches.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from jitd.core.policy import Rule
from jitd.core.receipt import is_enough
from jitd.core.warning import Warned
from jitd.settings.config import Config

NAME, MOST_TOLD = "untouched", 5


def about_presence(rules: Sequence[Rule], config: Config) -> Iterator[Warned]:
    """Yield the warning about ``rules``, which amount to root, or one for each rule that accepts it."""
    if not os.path.exists(config.approvals.keys) and not any(line.key for line in config.approvers.values()):
        return
    found = [rule for rule in rules if _takes_no_touch(rule)]
    told = [rule.name for rule in found if NAME not in dict(rule.accepts)]
    yield from (Warned(NAME, one.file, one.line, one.name, "it is accepted") for one in found if one.name not in told)
    if told:
        more = f" and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
        rules_say = f"{'rule' if len(told) == 1 else 'rules'} {', '.join(told[:MOST_TOLD])}{more}"
        said = 'root is given by approvals that any program with an approver\'s ticket can give: demand signed = "touch"'
        yield Warned(NAME, "", 0, "", f"{rules_say}: {said}")


def _takes_no_touch(rule: Rule) -> bool:
    """True if approvals are demanded, and each of them can be given without a touch."""
    return bool(rule.approvals) and all(
        any(not is_enough(way.demand.signed, "touch") for way in one.ways) for one in rule.approvals
    )
