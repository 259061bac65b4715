# SPDX-License-Identifier: Apache-2.0
"""The times that stand in what was sealed and signed. There is one spelling of each, and it names an instant that a calendar has.

Law: pure, for Python 3.9 and later. Part of verify.py, so it imports nothing of jitd.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone

_SECONDS = r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)"
_SIGNED = re.compile(f"{_SECONDS}Z", re.ASCII)
_RECORDED = re.compile(rf"{_SECONDS}(?:\.(\d{{6}}))?\+00:00", re.ASCII)


def signed_time(text: str) -> datetime:
    """Read a time in whole seconds, as in what is signed. Raises ValueError with the end of a sentence."""
    return _instant(text, _SIGNED)


def recorded_time(text: object) -> datetime:
    """Read a time as a record has it, with or without microseconds. Raises ValueError with the end of a sentence."""
    return _instant(text, _RECORDED)


def _instant(text: object, form: re.Pattern[str]) -> datetime:
    found = form.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("has no time in UTC")
    try:
        return datetime(*(int(part or 0) for part in found.groups()), tzinfo=timezone.utc)  # type: ignore[misc, arg-type]
    except ValueError:
        raise ValueError("has a time that no calendar has") from None
