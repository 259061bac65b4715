# SPDX-License-Identifier: Apache-2.0
"""Owners and modes: the configuration, the key, the socket's directory, what is installed.

Law: what root acts on, root alone may change; what is secret, root alone may read.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass

from jitd.core.document import who_else_may_write
from jitd.doctor.checks.finding import Finding, bad, count, listed, ok, unknown, weak, word


@dataclass(frozen=True, slots=True)
class Seen:
    """What lstat(2) said of ``path``. ``why_not`` is its sentence where it said nothing; ``is_missing``: that is why."""

    path: str
    uid: int = 0
    mode: int = 0
    is_missing: bool = False
    why_not: str = ""


def closed(check: str, seen: Seen, what: str) -> Finding:
    """A file or directory that everybody may read, and root alone may change."""
    if finding := _not_seen(check, seen, what):
        return finding
    if stat.S_ISLNK(seen.mode):
        return bad(check, f"{seen.path} is a symbolic link", f"put {what} itself there, in place of a link to it")
    why = who_else_may_write(seen.uid, seen.mode, 0)
    if why is None:
        return ok(check, f"{seen.path} belongs to root, and root alone may write it")
    return bad(check, f"{seen.path} {why}: whoever may write it decides who is root here", command=_close(seen))


def above(check: str, places: Sequence[Seen]) -> Finding:
    """The directories above something; the sticky bit keeps others from renaming what is not theirs, but not right above it."""
    for place, is_next in ((place, number == len(places) - 1) for number, place in enumerate(places)):
        if finding := _not_seen(check, place, "a directory"):
            return finding
        is_shared = bool(place.mode & stat.S_ISVTX)
        why = who_else_may_write(place.uid, 0 if is_shared and not is_next else place.mode, 0)
        if why and is_shared:  # it is meant to be everybody's: /tmp, say
            return bad(
                check, f"{place.path} {why}", "nothing of jitd's can be right in there: put it below a directory of root's"
            )
        if why:
            said = f"{place.path} {why}: they could put another thing in place of what is below"
            return bad(check, said, command=_close(place))
    nearest = places[-1].path if places else "/"
    return ok(check, f"{nearest}, and what is above it, can be written by root alone")


def plugins(check: str, open_ones: Sequence[tuple[str, str]]) -> Finding:
    """krb5.conf and the like. ``open_ones`` are those that others may change, and who those are."""
    if open_ones:
        path, because = open_ones[0]
        told = f"{because}: {path} says which plugins libkrb5 and libgssapi load into programs of root's, and who the KDC is"
        return bad(
            check, told, command=" && ".join(f"chown root:root {word(each)} && chmod go-w {word(each)}" for each, _ in open_ones)
        )
    return ok(check, "krb5.conf, and what it includes, can be changed by root alone")


def secret(check: str, seen: Seen, what: str) -> Finding:
    """A file that root alone may read or write."""
    if finding := _not_seen(check, seen, what):
        return finding
    if not stat.S_ISREG(seen.mode):
        return bad(check, f"{seen.path} is no regular file", f"put {what} itself there, in place of a link or device")
    wanted = f"chown root:root {word(seen.path)} && chmod 600 {word(seen.path)}"
    if seen.uid != 0:
        return bad(check, f"{seen.path} belongs to uid {seen.uid}, who can read and change it", command=wanted)
    if stat.S_IMODE(seen.mode) & 0o077:
        return bad(
            check, f"{seen.path} has mode {stat.S_IMODE(seen.mode):04o}: others than root can read or write it", command=wanted
        )
    return ok(check, f"{seen.path} belongs to root, and nobody else can read it")


def socket(check: str, seen: Seen, restart: str) -> Finding:
    """The socket that everybody connects to."""
    if seen.is_missing:
        return bad(check, f"there is no {seen.path}", command=restart)
    if finding := _not_seen(check, seen, "the socket"):
        return finding
    if not stat.S_ISSOCK(seen.mode):
        return bad(check, f"{seen.path} is no socket", command=f"rm {word(seen.path)} && {restart}")
    if seen.uid != 0:
        return bad(
            check, f"{seen.path} belongs to uid {seen.uid}: it is not jitd's", command=f"rm {word(seen.path)} && {restart}"
        )
    if stat.S_IMODE(seen.mode) & 0o666 != 0o666:
        return bad(
            check,
            f"{seen.path} has mode {stat.S_IMODE(seen.mode):04o}: not everybody can ask",
            command=f"chmod 666 {word(seen.path)}",
        )
    return ok(check, f"{seen.path} is there, and its mode lets everybody ask")


def installed(check: str, open_ones: Sequence[Seen], n_files: int, missing: Sequence[str]) -> Finding:
    """The programs and all that they load: ``open_ones`` are those that somebody else than root may change."""
    if missing:
        return bad(check, f"not installed: {', '.join(missing)}", "install jitd again: as a package, or with make install")
    if open_ones:
        sentences = [f"{seen.path} {who_else_may_write(seen.uid, seen.mode, 0)}" for seen in open_ones]
        return bad(
            check,
            "what root runs can be changed by others: " + listed(sentences, 3),
            command=" && ".join(_close(seen) for seen in open_ones[:20]),
        )
    return ok(check, f"the programs, and {count(n_files, 'file')} that they are made of, can be changed by root alone")


def python(check: str, version: tuple[int, int], path: str) -> Finding:
    """The interpreter that runs this, and so the daemon."""
    number = f"{version[0]}.{version[1]}"
    if version < (3, 11):
        return bad(
            check, f"{path} is Python {number}, and jitd is written for 3.11", "install Python 3.11 or later as /usr/bin/python3"
        )
    if version > (3, 13):
        return weak(check, f"{path} is Python {number}, with which this jitd was not tried", "use Python 3.11 to 3.13")
    return ok(check, f"{path} is Python {number}")


def _not_seen(check: str, seen: Seen, what: str) -> Finding | None:
    if seen.is_missing:
        return bad(check, f"{seen.path} is missing", f"make {what} there, owned by root")
    if seen.why_not:
        return unknown(check, f"{seen.path} cannot be looked at: {seen.why_not}", "run this as root: jitd doctor")
    return None


def _close(seen: Seen) -> str:
    path = word(seen.path)
    steps = [f"chown root:root {path}"] if seen.uid != 0 else []
    if seen.mode & 0o022:
        steps.append(f"chmod go-w {path}")
    return " && ".join(steps)
