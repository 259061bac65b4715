# SPDX-License-Identifier: Apache-2.0
"""One rule of the policy: its keys, and what a permit by it obliges to. A key is registered here, with its fields and in KEYS."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jitd.core.decision import Obligations
from jitd.core.keys.accept import ACCEPT, WithAccepts
from jitd.core.keys.approvals import APPROVALS
from jitd.core.keys.because import BECAUSE, WithBecause
from jitd.core.keys.break_glass import BREAK_GLASS, WithBreakGlass
from jitd.core.keys.commands import COMMANDS
from jitd.core.keys.demand import DEMAND, WithDemand
from jitd.core.keys.disclosure import DISCLOSURE, WithDisclosure
from jitd.core.keys.gatekeepers import GATEKEEPERS, WithGatekeepers
from jitd.core.keys.grant import GRANT
from jitd.core.keys.hosts import HOSTS, WithHosts
from jitd.core.keys.hours import HOURS, WithHours
from jitd.core.keys.key import Condition, Key, OfRequester
from jitd.core.keys.notify import NOTIFY
from jitd.core.keys.origin import ORIGIN, WithOrigin
from jitd.core.keys.reason import REASON
from jitd.core.keys.run import RUN
from jitd.core.keys.run_as import RUN_AS, WithRunAs
from jitd.core.keys.services import SERVICES
from jitd.core.keys.ticket import TICKET
from jitd.core.keys.when import WHEN, WithWhen
from jitd.core.keys.who import WHO, WithWho
from jitd.core.keys.without_kdc import WITHOUT_KDC, MayLackKdc
from jitd.core.question import Question
from jitd.core.subject import Subject


@dataclass(frozen=True, slots=True)
class Rule(
    WithBreakGlass,  # and so with what it builds on: the run, the approvals, the grant, the reason, the channels
    MayLackKdc,
    WithDemand,
    WithWho,
    WithHosts,
    WithRunAs,
    WithHours,
    WithOrigin,
    WithWhen,
    WithGatekeepers,
    WithDisclosure,
    WithBecause,
    WithAccepts,
):
    """One rule. A condition that is None matches everything. A condition without members matches nothing."""

    def is_of(self, who: Subject) -> bool:
        """True if the rule applies to ``who``."""
        for is_of in _IS_OF:  # noqa: SIM110  # a generator would cost more than the conditions
            if not is_of(self, who):
                return False
        return True

    def matches(self, question: Question, at: datetime) -> bool:
        """True if all conditions hold that the question alone decides: all but ``origin`` and ``when``."""
        if not self.is_of(question.requester):
            return False
        for holds in _HOLD:  # noqa: SIM110
            if not holds(self, question, at):
                return False
        return True

    def covers(self, narrow: Rule) -> bool:
        """True if this surely matches every request that ``narrow`` does. Of a permit and a narrow deny, never."""
        return (self.verdict, narrow.verdict) != ("permit", "deny") and all(key.covers(self, narrow) for key in KEYS)

    @property
    def obligations(self) -> Obligations:
        """Return the obligations of each permit by this rule."""
        return Obligations(
            approvals=self.approvals,
            expires_for=self.expires_for,
            lasts_for=self.lasts_for,
            uses=self.uses,
            terms=self.terms,
            standing=self.standing,
            gatekeepers=self.gatekeepers,
            notify=self.notify,
            visible_to=self.visible_to,
            break_glass=self.break_glass,
            without_kdc=self.without_kdc,
            signed=self.signed,
        )


KEYS: tuple[Key[Rule], ...] = (
    WHO,
    TICKET,
    BREAK_GLASS,
    DEMAND,
    WITHOUT_KDC,
    SERVICES,
    HOSTS,
    RUN_AS,
    COMMANDS,
    HOURS,
    ORIGIN,
    WHEN,
    REASON,
    APPROVALS,
    GRANT,
    RUN,
    GATEKEEPERS,
    NOTIFY,
    DISCLOSURE,
    BECAUSE,
    ACCEPT,
)
"""All keys but the name, as they are read, settled, told and evaluated: ``origin`` and ``when``, about facts, come last."""
CONDITIONS: tuple[Condition[Rule], ...] = tuple(key for key in KEYS if isinstance(key, Condition))
"""The conditions that the question alone decides."""
_IS_OF = tuple(key.is_of for key in CONDITIONS if isinstance(key, OfRequester))
_HOLD = tuple(key.holds for key in CONDITIONS if not isinstance(key, OfRequester))
