# SPDX-License-Identifier: Apache-2.0
"""Who: a principal, the local account it maps to, and the person behind the account.

Law: a principal maps by the explicit table or by the plain rule, and by nothing else: no ``.k5login``, no
``auth_to_local``, no case folding, no second component.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

_PRIMARY = re.compile(rb"[a-z0-9._-]{1,32}")
_REALM = re.compile(rb"[A-Za-z0-9.-]{1,255}")

ROOT = "root"
"""The name under which uid 0 without a ticket is recorded. No principal is spelled like it: they all have a realm."""
LOCAL = "local:"
"""What stands before the account of somebody whom the host alone vouches for. Nor is any principal spelled like that."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody whose account exists and whose principal was proved, as the daemon found them at one moment.

    Two kinds have no ticket: root, and people known by their account alone, because an enforcement point said so.

    ``groups`` are names as NSS gave them. Approvals are counted by ``person``. ``ticket_ends_at`` is aware UTC;
    None without a ticket. ``perhaps`` are the principals that the account belongs to, where none was proved.
    ``unsure`` are groups that cannot be looked up: nobody knows whether this one is in them.
    """

    principal: str
    user: str
    uid: int
    gid: int
    groups: frozenset[str]
    person: str
    ticket_ends_at: datetime | None
    perhaps: frozenset[str] = frozenset()
    unsure: frozenset[str] = frozenset()

    @property
    def is_root(self) -> bool:
        """Local root without a ticket: may run what root asks for, may review nothing."""
        return self.principal == ROOT

    @property
    def is_local(self) -> bool:
        """Known by their account alone: permitted nothing but what a rule permits without a ticket, and may review nothing."""
        return self.principal.startswith(LOCAL)

    def is_requester(self, requester: Subject) -> bool:
        """True if what ``requester`` asked for is one's own: by the same proof, or from the same account without one."""
        return self.uid == requester.uid and (self.principal == requester.principal or requester.is_local)

    def has_ticket_at(self, moment: datetime) -> bool:
        """True if the proof of who this is still holds at ``moment`` (aware UTC)."""
        return self.ticket_ends_at is None or moment < self.ticket_ends_at


def account_of(principal: bytes, realms: frozenset[str], table: Mapping[str, str]) -> str | None:
    """The local account of ``principal`` (as GSSAPI displays it), or None if it has none here.

    A row of ``table`` (``[principals]`` of jitd.toml) decides alone; otherwise one component of ``[a-z0-9._-]{1,32}``,
    a realm out of ``realms`` to the letter, and the account of the same name.
    """
    try:
        text = principal.decode("ascii")
    except UnicodeDecodeError:
        return None
    if text in table:
        return table[text]
    primary, at, realm = principal.partition(b"@")
    if not at or not _PRIMARY.fullmatch(primary) or not _REALM.fullmatch(realm):
        return None
    if realm.decode("ascii") not in realms:
        return None
    return primary.decode("ascii")


def person_of(user: str, people: Mapping[str, frozenset[str]]) -> str:
    """The person behind the account ``user``: the name it is listed under in ``[people]``, else the account itself."""
    for person, accounts in people.items():
        if user in accounts or user == person:
            return person
    return user


@dataclass(frozen=True, slots=True)
class Named:
    """The person whom a name means: ``spelled`` as it was typed, ``user`` the account that it is of, ``person`` who is behind
    that. Nobody has looked whether there is such an account.
    """

    spelled: str
    user: str
    person: str


def named(spelled: str, realms: frozenset[str], table: Mapping[str, str], people: Mapping[str, frozenset[str]]) -> Named:
    """Whom ``spelled`` means: an account, ``local:`` and an account, a principal, or one of the table without its realm."""
    if spelled.startswith(LOCAL):
        user = spelled.removeprefix(LOCAL)
    elif "@" in spelled:
        user = account_of(spelled.encode("utf-8", "surrogateescape"), realms, table) or spelled
    else:
        user = next((table[full] for realm in sorted(realms) if (full := f"{spelled}@{realm}") in table), spelled)
    return Named(spelled, user, person_of(user, people))


def is_named(who: Subject, whom: Named) -> bool:
    """True if ``whom`` means ``who``, by whichever of their accounts and principals."""
    if who.is_root:
        return whom.spelled == ROOT
    spellings = (who.principal, who.user, *who.perhaps)
    return whom.spelled in spellings or who.user == whom.user or who.person == whom.person


def matches_any(subject: Subject, who: tuple[str, ...]) -> bool:
    """True if one of ``who`` (``group:NAME``, ``principal:NAME``, ``user:NAME``) is about ``subject``."""
    for word in who:
        kind, _, name = word.partition(":")
        if kind == "group" and name in subject.groups:
            return True
        if kind == "principal" and name == subject.principal:
            return True
        if kind == "user" and name == subject.user:
            return True
    return False
