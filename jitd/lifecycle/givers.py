# SPDX-License-Identifier: Apache-2.0
"""What gives things to people, and takes them back: the doers that extensions bring (``extension_points``). A run has its own
doer, the executor.

Law: a giver is asked only about a holding that was recorded. It may be asked the same twice, and may be killed at any moment and
asked again. Its answers mean what ``beside/deeds`` says. ``look`` and ``strays`` change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from jitd.beside.deeds import Given, Seen, State, Strays, Taken
from jitd.beside.refusals import Failed, Refused
from jitd.core.holding import Holding, Untaken
from jitd.core.wording import count, listed

MOST_TOLD = 5  # holdings that are named in a sentence


class Giver(Protocol):
    """Gives the things of one kind. Whatever does not fit a kind, it inherits from here."""

    unrenewed: Mapping[str, Untaken] = {}  # holding that cannot be renewed now → why. It changes with time

    def ends_at(self, holding: Holding) -> datetime | None:
        """Return when the thing becomes useless although nobody can take it back, or None if it does not end by itself."""
        return None

    def name_of(self, thing: str) -> str:
        """Return the name by which the client asks for ``thing``. For a ticket, this name is the principal of the service.
        Return an empty string if the client does not have to ask for the thing.
        """
        return ""

    def fault(self, thing: str) -> str:
        """Return a sentence why ``thing`` cannot be given now, or "". Queries no KDC and does not block."""

    def down(self, thing: str) -> str:
        """Return a sentence that what gives ``thing`` does not run now, or "". Nobody is asked to approve it then, but what was
        approved waits until it runs. Does not block.
        """
        return ""

    async def give(self, holding: Holding) -> Given | Refused | Failed:
        """Give the thing of ``holding`` to the person for whom the thing was approved. If the person already has the thing, it is
        mended, so that a secret that the person has stays valid.
        """

    async def take(self, holding: Holding) -> Taken | Refused | Failed:
        """Take back the thing of ``holding``. The answer is also Taken if the thing was never given."""

    async def look(self, holding: Holding) -> Seen | Failed:
        """Report whether the thing of ``holding`` is still as it was given."""
        return Seen(State.STANDS)

    async def strays(self, thing: str, holdings: Sequence[str]) -> Strays | Failed:
        """Return the ids of all holdings but ``holdings`` for which ``thing`` exists with jitd's mark."""
        return Strays()


class Givers:
    """The givers of this host, each found by the kind that it gives: the word before the colon in a thing's name."""

    def __init__(self, by_kind: Mapping[str, Giver]) -> None:
        self._by_kind = dict(by_kind)

    def of(self, thing: str) -> Giver | None:
        """Return the giver for the kind of ``thing``, or None if this host has no such giver."""
        return self._by_kind.get(thing.partition(":")[0])

    def fault(self, thing: str) -> str:
        """Return a sentence that says why ``thing`` cannot be given now. Return an empty string if it can be given."""
        giver = self.of(thing)
        return f"this host cannot give {thing}" if giver is None else giver.fault(thing)

    def down(self, thing: str) -> str:
        """Return a sentence that what gives ``thing`` does not run now, or an empty string."""
        giver = self.of(thing)
        return "" if giver is None else giver.down(thing)

    def unrenewed(self) -> dict[str, Untaken]:
        """Map each holding that cannot be renewed now to the reason."""
        return {id: why for giver in self._by_kind.values() for id, why in giver.unrenewed.items()}

    def why_unrenewed(self, id: str) -> Untaken | None:
        """Return what ``unrenewed`` has of the holding ``id``. Other threads may call this method."""
        return next(filter(None, (giver.unrenewed.get(id) for giver in self._by_kind.values())), None)

    def fault_in(self, live: Iterable[Holding]) -> str:
        """Return a sentence about those of the holdings ``live`` that nothing of this host can take back; empty without any."""
        if orphans := [one for one in live if self.of(one.thing) is None]:
            told = listed(tuple(f"{one.thing} ({one.id}, {one.to})" for one in orphans[:MOST_TOLD]), "and")
            more = f", and {count(len(orphans) - MOST_TOLD, 'other thing')}," if len(orphans) > MOST_TOLD else ""
            return (
                f"{told}{more} must be taken back, but no part of jitd that is installed can do so: install all of jitd in"
                " /usr/lib/jitd, then: systemctl restart jitd"
            )
        return ""
