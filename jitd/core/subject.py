# SPDX-License-Identifier: Apache-2.0
"""A subject: a principal, the local account that the principal maps to, and the person to whom the account belongs.

``core.naming`` maps a principal to its account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from jitd.core.authentication import Authentication
from jitd.core.made_account import Behind, is_made
from jitd.core.naming import Naming
from jitd.core.party import Party

ROOT = "root"
"""The name in the record for uid 0 without a ticket. No principal can have this name, because every principal has a realm."""
LOCAL = "local:"
"""A prefix before the name of an account. The prefix marks a person without a ticket. Only the host confirms the identity of this
person. No principal begins with this prefix.
"""
BY_PAM = "pam:"
"""A prefix before the name of an account. The prefix marks a person who authenticated by local PAM, because no KDC could be
reached. No principal begins with this prefix.
"""
PROVED_BY_PAM = "by local PAM: the KDC could not be reached"
"""The text that screens and records show about a person who authenticated by local PAM."""


@dataclass(frozen=True, slots=True)
class User:
    """A person who uses somebody else's account, and so may be the one who acts. ``run`` is the run in which the person does so.
    It is empty if the person has logged in, and has then become the other account, for example with su.
    """

    principal: str
    uid: int
    person: str
    run: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """A requester or reviewer, with the data that the daemon found at one moment. The account exists. If the subject has a
    ticket, Kerberos has proved the principal.

    Three kinds of subjects have no ticket. The first is root. The second is a person who is known only by an account name from an
    enforcement point. The third is a person who authenticated by local PAM. A proof by local PAM is valid until
    ``ticket_ends_at``, like a ticket.

    ``gids`` contains the ids of all groups of the subject. ``groups`` contains the names of some of these groups: of those that
    rules, requests and settings name (``core.named_groups``). A directory finds the ids of a person's groups at once, but the
    names one by one. When jitd counts approvals, each ``person`` counts once. ``ticket_ends_at`` is aware UTC.
    ``ticket_ends_at`` is None if the subject has neither a ticket nor a proof by local PAM. If no principal was proved,
    ``perhaps`` contains all principals that map to the account. ``unsure`` contains groups that cannot be looked up now. The
    subject may be a member of these groups. ``authentication`` describes how the person got the ticket, or is None without a
    ticket.

    ``principal`` is canonical (``Naming.canonical``): nothing else is compared. ``spelled`` is the principal as the ticket spells
    it, or empty if the ticket spells it as ``principal``.

    ``used_by`` contains other people who may be the ones who act as this subject (``core.used_accounts``).
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
    gids: frozenset[int] = frozenset()
    spelled: str = ""
    used_by: tuple[User, ...] = ()

    @property
    def party(self) -> Party:
        """Whom limits and turns count for."""
        return Party.of_account(self.uid)

    @property
    def in_ticket(self) -> str:
        """The principal as the ticket spells it, for whoever compares bytes: a KDC, and the next look-up."""
        return self.spelled or self.principal

    @property
    def realm(self) -> str:
        """The realm of the principal. Empty for a subject without a ticket."""
        return "" if self.is_root or self.is_local or self.is_by_pam else self.principal.rpartition("@")[2]

    def looked_at(self, moment: datetime) -> Subject:
        """Return a copy of this subject. In the copy, the age of the authentication is the age at ``moment`` (aware UTC)."""
        given = self.authentication
        return self if given is None else replace(self, authentication=replace(given, looked_at=moment))

    def ticket(self) -> dict[str, Any]:
        """Return the information about the ticket for the chain: the end of the ticket and, if known, how the person got the
        ticket.
        """
        ends: dict[str, Any] = {"ticket_ends_at": str(self.ticket_ends_at)}
        if self.spelled:
            ends["spelled"] = self.spelled
        if self.is_by_pam:
            return {**ends, "proved": PROVED_BY_PAM}
        return ends if self.authentication is None else {**ends, "authentication": self.authentication.detail()}

    def users(self) -> dict[str, Any]:
        """Return the people who use the account of this subject, for the chain."""
        return users(self.used_by)

    def begins(self, used_by: tuple[User, ...]) -> Subject:
        """Return this subject as the one who began a run or a thing, when ``used_by`` used the account (``grant.Used``)."""
        return replace(self, used_by=(*self.used_by, *used_by)) if used_by else self

    def membership(self) -> dict[str, Any]:
        """Return the groups of this subject for the chain: the ids of all, and the names that are known."""
        return {"groups": sorted(self.groups), **({"group_ids": sorted(self.gids)} if self.gids else {})}

    @property
    def is_root(self) -> bool:
        """True for local root without a ticket. Local root may run every command, unless a deny forbids the command or jitd.toml
        contains ``root = "deny"``. Local root cannot review requests.
        """
        return self.principal == ROOT

    @property
    def is_local(self) -> bool:
        """True if the subject is known only by the account. Only rules that need no ticket can permit the requests of such a
        subject. Such a subject cannot review requests.
        """
        return self.principal.startswith(LOCAL)

    @property
    def is_by_pam(self) -> bool:
        """True if the subject authenticated by local PAM. Only rules that accept a proof by local PAM (``without_kdc``) can
        permit the requests of such a subject. Such a subject can review only requests under these rules.
        """
        return self.principal.startswith(BY_PAM)

    @property
    def proved(self) -> str:
        """If the subject authenticated by local PAM, a text that says this. For every other subject, an empty text."""
        return PROVED_BY_PAM if self.is_by_pam else ""

    @property
    def is_made(self) -> bool:
        """True if jitd has made the account for a limited time (``core.made_account``). For a made account, ``person`` is the
        person who holds the account. A subject with a made account cannot review requests, cannot watch runs, and is not treated
        as an operator or auditor.
        """
        return is_made(self.user)

    def is_requester(self, requester: Subject) -> bool:
        """True if ``requester`` is this subject: both have the same account, and ``requester`` has the same principal or no
        ticket.
        """
        has_none = requester.is_local or requester.is_by_pam
        return self.uid == requester.uid and (self.principal == requester.principal or has_none)

    def has_ticket_at(self, moment: datetime) -> bool:
        """True if the ticket or the proof is still valid at ``moment`` (aware UTC). Also True if the subject has no ticket and no
        proof.
        """
        return self.ticket_ends_at is None or moment < self.ticket_ends_at


def users(used_by: tuple[User, ...]) -> dict[str, Any]:
    """Return ``used_by`` for the chain."""
    return {"used_by": [{"principal": one.principal, "run": one.run} for one in used_by]} if used_by else {}


def is_one_person(one: Subject, other: Subject) -> bool:
    """True if one person may act as both subjects: with two accounts or principals of this person, or because this person uses
    the account of somebody else.
    """
    return _is_same(one, other) or link_between(one, other) is not None


def link_between(one: Subject, other: Subject) -> tuple[str, User] | None:
    """If one person may act as both subjects only because this person uses somebody else's account, return this account and this
    person. Otherwise return None.
    """
    if _is_same(one, other):
        return None
    for subject, against in ((one, other), (other, one)):
        others: tuple[Subject | User, ...] = (against, *against.used_by)
        for user in subject.used_by:
            if any(_is_same(user, theirs) for theirs in others):
                return subject.user, user
    return None


def _is_same(one: Subject | User, other: Subject | User) -> bool:
    return one.person == other.person or one.uid == other.uid or one.principal == other.principal


def used_by(who: Subject, user: Subject, run: str = "") -> Subject:
    """Return ``who``, whose account the person ``user`` uses in ``run`` (see ``User``). Those who use the account of ``user`` use
    that of ``who``, too. Root is left out: it can become anybody, and reviews nothing.
    """
    found = (User(user.principal, user.uid, user.person, run), *(replace(one, run=run) for one in user.used_by))
    known = {(one.principal, one.uid, one.person) for one in who.used_by}
    more = tuple(
        one for one in found if one.uid != 0 and not _is_same(one, who) and (one.principal, one.uid, one.person) not in known
    )
    return replace(who, used_by=(*who.used_by, *more)) if more else who


def person_of(user: str, people: Mapping[str, frozenset[str]], behind: Behind) -> str:
    """Return the person to whom the account ``user`` belongs. If jitd made ``user`` for a limited time, ``behind`` returns the
    own account of the person who holds ``user``, and the function continues with this own account. If ``[people]`` lists the
    account under a name, this name is the person. Otherwise the account itself is the person.
    """
    user = behind(user)
    for person, accounts in people.items():
        if user in accounts or user == person:
            return person
    return user


@dataclass(frozen=True, slots=True)
class Named:
    """The person to whom a typed name refers. ``spelled`` is the typed name, a principal in its canonical spelling. ``user`` is
    the account, and ``person`` is the person to whom the account belongs. The account need not exist.
    """

    spelled: str
    user: str
    person: str


def named(spelled: str, naming: Naming, people: Mapping[str, frozenset[str]], behind: Behind) -> Named:
    """Return the person to whom ``spelled`` refers. ``spelled`` may be an account, or ``local:`` and an account, or a principal.
    ``spelled`` may also be a principal in ``[principals]`` without its realm. An account may contain ``@``: if no principal that
    ``spelled`` could be has an account, ``spelled`` is one. ``people`` and ``behind`` are used to find the person of an account
    (see ``person_of``).
    """
    if spelled.startswith(LOCAL):
        user = naming.known_account(spelled.removeprefix(LOCAL))
    elif "@" in spelled:
        user = naming.account_of(spelled.encode("utf-8", "surrogateescape")) or naming.known_account(spelled)
        spelled = naming.canonical(spelled)
    else:
        full = (naming.canonical(f"{spelled}@{realm}") for realm in sorted(naming.realms))
        user = next((naming.table[one] for one in full if one in naming.table), naming.known_account(spelled))
    return Named(spelled, user, person_of(user, people, behind))


def is_named(who: Subject, whom: Named) -> bool:
    """True if ``whom`` refers to the person ``who``. The name in ``whom`` may be any account or principal of this person."""
    if who.is_root:
        return whom.spelled == ROOT
    spellings = (who.principal, who.in_ticket, who.user, *who.perhaps)
    return whom.spelled in spellings or who.user == whom.user or who.person == whom.person


def matches_any(subject: Subject, who: tuple[str, ...]) -> bool:
    """True if at least one word of ``who`` (``group:NAME``, ``principal:NAME``, ``user:NAME``) applies to ``subject``."""
    for word in who:
        kind, _, name = word.partition(":")
        if kind == "group" and name in subject.groups:
            return True
        if kind == "principal" and name == subject.principal:
            return True
        if kind == "user" and name == subject.user:
            return True
    return False
