# SPDX-License-Identifier: Apache-2.0
"""The table of what answers which message. Each room adds what it answers (``assembly``).

Law: a message has at most one answer. What no installed part answers is refused in one place, and does nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, TypeVar

from jitd.core.law import ByDoor, Origin
from jitd.core.origin import Caller
from jitd.core.subject import Identity, Subject
from jitd.verbs.refusal import Refusal, with_account
from jitd.verbs.rows import Row
from jitpam.wire.messages import Message

M = TypeVar("M", bound=Message)
Answer = AsyncIterable[Row] | Iterable[Row] | str  # a list of rows, or a sentence that says what was done


@dataclass(frozen=True, slots=True)
class Asker:
    """Who sends a message. ``origin`` returns where the person sits. ``caller`` is the client's process, if anybody knows it.
    ``way`` is the way through the door, or None for a client on this host. ``again`` returns who sends it as of now, for an
    answer that may take long, and raises Refusal if this is nobody any more.
    """

    who: Identity
    origin: Callable[[], Origin | ByDoor]
    caller: Caller
    way: ByDoor | None = None
    again: Callable[[], Awaitable[Identity]] | None = None

    @property
    def subject(self) -> Subject:
        """``who``, for what needs an account on this host. Raises Refusal."""
        return with_account(self.who)


class Answers:
    """Maps the class of a message to the function that answers it."""

    def __init__(self) -> None:
        self._of: dict[type[Message], Callable[[Asker, Any], Answer | Awaitable[Answer]]] = {}

    def add(self, kind: type[M], answer: Callable[[Asker, M], Answer | Awaitable[Answer]]) -> None:
        """Let ``answer`` answer messages of ``kind``. It raises Refusal if the client is refused."""
        if kind in self._of:
            raise ValueError(f"{kind.__name__} has two answers")
        self._of[kind] = answer

    @property
    def kinds(self) -> frozenset[type[Message]]:
        """The messages that have an answer."""
        return frozenset(self._of)

    async def to(self, asker: Asker, message: Message) -> Answer:
        """Do what ``asker`` asks for in ``message``, and return the answer. Raises Refusal."""
        found = self._of.get(type(message))
        if found is None:
            raise Refusal(
                "usage",
                f"jitd has no answer to {message.type}: the part that answers it is not installed; install it, and restart jitd",
            )
        answer = found(asker, message)
        return await answer if isawaitable(answer) else answer
