# SPDX-License-Identifier: Apache-2.0
"""Other hosts, and what is asked of many of them: the interface between the verbs and the extension that knows the hosts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from jitd.cli.answer import Row
from jitpam.wire.messages import Message, Watch

if TYPE_CHECKING:
    from jitpam.carrier import Carrier
    from jitpam.client import Connection
    from jitpam.wire.rows import Request

HOST = re.compile(r"[a-z0-9]([a-z0-9_.-]{0,251}[a-z0-9])?")
QUOTING = frozenset("'\"\\")  # what a command that carries may not have: it is split at its blanks

MOST_SAID = 2000


@dataclass(frozen=True, slots=True)
class Far:
    """Another host, by the name in its key, and the carrier that leads to its door. If ``realm`` is empty, krb5.conf says in
    which realm the host is. ``options`` are the options of jitd that name it. ``label`` is what stands after the @ in an id.
    """

    host: str
    carrier: Carrier
    options: str
    label: str
    realm: str = ""


class Everywhere(Protocol):
    """All hosts to which a verb is sent."""

    def answers(self, *messages: Message, among: Collection[str] | None = None) -> Sequence[list[Row]]:
        """Return the rows that answer each of ``messages``, a host's together, of the hosts ``among`` if it is given."""

    def parts(self, message: Message) -> Iterator[list[Row]]:
        """Yield the rows that answer ``message``, some at a time. Of one host, each part is there as soon as it is read."""

    def do(self, message: Message, otherwise: str, *, is_until_done: bool = False) -> None:
        """Have each host do ``message``. Say what it answers, or ``otherwise`` if it answers nothing. If ``is_until_done`` is
        true, go on with hosts that do not answer until they have.
        """

    def watch(self, message: Watch) -> Iterator[list[Row]]:
        """Yield all rows that answer ``message``, and all of them again after each change."""

    def nothing(self, sentence: str) -> str:
        """Return what is told in the place of ``sentence``, which says that nothing is there: hosts may not have answered."""

    def end(self) -> None:
        """Name the hosts that have not answered. Raises NotDone if there are any."""

    def close(self) -> None:
        """End the conversations that are still open, and what carries them. Never raises."""


class AllOfMany(Everywhere, Protocol):
    """Several hosts, of which each can be asked by itself, too."""

    def conversation(self, one: Far) -> AbstractContextManager[Connection]:
        """Open a conversation with the host ``one``. Raises the errors of ``carrier.connect``."""


class Hosts(Protocol):
    """The hosts that stand in files."""

    def find(self, name: str) -> Far:
        """Return the host ``name``. The first part of its name is enough, if no other host has it. Raises NotDone."""

    def chosen(self, typed: str) -> tuple[Far, ...]:
        """Return the hosts that ``typed`` names, between commas: hosts, or groups after an @. Raises NotDone."""

    def everywhere(self, hosts: tuple[Far, ...]) -> AllOfMany:
        """Return what asks all of ``hosts``."""


def in_turn(rows: Sequence[Request], n_before: Mapping[str, int]) -> list[Request]:
    """Return ``rows``, which are in the order of their age, such that the hosts take turns: first those of which the fewest
    requests came before (``n_before``). A host could otherwise say that its own are the oldest, and hide the others.
    """
    n_of = Counter(n_before)
    turns = []
    for row in rows:
        turns.append(n_of[row.host])
        n_of[row.host] += 1
    return [row for _, row in sorted(zip(turns, rows, strict=True), key=lambda pair: pair[0])]


def begun(sentence: str) -> str:
    """Return ``sentence``, which another host has said, as far as it is shown."""
    more = len(sentence) - MOST_SAID
    return f"{sentence[:MOST_SAID]}{f' (and {more} characters more)' if more > 0 else ''}"


def name_of(typed: str) -> str | None:
    """Return the name of a host as it is in a key, or None if ``typed`` cannot be one."""
    name = typed.lower().removesuffix(".")
    return name if typed.isascii() and HOST.fullmatch(name) else None
