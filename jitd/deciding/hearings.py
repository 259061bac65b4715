# SPDX-License-Identifier: Apache-2.0
"""Queries the gatekeepers of a permit that have not answered yet. The query contains all known data about the request.

Law: no gatekeeper is queried about a denial. After a query, the caller must decide again, because time has passed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from jitd.core.decision import Decision, Deny, Permit
from jitd.core.effects import Moment
from jitd.core.gatekeeping import Asking
from jitd.core.policy import Policy
from jitd.core.request import Request
from jitd.core.subject import Identity
from jitd.deciding.findings import Findings
from jitd.deciding.gatekeepers import Answers, Hearing
from jitd.store import Store


class InForce(Protocol):
    """Has the policy that is in force, and since when: in seconds since 1970."""

    @property
    def policy(self) -> Policy: ...

    @property
    def read_at(self) -> float: ...


class Hearings:
    """Queries gatekeepers about requests. ``answers`` sends the queries and stores the answers."""

    def __init__(self, answers: Answers, store: Store, rules: InForce, now: Callable[[], Moment], findings: Findings) -> None:
        self._answers = answers
        self._findings = findings
        self._store = store
        self._rules = rules
        self._now = now

    def forget(self) -> None:
        """Drop the kept answers."""
        self._answers.forget()

    async def have_asked(self, request: Request, decision: Decision, standing: tuple[Identity, ...], hearing: Hearing) -> bool:
        """Query the gatekeepers of ``decision`` that have not answered yet. Return False if all gatekeepers have answered
        already. If the result is True, time has passed during the query, so the caller must decide again.
        """
        if isinstance(decision, Deny):
            return False
        asking = self._asking(request, decision, standing)
        missing = hearing.missing(decision.obligations.gatekeepers, asking)
        if not missing:
            return False
        lease = self._store.request(decision.lease or request.lease or request.id)
        earlier = (*request.passed, *(() if lease is None else lease.passed))
        hearing.heard += await self._answers.of(missing, asking, earlier)
        return True

    def _asking(self, request: Request, permit: Permit, standing: tuple[Identity, ...]) -> Asking:
        """Return the question for gatekeepers. jitd waits for answers only until the request or its grant ends."""
        ends_boot = request.expires_boot
        if not request.is_open:
            grant = self._store.grant(request.lease or request.id)
            ends_boot = self._now().boot + permit.obligations.expires_for
            ends_boot = ends_boot if grant is None else min(ends_boot, grant.ends_boot)
        return Asking(
            id=request.id,
            fingerprint=request.fingerprint,
            requester=request.requester,
            host=request.host,
            service=request.service,
            command=replace(request.command, findings=self._findings.stored_with(request.command, request.requester.user)),
            claims=request.claims,
            point=request.point,
            terms=request.terms,
            rule=permit.rule,
            policy=self._rules.policy.digest,
            owed=permit.obligations.approvals,
            approved=tuple(approver.principal for approver in standing),
            facts=permit.seen,
            ends_boot=self._now().boot + permit.obligations.expires_for if ends_boot is None else ends_boot,
            breaks_glass=permit.obligations.break_glass is not None,
        )
