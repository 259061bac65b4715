# SPDX-License-Identifier: Apache-2.0
"""Reads this host's accounts and groups from NSS and shadow(5), and creates Subjects from this data.

Law: an account or group that cannot be read is treated as absent. If a deny rule or an expression names a group that cannot be
read, the field ``unsure`` of the Subject contains this group. All functions in this module may block, so they are called in a
worker.
"""

from __future__ import annotations

import os
import pwd
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from jitd.core.authentication import PAC_COUNTS_FOR, Authentication
from jitd.core.command import MAX_ID, RunAs
from jitd.core.made_account import Made, is_made, itself
from jitd.core.named_groups import NamedGroups
from jitd.core.naming import Naming
from jitd.core.subject import BY_PAM, LOCAL, NO_SIDS, ROOT, Approver, Identity, Sids, Subject, Visitor, Who, person_of
from jitd.deciding import directory, groups
from jitd.deciding.directory import NoSuchAccount as NoSuchAccount
from jitpam.wire.shown import shown

NO_GROUP = "jitd-no-such-group"  # should belong to no group: a directory that answers says so, and one that is down does not
OF_THE_DIRECTORY = "those of a directory of accounts that does not answer"
"""Stands in ``Subject.unsure`` for the groups whose names are not known, because a directory of accounts does not answer."""
_NUMBER = re.compile(r"#(0|[1-9][0-9]{0,9})")
NOBODY = 65534  # the kernel shows this for a user without a uid in this user namespace, such as a peer (user_namespaces(7))
_SHADOW, _GROUP = Path("/etc/shadow"), "/etc/group"
PASSWD = Path("/etc/passwd")
FIRST_PERSON = 1000  # the lowest uid of a person: below it are root and services (login.defs(5))
_PIECE = 64 * 1024  # bytes of one read(2). If a regular file gives fewer, it has ended


LASTS_FOR, MISSED_FOR = 1.0, 15.0  # seconds for which it is known that a name is, or is not, a group of the person


def entry_of(user: str) -> pwd.struct_passwd:
    """Return the account of ``user``: a name, or ``#`` and a decimal uid. Raises NoSuchAccount."""
    number = _number(user)
    try:
        return pwd.getpwnam(user) if number is None else pwd.getpwuid(number)
    except (KeyError, ValueError, OSError):
        raise NoSuchAccount("there is no such user here") from None


def homes() -> dict[str, str]:
    """Map the home directories of services to their accounts, and those of other accounts with the uid 0 to ``root``. Only this
    host's own accounts are read: those of a directory are people's.
    """
    try:
        lines = PASSWD.read_bytes().decode("utf-8", "surrogateescape").split("\n")  # people choose their names in it (chfn)
    except OSError:
        return {}
    found: dict[str, str] = {}
    for fields in (line.split(":") for line in lines):
        if len(fields) == 7 and fields[2].isdecimal() and int(fields[2]) < FIRST_PERSON:
            home = os.path.normpath(fields[5])
            if home.startswith("/") and home not in ("/", "/root") and found.get(home) != "root":
                found[home] = "root" if int(fields[2]) == 0 else fields[0]
    return found


def _group_of(group: str) -> groups.Group:
    number = _number(group)
    try:
        found = groups.named(group) if number is None else groups.numbered(number)
    except groups.CannotLookUp as fault:
        raise NoSuchAccount(f"that group is not known: {fault}") from None
    if found is None:
        raise NoSuchAccount("there is no such group here")
    return found


def _number(typed: str) -> int | None:
    if not typed.startswith("#"):
        return None
    found = _NUMBER.fullmatch(typed)
    if not found or int(found[1]) > MAX_ID:
        raise NoSuchAccount(f"an id must be # and a decimal number up to {MAX_ID}")
    return int(found[1])


def target(user: str | None, group: str | None, requester: str) -> pwd.struct_passwd:
    """Return the account to run as: root, or with a group alone the requester's (sudo(8)). Raises NoSuchAccount."""
    return entry_of(user if user is not None else requester if group is not None else "root")


def must_be_first_of_its_uid(entry: pwd.struct_passwd) -> None:
    """Raise NoSuchAccount if the uid of ``entry`` belongs to an account of another name. The kernel knows the uid alone, so the
    command would run as that account, and rules and records would name another one.
    """
    try:
        first = pwd.getpwuid(entry.pw_uid).pw_name
    except (KeyError, OSError):
        raise NoSuchAccount(f"its uid {entry.pw_uid} belongs to no account here") from None
    if first != entry.pw_name:
        raise NoSuchAccount(f"its uid {entry.pw_uid} belongs to the account {first}: ask for that account")


def run_as(entry: pwd.struct_passwd, group: str | None) -> RunAs:
    """Return the account of ``entry`` with ``group``, or its primary group if that is None. Raises NoSuchAccount."""
    if group is not None:
        found = _group_of(group)
        return RunAs(entry.pw_name, entry.pw_uid, found.name, found.gid)
    try:
        own = groups.numbered(entry.pw_gid)
    except groups.CannotLookUp as fault:  # a deny rule may name this group
        raise NoSuchAccount(f"the group of that account is not known: {fault}") from None
    return RunAs(entry.pw_name, entry.pw_uid, own.name if own else f"#{entry.pw_gid}", entry.pw_gid)


def is_own_group(of: RunAs) -> bool:
    """True if the group in ``of`` is the primary group of its account. Raises NoSuchAccount if the account no longer exists."""
    return entry_of(f"#{of.uid}").pw_gid == of.gid


def trusted_uid(of: RunAs) -> int:
    """A command runs as ``of``. Root, and usually the account in ``of``, may change the command's files. Return the uid of this
    account, or 0 if only root may change the files.

    The result is 0 if the account is not a member of the group in ``of``. Such an account has fewer rights than the command,
    because the command also has the rights of the group. By changing the command's file, the account could gain these rights.
    Raises NoSuchAccount.
    """
    return 0 if of.uid == 0 or given_gid(of) is not None else of.uid


def given_gid(of: RunAs) -> int | None:
    """Return the gid in ``of`` if the account is not a member of the group, so that a run alone has it (ADR 0095). Root needs no
    group. Raises NoSuchAccount, groups.CannotLookUp.
    """
    if of.uid == 0:
        return None
    entry = entry_of(f"#{of.uid}")
    return None if of.gid in group_ids(entry.pw_name, entry.pw_gid) else of.gid


def group_ids(user: str, gid: int) -> tuple[int, ...]:
    """Return all group ids of ``user``, including ``gid``. Raises groups.CannotLookUp."""
    return groups.ids_of(user, gid)


class Groups:
    """The group ids of ``user``, with ``gid``. They are looked up at the first ``in``, which most files do not need."""

    def __init__(self, user: str, gid: int) -> None:
        self._of = user, gid
        self._ids: tuple[int, ...] | None = None

    def __contains__(self, gid: object) -> bool:
        if self._ids is None:
            self._ids = group_ids(*self._of)
        return gid in self._ids


def uid_of(user: str) -> int | None:
    try:
        return pwd.getpwnam(user).pw_uid
    except (KeyError, ValueError, OSError):
        return None


def is_persons(uid: int, min_uid: int) -> bool:
    """True unless ``uid`` is a system account's, which asks and approves only if ``[principals]`` of jitd.toml(5) lists it."""
    return min_uid <= uid != NOBODY


def has_expired(user: str, at: datetime) -> bool:
    """True if ``user`` has expired at ``at`` by shadow(5). False without /etc/shadow. Raises OSError."""
    try:
        text = _content(_SHADOW)
    except FileNotFoundError:
        return False
    name = user.encode() + b":"
    for line in text.split(b"\n"):
        if line.startswith(name):
            fields = line.split(b":")
            if len(fields) > 7 and fields[7].isdigit():
                return at.timestamp() >= int(fields[7]) * 86400
    return False


def _content(file: Path) -> bytes:
    """Return the content of ``file``. Raises OSError.

    Every decision reads /etc/shadow, and each system call may let other threads run first. Therefore this function makes few
    system calls.
    """
    pieces, number = [], os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while piece := os.read(number, _PIECE):
            pieces.append(piece)
            if len(piece) < _PIECE:
                break
    finally:
        os.close(number)
    return b"".join(pieces)


class _Recent:
    """Where the names of groups led lately. One start looks up its person some four times, and each time every group that the
    rules name: with 1,500 groups that this host does not have, each time took 0.24 s. An error is never kept (ADR 0073).
    """

    def __init__(self) -> None:
        self._found: dict[str, tuple[float, _Stamp, int | None]] = {}

    def members(self, names: Iterable[str], gids: Collection[int]) -> set[str]:
        """Return those of ``names`` that lead to groups with one of ``gids``. A group that cannot be looked up has no id.

        A name that led to one of ``gids`` is looked up again after LASTS_FOR seconds, and any other after MISSED_FOR seconds, or
        at once if /etc/group was changed.
        """
        now, stamp = time.monotonic(), _stamp()
        members = set[str]()
        for name in names:
            at, then, gid = self._found.get(name, _NEVER)
            if then != stamp or now >= at + (LASTS_FOR if gid in gids else MISSED_FOR):
                self._found.pop(name, None)
                try:
                    found = groups.named(name)
                except groups.CannotLookUp:
                    continue
                gid = None if found is None else found.gid
                self._found[name] = now, stamp, gid
            if gid in gids:
                members.add(name)
        return members


_Stamp = tuple[int, int, int, int] | None
_NEVER: tuple[float, _Stamp, int | None] = (float("-inf"), None, None)


def _stamp() -> _Stamp:
    """Return what differs after a change of /etc/group."""
    try:
        found = os.stat(_GROUP)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size


def _members_of(
    named: NamedGroups, names: Collection[str], user: str, gids: Collection[int], recent: _Recent
) -> tuple[set[str], set[str]]:
    """Look up the groups ``names``, and return two sets. The first set contains the groups of which ``user`` is a member. The
    second set contains the groups that cannot be looked up, but must be known for certain.

    Each group is looked up by its name, and its id compared with ``gids``. The time thus depends on the rules, and not on the
    number of groups that a directory has for a person (ADR 0073). If a directory of accounts does not answer, groups are missing
    in ``gids``, but no error is raised. Therefore, if a group must be known for certain, the list of its members counts, too. If
    the names of all groups are needed, every name must be known for certain, and NO_GROUP is looked up to learn whether the
    directory answers.

    Where a name leads may be known from before (``_Recent``), except for the names that must be known for certain. The ids of the
    person are new each time.
    """
    certain = named.names if named.all else named.certain
    known, unsure, absent = recent.members((name for name in names if name not in certain), gids), set(), set()
    for name in certain.intersection(names):
        try:
            found = groups.named(name)
        except groups.CannotLookUp:
            unsure.add(name)
            continue
        if found is None:
            absent.add(name)
        elif found.gid in gids or user in found.members:
            known.add(name)
    if named.all:
        try:
            groups.named(NO_GROUP)
        except groups.CannotLookUp:
            unsure.add(OF_THE_DIRECTORY)
        for gid in gids:
            try:
                found = groups.numbered(gid)
            except groups.CannotLookUp:
                unsure.add(f"#{gid}")
                continue
            if found is not None and found.name in absent:  # the directory contradicts itself
                unsure.add(found.name)
            elif found is not None and found.name not in named.names:  # a named group is the one that its name leads to
                known.add(found.name)
    return known, unsure


def _may_hold(account: str) -> bool:
    """True if a person whose own account is ``account`` may use what is given to them: it exists, and has not expired."""
    try:
        is_there = pwd.getpwnam(account).pw_name == account
    except KeyError:
        return False
    return is_there and not has_expired(account, datetime.now(UTC))


def _nobody_has_made(account: str) -> None:
    """Return None for every account. Callers that have no record use this function as ``Accounts.made``."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """Maps principals to Subjects. ``naming`` comes from the daemon's settings (jitd.toml(5)). A made account is an
    account that jitd makes for a limited time. ``made`` returns the record's entry about such an account, or None if the record
    does not contain the account. ``made`` may block, and raises the store's errors. Every method that returns a Subject with
    groups raises groups.CannotLookUp if the C library cannot list them.
    """

    naming: Naming
    people: dict[str, frozenset[str]]
    min_uid: int
    named_groups: Callable[[], NamedGroups] = NamedGroups  # returns the groups whose names jitd needs now
    made: Callable[[str], Made | None] = _nobody_has_made
    approvers: Mapping[str, Approver] = field(default_factory=lambda: MappingProxyType({}))
    """``[approvers]`` of jitd.toml(5), and below it ``[approvers.sids]``."""
    sids: Sids = NO_SIDS
    _recent: _Recent = field(default_factory=_Recent)

    def subject(
        self, principal: bytes, ticket_ends_at: datetime | None, authentication: Authentication | None = None
    ) -> Subject | None:
        """Return the present Subject of ``principal``, or None if it has no account, a missing or expired one, or a system's,
        unless ``[principals]`` lists it.
        """
        user = self.naming.account_of(principal)
        text = self.naming.read(principal)
        if user is None or text is None or is_made(user):
            return None
        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            return None
        if entry.pw_name != user:
            return None
        if text not in self.naming.table and not is_persons(entry.pw_uid, self.min_uid):
            return None
        if has_expired(user, datetime.now(UTC)):
            return None
        return self._subject(text, entry, ticket_ends_at, authentication, principal)

    def of_client(
        self, uid: int, principal: bytes, ticket_ends_at: datetime | None, authentication: Authentication | None = None
    ) -> Subject | None:
        """Return the Subject of a process that runs as the account ``uid`` and has a ticket of ``principal``. Usually, return the
        Subject of the account to which the principal maps. This account may be another one than ``uid``. Return None if the
        principal has no usable account.

        If ``uid`` is a made account that a person holds now, jitd accepts only tickets of this person in this account. In this
        case, return the Subject of the made account. Return None if the ticket belongs to another person, or if this person's own
        account is missing or expired. The settings never map a principal to a made account.
        """
        known = self.subject(principal, ticket_ends_at, authentication)
        if known is not None and known.uid == uid:
            return known
        found = self._made_one(uid)
        if found is None:
            return known
        entry, made = found
        text = self.naming.read(principal)
        if text is None or text != made.principal or not self._is_usable(entry) or not _may_hold(made.holder):
            return None
        return self._subject(text, entry, ticket_ends_at, authentication, principal)

    def _made_one(self, uid: int) -> tuple[pwd.struct_passwd, Made] | None:
        """Return None if ``uid`` is not a made account, or if nobody holds it any more."""
        try:
            entry = pwd.getpwuid(uid)
        except (KeyError, OverflowError):
            return None
        made = self.made(entry.pw_name) if is_made(entry.pw_name) else None
        return None if made is None or not made.is_held else (entry, made)

    def _is_usable(self, entry: pwd.struct_passwd) -> bool:
        return is_persons(entry.pw_uid, self.min_uid) and not has_expired(entry.pw_name, datetime.now(UTC))

    def why_not(self, uid: int) -> str:
        """Return why the account ``uid`` may not ask here without a principal, for its owner, or "" if it may."""
        if self.local(uid) is not None:
            return ""
        try:
            entry = pwd.getpwuid(uid)
        except (KeyError, OverflowError):
            return f"no account of this host is found for user id {uid}, so it may not ask here"
        who = f"{shown(entry.pw_name)} (uid {uid})"
        if has_expired(entry.pw_name, datetime.now(UTC)):
            return f"the account {who} has expired and may not ask here: see chage(1)"
        if entry.pw_name in self.naming.table.values():
            return f"{who} is a system account, and may ask here only with its ticket: see [principals] in jitd.toml(5)"
        if not is_persons(uid, self.min_uid):
            return f"{who} is a system account and may not ask here: see min_uid in jitd.toml(5)"
        return f"{who} is an account that jitd has made, and nobody who may ask holds it now"

    def root(self) -> Subject:
        """Return local root, who needs no ticket."""
        return replace(self._subject(ROOT, pwd.getpwuid(0), None), unsure=frozenset())  # root needs no directory of accounts

    def root_alone(self) -> Subject:
        """Return root without groups, where these cannot be looked up. Does not block."""
        return Subject(ROOT, "root", 0, 0, frozenset(), person_of("root", self.people, self.behind), None)

    def local(self, uid: int) -> Subject | None:
        """Return the account ``uid`` without a principal, or None if it is missing, expired, or a system account."""
        if uid == 0:
            return self.root()
        try:
            entry = pwd.getpwuid(uid)
        except (KeyError, OverflowError):
            return None
        if not self._is_usable(entry):
            return None
        if is_made(entry.pw_name):
            return self._local_made(uid)
        known = self._subject(LOCAL + entry.pw_name, entry, None)
        return replace(known, perhaps=frozenset(self.naming.principals_of(entry.pw_name)))

    def _local_made(self, uid: int) -> Subject | None:
        """Return None if nobody holds the account, or if the holder's own account is missing or expired."""
        found = self._made_one(uid)
        if found is None:
            return None
        entry, made = found
        if not _may_hold(made.holder):
            return None
        perhaps = frozenset({made.principal} if "@" in made.principal else ())
        return replace(self._subject(LOCAL + entry.pw_name, entry, None), perhaps=perhaps)

    def by_pam(self, uid: int, ends_at: datetime | None) -> Subject | None:
        """Return the Subject of ``uid``, whom local PAM has proved until ``ends_at``, or None for root, for a made account, which
        has no password, and where ``local`` returns None.
        """
        known = None if uid == 0 else self.local(uid)
        return None if known is None or known.is_made else replace(known, principal=BY_PAM + known.user, ticket_ends_at=ends_at)

    def _subject(
        self,
        principal: str,
        entry: pwd.struct_passwd,
        ticket_ends_at: datetime | None,
        authentication: Authentication | None = None,
        in_ticket: bytes = b"",
    ) -> Subject:
        spelled = in_ticket.decode("utf-8")
        gids = frozenset(groups.ids_of(entry.pw_name, entry.pw_gid))
        named = self.named_groups()
        known, unsure = _members_of(named, named.names, entry.pw_name, gids, self._recent)
        person = person_of(entry.pw_name, self.people, self.behind)
        return Subject(
            principal=principal,
            user=entry.pw_name,
            uid=entry.pw_uid,
            gid=entry.pw_gid,
            groups=frozenset(known),
            person=person,
            ticket_ends_at=ticket_ends_at,
            unsure=frozenset(unsure),
            authentication=authentication,
            gids=gids,
            spelled="" if spelled == principal else spelled,
        )

    def behind(self, account: str) -> str:
        """Return the own account of the person who holds the made account ``account``. See ``core.made_account.Behind``."""
        made = self.made(account) if is_made(account) else None
        return account if made is None else made.holder

    def sure_of(self, known: Subject) -> Subject:
        """Return ``known`` with its groups and ``unsure`` updated for the rules in force. The rules may be newer than ``known``,
        and may name a group that was not looked up for ``known`` yet.
        """
        named = self.named_groups()
        new = named.names - known.groups - known.unsure
        if known.is_root or not (new or named.all):
            return known
        found, unsure = _members_of(named, new, known.user, known.gids, self._recent)
        return replace(known, groups=known.groups | found, unsure=known.unsure | unsure) if found or unsure else known

    def of_principal(
        self, principal: bytes, ticket_ends_at: datetime, authentication: Authentication | None = None
    ) -> Identity | None:
        """Return who ``principal`` is at the door: the Subject of its account, or else the Visitor of its line in
        ``[approvers]``. Return None if it has neither, if its account may not be used, or if this has the uid 0.
        """
        known = self.subject(principal, ticket_ends_at, authentication)
        if known is not None:
            return None if known.is_superuser else known
        return self.visitor(principal, ticket_ends_at, authentication)

    def visitor(self, principal: bytes, ticket_ends_at: datetime, authentication: Authentication | None = None) -> Visitor | None:
        """Return the present Visitor of ``principal``. Return None if neither a line of ``[approvers]`` nor a SID in the ticket
        says that this person is one. Also return None if the account to which the principal maps exists, because such an account
        has expired or is a system's, and nothing here brings back its owner. Nor does it if a directory of accounts does not tell
        whether there is an account.
        """
        text = self.naming.read(principal)
        if text is None:
            return None
        line, account = self.approvers.get(text), self.naming.account_of(principal)
        # The account need not exist: the settings say whose it is, as for lines.
        person = line.person if line is not None else text if account is None else person_of(account, self.people, itself)
        try:
            if self._has(account):
                return None
            by_sids = self._by_sids(text, person, ticket_ends_at, authentication)
        except OSError:
            return None
        if line is None and not by_sids:
            return None
        spelled = principal.decode("utf-8")
        in_groups = by_sids if line is None else line.groups | by_sids
        return Visitor(text, in_groups, person, ticket_ends_at, authentication, "" if spelled == text else spelled)

    def _by_sids(self, text: str, person: str, ticket_ends_at: datetime, given: Authentication | None) -> frozenset[str]:
        """Return the groups of ``person``, who has a ticket of the principal ``text``, by ``[approvers.sids]``. There are none if
        the person's other name in the directory is known here as somebody else's. Raises OSError.
        """
        if given is None or given.pac is None or self.why_not_by_sids(text, ticket_ends_at, given):
            return frozenset()
        other = self.naming.canonical(f"{given.pac.upn.rpartition('@')[0]}@{text.rpartition('@')[2]}")
        if other != text and self._is_known_as(other) not in ("", person):
            return frozenset()
        return frozenset(self.sids.groups[sid] for sid in given.pac.groups if sid in self.sids.groups)

    def why_not_by_sids(self, text: str, ticket_ends_at: datetime, given: Authentication) -> str:
        """Return why nothing in the ticket of the canonical principal ``text`` counts by ``[approvers.sids]``, as the end of a
        sentence. Return an empty text if something counts. The answer follows from the settings and the ticket alone.
        """
        name, _, realm = text.rpartition("@")
        if not self.sids.groups or realm not in self.sids.realms:
            return "it needs a line in [approvers] of jitd.toml"
        if (pac := given.pac) is None:
            return "it has no PAC, or one that jitd cannot read or does not take"
        if self.naming.canonical(f"{pac.name}@{realm}") != text:  # an alias would be another person
            return f"your account is called {pac.name}: kinit {pac.name}"
        if name.endswith("$"):
            return "it is the ticket of a computer"
        if not (name + pac.upn.rpartition("@")[0]).isascii():  # the directory finds it by names that jitd cannot compare with it
            return "a name of your account has letters other than ASCII: it needs a line in [approvers] of jitd.toml"
        if (now := datetime.now(UTC)) >= ticket_ends_at or now >= given.at + PAC_COUNTS_FOR:
            return "the groups in it are too old: kinit (kinit -R is not enough)"
        if not any(sid in self.sids.groups for sid in pac.groups):
            return "none of the groups in it counts here"
        return ""

    def _is_known_as(self, principal: str) -> str:
        """Return whose ``principal`` is, by the settings or an existing account, or "". Raises OSError."""
        account = self.naming.account_of(principal.encode())
        person = "" if account is None else person_of(account, self.people, itself)
        if person and (self._has(account) or principal in self.naming.table or person != account):
            return person
        line = self.approvers.get(principal)
        return "" if line is None else line.person

    def _has(self, account: str | None) -> bool:
        """True if ``account`` exists. Raises OSError."""
        return account is not None and directory.account(account) is not None

    def again(self, known: Who) -> Who | None:
        """Return ``known`` with its present data, or None if the account is gone or expired, if its name is another's now, or if
        the person has got or lost an account.
        """
        now: Identity | None = self._again(known) if isinstance(known, Subject) else self._visits_again(known)
        if not isinstance(now, type(known)) or (now.account, now.party) != (known.account, known.party):
            return None
        users = (replace(user, person=person_of(user.person, self.people, self.behind)) for user in known.used_by)
        return now.but(used_by=tuple(users)) if known.used_by else now

    def _visits_again(self, known: Identity) -> Visitor | None:
        principal, ends_at = known.in_ticket.encode(), known.ticket_ends_at
        if ends_at is None or self.subject(principal, ends_at) is not None:
            return None
        return self.visitor(principal, ends_at, known.authentication)

    def _again(self, known: Subject) -> Subject | None:
        if known.is_root:
            return self.root()
        if known.is_local:
            return self.local(known.uid)
        if known.is_by_pam:
            return self.by_pam(known.uid, known.ticket_ends_at)
        proved = known.in_ticket.encode(), known.ticket_ends_at, known.authentication
        return self.of_client(known.uid, *proved) if known.is_made else self.subject(*proved)
