# SPDX-License-Identifier: Apache-2.0
"""A no to a client, as a value that travels up to its connection. Law: the text is a sentence the person may read, and tells no
rule.
"""

from __future__ import annotations

from jitpam.wire.codes import CODES

NOT_THEIRS = "this ticket is not this account's here: kinit as yourself"
NOBODY_HERE = "your account may not ask here: it is a system's own, or it has expired"


class Refusal(Exception):
    """``code`` is one of the wire's CODES; nothing was changed unless the text says so."""

    def __init__(self, code: str, text: str) -> None:
        assert code in CODES, code
        super().__init__(text)
        self.code = code
        self.text = text
