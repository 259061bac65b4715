# SPDX-License-Identifier: Apache-2.0
"""Spells the principals in rows for a person at a terminal. The realm of the reader is left out, because it is the same on nearly
every line (``jitpam.wire.principals``). JSON, mail, the record and the journal keep whole principals.
"""

from __future__ import annotations

from jitd.cli.answer import Row, words
from jitpam.wire.principals import without_realm
from jitpam.wire.rows import UNKNOWN, Request


def spelled(row: Row, name: str = "requester") -> str:
    """Return the principal in the member ``name`` of ``row``, as the reader of ``row`` sees it."""
    return without_realm(words(row, name), row.get("realm"))


def who(row: Request) -> str:
    """Return the account of the person who asks, and the person's principal if it says more than the account."""
    principal = without_realm(row.requester, row.realm)
    account = row.requester if row.account in ("", UNKNOWN) else row.account
    return account if principal in (account, f"local:{account}", f"pam:{account}") else f"{account} ({principal})"
