# SPDX-License-Identifier: Apache-2.0
"""Converts the time that was typed for ``--at``.

Law: a time without a zone is in the user's own zone. UsageError is raised for a time that does not exist in this zone, because a
daylight saving change skips that time. UsageError is also raised for a time in the past.
"""

from __future__ import annotations

import select
import time

from jitpam.amounts import UsageError, brief

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal

    from jitpam.signals import Signals
else:
    import _signal  # importing `signal` would make each start 3 ms longer

_LEAVING = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP, _signal.SIGQUIT)

WOKEN_EVERY = 30.0  # seconds between two looks at the clock: somebody may set it, and the host may be suspended
_SHAPE = 'write 22:00, "2026-11-23 22:00" or 2026-11-23T21:00:00Z'
_PLACES = "dddd-dd-dd dd:dd"


def read_moment(text: bytes, now: float | None = None) -> int:
    """Return ``text`` in seconds since 1970: ``22:00`` (the next one), ``2026-11-23 22:00``, or a time in UTC by RFC 3339.
    ``now`` is read from the clock if it is None. Raises UsageError.
    """
    now = time.time() if now is None else now
    typed = text.decode("ascii", "replace")
    if _has_shape(typed, _PLACES[-5:]):
        today = time.localtime(now)
        at = _moment(today.tm_year, today.tm_mon, today.tm_mday, typed[:2], typed[3:], typed)
        if at <= now:
            at = _moment(today.tm_year, today.tm_mon, today.tm_mday + 1, typed[:2], typed[3:], typed)
        return at
    if _has_shape(typed, _PLACES):
        at = _moment(int(typed[:4]), int(typed[5:7]), int(typed[8:10]), typed[11:13], typed[14:], typed, is_date=True)
    else:
        try:
            from calendar import timegm

            at = timegm(time.strptime(typed, "%Y-%m-%dT%H:%M:%SZ"))
        except ValueError:
            raise UsageError(f"{brief(text)} is not a time: {_SHAPE}") from None
    if at <= now:
        raise UsageError(f"{brief(text)} is over already")
    return at


def _has_shape(typed: str, shape: str) -> bool:
    is_digit = "0123456789".__contains__
    return len(typed) == len(shape) and all(is_digit(c) if s == "d" else c == s for c, s in zip(typed, shape, strict=True))


def _moment(year: int, month: int, day: int, hour: str, minute: str, typed: str, *, is_date: bool = False) -> int:
    """Return the given local time in seconds since 1970. If no date was typed, ``day`` may be one more than the number of days of
    the month. It then means the first day of the next month.
    """
    try:
        at = time.mktime((year, month, day, int(hour), int(minute), 0, 0, 0, -1))
        here = time.localtime(at)
    except (OverflowError, ValueError):
        raise UsageError(f"{brief(typed.encode())} is not a time: {_SHAPE}") from None
    is_it = (here.tm_hour, here.tm_min) == (int(hour), int(minute))
    if not is_it or (is_date and (here.tm_year, here.tm_mon, here.tm_mday) != (year, month, day)):
        raise UsageError(f"{brief(typed.encode())} is not a time of that day in this time zone: {_SHAPE}")
    return int(at)


def in_utc(at: int) -> str:
    """Return ``at`` (seconds since 1970) as text in UTC by RFC 3339, for protocol messages."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def in_words(at: int) -> str:
    """Return ``at`` as text in the user's own zone, such as ``Sun 2026-11-22 22:00 CET``."""
    return time.strftime("%a %Y-%m-%d %H:%M %Z", time.localtime(at))


def here(instant: object) -> str:
    """Return ``instant`` (RFC 3339, UTC) as ``in_words`` does. An instant that cannot be parsed is returned as it is."""
    from calendar import timegm

    try:
        return in_words(timegm(time.strptime(str(instant), "%Y-%m-%dT%H:%M:%SZ")))
    except ValueError:
        return str(instant)


class Left(Exception):
    """A signal ended the wait. ``number`` is the number of the signal."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def wait_until(at: int, signals: Signals) -> None:
    """Wait until the wall clock shows ``at`` (seconds since 1970). Raises Left if a signal that must end this process arrives."""
    poll = select.poll()
    poll.register(signals.descriptor, select.POLLIN)
    while (left := at - time.time()) > 0:
        poll.poll(min(left, WOKEN_EVERY) * 1000 + 1)
        for number, _ in signals.taken():
            if number in _LEAVING:
                raise Left(number)
