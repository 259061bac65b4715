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

from jitd.core.holding import Holding
from jitd_outsiders.asking import json_text
from jitd_outsiders.asking.settings import Program
from jitd_things.givers.kind import Failed, Given, Order, Seen, State, Strays, Taken
from jitd_things.givers.messages import Answer, Give, Look, Mend, Question, Search, Take
from jitd_things.givers.program import ProgramGiver
from jitd_things.giving.by_order import ByOrder
from jitd_things.giving.orders import GrantOf

MOST_WORDS = 300  # characters that are kept of a sentence that a program prints
Run = Callable[[str, Program, bytes, float], Awaitable[bytes | Failed]]
"""Giver, program, input and seconds (see ``asking.running.Running.run``)."""


class AdminPrograms(ByOrder):
    """Gives the things of ``givers``, a mapping from names to settings."""

    def __init__(self, givers: Mapping[str, ProgramGiver], run: Run, grant_of: GrantOf) -> None:
        super().__init__("program", givers, grant_of)
        self._givers = givers
        self._run = run

    async def look(self, holding: Holding) -> Seen | Failed:
        """See ``ByOrder.look``. If the settings name no program that looks at the thing, jitd assumes that the thing exists."""
        giver = self._givers.get(holding.thing.partition(":")[2])
        return Seen(State.STANDS) if giver is not None and giver.look is None else await super().look(holding)

    async def strays(self, thing: str, holdings: Sequence[str]) -> Strays:
        """See ``ByOrder.strays``. The answer is always empty. A program can be asked only about a holding that jitd knows."""
        return Strays()

    async def ask(self, question: Question) -> Answer:
        """See ``ByOrder.ask``. Never Refused: nobody knows what a program has changed before it failed."""
        if isinstance(question, Search):
            return Strays()
        deed, read = _DEEDS[type(question)]
        said = await self._printed(deed, question.order)
        return said if isinstance(said, Failed) else read(said)

    async def _printed(self, deed: str, order: Order) -> dict[str, object] | Failed:
        """Run the program for ``deed``, and return the JSON object that the program printed."""
        thing = f"program:{order.name}"
        giver = self._givers.get(order.name)
        if giver is None:
            return Failed(f"{self.fault(thing)}: write the table [givers.{order.name}] there again, and restart jitd")
        program = {"give": giver.give, "take": giver.take, "look": giver.look}[deed]
        assert program is not None, "look() has answered then"
        printed = await self._run(order.name, program, json_text.write(_question(deed, thing, order)), giver.deadline_for)
        if isinstance(printed, Failed):
            return printed
        try:
            return json_text.read_object(printed)
        except ValueError as fault:
            return Failed(f"what {program.words[0]} printed {fault}")


def _given(said: Mapping[str, object]) -> Given | Failed:
    return Given(_words(said, "tell")) if said.get("said") == "given" else _unsaid(said, "given")


def _taken(said: Mapping[str, object]) -> Taken | Failed:
    return Taken(_words(said, "left")) if said.get("said") == "taken" else _unsaid(said, "taken")


def _seen(said: Mapping[str, object]) -> Seen | Failed:
    states = {str(state): state for state in State}
    word = said.get("said")
    if not isinstance(word, str) or word not in states:
        return _unsaid(said, *states)
    return Seen(states[word], _words(said, "because"))


_DEEDS: Mapping[type[Question], tuple[str, Callable[[Mapping[str, object]], Answer]]] = {
    Give: ("give", _given),
    Mend: ("give", _given),
    Take: ("take", _taken),
    Look: ("look", _seen),
}
"""Maps each question to the program that answers it, and to the function that reads what the program has printed."""


def _question(deed: str, thing: str, order: Order) -> dict[str, object]:
    """Return the JSON object that the program reads."""
    until = datetime.fromtimestamp(order.until, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    who = {"account": order.account, "uid": order.uid}
    return {"do": deed, "thing": thing, "holding": order.holding, **who, "until": until}


def _words(said: Mapping[str, object], key: str) -> str:
    """Return a printed sentence, on one line and cut to the maximum length, or an empty text."""
    value = said.get(key)
    text = value if isinstance(value, str) else ""
    plain = "".join(c if c.isprintable() else "?" for c in text)
    return plain if len(plain) <= MOST_WORDS else plain[: MOST_WORDS - 3] + "..."


def _unsaid(said: Mapping[str, object], *words: str) -> Failed:
    because = _words(said, "because")
    return Failed(because or f"the program did not say {' or '.join(words)}")
