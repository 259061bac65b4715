# SPDX-License-Identifier: Apache-2.0
"""Spells principals for a person at a terminal. The realm of the reader is left out, because it is the same on nearly every line.
JSON, mail, the record and the journal keep whole principals.

Law: two principals never look the same. The realm of the reader is the only one that is ever left out. It stays where the rest
could be read as something else: as a principal of another realm, as local root, or as an account without a ticket.
"""

from __future__ import annotations

import re

from jitd.cli.answer import Row, words
from jitd.core.subject import ROOT

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._$-]*(?:/[A-Za-z0-9._$-]+)*")
"""Names that are clear without a realm. A name with ``@``, ``:`` or a backslash is not."""


def without_realm(principal: str, realm: object) -> str:
    """Return ``principal`` without ``@realm`` if the name alone is clear. Otherwise return ``principal``."""
    name, at, its = principal.rpartition("@")
    is_clear = at and its and its == realm and name != ROOT and _PLAIN.fullmatch(name)
    return name if is_clear else principal


def spelled(row: Row, name: str = "requester") -> str:
    """Return the principal in the member ``name`` of ``row``, as the reader of ``row`` sees it."""
    return without_realm(words(row, name), row.get("realm"))


def who(row: Row) -> str:
    """Return the account of the person who asks, and the person's principal if it says more than the account."""
    account, principal = words(row, "account", words(row, "requester")), spelled(row)
    return account if principal in (account, f"local:{account}", f"pam:{account}") else f"{account} ({principal})"
