# SPDX-License-Identifier: Apache-2.0
"""Instants and durations of rows as people read them. Law: an instant that cannot be parsed is shown as the daemon sent it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def span(seconds: float) -> str:
    """Return ``seconds`` in its largest unit, rounded down: ``12s``, ``14m``, ``3h``, ``2d``."""
    whole = max(0, int(seconds))
    for size, letter in _UNITS:
        if whole >= size:
            return f"{whole // size}{letter}"
    return "0s"


def in_words(seconds: int) -> str:
    """Return all of a duration in words: ``1 hour 30 minutes``."""
    parts = []
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return " ".join(parts) or "0 seconds"


def seconds_since(instant: object) -> float | None:
    """Return the seconds from ``instant`` (RFC 3339, UTC) to now: negative if ``instant`` is in the future, None if it cannot be
    parsed."""
    try:
        at = datetime.strptime(str(instant), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return time.time() - at.timestamp()


def age(instant: object) -> str:
    """Return how long ago ``instant`` was, such as ``12s``; ``-`` if ``instant`` cannot be parsed."""
    since = seconds_since(instant)
    return "-" if since is None else span(since)


def left(instant: object) -> str:
    """Return how long it is until ``instant``, such as ``14m``; ``-`` if ``instant`` cannot be parsed."""
    since = seconds_since(instant)
    return "-" if since is None else span(-since)


def told(instant: object) -> str:
    """Return ``instant`` and its distance from now: ``2026-01-05T09:00:00Z (12s ago)``."""
    since = seconds_since(instant)
    if since is None:
        return str(instant)
    return f"{instant} ({span(since)} ago)" if since >= 0 else f"{instant} (in {span(-since)})"
