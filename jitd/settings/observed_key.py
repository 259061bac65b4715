# SPDX-License-Identifier: Apache-2.0
"""The key ``run.observed`` of a permit. A command of such a permit runs only while it is watched by a person who may review the
request.
Law: it is a fault if the commands of a rule with this key could never run. The rule must permit at least one person to watch. All
output must be recorded, because a watcher sees the recording.
"""

from __future__ import annotations

from dataclasses import replace

from jitd.core.deed import deed_of
from jitd.core.policy import Rule
from jitd.core.toml_table import Table

KEPT = ("output", "all")
"""The values of ``run.record`` that an observed run may have. With both values, all output is recorded. With any other value, the
watcher would not see all output.
"""


def observed(table: Table, rule: Rule) -> Rule:
    """Return ``rule``, which was read from ``table``. If the rule has the key ``run.observed``, the returned rule has the
    recording that this key needs. Faults are added to the table.
    """
    terms = rule.terms
    if not terms.observed:
        return rule
    run = table.table("run")
    if not rule.approvals:
        run.fault('"observed" needs "approvals": only a person who may approve the request counts as a watcher', "observed")
    if rule.gives is not None and rule.commands is None:
        run.fault('"observed" is about commands: nobody can watch a thing that is given', "observed")
    if rule.services is not None and not any(deed_of(service).is_executed for service in rule.services):
        run.fault('"observed" is about what jitsudo runs: nobody can watch what another program runs', "observed")
    if "record" in run.values and terms.record.what not in KEPT:
        run.fault('"record" must be "output" or "all" with "observed": the recording is what people watch', "record")
    if terms.record.failure != "end":
        run.fault('"record_failure" must be "end" with "observed": the recording is what people watch', "record_failure")
    if terms.watch is not None and not terms.watch:
        run.fault('"watch" names nobody, and "observed" needs somebody who watches', "watch")
    what = terms.record.what if terms.record.what in KEPT else KEPT[0]
    return replace(rule, terms=replace(terms, record=replace(terms.record, what=what)))
