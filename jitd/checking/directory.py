# SPDX-License-Identifier: Apache-2.0
"""Look-up of all people whom rules name, in the name service.

Law: an account that does not exist is told from one that cannot be looked up. Looking people up may take for ever: the caller
limits the time.
"""

from __future__ import annotations

import pwd
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from jitd.checking.known import Known
from jitd.deciding import groups
from jitd.settings.config import Config
from jitpam.initiator import within

LISTED_WITHIN = 3.0
"""Seconds that listing all accounts may take. If a large directory takes longer, accounts are not listed."""


def look_up(words: frozenset[str], config: Config) -> Known:
    """Look up everybody named by ``words`` or by the settings."""
    listed = everybody()
    found = members(sorted({entry[6:] for entry in words if entry.startswith("group:")}), listed or {})
    known = Known(found, {}, config, is_whole=listed is not None)
    users = {user for accounts in found.values() for user in accounts or ()}
    users |= {account for entry in words if not entry.startswith("group:") and (account := known.account(entry))}
    users |= {*config.principals.values(), *(account for accounts in config.people.values() for account in accounts)}
    return replace(known, users=uids(sorted(users), listed or {}))


def everybody() -> dict[str, tuple[int, int]] | None:
    """Return name → user id and group id of every account that NSS lists; None if that takes longer than LISTED_WITHIN."""
    try:
        return within(LISTED_WITHIN, lambda: {one.pw_name: (one.pw_uid, one.pw_gid) for one in pwd.getpwall()})
    except TimeoutError:
        return None


def members(names: Iterable[str], listed: Mapping[str, tuple[int, int]]) -> dict[str, tuple[str, ...] | None]:
    """Return group name → its accounts, including those of ``listed`` that have it as primary group; None if it does not exist.

    A group that cannot be looked up is left out.
    """
    found: dict[str, tuple[str, ...] | None] = {}
    for name in names:
        with suppress(groups.CannotLookUp):
            entry = groups.named(name)
            own = {user for user, (_, gid) in listed.items() if entry and gid == entry.gid}
            found[name] = tuple(sorted({*entry.members, *own})) if entry else None
    return found


def uids(users: Iterable[str], listed: Mapping[str, tuple[int, int]]) -> dict[str, int | None]:
    """Return account name → user id; None if there is no such account. Accounts that are not ``listed`` are looked up."""
    found: dict[str, int | None] = {}
    for name in users:
        try:
            found[name] = listed[name][0] if name in listed else pwd.getpwnam(name).pw_uid
        except (KeyError, ValueError):
            found[name] = None
    return found
