# SPDX-License-Identifier: Apache-2.0
"""The board's link to jitd. For each host, one thread watches the lists. Each question and each action has its own thread.

Law: a failure is reported to the board, and the link tries again. No thread ends the board. If the viewer may not see a list, the
board shows the daemon's refusal, and never an empty list. Each thread opens its own connections and closes them. Rows of another
host are under the name in its ticket.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from jitd.cli import far
from jitd.cli.answer import Row
from jitd.cli.call import ENDINGS
from jitd.cli.hosts import Far, begun
from jitd_board.state import Heard, Trouble
from jitd_board.views import VIEWS
from jitpam.client import Connection, RefusedByDaemon
from jitpam.wire.messages import Done, Item, List, Watch
from jitpam.wire.rows import LISTED

T = TypeVar("T")
OPEN = Watch(ended=False)
AGAIN_AFTER = 2.0  # seconds until the next try, if jitd cannot be reached or does not accept the ticket
MANY_AGAIN_AFTER = 10.0  # the same, of one of many hosts: each attempt may start a carrier
EACH = 10.0  # seconds after which the lists are read again: jitd tells of no change of CPU time or memory


class Link:
    """After the call of ``start``, a thread watches the lists of the board until ``stop`` is called. After each change, this
    thread calls ``tell`` with the new lists. If the lists cannot be fetched, it calls ``tell`` with the reason. ``call`` opens a
    connection to ``host``, which is empty for this host. After a failure, the link waits ``again_after`` seconds.
    """

    def __init__(
        self,
        tell: Callable[[Heard | Trouble], None],
        call: Callable[[], AbstractContextManager[Connection]],
        host: str = "",
        again_after: float = AGAIN_AFTER,
    ) -> None:
        self._tell = tell
        self._call = call
        self._host = host
        self._again_after = again_after
        self._is_stopped = threading.Event()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="board-link", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop watching, and return at once: a thread that waits for the KDC ends with the process."""
        self._is_stopped.set()
        os.eventfd_write(self._wake, 1)

    def _run(self) -> None:
        while not self._is_stopped.is_set():
            try:
                self._watch()
            except ENDINGS as fault:
                self._tell(Trouble(begun(str(fault)), self._host))
            except OSError as fault:
                self._tell(Trouble(f"jitd cannot be asked: {fault.strerror or fault}", self._host))
            self._is_stopped.wait(self._again_after)

    def _watch(self) -> None:
        # here, each look has its own connection, so a ticket that is gone is noticed; elsewhere, each would start a carrier
        with self._call() as daemon, self._call() if self._host else nullcontext() as kept:
            if kept is not None:
                kept.asks_beside(daemon)
            for requests in self._requests(daemon):
                me = daemon.welcome
                with self._call() if kept is None else nullcontext(kept) as beside:
                    lists = {"requests": requests, **_others(beside)}
                host = {"host": self._host} if self._host else {}
                read = {
                    what: rows if isinstance(rows, str) else [LISTED[what].read({**row, **host}) for row in rows]
                    for what, rows in lists.items()
                }
                self._tell(Heard(me.principal, me.host, me.operator, read))

    def _requests(self, daemon: Connection) -> Iterator[list[Row]]:
        """Yield the open requests after each change, and every EACH seconds. Raises the errors of ``connect``."""
        requests: list[Row] | None = None
        rows: list[Row] = []
        heard_at_all = daemon.follow(OPEN, self._wake, EACH)
        while True:
            for heard in heard_at_all:
                if self._is_stopped.is_set():
                    return
                if isinstance(heard, Item):
                    rows.append(heard.row)
                    continue
                if isinstance(heard, Done):
                    requests, rows = rows, []
                    far.saw(daemon, (OPEN, requests))
                if requests is not None:  # until then, the host has not said that nothing waits
                    yield requests
            heard_at_all = daemon.followed(self._wake, EACH)


def _others(daemon: Connection) -> dict[str, Sequence[Row] | str]:
    """Return all lists but that of requests, which comes by Watch. Raises the errors of ``ask``."""
    lists: dict[str, Sequence[Row] | str] = {}
    for view in VIEWS[1:]:
        try:
            asked = List(what=view.what, ended=False)
            lists[view.what] = rows = list(daemon.ask(asked))
            far.saw(daemon, (asked, rows))
        except RefusedByDaemon as no:
            if no.code == "unauthenticated":
                raise
            lists[view.what] = begun(no.text)
    return lists


def in_background(work: Callable[[], T], then: Callable[[T | str], None], there: Far | None) -> None:
    """Call ``work`` in a new thread, and send to the host ``there`` what it sends. Afterwards call ``then`` in the same thread.
    The argument of ``then`` is the result of ``work``, or a sentence with the reason if ``work`` failed.
    """

    def run() -> None:
        try:
            with far.at(there):
                result: T | str = work()
        except ENDINGS as fault:
            result = begun(str(fault))
        except OSError as fault:
            result = f"jitd cannot be asked: {fault.strerror or fault}"
        then(result)

    threading.Thread(target=run, name="board-deed", daemon=True).start()
