# SPDX-License-Identifier: Apache-2.0
"""The export of a directory (sudoers.ldap(5)), which cvtsudoers reads.

Law: what an entry means is what cvtsudoers says. It ignores without a word what it does not know, and it numbers the entries
anew. So each goes to it with its number as one more option, and what comes back without the number of an entry is named.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from jitd.core.wording import listed
from jitd_inspection.standing.sudo_ldif import Rule

MARK = "jitd_entry="
_READ = """
objectclass cn sudouser sudohost sudorunas sudorunasuser sudorunasgroup sudocommand sudooption sudonotbefore sudonotafter
sudoorder
"""
READ = frozenset(_READ.split())
OF_PLACE = frozenset(("dn", "version", "ou", "dc", "o", "description"))  # they say where an entry is, and what for
NEEDED = {"sudouser": "sudoUser", "sudohost": "sudoHost", "sudocommand": "sudoCommand"}
LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9.;-]*)[ \t]*:(.*)")


@dataclass(slots=True)
class Entry:
    """What stands between two empty lines: its lines with their numbers, and its values by names in small letters."""

    words: list[tuple[int, str]] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)

    @property
    def line(self) -> int:
        return self.words[0][0]

    @property
    def order(self) -> float:
        return float(self.values.get("sudoorder", ["0"])[0])

    @property
    def is_of_sudo(self) -> bool:
        return any(name.startswith("sudo") for name in self.values)


@dataclass(frozen=True, slots=True)
class Found:
    """What cvtsudoers has made of an export. ``lines`` has the line of each entry, and ``ignored`` are sentences."""

    entries: list[Rule]
    settings: list[str]
    lines: list[int]
    ignored: list[str]


def read(text: str) -> tuple[list[Entry], list[tuple[int, str]]]:
    """Return the entries of ``text``, and its faults, each with its line."""
    entries: list[Entry] = []
    is_new, lines = True, text.removesuffix("\n").split("\n")
    for number, raw in enumerate(lines, 1):
        line = raw.rstrip("\r")
        if line.startswith(" ") and not is_new:
            begins, folded = entries[-1].words.pop()
            entries[-1].words.append((begins, folded + line[1:]))
        elif not line.strip(" \t"):
            is_new = True
        else:
            if is_new:
                entries.append(Entry())
            is_new = False
            entries[-1].words.append((number, line))
    faults = []
    if not is_new and not entries[-1].words[-1][1].startswith("#"):
        faults.append(
            (len(lines), "no empty line comes after this one: the text was cut short, or lacks an empty line at its end")
        )
    for entry in entries:
        entry.words = [(line, word) for line, word in entry.words if not word.startswith("#")]
        faults += _faults(entry)
    entries = [entry for entry in entries if entry.words]
    if not entries:
        faults.append((1, "there is no entry"))
    return entries, faults


def _faults(entry: Entry) -> Iterator[tuple[int, str]]:
    for line, word in entry.words:
        match = LINE.fullmatch(word)
        if match is None or "\0" in word:
            yield line, "is not a line of LDIF"
            continue
        name = match[1].lower()
        entry.values.setdefault(name, []).append(match[2].strip(" \t"))
        if name.startswith("sudo") and name not in READ:
            yield line, f"{match[1]} is not an attribute that sudo reads: correct it, or take it out"
        if name in ("changetype", "control"):
            yield line, f"{match[1]}: this is a change, and no entry: ask ldapsearch with -LLL"
        if name == "sudoorder" and (len(entry.values[name]) > 1 or not re.fullmatch(r"-?\d+(?:\.\d+)?", entry.values[name][0])):
            yield line, "sudoOrder is not one number"


def marked(entries: Sequence[Entry]) -> str:
    """Return ``entries`` for cvtsudoers: without the names of places, of which it reads those of one alone."""
    texts = []
    for n, entry in enumerate(entries):
        words = [word for _, word in entry.words if not re.match(r"dn[ \t]*:", word, re.IGNORECASE)]
        texts.append("\n".join((*words, f"sudoOption: {MARK}{n}", "", "")))
    return "".join(texts)


def taken(entries: Sequence[Entry], rules: Sequence[Rule], settings: Sequence[str]) -> tuple[Found, list[tuple[int, str]]]:
    """Return what became of ``entries``, in sudo's order, and faults. ``rules`` and ``settings`` come from cvtsudoers."""
    numbers = [[int(one.removeprefix(MARK)) for one in rule.options if one.startswith(MARK)] for rule in rules]
    of_settings = {int(one.removeprefix(MARK)) for one in settings if one.startswith(MARK)}
    if any(len(of_it) != 1 for of_it in numbers) or len({of_it[0] for of_it in numbers}) != len(rules):
        return Found([], [], [], []), [(1, "cvtsudoers does not keep the entries apart")]
    found = sorted(zip((of_it[0] for of_it in numbers), rules, strict=True), key=lambda one: (entries[one[0]].order, one[0]))
    faults, ignored = [], []
    known = of_settings.union(n for n, _ in found)
    for n, entry in enumerate(entries):
        lacking = tuple(name for key, name in NEEDED.items() if key not in entry.values)
        is_odd = len(lacking) == len(NEEDED) or any(map(_is_defaults, entry.values.get("cn", ())))
        if n in known or not entry.is_of_sudo:
            continue
        if not lacking:
            faults.append((entry.line, "cvtsudoers does not take this entry: ask for its objectClass, too"))
        elif is_odd:
            faults.append((entry.line, "this entry may be settings, which cvtsudoers does not take: correct it, or take it out"))
        else:
            ignored.append(f"line {entry.line}: an entry without {listed(lacking, 'and')}, which gives nothing")
    others = {name for entry in entries if entry.is_of_sudo for name in entry.values} - READ - OF_PLACE
    if others:
        ignored.append(f"of each entry: {', '.join(sorted(others))}")
    kept = [one for one in settings if not one.startswith(MARK)]
    return Found([_of(entries[n], rule) for n, rule in found], kept, [entries[n].line for n, _ in found], ignored), faults


def _is_defaults(name: str) -> bool:
    """True if ``name``, which is base64 if a colon stands before it, is perhaps that of the settings."""
    try:
        plain = base64.b64decode(name[1:].strip(), validate=True) if name.startswith(":") else name.encode()
    except ValueError:
        return True
    return plain.strip().lower() == b"defaults"


def _of(entry: Entry, rule: Rule) -> Rule:
    """Return ``rule`` with what cvtsudoers changes: the order, the number of the entry, and a time that it cannot read."""
    times = rule.times or entry.values.get("sudonotbefore", []) + entry.values.get("sudonotafter", [])
    return replace(rule, order=entry.order, options=[one for one in rule.options if not one.startswith(MARK)], times=times)
