# SPDX-License-Identifier: Apache-2.0
"""The board on a terminal: draws the picture, takes keys, and has done what is answered.

Law: textual is handed lines that are printable, and no markup. It handles no key itself: each one passes ``Keyboard`` first. The
terminal is as before when the board ends, is stopped, or fails. What is asked of jitd blocks nothing.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from textual import events
from textual.app import App, ComposeResult

from jitd.cli.answer import Row, say, words
from jitd.cli.board.canvas import Canvas
from jitd.cli.board.keyboard import Keyboard, Taken
from jitd.cli.board.link import Link, in_background
from jitd.cli.board.picture import asked_of, is_too_small, picture
from jitd.cli.board.questions import Deed, Locking, Question, about
from jitd.cli.board.state import NOTHING_SENT, Heard, State, Trouble
from jitd.cli.board.views import VIEWS
from jitd.cli.call import ENDINGS, called
from jitd.cli.page import page
from jitd.cli.question import QUIET_FOR, sentence
from jitd.cli.verdict import fetched
from jitd.cli.viewing import watch

T = TypeVar("T")
INTERRUPTED = 128 + signal.SIGINT
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Signals that end the board; it restores the terminal first."""
MOVES = {"up": -1, "k": -1, "down": 1, "j": 1, "pageup": -10, "pagedown": 10, "space": 10, "home": -(10**6), "end": 10**6}
"""Key → rows that the selection moves by, or lines that a page scrolls by. Of a page, a screen counts ten lines at least."""
LONGEST = 1000
"""Characters of the longest answer."""


def _row(id: str) -> Row:
    """Return the row of the request ``id``, as ``jitd show`` has it. Raises one of call.ENDINGS."""
    with called() as daemon:
        return fetched(daemon, id)


class Board(App[int]):
    """The application. ``run`` returns when the person leaves it; ``return_code`` is the exit status then."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "Screen { background: ansi_default; overflow: hidden; }"

    def __init__(self) -> None:
        super().__init__(ansi_color=True)
        self.state = State()
        self.keyboard = Keyboard()
        self.fault: BaseException | None = None
        """What ended the board, if it failed."""
        self._canvas = Canvas()
        self._link = Link(self._heard)
        self._loop: asyncio.AbstractEventLoop
        self._question = ""
        """The question that stands on the screen."""
        self._asking = 0
        """Counts what was asked of jitd: an answer to what was asked before something else is not taken."""
        self._pressed_at = (0, "")
        """What was selected when the key was pressed that is held."""
        self._is_away = False
        """True while the terminal belongs to something else."""

    def compose(self) -> ComposeResult:
        """Make the one widget."""
        yield self._canvas

    async def on_mount(self) -> None:
        """Begin."""
        self._loop = asyncio.get_running_loop()
        self._take_signals()
        threading.excepthook = lambda fault: self._in_loop(lambda: self._fail(fault.exc_value or SystemExit(1)))
        self.set_interval(1.0, self.draw)
        self._link.start()
        self.draw()

    # --- the screen

    def draw(self) -> None:
        """Draw what is. A question that is asked anew, or otherwise, is answered by no key from before."""
        if self._is_away:
            return
        size = self.size
        if self.state.asked is not None and is_too_small(size.width, size.height):
            self.state.close("the terminal is too small")
        painted = picture(self.state, size.width, size.height)
        question = asked_of(self.state, size.width)
        if question != self._question:
            self._question = question
            self.keyboard.shut()
            self.call_after_refresh(self._shown, question)
        if painted != self._canvas.painted:
            self._canvas.painted = painted
            self._canvas.refresh()

    def _shown(self, question: str) -> None:
        if question == self._question:
            self.keyboard.shown(time.monotonic())

    # --- input

    async def on_event(self, event: events.Event) -> None:
        """Take each key here, before textual does."""
        if isinstance(event, events.Key):
            self._pressed(event)
        elif isinstance(event, events.Paste):
            self.keyboard.other(event.time)
            if self.state.asked is not None:  # textual makes keys of some sequences in a paste, and tells of the paste after them
                self.state.asked.typed = ""
            self._say("what is pasted counts for nothing")
        elif isinstance(event, events.Resize):
            if tuple(event.size) == tuple(shutil.get_terminal_size()):  # textual believes a size that is pasted
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
        elif key in MOVES and (asked is None or event.character is None or not event.is_printable):
            self.keyboard.other(at)
            self._move(MOVES[key])
        elif key == "escape":
            self.keyboard.other(at)
            self._back()
        elif asked is None:
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
        elif self.state.asked is not None and key == "enter":
            self._say("that came too fast after something else: press Enter again")

    def _ripen(self) -> None:
        key = self.keyboard.ripe(time.monotonic())
        if key in self.state.keys and self._pressed_at != self._selected():
            self._say("what was selected is gone: nothing was done")
        elif key is not None:
            self._act(key)

    def _selected(self) -> tuple[int, str]:
        """What a key is about: the list and the id of the row that is selected."""
        return self.state.at, words(self.state.row or {}, "id", "")

    def _move(self, by: int) -> None:
        reads = self.state.asked is not None or self.state.page is not None
        if reads and abs(by) == 10:  # a screen, of which one line stays
            by = (1 if by > 0 else -1) * max(1, self.size.height - 9)
        self.state.move(by)
        self.draw()

    def _back(self) -> None:
        self._asking += 1
        if self.state.asked is not None:
            self.state.close("")
        else:
            self.state.page, self.state.said = None, ""
        self.draw()

    def _say(self, text: str) -> None:
        self.state.said = text
        self.draw()

    # --- what keys do

    def _act(self, key: str) -> None:
        state = self.state
        if state.asked is not None:
            self._answer()
        elif key == "q":
            self.leave(0)
        elif key in ("tab", "right", "left", "shift+tab") or key in "12345"[: len(VIEWS)]:
            step = {"tab": 1, "right": 1, "left": -1, "shift+tab": -1}.get(key)
            state.switch(state.at + step if step else int(key) - 1)
        elif key in ("enter", "v"):
            self._read()
        elif key in state.keys and not state.busy:
            self._begin(key)
        self.draw()

    def _begin(self, key: str) -> None:
        """Lead to the question of ``key`` about the row that is selected; or watch its run."""
        state, row, what = self.state, self.state.row, self.state.view.what
        if key == "l":
            state.ask(Locking({}), what, None)
        elif row is None:
            state.said = "nothing is selected"
        elif key == "w":
            self._watch(words(row, "id"))
        else:
            self._asked_of_jitd(lambda: about(key, row), lambda question: state.ask(question, what, row))

    def _read(self) -> None:
        row = self.state.row
        if row is not None and self.state.view.has_pages and self.state.page is None:
            id = words(row, "id")
            self._asked_of_jitd(lambda: _row(id), lambda whole: self.state.read(id, lambda width: page(whole, width)))

    def _read_again(self) -> None:
        """Read the open page again, as something has changed. It stays as it is if that fails, or if the person has left it."""
        id = self.state.page_of

        def take(whole: Row | str) -> None:
            if self.state.page is not None and self.state.page_of == id and not isinstance(whole, str):
                self.state.read(id, lambda width: page(whole, width))

        in_background(lambda: _row(id), lambda whole: self._in_loop(lambda: take(whole)))

    def _answer(self) -> None:
        """Do what follows from the line that was typed."""
        asked = self.state.asked
        if asked is None:
            return
        typed, self.state.asked = asked.typed.strip(), None
        follows = asked.question.follows(typed, self.size.width, is_unread=asked.reading.is_unread)
        if isinstance(follows, Question):
            self.state.ask(follows, asked.what, asked.row)
        elif follows is None:
            self.state.said = NOTHING_SENT
        else:
            self._do(follows)

    def _do(self, deed: Deed) -> None:
        self.state.busy, self.state.page = "this is being done ...", None

        def done(said: str) -> None:
            self.state.busy, self.state.said = "", said

        in_background(deed, lambda said: self._in_loop(lambda: done(said)))

    def _asked_of_jitd(self, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Have ``work`` done in the background, and ``then`` with its result here, unless something else was begun since."""
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

        in_background(work, lambda result: self._in_loop(lambda: take(result)))

    # --- jitd

    def _heard(self, heard: Heard | Trouble) -> None:
        """Take what the link tells, in its thread."""

        def take() -> None:
            if isinstance(heard, Trouble):
                self.state.miss(heard.because)
            else:
                self.state.hear(heard)
                if self.state.page is not None:
                    self._read_again()

        self._in_loop(take)

    def _in_loop(self, work: Callable[[], None]) -> None:
        """Have ``work`` done in the thread of the board, and the board drawn after it. Nothing is done once the board has
        ended.
        """

        def do() -> None:
            work()
            self.draw()

        try:
            self._loop.call_soon_threadsafe(do)
        except RuntimeError:  # the loop is closed
            return

    # --- the terminal and its signals

    def _watch(self, id: str) -> None:
        """Follow a run on the whole terminal, as ``jitd watch`` does."""
        assert watch.callback is not None
        self._is_away = True
        interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with self.suspend():
                try:
                    watch.callback(id=id)
                except ENDINGS as fault:
                    say(str(fault))
                except KeyboardInterrupt:
                    pass
                with suppress(KeyboardInterrupt):
                    sentence("press Enter for the board: ")
        except SystemExit as end:  # a signal
            self.leave(end.code if isinstance(end.code, int) else 1)
        finally:
            signal.signal(signal.SIGINT, interrupt)
            self._is_away = False
            self._take_signals()
        self.refresh(layout=True)

    def _take_signals(self) -> None:
        for number in ENDING:
            self._loop.add_signal_handler(number, self.leave, 128 + number)
        self._loop.add_signal_handler(signal.SIGTSTP, self._stop)
        self._loop.add_signal_handler(signal.SIGCONT, self._went_on)

    def _stop(self) -> None:
        """Stop, as Ctrl-Z asks: the shell has the terminal as it was, until we are continued."""
        self._show_again(self._stopped)

    def _stopped(self) -> None:
        self._loop.remove_signal_handler(signal.SIGCONT)
        self._loop.remove_signal_handler(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(0, signal.SIGTSTP)  # all of the job, as the terminal would
        self._take_signals()

    def _went_on(self) -> None:
        """Take the terminal again after a stop that we did not see: the shell has used it since."""
        self._show_again(lambda: None)

    def _show_again(self, between: Callable[[], None]) -> None:
        """Give the terminal away for ``between``. What was asked before is not answered after it."""
        self.state.close("the board was stopped")
        self._is_away = True
        with self.suspend():
            between()
        self._is_away = False
        self.keyboard.shut()
        self.call_after_refresh(lambda: self.keyboard.shown(time.monotonic()))
        self.refresh(layout=True)
        self.draw()

    def leave(self, status: int) -> None:
        """End the board with ``status``."""
        self._link.stop()
        self.exit(return_code=status)

    # --- faults of our own: textual would print them with all local variables

    def _handle_exception(self, error: Exception) -> None:
        self._fail(error)

    def panic(self, *renderables: Any) -> None:
        """Take a fault of textual's own thread that reads the keyboard."""
        self._fail(sys.exc_info()[1] or OSError("the keyboard cannot be read as text"))

    def _fail(self, fault: BaseException) -> None:
        self.fault = self.fault or fault
        self._link.stop()
        self._return_code = 1
        self._close_messages_no_wait()
