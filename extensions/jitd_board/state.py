# SPDX-License-Identifier: Apache-2.0
"""The state of the board: the latest lists from jitd, the selected rows, and the open page or question.

Law: pure. A question is open only while its row is unchanged. The question is closed without an answer when its row changes or
disappears, or when jitd can no longer be reached. Of many hosts, no row is shown of one that cannot be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from jitd.cli.colour import Painted
from jitd.cli.question import QUIET_FOR
from jitd.cli.walk import Key, key
from jitd_board.questions import Question, Review
from jitd_board.views import VIEWS, View, found, is_same, moved, ordered, selected
from jitpam.wire.rows import Listed

NOTHING_SENT = "nothing was sent"


@dataclass(frozen=True)
class Heard:
    """The latest lists: each has its rows, or why the viewer may not see it. Other fields are about viewer and host."""

    principal: str
    host: str
    is_operator: bool
    lists: Mapping[str, Sequence[Listed] | str]


@dataclass(frozen=True)
class Trouble:
    """The reason why the lists cannot be fetched from jitd, or from that of ``host``. The board tries again to fetch them."""

    because: str
    host: str = ""


@dataclass
class Reading:
    """The lines of a text that a person reads. If the lines do not fit on the screen, only some lines are visible. ``made``
    returns the lines for a given width of the screen.

    Law: a line that is on the screen now is treated as read. The reason is that no key is accepted before the line was on the
    screen for QUIET_FOR seconds (``keyboard``). A line that is no longer on the screen is treated as read only if it was there
    for at least QUIET_FOR seconds.
    """

    made: Callable[[int], list[Painted]]
    top: int = 0
    was_read: bool = False  # true if another page about the request was read, at this width of the screen
    lines: list[Painted] = field(default_factory=list)
    _width: int = 0
    _drawn: range = range(0)
    _stands_since: dict[int, float] = field(default_factory=dict)
    _read: set[int] = field(default_factory=set)

    def fits(self, width: int, room: int) -> bool:
        """True if all lines of the text fit into ``room`` lines of ``width`` cells."""
        if width != self._width:
            self.was_read = self.was_read and not self._width
            self.lines, self._width, self._read = self.made(width), width, set()
            self._drawn, self._stands_since = range(0), {}
        return len(self.lines) <= room

    def shown(self, width: int, room: int) -> list[Painted]:
        """Return the lines that fit on the screen: at most ``room``, each of at most ``width`` cells."""
        self.fits(width, room)
        self.top = max(0, min(self.top, len(self.lines) - room))
        shown = self.lines[self.top : self.top + room]
        self._drawn = range(self.top, self.top + len(shown))
        return shown

    def painted(self, at: float) -> None:
        """Note that the lines of the latest ``shown`` have been on the terminal since ``at`` (monotonic clock, s)."""
        before = self._stands_since
        self._read |= {line for line, since in before.items() if at - since >= QUIET_FOR}
        self._stands_since = {line: before.get(line, at) for line in self._drawn}

    @property
    def is_unread(self) -> bool:
        """True if at least one line of the text is treated as unread."""
        return not self.was_read and len(self._read.union(self._drawn)) < max(1, len(self.lines))


@dataclass
class Asked:
    """An open question. ``what`` is the name of the list from which it was opened. ``row`` is the row of this list that the
    question is about, as the row was when the question was opened. If the question is not about a row, ``row`` is None.
    """

    question: Question
    what: str
    row: Listed | None
    reading: Reading
    is_beside: bool = False  # true if the list is on the screen, beside the page of its selected row
    typed: str = ""


@dataclass
class State:
    labels: Mapping[str, str] = field(default_factory=dict)  # host → what stands in the column HOST. Empty for one host
    heard: dict[str, Heard] = field(default_factory=dict)  # what each of many hosts that can be reached now has said
    troubles: dict[str, str] = field(default_factory=dict)  # maps each of many hosts that cannot be reached to the reason
    lists: dict[str, Sequence[Listed] | str] = field(default_factory=dict)
    refusals: dict[str, list[str]] = field(default_factory=dict)  # list → what some of many hosts say who do not show it
    principal: str = ""
    host: str = ""
    is_operator: bool = False
    trouble: str = ""
    said: str = ""  # the latest message, which is a reply of jitd or a sentence of the board itself
    busy: str = ""  # the action or question that jitd is working on now. Empty if there is none.
    at: int = 0
    selection: dict[str, Key | None] = field(default_factory=dict)  # list → the key of its selected row
    page: Reading | None = None
    page_of: Key | None = None  # the key of the request on the open page
    asked: Asked | None = None

    @property
    def view(self) -> View:
        """The list that is shown on the screen."""
        return VIEWS[self.at]

    @property
    def keys(self) -> dict[str, str]:
        """Maps each letter that acts on rows of the shown list to its action. In the list of locks, only operators can use
        letters. On many hosts, nobody is locked from here, because a lock that some of them have not heard of needs a verb that
        goes on (``lock --until-done``).
        """
        keys = dict(self.view.keys) if self.is_operator or self.view.what != "locks" else {}
        return {letter: deed for letter, deed in keys.items() if letter != "l"} if self.labels else keys

    @property
    def rows(self) -> Sequence[Listed]:
        """The rows of the shown list. There are no rows if this list is not known, or if the viewer may not see the list."""
        return self.rows_of(self.view.what)

    def rows_of(self, what: str) -> Sequence[Listed]:
        """Return the rows of the list ``what``, or none if it is not known, or the viewer may not see it."""
        rows = self.lists.get(what, ())
        return () if isinstance(rows, str) else rows

    @property
    def is_reviewing(self) -> bool:
        """True if the open question is answered by single keys."""
        return self.asked is not None and isinstance(self.asked.question, Review)

    @property
    def is_beside(self) -> bool:
        """True if the list is on the screen, beside the page of its selected row."""
        return self.is_reviewing and self.asked is not None and self.asked.is_beside

    @property
    def row(self) -> Listed | None:
        """The selected row, or None. While a page is open, it is the row on this page."""
        return found(self.rows, self.page_of if self.page is not None else self.selection.get(self.view.what))

    def hear(self, heard: Heard) -> None:
        """Store the current lists of a host. If the row of the open question has changed or disappeared, close the question."""
        self.principal, self.host, self.is_operator, self.trouble = heard.principal, heard.host, heard.is_operator, ""
        if self.labels:
            self.heard[heard.host] = heard
            self.troubles.pop(heard.host, None)
            self._gather()
        else:
            self._take(heard.lists)

    def _gather(self) -> None:
        """Make the lists of many hosts from those of each. What is refused by all of them is the list, as of one host."""
        self.heard = {host: self.heard[host] for host in self.labels if host in self.heard}
        self.is_operator = any(one.is_operator for one in self.heard.values())
        lists: dict[str, Sequence[Listed] | str] = {}
        for what in [view.what for view in VIEWS]:
            told = {host: one.lists.get(what, ()) for host, one in self.heard.items()}
            hosts_of: dict[str, list[str]] = {}
            for host, rows in told.items():
                if isinstance(rows, str):
                    hosts_of.setdefault(rows, []).append(host)
            self.refusals[what] = [f"{_first_of(hosts)}: {text}" for text, hosts in hosts_of.items()]
            is_refused = bool(told) and sum(map(len, hosts_of.values())) == len(told)
            all_rows = [row for rows in told.values() if not isinstance(rows, str) for row in rows]
            lists[what] = "; ".join(self.refusals.pop(what)) if is_refused else all_rows
        self._take(lists)

    def _take(self, lists: Mapping[str, Sequence[Listed] | str]) -> None:
        before = {view.what: self.rows_of(view.what) for view in VIEWS}
        self.lists = {what: rows if isinstance(rows, str) else ordered(rows) for what, rows in lists.items()}
        for what, rows in before.items():
            self.selection[what] = selected(self.rows_of(what), rows, self.selection.get(what))
        asked = self.asked
        if asked is not None and asked.row is not None:
            now = found(self.rows_of(asked.what), (key(asked.row)[0], asked.question.id))
            if not is_same(asked.what, asked.row, now):
                self.close(f"{asked.question.id} {'has ended, or waits no more' if now is None else 'has changed'}")

    def miss(self, because: str, host: str = "") -> None:
        """Note that jitd cannot be reached any more. ``because`` is the reason. Close the open question. Of many hosts, it is
        ``host``, and a question about another one stays open.
        """
        if not self.labels:
            self.trouble = because
            self.close("jitd can no longer be reached")
            return
        self.troubles[host] = because
        self.heard.pop(host, None)
        if self.asked is not None and self.asked.row is not None and key(self.asked.row)[0] == host:
            self.close(f"{host} can no longer be reached")
        self._gather()

    def ask(self, question: Question, what: str, row: Listed | None, *, is_beside: bool = False) -> None:
        """Open ``question`` about ``row`` of the list ``what``. Do not open the question if the row has changed, or if jitd
        cannot be reached. If ``is_beside`` is True, the list stays on the screen beside the question.
        """
        now = found(self.rows_of(what), key(row)) if row is not None else None
        if self.trouble or (row is not None and not is_same(what, row, now)):
            self.said = "it has changed meanwhile: look again"
            return
        self.said = self.said if is_beside else ""
        self.asked = Asked(question, what, row, Reading(question.lines), is_beside)

    def go_on(self, question: Question) -> None:
        """Replace the open question by ``question`` about the same row. Of the same text above it, what was read stays read."""
        if (asked := self.asked) is None:
            return
        reading = asked.reading
        if getattr(question, "is_whole", False) != getattr(asked.question, "is_whole", False):
            reading = Reading(question.lines, was_read=not reading.is_unread)
        self.asked = Asked(question, asked.what, asked.row, reading, asked.is_beside)

    def read(self, of: Key | None, made: Callable[[int], list[Painted]]) -> None:
        """Show the page about the row with the key ``of``. If it is already open, keep the scroll position."""
        top = self.page.top if self.page is not None and self.page_of == of else 0
        self.page, self.page_of = Reading(made, top), of

    def close(self, because: str) -> None:
        """Close the open question without an answer. Do nothing if no question is open."""
        if self.asked is not None:
            self.asked = None
            self.said = f"{because}: {NOTHING_SENT}" if because else NOTHING_SENT

    def switch(self, at: int) -> None:
        """Show list number ``at``."""
        self.at, self.page, self.said = at % len(VIEWS), None, ""

    def move(self, by: int) -> None:
        """Scroll the open text by ``by`` lines. If there is no open text, move the selection ``by`` rows down."""
        reading = self.asked.reading if self.asked is not None else self.page
        if reading is not None:
            reading.top += by
        else:
            self.said = ""
            self.selection[self.view.what] = moved(self.rows, self.selection.get(self.view.what), by)


def _first_of(hosts: Sequence[str]) -> str:
    return hosts[0] if len(hosts) == 1 else f"{hosts[0]} and {len(hosts) - 1} more"
