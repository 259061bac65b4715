# SPDX-License-Identifier: Apache-2.0
"""Reads from the store which accounts somebody uses by a live run (``core.used_accounts``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from jitd.core.lock import Lock, of_today
from jitd.core.subject import Subject, Who, person_of
from jitd.core.used_accounts import Use
from jitd.store import Store
from jitd.store.made_accounts import behind_in


class UsedAccounts:
    """The accounts that live runs use. ``people`` is of jitd.toml, ``known`` has live runs and locks, if read already."""

    def __init__(
        self,
        store: Store,
        people: Mapping[str, frozenset[str]],
        known: tuple[tuple[Use, ...], tuple[Lock, ...]] | None = None,
    ) -> None:
        self._store = store
        self._known = known
        self._person = partial(person_of, people=people, behind=partial(behind_in, store))

    def __call__(self) -> Iterator[Use]:
        """Yield the live runs of accounts other than root's, from their beginning until all their processes have ended."""
        if self._known is not None:
            yield from self._known[0]
            return
        for id, (by, run_as) in self._store.acting().items():
            yield Use(id, self.today(by), run_as.uid, self._person(run_as.user))

    def locks(self, store: Store | None = None) -> Iterator[Lock]:
        """Yield the active locks, by default of our store, and each again as on the person whose account it is today."""
        if self._known is not None:
            yield from self._known[1]
            return
        for one in (store or self._store).locks():
            yield one
            if (now := of_today(one, self._person)) != one:
                yield now

    def today(self, who: Who) -> Who:
        """Return ``who`` as the person to whom the account belongs today: ``[people]`` may have changed since jitd stored it. Of
        those who use the account, the account is not stored, but a person who stands in no ``[people]`` has its name. So has a
        person without an account.
        """
        users = tuple(replace(user, person=self._person(user.person)) for user in who.used_by)
        account = who.user if isinstance(who, Subject) else who.person
        return who.but(person=who.person if who.is_root else self._person(account), used_by=users)
