# SPDX-License-Identifier: Apache-2.0
"""Checks that the lists of standing privileges which records name are stored beside the chain, as they were recorded.

Law: how much memory this takes does not depend on the length of the record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from jitd.audit.findings import Finding, Report, Wrong

RECORDED = "standing.recorded"


def check(number: int, content: dict[str, Any], document: Callable[[str], bytes | None], report: Report) -> None:
    """Check the list that record ``number`` names, if its event is RECORDED. ``document`` returns what has a digest."""
    detail = content.get("detail")
    digest = detail.get("sha256") if isinstance(detail, dict) else None
    if content.get("event") != RECORDED or not isinstance(digest, str):
        return
    found = document(digest)
    if found is None or hashlib.sha256(found).hexdigest() != digest:
        what = "is missing" if found is None else "was changed"
        told = f"the list of standing privileges {digest}, which record {number} names, {what}"
        report(Finding(Wrong.STANDING_DIFFERS, number, told))
