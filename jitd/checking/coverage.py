# SPDX-License-Identifier: Apache-2.0
"""Whether one rule matches whatever another rule matches.

Law: pure. True only if it is certain. A condition that this module does not know counts as one that a rule alone has: such a rule
is never said to match all that another one matches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, fields
from functools import cache

from jitd.core.conditions import CommandPattern, Glob, Hours
from jitd.core.policy import Rule

WEEK = 7 * 24 * 60
"""The minutes of a week."""
KNOWN = frozenset(
    {"who", "run_as", "commands", "gives", "hosts", "hours", "services", "needs_ticket", "break_glass", "without_kdc"}
)
"""The conditions that ``covers`` compares."""
NO_CONDITIONS = frozenset(
    ("verdict", "name", "reason", "approvals", "expires_for", "lasts_for", "uses", "terms", "because", "standing", "accepts")
    + ("gatekeepers", "notify", "file", "line")
)
"""The fields of a rule that say nothing about what it matches. A permit that matches decides, also if its terms are not met."""


def covers(wide: Rule, narrow: Rule) -> bool:
    """True if ``wide`` matches every request that ``narrow`` matches. False if that is not certain, or if ``wide`` is a permit
    and ``narrow`` a deny.
    """
    if wide.verdict == "permit" and narrow.verdict == "deny":
        return False
    return (
        not strange_conditions(wide)
        and are_asked_alike(wide, narrow)
        and _covers_who(wide, narrow)
        and _covers_words(wide.services, narrow.services)
        and covers_hosts(wide.hosts, narrow.hosts)
        and covers_hours(wide.hours, narrow.hours)
        and _covers_run_as(wide, narrow)
        and covers_work(wide, narrow)
    )


def are_asked_alike(wide: Rule, narrow: Rule) -> bool:
    """True if ``wide`` is asked whenever ``narrow`` is: permits are asked by those who break glass, or by all others."""
    return wide.verdict == "deny" or (wide.break_glass is None) == (narrow.break_glass is None)


def strange_conditions(rule: Rule) -> list[str]:
    """Return the names of the conditions of ``rule`` that are not in KNOWN, such as ``when``."""
    others = (field for field in fields(rule) if field.name not in KNOWN | NO_CONDITIONS)
    return [field.name for field in others if getattr(rule, field.name) != _default_of(field)]


def _default_of(field: Field[object]) -> object:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def _covers_who(wide: Rule, narrow: Rule) -> bool:
    if wide.verdict == "permit" and wide.needs_ticket and not narrow.needs_ticket:
        return False
    if wide.verdict == "permit" and wide.without_kdc != narrow.without_kdc == "local":
        return False
    if wide.who is not None:
        return narrow.who is not None and set(narrow.who) <= set(wide.who)
    # A deny without "who" does not bind root, and a deny with a group may.
    return narrow.who is None or narrow.verdict == "permit" or all(word.startswith("principal:") for word in narrow.who)


def _covers_words(wide: Sequence[str] | None, narrow: Sequence[str] | None) -> bool:
    return wide is None or (narrow is not None and set(narrow) <= set(wide))


def covers_hosts(wide: Sequence[Glob] | None, narrow: Sequence[Glob] | None) -> bool:
    """True if every host of ``narrow`` is one of ``wide``. None is every host."""
    narrow = narrow if narrow is not None else (Glob("*"),)
    return wide is None or all(any(covers_glob(one, other) for one in wide) for other in narrow)


def covers_hours(wide: Sequence[Hours] | None, narrow: Sequence[Hours] | None) -> bool:
    """True if every minute of ``narrow`` is one of ``wide``. None is always. Hours of two zones are compared only if those of one
    zone are the whole week.
    """
    if wide is None:
        return True
    minutes: dict[str, set[int]] = {}
    for hours in wide:
        minutes.setdefault(str(hours.zone), set()).update(_minutes_of(hours))
    if any(len(found) == WEEK for found in minutes.values()):
        return True
    return narrow is not None and all(_minutes_of(hours) <= minutes.get(str(hours.zone), set()) for hours in narrow)


@cache
def _minutes_of(hours: Hours) -> frozenset[int]:
    return frozenset(minute % WEEK for start, end in hours.spans for minute in range(start, end))


def is_always(hours: Sequence[Hours] | None) -> bool:
    """True if ``hours`` hold at every moment."""
    return covers_hours(hours, None)


def _covers_run_as(wide: Rule, narrow: Rule) -> bool:
    if wide.run_as is None or (narrow.commands is None and narrow.gives is not None):
        return True
    covers_word: Callable[[str, str], bool] = _denies_word if wide.verdict == "deny" else _permits_word
    words = narrow.run_as if narrow.run_as is not None else ("*",)
    return all(any(covers_word(one, other) for one in wide.run_as) for other in words)


def _permits_word(wide: str, narrow: str) -> bool:
    """True if the word ``wide`` of a permit matches each account and group that the word ``narrow`` of a permit matches."""
    user, _, group = wide.partition(":")
    other, _, others_group = narrow.partition(":")
    if user not in ("*", other):
        return False
    if wide == "*" or group == "*":
        return True
    if not group or not others_group:
        return wide == narrow  # one of them is the account's own group, which stands in passwd(5)
    return group == others_group


def _denies_word(wide: str, narrow: str) -> bool:
    """As ``_permits_word``, for a deny: ``USER`` is that user with any group."""
    return _permits_word(wide if ":" in wide else f"{wide}:*", narrow)


def covers_work(wide: Rule, narrow: Rule) -> bool:
    """True if whatever ``narrow`` is about, commands and things, ``wide`` is about too."""
    has_all_things = wide.verdict == "deny" and wide.commands is None and wide.gives is None
    if has_all_things:
        return True
    if narrow.gives is not None and not set(narrow.gives) <= set(wide.gives or ()):
        return False
    if narrow.commands is None:
        return narrow.gives is not None
    return all(any(covers_pattern(one, other) for one in wide.commands or ()) for other in narrow.commands)


def covers_pattern(wide: CommandPattern, narrow: CommandPattern) -> bool:
    """True if every command that ``narrow`` matches is one that ``wide`` matches, even if no wildcard stands for ``..``."""
    if wide.path is None:
        return True
    if narrow.path is None or len(wide.path) != len(narrow.path):
        return False
    if len(narrow.arguments) < len(wide.arguments):
        return False
    if not wide.is_open and (narrow.is_open or len(narrow.arguments) > len(wide.arguments)):
        return False
    parts = (*zip(wide.path, narrow.path, strict=True), *zip(wide.arguments, narrow.arguments, strict=False))
    if not all(covers_glob(one, other) for one, other in parts):
        return False
    # An argument that the narrow pattern leaves free may have components ".." that the wide one does not take.
    at_most = zip(wide.parents, narrow.parents, strict=False)
    return all(most is None or (other is not None and other <= most) for most, other in at_most)


def covers_glob(wide: Glob, narrow: Glob) -> bool:
    """True if every text that ``narrow`` matches is one that ``wide`` matches. The texts are compared as they are written, so a
    rare pair may be missed.
    """
    one, other = _plain(wide.text), _plain(narrow.text)
    # reached[j]: the beginning of `wide` so far covers the first j characters of `narrow`
    reached = [True] + [False] * len(other)
    for sign in one:
        after = [sign == "*" and reached[0]]
        for at, against in enumerate(other):
            if sign == "*":
                after.append(reached[at + 1] or after[at])
            else:
                fits = against == sign or (sign == "?" and against != "*")
                after.append(reached[at] and fits)
        reached = after
    return reached[-1]


def _plain(text: str) -> str:
    """Return ``text`` with each run of wildcards as its question marks and then one star, if it has one."""
    return re.sub(r"[*?]+", lambda run: "?" * run[0].count("?") + ("*" if "*" in run[0] else ""), text)


def meets_words(one: Sequence[str] | None, other: Sequence[str] | None) -> bool:
    """True if two lists of words have one in common. None is all words."""
    return one is None or other is None or bool(set(one) & set(other))
