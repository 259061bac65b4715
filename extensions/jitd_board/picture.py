# SPDX-License-Identifier: Apache-2.0
"""Makes the lines of text that fill the screen of the board.

Law: the result depends only on the arguments and on the clock. The clock is needed for texts such as ``12 s ago``. Every line is
printable and fits into the width of the screen. The lines can be understood without colours: for example, a mark shows which row
is selected. A question is always shown completely.
"""

from __future__ import annotations

from collections.abc import Sequence

from jitd.cli.answer import printable
from jitd.cli.colour import Painted
from jitd.cli.columns import cut, folded, padded, wrapped
from jitd.cli.lists import LAID_OUT, lines_of
from jitd.cli.reading import BETWEEN
from jitd_board.questions import Review
from jitd_board.state import Asked, State
from jitd_board.views import VIEWS, empty, request_lines, style_of
from jitpam.wire.principals import realm_of, without_realm
from jitpam.wire.rows import Request
from jitpam.wire.shown import cells, usual_cells

LEAST_COLUMNS, LEAST_LINES = 40, 12  # the minimum number of columns and lines of a terminal for the board
MOST_TYPED = 3  # lines for the text that the person types. If the typed text is longer, only its end is shown.
MOST_SAID = 3  # lines for the latest message, which is shown under the list
WIDE = 120  # minimum number of columns of a terminal on which the page of the selected request is beside the list
BAR, SLACK = " | ", 4  # between the list and the page; cells that the list may need more on some terminals
MOST_SILENT = 3  # lines that name hosts that cannot be reached
MARK, GAP = "> ", "  "  # the text in front of the selected row, and the text in front of all other rows


def is_too_small(width: int, height: int) -> bool:
    """True if a screen of ``width`` cells and ``height`` lines is too small for the board."""
    return width < LEAST_COLUMNS or height < LEAST_LINES


def picture(state: State, width: int, height: int) -> list[Painted]:
    """Return ``height`` lines of at most ``width`` cells. If a text is open, its Reading object in ``state`` stores which lines
    of the text this function has returned. Therefore call this function only to draw the screen.
    """
    if is_too_small(width, height):
        text = f"This terminal is too small. The board needs {LEAST_COLUMNS} columns and {LEAST_LINES} lines."
        return _filled([(line, None) for line in wrapped(text, max(1, width))], width, height)
    if state.asked is not None and not state.is_beside:
        return _asked(state.asked, state, width, height)
    head = _head(state, width)
    foot = _foot(state, width)
    room = height - len(head) - len(foot)
    if state.asked is not None:
        return [*_filled([*head, *_beside(state.asked, state, width, room)], width, height - len(foot)), *foot]
    return [*_filled([*head, *(_page(state, width, room) or _list(state, width, room))], width, height - len(foot)), *foot]


def _asked(asked: Asked, state: State, width: int, height: int) -> list[Painted]:
    """Return the page about the question's row and the question below it. If there is room, the head of the board is above."""
    room = height - len(_question(asked, state, width, is_unread=False))
    if not asked.reading.fits(width, room):  # until all was read, the question has a longer text
        room = height - len(_question(asked, state, width, is_unread=True))
    head = _head(state, width)
    if not asked.reading.fits(width, room - len(head)):
        head = []
    body = [*head, *asked.reading.shown(width, room - len(head))]
    foot = _question(asked, state, width, is_unread=asked.reading.is_unread)
    return [*_filled(body, width, height - len(foot)), *foot]


def _beside(asked: Asked, state: State, width: int, room: int) -> list[Painted]:
    """Return the list, and the page of its selected row beside it. The style of a line is for the page only: the number of the
    character where the page begins follows after ``@``.
    """
    n_left = width * 2 // 5
    rows, page = _list(state, n_left, room), asked.reading.shown(width - n_left - len(BAR) - SLACK, room)
    lines: list[Painted] = []
    for at in range(room):
        (row, _), (line, mark) = (part[at] if at < len(part) else ("", None) for part in (rows, page))
        row = printable(row)
        start = padded(row, n_left - max(0, cells(row) - usual_cells(row) - SLACK)) + BAR  # else the end of the page is cut off
        lines.append((start + printable(line), f"{mark}@{len(start)}" if mark else None))
    return lines


def _filled(lines: Sequence[Painted], width: int, height: int) -> list[Painted]:
    fitting = [(folded(printable(line), width)[0], mark) for line, mark in lines[:height]]
    return [*fitting, *[("", None)] * (height - len(fitting))]


def _head(state: State, width: int) -> list[Painted]:
    return [(_tabs(state, width), "head"), *_news(state, width)]


def _tabs(state: State, width: int) -> str:
    counts = [str(len(rows)) if not isinstance(rows := state.lists.get(view.what, "-"), str) else "-" for view in VIEWS]
    names = [f"{at + 1} {view.title} {counts[at]}" for at, view in enumerate(VIEWS)]
    text = "".join(f"[{name}]" if at == state.at else f" {name} " for at, name in enumerate(names))
    if cells(text) <= width:
        return text
    short = [f"{at + 1}:{counts[at]}" for at in range(len(VIEWS))]
    return "".join(f"[{names[at]}]" if at == state.at else f" {name} " for at, name in enumerate(short))


def _news(state: State, width: int) -> list[Painted]:
    """If jitd can be reached, return the lines that name the viewer. Otherwise return the lines with the reason."""
    if state.labels:
        return _news_of_many(state, width)
    if state.trouble:
        text = f"NOT LIVE: {state.trouble}. jitd board tries again."
        return [(line, "late") for line in wrapped(printable(text), width)[:3]]
    if not state.principal:
        return [("asking jitd ...", None)]
    return [(cut(printable(f"{without_realm(state.principal, realm_of(state.principal))} on {state.host}"), width), "mine")]


def _news_of_many(state: State, width: int) -> list[Painted]:
    """Return the lines that say who looks at how many hosts, and which of them cannot be reached, or have not said anything."""
    silent = [f"NOT LIVE: {host}: {because}" for host, because in state.troubles.items()]
    if waits := [label for host, label in state.labels.items() if host not in state.heard and host not in state.troubles]:
        silent.append(f"asking {', '.join(waits)} ...")
    if len(silent) > MOST_SILENT:
        more = len(silent) - MOST_SILENT + 1
        silent[MOST_SILENT - 1 :] = [f"NOT LIVE: {more} hosts more"]
    who = f"{without_realm(state.principal, realm_of(state.principal))} on " if state.principal else ""
    said = f"{who}{len(state.heard)} of {len(state.labels)} hosts"
    lines: list[Painted] = [(said, "mine"), *((line, "late") for line in silent)]
    return [(cut(printable(line), width), mark) for line, mark in lines]


def _list(state: State, width: int, room: int) -> list[Painted]:
    """Return as many rows as fit, the selected row among them."""
    what = state.view.what
    rows = state.lists.get(what)
    if not state.principal or rows is None:
        return []
    refusals = [(line, None) for text in state.refusals.get(what, ()) for line in wrapped(printable(text), width)][:MOST_SAID]
    room -= len(refusals)
    if isinstance(rows, str) or not rows:
        text = rows if isinstance(rows, str) else empty(what)
        return [("", None), *((line, None) for line in wrapped(printable(text), width)), *refusals]
    selected = state.row
    at = next((number for number, row in enumerate(rows) if row is selected), 0)
    above, below = max(0, at - max(room, LAID_OUT)), at + max(room, LAID_OUT)
    near = rows[above:below]
    requests = [row for row in near if isinstance(row, Request)]
    made = request_lines(requests, width - len(MARK), state.labels) if requests else None
    lines = made or lines_of(state.view.columns, near, width - len(MARK))
    each = len(lines) // (len(near) + 1)
    n_shown = max(1, (room - each - 1) // each)
    first = max(0, min(at - n_shown // 2, len(rows) - n_shown))
    painted: list[Painted] = [(GAP + line, "head") for line in lines[:each]]
    for number in range(first, min(first + n_shown, len(rows))):
        is_selected = number == at
        mark = "selected" if is_selected else style_of(rows[number])
        for line in lines[(number - above + 1) * each : (number - above + 2) * each]:
            painted.append(((MARK if is_selected else GAP) + line, mark))
    if n_shown < len(rows):
        painted.append((f"{GAP}{first + 1} to {min(first + n_shown, len(rows))} of {len(rows)}", "mine"))
    return [*painted, *refusals]


def _page(state: State, width: int, room: int) -> list[Painted]:
    return state.page.shown(width, room) if state.page is not None else []


def _foot(state: State, width: int) -> list[Painted]:
    """Return the lines with the latest message and with the keys that can be used now."""
    said = state.busy or state.said
    lines: list[Painted] = [(line, "question") for line in wrapped(printable(said), width)[:MOST_SAID]] if said else []
    return [("", None), *lines, *((line, "mine") for line in _words(_keys(state, width), width))]


def _keys(state: State, width: int) -> list[str]:
    if state.asked is not None:
        reads = ["space reads on"] if state.asked.reading.is_unread else []
        return [*reads, *asked_of(state, width).split(printable(BETWEEN)), "up down select", "? keys"]
    keys = [f"{key} {deed}" for key, deed in state.keys.items()]
    if state.page is not None:
        return [*(keys if state.page_of else []), "up down page", "Esc back", "q quit"]
    return [*keys, "up down select", "1-5 lists", "? keys", "q quit"]


HELP = (
    ("a", "approve what is on the screen, once all of it was there; if it gives everything, type yes as well"),
    ("d", "deny, with words that the requester is told"),
    ("s", "skip: go to the next request"),
    ("v, Enter", "view a request; again: view all of it"),
    ("up, down", "select a row, or scroll by a line"),
    ("space, b", "scroll by a screen, as Page Down and Page Up"),
    ("1 to 5, Tab", "the lists: requests, owed reviews, grants, runs, locks"),
    ("g", "give an owed review"),
    ("r", "revoke a grant"),
    ("w, s", "watch or stop a run"),
    ("l, u", "lock somebody, or lift a lock"),
    ("Esc", "back"),
    ("q", "back, or quit the board"),
    ("!!", "marks a request that gives everything, or of which jitd does not know what it runs"),
    ("!", "marks a request that may lead there, changes or destroys something, or reads secrets"),
    ("?", "marks a request whose program jitd does not know"),
)


def _words(parts: Sequence[str], width: int) -> list[str]:
    """Join the texts in ``parts`` into lines of at most ``width`` cells. No part is cut."""
    lines = [""]
    for part in parts:
        joined = f"{lines[-1]}{printable(BETWEEN) if lines[-1] else ''}{part}"
        if cells(joined) > width and lines[-1]:
            lines.append(part)
        else:
            lines[-1] = joined
    return lines


def asked_of(state: State, width: int) -> str:
    """Return the current text of the open question. Return an empty text if no question is open."""
    asked = state.asked
    return "" if asked is None else printable(asked.question.asked(width, is_unread=asked.reading.is_unread))


def _question(asked: Asked, state: State, width: int, *, is_unread: bool) -> list[Painted]:
    said = f"{state.said}. " if state.said else ""
    text = printable(asked.question.asked(width, is_unread=is_unread))
    if isinstance(asked.question, Review):
        place = [f"{said}up down page: read on"] if is_unread else [said] if said else []
        return [
            *((line, "mine") for line in _words(place, width) if line),
            *((line, "question") for line in _words(text.split(printable(BETWEEN)), width)),
        ]
    typed = printable(asked.typed)
    lines = wrapped(typed, width)
    typed = "...".join(["", "".join(lines[-MOST_TYPED:])]) if len(lines) > MOST_TYPED else typed
    hint = ["Esc leaves it"]
    if is_unread:
        hint.insert(0, "up down page: read on")
    return [
        *((line, "question") for line in wrapped(f"{text}{typed}_", width)),
        *((line, "mine") for line in _words([said + hint[0], *hint[1:]], width)),
    ]
