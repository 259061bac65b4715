# SPDX-License-Identifier: Apache-2.0
"""All warnings about a policy, in the order of its rules.

Law: what is looked up on the host has a time limit each, and what did not answer is a warning. Only rules about this host are
compared with it: one policy may be for many hosts. No gatekeeper and no provider is asked: whether a gatekeeper can be reached is
tried by a connection over which nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from jitd.checking.commands import about_commands
from jitd.checking.directory import look_up
from jitd.checking.gatekeepers import about_gatekeepers
from jitd.checking.known import words_of
from jitd.checking.order import about_order
from jitd.checking.people import about_people, targets_of
from jitd.checking.reach import about_reach, without_accepted
from jitd.core.policy import Rule, is_here
from jitd.core.warning import Warned
from jitd.settings.config import Config
from jitpam.initiator import within

WITHIN = 5.0
"""Seconds that files and people may take to be looked up, each."""


def warnings(rules: Sequence[Rule], config: Config, providers: Mapping[str, str], seconds: float = WITHIN) -> list[Warned]:
    """Return what to warn about in ``rules``, without what they accept.

    ``config``: the settings of this host. ``providers`` maps ``fact.NAME`` to the provider that declares it. Looking up files and
    people takes at most ``seconds`` each.
    """
    here = [rule for rule in rules if is_here(rule, config.host)]

    def people() -> list[Warned]:
        return list(about_people(here, look_up(words_of(here, ()) | targets_of(here), config)))

    found = [
        *about_order(rules),
        *about_reach(rules, providers),
        *in_time(lambda: list(about_commands(here)), "files that rules name", seconds),
        *in_time(people, "people whom rules name", seconds),
        *about_gatekeepers(here, config.gatekeepers),
    ]
    places = {rule.name: number for number, rule in enumerate(rules)}
    return sorted(without_accepted(rules, found), key=lambda one: places.get(one.rule, len(places)))


def in_time(look: Callable[[], Iterable[Warned]], what: str, seconds: float) -> Iterable[Warned]:
    """Return what ``look`` warns about; a warning that ``what`` was not looked up, if that takes longer than ``seconds``."""
    try:
        return within(seconds, look)
    except TimeoutError:
        return (Warned("not-looked-up", "", 0, "", f"{what} could not be looked up within {seconds:g} s"),)
    except OSError as fault:
        return (Warned("not-looked-up", "", 0, "", f"{what} could not be looked up: {fault}"),)
