# SPDX-License-Identifier: Apache-2.0
"""A subject: a principal, the local account that it maps to, and the person behind the account.

Law: a principal maps to an account by the table of jitd.toml or by one plain rule (``account_of``), and by nothing else: no
``.k5login``, no ``auth_to_local``, no case folding, no second component.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from jitd.core.authentication import Authentication

_PRIMARY = re.compile(rb"[a-z0-9._-]{1,32}")
_REALM = re.compile(rb"[A-Za-z0-9.-]{1,255}")

ROOT = "root"
"""The name under which uid 0 without a ticket is recorded. No principal has this name, as every principal has a realm."""
LOCAL = "local:"
"""The prefix of the account of somebody without a ticket, for whom only the host vouches. No principal begins with it."""
BY_PAM = "pam:"
"""The prefix of the account of somebody who has proved by local PAM who they are, as no KDC could be reached. No principal begins
with it."""
PROVED_BY_PAM = "by local PAM: the KDC could not be reached"
"""How such a person has proved who they are, in the words that screens and record have."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody who asks or reviews, as the daemon found them at one moment: the account exists, and the principal was proved.

    Three kinds of subjects have no ticket: root, people known by their account alone, because an enforcement point said so, and
    people who have proved by local PAM who they are. The proof of the latter ends as a ticket does, at ``ticket_ends_at``.

    ``groups`` are names as NSS gave them. Approvals are counted by ``person``. ``ticket_ends_at`` is aware UTC; None without a
    ticket. ``perhaps`` are the principals that map to the account, if no principal was proved. ``unsure`` are groups that cannot
    be looked up, so that it is not known whether the subject is a member. ``authentication`` is how the ticket came about; None
    without a ticket.
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
    authentication: Authentication | None = None

    def looked_at(self, moment: datetime) -> Subject:
        """Return this subject with the age of their authentication as it is at ``moment`` (aware UTC)."""
        given = self.authentication
        return self if given is None else replace(self, authentication=replace(given, looked_at=moment))

    def ticket(self) -> dict[str, Any]:
        """Return what the chain keeps of the ticket: its end, and how it came about if that is known."""
        ends = {"ticket_ends_at": str(self.ticket_ends_at)}
        if self.is_by_pam:
            return {**ends, "proved": PROVED_BY_PAM}
        return ends if self.authentication is None else {**ends, "authentication": self.authentication.detail()}

    @property
    def is_root(self) -> bool:
        """True for local root without a ticket. Root may run what it asks for, and may review nothing."""
        return self.principal == ROOT

    @property
    def is_local(self) -> bool:
        """True if the subject is known by the account alone. Then only rules that need no ticket permit, and they may review
        nothing.
        """
        return self.principal.startswith(LOCAL)

    @property
    def is_by_pam(self) -> bool:
        """True if the subject has proved by local PAM who they are. Then only rules permit that take such a proof
        (``without_kdc``), and they review only what such a rule asks about.
        """
        return self.principal.startswith(BY_PAM)

    @property
    def proved(self) -> str:
        """How the subject has proved who they are, if that was not by Kerberos; else empty."""
        return PROVED_BY_PAM if self.is_by_pam else ""

    def is_requester(self, requester: Subject) -> bool:
        """True if ``requester`` is this subject: the same principal, or the same account without a ticket."""
        has_none = requester.is_local or requester.is_by_pam
        return self.uid == requester.uid and (self.principal == requester.principal or has_none)

    def has_ticket_at(self, moment: datetime) -> bool:
        """True if ticket or proof is still valid at ``moment`` (aware UTC), or if there is none that ends."""
        return self.ticket_ends_at is None or moment < self.ticket_ends_at


def account_of(principal: bytes, realms: frozenset[str], table: Mapping[str, str]) -> str | None:
    """Return the local account of ``principal`` (as GSSAPI displays it), or None if it has none on this host.

    A row of ``table`` (``[principals]`` of jitd.toml) decides alone. Without a row the principal must have one component alone,
    which matches ``[a-z0-9._-]{1,32}``, and its realm must be one of ``realms``. The account has the name of the component.
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
    """Return the person behind the account ``user``: the name under which ``[people]`` lists it, otherwise the account itself."""
    for person, accounts in people.items():
        if user in accounts or user == person:
            return person
    return user


@dataclass(frozen=True, slots=True)
class Named:
    """The person that a name means: ``spelled`` is the name as it was typed, ``user`` its account, ``person`` the person behind
    the account. The account need not exist.
    """

    spelled: str
    user: str
    person: str


def named(spelled: str, realms: frozenset[str], table: Mapping[str, str], people: Mapping[str, frozenset[str]]) -> Named:
    """Return who ``spelled`` means: an account, ``local:`` and an account, a principal, or a principal of the table without
    realm.
    """
    if spelled.startswith(LOCAL):
        user = spelled.removeprefix(LOCAL)
    elif "@" in spelled:
        user = account_of(spelled.encode("utf-8", "surrogateescape"), realms, table) or spelled
    else:
        user = next((table[full] for realm in sorted(realms) if (full := f"{spelled}@{realm}") in table), spelled)
    return Named(spelled, user, person_of(user, people))


def is_named(who: Subject, whom: Named) -> bool:
    """True if ``whom`` means ``who``, by any of their accounts and principals."""
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
