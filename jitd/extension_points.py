# SPDX-License-Identifier: Apache-2.0
"""The places where extensions join the daemon, and what they are built from. An adviser is asked before a decision, and can only
narrow, require or warn. A doer carries out what was granted: it begins, ends, and finds again. A reader reads what was committed,
and holds nothing up. There is no other way in (ADR 0156).

Law: a class here is also what there is without the extension. It advises, gives and tells nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jitd.core.condition import Family
from jitd.core.facts import Facts, Unknown
from jitd.core.question import Question
from jitd.deciding.gatekeepers import Gatekeepers, NoGatekeepers
from jitd.deciding.ground import Ground, Note
from jitd.deciding.knowledge import NO_PROVIDER, KeptProviders
from jitd.deciding.seats import Seating
from jitd.extensions import assembly
from jitd.lifecycle.givers import Giver
from jitd.lifecycle.let_in import LetIn
from jitd.lifecycle.notifier import Notifier
from jitd.lifecycle.readers import Counts, Reader

if TYPE_CHECKING:
    from jitd.lifecycle.perform import Perform
    from jitd.verbs.access import Access
    from jitd.verbs.answers import Answers


@dataclass(frozen=True, slots=True)
class Site:
    """What an extension is built on. ``note`` writes into the record. ``let_in`` has what was let in at gates. ``file`` has the
    settings; None means the usual file. If ``is_direct``, the daemon starts helpers itself, and otherwise systemd does.
    """

    ground: Ground
    note: Note
    let_in: LetIn
    file: Path | None
    is_direct: bool


class NoProviders:
    """The providers of a host without any."""

    async def ask(self, names: frozenset[str], about: Question) -> Facts:
        return {name: Unknown(NO_PROVIDER) for name in names}

    def told(self, name: str, about: Question) -> object:
        return ""

    def forget(self) -> None:
        """There is nothing to forget."""


class Advisers:
    """Systems outside of jitd that are asked before a decision, and those through which people are told."""

    providers: KeptProviders = NoProviders()
    gatekeepers: Gatekeepers = NoGatekeepers()

    def notifier(self, site: Site, seating: Seating, perform: Perform) -> Notifier:
        """Return what tells people of requests."""
        return Notifier()

    def close(self) -> None:
        """Close the connections to helpers, and end those that the daemon has started."""


class Doer:
    """Gives things to people, and takes them back."""

    givers: Mapping[str, Giver] = {}  # maps each kind of thing to what gives it

    def tasks(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Return what runs as long as the daemon serves, by what the log calls it. If it raises the store's exceptions, it is
        begun again.
        """
        return {}

    def close(self) -> None:
        """Close the connections to helpers, and end those that the daemon has started."""


class Reading:
    """Reads what was committed."""

    counts = Counts()
    readers: Mapping[str, Reader] = {}  # name in the log → the reader, without `counts`

    def add_answers(self, to: Answers, access: Access, own: Callable[[], Iterable[Family]]) -> None:
        """Add to the table ``to`` what clients may ask of it. ``own`` returns what the daemon tells of itself."""


def advisers(site: Site) -> Advisers:
    """Return what is asked before decisions, and what tells people of requests."""
    module = assembly("outsiders")
    found: Advisers = Advisers() if module is None else module.advisers(site)
    return found


def doers(site: Site, advisers: Advisers) -> tuple[Doer, ...]:
    """Return what gives things to people and takes them back."""
    return tuple(module.doer(site, advisers) for name in ("things", "gates") if (module := assembly(name)) is not None)


def reading(site: Site, advisers: Advisers) -> Reading:
    """Return what reads the record."""
    module = assembly("sinks")
    found: Reading = Reading() if module is None else module.reading(site, advisers)
    return found
