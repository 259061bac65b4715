# SPDX-License-Identifier: Apache-2.0
"""What can keep sudo from asking jitd by its plugin. sudo looks at little itself: it loads a plugin that others can write, and
ignores a sudo.conf that others can write.

Law: a host without the line and without a wish for it has no fault, and what could not be read is one. ``jitd doctor``, ``jitd
status``, the metrics and the log tell what stands here, and nothing else of the plugin.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from jitd.hosts.places import MOST_NAMES
from jitd.hosts.places import SUDO_PLUGIN_WANTED as WANTED

CONF, SYMBOL, SHIPPED = "/etc/sudo.conf", "jit_approval", "/usr/lib/jitd/jit_approval.so"
SUDO, SERVICE = "/usr/bin/sudo", "sudo"
OLDEST = (1, 9, 3)  # the version of sudo from which on it asks such a plugin
PLAIN = re.compile(r"[\w/.+=-]+", re.ASCII)
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_OURS = f"{SHIPPED.rpartition('/')[0]}/"  # the directory that has no other plugin of sudo
_ARGUMENT = re.compile(r"socket=/.*|wait=[0-9]{1,6}", re.ASCII)  # as take_options of contrib/gates/jit_approval.c
INSTALL, REMOVE = "jitd pam-install sudo --plugin", "jitd pam-install --remove sudo --plugin"
BACK = f"by su or at the console: install jitd again, or {REMOVE}"

ASKS_NOBODY = "sudo does not ask jitd by its plugin"
REFUSES_ALL = "sudo refuses everybody, and root, too"
REFUSES_OTHERS = "sudo refuses everybody but root"
OTHERS_DECIDE = "others than root decide whether sudo asks jitd"
NOT_KNOWN = "it is not known whether sudo asks jitd"
ANOTHER = "another sudo can be called that may not ask jitd"
GATE_FOR_BOTH = (
    f"to keep sudo-rs, have the gate in place of the plugin, which asks for both: jitd pam-install {SERVICE}, then {REMOVE}"
)


class Changed(NamedTuple):
    """Who else than root may change a file, and the command after which nobody may, if there is one."""

    by: str = ""
    command: str = ""


class Another(NamedTuple):
    """Another set-user-ID program that is called sudo. ``leads_to`` is the file itself if a link is on the way to it, and
    ``is_roots`` is true if root alone can put another file there.
    """

    path: str
    leads_to: str = ""
    is_roots: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen (``plugin_look``). ``words`` are those of the line of sudo.conf that names the plugin. ``ignored`` says why
    sudo ignores sudo.conf, and ``unfit`` what is wrong with the file of the plugin. ``version`` is that of /usr/bin/sudo: empty
    if this file does not load plugins, and None without the file. ``others`` are the other set-user-ID programs. In the
    directories ``crowded``, there are too many names to look for them.
    """

    is_wanted: bool = False
    unreadable: str = ""
    words: tuple[str, ...] = ()
    ignored: Changed = Changed()
    conf: Changed = Changed()
    unfit: str = ""
    plugin: Changed = Changed()
    version: tuple[int, ...] | None = OLDEST
    others: tuple[Another, ...] = ()
    crowded: tuple[str, ...] = ()


class Fault(NamedTuple):
    """``what`` follows from the fault, and ``why``. ``mend`` and ``command`` repair it: at least one of them is not empty."""

    what: str
    why: str
    mend: str = ""
    command: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


def line_of(text: str) -> tuple[str, ...]:
    """Return the words of the line of sudo.conf that names the plugin, or none. Of several, one with another name or of another
    file counts: sudo loads it, too, or refuses everybody without it. One without a file counts last, because sudo ignores it.
    """
    found = (words for _, words in lines_of(text) if words)
    return min(found, key=lambda words: (len(words) < 3, words[1:3] == (SYMBOL, SHIPPED)), default=())


def is_of_jitd(words: tuple[str, ...]) -> bool:
    """True if the line with ``words`` names a file of jitd's, also if its name is misspelled."""
    return len(words) > 2 and words[2].startswith(_OURS)


def why_refused(words: tuple[str, ...]) -> str:
    """Return why the plugin refuses everybody but root by the words of its line, or an empty text."""
    odd = next((word for word in words[3:] if not _ARGUMENT.fullmatch(word)), "")
    return f"{CONF} gives the plugin the argument {_shown(odd)}, which it does not know" if odd else ""


def lines_of(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each line of sudo.conf, with those that continue it, and its words if it names the plugin. As sudo_parseln does of
    sudo: a line with a comment has no continuation, and what follows a NUL is not seen.
    """
    whole = said = ""
    for line in _LINE.findall(text):
        whole, read = whole + line, line.rstrip("\r\n").lstrip(" \t")
        has_comment = "#" in read.partition("\0")[0]
        is_continued = not has_comment and read.endswith("\\") and not read.endswith("\\\\")
        said += read.partition("#")[0] if has_comment else read.removesuffix("\\") if is_continued else read
        if not is_continued:
            yield whole, _words(said)
            whole = said = ""
    if whole:
        yield whole, _words(said)


def _words(line: str) -> tuple[str, ...]:
    words = tuple(re.split(r"[ \t]+", line.partition("\0")[0].rstrip(" \t")))
    return words if words[0].lower() == "plugin" and (words[1:2] == (SYMBOL,) or is_of_jitd(words)) else ()


def judge(seen: Seen) -> Iterator[Fault]:
    """Yield the faults. The first says most of what somebody can do now without being asked about."""
    if seen.unreadable:
        yield Fault(NOT_KNOWN, seen.unreadable, f"see what {CONF} is, and put a file there that root can read")
        return
    if not seen.words:
        if seen.is_wanted:
            told = f"{CONF} has no line of its plugin, which this host wants ({WANTED})"
            yield Fault(ASKS_NOBODY, told, f"or, if it does without from now on: {REMOVE}", INSTALL)
            yield from _of_programs(seen)
        return
    if seen.ignored.by:
        yield _of_others(ASKS_NOBODY, f"it ignores {CONF}, which {seen.ignored.by}", seen.ignored.command)
    if seen.words[1] != SYMBOL:
        why = f"{CONF} names {_shown(seen.words[1])}, and jitd's plugin is {SYMBOL}"
        yield Fault(REFUSES_ALL, why, f"by su or at the console: correct the line, or {REMOVE}")
    elif is_of_jitd(seen.words) and seen.words[2] != SHIPPED:
        why = f"{CONF} names {_shown(seen.words[2])}, and jitd's plugin is {SHIPPED}"
        yield Fault(REFUSES_ALL, why, f"by su or at the console: correct the line, or {REMOVE}")
    elif len(seen.words) < 3 or seen.words[2] != SHIPPED:
        yield Fault(
            NOT_KNOWN,
            f"{CONF} names another file than {SHIPPED}, and it is not known what that asks",
            f"delete the line, then {INSTALL}",
        )
    elif seen.unfit:
        yield Fault(REFUSES_ALL, f"{SHIPPED} {seen.unfit}", BACK)
    elif why := why_refused(seen.words):
        yield Fault(REFUSES_OTHERS, why, "correct the line: it takes wait=SECONDS and socket=PATH")
    yield from _of_programs(seen)
    for changed in (seen.conf if not seen.ignored.by else Changed(), seen.plugin):
        if changed.by:
            yield _of_others(OTHERS_DECIDE, changed.by, changed.command)


def _of_others(what: str, why: str, command: str) -> Fault:
    mend = "" if command else "put it where root alone owns, and may write, each directory and link on its path"
    return Fault(what, why, mend, command)


def _of_programs(seen: Seen) -> Iterator[Fault]:
    if seen.version is not None and seen.version < OLDEST:
        is_, needed = (".".join(map(str, version)) for version in (seen.version, OLDEST))
        told = f"is sudo {is_}" if is_ else "is not known to load plugins (sudo-rs loads none)"
        mend = f"have sudo {needed} or later as {SUDO}; or take the plugin out, and give sudo a gate: jitd pam-install {SERVICE}"
        yield Fault(ASKS_NOBODY, f"{SUDO} {told}", mend)
    for fault in map(of_another, seen.others):
        yield fault._replace(mend=f"{fault.mend}; {GATE_FOR_BOTH}") if fault.command else fault
    for place in seen.crowded:
        told = f"{_shown(place)} has more than {MOST_NAMES} names, so another sudo there is not seen"
        yield Fault(NOT_KNOWN, told, "see who has filled it, and take away what does not belong there")


def of_another(seen: Another) -> Fault:
    """Return the fault that another set-user-ID sudo is, whatever its PAM stack says (ADR 0242)."""
    path, leads_to, is_roots = seen
    name, command = _shown(path), ""
    told = f"{name} is set-user-ID root, beside {SUDO}"
    mend = "take its set-user-ID bit away; if an update sets it again, remove the package (dpkg -S says which)"
    if leads_to:  # to su, say
        told = f"{name} leads to {_shown(leads_to)}, which is set-user-ID root"
        mend = "remove the link: a chmod would change the file that it leads to, which may be needed"
    elif not is_roots:
        mend = "remove it: others than root can put another file there, which a chmod would change"
    elif name == path:  # otherwise, who named it would write a part of what root types
        command = f"chmod u-s {path}"
    return Fault(ANOTHER, told, mend, command)


def _shown(word: str) -> str:
    return word if PLAIN.fullmatch(word) else repr(word)
