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
    """Return the accounts that ``approvals`` name, sorted, at most MOST_PEOPLE. Raises CannotLookUp."""
    words = {word for approval in approvals for word in approval.of_whom}
    found: set[str] = set()
    for word in words:
        kind, _, name = word.partition(":")
        if kind == "user":
            found.add(name)
        elif kind == "principal":
            account = account_of(name.encode("utf-8", "surrogateescape"), realms, principals)
            found |= {account} if account else set()
        elif kind == "group":
            found |= _members(name)
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
