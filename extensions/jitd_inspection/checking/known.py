# SPDX-License-Identifier: Apache-2.0
"""Finds out which people exist on this host according to the name service (NSS), and which of them could approve requests.

Law: nobody can approve their own request, and each person is counted only once, as in real decisions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from jitd.core.decision import Approval
from jitd.core.made_account import is_made, itself
from jitd.core.policy import Rule
from jitd.core.receipt import is_enough
from jitd.core.subject import Approver, person_of
from jitd.core.ways import Open, best, every_way, flat
from jitd.deciding.accounts import NOBODY as NO_USER
from jitd.deciding.accounts import is_persons
from jitd.deciding.signers import NOBODY, Signers
from jitd.settings.config import Config

MOST_TOLD = 5  # accounts that are named in one sentence


@dataclass(frozen=True, slots=True)
class Known:
    """The accounts and groups that are known from NSS.

    ``groups`` maps the name of a group to its accounts. The value is None if the group does not exist. If the look-up of a group
    failed, the group is not in ``groups``. ``users`` maps the name of an account to its user id. The value is None if the
    account does not exist or its look-up failed. If ``is_whole`` is False, NSS could not list all accounts. In this case, an
    account may be missing in the entry of its primary group in ``groups``. ``elsewhere`` are the groups that a directory
    of accounts keeps. A directory need not list all members of a group: SSSD with ``ignore_group_members`` lists none.
    ``signers`` knows whose keys count now for receipts.
    """

    groups: Mapping[str, tuple[str, ...] | None]
    users: Mapping[str, int | None]
    config: Config
    is_whole: bool = True
    elsewhere: frozenset[str] = frozenset()
    signers: Signers = NOBODY

    def is_known(self, word: str) -> bool:
        """``word`` names an account, a group or a principal. True if this account or group exists. For a principal, True if the
        principal belongs to an account that exists on this host.
        """
        kind, _, name = word.partition(":")
        if kind == "group":
            return self.groups.get(name) is not None
        account = self.account(word)
        return account is not None and self.users.get(account) is not None

    def is_unsure(self, word: str) -> bool:
        """True if ``word`` names a group whose look-up failed."""
        return word.startswith("group:") and word[6:] not in self.groups

    def may_have_more(self, words: Iterable[str]) -> bool:
        """True if ``words`` name a group that may have members who are not listed."""
        return any(word.startswith("group:") and word[6:] in self.elsewhere for word in words)

    def account(self, word: str) -> str | None:
        """``word`` has the form ``user:…`` or ``principal:…``. Return the account that ``word`` names. Return None if ``word``
        names a principal that has no account.
        """
        kind, _, name = word.partition(":")
        return name if kind == "user" else self.config.naming.account_of(name.encode())

    def persons(self, words: Iterable[str]) -> frozenset[str]:
        """Return the persons whom ``words`` name, if they may request and approve on this host. A person with several accounts is
        in the result once.
        """
        named = filter(self._may, self._accounts(words))
        return frozenset(person_of(account, self.config.people, itself) for account in named)

    def why_not(self, words: Iterable[str]) -> str:
        """Return which system accounts ``words`` name, and what lets them ask and approve, or "" if they name none."""
        return why_not(self.system_accounts(words), self.config)

    def system_accounts(self, words: Iterable[str]) -> dict[str, int]:
        """Return the accounts that ``words`` name and that may not ask, with their uids, but for those of root."""
        uids = {account: self.users.get(account) or 0 for account in self._accounts(words)}
        return {account: uid for account, uid in uids.items() if uid and not self._may(account)}

    def _accounts(self, words: Iterable[str]) -> Iterator[str]:
        for word in words:
            kind, _, name = word.partition(":")
            accounts = self.groups.get(name) or () if kind == "group" else (self.account(word),)
            yield from (account for account in accounts if account)

    def approvers(self, way: Approval) -> frozenset[str]:
        """Return the persons who could approve in ``way``, those of ``[approvers]``, too."""
        return (self.persons(way.of_whom) | self.visitors(way)) - self.keyless(way)

    def keyless(self, way: Approval) -> frozenset[str]:
        """Return the persons whom ``way`` names, and who have no key that could sign now what it demands."""
        if not way.demand.signed:
            return frozenset()
        named = self.persons(way.of_whom) | self.visitors(way)
        accounts = {account for account in self.users if person_of(account, self.config.people, itself) in named}
        principals = {one: account for account in accounts for one in self.config.naming.principals_of(account)}
        signing = {person_of(account, self.config.people, itself) for one, account in principals.items() if self._signs(one, way)}
        signing |= {line.person for one, line in self.config.approvers.items() if self._signs(one, way)}
        return named - signing

    def _signs(self, principal: str, way: Approval) -> bool:
        return is_enough(self.signers.best_of(principal), way.demand.signed)

    def is_by_door(self, word: str) -> bool:
        """True if ``word`` names somebody of ``[approvers]`` in jitd.toml."""
        return self.config.sids.are_of((word,)) or any(
            _is_named(principal, line, (word,)) for principal, line in self.config.approvers.items()
        )

    def visitors(self, way: Approval) -> frozenset[str]:
        """Return the persons of ``[approvers]`` whom ``way`` names, if it takes an approval by the door. Those are left out who
        have an account here.
        """
        lines = self.config.approvers.items() if way.demand.door else ()
        return frozenset(line.person for one, line in lines if _is_named(one, line, way.of_whom) and not self._has_account(one))

    def _has_account(self, principal: str) -> bool:
        account = self.account(f"principal:{principal}")
        return account is not None and self.users.get(account) is not None

    def _may(self, account: str) -> bool:
        uid = self.users.get(account)
        return uid is not None and may_ask(account, uid, self.config)


def may_ask(account: str, uid: int, config: Config) -> bool:
    """True unless ``account`` is root, one that jitd made, or a system account that ``[principals]`` does not list."""
    is_known = is_persons(uid, config.min_uid) or account in config.principals.values()
    return uid != 0 and not is_made(account) and is_known


def why_not(accounts: Mapping[str, int], config: Config) -> str:
    """Return that ``accounts``, with their uids, are those of the system, and the lines that let them ask. Without any, return an
    empty text.
    """
    if not accounts:
        return ""
    told = [f"{account} (uid {uid})" for account, uid in sorted(accounts.items())]
    are = "is a system account" if len(told) == 1 else "are system accounts"
    realm = min(config.realms, default="REALM")
    lines = ", ".join(f'"{account}@{realm}" = "{account}"' for account in sorted(accounts)[:MOST_TOLD])
    lower = [uid for uid in accounts.values() if uid != NO_USER]
    limit = f"Lower min_uid in jitd.toml (min_uid = {min(lower)}), or map" if lower else "In jitd.toml, map"
    principal = "its principal" if len(told) == 1 else "their principals"
    more = f" and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
    return f"{', '.join(told[:MOST_TOLD])}{more} {are}. {limit} {principal} under [principals] ({lines})"


def _is_named(principal: str, line: Approver, words: Iterable[str]) -> bool:
    return any(word == f"principal:{principal}" or word.removeprefix("group:") in line.groups for word in words)


@dataclass(frozen=True, slots=True)
class Lack:
    """A fault of a rule: there are not enough people who could give the approvals that the rule demands. ``n_there`` is the
    number of persons who could approve. ``without`` contains the requesters whose requests can never get enough approvals. If no
    request at all can get enough approvals, ``without`` is None. ``is_everyone`` is True if ``without`` contains everybody who
    may send a request under the rule. ``keyless`` contains those who are named, and have no key that would do for a receipt.
    """

    n_there: int
    without: tuple[str, ...] | None
    is_everyone: bool = False
    keyless: tuple[str, ...] = ()


def lack_of(rule: Rule, known: Known) -> Lack | None:
    """If there are not enough people to give the approvals that ``rule`` demands, return a Lack. Return None if there are enough
    people, or if ``rule`` names an approver that is not known, or who has a SID, because nobody lists these people.
    """
    if any(known.config.sids.are_of(way.of_whom) for way in ways_by_door(rule)):
        return None
    if not rule.approvals or not all(known.is_known(word) or known.is_by_door(word) for word in approvers_of(rule)):
        return None
    asked = every_way(rule.approvals)
    eligible = [known.approvers(way) for way in flat(asked)]
    n_there = len(frozenset[str]().union(*eligible))
    keyless = tuple(sorted(frozenset[str]().union(*map(known.keyless, flat(asked)))))
    if _owed(asked, eligible, ""):
        return Lack(n_there, None, keyless=keyless)
    askers = sorted(known.persons(rule.who or ()))
    owed: dict[frozenset[int], int] = {}  # the same for two requesters who may use the same ways
    for asker in askers:
        if (ways := _ways_of(asker, eligible)) not in owed:
            owed[ways] = _owed(asked, eligible, asker)
    without = tuple(asker for asker in askers if owed[_ways_of(asker, eligible)])
    return Lack(n_there, without, len(without) == len(askers), keyless) if without else None


def approvers_of(rule: Rule) -> list[str]:
    """Return the words in ``rule`` that name possible approvers."""
    return list(dict.fromkeys(word for way in flat(every_way(rule.approvals)) for word in way.of_whom))


def ways_by_door(rule: Rule) -> list[Approval]:
    """Return the ways to approve a request of ``rule`` that may come by the door."""
    return [way for way in flat(every_way(rule.approvals)) if way.demand.door]


def words_of(rules: Sequence[Rule], operators: Sequence[str]) -> frozenset[str]:
    """Return all words that name requesters or approvers in ``rules``, and all words in ``operators``."""
    return frozenset(operators).union(*(rule.who or () for rule in rules), *map(approvers_of, rules))


def _owed(asked: Open, eligible: Sequence[frozenset[str]], asker: str) -> int:
    """Return the number of approvals that are missing after everybody has approved who can approve a request of ``asker``. For
    each way in ``asked``, ``eligible`` has the persons who may use it. Lists of providers are ignored.
    """
    persons = sorted(frozenset[str]().union(*eligible) - {asker})
    return best(asked, [_ways_of(person, eligible) for person in persons]).n_owed


def _ways_of(person: str, eligible: Sequence[frozenset[str]]) -> frozenset[int]:
    return frozenset(way for way, who in enumerate(eligible) if person in who)
