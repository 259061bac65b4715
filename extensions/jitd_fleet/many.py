# SPDX-License-Identifier: Apache-2.0
"""Asks many hosts, side by side, each by its door (PROTOCOL.md section 13).

Law: each host is asked in a thread of its own, and no host waits for another one. A host that is silent, absent, refuses, or
speaks another version takes nothing from what the others answer: it is named at the end. What a host says is shown under the name
in its ticket alone. Tickets are kept in the memory of this process.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from typing import TypeVar

from jitd.cli import far
from jitd.cli.answer import Row, say, speaks
from jitd.cli.call import ENDINGS, NotDone
from jitd.cli.hosts import Far
from jitpam import carrier
from jitpam.carrier import AtTheDoor
from jitpam.client import RefusedByDaemon, Unreachable
from jitpam.wire.messages import Message, Watch

T = TypeVar("T")
AT_ONCE = 32
"""Maximum number of hosts with which a conversation is opened at the same time."""
SILENT_AFTER = 10.0
"""Seconds in which a host has to prove itself, once there is a ticket for it."""
MOST_ROWS = 20_000
ANSWERED_WITHIN = 30.0
"""Maximum number of rows that one host is heard to say in one answer, and seconds from its first row to its last one. A hostile
host would otherwise keep what the others say from the person.
"""
TRY_EVERY = 5.0
"""Seconds between two attempts to reach hosts that do not answer."""
MOST_NAMED = 30
"""Maximum number of hosts whose faults are told one by one."""


class Many:
    """Asks all of ``hosts``."""

    def __init__(self, hosts: Sequence[Far]) -> None:
        self._hosts = hosts
        self._copies: dict[bytes, bytes] = {}
        self._faults: dict[Far, Exception] = {}

    def answers(self, *messages: Message, among: Collection[str] | None = None) -> Sequence[list[Row]]:
        """Return the rows that answer each of ``messages``. The rows of each host are together, and have its name. With
        ``among``, ask only the hosts of these names. A host that has not answered once is not asked again.
        """
        asked = [one for one in self._hosts if one not in self._faults and (among is None or one.host in among)]

        def ask(one: Far) -> list[list[Row]]:
            with self._conversation(one) as daemon:
                return [list(_bounded(daemon.ask(message), one)) for message in messages]

        found = dict(self._each(asked, ask))
        return [[row for one in asked if one in found for row in found[one][at]] for at in range(len(messages))]

    def do(self, message: Message, otherwise: str, *, is_until_done: bool = False) -> None:
        """Have each host do ``message``, and say what it answers. If ``is_until_done`` is true, try hosts that cannot be reached
        again until they can.
        """

        def act(one: Far) -> str:
            with self._conversation(one) as daemon:
                return daemon.do(message) or otherwise

        left = list(self._hosts)
        while left:
            for one, said in self._each(left, act):
                self._say(one, said)
            left = [one for one in left if is_until_done and isinstance(self._faults.get(one), Unreachable)]
            if left:
                for one in left:
                    self._say_fault(one, self._faults.pop(one))
                say(f"not done on {_hosts(len(left))}: trying again (Ctrl-C ends this)")
                time.sleep(TRY_EVERY)

    def watch(self, message: Watch) -> Iterator[list[Row]]:
        """Yield the rows of all hosts, and all of them again after each change on one of them, until none can be watched."""
        heard: queue.SimpleQueue[tuple[Far, list[Row] | Exception]] = queue.SimpleQueue()
        opening = threading.Semaphore(AT_ONCE)

        def follow(one: Far) -> None:
            try:
                with opening:
                    conversation = self._conversation(one)
                with conversation as daemon:
                    for rows in daemon.watch(message):
                        heard.put((one, [{**row, "host": one.host} for row in rows]))
            except Exception as fault:  # whatever it is: told with the others, or raised below
                heard.put((one, fault))

        for one in self._hosts:
            threading.Thread(target=follow, args=(one,), name="host", daemon=True).start()
        rows_of: dict[Far, list[Row]] = {}
        shows_at = time.monotonic() + ANSWERED_WITHIN
        is_late = False
        while len(self._faults) < len(self._hosts):
            left = None if self._is_whole(rows_of) or is_late else max(0.0, shows_at - time.monotonic())
            with suppress(queue.Empty):
                self._take(heard.get(timeout=left), rows_of)
                while True:  # of a host that changes all the time, the newest rows are enough
                    self._take(heard.get_nowait(), rows_of)
            if not is_late and not self._is_whole(rows_of) and time.monotonic() >= shows_at:
                is_late = True
                for one in self._hosts:
                    if one not in rows_of and one not in self._faults:
                        say(f"{one.host}: it has not said yet what waits there")
            if is_late or self._is_whole(rows_of):
                yield [row for one in self._hosts for row in rows_of.get(one, ())]

    def _is_whole(self, rows_of: dict[Far, list[Row]]) -> bool:
        return len(rows_of) + len(self._faults) == len(self._hosts)

    def _take(self, said: tuple[Far, list[Row] | Exception], rows_of: dict[Far, list[Row]]) -> None:
        one, rows = said
        if isinstance(rows, Exception):
            self._note(one, rows)
            self._say_fault(one, rows)
            rows_of.pop(one, None)
        else:
            rows_of[one] = rows

    def end(self) -> None:
        """Name the hosts that have not answered. Raises NotDone if there are any."""
        for one, fault in list(self._faults.items())[:MOST_NAMED]:
            self._say_fault(one, fault)
        if self._faults:
            more = len(self._faults) - MOST_NAMED
            raise NotDone(
                f"{len(self._faults)} of {_hosts(len(self._hosts))} did not do what was asked"
                f"{f', {more} of them not named here' if more > 0 else ''}"
            )

    # --- one host

    def _conversation(self, one: Far) -> closing[AtTheDoor]:
        return closing(carrier.connect(one.host, one.carrier, realm=one.realm, copies=self._copies, within=SILENT_AFTER))

    def _each(self, hosts: Sequence[Far], work: Callable[[Far], T]) -> Iterator[tuple[Far, T]]:
        """Call ``work`` for each of ``hosts``, and yield what it returns as soon as it is there. Keep the faults."""
        waiting, done = queue.SimpleQueue[Far](), queue.SimpleQueue[tuple[Far, T | None, Exception | None]]()
        for one in hosts:
            waiting.put(one)

        def run() -> None:
            while True:
                try:
                    one = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    done.put((one, work(one), None))
                except Exception as fault:  # the main thread tells or raises it
                    done.put((one, None, fault))

        for _ in range(min(AT_ONCE, len(hosts))):
            threading.Thread(target=run, name="host", daemon=True).start()
        for _ in hosts:
            one, result, fault = done.get()
            if fault is not None:
                self._note(one, fault)
            else:
                yield one, result  # type: ignore[misc]  # there is no fault, so it is a T

    def _note(self, one: Far, fault: Exception) -> None:
        """Keep ``fault`` of the host ``one``. Raises it if it is a defect, or if no host could be asked because of it."""
        if not isinstance(fault, ENDINGS):
            raise fault
        self._faults[one] = fault

    def _say_fault(self, one: Far, fault: Exception) -> None:
        if isinstance(fault, RefusedByDaemon):
            self._say(one, str(fault))
        else:  # these are our words, and nobody has proved to be the host
            say(f"{one.host}: {fault}")

    @staticmethod
    def _say(one: Far, sentence: str) -> None:
        with far.at(one):
            speaks(one.host)
            say(sentence)


def _bounded(rows: Iterable[Row], one: Far) -> Iterator[Row]:
    """Yield ``rows`` under the name of the host ``one``. Raises Unreachable if they are too many, or take too long."""
    until = time.monotonic() + ANSWERED_WITHIN
    for number, row in enumerate(rows):
        if number >= MOST_ROWS or time.monotonic() > until:
            raise Unreachable(f"jitd on {one.host} says more than {MOST_ROWS} rows, or takes longer than {ANSWERED_WITHIN:.0f} s")
        yield {**row, "host": one.host}


def _hosts(number: int) -> str:
    return f"{number} host{'' if number == 1 else 's'}"
