# SPDX-License-Identifier: Apache-2.0
"""Who somebody is: a principal, the person, and, of a subject, the account on this host that the principal maps to.

``core.naming`` maps a principal to its account. Law: a person without an account has no uid, and is compared with others by
person and principal alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Self, TypeVar

from jitd.core.authentication import Authentication
from jitd.core.law import Actor, ByDoor, Origin, Role
from jitd.core.made_account import Behind, is_made
from jitd.core.naming import Naming
from jitd.core.party import Party

ROOT = "root"  # uid 0 without a ticket, in the record. No principal has this name, because each has a realm
LOCAL = "local:"  # before the name of an account: a person without a ticket, whom only the host knows. No principal begins so
BY_PAM = "pam:"  # before the name of an account: a person proved by local PAM, with no KDC in reach. No principal begins so
PROVED_BY_PAM = "by local PAM: the KDC could not be reached"  # what screens and records show of such a person


Who = TypeVar("Who", bound="Identity")


@dataclass(frozen=True, slots=True)
class User:
    """Who uses somebody's account, and may be who acts: in ``run``, or "" after a login and, for example, su."""

    principal: str
    uid: int
    person: str
    run: str = ""

    @property
    def party(self) -> Party:
        return Party.of_account(self.uid)


class Identity:
    """Who somebody is, with the data that the daemon found at one moment: a Subject, who has an account on this host, or a
    Visitor, who has none. What needs an account takes a Subject, so a Visitor runs nothing, asks for nothing and is given
    nothing (ADR 0172).

    ``principal`` is canonical (``Naming.canonical``): nothing else is compared. ``spelled`` is the principal as the ticket spells
    it, or empty if the ticket spells it as ``principal``. When jitd counts approvals, each ``person`` counts once.
    ``ticket_ends_at`` is aware UTC. It is None if there is neither a ticket nor a proof by local PAM. ``authentication``
    describes how the person got the ticket, or is None without a ticket. ``groups`` are names. ``used_by`` contains other people
    who may be the ones who act as this person (``core.used_accounts``).
    """

    __slots__ = ()

    principal: str
    groups: frozenset[str]
    person: str
    ticket_ends_at: datetime | None
    authentication: Authentication | None
    spelled: str
    used_by: tuple[User, ...]

    @property
    def party(self) -> Party:
        """Whom limits and turns count for."""
        raise NotImplementedError

    @property
    def account(self) -> str:
        """The name of the account, for a text. Empty without an account, so it is never compared."""
        return ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names by which a list of people may name this person."""
        return (self.principal,)

    @property
    def author(self) -> tuple[str, int | None]:
        """The principal and the uid, by which a record names who did something. The uid is None without an account."""
        return self.principal, None

    @property
    def principals(self) -> tuple[str, ...]:
        """All principals that may be meant by this person."""
        return self.principal, self.in_ticket

    def actor(self, role: Role, origin: Origin | ByDoor | None = None) -> Actor:
        """Return this person as the author of an event."""
        return Actor(role, *self.author, origin)

    @property
    def in_ticket(self) -> str:
        """The principal as the ticket spells it, for whoever compares bytes: a KDC, and the next look-up."""
        return self.spelled or self.principal

    @property
    def sid(self) -> str:
        """The security identifier of the account in Active Directory, or empty if it is not known. A principal can change."""
        given = self.authentication
        return "" if given is None or given.pac is None else given.pac.sid

    @property
    def realm(self) -> str:
        """The realm of the principal. Empty for a subject without a ticket."""
        return "" if self.is_root or self.is_local or self.is_by_pam else self.principal.rpartition("@")[2]

    def but(self, **changes: Any) -> Self:
        """Return a copy of this person with other fields."""
        return replace(self, **changes)  # type: ignore[type-var]  # both classes are dataclasses

    def looked_at(self, moment: datetime) -> Self:
        """Return a copy of this person. In the copy, the age of the authentication is the age at ``moment`` (aware UTC)."""
        given = self.authentication
        return self if given is None else self.but(authentication=replace(given, looked_at=moment))

    def signing(self, level: str) -> Self:
        """Return a copy of this person, of whom a receipt proves ``level`` (``core.receipt.LEVELS``)."""
        given = self.authentication
        return self if given is None else self.but(authentication=replace(given, signed=level))

    def ticket(self) -> dict[str, Any]:
        """Return what the chain has of the ticket: its end and, if known, how the person got it."""
        ends: dict[str, Any] = {"ticket_ends_at": str(self.ticket_ends_at)}
        if self.spelled:
            ends["spelled"] = self.spelled
        if self.is_by_pam:
            return {**ends, "proved": PROVED_BY_PAM}
        return ends if self.authentication is None else {**ends, "authentication": self.authentication.detail()}

    def users(self) -> dict[str, Any]:
        """Return the people who use the account of this person, for the chain."""
        return users(self.used_by)

    def membership(self) -> dict[str, Any]:
        """Return the groups of this person for the chain."""
        return {"groups": sorted(self.groups)}

    @property
    def is_root(self) -> bool:
        """True for local root without a ticket. Local root may run every command, unless a deny forbids the command or jitd.toml
        contains ``root = "deny"``. Local root cannot review requests.
        """
        return self.principal == ROOT

    @property
    def is_superuser(self) -> bool:
        """True for the account with the uid 0, with a ticket or without one."""
        return self.party.is_root

    @property
    def is_local(self) -> bool:
        """True if the subject is known only by the account. Only rules that need no ticket can permit the requests of such a
        subject. Such a subject cannot review requests.
        """
        return self.principal.startswith(LOCAL)

    @property
    def is_by_door(self) -> bool:
        """True if the person came through the door, from a host of which jitd knows nothing."""
        return self.authentication is not None and self.authentication.by_door

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
        """True if jitd has made the account for a time (``core.made_account``), and ``person`` holds it. It may not review or
        watch, and is never an operator or auditor.
        """
        return False

    def is_requester(self, requester: Subject) -> bool:
        """True if ``requester`` is this person: the same account, and the same principal or no ticket."""
        has_none = requester.is_local or requester.is_by_pam
        return self.party == requester.party and (self.principal == requester.principal or has_none)

    def has_ticket_at(self, moment: datetime) -> bool:
        """True if there is no ticket and no proof, or it is still valid at ``moment`` (aware UTC)."""
        return self.ticket_ends_at is None or moment < self.ticket_ends_at


@dataclass(frozen=True, slots=True)
class Subject(Identity):
    """A person with an account on this host, which exists. If the subject has a ticket, Kerberos has proved the principal. Only a
    Subject can be a requester.

    Three kinds of subjects have no ticket. The first is root. The second is a person who is known only by an account name from an
    enforcement point. The third is a person who authenticated by local PAM. A proof by local PAM is valid until
    ``ticket_ends_at``, like a ticket.

    ``gids`` contains the ids of all groups of the subject. ``groups`` contains the names of some of these groups: of those that
    rules, requests and settings name (``core.named_groups``). A directory finds the ids of a person's groups at once, but the
    names one by one. If no principal was proved, ``perhaps`` contains all principals that map to the account. ``unsure`` contains
    groups that cannot be looked up now. The subject may be a member of these groups.
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
        return Party.of_account(self.uid)

    @property
    def account(self) -> str:
        return self.user

    @property
    def names(self) -> tuple[str, ...]:
        return self.user, self.principal

    @property
    def author(self) -> tuple[str, int | None]:
        return self.principal, self.uid

    @property
    def principals(self) -> tuple[str, ...]:
        return self.principal, self.in_ticket, *self.perhaps

    def begins(self, used_by: tuple[User, ...]) -> Subject:
        """Return this subject as the one who began a run or a thing, when ``used_by`` used the account (``grant.Used``)."""
        return replace(self, used_by=(*self.used_by, *used_by)) if used_by else self

    def membership(self) -> dict[str, Any]:
        """Return the groups of this subject for the chain: the ids of all, and the names that are known."""
        return {"groups": sorted(self.groups), **({"group_ids": sorted(self.gids)} if self.gids else {})}

    @property
    def is_made(self) -> bool:
        return is_made(self.user)


@dataclass(frozen=True, slots=True)
class Visitor(Identity):
    """A person without an account on this host, whom a ticket of ``principal`` has proved. The settings say which ``person``
    this is, and of which ``groups``: by a line for the principal, or for SIDs in the ticket. They have nothing to do with the
    groups of NSS.

    Raises ValueError if ``principal`` is not one, or if nobody has said which person this is.
    """

    principal: str
    groups: frozenset[str]
    person: str
    ticket_ends_at: datetime
    authentication: Authentication | None = None
    spelled: str = ""
    used_by: tuple[User, ...] = ()

    def __post_init__(self) -> None:
        name, _, realm = self.principal.rpartition("@")
        if not name or not realm or self.principal.startswith((LOCAL, BY_PAM)):
            raise ValueError(f"{self.principal!r} is not a principal")
        if not self.person:
            raise ValueError(f"nobody has said which person {self.principal} is")

    @property
    def party(self) -> Party:
        return Party.of_principal(self.principal)


@dataclass(frozen=True, slots=True)
class Approver:
    """A principal without an account: whose it is, of which groups, and with which ``key`` for receipts, or ""."""

    person: str
    groups: frozenset[str] = frozenset()
    key: str = ""


@dataclass(frozen=True, slots=True)
class Sids:
    """``[approvers.sids]``: the groups of who has a SID in a PAC. A PAC counts if its ticket is of one of ``realms``."""

    groups: Mapping[str, str]
    realms: frozenset[str]

    def are_of(self, words: Iterable[str]) -> bool:
        """True if ``words`` of a rule name a group that a SID gives."""
        given = self.groups.values()
        return any(word.removeprefix("group:") in given for word in words if word.startswith("group:"))


NO_SIDS = Sids(MappingProxyType({}), frozenset())


def users(used_by: tuple[User, ...]) -> dict[str, Any]:
    """Return ``used_by`` for the chain."""
    return {"used_by": [{"principal": one.principal, "run": one.run} for one in used_by]} if used_by else {}


def is_one_person(one: Identity, other: Identity) -> bool:
    """True if one person may act as both: with their accounts or principals, or by the use of somebody's account."""
    return _is_same(one, other) or link_between(one, other) is not None


def link_between(one: Identity, other: Identity) -> tuple[str, User] | None:
    """If one person may act as both only because this person uses somebody else's account, return the name of the one who is
    used, and this person. Otherwise return None.
    """
    if not (one.used_by or other.used_by) or _is_same(one, other):
        return None
    for subject, against in ((one, other), (other, one)):
        others: tuple[Identity | User, ...] = (against, *against.used_by)
        for user in subject.used_by:
            if any(_is_same(user, theirs) for theirs in others):
                return subject.account or subject.principal, user
    return None


def _is_same(one: Identity | User, other: Identity | User) -> bool:
    """True if a person, an account or a principal of both is the same. Who has no account has none that could be the same."""
    is_same = one.person == other.person or one.principal == other.principal or one.party == other.party
    return is_same or _has_sid_of(one, other) or _may_have_asked(one, other) or _may_have_asked(other, one)


def _has_sid_of(one: Identity | User, other: Identity | User) -> bool:
    """True if both came with tickets of one account in Active Directory, whatever it was called then."""
    if isinstance(one, User) or isinstance(other, User):
        return False
    return one.sid != "" and one.sid == other.sid


def _may_have_asked(visitor: Identity | User, requester: Identity | User) -> bool:
    """True if ``requester`` proved no principal, and by the settings of then, it may have been that of ``visitor``."""
    return isinstance(visitor, Visitor) and isinstance(requester, Subject) and visitor.principal in requester.perhaps


def used_by(who: Who, user: Subject, run: str = "") -> Who:
    """Return ``who``, whose account or tickets the person ``user`` uses in ``run`` (see ``User``). Those who use the account of
    ``user`` use that of ``who``, too. Root is left out: it can become anybody, and reviews nothing.
    """
    found = (User(user.principal, user.uid, user.person, run), *(replace(one, run=run) for one in user.used_by))
    known = {(one.principal, one.uid, one.person) for one in who.used_by}
    more = tuple(
        one for one in found if one.uid != 0 and not _is_same(one, who) and (one.principal, one.uid, one.person) not in known
    )
    return who.but(used_by=(*who.used_by, *more)) if more else who


def person_of(user: str, people: Mapping[str, frozenset[str]], behind: Behind) -> str:
    """Return the person of the account ``user``: the name under which ``[people]`` lists it, or itself. Of a made account, that
    of the holder's own, which ``behind`` returns.
    """
    user = behind(user)
    for person, accounts in people.items():
        if user in accounts or user == person:
            return person
    return user


@dataclass(frozen=True, slots=True)
class Named:
    """Whom a typed name means: ``spelled`` canonically, the account ``user``, which need not exist, and whose it is."""

    spelled: str
    user: str
    person: str


def named(spelled: str, naming: Naming, people: Mapping[str, frozenset[str]], behind: Behind) -> Named:
    """Return whom ``spelled`` means: an account, ``local:`` and an account, or a principal, without its realm if it is in
    ``[principals]``. An account may contain ``@``, if no principal that it could be has an account. For ``people`` and
    ``behind``, see ``person_of``.
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


def is_named(who: Identity, whom: Named) -> bool:
    """True if ``whom`` refers to the person ``who``. The name in ``whom`` may be any account or principal of this person."""
    if who.is_root:
        return whom.spelled == ROOT
    is_by_account = isinstance(who, Subject) and who.user in (whom.spelled, whom.user)
    return whom.spelled in who.principals or is_by_account or who.person == whom.person


def matches_any(subject: Identity, who: tuple[str, ...]) -> bool:
    """True if at least one word of ``who`` (``group:NAME``, ``principal:NAME``, ``user:NAME``) applies to ``subject``."""
    for word in who:
        kind, _, name = word.partition(":")
        if kind == "group" and name in subject.groups:
            return True
        if kind == "principal" and name == subject.principal:
            return True
        if kind == "user" and isinstance(subject, Subject) and name == subject.user:
            return True
    return False
