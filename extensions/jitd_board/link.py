# SPDX-License-Identifier: Apache-2.0
"""The board's link to jitd. One thread watches the lists. Each question and each action has its own thread.

Law: a failure is reported to the board, and the link tries again. No thread ends the board. If the viewer may not see a list, the
board shows the daemon's refusal, and never an empty list. Each thread opens its own connections and closes them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from jitd.cli.answer import Row
from jitd.cli.call import ENDINGS, called
from jitd_board.state import Heard, Trouble
from jitd_board.views import VIEWS
from jitpam.client import Connection, RefusedByDaemon
from jitpam.wire.messages import Done, Item, List, Watch

T = TypeVar("T")
AGAIN_AFTER = 2.0
"""If jitd cannot be reached or does not accept the ticket, the link waits this number of seconds and tries again."""
EACH = 10.0
"""The lists are read again after this number of seconds, even if jitd has reported no change. For example, jitd does not report
changes of the CPU time or the memory of a run.
"""


class Link:
    """After the call of ``start``, a thread watches the lists of the board until ``stop`` is called. After each change, this
    thread calls ``tell`` with the new lists. If the lists cannot be fetched, it calls ``tell`` with the reason.
    """

    def __init__(self, tell: Callable[[Heard | Trouble], None]) -> None:
        self._tell = tell
        self._is_stopped = threading.Event()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="board-link", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching. Return at once, even if the link's thread is still waiting for the KDC. The thread ends at the latest
        when the process ends.
        """
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
        """Yield the open requests each time jitd sends them after a change. If jitd sends nothing, yield the same requests again
        every EACH seconds. Raises the errors of ``connect``.
        """
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
    """Return all lists of the board except the list of requests. The list of requests comes through the message Watch instead.
    Raises the errors of ``connect``.
    """
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
    """Call ``work`` in a new thread. Afterwards call ``then`` in the same thread. The argument of ``then`` is the result of
    ``work``, or a sentence with the reason if ``work`` failed.
    """

    def run() -> None:
        try:
            result: T | str = work()
        except ENDINGS as fault:
            result = str(fault)
        except OSError as fault:
            result = f"jitd cannot be asked: {fault.strerror or fault}"
        then(result)

    threading.Thread(target=run, name="board-deed", daemon=True).start()
