# SPDX-License-Identifier: Apache-2.0
"""Facts about this host: its full name, its Kerberos realm, and the files that name the realm.
Law: no program is run. The wait for a name server's answer is limited to PATIENCE seconds.
"""

from __future__ import annotations

import os
import re
import socket
import threading
from pathlib import Path

from jitpam.wire.declared import HOST

KRB5_CONF = Path("/etc/krb5.conf")
PATIENCE = 3.0  # maximum time to wait for the host's full name, in seconds


def is_host_name(text: str) -> bool:
    return re.fullmatch(HOST, text) is not None


def host_name() -> str:
    """Return the fully qualified name of this host (hostname(1), --fqdn), or else the short one."""
    name = socket.gethostname()
    if "." in name:
        return name
    found: list[str] = []

    def look() -> None:
        try:
            # as bytes: of a text, Python first makes an internationalized name, for which a label has at most 63 characters
            found.append(
                socket.getaddrinfo(os.fsencode(name), None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)[0][3] or ""
            )
        except (OSError, IndexError, UnicodeError):
            return

    looking = threading.Thread(target=look, name="host-name", daemon=True)  # NSS has no time limit of its own
    looking.start()
    looking.join(PATIENCE)
    full = found[0] if found else ""
    return full if is_host_name(full) and full.lower().startswith(f"{name.lower()}.") else name


def own_realm(realms: frozenset[str], file: Path = KRB5_CONF) -> str:
    """Return the realm of this host's key. ``realms`` are those of the settings, and ``file`` is a krb5.conf."""
    return min(realms) if len(realms) == 1 else default_realm(file) or min(realms, default="")


def default_realm(file: Path, depth: int = 0) -> str | None:
    """Return the ``default_realm`` of a krb5.conf and its included files (krb5.conf(5)). If several values are set, return the
    first value. If no value is set, return None.
    """
    if depth > 8:
        return None
    try:
        text = file.read_text("utf-8", "replace")
    except OSError:
        return None
    section = ""
    for line in text.split("\n"):
        line = line.strip()
        if match := re.fullmatch(r"\[([^\]]*)\]\*?", line):
            section = match[1].strip()
        elif match := re.fullmatch(r"(include|includedir)\s+(\S.*)", line):
            for inner in _included(match[1], Path(match[2])):
                if (realm := default_realm(inner, depth + 1)) is not None:
                    return realm
        elif section == "libdefaults" and (match := re.fullmatch(r'default_realm\s*=\s*"?([A-Za-z0-9.-]+)"?', line)):
            return match[1]
    return None


def kerberos_files(file: Path, depth: int = 0) -> list[Path]:
    """Return the krb5.conf ``file``, and all files and directories that ``file`` includes. Missing files are left out."""
    if depth > 8:
        return []
    try:
        text = file.read_text("utf-8", "replace")
    except OSError:
        return [file]
    found = [file]
    for match in re.finditer(r"^[ \t]*(include|includedir)[ \t]+(\S.*?)[ \t]*$", text, re.M):
        place = Path(match[2])
        found += [place] if match[1] == "includedir" else []
        for inner in _included(match[1], place):
            found += kerberos_files(inner, depth + 1)
    return [path for path in dict.fromkeys(found) if os.path.lexists(path)]


def _included(kind: str, place: Path) -> list[Path]:
    if kind == "include":
        return [place]
    try:
        names = sorted(os.listdir(place))
    except OSError:
        return []
    return [place / name for name in names if re.fullmatch(r"[A-Za-z0-9_-]+|[^.].*\.conf", name)]
