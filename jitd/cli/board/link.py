# SPDX-License-Identifier: Apache-2.0
"""The board's end of jitd: one thread that watches the lists, and a thread for each thing that is asked or done.

Law: what fails is told, and tried again; no thread ends the board. A list that the viewer may not see is the daemon's refusal,
and no empty list. Each thread has connections of its own, and closes them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from jitd.cli.answer import Row
from jitd.cli.board.state import Heard, Trouble
from jitd.cli.board.views import VIEWS
from jitd.cli.call import ENDINGS, called
from jitpam.client import Connection, RefusedByDaemon
from jitpam.wire.messages import Done, Item, List, Watch

T = TypeVar("T")
AGAIN_AFTER = 2.0
"""Seconds after which jitd is tried again when it could not be reached, or took no ticket."""
EACH = 10.0
"""Seconds after which the lists are read again when nothing was heard: what a run has used changes without an event."""


class Link:
    """Watches the lists from ``start`` to ``stop``. ``tell`` is called in the link's thread with each thing that is heard."""

    def __init__(self, tell: Callable[[Heard | Trouble], None]) -> None:
        self._tell = tell
        self._is_stopped = threading.Event()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="board-link", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more. Returns at once: a thread that waits for the KDC ends with the process."""
        self._is_stopped.set()
        os.eventfd_write(self._wake, 1)

    def _run(self) -> None:
        while not self._is_stopped.is_set():
            try:
                self._watch()
            except ENDINGS as fault:
                self._tell(Trouble(str(fault)))
            except OSError as fault:
                self._tell(Trouble(f"jitd cannot be asked: {fault.strerror or fault}"))
            self._is_stopped.wait(AGAIN_AFTER)

    def _watch(self) -> None:
        with called() as daemon:
            for requests in self._requests(daemon):
                me = daemon.welcome
                self._tell(Heard(me.principal, me.host, me.operator, {"requests": requests, **_others()}))

    def _requests(self, daemon: Connection) -> Iterator[list[Row]]:
        """Yield the open requests: at each change of any list, and after EACH seconds without one. Raises as ``connect``."""
        requests: list[Row] = []
        rows: list[Row] = []
        heard_at_all = daemon.follow(Watch(ended=False), self._wake, EACH)
        while True:
            for heard in heard_at_all:
                if self._is_stopped.is_set():
                    return
                if isinstance(heard, Item):
                    rows.append(heard.row)
                    continue
                if isinstance(heard, Done):
                    requests, rows = rows, []
                yield requests
            heard_at_all = daemon.followed(self._wake, EACH)


def _others() -> dict[str, Sequence[Row] | str]:
    """Return the lists that no message watches. Raises as ``connect``."""
    lists: dict[str, Sequence[Row] | str] = {}
    with called() as daemon:
        for view in VIEWS[1:]:
            try:
                lists[view.what] = list(daemon.ask(List(what=view.what, ended=False)))
            except RefusedByDaemon as no:
                if no.code == "unauthenticated":
                    raise
                lists[view.what] = no.text
    return lists


def in_background(work: Callable[[], T], then: Callable[[T | str], None]) -> None:
    """Call ``work`` in a thread of its own, and ``then``, in that thread, with what it returns, or with why it failed."""

    def run() -> None:
        try:
            result: T | str = work()
        except ENDINGS as fault:
            result = str(fault)
        except OSError as fault:
            result = f"jitd cannot be asked: {fault.strerror or fault}"
        then(result)

    threading.Thread(target=run, name="board-deed", daemon=True).start()
