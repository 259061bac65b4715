# SPDX-License-Identifier: Apache-2.0
"""Compares the process that continues a request with the process that made the request.

Law: a rule may use facts about the process that makes a request. In this case, only a process with the same values of these facts
may continue the request.
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
    """Raise Refusal if ``caller`` differs from who made ``found``, in facts that a rule used. Raises TimeoutError."""
    kept = dict(found.caller)
    if kept:
        _refuse(found.id, kept, await workers.files.run(found.requester.party, callers.look, frozenset(kept), caller))


def _refuse(id: str, kept: dict[str, str], now: Facts) -> None:
    for name, value in sorted(kept.items()):
        if now[name] != value:
            elsewhere = f"request {id} was asked for {_WORDS[name]} {value}, and you continue it from another: {spell(now[name])}"
            raise Refusal("denied", f"{elsewhere}; continue it from there, or ask again")
