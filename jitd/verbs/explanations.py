# SPDX-License-Identifier: Apache-2.0
"""Makes rows that explain a decision. The rows tell the result of each rule for a supposed request. They also name the permits
that came closest to permitting the request.

Law: only operators and auditors learn which rules exist and what other people may do. Nothing is submitted or recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jitd.core.changed import replace
from jitd.core.decision import Decision, Deny
from jitd.core.effects import Moment
from jitd.core.explaining import Explained, Near
from jitd.core.subject import Subject
from jitd.deciding.command_lookup import Asked, Nonsense
from jitd.deciding.explaining import Explainer, Nobody, Supposed, Supposition
from jitd.verbs.access import Access
from jitd.verbs.limits import SUPPOSITIONS, SUPPOSITIONS_PER_SECOND, Pace
from jitd.verbs.refusal import Refusal
from jitd.verbs.rows import Row, decision_row, instant
from jitd.workers import Workers
from jitpam.wire.shown import shown


class Explanations:
    """The operators' verb ``explain --as``."""

    def __init__(self, access: Access, explainer: Explainer, workers: Workers, now: Callable[[], Moment]) -> None:
        self._access = access
        self._explainer = explainer
        self._workers = workers
        self._now = now
        self._pace = Pace(SUPPOSITIONS_PER_SECOND, SUPPOSITIONS)

    async def suppose(self, who: Subject, service: str, asked: Asked, supposed: Supposed) -> list[Row]:
        """Return the rows that explain the decision about ``asked`` under the suppositions ``supposed``. The first row is the
        decision. Each further row is about one rule. Raises Refusal.
        """
        self._access.overseers_only(who, "explain what others may do")
        if not self._pace.may(who.person, self._now().boot):
            raise Refusal("denied", "you have asked too often what would happen: wait a minute")
        try:
            found = await self._explainer.suppose(who, service, asked, supposed)
        except Nobody as fault:
            raise Refusal("unknown", f"{shown(supposed.name)}: {fault}") from None
        except Nonsense as fault:
            raise Refusal("usage", str(fault)) from None
        except TimeoutError:
            raise Refusal("not_done", "a look-up that the answer needs took too long: try again") from None
        return await self._workers.frames.run(who.uid, _rows, found)


def _rows(found: Supposition) -> list[Row]:
    who = found.who
    whom = {"principal": shown(who.principal), "groups": sorted(map(shown, who.groups)), "group_ids": sorted(who.gids)}
    first = decision_row(found.decision, found.command) | {"providers": list(found.awaited)}
    return [first | whom, *(_explained_row(rule) for rule in found.rules)]


def _explained_row(explained: Explained) -> Row:
    rule = explained.rule
    return {
        "rule": shown(rule.name),
        "verdict": rule.verdict,
        "file": shown(rule.file),
        "line": rule.line,
        "says": str(explained.saying),
        "because": shown(explained.because),
        "conditions": [
            {
                "condition": finding.condition,
                "outcome": str(finding.outcome),
                "wants": shown(finding.wants),
                "value": shown(finding.value),
            }
            for finding in explained.findings
        ],
    }


def near_rows(closest: Iterable[Near]) -> list[Row]:
    """Return one row for each rule in ``closest``. These are the rules that came closest to permitting the request."""
    return [
        {
            "rule": shown(near.rule),
            "wants": [shown(want) for want in near.wants],
            "opens_at": instant(near.opens_at),
            "opens": shown(near.opens),
        }
        for near in closest
    ]


def in_its_hour(decision: Decision, closest: Iterable[Near]) -> Decision:
    """Return ``decision``. If it is a denial, and a rule of ``closest`` may permit the request later, add this rule and
    the time from which it may permit the request.
    """
    openings = [(near.opens_at, near) for near in closest if near.opens_at is not None]
    if not openings or not isinstance(decision, Deny):
        return decision
    _, opening = min(openings, key=lambda pair: pair[0])
    return replace(decision, because=f"{decision.because} at this hour; rule {opening.rule} may permit it from {opening.opens}")
