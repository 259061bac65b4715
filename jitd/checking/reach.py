# SPDX-License-Identifier: Apache-2.0
"""Warnings about one rule by itself: it can never match, something gets around it, or it permits more than it seems to.

Law: pure. What a program can do is known by ``core.consequence``, whose list is not complete: no warning is not a proof.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from jitd.core.conditions import CommandPattern
from jitd.core.consequence import LOADING, of_pattern
from jitd.core.deed import THING, deed_of
from jitd.core.names import NAMES
from jitd.core.policy import Rule, describe_approvals
from jitd.core.warning import Warned
from jitd.core.when import When

LOGINS = frozenset({"login", "sshd"})
"""PAM services that begin a session and have no command: only ``[["**"]]`` matches there."""
LONGEST_NAME, LONGEST_PATH = 255, 4095
"""Bytes of the longest name of a file and of the longest path (limits.h, NAME_MAX and PATH_MAX)."""
LOCAL_PASSWORD = "whoever can keep this host from reaching its KDCs brings about that a local password is enough"
MOST_TOLD = 3
"""How many patterns one warning spells out."""


def about_reach(rules: Sequence[Rule], providers: Mapping[str, str]) -> Iterator[Warned]:
    """Yield the warnings about each of ``rules`` alone. ``providers`` maps ``fact.NAME`` to the provider that declares it."""
    for rule in rules:
        yield from (_warned("never-matches", rule, sentence) for sentence in _never(rule))
        yield from _dot_dot(rule)
        if rule.without_kdc == "local":
            yield _warned("local-password", rule, LOCAL_PASSWORD)
        if rule.verdict == "permit" and runs_as_root(rule) and (ways := ways_to_root(rule)):
            yield _warned("amounts-to-root", rule, _to_root(rule, ways))
            if provider := lone_provider(rule, providers):
                said = f"no approval is asked, and the facts of one provider, {provider}, alone stand between a person and root"
                yield _warned("one-provider", rule, said)


# --- rules that never match ---------------------------------------------------------------------------------------------


def _never(rule: Rule) -> Iterator[str]:
    """Yield why ``rule``, or a pattern of it, can never match."""
    services = rule.services
    if rule.verdict == "permit" and rule.who and all(word == "user:root" for word in rule.who):
        yield "it is about root alone, and permits are never about root: see root in jitd.toml(5)"
    asks_things = services is None or any(deed_of(service, gives=True) == THING for service in services)
    if rule.gives is not None and rule.commands is None and not asks_things:
        yield "it is about things, and nobody can ask for a thing by its services"
    if rule.commands and services is not None and LOGINS.issuperset(services) and all(p.path for p in rule.commands):
        yield f'it names commands, and {" and ".join(services)} have none: a rule for logins has commands = [["**"]]'
    for pattern in rule.commands or ():
        if pattern.file is not None and (why := _too_long(pattern.file)):
            yield f"the pattern {pattern} can match no file: {why}"
    match constant_of(rule.when):
        case False:
            yield "its when is never true: it names nothing that could change"


def constant_of(when: When | None) -> bool | None:
    """Return the value of ``when`` if it names nothing, and so always has the same value; None if it has not, or if it fails."""
    if when is None or when.names:
        return None
    try:
        return when.holds({})
    except Exception:  # a rule that fails is named when it is asked, with the reason
        return None


def _too_long(path: bytes) -> str:
    if len(path) > LONGEST_PATH:
        return f"a path has at most {LONGEST_PATH} bytes"
    if any(len(name) > LONGEST_NAME for name in path.split(b"/")):
        return f"a name in a path has at most {LONGEST_NAME} bytes"
    return ""


# --- denies that an argument gets around --------------------------------------------------------------------------------


def _dot_dot(rule: Rule) -> Iterator[Warned]:
    """Warn of a deny that names paths in arguments. A permit of a path is safe: its wildcards match no component ``..``."""
    if rule.verdict != "deny":
        return
    found = [pattern for pattern in rule.commands or () if any(_is_path(glob.text) for glob in pattern.arguments)]
    if found:
        said = f'{_spelled(found)}: an argument with a component ".." names the same file, and this deny does not match it'
        yield _warned("dot-dot", rule, f"{said}; permit what is needed instead")


def _is_path(pattern: str) -> bool:
    """True if ``pattern`` names a directory, so that another way to it is another text."""
    return re.search(r"/[^/*?]", pattern) is not None


# --- permits that amount to root ----------------------------------------------------------------------------------------


def runs_as_root(rule: Rule) -> bool:
    """True if a command that ``rule`` permits may run as root."""
    return rule.run_as is None or any(word.partition(":")[0] in ("root", "*") for word in rule.run_as)


def ways_to_root(rule: Rule) -> tuple[str, ...]:
    """Return, for each pattern and variable of ``rule`` that gives more than it says, a clause that says so."""
    found = []
    for pattern in rule.commands or ():
        if consequences := of_pattern(pattern):
            found.append(str(consequences[0]) if pattern.path is None else f"{pattern}: {consequences[0]}")
    if rule.commands:
        words = (word for word in rule.terms.env if any(_have_one(word, name) for name in LOADING))
        found += [f"env lets in {word}, which can make a program load or start another one" for word in words]
    return tuple(found)


def _have_one(one: str, other: str) -> bool:
    """True if two words for variables, names or beginnings followed by ``*``, are about one variable."""
    begins, others = one.removesuffix("*"), other.removesuffix("*")
    is_in = begins != one and others.startswith(begins)
    return is_in or one == other or (others != other and begins.startswith(others))


def _to_root(rule: Rule, ways: Sequence[str]) -> str:
    after = f"after {describe_approvals(rule.approvals)}" if rule.approvals else "without any approval"
    more = f"; and {len(ways) - MOST_TOLD} more" if len(ways) > MOST_TOLD else ""
    return f"as root, {after}: {'; '.join(ways[:MOST_TOLD])}{more}"


def lone_provider(rule: Rule, providers: Mapping[str, str]) -> str:
    """Return the one provider whose facts ``rule`` names, if the rule asks nobody else; else an empty string."""
    when = rule.when
    if when is None or rule.approvals or rule.gatekeepers:
        return ""
    foreign = {providers.get(name, name) for name in when.names if name.startswith("fact.") and name not in NAMES}
    return foreign.pop() if len(foreign) == 1 else ""


# --- accepted warnings --------------------------------------------------------------------------------------------------

BY_THE_RULES = frozenset(
    {
        *("amounts-to-root", "any-command-first", "denies-everything", "dot-dot", "local-password", "one-provider"),
        "shadowed",
    }
)
"""The warnings that follow from the rules alone. Others depend on the host, so a rule may accept them for another host."""


def without_accepted(rules: Sequence[Rule], warned: Sequence[Warned]) -> Iterator[Warned]:
    """Yield ``warned`` without what the rules accept, and a warning for each acceptance that accepts nothing."""
    accepted = {(rule.name, name) for rule in rules for name, _ in rule.accepts}
    arisen = {(one.rule, one.name) for one in warned}
    yield from (one for one in warned if (one.rule, one.name) not in accepted)
    for rule in rules:
        for name, _ in rule.accepts:
            if name in BY_THE_RULES and (rule.name, name) not in arisen:
                yield _warned("needless-accept", rule, f"it accepts {name}, which it does not give reason for: take that out")


def _spelled(patterns: Sequence[CommandPattern]) -> str:
    more = f" and {len(patterns) - MOST_TOLD} more" if len(patterns) > MOST_TOLD else ""
    return ", ".join(map(str, patterns[:MOST_TOLD])) + more


def _warned(name: str, rule: Rule, sentence: str) -> Warned:
    return Warned(name, rule.file, rule.line, rule.name, sentence)
