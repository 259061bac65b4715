# SPDX-License-Identifier: Apache-2.0
"""Accounts and groups of this host, from NSS and shadow(5), and the Subjects that they become.

Law: an account or group that cannot be read counts as absent. If a rule denies something to such a group, the Subject notes that
nobody knows whether the person is in it. Everything here may block, and is called in a worker.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from jitd.core.authentication import Authentication
from jitd.core.command import RunAs
from jitd.core.subject import BY_PAM, LOCAL, ROOT, Subject, account_of, person_of
from jitd.deciding import groups

_NUMBER = re.compile(r"#(0|[1-9][0-9]{0,9})")
_MAX_ID = 2**31 - 1
_NOBODY = 65534
"""The uid that the kernel shows for users without a uid here: above all peers in other user namespaces (user_namespaces(7))."""
_SHADOW = Path("/etc/shadow")
_PIECE = 64 * 1024
"""How many bytes of a file one read(2) asks for. A regular file that returns fewer is at its end."""


class NoSuchAccount(Exception):
    """There is no such user or group on this host. The text is the end of a sentence."""


def entry_of(user: str) -> pwd.struct_passwd:
    """Look up the account ``user``: a name, or ``#`` and a decimal uid. Raises NoSuchAccount if there is none."""
    number = _number(user)
    try:
        return pwd.getpwnam(user) if number is None else pwd.getpwuid(number)
    except (KeyError, ValueError, OSError):
        raise NoSuchAccount("there is no such user here") from None


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
    if not found or int(found[1]) > _MAX_ID:
        raise NoSuchAccount("an id is # and a decimal number below 2147483648")
    return int(found[1])


def target(user: str | None, group: str | None, requester: str) -> pwd.struct_passwd:
    """Return the account to run as: root by default, the requester's if only a group is named (sudo(8)). Raises NoSuchAccount."""
    return entry_of(user if user is not None else requester if group is not None else "root")


def run_as(entry: pwd.struct_passwd, group: str | None) -> RunAs:
    """Return the account of ``entry`` with ``group``, or with its primary group if ``group`` is None. Raises NoSuchAccount."""
    if group is not None:
        found = _group_of(group)
        return RunAs(entry.pw_name, entry.pw_uid, found.name, found.gid)
    try:
        own = groups.numbered(entry.pw_gid)
    except groups.CannotLookUp as fault:  # a deny may name this group
        raise NoSuchAccount(f"the group of that account is not known: {fault}") from None
    return RunAs(entry.pw_name, entry.pw_uid, own.name if own else f"#{entry.pw_gid}", entry.pw_gid)


def is_own_group(of: RunAs) -> bool:
    """True if the group is the account's primary group. Raises NoSuchAccount if the account is gone."""
    return entry_of(f"#{of.uid}").pw_gid == of.gid


def trusted_uid(of: RunAs) -> int:
    """Return the one uid besides root's that may be able to change the files of a command that runs as ``of``: the uid of the
    account, or 0 if nobody but root may.

    It is 0 if the account is not a member of the group of ``of``. Such an account has fewer rights than the command will have,
    and could gain the command's rights by changing the command's file. Raises NoSuchAccount.
    """
    if of.uid == 0:
        return 0
    entry = entry_of(f"#{of.uid}")
    return of.uid if of.gid in group_ids(entry.pw_name, entry.pw_gid) else 0


def group_ids(user: str, gid: int) -> tuple[int, ...]:
    """Return all group ids of ``user``, with ``gid`` among them."""
    return tuple(os.getgrouplist(user, gid))


class Groups:
    """The group ids of ``user``, with ``gid`` among them. The ids are looked up when the first one is asked for, since most files
    need none.
    """

    def __init__(self, user: str, gid: int) -> None:
        self._of = user, gid
        self._ids: tuple[int, ...] | None = None

    def __contains__(self, gid: object) -> bool:
        if self._ids is None:
            self._ids = group_ids(*self._of)
        return gid in self._ids


def uid_of(user: str) -> int | None:
    """Return the uid of the account ``user``; None if there is none."""
    try:
        return pwd.getpwnam(user).pw_uid
    except (KeyError, ValueError, OSError):
        return None


def has_expired(user: str, at: datetime) -> bool:
    """True if shadow(5) says that the account ``user`` has expired at time ``at``. False without /etc/shadow. Raises OSError."""
    try:
        text = _content(_SHADOW)
    except FileNotFoundError:
        return False
    name = user.encode() + b":"
    for line in text.splitlines():
        if line.startswith(name):
            fields = line.split(b":")
            if len(fields) > 7 and fields[7].isdigit():
                return at.timestamp() >= int(fields[7]) * 86400
    return False


def _content(file: Path) -> bytes:
    """Return the content of ``file``. The function makes few system calls: each one lets other threads run first, and the file is
    read at each decision. Raises OSError.
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


@dataclass(frozen=True, slots=True)
class Accounts:
    """Maps principals to Subjects, by the realms and principals that the daemon's settings list (jitd.toml(5))."""

    realms: frozenset[str]
    principals: dict[str, str]
    people: dict[str, frozenset[str]]
    min_uid: int
    denied_groups: Callable[[], frozenset[str]] = frozenset
    """The names of groups to which a rule in force denies something."""

    def subject(
        self, principal: bytes, ticket_ends_at: datetime | None, authentication: Authentication | None = None
    ) -> Subject | None:
        """Return the Subject that ``principal``, who authenticated so, is here now. None if the principal has no usable account:
        no account is mapped, or the account is missing, expired, or a system account.
        """
        user = account_of(principal, self.realms, self.principals)
        if user is None:
            return None
        text = principal.decode("ascii")
        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            return None
        if entry.pw_name != user:
            return None
        if text not in self.principals and (entry.pw_uid < self.min_uid or entry.pw_uid == _NOBODY):
            return None
        if has_expired(user, datetime.now(UTC)):
            return None
        return replace(self._subject(text, entry, ticket_ends_at), authentication=authentication)

    def root(self) -> Subject:
        """Return local root, who needs no ticket."""
        return replace(self._subject(ROOT, pwd.getpwuid(0), None), unsure=frozenset())  # root needs no directory

    def root_alone(self) -> Subject:
        """Return local root without any groups. Used if groups cannot be looked up. It does not block."""
        return Subject(ROOT, "root", 0, 0, frozenset(), person_of("root", self.people), None)

    def local(self, uid: int) -> Subject | None:
        """Return the Subject of the account ``uid``, for which no principal was proved. None if the account is missing, expired,
        or a system account.
        """
        if uid == 0:
            return self.root()
        try:
            entry = pwd.getpwuid(uid)
        except (KeyError, OverflowError):
            return None
        if entry.pw_uid < self.min_uid or entry.pw_uid == _NOBODY or has_expired(entry.pw_name, datetime.now(UTC)):
            return None
        known = self._subject(LOCAL + entry.pw_name, entry, None)
        plain = {f"{entry.pw_name}@{realm}" for realm in self.realms}
        listed = {principal for principal, user in self.principals.items() if user == entry.pw_name}
        return replace(known, perhaps=frozenset({*listed, *(plain - self.principals.keys())}))

    def by_pam(self, uid: int, ends_at: datetime | None) -> Subject | None:
        """Return the Subject of the account ``uid``, which has proved by local PAM who it is; the proof ends at ``ends_at``. None
        for root, and as ``local``.
        """
        known = None if uid == 0 else self.local(uid)
        return None if known is None else replace(known, principal=BY_PAM + known.user, ticket_ends_at=ends_at)

    def _subject(self, principal: str, entry: pwd.struct_passwd, ticket_ends_at: datetime | None) -> Subject:
        gids = os.getgrouplist(entry.pw_name, entry.pw_gid)
        known, unsure = self._denied(entry.pw_name, gids)
        for gid in gids:
            with suppress(groups.CannotLookUp):  # no permit can name a group that has no name
                if (found := groups.numbered(gid)) is not None:
                    known.add(found.name)
        person = person_of(entry.pw_name, self.people)
        who = Subject(principal, entry.pw_name, entry.pw_uid, entry.pw_gid, frozenset(known), person, ticket_ends_at)
        return replace(who, unsure=frozenset(unsure))

    def _denied(self, user: str, gids: Collection[int]) -> tuple[set[str], set[str]]:
        """Return two sets of groups to which rules deny something: those that ``user`` is in, and those that cannot be looked up.

        Each group is looked up by name. If a directory of accounts does not answer, ``gids`` is too short, and does not say so.
        """
        known, unsure = set(), set()
        for name in self.denied_groups():
            try:
                found = groups.named(name)
            except groups.CannotLookUp:
                unsure.add(name)
                continue
            if found is not None and (found.gid in gids or user in found.members):
                known.add(name)
        return known, unsure

    def sure_of(self, known: Subject) -> Subject:
        """Return ``known`` with the groups to which the rules in force now deny something. A rule may be newer than ``known``,
        and may name a group that was not looked up then, or that cannot be looked up.
        """
        new = frozenset() if known.is_root else self.denied_groups() - known.groups - known.unsure
        if not new:
            return known
        found, unsure = self._denied(known.user, os.getgrouplist(known.user, known.gid))
        return replace(known, groups=known.groups | found, unsure=known.unsure | unsure)

    def again(self, known: Subject) -> Subject | None:
        """Return the Subject ``known`` with the facts as they are now. None if the account is gone or expired, or if another
        account has that name now.
        """
        if known.is_root:
            return self.root()
        if known.is_local or known.is_by_pam:
            local = self.local(known.uid) if known.is_local else self.by_pam(known.uid, known.ticket_ends_at)
            return local if local is not None and local.user == known.user else None
        now = self.subject(known.principal.encode("ascii"), known.ticket_ends_at, known.authentication)
        return now if now is not None and (now.user, now.uid) == (known.user, known.uid) else None
