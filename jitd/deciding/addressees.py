# SPDX-License-Identifier: Apache-2.0
"""Who could be told of a request: the accounts on this host that the words of its approvals name.

Law: nothing is decided by this. Whether somebody may approve is asked when they do. The requester's own accounts are never
among them. Everything here may block, and is called in a worker.
"""

from __future__ import annotations

import pwd
from collections.abc import Mapping
from dataclasses import dataclass

from jitd.core.decision import Approval
from jitd.core.request import Request
from jitd.core.subject import account_of, person_of
from jitd.deciding import groups
from jitd.workers import HOUSE, Workers

MOST_PEOPLE = 200
"""The most accounts that are told of one request. A larger group has a channel of its own."""


@dataclass(frozen=True, slots=True)
class Addressees:
    """Looks people up as the settings say: ``realms``, ``principals`` and ``people`` are those of jitd.toml."""

    realms: frozenset[str]
    principals: Mapping[str, str]
    people: Mapping[str, frozenset[str]]
    workers: Workers

    async def of(self, request: Request, approvals: tuple[Approval, ...]) -> tuple[str, ...]:
        """Return the accounts that ``approvals`` (one way each) name, sorted, at most MOST_PEOPLE. Raises TimeoutError or
        CannotLookUp.
        """
        named = await self.workers.names.run(HOUSE, self._named, approvals)
        return tuple(user for user in named if person_of(user, self.people) != request.requester.person)[:MOST_PEOPLE]

    def _named(self, approvals: tuple[Approval, ...]) -> list[str]:
        found: set[str] = set()
        for way in approvals:
            named: set[str] = set()
            for kind, _, name in (word.partition(":") for word in way.of_whom):
                named |= _members(name) if kind == "group" else {self._account(name) if kind == "principal" else name}
            if way.also:
                named &= {self._account(entry) if "@" in entry else entry for entry in way.among or ()}
            found |= named
        return sorted(user for user in found if _is_there(user))

    def _account(self, principal: str) -> str:
        return account_of(principal.encode("utf-8", "surrogateescape"), self.realms, self.principals) or ""


def _members(name: str) -> set[str]:
    """Return the accounts that the group lists, and those of the listed accounts that have it as their primary group. Raises
    CannotLookUp.
    """
    entry = groups.named(name)
    if entry is None:
        return set()
    return {*entry.members, *(one.pw_name for one in pwd.getpwall() if one.pw_gid == entry.gid)}


def _is_there(user: str) -> bool:
    """True if ``user`` is an account that may approve at all: root and accounts that do not exist may not."""
    try:
        return pwd.getpwnam(user).pw_uid != 0
    except (KeyError, ValueError):
        return False
