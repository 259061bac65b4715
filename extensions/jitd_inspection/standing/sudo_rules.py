# SPDX-License-Identifier: Apache-2.0
"""Standing privileges by sudoers(5) and doas.conf(5), if the PAM stack of the program does not ask jitd.

Law: sudoers is read by cvtsudoers(1), a program of sudo itself. A part of a rule that this module does not understand counts as
if it gave the right.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Collection, Iterator, Sequence

from jitd.audit.privileges import ROOT, Privilege
from jitd.core.grade import Grade
from jitd.core.root_groups import ROOT_GROUPS
from jitd.hosts import sudoers as settings
from jitd.hosts.findings import Place
from jitd.hosts.places import Unreadable
from jitd_inspection.pamlint import sudoconf
from jitd_inspection.pamlint.linting import SUDO_CONF, SUDOERS, SWITCH
from jitd_inspection.standing.scene import EVERYBODY, Found, Scene, exists, tool
from jitd_inspection.standing.sudo_ldif import CONVERT, Rule, rules_of

PROGRAMS = ("/usr/bin/sudo", "/usr/local/bin/sudo", "/usr/bin/sudo-rs")
DOAS, DOAS_CONF = ("/usr/bin/doas", "/usr/local/bin/doas"), "/etc/doas.conf"
OTHERS_OF_RS = "/etc/sudoers-rs"
ANY_BUT_ROOT = "any account but root"
USERS = re.compile(r"(?:\"[^\"]*\"|\\.|[^\s\"\\,]|[ \t]*,[ \t]*)+")  # of a rule, to the first blank that is beside no comma
ADDRESS = re.compile(r"(?=.*[.:])[0-9a-fA-F.:/]+")  # or a network. A name such as db7 has these letters, too, and no dot
WORD = re.compile(r"\"(?P<quoted>(?:\\.|[^\"\\])*)\"?|(?P<plain>[{}]|(?:\\.|[^\s\"#{}\\])+)|(?P<comment>#.*)")
"""A word of doas.conf."""
ELSEWHERE = " (perhaps for another host)"
MOST_COMMANDS = 3  # commands of one rule that are named


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
    said = tool([*CONVERT, SUDOERS])
    if said is None or said[0] != 0:
        because = "there is no cvtsudoers that reads them" if said is None else "cvtsudoers finds a fault: visudo -c names it"
        yield f"sudoers were not read whole, and each of their {len(known.rules)} rules counts as one for root: {because}"
        yield from _unread(known.rules)
        return
    defaults = {setting.value or ROOT for setting in known.effective("runas_default")}
    if all(setting.bound_to for setting in known.effective("runas_default")):
        defaults.add(ROOT)
    rules = list(rules_of(said[1]))
    here = _of_this_host(rules, scene.host)
    for number, rule in enumerate(rules):
        if rule.content in here:
            taken = {word for later in rules[number + 1 :] if later.takes_from(rule) for word in later.users}
            where = _place(rule.name, known.rules)
            yield from _told(rule, scene, sorted(defaults), where, taken, ELSEWHERE if here[rule.content] else "")


def _unread(rules: Sequence[tuple[Place, str]]) -> Iterator[Found]:
    """Yield each rule as one that lets its users run anything as root. sudo obeys the other lines of a file with a fault."""
    for place, line in rules:
        who = USERS.match(line)
        if who is not None and who[0].strip() not in (ROOT, "#0"):
            yield Privilege(ROOT, "sudo", who[0].strip(), f"{place}: a rule that was not judged")


def _told(rule: Rule, scene: Scene, defaults: Sequence[str], where: str, taken: Collection[str], doubt: str) -> Iterator[Found]:
    """Yield what a rule gives. ``taken`` are words of users from whom a later rule takes it."""
    commands = rule.given
    users = [word for word in rule.users if word.startswith("!") or not {word, "ALL"} & set(taken)]
    if not commands or all(word.startswith("!") for word in users):
        return
    becomes, unknown = _targets(rule, scene, defaults)
    for word in unknown:
        yield f"{where}: it is not known who {word} is"
    told = f"{where}: {_what(rule)}"
    for target in becomes:
        for who, through in _people(users, scene):
            if who != target and not (through and who in taken):
                yield Privilege(target, "sudo", who, f"{told}{through}{doubt}")
    for word in users:
        if word.startswith("%") and scene.sources:
            yield f"{where}: {', '.join(scene.sources)} need not list all members of {word}"


def whom_sudoers_let(scene: Scene) -> dict[str, list[str]] | None:
    """Return the accounts that sudoers name or mean by a group, and what each may run on this host. What a later rule takes away
    is not taken into account. Return None if cvtsudoers cannot read sudoers.
    """
    said = tool([*CONVERT, SUDOERS])
    if said is None or said[0] != 0:
        return None
    rules = list(rules_of(said[1]))
    here = _of_this_host(rules, scene.host)
    found: dict[str, list[str]] = {}
    for rule in (rule for rule in rules if rule.content in here and rule.given):
        for who, through in _people(rule.users, scene):
            if who != EVERYBODY:
                found.setdefault(who, []).append(f"{_what(rule)}{through}")
    return found


def _what(rule: Rule) -> str:
    return f"{_named(rule.given)}{' without a password' if '!authenticate' in rule.options else ''}"


def _named(commands: Sequence[str]) -> str:
    """Return the commands without their arguments, which may have secrets."""
    words = [re.sub(r"^(?:sha\d+:\S+[ ,]+)+", "", word).split(" ")[0] for word in commands]
    if "ALL" in words:
        return "any command"
    more = f" and {len(words) - MOST_COMMANDS} more" if len(words) > MOST_COMMANDS else ""
    return ", ".join(words[:MOST_COMMANDS]) + more


def _of_this_host(rules: Sequence[Rule], host: str) -> dict[tuple[tuple[str, ...], ...], bool]:
    """Return the rules that may be for this host, by their contents, and with each whether it is perhaps for another one. A rule
    is left out only if its names and cvtsudoers agree that it is for another host.
    """
    names = {name.lower() for full in (host, os.uname().nodename) for name in (full, full.partition(".")[0])}
    found = {rule.content: doubt for rule in rules if (doubt := _is_elsewhere(rule.hosts, names)) is not None}
    if len(found) < len({rule.content for rule in rules}):
        for name in sorted(names):
            said = tool([*CONVERT, "-m", f"host={name}", SUDOERS])
            for rule in rules if said is None or said[0] != 0 else rules_of(said[1]):
                found.setdefault(rule.content, True)
    return found


def _is_elsewhere(hosts: Sequence[str], names: Collection[str]) -> bool | None:
    """Return False if a list of hosts means a host with ``names``, and None if it does not. Return True if nobody knows, because
    an address or a netgroup may mean any host. The last word that matches counts.
    """
    found: bool | None = None
    for word in hosts:
        pattern = word.lstrip("!")
        if pattern == "ALL" or any(fnmatch.fnmatchcase(name, pattern.lower()) for name in names):
            found = None if word.startswith("!") else False
        elif (pattern.startswith("+") or ADDRESS.fullmatch(pattern)) and word.startswith("!") == (found is False):
            found = True
    return found


def _targets(rule: Rule, scene: Scene, defaults: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the accounts that the rule gives, and words of unknown meaning. Of words on an account, the last counts."""
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
