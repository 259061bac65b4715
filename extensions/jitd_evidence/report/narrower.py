# SPDX-License-Identifier: Apache-2.0
"""Narrower rules: from a rule and the uses that it permitted, the keys that would have been enough, as TOML to consider.

Law: pure. What a proposed key permits, the rule permits too, and the proposed key permits each of the uses. Both hold by the way
in which a key is made. For commands, both are checked before the key is proposed. A word of a command that is not known (masked,
or forgotten) is taken for one that varies. What people copy is what they see: a proposed line has no character that is shown in
another form (``jitpam.wire.shown``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from jitd.core.command import Command
from jitd.core.conditions import CommandPattern, Glob, read_command_pattern
from jitd.core.deed import deed_of
from jitd.core.keys.hosts import HOSTS, read_host
from jitd.core.keys.run_as import SELF, read_run_as
from jitd.core.keys.services import SERVICES
from jitd.core.rule import Rule
from jitpam.wire.shown import shown

ENOUGH = 30
"""Number of uses from which something narrower is proposed. What is needed once in ten uses is absent from 30 uses with a
probability of 4 % (0.9 ** 30). Uses of one lease are the same command, and count once.
"""
MOST_VALUES = 3  # values for which the narrower line names each of them
SEVERAL = 5  # uses that each of several values needs. A value that came up once or twice says that others will follow.
MOST_PROGRAMS = 5  # programs that a narrower line names in the place of a wildcard
LONGEST = 200  # characters of a word that a narrower line quotes. Nobody reads a longer one.
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Use:
    """What one grant under a rule permitted. Of ``command``, these fields are known: ``argv``, ``path``, ``run_as``, ``cwd``,
    ``chdir`` and ``gives``. ``hidden`` are the places in ``argv`` of words that nobody is told. If ``is_whole`` is False, neither
    the arguments nor ``cwd`` are known, because they were forgotten. ``is_self`` is True if the command ran as the requester.
    """

    command: Command
    service: str
    host: str
    is_self: bool = False
    hidden: frozenset[int] = frozenset()
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Narrower:
    """One key of a rule. ``now`` is the key as the rule has it, and ``then`` the narrower key, both as one line of TOML."""

    key: str
    now: str
    then: str


def narrower(rule: Rule, uses: Sequence[Use]) -> tuple[Narrower, ...]:
    """Return the keys of the permit ``rule`` that are wider than ``uses`` needed. There is none if there are too few uses."""
    uses = under(rule, uses)
    if len(uses) < ENOUGH:
        return ()
    parts = [[use for use in uses if bool(use.command.things) is is_given] for is_given in (False, True)]
    commands, given = (of if len(of) >= ENOUGH else [] for of in parts)
    found = [_commands(rule, commands), _gives(rule, given), _run_as(rule, commands), _hosts(rule, uses), _services(rule, uses)]
    return tuple(one for one in (*found, _cwd(rule, commands)) if one is not None and shown(one.then) == one.then)


def under(rule: Rule, uses: Iterable[Use]) -> list[Use]:
    """Return those of ``uses`` that the keys of ``rule`` permit as they are now. The rule may have had others at the time."""
    return [use for use in uses if _is_under(rule, use)]


def _is_under(rule: Rule, use: Use) -> bool:
    if not SERVICES.is_for(rule, use.service) or not HOSTS.is_here(rule, use.host):
        return False
    if things := use.command.things:
        return rule.gives is not None and (not use.is_whole or set(things) <= set(rule.gives))
    if rule.run_as is not None and not any(_names(word, use) for word in rule.run_as):
        return False
    if rule.commands is None:
        return rule.gives is None
    return bool(_patterns_of(rule.commands, use))


# --- commands: programs and arguments ------------------------------------------------------------------------------------


def _commands(rule: Rule, uses: Sequence[Use]) -> Narrower | None:
    if rule.commands is None or not uses:
        return None
    used: dict[CommandPattern, list[Use]] = {pattern: [] for pattern in rule.commands}
    for use in uses:
        for pattern in _patterns_of(rule.commands, use):
            used[pattern].append(use)
    # The masks of a rule hide words of all programs that its patterns name, whichever rule decides: no program goes.
    narrowed = _narrowed_arguments if rule.masks else _narrowed
    kept = list(dict.fromkeys(line for pattern, of in used.items() for line in narrowed(pattern, of)))
    if kept == list(rule.commands) or not all(_patterns_of(kept, use) for use in uses):
        return None
    return Narrower("commands", _line("commands", rule.commands), _line("commands", kept))


def _patterns_of(patterns: Sequence[CommandPattern], use: Use) -> list[CommandPattern]:
    """Return those of ``patterns`` by which ``use`` may have been permitted: the first that matches, if all words are known."""
    if use.is_whole and not use.hidden:
        fits = (one for one in patterns if one.matches(use.command) and not one.is_crossed_by(use.command))
        return [first] if (first := next(fits, None)) is not None else []
    return [one for one in patterns if _may_match(one, use)]


def _may_match(pattern: CommandPattern, use: Use) -> bool:
    """True if ``pattern`` matches ``use`` with some words in the place of those that are not known."""
    if not pattern.names(use.command.path):
        return False
    if not use.is_whole:
        return True
    words = use.command.argv[1:]
    if len(words) < len(pattern.arguments) or (len(words) > len(pattern.arguments) and not pattern.is_open):
        return False
    pairs = enumerate(zip(pattern.arguments, words, strict=False), 1)
    return all(at in use.hidden or glob.matches(_characters(word)) for at, (glob, word) in pairs)


def _narrowed(pattern: CommandPattern, uses: Sequence[Use]) -> list[CommandPattern]:
    """Return patterns that permit ``uses`` and nothing that ``pattern`` does not permit. Without uses, there are none."""
    return _of_paths(pattern, _by_path(pattern, uses), uses) if uses else []


def _narrowed_arguments(pattern: CommandPattern, uses: Sequence[Use]) -> list[CommandPattern]:
    """Return ``_narrowed``, but with the programs of ``pattern``."""
    return _of_paths(pattern, [(None if pattern.path is None else pattern.text[0], list(uses))], uses)


def _of_paths(
    pattern: CommandPattern, paths: Iterable[tuple[str | None, list[Use]]], uses: Sequence[Use]
) -> list[CommandPattern]:
    """Return the patterns that permit ``uses``, by ``paths``, or ``pattern`` if there are none or one of them is None."""
    if len(uses) < ENOUGH or any(not use.command.path for use in uses):  # a login has no path
        return [pattern]
    made: list[tuple[str, ...]] = []
    for path, of in paths:
        if path is None:
            return [pattern]
        tails = _tails(pattern, of) if len(of) >= ENOUGH else [_texts_of(pattern)]
        made += [(path, *tail) for tail in tails]
    try:
        found = [read_command_pattern(words) for words in made]
    except ValueError:
        return [pattern]
    is_safe = all(pattern.covers(one) for one in found) and all(_patterns_of(found, use) for use in uses)
    return found if is_safe else [pattern]


def _by_path(pattern: CommandPattern, uses: Sequence[Use]) -> Iterator[tuple[str | None, list[Use]]]:
    """Yield the paths that the narrower patterns name, each with its uses. Yield None if no path can be named."""
    if pattern.file is not None:
        yield pattern.text[0], list(uses)
        return
    by_path = _grouped(uses, lambda use: use.command.path)
    if not _are_few(map(len, by_path.values()), MOST_PROGRAMS):
        yield (None if pattern.path is None else pattern.text[0]), list(uses)
        return
    for path, of in by_path.items():
        yield _literal(path), of


def _texts_of(pattern: CommandPattern) -> tuple[str, ...]:
    """Return the elements of ``pattern`` after the path."""
    return pattern.text if pattern.path is None else pattern.text[1:]


def _tails(pattern: CommandPattern, uses: Sequence[Use]) -> list[tuple[str, ...]]:
    """Return the arguments of the narrower patterns of ``uses``, which have one path or one pattern of paths."""
    if any(not use.is_whole for use in uses):
        return [_texts_of(pattern)]
    if not any(use.hidden for use in uses):
        whole = _grouped(uses, lambda use: use.command.argv[1:])
        if _are_few(map(len, whole.values())) and (words := _literals(whole)) is not None:
            return words
        n_all = min(len(use.command.argv) for use in uses)
        at = next((at for at in range(1, n_all) if len({use.command.argv[at] for use in uses}) > 1), 0)
        by_word = _grouped(uses, lambda use: use.command.argv[at])
        if at and _are_few(map(len, by_word.values())):
            return [_tail(pattern, of) for of in by_word.values()]
    return [_tail(pattern, uses)]


def _literals(whole: Iterable[tuple[bytes, ...]]) -> list[tuple[str, ...]] | None:
    found = []
    for words in whole:
        texts = [text for word in words if (text := _literal(word)) is not None]
        if len(texts) < len(words):
            return None
        found.append(tuple(texts))
    return found


def _tail(pattern: CommandPattern, uses: Sequence[Use]) -> tuple[str, ...]:
    """Return one element for each argument that all ``uses`` have: the word itself if it never varied, otherwise the element of
    ``pattern``, or a star where ``pattern`` has none.
    """
    lengths = {len(use.command.argv) - 1 for use in uses}
    words: list[str] = []
    for at in range(min(lengths)):
        wide = pattern.arguments[at].text if at < len(pattern.arguments) else "*"
        said = {use.command.argv[at + 1] for use in uses}
        is_hidden = any(at + 1 in use.hidden for use in uses)
        one = _literal(said.pop()) if len(said) == 1 and not is_hidden else None
        words.append(wide if one is None or not Glob(wide).covers(Glob(one)) else one)
    return (*words, "**") if len(lengths) > 1 else tuple(words)


# --- the other keys ------------------------------------------------------------------------------------------------------


def _gives(rule: Rule, uses: Sequence[Use]) -> Narrower | None:
    if rule.gives is None or any(not use.is_whole for use in uses):
        return None
    given = {thing for use in uses for thing in use.command.things}
    kept = tuple(thing for thing in rule.gives if thing in given)
    if not kept or kept == rule.gives:
        return None
    return Narrower("gives", _line("gives", rule.gives), _line("gives", kept))


def _run_as(rule: Rule, uses: Sequence[Use]) -> Narrower | None:
    """A word with a wildcard becomes the accounts and groups that were used, if they are few. A word without one is kept if it
    may have been used: which group is the own group of an account is not known here.
    """
    if rule.run_as is None or not uses:
        return None
    kept: dict[str, None] = {}
    wide: dict[str, list[Use]] = {}
    for use in uses:
        found = [word for word in rule.run_as if _names(word, use)]
        exact = [word for word in found if "*" not in word]
        certain = [word for word in exact if ":" in word]
        kept |= dict.fromkeys(certain[:1] or exact)
        for word in [word for word in found if "*" in word and not certain][:1]:
            wide.setdefault(word, []).append(use)
    for word, of in wide.items():
        made = _grouped(of, partial(_account, word))
        kept |= dict.fromkeys(made if len(of) >= ENOUGH and _are_few(map(len, made.values())) else [word])
    words = tuple(kept)
    if len(words) > max(MOST_VALUES, len(rule.run_as)) or set(words) == set(rule.run_as):
        return None
    return Narrower("run_as", _line("run_as", rule.run_as), _line("run_as", words))


def _account(word: str, use: Use) -> str:
    """Return the word for the account and the group of ``use``, which ``word`` of a rule names. Return ``word`` if a rule cannot
    spell them, such as those of an account that is called like SELF.
    """
    run_as, is_of_self = use.command.run_as, word.startswith(f"{SELF}:")
    if run_as.user == SELF and not is_of_self:
        return word
    try:
        return read_run_as(f"{SELF if is_of_self else run_as.user}:{run_as.group}")
    except ValueError:
        return word


def _names(word: str, use: Use) -> bool:
    user, colon, group = word.partition(":")
    if user not in ("*", use.command.run_as.user) and not (user == SELF and use.is_self):
        return False
    return not colon or group in ("*", use.command.run_as.group)


def _hosts(rule: Rule, uses: Sequence[Use]) -> Narrower | None:
    """A rule that names no hosts is left alone, because each host knows its own uses only."""
    if rule.hosts is None:
        return None
    try:
        kept = _grouped(uses, lambda use: read_host(use.host).text)
    except ValueError:
        return None
    now = [glob.text for glob in rule.hosts]
    if not _are_few(map(len, kept.values())) or set(kept) == set(now):
        return None
    return Narrower("hosts", _line("hosts", now), _line("hosts", kept))


def _services(rule: Rule, uses: Sequence[Use]) -> Narrower | None:
    used = {use.service for use in uses}
    if rule.services is None or used == set(rule.services):
        return None
    kept = [service for service in rule.services if service in used]
    return Narrower("services", _line("services", rule.services), _line("services", kept))


def _cwd(rule: Rule, uses: Sequence[Use]) -> Narrower | None:
    """A directory is proposed only if jitd runs the commands and nobody asked for one: how they typed it is not known."""
    if rule.terms.cwd != "caller" or not uses or any(use.command.chdir or not use.is_whole for use in uses):
        return None
    if not all(deed_of(use.service).is_executed for use in uses) or len({use.command.cwd for use in uses}) > 1:
        return None
    text = _characters(uses[0].command.cwd)
    if _literal(uses[0].command.cwd) != text or not text.startswith("/") or ".." in text.split("/"):
        return None
    return Narrower("run.cwd", 'run.cwd = "caller"', f"run.cwd = {_quoted(text)}")


# --- words ---------------------------------------------------------------------------------------------------------------


def _grouped(uses: Iterable[Use], key: Callable[[Use], V]) -> dict[V, list[Use]]:
    found: dict[V, list[Use]] = {}
    for use in uses:
        found.setdefault(key(use), []).append(use)
    return found


def _are_few(n_uses: Iterable[int], most: int = MOST_VALUES) -> bool:
    """True if the values that were used ``n_uses`` times are so few, and each so common, that a line may name each of them."""
    numbers = list(n_uses)
    return len(numbers) == 1 or (len(numbers) <= most and min(numbers) >= SEVERAL)


def _characters(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _literal(word: bytes) -> str | None:
    """Return the pattern that matches ``word`` and as little else as can be. A pattern cannot spell a star, and a line of TOML
    that people copy must not have what they cannot see or what is escaped: a question mark stands for such a character, and for
    each one outside ASCII if some of them could be read as others. Return None if the pattern would be too long.
    """
    text = _characters(word)
    if len(text) > LONGEST:
        return None
    has_both = "'" in text and '"' in text
    clear = "".join("?" if one in "*?\\" or not one.isprintable() or (has_both and one == '"') else one for one in text)
    return clear if shown(clear) == clear else "".join(one if one.isascii() else "?" for one in clear)


def _quoted(text: str) -> str:
    """Return ``text`` as a string of TOML. Characters that cannot be seen are escaped."""
    if '"' in text and "'" not in text and "\\" not in text and text.isprintable():
        return f"'{text}'"
    inner = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{"".join(one if one.isprintable() else _escaped(one) for one in inner)}"'


def _escaped(one: str) -> str:
    code = ord(one)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _line(key: str, words: Iterable[str | CommandPattern]) -> str:
    parts = [_quoted(one) if isinstance(one, str) else f"[{', '.join(map(_quoted, one.text))}]" for one in words]
    return f"{key} = [{', '.join(parts)}]"
