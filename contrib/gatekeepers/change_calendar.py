#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A gatekeeper: changes are made in maintenance windows, and not in a freeze.

    change_calendar.py --settings calendar.toml --listen 10.1.2.3:8443 --certificate server.pem --secret key --url https://…/jit

It knows hosts by the name that jitd says, and reads the calendar anew for each question. Within a window it passes until the
window's end; outside, it denies and says when the next window begins, or requires what `[outside]` has.
Law: a freeze is stronger than a window. A calendar that cannot be read is no answer, and jitd denies.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

sys.path.insert(0, str(Path(__file__).resolve().parent))

from serving import Answer, Question, Unavailable, denies, gatekeeper, main, passes, requires

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
AHEAD = 8
"""Days in which a next window is looked for, if it comes every week."""
_LASTS = re.compile(r"([1-9][0-9]{0,3})([mh])")


@dataclass(frozen=True)
class Span:
    """From ``begins`` to ``ends``, both aware."""

    name: str
    begins: datetime
    ends: datetime


@dataclass(frozen=True)
class Weekly:
    """Comes on each of ``days`` at ``at`` in ``zone``. ``lasts`` is real time: where clocks are turned, it is not a clock's."""

    name: str
    hosts: tuple[str, ...]
    days: tuple[int, ...]
    at: time
    lasts: timedelta
    zone: ZoneInfo

    def spans(self, now: datetime) -> Iterator[Span]:
        """Those around ``now`` and after it, in order."""
        today = now.astimezone(self.zone).date()
        for offset in range(-AHEAD, AHEAD + 1):
            day = today + timedelta(days=offset)
            if day.weekday() in self.days:
                begins = datetime.combine(day, self.at, self.zone).astimezone(UTC)
                yield Span(self.name, begins, begins + self.lasts)


@dataclass(frozen=True)
class Once:
    """Comes once."""

    name: str
    hosts: tuple[str, ...]
    begins: datetime
    ends: datetime

    def spans(self, now: datetime) -> Iterator[Span]:
        """The one."""
        yield Span(self.name, self.begins, self.ends)


@dataclass(frozen=True)
class Calendar:
    """``outside`` is what is required outside of windows; if it is empty, it is denied there."""

    zone: ZoneInfo
    windows: tuple[Weekly | Once, ...]
    freezes: tuple[Weekly | Once, ...]
    outside: dict[str, Any]

    def decide(self, host: str, now: datetime) -> Answer:
        """Return the answer for ``host`` at ``now`` (aware)."""
        freezes = _of(self.freezes, host, now)
        windows = _of(self.windows, host, now)
        if frozen := [span for span in freezes if span.begins <= now < span.ends]:
            last = max(frozen, key=lambda span: span.ends)
            return denies(f"no changes to {host} until {self._shown(last.ends)}: {last.name}")
        if open_ := [span for span in windows if span.begins <= now < span.ends]:
            best = max(open_, key=lambda span: span.ends)
            ends = min([best.ends, *(span.begins for span in freezes if span.begins > now)])
            return passes(ends, mark=best.name[:128])
        if self.outside:
            return requires(self.outside)
        if ahead := [span for span in windows if span.begins > now]:
            next_ = min(ahead, key=lambda span: span.begins)
            return denies(f"{host} is not in a maintenance window; the next begins {self._shown(next_.begins)}: {next_.name}")
        return denies(f"{host} is not in a maintenance window, and the calendar has no next one for it")

    def _shown(self, at: datetime) -> str:
        return at.astimezone(self.zone).strftime("%a %Y-%m-%d %H:%M %Z")


def _of(entries: tuple[Weekly | Once, ...], host: str, now: datetime) -> list[Span]:
    return [span for entry in entries if any(fnmatchcase(host, name) for name in entry.hosts) for span in entry.spans(now)]


# --- the file ------------------------------------------------------------------------------------------------------------


def read_calendar(file: Path) -> Calendar:
    """Return the calendar in ``file``. Raises ValueError, OSError."""
    found = tomllib.loads(file.read_text("utf-8"))
    try:
        zone = ZoneInfo(found.pop("zone", "UTC"))
    except (ZoneInfoNotFoundError, TypeError, ValueError):
        raise ValueError(f"{file}: zone must be the name of a time zone, such as Europe/Berlin") from None
    windows = tuple(_entry(entry, zone, f"{file}: window") for entry in found.pop("window", []))
    freezes = tuple(_entry(entry, zone, f"{file}: freeze") for entry in found.pop("freeze", []))
    outside = found.pop("outside", {})
    if found or not isinstance(outside, dict):
        raise ValueError(f"{file}: a calendar has zone, window, freeze and outside, and nothing else")
    return Calendar(zone, windows, freezes, outside)


def _entry(entry: dict[str, Any], zone: ZoneInfo, where: str) -> Weekly | Once:
    name, hosts = entry.get("name"), entry.get("hosts")
    if not isinstance(name, str) or not name:
        raise ValueError(f"{where}: each has a name")
    where = f"{where} {name!r}"
    if not isinstance(hosts, list) or not hosts or not all(isinstance(host, str) for host in hosts):
        raise ValueError(f'{where}: hosts must be a list such as ["db*.example.org"]')
    if entry.keys() == {"name", "hosts", "begins", "ends"}:
        begins, ends = entry["begins"], entry["ends"]
        if not all(isinstance(at, datetime) and at.tzinfo for at in (begins, ends)) or begins >= ends:
            raise ValueError(f"{where}: begins and ends must be times with a zone, such as 2026-12-01T20:00:00+01:00, in order")
        return Once(name, tuple(hosts), begins, ends)
    if entry.keys() == {"name", "hosts", "days", "from", "lasts"}:
        days, at = entry["days"], entry["from"]
        lasts = _LASTS.fullmatch(entry["lasts"]) if isinstance(entry["lasts"], str) else None
        if not isinstance(days, list) or not days or not set(days) <= set(DAYS) or not isinstance(at, time) or lasts is None:
            raise ValueError(f'{where}: it needs such as days = ["sat"], from = 22:00:00, lasts = "6h"')
        length = timedelta(**{{"m": "minutes", "h": "hours"}[lasts[2]]: int(lasts[1])})
        if length > timedelta(days=7):
            raise ValueError(f"{where}: it lasts longer than a week")
        return Weekly(name, tuple(hosts), tuple(DAYS.index(day) for day in days), at, length, zone)
    raise ValueError(f"{where}: it has name and hosts, and either begins and ends or days, from and lasts")


def make(file: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Callable[[Question], Answer]:
    """Return what answers by the calendar in ``file``. Raises ValueError, OSError if it cannot be read now."""
    read_calendar(file)

    def decide(question: Question) -> Answer:
        try:
            return read_calendar(file).decide(str(question.get("host")), now())
        except (ValueError, OSError) as fault:
            raise Unavailable(f"the calendar cannot be read: {fault}") from None

    return gatekeeper(decide)


if __name__ == "__main__":
    raise SystemExit(main("Passes changes in maintenance windows.", "/etc/change-calendar.toml", make, sys.argv[1:]))
