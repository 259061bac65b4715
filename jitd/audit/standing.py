# SPDX-License-Identifier: Apache-2.0
"""Checks that the lists of standing privileges which records name are stored beside the chain, as they were recorded.

Law: how much memory this takes does not depend on the length of the record. A list says nothing of the chain, so what is found is
reported at the end: the comparison of the chain with the stored objects goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from jitd.audit.events import STANDING_RECORDED
from jitd.audit.findings import Flaw, Report, Wrong
from jitd.core.chain import detail_of

MOST = 4096  # so many findings are kept until the end


class StandingLists:
    """``document`` returns what is stored as the list with a digest, as ``Store.standing`` does."""

    def __init__(self, document: Callable[[str], bytes | None]) -> None:
        self._document = document
        self._found: list[Flaw] = []

    def take(self, number: int, content: dict[str, Any]) -> None:
        """Check the list that record ``number`` names, if it is the record of one."""
        digest = detail_of(content).get("sha256")
        if content.get("event") != STANDING_RECORDED or not isinstance(digest, str) or len(self._found) >= MOST:
            return
        found = self._document(digest)
        if found is None or hashlib.sha256(found).hexdigest() != digest:
            what = "is missing" if found is None else "was changed"
            told = f"the list of standing privileges {digest}, which record {number} names, {what}"
            self._found.append(Flaw(Wrong.STANDING_DIFFERS, number, told))

    def end(self, report: Report) -> None:
        """Report what was found, in the order of the records."""
        for finding in self._found:
            report(finding)
