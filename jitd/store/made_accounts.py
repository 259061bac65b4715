# SPDX-License-Identifier: Apache-2.0
"""Finds in the record the person for whom jitd created an account. Such an account is a made account (``core.made_account``).
Law: the answer comes only from the record, and never from the host. If somebody other than jitd has created an account with the
name of a made account, this account belongs to no person.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from jitd.core.holding import HoldingState
from jitd.core.made_account import Made, holding_of, is_account
from jitd.store import Store, StoreError


def made_in(store: Store, account: str) -> Made | None:
    """Return what the record has of ``account``, which jitd made, or None. Raises StoreError."""
    if (id := holding_of(account)) is None:
        return None
    found = store.holding(id)
    if found is None and store.damage_of("holding", id) is not None:  # the account would be taken for somebody's own
        raise StoreError(f"nobody knows for whom {account} was made: holding {id} is damaged in the database")
    if found is None or not is_account(found.thing):
        return None
    return Made(found.account.name, found.to, found.state is HoldingState.HELD)


def made_by(opened: Callable[[], Store]) -> Callable[[str], Made | None]:
    """Return ``made_in`` for any thread, with a store that ``opened`` opens at each call."""

    def made(account: str) -> Made | None:
        with closing(opened()) as store:
            return made_in(store, account)

    return made


def behind_in(store: Store, account: str) -> str:
    """Return the account of the person for whom jitd made ``account``. If the record does not say that jitd made ``account``,
    return ``account`` itself. See ``core.made_account.Behind``.
    """
    made = made_in(store, account)
    return account if made is None else made.holder
