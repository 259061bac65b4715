# SPDX-License-Identifier: Apache-2.0
"""The key ``run_as``: the account and the group that a command runs as."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from jitd.core.command import RunAs
from jitd.core.conditions import is_name, literally
from jitd.core.keys.commands import WithCommands, may_be_about
from jitd.core.keys.key import Condition, Fields, Part, Verdict, World, any_of
from jitd.core.question import Question
from jitd.core.toml_table import Table
from jitd.core.wording import listed

SELF = "self"  # the USER of `run_as` that means the requester's own account (ADR 0095)


def read_run_as(word: str) -> str:
    """Return ``word`` if it has one of three forms: ``USER`` (this user with the user's own group), ``USER:GROUP``, or ``*``
    (any user with any group).

    USER may be ``*``, which matches any user, or SELF. GROUP may be ``*``, which matches any group. Raises ValueError with a
    sentence if ``word`` is not valid.
    """
    user, colon, group = word.partition(":")
    if not all(part == "*" or is_name(part) for part in ((user, group) if colon else (user,))):
        raise ValueError(f'"{word}" must be "USER", "USER:GROUP" or "*"{literally(word)}')
    return word


def covers_run_as(word: str, run_as: RunAs, *, is_self: bool, any_group: bool) -> bool:
    """True if ``word`` matches the user and the group of ``run_as``: ``self`` if ``is_self``, a user without a group if
    ``any_group``, and ``*`` always.
    """
    user, colon, group = word.partition(":")
    if user not in ("*", SELF, run_as.user) or (user == SELF and not is_self):
        return False
    return group in ("*", run_as.group) if colon else any_group or user == "*"


@dataclass(frozen=True, kw_only=True)
class WithRunAs(WithCommands):
    """``run_as`` has words of the form that ``read_run_as`` takes. None means any account and group."""

    run_as: tuple[str, ...] | None = None

    @property
    def may_run_as_root(self) -> bool:
        """True if a command that this rule permits may run as root."""
        return self.run_as is None or any(word.partition(":")[0] in ("root", "*") for word in self.run_as)


class _RunsAs(Condition[WithRunAs]):
    names = ("run_as",)
    row = "run_as"
    before = "as "

    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        if verdict == "deny" and "run_as" not in table.values:
            return {}
        return {"run_as": table.words("run_as", ("root",) if verdict == "permit" else (), read_run_as)}

    def holds(self, rule: WithRunAs, question: Question, at: datetime) -> bool:
        # "root" in a permit is root with root's own group. In a deny it is root with any group: a group must not bypass it.
        any_group = question.is_own_group or rule.verdict == "deny"
        run_as = question.command.run_as
        if rule.run_as is None or may_be_about(rule, question) or question.wanted:
            return True  # a thing is given to the requester, and no command runs
        is_self = _is_self(rule, question)
        return any(covers_run_as(word, run_as, is_self=is_self, any_group=any_group) for word in rule.run_as)

    def wants(self, rule: WithRunAs) -> str:
        return any_of(None if rule.run_as is None else tuple("anyone" if word == "*" else word for word in rule.run_as), "anyone")

    def found(self, rule: WithRunAs, question: Question, at: datetime) -> str:
        run_as = question.command.run_as
        return run_as.user if question.is_own_group else f"{run_as.user}:{run_as.group}"

    def phrases(self, rule: WithRunAs) -> Iterator[tuple[Part, str]]:
        if rule.gives is None or rule.commands is not None:
            what = "any command" if rule.commands is None else listed(tuple(str(pattern) for pattern in rule.commands), "or")
            run_as = "anyone" if rule.run_as is None else listed(tuple(map(_account_in_words, rule.run_as)), "or")
            yield Part.WHAT, f"{what} as {run_as}"

    def covers(self, wide: WithRunAs, narrow: WithRunAs) -> bool:
        if wide.run_as is None or (narrow.commands is None and narrow.gives is not None):
            return True
        covers_word = _denies_word if wide.verdict == "deny" else _permits_word
        words = narrow.run_as if narrow.run_as is not None else ("*",)
        return all(any(covers_word(one, other) for one in wide.run_as) for other in words)


def _is_self(rule: WithRunAs, question: Question) -> bool:
    """True if the word ``self`` in ``rule`` is about the account to run as. In a permit, this account must be the requester's in
    name and uid. A deny needs only one of the two, and also applies to an account that is called ``self``: neither a second name
    of a uid nor the name of an account must bypass the deny.
    """
    run_as, who = question.command.run_as, question.requester
    same = (run_as.user == who.user, run_as.uid == who.uid)
    return all(same) if rule.verdict == "permit" else any(same) or run_as.user == SELF


def _account_in_words(word: str) -> str:
    user, _, group = word.partition(":")
    if user == SELF:
        return "yourself" if not group else f"yourself with {'any group' if group == '*' else f'group {group}'} (-g)"
    return "anyone" if word == "*" else word


def _permits_word(wide: str, narrow: str) -> bool:
    """True if ``wide`` in a permit's ``run_as`` matches every account and group that ``narrow`` matches."""
    user, _, group = wide.partition(":")
    other, _, others_group = narrow.partition(":")
    if user not in ("*", other):
        return False
    if wide == "*" or group == "*":
        return True
    if not group or not others_group:
        return wide == narrow  # one of the two groups is the account's own group, which only passwd(5) names
    return group == others_group


def _denies_word(wide: str, narrow: str) -> bool:
    """The same in a deny, where a user without a group is this user with any group."""
    return _permits_word(wide if ":" in wide else f"{wide}:*", narrow)


RUN_AS = _RunsAs()
