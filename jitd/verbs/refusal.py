# SPDX-License-Identifier: Apache-2.0
"""Refusal is the exception with which jitd refuses what a client asks for. The connection sends this refusal to the client. Law:
the text is a sentence that the person may read. The text does not reveal the rules.
"""

from __future__ import annotations

from jitd.core.subject import Identity, Subject
from jitpam.wire.codes import CODES
from jitpam.wire.shown import shown

NOT_THEIRS = "this ticket does not belong to your account on this host: kinit as yourself"
NOBODY_BY_DOOR = "no account or line of [approvers] is {who}'s here (a new line takes a restart)"
DELEGATED = "a service has got this ticket on your behalf, and it proves nothing at the door: kinit"


class Refusal(Exception):
    """A refusal with a text. ``code`` is one of CODES. Unless the text says otherwise, nothing was changed."""

    def __init__(self, code: str, text: str) -> None:
        assert code in CODES, code
        super().__init__(text)
        self.code = code
        self.text = text


def with_account(who: Identity) -> Subject:
    """Return ``who``, who has an account on this host. Raises Refusal if they have none."""
    if isinstance(who, Subject):
        return who
    needs = "this needs an account on this host"
    raise Refusal("forbidden", f"{needs}, and {shown(who.principal)} has none: ask root of this host for one")
