# SPDX-License-Identifier: Apache-2.0
"""The programs that jitd depends on, and those versions of them that it was tried with.

Law: a version that is not in the table is unknown: nothing treats it as one of those in the table. docs/platforms.md has a row
for each system on which the tests have found these versions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

STATUS = "/var/lib/dpkg/status"  # the file in which dpkg notes the version of each package (dpkg-query(1))
_VERSION = re.compile(r"(?:[0-9]+:)?([0-9]+(?:\.[0-9]+)*(?:p[0-9]+)?)")


class Program(NamedTuple):
    """A program or library: the Debian package that has it, and the beginnings of the upstream versions that jitd was tried with.
    ``n_numbers`` is how many numbers such a beginning has: an update within a release of Debian changes only the others.
    """

    package: str
    versions: tuple[str, ...]
    n_numbers: int = 2


PROGRAMS = {
    "Python": Program("python3", ("3.11", "3.13")),
    "MIT Kerberos": Program("libkrb5-3", ("1.20", "1.21")),
    "libpam": Program("libpam0g", ("1.5", "1.7")),
    "sudo": Program("sudo", ("1.9.13p3", "1.9.16p2"), 3),
    "sudo-rs": Program("sudo-rs", ("0.2.5",), 3),
    "OpenSSH": Program("openssh-server", ("9.2p1", "10.0p1")),
    "systemd": Program("systemd", ("252", "257"), 1),
    "util-linux": Program("util-linux", ("2.38", "2.41")),
}


def beginning(version: str, n_numbers: int = 2) -> str:
    """Return the upstream version, cut after ``n_numbers`` numbers, or "" if ``version`` has another form."""
    found = _VERSION.match(version)
    return ".".join(found[1].split(".")[:n_numbers]) if found else ""


def programs_in(status: bytes) -> dict[str, str]:
    """Return program → the beginning of its version, of the programs that are installed according to dpkg's file ``status``."""
    programs = {each.package.encode(): (name, each) for name, each in PROGRAMS.items()}
    found = {}
    for paragraph in status.split(b"\n\n"):
        package, _, rest = paragraph.lstrip(b"\n").removeprefix(b"Package: ").partition(b"\n")
        if package in programs and re.search(rb"^Status: \S+ \S+ installed$", rest, re.MULTILINE):
            name, program = programs[package]
            version = re.search(rb"^Version: (\S+)$", rest, re.MULTILINE)
            found[name] = beginning(version[1].decode("ascii", "replace"), program.n_numbers) if version else ""
    return found


def not_tried(found: Mapping[str, str]) -> Iterator[str]:
    """Yield each program of ``found`` whose version is not in the table."""
    return (name for name, version in found.items() if version not in PROGRAMS[name].versions)
