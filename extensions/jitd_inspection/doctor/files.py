# SPDX-License-Identifier: Apache-2.0
"""Checks the owners and modes of the installed files. The other checks of ``jitd doctor`` use this module for their own files.

Law: only root may change files that root uses. Only root may read secret files. If the checked file is a link, the check does
not follow the link.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jitd.core.ownership import who_else_may_write
from jitd.packages import TOP, is_installed, packages
from jitd.versions import PROGRAMS as OTHERS
from jitd.versions import STATUS, not_tried, programs_in
from jitd_inspection.doctor.finding import Result, bad, count, listed, ok, unknown, word

PROGRAMS = ("/usr/bin/jitsudo", "/usr/sbin/jitd")
MOST_FOUND = 50


@dataclass(frozen=True, slots=True)
class Seen:
    """The result of lstat(2) for ``path``. ``why_not`` says why it failed, unless the file ``is_missing``."""

    path: str
    uid: int = 0
    mode: int = 0
    is_missing: bool = False
    why_not: str = ""


def examine_installed() -> Iterator[Result]:
    """Yield the findings about the interpreter, the programs, everything that they load, and the programs that they depend on."""
    yield python("python", sys.version_info[:2], sys.executable)
    yield others("versions", see_others())
    yield installed("installed", *see_installed())


def see(path: Path | str) -> Seen:
    """Read the status of one file. If the file is a link, read the status of the link itself."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return Seen(str(path), is_missing=True)
    except OSError as fault:
        return Seen(str(path), why_not=fault.strerror or "it fails")
    return Seen(str(path), status.st_uid, status.st_mode)


def see_above(path: Path) -> list[Seen]:
    """Read the status of the directories above ``path``, beginning with the root directory. Links are resolved first."""
    real = Path(os.path.realpath(path.parent))
    return [see(place) for place in reversed((real, *real.parents))]


def read(path: Path) -> tuple[bytes | None, str]:
    """Return the first MiB of the file ``path``. If the file cannot be read, return None and the reason."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            return file.read(1 << 20), ""
    except OSError as fault:
        return None, fault.strerror or "it fails"


def see_installed() -> tuple[list[Seen], int, list[str]]:
    """Check the programs and the files that they load. Return three values: the files that an account besides root may change (at
    most MOST_FOUND files), the number of all checked files, and the missing programs.
    """
    seen = [see(path) for path in (PROGRAMS if is_installed() else sys.argv[:1])]
    missing = [one.path for one in seen if one.is_missing]
    seen += see_above(TOP / "jitd")
    for root in [TOP] if is_installed() else packages():
        for directory, _, names in os.walk(root):
            seen.append(see(directory))
            seen += [see(os.path.join(directory, name)) for name in names]
    return [one for one in seen if not one.is_missing and _who_else(one)][:MOST_FOUND], len(seen), missing


def see_others() -> dict[str, str] | str:
    """Return program → version of the programs that jitd depends on (``jitd.versions``). If they are not known, return why."""
    try:
        return programs_in(Path(STATUS).read_bytes())
    except OSError as fault:
        return f"{STATUS}: {fault.strerror}"


def _who_else(seen: Seen) -> str | None:
    """Say why an account besides root may change the file, or return None. The mode of a link is ignored, as by the kernel."""
    return who_else_may_write(seen.uid, 0 if stat.S_ISLNK(seen.mode) else seen.mode, 0)


def installed_at() -> float:
    """Return when the newest module of jitd was installed (its change time), in seconds since 1970."""
    newest = 0.0
    for package in packages():
        for directory, _, names in os.walk(package):
            modules = [os.path.join(directory, name) for name in names if name.endswith(".py")]
            newest = max([newest, *(os.lstat(module).st_ctime for module in modules)])
    return newest


def closed(check: str, seen: Seen, what: str) -> Result:
    """Judge a file or directory that everybody may read and that only root may change."""
    if finding := _not_seen(check, seen, what):
        return finding
    if stat.S_ISLNK(seen.mode):
        return bad(check, f"{seen.path} is a symbolic link", f"put {what} itself there, in place of a link to it")
    why = who_else_may_write(seen.uid, seen.mode, 0)
    if why is None:
        return ok(check, f"{seen.path} belongs to root, and root alone may write it")
    return bad(check, f"{seen.path} {why}: anybody who may write it decides who is root here", command=_closing(seen))


def above(check: str, places: Sequence[Seen]) -> Result:
    """Judge the directories above a file. Only root may write to them, or everybody with the sticky bit, such as in /tmp, unless
    the file is directly in there.
    """
    for number, place in enumerate(places, 1):
        if finding := _not_seen(check, place, "a directory"):
            return finding
        is_shared = bool(place.mode & stat.S_ISVTX)  # it is meant for everybody, as /tmp is
        why = who_else_may_write(place.uid, 0 if is_shared and number < len(places) else place.mode, 0)
        if why and is_shared:
            mend = "jitd is not safe below that directory: put it below a directory that belongs to root"
            return bad(check, f"{place.path} {why}", mend)
        if why:
            said = f"{place.path} {why}: others than root can replace what is below this directory"
            return bad(check, said, command=_closing(place))
    nearest = places[-1].path if places else "/"
    return ok(check, f"{nearest}, and what is above it, can be written by root alone")


def secret(check: str, seen: Seen, what: str) -> Result:
    """Judge a file that only root may read or write."""
    if finding := _not_seen(check, seen, what):
        return finding
    path, mode = seen.path, stat.S_IMODE(seen.mode)
    if not stat.S_ISREG(seen.mode):
        return bad(check, f"{path} is not a regular file", f"put {what} itself there, in place of a link or device")
    wanted = f"chown root:root {word(path)} && chmod 600 {word(path)}"
    if seen.uid != 0:
        return bad(check, f"{path} belongs to uid {seen.uid}, who can read and change it", command=wanted)
    if mode & 0o077:
        return bad(check, f"{path} has mode {mode:04o}: others than root can read or write it", command=wanted)
    return ok(check, f"{path} belongs to root, and nobody else can read it")


def socket(check: str, seen: Seen, restart: str) -> Result:
    """Judge the socket for clients."""
    path, mode, anew = seen.path, stat.S_IMODE(seen.mode), f"rm {word(seen.path)} && {restart}"
    if seen.is_missing:
        return bad(check, f"there is no {path}", command=restart)
    if finding := _not_seen(check, seen, "the socket"):
        return finding
    if not stat.S_ISSOCK(seen.mode):
        return bad(check, f"{path} is not a socket", command=anew)
    if seen.uid != 0:
        return bad(check, f"{path} belongs to uid {seen.uid}: it is not jitd's", command=anew)
    if mode & 0o666 != 0o666:
        return bad(check, f"{path} has mode {mode:04o}: not everybody can ask", command=f"chmod 666 {word(path)}")
    return ok(check, f"{path} is there, and its mode lets everybody ask")


def _not_seen(check: str, seen: Seen, what: str) -> Result | None:
    if seen.is_missing:
        return bad(check, f"{seen.path} is missing", f"make {what} there, owned by root")
    if seen.why_not:
        return unknown(check, f"{seen.path} cannot be looked at: {seen.why_not}", "run this as root: jitd doctor")
    return None


def _closing(seen: Seen) -> str:
    """Return the command after which only root can write to the file."""
    path = word(seen.path)
    steps = [f"chown root:root {path}"] if seen.uid != 0 else []
    if seen.mode & 0o022:
        steps.append(f"chmod go-w {path}")
    return " && ".join(steps)


def installed(check: str, open_ones: Sequence[Seen], n_files: int, missing: Sequence[str]) -> Result:
    """Judge the installed files. ``open_ones`` are the files that an account besides root may change."""
    if missing:
        return bad(check, f"not installed: {', '.join(missing)}", "install jitd again: as a package, or with make install")
    if open_ones:
        sentences = [f"{seen.path} {who_else_may_write(seen.uid, seen.mode, 0)}" for seen in open_ones]
        command = " && ".join(_closing(seen) for seen in open_ones[:20])
        return bad(check, "what root runs can be changed by others: " + listed(sentences, 3), command=command)
    return ok(check, f"the programs, and {count(n_files, 'file')} that they are made of, can be changed by root alone")


def python(check: str, version: tuple[int, int], path: str) -> Result:
    """Judge the version of Python in this process. The daemon uses the same Python."""
    number, tried = f"{version[0]}.{version[1]}", OTHERS["Python"].versions
    said = f"{path} is Python {number}"
    if version < (3, 11):
        return bad(check, f"{said}, and jitd is written for 3.11", "install Python 3.11 or later as /usr/bin/python3")
    if number not in tried:
        return unknown(check, f"{said}, with which jitd was not tried", f"use Python {' or '.join(tried)}")
    return ok(check, said)


def others(check: str, found: dict[str, str] | str) -> Result:
    """Judge the versions of the other programs. ``found`` is what ``see_others`` returns."""
    if isinstance(found, str):
        mend = "; ".join(f"{name} {' or '.join(each.versions)}" for name, each in OTHERS.items())
        return unknown(check, f"which versions of other programs are installed is not known: {found}", f"tried are {mend}")
    if strange := list(not_tried(found)):
        mend = "; ".join(f"{name} {' or '.join(OTHERS[name].versions)}" for name in strange)
        said = "jitd was not tried with " + ", ".join(f"{name} {found[name] or 'of an unknown version'}" for name in strange)
        return unknown(check, said, f"tried are {mend}: try sudo, su and ssh on a test host first")
    return ok(check, "jitd was tried with " + ", ".join(f"{name} {version}" for name, version in found.items()))
