# SPDX-License-Identifier: Apache-2.0
"""Refusal, the exception that says no to a client; its connection sends it. Law: the text is a sentence that the person may read,
and does not tell the rules.
"""

from __future__ import annotations

from jitpam.wire.codes import CODES

NOT_THEIRS = "this ticket does not belong to your account on this host: kinit as yourself"
NOBODY_HERE = "your account may not ask here: it is a system account, or it has expired"


class Refusal(Exception):
    """A refusal. ``code`` is one of the wire's CODES. Nothing was changed unless the text says so."""

    def __init__(self, code: str, text: str) -> None:
        assert code in CODES, code
        super().__init__(text)
        self.code = code
        self.text = text
