# SPDX-License-Identifier: Apache-2.0
"""Finds the people who could approve a request at one moment, if this host can list these people.

Law: if a directory of accounts cannot be listed, the result is marked as incomplete. An incomplete result never means that
nobody could approve. The result gives nobody the right to approve. jitd checks this right at the review.
"""

from __future__ import annotations

import asyncio
import pwd
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from jitd.core.approvers import BY_DOOR, names
from jitd.core.decision import Approval
from jitd.core.lock import Lock, lock_on
from jitd.core.made_account import is_made, itself
from jitd.core.party import Party
from jitd.core.receipt import is_enough
from jitd.core.request import Request, open_ways
from jitd.core.subject import Subject, Visitor, is_one_person, matches_any, person_of
from jitd.core.used_accounts import Use, as_used
from jitd.core.ways import flat
from jitd.deciding import accounts, directory, groups
from jitd.deciding.signers import NOBODY, Signers
from jitd.files.digests import identity_at
from jitd.settings.config import Config
from jitd.store import Store
from jitd.store.used_accounts import UsedAccounts
from jitd.workers import Workers

NSSWITCH = Path("/etc/nsswitch.conf")
LOCAL_SOURCES = frozenset({"files", "systemd", "altfiles", "extrausers"})  # can list all of their accounts (nsswitch.conf(5))
LISTED_FOR = 30.0  # seconds that a list of all accounts is kept
WITHIN = 2.0  # seconds at most for the search. If the search takes longer, the result contains no people.
LISTED_WITHIN = 5.0  # seconds at most for the search of all people whom the rules name
MOST_PEOPLE = 200  # people in a result
MOST_LOOKED_AT = 8  # if more people could approve a request, the KDC is not asked about them
ACCOUNT_FILES = (
    *map(Path, ("/etc/passwd", "/etc/group", "/etc/shadow", "/usr/lib/passwd", "/usr/lib/group")),
    *map(Path, ("/var/lib/extrausers/passwd", "/var/lib/extrausers/group", "/etc/userdb", "/run/userdb", "/usr/lib/userdb")),
)
"""LOCAL_SOURCES: this host's accounts, groups and ends. Directories of accounts do not tell what has changed."""


@dataclass(frozen=True, slots=True)
class Seats:
    """The people who could approve now. ``people`` contains their accounts, sorted, and the principals of ``visitors``: people
    without an account, who come by the door and get no notices. If ``is_whole`` is True, the list is complete. Otherwise there
    may be more people who could approve. ``muted`` are those of ``people`` who take no notices now. ``refused`` are those who
    could approve if the KDC did not refuse them, and ``keyless`` those who could if they had a key that counts for a receipt. If
    nobody could approve for a reason that has nothing to do with people, ``because`` is this reason.
    """

    people: tuple[str, ...]
    is_whole: bool
    muted: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    because: str = ""
    visitors: tuple[str, ...] = ()
    keyless: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True if it is certain that nobody could approve."""
        return self.is_whole and not self.people


UNKNOWN = Seats((), is_whole=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known at one moment about people who might not be able to approve: the active ``locks``, the live runs (``uses``),
    the persons who are ``muted``, and the principals (canonical) that the KDC has ``refused``.
    """

    locks: tuple[Lock, ...] = ()
    uses: tuple[Use, ...] = ()
    muted: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()


async def _ask_nobody(principals: Sequence[str]) -> None:
    """Ask no KDC. Callers without a KDC use this function."""


async def _open(request: Request) -> str:
    """Say that a review of ``request`` could permit it. Callers without rules use this function."""
    return ""


def muted(store: Store, at: datetime) -> list[str]:
    """Return the persons who take no notices at ``at``."""
    return [person for person, until in store.muted().items() if at < until]


class Seating:
    """Finds the people who could approve requests. ``nsswitch`` is the file that names the sources of this host's accounts and
    groups. ``uses`` has the active locks and the live runs. ``muted`` returns the persons who take no notices now, and
    ``refused`` the principals that the KDC has lately refused. ``ask`` asks the KDC about principals, so that ``refused`` is new.
    ``closed`` says why no approval could permit a request now, and ``rules`` returns a value that changes if its answers may
    change.
    """

    def __init__(
        self,
        config: Config,
        workers: Workers,
        nsswitch: Path = NSSWITCH,
        uses: UsedAccounts | None = None,
        muted: Callable[[], Iterable[str]] = tuple,
        refused: Callable[[], Iterable[str]] = tuple,
        ask: Callable[[Sequence[str]], Awaitable[None]] = _ask_nobody,
        closed: Callable[[Request], Awaitable[str]] = _open,
        rules: Callable[[], object] = lambda: None,
        account_files: tuple[Path, ...] = ACCOUNT_FILES,
        signers: Signers = NOBODY,
    ) -> None:
        self._config = config
        self._uses = uses
        self._muted = muted
        self._refused = refused
        self._ask = ask
        self._closed = closed
        self._rules = rules
        self._account_files = account_files
        self._signers = signers
        self._workers = workers
        self._nsswitch = nsswitch
        self._listed: tuple[float, dict[str, int]] = (float("-inf"), {})

    async def seats(self, request: Request) -> Seats:
        """Return the people who could approve ``request`` now, in at least one open way. If the search takes too long, the result
        contains no people. The KDC is asked about them, unless it was lately.
        """
        found, before = await self._seats(request), self._refused_now()
        if not found.people or len(found.people) > MOST_LOOKED_AT:
            return found
        await self.ask_about(found.people)
        return found if self._refused_now() == before else await self._seats(request)

    async def _seats(self, request: Request) -> Seats:
        found = await self.of_each(request, flat(open_ways(request)))
        people = _of_all(seats.people for seats in found)
        is_whole = all(seats.is_whole for seats in found) and len(people) <= MOST_PEOPLE
        muted, refused = _of_all(seats.muted for seats in found), _of_all(seats.refused for seats in found)
        visitors = _of_all(seats.visitors for seats in found)
        keyless = tuple(one for one in _of_all(seats.keyless for seats in found) if one not in people)
        return Seats(people[:MOST_PEOPLE], is_whole, muted, refused, visitors=visitors, keyless=keyless)

    async def of_each(self, request: Request, ways: Iterable[Approval]) -> tuple[Seats, ...]:
        """Return for each of ``ways`` the people who could approve ``request`` by it, also if it is not open yet."""
        ways, standing, uses = tuple(ways), self._standing(), self._uses
        requester = as_used(uses.today(request.requester) if uses else request.requester, standing.uses)
        try:
            async with asyncio.timeout(WITHIN):
                if because := await self._closed(request):
                    return (Seats((), is_whole=True, because=because),) * len(ways)
                return await self._workers.seats.run(requester.party, self._look, requester, ways, standing)
        except TimeoutError:
            return (UNKNOWN,) * len(ways)

    async def named_by(self, party: Party, words: Iterable[str]) -> dict[str, tuple[frozenset[str], bool]]:
        """Map words of rules, such as ``group:ops``, to the persons whom they name, and to whether these are all (see
        ``approvers.People``). The search is made for ``party``. A word for which there was no time is left out.
        """
        found: dict[str, tuple[frozenset[str], bool]] = {}

        def look() -> None:
            for word in words:
                named = word.removeprefix(BY_DOOR)
                seats = self._of_word(named)
                accounts = (account for account in seats.people if not is_made(account))
                persons = frozenset(person_of(one, self._config.people, itself) for one in accounts)
                found[word] = (persons, seats.is_whole) if word == named else self._with_lines(named, persons, seats.is_whole)

        with suppress(TimeoutError):
            await self._workers.seats.run_within(LISTED_WITHIN, party, look)
        return found.copy()

    def _with_lines(self, word: str, persons: frozenset[str], is_whole: bool) -> tuple[frozenset[str], bool]:
        """Return ``persons``, whom ``word`` names, and those whom it names by a line of ``[approvers]``, and whether these are
        all. A group that the directories do not know has no other people than the lines say, unless a SID gives it.
        """
        never = datetime.max.replace(tzinfo=UTC)
        lines = self._config.approvers.items()
        named = {one: of for one, of in lines if matches_any(Visitor(one, of.groups, of.person, never), (word,))}
        kind, _, name = word.partition(":")
        try:
            theirs = frozenset(of.person for one, of in named.items() if not self._has_account(one))
            is_whole = is_whole or (kind == "group" and bool(named) and groups.named(name) is None)
        except (OSError, groups.CannotLookUp):
            return persons, False
        return persons | theirs, is_whole and not self._config.sids.are_of((word,))

    def _has_account(self, principal: str) -> bool:
        """True if somebody who comes with a ticket of ``principal`` has an account here. Raises OSError."""
        account = self._config.naming.account_of(principal.encode())
        return account is not None and directory.account(account) is not None

    def _standing(self) -> Standing:
        uses = self._uses
        locks, live = (tuple(uses.locks()), tuple(uses())) if uses else ((), ())
        return Standing(locks, live, frozenset(self._muted()), self._refused_now())

    def _refused_now(self) -> frozenset[str]:
        return frozenset(map(self._config.naming.canonical, self._refused()))

    def state(self) -> object:
        """Return what changes with what jitd knows of possible approvers, but for locks, whose changes are events."""
        standing, today = self._standing(), datetime.now(UTC).date()  # an account expires with a day, and no file changes
        files = tuple(identity_at(path) for path in (self._nsswitch, *self._account_files))
        keys = self._signers.state()
        return standing.muted, standing.refused, tuple(use.run for use in standing.uses), self._rules(), today, files, keys

    def forget(self) -> None:
        """Forget the list of all accounts, because there may be other ones."""
        self._listed = (float("-inf"), {})

    async def ask_about(self, accounts: Iterable[str]) -> None:
        """Let the KDC be asked about the people of ``accounts``, those first whom it has refused. A person without an account is
        named by their principal. No request waits for this.
        """
        visitors = self._config.approvers
        left = {one for account in accounts for one in ((account,) if account in visitors else self._principals(account))}
        canonical = self._config.naming.canonical
        refused = [one for one in self._refused() if canonical(one) in left]  # spelled as their tickets spell them
        await self._ask([*refused, *sorted(left.difference(map(canonical, refused)))])

    def _look(self, requester: Subject, ways: tuple[Approval, ...], standing: Standing) -> tuple[Seats, ...]:
        known: dict[str, Seats] = {}
        for word in {word for way in ways for word in way.of_whom}:
            known[word] = self._of_word(word)
        people = {account for seats in known.values() for account in seats.people}
        left = {account: self._left(account, requester, standing) for account in people}
        return tuple(self._of_way(requester, way, known, left, standing) for way in ways)

    def _left(self, account: str, requester: Subject, standing: Standing) -> tuple[str, ...] | None:
        """Return the principals with which ``account`` could approve what ``requester`` asks for. The same functions decide here
        and at a review (``core.lock.under``, ``core.used_accounts.why_own``). None if a directory of accounts does not answer.
        """
        try:
            found = directory.account(account)
            has_ended = found is not None and accounts.has_expired(account, datetime.now(UTC))
        except OSError:
            return None
        if found is None:
            return () if self._is_local("passwd") else None
        if has_ended or not found.uid or found.user != account:
            return ()
        is_persons = accounts.is_persons(found.uid, self._config.min_uid)
        person = person_of(account, self._config.people, itself)
        principals = (one for one in self._principals(account) if is_persons or one in self._config.naming.table)
        reviewers = (Subject(one, account, found.uid, found.uid, frozenset(), person, None) for one in principals)
        return tuple(
            one.principal
            for one in (as_used(one, standing.uses) for one in reviewers)
            if lock_on(standing.locks, one) is None and not is_one_person(one, requester)
        )

    def _of_way(
        self,
        requester: Subject,
        way: Approval,
        known: dict[str, Seats],
        left: dict[str, tuple[str, ...] | None],
        standing: Standing,
    ) -> Seats:
        found = {account for word in way.of_whom for account in known[word].people}
        if way.also:
            found = {account for account in found if self._is_among(account, way.among or ())}
        mine = requester.person, requester.user
        found = {account for account in found if not is_made(account)}  # made accounts cannot review
        persons = {account: person_of(account, self._config.people, itself) for account in found}
        others = {account for account in found if persons[account] not in mine and account not in mine}
        is_whole = all(known[word].is_whole for word in way.of_whom) and all(left[account] is not None for account in others)
        # A person who is not on the provider's list cannot approve.
        is_closed = bool(way.also) and not way.among
        keyless = {account for account in others if left[account] and not self._may_sign(way, left[account] or ())}
        there = {account for account in others if left[account]} - keyless
        refused = {account for account in there if standing.refused.issuperset(left[account] or ())}
        muted = {account for account in there - refused if persons[account] in standing.muted}
        visitors, gone, is_told = self._visitors(requester, way, standing)
        unsigning = {one for one in visitors if not self._may_sign(way, (one,))}
        visitors, gone = visitors - unsigning, gone | refused
        people, *rest = (tuple(sorted(some)) for some in ((there - refused) | visitors, muted | visitors, gone, visitors))
        muted_ones, refused_ones, visiting = rest
        keys = tuple(sorted(keyless | unsigning))
        return Seats(people, is_closed or (is_whole and is_told), muted_ones, refused_ones, visitors=visiting, keyless=keys)

    def _may_sign(self, way: Approval, principals: Iterable[str]) -> bool:
        """True if a receipt by one of ``principals``, who are one person, could prove now what ``way`` demands."""
        wanted = way.demand.signed
        return not wanted or any(is_enough(self._signers.best_of(one), wanted) for one in principals)

    def _visitors(self, requester: Subject, way: Approval, standing: Standing) -> tuple[set[str], set[str], bool]:
        """Return the principals of the people without an account who could approve in this way, those whom the KDC refuses, and
        whether these are all: a directory of accounts may not tell whether somebody of ``[approvers]`` has one, and nobody lists
        who has a SID.
        """
        if not way.demand.door:
            return set(), set(), True
        found, gone, is_told = set[str](), set[str](), not self._config.sids.are_of(way.of_whom)
        for principal, line in self._config.approvers.items():
            who = as_used(Visitor(principal, line.groups, line.person, datetime.max.replace(tzinfo=UTC)), standing.uses)
            if names(way, who) and lock_on(standing.locks, who) is None and not is_one_person(who, requester):
                try:
                    if not self._has_account(principal):
                        (gone if principal in standing.refused else found).add(principal)
                except OSError:
                    is_told = False
        return found, gone, is_told

    def _of_word(self, word: str) -> Seats:
        """Return the accounts that ``word`` names. ``word`` is a word of a rule, such as ``group:ops``."""
        kind, _, name = word.partition(":")
        if kind == "group":
            return self._of_group(name)
        account = name if kind == "user" else self._config.naming.account_of(name.encode())
        return Seats(() if account is None else (account,), is_whole=True)

    def _of_group(self, name: str) -> Seats:
        try:
            group = groups.named(name)
        except groups.CannotLookUp:
            return UNKNOWN
        if group is None:
            return Seats((), self._is_local("group"))
        found = set(group.members)
        if self._is_local("passwd"):
            found |= {account for account, gid in self._accounts().items() if gid == group.gid}
        return Seats(tuple(sorted(found)), self._is_local("passwd") and self._is_local("group"))

    def _accounts(self) -> dict[str, int]:
        """Return all accounts of this host with their primary groups, listed at most LISTED_FOR seconds ago."""
        listed_at, found = self._listed
        if monotonic() - listed_at > LISTED_FOR:
            found = {one.pw_name: one.pw_gid for one in pwd.getpwall()}
            self._listed = monotonic(), found
        return found

    def _is_local(self, database: str) -> bool:
        """True if all sources can list all their entries (nsswitch.conf(5)), or if nsswitch.conf does not exist."""
        try:
            text = self._nsswitch.read_text("utf-8", "replace")
        except FileNotFoundError:
            return True
        except OSError:
            return False
        lines = re.findall(rf"^[ \t]*{database}[ \t]*:([^#\n]*)", text, re.MULTILINE)
        sources = re.sub(r"\[[^\]]*\]", " ", lines[-1] if lines else "files").split()
        return set(sources) <= LOCAL_SOURCES

    def _is_among(self, account: str, among: tuple[str, ...]) -> bool:
        return account in among or any(principal in among for principal in self._principals(account))

    def _principals(self, account: str) -> tuple[str, ...]:
        return self._config.naming.principals_of(account)


def _of_all(some: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({account for accounts in some for account in accounts}))
