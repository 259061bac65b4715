# SPDX-License-Identifier: Apache-2.0
"""What is written to a terminal: all of a message that fits into 1 KiB, and what to type in any case."""

from __future__ import annotations

import asyncio

import pytest

from jitd.core.claims import Claims
from jitd.core.notice import Event, Whom
from jitd_outsiders.notifying.channel import Message, NobodyThere, NotWanted
from jitd_outsiders.notifying.terminals import Terminals, fitted
from jitd_outsiders.notifying.wording import MOST_LISTED, digest, say
from jitd_outsiders.terminals.messages import MOST_BYTES, MOST_PEOPLE, QUESTIONS, Tell, Told, text_of
from tests.notifying.hostile import HOSTILE
from tests.notifying.test_wording import notice, waiting
from tests.scene import command, person


@pytest.mark.parametrize("event", Event)
def test_every_message_fits_and_says_what_to_type(event: Event) -> None:
    """THREATS N-02."""
    for text in HOSTILE:
        raw = text.encode("utf-8", "surrogatepass")
        long = person("alice", user="a" * 64, principal=f"{'b' * 300}@EXAMPLE.TEST")
        wild = waiting(claims=Claims(text, None, 0, ()), command=command("/usr/bin/x", raw), requester=long, rule="r" * 200)
        for whom in Whom:
            message = say(notice(event, whom), wild, "terminals", "command")
            lines = fitted(message.lines)
            assert QUESTIONS.read(QUESTIONS.write(Tell(("bob",), lines))).lines == lines
            typed = [line for line in message.lines if line.startswith("    ")]
            assert [line for line in lines if line.startswith("    ")] == typed, text


def test_a_digest_fits_too() -> None:
    message = digest(tuple((notice(), waiting()) for _ in range(MOST_LISTED + 7)))
    assert fitted(message.lines) == message.lines and len(text_of(message.lines)) <= MOST_BYTES


def test_whatever_a_message_says_it_fits() -> None:
    """THREATS N-02. Even if the wording were at fault."""
    for lines in ((), ("x" * 5000,) * 50, ("\x1b[2J\u202e",), ("",) * 100):
        found = fitted(lines or ("",))
        assert len(text_of(found)) <= MOST_BYTES
        QUESTIONS.write(Tell(("bob",), found))


def test_many_people_are_told_in_several_questions() -> None:
    asked: list[Tell] = []

    class Noting:
        async def tell(self, question: Tell) -> Told:
            asked.append(question)
            return Told(1, 0)

    people = tuple(f"person{number}" for number in range(MOST_PEOPLE + 1))
    asyncio.run(Terminals(Noting()).send(Message("waits", "K7QM-2XVD", "", ("hello",), people)))
    assert [person for question in asked for person in question.people] == list(people) and len(asked) == 2


@pytest.mark.parametrize(
    ("told", "why_not"),
    [(Told(1, 0), None), (Told(1, 1), None), (Told(0, 1), NotWanted), (Told(0, 0), NobodyThere)],
    ids=["a terminal took it", "one of two took it", "mesg n is a no", "nobody is logged in"],
)
def test_a_message_that_no_terminal_took_is_not_sent(told: Told, why_not: type[Exception] | None) -> None:
    class Saying:
        async def tell(self, question: Tell) -> Told:
            return told

    sending = Terminals(Saying()).send(Message("waits", "K7QM-2XVD", "", ("hello",), ("bob",)))
    if why_not is None:
        asyncio.run(sending)
    else:
        with pytest.raises(why_not):
            asyncio.run(sending)
