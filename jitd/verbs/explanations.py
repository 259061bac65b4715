# SPDX-License-Identifier: Apache-2.0
"""Makes rows that explain a decision. The rows tell the result of each rule for a supposed request. They also name the permits
that came closest to permitting the request.

Law: only operators and auditors learn which rules exist and what other people may do. Nothing is submitted or recorded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from functools import reduce

from jitd.core.decision import Decision, Deny, Why, in_both
from jitd.core.effects import Moment
from jitd.core.explaining import Explained, Near
from jitd.core.rights import Act
from jitd.core.subject import Subject
from jitd.deciding.command_lookup import Asked, Nonsense
from jitd.deciding.decider import FirstDecision
from jitd.deciding.explaining import Explainer, Nobody, Supposed, Supposition
from jitd.verbs.access import Access
from jitd.verbs.limits import SUPPOSITIONS, SUPPOSITIONS_PER_SECOND, Pace
from jitd.verbs.refusal import Refusal
from jitd.verbs.rows import Row, decision_row, instant
from jitd.workers import Workers
from jitpam.wire import rows
from jitpam.wire.shown import reshown, shown

MOST_NAMED = 2  # rules that a denial names
MOST_OF_WANTS = 160  # characters of what one rule wants. Of a rule that wants more, a denial tells only the name.


async def _all_seated(who: Subject, service: str, first: FirstDecision) -> tuple[str, ...]:
    return ()


class Explanations:
    """The operators' verb ``explain --as``. ``unseated`` says which approvals nobody could give (``Requests.unseated``)."""

    def __init__(
        self,
        access: Access,
        explainer: Explainer,
        workers: Workers,
        now: Callable[[], Moment],
        unseated: Callable[[Subject, str, FirstDecision], Awaitable[tuple[str, ...]]] = _all_seated,
    ) -> None:
        self._access = access
        self._explainer = explainer
        self._workers = workers
        self._now = now
        self._unseated = unseated
        self._pace = Pace(SUPPOSITIONS_PER_SECOND, SUPPOSITIONS)

    async def suppose(self, who: Subject, service: str, asked: Asked, supposed: Supposed) -> list[Row]:
        """Return the rows that explain the decision about ``asked`` under the suppositions ``supposed``. The first row is the
        decision. Each further row is about one rule. Raises Refusal.
        """
        self._access.refuse(Act.SUPPOSE, who)
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
        of_now = supposed.at is None  # nobody knows whose keys count at another time
        first = FirstDecision(asked, found.command, found.decision)
        unseated = await self._unseated(found.who, service, first) if of_now else ()
        return await self._workers.frames.run(who.party, _rows, found, unseated)


def _rows(found: Supposition, unseated: tuple[str, ...]) -> list[Row]:
    who = found.who
    first = decision_row(found.decision, found.command).plus(
        providers=tuple(found.awaited),
        unseated=unseated,
        principal=shown(who.principal),
        groups=tuple(sorted(map(shown, who.groups))),
        group_ids=tuple(sorted(who.gids)),
    )
    return [first.written(), *(_explained_row(rule) for rule in found.rules)]


def _explained_row(explained: Explained) -> Row:
    rule = explained.rule
    return rows.Ruling(
        rule=shown(rule.name),
        verdict=rule.verdict,
        file=shown(rule.file),
        line=rule.line,
        says=str(explained.saying),
        because=reshown(explained.because),
        conditions=tuple(
            rows.Condition(condition=one.condition, outcome=str(one.outcome), wants=shown(one.wants), value=shown(one.value))
            for one in explained.findings
        ),
    ).written()


def near_rows(closest: Iterable[Near]) -> tuple[rows.Near, ...]:
    """Return one row for each rule in ``closest``. These are the rules that came closest to permitting the request."""
    return tuple(
        rows.Near(
            rule=shown(near.rule),
            wants=tuple(map(shown, near.wants)),
            opens_at=instant(near.opens_at),
            opens=shown(near.opens),
        )
        for near in closest
    )


def told(decision: Decision, closest: Sequence[Near], *, has_ticket: bool, may_list: bool) -> Decision:
    """Return ``decision``, the answer to a new request. If it is the denial "no rule permits", add what its requester may know
    of the rules: from when a rule may permit the request, or else which rules in ``closest`` come closest to it. If there is no
    such rule and ``may_list`` is True, add how the requester lists what they may ask for. Who has no ticket needs one first, and
    is named no closest rule.

    A rule that is named has a say in who may read the contents of the request (``visible_to``), as if it had denied it: the
    request is almost one of those that it hides, and its name and what it wants are in the denial.
    """
    if not isinstance(decision, Deny) or decision.why is not Why.NO_RULE:
        return decision
    openings = [(near.opens_at, near) for near in closest if near.opens_at is not None]
    if openings:
        _, opening = min(openings, key=lambda pair: pair[0])
        more, named = f" at this hour; rule {opening.rule} may permit it from {opening.opens}", [opening]
    elif closest and has_ticket:
        named = list(closest[:MOST_NAMED])
        more = f"; the closest {'rule is' if len(named) == 1 else 'rules are'} {' and '.join(map(_named, named))}"
    else:
        more, named = "; jitsudo -l lists what you may ask for" if may_list else "", []
    visible_to = reduce(in_both, (near.visible_to for near in named), decision.visible_to)
    return replace(decision, because=decision.because + more, visible_to=visible_to)


def _named(near: Near) -> str:
    wants = ", ".join(near.wants)
    return f"{near.rule} ({wants})" if len(wants) <= MOST_OF_WANTS else near.rule
