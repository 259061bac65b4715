# SPDX-License-Identifier: Apache-2.0
"""Builds the parts that decide, and that look for people and reasons."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache, partial

from jitd import extensions
from jitd.core.named_groups import NamedGroups, in_words
from jitd.core.policy import groups_named
from jitd.deciding.account_policy import AccountPolicy
from jitd.deciding.accounts import Accounts
from jitd.deciding.decider import Decider, Gives
from jitd.deciding.explaining import Explainer
from jitd.deciding.findings import Findings
from jitd.deciding.gatekeepers import Gatekeepers
from jitd.deciding.ground import Ground
from jitd.deciding.kdc_liveness import Kdc
from jitd.deciding.knowledge import Gather, KeptProviders
from jitd.deciding.seats import Seating, muted
from jitd.deciding.signers import signers_of
from jitd.store.made_accounts import behind_in, made_by
from jitd.store.used_accounts import UsedAccounts


class Deciding:
    """The parts that decide, with PAM (``Executor.account_code``), this host's facts, and the systems outside."""

    def __init__(
        self,
        ground: Ground,
        kdc: Kdc,
        givers: Gives,
        gather: Gather,
        providers: KeptProviders,
        gatekeepers: Gatekeepers,
        account_code: Callable[[str, str], Awaitable[int]],
    ) -> None:
        config, store, now = ground.config, ground.store, ground.now
        self.kdc = kdc
        self.providers = providers
        made = made_by(ground.opened)
        self.accounts = Accounts(
            config.naming, dict(config.people), config.min_uid, _named(ground), made, config.approvers, config.sids
        )
        self.signers = signers_of(config, lambda: now().at)
        self.seating = Seating(
            config,
            ground.workers,
            uses=UsedAccounts(store, config.people),
            muted=lambda: muted(store, now().at),
            refused=kdc.refused_lately,
            ask=kdc.look_at,
            closed=lambda request: self.decider.why_closed(request),
            rules=lambda: (ground.policy().digest, self.decider.rules_in_hours()),
            signers=self.signers,
        )
        self.account_policy = AccountPolicy(config.pam.requester, account_code, partial(behind_in, store))
        self.decider = Decider(
            config=config,
            rules=ground.rules,
            store=store,
            accounts=self.accounts,
            account_policy=self.account_policy,
            kdc=kdc,
            givers=givers,
            gather=gather,
            providers=providers,
            workers=ground.workers,
            now=now,
            findings=Findings(extensions.grader(), config.trusted_places),
            gatekeepers=gatekeepers,
            seating=self.seating,
            signers=self.signers,
        )
        self.explainer = Explainer(
            config,
            ground.policy,
            self.accounts,
            self.decider.lock_on,
            gather,
            config.names,
            ground.workers,
            now,
            lambda person: store.owed_reviews(person=person),
        )

    def forget(self) -> None:
        """Drop what was answered under the old policy."""
        self.decider.forget_answers()
        self.kdc.forget()
        self.providers.forget()


def _named(ground: Ground) -> Callable[[], NamedGroups]:
    overseers = in_words(ground.config.operators) | in_words(ground.config.auditors)

    @lru_cache(1)  # there may be thousands, and each of them is hashed
    def together(of_rules: NamedGroups, of_requests: frozenset[str]) -> NamedGroups:
        return of_rules.plus(overseers, of_requests)

    return lambda: together(groups_named(ground.rules.policy), ground.store.groups_named)
