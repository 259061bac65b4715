# SPDX-License-Identifier: Apache-2.0
"""Standing privileges by sudoers(5) and doas.conf(5), if the PAM stack of the program does not ask jitd.

Law: sudoers is read by cvtsudoers(1), a program of sudo itself. A part of a rule that this module does not understand counts as
if it gave the right.
"""

from __future__ import annotations

import base64
import fnmatch
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from jitd.core.grade import Grade
from jitd.core.root_groups import ROOT_GROUPS
from jitd.pamlint import sudoconf
from jitd.pamlint import sudoers as settings
from jitd.pamlint.findings import Place
from jitd.pamlint.linting import SUDO_CONF, SUDOERS, SWITCH
from jitd.pamlint.places import Unreadable
from jitd.standing.privileges import ROOT, Privilege
from jitd.standing.scene import EVERYBODY, Found, Scene, exists, tool

CONVERTER = "/usr/bin/cvtsudoers"
PROGRAMS = ("/usr/bin/sudo", "/usr/local/bin/sudo", "/usr/bin/sudo-rs")
DOAS, DOAS_CONF = ("/usr/bin/doas", "/usr/local/bin/doas"), "/etc/doas.conf"
OTHERS_OF_RS = "/etc/sudoers-rs"
ANY_BUT_ROOT = "any account but root"
USERS = re.compile(r"(?:\"[^\"]*\"|\\.|[^\s\"\\,]|[ \t]*,[ \t]*)+")
"""The users of a rule, which end at the first blank that is beside no comma."""
WORD = re.compile(r"\"(?P<quoted>(?:\\.|[^\"\\])*)\"?|(?P<plain>[{}]|(?:\\.|[^\s\"#{}\\])+)|(?P<comment>#.*)")
"""A word of doas.conf."""
MOST_COMMANDS = 3
"""Maximum number of commands of one rule that are named."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of the LDIF that cvtsudoers writes (sudoers.ldap(5)). Each value is as in sudoers, without aliases."""

    name: str
    users: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    run_as: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)


def look_at_sudoers(scene: Scene) -> Iterator[Found]:
    """Yield the rules of sudoers. If nobody gets past sudo's gate, yield nothing."""
    if not exists(SUDOERS, *PROGRAMS) or (scene.gates.holds("sudo") and scene.gates.holds("sudo-i")):
        return
    if exists(OTHERS_OF_RS):
        yield f"{OTHERS_OF_RS} was not judged"
    try:
        conf, switch = scene.places.read(SUDO_CONF), scene.places.read(SWITCH)
        for found in sudoconf.judge(conf, switch, scene.places.who_may_put):
            yield f"{found.place}: {found.sentence}"
        source = scene.places.read(SUDOERS)
    except Unreadable as fault:
        yield f"sudoers were not judged: {fault}"
        return
    if source is None:
        return
    known = settings.read(source, scene.places.of_sudoers)
    for found in known.faults:
        yield f"{found.place}: {found.sentence}"
    said = tool([CONVERTER, "-c", "/dev/null", "-e", "-f", "ldif", "-b", "ou=sudoers", SUDOERS])
    if said is None or said[0] != 0:
        because = "there is no cvtsudoers that reads them" if said is None else "cvtsudoers finds a fault: visudo -c names it"
        yield f"sudoers were not read whole, and each of their {len(known.rules)} rules counts as one for root: {because}"
        yield from _unread(known.rules)
        return
    defaults = {setting.value or ROOT for setting in known.effective("runas_default")}
    if all(setting.bound_to for setting in known.effective("runas_default")):
        defaults.add(ROOT)
    for rule in rules_of(said[1]):
        yield from _told(rule, scene, sorted(defaults), _place(rule.name, known.rules))


def _unread(rules: Sequence[tuple[Place, str]]) -> Iterator[Found]:
    """Yield each rule as one that lets its users run anything as root. sudo obeys the other lines of a file with a fault."""
    for place, line in rules:
        who = USERS.match(line)
        if who is not None and who[0].strip() not in (ROOT, "#0"):
            yield Privilege(ROOT, "sudo", who[0].strip(), f"{place}: a rule that was not judged")


def rules_of(ldif: bytes) -> Iterator[Rule]:
    """Yield the rules in the output of ``cvtsudoers -f ldif``. Source: RFC 2849."""
    for entry in re.split(r"\n{2,}", ldif.decode("utf-8", "surrogateescape").replace("\n ", "")):
        values: dict[str, list[str]] = {}
        for line in entry.split("\n"):
            name, colon, value = line.partition(":")
            if value.startswith(":"):
                value = base64.b64decode(value[1:]).decode("utf-8", "surrogateescape")
            if colon:
                values.setdefault(name, []).append(value.strip(" "))
        if "sudoUser" in values:
            names = ("sudoUser", "sudoHost", "sudoRunAsUser", "sudoRunAsGroup", "sudoCommand", "sudoOption")
            yield Rule(values.get("cn", [""])[0], *(values.get(name, []) for name in names))


def _told(rule: Rule, scene: Scene, defaults: Sequence[str], where: str) -> Iterator[Found]:
    commands = [word for word in rule.commands if not word.startswith("!") and word != "list"]
    if not commands or not _is_here(rule.hosts, scene.host):
        return
    becomes, unknown = _targets(rule, scene, defaults)
    for word in unknown:
        yield f"{where}: it is not known who {word} is"
    told = f"{where}: {_named(commands)}{' without a password' if '!authenticate' in rule.options else ''}"
    for target in becomes:
        for who, through in _people(rule.users, scene):
            if who != target:
                yield Privilege(target, "sudo", who, f"{told}{through}")
    for word in rule.users:
        if word.startswith("%") and scene.sources:
            yield f"{where}: {', '.join(scene.sources)} need not list all members of {word}"


def _named(commands: Sequence[str]) -> str:
    """Return the commands without their arguments, which may have secrets."""
    words = [re.sub(r"^(?:sha\d+:\S+[ ,]+)+", "", word).split(" ")[0] for word in commands]
    if "ALL" in words:
        return "any command"
    more = f" and {len(words) - MOST_COMMANDS} more" if len(words) > MOST_COMMANDS else ""
    return ", ".join(words[:MOST_COMMANDS]) + more


def _is_here(hosts: Sequence[str], host: str) -> bool:
    """True if a list of hosts may mean this host. An address or a netgroup always may. The last word that matches counts."""
    names = {name.lower() for full in (host, os.uname().nodename) for name in (full, full.partition(".")[0])}
    is_here = False
    for word in hosts:
        pattern = word.lstrip("!")
        is_sure = pattern == "ALL" or any(fnmatch.fnmatchcase(name, pattern.lower()) for name in names)
        is_open = pattern.startswith("+") or bool(re.fullmatch(r"[0-9a-fA-F.:/]+", pattern))
        if word.startswith("!"):
            is_here = is_here and not is_sure
        elif is_sure or is_open:
            is_here = True
    return is_here


def _targets(rule: Rule, scene: Scene, defaults: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the accounts that the rule lets people become, and words of which nobody knows whom they mean. The last word that is
    about an account counts.
    """
    found: dict[str, None] = {}
    unknown: list[str] = []
    for word in rule.run_as or ([] if rule.groups else defaults):
        negated, name = word.startswith("!"), scene.named_in(word.lstrip("!"))
        if word.startswith("+"):
            unknown.append(word)
        elif negated and name == "ALL":
            found.clear()
        elif negated and scene.is_root(name):
            found = {ANY_BUT_ROOT if one == ROOT else one: None for one in found}
        elif name == "ALL":
            found[ROOT] = None
        elif word.startswith("%"):
            members = scene.members(gid) if (gid := scene.gid_in(word)) is not None else ()
            found |= dict.fromkeys(filter(None, map(scene.becomes, members)))
        elif not negated and (becomes := scene.becomes(name)) is not None:
            found[becomes] = None
    found |= dict.fromkeys(ROOT for word in rule.groups if _is_of_root(word, scene))
    return list(found), unknown


def _is_of_root(group: str, scene: Scene) -> bool:
    """True if a command with the group ``group``, a word of sudoers, has the power of root."""
    if group == "ALL":
        return True
    gid = scene.gid_in(group)
    powers = (name for name, known in ROOT_GROUPS.items() if known.grade is not Grade.READS)
    return gid is not None and any(scene.gid(name) == gid for name in powers)


def _people(users: Sequence[str], scene: Scene) -> Iterator[tuple[str, str]]:
    """Yield each person whom the words ``users`` of sudoers mean, and how. Other words stand for themselves. The last word that
    is about a person counts. A word that takes a group away is not taken into account.
    """
    found: dict[str, str] = {}
    for word in users:
        gid = scene.gid_in(word) if word.startswith("%") else None
        name = scene.named_in(word.lstrip("!"))
        if word.startswith("!"):
            found = {} if name == "ALL" else {who: through for who, through in found.items() if who != name}
        elif name == "ALL":
            found[EVERYBODY] = ""
        elif gid is not None:
            found |= {member: f" (a member of {word})" for member in scene.members(gid) if member not in found}
        elif not word.startswith("%") or word.startswith("%:") or scene.sources:
            found[name] = ""
    yield from ((who, through) for who, through in found.items() if not scene.is_root(who))


def _place(name: str, rules: Sequence[tuple[Place, str]]) -> str:
    """Return the line of the rule that cvtsudoers calls ``name``, or the files that may have it."""
    written = re.sub(r"\\(.)", r"\1", name)
    for word in (written, re.sub(r"_\d+$", "", written)):
        places = [place for place, line in rules if re.match(re.escape(word) + r"(?:[\s,=]|$)", line.lstrip('!"'))]
        if places:
            files = dict.fromkeys(place.file for place in places)
            return str(places[0]) if len(places) == 1 else " or ".join(files)
    return SUDOERS


# --- doas ---------------------------------------------------------------------------------------------------------------


def look_at_doas(scene: Scene) -> Iterator[Found]:
    """Yield the lines of doas.conf that permit something. A later line that denies is not taken into account."""
    if not exists(*DOAS) or scene.gates.holds("doas"):
        return
    source = scene.read(DOAS_CONF)
    if isinstance(source, str):
        yield source
    if not isinstance(source, bytes):
        return
    text = source.decode("utf-8", "surrogateescape").replace("\\\n", "  ")
    for number, line in enumerate(text.split("\n"), 1):
        found = [part for part in WORD.finditer(line) if not part["comment"]]
        words = [re.sub(r"\\(.)", r"\1", part["quoted"] if part["quoted"] is not None else part["plain"]) for part in found]
        if "{" in words and "}" in words:  # setenv
            words = words[: words.index("{") - 1] + words[words.index("}") + 1 :]
        if words[:1] == ["permit"]:
            yield from _of_doas(words, scene, f"{DOAS_CONF}:{number}")


def _of_doas(words: Sequence[str], scene: Scene, where: str) -> Iterator[Found]:
    rest = [word for word in words[1:] if word not in ("nopass", "nolog", "persist", "keepenv")]
    told = " without a password" if "nopass" in words[:5] else ""
    target = rest[rest.index("as") + 1] if "as" in rest[1:-1] else ROOT
    target = scene.named(int(target)) if target.isdecimal() else target
    command = rest[rest.index("cmd") + 1] if "cmd" in rest[1:-1] else "any command"
    becomes = scene.becomes(target)
    if not rest or becomes is None:
        return
    named = f"%{rest[0][1:]}" if rest[0].startswith(":") else f"#{rest[0]}" if rest[0].isdecimal() else rest[0]
    for who, through in _people([named], scene):
        if who != becomes:
            yield Privilege(becomes, "doas", who, f"{where}: {command}{told}{through}")
