# SPDX-License-Identifier: Apache-2.0
"""One rule of the policy: its conditions, and what a permit by it obliges to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jitd.core.authentication import Demand
from jitd.core.conditions import CommandPattern, Glob, Hours, Reason
from jitd.core.decision import Approval, BreakGlass, Obligations, Terms
from jitd.core.masking import Mask
from jitd.core.origin import Whence
from jitd.core.when import When


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. A condition that is None matches everything. A condition without members matches nothing.

    ``commands`` and ``gives`` form one condition. A rule with only ``commands`` does not cover things. A rule with only ``gives``
    does not cover commands. If a rule has neither field, a permit covers all commands and no things, and a deny covers all
    commands and all things. ``needs_ticket``: if a requester is known only by their account, the rule permits nothing.
    ``demand``: if a requester's authentication does not meet this demand, the rule permits nothing. ``origin`` and ``when`` are
    evaluated last. ``accepts`` contains the accepted warnings, each with the reason. If the requester breaks glass, only permits
    with ``break_glass`` count. Otherwise only permits without ``break_glass`` count. For ``standing``, ``gatekeepers``,
    ``notify``, ``visible_to`` and ``without_kdc`` see Obligations. ``masks`` hide words of every command whose
    file a pattern of the rule names (core/masking.py).
    """

    verdict: Literal["permit", "deny"]
    name: str
    who: tuple[str, ...] | None = None
    run_as: tuple[str, ...] | None = None
    commands: tuple[CommandPattern, ...] | None = None
    gives: tuple[str, ...] | None = None
    hosts: tuple[Glob, ...] | None = None
    hours: tuple[Hours, ...] | None = None
    services: tuple[str, ...] | None = None
    reason: Reason | None = None
    origin: tuple[Whence, ...] | None = None
    when: When | None = None
    approvals: tuple[Approval, ...] = ()
    expires_for: int = 15 * 60
    lasts_for: int = 15 * 60
    uses: int = 1
    terms: Terms = Terms()
    because: str = ""
    needs_ticket: bool = True
    demand: Demand = Demand()
    standing: str = "use"
    gatekeepers: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    visible_to: tuple[str, ...] | None = None
    masks: tuple[Mask, ...] = ()
    break_glass: BreakGlass | None = None
    without_kdc: str = "deny"
    accepts: tuple[tuple[str, str], ...] = ()
    file: str = ""
    line: int = 0

    @property
    def may_run_as_root(self) -> bool:
        """True if a command that this rule permits may run as root."""
        return self.run_as is None or any(word.partition(":")[0] in ("root", "*") for word in self.run_as)

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
        )
