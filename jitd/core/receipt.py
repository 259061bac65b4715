# SPDX-License-Identifier: Apache-2.0
"""A receipt as it is stored: what an approver has signed with a key of their own, and how much this proves.

Law: a level that nobody knows proves nothing, and demands more than anybody could prove.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jitd.core import ssh_keys

LEVELS = ("", *ssh_keys.LEVELS)
"""What a receipt proves, the least first: nothing, or what its signature says."""
IN_WORDS = {
    "": "",
    "key": "signed with a key",
    "synced": "signed with a key in hardware that was touched, or with a passkey that has verified a person",
    "touch": "signed with a key in hardware that was touched",
    "pin": "signed with a key in hardware that was touched and has verified a PIN",
}
"""What a demand for each of LEVELS says of an approval."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """``statement`` is the text that was signed (PROTOCOL.md, "Receipts"), ``signature`` the signature in OpenSSH's form, and
    ``key`` the fingerprint of the key. ``proves`` is one of LEVELS.
    """

    statement: str
    signature: str
    key: str
    proves: str

    def detail(self) -> dict[str, Any]:
        """Return what stands in the record. Nothing of it was typed."""
        return {"statement": self.statement, "signature": self.signature, "key": self.key, "proves": self.proves}


def in_toml(level: str) -> str:
    """Return how TOML writes a demand for ``level``, one of LEVELS but the first."""
    return "true" if level == "key" else f'"{level}"'


def detail_of(receipt: Receipt | None) -> dict[str, Any]:
    """Return the member of the record of a review that has ``receipt``."""
    return {} if receipt is None else {"receipt": receipt.detail()}


def proved_by(receipt: Receipt | None) -> str:
    """Return what ``receipt`` proves, one of LEVELS."""
    return "" if receipt is None else receipt.proves


def stricter(one: str, other: str) -> str:
    """Return what demands more of a receipt. Both are of LEVELS."""
    return one if one not in LEVELS or is_enough(one, other) else other


def is_enough(proved: str, demanded: str) -> bool:
    """True if what ``proved`` says is at least what ``demanded`` says. Both are of LEVELS."""
    if not demanded:
        return True
    return proved in LEVELS and demanded in LEVELS and LEVELS.index(proved) >= LEVELS.index(demanded)
