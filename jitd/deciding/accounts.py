# SPDX-License-Identifier: Apache-2.0
"""Accounts and groups of this host, as NSS and shadow(5) tell of them, and the subjects that they are.

Law: an account or group that cannot be read counts as absent. Where a rule denies something to such a group, it is noted that
nobody knows who is in it. Everything here may block: it is called in a worker.
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

from jitd.core.command import RunAs
from jitd.core.subject import LOCAL, ROOT, Subject, account_of, person_of
from jitd.deciding import groups

_NUMBER = re.compile(r"#(0|[1-9][0-9]{0,9})")
_MAX_ID = 2**31 - 1
_NOBODY = 65534
"""What the kernel calls everybody who has no number here: a peer of another user namespace, above all."""
_SHADOW = Path("/etc/shadow")
_PIECE = 64 * 1024
"""Bytes of a file that are read at once: a regular file that gives fewer is at its end."""


class NoSuchAccount(Exception):
    """No such user or group on this host: the end of a sentence."""


def entry_of(user: str) -> pwd.struct_passwd:
    """The account ``user``: a name, or ``#`` and a decimal id that exists. Raises NoSuchAccount."""
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
    """The account to run as. Neither: root. A group alone: the requester's own account, as in sudo. Raises NoSuchAccount."""
    return entry_of(user if user is not None else requester if group is not None else "root")


def run_as(entry: pwd.struct_passwd, group: str | None) -> RunAs:
    """The account of ``entry`` with ``group``, or with its own. Raises NoSuchAccount."""
    if group is not None:
        found = _group_of(group)
        return RunAs(entry.pw_name, entry.pw_uid, found.name, found.gid)
    try:
        own = groups.numbered(entry.pw_gid)
    except groups.CannotLookUp as fault:  # a deny may name it
        raise NoSuchAccount(f"the group of that account is not known: {fault}") from None
    return RunAs(entry.pw_name, entry.pw_uid, own.name if own else f"#{entry.pw_gid}", entry.pw_gid)


def is_own_group(of: RunAs) -> bool:
    """True if the group is the account's primary one."""
    return entry_of(f"#{of.uid}").pw_gid == of.gid


def trusted_uid(of: RunAs) -> int:
    """Who, beside root, may change what runs as ``of``: the account itself, or 0 where nobody may.

    Nobody may where the group is not one of the account's own: the account has less than what was asked for, and would get the
    rest by what it writes there.
    """
    if of.uid == 0:
        return 0
    entry = entry_of(f"#{of.uid}")
    return of.uid if of.gid in group_ids(entry.pw_name, entry.pw_gid) else 0


def group_ids(user: str, gid: int) -> tuple[int, ...]:
    """All group ids of ``user``, ``gid`` among them."""
    return tuple(os.getgrouplist(user, gid))


class Groups:
    """The group ids of ``user``, ``gid`` among them. They are looked up when somebody asks for one: most files need none."""

    def __init__(self, user: str, gid: int) -> None:
        self._of = user, gid
        self._ids: tuple[int, ...] | None = None

    def __contains__(self, gid: object) -> bool:
        if self._ids is None:
            self._ids = group_ids(*self._of)
        return gid in self._ids


def uid_of(user: str) -> int | None:
    """The number of the account of that name, and of no other spelling; None if there is none."""
    try:
        return pwd.getpwnam(user).pw_uid
    except (KeyError, ValueError, OSError):
        return None


def has_expired(user: str, at: datetime) -> bool:
    """True if shadow(5) says that the account ``user`` has expired at ``at``. A host without shadow says nothing."""
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
    """All of ``file``, with as few system calls as there can be: each gives other threads their turn, and it is read at each
    decision. Raises OSError.
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
    """Principals to subjects, by the daemon's own table (``jitd.toml``)."""

    realms: frozenset[str]
    principals: dict[str, str]
    people: dict[str, frozenset[str]]
    min_uid: int
    denied_groups: Callable[[], frozenset[str]] = frozenset
    """The groups to which a rule in force denies something."""

    def subject(self, principal: bytes, ticket_ends_at: datetime | None) -> Subject | None:
        """Who ``principal`` is here now, or None if nobody: not mapped, no account, expired, or a system's own."""
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
        return self._subject(text, entry, ticket_ends_at)

    def root(self) -> Subject:
        """Local root, who needs no ticket."""
        return replace(self._subject(ROOT, pwd.getpwuid(0), None), unsure=frozenset())  # no directory that is down stops root

    def root_alone(self) -> Subject:
        """Local root, of whose groups nobody could be asked. It asks nothing, and does not block."""
        return Subject(ROOT, "root", 0, 0, frozenset(), person_of("root", self.people), None)

    def local(self, uid: int) -> Subject | None:
        """Who the account ``uid`` is, known by nothing else; root is root. None if it is gone, expired, or a system's own."""
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

    def _subject(self, principal: str, entry: pwd.struct_passwd, ticket_ends_at: datetime | None) -> Subject:
        gids = os.getgrouplist(entry.pw_name, entry.pw_gid)
        known, unsure = self._denied(entry.pw_name, gids)
        for gid in gids:
            with suppress(groups.CannotLookUp):  # a group without a name is in no rule that permits
                if (found := groups.numbered(gid)) is not None:
                    known.add(found.name)
        person = person_of(entry.pw_name, self.people)
        who = Subject(principal, entry.pw_name, entry.pw_uid, entry.pw_gid, frozenset(known), person, ticket_ends_at)
        return replace(who, unsure=frozenset(unsure))

    def _denied(self, user: str, gids: Collection[int]) -> tuple[set[str], set[str]]:
        """Those of the groups that rules deny something to in which ``user`` is, and those of which that cannot be known.

        Each is asked for by its name: where a directory is down, the list of somebody's groups is short, and says nothing of it.
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
        """``known``, and whether they are in groups that the rules in force by now deny something to: rules that came since they
        were looked up may name groups that nobody has asked for yet, and a directory that is down says nothing of.
        """
        new = frozenset() if known.is_root else self.denied_groups() - known.groups - known.unsure
        if not new:
            return known
        found, unsure = self._denied(known.user, os.getgrouplist(known.user, known.gid))
        return replace(known, groups=known.groups | found, unsure=known.unsure | unsure)

    def again(self, known: Subject) -> Subject | None:
        """``known`` as it is now: None if the account is gone, expired, or is another one under the same name."""
        if known.is_root:
            return self.root()
        if known.is_local:
            local = self.local(known.uid)
            return local if local is not None and local.user == known.user else None
        now = self.subject(known.principal.encode("ascii"), known.ticket_ends_at)
        return now if now is not None and (now.user, now.uid) == (known.user, known.uid) else None
