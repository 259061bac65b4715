# SPDX-License-Identifier: Apache-2.0
"""Decides whether a wide rule matches every request that a narrow rule matches.

Law: pure. The result is True only if it is certain that the wide rule matches every request that the narrow rule matches. If the
wide rule has a condition that this module does not know, the result is False.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, fields
from functools import cache

from jitd.core.conditions import CommandPattern, Glob, Hours
from jitd.core.policy import Rule

WEEK = 7 * 24 * 60
"""The number of minutes in a week."""
KNOWN = frozenset(
    {"who", "run_as", "commands", "gives", "hosts", "hours", "services", "needs_ticket", "break_glass", "without_kdc"}
)
"""The conditions that ``covers`` compares."""
NO_CONDITIONS = frozenset(
    ("verdict", "name", "reason", "approvals", "expires_for", "lasts_for", "uses", "terms", "because", "standing", "accepts")
    + ("gatekeepers", "notify", "file", "line")
)
"""The fields of a rule that have no influence on whether the rule matches a request. An example is the field ``terms`` of a
permit. If a request does not meet the terms, the permit still matches the request, and the request is denied.
"""


def covers(wide: Rule, narrow: Rule) -> bool:
    """True if it is certain that ``wide`` matches every request that ``narrow`` matches. If ``wide`` is a permit and ``narrow``
    is a deny, the result is always False.
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
    """True if each request for which jitd evaluates ``narrow`` is also a request for which it evaluates ``wide``. A permit with
    ``break_glass`` is evaluated only for requests that break glass. A permit without ``break_glass`` is evaluated only for the
    other requests.
    """
    return wide.verdict == "deny" or (wide.break_glass is None) == (narrow.break_glass is None)


def strange_conditions(rule: Rule) -> list[str]:
    """Return the names of the conditions of ``rule`` that ``covers`` cannot compare, such as ``when``."""
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
    # A deny without "who" does not apply to root, but a deny with a group may apply to root.
    return narrow.who is None or narrow.verdict == "permit" or all(word.startswith("principal:") for word in narrow.who)


def _covers_words(wide: Sequence[str] | None, narrow: Sequence[str] | None) -> bool:
    return wide is None or (narrow is not None and set(narrow) <= set(wide))


def covers_hosts(wide: Sequence[Glob] | None, narrow: Sequence[Glob] | None) -> bool:
    """True if ``wide`` matches every host that ``narrow`` matches. None means every host."""
    narrow = narrow if narrow is not None else (Glob("*"),)
    return wide is None or all(any(covers_glob(one, other) for one in wide) for other in narrow)


def covers_hours(wide: Sequence[Hours] | None, narrow: Sequence[Hours] | None) -> bool:
    """True if ``wide`` contains every minute of ``narrow``. None means all hours of the week. If the time zones differ, the
    result is True only if ``wide`` covers the whole week in one zone.
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
    """True if ``hours`` cover the whole week."""
    return covers_hours(hours, None)


def _covers_run_as(wide: Rule, narrow: Rule) -> bool:
    if wide.run_as is None or (narrow.commands is None and narrow.gives is not None):
        return True
    covers_word: Callable[[str, str], bool] = _denies_word if wide.verdict == "deny" else _permits_word
    words = narrow.run_as if narrow.run_as is not None else ("*",)
    return all(any(covers_word(one, other) for one in wide.run_as) for other in words)


def _permits_word(wide: str, narrow: str) -> bool:
    """True if the word ``wide`` in the key ``run_as`` of a permit matches every account and group that the word ``narrow``
    matches.
    """
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
    """True if the word ``wide`` in the key ``run_as`` of a deny matches every account and group that the word ``narrow``
    matches. In a deny, a user name without a group means this user with any group.
    """
    return _permits_word(wide if ":" in wide else f"{wide}:*", narrow)


def covers_work(wide: Rule, narrow: Rule) -> bool:
    """True if the commands and the things in ``wide`` include all commands and all things in ``narrow``."""
    has_all_things = wide.verdict == "deny" and wide.commands is None and wide.gives is None
    if has_all_things:
        return True
    if narrow.gives is not None and not set(narrow.gives) <= set(wide.gives or ()):
        return False
    if narrow.commands is None:
        return narrow.gives is not None
    return all(any(covers_pattern(one, other) for one in wide.commands or ()) for other in narrow.commands)


def covers_pattern(wide: CommandPattern, narrow: CommandPattern) -> bool:
    """True if ``wide`` matches every command that ``narrow`` matches. The function also considers the component ``..``, which a
    wildcard of a permit cannot match.
    """
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
    # If the narrow pattern permits any argument, the argument may have components ".." that the wide pattern does not match.
    at_most = zip(wide.parents, narrow.parents, strict=False)
    return all(most is None or (other is not None and other <= most) for most, other in at_most)


def covers_glob(wide: Glob, narrow: Glob) -> bool:
    """True if ``wide`` matches every text that ``narrow`` matches. The function only compares the texts of the two patterns.
    Therefore it returns False in a few rare cases, although True would be correct.
    """
    one, other = _plain(wide.text), _plain(narrow.text)
    # reached[j] is true if the signs of `wide` up to now cover the first j characters of `narrow`
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
    """Return the glob ``text`` in a standard form. Each sequence of wildcards is written with the question marks first. If the
    sequence contains stars, one star follows the question marks.
    """
    return re.sub(r"[*?]+", lambda run: "?" * run[0].count("?") + ("*" if "*" in run[0] else ""), text)


def meets_words(one: Sequence[str] | None, other: Sequence[str] | None) -> bool:
    """True if the lists ``one`` and ``other`` have at least one word in common. If a list is None, it contains all words."""
    return one is None or other is None or bool(set(one) & set(other))
