# SPDX-License-Identifier: Apache-2.0
"""Who could be told of a request: the accounts on this host that the words of its approvals name.

Law: nothing is decided by this. Whether somebody may approve is asked when they do. The requester's own accounts are never
among them. Everything here may block, and is called in a worker.
"""

from __future__ import annotations

import pwd
from collections.abc import Mapping

from jitd.core.decision import Approval
from jitd.core.request import Request
from jitd.core.subject import account_of, person_of
from jitd.deciding import groups

MOST_PEOPLE = 200
"""The most accounts that are told of one request. A larger group has a channel of its own."""


def accounts_of(
    request: Request,
    approvals: tuple[Approval, ...],
    realms: frozenset[str],
    principals: Mapping[str, str],
    people: Mapping[str, frozenset[str]],
) -> tuple[str, ...]:
    """Return the accounts that ``approvals`` (one way each) name, sorted, at most MOST_PEOPLE. Raises CannotLookUp."""

    def account(principal: str) -> str:
        return account_of(principal.encode("utf-8", "surrogateescape"), realms, principals) or ""

    found: set[str] = set()
    for way in approvals:
        named: set[str] = set()
        for kind, _, name in (word.partition(":") for word in way.of_whom):
            named |= _members(name) if kind == "group" else {account(name) if kind == "principal" else name}
        if way.also:
            named &= {account(entry) if "@" in entry else entry for entry in way.among or ()}
        found |= named
    others = sorted(user for user in found if person_of(user, people) != request.requester.person and _is_there(user))
    return tuple(others[:MOST_PEOPLE])


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
