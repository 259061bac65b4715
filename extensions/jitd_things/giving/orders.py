# SPDX-License-Identifier: Apache-2.0
"""Makes an order from a holding. Law: an order to give names the account for which the grant was made, and the settings that were
approved. An order to take back, or to look, is made from the holding alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from jitd.core.grant import Grant
from jitd.core.holding import Account, Holding
from jitd.settings.giver_words import digest_of, kind_of, lets_of_one
from jitd_outsiders.asking.turns import Turns
from jitd_things.givers.kind import Order

NO_UID = 2**32 - 1  # the uid that no account has (`(uid_t) -1` of chown(2))
GrantOf = Callable[[str], Grant | None]  # by id, or None if there is none. May raise the exceptions of the store


def one_at_a_time() -> Turns:
    """Return one giver's turns: one deed at a time, of one person after the other, because any may hang till its deadline."""
    return Turns(at_once=1, waiting=None, share=1)


class NoHolder(Exception):
    """The grant of a holding is needed and is not in the record. The text is a sentence."""


def order_to_give(holding: Holding, grant_of: GrantOf) -> Order:
    """Return the order to give the thing of ``holding``. Only a kind of thing that needs the text that the person brought gets
    it. Raises NoHolder and the exceptions of the store.
    """
    grant = _grant(holding, grant_of)
    return replace(
        _order(holding, Account(grant.holder.user, grant.holder.uid)),
        brought=grant.command.brought if kind_of(holding.thing).BRINGS_KEY != "no" else "",
        approved=digest_of(lets_of_one(grant.command.lets, holding.thing)),
    )


def order_of_given(holding: Holding) -> Order:
    """Return the order to look at the thing of ``holding``, or to take it back. Its grant is not asked."""
    return _order(holding, holding.account)


def order_for_principal(holding: Holding) -> Order:
    """Return an order for ``holding`` that names the principal that has it, and no account of this host."""
    return _order(holding, Account(holding.to, NO_UID))


def _order(holding: Holding, account: Account) -> Order:
    name, until = holding.thing.partition(":")[2], int(holding.until.timestamp())
    return Order(holding.id, name, account.name, account.uid, until)


def _grant(holding: Holding, grant_of: GrantOf) -> Grant:
    grant = grant_of(holding.grant)
    if grant is None:
        raise NoHolder(f"the record has no grant {holding.grant}")
    return grant
