# SPDX-License-Identifier: Apache-2.0
"""Checks that the policies which records name are stored beside the chain, as they were when they came into force.

Law: how much memory this takes does not depend on the length of the record.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from jitd.audit.findings import Flaw, Report, Wrong
from jitd.core import policy_text

MOST_KNOWN = 4096  # policies, by digest. One that is named again after as many others is read again
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Policies:
    """``document`` returns what is stored as the policy with a digest, as ``Store.policy_document`` does."""

    def __init__(self, document: Callable[[str], bytes | None]) -> None:
        self._document = document
        self._known: dict[str, None] = {}
        self._found: list[Flaw] = []

    def take(self, number: int, named: object) -> None:
        """Check the policy that record ``number`` names. A text that is not a digest names none."""
        if not isinstance(named, str) or named in self._known or not _DIGEST.fullmatch(named):
            return
        if len(self._known) >= MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[named] = None
        document = self._document(named)
        if document is None:
            self._find(Flaw(Wrong.POLICY_MISSING, number, f"the policy {named} is missing, which record {number} names"))
        elif not _fits(named, document):
            self._find(Flaw(Wrong.POLICY_DIFFERS, number, f"the policy {named}, which record {number} names, was changed"))

    def _find(self, finding: Flaw) -> None:
        if len(self._found) < MOST_KNOWN:
            self._found.append(finding)

    def end(self, report: Report) -> None:
        """Report what was found, in the order of the records."""
        for finding in self._found:
            report(finding)


def _fits(digest: str, document: bytes) -> bool:
    try:
        return policy_text.read(document).digest == digest
    except ValueError:
        return False
