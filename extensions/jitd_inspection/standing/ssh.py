# SPDX-License-Identifier: Apache-2.0
"""Standing privileges by sshd: the keys that root's account and the watched accounts accept, and users of other hosts whom they
accept.

Law: all settings of every sshd of this host count, and those of each Match block as if it matched. So the list may name a key
that only some addresses can use, and leaves out none. A key is named by its fingerprint, and never by its comment. Sources:
sshd_config(5), sshd(8) "AUTHORIZED_KEYS FILE FORMAT".
"""

from __future__ import annotations

import base64
import binascii
import glob
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

from jitd.audit.privileges import ROOT, Privilege
from jitd.hosts import starting
from jitd.hosts.findings import Place
from jitd.hosts.places import Places, Unreadable
from jitd_inspection.pamlint import sshdconfig
from jitd_inspection.pamlint.linting import SSHD_CONFIG, starts_of_sshd
from jitd_inspection.pamlint.sshdconfig import SshdConfig
from jitd_inspection.standing import krb5conf
from jitd_inspection.standing.scene import Account, Found, Scene, exists, lines_of

DEFAULTS = {
    "authorizedkeysfile": (".ssh/authorized_keys", ".ssh/authorized_keys2"),
    "permitrootlogin": ("prohibit-password",),
    "pubkeyauthentication": ("yes",),
    "passwordauthentication": ("yes",),
    "gssapiauthentication": ("no",),
    "hostbasedauthentication": ("no",),
    "ignorerhosts": ("yes",),
}
"""What sshd does if nothing is set (sshd_config(5))."""
ELSEWHERE = {
    "authorizedkeyscommand": "keys that the program {} returns are not known",
    "trustedusercakeys": "who has a certificate that a key in {} has signed is not known",
}
"""Settings by which people get in whom no file of this host names."""
OTHER_SERVERS = ("/usr/sbin/dropbear", "/usr/sbin/in.rshd", "/usr/sbin/in.rlogind", "/usr/sbin/in.telnetd", "/usr/sbin/telnetd")
WIDE = ("/etc/hosts.equiv", "/etc/ssh/shosts.equiv")  # files about all accounts but root
KSU = "/usr/bin/ksu"
UNTOLD = "those whom a file names that is not the account's own"
"""Who is in a file whose words the list does not repeat (``Scene.words_in``)."""
MOST_FILES = 100  # files of keys of one account that one setting may name
KEY = re.compile(r"([\w@.-]+)[ \t]+([A-Za-z0-9+/=\v\f\r]+)(?=[ \t]|$)")  # sshd passes over the blanks in its Base64 (b64_pton)
MARK = re.compile(r"\\\"|[\" \t]")  # what matters in the options of a key: a quote, one behind a backslash, and a blank


@dataclass(frozen=True, slots=True)
class Servers:
    """The settings of every sshd of this host, in all its Match blocks."""

    configs: tuple[SshdConfig, ...]

    def values(self, keyword: str) -> list[tuple[str, ...]]:
        """Return every value that ``keyword`` may have, each as the words of the line."""
        found: dict[tuple[str, ...], None] = {}
        for config in self.configs:
            first = config.first(keyword)
            found[first.values if first else DEFAULTS.get(keyword, ())] = None
            found |= dict.fromkeys(one.values for one in config.settings if one.keyword == keyword and one.match)
        return list(found)

    def may_be(self, keyword: str, *values: str) -> bool:
        """True if the first word of ``keyword`` may be one of ``values``."""
        return any(words and words[0].lower() in values for words in self.values(keyword))


def servers(scene: Scene) -> tuple[Servers, list[str]]:
    """Return the settings of the servers, and sentences about what could not be read."""
    configs: list[SshdConfig] = []
    unseen: list[str] = []
    try:
        starts = [starting.Start(Place(SSHD_CONFIG)), *starts_of_sshd(scene.places)]
    except OSError as fault:
        starts, unseen = [starting.Start(Place(SSHD_CONFIG))], [f"how sshd is started was not judged: {fault}"]
    running, hidden = _running(scene.places)
    unseen += hidden
    for start in [*starts, *running]:
        if start.doubt:
            unseen.append(f"{start.place}: how this sshd is started was not judged: {start.doubt}")
        try:
            named = start.config or SSHD_CONFIG
            source = None if named.lower() == "none" else scene.places.read(named)
            config = sshdconfig.read(source, partial(scene.places.of_sshd, beside=""), start)
        except Unreadable as fault:
            unseen.append(f"{start.place}: the settings of sshd were not judged: {fault}")
            continue
        unseen += [f"{fault.place}: {fault.sentence}" for fault in config.faults]
        configs.append(config)
    return Servers(tuple(configs)), unseen


def _running(places: Places) -> tuple[list[starting.Start], list[str]]:
    """Return how each running sshd was started, and a sentence if that cannot be seen. The sandbox of a unit may hide it."""
    try:
        return list(starting.running(places.processes())), []
    except OSError:
        return [], ["how the running sshd were started could not be seen: their units were judged"]


def look_at_sshd(scene: Scene) -> Iterator[Found]:
    """Yield the keys in all files of keys, without those of accounts that get in only with jitd."""
    for path in OTHER_SERVERS:
        if exists(path):
            yield f"{path} lets people in by rules of its own, which were not judged"
    if not exists(*starting.PROGRAMS):
        return
    known, unseen = servers(scene)
    yield from unseen
    for keyword, told in ELSEWHERE.items():
        for words in known.values(keyword):
            if words and words[0].lower() != "none":
                yield f"sshd: {told.format(' '.join(words[:1]))}"
    for one in scene.targets:
        if scene.gates.holds("sshd", for_root=one.uid == 0) or (one.uid == 0 and not _may_root(known)):
            continue
        if known.may_be("pubkeyauthentication", "yes"):
            for pattern in _files_of(known, "authorizedkeysfile", one):
                paths = _named_by(pattern)
                for path in paths[:MOST_FILES]:
                    yield from _keys_in(path, one, scene)
                if len(paths) > MOST_FILES:
                    yield f"{pattern}: more than {MOST_FILES} files match, and the others were not judged"


def _may_root(known: Servers) -> bool:
    return any(words and words[0].lower() != "no" for words in known.values("permitrootlogin"))


def _files_of(known: Servers, keyword: str, account: Account) -> list[str]:
    """Return the paths that sshd makes of its setting for ``account`` (sshd_config(5) TOKENS)."""
    tokens = {"%": "%", "h": account.home, "u": account.name, "U": str(account.uid)}
    paths = [
        re.sub(r"%(.)", lambda token: tokens.get(token[1], token[0]), word)
        for words in known.values(keyword)
        for word in words
        if word.lower() != "none"
    ]
    return list(dict.fromkeys(path if path.startswith("/") else f"{account.home}/{path}" for path in paths))


def _named_by(pattern: str) -> list[str]:
    """Return the files that sshd reads for ``pattern``, which is a pattern (glob(3)) from version 10.0 on, and a path before."""
    found = islice(glob.iglob(pattern), MOST_FILES + 1) if glob.has_magic(pattern) else ()
    return list(dict.fromkeys((pattern, *found)))


def _keys_in(path: str, account: Account, scene: Scene) -> Iterator[Found]:
    source = scene.read(path)
    if isinstance(source, str):
        yield source
    if not isinstance(source, bytes):
        return
    unread: list[str] = []
    for number, line in lines_of(source):
        if line.startswith("#"):
            continue
        key, is_authority = key_in(line)
        if key is None:
            unread.append(str(number))
            continue
        who = f"the certificates of {key}" if is_authority else key
        yield Privilege(scene.becomes(account.name) or ROOT, "key", who, f"{path}:{number}")
    if unread:
        more = f" and {len(unread) - 5} more" if len(unread) > 5 else ""
        yield f"{path}: no key was found in the lines {', '.join(unread[:5])}{more}"


def key_in(line: str) -> tuple[str | None, bool]:
    """Return the fingerprint of the key in a line of authorized_keys, and whether it is one of an authority that signs
    certificates. Return None if there is no key.
    """
    line = line.partition("\0")[0]  # where the line of a program in C ends
    if (found := _key_at(line)) is not None:
        return found, False
    options = _options_of(line)
    found = _key_at(line[len(options) :].lstrip(" \t"))
    return found, found is not None and "cert-authority" in options.lower()


def _options_of(line: str) -> str:
    """Return the options of a key, which end at the first blank outside of quotes (sshkey_advance_past_options). A regular
    expression for all of it would take for ever on some lines, which are written by people.
    """
    is_quoted = False
    for mark in MARK.finditer(line):
        if mark[0] in " \t" and not is_quoted:
            return line[: mark.start()]
        is_quoted ^= mark[0] == '"'
    return line


def _key_at(text: str) -> str | None:
    found = KEY.match(text)
    if found is None:
        return None
    try:
        blob = base64.b64decode("".join(found[2].split()), validate=True)
    except binascii.Error:
        return None
    named = found[1].encode()
    if blob[:4] != len(named).to_bytes(4, "big") or blob[4 : 4 + len(named)] != named:
        return None
    return f"SHA256:{base64.b64encode(hashlib.sha256(blob).digest()).decode('ascii').rstrip('=')}"


# --- users of other hosts -----------------------------------------------------------------------------------------------


def look_at_rhosts(scene: Scene) -> Iterator[Found]:
    """Yield the lines of .rhosts, .shosts and the files for all accounts, which count if sshd or another server reads them."""
    known = servers(scene)[0] if exists(*starting.PROGRAMS) else Servers(())
    if not (known.may_be("hostbasedauthentication", "yes") or exists(*OTHER_SERVERS)):
        return
    for one in scene.targets:
        if not scene.gates.holds("sshd", for_root=one.uid == 0) or exists(*OTHER_SERVERS):
            becomes = scene.becomes(one.name) or ROOT
            paths = [f"{one.home}/.rhosts", f"{one.home}/.shosts"]
            for path in paths + ([] if one.uid == 0 else list(WIDE)):
                yield from _named_in(path, "rhosts", becomes, one, scene, partial(_user_of_other_host, account=one))


def _user_of_other_host(line: str, account: Account) -> str | None:
    """Return whom ``line`` lets in as ``account``. Return None if the line keeps somebody out."""
    host, *users = line.partition("#")[0].split()[:2] or ["-"]
    if host.startswith("-") or (users and users[0].startswith("-")):
        return None
    return f"{users[0] if users else account.name}@{host}"


def _named_in(
    path: str, way: str, becomes: str, account: Account, scene: Scene, named: Callable[[str], str | None]
) -> Iterator[Found]:
    """Yield whom the file at ``path`` lets in as ``account``. ``named`` returns who that is for one line, or None."""
    source, may_repeat = scene.words_in(path, account)
    if isinstance(source, str):
        yield source
    elif source is not None and not may_repeat:
        yield Privilege(becomes, way, UNTOLD, path)
    elif source is not None:
        for number, line in lines_of(source):
            if (who := named(line)) is not None:
                yield Privilege(becomes, way, who, f"{path}:{number}")


# --- principals ---------------------------------------------------------------------------------------------------------


def look_at_principals(scene: Scene) -> Iterator[Found]:
    """Yield the principals in .k5login and .k5users, which sshd, ksu and other Kerberos services accept for an account. Without
    these files, they accept the principal with the account's name.
    """
    known, unseen = krb5conf.read(scene)
    yield from unseen
    realms = known.values("default_realm") or ["the default realm"]
    sshd = servers(scene)[0] if exists(*starting.PROGRAMS) else Servers(())
    for one in scene.targets:
        becomes = scene.becomes(one.name) or ROOT
        places = [f"{one.home}/.k5login", *(f"{directory}/{one.name}" for directory in known.values("k5login_directory"))]
        for path in (*places, f"{one.home}/.k5users"):
            yield from _named_in(path, "k5login", becomes, one, scene, lambda line: line.split()[0])
        asks_kerberos = sshd.may_be("gssapiauthentication", "yes") and not scene.gates.holds("sshd", for_root=one.uid == 0)
        if (asks_kerberos or exists(KSU)) and any(scene.read(path) is None for path in places):
            for realm in realms:
                yield Privilege(becomes, "k5login", f"{one.name}@{realm}", f"a file is missing: {' or '.join(places)}")
    for path in known.naming("auth_to_local", "auth_to_local_names"):
        yield f"{path}: whom auth_to_local maps to an account was not judged"
