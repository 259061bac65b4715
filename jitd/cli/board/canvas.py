# SPDX-License-Identifier: Apache-2.0
"""The one widget of the board: hands lines to textual as they are. Law: no markup, and no key."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from jitd.cli.board.picture import Painted

STYLES = {
    "head": Style(bold=True), "late": Style(bold=True, color="red"), "mine": Style(dim=True),
    "selected": Style(reverse=True), "question": Style(bold=True),
}  # fmt: skip


class Canvas(Widget):
    """The whole screen."""

    DEFAULT_CSS = "Canvas { width: 100%; height: 100%; background: ansi_default; color: ansi_default; }"
    painted: list[Painted]

    def __init__(self) -> None:
        super().__init__()
        self.painted = []

    def render_line(self, y: int) -> Strip:
        """Return the line number ``y`` as textual has it."""
        text, mark = self.painted[y] if y < len(self.painted) else ("", None)
        width = self.size.width
        return Strip([Segment(text, STYLES[mark] if mark else None)]).adjust_cell_length(width)
