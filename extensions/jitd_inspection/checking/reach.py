# SPDX-License-Identifier: Apache-2.0
"""Warnings about a single rule. There is a warning if a rule can never match, can be bypassed, or permits more than it seems to
permit.

Law: a grader (``core.grader``) knows the programs that give more power than their command line shows. It does not know all
programs, and may be absent. Therefore a rule without a warning is not necessarily safe.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from jitd import extensions
from jitd.core.code_variables import code_let_in
from jitd.core.conditions import CommandPattern
from jitd.core.deed import THING, deed_of
from jitd.core.grader import AMOUNTS_TO_ROOT, loss_by, way_to_root
from jitd.core.keys.approvals import describe_approvals
from jitd.core.names import NAMES
from jitd.core.policy import Rule
from jitd.core.root_groups import findings_of_run_as
from jitd.core.warning import Warned
from jitd.core.what import Things
from jitd.core.when import When
from jitd_inspection.checking.known import ways_by_door

LOGINS = frozenset({"login", "sshd"})
"""PAM services that begin a login session without a command. If a rule is only for these services, its pattern must be
``[["**"]]``, because no other pattern matches a login.
"""
LONGEST_NAME, LONGEST_PATH = 255, 4095  # bytes (limits.h, NAME_MAX and PATH_MAX)
LOCAL_PASSWORD = "anybody who can block the way from this host to its KDCs can make jitd accept a local password"
ALL_GROUPS = (
    'its "when" needs the names of all groups of whoever asks for anything here, and a directory looks them up one by one: '
    'somebody in hundreds of groups may wait many seconds; "NAME" in subject.groups needs no other name'
)
BARE_DOOR = (
    "it gives as much power as root, and takes an approval by the door, where a stolen ticket counts on every machine: "
    'give this approval "ticket_age" or "indicators", too'
)
LITERAL = "|[^$"  # characters that are special in a shell or in a regular expression, but not in a pattern of jitd
MOST_TOLD = 3  # patterns that are named in one warning


def about_reach(rules: Sequence[Rule], providers: Mapping[str, str]) -> Iterator[Warned]:
    """Yield the warnings that concern one rule alone, for each rule in ``rules``. ``providers`` maps ``fact.NAME`` to the
    provider of this fact.
    """
    for rule in rules:
        yield from (_warned("never-matches", rule, sentence) for sentence in _never(rule))
        yield from _dot_dot(rule)
        yield from _literal(rule)
        yield from _last_star(rule)
        if rule.when is not None and rule.when.needs_all_groups:
            yield _warned("all-groups", rule, ALL_GROUPS)
        if rule.without_kdc == "local":
            yield _warned("local-password", rule, LOCAL_PASSWORD)
        if rule.verdict != "permit":
            continue
        as_root = ways_to_root(rule) if rule.may_run_as_root else ()
        if ways := (*as_root, *ways_of_groups(rule)):
            yield _warned("amounts-to-root", rule, gives_root(rule, ways))
            if any(way.demand.is_bare for way in ways_by_door(rule)):
                yield _warned("bare-door", rule, BARE_DOOR)
            if provider := lone_provider(rule, providers):
                said = f"no approval is needed, and only the facts of the provider {provider} restrict access to root"
                yield _warned("one-provider", rule, said)
        if losses := losses_by(rule):
            yield _warned("can-destroy", rule, _after(rule, losses))


# --- rules that never match ---------------------------------------------------------------------------------------------


def _never(rule: Rule) -> Iterator[str]:
    services = rule.services
    if rule.verdict == "permit" and rule.who and all(word == "user:root" for word in rule.who):
        yield "the rule names only root, and no permit applies to root: see the key root in jitd.toml(5)"
    asks_things = services is None or any(deed_of(service, Things(())) is THING for service in services)
    if rule.gives is not None and rule.commands is None and not asks_things:
        yield "the rule gives only things, and none of its services can ask for a thing"
    if rule.commands and services is not None and LOGINS.issuperset(services) and all(p.path for p in rule.commands):
        yield f'the rule names commands, but a login by {" or ".join(services)} has no command: set commands = [["**"]]'
    for pattern in rule.commands or ():
        if pattern.file is not None and (why := _too_long(pattern.file)):
            yield f"the pattern {pattern} can match no file: {why}"
    match constant_of(rule.when):
        case False:
            yield 'its "when" is always false: the expression names no value that can change'


def constant_of(when: When | None) -> bool | None:
    """If the expression ``when`` uses no name, its value is constant. Return this value. Return None if ``when`` uses a name, or
    if the evaluation of ``when`` fails.
    """
    if when is None or when.names:
        return None
    try:
        return when.holds({})
    except Exception:  # a rule that fails is reported, with the reason, when a request is decided
        return None


def _too_long(path: bytes) -> str:
    if len(path) > LONGEST_PATH:
        return f"a path has at most {LONGEST_PATH} bytes"
    if any(len(name) > LONGEST_NAME for name in path.split(b"/")):
        return f"a name in a path has at most {LONGEST_NAME} bytes"
    return ""


# --- denies that an argument can bypass ---------------------------------------------------------------------------------


def _dot_dot(rule: Rule) -> Iterator[Warned]:
    """Warn of a path in a deny, which ``..`` bypasses. The wildcards of a permit do not match ``..``."""
    if rule.verdict != "deny":
        return
    found = [pattern for pattern in rule.commands or () if any(_is_path(glob.text) for glob in pattern.arguments)]
    if found:
        said = f'{_spelled(found)}: a path with ".." can name the same file, and this deny does not match such a path'
        yield _warned("dot-dot", rule, f"{said}; permit what is needed instead")


def _is_path(pattern: str) -> bool:
    """True if a slash with a name after it is in ``pattern``: the file may have other paths, which do not match."""
    return re.search(r"/[^/*?]", pattern) is not None


# --- patterns that mean something else elsewhere -------------------------------------------------------------------------


def _literal(rule: Rule) -> Iterator[Warned]:
    """Yield a warning if a pattern of ``rule`` has a character of LITERAL or a word of three dots: somebody may have meant a
    regular expression, a class of characters, a variable of a shell, or all further words.
    """
    found = [pattern for pattern in rule.commands or () if any(_literals(word) for word in pattern.text)]
    if found:
        which = " ".join(dict.fromkeys(character for pattern in found for word in pattern.text for character in _literals(word)))
        said = f"{_spelled(found)}: only * and ? are special in a pattern, not {which}"
        yield _warned("literal-character", rule, f"{said}; write a pattern for each command that is meant")


def _literals(word: str) -> list[str]:
    return ["..."] if word == "..." else [character for character in LITERAL if character in word]


def _last_star(rule: Rule) -> Iterator[Warned]:
    """Yield a warning if a pattern of ``rule`` ends with an option and ``*``, as in sudoers(5), where a star matches all the rest
    of the line. There is no warning if another pattern of the rule goes on after the same words.
    """
    patterns = rule.commands or ()
    found = [one for one in patterns if _ends_with_star(one) and not any(_goes_on(other, one) for other in patterns)]
    if found:
        missed = " ".join((*found[0].text[:-1], "WORD --OPTION"))
        does = "permitted" if rule.verdict == "permit" else "denied"
        said = f"{_spelled(found)}: the last * is exactly one word, so {missed} is not {does}"
        yield _warned("last-star", rule, f"{said}; add a pattern for each further option, or ** for any further words")


def _ends_with_star(pattern: CommandPattern) -> bool:
    words = pattern.text
    return len(words) > 2 and words[-1] == "*" and re.fullmatch(r"-[^*?]+", words[-2]) is not None and words[-2] != "--"


def _goes_on(longer: CommandPattern, pattern: CommandPattern) -> bool:
    return len(longer.text) > len(pattern.text) and longer.text[: len(pattern.text)] == pattern.text


# --- permits that amount to root ----------------------------------------------------------------------------------------


def ways_to_root(rule: Rule) -> tuple[str, ...]:
    """Some command patterns and environment variables in ``rule`` may give more power than they seem to give. Return a part of a
    sentence about each of them.
    """
    found = []
    for pattern in rule.commands or ():
        if way := way_to_root(extensions.grader(), pattern):
            found.append(way if pattern.path is None else f"{pattern}: {way}")
    if rule.commands:
        found += [_lets_in(word, names) for word in rule.terms.env if (names := code_let_in(word))]
    return tuple(found)


def losses_by(rule: Rule) -> tuple[str, ...]:
    """Return a part of a sentence about each command pattern in ``rule`` whose commands may destroy or stop something."""
    lost = ((pattern, loss_by(extensions.grader(), pattern, as_root=rule.may_run_as_root)) for pattern in rule.commands or ())
    return tuple(f"{pattern}: {what}" for pattern, what in lost if what)


def ways_of_groups(rule: Rule) -> tuple[str, ...]:
    """Return a sentence about each group in ``run_as`` of ``rule`` that amounts to root."""
    found = findings_of_run_as(rule.run_as or ()) if rule.commands else ()
    return tuple(dict.fromkeys(one.what for one in found if one.grade in AMOUNTS_TO_ROOT))


def _lets_in(word: str, names: Sequence[str]) -> str:
    """Return a part of a sentence: ``word`` in ``env`` allows the variables ``names``."""
    what = "can make a program load or start another program"
    if names == (word,):
        return f"env allows {word}, and this variable {what}"
    more = f" and {len(names) - MOST_TOLD} more" if len(names) > MOST_TOLD else ""
    return f"env allows {word}, and so {', '.join(names[:MOST_TOLD])}{more}, which {what}"


def gives_root(rule: Rule, ways: Sequence[str]) -> str:
    """Return the sentence that says in which ``ways`` the people of ``rule`` get root's power."""
    approvals = re.sub(r"\b(?:group|user):", "", describe_approvals(rule.approvals))
    given = f"with {re.sub('^1 ', 'one ', approvals)}" if rule.approvals else "without any approval"
    return f"gives root: {given}, {_first(ways)}"


def _after(rule: Rule, ways: Sequence[str]) -> str:
    return f"{f'after {describe_approvals(rule.approvals)}' if rule.approvals else 'without any approval'}: {_first(ways)}"


def _first(ways: Sequence[str]) -> str:
    more = f"; and {len(ways) - MOST_TOLD} more" if len(ways) > MOST_TOLD else ""
    return f"{'; '.join(ways[:MOST_TOLD])}{more}"


def lone_provider(rule: Rule, providers: Mapping[str, str]) -> str:
    """If ``rule`` uses the facts of exactly one provider, return the name of this provider. Otherwise return an empty text. Also
    return an empty text if ``rule`` demands an approval or a gatekeeper.
    """
    when = rule.when
    if when is None or rule.approvals or rule.gatekeepers:
        return ""
    foreign = {providers.get(name, name) for name in when.names if name.startswith("fact.") and name not in NAMES}
    return foreign.pop() if len(foreign) == 1 else ""


# --- accepted warnings --------------------------------------------------------------------------------------------------

BY_THE_RULES = frozenset(
    {
        *("all-groups", "amounts-to-root", "any-command-first", "can-destroy", "denies-everything", "dot-dot", "last-star"),
        *("bare-door", "literal-character", "local-password", "one-provider", "shadowed"),
    }
)
"""The warnings that depend only on the rules. (If a rule gives things, ``amounts-to-root`` also depends on jitd.toml.) All other
warnings depend on the host. If a warning depends on the host, a rule may accept it even if it does not occur on this host.
"""


def without_accepted(rules: Sequence[Rule], warned: Sequence[Warned]) -> Iterator[Warned]:
    """A rule may accept a warning. Then this warning is not shown. Yield each warning in ``warned`` that its rule does not
    accept. A rule may also accept a warning that does not occur. If such a warning depends only on the rules, yield a new
    warning: the rule accepts it needlessly.
    """
    accepted = {(rule.name, name) for rule in rules for name, _ in rule.accepts}
    arisen = {(one.rule, one.name) for one in warned}
    yield from (one for one in warned if (one.rule, one.name) not in accepted)
    for rule in rules:
        for name, _ in rule.accepts:
            depends = name in ("amounts-to-root", "bare-door") and rule.gives  # they depend on jitd.toml of each host
            if name in BY_THE_RULES and not depends and (rule.name, name) not in arisen:
                told = f'the rule accepts {name}, but nothing in the rule causes this warning: remove {name} from "accept"'
                yield _warned("needless-accept", rule, told)


def _spelled(patterns: Sequence[CommandPattern]) -> str:
    more = f" and {len(patterns) - MOST_TOLD} more" if len(patterns) > MOST_TOLD else ""
    return ", ".join(map(str, patterns[:MOST_TOLD])) + more


def _warned(name: str, rule: Rule, sentence: str) -> Warned:
    return Warned(name, rule.file, rule.line, rule.name, sentence)
