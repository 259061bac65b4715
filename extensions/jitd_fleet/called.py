# SPDX-License-Identifier: Apache-2.0
"""One call of the roll: which hosts are asked, what is told of the others, and what is learnt from those that are asked.

Law: a carrier that has no roll, a roll that cannot be called, and a file of pins that cannot be read or written make hosts be
asked, and never left out.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import cast

from jitd.audit import libcrypto
from jitd.cli.answer import Row, say
from jitd.cli.call import ENDINGS
from jitd.cli.hosts import Far
from jitd_fleet import pins
from jitd_fleet.roll import ANY, NOTHING, Pin, judged, learnt
from jitpam.carrier import AtTheDoor, CallsRoll
from jitpam.client import Connection, RefusedByDaemon, Unreachable
from jitpam.wire.messages import List, Message, Roll, Watch

WAITING = ("requests", "reviews")
"""The lists in which a host has no open row if its word says that nothing waits."""
OPEN = ("screening", "pending", "owed")  # the states of what waits, in a list that has also what has ended
Answers = Sequence[tuple[Message, Sequence[Row]]]  # questions, each with the rows that answer it
WITHIN = 5.0  # seconds in which a carrier has to bring the words of its hosts
MOST_SAID = 30  # hosts of which something is told one by one


class Called:
    """``worth_asking`` are the hosts to ask. ``brought`` has each of an answered roll, with its word, or None."""

    def __init__(self, hosts: Sequence[Far], brought: Mapping[str, bytes | None]) -> None:
        self._brought = brought
        self._known = _known()
        self._learnt: dict[str, Pin] = {}
        self._said: list[str] = []
        now = time.time()
        self.worth_asking: list[Far] = []
        for one in hosts:
            if one.host not in brought:
                self.worth_asking.append(one)
                continue
            found = judged(one.host, brought[one.host], self._known.get(one.host), now)
            self._note(one, found.says, found.pin)
            if found.asks:
                self.worth_asking.append(one)
        self._say()

    @classmethod
    def at(cls, hosts: Sequence[Far], *, is_called: bool = True) -> Called | None:
        """Call the roll at the carriers of ``hosts``, or only learn. None if none has a roll, or signatures cannot be checked."""
        if not any(isinstance(one.carrier, CallsRoll) for one in hosts) or not libcrypto.is_there():
            return None
        return cls(hosts, _brought(hosts) if is_called else {})

    def learn(self, one: Far, daemon: AtTheDoor, answers: Answers) -> None:
        """Take the word of the host ``one`` out of a proven conversation, if one was brought for it. Note ``answers``, which are
        of its latest record. Any thread may call this.
        """
        number = daemon.number
        if self._brought.get(one.host) is not None:
            with suppress(
                RefusedByDaemon, Unreachable
            ):  # it has answered what was asked; it has no word, or does not know what one is
                row = next(iter(daemon.ask(Roll())), {})
                found = learnt(one.host, row, self._known.get(one.host), time.time())
                self._note(one, found.says, found.pin)
        self.saw(one, number, answers)

    def saw(self, one: Far, number: int | None, answers: Answers) -> None:
        """Note whether something waits on the host ``one`` by ``answers``, which are of its record ``number``. What was seen
        before counts on, unless these are all that can wait there.
        """
        waits, is_all = _waits(answers), _is_all(answers)
        if (pin := self._learnt.get(one.host) or self._known.get(one.host)) is not None:
            seen = NOTHING if not waits else ANY if number is None else number
            self._learnt[one.host] = replace(pin, seen=seen if is_all else max(seen, pin.seen))

    def keep(self) -> None:
        """Say what was learnt, and write it down."""
        self._say()
        changed = {host: pin for host, pin in self._learnt.items() if pin != self._known.get(host)}
        try:
            if changed:
                pins.keep(changed, self._known)
        except OSError as fault:
            say(f"{pins.file()} cannot be written, so all hosts are asked the next time: {fault.strerror}")
        self._known.update(changed)

    def _note(self, one: Far, says: str, pin: Pin | None) -> None:
        if pin is not None:
            self._learnt[one.host] = pin
        if says:
            self._said.append(f"{one.label}: {says}")

    def _say(self) -> None:
        said, self._said = self._said, []
        for sentence in said[:MOST_SAID]:
            say(sentence)
        if len(said) > MOST_SAID:
            say(f"{len(said) - MOST_SAID} more hosts have not reported, so each is asked directly")


def saw(one: Far, daemon: Connection, answers: Answers) -> None:
    """Note what waits on the host ``one`` by ``answers``, the latest of ``daemon``, where the roll was not called."""
    if _waits(answers) or _is_all(answers):
        roll = Called((), {})
        roll.saw(one, cast(AtTheDoor, daemon).number, answers)
        roll.keep()


def tells(message: Message) -> bool:
    """True if the answer to ``message`` says what waits."""
    return isinstance(message, Watch) or (isinstance(message, List) and message.what in WAITING)


def _waits(answers: Answers) -> bool:
    return any(
        row.get("state") in OPEN if getattr(message, "ended", False) else "id" in row
        for message, rows in answers
        if tells(message)
        for row in rows
    )


def _is_all(answers: Answers) -> bool:
    asked = [message for message, _ in answers if isinstance(message, List) and not message.ended]
    return {message.what for message in asked if getattr(message, "before", None) is None} >= {*WAITING}


def _known() -> dict[str, Pin]:
    try:
        return pins.read()
    except ValueError as fault:
        say(f"{fault}: all hosts are asked")
        return {}


def _brought(hosts: Sequence[Far]) -> dict[str, bytes | None]:
    """Return what the carriers of ``hosts`` bring, each as the words of its own hosts (see ``Called``)."""
    carriers = {id(one.carrier): one.carrier for one in hosts if isinstance(one.carrier, CallsRoll)}
    done: queue.SimpleQueue[tuple[int, Mapping[str, bytes] | Exception]] = queue.SimpleQueue()

    def call(key: int, carrier: CallsRoll) -> None:
        try:
            done.put((key, carrier.roll([one.host for one in hosts if id(one.carrier) == key])))
        except Exception as fault:  # told or raised below
            done.put((key, fault))

    for key, carrier in carriers.items():
        threading.Thread(target=call, args=(key, carrier), name="roll", daemon=True).start()
    until, found = time.monotonic() + WITHIN, dict[int, Mapping[str, bytes]]()
    for _ in carriers:
        try:
            key, words = done.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            say(f"no status summary within {WITHIN:.0f} s: asking every host directly")
            break
        if isinstance(words, ENDINGS):
            say(str(words))
            say("no status summary: asking every host directly")
        elif isinstance(words, Exception):
            raise words
        else:
            found[key] = words
    return {one.host: found[id(one.carrier)].get(one.host) for one in hosts if id(one.carrier) in found}
