# SPDX-License-Identifier: Apache-2.0
"""The failure of a verb."""

from __future__ import annotations


class NotDone(Exception):
    """Raised if a verb did not do its work. The text gives the reason. ``code`` is one of the CODES in jitpam.wire.messages."""

    def __init__(self, sentence: str, code: str = "not_done") -> None:
        super().__init__(sentence)
        self.code = code
