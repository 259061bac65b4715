# SPDX-License-Identifier: Apache-2.0
"""The verb ``mute``, with which a person stops their notices for a limited time.

Law: people can mute only their own notices. Every mute has an end. A mute stops only notices to the person who sets the mute.
Groups still get their notices. A notice of broken glass also goes to people with a mute.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from jitd.core.duration import duration_in_words
from jitd.core.effects import Moment
from jitd.core.subject import Subject
from jitd.store import Store
from jitd.verbs.refusal import Refusal
from jitd.verbs.rows import on_host

LONGEST = 30 * 24 * 3600  # seconds of one mute


class Mutes:
    """The verb mute. ``look_again`` is called when a mute ends, and lets all notices be sent that are still due."""

    def __init__(self, store: Store, look_again: Callable[[], None], now: Callable[[], Moment]) -> None:
        self._store = store
        self._look_again = look_again
        self._now = now

    def mute(self, who: Subject, lasts_for: int | None) -> str:
        """Mute ``who`` for ``lasts_for`` seconds. If ``lasts_for`` is None, end the mute. Return a sentence. Raises Refusal."""
        if who.uid == 0:
            raise Refusal("usage", "root may not review, so root is told nothing; mute your own account, without sudo")
        if lasts_for is None:
            if who.person in self._store.muted():
                self._store.mute(who.person, None)
                self._look_again()
            return "you are told again what waits for you"
        if not 1 <= lasts_for <= LONGEST:
            raise Refusal("usage", f"a mute lasts between a second and {duration_in_words(LONGEST)}")
        until = self._now().at + timedelta(seconds=lasts_for)
        self._store.mute(who.person, until)
        return f"until {on_host(until)} you are told nothing, except when somebody breaks glass; jitd mute --off ends this"
