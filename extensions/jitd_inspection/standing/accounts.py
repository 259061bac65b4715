# SPDX-License-Identifier: Apache-2.0
"""Standing privileges by accounts: a second account with the same uid, a password that is set, and groups that amount to root.

Sources: passwd(5), shadow(5), gshadow(5), subuid(5), and ``jitd.core.root_groups``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jitd.audit.privileges import ROOT, Privilege
from jitd.core.grade import Grade
from jitd.core.root_groups import ROOT_GROUPS
from jitd_inspection.standing.scene import EVERYBODY, NSSWITCH, Found, Scene, exists, lines_of

PASSWD, SHADOW, GSHADOW = "/etc/passwd", "/etc/shadow", "/etc/gshadow"
SUBUID, SUBGID = "/etc/subuid", "/etc/subgid"
MAPPERS = {SUBUID: "/usr/bin/newuidmap", SUBGID: "/usr/bin/newgidmap"}  # give the ids of these files, in a user namespace
OF_SUDOERS = ("admin", "sudo", "wheel")  # groups whose power is what sudoers gives them. The reader of sudoers judges that.
ELSEWHERE = ("x", "*", "!", "!!")  # second fields of /etc/passwd with which no password is in that file
LOGINS = ("su", "su-l", "login", "sshd")  # the services that a password opens


def look_at_accounts(scene: Scene) -> Iterator[Found]:
    """Yield accounts that share the uid of root, or of an account that rules name."""
    source = scene.read(PASSWD)
    local = {line.partition(":")[0] for _, line in lines_of(source)} if isinstance(source, bytes) else set()
    for one in scene.accounts:
        becomes = scene.becomes(one.name)
        if becomes is not None and one.name not in (becomes, ROOT):
            where = PASSWD if one.name in local else "the directory of accounts"
            yield Privilege(becomes, "account", one.name, f"{where}: the uid {one.uid}")
    if scene.sources:
        told = ", ".join(scene.sources)
        yield f"accounts and groups also come from {told}, which need not list all of them: there may be more of them"
    missing = sorted(name for name in scene.watched if scene.becomes(name) is None)
    if missing:
        yield f"rules name accounts that this host does not know: {', '.join(missing)}"


def look_at_passwords(scene: Scene) -> Iterator[Found]:
    """Yield the accounts whose password is set. An empty password is one, too."""
    fields: dict[str, tuple[str, str]] = {}
    for path in (SHADOW, PASSWD):
        source = scene.read(path)
        if isinstance(source, str):
            yield source
        for _, line in lines_of(source) if isinstance(source, bytes) else ():
            name, _, rest = line.partition(":")
            secret = rest.partition(":")[0]
            if path == SHADOW or secret not in ELSEWHERE:
                fields.setdefault(name, (path, secret))
    for one in scene.targets:
        path, secret = fields.get(one.name, ("", "*"))
        is_open = not all(scene.gates.holds(service, for_root=one.uid == 0) for service in LOGINS)
        if is_open and not secret.startswith(("!", "*")):
            who = f"anybody who knows the password of {one.name}" if secret else EVERYBODY
            told = f"{path}: the password of {one.name} is {'set' if secret else 'empty'}"
            yield Privilege(scene.becomes(one.name) or ROOT, "password", who, told)


def look_at_groups(scene: Scene) -> Iterator[Found]:
    """Yield the members of groups that amount to root, and who can make members of them."""
    shadow = scene.read(GSHADOW)
    if isinstance(shadow, str):
        yield shadow
    for name, gid in _groups_of_root(scene):
        known = ROOT_GROUPS[name]
        for member in scene.members(gid):
            if not scene.is_root(member):
                yield Privilege(ROOT, "group", member, f"the group {name} (gid {gid}): its member {known.does}")
        for _, line in lines_of(shadow) if isinstance(shadow, bytes) else ():
            group, _, rest = line.partition(":")
            secret, _, rest = rest.partition(":")
            if scene.gid(group) != gid:
                continue
            if secret and not secret.startswith(("!", "*")):
                told = f"{GSHADOW}: the password of the group {group}, which amounts to root"
                yield Privilege(ROOT, "group", f"anybody who knows the password of the group {group}", told)
            for admin in filter(None, rest.partition(":")[0].split(",")):
                told = f"{GSHADOW}: an administrator of the group {group}, which amounts to root"
                yield Privilege(ROOT, "group", admin, told)


def _groups_of_root(scene: Scene) -> Iterator[tuple[str, int]]:
    for name, known in sorted(ROOT_GROUPS.items()):
        if known.grade is not Grade.READS and name not in OF_SUDOERS and (gid := scene.gid(name)) is not None:
            yield name, gid


def look_at_subordinate_ids(scene: Scene) -> Iterator[Found]:
    """Yield who has the uid of an account, or the gid of a group that amounts to root, among their subordinate ids."""
    switch = scene.read(NSSWITCH) if exists(*MAPPERS.values()) else None
    text = switch.decode("utf-8", "replace") if isinstance(switch, bytes) else ""
    for word in re.findall(r"^[ \t]*subid[ \t]*:[ \t]*([^#\s]+)", text, re.MULTILINE):
        if word != "files":
            yield f"subordinate ids come from {word}, and were not judged"
    for path, mapper in MAPPERS.items():
        source = scene.read(path) if exists(mapper) else None
        if isinstance(source, str):
            yield source
        for number, line in lines_of(source) if isinstance(source, bytes) else ():
            owner, *numbers = line.split(":")
            try:
                first, count = map(_number, numbers)
            except ValueError:
                continue
            owner = scene.named(int(owner)) if owner.isdecimal() else owner
            ids = range(first, first + count)
            accounts = {one.uid: scene.becomes(one.name) or ROOT for one in scene.targets} if path == SUBUID else {}
            for uid, becomes in accounts.items():
                if uid in ids and scene.becomes(owner) not in (ROOT, becomes):
                    yield Privilege(becomes, "account", owner, f"{path}:{number}: the uid {uid} is one of its subordinate uids")
            for name, gid in _groups_of_root(scene) if path == SUBGID else ():
                if gid in ids and not scene.is_root(owner):
                    told = f"{path}:{number}: the gid {gid} of the group {name} is one of its subordinate gids"
                    yield Privilege(ROOT, "group", owner, told)


def _number(text: str) -> int:
    """Return a number as strtoll(3) reads it with any base. Raises ValueError."""
    text = text.strip()
    return int(text, 8) if text.lstrip("+-").startswith("0") and text.lstrip("+-0").isdecimal() else int(text, 0)
