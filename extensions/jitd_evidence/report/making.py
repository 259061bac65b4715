# SPDX-License-Identifier: Apache-2.0
"""Makes a report: the object of the form ``jitd report 1`` (PROTOCOL.md section 4), and its bytes.

Law: the object has all that a report says. The page is made from it alone (``report.page``), and so is the text of the client.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from jitd.core.chain import Seal
from jitd.store import Cell
from jitd_evidence.report.asked import PREPARED
from jitd_evidence.report.figure import CommandLine, Figure, Scope, Section, Typed

FORM = "jitd report 1"
MOST_ROWS = 500  # rows of a figure on a page: nobody reads more. How many more there are is said
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


def make(
    scope: Scope, sections: Iterable[Section], *, host: str, by: str, head: Seal, most: int | None = MOST_ROWS
) -> dict[str, Any]:
    """Return the report about ``scope`` that ``by`` has asked for. ``head`` is the head of the chain in the same state of the
    database. A figure has ``most`` rows, or all. Raises StoreError, and TimeoutError if there is no time for all rows.
    """
    return {
        "form": FORM,
        "host": host,
        "made_at": written(scope.now),
        "by": by,
        "since": written(scope.since),
        "until": written(scope.until),
        "who": None if scope.who is None else sorted(scope.who),
        "rule": scope.rule,
        "head": {"number": head.number, "seal": head.digest.hex()},
        "policy": scope.policy.digest,
        "parameters": scope.parameters,
        "asked": ";\n\n".join(PREPARED),
        "sections": [
            {"name": one.name, "title": one.title, "figures": [_figure(figure, scope, most) for figure in one.figures]}
            for one in sections
        ],
    }


def _figure(figure: Figure, scope: Scope, most: int | None) -> dict[str, Any]:
    rows, told = iter(figure.rows(scope)), figure.told(scope)
    shown = [list(map(_cell, told(row))) for row in islice(rows, most)]
    return {
        "name": figure.name,
        "title": figure.title,
        "says": figure.says if isinstance(figure.says, str) else figure.says(scope),
        "columns": list(figure.columns),
        "explain": figure.explain,
        "rows": shown,
        "left_out": sum(1 for _ in rows),
    }


def _cell(cell: Cell | Typed | CommandLine) -> Cell | Mapping[str, str]:
    match cell:
        case Typed(text):
            return {"typed": text}
        case CommandLine(line):
            return {"command": line}
    return cell


def written(at: datetime) -> str:
    """Return ``at`` (aware) as a report has it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def line(report: dict[str, Any]) -> bytes:
    """Return a report as one line of JSON in ASCII, with its line feed."""
    return f"{_encode(report)}\n".encode("ascii")
