# SPDX-License-Identifier: Apache-2.0
"""The only widget of the board. It passes all lines of the screen to the library textual without a change. Law: the widget uses
no markup and handles no key.
"""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from jitd.cli.colour import Painted

STYLES = {
    "head": Style(bold=True),
    "late": Style(bold=True, color="red"),
    "danger": Style(bold=True, color="red"),
    "mine": Style(dim=True),
    "selected": Style(reverse=True),
    "question": Style(bold=True),
}


class Canvas(Widget):
    """A widget that covers the whole screen."""

    DEFAULT_CSS = "Canvas { width: 100%; height: 100%; background: ansi_default; color: ansi_default; }"
    painted: list[Painted]

    def __init__(self) -> None:
        super().__init__()
        self.painted = []

    def render_line(self, y: int) -> Strip:
        """Return line ``y`` of the screen in textual's form."""
        text, mark = self.painted[y] if y < len(self.painted) else ("", None)
        name, _, start = (mark or "").partition("@")
        plain = int(start or 0)  # the style begins behind so many characters
        parts = [Segment(text[:plain]), Segment(text[plain:], STYLES[name] if name else None)]
        return Strip(parts).adjust_cell_length(self.size.width)
