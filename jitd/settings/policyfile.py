# SPDX-License-Identifier: Apache-2.0
"""The policy files: ``policy.d/*.toml`` in the order of their names, read into one Policy.
Law: the policy is accepted as a whole, or not at all. All faults are found together. Each fault has a file, a line and a rule. A
file is not read if an account other than root could have written it. Keys and values that this version does not know are refused.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path
from types import MappingProxyType
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jitd import extensions
from jitd.core.keys.break_glass import BREAK_GLASS
from jitd.core.keys.key import Fields, SetUp, Verdict, World
from jitd.core.names import NAMES, Name
from jitd.core.naming import AS_WRITTEN, Naming
from jitd.core.ownership import who_else_may_write
from jitd.core.policy import BUILT_IN, Policy
from jitd.core.policy_text import PolicyText
from jitd.core.rule import KEYS as OF_A_RULE
from jitd.core.rule import Rule
from jitd.core.toml_document import ConfigError, Fault, read_document
from jitd.core.toml_table import Table, quoted
from jitd.expressions.compiling import compile_when
from jitd.expressions.patterns import read_pattern
from jitd.settings.config import Config
from jitd.settings.owned_file import content_of

KEYS: Mapping[str, tuple[str, ...]] = {
    **{of: tuple(name for key in OF_A_RULE if key.of == of for name in key.names) for of in ("permit", "deny")},
    "rule": ("name", *(name for key in OF_A_RULE if key.of == "rule" for name in key.names)),
    **{table: names for key in OF_A_RULE for table, names in key.within.items()},
}
"""The keys that each table may have. The entry ``rule`` contains the keys of both permit and deny."""


def load(
    directory: Path,
    *,
    root: Literal["permit", "deny"],
    owner: int = 0,
    names: Mapping[str, Name] = NAMES,
    gatekeepers: Mapping[str, float] | None = MappingProxyType({}),
    channels: Collection[str] | None = (),
    things: Collection[str] | None = (),
    naming: Naming = AS_WRITTEN,
    notify: tuple[str, ...] = (),
    signed: str = "",
) -> Policy:
    """Read the policy in ``directory``. The files must belong to root or to the uid ``owner``. Rules may use the facts ``names``.
    ``naming`` is how the settings map principals: a principal in a rule gets the spelling that requests are compared with.
    ``gatekeepers`` maps the names of the gatekeepers of jitd.toml to their deadlines, in seconds. ``channels`` and ``things`` are
    the names of the channels and things of jitd.toml. All three are None if jitd.toml is not known. ``notify`` are the channels
    of each permit that does not name its own. ``signed`` is what the host demands of each receipt. Raises ConfigError.
    """
    faults = _faults_of_directory(directory, owner)
    files: list[tuple[str, bytes]] = []
    if not faults:
        try:
            entries = sorted(name for name in os.listdir(directory) if name.endswith(".toml") and not name.startswith("."))
        except OSError as error:
            raise ConfigError((Fault(str(directory), 0, "", f"cannot be read: {error.strerror}"),)) from None
        for name in entries:
            try:
                files.append((name, _read(directory / name, owner)))
            except ConfigError as error:
                faults += error.faults
    rules = _rules([(str(directory / name), content) for name, content in files], faults, _world(names, naming, notify, signed))
    faults += _unknown_in(rules, SetUp(gatekeepers, channels, things))
    if faults:
        raise ConfigError(faults)
    text = PolicyText.of(((os.fsencode(name), content) for name, content in files), signed)
    return Policy(tuple(rules), root, text.digest, text)


def load_with(config: Config, *, is_known: bool = True) -> Policy:
    """Read the policy of the host whose settings are ``config``. Unless ``is_known``, the settings have faults, and the names in
    rules are not compared with them. Raises ConfigError.
    """
    return load(
        config.policy,
        root=config.root,
        names=config.names,
        gatekeepers=config.deadlines if is_known else None,
        channels=config.channels if is_known else None,
        things=config.things if is_known else None,
        naming=config.naming,
        notify=config.usual_channels,
        signed=config.approvals.signed,
    )


def read_again(
    text: PolicyText, names: Mapping[str, Name] = NAMES, naming: Naming = AS_WRITTEN
) -> tuple[list[Rule], list[Fault]]:
    """Return the rules of a policy that was in force, in their order, and what this version finds wrong with them. Rules may name
    gatekeepers, channels and things that jitd.toml does not set up any more. For ``names`` and ``naming`` see ``load``.
    """
    faults: list[Fault] = []
    files = [(os.fsdecode(name), content) for name, content in text.of_rules]
    rules = _rules(files, faults, _world(names, naming, signed=text.signed))
    return rules, faults


def read(
    files: Sequence[Path],
    names: Mapping[str, Name] = NAMES,
    gatekeepers: Mapping[str, float] | None = None,
    channels: Collection[str] | None = None,
    things: Collection[str] | None = None,
    naming: Naming = AS_WRITTEN,
    notify: tuple[str, ...] = (),
    signed: str = "",
) -> tuple[list[Rule], list[Fault]]:
    """Return the rules of ``files`` and all faults. If a part of a rule has a fault, this part gets its default value. Rules may
    use ``names``. For the other arguments see ``load``.
    """
    faults: list[Fault] = []
    contents: list[tuple[str, bytes]] = []
    for file in files:
        try:
            contents.append((str(file), _read(file, None)))
        except ConfigError as error:
            faults += error.faults
    rules = _rules(contents, faults, _world(names, naming, notify, signed))
    faults += _unknown_in(rules, SetUp(gatekeepers, channels, things))
    return rules, list(ConfigError(faults).faults)


def _unknown_in(rules: Sequence[Rule], set_up: SetUp) -> list[Fault]:
    """Return a fault for each name of ``rules`` that jitd.toml does not set up."""
    found = ((rule, sentence) for rule in rules for key in OF_A_RULE for sentence in key.unknown(rule, set_up))
    return [Fault(rule.file, rule.line, rule.name, sentence) for rule, sentence in found]


# --- the files -------------------------------------------------------------------------------------------------------


def _faults_of_directory(directory: Path, owner: int) -> list[Fault]:
    """Return the faults of ``directory`` and of the directories above. Only root and ``owner`` may be able to change them."""
    if (real := os.path.realpath(directory)) != str(directory):
        return [Fault(str(directory), 0, "", f"is not the real path of the directory: use {real}")]
    faults = []
    for place in (directory, *directory.parents):
        try:
            status = os.stat(place, follow_symlinks=False)
        except OSError as error:
            return [Fault(str(directory), 0, "", f"cannot be read: {error.strerror}")]
        if not stat.S_ISDIR(status.st_mode):
            return [Fault(str(place), 0, "", "is not a directory")]
        # In a sticky directory nobody can rename another person's file. /tmp may be an ancestor of this directory, but not its
        # parent.
        is_far = place != directory and place != directory.parent
        mode = 0 if is_far and status.st_mode & stat.S_ISVTX else status.st_mode
        if why := who_else_may_write(status.st_uid, mode, owner):
            faults.append(Fault(str(place), 0, "", why))
    return faults


def _read(file: Path, owner: int | None) -> bytes:
    """Owner and mode are checked on the open descriptor, and not at all if ``owner`` is None."""

    def fault(sentence: str) -> ConfigError:
        return ConfigError((Fault(str(file), 0, "", sentence),))

    try:
        # O_NONBLOCK: a fifo must not block us. O_NOFOLLOW: somebody could replace the file by a link after the check of the
        # directory.
        follow = os.O_NOFOLLOW if owner is not None else 0
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | follow)
    except OSError as error:
        if owner is not None and file.is_symlink():
            raise fault("is a symbolic link: replace the link with the file itself") from None
        raise fault(f"cannot be read: {error.strerror}") from None
    return content_of(descriptor, owner, fault)


# --- the rules -------------------------------------------------------------------------------------------------------


def _world(names: Mapping[str, Name], naming: Naming, notify: tuple[str, ...] = (), signed: str = "") -> World:
    return World(names, extensions.kinds(), naming, notify, _zone, compile_when, read_pattern, _with_real_top, signed)


def _rules(files: Sequence[tuple[str, bytes]], faults: list[Fault], world: World) -> list[Rule]:
    """Return all rules of ``files`` in their order. Add faults to ``faults``, which has those of files that cannot be read. A
    rule that is not there because of such a fault is not missed.
    """
    rules: list[Rule] = []
    is_whole = not faults
    for file, content in files:
        try:
            document = read_document(file, content)
        except ConfigError as error:
            faults += error.faults
            is_whole = False
            continue
        top = Table(document, (), dict(document.values), faults)
        top.known(("permit", "deny"))
        found = [
            *(_permit(table, world) for table in top.tables("permit", "written as [[permit]]")),
            *(_deny(table, world) for table in top.tables("deny", "written as [[deny]]")),
        ]
        rules += sorted(found, key=lambda rule: rule.line)
    seen: dict[str, Rule] = {BUILT_IN: Rule("permit", BUILT_IN)}
    for rule in rules:
        if rule.name in seen:
            first = seen[rule.name]
            where = f"stands in {first.file}:{first.line} already" if first.file else "is the name of the built-in rule"
            faults.append(Fault(rule.file, rule.line, rule.name, f"the name {quoted(rule.name)} {where}"))
        elif rule.name:
            seen[rule.name] = rule
    return _resolved(rules, faults, is_whole=is_whole)


def _resolved(rules: Sequence[Rule], faults: list[Fault], *, is_whole: bool) -> list[Rule]:
    """Return ``rules``. In the result, each break-glass rule has the approvals that it skips. If rules have faults, or if not all
    are there (``is_whole``), it is not known whether the rule fits that a break-glass rule names.
    """
    in_doubt = {fault.rule for fault in faults}
    by_name = {rule.name: rule for rule in rules}
    resolved = []
    for rule in rules:
        found = BREAK_GLASS.resolved(rule, by_name)
        if isinstance(found, str):
            named = "" if rule.break_glass is None else rule.break_glass.instead_of
            if named in in_doubt or not (is_whole or named in by_name):
                found = ""
            if found:
                faults.append(Fault(rule.file, rule.line, rule.name, found))
            found = {}
        resolved.append(_with(rule, found))
    return resolved


def _name(table: Table, fallback: str) -> str:
    table.rule = fallback
    name = table.values.get("name", fallback)
    is_good = isinstance(name, str) and 0 < len(name) <= 64 and name.isprintable() and name == name.strip()
    if "name" in table.values and not is_good:
        table.fault('"name" must be 1 to 64 printable characters', "name")
    table.rule = name if isinstance(name, str) and is_good else fallback
    return table.rule


def _permit(table: Table, world: World) -> Rule:
    name = _name(table, "")
    table.known((*KEYS["rule"], *KEYS["permit"]), KEYS["deny"], "belongs to a deny")
    table.needs("name", "who")
    if not {"commands", "gives"} & (table.values.keys() | table.meant):
        table.fault('needs "commands", or "gives"')
    return _rule(table, world, "permit", name)


def _deny(table: Table, world: World) -> Rule:
    line = table.document.line_of(table.place)
    name = _name(table, f"{os.path.basename(table.document.file)}:{line}")
    table.known((*KEYS["rule"], *KEYS["deny"]), KEYS["permit"], "belongs to a permit")
    return _rule(table, world, "deny", name)


def _rule(table: Table, world: World, verdict: Verdict, name: str) -> Rule:
    keys = [key for key in OF_A_RULE if key.of in ("rule", verdict)]
    found = {field: value for key in keys for field, value in key.read(table, world, verdict).items()}
    place = {"file": table.document.file, "line": table.document.line_of(table.place)}
    rule = Rule(verdict, name, **place, **found)  # type: ignore[arg-type]  # each key returns its own fields
    for key in keys:
        rule = _with(rule, key.settle(rule, table))
    return rule


def _with(rule: Rule, found: Fields) -> Rule:
    return replace(rule, **found) if found else rule  # type: ignore[arg-type]


_NO_ZONES = ("Factory", "localtime", "posix", "posixrules", "right")


def _zone(name: str) -> tzinfo | None:
    """Return None if the IANA database has no such zone. Names such as ``localtime`` are not zones."""
    if not re.fullmatch(r"[A-Za-z0-9_+/-]+", name) or name.split("/")[0] in _NO_ZONES:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _with_real_top(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return ``words``. If the first directory of the path is a link, the result has the target of the link instead: ``/bin/ls``
    becomes ``/usr/bin/ls``. jitd identifies a command by its path with resolved directories, so a deny of ``/bin/ls`` would never
    match. Deeper links are not resolved: an account other than root might change one, and the rule would match another file.
    """
    if not words or not (match := re.match(r"(/[^/*?]+)/", words[0])):
        return words
    top = match[1]
    if not os.path.islink(top):
        return words
    return (os.path.realpath(top) + words[0][len(top) :], *words[1:])
