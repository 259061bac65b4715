#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A provider: the fact `risk`, a score from 0 to 100, for a person on a host, by HTTP.

    risk.py --settings risk.toml --listen 10.1.2.3:8445 --certificate server.pem --secret key --url https://…/v1/score

The file has points for people and for hosts, and is read anew for each question: who watches the network writes it. jitd.toml has
`facts = { risk = "int" }` and `sends = ["requester", "host"]`.
Law: what is not in the file has the points of `otherwise`. A file that cannot be read is no answer; then jitd.toml's `silence`
says what counts.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gatekeepers"))

from serving import Answer, Question, Unavailable, Unreadable, main

HIGHEST = 100


def read_points(file: Path) -> dict[str, Any]:
    """Return the tables of ``file``. Raises ValueError, OSError."""
    found = tomllib.loads(file.read_text("utf-8"))
    points = {"otherwise": 0, "people": {}, "hosts": {}} | found
    tables = [points["people"], points["hosts"]]
    values = [points["otherwise"], *(value for table in tables if isinstance(table, dict) for value in table.values())]
    if points.keys() != {"otherwise", "people", "hosts"} or not all(isinstance(table, dict) for table in tables):
        raise ValueError(f"{file}: it may have otherwise, [people] and [hosts], and nothing else")
    if not all(type(value) is int and 0 <= value <= HIGHEST for value in values):
        raise ValueError(f"{file}: points are numbers from 0 to {HIGHEST}")
    return points


def score(points: dict[str, Any], requester: str, host: str) -> int:
    """Return the points of the person and of the host together, at most HIGHEST."""
    person = [value for name, value in points["people"].items() if fnmatchcase(requester, name)]
    place = [value for name, value in points["hosts"].items() if fnmatchcase(host, name)]
    return min(HIGHEST, max(person, default=points["otherwise"]) + max(place, default=0))


def make(file: Path) -> Callable[[Question], Answer]:
    """Return what answers by the points in ``file``. Raises ValueError, OSError if it cannot be read now."""
    read_points(file)

    def answer(question: Question) -> Answer:
        if question.get("version") != 1 or question.get("facts") != {"risk": "int"}:
            raise Unreadable('this provider has one fact: facts = { risk = "int" }')
        requester, host = question.get("requester"), question.get("host")
        if not isinstance(requester, str) or not isinstance(host, str):
            raise Unreadable('this provider must be told who asks and where: sends = ["requester", "host"]')
        try:
            return {"facts": {"risk": score(read_points(file), requester, host)}}
        except (ValueError, OSError) as fault:
            raise Unavailable(f"the points cannot be read: {fault}") from None

    return answer


if __name__ == "__main__":
    raise SystemExit(main("Says how risky it is to let a person work on a host.", "/etc/risk.toml", make, sys.argv[1:]))
