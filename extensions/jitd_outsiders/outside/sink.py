# SPDX-License-Identifier: Apache-2.0
"""What a kind of sink is: one object, with all that the daemon and jitd-outside must know of it.

The daemon reads the settings with it, and jitd-outside delivers with it.

Law: the daemon imports the module of a kind, and delivers nothing with it. So what speaks a protocol, such as TLS, is imported by
``opened``, and what reads settings is imported by ``read``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from jitd_outsiders.outside.deliveries import MOST_TEXT, Delivered, Destination, Event
from jitd_outsiders.outside.keys import Keys
from jitd_outsiders.outside.outcome import Outcome

if TYPE_CHECKING:
    from jitd.core.toml_table import Table


class Sink(Protocol):
    """One sink, with its connection or its file. One batch at a time is delivered to it."""

    async def deliver(self, events: Sequence[Event], sender: str, found: list[Outcome]) -> Delivered:
        """Append to ``found`` what became of each event, in their order, and return the answer. ``sender`` is the host's name in
        the record. Every exception is told by ``told``.
        """
        ...

    def told(self, fault: Exception) -> str:
        """Return a sentence about an exception of ``deliver``. NoAnswer, NotAllowed and NoSuchKey are told without it."""
        ...

    async def close(self) -> None:
        """End the connection, or close the file."""
        ...


class SinkKind(ABC):
    """A kind of sink. It is registered in ``sinks.SINKS``."""

    name: ClassVar[str]  # `kind` in jitd.toml
    question: ClassVar[str]  # the name of the question that delivers to such a sink, in messages
    destination: ClassVar[type[Destination]]
    keys: ClassVar[tuple[str, ...]]  # the keys of the kind in jitd.toml, without those that all kinds have
    own: ClassVar[str] = ""  # the key whose value one sink alone may have, or empty
    usually_shows: ClassVar[str] = "rule"  # the default of `shows`. A sink on this host may have the command.
    confirms: ClassVar[bool] = True
    """False if a receiver confirms no event. If its connection has ended, what it got last is delivered again."""
    refuses_batches: ClassVar[bool] = False  # true if one event may have a whole batch refused, and which is not said

    @abstractmethod
    def read(self, table: Table, owner: int | None, keys_at: Path) -> tuple[Destination, tuple[Path | None, ...]]:
        """Return where the events go, and the files with keys, in ``keys_at``, that jitd-outside needs. ``table`` gets the
        faults. Files must belong to root or the uid ``owner``, unless that is None.
        """

    def room(self, to: Any) -> int:
        """Return the most bytes of an event's text for ``to``. More is refused for ever, so the daemon shortens it."""
        return MOST_TEXT - 1

    @abstractmethod
    def opened(self, to: Any, keys: Keys) -> Sink:
        """Return the sink at ``to``, in jitd-outside. Nothing is connected or opened yet."""
