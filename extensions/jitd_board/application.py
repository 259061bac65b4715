# SPDX-License-Identifier: Apache-2.0
"""Runs the board on a terminal. The board draws the screen, accepts keys, and starts the actions that a person confirms.

Law: the library textual gets only printable lines without markup, and handles no key. The terminal is restored when the board
ends, is stopped, or fails. While the board waits for an answer of jitd, it still accepts keys. An answer about a row of one of
many hosts is sent to that host.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import copy_context
from typing import Any, TypeVar

from textual import events
from textual.app import App, ComposeResult

from jitd.cli import far
from jitd.cli.answer import say
from jitd.cli.call import ENDINGS
from jitd.cli.hosts import Far, begun
from jitd.cli.labels import laid_out
from jitd.cli.page import page
from jitd.cli.question import QUIET_FOR, sentence
from jitd.cli.terminal_size import terminal_size
from jitd.cli.viewing import watch
from jitd.cli.walk import Key, key
from jitd_board.canvas import Canvas
from jitd_board.keyboard import MOVES, Keyboard, Taken
from jitd_board.link import Link, in_background
from jitd_board.picture import HELP, WIDE, asked_of, is_too_small, picture
from jitd_board.questions import LONGEST, Deed, Locking, Question, Word, about, row_of
from jitd_board.state import Heard, State, Trouble
from jitd_board.terminal import ASKED_AGAIN_AFTER, Terminal
from jitd_board.views import VIEWS
from jitpam import saying
from jitpam.wire.rows import Listed, Request

T = TypeVar("T")
INTERRUPTED = 128 + signal.SIGINT
STEPS = {"tab": 1, "right": 1, "left": -1, "shift+tab": -1}  # the keys that show the list after or before the shown list
BESIDE_AFTER = 0.2  # the page of the selected row is fetched when the row has been selected for this number of seconds
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)  # end the board, after the terminal is restored


class Board(App[int]):
    """The application. ``run`` returns when the person leaves the board. ``return_code`` is then the exit status. ``links`` makes
    the links, which tell what each host says, and ``hosts`` are the hosts if they are others than this one.
    """

    ENABLE_COMMAND_PALETTE = False
    CSS = "Screen { background: ansi_default; overflow: hidden; }"

    def __init__(self, links: Callable[[Callable[[Heard | Trouble], None]], Sequence[Link]], hosts: Sequence[Far]) -> None:
        super().__init__(driver_class=Terminal, ansi_color=True)
        self.state = State(labels={one.host: one.label for one in hosts} if len(hosts) > 1 else {})
        self.keyboard = Keyboard()
        self.fault: BaseException | None = None
        self._canvas = Canvas()
        self._links = links(self._heard)
        self._hosts = {one.host: one for one in hosts}
        self._loop: asyncio.AbstractEventLoop
        self._question: tuple[str, Question | None] = ("", None)  # the question that is on the screen now, and its text
        self._asking = 0  # questions sent to jitd. An answer is ignored if a newer question was sent
        self._pressed_at: object = None  # what was selected at the press of a key that `_ripen` handles after a pause
        self._fetching: Key | None = None  # the key of the row whose page is being fetched, to be shown beside the list
        self._n_drawn = 0
        self._is_away = False  # true while a run is watched on the terminal, or the board is stopped
        self._is_over = False  # true when the board has begun to end

    def compose(self) -> ComposeResult:
        """Return the only widget of the screen."""
        yield self._canvas

    async def on_mount(self) -> None:
        """Install the signal handlers, and start the timer and the link to jitd."""
        self._loop = asyncio.get_running_loop()
        self._own_context = copy_context()
        self._take_signals()
        saying.elsewhere = _unsaid
        threading.excepthook = lambda fault: self._in_loop(lambda: self._fail(fault.exc_value or SystemExit(1)))
        self.set_interval(1.0, self.draw)
        for link in self._links:
            link.start()
        self.draw()

    # --- the screen

    def draw(self) -> None:
        """Draw the current state. If the question has a new text, ignore all keys until this text is on the screen."""
        if self._is_away:
            return
        size = self.size
        if self.state.asked is not None and is_too_small(size.width, size.height):
            self.state.close("the terminal is too small")
        if self.state.is_beside and self.state.asked is not None:
            self.state.asked.is_beside = size.width >= WIDE
        painted = picture(self.state, size.width, size.height)
        question = self._asked_now()
        if question != self._question:
            self._question = question
            self.keyboard.shut()
            if self.state.asked is not None and self.state.asked.typed:  # this text was typed to another question
                self.state.asked.typed = ""
                painted = picture(self.state, size.width, size.height)
        if painted != self._canvas.painted:
            self._canvas.painted = painted
            self._canvas.refresh()
        self._fetch_page()
        self._n_drawn += 1
        self.call_after_refresh(self._painted, self._n_drawn)  # also if no line has changed

    def _painted(self, n_drawn: int) -> None:
        """Wait until the terminal has taken all output, and note that drawing ``n_drawn`` is shown, unless a newer one is."""
        if n_drawn != self._n_drawn or self._is_away:
            return
        if isinstance(self._driver, Terminal) and not self._driver.has_all:
            self.set_timer(ASKED_AGAIN_AFTER, lambda: self._painted(n_drawn))
            return
        now = time.monotonic()
        if self.state.asked is not None:
            self.state.asked.reading.painted(now)
        self.keyboard.shown(now)
        if self._asked_now() != self._question:  # the question changes when all lines were read
            self.draw()

    def _asked_now(self) -> tuple[str, Question | None]:
        asked = self.state.asked
        return asked_of(self.state, self.size.width), None if asked is None else asked.question

    # --- input

    async def on_event(self, event: events.Event) -> None:
        """Handle a key here, before textual can handle it."""
        if isinstance(event, events.Key):
            self._pressed(event)
        elif isinstance(event, events.Paste):
            self.keyboard.other(event.time)
            if self.state.asked is not None:  # textual makes keys of some sequences in a paste, and reports the paste after them
                self.state.asked.typed = ""
            self._say("pasted text is ignored")
        elif isinstance(event, events.Resize):
            if tuple(event.size) == tuple(terminal_size()):  # textual would accept a size from pasted text
                await super().on_event(event)
                self.call_after_refresh(self.draw)
        elif not isinstance(event, events.InputEvent):
            await super().on_event(event)

    def _pressed(self, event: events.Key) -> None:
        key, at = event.key, event.time
        asked = self.state.asked
        if key == "ctrl+c":
            self.leave(INTERRUPTED)
        elif key == "ctrl+z":
            self._stop()
        elif key in MOVES and (asked is None or self.state.is_reviewing or event.character is None or not event.is_printable):
            self.keyboard.other(at)
            self._move(MOVES[key])
        elif key == "escape":
            self.keyboard.other(at)
            self._back()
        elif asked is None or self.state.is_reviewing:
            self._single(self._meant(event), at)
        elif key == "enter":
            self._single(key, at)
        elif self.keyboard.letter(at) is Taken.NOW:
            if key in ("backspace", "ctrl+h"):
                asked.typed = asked.typed[:-1]
            elif key == "ctrl+u":
                asked.typed = ""
            elif event.character is not None and event.is_printable and len(asked.typed) < LONGEST:
                asked.typed += event.character
            self.state.said = ""
            self.draw()

    @staticmethod
    def _meant(event: events.Key) -> str:
        return event.character.lower() if event.character is not None and event.is_printable else event.key

    def _single(self, key: str, at: float) -> None:
        if self.keyboard.single(key, at) is Taken.HELD:
            self._pressed_at = self._selected()
            self.set_timer(QUIET_FOR, self._ripen)
        elif self.state.asked is not None and not self.state.is_reviewing and key == "enter":
            self._say("Enter came too soon after other input: press Enter again")

    def _ripen(self) -> None:
        key = self.keyboard.ripe(time.monotonic())
        if (self.state.is_reviewing or key in self.state.keys) and self._pressed_at != self._selected():
            self._say("the selected row has disappeared: nothing was done")
        elif key is not None:
            self._act(key)

    def _selected(self) -> tuple[int, Key | None, Question | None]:
        asked, row = self.state.asked, self.state.row
        return self.state.at, None if row is None else key(row), None if asked is None else asked.question

    def _move(self, by: int) -> None:
        reads = self.state.asked is not None or self.state.page is not None
        if self.state.is_beside and abs(by) != 10:  # another row
            self.state.asked = None
        elif reads and abs(by) == 10:  # scroll by one screen, but keep one line
            by = (1 if by > 0 else -1) * max(1, self.size.height - 9)
        self.state.move(by)
        self.draw()

    def _back(self) -> None:
        self._asking += 1
        if self.state.is_beside:
            self.state.said = ""
        elif self.state.asked is not None:
            self.state.close("")
        else:
            self.state.page, self.state.said = None, ""
        self.draw()

    def _say(self, text: str) -> None:
        self.state.said = text
        self.draw()

    # --- what keys do

    def _act(self, pressed: str) -> None:
        state = self.state
        is_of_list = pressed in ("q", "?", *STEPS) or pressed in "12345"[: len(VIEWS)]
        if state.asked is not None and not (state.is_beside and is_of_list):
            self._answer(pressed)
        elif pressed == "q":
            self.leave(0)
        elif pressed == "?":
            state.asked = None
            state.read(None, lambda width: laid_out(HELP, width))
        elif is_of_list:
            state.asked = None
            state.switch(state.at + STEPS[pressed] if pressed in STEPS else int(pressed) - 1)
        elif pressed == "s" and state.view.what == "requests":
            self._next()
        elif pressed in ("enter", "v"):
            self._read()
        elif pressed in state.keys and not state.busy:
            self._begin(pressed)
        self.draw()

    def _begin(self, pressed: str) -> None:
        """Open the question for the key ``pressed`` about the selected row. For the key ``w``, show the row's run instead."""
        state, row, what = self.state, self.state.row, self.state.view.what
        if pressed == "l":
            state.ask(Locking(), what, None)
        elif row is None:
            state.said = "nothing is selected"
        elif pressed == "w":
            self._watch(row)
        else:
            self._asked_of_jitd(row, lambda: about(pressed, row), lambda question: state.ask(question, what, row))

    def _read(self) -> None:
        row = self.state.row
        if row is not None and self.state.view.what == "requests":
            self._begin("v")
        elif row is not None and self.state.view.has_pages and self.state.page is None:
            self._asked_of_jitd(
                row,
                lambda: row_of(row.id),
                lambda whole: self.state.read(key(row), lambda width: page(whole, width)),
            )

    def _read_again(self, of: Key) -> None:
        """Fetch the content of the open page again. If this fails, or if the person has left the page, change nothing."""

        def take(whole: Request | str) -> None:
            if self.state.page is not None and self.state.page_of == of and not isinstance(whole, str):
                self.state.read(of, lambda width: page(whole, width))

        host, id = of
        in_background(lambda: row_of(id), lambda whole: self._in_loop(lambda: take(whole)), self._hosts.get(host))

    def _answer(self, pressed: str) -> None:
        """Begin the action that follows from the answer to the open question, or open the next question. The answer is the key
        ``pressed`` if the question is answered by single keys, and otherwise the typed line.
        """
        state, asked = self.state, self.state.asked
        if asked is None:
            return
        typed = pressed if state.is_reviewing else asked.typed.strip()
        follows = asked.question.follows(typed, self.size.width, is_unread=asked.reading.is_unread)
        state.said = ""
        if isinstance(follows, Question):
            if follows is asked.question and isinstance(follows, Word):
                state.said = "only the word yes approves it"
            state.go_on(follows)
        elif follows is not None:
            state.asked = None
            self._do(follows, self._there(asked.row), asked.question.busy)
        else:
            state.close("")
            if pressed == "s":
                self._next()

    def _next(self) -> None:
        """Select the next row. If there is one, and if its page is not beside the list, open it."""
        before = self._selected()
        self.state.move(1)
        if self._selected() != before and self.size.width < WIDE:
            self._begin("v")

    def _there(self, row: Listed | None) -> Far | None:
        """Return the other host that ``row`` is on, or None. Without a row, there is one host."""
        return next(iter(self._hosts.values()), None) if row is None else self._hosts.get(row.host)

    def _do(self, deed: Deed, there: Far | None, busy: str) -> None:
        self.state.busy, self.state.page = busy, None

        def done(said: str) -> None:
            self.state.busy, self.state.said = "", said if there is None else f"{there.host}: {begun(said)}"

        in_background(deed, lambda said: self._in_loop(lambda: done(said)), there)

    def _asked_of_jitd(self, row: Listed, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Call ``work`` in the background, then ``then`` with its result in this thread, unless something newer has come."""
        self._asking += 1
        number = self._asking
        at = self.state.at

        def take(result: T | str) -> None:
            if number != self._asking or at != self.state.at:
                return
            if isinstance(result, str):
                self.state.said = result
            else:
                then(result)

        in_background(work, lambda result: self._in_loop(lambda: take(result)), self._there(row))

    def _lacks_page(self) -> Key | None:
        """If the page of the selected row should be beside the list and is not there, return the key of this row."""
        state = self.state
        is_free = not (state.asked or state.page or state.busy or state.trouble) and state.view.what == "requests"
        return key(state.row) if state.row is not None and is_free and self.size.width >= WIDE else None

    def _fetch_page(self) -> None:
        """If the page of the selected row should be beside the list, fetch it soon."""
        lacking = self._lacks_page()
        if lacking is not None and lacking != self._fetching:
            self._loop.call_later(BESIDE_AFTER, self._fetched, lacking)
        self._fetching = lacking

    def _fetched(self, of: Key) -> None:
        row, what = self.state.row, self.state.view.what
        if row is None or of != self._lacks_page():
            return

        def show(question: Question) -> None:
            if of == self._lacks_page():
                self.state.ask(question, what, row, is_beside=True)

        self._asked_of_jitd(row, lambda: about("v", row), show)

    # --- jitd

    def _heard(self, heard: Heard | Trouble) -> None:
        """Store the lists from jitd, or the reason why there are none. The link calls this method in its own thread."""

        def take() -> None:
            if isinstance(heard, Trouble):
                self.state.miss(heard.because, heard.host)
                return
            self.state.hear(heard)
            there = heard.host if self.state.labels else None
            if self._fetching is not None and there in (None, self._fetching[0]):
                self._fetching = None  # what could not be fetched is fetched again
            of = self.state.page_of
            if self.state.page is not None and of is not None and there in (None, of[0]):
                self._read_again(of)

        self._in_loop(take)

    def _in_loop(self, work: Callable[[], None]) -> None:
        """Call ``work`` in the board's thread, and then draw the board. If the board has already ended, do nothing."""

        def do() -> None:
            work()
            self.draw()

        try:
            self._loop.call_soon_threadsafe(do, context=self._own_context)  # a thread of its own knows of no other hosts
        except RuntimeError:  # the loop is closed
            return

    # --- the terminal and its signals

    def _watch(self, row: Listed) -> None:
        """Show the run in ``row`` on the whole terminal, in the same way as ``jitd watch``."""
        assert watch.callback is not None
        self._is_away = True
        saying.elsewhere = None
        interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with self.suspend():
                try:
                    with far.at(self._there(row)):
                        watch.callback(id=row.id)
                except ENDINGS as fault:
                    say(str(fault))
                except KeyboardInterrupt:
                    pass
                with suppress(KeyboardInterrupt):
                    sentence("press Enter for the board: ")
        except SystemExit as end:  # a signal has ended the watch
            self.leave(end.code if isinstance(end.code, int) else 1)
        finally:
            signal.signal(signal.SIGINT, interrupt)
            saying.elsewhere = _unsaid
            self._is_away = False
            self._take_signals()
        self.refresh(layout=True)

    def _take_signals(self) -> None:
        for number in ENDING:
            self._loop.add_signal_handler(number, self.leave, 128 + number)
        self._loop.add_signal_handler(signal.SIGTSTP, self._stop)
        self._loop.add_signal_handler(signal.SIGCONT, self._went_on)

    def _stop(self) -> None:
        """Stop the board after Ctrl-Z, and restore the terminal. Return when the board is continued."""
        self._show_again(self._stopped)

    def _stopped(self) -> None:
        self._loop.remove_signal_handler(signal.SIGCONT)
        self._loop.remove_signal_handler(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(0, signal.SIGTSTP)  # stop the whole job, in the same way as the terminal
        self._take_signals()

    def _went_on(self) -> None:
        """The board runs again after a stop by a signal such as SIGSTOP. Take over the terminal, which the shell has used."""
        self._show_again(lambda: None)

    def _show_again(self, between: Callable[[], None]) -> None:
        """Close the open question without an answer. Give up the terminal, call ``between``, and draw the board again."""
        if self._is_over:
            return  # a terminal that hangs up sends SIGCONT as well as SIGHUP
        self.state.close("the board was stopped")
        self._is_away = True
        with self.suspend():
            between()
        self._is_away = False
        self.keyboard.shut()
        self._canvas.painted = []
        self.refresh(layout=True)
        self.draw()

    def leave(self, status: int) -> None:
        self._is_over = True
        for link in self._links:
            link.stop()
        self.exit(return_code=status)

    # --- our own errors: textual would print them with all local variables

    def _handle_exception(self, error: Exception) -> None:
        self._fail(error)

    def panic(self, *renderables: Any) -> None:
        """Handle an error in the thread in which textual reads the keyboard."""
        self._fail(sys.exc_info()[1] or OSError("the keyboard cannot be read as text"))

    def _fail(self, fault: BaseException) -> None:
        self.fault = self.fault or fault
        self._is_over = True
        for link in self._links:
            link.stop()
        self._return_code = 1
        self._close_messages_no_wait()


def _unsaid(text: str) -> None:
    """What a carrier says would be written over the screen. Why a host cannot be reached is on it."""
