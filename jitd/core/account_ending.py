# SPDX-License-Identifier: Apache-2.0
"""Ends the open requests and the grants of a made account when jitd takes the account back. A made account is an account that
jitd has made for a person, who is the account's holder. The requests and the grants of the holder's own account continue.

Law: the events of this module are in the same transaction as the order to take the account back. Therefore nobody can use a grant
of the account after this order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jitd.core.grant import Grant, Revoked
from jitd.core.holding import Holding, Taking
from jitd.core.law import DAEMON
from jitd.core.made_account import account_of_holding, is_account
from jitd.core.request import Request, Withdrawn
from jitd.core.subject import Subject


def ends_account(holding: object, event: object) -> bool:
    """True if ``event`` orders jitd to take back the account that it has made as the thing of ``holding``."""
    return isinstance(holding, Holding) and isinstance(event, Taking) and is_account(holding.thing)


def is_of_account(holding: Holding, who: Subject) -> bool:
    """True if ``who`` is under the account that ``holding`` is about."""
    return who.user == account_of_holding(holding.id)


def consequences(holding: Holding, waiting: Iterable[Request], live: Iterable[Grant]) -> tuple[Any, ...]:
    """``holding`` is about an account that jitd has made for a person. Return the events that end the requests and the grants of
    this account. ``waiting`` contains at least its open requests, and ``live`` at least its live grants.
    """
    account = account_of_holding(holding.id)
    because = f"the account {account} is taken back"
    withdrawn = tuple(Withdrawn(asked.id, DAEMON, because) for asked in waiting if asked.requester.user == account)
    revoked = tuple(Revoked(grant.id, DAEMON, because) for grant in live if grant.holder.user == account)
    return (*withdrawn, *revoked)
