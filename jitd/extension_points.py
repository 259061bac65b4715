# SPDX-License-Identifier: Apache-2.0
"""The places where extensions join the daemon, and what they are built from. An adviser is asked before a decision, and can only
narrow, require or warn. A doer carries out what was granted: it begins, ends, and finds again. A reader reads what was committed,
and holds nothing up. There is no other way in (ADR 0156).

Law: a class here advises, gives and tells nothing by itself. The row of an extension (``jitd.extensions``) says where it joins.
There may be several at each place, in the order of these rows. A fact and a gatekeeper are asked of the one whose section of
jitd.toml sets up their name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from jitd.core.condition import Family
from jitd.deciding.gatekeepers import AllGatekeepers, Gatekeepers
from jitd.deciding.ground import Ground, Note
from jitd.deciding.knowledge import AllProviders, KeptProviders
from jitd.deciding.seats import Seating
from jitd.extensions import EXTENSIONS, joined
from jitd.lifecycle.givers import Giver
from jitd.lifecycle.let_in import LetIn
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.lifecycle.notifier import Notifier
from jitd.lifecycle.readers import Reader

if TYPE_CHECKING:
    from jitd.lifecycle.perform import Perform
    from jitd.verbs.access import Access
    from jitd.verbs.answers import Answers

A = TypeVar("A", bound="Adviser")


@dataclass(frozen=True, slots=True)
class Site:
    """What an extension is built on. ``let_in`` has what was let in at gates. ``file`` has the settings; None means the usual
    file. If ``is_direct``, the daemon starts helpers itself, and otherwise systemd does.
    """

    ground: Ground
    lifecycle: Lifecycle
    let_in: LetIn
    file: Path | None
    is_direct: bool

    @property
    def note(self) -> Note:
        return self.lifecycle.note_own


class _Joined:
    """What joins the daemon, and may have helpers."""

    def close(self) -> None:
        """Close the connections to helpers, and end those that the daemon has started."""


class Adviser(_Joined):
    """Systems outside of jitd that are asked before a decision, and those through which people are told."""

    providers: KeptProviders = AllProviders({})
    gatekeepers: Gatekeepers = AllGatekeepers({})

    def notifier(self, site: Site, seating: Seating, perform: Perform) -> Notifier:
        """Return what tells people of requests."""
        return Notifier()


class Advisers:
    """All advisers of the daemon: what is asked before decisions, and what tells people of requests."""

    def __init__(self, site: Site) -> None:
        self._site = site
        by_name: dict[str, Adviser] = {name: build(site) for name, build in joined("adviser").items()}
        self.all = tuple(by_name.values())
        sections = [(one, site.ground.config.of(EXTENSIONS[name].section())) for name, one in by_name.items()]
        self.providers = AllProviders({name: one.providers for one, section in sections for name in section.names})
        self.gatekeepers = AllGatekeepers({name: one.gatekeepers for one, section in sections for name in section.deadlines})

    def the(self, kind: type[A]) -> A:
        """Return the adviser that is a ``kind``. Raises TypeError."""
        for one in self.all:
            if isinstance(one, kind):
                return one
        raise TypeError(f"no adviser is a {kind.__name__}")

    def notifier(self, seating: Seating, perform: Perform) -> Notifier:
        return Notifier([one.notifier(self._site, seating, perform) for one in self.all])


class Doer(_Joined):
    """Gives things to people, and takes them back."""

    givers: Mapping[str, Giver] = {}  # maps each kind of thing to what gives it

    def tasks(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Return what runs while the daemon serves, by its name in the log. After an exception of the store, it begins again."""
        return {}


class Reading:
    """Reads what was committed."""

    readers: Mapping[str, Reader] = {}  # name in the log → the reader

    def add_answers(self, to: Answers, access: Access, seating: Seating, own: Callable[[], Iterable[Family]]) -> None:
        """Add to the table ``to`` what clients may ask of it. ``own`` returns what the daemon tells of itself."""


def doers(site: Site, advisers: Advisers) -> tuple[Doer, ...]:
    return tuple(build(site, advisers) for build in joined("doer").values())


def readings(site: Site, advisers: Advisers) -> tuple[Reading, ...]:
    return tuple(build(site, advisers) for build in joined("reader").values())
