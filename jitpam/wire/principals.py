# SPDX-License-Identifier: Apache-2.0
"""Leaves out the realm of a principal for a person at a terminal.

Law: two principals never look the same. The realm of the reader is the only one that is ever left out. It stays where the rest
could be read as something else: as a principal of another realm, as local root, or as an account without a ticket.
"""

from __future__ import annotations

import re

_ROOT = "root"  # the name in the record for uid 0 without a ticket
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._$-]*(?:/[A-Za-z0-9._$-]+)*")
"""Names that are clear without a realm. A name with ``@``, ``:`` or a backslash is not."""


def without_realm(principal: str, realm: object) -> str:
    """Return ``principal`` without ``@realm`` if the name alone is clear. Otherwise return ``principal``."""
    name, at, its = principal.rpartition("@")
    is_clear = at and its and its == realm and name != _ROOT and _PLAIN.fullmatch(name)
    return name if is_clear else principal


def realm_of(principal: str) -> str:
    """Return the realm of ``principal``. Local root has none."""
    return principal.rpartition("@")[2] if "@" in principal else ""
