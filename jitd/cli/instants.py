# SPDX-License-Identifier: Apache-2.0
"""Instants and durations of rows as people read them. Law: an instant that cannot be parsed is shown as the daemon sent it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

_UNITS = ((86400, "day"), (3600, "h"), (60, "min"), (1, "s"))


def span(seconds: float) -> str:
    """Return ``seconds`` in its largest unit, rounded down: ``12 s``, ``14 min``, ``3 h``, ``2 days``."""
    whole = max(0, int(seconds))
    for size, unit in _UNITS:
        if whole >= size:
            count = whole // size
            return f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''}"
    return "0 s"


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


def ago(instant: object) -> str:
    """Return how long ago ``instant`` was, such as ``12 s ago``; ``-`` if ``instant`` cannot be parsed."""
    since = seconds_since(instant)
    return "-" if since is None else f"{span(since)} ago"


def age(instant: object) -> str:
    """Return how long ago ``instant`` was, such as ``12 s``; ``-`` if ``instant`` cannot be parsed."""
    since = seconds_since(instant)
    return "-" if since is None else span(since)


def left(instant: object) -> str:
    """Return how long it is until ``instant``, such as ``14 min``; ``-`` if ``instant`` cannot be parsed."""
    since = seconds_since(instant)
    return "-" if since is None else span(-since)


def until(instant: object) -> str:
    """Return how long it is until ``instant``, such as ``in 14 min``; ``now`` if it has come, ``-`` if it cannot be parsed."""
    since = seconds_since(instant)
    if since is None:
        return "-"
    return f"in {span(-since)}" if since < 0 else "now"


def told(instant: object) -> str:
    """Return ``instant`` and its distance from now: ``2026-01-05T09:00:00Z (12 s ago)``."""
    since = seconds_since(instant)
    if since is None:
        return str(instant)
    return f"{instant} ({ago(instant) if since >= 0 else until(instant)})"
