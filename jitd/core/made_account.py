# SPDX-License-Identifier: Apache-2.0
"""The names and the holders of made accounts. A made account is an account that jitd creates for a limited time, as a thing of
the kind ``account``.

Law: the name of a made account can be computed from the id of its holding. The id can also be computed from the name. Therefore
the record always shows for whom the account was made, even after jitd has removed the account. jitd always treats a made account
as the person who holds the account. Only a function of the type ``Behind`` finds this person's own account.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

KIND = "account"  # the kind of thing to which made accounts belong
_NAME = re.compile(r"jit-([0-9a-hjkmnp-tv-z]{4})([0-9a-hjkmnp-tv-z]{4})(?:-([1-9][0-9]{0,8}))?", re.ASCII)
"""Matches a made account's name: a holding's id in lower case, without its hyphen, and with one for its dot."""

Behind = Callable[[str], str]
"""Returns the holder's own account for a made account that is held, and others unchanged. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class Made:
    """The entry about a made account in the record. ``holder`` is the own account of the person who holds the made account.
    ``principal`` is that person's principal. If a person has no ticket, the principal is a word with a prefix (see ``Subject``).
    ``is_held`` is True if the made account was given and is not being taken back.
    """

    holder: str
    principal: str
    is_held: bool


def account_of_holding(holding: str) -> str:
    """Return the name of the made account that belongs to the holding with the id ``holding``."""
    return f"jit-{holding.replace('-', '').replace('.', '-').lower()}"


def holding_of(account: str) -> str | None:
    """Return the id of the holding to which ``account`` belongs, or None if no made account has such a name."""
    found = _NAME.fullmatch(account)
    if found is None:
        return None
    first, second, number = found.groups()
    return f"{first}-{second}".upper() + (f".{number}" if number else "")


def is_made(account: str) -> bool:
    """True if ``account`` has the form of a made account's name. The function does not check whether the account exists."""
    return holding_of(account) is not None


def is_account(thing: str) -> bool:
    """True if the thing with the name ``thing`` is a made account."""
    return thing.partition(":")[0] == KIND


def itself(account: str) -> str:
    """Return ``account`` unchanged. Callers that cannot read the record use this function as their ``Behind``."""
    return account
