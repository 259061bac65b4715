# SPDX-License-Identifier: Apache-2.0
"""Whether a request is continued from where it was asked for.

Law: if a rule has looked at the process that asked, only a process of which the same is true continues the request.
"""

from __future__ import annotations

from jitd.core.facts import Facts, spell
from jitd.core.origin import FACT, Caller
from jitd.core.request import Request
from jitd.facts import caller as callers
from jitd.verbs.refusal import Refusal
from jitd.workers import Workers

_WORDS = {FACT: "from a login session that began at", "fact.unit": "from the unit", "fact.cgroup": "from the control group"}


async def refuse_elsewhere(found: Request, caller: Caller, workers: Workers) -> None:
    """Raise Refusal if ``caller`` is not where the process was that asked for ``found``. Raises TimeoutError."""
    kept = dict(found.caller)
    if kept:
        _refuse(found.id, kept, await workers.files.run(found.requester.uid, callers.look, frozenset(kept), caller))


def _refuse(id: str, kept: dict[str, str], now: Facts) -> None:
    for name, value in sorted(kept.items()):
        if now[name] != value:
            elsewhere = f"request {id} was asked for {_WORDS[name]} {value}, and you continue it from another: {spell(now[name])}"
            raise Refusal("denied", f"{elsewhere}; continue it from there, or ask again")
