# SPDX-License-Identifier: Apache-2.0
"""Draws a trend: a figure whose rows are a time (RFC 3339) and a number becomes a picture (SVG). Law: pure, and no text of others
is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

WIDTH, HEIGHT = 720, 160  # size in units of the picture
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 12, 12, 24


def drawn(rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    """Yield the lines of the picture. With fewer than two times there is no trend, and no picture."""
    points = sorted((datetime.fromisoformat(str(row[0])).timestamp(), int(row[-1])) for row in rows)
    if len(points) < 2 or points[0][0] == points[-1][0]:
        return
    (first, _), (last, _) = points[0], points[-1]
    most = max(max(n for _, n in points), 1)

    def x(at: float) -> float:
        return _LEFT + (at - first) / (last - first) * (WIDTH - _LEFT - _RIGHT)

    def y(n: float) -> float:
        return HEIGHT - _BOTTOM - n / most * (HEIGHT - _TOP - _BOTTOM)

    yield f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="The numbers of the table below, over time">'
    for n in (0, most):
        yield f'<line x1="{_LEFT}" y1="{y(n):.1f}" x2="{WIDTH - _RIGHT}" y2="{y(n):.1f}" stroke="currentColor" opacity=".3"/>'
        yield f'<text x="{_LEFT - 6}" y="{y(n) + 4:.1f}" text-anchor="end">{n:,}</text>'
    steps = [f"M{x(first):.1f} {y(points[0][1]):.1f}"]
    for at, n in points[1:]:  # a number holds until the next time
        steps.append(f"H{x(at):.1f}V{y(n):.1f}")
    yield f'<path d="{"".join(steps)}" fill="none" stroke="currentColor" stroke-width="2"/>'
    for at, n in points:
        yield f'<circle cx="{x(at):.1f}" cy="{y(n):.1f}" r="3" fill="currentColor"/>'
    for at, anchor in ((first, "start"), (last, "end")):
        day = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
        yield f'<text x="{x(at):.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{day}</text>'
    yield "</svg>"
