# SPDX-License-Identifier: Apache-2.0
"""The entry of an account in this host's files. The distribution's own tools make, repair and remove the entry.

Law: no password ever matches, because the password field in shadow(5) contains one character that is not the hash of any
password. The account gets no subordinate uids, because files with such uids would not be found later. Every step
waits for the lock of the tools first. Sources: useradd(8), usermod(8), userdel(8), groupadd(8), shadow(5).
"""

from __future__ import annotations

import grp
import pwd
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from jitd_things.givers import account_lock
from jitd_things.givers.account_notes import Note
from jitd_things.givers.kind import named

USERADD, USERMOD, USERDEL = "/usr/sbin/useradd", "/usr/sbin/usermod", "/usr/sbin/userdel"
GROUPADD, GROUPDEL = "/usr/sbin/groupadd", "/usr/sbin/groupdel"
SHADOW = Path("/etc/shadow")
NO_PASSWORD = "*"  # a "!" would lock the account, and sshd would refuse keys, too (sshd(8), UsePAM no)
DAY = 86400


class NotDone(Exception):
    """A tool of the distribution failed to do its task. The text is a sentence."""


def mark_of(holding: str) -> str:
    """Return jitd's mark for ``holding``. The comment of the account that jitd makes for ``holding`` begins with this mark."""
    return f"jitd {holding}"


def entry_of(account: str) -> pwd.struct_passwd | None:
    with suppress(KeyError):
        return pwd.getpwnam(account)
    return None


def renamed(note: Note) -> str:
    """If somebody has renamed the account of ``note``, return a sentence that says what to do. Otherwise return an empty string.
    The account was renamed if no account has the name in the note, and another account has the uid in the note.
    """
    try:
        entry = pwd.getpwuid(note.uid)
    except KeyError:
        return ""
    if entry.pw_name == note.account or entry_of(note.account) is not None:
        return ""
    other = named(entry.pw_name)
    back = f"rename the account back (usermod -l {note.account} {other}), so that jitd can remove the account"
    return f"the account {note.account} was renamed to {other}: {back}; or remove the account yourself (userdel {other})"


def group_of(name: str) -> grp.struct_group | None:
    with suppress(KeyError):
        return grp.getgrnam(name)
    return None


def make(note: Note, comment: str) -> None:
    """Make the account of ``note``, or change an existing account so that it matches the note. Raises NotDone."""
    uid, account = str(note.uid), note.account
    if fault := renamed(note):
        raise NotDone(fault)
    if group_of(account) is None:
        _run("the group of the account cannot be made", GROUPADD, "-g", uid, account)
    terms = ["-d", note.home, "-s", note.shell, "-p", NO_PASSWORD, "-e", _date(note.expires)]
    if entry_of(account) is None:
        no_more = ["-M", "-N", "-l", "-K", "SUB_UID_COUNT=0", "-K", "SUB_GID_COUNT=0"]
        _run("the account cannot be made", USERADD, "-u", uid, "-g", uid, "-c", comment, *no_more, *terms, account)
    elif faults_of(note):
        _run("the account cannot be mended", USERMOD, "-g", uid, *terms, account)
    if fault := "; ".join(faults_of(note)):
        raise NotDone(f"the account {account} does not have the values that jitd has set: {fault}")


def faults_of(note: Note) -> list[str]:
    """Return the differences between the account and ``note``, as parts of a sentence."""
    entry, shadow = entry_of(note.account), shadow_of(note.account)
    if entry is None:
        return ["it is gone"]
    faults = []
    if (entry.pw_uid, entry.pw_gid) != (note.uid, note.uid):
        faults.append(f"its uid and gid are {entry.pw_uid} and {entry.pw_gid}, not {note.uid}")
    if (entry.pw_dir, entry.pw_shell) != (note.home, note.shell):
        faults.append(f"its home is {entry.pw_dir} and its shell {entry.pw_shell}")
    if shadow.get("password") != NO_PASSWORD:
        faults.append("it has a password, or is locked")
    if shadow.get("expires") != str(note.expires):
        faults.append("it expires on another day")
    return faults


def shadow_of(account: str) -> dict[str, str]:
    """Return ``password`` and ``expires`` of shadow(5), or nothing if the account has no line there. Raises OSError."""
    with suppress(FileNotFoundError):
        for line in SHADOW.read_bytes().decode("utf-8", "surrogateescape").split("\n"):
            fields = line.split(":")
            if fields[0] == account and len(fields) > 7:
                return {"password": fields[1], "expires": fields[7]}
    return {}


def remove(note: Note, ending: Collection[int]) -> None:
    """Remove the account and its group, also while its programs run. For ``ending``, see ``account_lock.run``. Raises NotDone if
    a step fails, and for a renamed account, which may not be ours.
    """
    if fault := renamed(note):
        raise NotDone(fault)
    if entry_of(note.account) is not None:
        _run("the account cannot be removed", USERDEL, "-f", note.account, ending=ending)
    group = group_of(note.account)
    if group is not None and group.gr_gid == note.uid:
        _run("the group of the account cannot be removed", GROUPDEL, note.account, ending=ending)
    if (other := _name_of_group(note.uid)) not in ("", note.account):
        raise NotDone(f"the group of the account {note.account} was renamed to {other}: remove it (groupdel {other})")
    if entry_of(note.account) is not None or (group is not None and group_of(note.account) == group):
        where = "see which source in /etc/nsswitch.conf has this account, or a group of this name"
        raise NotDone(f"the account {note.account} was removed, but this host still finds it: {where}")


def _name_of_group(gid: int) -> str:
    with suppress(KeyError):
        return named(grp.getgrgid(gid).gr_name)
    return ""


def _date(days: int) -> str:
    """Return the day ``days`` (in days since 1970) in the form that useradd accepts."""
    return str(days)


def _run(why: str, *words: str, ending: Collection[int] = ()) -> None:
    said = account_lock.run([*words], ending)
    if isinstance(said, str):
        raise NotDone(f"{why}: {said}")
    if said.status != 0:
        raise NotDone(f"{why}: {said.said or f'status {said.status}'}")
