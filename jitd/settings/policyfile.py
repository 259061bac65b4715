# SPDX-License-Identifier: Apache-2.0
"""The policy files: ``policy.d/*.toml`` in the order of their names, read into one Policy.
Law: the policy is accepted as a whole, or not at all. All faults are found together. Each fault has a file, a line and a rule. A
file is not read if an account other than root could have written it. Keys and values that this version does not know are refused.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from types import MappingProxyType
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jitd.core.conditions import (
    Hours,
    Reason,
    read_host,
    read_hours,
    read_run_as,
    read_service,
    read_variable,
)
from jitd.core.decision import Record, Terms
from jitd.core.masking import read_mask
from jitd.core.names import NAMES, Name
from jitd.core.naming import AS_WRITTEN, Naming
from jitd.core.origin import read_origin
from jitd.core.policy import BUILT_IN, MOST_USES, Policy, Rule
from jitd.core.policy_text import PolicyText
from jitd.core.thing import read_thing
from jitd.core.toml_document import ConfigError, Document, Fault, read_document, who_else_may_write
from jitd.core.toml_table import Table, quoted
from jitd.expressions.patterns import read_pattern
from jitd.settings import approvals_key, break_glass_key, demands, gives_key, notify_key, observed_key, without_kdc_key
from jitd.settings.acceptance import read_accept
from jitd.settings.commands_key import read_commands
from jitd.settings.gatekeeper_key import faults_of, names_in
from jitd.settings.when_key import read_when

MOST_BYTES = 1 << 20
"""Maximum number of bytes of a policy file."""
LONGEST_GIVEN = 24 * 3600
"""Maximum time for which a rule may give a thing, in seconds. The time is limited because a ticket cannot be taken back before
its end.
"""

SEEN = ("visible_to", "mask")
KEYS = {
    "rule": ("name", "who", "run_as", "commands", "gives", "hosts", "hours", "origin", "services", "when", "accept"),
    "permit": (
        *("ticket", *demands.KEYS, "reason", "approvals", "expires", "grant", "run", "standing", "gatekeepers", "notify"),
        *("break_glass", "without_kdc", *SEEN),
    ),
    "deny": ("because",),
    "reason": ("pattern", "hint"),
    "approvals": approvals_key.KEYS,
    "break_glass": break_glass_key.KEYS,
    "grant": ("lasts", "uses"),
    "run": (
        "timeout",
        "cwd",
        "env",
        "writable",
        "leftovers",
        "stdin",
        "record",
        "record_sync",
        "record_failure",
        "watch",
        "session",
        "options",
        "operands",
        "observed",
        "namespace",
    ),
}
"""The keys that each table may have. The entry ``rule`` contains the keys of both permit and deny."""
LATER: dict[str, tuple[str, ...]] = {"permit": ()}
"""Keys of later versions. They are refused, because a rule could permit too much if jitd ignored such a key."""


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
) -> Policy:
    """Read the policy in ``directory``. The files must belong to root or to the uid ``owner``. Rules may use the facts ``names``.
    ``naming`` is how the settings map principals: a principal in a rule gets the spelling that requests are compared with.
    ``gatekeepers`` maps the names of the gatekeepers of jitd.toml to their deadlines, in seconds. ``channels`` and ``things`` are
    the names of the channels and things of jitd.toml. All three are None if jitd.toml is not known. ``notify`` are the channels
    of each permit that does not name its own. Raises ConfigError.
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
    rules = _rules([(str(directory / name), content) for name, content in files], faults, names, naming, notify)
    faults += _unknown_in(rules, gatekeepers, channels, things)
    if faults:
        raise ConfigError(faults)
    text = PolicyText(tuple((os.fsencode(name), content) for name, content in files))
    return Policy(tuple(rules), root, text.digest, text)


def read_again(
    text: PolicyText, names: Mapping[str, Name] = NAMES, naming: Naming = AS_WRITTEN
) -> tuple[list[Rule], list[Fault]]:
    """Return the rules of a policy that was in force, in their order, and what this version finds wrong with them. Rules may name
    gatekeepers, channels and things that jitd.toml does not set up any more. For ``names`` and ``naming`` see ``load``.
    """
    faults: list[Fault] = []
    rules = _rules([(os.fsdecode(name), content) for name, content in text.files], faults, names, naming)
    return rules, faults


def check(files: Sequence[Path]) -> list[Fault]:
    """Return the faults of ``files``, which are read as one policy. The directories and owners of the files are not checked."""
    return read(files)[1]


def read(
    files: Sequence[Path],
    names: Mapping[str, Name] = NAMES,
    gatekeepers: Mapping[str, float] | None = None,
    channels: Collection[str] | None = None,
    things: Collection[str] | None = None,
    naming: Naming = AS_WRITTEN,
    notify: tuple[str, ...] = (),
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
    rules = _rules(contents, faults, names, naming, notify)
    faults += _unknown_in(rules, gatekeepers, channels, things)
    return rules, list(ConfigError(faults).faults)


def _unknown_in(
    rules: Sequence[Rule],
    gatekeepers: Mapping[str, float] | None,
    channels: Collection[str] | None,
    things: Collection[str] | None,
) -> list[Fault]:
    """Return a fault for each name of ``rules`` that jitd.toml does not set up. If ``gatekeepers``, ``channels`` or ``things`` is
    None, its names are not checked.
    """
    faults = [] if gatekeepers is None else faults_of(rules, gatekeepers)
    faults += [] if channels is None else notify_key.faults_of(rules, channels)
    return faults + ([] if things is None else gives_key.faults_of(rules, things))


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
    """Return the content of ``file``. Owner and mode are checked on the open descriptor. If ``owner`` is None, owner and mode are
    not checked.
    """

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
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise fault("is not a regular file")
        if owner is not None and (why := who_else_may_write(status.st_uid, status.st_mode, owner)):
            raise fault(why)
        with open(descriptor, "rb", closefd=False) as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise fault(f"cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)
    if len(content) > MOST_BYTES:
        raise fault(f"is longer than {MOST_BYTES} bytes")
    return content


# --- the rules -------------------------------------------------------------------------------------------------------


def _rules(
    files: Sequence[tuple[str, bytes]],
    faults: list[Fault],
    names: Mapping[str, Name],
    naming: Naming,
    notify: tuple[str, ...] = (),
) -> list[Rule]:
    """Return all rules of ``files`` in their order. Add faults to ``faults``."""
    rules: list[Rule] = []
    for file, content in files:
        try:
            document = read_document(file, content)
        except ConfigError as error:
            faults += error.faults
            continue
        top = Table(document, (), dict(document.values), faults)
        top.known(("permit", "deny"))
        found = [
            *(_permit(document, table, names, naming, notify) for table in top.tables("permit", "written as [[permit]]")),
            *(_deny(document, table, names, naming) for table in top.tables("deny", "written as [[deny]]")),
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
    return break_glass_key.resolved(rules, faults)


def _name(table: Table, fallback: str) -> str:
    table.rule = fallback
    name = table.values.get("name", fallback)
    is_good = isinstance(name, str) and 0 < len(name) <= 64 and name.isprintable() and name == name.strip()
    if "name" in table.values and not is_good:
        table.fault('"name" must be 1 to 64 printable characters', "name")
    table.rule = name if isinstance(name, str) and is_good else fallback
    return table.rule


def _permit(document: Document, table: Table, names: Mapping[str, Name], naming: Naming, notify: tuple[str, ...]) -> Rule:
    name = _name(table, "")
    table.known((*KEYS["rule"], *KEYS["permit"]), LATER["permit"], KEYS["deny"], "belongs to a deny")
    table.needs("name", "who")
    if not {"commands", "gives"} & (table.values.keys() | table.meant):
        table.fault('needs "commands", or "gives"')
    demand = demands.read_demand(table)
    needs_ticket = table.text("ticket", "required", ("required", "optional")) == "required"
    if not needs_ticket and not demand.is_none:
        which = next(key for key in demands.KEYS if key in table.values)
        table.fault(f'"{which}" is about a Kerberos ticket, and ticket = "optional" permits requests without a ticket', which)
    grant = table.table("grant")
    grant.known(KEYS["grant"])
    gives = table.words("gives", (), read_thing) if "gives" in table.values else None
    lasts_for = grant.duration("lasts", 15 * 60 if gives is None else 10 * 60)
    if gives is not None and lasts_for > LONGEST_GIVEN:
        grant.fault('"lasts" must be at most "24h" in a rule with "gives"', "lasts")
    rule = Rule(
        "permit",
        name,
        who=table.words("who", (), naming.read_who),
        run_as=table.words("run_as", ("root",), read_run_as),
        commands=read_commands(table) if "commands" in table.values or gives is None else None,
        gives=gives,
        hosts=table.words("hosts", (), read_host) if "hosts" in table.values else None,
        hours=table.words("hours", (), _read_hours) if "hours" in table.values else None,
        origin=table.words("origin", (), read_origin) if "origin" in table.values else None,
        services=table.words("services", ("jitsudo",), read_service),
        reason=_reason(table),
        when=read_when(table, names, naming),
        approvals=approvals_key.read_approvals(table, names, naming.read_who),
        expires_for=table.duration("expires", 15 * 60),
        lasts_for=lasts_for,
        uses=grant.number("uses", 1, 1, MOST_USES),
        terms=_terms(table.table("run"), naming.read_who),
        standing=table.text("standing", "use", ("use", "review")),
        gatekeepers=names_in(table),
        notify=notify_key.channels_in(table, notify),
        visible_to=table.words("visible_to", (), naming.read_who, may_be_empty=True) if "visible_to" in table.values else None,
        masks=table.words("mask", (), read_mask),
        needs_ticket=needs_ticket,
        demand=demand,
        accepts=read_accept(table),
        file=document.file,
        line=document.line_of(table.place),
    )
    return observed_key.observed(table, without_kdc_key.with_local(table, break_glass_key.with_glass(table, rule)))


def _deny(document: Document, table: Table, names: Mapping[str, Name], naming: Naming) -> Rule:
    line = document.line_of(table.place)
    name = _name(table, f"{os.path.basename(document.file)}:{line}")
    misplaced = (*KEYS["permit"], *LATER["permit"])
    table.known((*KEYS["rule"], *KEYS["deny"]), (), misplaced, "belongs to a permit")
    given = table.values
    return Rule(
        "deny",
        name,
        who=table.words("who", (), naming.read_who) if "who" in given else None,
        run_as=table.words("run_as", (), read_run_as) if "run_as" in given else None,
        commands=read_commands(table) if "commands" in given else None,
        gives=table.words("gives", (), read_thing) if "gives" in given else None,
        hosts=table.words("hosts", (), read_host) if "hosts" in given else None,
        hours=table.words("hours", (), _read_hours) if "hours" in given else None,
        origin=table.words("origin", (), read_origin) if "origin" in given else None,
        services=table.words("services", (), read_service) if "services" in given else None,
        when=read_when(table, names, naming),
        because=table.sentence("because"),
        accepts=read_accept(table),
        file=document.file,
        line=line,
    )


def _read_hours(text: str) -> Hours:
    return read_hours(text, _zone)


_NO_ZONES = ("Factory", "localtime", "posix", "posixrules", "right")


def _zone(name: str) -> tzinfo | None:
    """Return the zone ``name`` of the IANA database, or None if there is no such zone. Names such as ``localtime`` are not
    zones.
    """
    if not re.fullmatch(r"[A-Za-z0-9_+/-]+", name) or name.split("/")[0] in _NO_ZONES:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _reason(table: Table) -> Reason | None:
    value = table.values.get("reason")
    if value is None:
        return None
    if value == "required":
        return Reason()
    if not isinstance(value, dict):
        table.fault('"reason" must be "required" or { pattern = "…", hint = "…" }', "reason")
        return None
    inner = table.table("reason")
    inner.known(KEYS["reason"])
    inner.needs("pattern")
    hint = inner.sentence("hint", 200)
    pattern = inner.text("pattern", "")
    if not pattern:
        if value.get("pattern") == "":
            inner.fault('"pattern" is empty: write reason = "required"', "pattern")
        return None
    try:
        return Reason(read_pattern(pattern), hint)
    except ValueError as error:
        inner.fault(f'"pattern" is not a regular expression of RE2: {error}', "pattern")
        return None


def _terms(run: Table, read_who: Callable[[str], str]) -> Terms:
    run.known(KEYS["run"])
    cwd = run.text("cwd", "caller")
    if cwd != "caller" and (not cwd.startswith("/") or "\0" in cwd or ".." in cwd.split("/")):
        run.fault('"cwd" must be "caller" or an absolute directory', "cwd")
    return Terms(
        timeout_for=run.duration("timeout", 1) if "timeout" in run.values else None,
        cwd=cwd,
        env=run.words("env", (), read_variable, may_be_empty=True),
        writable=run.text("writable", "refuse", ("allow", "refuse")) == "allow",
        leftovers=run.text("leftovers", "end", ("end", "keep")),
        stdin=run.text("stdin", "any", ("any", "tty", "none")),
        record=Record(
            what=run.text("record", "none", ("none", "output", "all")) if "record" in run.values else Record().what,
            sync=run.text("record_sync", "interval", ("interval", "always")),
            failure=run.text("record_failure", "end", ("end", "continue")),
        ),
        watch=run.words("watch", (), read_who, may_be_empty=True) if "watch" in run.values else None,
        session=run.text("session", "keep", ("keep", "end")),
        options=run.text("options", "refuse", ("allow", "refuse")) == "allow",
        bound=run.text("operands", "named", ("named", "bound")) == "bound",
        observed=run.text("observed", "no", ("no", "required")) == "required",
        namespace=run.text("namespace", "auto", ("auto", "always", "never")),
    )
