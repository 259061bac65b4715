# SPDX-License-Identifier: Apache-2.0
"""Warnings about ``[approvers]`` of jitd.toml: lines that may make two of one person, and lines and groups without effect.

Law: no name is taken for a person's. Whether two names of one spelling mean one person, only root can say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from jitd.core.policy import Rule
from jitd.core.warning import Warned
from jitd.settings.config import Config
from jitd_inspection.checking.known import Known, approvers_of, ways_by_door


def names_of(config: Config) -> frozenset[str]:
    """Return the words of the accounts that ``about_visitors`` has to know."""
    return frozenset(word for one in config.approvers for word in (f"principal:{one}", f"user:{_name(one)}"))


def about_visitors(rules: Sequence[Rule], known: Known) -> Iterator[Warned]:
    """Yield the warnings. ``rules`` are those that apply to this host. ``known`` knows the words of ``names_of``."""
    config = known.config
    by_door = {word for rule in rules for way in ways_by_door(rule) for word in way.of_whom}
    by_door |= {*config.operators, *config.auditors} if config.door.operators is not None else set()
    named = {word for rule in rules for word in approvers_of(rule)}
    for principal, line in config.approvers.items():
        if known.is_known(f"principal:{principal}"):
            account = known.account(f"principal:{principal}")
            yield _warned("no-effect", principal, f"it has the account {account} here, and so the groups of this account alone")
            continue
        yield from _idle(line.groups, by_door, named, f'."{principal}"')
        if not line.groups and f"principal:{principal}" not in by_door:
            yield _warned("no-effect", principal, "it has no groups, and no approval of a rule names it with door = true")
        if line.person == principal:
            yield from _twins(principal, known)
    yield from _idle(frozenset(config.sids.groups.values()), by_door, named, ".sids")


def _idle(groups: frozenset[str], by_door: Set[str], named: Set[str], place: str) -> Iterator[Warned]:
    """Yield a warning for each of ``groups`` that no approval by the door names."""
    for group in sorted(groups):
        if f"group:{group}" not in by_door:
            how = " with door = true" if f"group:{group}" in named else ""
            yield _said("no-effect", place, f"no approval of a rule names group:{group}{how}")


def _twins(principal: str, known: Known) -> Iterator[Warned]:
    """Yield a warning if somebody else has the name of ``principal``, which no line gives a person."""
    name = _name(principal)
    same = next((other for other in known.config.approvers if other != principal and _name(other) == name), "")
    if not same and (name in known.config.people or known.is_known(f"user:{name}")):
        same = f"the account {name}"
    if same:
        said = f'if {same} is the same person, they can approve their own requests, and count twice: add person = "{name}"'
        yield _warned("two-persons", principal, said)


def _name(principal: str) -> str:
    """Return the first component of ``principal``, in lower case."""
    return principal.rpartition("@")[0].partition("/")[0].lower()


def _warned(name: str, principal: str, sentence: str) -> Warned:
    return _said(name, f'."{principal}"', sentence)


def _said(name: str, place: str, sentence: str) -> Warned:
    return Warned(name, "", 0, "", f"jitd.toml, [approvers{place}]: {sentence}")
