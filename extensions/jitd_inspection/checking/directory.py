# SPDX-License-Identifier: Apache-2.0
"""Looks up the accounts and groups that rules name, with the name service (NSS) of the host.

Law: a group that does not exist is never confused with a group whose look-up failed. For accounts, this law does not apply:
Python's module pwd reports an account that does not exist and a failed look-up in the same way. A look-up may take forever, so
the caller must set a time limit.
"""

from __future__ import annotations

import pwd
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from jitd.deciding import groups
from jitd.deciding.signers import signers_of
from jitd.settings.config import Config
from jitd_inspection.checking.known import Known
from jitpam.initiator import within

GROUPS = Path("/etc/group")
LISTED_WITHIN = 3.0  # seconds to list all accounts. If NSS needs more, as with a large directory service, there is no list


def look_up(words: frozenset[str], config: Config) -> Known:
    """Look up each account and each group that is named in ``words``. Also look up the accounts that the settings name."""
    listed = everybody()
    found = members(sorted({entry[6:] for entry in words if entry.startswith("group:")}), listed or {})
    elsewhere = frozenset(name for name, accounts in found.items() if accounts is not None) - local_groups()
    signers = signers_of(config, lambda: datetime.now(UTC))
    known = Known(found, {}, config, is_whole=listed is not None, elsewhere=elsewhere, signers=signers)
    users = {user for accounts in found.values() for user in accounts or ()}
    users |= {account for entry in words if not entry.startswith("group:") and (account := known.account(entry))}
    users |= {*config.principals.values(), *(account for accounts in config.people.values() for account in accounts)}
    return replace(known, users=uids(sorted(users), listed or {}))


def local_groups() -> frozenset[str]:
    """Return the names of the groups in /etc/group. This file lists all members of its groups."""
    with suppress(OSError):
        return frozenset(line.partition(":")[0] for line in GROUPS.read_bytes().decode("utf-8", "replace").split("\n"))
    return frozenset()


def everybody() -> dict[str, tuple[int, int]] | None:
    """List all accounts of NSS. Return a dictionary that maps the name of each account to its user id and its group id. Return
    None if NSS needs more than LISTED_WITHIN seconds for the list.
    """
    try:
        return within(LISTED_WITHIN, lambda: {one.pw_name: (one.pw_uid, one.pw_gid) for one in pwd.getpwall()})
    except TimeoutError:
        return None


def members(names: Iterable[str], listed: Mapping[str, tuple[int, int]]) -> dict[str, tuple[str, ...] | None]:
    """Return a dictionary that maps the name of each group to the accounts that are its members.

    An account in ``listed`` is also a member of its primary group. The value of a group is None if the group does not exist. If
    the look-up of a group fails, the dictionary has no entry for the group.
    """
    found: dict[str, tuple[str, ...] | None] = {}
    for name in names:
        with suppress(groups.CannotLookUp):
            entry = groups.named(name)
            own = {user for user, (_, gid) in listed.items() if entry and gid == entry.gid}
            found[name] = tuple(sorted({*entry.members, *own})) if entry else None
    return found


def uids(users: Iterable[str], listed: Mapping[str, tuple[int, int]]) -> dict[str, int | None]:
    """Return a dictionary that maps the name of each account to its user id. The value is None if the account does not exist or
    its look-up failed. It is also None if the directory found the account by another spelling: jitd compares what the directory
    answers. Only accounts that are not in ``listed`` are looked up.
    """
    found: dict[str, int | None] = {}
    for name in users:
        try:
            entry = None if name in listed else pwd.getpwnam(name)
        except (KeyError, ValueError):
            found[name] = None
        else:
            found[name] = listed[name][0] if entry is None else entry.pw_uid if entry.pw_name == name else None
    return found
