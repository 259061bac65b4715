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
from contextlib import closing
from functools import partial
from typing import TypeVar

from jitd.cli import far
from jitd.cli.answer import Row, say, speaks
from jitd.cli.call import ENDINGS, NotDone
from jitd.cli.hosts import Far, begun, in_turn
from jitd.core.command import read_id
from jitd_fleet.called import Called, tells
from jitpam import carrier
from jitpam.carrier import MOST_ROWS, AtTheDoor, Command
from jitpam.client import NoDescriptor, NotAuthenticated, RefusedByDaemon, Unreachable
from jitpam.krb5 import forget
from jitpam.wire.messages import List, Message, Watch
from jitpam.wire.rows import Request

T = TypeVar("T")
AT_ONCE = 32  # hosts with which a conversation is opened at the same time
VIA_AT_ONCE = 5  # the same by a command: mostly one sshd, which drops some of more than ten (MaxStartups)
SILENT_AFTER = 10.0  # seconds in which a host has to prove itself, once there is a ticket for it
ANSWERED_WITHIN = 30.0
"""Seconds from the first row of a host to the last: a hostile one would keep what others say from the person."""
TRY_EVERY = 5.0  # seconds between two attempts to reach hosts that do not answer
SHOWS_EVERY = 0.2  # minimum number of seconds between two states of a list that is watched
NOT_OF_THE_HOST = ("refused", "kdc silent", "kdc down")  # may be over soon. `refused` comes before the host has proved itself
MOST_NAMED = 30  # hosts whose faults are told one by one


class Many:
    """Asks all of ``hosts``."""

    def __init__(self, hosts: Sequence[Far]) -> None:
        self._hosts = hosts
        self._copies: dict[bytes, bytes] = {}
        self._faults: dict[Far, Exception] = {}
        self._asked: set[Far] = set()  # the hosts that were asked and have not answered yet
        self._heard: set[Far] = set()  # hosts that answered when asked last, or whose word says that nothing waits
        self._opening, self._opening_via = threading.Semaphore(AT_ONCE), threading.Semaphore(VIA_AT_ONCE)

    def answers(self, *messages: Message, among: Collection[str] | None = None) -> Sequence[list[Row]]:
        """Return the rows that answer each of ``messages``. The rows of each host are together, and have its name. With
        ``among``, ask only the hosts of these names. A host that has not answered once is not asked again. Of
        what waits, a host that has signed that nothing does is not asked, unless it is among these.
        """
        asked = [one for one in self._hosts if one not in self._faults and (among is None or one.host in among)]
        is_called = among is None and all(isinstance(each, List) and tells(each) and not each.ended for each in messages)
        roll = Called.at(asked, is_called=is_called) if all(map(tells, messages)) else None
        if roll is not None:
            self._heard.update(set(asked) - set(roll.worth_asking))
            asked = roll.worth_asking

        def ask(one: Far) -> list[list[Row]]:
            with self.conversation(one) as daemon:
                rows = [list(_bounded(daemon.ask(message), one)) for message in messages]
                if roll is not None:
                    roll.learn(one, daemon, list(zip(messages, rows, strict=True)))
                return rows

        found = dict(self._each(asked, ask))
        if roll is not None:
            roll.keep()
        return [[row for one in asked if one in found for row in found[one][at]] for at in range(len(messages))]

    def parts(self, message: Message) -> Iterator[list[Row]]:
        yield from self.answers(message)

    def do(self, message: Message, otherwise: str, *, is_until_done: bool = False) -> None:
        """Have each host do ``message``, and say its answer. If ``is_until_done``, try those that cannot be reached again."""

        def act(one: Far) -> str:
            with self.conversation(one) as daemon:
                return daemon.do(message) or otherwise

        left = list(self._hosts)
        while left:
            try:
                for one, said in self._each(left, act):
                    self._say(one, said)
            except KeyboardInterrupt:
                if self._asked:
                    say(f"it may count nevertheless on {_hosts(len(self._asked))}: look before you try again")
                raise
            left = [one for one in left if is_until_done and _may_answer_later(self._faults.get(one))]
            if left:
                self._say_faults(left)
                say(f"not done on {_hosts(len(left))}: trying again (Ctrl-C ends this)")
                time.sleep(TRY_EVERY)
                forget(self._copies)  # the person may have a newer ticket by now

    def watch(self, message: Watch) -> Iterator[list[Row]]:
        """Yield the rows of all hosts, and all of them again after each change on one of them, until none can be watched."""
        heard: dict[Far, tuple[list[Row], int | None] | Exception] = {}
        has_heard = threading.Condition()
        roll = Called.at(self._hosts, is_called=False)

        def tell(one: Far, said: tuple[list[Row], int | None] | Exception) -> None:
            with has_heard:  # of a host that changes all the time, the newest rows are enough
                heard[one] = said
                has_heard.notify()

        def follow(one: Far) -> None:
            try:
                with self.conversation(one) as daemon:
                    for rows in daemon.watch(message):
                        tell(one, (list(_bounded(rows, one)), daemon.number))
            except Exception as fault:  # whatever it is: told with the others, or raised below
                tell(one, fault)

        for one in self._hosts:
            threading.Thread(target=follow, args=(one,), name="host", daemon=True).start()
        rows_of: dict[Far, list[Row]] = {}
        shows_at = time.monotonic() + ANSWERED_WITHIN
        is_late = False
        while len(self._faults) < len(self._hosts):
            left = None if self._is_whole(rows_of) or is_late else max(0.0, shows_at - time.monotonic())
            with has_heard:
                has_heard.wait_for(lambda: bool(heard), left)
                newest = dict(heard)
                heard.clear()
            for one, said in newest.items():
                if isinstance(said, Exception):
                    self._note(one, said)
                    self._say_fault(one, said)
                    rows_of.pop(one, None)
                    continue
                rows_of[one], number = said
                self._heard.add(one)
                if roll is not None:
                    roll.saw(one, number, [(message, rows_of[one])])
            if roll is not None:
                roll.keep()
            if not is_late and not self._is_whole(rows_of) and time.monotonic() >= shows_at:
                is_late = True
                silent = [one for one in self._hosts if one not in rows_of and one not in self._faults]
                for one in silent[:MOST_NAMED]:
                    say(f"{one.host}: it has not said yet what waits there")
                if len(silent) > MOST_NAMED:
                    say(f"{len(silent) - MOST_NAMED} more hosts have not said yet what waits there")
            if is_late or self._is_whole(rows_of):
                rows = [Request.read(row) for one in self._hosts for row in rows_of.get(one, ())]
                yield [row.came for row in in_turn(rows, {})]
                time.sleep(SHOWS_EVERY)

    def _is_whole(self, rows_of: dict[Far, list[Row]]) -> bool:
        return len(rows_of) + len(self._faults) == len(self._hosts)

    def nothing(self, sentence: str) -> str:
        return f"{sentence} on the hosts that have answered" if self._heard else "no host has answered"

    def end(self) -> None:
        """Name the hosts that have not answered. Raises NotDone if there are any."""
        left = [one for one in self._hosts if one in self._faults or one in self._asked]
        self._say_faults(left)
        if left:
            more = len(left) - MOST_NAMED
            raise NotDone(
                f"{len(left)} of {_hosts(len(self._hosts))} did not do what was asked"
                f"{f', {more} of them not named here' if more > 0 else ''}"
            )

    def close(self) -> None:
        """End what carries the conversations that are still open."""
        carrier.end_all()

    # --- one host

    def conversation(self, one: Far) -> closing[AtTheDoor]:
        """Open a conversation with the host ``one``. At most AT_ONCE are being opened at the same time, and VIA_AT_ONCE of them
        by commands. A command that ends soon and without a conversation is started once more.
        """
        connect = partial(carrier.connect, one.host, one.carrier, realm=one.realm, copies=self._copies, within=SILENT_AFTER)
        if not _is_by_command(one):
            with self._opening:
                return closing(connect())
        with self._opening_via, self._opening:
            began = time.monotonic()
            try:
                return closing(connect())
            except NoDescriptor:
                raise
            except Unreachable:
                if time.monotonic() - began > SILENT_AFTER / 2:
                    raise
            return closing(connect())

    def _each(self, hosts: Sequence[Far], work: Callable[[Far], T]) -> Iterator[tuple[Far, T]]:
        """Call ``work`` for each of ``hosts``, and yield what it returns as soon as it is there. Keep the faults."""
        waiting, done = queue.SimpleQueue[Far](), queue.SimpleQueue[tuple[Far, T | None, Exception | None]]()
        self._asked = set(hosts)
        for one in sorted(hosts, key=_is_by_command):  # nobody waits for those, which take turns
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
            self._asked.discard(one)
            if fault is not None:
                self._note(one, fault)
            else:
                self._faults.pop(one, None)
                self._heard.add(one)
                yield one, result  # type: ignore[misc]  # there is no fault, so it is a T

    def _note(self, one: Far, fault: Exception) -> None:
        """Keep ``fault`` of the host ``one``. Raises it if it is a defect, or if no host could be asked because of it."""
        if not isinstance(fault, ENDINGS):
            raise fault
        self._faults[one] = fault
        self._heard.discard(one)

    def _say_faults(self, hosts: Sequence[Far]) -> None:
        for one in hosts[:MOST_NAMED]:
            self._say_fault(one, self._faults.get(one) or Unreachable("it has not answered"))

    def _say_fault(self, one: Far, fault: Exception) -> None:
        if isinstance(fault, RefusedByDaemon):
            self._say(one, str(fault))
        else:  # these are our words, and nobody has proved to be the host
            say(f"{one.host}: {fault}")

    @staticmethod
    def _say(one: Far, sentence: str) -> None:
        with far.at(one):
            speaks(one.host)
            say(begun(sentence))


def _is_by_command(one: Far) -> bool:
    return isinstance(one.carrier, Command)


def _bounded(rows: Iterable[Row], one: Far) -> Iterator[Row]:
    """Yield ``rows`` under the name of the host ``one``. Raises Unreachable if they are too many, or take too long."""
    until = time.monotonic() + ANSWERED_WITHIN
    for number, row in enumerate(rows):
        if number >= MOST_ROWS or time.monotonic() > until:
            raise Unreachable(f"jitd on {one.host} says more than {MOST_ROWS} rows, or takes longer than {ANSWERED_WITHIN:.0f} s")
        yield _row_of(one, row)


def _row_of(one: Far, row: Row) -> Row:
    """Return ``row`` under the name of the host ``one``. Raises Unreachable if its id could be one of another host."""
    if "id" in row and not (isinstance(row["id"], str) and read_id(row["id"]) == row["id"]):
        raise Unreachable(f"jitd on {one.host} says an id that cannot be one")
    return {**row, "host": one.host}


def _may_answer_later(fault: Exception | None) -> bool:
    """True if the host itself has not said no: what leads there may have."""
    return isinstance(fault, Unreachable) or (isinstance(fault, NotAuthenticated) and fault.cause in NOT_OF_THE_HOST)


def _hosts(number: int) -> str:
    return f"{number} host{'' if number == 1 else 's'}"
