# SPDX-License-Identifier: Apache-2.0
"""The people of this host, as the name service knows them, and who of them could approve what.

Law: pure. Nobody approves their own request, and one person counts once, as in ``core.policy``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from jitd.core.policy import Rule
from jitd.core.subject import account_of, person_of
from jitd.core.ways import Open, best, every_way, flat
from jitd.settings.config import Config

MOST_TRIED = 200
"""Requesters of one rule for whom approvers are looked for, at most."""


@dataclass(frozen=True, slots=True)
class Known:
    """Accounts and groups as NSS knows them.

    ``groups``: name → the accounts in the group, None if there is no such group. A group that is missing in ``groups`` cannot be
    looked up. ``users``: name → user id, None if there is no such account. If ``is_whole`` is false, accounts cannot be listed;
    then it is not known which accounts have a group as their primary group.
    """

    groups: Mapping[str, tuple[str, ...] | None]
    users: Mapping[str, int | None]
    config: Config
    is_whole: bool = True

    def is_known(self, word: str) -> bool:
        """True if the account or group that ``word`` names exists; for a principal, if it has an account here."""
        kind, _, name = word.partition(":")
        if kind == "group":
            return self.groups.get(name) is not None
        account = self.account(word)
        return account is not None and self.users.get(account) is not None

    def is_unsure(self, word: str) -> bool:
        """True if ``word`` names a group that cannot be looked up."""
        return word.startswith("group:") and word[6:] not in self.groups

    def account(self, word: str) -> str | None:
        """Return the account of ``user:…`` or ``principal:…``; None if it has none."""
        kind, _, name = word.partition(":")
        return name if kind == "user" else account_of(name.encode(), self.config.realms, self.config.principals)

    def persons(self, words: Iterable[str]) -> frozenset[str]:
        """Return the persons (not accounts) that ``words`` name and that may ask and approve here."""
        found: set[str] = set()
        for word in words:
            kind, _, name = word.partition(":")
            accounts = self.groups.get(name) or () if kind == "group" else (self.account(word),)
            found.update(person_of(account, self.config.people) for account in accounts if account and self._may(account))
        return frozenset(found)

    def _may(self, account: str) -> bool:
        uid = self.users.get(account)
        return uid is not None and uid != 0 and (uid >= self.config.min_uid or account in self.config.principals.values())


@dataclass(frozen=True, slots=True)
class Lack:
    """Approvals that cannot be given. ``n_there`` persons could approve. ``without`` are requesters who can never be approved;
    None if nobody can. ``is_everyone``: nobody else may ask.
    """

    n_there: int
    without: tuple[str, ...] | None
    is_everyone: bool = False


def lack_of(rule: Rule, known: Known) -> Lack | None:
    """Return which approvals of ``rule`` cannot be given; None if all can, or if somebody it names is not known."""
    if not rule.approvals or not all(known.is_known(word) for word in approvers_of(rule)):
        return None
    asked = every_way(rule.approvals)
    eligible = [known.persons(way.of_whom) for way in flat(asked)]
    n_there = len(frozenset[str]().union(*eligible))
    if _owed(asked, eligible, ""):
        return Lack(n_there, None)
    askers = sorted(known.persons(rule.who or ()))[:MOST_TRIED]
    without = tuple(asker for asker in askers if _owed(asked, eligible, asker))
    return Lack(n_there, without, len(without) == len(askers)) if without else None


def approvers_of(rule: Rule) -> list[str]:
    """Return the words for the people who may approve by ``rule``."""
    return list(dict.fromkeys(word for way in flat(every_way(rule.approvals)) for word in way.of_whom))


def words_of(rules: Sequence[Rule], operators: Sequence[str]) -> frozenset[str]:
    """Return all words of the rules and operators that name somebody."""
    return frozenset(operators).union(*(rule.who or () for rule in rules), *map(approvers_of, rules))


def _owed(asked: Open, eligible: Sequence[frozenset[str]], asker: str) -> int:
    """Return how many approvals are still missing for a request by ``asker`` if everybody who may approve does so, whatever the
    lists of providers say.
    """
    persons = sorted(frozenset[str]().union(*eligible) - {asker})
    return best(asked, [frozenset(way for way, who in enumerate(eligible) if person in who) for person in persons]).n_owed
