# SPDX-License-Identifier: Apache-2.0
"""Returns all warnings about a policy, in the order of its rules.

Law: each look-up on the host has a time limit. If a look-up does not end in time, there is a warning. Many hosts may use the
same policy. Therefore only the rules that apply to this host are checked against the accounts and files of this host. No
question is sent to a gatekeeper or a provider. To test whether a gatekeeper can be reached, a connection to it is opened and
closed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from jitd import extensions
from jitd.core.keys.hosts import HOSTS
from jitd.core.policy import Rule
from jitd.core.warning import Warned
from jitd.settings.config import Config
from jitd_inspection.checking.commands import about_commands
from jitd_inspection.checking.directory import look_up
from jitd_inspection.checking.edits import about_checks
from jitd_inspection.checking.kdcs import about_kdcs
from jitd_inspection.checking.known import words_of
from jitd_inspection.checking.order import about_order
from jitd_inspection.checking.people import about_people, targets_of
from jitd_inspection.checking.presence import about_presence
from jitd_inspection.checking.reach import about_reach, without_accepted
from jitd_inspection.checking.things import about_set_up, about_things
from jitd_inspection.checking.visitors import about_visitors, names_of
from jitpam.initiator import within

WITHIN = 5.0  # seconds for the look-up of files. The look-up of people has a time limit of the same length.
TRIED_WITHIN = 60.0  # seconds for all checks of edits together. One may take half of it


def warnings(rules: Sequence[Rule], config: Config | None, providers: Mapping[str, str], seconds: float = WITHIN) -> list[Warned]:
    """Return the warnings about ``rules``, without the warnings that a rule itself accepts.

    ``config`` contains the settings of this host. If it is None, they are not known, and neither is what needs them: who people
    are, which rules are for this host, and what jitd can give or ask. ``providers`` maps ``fact.NAME`` to the provider of this
    fact. The look-up of files and the look-up of people have a time limit of ``seconds`` each.
    """
    found = [
        *about_order(rules),
        *about_reach(rules, providers),
        *(() if config is None else _about_host(rules, config, seconds)),
    ]
    if config is not None:
        as_root = {one.rule for one in found if one.name == "amounts-to-root"}
        here = [rule for rule in rules if rule.name in as_root and HOSTS.is_here(rule, config.host)]
        found += about_presence(here, config)
    places = {rule.name: number for number, rule in enumerate(rules)}
    return sorted(without_accepted(rules, found), key=lambda one: places.get(one.rule, len(places)))


def _about_host(rules: Sequence[Rule], config: Config, seconds: float) -> Iterator[Warned]:
    here = [rule for rule in rules if HOSTS.is_here(rule, config.host)]

    def people() -> list[Warned]:
        known = look_up(words_of(here, ()) | targets_of(here) | names_of(config), config)
        return [*about_people(here, known), *about_visitors(here, known)]

    yield from _about_things(here, config)
    yield from in_time(lambda: list(about_commands(here)), "files that rules name", seconds)
    yield from in_time(lambda: list(about_checks(here, config)), "checks of edits", TRIED_WITHIN)
    yield from in_time(people, "people whom rules name", seconds)
    yield from _about_gatekeepers(here, config)
    yield from about_kdcs(here, config)


def _about_things(rules: Sequence[Rule], config: Config) -> Iterable[Warned]:
    if not extensions.is_used("things"):
        return ()
    from jitd_things.settings import ThingSection

    givers = config.of(ThingSection).givers
    return (*about_things(rules, givers), *about_set_up(givers))


def _about_gatekeepers(rules: Sequence[Rule], config: Config) -> Iterable[Warned]:
    if not extensions.is_used("outsiders"):
        return ()
    from jitd_inspection.checking.gatekeepers import about_gatekeepers
    from jitd_outsiders.settings import OutsiderSection

    return about_gatekeepers(rules, config.of(OutsiderSection).gatekeepers)


def in_time(look: Callable[[], Iterable[Warned]], what: str, seconds: float) -> Iterable[Warned]:
    """Call ``look`` and return its warnings. If ``look`` fails or takes longer than ``seconds`` seconds, return a warning that
    ``what`` could not be looked up.
    """
    try:
        return within(seconds, look)
    except TimeoutError:
        return (Warned("not-looked-up", "", 0, "", f"{what} could not be looked up within {seconds:g} s"),)
    except OSError as fault:
        return (Warned("not-looked-up", "", 0, "", f"{what} could not be looked up: {fault}"),)
