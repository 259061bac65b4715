# SPDX-License-Identifier: Apache-2.0
"""The giver of the kind ``program``. Programs that the administrator wrote give a thing, take it back and look at it.

The process jitd-programs or jitd-programs-net runs the programs. A program reads one JSON object and prints another JSON object
(jitd.toml(5)). Law: see ``Giver``. The result of a program is a success only if the program prints the expected word. If a
program fails or prints anything else, jitd does not know whether the program gave the thing or took it back. If the failed
program had to give a thing, jitd takes the thing back. Programs of one giver run one after the other, for one
person after the other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime

from jitd.asking import json_text
from jitd.core.holding import Holding
from jitd.givers.kind import Order, Seen, State, Strays
from jitd.giving import Answer, Done, Failed, Found, Looked
from jitd.giving.orders import GrantOf, NoHolder, name_in, one_at_a_time, order_of, person_of
from jitd.outside.client import Failed as NotRun
from jitd.settings.givers import ProgramGiver
from jitd.settings.outsiders import Program

MOST_WORDS = 300
"""Maximum number of characters that are kept of a sentence that a program prints."""
Run = Callable[[str, Program, bytes, float], Awaitable[bytes | NotRun]]
"""Runs a program. The arguments are the name of the giver, the program, its input, and the time limit in seconds. See
``asking.running.Running.run``.
"""


class AdminPrograms:
    """Gives the things of ``givers``, a mapping from names to settings. See ``Giver``."""

    def __init__(self, givers: Mapping[str, ProgramGiver], run: Run, grant_of: GrantOf) -> None:
        self._givers = givers
        self._run = run
        self._grant_of = grant_of
        self._turns = {name: one_at_a_time() for name in givers}

    def ends_at(self, holding: Holding) -> None:
        return None

    def name_of(self, thing: str) -> str:
        return ""

    def fault(self, thing: str) -> str:
        return "" if name_in(thing) in self._givers else f"jitd.toml sets up no giver {name_in(thing)}, so it cannot give {thing}"

    async def give(self, holding: Holding) -> Answer:
        """See ``Giver.give``. The answer is never Refused, because jitd cannot know what a program has changed before its
        failure.
        """
        said = await self._asked("give", holding)
        if isinstance(said, Failed):
            return said
        return Done(tell=_words(said, "tell")) if said.get("said") == "given" else _unsaid(said, "given")

    async def take(self, holding: Holding) -> Answer:
        said = await self._asked("take", holding)
        if isinstance(said, Failed):
            return said
        return Done(left=_words(said, "left")) if said.get("said") == "taken" else _unsaid(said, "taken")

    async def look(self, holding: Holding) -> Looked:
        """See ``Giver.look``. If the settings name no program that looks at the thing, jitd assumes that the thing exists."""
        giver = self._givers.get(name_in(holding.thing))
        if giver is not None and giver.look is None:
            return Seen(State.STANDS)
        said = await self._asked("look", holding)
        if isinstance(said, Failed):
            return said
        states = {str(state): state for state in State}
        word = said.get("said")
        if not isinstance(word, str) or word not in states:
            return _unsaid(said, *states)
        return Seen(states[word], _words(said, "because"))

    async def strays(self, thing: str, holdings: Sequence[str]) -> Found:
        """See ``Giver.strays``. The answer is always empty. A program can be asked only about a holding that jitd knows."""
        return Strays()

    async def _asked(self, deed: str, holding: Holding) -> dict[str, object] | Failed:
        """Run the program for ``deed``, and return the JSON object that the program printed."""
        name = name_in(holding.thing)
        giver = self._givers.get(name)
        if giver is None:
            return Failed(f"{self.fault(holding.thing)}: write the table [givers.{name}] there again, and restart jitd")
        program = {"give": giver.give, "take": giver.take, "look": giver.look}[deed]
        assert program is not None, "look() has answered then"
        try:
            body = json_text.write(_question(deed, holding.thing, order_of(holding, self._grant_of)))
            person = person_of(holding, self._grant_of)
        except NoHolder as fault:
            return Failed(str(fault))
        async with self._turns[name].turn(person):
            printed = await self._run(name, program, body, giver.deadline_for)
        if isinstance(printed, NotRun):
            return Failed(printed.why)
        try:
            return json_text.read_object(printed)
        except ValueError as fault:
            return Failed(f"what {program.words[0]} printed {fault}")


def _question(deed: str, thing: str, order: Order) -> dict[str, object]:
    """Return the JSON object that the program reads."""
    until = datetime.fromtimestamp(order.until, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    who = {"account": order.account, "uid": order.uid}
    return {"do": deed, "thing": thing, "holding": order.holding, **who, "until": until}


def _words(said: Mapping[str, object], key: str) -> str:
    """Return a sentence that a program printed, on one line and cut to the maximum length. Return an empty string if the program
    printed no sentence.
    """
    value = said.get(key)
    text = value if isinstance(value, str) else ""
    plain = "".join(c if c.isprintable() else "?" for c in text)
    return plain if len(plain) <= MOST_WORDS else plain[: MOST_WORDS - 3] + "..."


def _unsaid(said: Mapping[str, object], *words: str) -> Failed:
    because = _words(said, "because")
    return Failed(because or f"the program did not say {' or '.join(words)}")
