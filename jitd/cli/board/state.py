# SPDX-License-Identifier: Apache-2.0
"""What the board shows: the lists as jitd told them last, what is selected, the page or the question that is open.

Law: pure. A question is open about a row that has not changed since: it is closed, unanswered, when that row changes or goes, and
when jitd is heard no more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from jitd.cli.answer import Row, words
from jitd.cli.board.questions import Question
from jitd.cli.board.views import VIEWS, View, found, is_same, moved, ordered, selected

NOTHING_SENT = "nothing was sent"


@dataclass(frozen=True)
class Heard:
    """What jitd has: each list by its name, or why the viewer may not see it; and who the viewer is for jitd."""

    principal: str
    host: str
    is_operator: bool
    lists: dict[str, Sequence[Row] | str]


@dataclass(frozen=True)
class Trouble:
    """Why nothing is heard from jitd. It is tried again."""

    because: str


@dataclass
class Reading:
    """Lines of which a part is on the screen. ``made`` makes them for a width. Lines count as read once they were on it."""

    made: Callable[[int], list[str]]
    top: int = 0
    lines: list[str] = field(default_factory=list)
    _width: int = 0
    _read: set[int] = field(default_factory=set)

    def fits(self, width: int, room: int) -> bool:
        """True if all of it is at most ``room`` lines of ``width`` cells."""
        if width != self._width:
            self.lines, self._width, self._read = self.made(width), width, set()
        return len(self.lines) <= room

    def shown(self, width: int, room: int) -> list[str]:
        """Return the lines that are on the screen, ``room`` at most, each of ``width`` cells at most."""
        self.fits(width, room)
        self.top = max(0, min(self.top, len(self.lines) - room))
        shown = self.lines[self.top : self.top + room]
        self._read |= set(range(self.top, self.top + len(shown)))
        return shown

    @property
    def is_unread(self) -> bool:
        """True if not all of it was on the screen."""
        return len(self._read) < max(1, len(self.lines))


@dataclass
class Asked:
    """An open question. ``row`` is what its list said of its object when it was opened; None if it is about none."""

    question: Question
    what: str
    row: Row | None
    reading: Reading
    typed: str = ""


@dataclass
class State:
    """All of it."""

    lists: dict[str, Sequence[Row] | str] = field(default_factory=dict)
    principal: str = ""
    host: str = ""
    is_operator: bool = False
    trouble: str = ""
    said: str = ""
    """What was said last: by jitd to a deed, or by the board."""
    busy: str = ""
    """What is being asked or done; empty if nothing is."""
    at: int = 0
    selection: dict[str, str] = field(default_factory=dict)
    """Name of a list → the id that is selected in it."""
    page: Reading | None = None
    page_of: str = ""
    """The id of what ``page`` is about."""
    asked: Asked | None = None

    @property
    def view(self) -> View:
        """The list that is on the screen."""
        return VIEWS[self.at]

    @property
    def keys(self) -> dict[str, str]:
        """The letters that do something with rows of that list, and what. Locks are for operators."""
        return dict(self.view.keys) if self.is_operator or self.view.what != "locks" else {}

    @property
    def rows(self) -> Sequence[Row]:
        """The rows of that list; none if they are not known, or not for the viewer."""
        return self.rows_of(self.view.what)

    def rows_of(self, what: str) -> Sequence[Row]:
        """Return the rows of the list ``what``, likewise."""
        rows = self.lists.get(what, ())
        return () if isinstance(rows, str) else rows

    @property
    def row(self) -> Row | None:
        """The row that is selected; with an open page, the one that the page is about. None if there is none."""
        return found(self.rows, self.page_of if self.page is not None else self.selection.get(self.view.what, ""))

    def hear(self, heard: Heard) -> None:
        """Take the lists as they are now."""
        before = {view.what: self.rows_of(view.what) for view in VIEWS}
        self.principal, self.host, self.is_operator, self.trouble = heard.principal, heard.host, heard.is_operator, ""
        self.lists = {what: rows if isinstance(rows, str) else ordered(what, rows) for what, rows in heard.lists.items()}
        for what, rows in before.items():
            self.selection[what] = selected(self.rows_of(what), rows, self.selection.get(what, ""))
        asked = self.asked
        if asked is not None and asked.row is not None:
            now = found(self.rows_of(asked.what), asked.question.id)
            if not is_same(asked.what, asked.row, now):
                self.close(f"{asked.question.id} {'has ended, or waits no more' if now is None else 'has changed'}")

    def miss(self, because: str) -> None:
        """Note that jitd is heard no more, and why."""
        self.trouble = because
        self.close("jitd is not heard any more")

    def ask(self, question: Question, what: str, row: Row | None) -> None:
        """Open ``question``, about ``row`` of the list ``what``, if that row is still as it was."""
        now = found(self.rows_of(what), words(row, "id")) if row is not None else None
        if self.trouble or (row is not None and not is_same(what, row, now)):
            self.said = "it has changed meanwhile: look again"
            return
        self.said = ""
        self.asked = Asked(question, what, row, Reading(question.lines))

    def read(self, id: str, made: Callable[[int], list[str]]) -> None:
        """Show the page about ``id``: at the place where it was left, if it is shown already."""
        top = self.page.top if self.page is not None and self.page_of == id else 0
        self.page, self.page_of = Reading(made, top), id

    def close(self, because: str) -> None:
        """Close the open question, if there is one, without an answer."""
        if self.asked is not None:
            self.asked = None
            self.said = f"{because}: {NOTHING_SENT}" if because else NOTHING_SENT

    def switch(self, at: int) -> None:
        """Show the list number ``at``."""
        self.at, self.page, self.said = at % len(VIEWS), None, ""

    def move(self, by: int) -> None:
        """Scroll what is read, or select the row that is ``by`` rows below."""
        reading = self.asked.reading if self.asked is not None else self.page
        if reading is not None:
            reading.top += by
        else:
            self.said = ""
            self.selection[self.view.what] = moved(self.rows, self.selection.get(self.view.what, ""), by)
