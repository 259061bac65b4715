# SPDX-License-Identifier: Apache-2.0
"""The verb ``audit key``: shows the public key by which the head of the record is signed, or has a new key made."""

from __future__ import annotations

from jitd.audit.signing import CannotSign, Signing
from jitd.core.rights import Act
from jitd.core.subject import Subject
from jitd.store import StoreError
from jitd.verbs.access import Access
from jitd.verbs.refusal import Refusal


class Keys:
    """The verb ``audit key``."""

    def __init__(self, access: Access, signing: Signing) -> None:
        self._access = access
        self._signing = signing

    def line(self, who: Subject, *, rotate: bool, acknowledge: bool = False) -> str:
        """Return the public key as a line of OpenSSH. If ``rotate`` is true, the key is a new one. If ``acknowledge`` is true,
        first record that ``who`` knows why jitd has made it. Raises Refusal.
        """
        self._access.refuse(Act.MAKE_KEY if rotate else Act.ACKNOWLEDGE_KEY if acknowledge else Act.SEE_KEY, who)
        try:
            if acknowledge:
                self._signing.acknowledge(who.principal, who.uid)
            return self._signing.rotate(who.principal, who.uid) if rotate else self._signing.public_line()
        except (CannotSign, StoreError, OSError) as fault:
            stays = "there is no key yet that could sign the record"
            if rotate or acknowledge:
                stays = "no new key was made" if rotate else "the key was not acknowledged"
            raise Refusal("not_done", f"{stays}: {fault}") from None
