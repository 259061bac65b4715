# SPDX-License-Identifier: Apache-2.0
"""Makes an order from a holding of a thing that jitd.toml defines. Law: the order names the account for which the grant was
made, and the settings that were approved.
"""

from __future__ import annotations

from collections.abc import Callable

from jitd.asking.turns import Turns
from jitd.core.grant import Grant
from jitd.core.holding import Holding
from jitd.givers.kind import Order
from jitd.settings.giver_words import digest_of, lets_of_one
from jitd.settings.givers import kind_of

NO_UID = 2**32 - 1
"""The uid that no account has (``(uid_t) -1`` of chown(2))."""
GrantOf = Callable[[str], Grant | None]
"""Returns the grant that has the given id, or None if there is none. The function may raise the exceptions of the store."""


def one_at_a_time() -> Turns:
    """Return the turns of one giver: one deed at a time, of one person after the other. A deed may hang as long as its deadline,
    and a person may have many of them.
    """
    return Turns(at_once=1, waiting=None, share=1)


class NoHolder(Exception):
    """The grant of a holding is not in the record, so it is not known who holds the grant. The text is a sentence."""


def order_of(holding: Holding, grant_of: GrantOf) -> tuple[Order, str]:
    """Return the order for ``holding``, and the person (``Subject.person``) who has it. Only a kind of thing that needs the text
    that the person brought gets it. Raises NoHolder and the exceptions of the store.
    """
    grant = grant_of(holding.grant)
    if grant is None:
        raise NoHolder(f"the record has no grant {holding.grant}")
    order = Order(
        holding.id,
        holding.thing.partition(":")[2],
        grant.holder.user,
        grant.holder.uid,
        int(holding.until.timestamp()),
        grant.command.brought if kind_of(holding.thing).BRINGS_KEY != "no" else "",
        approved=digest_of(lets_of_one(grant.command.lets, holding.thing)),
    )
    return order, grant.holder.person


def order_without_grant(holding: Holding) -> tuple[Order, str]:
    """Return an order for ``holding`` that names no account of this host, and the principal that has it. No grant is read."""
    name, until = holding.thing.partition(":")[2], int(holding.until.timestamp())
    return Order(holding.id, name, holding.to, NO_UID, until), holding.to
