# SPDX-License-Identifier: Apache-2.0
"""Pictures of the screen of a recorded run, as SVG 1.1: how the screen stood when a person could have read it.

Law: a picture has text and rectangles, and nothing that acts, links or loads. Its size is limited. The characters of a line stand
in the order of the screen, whatever their script.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import NamedTuple

from jitd.recording.asciicast import USUAL_SIZE
from jitd.recording.form import SHOWN, Frame, Header, Kind
from jitd.recording.screen import PLAIN, Cell, Rows, Screen, Style

MOST_STILLS = 12
"""Maximum number of pictures of one recording."""
STANDS_FOR = 300_000
"""A screen that has stood for so many microseconds could be read."""
N_CHANGED = 3
"""A screen differs from the last picture in so many lines, or is not worth another one."""
MOST_FIRST, MOST_LAST = 1 << 20, 1 << 20
"""Of a longer output, so many bytes are drawn from its beginning and from its end. Drawing takes a second or two for each MiB,
and ten if the output does nothing but scroll.
"""
MOST_STYLED = 256 * 1024
"""Maximum number of characters of a picture with colours. A picture that would be longer has none."""
_WIDTH, _HEIGHT, _EDGE = 8, 17, 8
"""The size of a cell, and of the edge around the screen, in pixels."""
_FRONT, _BACK = "#d8d8d8", "#101418"
_BASE = (
    *("#2e3436", "#cc4141", "#4e9a06", "#c4a000", "#4a7ab8", "#9a6ba0", "#06989a", "#d3d7cf"),
    *("#686a66", "#ef5b5b", "#8ae234", "#fce94f", "#87aede", "#ca98c4", "#34e2e2", "#eeeeec"),
)
_STEPS = (0, 95, 135, 175, 215, 255)


class Still(NamedTuple):
    """The screen as it stood at ``at``, in microseconds since the run began. ``is_after_skip`` is True if output before it was
    not drawn, so that something may be missing on it.
    """

    at: int
    rows: Rows
    is_after_skip: bool = False


def stills(header: Header, frames: Callable[[], Iterator[Frame]]) -> list[Still]:
    """Return at most MOST_STILLS screens in the order of time. The last one is the last screen. A recording in which nothing was
    output has none. Each call of ``frames`` yields all frames from the beginning. Raises the exceptions of ``frames``.
    """
    n_bytes = sum(len(frame.data) for frame in frames() if frame.kind in SHOWN)
    if not n_bytes:
        return []
    chosen = _Chosen()
    screen = Screen(*_size(header.rows, header.columns))
    n_drawn, at, is_skipping, has_skipped = 0, 0, False, False
    for frame in frames():
        if frame.kind is Kind.WINDOW:
            screen.resize(*_size(*frame.size))
        if frame.kind not in SHOWN:
            continue
        if n_drawn and frame.at - at >= STANDS_FOR and not is_skipping:
            chosen.offer(Still(at, screen.rows, has_skipped))
        before, n_drawn, at = n_drawn, n_drawn + len(frame.data), frame.at
        is_skipping = n_bytes > MOST_FIRST + MOST_LAST and before >= MOST_FIRST and n_drawn <= n_bytes - MOST_LAST
        if is_skipping:
            has_skipped = True
            continue
        if has_skipped and before <= n_bytes - MOST_LAST:
            screen.feed(b"\x1b[m\x1b[r\x1b[2J\x1b[H")
        screen.feed(frame.data if frame.kind is Kind.OUTPUT else frame.data.replace(b"\n", b"\r\n"))
    return chosen.with_last(Still(at, screen.rows, has_skipped))


def _size(n_rows: int, n_columns: int) -> tuple[int, int]:
    return (n_rows, n_columns) if n_rows and n_columns else USUAL_SIZE


class _Chosen:
    """Chooses from the screens that are offered. While there are too many, every second one goes, so that those that stay are
    spread over the whole run.
    """

    def __init__(self) -> None:
        self._stills: list[Still] = []
        self._every, self._n = 1, 0
        self._shown: Rows = ()

    def offer(self, still: Still) -> None:
        if _n_changed(self._shown, still.rows) < (N_CHANGED if self._shown else 1):
            return
        self._shown = still.rows
        if self._n % self._every == 0:
            self._stills.append(still)
        self._n += 1
        if len(self._stills) >= MOST_STILLS:
            del self._stills[1::2]
            self._every *= 2

    def with_last(self, last: Still) -> list[Still]:
        if self._stills and self._stills[-1].rows == last.rows:
            return self._stills
        return [*self._stills, last]


def _n_changed(before: Rows, after: Rows) -> int:
    blank = [tuple[Cell, ...]()] * max(0, len(after) - len(before))
    return sum(one != other for one, other in zip([*before, *blank], after, strict=False))


# --- SVG ---------------------------------------------------------------------------------------------------------------


def svg(still: Still, title: str) -> str:
    """Return ``still`` as SVG, in ASCII. ``title`` must be printable."""
    text = _drawn(still.rows, title)
    if len(text) <= MOST_STYLED:
        return text
    return _drawn(tuple(tuple(cell._replace(style=PLAIN) for cell in row) for row in still.rows), title)


def _drawn(rows: Rows, title: str) -> str:
    width, height = len(rows[0]) * _WIDTH + 2 * _EDGE, len(rows) * _HEIGHT + 2 * _EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">',
        f"<title>{_text(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="{_BACK}"/>',
        f'<g font-family="monospace" font-size="13" fill="{_FRONT}" direction="ltr" unicode-bidi="bidi-override">',
    ]
    for y, row in enumerate(rows):
        for x, n, style, text in _runs(row):
            parts += _run(_EDGE + x * _WIDTH, _EDGE + y * _HEIGHT, n * _WIDTH, style, text)
    return "\n".join([*parts, "</g>", "</svg>"]) + "\n"


def _runs(row: Iterable[Cell]) -> Iterator[tuple[int, int, Style, str]]:
    """Yield the pieces of a line that are drawn in one style: where it begins, how many cells it has, its style and its text."""
    start, n, style, text = 0, 0, PLAIN, ""
    for cell in row:
        # a character that is not ASCII may be wider in the font than on the screen: it gets a piece of its own
        if n and (cell.style != style or not text.isascii() or not cell.text.isascii()) and cell.text:
            yield start, n, style, text
            start, n, text = start + n, 0, ""
        style, n, text = cell.style, n + 1, text + cell.text
    yield start, n, style, text


def _run(x: int, y: int, width: int, style: Style, text: str) -> Iterator[str]:
    front, back = _colour(style.front), _colour(style.back)
    if style.is_reversed:
        front, back = back or _BACK, front or _FRONT
    if back is not None:
        yield f'<rect x="{x}" y="{y}" width="{width}" height="{_HEIGHT}" fill="{back}"/>'
    if style.is_hidden or not text.strip():
        return
    lines = " ".join(
        name for name, is_drawn in (("underline", style.is_underlined), ("line-through", style.is_struck)) if is_drawn
    )
    marks = (
        f' fill="{front}"' if front else "",
        ' font-weight="bold"' if style.is_bold else "",
        ' font-style="italic"' if style.is_italic else "",
        ' opacity="0.6"' if style.is_dim else "",
        f' text-decoration="{lines}"' if lines else "",
    )
    size = f'textLength="{width}" lengthAdjust="spacingAndGlyphs" xml:space="preserve"'
    yield f'<text x="{x}" y="{y + 13}" {size}{"".join(marks)}>{_text(text)}</text>'


def _colour(colour: int | str | None) -> str | None:
    if colour is None or isinstance(colour, str):
        return colour
    if colour < 16:
        return _BASE[colour]
    if colour >= 232:
        grey = 8 + (colour - 232) * 10
        return f"#{grey:02x}{grey:02x}{grey:02x}"
    red, rest = divmod(colour - 16, 36)
    return "#{:02x}{:02x}{:02x}".format(*(_STEPS[part] for part in (red, rest // 6, rest % 6)))


def _text(text: str) -> str:
    return escape(text).encode("ascii", "xmlcharrefreplace").decode("ascii")
