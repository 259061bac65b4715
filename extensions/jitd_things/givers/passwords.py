# SPDX-License-Identifier: Apache-2.0
"""The passwords of the accounts and roles that jitd-givers makes. Law: a process that has imported this module has one fixed
password for each holding. Its forked children have the same passwords. So a thing that is given twice keeps its password. The key
from which passwords are computed is only in memory.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from jitd_things.givers.kind import Order

_KEY = secrets.token_bytes(32)
_HANDED_OUT: set[str] = set()


def password_of(order: Order) -> str:
    """Return the password for the thing that ``order`` gives: 256 bits, as 64 hexadecimal digits."""
    return hmac.new(_KEY, f"{order.name} {order.holding}".encode("ascii"), hashlib.sha256).hexdigest()


def hand_out(holding: str) -> None:
    """Remember that the holder of ``holding`` gets the secret that this process made."""
    _HANDED_OUT.add(holding)


def forget(holding: str) -> None:
    """Forget that the secret for ``holding`` was handed out, because ``holding`` has ended."""
    _HANDED_OUT.discard(holding)


def is_handed_out(order: Order) -> bool:
    """True if the holder of the order's holding has the password that ``password_of`` returns. jitd-givers knows this because
    ``hand_out`` was called. After a restart, jitd-givers knows nothing about earlier calls of ``hand_out``.
    """
    return order.holding in _HANDED_OUT
