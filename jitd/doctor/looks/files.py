# SPDX-License-Identifier: Apache-2.0
"""Looking at files: who owns them, who may write them, when they came. Law: nothing is followed that is judged."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from jitd.doctor.checks.files import Seen
from jitd.pamlint.places import Places
from jitd.settings.toml_document import who_else_may_write

PACKAGES = Path(__file__).resolve().parents[3]
"""The directory that holds ``jitd`` and ``jitpam``."""
PROGRAMS = ("/usr/bin/jitsudo", "/usr/sbin/jitd")
OWN = ("jitd", "jitpam")
MOST_FOUND = 50
MECHANISMS = ("/etc/gss/mech", "/etc/gss/mech.d")
"""Which libraries libgssapi loads."""


def see(path: Path | str) -> Seen:
    """One file, and what it is a link to if it is one is not looked at."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return Seen(str(path), is_missing=True)
    except OSError as fault:
        return Seen(str(path), why_not=fault.strerror or "it fails")
    return Seen(str(path), status.st_uid, status.st_mode)


def see_above(path: Path) -> list[Seen]:
    """The directories above ``path`` by their real names, from the root downwards."""
    real = Path(os.path.realpath(path.parent))
    return [see(place) for place in reversed((real, *real.parents))]


def changeable(paths: Iterable[str]) -> list[tuple[str, str]]:
    """Those of them that others than root may change, or put there, each with who."""
    places = Places()
    return [(path, because) for path in paths if (because := places.who_may_put(path))]


def read(path: Path) -> tuple[bytes | None, str]:
    """The content of a small regular file; or None, and why."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            return file.read(1 << 20), ""
    except OSError as fault:
        return None, fault.strerror or "it fails"


def installed() -> tuple[list[Seen], int, list[str]]:
    """What others than root may change of the programs and what they load; how many files; which programs are missing."""
    seen = [see(path) for path in PROGRAMS] if is_installed() else [see(sys.argv[0])]
    missing = [one.path for one in seen if one.is_missing]
    seen += see_above(PACKAGES / "jitd")
    roots = [PACKAGES] if is_installed() else [PACKAGES / name for name in OWN]
    for root in roots:
        for directory, _, files in os.walk(root):
            seen.append(see(directory))
            seen += [see(os.path.join(directory, file)) for file in files]
    found = [one for one in seen if not one.is_missing and who_else_may_write(one.uid, 0 if _is_link(one) else one.mode, 0)]
    return found[:MOST_FOUND], len(seen), missing


def installed_at() -> float:
    """When the newest of our own modules came to where it is (its change time), in seconds since 1970."""
    newest = 0.0
    for name in OWN:
        for directory, _, files in os.walk(PACKAGES / name):
            newest = max(
                newest, *(os.lstat(os.path.join(directory, file)).st_ctime for file in files if file.endswith(".py")), 0.0
            )
    return newest


def is_installed() -> bool:
    """True if this runs from where it is installed, and not from a checkout."""
    return Path("/usr/lib/jitd") == PACKAGES


def _is_link(seen: Seen) -> bool:
    return seen.mode & 0o170000 == 0o120000
