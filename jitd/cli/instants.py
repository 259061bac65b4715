# SPDX-License-Identifier: Apache-2.0
"""Converts instants and durations of rows into texts for people. People read local times, in the time zone of their ``TZ``. Law:
an instant that cannot be parsed is shown exactly as the daemon sent it.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

_UNITS = ((86400, "day"), (3600, "h"), (60, "min"), (1, "s"))


def span(seconds: float) -> str:
    """Return ``seconds`` in the largest fitting unit, rounded down. Examples are ``12 s``, ``14 min``, ``3 h`` and ``2 days``."""
    whole = max(0, int(seconds))
    for size, unit in _UNITS:
        if whole >= size:
            count = whole // size
            return f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''}"
    return "0 s"


def in_words(seconds: int) -> str:
    """Return the whole duration in words, for example ``1 hour 30 minutes``."""
    parts = []
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return " ".join(parts) or "0 seconds"


def seconds_since(instant: object) -> float | None:
    """Return the number of seconds from ``instant`` (RFC 3339, UTC) until now. The number is negative if ``instant`` is in the
    future. The result is None if ``instant`` cannot be parsed.
    """
    try:
        at = datetime.strptime(str(instant), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return time.time() - at.timestamp()


def ago(instant: object) -> str:
    """Return the time since ``instant``, such as ``12 s ago``. Return ``-`` if ``instant`` cannot be parsed."""
    since = seconds_since(instant)
    return "-" if since is None else f"{span(since)} ago"


def age(instant: object) -> str:
    """Return the time since ``instant``, such as ``12 s``. Return ``-`` if ``instant`` cannot be parsed."""
    since = seconds_since(instant)
    return "-" if since is None else span(since)


def left(instant: object) -> str:
    """Return the time until ``instant``, such as ``14 min``. Return ``-`` if ``instant`` cannot be parsed."""
    since = seconds_since(instant)
    return "-" if since is None else span(-since)


def until(instant: object) -> str:
    """Return the time until ``instant``: ``in 14 min``, ``now`` if it is past, ``-`` if it cannot be parsed."""
    since = seconds_since(instant)
    if since is None:
        return "-"
    return f"in {span(-since)}" if since < 0 else "now"


def local(instant: object) -> str:
    """Return ``instant`` in the time zone of the reader, for example ``2026-01-05 10:00:00 CET``."""
    since = seconds_since(instant)
    return str(instant) if since is None else time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(round(time.time() - since)))


def told(instant: object) -> str:
    """Return ``instant`` as ``local`` does, with its distance from now, for example ``2026-01-05 10:00:00 CET (12 s ago)``."""
    since = seconds_since(instant)
    if since is None:
        return str(instant)
    return f"{local(instant)} ({ago(instant) if since >= 0 else until(instant)})"
